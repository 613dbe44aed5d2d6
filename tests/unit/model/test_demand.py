"""Demand: the guide's formula, Poisson counts, and the compound mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from synthlab.model import demand, household
from synthlab.model.demand import demand_events, expected_demand_liters, hours_of_week, poisson_counts
from synthlab.model.events import Events, gamma_factors
from synthlab.model.gaussian import probit
from synthlab.model.household import make_households
from synthlab.randomness import draws, stream_key, stream_keys, ticks, uniforms
from tests.fleets import DAY, HOUR, WEEKDAYS, WEIGHTS

# 2026-01-05, a Monday at 00:00 UTC.
MONDAY = 1_767_571_200
COUNTS_RATES = [0.05, 0.7, 2.5, 10.0]


def guide_demand_liters(
    received_at: datetime,
    target: float,
    weights: list[float],
    weekend: list[float] | None,
    multipliers: list[float],
    step: int,
) -> float:
    """The guide's section 7.1, line by line."""
    hour, dow = received_at.hour, received_at.weekday()
    used = weekend if weekend and dow in (5, 6) else weights
    weights_norm = [weight * (24 / sum(used)) for weight in used]
    base_lph = target / 24
    return base_lph * weights_norm[hour] * multipliers[dow] * (step / 3600)


@given(
    target=st.floats(0.1, 1e6),
    weights=st.lists(st.floats(0.01, 100), min_size=24, max_size=24),
    weekend=st.none() | st.lists(st.floats(0.01, 100), min_size=24, max_size=24),
    multipliers=st.lists(st.floats(0.01, 10), min_size=7, max_size=7),
    step=st.sampled_from([60, 300, 1800, 3600]),
)
def test_expected_demand_is_the_guides_formula_to_the_bit(
    target: float, weights: list[float], weekend: list[float] | None, multipliers: list[float], step: int
) -> None:
    table = expected_demand_liters(
        target_daily_liters=target,
        hourly_weights=weights,
        weekend_hourly_weights=weekend,
        weekday_multipliers=multipliers,
        step_seconds=step,
    )
    start = datetime(2026, 1, 5, tzinfo=UTC)
    moments = [start + timedelta(hours=h, minutes=17) for h in range(168)]
    assert table == [guide_demand_liters(at, target, weights, weekend, multipliers, step) for at in moments]


def test_a_week_of_ones_is_seven_targets() -> None:
    table = expected_demand_liters(
        target_daily_liters=900.0, hourly_weights=WEIGHTS, weekday_multipliers=(1.0,) * 7, step_seconds=3600
    )
    assert sum(table) == pytest.approx(7 * 900.0, rel=1e-12)


def test_weekend_weights_hold_on_saturday_and_sunday_only() -> None:
    weekend = [1.0] * 12 + [3.0] * 12
    table = np.array(
        expected_demand_liters(
            target_daily_liters=24.0,
            hourly_weights=[1.0] * 24,
            weekend_hourly_weights=weekend,
            weekday_multipliers=(1.0,) * 7,
            step_seconds=3600,
        )
    ).reshape(7, 24)
    assert (table[:5] == 1.0).all()
    assert np.allclose(table[5:, :12], 0.5)
    assert np.allclose(table[5:, 12:], 1.5)


def test_hours_of_week_begin_on_monday() -> None:
    moments = np.array([MONDAY, MONDAY + 3599, MONDAY + 3600, MONDAY + 7 * DAY - 1])
    assert hours_of_week(moments).tolist() == [0, 0, 1, 167]
    for moment in moments.tolist():
        at = datetime.fromtimestamp(moment, UTC)
        assert hours_of_week(np.array([moment]))[0] == at.weekday() * 24 + at.hour


@pytest.fixture(scope="module")
def counts() -> np.ndarray:
    """40,000 hours of four rates."""
    seconds = np.arange(40_000) * HOUR
    keys = np.array([stream_key(3, f"P{i}", "demand") for i in range(4)], dtype=np.uint64)
    uniform = uniforms(draws(ticks(seconds)[:, None], keys))
    rates = np.broadcast_to(np.array(COUNTS_RATES), uniform.shape)
    return poisson_counts(uniform.ravel(), rates.ravel()).reshape(uniform.shape)


