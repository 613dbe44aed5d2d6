"""When a household is active: a correlated Gaussian under a threshold, and absences."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from synthlab.model.gaussian import circular_process, fixed_normals, log_normal_mean_one, probit
from synthlab.randomness import F32, U64, draws, normals, slow_normals, ticks
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR, hour_of_week

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

PROCESSES = ("hours", "days", "season", "drift", "habit", "white", "absent", "factor", "leak")
"""Streams that these functions take, by name."""

# Correlations of neighboring nodes. Source: M (see `synthlab.model.household`).
_HOUR_CORRELATION, _DAY_CORRELATION = 0.9, 0.4
_SEASON_CORRELATION = 0.961  # of days: 25 days
_DRIFT_DAYS, _DRIFT_CORRELATION = 20, 0.607  # nodes 20 days apart: 40 days
_ABSENCE_CORRELATION = 0.819  # of days: 5 days
_LEAK_CORRELATION = 0.951  # of days: 20 days
LEAK_DAY_SHARE = 0.6
"""Share of days on which something trickles. Source: M."""

# Standard deviation of each part of the activity, by hour of day. Source: M.
_HOUR_SIGMA = np.array([0.6] + [0.15] * 7 + [0.45, 0.65] + [0.9] * 14)
_DAY_SIGMA = np.array([0.06] * 7 + [0.2] * 17)
_SEASON_SIGMA = 0.3
_HABIT_SIGMA = 0.35 * np.array([1.0] * 7 + [1.6, 1.6] + [1.0] * 15)
_HABIT_LENGTH = 1.5  # [h]


def active_hours(
    hour_starts: I64, *, keys: Mapping[str, U64], active_prob: F64, habit_strength: F64
) -> Bools:
    """Decide in which hours a household uses water, given that somebody is there.

    Parameters
    ----------
    hour_starts : ndarray of int64, shape (n_hours,)
        Consecutive full hours, Unix time. [seconds]
    keys : mapping of str to ndarray of uint64, shape (n_devices,)
    active_prob : ndarray of float64, shape (168, n_devices)
        By hour of the week; what is met in the mean. [unitless]
    habit_strength : ndarray of float64, shape (n_devices,)
        How far habits persist: 0 not at all, 1 as measured. [unitless]

    Returns
    -------
    ndarray of bool, shape (n_hours, n_devices)

    Notes
    -----
    ``Phi(Z) < p`` with Z standard normal: the sum of parts that last hours, a day, a
    season, of a weekly habit and one that drifts, and of white noise that fills the
    variance up to 1. Correlated thresholds give wake times and evenings out without
    a state machine, and meet any probability.
    """
    week_hour = (hour_starts // SECONDS_PER_HOUR + hour_of_week(0)) % 168
    hour = week_hour % 24
    parts = [
        (_HOUR_SIGMA[hour][:, None], _by_hour(hour_starts, keys["hours"])),
        (_DAY_SIGMA[hour][:, None], _by_day(hour_starts, keys["days"], _DAY_CORRELATION)),
        (np.full((1, 1), _SEASON_SIGMA), _by_day(hour_starts, keys["season"], _SEASON_CORRELATION)),
        (_HABIT_SIGMA[hour][:, None] * habit_strength, _weekly_habit(week_hour, keys["habit"])),
        (_HABIT_SIGMA[hour][:, None] * habit_strength, _drifting_habit(hour_starts, hour, keys["drift"])),
    ]
    total = np.zeros((len(hour_starts), active_prob.shape[1]), dtype=np.float32)
    variance: F64 = np.zeros((1, 1))
    for sigma, part in parts:
        total += sigma.astype(np.float32) * part
        variance = variance + sigma * sigma
    white = normals(draws(ticks(hour_starts)[:, None], keys["white"]))[:, ::2]
    total += white * np.sqrt(np.maximum(1.0 - variance, 0.0)).astype(np.float32)
    limit = probit(active_prob)[week_hour] * np.sqrt(np.maximum(variance, 1.0))
    return total < limit


def present_days(days: I64, *, keys: U64, absence_prob: F64) -> Bools:
    """Decide on which days somebody is there, shape (n_days, n_devices)."""
    process = slow_normals(keys, days, spacing_seconds=SECONDS_PER_DAY, correlation=_ABSENCE_CORRELATION)
    return process >= probit(absence_prob)


def leak_days(days: I64, *, keys: U64) -> Bools:
    """Decide on which days something trickles, shape (n_days, n_devices)."""
    process = slow_normals(keys, days, spacing_seconds=SECONDS_PER_DAY, correlation=_LEAK_CORRELATION)
    return process < float(probit(np.array(LEAK_DAY_SHARE)))


def day_factor(days: I64, *, keys: U64, sigma: F64) -> F64:
    """Slow factor of a day's volume with mean 1, shape (n_days, n_devices)."""
    process = slow_normals(keys, days, spacing_seconds=SECONDS_PER_DAY, correlation=_SEASON_CORRELATION)
    return log_normal_mean_one(process, sigma)


def _by_hour(hour_starts: I64, keys: U64) -> F32:
    return slow_normals(
        keys,
        hour_starts // SECONDS_PER_HOUR,
        spacing_seconds=SECONDS_PER_HOUR,
        correlation=_HOUR_CORRELATION,
    )


def _by_day(hour_starts: I64, keys: U64, correlation: float) -> F32:
    day = hour_starts // SECONDS_PER_DAY
    nodes = np.arange(day[0], day[-1] + 1)
    process = slow_normals(keys, nodes, spacing_seconds=SECONDS_PER_DAY, correlation=correlation)
    return process[day - day[0]]


def _weekly_habit(week_hour: I64, keys: U64) -> F32:
    habit = circular_process(fixed_normals(keys, 168), _HABIT_LENGTH)
    return habit.astype(np.float32)[week_hour]


def _drifting_habit(hour_starts: I64, hour: I64, keys: U64) -> F32:
    """Liking for an hour of the day that changes over weeks: nodes far apart, linear between."""
    day = hour_starts // SECONDS_PER_DAY
    nodes = np.arange(day[0] // _DRIFT_DAYS, day[-1] // _DRIFT_DAYS + 2)
    lattice = np.stack(
        [
            slow_normals(
                keys,
                nodes,
                spacing_seconds=_DRIFT_DAYS * SECONDS_PER_DAY,
                correlation=_DRIFT_CORRELATION,
                slot=slot,
            )
            for slot in range(24)
        ],
        axis=1,
    )
    node, share = day // _DRIFT_DAYS - nodes[0], ((day % _DRIFT_DAYS) / _DRIFT_DAYS)[:, None]
    # Between nodes a mean of two would vary less: the variance is restored.
    scale = 1.0 / np.sqrt((1 - share) ** 2 + share**2 + 2 * share * (1 - share) * _DRIFT_CORRELATION)
    left, right = ((1 - share) * scale).astype(np.float32), (share * scale).astype(np.float32)
    return lattice[node, hour] * left + lattice[node + 1, hour] * right
