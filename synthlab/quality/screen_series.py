"""Screens of sequence, time, charge and waits for water; see `synthlab.quality.screen`.

One row in doubt puts its whole device in doubt: those checks look at all of its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from synthlab.quality.bounds import NONE, outside, within
from synthlab.quality.flags import Flag
from synthlab.quality.grid import Grid, Part
from synthlab.quality.inlet import sessions_of, spans_of
from synthlab.quality.screen_rows import Doubts
from synthlab.quality.supply import MIN_PAUSES, Waits, hours_of, judged_waits
from synthlab.quality.thresholds import Thresholds

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_MS_PER_HOUR = 3_600_000
_LARGEST_BATTERY_PCT = 16_000  # Differences of two fit 16 bits.


class Series:
    """Screens of changes.

    Parameters
    ----------
    grid : Grid
    limits : Thresholds
    """

    def __init__(self, grid: Grid, limits: Thresholds) -> None:
        self._grid, self._limits = grid, limits
        longest_step_ms = np.diff(grid.clock_ms).max()
        self._has_gap = longest_step_ms > limits.time_gap_suspect_factor * grid.cadence_ms

    def doubts(self, part: Part) -> Doubts:
        """Yield the checks and the rows that put their device in doubt."""
        yield "seq", self._sequence(part)
        yield "battery_change", self._battery(part)
        yield "inflow_edges", self._inflow_edges(part)
        if self._has_gap:
            yield "time_gap", np.arange(part.begin, part.end)

    def _sequence(self, part: Part) -> I64:
        width, seq = self._grid.width, self._grid.source.columns["seq"]
        begin = part.later - width
        # What rises with each time, and not by more than the times are, rises by one.
        rises = part.scratch.take("rises", "?", part.end - part.later)
        np.greater(seq[part.later : part.end], seq[begin : part.end - width], out=rises)
        if not rises.all():
            return outside(part.change("seq"), 1, 1, first_row=part.later)
        rise = seq[part.end - width : part.end] - seq[begin : part.later]
        unsure = np.flatnonzero(rise != (part.end - part.later) // width)
        return unsure + part.later if len(unsure) else NONE

    def _battery(self, part: Part) -> I64:
        limits, later, width = self._limits, part.later, self._grid.width
        charge = self._grid.source.columns["battery_pct"]
        if not within(part["battery_pct"], -_LARGEST_BATTERY_PCT, _LARGEST_BATTERY_PCT):
            return np.arange(part.begin, part.end)
        drop, rise = limits.battery_drop_suspect_pct, limits.battery_rise_suspect_pct
        changed = outside(part.change("battery_pct"), -drop, rise, first_row=later)
        is_replaced = (charge[changed - width] <= limits.battery_empty_pct) & (
            charge[changed] >= limits.battery_full_pct
        )
        found = [changed[~is_replaced]]
        lag = self._grid.day_rows * width
        begin = max(part.begin, lag)
        if begin < part.end:
            day = part.scratch.take("change", "i2", part.end - begin)
            np.subtract(charge[begin : part.end], charge[begin - lag : part.end - lag], out=day)
            found.append(outside(day, -drop, np.inf, first_row=begin))
        end = min(part.end, lag)
        if part.begin < end:
            first = charge[part.begin : end].reshape(-1, width) - charge[:width]
            found.append(outside(first.reshape(-1), -drop, np.inf, first_row=part.begin))
        return np.concatenate(found)

    def _inflow_edges(self, part: Part) -> I64:
        """Return the rows with inflow after a row without, and the other way round."""
        width, first = self._grid.width, part.later - self._grid.width
        is_wet = part.scratch.take("is_wet", "?", part.end - first)
        np.greater(self._grid.source.columns["inflow_liters"][first : part.end], 0.0, out=is_wet)
        is_edge = part.scratch.take("is_edge", "?", part.end - part.later)
        np.not_equal(is_wet[width:], is_wet[:-width], out=is_edge)
        return np.flatnonzero(is_edge) + part.later

    def waits(self, spans: tuple[I64, I64], is_wanted: Bools) -> Iterator[tuple[int, slice, Flag]]:
        """Judge the waits for water of each device that waits longer than all may, or seldom.

        Parameters
        ----------
        spans : tuple of ndarray of int64
            From `wet_spans`.
        is_wanted : ndarray of bool
            By place: the flags are asked for.

        Yields
        ------
        place : int
        times : slice
        flag : Flag
            What the check ``supply_pause`` says then; GOOD at all other times.
        """
        clock, width, limits = self._grid.clock_ms, self._grid.width, self._limits
        begins, ends = spans
        firsts = np.searchsorted(begins % width, np.arange(width + 1)).tolist()
        hours, is_coarse = hours_of(clock), np.diff(clock).max() > _MS_PER_HOUR
        first_at, last_at = begins // width, ends // width
        for place in np.flatnonzero(is_wanted & self._waits_long(begins, ends)).tolist():
            own = slice(firsts[place], firsts[place + 1])
            judged = [(slice(None), Flag.UNKNOWN)]
            if own.start < own.stop:
                waits = _waits(first_at[own], last_at[own], is_coarse=bool(is_coarse))
                judged = judged_waits(
                    hours,
                    waits,
                    chance_per_month=limits.supply_pause_per_month,
                    least_hours=limits.supply_pause_least_hours,
                )
            for times, flag in judged:
                yield place, times, flag

    def rates(self, spans: tuple[I64, I64], is_wanted: Bools) -> Iterator[tuple[int, slice, Flag]]:
        """Judge how fast water comes in, as `waits` does how long it does not."""
        clock, width = self._grid.clock_ms, self._grid.width
        begins, ends = spans
        first_at, own_place = np.divmod(begins, width)
        counts = ends // width - first_at + 1
        # All times with inflow, those of a device together.
        times = np.arange(int(counts.sum())) + np.repeat(first_at - (np.cumsum(counts) - counts), counts)
        places = np.repeat(own_place, counts)
        inflow = self._grid.source.columns["inflow_liters"].reshape(-1, width)[times, places]
        sessions = sessions_of(inflow, hours_of(clock)[times], places)
        last = times[sessions.last]
        bounds = (np.full(width, bound) for bound in (0, len(clock)))
        found = spans_of(sessions, last, *bounds, sigmas=self._limits.supply_rate_sigmas)
        for place, flag, begin, end in found:
            if is_wanted[place]:
                yield place, slice(begin, end), flag

    def wet_spans(self, edges: I64) -> tuple[I64, I64]:
        """Return the first and last row of each time with inflow, by device.

        Parameters
        ----------
        edges : ndarray of int64
            Rows, rising: see `doubts`.
        """
        width, inflow = self._grid.width, self._grid.source.columns["inflow_liters"]
        is_wet = inflow[edges] > 0
        begins = np.concatenate([np.flatnonzero(inflow[:width] > 0), edges[is_wet]])
        last = np.flatnonzero(inflow[-width:] > 0) + len(inflow) - width
        ends = np.concatenate([edges[~is_wet] - width, last])
        begins = begins[np.argsort(begins % width, kind="stable")]
        ends = ends[np.argsort(ends % width, kind="stable")]
        return begins, ends

    def _waits_long(self, begins: I64, ends: I64) -> Bools:
        """Return the places that wait longer than all may, or whose pauses are too few to tell."""
        clock, width = self._grid.clock_ms, self._grid.width
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
        return (count < MIN_PAUSES) | (longest_ms >= limit_ms)


def _waits(begins: I64, ends: I64, *, is_coarse: bool) -> Waits:
    """Return the waits between times with inflow."""
    wet_count = int((ends - begins).sum()) + len(begins)
    if is_coarse:
        # Between two rows with inflow there may be a pause too.
        wet = np.concatenate([np.arange(a, b + 1) for a, b in zip(begins, ends, strict=True)])
        return Waits(wet_count, int(wet[0]), int(wet[-1]), wet[:-1], wet[1:])
    return Waits(wet_count, int(begins[0]), int(ends[-1]), ends[:-1], begins[1:])
