"""Households: drawn apart from each other, and with the formula as their mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.model.demand import expected_demand_liters
from synthlab.model.household import (
    KEYS,
    LARGE_TYPES,
    RUN_OVER_SHARE,
    SMALL_TYPES,
    TYPES,
    Households,
    make_households,
)
from synthlab.randomness import stream_keys
from tests.fleets import WEEKDAYS, WEIGHTS

FLAT = (1.0,) * 24
# Two short peaks on workdays, a broad one at weekends; days differ by a factor of four.
PEAKED = (*(0.05,) * 7, 5.0, 4.0, *(0.3,) * 9, 3.0, 3.0, 0.5, 0.1, 0.05, 0.05)
PEAKED_WEEKEND = (*(0.2,) * 10, *(2.0,) * 10, *(0.5,) * 4)
PEAKED_DAYS = (1.0, 0.5, 1.0, 1.5, 1.0, 2.0, 0.8)


def formula(
    target: float = 300.0,
    weights: Sequence[float] = WEIGHTS,
    weekend: Sequence[float] | None = None,
    days: Sequence[float] = WEEKDAYS,
) -> np.ndarray:
    table = expected_demand_liters(
        target_daily_liters=target,
        hourly_weights=weights,
        weekend_hourly_weights=weekend,
        weekday_multipliers=days,
        step_seconds=3600,
    )
    return np.array(table)


CURVES = {
    "flat": formula(weights=FLAT, days=(1.0,) * 7),
    "guide": formula(),
    "peaked": formula(300.0, PEAKED, PEAKED_WEEKEND, PEAKED_DAYS),
}


def homes_of(hourly: np.ndarray, ids: Sequence[str], *, seed: int = 1, **traits: Any) -> Households:
    """Households of these tables, (168, n) or (168,), with traits as measured where not given."""
    known: dict[str, Any] = {"absence_share": 0.028, "profile_spread": 1.0}
    known |= {"leak_liters_per_hour": 0.022, "use_size_factor": 1.0}
    known |= traits
    count = len(ids)
    wide = np.repeat(hourly[:, None], count, axis=1) if hourly.ndim == 1 else hourly
    return make_households(
        hourly_liters=np.ascontiguousarray(wide),
        keys={name: stream_keys(seed, list(ids), f"household/{name}") for name in KEYS},
        **{name: np.broadcast_to(value, count).astype(float) for name, value in known.items()},
    )


def street(count: int) -> list[str]:
    return [f"H{i:04}" for i in range(count)]


def mean_liters(homes: Households) -> np.ndarray:
    """Volume that a household's tables say, by hour of the week in which it flows, (168, n)."""
    size = dict(zip(TYPES, homes.size_liters, strict=True))
    total = homes.leak_liters
    for group, types in (("small", SMALL_TYPES), ("large", LARGE_TYPES)):
        shares = np.diff(homes.type_share[group], axis=0, prepend=0.0)
        each = sum(share * size[name] for share, name in zip(shares, types, strict=True))
        liters = homes.rate[group] * each
        over = liters * homes.run_over_prob / 2.0 if group == "large" else 0.0 * liters
        total = total + liters - over + np.roll(over, 1, axis=0)
    return total


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("spread", [1.0, 1.5])
def test_the_mean_over_households_is_the_formula_at_every_hour(name: str, spread: float) -> None:
    """4,000 households, before a single event is drawn: errors of a few percent would show."""
    hourly = CURVES[name]
    share = mean_liters(homes_of(hourly, street(4_000), profile_spread=spread)) / hourly[:, None]
    z = (share.mean(axis=1) - 1) / (share.std(axis=1, ddof=1) / 4_000**0.5)
    # The factors have long tails, so the mean of a steep hour is skewed to low values.
    assert (np.abs(z) > 3).sum() <= 4
    volume = hourly / hourly.sum()
    assert abs(volume @ share.mean(axis=1) - 1) < 1e-9
    assert volume @ np.abs(share.mean(axis=1) - 1) < (0.02 if spread == 1 else 0.04)


@given(
    weights=st.lists(st.floats(0.01, 100.0), min_size=24, max_size=24),
    weekend=st.none() | st.lists(st.floats(0.01, 100.0), min_size=24, max_size=24),
    days=st.lists(st.floats(0.01, 10.0), min_size=7, max_size=7),
    target=st.floats(0.1, 1e5),
    spread=st.floats(0.0, 1.5),
    absence=st.floats(0.0, 0.5),
    leak=st.floats(0.0, 100.0),
    size=st.floats(0.1, 10.0),
)
def test_each_household_keeps_its_daily_liters_whatever_its_profile(
    weights: list[float],
    weekend: list[float] | None,
    days: list[float],
    target: float,
    spread: float,
    absence: float,
    leak: float,
    size: float,
) -> None:
    hourly = formula(target, weights, weekend, days)
    homes = homes_of(
        hourly,
        street(5),
        profile_spread=spread,
        absence_share=absence,
        leak_liters_per_hour=leak,
        use_size_factor=size,
    )
    np.testing.assert_allclose(mean_liters(homes).sum(axis=0), hourly.sum(), rtol=1e-9)
    assert ((homes.active_prob >= 0.01) & (homes.active_prob <= 0.995)).all()
    assert ((homes.absence_prob >= 0) & (homes.absence_prob <= 0.75)).all()
    assert all((rate >= 0).all() and np.isfinite(rate).all() for rate in homes.rate.values())
    assert (homes.leak_liters >= 0).all()
    assert ((homes.run_over_prob >= 0) & (homes.run_over_prob <= 2 * RUN_OVER_SHARE + 1e-9)).all()
    assert (homes.size_liters > 0).all()
    for shares in homes.type_share.values():
        assert (np.diff(shares, axis=0, prepend=0.0) >= 0).all()
        np.testing.assert_allclose(shares[-1], 1.0)


