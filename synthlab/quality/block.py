"""A block of devices cut out of a frame: the rows of each device together, in order of arrival.

The frame is sorted by time, the checks need it by device.  Gathering a block of
devices at a time keeps every array of a check in the processor's cache, and the
memory small however long the frame is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.calibration import Reservoir

BLOCK_ROWS = 131_072
"""Rows of a block, unless one device alone has more. Assumed: a float column of it is 1 MB."""

_BLIND_EDGE_MM = 10.0
"""Assumed: a few times the noise of a reading. [mm]"""

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


class CannotRunError(LookupError):
    """Something that a check needs is not there."""


@dataclass(frozen=True, slots=True)
class Source:
    """A frame as arrays, and what else is known about its devices.

    Attributes
    ----------
    columns : mapping of str to ndarray
        Times as Unix milliseconds; columns of a wrong kind are left out.
    device_ids : tuple of str
        By device code; the last one is empty and stands for a missing id.
    codes : ndarray
        Device code of each row.
    order : ndarray of int64
        Row positions, by device and then arrival.
    starts : ndarray of int64
        First place of each device in `order`, and the end.
    reservoirs : mapping of str to Reservoir, or None
    step_ms : mapping of str to float
        Known cadences. [ms]
    """

    columns: Mapping[str, npt.NDArray[Any]]
    device_ids: tuple[str, ...]
    codes: npt.NDArray[np.integer[Any]]
    order: I64
    starts: I64
    reservoirs: Mapping[str, Reservoir] | None
    step_ms: Mapping[str, float]

    def blocks(self) -> Iterator[Block]:
        """Yield the devices that have rows, some at a time."""
        device_count = len(self.device_ids)
        first = 0
        while first < device_count:
            limit = self.starts[first] + BLOCK_ROWS
            last = max(first + 1, int(np.searchsorted(self.starts, limit, side="right")) - 1)
            devices = np.arange(first, last)
            sizes = np.diff(self.starts[first : last + 1])
            if sizes.sum():
                yield Block(
                    self,
                    devices[sizes > 0],
                    sizes[sizes > 0],
                    self.order[self.starts[first] : self.starts[last]],
                )
            first = last


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
        if "latitude" not in self.source.columns:
            return np.zeros(len(self.sizes), bool)
        return np.logical_or.reduceat(~np.isnan(self["latitude"]), self.starts)

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
        is_blind = empty - level / 100 * (empty - full) <= blind_zone_mm + _BLIND_EDGE_MM
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


def source_of(
    frame: pd.DataFrame,
    *,
    reservoirs: Mapping[str, Reservoir] | None,
    step_seconds: Mapping[str, int],
) -> Source:
    """Turn a frame to arrays.

    Parameters
    ----------
    frame : DataFrame
        With a column ``device_id``.
    reservoirs : mapping of str to Reservoir, or None
    step_seconds : mapping of str to int
        Known cadences. [seconds]
    """
    import pandas as pd

    ids = frame["device_id"]
    if not isinstance(ids.dtype, pd.CategoricalDtype):
        ids = ids.astype("category")
    names = [str(name) for name in ids.cat.categories]
    codes = ids.cat.codes.to_numpy()
    # Small unsigned codes are sorted by radix, ten times as fast as by comparing.
    kind = np.uint16 if len(names) < 65_535 else np.uint32
    codes = np.where(codes < 0, len(names), codes).astype(kind)
    order = np.argsort(codes, kind="stable")
    counts = np.bincount(codes, minlength=len(names) + 1)
    return Source(
        columns=_columns_of(frame),
        device_ids=(*names, ""),
        codes=codes,
        order=order,
        starts=np.concatenate([[0], np.cumsum(counts)]),
        reservoirs=reservoirs,
        step_ms={name: seconds * 1_000.0 for name, seconds in step_seconds.items()},
    )


def _columns_of(frame: pd.DataFrame) -> dict[str, npt.NDArray[Any]]:
    from synthlab.columns import COLUMNS

    found: dict[str, npt.NDArray[Any]] = {}
    for column in COLUMNS:
        if column.name not in frame.columns:
            continue
        series = frame[column.name]
        kind = series.dtype.kind
        if column.kind == "time" and kind == "M":
            found[column.name] = _milliseconds(series)
        elif column.kind == "int" and kind in "iu":
            found[column.name] = series.to_numpy()
        elif column.kind == "float" and kind in "iuf":
            found[column.name] = series.to_numpy(dtype=np.float64, na_value=np.nan)
    return found


def _milliseconds(series: pd.Series) -> I64:
    aware = series if series.dt.tz is not None else series.dt.tz_localize("UTC")
    return aware.dt.tz_convert("UTC").to_numpy(dtype="datetime64[ms]").view(np.int64)
