"""Screens of the checks that judge each row by itself; see `synthlab.quality.screen`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from synthlab.columns import RAW_COLUMNS, READING_COUNT
from synthlab.quality.grid import Grid, Part
from synthlab.quality.thresholds import Thresholds

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
Doubts = Iterator[tuple[str, I64]]

MARGIN = 1e-6
"""What another order of summation may change at most. Assumed: 1e-9 is seen. [%]"""

NO_ECHO = 2**31
"""A reading taken as unsigned from here on was negative: no echo."""

_NONE = np.empty(0, np.int64)

# Pairs to compare, in turn, until five values are in order. Source: Knuth, TAOCP 3, section 5.3.4.
_NETWORK = ((0, 3), (1, 4), (0, 2), (1, 3), (0, 1), (2, 4), (1, 2), (3, 4), (2, 3))


def outside(values: npt.NDArray[Any], low: float, high: float, *, first_row: int) -> I64:
    """Return the rows whose value is not in ``[low, high]``; a null is not."""
    if not len(values) or (low <= values.min() and values.max() <= high):
        return _NONE
    return np.flatnonzero(~((values >= low) & (values <= high))) + first_row


class Rows:
    """Screens of single rows.

    Parameters
    ----------
    grid : Grid
    limits : Thresholds
    """

    def __init__(self, grid: Grid, limits: Thresholds) -> None:
        self._limits = limits
        empty = grid.of_reservoir(lambda one: one.sensor_empty_distance_mm)
        full = grid.of_reservoir(lambda one: one.sensor_full_distance_mm)
        with np.errstate(all="ignore"):
            self._level_at_0_pct = grid.tiled(100 * empty / (empty - full))
            self._pct_per_mm = grid.tiled(-100 / (empty - full))
            self._pct_per_liter = grid.tiled(100 / grid.of_reservoir(lambda one: one.capacity_liters))

    def doubts(self, part: Part, ordered: list[U32]) -> Doubts:
        """Yield the checks and the rows that they should look at."""
        yield from self._clock(part)
        yield from self._sentinel(part, ordered)
        yield from self._bursts(part, ordered)
        yield from self._spans(part)
        yield "derived_level", self._derived_level(part)
        with np.errstate(invalid="ignore"):
            level = part["volume_liters"] * self._pct_per_liter[: len(part)]
            level -= part["level_pct"]
        limit = self._limits.derived_level_suspect_pct - MARGIN
        yield "level_volume", outside(level, -limit, limit, first_row=part.begin)
        yield "flow_bounds", self._flow_bounds(part)
        yield "location", self._location(part)

    def _clock(self, part: Part) -> Doubts:
        limit = self._limits.clock_skew_suspect_seconds * 1_000
        skew = part["local_timestamp_ms"] - part["received_at"]
        yield "clock_skew", outside(skew, -limit, limit, first_row=part.begin)

    def _sentinel(self, part: Part, ordered: list[U32]) -> Doubts:
        limits, begin = self._limits, part.begin
        lowest, highest = int(ordered[0].min()), max(int(part[name].max()) for name in RAW_COLUMNS)
        temperature = part["temperature_c"]
        coldest, warmest = float(temperature.min()), float(temperature.max())
        is_clean = (
            all(0 <= one < lowest or one > highest for one in limits.sentinel_readings_mm)
            and all(one < coldest or one > warmest for one in limits.sentinel_temperatures_c)
            and part["local_timestamp_ms"].min()
            >= limits.sentinel_clock_ms + max(0, limits.sentinel_clock_window_ms)
        )
        yield "sentinel", _NONE if is_clean else np.arange(begin, part.end)

    def _bursts(self, part: Part, ordered: list[U32]) -> Doubts:
        limits, begin = self._limits, part.begin
        # The quartiles of five are the second and fourth; those of four lie within all four.
        # With more missing, the check itself looks.
        narrow = min(limits.burst_spread_suspect_mm, limits.mobile_burst_spread_suspect_mm)
        wide = ordered[3] - ordered[1]
        spread = outside(wide, 0, narrow, first_row=begin)
        short = np.flatnonzero(ordered[-1] >= NO_ECHO)
        fourth = ordered[3][short]
        short = short[(fourth >= NO_ECHO) | (fourth - ordered[0][short] > narrow)] + begin
        yield "burst_spread", np.union1d(spread, short) if len(short) else spread
        enough = min(READING_COUNT, max(1, int(np.ceil(limits.valid_fraction_suspect * READING_COUNT))))
        if limits.valid_fraction_suspect * READING_COUNT > READING_COUNT:
            yield "valid_fraction", np.arange(begin, part.end)
        else:
            yield "valid_fraction", outside(ordered[enough - 1], 0, NO_ECHO - 1, first_row=begin)

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
            yield check, outside(part[column], *span, first_row=part.begin)

    def _derived_level(self, part: Part) -> I64:
        first, *others = (part[name] for name in RAW_COLUMNS)
        total = first.copy()
        # A negative reading shifted by its sign is -1, any other one 0.
        silent = first >> 31
        for reading in others:
            total += reading
            silent += reading >> 31
        with np.errstate(invalid="ignore", divide="ignore"):
            level = np.subtract(total, silent, dtype=np.float64)
            level /= silent + np.int32(READING_COUNT)
            level *= self._pct_per_mm[: len(part)]
            level += self._level_at_0_pct[: len(part)]
        np.minimum(level, 100.0, out=level)
        np.maximum(level, 0.0, out=level)
        level -= part["measured_level_pct"]
        limit = self._limits.derived_level_suspect_pct - MARGIN
        return outside(level, -limit, limit, first_row=part.begin)

    def _flow_bounds(self, part: Part) -> I64:
        flows = (
            "inflow_liters",
            "overflow_liters",
            "loaded_liters",
            "delivered_liters",
            "lost_liters",
            "volume_liters",
            "expected_demand_liters",
            "served_liters",
        )
        # The least of numbers among which is a null is a null.
        is_clean = all(part[name].min() >= 0 for name in flows) and bool(
            (part["requested_liters"] >= part["served_liters"]).all()
        )
        if is_clean:
            return _NONE
        is_good = part["requested_liters"] >= part["served_liters"]
        for name in flows:
            is_good &= part[name] >= 0
        return np.flatnonzero(~is_good) + part.begin

    def _location(self, part: Part) -> I64:
        has_none = np.isnan(part["latitude"])
        has_none &= np.isnan(part["longitude"])
        return _NONE if has_none.all() else np.flatnonzero(~has_none) + part.begin


def in_order(part: Part) -> list[U32]:
    """Return the readings of each burst in order, taken as unsigned: those without echo come last."""
    ordered = [part[name].view(np.uint32) for name in RAW_COLUMNS]
    for i, j in _NETWORK:
        low, high = ordered[i], ordered[j]
        ordered[i], ordered[j] = np.minimum(low, high), np.maximum(low, high)
    return ordered
