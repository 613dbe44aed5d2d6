"""The ultrasonic sensor: from content to distance to raw readings."""

from __future__ import annotations

from functools import cache
from math import acos, pi, sqrt

import numpy as np
import numpy.typing as npt

from synthlab.calibration import NO_ECHO_MM, level_pct_from_distance_mm
from synthlab.columns import READING_COUNT
from synthlab.randomness import U64, draws, ticks, uniforms

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

MIN_READING_MM = 1
"""Smallest reading: 0 is a sentinel on real sensors. Source: domain facts, Checks. [mm]"""

_CYLINDER_NODES = 2048


def surface_distance_mm(
    volume_fraction: F64, *, empty_mm: F64, full_mm: F64, is_lying_cylinder: npt.NDArray[np.bool_]
) -> F64:
    """Distance from the sensor to the surface.

    Parameters
    ----------
    volume_fraction : ndarray of float64, shape (..., n_devices)
        Content / capacity. [unitless]
    empty_mm, full_mm : ndarray of float64, shape (n_devices,)
        Calibration. [mm]
    is_lying_cylinder : ndarray of bool, shape (n_devices,)
        Height follows the circle's segment there; elsewhere it is linear.

    Returns
    -------
    ndarray of float64
        [mm]
    """
    height = volume_fraction
    if is_lying_cylinder.any():
        height = volume_fraction.copy()
        volumes, heights = _cylinder_table()
        height[..., is_lying_cylinder] = np.interp(height[..., is_lying_cylinder], volumes, heights)
    return empty_mm - height * (empty_mm - full_mm)


@cache
def _cylinder_table() -> tuple[F64, F64]:
    """Return filled share of a circle's area against filled share of its height."""
    heights = [i / (_CYLINDER_NODES - 1) for i in range(_CYLINDER_NODES)]
    # Area of the segment of height h in a circle of diameter 1, over the circle's area.
    areas = [round((acos(1 - 2 * h) - 2 * (1 - 2 * h) * sqrt(max(h - h * h, 0.0))) / pi, 12) for h in heights]
    return np.array(areas), np.array(heights)


def raw_readings_mm(distance_mm: F64, noise: list[F32], noise_mm: F64 | F32) -> list[I32]:
    """Report a distance, with noise, in whole millimeters.

    Parameters
    ----------
    distance_mm : ndarray of float64, shape (n_steps, n_devices)
        [mm]
    noise : list of ndarray of float32
        A standard normal for each reading.
    noise_mm : ndarray
        Standard deviation of one reading, broadcast. [mm]

    Returns
    -------
    list of ndarray of int32
        One array a reading, none below `MIN_READING_MM`. [mm]
    """
    distance, sigma = distance_mm.astype(np.float32), noise_mm.astype(np.float32)
    readings = []
    for deviation in noise:
        reading = deviation * sigma
        reading += distance
        np.rint(reading, out=reading)
        readings.append(np.maximum(reading, MIN_READING_MM, out=reading).astype(np.int32))
    return readings


def any_missing_threshold(no_echo_prob: F64) -> npt.NDArray[np.uint64]:
    """Turn the probability that an emission lacks an echo to a bound of 32-bit words."""
    prob = 1.0 - (1.0 - no_echo_prob) ** READING_COUNT
    return np.minimum(np.rint(prob * 2.0**32), 2.0**32).astype(np.uint64)


def missing_readings(seconds: I64, keys: U64, no_echo_prob: F64) -> npt.NDArray[np.bool_]:
    """Choose which readings of an emission have no echo, given that at least one has none.

    Parameters
    ----------
    seconds : ndarray of int64, shape (n,)
        [seconds]
    keys : ndarray of uint64, shape (n,)
    no_echo_prob : ndarray of float64, shape (n,)

    Returns
    -------
    ndarray of bool, shape (n, READING_COUNT)
    """
    words = draws(ticks(seconds[:, None], 1 + np.arange(READING_COUNT)), keys[:, None])
    missing = np.zeros((len(seconds), READING_COUNT), dtype=bool)
    any_before = np.zeros(len(seconds), dtype=bool)
    for index in range(READING_COUNT):
        # While none is missing, one of those left must be: its probability is raised to match.
        left = 1.0 - (1.0 - no_echo_prob) ** (READING_COUNT - index)
        prob = np.where(any_before, no_echo_prob, no_echo_prob / left)
        missing[:, index] = uniforms(words[:, index]) < prob
        any_before |= missing[:, index]
    # Rounding of the last probability must not leave an emission without a missing reading.
    missing[:, -1] |= ~any_before
    return missing


def measured_level_pct(readings: list[I32], *, empty_mm: F64, full_mm: F64) -> F64:
    """Level that ingestion derives from readings that are all valid. [%]

    Source: platform contract, section 2: the mean of the valid readings.
    """
    total = np.zeros(readings[0].shape)
    for reading in readings:
        total += reading
    return level_pct_from_distance_mm(total / len(readings), empty_mm=empty_mm, full_mm=full_mm)


def measured_level_pct_partial(readings: I32, *, empty_mm: F64, full_mm: F64) -> F64:
    """Level from the valid readings of each row; NaN where none is valid.

    Parameters
    ----------
    readings : ndarray of int32, shape (n, READING_COUNT)
        -1 = no echo. [mm]
    empty_mm, full_mm : ndarray of float64, shape (n,)
        [mm]
    """
    is_valid = readings != NO_ECHO_MM
    count = is_valid.sum(axis=1)
    mean = np.where(is_valid, readings, 0).sum(axis=1) / np.maximum(count, 1)
    level = level_pct_from_distance_mm(mean, empty_mm=empty_mm, full_mm=full_mm)
    return np.where(count > 0, level, np.nan)
