"""The fast path: which rows of a regular frame may get anything but the usual flag.

A screen proves of a check that it says GOOD, mostly from the least and the largest value
of some thousand rows, and leaves the rest to the check itself.  So a screen is never
wrong, it can only doubt too much; and a check without one always runs in full: who adds
a check can leave these modules alone.  Screens exist for a `synthlab.quality.grid` only.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from synthlab.quality.flags import Flag, Flags, all_of, good
from synthlab.quality.grid import Grid
from synthlab.quality.screen_rows import Rows, in_order
from synthlab.quality.screen_series import Series
from synthlab.quality.thresholds import Thresholds

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

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

BY_DEVICE: Mapping[str, tuple[str, ...]] = {
    "time_gap": ("time_gap",),
    "seq_gap": (),
    "seq_duplicate": (),
    "seq_order": (),
    "rate_of_change": ("rate_of_change",),
    "spike": ("balance",),
    "level_step": ("balance",),
    "level_creep": ("balance",),
    "supply_pause": ("supply_pause",),
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
    rows, series = Rows(grid, limits), Series(grid, limits)
    by_row: dict[str, list[I64]] = {name: [] for name in BY_ROW}
    places: dict[str, Bools] = {"seq": np.zeros(grid.width, bool), "position": grid.is_mobile}
    for doubts in BY_DEVICE.values():
        for doubt in doubts:
            places.setdefault(doubt, np.zeros(grid.width, bool))
    for part in grid.parts():
        ordered = in_order(part)
        for name, found in rows.doubts(part, ordered):
            by_row[name].append(found)
        for name, found in series.doubts(part, ordered):
            places[name][found % grid.width] = True
    for name, found in series.last_places(places["balance"]):
        places[name][found] = True
    left = {name: _by_device(grid, np.concatenate(found)) for name, found in by_row.items()}
    for name, doubts in BY_DEVICE.items():
        is_left = np.logical_or.reduce([places["seq"], *(places[doubt] for doubt in doubts)])
        left[name] = grid.source.rows_of(np.sort(grid.devices[is_left]))
    return _usual(grid), left


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