@pytest.mark.parametrize("column", range(4))
def test_counts_are_poisson(counts: np.ndarray, column: int) -> None:
    rate, n = COUNTS_RATES[column], len(counts)
    sample = counts[:, column]
    assert abs(sample.mean() - rate) < 4 * (rate / n) ** 0.5
    # Variance of the sample variance: (mu4 - sigma^4) / n with mu4 = rate + 3 rate^2.
    assert abs(sample.var() - rate) < 4 * ((rate + 2 * rate * rate) / n) ** 0.5
    probability = np.exp(-rate) * np.cumprod(np.append(1.0, rate / np.arange(1, 60)))
    expected = probability * n
    kept = int((expected >= 8).sum())
    observed = np.bincount(sample, minlength=60)
    chi2 = ((observed[:kept] - expected[:kept]) ** 2 / expected[:kept]).sum()
    tail = n - expected[:kept].sum()
    chi2 += (observed[kept:].sum() - tail) ** 2 / max(tail, 1e-9) if tail > 1 else 0.0
    # Three standard deviations and more above the mean of chi2 with `kept` degrees.
    assert chi2 < kept + 4 * (2 * kept) ** 0.5


def test_counts_at_the_ends() -> None:
    top = 1.0 - 2.0**-53
    uniform = np.array([0.0, top, top, 0.5, 0.5, 0.5, top])
    counts = poisson_counts(uniform, np.array([3.0, 0.0, 0.5, 50.0, 500.0, 0.0, 10.0]))
    assert counts[[0, 1, 5]].tolist() == [0, 0, 0]
    assert counts[3] == 50
    assert counts[4] == 500
    alone = poisson_counts(uniform[2:3], np.array([0.5]))
    assert 10 < counts[2] == alone[0] < 30


def household_events(
    target: float = 900.0, *, weeks: int = 8, count: int = 30, weights=WEIGHTS, seed: int = 5, **traits: float
):
    """Events of a street of households alike in all but their draws, and their tables."""
    table = expected_demand_liters(
        target_daily_liters=target, hourly_weights=weights, weekday_multipliers=WEEKDAYS, step_seconds=3600
    )
    known = {"absence_share": 0.028, "profile_spread": 1.0, "leak_liters_per_hour": 0.022}
    known |= {"use_size_factor": 1.0, "habit_strength": 1.0, "day_factor_sigma": 0.05, "flow": 9.0} | traits
    value = {name: np.full(count, level) for name, level in known.items()}
    ids = [f"H{i}" for i in range(count)]
    homes = make_households(
        hourly_liters=np.repeat(np.array(table)[:, None], count, axis=1),
        keys={name: stream_keys(seed, ids, f"household/{name}") for name in household.KEYS},
        absence_share=value["absence_share"],
        profile_spread=value["profile_spread"],
        leak_liters_per_hour=value["leak_liters_per_hour"],
        use_size_factor=value["use_size_factor"],
    )
    parts = demand_events(
        hour_starts=MONDAY + np.arange(168 * weeks) * HOUR,
        households=homes,
        keys={name: stream_keys(seed, ids, f"demand/{name}") for name in demand.KEYS},
        habit_strength=value["habit_strength"],
        day_factor_sigma=value["day_factor_sigma"],
        flow_liters_per_minute=value["flow"],
    )
    return Events.joined(parts), homes, np.array(table)


