"""Received signal strength and temperature: slow processes at full hours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthlab.randomness import U64, slow_normals
from synthlab.timeline import SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

SLOW_SHARE = 0.6
"""Part of the variance that changes over hours. Source: domain facts, lag-1 ACF .2..0.9."""
_SIGNAL_HOUR_CORRELATION = 0.85  # Assumed: foliage, humidity and network load.


def signal_by_hour_dbm(hour_starts: I64, *, keys: U64, mean_dbm: F64, sigma_db: F64) -> F64:
    """Slow part of the signal strength at full hours.

    Parameters
    ----------
    hour_starts : ndarray of int64, shape (n_hours,)
        Consecutive full hours, Unix time. [seconds]
    keys : ndarray of uint64, shape (n_devices,)
    mean_dbm : ndarray of float64, shape (n_devices,)
        [dBm]
    sigma_db : ndarray of float64, shape (n_devices,)
        Of the whole signal; the fast part has ``1 - SLOW_SHARE`` of the variance. [dB]

    Returns
    -------
    ndarray of float64, shape (n_hours, n_devices)
        [dBm]
    """
    slow = slow_normals(
        keys,
        hour_starts // SECONDS_PER_HOUR,
        spacing_seconds=SECONDS_PER_HOUR,
        correlation=_SIGNAL_HOUR_CORRELATION,
    )
    return mean_dbm + sigma_db * SLOW_SHARE**0.5 * slow
