"""A frame in which all devices come in one order at every time, and its parts.

Such a frame needs no sorting: the row before a row is `width` rows before it, so a
check of changes runs over the columns as they lie.  A part fits the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from synthlab.calibration import Reservoir, shape_curve
from synthlab.columns import COLUMNS
from synthlab.quality.bounds import largest
from synthlab.quality.rows import check_timestamp
from synthlab.quality.source import Source

PART_ROWS = 100_000
"""Rows of a part, about. Assumed: few enough for a cache, and a call takes less time than its work."""

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_MS_PER_DAY, _MS_PER_HOUR = 86_400_000, 3_600_000
# What no check reads.
_UNREAD = ("device_id", "speed_kmh", "course_degrees", "activity", "fault")


@dataclass(frozen=True)
class Grid:
    """A regular frame.

    Attributes
    ----------
    source : Source
    width : int
        Devices, and so rows, of one time.
    clock_ms : ndarray of int64
        The times, rising. [ms]
    cadence_ms : float
        The usual step of every device. [ms]
    """

    source: Source
    width: int
    clock_ms: I64
    cadence_ms: float

    @property
    def devices(self) -> I64:
        """Device code of each place in a time's rows."""
        return self.source.codes[: self.width].astype(np.int64)

    @property
    def day_rows(self) -> int:
        """Times of a day."""
        return max(1, int(np.rint(_MS_PER_DAY / self.cadence_ms)))

    @property
    def hour_rows(self) -> int:
        """Times of an hour, at least 1."""
        return max(1, int(np.rint(_MS_PER_HOUR / self.cadence_ms)))

    @property
    def is_sorted(self) -> bool:
        """The rows of a time are sorted by device id."""
        return bool((np.diff(self.source.ranks[self.devices]) > 0).all())

    @cached_property
    def reservoirs(self) -> list[Reservoir | None]:
        """Reservoir of each place in a time's rows."""
        known = self.source.reservoirs or {}
        return [known.get(self.source.device_ids[device]) for device in self.devices]

    @cached_property
    def empty_mm(self) -> F64:
        """By place: distance at empty; null where no reservoir is known. [mm]"""
        return self._of_reservoir(lambda one: one.sensor_empty_distance_mm)

    @cached_property
    def full_mm(self) -> F64:
        """By place: distance at full; null where no reservoir is known. [mm]"""
        return self._of_reservoir(lambda one: one.sensor_full_distance_mm)

    @cached_property
    def pct_per_liter(self) -> F64:
        """By place: level that a liter makes; null where no reservoir is known. [%/liter]"""
        with np.errstate(all="ignore"):
            return 100 / self._of_reservoir(lambda one: one.capacity_liters)

    def _of_reservoir(self, of: Callable[[Reservoir], float]) -> F64:
        return np.array([np.nan if one is None else float(of(one)) for one in self.reservoirs])

    @cached_property
    def has_curve(self) -> npt.NDArray[np.bool_]:
        """By place: the volume is no straight line over the level."""
        return np.array([one is not None and shape_curve(one) is not None for one in self.reservoirs])

    @property
    def is_mobile(self) -> npt.NDArray[np.bool_]:
        """By place: a truck."""
        return self.source.is_mobile[self.devices]

    @cached_property
    def cell_times(self) -> int:
        """Times of a cell: of an hour, or of as much of it as fits a part."""
        return min(self.hour_rows, max(1, PART_ROWS // self.width))

    @property
    def cell_count(self) -> int:
        """Cells; the last one may be shorter."""
        return -(-len(self.clock_ms) // self.cell_times)

    @cached_property
    def part_rows(self) -> int:
        """Rows of a full part: whole cells."""
        cell_rows = self.cell_times * self.width
        return max(1, PART_ROWS // cell_rows) * cell_rows

    @cached_property
    def twins(self) -> dict[str, str]:
        """By column: the first one that is the same array, as those are that hold the same everywhere."""
        firsts: dict[int, str] = {}
        columns = self.source.columns
        return {
            name: firsts.setdefault(columns[name].__array_interface__["data"][0], name) for name in columns
        }

    def tiled(self, by_place: F64) -> F64:
        """Spread a number by place over the rows of a part."""
        return np.tile(by_place, self.part_rows // self.width)

    def parts(self) -> Iterator[tuple[int, int]]:
        """Yield the first row and the end of each part."""
        row_count = len(self.source.codes)
        for begin in range(0, row_count, self.part_rows):
            yield begin, min(begin + self.part_rows, row_count)


class Scratch:
    """Arrays for what is needed for a moment: memory that is in the cache already.

    A thread has its own, and whoever takes an array by a name has it until the next one does.
    """

    def __init__(self) -> None:
        self._arrays: dict[tuple[str, str], npt.NDArray[Any]] = {}

    def take(self, name: str, dtype: str, size: int) -> npt.NDArray[Any]:
        """Return an array of any content."""
        held = self._arrays.get((name, dtype))
        if held is None or len(held) < size:
            held = self._arrays[name, dtype] = np.empty(size, dtype)
        return held[:size]


class Part:
    """Rows `begin` to `end` of a grid.

    Parameters
    ----------
    grid : Grid
    begin, end : int
    scratch : Scratch

    Attributes
    ----------
    size : int
        Its rows.
    later : int
        First row of the part that has a row before it.
    """

    def __init__(self, grid: Grid, begin: int, end: int, scratch: Scratch) -> None:
        self.grid, self.begin, self.end, self.scratch = grid, begin, end, scratch
        self.size, self.later = end - begin, max(begin, grid.width)
        self._columns = {name: values[begin:end] for name, values in grid.source.columns.items()}
        self._largest: dict[str, float] = {}
        self._rounded: dict[str, F32] = {}

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self._columns[name]

    @property
    def clock_ms(self) -> I64:
        """Its times. [ms]."""
        return self.grid.clock_ms[self.begin // self.grid.width : self.end // self.grid.width]

    @property
    def cells(self) -> slice:
        """Its cells."""
        cell_rows = self.grid.cell_times * self.grid.width
        return slice(self.begin // cell_rows, -(-self.end // cell_rows))

    def change(self, name: str) -> npt.NDArray[Any]:
        """Change of a column to the row before, from the row `later` on; in the array named so."""
        width, values = self.grid.width, self.grid.source.columns[name]
        out = self.scratch.take("change", values.dtype.str, self.end - self.later)
        return np.subtract(
            values[self.later : self.end], values[self.later - width : self.end - width], out=out
        )

    def largest(self, name: str) -> float:
        """Largest value of a column; null where one is negative or null."""
        twin = self.grid.twins[name]
        if twin not in self._largest:
            self._largest[twin] = largest(self._columns[name])
        return self._largest[twin]

    def rounded(self, name: str) -> F32:
        """Return a column to seven digits, with the times before and after; at the ends the own once more."""
        if name not in self._rounded:
            width, values = self.grid.width, self.grid.source.columns[name]
            rounded = self._rounded[name] = self.scratch.take(name, "f4", self.size + 2 * width)
            begin, end = max(self.begin - width, 0), min(self.end + width, len(values))
            rounded[begin - self.begin + width : end - self.begin + width] = values[begin:end]
            if self.begin == 0:
                rounded[:width] = rounded[width : 2 * width]
            if self.end == len(values):
                rounded[-width:] = rounded[-2 * width : -width]
        return self._rounded[name]

    def by_cell(self, reduced: np.ufunc, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Reduce the values of the part by cell and place."""
        times, width = self.grid.cell_times, self.grid.width
        whole = len(values) // (times * width) * times * width
        cells: npt.NDArray[Any] = reduced.reduce(values[:whole].reshape(-1, times, width), axis=1)
        if whole == len(values):
            return cells
        return np.concatenate([cells, reduced.reduce(values[whole:].reshape(1, -1, width), axis=1)])


def grid_of(source: Source) -> Grid | None:
    """Return a source as a grid, or None where it is none.

    It is none where a column or the reservoirs are missing, where devices do not all
    come once at each of the rising times, and where they differ in cadence.
    """
    columns = source.columns
    needed = [column for column in COLUMNS if column.name not in _UNREAD]
    if source.reservoirs is None or any(column.name not in columns for column in needed):
        return None
    if any(columns[one.name].dtype != one.dtype for one in needed if one.kind in ("int", "float")):
        return None
    width = source.width
    if not width or int(source.codes[:width].max()) == len(source.device_ids) - 1:
        return None
    times = columns["received_at"]
    clock = times[::width].copy()
    if len(clock) < 3 or not _repeats(times, width):
        return None
    steps = np.diff(clock)
    if steps.min() <= 0 or check_timestamp(clock).max() > 1:
        return None
    usual = float(np.median(steps))
    names = (source.device_ids[code] for code in source.codes[:width])
    cadences = {source.step_ms.get(name, usual) for name in names}
    if len(cadences) != 1:
        return None
    grid = Grid(source, width, clock, cadences.pop())
    # A shorter frame has more begins than middle.
    return grid if grid.cadence_ms > 0 and len(clock) > 2 * grid.hour_rows + 6 else None


def _repeats(times: I64, width: int) -> bool:
    """Say whether the rows of each time have one time, and no two times are the same."""
    changes = 0
    # By parts: memory that is touched for the first time costs more than the comparison.
    for begin in range(1, len(times), PART_ROWS):
        end = min(begin + PART_ROWS, len(times))
        changes += int(np.count_nonzero(times[begin:end] != times[begin - 1 : end - 1]))
    edges = times[width - 1 : -1 : width] != times[width::width]
    return bool(edges.all()) and changes == len(edges)
