"""From raw readings to level and volume, as the platform contract says it.

The engine has its own form of the same formulas; it is on the other side of the
wire, and only the contract joins the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

SAMPLE_MARGIN_MM = 500
"""A sample farther than the calibrated empty distance by more than this saw no water.

Assumed: noise, slosh (20..60 mm in a moving truck) and a sensor that sits a little high stay
within it; a second echo (twice the distance) and the sentinels 9999 and 65535 do not. [mm]
"""

FULL_PCT = 95.0
"""From this level on a reservoir is FULL. Assumed: a float valve closes there. [%]"""

LOW_PCT = 20.0
"""Up to this level it is LOW. Source: platform contract, section 4, `intermittence_severity_index`. [%]"""

CRITICAL_PCT = 5.0
"""Up to this level it is CRITICAL. Source: platform contract, section 4, `runout_hours`. [%]"""


class Calibration(NamedTuple):
    """How a distance becomes a volume.

    Attributes
    ----------
    empty_mm, full_mm : float
        Distance from the sensor to the surface when empty and when full. [mm]
    capacity_liters : float
        [liters]
    """

    empty_mm: float
    full_mm: float
    capacity_liters: float


class Measurement(NamedTuple):
    """What one burst of readings says.

    Attributes
    ----------
    raw_sample_count : int
        Valid samples.
    raw_mean, raw_stddev : float
        Of the valid samples; the standard deviation is the population's, so that
        one sample has one: 0. [mm]
    level_pct : float
        [%]
    volume_liters : float
        [liters]
    level_state : {"FULL", "NORMAL", "LOW", "CRITICAL"}
    """

    raw_sample_count: int
    raw_mean: float
    raw_stddev: float
    level_pct: float
    volume_liters: float
    level_state: str


def calibration_of(
    capacity_liters: float | None,
    height_mm: float | None,
    sensor_empty_distance_mm: float | None,
    sensor_full_distance_mm: float | None,
) -> Calibration | None:
    """Return a reservoir's calibration, or None where no level and volume can be derived.

    Parameters
    ----------
    capacity_liters : float or None
        Must be > 0: without it there is no volume. [liters]
    height_mm : float or None
        Stands in where neither distance is given: empty = height, full = 0. [mm]
    sensor_empty_distance_mm, sensor_full_distance_mm : float or None
        Both or neither; empty > full >= 0. [mm]
    """
    empty, full = sensor_empty_distance_mm, sensor_full_distance_mm
    if empty is None and full is None:
        empty, full = height_mm, 0.0
    if empty is None or full is None or capacity_liters is None:
        return None
    # Asked as "is it right", so that NaN is wrong.
    if capacity_liters > 0 and empty > full >= 0:
        return Calibration(empty, full, capacity_liters)
    return None


def measure(samples: Sequence[float], calibration: Calibration) -> Measurement | None:
    """Derive level and volume from the valid samples, or None where none is valid.

    Parameters
    ----------
    samples : sequence of float
        Raw readings; valid is one from 0 to the empty distance + `SAMPLE_MARGIN_MM`,
        so neither the -1 of "no echo" nor a sentinel. [mm]
    calibration : Calibration
    """
    empty, full, capacity = calibration
    farthest = empty + SAMPLE_MARGIN_MM
    valid = [sample for sample in samples if 0 <= sample <= farthest]
    count = len(valid)
    if count == 0:
        return None
    mean = sum(valid) / count
    squares = 0.0
    for sample in valid:
        # Not sum(): what it adds up to depends on Python's version, and `measure_block` adds so.
        squares += (sample - mean) * (sample - mean)
    stddev = sqrt(squares / count)
    level = min(max(100.0 * (empty - mean) / (empty - full), 0.0), 100.0)
    return Measurement(count, mean, stddev, level, level / 100.0 * capacity, level_state(level))


class Measurements(NamedTuple):
    """`Measurement` of many bursts; a row without a valid sample has the count 0.

    Attributes
    ----------
    raw_sample_count : ndarray of int64
    raw_mean, raw_stddev : ndarray of float64
        [mm]
    level_pct : ndarray of float64
        [%]
    volume_liters : ndarray of float64
        [liters]
    """

    raw_sample_count: Any
    raw_mean: Any
    raw_stddev: Any
    level_pct: Any
    volume_liters: Any


def measure_block(samples: Any, empty_mm: Any, full_mm: Any, capacity_liters: Any) -> Measurements:
    """Do what `measure` does for many bursts at once, to the last bit.

    Parameters
    ----------
    samples : ndarray of int
        Raw readings, a row for each burst. [mm]
    empty_mm, full_mm, capacity_liters : ndarray of float64
        Calibration of each row.
    """
    is_valid = (samples >= 0) & (samples <= (empty_mm + SAMPLE_MARGIN_MM)[:, None])
    count = is_valid.sum(axis=1)
    divisor = np.maximum(count, 1)
    mean = np.where(is_valid, samples, 0).sum(axis=1, dtype=np.int64) / divisor
    squares = np.zeros(len(mean))
    for column in range(samples.shape[1]):
        deviation = np.where(is_valid[:, column], samples[:, column] - mean, 0.0)
        squares += deviation * deviation
    stddev = np.sqrt(squares / divisor)
    level = np.minimum(np.maximum(100.0 * (empty_mm - mean) / (empty_mm - full_mm), 0.0), 100.0)
    return Measurements(count, mean, stddev, level, level / 100.0 * capacity_liters)


def level_state(level_pct: float) -> str:
    """Name the state of a level. [%]"""
    if level_pct <= CRITICAL_PCT:
        return "CRITICAL"
    if level_pct <= LOW_PCT:
        return "LOW"
    return "FULL" if level_pct >= FULL_PCT else "NORMAL"
