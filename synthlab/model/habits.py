"""When a household is active: a correlated Gaussian under a threshold, and absences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthlab.model.gaussian import circular_process, fixed_normals, log_normal_mean_one, probit
from synthlab.randomness import F32, U64, slow_normals
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR, hour_of_week

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

PROCESSES = ("hours", "days", "season", "drift", "habit", "rest", "absent", "factor", "leak")
"""Streams that these functions take, by name."""

# Correlations of neighboring nodes. Source: M (see `synthlab.model.household`).
_HOUR_CORRELATION, _REST_CORRELATION, _DAY_CORRELATION = 0.9, 0.65, 0.4
_SEASON_CORRELATION = 0.961  # of days: 25 days
_DRIFT_DAYS, _DRIFT_CORRELATION = 20, 0.607  # nodes 20 days apart: 40 days
_ABSENCE_CORRELATION = 0.819  # of days: 5 days
_LEAK_CORRELATION = 0.951  # of days: 20 days
LEAK_DAY_SHARE = 0.6
"""Share of days on which something trickles. Source: M."""

# Standard deviation of each part of the activity, by hour of day. Source: M.
_HOUR_SIGMA = np.array([0.6] + [0.15] * 7 + [0.3] + [0.4] * 15)
_DAY_SIGMA = np.array([0.06] * 7 + [0.1] * 17)
_SEASON_SIGMA = np.full(24, 0.25)
_HABIT_SIGMA = 0.52 * np.array([1.0] * 7 + [1.6, 1.6] + [1.0] * 15)
_HABIT_LENGTH = 1.5  # [h]
_WEEKLY_SHARE = 0.3  # of the variance of habits; the rest drifts


@dataclass(frozen=True, slots=True)
class Activity:
    """How much households are about, hour by hour: the lower, the busier.

    Attributes
    ----------
    score : ndarray of float32, shape (n_hours, n_devices)
        Standard normal; a household is active where it lies under a threshold.
    routine : ndarray of float32, shape (n_hours, n_devices)
        The part of it that is habit or of the moment: normal, not standardized.
    routine_variance, covariance : ndarray of float64, shape (24, n_devices)
        Of `routine`, and of it with `score`, by hour of the day.
    """

    score: F32
    routine: F32
    routine_variance: F64
    covariance: F64


def activity(hour_starts: I64, *, keys: Mapping[str, U64], habit_strength: F64) -> Activity:
    """Draw how much households are about.

    Parameters
    ----------
    hour_starts : ndarray of int64, shape (n_hours,)
        Consecutive full hours, Unix time. [seconds]
    keys : mapping of str to ndarray of uint64, shape (n_devices,)
    habit_strength : ndarray of float64, shape (n_devices,)
        How far habits persist: 0 not at all, 1 as measured. [unitless]

    Notes
    -----
    The sum of parts that last hours, a day, a season, of a weekly habit and one that
    drifts, and of a short rest that fills the variance up to 1. Thresholds of a
    correlated process give wake times and evenings out without a state machine, and
    meet any probability.
    """
    week_hour = (hour_starts // SECONDS_PER_HOUR + hour_of_week(0)) % 168
    hour = week_hour % 24
    slow = [
        (_HOUR_SIGMA, _by_hour(hour_starts, keys["hours"], _HOUR_CORRELATION)),
        (_DAY_SIGMA, _by_day(hour_starts, keys["days"], _DAY_CORRELATION)),
        (_SEASON_SIGMA, _by_day(hour_starts, keys["season"], _SEASON_CORRELATION)),
    ]
    score = np.zeros((len(hour_starts), len(habit_strength)), dtype=np.float32)
    for sigma, part in slow:
        score += sigma.astype(np.float32)[hour][:, None] * part
    habit_sigma = _HABIT_SIGMA[:, None] * habit_strength
    habits = np.float32(_WEEKLY_SHARE**0.5) * _weekly_habit(week_hour, keys["habit"])
    habits += np.float32((1.0 - _WEEKLY_SHARE) ** 0.5) * _drifting_habit(hour_starts, hour, keys["drift"])
    slow_variance = sum(sigma * sigma for sigma, _ in slow)[:, None]
    variance = slow_variance + habit_sigma * habit_sigma
    rest_sigma = np.sqrt(np.maximum(1.0 - variance, 0.0))
    routine = habit_sigma.astype(np.float32)[hour] * habits
    routine += rest_sigma.astype(np.float32)[hour] * _by_hour(hour_starts, keys["rest"], _REST_CORRELATION)
    scale = np.sqrt(np.maximum(variance, 1.0))
    score = (score + routine) / scale.astype(np.float32)[hour]
    routine_variance = np.maximum(variance, 1.0) - slow_variance
    return Activity(score, routine, routine_variance, routine_variance / scale)


def present_hours(hour_starts: I64, *, keys: U64, absence_prob: F64) -> Bools:
    """Decide in which hours somebody is there, shape (n_hours, n_devices).

    Nodes a day apart, linear between them: people leave and come back at any hour.
    """
    day, hour = hour_starts // SECONDS_PER_DAY, hour_starts % SECONDS_PER_DAY // SECONDS_PER_HOUR
    nodes = np.arange(day[0], day[-1] + 2)
    process = slow_normals(keys, nodes, spacing_seconds=SECONDS_PER_DAY, correlation=_ABSENCE_CORRELATION)
    between = _between(process, day - day[0], (hour / 24.0)[:, None], _ABSENCE_CORRELATION)
    return between >= probit(absence_prob)


def leak_days(days: I64, *, keys: U64) -> Bools:
    """Decide on which days something trickles, shape (n_days, n_devices)."""
    process = slow_normals(keys, days, spacing_seconds=SECONDS_PER_DAY, correlation=_LEAK_CORRELATION)
    return process < float(probit(np.array(LEAK_DAY_SHARE)))


def day_factor(days: I64, *, keys: U64, sigma: F64) -> F64:
    """Slow factor of a day's volume with mean 1, shape (n_days, n_devices)."""
    process = slow_normals(keys, days, spacing_seconds=SECONDS_PER_DAY, correlation=_SEASON_CORRELATION)
    return log_normal_mean_one(process, sigma)


def _by_hour(hour_starts: I64, keys: U64, correlation: float) -> F32:
    return slow_normals(
        keys,
        hour_starts // SECONDS_PER_HOUR,
        spacing_seconds=SECONDS_PER_HOUR,
        correlation=correlation,
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
    lattice = slow_normals(
        keys,
        nodes,
        spacing_seconds=_DRIFT_DAYS * SECONDS_PER_DAY,
        correlation=_DRIFT_CORRELATION,
        slot=np.arange(24),
    )
    node, share = day // _DRIFT_DAYS - nodes[0], ((day % _DRIFT_DAYS) / _DRIFT_DAYS)[:, None]
    left, right = _node_weights(share, _DRIFT_CORRELATION)
    return lattice[node, hour] * left + lattice[node + 1, hour] * right


def _between(process: F32, node: I64, share: F64, correlation: float) -> F32:
    """Go from node to node along lines, at shares 0..1 of the way."""
    left, right = _node_weights(share, correlation)
    return process[node] * left + process[node + 1] * right


def _node_weights(share: F64, correlation: float) -> tuple[F32, F32]:
    """Weights of two nodes: between them a mean would vary less, so the variance is restored."""
    scale = 1.0 / np.sqrt((1 - share) ** 2 + share**2 + 2 * share * (1 - share) * correlation)
    return ((1 - share) * scale).astype(np.float32), (share * scale).astype(np.float32)
