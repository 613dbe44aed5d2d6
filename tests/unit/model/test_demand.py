"""Demand: the guide's formula, Poisson counts, and the compound mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.model import demand
from synthlab.model.demand import demand_pulses, expected_demand_liters, hours_of_week
from synthlab.randomness import draws, stream_key, ticks, uniforms
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
    rates = np.tile(np.array(COUNTS_RATES), (168, 1))
    return demand._poisson_counts(
        uniforms(draws(ticks(seconds)[:, None], keys)), rates, hours_of_week(seconds)
    )


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


def test_a_count_does_not_depend_on_the_other_devices() -> None:
    """At the end of the tail too, where the search is cut."""
    top = np.full((1, 1), 1.0 - 2.0**-53)
    hours = np.array([0])
    alone = demand._poisson_counts(top, np.full((168, 1), 0.5), hours)
    busy = np.tile([0.5, 10.0], (168, 1))
    together = demand._poisson_counts(np.array([[1.0 - 2.0**-53, 0.5]]), busy, hours)
    other_hours = np.full((168, 1), 0.5)
    other_hours[100:] = 9.0
    assert together[0, 0] == alone[0, 0] == demand._poisson_counts(top, other_hours, hours)[0, 0]


def pulses(
    target: float, *, hours: int = 168 * 24, size: float = 12.0, sigma: float = 0.8, flow: float = 9.0
):
    table = expected_demand_liters(
        target_daily_liters=target, hourly_weights=WEIGHTS, weekday_multipliers=WEEKDAYS, step_seconds=3600
    )
    starts = MONDAY + np.arange(hours) * HOUR
    events = demand_pulses(
        hour_starts=starts,
        keys=np.array([stream_key(5, "T", "demand")], dtype=np.uint64),
        hourly_liters=np.array(table)[:, None],
        pulse_liters=np.array([size]),
        pulse_log_sigma=[sigma],
        flow_liters_per_minute=np.array([flow]),
    )
    return events, np.array(table)


@pytest.mark.parametrize(("target", "sigma"), [(900.0, 0.8), (60.0, 0.0), (30_000.0, 0.4)])
def test_compound_mean_and_variance(target: float, sigma: float) -> None:
    """24 weeks: sum of N lognormal sizes, N Poisson: E = rate m, Var = rate E[size^2]."""
    events, table = pulses(target, sigma=sigma)
    mean_size = max(12.0, table.max() / demand.MAX_PULSES_PER_HOUR)
    total, expected = events.volume_ml.sum() / 1000, table.sum() * 24
    variance = expected * mean_size * np.exp(sigma * sigma)
    assert abs(total - expected) < 3.5 * variance**0.5
    count = len(events.volume_ml)
    assert abs(count - expected / mean_size) < 3.5 * (expected / mean_size) ** 0.5
    size = events.volume_ml / 1000 / mean_size
    assert size.mean() == pytest.approx(1.0, abs=3.5 * (np.expm1(sigma**2) / count) ** 0.5 + 1e-4)
    assert np.log(size).std() == pytest.approx(sigma, abs=3.5 * sigma / (2 * count) ** 0.5 + 1e-3)


def test_each_pulse_lies_within_its_hour_at_no_more_than_its_flow() -> None:
    events, _ = pulses(900.0)
    end = events.start_second + events.length_seconds
    assert (events.start_second // HOUR == (end - 1) // HOUR).all()
    assert (events.length_seconds >= 1).all()
    assert (events.volume_ml >= 0).all()
    flow = events.volume_ml / events.length_seconds
    long = events.length_seconds > 30
    assert (flow[long] <= 150.0 + 1e-9).all()
    assert (flow[long] > 150.0 * 29 / 30).all()
    # Starts are spread over the whole hour.
    assert np.histogram(events.start_second % HOUR, bins=6, range=(0, HOUR))[0].min() > 1500


def test_size_place_and_count_are_drawn_apart() -> None:
    events, _ = pulses(900.0, flow=100.0)
    place = events.start_second % HOUR / (HOUR - events.length_seconds + 1)
    size = np.log(events.volume_ml)
    limit = 4.5 / len(size) ** 0.5
    assert abs(np.corrcoef(size, place)[0, 1]) < limit
    assert abs(np.corrcoef(size[1:], size[:-1])[0, 1]) < limit
    hour = events.start_second // HOUR
    assert abs(np.corrcoef(size, np.bincount(hour - hour.min())[hour - hour.min()])[0, 1]) < limit


def test_a_pulse_longer_than_an_hour_is_drawn_faster() -> None:
    events, _ = pulses(900.0, size=400.0, flow=0.5)
    assert events.length_seconds.max() <= HOUR
    assert events.volume_ml.max() > 0.5 * 60 * 1000