def by_hour(events, weeks: int, count: int) -> np.ndarray:
    """Liters of the uses that begin in each hour, by household: all of them, within half an hour."""
    cell = np.minimum((events.start_second - MONDAY) // HOUR, 168 * weeks - 1) * count + events.device
    return np.bincount(cell, events.volume_ml / 1000, minlength=168 * weeks * count).reshape(-1, count)


@pytest.mark.parametrize("target", [60.0, 250.0, 900.0, 30_000.0])
def test_the_mean_over_households_is_the_target(target: float) -> None:
    events, _, table = household_events(target, count=120)
    weekly = by_hour(events, 8, 120).sum(axis=0) / 8
    assert abs(weekly.mean() - table.sum()) < 3.5 * weekly.std(ddof=1) / 120**0.5


def test_without_spread_each_household_follows_the_formula() -> None:
    events, homes, table = household_events(
        250.0, weeks=40, count=12, profile_spread=0.0, habit_strength=0.0, absence_share=0.0
    )
    hourly = by_hour(events, 40, 12).reshape(40, 7, 24, 12).mean(axis=(0, 1))
    formula = table.reshape(7, 24).mean(axis=0)
    assert all(np.corrcoef(hourly[:, i], formula)[0, 1] > 0.8 for i in range(12))
    assert np.corrcoef(hourly.mean(axis=1), formula)[0, 1] > 0.97
    spread = household_events(250.0, weeks=1, count=200)[1].rate["large"]
    assert homes.rate["large"].std(axis=1).mean() < spread.std(axis=1).mean()


def test_hours_with_any_use_are_as_rare_as_wanted() -> None:
    events, homes, _ = household_events(250.0, weeks=26, count=60, weights=WEIGHTS, absence_share=0.0)
    busy = (by_hour(events, 26, 60) > 0.5).mean(axis=0)
    rate = sum(homes.rate.values())
    wanted = homes.active_prob * -np.expm1(-rate / homes.active_prob)
    # Routine makes some hours busier than others: fewer are, than of Poisson's.
    assert busy.mean() == pytest.approx(wanted.mean(), rel=0.1)
    assert np.corrcoef(busy, wanted.mean(axis=0))[0, 1] > 0.9


def test_uses_fit_into_an_hour_at_no_more_than_their_flow() -> None:
    events, _, _ = household_events()
    end = events.start_second + events.length_seconds
    across = events.start_second // HOUR != (end - 1) // HOUR
    # Only large uses run over, and so few of all.
    assert 0.01 < across.mean() < 0.1
    assert np.median(events.volume_ml[across]) > 2 * np.median(events.volume_ml[~across])
    assert (events.length_seconds >= 1).all()
    assert (events.volume_ml >= 0).all()
    fast = events.volume_ml / events.length_seconds > 150.0 + 1e-9
    # Only what would not fit into its hour, or ends within a second, is drawn faster.
    assert (events.volume_ml[fast] > 150.0 * 1700).all()
    assert np.histogram(events.start_second % HOUR, bins=6, range=(0, HOUR))[0].min() > 1500


def test_leaks_are_part_of_the_demand_not_added_to_it() -> None:
    dry, _, table = household_events(250.0, count=60, leak_liters_per_hour=0.0)
    leaky, homes, _ = household_events(250.0, count=60, leak_liters_per_hour=1.0)
    trickle = leaky.length_seconds == HOUR
    assert (dry.length_seconds < HOUR).mean() > 0.999
    assert leaky.volume_ml[trickle].sum() / 1000 == pytest.approx(homes.leak_liters.sum() * 8, rel=0.25)
    for events in (dry, leaky):
        weekly = by_hour(events, 8, 60).sum(axis=0) / 8
        assert abs(weekly.mean() - table.sum()) < 3.5 * weekly.std(ddof=1) / 60**0.5


def test_a_big_consumer_draws_larger_volumes_not_more_often() -> None:
    events, _, _ = household_events(50_000.0, weeks=1, count=20)
    assert len(events.volume_ml) / 20 / 7 < 1_500
    assert events.length_seconds.max() <= HOUR


@pytest.mark.parametrize("shape", sorted(set(household.SIZE_SHAPE.values()) | {0.7}))
def test_gamma_factors_are_the_quantiles(shape: float) -> None:
    factors = gamma_factors(shape)
    assert factors.mean() == pytest.approx(1.0, abs=1e-12)
    wanted = stats.gamma.ppf((np.arange(4096) + 0.5) / 4096, shape) / shape
    np.testing.assert_allclose(factors, wanted * (1 / wanted.mean()), rtol=2e-3, atol=2e-4)


def test_probit_is_the_quantile() -> None:
    prob = np.linspace(1e-4, 1 - 1e-4, 9_999)
    np.testing.assert_allclose(probit(prob), stats.norm.ppf(prob), atol=1e-3)
