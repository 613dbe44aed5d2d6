"""Screens of the checks that judge a row by others of its device; see `synthlab.quality.screen`.

One row in doubt puts its whole device in doubt: those checks look at all of its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from synthlab.quality.block import BLIND_EDGE_MM
from synthlab.quality.grid import Grid, Part
from synthlab.quality.screen_rows import MARGIN, NO_ECHO, U32, Doubts, outside
from synthlab.quality.supply import MIN_PAUSES
from synthlab.quality.thresholds import Thresholds

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_MS_PER_HOUR = 3_600_000
_LARGEST_BATTERY_PCT = 16_000  # Differences of two fit 16 bits.
_FEW_DEVICES = 64  # Assumed: with fewer, numpy's loop over rows costs more than its strides.
# Share of the limit up to which rounding of the sums does not matter. Assumed: sums of 1e9 liters.
_SURE_SHARE = 0.5


class Series:
    """Screens of changes, and what they carry from part to part.

    Parameters
    ----------
    grid : Grid
    limits : Thresholds
    """

    def __init__(self, grid: Grid, limits: Thresholds) -> None:
        self._grid, self._limits = grid, limits
        self._columns = grid.source.columns
        capacity = grid.of_reservoir(lambda one: one.capacity_liters)
        empty = grid.of_reservoir(lambda one: one.sensor_empty_distance_mm)
        full = grid.of_reservoir(lambda one: one.sensor_full_distance_mm)
        with np.errstate(all="ignore"):
            self._pct_per_liter = grid.tiled(100 / capacity)
            edge = 100 * (empty - limits.blind_zone_mm - BLIND_EDGE_MM) / (empty - full) - MARGIN
        edge = np.where(empty > full, edge, -np.inf)
        self._blind_pct = grid.tiled(edge)
        self._least_blind_pct = float(edge.min())
        steps_ms = np.diff(grid.clock_ms)
        self._has_gap = steps_ms.max() > limits.time_gap_suspect_factor * grid.cadence_ms
        self._rate_limit = _rate_limit(limits, capacity, int(steps_ms.min()))
        row_count = len(grid.source.codes)
        self._unexplained = np.empty(row_count)
        self._middle = np.empty(row_count)
        self._sums = np.empty(row_count)
        self._flowed, self._summed_middle = np.zeros(grid.width), np.zeros(grid.width)
        self._has_inflow = np.zeros(row_count, bool)
        self._moved_ms = np.full(grid.width, grid.clock_ms[0])
        self._still_ms = np.zeros(grid.width, np.int64)

    def doubts(self, part: Part, ordered: list[U32]) -> Doubts:
        """Yield the checks and the rows that put their device in doubt."""
        columns, later = self._columns, part.later
        yield "seq", outside(part.change(columns["seq"]), 1, 1, first_row=later)
        change = part.change(columns["measured_level_pct"])
        limit = self._rate_limit
        yield "rate_of_change", outside(change, -limit, limit, first_row=later)
        yield from self._balance(part)
        yield "battery_change", self._battery(part)
        yield "flat_line", self._still(part, ordered)
        inflow = self._has_inflow[part.begin : part.end]
        np.greater(part["inflow_liters"], 0, out=inflow)
        if self._has_gap:
            yield "time_gap", np.arange(part.begin, part.end)

    def _balance(self, part: Part) -> Doubts:
        limits, later = self._limits, part.later
        skip = later - part.begin
        net = part["inflow_liters"] - part["served_liters"]
        for name, sign in (("loaded_liters", 1), ("delivered_liters", -1), ("overflow_liters", -1)):
            if part[name].any():
                (np.add if sign > 0 else np.subtract)(net, part[name], out=net)
        residual = part.change(self._columns["volume_liters"])
        residual -= net[skip:]
        if part["lost_liters"].any():
            residual += part["lost_liters"][skip:]
        limit = limits.balance_suspect_liters * _SURE_SHARE
        yield "mass_balance", outside(residual, -limit, limit, first_row=later)
        net *= self._pct_per_liter[: len(part)]
        unexplained = self._unexplained[part.begin : part.end]
        np.subtract(part["measured_level_pct"], self._summed(net, self._flowed), out=unexplained)
        spike = min(limits.spike_suspect_pct, limits.mobile_spike_suspect_pct) - MARGIN
        yield "balance", outside(part.change(self._unexplained), -spike, spike, first_row=later)
        if not part["measured_level_pct"].max() < self._least_blind_pct:
            is_seen = part["measured_level_pct"] < self._blind_pct[: len(part)]
            yield "balance", np.flatnonzero(~is_seen) + part.begin

    def _summed(self, values: F64, carried: F64) -> F64:
        """Sum up by device, in place, from what the parts before have left."""
        rows = values.reshape(-1, self._grid.width)
        rows[0] += carried
        if self._grid.width < _FEW_DEVICES:
            np.cumsum(rows, axis=0, out=rows)
        else:
            for i in range(1, len(rows)):
                rows[i] += rows[i - 1]
        carried[:] = rows[-1]
        return values

    def _battery(self, part: Part) -> I64:
        limits, later, width = self._limits, part.later, self._grid.width
        charge = self._columns["battery_pct"]
        if outside(part["battery_pct"], -_LARGEST_BATTERY_PCT, _LARGEST_BATTERY_PCT, first_row=0).size:
            return np.arange(part.begin, part.end)
        drop, rise = limits.battery_drop_suspect_pct, limits.battery_rise_suspect_pct
        changed = outside(part.change(charge), -drop, rise, first_row=later)
        is_replaced = (charge[changed - width] <= limits.battery_empty_pct) & (
            charge[changed] >= limits.battery_full_pct
        )
        found = [changed[~is_replaced]]
        lag = self._grid.day_rows * width
        begin = max(part.begin, lag)
        if begin < part.end:
            day = charge[begin : part.end] - charge[begin - lag : part.end - lag]
            found.append(outside(day, -drop, np.inf, first_row=begin))
        end = min(part.end, lag)
        if part.begin < end:
            first = charge[part.begin : end].reshape(-1, width) - charge[:width]
            found.append(outside(first.reshape(-1), -drop, np.inf, first_row=part.begin))
        return np.concatenate(found)

    def _still(self, part: Part, ordered: list[U32]) -> I64:
        """Note since when no burst has moved; a burst without any reading is a doubt."""
        width, clock = self._grid.width, self._grid.clock_ms
        # Readings without echo are -1 here, so the difference is small where one of the two is.
        moves = (ordered[3].view(np.int32) - ordered[0].view(np.int32)).reshape(-1, width).max(axis=0)
        begin, last = part.begin // width, part.end // width - 1
        moves = moves > max(0, self._limits.flat_line_tolerance_mm)
        still = np.where(moves, clock[last] - self._moved_ms, 0)
        np.maximum(self._still_ms, still, out=self._still_ms)
        self._moved_ms[moves] = clock[begin]
        return outside(ordered[0], 0, NO_ECHO - 1, first_row=part.begin)

    def last_places(self, in_doubt: npt.NDArray[np.bool_]) -> Iterator[tuple[str, I64]]:
        """Yield what only the whole series shows: checks, and the places of devices in doubt.

        Parameters
        ----------
        in_doubt : ndarray of bool
            By place: the balance is in doubt already.
        """
        still = np.maximum(self._still_ms, self._grid.clock_ms[-1] - self._moved_ms)
        yield "flat_line", np.flatnonzero(still >= self._limits.flat_line_suspect_hours * _MS_PER_HOUR)
        yield "supply_pause", self._pauses()
        known = np.isfinite(self._flowed) & ~self._grid.has_curve & ~self._grid.is_mobile
        yield "balance", np.flatnonzero(~known)
        # A null would stay in the sums.
        self._unexplained.reshape(-1, self._grid.width)[:, in_doubt | ~known] = 0
        for part in self._grid.parts():
            yield "balance", self._drift(part) % self._grid.width

    def _drift(self, part: Part) -> I64:
        """Return the rows where the unexplained content steps or creeps."""
        grid, limits, width = self._grid, self._limits, self._grid.width
        begin, end, row_count = part.begin, part.end, len(self._middle)
        values, middle = self._unexplained, self._middle
        inner = slice(part.later, min(end, row_count - width))
        before = values[inner.start - width : inner.stop - width]
        own, after = values[inner], values[inner.start + width : inner.stop + width]
        np.maximum(np.minimum(before, own), np.minimum(np.maximum(before, own), after), out=middle[inner])
        for edge in (slice(begin, part.later), slice(inner.stop, end)):
            middle[edge] = values[edge]
        from_row = max(begin, 3 * width)
        step = middle[from_row:end] - middle[from_row - 3 * width : max(end - 3 * width, 0)]
        limit = min(limits.step_suspect_pct, limits.mobile_step_suspect_pct) - MARGIN
        found = [outside(step, -limit, limit, first_row=from_row)]
        sums = self._sums
        sums[begin:end] = middle[begin:end]
        self._summed(sums[begin:end], self._summed_middle)
        hour, day = grid.hour_rows * width, grid.day_rows * width
        limit = (limits.creep_suspect_pct - MARGIN) * grid.hour_rows
        from_row, to_row = max(begin, 2 * hour), min(end, day + hour)
        if from_row < to_row:
            change = sums[from_row:to_row] - sums[from_row - hour : to_row - hour]
            rows = change.reshape(-1, width)
            rows -= sums[hour - width : hour]
            found.append(outside(change, -limit, limit, first_row=from_row))
        from_row = max(begin, day + hour)
        if from_row < end:
            change = sums[from_row:end] - sums[from_row - hour : end - hour]
            change -= sums[from_row - day : end - day]
            change += sums[from_row - day - hour : end - day - hour]
            found.append(outside(change, -limit, limit, first_row=from_row))
        return np.concatenate(found)

    def _pauses(self) -> I64:
        """Return the places that wait longer than all may, or whose pauses are too few to tell."""
        clock, width, wet = self._grid.clock_ms, self._grid.width, self._has_inflow
        begins = np.flatnonzero(np.concatenate([wet[:width], wet[width:] > wet[:-width]]))
        ends = np.flatnonzero(np.concatenate([wet[:-width] > wet[width:], wet[-width:]]))
        # By device; each time with inflow has one begin and one end.
        begins = begins[np.argsort(begins % width, kind="stable")]
        ends = ends[np.argsort(ends % width, kind="stable")]
        place, begin_ms, end_ms = begins % width, clock[begins // width], clock[ends // width]
        is_next = place[1:] == place[:-1]
        pause_ms = np.where(is_next, begin_ms[1:] - end_ms[:-1], 0)
        count = np.bincount(place[1:][pause_ms > _MS_PER_HOUR], minlength=width)
        longest_ms = np.full(width, np.diff(clock).max())
        np.maximum.at(longest_ms, place[1:], pause_ms)
        is_first = np.append(True, ~is_next)[: len(place)]
        is_last = np.append(~is_next, True)[: len(place)]
        np.maximum.at(longest_ms, place[is_first], begin_ms[is_first] - clock[0])
        np.maximum.at(longest_ms, place[is_last], clock[-1] - end_ms[is_last])
        limit_ms = self._limits.supply_pause_least_hours * _MS_PER_HOUR
        # Below the limit by more than hours as fractions lose.
        return np.flatnonzero((count < MIN_PAUSES) | (longest_ms >= limit_ms))


def _rate_limit(limits: Thresholds, capacity_liters: F64, least_step_ms: int) -> float:
    """Return the change that no device may be doubted for, in %."""
    if not (capacity_liters > 0).all():
        return -1.0
    least = np.inf
    for liters_per_minute, noise in (
        (limits.stationary_fill_liters_per_minute, limits.rate_noise_pct),
        (limits.mobile_fill_liters_per_minute, limits.mobile_rate_noise_pct),
    ):
        fastest = liters_per_minute / 60 * 100 / float(capacity_liters.max()) * least_step_ms / 1_000
        least = min(least, limits.rate_suspect_factor * fastest + noise)
    return least - MARGIN
