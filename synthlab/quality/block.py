"""A block of devices cut out of a frame: the rows of each device together, in order of arrival.

The frame is sorted by time, the checks need it by device.  Gathering a block of
devices at a time keeps every array of a check in the processor's cache, and the
memory small however long the frame is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.calibration import shape_curve
from synthlab.columns import RAW_COLUMNS
from synthlab.quality.balance import unexplained_pct
from synthlab.quality.flags import Flag, Flags
from synthlab.quality.order import cadences_ms, check_seq_order, check_time_order
from synthlab.quality.rows import NOT_A_TIME, sorted_readings
from synthlab.quality.source import Source

if TYPE_CHECKING:
    from synthlab.calibration import Reservoir

BLOCK_ROWS = 131_072
"""Rows of a block, unless one device alone has more. Assumed: a float column of it is 1 MB."""

BLIND_EDGE_MM = 10.0
"""Assumed: a few times the noise of a reading. [mm]"""

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


class CannotRunError(LookupError):
    """Something that a check needs is not there."""


@dataclass
class Block:
    """Rows of some devices, by device and then arrival.

    Attributes
    ----------
    source : Source
    devices : ndarray of int64
        Their codes.
    sizes : ndarray of int64
        Their row counts, none of them 0.
    rows : ndarray of int64
        Positions in the frame.
    """

    source: Source
    devices: I64
    sizes: I64
    rows: I64
    _columns: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    @cached_property
    def starts(self) -> I64:
        """First place of each device within the block."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]])

    def __getitem__(self, name: str) -> Any:
        if name not in self._columns:
            if name not in self.source.columns:
                raise CannotRunError(f"the frame has no usable column {name}")
            self._columns[name] = self.source.columns[name][self.rows]
        return self._columns[name]

    def by_device(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Spread one value a device over its rows."""
        return np.repeat(values, self.sizes)

    @property
    def readings(self) -> list[npt.NDArray[np.int32]]:
        """The raw readings. [mm]."""
        return [self[name] for name in RAW_COLUMNS]

    @cached_property
    def sorted_readings(self) -> tuple[npt.NDArray[np.int8], list[npt.NDArray[np.int32]]]:
        """Valid counts and the ordered valid readings."""
        return sorted_readings(self.readings)

    @cached_property
    def time_order(self) -> Flags:
        """The check of the same name, which others build on."""
        return check_time_order(self["received_at"], self.starts)

    @cached_property
    def seq_order(self) -> Flags:
        """The check of the same name, which others build on."""
        return check_seq_order(self["seq"], self.starts)

    @cached_property
    def trusted_at_ms(self) -> I64:
        """Times of receipt; NaT's integer where time or number is out of order. [ms]."""
        is_trusted = self.time_order == Flag.GOOD
        if "seq" in self.source.columns:
            # What was measured before its neighbors says nothing about a change since them.
            is_trusted &= self.seq_order == Flag.GOOD
        return np.where(is_trusted, self["received_at"], NOT_A_TIME)

    @cached_property
    def is_mobile(self) -> npt.NDArray[np.bool_]:
        """By device: a truck, told by its positions."""
        return self.source.is_mobile[self.devices]

    @cached_property
    def cadence_ms(self) -> F64:
        """By row: the known step, else the device's median one. [ms]."""
        cadences = cadences_ms(self["received_at"], self.starts)
        for place, device in enumerate(self.devices):
            step = self.source.step_ms.get(self.source.device_ids[device])
            cadences[place] = cadences[place] if step is None else step
        return self.by_device(cadences)

    def reservoir_values(self, of: Callable[[Reservoir], float]) -> F64:
        """By row: a number of each device's reservoir; null where it is not known."""
        if self.source.reservoirs is None:
            raise CannotRunError("needs reservoirs")
        known = [self.source.reservoirs.get(self.source.device_ids[device]) for device in self.devices]
        return self.by_device(np.array([np.nan if one is None else float(of(one)) for one in known]))

    @cached_property
    def day_rows(self) -> I64:
        """By device: rows of a day. [rows]."""
        return self._rows_of(86_400_000.0)

    @cached_property
    def hour_rows(self) -> I64:
        """By device: rows of an hour, at least 1. [rows]."""
        return self._rows_of(3_600_000.0)

    def _rows_of(self, span_ms: float) -> I64:
        cadence = self.cadence_ms[self.starts]
        rows = np.rint(span_ms / np.where(cadence > 0, cadence, span_ms))
        return np.maximum(rows, 1).astype(np.int64)

    def unexplained_pct(self, blind_zone_mm: float) -> F64:
        """Measured content less the metered flows, of the capacity; see `quality.balance`. [%].

        Parameters
        ----------
        blind_zone_mm : float
            A surface that is nearer is not seen where it is. [mm]
        """
        if "unexplained" not in self._columns:
            gains = self["inflow_liters"] + self["loaded_liters"]
            losses = self["served_liters"] + self["delivered_liters"] + self["overflow_liters"]
            net = (gains - losses) / self.capacity_liters * 100
            content = self._measured_content_pct(blind_zone_mm)
            self._columns["unexplained"] = unexplained_pct(content, net, self["seq"], self.starts)
        return self._columns["unexplained"]

    def _measured_content_pct(self, blind_zone_mm: float) -> F64:
        """Content by the measured level and the reservoir's shape; null in the blind zone. [%]."""
        level = self["measured_level_pct"]
        if self.source.reservoirs is None:
            return level
        empty = self.reservoir_values(lambda one: one.sensor_empty_distance_mm)
        full = self.reservoir_values(lambda one: one.sensor_full_distance_mm)
        # What is seen there is the zone's edge, give or take the noise.
        is_blind = empty - level / 100 * (empty - full) <= blind_zone_mm + BLIND_EDGE_MM
        content = np.where(is_blind, np.nan, level)
        for begin, size, device in zip(self.starts, self.sizes, self.devices, strict=True):
            known = self.source.reservoirs.get(self.source.device_ids[device])
            curve = None if known is None else shape_curve(known)
            if curve is not None:
                rows = slice(int(begin), int(begin + size))
                content[rows] = curve.volume_fraction(content[rows] / 100) * 100
        return content

    @cached_property
    def capacity_liters(self) -> F64:
        """By row: the reservoir's, else what content and level of the truth give. [liters]."""
        if self.source.reservoirs is not None:
            return self.reservoir_values(lambda one: one.capacity_liters)
        volume, level = self["volume_liters"], self["level_pct"]
        ratio = np.divide(volume, level, out=np.zeros(len(volume)), where=level > 0) * 100
        largest = np.fmax.reduceat(ratio, self.starts)
        return self.by_device(np.where(largest > 0, largest, np.nan))


def blocks_of(source: Source, rows: I64 | None = None) -> Iterator[Block]:
    """Yield the devices that have rows, some at a time.

    Parameters
    ----------
    source : Source
    rows : ndarray of int64, optional
        Only these, which are sorted by device and then arrival.
    """
    if rows is None:
        rows, starts = source.order, source.starts
    else:
        counts = np.bincount(source.codes[rows], minlength=len(source.device_ids))
        starts = np.concatenate([[0], np.cumsum(counts)])
    first = 0
    while first < len(source.device_ids):
        limit = starts[first] + BLOCK_ROWS
        last = max(first + 1, int(np.searchsorted(starts, limit, side="right")) - 1)
        devices = np.arange(first, last)
        sizes = np.diff(starts[first : last + 1])
        if sizes.sum():
            yield Block(source, devices[sizes > 0], sizes[sizes > 0], rows[starts[first] : starts[last]])
        first = last
