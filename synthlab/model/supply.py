"""Intermittent supply: sessions with a start, a duration and a volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from synthlab.model.demand import hours_of_week
from synthlab.model.events import SIZE_SHIFT, Events, size_table
from synthlab.model.gaussian import probit
from synthlab.randomness import choices, draws, slow_normals, ticks, uniforms
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

MAX_SESSION_HOURS = 24
"""Longest session; earlier hours than this cannot reach into a window. Assumed. [h]"""


REGIMES = ("predictable", "irregular", "unreliable")
"""How regular supply is. Source: Galaitsi et al., Water 8 (2016) 274."""

PREDICTABLE_DAY_SHARE = 0.9
"""Share of days on which predictable supply keeps its hours. Assumed."""
SERVED_DAY_SHARE = 0.75
"""Share of days with any supply in the unreliable regime. Assumed: gaps with CV >= 1."""
_SERVED_DAY_CORRELATION = 0.5  # Assumed: a bad day is often followed by another.


def supply_sessions(
    *,
    hour_starts: I64,
    keys: npt.NDArray[np.uint64],
    regimes: Sequence[str],
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
    regimes : sequence of str, length n_devices
        One of `REGIMES`: sessions at the same hours most days, at new hours each
        day, or by chance on some days only.
    start_prob : ndarray of float64, shape (168, n_devices)
        Mean number of sessions that begin in an hour of the week, at most 1; the
        same under each regime. [unitless]
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
    hour, device = np.nonzero(_begins(hour_starts, keys, regimes, start_prob))
    start, key = hour_starts[hour], keys[device]
    factors, row = size_table(session_log_sigma)

    def factor(slot: int) -> F64:
        word = draws(ticks(start, slot), key)
        return factors[row[device], (word >> SIZE_SHIFT).astype(np.int64)]

    hour_of_day = start // SECONDS_PER_HOUR % 24
    volume = np.rint(session_liters[hour_of_day, device] * 1000.0 * factor(1)).astype(np.int64)
    seconds = np.rint(session_hours[device] * SECONDS_PER_HOUR * factor(2))
    length = np.clip(seconds, 60, MAX_SESSION_HOURS * SECONDS_PER_HOUR).astype(np.int64)
    offset = choices(draws(ticks(start, 3), key), SECONDS_PER_HOUR)
    return Events(device, start + offset, length, volume)


def _begins(
    hour_starts: I64, keys: npt.NDArray[np.uint64], regimes: Sequence[str], start_prob: F64
) -> npt.NDArray[np.bool_]:
    """Decide in which hours sessions begin, shape (n_hours, n_devices)."""
    days = np.arange(hour_starts[0] // SECONDS_PER_DAY, hour_starts[-1] // SECONDS_PER_DAY + 1)
    hours = np.arange(days[0] * 24, (days[-1] + 1) * 24) * SECONDS_PER_HOUR
    prob = start_prob[hours_of_week(hours)]
    begins = np.empty(prob.shape, dtype=bool)
    regime = np.array([REGIMES.index(name) for name in regimes])
    timed, chance = np.flatnonzero(regime < 2), np.flatnonzero(regime == 2)
    if len(timed):
        begins[:, timed] = _timed(days, keys[timed], prob[:, timed], regime[timed] == 0)
    if len(chance):
        begins[:, chance] = _by_chance(days, hours, keys[chance], prob[:, chance])
    first = int(hour_starts[0] - hours[0]) // SECONDS_PER_HOUR
    return begins[first : first + len(hour_starts)]


def _timed(
    days: I64, keys: npt.NDArray[np.uint64], prob: F64, is_predictable: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Place a day's sessions apart, by systematic sampling; where predictable at the same turn."""
    own_turn = uniforms(draws(ticks(0, 4), keys))
    day_ticks = ticks(days * SECONDS_PER_DAY, 5)[:, None]
    new_turn = uniforms(draws(day_ticks, keys))
    keeps = uniforms(draws(ticks(days * SECONDS_PER_DAY, 6)[:, None], keys)) < PREDICTABLE_DAY_SHARE
    turn = np.where(keeps & is_predictable, own_turn, new_turn)
    until = np.floor(np.cumsum(prob.reshape(len(days), 24, -1), axis=1) + turn[:, None, :])
    return np.diff(until, axis=1, prepend=0.0).reshape(prob.shape) > 0


def _by_chance(days: I64, hours: I64, keys: npt.NDArray[np.uint64], prob: F64) -> npt.NDArray[np.bool_]:
    """Begin each hour by chance, on the days that are served at all."""
    process = slow_normals(
        keys,
        days,
        spacing_seconds=SECONDS_PER_DAY,
        correlation=_SERVED_DAY_CORRELATION,
        slot=7,
    )
    is_served = process < float(probit(np.array(SERVED_DAY_SHARE)))
    chance = np.minimum(prob / SERVED_DAY_SHARE, 1.0) * np.repeat(is_served, 24, axis=0)
    return uniforms(draws(ticks(hours)[:, None], keys)) < chance
