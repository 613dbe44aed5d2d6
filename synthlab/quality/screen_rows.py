"""Screens of the checks that judge each row by itself; see `synthlab.quality.screen`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from synthlab.quality.bounds import NONE, are_null, far_from_zero, outside
from synthlab.quality.grid import Grid, Part
from synthlab.quality.thresholds import Thresholds

I64 = npt.NDArray[np.int64]
Doubts = Iterator[tuple[str, I64]]

MARGIN = 1e-6
"""What another order of summation may change at most. Assumed: 1e-9 is seen. [%]"""

LARGEST_ROUNDED_PCT = 200.0
"""Levels up to here may be judged by seven digits. Assumed: twice what a level can be. [%]"""

ROUNDED_PCT = 1e-4
"""What a sum of a few of them loses at most: four roundings of 200 %, to 24 bits each. [%]"""

_FLOWS = (
    "inflow_liters",
    "overflow_liters",
    "loaded_liters",
    "delivered_liters",
    "lost_liters",
    "served_liters",
)
_AMOUNTS = ("volume_liters", "expected_demand_liters")


class Rows:
    """Screens of single rows.

    Parameters
    ----------
    grid : Grid
    limits : Thresholds
    """

    def __init__(self, grid: Grid, limits: Thresholds) -> None:
        self._limits = limits
        self._pct_per_liter = grid.tiled(grid.pct_per_liter)
        self._rounded_pct_per_liter = self._pct_per_liter.astype(np.float32)

    def doubts(self, part: Part) -> Doubts:
        """Yield the checks and the rows that they should look at."""
        yield from self._clock(part)
        yield "sentinel", self._cold_sentinel(part)
        yield from self._spans(part)
        yield "level_volume", self._level_volume(part)
        yield "flow_bounds", self._flow_bounds(part)
        yield "location", self._location(part)

    def _level_volume(self, part: Part) -> I64:
        limit = self._limits.derived_level_suspect_pct - MARGIN
        level, volume = part["level_pct"], part["volume_liters"]
        rows: slice | I64 = slice(None)
        if part.largest("level_pct") <= LARGEST_ROUNDED_PCT:
            width = part.grid.width
            rounded = part.scratch.take("rounded", "f4", part.size)
            rounded[:] = volume
            rounded *= self._rounded_pct_per_liter[: part.size]
            rounded -= part.rounded("level_pct")[width:-width]
            rows = far_from_zero(rounded, limit - ROUNDED_PCT, first_row=0)
            if not len(rows):
                return NONE
        exact = volume[rows] * self._pct_per_liter[: part.size][rows] - level[rows]
        return (np.arange(part.begin, part.end)[rows])[far_from_zero(exact, limit, first_row=0)]

    def _clock(self, part: Part) -> Doubts:
        limits = self._limits
        clock, received_ms = part["local_timestamp_ms"], part.clock_ms
        by_time = clock.reshape(-1, part.grid.width)
        limit_ms = limits.clock_skew_suspect_seconds * 1_000
        behind = received_ms - np.minimum.reduce(by_time, axis=1)
        ahead = np.maximum.reduce(by_time, axis=1) - received_ms
        found = NONE
        if not (behind.max() <= limit_ms and ahead.max() <= limit_ms):
            skew = by_time - received_ms[:, None]
            found = outside(skew.reshape(-1), -limit_ms, limit_ms, first_row=part.begin)
        yield "clock_skew", found
        reset_ms = limits.sentinel_clock_ms + max(0, limits.sentinel_clock_window_ms)
        # A clock that agrees with the time of receipt is as late as that.
        if len(found) or received_ms[0] - limit_ms < reset_ms:
            yield "sentinel", outside(clock, reset_ms, np.inf, first_row=part.begin)

    def _cold_sentinel(self, part: Part) -> I64:
        values, sentinels = part["temperature_c"], self._limits.sentinel_temperatures_c
        warmest = part.largest("temperature_c")
        if all(sentinel < 0 or sentinel > warmest for sentinel in sentinels) and warmest >= 0:
            return NONE
        coldest, warmest = values.min(), values.max()
        found = [NONE]
        for sentinel in sentinels:
            if not (sentinel < coldest or sentinel > warmest):
                found.append(np.flatnonzero(values == sentinel) + part.begin)
        return np.concatenate(found)

    def _spans(self, part: Part) -> Doubts:
        limits = self._limits
        low, high = limits.modeled_level_span
        slack = limits.modeled_level_tolerance_pct
        for check, column, span in (
            ("level_range", "measured_level_pct", limits.level_suspect_span),
            ("temperature_range", "temperature_c", limits.temperature_suspect_span),
            ("signal_range", "signal_dbm", limits.signal_suspect_span),
            ("battery_range", "battery_pct", limits.battery_span),
            ("level_bounds", "level_pct", (low - slack, high + slack)),
        ):
            values = part[column]
            is_float = values.dtype == np.float64
            if is_float and span[0] <= 0 and part.largest(column) <= span[1]:
                continue
            yield check, outside(values, *span, first_row=part.begin)

    def _flow_bounds(self, part: Part) -> I64:
        is_enough = part.scratch.take("is_enough", "?", part.size)
        np.greater_equal(part["requested_liters"], part["served_liters"], out=is_enough)
        is_fine = is_enough.all() and not any(math.isnan(part.largest(name)) for name in _FLOWS)
        if is_fine and all(np.minimum.reduce(part[name]) >= 0 for name in _AMOUNTS):
            return NONE
        for name in (*_FLOWS, *_AMOUNTS):
            is_enough &= part[name] >= 0
        return np.flatnonzero(~is_enough) + part.begin

    def _location(self, part: Part) -> I64:
        names = ("latitude", "longitude")
        twins = {part.grid.twins[name] for name in names}
        if all(are_null(part[name]) for name in twins):
            return NONE
        return np.flatnonzero(~(np.isnan(part[names[0]]) & np.isnan(part[names[1]]))) + part.begin
