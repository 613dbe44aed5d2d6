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
from itertools import chain

import numpy as np
import numpy.typing as npt

from synthlab.quality.bounds import NONE
from synthlab.quality.flags import Flag, Flags, all_of, good
from synthlab.quality.grid import Grid, Part
from synthlab.quality.screen_balance import Balance
from synthlab.quality.screen_readings import Readings
from synthlab.quality.screen_rows import Rows
from synthlab.quality.screen_series import Series
from synthlab.quality.thresholds import Thresholds

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
    "battery_change": ("battery_change",),
    "flat_line": ("flat_line",),
    "implied_speed": ("position",),
    "mass_balance": ("mass_balance",),
}
"""Screened checks that judge a row by others of its device, and the doubts that concern them.

A doubt about the sequence concerns them all."""


def screen(grid: Grid, limits: Thresholds) -> tuple[dict[str, Flags], dict[str, I64]]:
    """Flag what can be flagged without running the checks.

    Parameters
    ----------
    grid : Grid
    limits : Thresholds

    Returns
    -------
    flags : dict of str to ndarray of int8
        By screened check; to be read only.
    left : dict of str to ndarray of int64
        By screened check: rows that the check has to judge itself, by device and then
        arrival; of a check of `BY_DEVICE` all rows of a device.
    """
    rows, readings = Rows(grid, limits), Readings(grid, limits)
    series, balance = Series(grid, limits), Balance(grid, limits)

    def doubts_of(part: Part) -> list[tuple[str, I64]]:
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
    flags = _usual(grid)
    flags["supply_pause"] = _with_waits(
        flags["supply_pause"], series.waits(_joined(found["inflow_edges"]), ~places["seq"]), grid.width
    )
    return flags, left


def _joined(rows: list[I64]) -> I64:
    return np.concatenate([NONE, *rows])


def _by_device(grid: Grid, rows: I64) -> I64:
    return rows[np.argsort(grid.source.codes[rows], kind="stable")]


def _usual(grid: Grid) -> dict[str, Flags]:
    """Return the flags of a device about which there is no doubt; equal ones are one array."""
    row_count, width = len(grid.source.codes), grid.width
    first = _with_edges(row_count, width)
    unusual = {
        **dict.fromkeys(("time_gap", "rate_of_change", "battery_change", "mass_balance"), first),
        "spike": _with_edges(row_count, width, width),
        "level_step": _with_edges(row_count, 3 * width, 2 * width),
        "level_creep": _with_edges(row_count, 2 * grid.hour_rows * width),
        **dict.fromkeys(("location", "implied_speed"), all_of(Flag.MISSING, row_count)),
    }
    usual = all_of(Flag.GOOD, row_count)
    return {name: unusual.get(name, usual) for name in ("timestamp", "time_order", *BY_ROW, *BY_DEVICE)}


def _with_edges(row_count: int, first: int, last: int = 0) -> Flags:
    """Return flags GOOD, but UNKNOWN in some first and last rows; to be read only."""
    flags = good(row_count)
    flags[:first] = Flag.UNKNOWN
    flags[row_count - last :] = Flag.UNKNOWN
    flags.flags.writeable = False
    return flags


def _with_waits(usual: Flags, judged: Iterable[tuple[int, Flags]], width: int) -> Flags:
    """Return the flags with those of some places put in."""
    flags = usual
    for place, of_device in judged:
        times = np.flatnonzero(of_device != Flag.GOOD)
        if len(times):
            flags = usual.copy() if flags is usual else flags
            flags[times * width + place] = of_device[times]
    return flags
