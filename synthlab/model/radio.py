"""Received signal strength: each site's own, slow over hours and fast from message to message."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthlab.randomness import U64, draws, slow_normals, ticks, uniforms
from synthlab.timeline import SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

SLOW_HOUR_CORRELATION = 0.93
"""Of the slow part, from hour to hour. Assumed: foliage, humidity and network load."""
MAX_HOUR_CORRELATION = 0.93
"""Of the whole signal: it then has no fast part. [unitless]"""
# Source: domain facts, sigma 2..7 dB by node; around 4, from half to 1.75 times.
_SIGMA_LOWEST, _SIGMA_RANGE = 0.5, 1.25
# Source: domain facts, lag-1 ACF .2...9 by node; around .55.
_CORRELATION_RANGE = 0.7


@dataclass(frozen=True, slots=True)
class Signal:
    """How the signal varies at each device's site, as parallel arrays.

    Attributes
    ----------
    mean_dbm : ndarray of float64
        [dBm]
    slow_sigma_db, fast_sigma_db : ndarray of float64
        Of the part that changes over hours, and of that which is new in each message. [dB]
    """

    mean_dbm: F64
    slow_sigma_db: F64
    fast_sigma_db: F64


def site_signal(
    keys: U64, *, mean_dbm: F64, sigma_db: F64, hour_correlation: F64, site_spread: F64
) -> Signal:
    """Draw what a device's site makes of the signal, once for its life.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n_devices,)
    mean_dbm, sigma_db : ndarray of float64, shape (n_devices,)
        [dBm], [dB]
    hour_correlation : ndarray of float64, shape (n_devices,)
        Autocorrelation at an hour's lag. [unitless]
    site_spread : ndarray of float64, shape (n_devices,)
        How far sites differ: 0 not at all, 1 as measured. [unitless]
    """
    turn = uniforms(draws(ticks(0, np.array([1, 2]))[:, None], keys))
    factor = 1.0 + site_spread * (_SIGMA_LOWEST - 1.0 + _SIGMA_RANGE * turn[0])
    correlation = hour_correlation + site_spread * _CORRELATION_RANGE * (turn[1] - 0.5)
    slow_share = np.clip(correlation, 0.0, MAX_HOUR_CORRELATION) / SLOW_HOUR_CORRELATION
    sigma = sigma_db * factor
    return Signal(mean_dbm, sigma * np.sqrt(slow_share), sigma * np.sqrt(1.0 - slow_share))


def moving_sigma_db(signal: Signal, sigma_db: F64) -> F64:
    """Fast part while the device is carried about, so that the whole has `sigma_db`. [dB]"""
    fast = np.sqrt(np.maximum(sigma_db**2 - signal.slow_sigma_db**2, 0.0))
    return np.maximum(fast, signal.fast_sigma_db)


def signal_by_hour_dbm(hour_starts: I64, *, keys: U64, signal: Signal) -> F64:
    """Slow part of the signal strength at full hours.

    Parameters
    ----------
    hour_starts : ndarray of int64, shape (n_hours,)
        Consecutive full hours, Unix time. [seconds]
    keys : ndarray of uint64, shape (n_devices,)
    signal : Signal

    Returns
    -------
    ndarray of float64, shape (n_hours, n_devices)
        [dBm]
    """
    slow = slow_normals(
        keys,
        hour_starts // SECONDS_PER_HOUR,
        spacing_seconds=SECONDS_PER_HOUR,
        correlation=SLOW_HOUR_CORRELATION,
    )
    return signal.mean_dbm + signal.slow_sigma_db * slow
