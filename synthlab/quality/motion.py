"""Which points of a truck's track are MOVING, and how far it went.

Source of the rule: platform contract, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthlab.quality.windows import HOUR_MS

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

MOVING_SPEED_KMH = 5.0
"""Source: platform contract, section 4. [km/h]"""
MOVING_STEP_METERS = 200.0
"""Source: platform contract, section 4. [m]"""
EARTH_RADIUS_METERS = 6_371_008.8
"""Source: IUGG mean radius. [m]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Positions of trucks, sorted by device, then time.

    Attributes
    ----------
    device, time_ms : ndarray of int64
        Device index; Unix time. [ms]
    latitude, longitude : ndarray of float64
        [°]
    speed_kmh : ndarray of float64
        NaN where it is not known. [km/h]
    volume_liters : ndarray of float64
        Content by the reading of the same message; NaN where it has none. [liters]
    """

    device: I64
    time_ms: I64
    latitude: F64
    longitude: F64
    speed_kmh: F64
    volume_liters: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Way of the trucks by hour.

    Attributes
    ----------
    device, hour : ndarray of int64
    moving_km : ndarray of float64
        Great-circle length of the steps to MOVING points. [km]
    """

    device: I64
    hour: I64
    moving_km: F64


def great_circle_meters(latitude_0: F64, longitude_0: F64, latitude_1: F64, longitude_1: F64) -> F64:
    """Great-circle distance by the haversine formula. [m]

    Parameters
    ----------
    latitude_0, longitude_0, latitude_1, longitude_1 : ndarray of float64
        [°]
    """
    phi_0, phi_1 = np.deg2rad(latitude_0), np.deg2rad(latitude_1)
    half_phi, half_lambda = (phi_1 - phi_0) / 2, np.deg2rad(longitude_1 - longitude_0) / 2
    chord = np.sin(half_phi) ** 2 + np.cos(phi_0) * np.cos(phi_1) * np.sin(half_lambda) ** 2
    return 2 * EARTH_RADIUS_METERS * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))


def from_one_side(longitude: F64, reference: F64) -> F64:
    """Count longitudes from the side of the 180th meridian on which a reference lies.

    Parameters
    ----------
    longitude, reference : ndarray of float64
        [°]

    Returns
    -------
    ndarray of float64
        Beyond ±180 where a longitude lies across the meridian; all others as they are. [°]
    """
    apart = longitude - reference
    return np.where(np.abs(apart) > 180.0, longitude - np.copysign(360.0, apart), longitude)


def on_the_globe(longitude: F64) -> F64:
    """Bring longitudes that count from one side back within ±180. [°]"""
    return np.where(np.abs(longitude) > 180.0, longitude - np.copysign(360.0, longitude), longitude)


def motion(points: Points) -> tuple[Bool, F64]:
    """Say which points are MOVING, and how far each lies from the one before.

    Returns
    -------
    is_moving : ndarray of bool
        Speed of 5 km/h or more, or a step of 200 m or more.
    step_meters : ndarray of float64
        Great-circle step; 0 for a device's first point. [m]
    """
    step = np.zeros(len(points.device))
    if len(step) > 1:
        same = points.device[1:] == points.device[:-1]
        lat, lon = points.latitude, points.longitude
        step[1:] = np.where(same, great_circle_meters(lat[:-1], lon[:-1], lat[1:], lon[1:]), 0.0)
    return is_fast(points) | (step >= MOVING_STEP_METERS), step


def is_fast(points: Points) -> Bool:
    """Say which points report 5 km/h or more; one without a speed does not."""
    return points.speed_kmh >= MOVING_SPEED_KMH  # False for NaN: then the step alone decides


def hourly_movement(points: Points) -> Movement:
    """Sum the steps to MOVING points by hour."""
    is_moving, step_meters = motion(points)
    hour = points.time_ms // HOUR_MS
    new = np.ones(len(hour), dtype=bool)
    new[1:] = (points.device[1:] != points.device[:-1]) | (hour[1:] != hour[:-1])
    at = np.flatnonzero(new)
    total = np.bincount(np.cumsum(new) - 1, weights=np.where(is_moving, step_meters, 0.0), minlength=len(at))
    return Movement(device=points.device[at], hour=hour[at], moving_km=total.astype(np.float64) / 1000.0)
