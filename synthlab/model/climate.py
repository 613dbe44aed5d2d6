"""Temperature at the sensor: a daily wave and the weather, at full hours."""

from __future__ import annotations

from math import cos, pi

import numpy as np
import numpy.typing as npt

from synthlab.randomness import F32, U64, slow_normals
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

WARMEST_HOUR = 15
"""Assumed: air is warmest in mid-afternoon. [h UTC]"""
WEATHER_SIGMA_C = 1.5
"""Assumed: coastal tropics. [°C]"""
NOISE_SIGMA_C = 0.15
"""Assumed: resolution of a cheap thermistor. [°C]"""
_DAY_CORRELATION = 0.7  # Assumed: weather holds for some days.

_DAILY_WAVE = np.array([round(cos(2 * pi * (hour - WARMEST_HOUR) / 24), 9) for hour in range(24)])


def days_of(hour_starts: I64) -> I64:
    """Return the days since 1970 whose weather bears on consecutive full hours."""
    return np.arange(hour_starts[0] // SECONDS_PER_DAY, hour_starts[-1] // SECONDS_PER_DAY + 2)


def weather_by_day(days: I64, *, keys: U64) -> F32:
    """How much warmer than usual each day is, a standard normal, shape (n_days, n_devices)."""
    return slow_normals(keys, days, spacing_seconds=SECONDS_PER_DAY, correlation=_DAY_CORRELATION)


def temperature_by_hour_c(hour_starts: I64, *, weather: F32, mean_c: F64, daily_amplitude_c: F64) -> F64:
    """Temperature at full hours.

    Parameters
    ----------
    hour_starts : ndarray of int64, shape (n_hours,)
        Consecutive full hours, Unix time. [seconds]
    weather : ndarray of float32, shape (n_days, n_devices)
        From `weather_by_day`, for `days_of` these hours.
    mean_c, daily_amplitude_c : ndarray of float64, shape (n_devices,)
        [°C]

    Returns
    -------
    ndarray of float64, shape (n_hours, n_devices)
        [°C]
    """
    node = hour_starts // SECONDS_PER_DAY - hour_starts[0] // SECONDS_PER_DAY
    share = (hour_starts % SECONDS_PER_DAY / SECONDS_PER_DAY)[:, None]
    wave = _DAILY_WAVE[hour_starts // SECONDS_PER_HOUR % 24][:, None]
    drift = weather[node] * (1 - share) + weather[node + 1] * share
    return mean_c + daily_amplitude_c * wave + WEATHER_SIGMA_C * drift
