"""A frame as arrays: what the checks read, and where each device's rows are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.calibration import Reservoir

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
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
    reservoirs : mapping of str to Reservoir, or None
    step_ms : mapping of str to float
        Known cadences. [ms]
    """

    columns: Mapping[str, npt.NDArray[Any]]
    device_ids: tuple[str, ...]
    codes: npt.NDArray[np.unsignedinteger[Any]]
    reservoirs: Mapping[str, Reservoir] | None
    step_ms: Mapping[str, float]

    @cached_property
    def starts(self) -> I64:
        """First place of each device in `order`, and the end."""
        # In a regular frame the first time's rows tell all.
        some = self.codes[: self.width or len(self.codes)]
        counts = np.bincount(some, minlength=len(self.device_ids))
        counts *= len(self.codes) // max(1, len(some))
        return np.concatenate([[0], np.cumsum(counts)])

    @cached_property
    def ranks(self) -> I64:
        """By device code: place among the sorted ids."""
        ranks = np.empty(len(self.device_ids), np.int64)
        ranks[np.argsort(np.array(self.device_ids, dtype=object), kind="stable")] = np.arange(len(ranks))
        return ranks

    @property
    def device_count(self) -> int:
        """Devices that have rows; a missing id counts for none."""
        return int((np.diff(self.starts[:-1]) > 0).sum())

    @cached_property
    def order(self) -> I64:
        """Row positions, by device and then arrival."""
        if self.width:
            # One device a column: no sorting.
            columns = np.argsort(self.codes[: self.width], kind="stable")
            rows = np.arange(0, len(self.codes), self.width)
            return (columns[:, None] + rows).reshape(-1)
        return np.argsort(self.codes, kind="stable")

    @cached_property
    def width(self) -> int:
        """Rows after which the devices come again, where all come in one order each time; else 0."""
        codes = self.codes
        if len(codes) < 2 or codes[0] == codes[-1]:
            return 1 if len(codes) and bool((codes == codes[0]).all()) else 0
        width = int(np.argmax(codes[1:] == codes[0])) + 1
        first = codes[:width]
        if len(codes) % width or len(np.unique(first)) != width:
            return 0
        return width if bool((codes.reshape(-1, width) == first).all()) else 0

    @cached_property
    def is_mobile(self) -> npt.NDArray[np.bool_]:
        """By device code: a truck, told by its positions."""
        found = np.zeros(len(self.device_ids), bool)
        if "latitude" in self.columns:
            found[self.codes[~np.isnan(self.columns["latitude"])]] = True
        return found

    def rows_of(self, devices: I64) -> I64:
        """Return the rows of some devices, by device and then arrival."""
        if self.width:
            columns = np.argsort(self.codes[: self.width], kind="stable")
            columns = columns[np.isin(self.codes[: self.width][columns], devices)]
            return (columns[:, None] + np.arange(0, len(self.codes), self.width)).reshape(-1)
        parts = [self.order[self.starts[one] : self.starts[one + 1]] for one in devices]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)


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
    if len(codes) and codes.min() < 0:
        codes = np.where(codes < 0, len(names), codes)
    return Source(
        columns=_columns_of(frame),
        device_ids=(*names, ""),
        # Unsigned, so that twice as many devices are sorted by radix, ten times as fast as by comparing.
        codes=codes.view(f"u{codes.dtype.itemsize}"),
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
            plain = series.dtype == np.float64
            found[column.name] = (
                series.to_numpy() if plain else series.to_numpy(dtype=np.float64, na_value=np.nan)
            )
    return found


def _milliseconds(series: pd.Series) -> I64:
    aware = series if series.dt.tz is not None else series.dt.tz_localize("UTC")
    return aware.dt.tz_convert("UTC").to_numpy(dtype="datetime64[ms]").view(np.int64)
