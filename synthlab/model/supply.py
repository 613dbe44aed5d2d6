"""Intermittent supply: sessions with a start, a duration and a volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from synthlab.model.demand import hours_of_week
from synthlab.model.events import SIZE_SHIFT, Events, size_table
from synthlab.randomness import choices, draws, ticks, uniforms
from synthlab.timeline import SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

MAX_SESSION_HOURS = 24
"""Longest session; earlier hours than this cannot reach into a window. Assumed. [h]"""


def supply_sessions(
    *,
    hour_starts: I64,
    keys: npt.NDArray[np.uint64],
    start_prob: F64,
    session_liters: F64,
    session_hours: F64,
    session_log_sigma: Sequence[float],
) -> Events:
    """Draw the supply sessions that begin in the given hours.

    Parameters
    ----------
    hour_starts : ndarray of int64, shape (n_hours,)
        Unix time of full hours; pass `MAX_SESSION_HOURS` before the window too. [seconds]
    keys : ndarray of uint64, shape (n_devices,)
    start_prob : ndarray of float64, shape (168, n_devices)
        Probability that a session begins in an hour of the week. [unitless]
    session_liters : ndarray of float64, shape (24, n_devices)
        Mean volume by the hour in which it begins. [liters]
    session_hours : ndarray of float64, shape (n_devices,)
        Mean duration. [h]
    session_log_sigma : sequence of float, length n_devices
        Of volume and of duration, drawn apart. [unitless]

    Returns
    -------
    Events
    """
    hours = hours_of_week(hour_starts)
    tick = ticks(hour_starts)
    begins = uniforms(draws(tick[:, None], keys)) < start_prob[hours]
    hour, device = np.nonzero(begins)
    start, key = hour_starts[hour], keys[device]
    factors, row = size_table(session_log_sigma)

    def factor(slot: int) -> F64:
        word = draws(ticks(start, slot), key)
        return factors[row[device], (word >> SIZE_SHIFT).astype(np.int64)]

    volume = np.rint(session_liters[hours[hour] % 24, device] * 1000.0 * factor(1)).astype(np.int64)
    seconds = np.rint(session_hours[device] * SECONDS_PER_HOUR * factor(2))
    length = np.clip(seconds, 60, MAX_SESSION_HOURS * SECONDS_PER_HOUR).astype(np.int64)
    offset = choices(draws(ticks(start, 3), key), SECONDS_PER_HOUR)
    return Events(device, start + offset, length, volume)
