"""Screens of the checks that judge raw readings; see `synthlab.quality.screen`.

In nearly all bursts the readings lie close together, so the lowest and the highest tell
all.  The others, the odd ones, are put in order and looked at in full.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from synthlab.columns import RAW_COLUMNS, READING_COUNT
from synthlab.quality.bounds import NONE, far_from_zero
from synthlab.quality.grid import Grid, Part
from synthlab.quality.screen_rows import LARGEST_ROUNDED_PCT, MARGIN, ROUNDED_PCT, Doubts
from synthlab.quality.thresholds import Thresholds

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

_MS_PER_HOUR = 3_600_000

_NO_ECHO = 2**31
"""A reading taken as unsigned from here on was negative: no echo."""

# Sums of five fit 32 bits. Assumed: far beyond any sensor, and any number that stands for none. [mm]
_LARGEST_READING_MM = 2**24

# Pairs to compare, in turn, until five values are in order. Source: Knuth, TAOCP 3, section 5.3.4.
_NETWORK = ((0, 3), (1, 4), (0, 2), (1, 3), (0, 1), (2, 4), (1, 2), (3, 4), (2, 3))


class Readings:
    """Screens of bursts.

    Parameters
    ----------
    grid : Grid
    limits : Thresholds
    """

    def __init__(self, grid: Grid, limits: Thresholds) -> None:
        self._grid, self._limits = grid, limits
        empty, full = grid.empty_mm, grid.full_mm
        with np.errstate(all="ignore"):
            self._level_at_0_mm_pct = 100 * empty / (empty - full)
            self._pct_per_mm_sum = -100 / (empty - full) / READING_COUNT
            self._rounded = tuple(
                grid.tiled(one).astype(np.float32) for one in (self._pct_per_mm_sum, self._level_at_0_mm_pct)
            )
        known = np.abs(self._level_at_0_mm_pct[np.isfinite(self._level_at_0_mm_pct)])
        # Each term is as large as the level at 0 mm, and those of a tank seldom twice what a level can be.
        self._rounded_pct = ROUNDED_PCT * max(1.0, float(known.max(initial=0)) / LARGEST_ROUNDED_PCT)
        self._narrow_mm = int(
            min(limits.burst_spread_suspect_mm, limits.mobile_burst_spread_suspect_mm, _LARGEST_READING_MM)
        )
        self._has_moved = np.zeros((grid.cell_count, grid.width), bool)
        self._odd: list[tuple[I64, list[U32]]] = []

    def doubts(self, part: Part) -> Doubts:
        """Yield the checks and the rows that they should look at, but for odd bursts."""
        bursts = [part[name].view(np.uint32) for name in RAW_COLUMNS]
        lowest, highest = (part.scratch.take(name, "u4", part.size) for name in ("lowest", "highest"))
        np.minimum(bursts[0], bursts[1], out=lowest)
        np.maximum(bursts[0], bursts[1], out=highest)
        for reading in bursts[2:]:
            np.minimum(lowest, reading, out=lowest)
            np.maximum(highest, reading, out=highest)
        spread = np.subtract(highest, lowest, out=highest)
        is_odd = np.greater(spread, self._narrow_mm, out=part.scratch.take("is_odd", "?", part.size))
        most = int(np.maximum.reduce(lowest))
        if most > _LARGEST_READING_MM:
            is_odd |= lowest > _LARGEST_READING_MM
        odd = np.flatnonzero(is_odd)
        self._odd.append((odd + part.begin, [reading[odd] for reading in bursts]))
        yield "derived_level", self._derived_level(part, odd)
        yield "sentinel", self._sentinel(lowest, spread, most) + part.begin
        # An odd burst, in which a reading may be none, is not taken as one that moves.
        spread[odd] = 0
        self._has_moved[part.cells] = part.by_cell(np.maximum, spread) > max(
            0, self._limits.flat_line_tolerance_mm
        )

    def odd_doubts(self) -> Doubts:
        """Yield the checks and the rows with odd bursts that they should look at, when all parts were."""
        rows = np.concatenate([NONE, *(rows for rows, _ in self._odd)])
        none = np.empty(0, np.uint32)
        bursts = [
            np.concatenate([none, *(bursts[place] for _, bursts in self._odd)])
            for place in range(READING_COUNT)
        ]
        for sentinel in self._limits.sentinel_readings_mm:
            for reading in bursts:
                yield "sentinel", rows[reading == sentinel % 2**32]
        has_echo = [reading < _NO_ECHO for reading in bursts]
        sums = np.sum([np.where(a, b, 0) for a, b in zip(has_echo, bursts, strict=True)], axis=0)
        place = rows % self._grid.width
        level = sums / np.sum(has_echo, axis=0) * READING_COUNT * self._pct_per_mm_sum[place]
        yield "derived_level", rows[self._misses(level + self._level_at_0_mm_pct[place], rows)]
        for name, found in self._odd_ones(bursts):
            yield name, rows[found]
        absurd = rows[np.any([(one > _LARGEST_READING_MM) & (one < _NO_ECHO) for one in bursts], axis=0)]
        for name in ("derived_level", "burst_spread", "valid_fraction", "flat_line"):
            yield name, absurd

    def last_doubts(self) -> Iterator[tuple[str, I64]]:
        """Yield what only the whole series shows: checks, and the places of devices in doubt."""
        quiet = np.flatnonzero(~self._has_moved.all(axis=0))
        moves, clock = self._has_moved[:, quiet], self._grid.clock_ms
        begins = clock[:: self._grid.cell_times]
        ends = np.append(begins[1:], clock[-1])
        since, longest = np.full(len(quiet), clock[0]), np.zeros(len(quiet), np.int64)
        for begin, end, has_moved in zip(begins, ends, moves, strict=True):
            np.maximum(longest, end - since, out=longest)
            since[has_moved] = begin
        yield "flat_line", quiet[longest >= self._limits.flat_line_suspect_hours * _MS_PER_HOUR]

    def _derived_level(self, part: Part, odd: I64) -> I64:
        width = self._grid.width
        first, second, *others = (part[name] for name in RAW_COLUMNS)
        total = np.add(first, second, out=part.scratch.take("total", "i4", part.size))
        for reading in others:
            total += reading
        pct_per_mm_sum, level_at_0_mm_pct = (one[: part.size] for one in self._rounded)
        level = part.scratch.take("level", "f4", part.size)
        level[:] = total
        level *= pct_per_mm_sum
        level += level_at_0_mm_pct
        np.clip(level, np.float32(0), np.float32(100), out=level)
        level -= part.rounded("measured_level_pct")[width:-width]
        level[odd] = 0
        limit = self._limits.derived_level_suspect_pct - MARGIN - self._rounded_pct
        unsure = far_from_zero(level, limit, first_row=0)
        if not len(unsure):
            return NONE
        place = unsure % width
        exact = total[unsure] * self._pct_per_mm_sum[place] + self._level_at_0_mm_pct[place]
        return unsure[self._misses(exact, unsure + part.begin)] + part.begin

    def _misses(self, level_pct: F64, rows: I64) -> I64:
        """Return where a level by the readings is not the measured one of the row."""
        missed = np.clip(level_pct, 0.0, 100.0) - self._grid.source.columns["measured_level_pct"][rows]
        return far_from_zero(missed, self._limits.derived_level_suspect_pct - MARGIN, first_row=0)

    def _sentinel(self, lowest: U32, spread: U32, most: int) -> I64:
        found = [NONE]
        least, most = int(np.minimum.reduce(lowest)), most + self._narrow_mm
        for sentinel in self._limits.sentinel_readings_mm:
            unsigned = sentinel % 2**32
            # The readings of a burst that is not odd lie no farther above the lowest one.
            if least <= unsigned <= most:
                found.append(np.flatnonzero((lowest <= unsigned) & (unsigned - lowest <= spread)))
        return np.concatenate(found)

    def _odd_ones(self, bursts: list[U32]) -> Doubts:
        """Yield the checks and the places among the odd bursts."""
        limits = self._limits
        ordered = in_order(bursts)
        # The quartiles of five are the second and fourth; those of four lie within all four.
        # With more missing, the check itself looks.
        narrow = min(limits.burst_spread_suspect_mm, limits.mobile_burst_spread_suspect_mm)
        is_wide = ordered[3] - ordered[1] > narrow
        is_short = ordered[-1] >= _NO_ECHO
        is_short &= (ordered[3] >= _NO_ECHO) | (ordered[3] - ordered[0] > narrow)
        yield "burst_spread", np.flatnonzero(is_wide | is_short)
        enough = int(np.ceil(limits.valid_fraction_suspect * READING_COUNT))
        enough = min(READING_COUNT, max(1, enough))
        yield "valid_fraction", np.flatnonzero(ordered[enough - 1] >= _NO_ECHO)
        # A burst without any reading is neither still nor moves.
        yield "flat_line", np.flatnonzero(ordered[0] >= _NO_ECHO)


def in_order(bursts: list[U32]) -> list[U32]:
    """Return the readings of each burst in order, taken as unsigned: those without echo come last."""
    ordered = list(bursts)
    for i, j in _NETWORK:
        low, high = ordered[i], ordered[j]
        ordered[i], ordered[j] = np.minimum(low, high), np.maximum(low, high)
    return ordered
