"""The fast path: which rows of a regular frame may get anything but the usual flag.

A screen proves of a check that it says GOOD, mostly from the least and the largest value
of some thousand rows, and leaves the rest to the check itself.  So a screen is never
wrong, it can only doubt too much; and a check without one always runs in full: who adds
a check can leave these modules alone.  Screens exist for a `synthlab.quality.grid` only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from threading import local

import numpy as np
import numpy.typing as npt

from synthlab.quality.bounds import NONE
from synthlab.quality.flags import Flag
from synthlab.quality.grid import Grid, Part, Scratch
from synthlab.quality.screen_balance import Balance
from synthlab.quality.screen_readings import Readings
from synthlab.quality.screen_rows import Rows
from synthlab.quality.screen_series import Series
from synthlab.quality.thresholds import Thresholds
from synthlab.quality.verdicts import Usual, Verdicts

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

THREADS = 2
"""Assumed: memory feeds no more."""

BY_ROW = (
    "clock_skew",
    "sentinel",
    "valid_fraction",
    "burst_spread",
    "level_range",
    "derived_level",
    "temperature_range",
    "signal_range",
    "battery_range",
    "location",
    "level_bounds",
    "level_volume",
    "flow_bounds",
)
"""Screened checks that judge a row by nothing but itself."""

_UNEXPLAINED = ("balance", "mass_balance", "level_volume", "position")

BY_DEVICE: Mapping[str, tuple[str, ...]] = {
    "time_gap": ("time_gap",),
    "seq_gap": (),
    "seq_duplicate": (),
    "seq_order": (),
    "rate_of_change": ("rate_of_change", "mass_balance", "level_volume"),
    "spike": _UNEXPLAINED,
    "level_step": _UNEXPLAINED,
    "level_creep": _UNEXPLAINED,
    "supply_pause": (),
    "supply_rate": (),
    "battery_change": ("battery_change",),
    "flat_line": ("flat_line",),
    "implied_speed": ("position",),
    "mass_balance": ("mass_balance",),
}
"""Screened checks that judge a row by others of its device, and the doubts that concern them.

A doubt about the sequence concerns them all."""


@dataclass(frozen=True, slots=True)
class Screened:
    """What the screens say.

    Attributes
    ----------
    verdicts : dict of str to Verdicts
        By screened check; to be read only.
    left : dict of str to ndarray of int64
        By screened check: rows that the check has to judge itself, by device and then
        arrival; of a check of `BY_DEVICE` all rows of a device.
    """

    verdicts: dict[str, Verdicts]
    left: dict[str, I64]


def screen(grid: Grid, limits: Thresholds) -> Screened:
    """Flag what can be flagged without running the checks.

    Parameters
    ----------
    grid : Grid
    limits : Thresholds
    """
    rows, readings = Rows(grid, limits), Readings(grid, limits)
    series, balance = Series(grid, limits), Balance(grid, limits)

    of_thread = local()

    def doubts_of(span: tuple[int, int]) -> list[tuple[str, I64]]:
        scratch = of_thread.__dict__.setdefault("scratch", Scratch())
        part = Part(grid, *span, scratch)
        # What overflows or is null is in doubt.
        with np.errstate(all="ignore"):
            return [found for one in (rows, readings, series, balance) for found in one.doubts(part)]

    found: dict[str, list[I64]] = defaultdict(list)
    # The parts share nothing that is written to; numpy works without the lock.
    with ThreadPoolExecutor(THREADS, thread_name_prefix="screen") as pool:
        for of_part in pool.map(doubts_of, grid.parts()):
            for name, doubted in of_part:
                if len(doubted):
                    found[name].append(doubted)
    with np.errstate(all="ignore"):
        for name, doubted in readings.odd_doubts():
            found[name].append(doubted)
    places = {name: np.zeros(grid.width, bool) for name in ("seq", *chain(*BY_DEVICE.values()))}
    for name in places:
        # A position is what makes a truck.
        doubted = _joined(found["location" if name == "position" else name])
        places[name][doubted % grid.width] = True
    for name, in_doubt in chain(readings.last_doubts(), balance.last_doubts()):
        places[name][in_doubt] = True
    left = {name: _by_device(grid, np.unique(_joined(found[name]))) for name in BY_ROW}
    for name, doubts in BY_DEVICE.items():
        is_left = np.logical_or.reduce([places["seq"], *(places[doubt] for doubt in doubts)])
        left[name] = grid.source.rows_of(np.sort(grid.devices[is_left]))
    verdicts = _usual(grid)
    spans, is_wanted = series.wet_spans(_joined(found["inflow_edges"])), ~places["seq"]
    for name, judged in (("supply_pause", series.waits), ("supply_rate", series.rates)):
        verdicts[name] = _with_spans(verdicts[name], judged(spans, is_wanted), grid.width)
    return Screened(verdicts, left)


def _joined(rows: list[I64]) -> I64:
    return np.concatenate([NONE, *rows])


def _by_device(grid: Grid, rows: I64) -> I64:
    return rows[np.argsort(grid.source.codes[rows], kind="stable")]


def _usual(grid: Grid) -> dict[str, Verdicts]:
    """Return the verdicts on devices about which there is no doubt; equal ones share their flags."""
    row_count, width = len(grid.source.codes), grid.width
    first = Usual(row_count, first_count=width)
    unusual = {
        **dict.fromkeys(("time_gap", "rate_of_change", "battery_change", "mass_balance"), first),
        "spike": Usual(row_count, first_count=width, last_count=width),
        "level_step": Usual(row_count, first_count=3 * width, last_count=2 * width),
        "level_creep": Usual(row_count, first_count=2 * grid.hour_rows * width),
        **dict.fromkeys(("location", "implied_speed"), Usual(row_count, Flag.MISSING)),
    }
    verdicts = {usual: usual.verdicts() for usual in {Usual(row_count), *unusual.values()}}
    names = ("timestamp", "time_order", *BY_ROW, *BY_DEVICE)
    return {name: verdicts[unusual.get(name, Usual(row_count))] for name in names}


def _with_spans(usual: Verdicts, judged: Iterable[tuple[int, slice, Flag]], width: int) -> Verdicts:
    """Return the verdicts with those of some places and times put in."""
    by_time, rows = None, [NONE]
    for place, times, flag in judged:
        if by_time is None:
            usual = usual.opened(NONE)
            by_time = usual.flags.reshape(-1, width)
        by_time[times, place] = flag
        rows.append(np.arange(*times.indices(len(by_time))) * width + place)
    return usual if by_time is None else Verdicts(usual.flags, usual.usual, _joined(rows))
