"""The check of waits for water: what is usual there decides, and little evidence decides nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.quality.flags import Flag
from synthlab.quality.supply import check_supply_pause

ONE = np.array([0])
DAY, MONTH = 24, 720
G, U, S = (int(flag) for flag in (Flag.GOOD, Flag.UNKNOWN, Flag.SUSPECT))


def flags_of(inflow: Any, *, chance: float = 0.03, starts: Any = ONE, hours: Any = None) -> Any:
    hours = np.arange(len(inflow)) if hours is None else hours
    return check_supply_pause(
        np.asarray(inflow, float), hours * 3_600_000, starts, chance_per_month=chance, least_hours=72.0
    )


def daily(days: int, *dry: tuple[int, int]) -> np.ndarray:
    """Water at six every morning, but for the given days."""
    hours = np.arange(DAY * days)
    inflow = np.where(hours % DAY == 6, 100.0, 0.0)
    for first, last in dry:
        inflow[DAY * first : DAY * last] = 0
    return inflow


def spells(count: int, mean_hours: float, seed: int) -> np.ndarray:
    """Dry spells of a day and an exponential rest, each after three mornings with water."""
    rng = np.random.default_rng(seed)
    parts = []
    for rest in rng.exponential(mean_hours, count):
        parts += [[100.0, *[0.0] * 23]] * 3 + [[0.0] * round(rest)]
    return np.concatenate(parts)


def test_a_tank_that_waits_much_longer_than_ever_is_found_until_water_comes() -> None:
    flags = flags_of(daily(40, (20, 34)))
    late = np.flatnonzero(flags == S)
    begin = DAY * 19 + 6
    assert 72 < late[0] - begin < 10 * DAY
    assert late[-1] == DAY * 34 + 5
    assert (np.diff(late) == 1).all()
    assert (flags[: begin + 72] == G).all()
    # It never had a dry spell: nobody knows whether the wait is still usual.
    assert (flags[begin + 74 : late[0]] == U).all()


def test_where_water_often_fails_ten_days_without_are_usual() -> None:
    usual = [part for days in (2, 5, 1, 8, 3, 6, 2, 7) for part in (daily(3), np.zeros(days * DAY))]
    assert (flags_of(np.concatenate([*usual, daily(3), np.zeros(10 * DAY), daily(3)])) == G).all()
    assert (flags_of(np.concatenate([daily(30), np.zeros(10 * DAY), daily(3)])) == S).any()


def test_the_limit_is_where_a_months_spells_seldom_last_so_long() -> None:
    """Against a simulation of what is known: rates that the spells leave possible, and their waits."""
    spell_days, chance = (2, 5, 1, 8, 3), 0.03
    parts = [part for days in spell_days for part in (daily(3), np.zeros(days * DAY))]
    inflow = np.concatenate([*parts, daily(3), np.zeros(40 * DAY)])
    since = np.arange(len(inflow)) - np.flatnonzero(inflow > 0)[-1]
    limit = since[np.flatnonzero(flags_of(inflow, chance=chance) == S)[0]] - 1
    excess = np.diff(np.flatnonzero(inflow > 0)) - DAY
    spell_count, prior_count, prior_hours = int((excess > 0).sum()), 3, 48.0
    total = excess[excess > 0].sum() + prior_count * prior_hours
    rates = np.random.default_rng(0).gamma(prior_count + spell_count, 1 / total, 1_000_000)
    waits = np.random.default_rng(1).exponential(1 / rates)
    longer = (spell_count + 0.5) * np.mean(DAY + waits > limit)
    assert longer == pytest.approx(chance * len(inflow) / MONTH, rel=0.05)


def test_few_pauses_tell_nothing() -> None:
    assert (flags_of(daily(5)) == U).all()
    assert (flags_of(np.zeros(100)) == U).all()


def test_a_wait_that_one_end_of_the_window_cuts_off_is_judged_by_what_is_seen_of_it() -> None:
    long_ago = np.concatenate([np.zeros(5 * DAY), daily(30)])
    flags = flags_of(long_ago)
    # Nobody knows how long it had lasted: no verdict, and none that it is usual.
    assert (flags[73 : 5 * DAY] == U).all()
    assert (flags[5 * DAY + 6 :] == G).all()
    assert (flags_of(np.concatenate([np.zeros(21 * DAY), daily(30)])) == S).any()
    still = flags_of(np.concatenate([daily(30), np.zeros(21 * DAY)]))
    whole = flags_of(np.concatenate([daily(30), np.zeros(21 * DAY), daily(5)]))
    assert (still == S).any()
    assert still[-1] == S
    assert abs(int((still == S).sum()) - int((whole == S).sum())) < DAY


def test_two_long_waits_do_not_hide_each_other() -> None:
    flags = flags_of(daily(90, (30, 45), (60, 76)))
    assert (flags[DAY * 44 : DAY * 45] == S).all()
    assert (flags[DAY * 75 : DAY * 76] == S).all()


@pytest.mark.parametrize("mean_hours", [12.0, 24.0, 48.0])
def test_alarms_without_a_cause_are_no_more_than_asked_for(mean_hours: float) -> None:
    """Spells that are exponential indeed, and on average no longer than known beforehand."""
    chance, alarms, months = 0.1, 0, 0.0
    for seed in range(300):
        inflow = spells(6, mean_hours, seed)
        flags = flags_of(inflow, chance=chance)
        alarms += int(np.count_nonzero(np.diff((flags == S).astype(int), prepend=0) == 1))
        months += len(inflow) / MONTH
    assert alarms <= 1.3 * chance * months


@given(st.integers(0, 2**32 - 1), st.integers(-(10**9), 10**9))
def test_only_distances_in_time_count_and_devices_do_not_meet(seed: int, shift: int) -> None:
    inflow = np.concatenate([spells(6, 40.0, seed), np.zeros(20 * DAY), daily(2)])
    flags, hours = flags_of(inflow), np.arange(len(inflow))
    np.testing.assert_array_equal(flags_of(inflow, hours=hours + shift), flags)
    twice = flags_of(
        np.concatenate([daily(9), inflow]),
        hours=np.concatenate([np.arange(9 * DAY), hours]),
        starts=np.array([0, 9 * DAY]),
    )
    np.testing.assert_array_equal(twice[9 * DAY :], flags)


@given(st.integers(0, 2**32 - 1))
def test_who_allows_more_alarms_loses_none(seed: int) -> None:
    inflow = np.concatenate([spells(6, 40.0, seed), np.zeros(20 * DAY), daily(2)])
    rows = [set(np.flatnonzero(flags_of(inflow, chance=chance) == S)) for chance in (0.0, 0.01, 0.1, 1.0)]
    assert not rows[0]
    assert rows[1] <= rows[2] <= rows[3]
