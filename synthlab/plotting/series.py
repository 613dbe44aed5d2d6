"""Series of a telemetry frame, device by device, ready to draw: no matplotlib here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.errors import Problem, UsageError, show_value
from synthlab.timeline import SECONDS_PER_HOUR

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
TimeArray = npt.NDArray[np.datetime64]

GAP_FACTOR = 2.5
"""Steps without a value that break a line. Assumed: one lost message is no gap to the eye."""

FALLBACK_STEP_SECONDS = SECONDS_PER_HOUR
"""Step of a device with a single row. Assumed: the longest cadence, so rates are not overstated."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A frame's rows grouped by device, in time order.

    Attributes
    ----------
    device_ids : tuple of str
        Devices that have rows, sorted.
    device : ndarray of int64
        Index into `device_ids`, rising.
    times : ndarray of datetime64[ms]
        UTC.
    frame : DataFrame
        The rows themselves, in the same order.
    step_seconds : ndarray of float64
        One per device. [seconds]
    """

    device_ids: tuple[str, ...]
    device: npt.NDArray[np.int64]
    times: TimeArray
    frame: pd.DataFrame
    step_seconds: FloatArray

    def values(self, column: str) -> FloatArray:
        """Return a numeric column."""
        return np.asarray(self.frame[column].to_numpy(), dtype=np.float64)

    def texts(self, column: str) -> npt.NDArray[Any]:
        """Return a category column; null becomes an empty text."""
        values = self.frame[column].astype(object)
        return np.asarray(values.where(values.notna(), ""), dtype=object)

    def span(self, index: int) -> slice:
        """Return the rows of one device."""
        start, end = np.searchsorted(self.device, (index, index + 1))
        return slice(int(start), int(end))


def rows_of(
    frame: pd.DataFrame,
    columns: Sequence[str],
    *,
    devices: Sequence[str] | None = None,
    mobile: bool | None = None,
) -> Rows:
    """Group the rows of a frame by device, in time order.

    Parameters
    ----------
    frame : DataFrame
        Telemetry; only `columns` and the identity of its rows are looked at.
    columns : sequence of str
        Those that are needed.
    devices : sequence of str, optional
        Only these.
    mobile : bool, optional
        Only trucks, or only devices that stand still: trucks are those that
        reported a place.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: no such column or device, or no row left to show.
    """
    needed = ["device_id", "received_at", *columns]
    if missing := [name for name in needed if name not in frame.columns]:
        raise UsageError(
            [Problem("BAD_ARGUMENT", "is no column of the frame", path="frame", value=n) for n in missing]
        )
    shown = frame["received_at"].notna()
    if mobile is not None:
        shown &= frame["device_id"].isin(mobile_devices(frame)) == mobile
    if devices is not None:
        shown &= frame["device_id"].isin(_known(frame, devices))
    kept = frame.loc[shown, needed]
    if kept.empty:
        raise UsageError(Problem("BAD_ARGUMENT", "has no rows to show", path="frame"))
    codes = kept["device_id"].astype("category").cat.remove_unused_categories()
    # Without the zone first: an aware column becomes a Python object a row.
    times = kept["received_at"].dt.tz_convert(None).to_numpy("datetime64[ms]")
    order = np.lexsort((times, codes.cat.codes.to_numpy()))
    kept, codes, times = kept.iloc[order], codes.iloc[order], times[order]
    device = np.asarray(codes.cat.codes.to_numpy(), dtype=np.int64)
    names = tuple(str(name) for name in codes.cat.categories)
    return Rows(names, device, times, kept, _steps(device, times, len(names)))


def mobile_devices(frame: pd.DataFrame) -> list[str]:
    """Name the devices that reported a place: the trucks."""
    return sorted(str(name) for name in frame.loc[frame["latitude"].notna(), "device_id"].unique())


def hour_and_weekend(times: TimeArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return each moment's hour of day, and whether it falls on Saturday or Sunday, in UTC."""
    hours = times.astype("datetime64[h]").astype(np.int64)
    # 1970-01-01 was a Thursday, day 3 of a week that begins on Monday.
    return hours % 24, (hours // 24 + 3) % 7 >= 5


def decimate(times: TimeArray, values: FloatArray, *, buckets: int) -> tuple[TimeArray, FloatArray]:
    """Thin a series to what a screen can show, and keep every peak.

    Parameters
    ----------
    times : ndarray of datetime64
        Rising.
    values : ndarray of float64
        NaN where there is none.
    buckets : int
        Equal spans of time, about one a pixel: of each stay the first, the last, the
        lowest and the highest value.

    Returns
    -------
    tuple of ndarray
        Times and values that were there, and a NaN in each gap of `GAP_FACTOR`
        steps, so that a line breaks where data is missing.
    """
    there = ~np.isnan(values)
    times, values = times[there], values[there]
    if len(times) < 2:
        return times, values
    moments = times.astype(np.int64)
    steps = np.diff(moments)
    gaps = np.flatnonzero(steps > GAP_FACTOR * np.median(steps))
    if len(times) > 4 * buckets:
        keep = np.union1d(_extremes(moments, values, buckets), np.union1d(gaps, gaps + 1))
        gaps = np.searchsorted(keep, gaps)
        times, values = times[keep], values[keep]
    breaks = times[gaps] + (times[gaps + 1] - times[gaps]) // 2
    return np.insert(times, gaps + 1, breaks), np.insert(values, gaps + 1, np.nan)


def _extremes(moments: npt.NDArray[np.int64], values: FloatArray, buckets: int) -> npt.NDArray[np.int64]:
    span = moments[-1] - moments[0]
    bucket = np.minimum((moments - moments[0]) * buckets // max(span, 1), buckets - 1)
    by_value = np.lexsort((values, bucket))
    starts = np.flatnonzero(np.diff(bucket, prepend=-1))
    ends = np.append(starts[1:], len(bucket)) - 1
    found = np.concatenate((starts, ends, by_value[starts], by_value[ends]))
    return np.unique(found)


def _steps(device: npt.NDArray[np.int64], times: TimeArray, count: int) -> FloatArray:
    """Return each device's usual time between rows. [seconds]"""
    edges = np.searchsorted(device, np.arange(count + 1))
    seconds = times.astype(np.int64) / 1_000
    steps = np.full(count, float(FALLBACK_STEP_SECONDS))
    for index, (start, end) in enumerate(pairwise(edges)):
        apart = np.diff(seconds[start:end])
        if (apart > 0).any():
            steps[index] = float(np.median(apart[apart > 0]))
    return steps


def _known(frame: pd.DataFrame, devices: Sequence[str]) -> list[str]:
    names = [devices] if isinstance(devices, str) else list(devices)
    wanted = [str(name).upper() for name in names]
    there = set(frame["device_id"].astype(str).unique())
    if unknown := [name for name in wanted if name not in there]:
        raise UsageError(
            [
                Problem("BAD_ARGUMENT", "has no rows in the frame", path="devices", value=show_value(name))
                for name in unknown
            ]
        )
    return wanted
