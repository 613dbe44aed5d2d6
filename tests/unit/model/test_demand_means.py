"""Events against expectation: their means over seeds, hour by hour of the week."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synthlab.model import demand
from synthlab.model.demand import LEAK_ML, MAX_RATE, demand_events, poisson_counts
from synthlab.model.events import Events
from synthlab.model.household import Households
from synthlab.randomness import draws, stream_key, stream_keys, ticks, uniforms
from synthlab.scenario.loader import load_scenario, template_names
from synthlab.scenario.resolve import resolve
from tests.fleets import DAY, HOUR
from tests.unit.model.test_household import CURVES, formula, homes_of, mean_liters, street

# 2026-01-05, a Monday.
MONDAY = 1_767_571_200


def draw_events(
    homes: Households,
    ids: list[str],
    *,
    first: int = MONDAY,
    hours: int = 168,
    seed: int = 1,
    habit: float = 1.0,
    day_factor: float = 0.05,
) -> Events:
    ones = np.ones(len(ids))
    parts = demand_events(
        hour_starts=first + np.arange(hours) * HOUR,
        households=homes,
        keys={name: stream_keys(seed, ids, f"demand/{name}") for name in demand.KEYS},
        habit_strength=habit * ones,
        day_factor_sigma=day_factor * ones,
        flow_liters_per_minute=9.0 * ones,
    )
    return Events.joined(parts)


def week_of(events: Events, weeks: int, count: int) -> np.ndarray:
    """Mean liters by hour of the week in which they flow, and household, (168, n).

    What runs over from the last hour is counted in the first, as if weeks were a circle.
    """
    hour, second = np.divmod(events.start_second - MONDAY, HOUR)
    before = np.minimum((HOUR - second) / events.length_seconds, 1.0)
    sums = np.zeros(168 * count)
    for which, share in ((hour, before), (hour + 1, 1.0 - before)):
        assert which.min() >= 0
        assert which.max() <= weeks * 168 + 1
        liters = events.volume_ml / 1000 * share
        sums += np.bincount(which % 168 * count + events.device, liters, minlength=168 * count)
    return sums.reshape(168, count) / weeks


def template_curves() -> dict[str, np.ndarray]:
    found = {}
    for name in template_names():
        for device in resolve(load_scenario(name)):
            curve = device.demand
            if curve is not None:
                days, weekend = curve.weekday_multipliers, curve.weekend_hourly_weights
                table = formula(curve.target_daily_liters, curve.hourly_weights, weekend, days)
                found[f"{name}-{device.archetype[-1]}"] = table
    return found


ALL_CURVES = CURVES | template_curves()


def assert_means(found: np.ndarray, wanted: np.ndarray, *, beyond_three: int = 5) -> None:
    """Hold the mean over households to `wanted`, (168,) or (168, n), at every hour of the week."""
    error = found - (wanted if wanted.ndim == 2 else wanted[:, None])
    count = found.shape[1]
    z = error.mean(axis=1) / (error.std(axis=1, ddof=1) / count**0.5)
    # Of 168 normal z, .45 lie beyond 3. Sums of few events are skewed, and an hour whose large uses
    # are missing has a small error too, so there are more; with 10,000 households there are none more.
    assert (np.abs(z) > 3).sum() <= beyond_three, np.flatnonzero(np.abs(z) > 3)
    assert np.abs(z).max() < 5.5
    totals = error.sum(axis=0)
    assert abs(totals.mean()) < 3.5 * totals.std(ddof=1) / count**0.5


@pytest.mark.parametrize("name", ALL_CURVES)
def test_the_mean_of_200_seeds_is_the_formula_at_every_hour_of_the_week(name: str) -> None:
    """One device, 200 seeds, four weeks each, with all the traits as measured."""
    table, weeks = ALL_CURVES[name], 4
    found = []
    for seed in range(200):
        homes = homes_of(table, ["TANK-1"], seed=seed)
        found.append(week_of(draw_events(homes, ["TANK-1"], hours=weeks * 168, seed=seed), weeks, 1))
    assert_means(np.concatenate(found, axis=1), table)


CASES: dict[str, tuple[np.ndarray, dict[str, Any], dict[str, Any]]] = {
    "as measured": (CURVES["guide"], {}, {}),
    "peaked": (CURVES["peaked"], {}, {}),
    "often away": (formula(60.0), {"absence_share": 0.3}, {}),
    "strong habits": (CURVES["guide"], {"profile_spread": 1.5}, {"habit": 1.5, "day_factor": 0.3}),
    "no habits": (CURVES["guide"], {"profile_spread": 0.0}, {"habit": 0.0, "day_factor": 0.0}),
    "leaky": (CURVES["guide"], {"leak_liters_per_hour": 5.0}, {}),
    "large": (formula(50_000.0), {}, {}),
    "merged": (formula(2_500.0), {"use_size_factor": 0.1}, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_events_follow_each_households_own_tables(case: str) -> None:
    """Against its own tables a household's errors are small: the profile's spread is out of the way."""
    table, traits, habits = CASES[case]
    # Merged uses are many events, and alike.
    ids, weeks = street(100 if case == "merged" else 400), 2 if case == "merged" else 4
    homes = homes_of(table, ids, **traits)
    found = week_of(draw_events(homes, ids, hours=weeks * 168, **habits), weeks, len(ids))
    assert_means(found, mean_liters(homes))
    if case == "merged":
        gain = 1 / (homes.active_prob * (1 - homes.absence_prob))
        assert (homes.rate["small"] * gain).max() > 3 * MAX_RATE


def test_a_households_year_is_its_target() -> None:
    """Rescaled for each household; absences and day factors average out, but over months."""
    ids = street(60)
    homes = homes_of(CURVES["guide"], ids)
    found = week_of(draw_events(homes, ids, hours=52 * 168), 52, 60).sum(axis=0) / CURVES["guide"].sum()
    assert found.mean() == pytest.approx(1.0, abs=3.5 * found.std(ddof=1) / 60**0.5)
    # Seasons of more and of less activity leave some percent: four seeds gave .064 to .096, and at most
    # 24 % of a household that is seldom away. Who is away for a third of the year may miss it by more.
    assert found.std() < 0.12
    is_seldom_away = homes.absence_prob < 0.3
    assert is_seldom_away.sum() >= 50
    assert np.abs(found - 1)[is_seldom_away].max() < 0.3


def test_a_few_liters_a_day_are_met_in_the_mean() -> None:
    ids = street(400)
    found = week_of(draw_events(homes_of(formula(2.0), ids), ids, hours=26 * 168), 26, 400).sum(axis=0)
    assert found.mean() == pytest.approx(formula(2.0).sum(), abs=3.5 * found.std(ddof=1) / 20)


def test_the_year_tells_households_apart_by_profile_not_by_volume() -> None:
    ids = street(60)
    homes = homes_of(CURVES["guide"], ids)
    events = draw_events(homes, ids, hours=52 * 168)
    found, own = week_of(events, 52, 60), mean_liters(homes)
    likeness = np.corrcoef(found.T, own.T)[:60, 60:]
    # Habits of single hours hide a few, .017 to .05 by four seeds; none where the days of the week
    # are averaged.
    assert (likeness.argmax(axis=1) == np.arange(60)).mean() > 0.9
    by_day = [np.log(table.reshape(7, 24, 60).mean(axis=0) + 0.1) for table in (found, own)]
    likeness = np.corrcoef(by_day[0].T, by_day[1].T)[:60, 60:]
    assert (likeness.argmax(axis=1) == np.arange(60)).all()
    without = homes_of(CURVES["guide"], ids, profile_spread=0.0)
    plain = week_of(draw_events(without, ids, hours=52 * 168, habit=0.0), 52, 60)
    # Without habits all follow the formula, but for the chance of a year.
    formula_likeness = [np.corrcoef(plain[:, i], CURVES["guide"])[0, 1] for i in range(60)]
    assert min(formula_likeness) > 0.6
    assert np.median(formula_likeness) > 0.78
    assert np.log(found + 0.2).std(axis=1).mean() > 2 * np.log(plain + 0.2).std(axis=1).mean()


def test_occupancy_is_near_what_was_wanted() -> None:
    ids = street(150)
    homes = homes_of(formula(250.0), ids, absence_share=0.0, leak_liters_per_hour=0.0)
    events = draw_events(homes, ids, hours=26 * 168)
    hour = np.unique((events.start_second - MONDAY) // HOUR * 150 + events.device)
    week_hour = hour // 150 % 168
    found = np.bincount(week_hour, minlength=168) / (26 * 150)
    rate = sum(homes.rate.values())
    wanted = (homes.active_prob * -np.expm1(-rate / homes.active_prob)).mean(axis=1)
    # Routine makes some hours busier, so there are fewer with use than Poisson's: .02 in the mean, .05 to .07
    # at the worst of 168 hours by four seeds, .04 at the worst hour of the day.
    gap = found - wanted
    assert np.abs(gap).max() < 0.09
    assert np.abs(gap.reshape(7, 24).mean(axis=0)).max() < 0.055
    assert -0.03 < gap.mean() < 0.0
    assert found[3::24].mean() < 0.6 * found[20::24].mean()


def test_events_do_not_know_the_window_nor_the_other_devices() -> None:
    ids, target = street(12), "H0003"
    homes = homes_of(CURVES["peaked"], ids, leak_liters_per_hour=1.0)
    alone = homes_of(CURVES["peaked"], [target], leak_liters_per_hour=1.0)

    def rows(events: Events, device: int, first: int, last: int) -> list[tuple[int, ...]]:
        hour = events.start_second // HOUR * HOUR
        keep = (events.device == device) & (hour >= first) & (hour < last)
        columns = (events.start_second, events.length_seconds, events.volume_ml)
        return sorted(zip(*(column[keep].tolist() for column in columns), strict=True))

    whole = rows(draw_events(homes, ids, hours=24 * 30), 3, MONDAY, MONDAY + 30 * DAY)
    assert rows(draw_events(alone, [target], hours=24 * 30), 0, MONDAY, MONDAY + 30 * DAY) == whole
    first, last = MONDAY + 9 * DAY + 5 * HOUR, MONDAY + 22 * DAY + 2 * HOUR
    part = draw_events(homes, ids, first=first, hours=(last - first) // HOUR)
    assert rows(part, 3, first, last) == [row for row in whole if first <= row[0] // HOUR * HOUR < last]
    assert len(whole) > 200


def test_leaks_drip_evenly_through_a_day() -> None:
    ids = street(100)
    homes = homes_of(CURVES["guide"], ids, leak_liters_per_hour=2.0, absence_share=0.0)
    events = draw_events(homes, ids, hours=24 * 56)
    drips = (events.length_seconds == HOUR) & (events.volume_ml % round(LEAK_ML) == 0)
    assert (events.start_second[drips] % HOUR == 0).all()
    leaked = np.bincount(events.device[drips], events.volume_ml[drips], minlength=100) / 1000 / 8
    wanted = homes.leak_liters.sum(axis=0)
    assert leaked.mean() == pytest.approx(wanted.mean(), rel=0.1)
    # On a leaky day its liters are met to one trickle: systematic sampling has no Poisson noise.
    cell = (events.start_second[drips] - MONDAY) // DAY * 100 + events.device[drips]
    daily = np.bincount(cell, events.volume_ml[drips] / 1000, minlength=56 * 100).reshape(56, 100)
    of_day = homes.leak_liters.reshape(7, 24, 100).sum(axis=1)[np.arange(56) % 7] / 0.6
    leaky = daily > 0
    assert np.abs(daily - of_day)[leaky].max() <= LEAK_ML / 1000 + 1e-9
    assert leaky.mean() == pytest.approx(0.6, abs=0.06)


@pytest.mark.parametrize("rate", [0.0, 1e-9, 0.01, 3.0, 50.0, 250.0, 700.0])
def test_poisson_counts_have_the_rate_as_mean_and_variance(rate: float) -> None:
    count = 200_000
    uniform = uniforms(draws(ticks(np.arange(count)), stream_key(8, "P", "counts")))
    found = poisson_counts(uniform, np.full(count, rate))
    assert found.dtype == np.int64
    assert abs(found.mean() - rate) <= 4.5 * (rate / count) ** 0.5 + 1e-6
    assert abs(found.var() - rate) <= 4.5 * ((rate + 2 * rate * rate) / count) ** 0.5 + 1e-6


def test_large_consumers_take_no_longer() -> None:
    """Events, the work, do not grow with the liters beyond `LARGE_CONSUMER_LITERS`."""
    ids = street(20)
    counts = [
        len(draw_events(homes_of(formula(target), ids, leak_liters_per_hour=0.0), ids).volume_ml)
        for target in (2_500.0, 50_000.0)
    ]
    assert counts[1] == pytest.approx(counts[0], rel=0.02)
    assert counts[1] < 20 * 168 * 60