def column(homes: Households, index: int) -> list[bytes]:
    tables = [homes.active_prob, homes.size_liters, homes.leak_liters, homes.absence_prob[None]]
    tables += [*homes.rate.values(), *homes.type_share.values()]
    return [np.ascontiguousarray(table[:, index]).tobytes() for table in tables]


@given(data=st.data(), size=st.integers(1, 40))
def test_a_household_does_not_know_the_others(data: st.DataObject, size: int) -> None:
    """To the byte, alone or in a crowd, in any order: sums and products have one order."""
    ids = street(40)
    rng = np.random.default_rng(3)
    hourly = np.stack(
        [formula(target, rng.uniform(0.05, 5.0, 24).tolist()) for target in rng.uniform(1, 5_000, 40)], axis=1
    )
    spread = rng.uniform(0, 1.5, 40)
    whole = homes_of(hourly, ids, profile_spread=spread)
    chosen = data.draw(st.permutations(range(40)))[:size]
    some = homes_of(hourly[:, chosen], [ids[i] for i in chosen], profile_spread=spread[chosen])
    for index, original in enumerate(chosen):
        assert column(some, index) == column(whole, original)


@pytest.mark.parametrize("name", CURVES)
def test_without_spread_every_profile_is_the_formula(name: str) -> None:
    homes = homes_of(CURVES[name], street(30), profile_spread=0.0)
    np.testing.assert_allclose(mean_liters(homes), np.repeat(CURVES[name][:, None], 30, axis=1), rtol=1e-12)


def test_spread_sets_profiles_apart_and_weekends_resemble_weekdays() -> None:
    hourly = CURVES["guide"]
    spreads = []
    for spread in (0.5, 1.0, 1.5):
        share = mean_liters(homes_of(hourly, street(300), profile_spread=spread)) / hourly[:, None]
        spreads.append(np.log(share).std(axis=1).mean())
    assert 0.1 < spreads[0] < spreads[1] < spreads[2]
    share = np.log(mean_liters(homes_of(hourly, street(300))) / hourly[:, None]).reshape(7, 24, 300)
    of_days = share - share.mean(axis=2, keepdims=True)

    def likeness(a: int, b: int) -> float:
        return float(np.corrcoef(of_days[a].ravel(), of_days[b].ravel())[0, 1])

    # Weekdays share one shape; habits of single hours come with the activity.
    assert likeness(0, 1) == pytest.approx(1.0)
    assert 0.3 < likeness(0, 5) < 0.95


def test_leaks_are_part_of_the_demand_and_at_most_two_fifths_of_the_small_uses() -> None:
    hourly = CURVES["guide"]
    dry, wet = (homes_of(hourly, street(50), leak_liters_per_hour=rate) for rate in (0.0, 1e6))
    assert (dry.leak_liters == 0).all()
    np.testing.assert_allclose(mean_liters(wet), mean_liters(dry), rtol=1e-9)
    size = dict(zip(TYPES, dry.size_liters, strict=True))
    shares = np.diff(dry.type_share["small"], axis=0, prepend=0.0)
    small = dry.rate["small"] * (shares[0] * size["toilet"] + shares[1] * size["tap"])
    np.testing.assert_allclose(wet.leak_liters, 0.4 * small, rtol=1e-9)


def test_small_consumers_are_those_who_are_away() -> None:
    few, many = (homes_of(formula(target), street(400)) for target in (60.0, 500.0))
    assert np.median(few.absence_prob) == pytest.approx(0.028 * (60 / 250) ** -1.2, rel=0.35)
    assert np.median(many.absence_prob) == pytest.approx(0.028 * 2**-1.2, rel=0.35)
    assert (homes_of(formula(60.0), street(50), absence_share=0.0).absence_prob == 0).all()


def test_more_liters_keep_a_house_busy_in_more_hours() -> None:
    def occupancy(target: float) -> float:
        homes = homes_of(formula(target), street(200), absence_share=0.0)
        rate = sum(homes.rate.values())
        return float((homes.active_prob * -np.expm1(-rate / homes.active_prob)).mean())

    shares = [occupancy(target) for target in (30.0, 100.0, 250.0, 700.0)]
    assert shares == sorted(shares)
    assert 0.05 < shares[0] < 0.35
    # As measured: about half of the hours of a household of 250 liters a day.
    assert 0.4 < shares[2] < 0.75


def test_uses_are_larger_by_their_factor_and_rarer() -> None:
    plain, large = (homes_of(CURVES["guide"], street(20), use_size_factor=factor) for factor in (1.0, 4.0))
    np.testing.assert_allclose(large.size_liters, 4 * plain.size_liters)
    np.testing.assert_allclose(large.rate["large"], plain.rate["large"] / 4)
    np.testing.assert_allclose(mean_liters(large), mean_liters(plain))


def test_a_large_consumer_is_a_small_one_with_larger_uses() -> None:
    small, large = (
        homes_of(formula(target), street(20), leak_liters_per_hour=0.0) for target in (2.5e3, 5e4)
    )
    np.testing.assert_allclose(large.size_liters, 20 * small.size_liters)
    np.testing.assert_allclose(large.rate["small"], small.rate["small"])
    np.testing.assert_allclose(large.active_prob, small.active_prob)
