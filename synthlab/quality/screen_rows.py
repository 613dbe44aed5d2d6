"""Screens of the checks that judge each row by itself; see `synthlab.quality.screen`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from synthlab.quality.bounds import NONE, are_null, outside, within
from synthlab.quality.grid import Grid, Part
from synthlab.quality.thresholds import Thresholds

I64 = npt.NDArray[np.int64]
Doubts = Iterator[tuple[str, I64]]

MARGIN = 1e-6
"""What another order of summation may change at most. Assumed: 1e-9 is seen. [%]"""

_FLOWS = (
    "inflow_liters",
    "overflow_liters",
    "loaded_liters",
    "delivered_liters",
    "lost_liters",
    "volume_liters",
    "expected_demand_liters",
    "served_liters",
)


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

    def doubts(self, part: Part) -> Doubts:
        """Yield the checks and the rows that they should look at."""
        yield from self._clock(part)
        yield "sentinel", self._cold_sentinel(part)
        yield from self._spans(part)
        level = part["volume_liters"] * self._pct_per_liter[: len(part)]
        level -= part["level_pct"]
        limit = self._limits.derived_level_suspect_pct - MARGIN
        yield "level_volume", outside(level, -limit, limit, first_row=part.begin)
        yield "flow_bounds", self._flow_bounds(part)
        yield "location", self._location(part)

    def _clock(self, part: Part) -> Doubts:
        limits = self._limits
        skew = part["local_timestamp_ms"].reshape(-1, part.grid.width) - part.clock_ms[:, None]
        limit_ms = limits.clock_skew_suspect_seconds * 1_000
        found = outside(skew.reshape(-1), -limit_ms, limit_ms, first_row=part.begin)
        yield "clock_skew", found
        reset_ms = limits.sentinel_clock_ms + max(0, limits.sentinel_clock_window_ms)
        # A clock that agrees with the time of receipt is as late as that.
        if len(found) or part.clock_ms[0] - limit_ms < reset_ms:
            yield "sentinel", outside(part["local_timestamp_ms"], reset_ms, np.inf, first_row=part.begin)

    def _cold_sentinel(self, part: Part) -> I64:
        values = part["temperature_c"]
        coldest, warmest = values.min(), values.max()
        found = [NONE]
        for sentinel in self._limits.sentinel_temperatures_c:
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
            yield check, NONE if within(values, *span) else outside(values, *span, first_row=part.begin)

    def _flow_bounds(self, part: Part) -> I64:
        is_enough = part["requested_liters"] >= part["served_liters"]
        if is_enough.all() and not any(np.isnan(part.largest(name)) for name in _FLOWS):
            return NONE
        for name in _FLOWS:
            is_enough &= part[name] >= 0
        return np.flatnonzero(~is_enough) + part.begin

    def _location(self, part: Part) -> I64:
        names = ("latitude", "longitude")
        if all(are_null(part[name]) for name in names):
            return NONE
        return np.flatnonzero(~(np.isnan(part[names[0]]) & np.isnan(part[names[1]]))) + part.begin
