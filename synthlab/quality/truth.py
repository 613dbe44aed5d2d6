"""The same inputs of the formulas from truth: what a perfect observer would store.

Levels, flows and stops come from the frame's truth columns instead of the readings,
so the difference of a metric shows the error of measuring *and* of the method: an
hour's net change, for instance, hides demand under supply.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthlab.quality.hourly import HourlySeries, hourly_series
from synthlab.quality.stops import LONG_STOP_MS, VOLUME_CHANGE_LITERS, StopKind, Stops
from synthlab.quality.windows import HOUR_MS

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

TRUTH_COLUMNS = (
    "volume_liters",
    "level_pct",
    "served_liters",
    "inflow_liters",
    "overflow_liters",
    "loaded_liters",
    "delivered_liters",
    "lost_liters",
    "activity",
)


def truth_series(frame: pd.DataFrame, device: I64, time_ms: I64, capacity_liters: F64) -> HourlySeries:
    """Build the hourly series from true levels and flows.

    Parameters
    ----------
    frame : DataFrame
        With `TRUTH_COLUMNS`.
    device, time_ms : ndarray of int64
        Of the frame's rows, sorted by device, then time. [ms]
    capacity_liters : ndarray of float64, shape (n_devices,)
        [liters]

    Notes
    -----
    Demand is what was served, inflow is what arrived and did not spill.
    """
    level = frame["level_pct"].to_numpy(np.float64)
    base = hourly_series(device, time_ms, level, capacity_liters=capacity_liters)
    has_level = ~np.isnan(level)
    hour = time_ms[has_level] // HOUR_MS
    new = np.ones(len(hour), dtype=bool)
    new[1:] = (device[has_level][1:] != device[has_level][:-1]) | (hour[1:] != hour[:-1])
    group = np.cumsum(new) - 1

    def sums(values: F64) -> F64:
        return np.bincount(group, weights=values[has_level], minlength=len(base.hour)).astype(np.float64)

    served = frame["served_liters"].to_numpy(np.float64)
    kept = (frame["inflow_liters"] - frame["overflow_liters"]).to_numpy(np.float64)
    return HourlySeries(
        device=base.device,
        hour=base.hour,
        level_pct=base.level_pct,
        latest_level_pct=base.latest_level_pct,
        sample_count=base.sample_count,
        demand_liters=sums(served),
        inflow_liters=np.maximum(sums(kept), 0.0),
    )


def truth_stops(frame: pd.DataFrame, device: I64, time_ms: I64) -> Stops:
    """Build the stops from what each truck truly did.

    Parameters
    ----------
    frame : DataFrame
        Rows of trucks, with `TRUTH_COLUMNS`, ``latitude`` and ``longitude``.
    device, time_ms : ndarray of int64
        Of the frame's rows, sorted by device, then time. [ms]

    Notes
    -----
    A stop is a run of rows of one activity other than TRAVEL.  The step in which a
    truck arrives may hold the first water already: what flows during TRAVEL belongs
    to the refill or delivery that begins next, else to the one that has just ended.
    What is lost belongs to the way to the next stop.
    """
    activity = frame["activity"].astype("object").to_numpy()
    at_stop = (activity != "TRAVEL") & frame["activity"].notna().to_numpy()
    new = np.ones(len(device), dtype=bool)
    new[1:] = (device[1:] != device[:-1]) | (activity[1:] != activity[:-1])
    first = np.flatnonzero(at_stop & new)
    ends = at_stop.copy()
    ends[:-1] &= new[1:]
    last = np.flatnonzero(ends)
    change = np.zeros(len(first))
    for kind, column, sign in (("REFILL", "loaded_liters", 1.0), ("CLIENT", "delivered_liters", -1.0)):
        of_kind = np.flatnonzero(activity[first] == kind)
        liters = frame[column].to_numpy(np.float64)
        change[of_kind] = sign * _assigned(device, first[of_kind], last[of_kind], liters)
    transit = -_assigned(device, first, last, frame["lost_liters"].to_numpy(np.float64))
    ended = _step_end_ms(device, time_ms)[last]
    after = frame["volume_liters"].to_numpy(np.float64)[last]
    return Stops(
        device=device[first],
        started_ms=time_ms[first],
        ended_ms=ended,
        first_point_ms=time_ms[first],
        last_point_ms=time_ms[last],
        point_count=last - first + 1,
        latitude=frame["latitude"].to_numpy(np.float64)[first],
        longitude=frame["longitude"].to_numpy(np.float64)[first],
        volume_before_liters=after - change,
        volume_after_liters=after,
        transit_change_liters=transit,
        kind=_kinds(activity[first], change, ended - time_ms[first]),
    )


def _assigned(device: I64, first: I64, last: I64, liters: F64) -> F64:
    """Sum each row's liters into its stop: its own, the next of the device, else the one before."""
    if not len(first):
        return np.zeros(0)
    row = np.arange(len(device))
    ahead = np.searchsorted(last, row)
    behind = np.maximum(np.searchsorted(first, row, side="right") - 1, 0)
    ahead_safe = np.minimum(ahead, len(first) - 1)
    follows = (ahead < len(first)) & (device[first[ahead_safe]] == device)
    just_left = (device[first[behind]] == device) & (row - last[behind] == 1)
    arrives = follows & (first[ahead_safe] - row <= 1)
    owner = np.where(arrives | (follows & ~just_left), ahead_safe, behind)
    owned = device[first[owner]] == device
    return np.bincount(owner[owned], weights=liters[owned], minlength=len(first)).astype(np.float64)


def _step_end_ms(device: I64, time_ms: I64) -> I64:
    """End of each row's step: the next row of the device; the last step is as long as the one before."""
    step = np.zeros(len(time_ms), dtype=np.int64)
    same = device[1:] == device[:-1]
    step[:-1][same] = np.diff(time_ms)[same]
    final = np.flatnonzero(np.append(~same, True)) if len(device) else np.zeros(0, dtype=np.int64)
    step[final] = np.where(final > 0, step[np.maximum(final - 1, 0)], 0)
    return time_ms + step


def _kinds(activity: npt.NDArray[np.object_], change: F64, duration_ms: I64) -> npt.NDArray[np.str_]:
    moved = np.abs(change) > VOLUME_CHANGE_LITERS
    return np.select(
        [(activity == "CLIENT") & moved, (activity == "REFILL") & moved, duration_ms >= LONG_STOP_MS],
        [StopKind.DELIVERY.value, StopKind.REFILL.value, StopKind.DOWNTIME.value],
        default=StopKind.UNKNOWN.value,
    )
