"""What a truck's receiver makes of its place: noise, outliers, and times without a fix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import cos, pi, sin

import numpy as np
import numpy.typing as npt

from synthlab.model.events import SIZE_SHIFT, size_factors
from synthlab.model.trips import EARTH_METERS_PER_DEGREE
from synthlab.randomness import U64, choices, draws, normals, ticks, uniforms
from synthlab.timeline import SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

OUTLIER_METERS = (20.0, 80.0)
"""Source: domain facts, Water trucks, outliers of 20..80 m in town (assumed there). [m]"""
STANDING_SPEED_SIGMA_KMH = 0.3
"""Assumed: a receiver at rest reports a little speed. [km/h]"""
LONGEST_DROPOUT_SECONDS = 1_800
"""Assumed: a yard's roof or a wet connector, not a broken receiver. [seconds]"""
_DROPOUT_SIGMA = 0.6  # Assumed: log standard deviation of a dropout's length.
_DIRECTIONS = 360


@dataclass(frozen=True, slots=True)
class Fixes:
    """Errors of a receiver, each (n_steps, n_devices).

    Attributes
    ----------
    north_m, east_m : ndarray of float64
        [m]
    standing_kmh : ndarray of float64
        Speed that it reports at rest. [km/h]
    is_lost : ndarray of bool
        No fix: the message has no location.
    """

    north_m: F64
    east_m: F64
    standing_kmh: F64
    is_lost: Bool


def gps_fixes(
    seconds: I64,
    *,
    keys: U64,
    sigma_m: F64,
    outlier_prob: F64,
    dropouts_per_day: F64,
    dropout_minutes: F64,
) -> Fixes:
    """Draw a receiver's errors at moments.

    Parameters
    ----------
    seconds : ndarray of int64, shape (n_steps,)
        Unix time, ascending. [seconds]
    keys : ndarray of uint64, shape (n_devices,)
    sigma_m : ndarray of float64, shape (n_devices,)
        Standard deviation to the north, and to the east. [m]
    outlier_prob : ndarray of float64, shape (n_devices,)
        [unitless]
    dropouts_per_day : ndarray of float64, shape (n_devices,)
        [1/day]
    dropout_minutes : ndarray of float64, shape (n_devices,)
        Mean length. [min]
    """
    noise = normals(draws(ticks(seconds, 0)[:, None], keys))
    words = draws(ticks(seconds, 1)[:, None], keys)
    standing = np.abs(normals(words)[:, ::2]) * STANDING_SPEED_SIGMA_KMH
    north, east = noise[:, ::2] * sigma_m, noise[:, 1::2] * sigma_m
    row, device = np.nonzero((words >> np.uint64(32)) < np.rint(outlier_prob * 2.0**32).astype(np.uint64))
    if len(row):
        reach, way = (draws(ticks(seconds[row], slot), keys[device]) for slot in (2, 3))
        meters = OUTLIER_METERS[0] + (OUTLIER_METERS[1] - OUTLIER_METERS[0]) * uniforms(reach)
        direction = _directions()[choices(way, _DIRECTIONS)]
        north[row, device] = meters * direction[:, 0]
        east[row, device] = meters * direction[:, 1]
    is_lost = _is_lost(seconds, keys, dropouts_per_day, dropout_minutes)
    return Fixes(north, east, standing, is_lost)


def meters_to_degrees(north_m: F64, east_m: F64, shrink: F64) -> tuple[F64, F64]:
    """Turn small offsets to degrees; `shrink` is the cosine of the latitude."""
    return north_m / EARTH_METERS_PER_DEGREE, east_m / (EARTH_METERS_PER_DEGREE * shrink)


@cache
def _directions() -> F64:
    """Tabulate unit vectors, rounded so that the last bit of a machine's sine plays no part."""
    angles = [2 * pi * i / _DIRECTIONS for i in range(_DIRECTIONS)]
    return np.array([[round(cos(angle), 9), round(sin(angle), 9)] for angle in angles])


def _is_lost(seconds: I64, keys: U64, per_day: F64, minutes: F64) -> Bool:
    """Say at which moments a dropout holds; one at most begins in an hour, and ends in the next."""
    first = seconds[0] // SECONDS_PER_HOUR - 1
    hours = np.arange(first, seconds[-1] // SECONDS_PER_HOUR + 1)
    begins = uniforms(draws(ticks(hours * SECONDS_PER_HOUR, 4)[:, None], keys)) < per_day / 24.0
    lost = np.zeros((len(seconds), len(keys)), dtype=bool)
    hour, device = np.nonzero(begins)
    at = hours[hour] * SECONDS_PER_HOUR
    offset = choices(draws(ticks(at, 5), keys[device]), SECONDS_PER_HOUR)
    index = (draws(ticks(at, 6), keys[device]) >> SIZE_SHIFT).astype(np.int64)
    length = np.rint(minutes[device] * 60.0 * size_factors(_DROPOUT_SIGMA)[index])
    begin = at + offset
    end = begin + np.clip(length, 1, LONGEST_DROPOUT_SECONDS).astype(np.int64)
    low, high = np.searchsorted(seconds, begin), np.searchsorted(seconds, end)
    some = np.flatnonzero(high > low)
    count = (high - low)[some]
    row = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count) + np.repeat(low[some], count)
    lost[row, np.repeat(device[some], count)] = True
    return lost
