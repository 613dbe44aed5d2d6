"""The check of how fast water comes in: several sessions against the tank's own earlier ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from synthlab.quality.flags import Flag
from synthlab.quality.inlet import check_supply_rate, sessions_of, slow_sessions
from synthlab.quality.rows import NOT_A_TIME

ONE, DAY = np.array([0]), 24
G, U, S = (int(flag) for flag in (Flag.GOOD, Flag.UNKNOWN, Flag.SUSPECT))


def mornings(days: int, sigma: float, seed: int, *, shut_from: int = 10_000, left: float = 1.0) -> np.ndarray:
    """Two hours with water every morning, how much is lognormal; from a day on only a share is left."""
    hours = np.arange(DAY * days)
    of_day = np.exp(np.random.default_rng(seed).normal(3, sigma, days))
    of_day[shut_from:] *= left
    return np.where(np.isin(hours % DAY, (6, 7)), np.repeat(of_day, DAY), 0.0)


def flags_of(inflow: np.ndarray, *, starts: Any = ONE, sigmas: float = 4.5, times: Any = None) -> np.ndarray:
    times = np.arange(len(inflow)) * 3_600_000 if times is None else times
    return check_supply_rate(inflow, times, starts, sigmas=sigmas)


@pytest.mark.parametrize(("left", "most_days"), [(0.05, 4), (0.2, 6), (0.5, 14)])
def test_a_partly_shut_inlet_is_found_and_the_sooner_the_less_is_left(left: float, most_days: int) -> None:
    late = []
    for seed in range(20):
        flags = flags_of(mornings(60, 0.3, seed, shut_from=35, left=left))
        assert (flags[: 35 * DAY] == G).all()
        late.append(np.flatnonzero(flags == S)[0] / DAY - 35)
    assert np.median(late) <= most_days


def test_a_slow_session_is_suspect_until_the_next_one_is_over() -> None:
    inflow = mornings(40, 0.1, 1, shut_from=30, left=0.1)
    inflow[34 * DAY :] *= 10
    found = np.flatnonzero(flags_of(inflow) == S)
    assert found[0] % DAY == 7
    assert (np.diff(found) == 1).all()


def test_more_water_than_usual_is_no_slow_inlet() -> None:
    assert (flags_of(mornings(60, 0.3, 2, shut_from=35, left=4.0)) == G).all()


def test_chance_alone_is_seldom_taken_for_a_shut_inlet() -> None:
    tanks = 200
    inflow = np.concatenate([mornings(60, 0.9, seed) for seed in range(tanks)])
    starts = np.arange(tanks) * 60 * DAY
    found = flags_of(inflow, starts=starts, times=np.tile(np.arange(60 * DAY) * 3_600_000, tanks)) == S
    assert found.mean() < 0.001


def test_few_sessions_say_nothing() -> None:
    assert (flags_of(mornings(12, 0.3, 3)) == U).all()
    assert (flags_of(np.zeros(500)) == U).all()
    assert (flags_of(mornings(13, 0.3, 3)) == G).all()


def test_devices_do_not_meet_and_rows_without_a_time_are_left_out() -> None:
    slow, usual = mornings(40, 0.3, 4, shut_from=30, left=0.05), mornings(40, 0.3, 5)
    both, starts = np.concatenate([usual, slow, usual]), np.array([0, len(usual), 2 * len(usual)])
    times = np.tile(np.arange(len(usual)) * 3_600_000, 3)
    apart = np.concatenate([flags_of(one) for one in (usual, slow, usual)])
    assert (flags_of(both, starts=starts, times=times) == apart).all()
    both[100], times[100] = 1e300, NOT_A_TIME
    assert (flags_of(both, starts=starts, times=times) == apart).all()


def test_the_limit_is_that_of_students_t() -> None:
    """Three sessions against ten: the same verdict as scipy's test of two samples with one spread."""
    rng = np.random.default_rng(6)
    for _ in range(50):
        logs = np.concatenate([rng.normal(3, 0.4, 10), rng.normal(2.2, 0.4, 3)])
        hours = np.arange(13.0) * 24
        sessions = sessions_of(np.exp(logs), hours, np.zeros(13, np.int64))
        tested = stats.ttest_ind(logs[:10], logs[10:], alternative="greater")
        z = stats.norm.isf(tested.pvalue)
        if z > 0.2:
            assert slow_sessions(sessions, sigmas=z - 0.05)[-1]
            assert not slow_sessions(sessions, sigmas=z + 0.05)[-1]
