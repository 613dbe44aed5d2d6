"""The ultrasonic sensor: from content to distance to raw readings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthlab.calibration import NO_ECHO_MM, ShapeCurve, level_pct_from_distance_mm

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]

MIN_READING_MM = 1
"""Smallest reading: 0 is a sentinel on real sensors. Source: domain facts, Checks. [mm]"""
REFERENCE_TEMPERATURE_C = 20.0
"""At which the sensor was calibrated. Assumed: usual for data sheets. [°C]"""
# Source: domain facts, the speed of sound is 331.3 + 0.606 T m/s.
_SOUND_OFFSET_C = 331.3 / 0.606


def surface_distance_mm(
    volume_fraction: F64, *, empty_mm: F64, full_mm: F64, curves: Mapping[int, ShapeCurve]
) -> F64:
    """Distance from the sensor to the surface.

    Parameters
    ----------
    volume_fraction : ndarray of float64, shape (..., n_devices)
        Content / capacity. [unitless]
    empty_mm, full_mm : ndarray of float64, shape (n_devices,)
        Calibration. [mm]
    curves : mapping of int to ShapeCurve
        By the device's index, where the height is not linear in the volume.

    Returns
    -------
    ndarray of float64
        [mm]
    """
    height = volume_fraction
    if curves:
        height = volume_fraction.copy()
        for index, curve in curves.items():
            height[..., index] = curve.height_fraction(height[..., index])
    return empty_mm - height * (empty_mm - full_mm)


def sounded_distance_mm(distance_mm: F64, temperature_c: F64, compensation_fraction: F64) -> F64:
    r"""Return the distance that the time of flight comes to, at the air's temperature.

    Parameters
    ----------
    distance_mm : ndarray of float64, shape (n_steps, n_devices)
        True. [mm]
    temperature_c : ndarray of float64, shape (n_steps, n_devices)
        Of the air between sensor and water. [°C]
    compensation_fraction : ndarray of float64, shape (n_devices,)
        How far the sensor follows the temperature: 0 assumes 20 °C, 1 is perfect.

    Notes
    -----
    Sound takes :math:`2 d / c(T)`; the sensor multiplies by half of
    :math:`c(20 + f (T - 20))`, with :math:`c(T) = 331.3 + 0.606\, T`, so

    .. math:: d' = d \left( f + (1 - f) \frac{331.3 / 0.606 + 20}{331.3 / 0.606 + T} \right)

    Without compensation the error is -.176 % a kelvin, with .89 of it about .02 %.
    Source: domain facts, Ultrasonic sensor.
    """
    assumed = (1.0 - compensation_fraction) * (_SOUND_OFFSET_C + REFERENCE_TEMPERATURE_C)
    ratio = temperature_c + _SOUND_OFFSET_C
    np.divide(assumed, ratio, out=ratio)
    ratio += compensation_fraction
    ratio *= distance_mm
    return ratio


@dataclass(frozen=True, slots=True)
class Reporting:
    """How the readings of each device come out, as parallel arrays.

    Attributes
    ----------
    blind_zone_mm, resolution_mm : ndarray of float64, shape (n_devices,)
        [mm]
    is_exact : ndarray of bool, shape (n_devices,)
        Whether there is no noise at all: then a reading is the distance in whole steps,
        to the last bit.
    """

    blind_zone_mm: F64
    resolution_mm: F64
    is_exact: npt.NDArray[np.bool_]


def raw_readings_mm(
    distance_mm: F64,
    noise: list[F32],
    noise_mm: F64 | F32,
    reporting: Reporting,
    out: list[I32] | None = None,
) -> list[I32]:
    """Report a distance, with noise, in whole steps.

    Parameters
    ----------
    distance_mm : ndarray of float64, shape (n_steps, n_devices)
        [mm]
    noise : list of ndarray of float32
        A standard normal for each reading.
    noise_mm : ndarray
        Standard deviation of one reading, broadcast. [mm]
    reporting : Reporting
    out : list of ndarray of int32, optional
        Where to write, an array a reading; new arrays where omitted.

    Returns
    -------
    list of ndarray of int32
        One array a reading; none inside the blind zone or below `MIN_READING_MM`. [mm]
    """
    distance, sigma = distance_mm.astype(np.float32), noise_mm.astype(np.float32, copy=False)
    nearest = np.maximum(reporting.blind_zone_mm, MIN_READING_MM).astype(np.float32)
    is_coarse = bool((reporting.resolution_mm != 1.0).any())
    step = reporting.resolution_mm.astype(np.float32)
    readings = [np.empty(distance.shape, np.int32) for _ in noise] if out is None else out
    for deviation, target in zip(noise, readings, strict=True):
        reading = deviation * sigma
        reading += distance
        if is_coarse:
            reading /= step
            np.rint(reading, out=reading)
            reading *= step
        np.rint(reading, out=reading)
        np.copyto(target, np.maximum(reading, nearest, out=reading), casting="unsafe")
    exact = np.flatnonzero(reporting.is_exact)
    if len(exact):
        blind, resolution = reporting.blind_zone_mm[exact], reporting.resolution_mm[exact]
        same = reported_mm(distance_mm[:, exact], blind, resolution)
        for target in readings:
            target[:, exact] = same
    return readings


def reported_mm(distance_mm: F64, blind_zone_mm: F64, resolution_mm: F64) -> I32:
    """Report distances in whole steps, none inside the blind zone. [mm]"""
    steps = np.rint(np.rint(distance_mm / resolution_mm) * resolution_mm)
    return np.maximum(steps, np.maximum(blind_zone_mm, MIN_READING_MM)).astype(np.int32)


def measured_level_pct(readings: list[I32], *, empty_mm: F64, full_mm: F64) -> F64:
    """Level that ingestion derives from readings that are all valid. [%]

    Source: platform contract, section 2: the mean of the valid readings.
    """
    total = readings[0].copy()
    for reading in readings[1:]:
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
