"""Hourly series of a reservoir: level, demand and inflow, from readings.

The platform's stationary pipeline (contract, section 4): hourly median of the
level, rolling-median smoothing, then demand = negative changes and inflow =
positive changes.  Arrays in, arrays out; ``device`` is an index 0..n-1 and
``hour`` counts from 1970-01-01 UTC.  All arrays are sorted by device, then hour.

Choices where the contract is silent
------------------------------------
- *Smoothing*: median of an hour and its two neighbors.  Where a neighbor is not
  observed, the hour keeps its own median, so that no change is halved at an edge.
- *Gaps*: a change is known only between two consecutive observed hours.  What
  happened during a gap cannot be given to an hour, so the first hour after it has
  null demand and inflow, and the mean demand is taken over the hours that are known.
- *Noise*: an inflow counts from three standard errors of the two medians on.
  One false inflow cuts a dry spell in two and doubles the segments; half a liter
  of false demand changes nothing, so demand has no such bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthlab.quality.windows import HOUR_MS

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

MESSAGE_NOISE_PCT = 0.06
"""Standard deviation of one message's level in a median. [% of capacity]

Assumed: 2 mm a reading, five readings, 1,800 mm of height give .05 %, and a median
knows a fifth less than a mean."""

NOISE_ERRORS = 3.0
"""Standard errors below which an inflow is noise. Assumed: .1 % of quiet hours pass. [unitless]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlySeries:
    """Observed hours of all devices, sorted by device, then hour.

    Attributes
    ----------
    device, hour : ndarray of int64
        Device index; hours since 1970-01-01 UTC.
    level_pct : ndarray of float64
        Median of the hour, not smoothed. [%]
    latest_level_pct : ndarray of float64
        Last reading of the hour. [%]
    sample_count : ndarray of int64
        Valid readings in the hour.
    demand_liters, inflow_liters : ndarray of float64
        Change against the hour before; NaN where that is not observed. [liters]
    """

    device: I64
    hour: I64
    level_pct: F64
    latest_level_pct: F64
    sample_count: I64
    demand_liters: F64
    inflow_liters: F64


def hourly_series(device: I64, time_ms: I64, level_pct: F64, *, capacity_liters: F64) -> HourlySeries:
    """Build the series of all devices from their readings.

    Parameters
    ----------
    device, time_ms : ndarray of int64
        Device index and Unix time of each reading, in any order; of two readings at
        one moment the later in the arrays is the later one. [ms]
    level_pct : ndarray of float64
        NaN where a reading is not valid. [%]
    capacity_liters : ndarray of float64, shape (n_devices,)
        NaN where it is not known: then demand and inflow are not known. [liters]
    """
    valid = ~np.isnan(level_pct)
    device, time_ms, level_pct = device[valid], time_ms[valid], level_pct[valid]
    hour = time_ms // HOUR_MS
    by_time = np.lexsort((time_ms, device))
    last = _group_ends(device[by_time], hour[by_time])
    latest = level_pct[by_time][last]
    group_device, group_hour = device[by_time][last], hour[by_time][last]
    count = np.diff(np.append(-1, last))
    by_level = np.lexsort((level_pct, hour, device))
    median = _medians(level_pct[by_level], count)
    demand, inflow = hourly_flows(group_device, group_hour, median, count, capacity_liters=capacity_liters)
    return HourlySeries(
        device=group_device,
        hour=group_hour,
        level_pct=median,
        latest_level_pct=latest,
        sample_count=count,
        demand_liters=demand,
        inflow_liters=inflow,
    )


def hourly_flows(
    device: I64, hour: I64, level_pct: F64, sample_count: I64, *, capacity_liters: F64
) -> tuple[F64, F64]:
    r"""Demand and inflow of each hour, from the hourly medians.

    Parameters
    ----------
    device, hour : ndarray of int64
        Sorted by device, then hour.
    level_pct : ndarray of float64
        Median of the hour. [%]
    sample_count : ndarray of int64
        Readings behind each median.
    capacity_liters : ndarray of float64, shape (n_devices,)
        [liters]

    Returns
    -------
    demand_liters, inflow_liters : ndarray of float64
        NaN in the first hour and after a gap. [liters]

    Notes
    -----
    .. math:: \Delta_h = (s_h - s_{h-1}) \, C / 100, \quad
              demand_h = \max(-\Delta_h, 0), \quad inflow_h = \max(\Delta_h, 0)

    with `s` the smoothed level and `C` the capacity; an inflow below
    ``NOISE_ERRORS * MESSAGE_NOISE_PCT * sqrt(1/n_h + 1/n_{h-1})`` % of `C` is 0.
    """
    follows = consecutive(device, hour)
    smooth = smoothed_level_pct(level_pct, follows)
    capacity = capacity_liters[device]
    change = np.full(len(hour), np.nan)
    noise = np.zeros(len(hour))
    weight = 1.0 / np.maximum(sample_count, 1)
    at = np.flatnonzero(follows)
    change[at] = (smooth[at] - smooth[at - 1]) / 100.0 * capacity[at]
    error_pct = NOISE_ERRORS * MESSAGE_NOISE_PCT * np.sqrt(weight[at] + weight[at - 1])
    noise[at] = error_pct / 100.0 * capacity[at]
    known = ~np.isnan(change)
    demand = np.where(known, np.maximum(-change, 0.0), np.nan)
    inflow = np.where(known, np.where(change > noise, change, 0.0), np.nan)
    return demand, inflow


def smoothed_level_pct(level_pct: F64, follows: Bool) -> F64:
    """Smooth by the median of three consecutive hours; other hours keep their level.

    Parameters
    ----------
    level_pct : ndarray of float64
        [%]
    follows : ndarray of bool
        Whether the hour follows the one before it in the array, as `consecutive` says.
    """
    smooth = level_pct.copy()
    middle = np.flatnonzero(follows[:-1] & follows[1:])
    smooth[middle] = median_of_three(level_pct[middle - 1], level_pct[middle], level_pct[middle + 1])
    return smooth


def median_of_three(first: F64, second: F64, third: F64) -> F64:
    """Middle one of three values."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    return np.maximum(low, np.minimum(high, third))


def consecutive(device: I64, hour: I64) -> Bool:
    """Whether each entry is the hour right after the entry before, of the same device."""
    follows = np.zeros(len(hour), dtype=bool)
    follows[1:] = (device[1:] == device[:-1]) & (hour[1:] == hour[:-1] + 1)
    return follows


def segment_starts(device: I64, hour: I64, is_member: Bool) -> Bool:
    """Whether an hour is the first of a run of consecutive member hours."""
    starts = is_member.copy()
    starts[1:] &= ~(consecutive(device, hour)[1:] & is_member[:-1])
    return starts


def _group_ends(device: I64, hour: I64) -> I64:
    """Position of the last entry of each run of equal device and hour."""
    is_last = np.ones(len(hour), dtype=bool)
    is_last[:-1] = (device[1:] != device[:-1]) | (hour[1:] != hour[:-1])
    return np.flatnonzero(is_last)


def _medians(values: F64, count: I64) -> F64:
    """Median of each group, the groups lying one after another and sorted inside."""
    first = np.cumsum(count) - count
    return 0.5 * (values[first + (count - 1) // 2] + values[first + count // 2])
