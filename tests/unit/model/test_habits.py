"""When households are active: probabilities are met, and activity has a memory."""

from __future__ import annotations

import numpy as np
import pytest

from synthlab.model import habits
from synthlab.model.demand import hours_of_week
from synthlab.model.gaussian import probit
from synthlab.model.habits import LEAK_DAY_SHARE, day_factor, leak_days, present_hours
from synthlab.randomness import stream_keys
from tests.fleets import DAY, HOUR

# 2024-01-01, a Monday.
MONDAY = 1_704_067_200
COUNT = 300
IDS = [f"H{i}" for i in range(COUNT)]
KEYS = {name: stream_keys(4, IDS, f"demand/{name}") for name in habits.PROCESSES}
HOURS = MONDAY + np.arange(168 * 12) * HOUR
DAYS = MONDAY // DAY + np.arange(360)


def activity(
    prob: np.ndarray | float, strength: float = 1.0, hours: np.ndarray = HOURS, count: int = COUNT
) -> np.ndarray:
    score = habits.activity(
        hours,
        keys={name: keys[:count] for name, keys in KEYS.items()},
        habit_strength=np.full(count, strength),
    ).score
    wide = np.broadcast_to(np.asarray(prob, dtype=float), (168, COUNT))[:, :count]
    return score < probit(wide)[hours_of_week(hours)]


@pytest.mark.parametrize("strength", [0.0, 1.0, 1.5])
def test_each_hour_is_active_with_its_probability(strength: float) -> None:
    """The parts' variance exceeds 1 in the morning under strong habits; the threshold follows."""
    prob = np.tile(np.linspace(0.01, 0.995, 24)[np.random.default_rng(1).permutation(24)], 7)[:, None]
    share = activity(prob, strength).reshape(12, 168, COUNT).mean(axis=0)
    z = (share.mean(axis=1) - prob[:, 0]) / (share.std(axis=1, ddof=1) / COUNT**0.5)
    assert np.abs(z).max() < 4.5
    # The hours of a street share their days and seasons, so z of hours go together.
    assert abs(z.mean()) < 2.0


def correlation(active: np.ndarray, lag: int) -> float:
    """Of activity within each household, where the probability is the same at all times."""
    centered = active - active.mean(axis=0)
    return float((centered[lag:] * centered[:-lag]).mean() / (centered**2).mean())


def test_activity_lasts_for_hours_and_comes_back_after_a_week() -> None:
    active = activity(0.5, 1.0).astype(float)
    of_evening = active.reshape(-1, 24, COUNT)[:, 12:23]
    centered = of_evening - of_evening.mean()
    neighbors = (centered[:, 1:] * centered[:, :-1]).mean() / (centered**2).mean()
    assert neighbors > 0.35
    by_strength = [correlation(activity(0.5, strength).astype(float), 168) for strength in (0.0, 1.0, 1.5)]
    assert by_strength[0] < 0.06 < by_strength[1] < by_strength[2]
    # A week is more alike than half a week: the habit of the hour of the week.
    assert correlation(active, 168) > correlation(active, 72) + 0.03
    # What drifts makes days alike, and fades over months.
    assert correlation(active, 24) > correlation(active, 24 * 60 + 24 * 2) + 0.02


def test_an_hour_does_not_know_where_the_window_starts_nor_the_others() -> None:
    whole = activity(0.4)
    for first, last in ((5, 900), (24 * 33 + 7, 24 * 61 + 3), (2_000, 2_001)):
        assert (activity(0.4, hours=HOURS[first:last]) == whole[first:last]).all()
    assert (activity(0.4, count=1)[:, 0] == whole[:, 0]).all()
    assert (activity(0.4, count=2) == whole[:, :2]).all()


def test_households_are_independent() -> None:
    active = activity(0.5).astype(float)
    daily = active.reshape(-1, 24, COUNT).mean(axis=1)
    found = np.corrcoef(daily.T)
    off = found[np.triu_indices(COUNT, 1)]
    assert abs(off.mean()) < 0.01


@pytest.mark.parametrize("prob", [0.0, 0.02, 0.3, 0.75])
def test_nobody_is_there_on_the_wanted_share_of_hours_in_spells(prob: float) -> None:
    hours = MONDAY + np.arange(24 * 360) * HOUR
    away = ~present_hours(hours, keys=KEYS["absent"], absence_prob=np.full(COUNT, prob))
    spells = (away[1:] & ~away[:-1]).sum()
    assert away.mean() == pytest.approx(prob, abs=4.5 * (prob * (1 - prob) * 240 / away.size) ** 0.5 + 1e-9)
    if prob >= 0.02:
        # Spells last for more than half a day, and begin and end at any hour.
        assert away.sum() / spells > 12
        leaves = np.nonzero(away[1:] & ~away[:-1])[0] % 24
        assert np.bincount(leaves, minlength=24).max() < 3 * len(leaves) / 24
        # A longer window has the same hours.
        part = ~present_hours(hours[29:900], keys=KEYS["absent"], absence_prob=np.full(COUNT, prob))
        assert (part == away[29:900]).all()


def test_leaks_come_in_spells_on_three_days_of_five() -> None:
    leaky = leak_days(DAYS, keys=KEYS["leak"])
    assert leaky.mean() == pytest.approx(LEAK_DAY_SHARE, abs=0.02)
    changes = (leaky[1:] != leaky[:-1]).mean()
    assert 0.03 < changes < 0.2


def test_the_day_factor_has_mean_one_its_sigma_and_is_slow() -> None:
    sigma = np.where(np.arange(COUNT) % 2, 0.5, 0.0)
    factor = day_factor(DAYS, keys=KEYS["factor"], sigma=sigma)
    assert (factor[:, ::2] == 1).all()
    logs = np.log(factor[:, 1::2])
    assert logs.std() == pytest.approx(0.5, rel=0.1)
    assert factor[:, 1::2].mean() == pytest.approx(1.0, abs=0.06)
    centered = logs - logs.mean()
    assert (centered[1:] * centered[:-1]).mean() / (centered**2).mean() > 0.9
    assert (day_factor(DAYS[50:60], keys=KEYS["factor"], sigma=sigma) == factor[50:60]).all()
