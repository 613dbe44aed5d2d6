"""How far the hours of some days lie from a household's weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synthlab.fitting.noise import Seen
from synthlab.fitting.readings import Days
from tests.households import WEIGHTS

RNG_SEED = 8


def _days(liters: np.ndarray[Any, Any], homes: int = 1) -> Days:
    """Days of one home after the other."""
    number = np.tile(np.arange(len(liters) // homes), homes) + 20_000
    device = np.repeat(np.arange(homes), len(liters) // homes)
    names = tuple(f"H{home}" for home in range(homes))
    return Days(liters, np.ones_like(liters), device, number, names)


def _seen(liters: np.ndarray[Any, Any], homes: int = 1) -> Seen:
    return Seen.of(_days(liters, homes), np.ones(len(liters), dtype=bool))


def _uses(days: int, *, liters_per_hour: float = 10.0, size: float = 30.0, seed: int = RNG_SEED) -> Any:
    """Independent uses of one size: variance / mean of an hour is that size."""
    rate = np.array(WEIGHTS) * liters_per_hour / size
    return size * np.random.default_rng(seed).poisson(rate, (days, 24)).astype(float)


def test_data_without_scatter_have_no_noise() -> None:
    seen = _seen(np.tile(WEIGHTS, (30, 1)))
    assert seen.noise(np.array(WEIGHTS)) == pytest.approx(1e-9)


def test_the_size_of_uses_is_seen() -> None:
    seen = _seen(_uses(2_000))
    assert seen.size_liters == pytest.approx(30.0, rel=0.1)
    # All hours have the same size here: a slope of 0 is met as far as the usual one lets it.
    assert seen.size_power < 0.2


def test_noise_falls_with_days_and_uses() -> None:
    weights = np.array(WEIGHTS)
    month, year = _seen(_uses(30)), _seen(_uses(365))
    assert (year.noise(weights) < 0.6 * month.noise(weights)).all()
    busy = _seen(_uses(30, liters_per_hour=60.0))
    assert (busy.noise(weights) < month.noise(weights)).all()


def test_habits_weigh_most_in_hours_of_few_uses() -> None:
    seen = _seen(_uses(30))
    weight = np.full(24, 1.0)
    weight[3] = 0.1
    hours = np.full(24, 1e9)  # Chance is out of it.
    by_habit = seen.relative_variance(weight, hours, 1.0)
    assert by_habit[3] > 2.0 * by_habit[4]
    assert seen.relative_variance(weight, hours, 0.0) == pytest.approx(0.0, abs=1e-6)


def test_households_show_that_they_have_profiles_of_their_own() -> None:
    rng = np.random.default_rng(1)
    alike = np.concatenate([_uses(30, seed=home) for home in range(12)])
    own = np.concatenate([_uses(30, seed=home) * rng.lognormal(0.0, 1.2, 24)[None, :] for home in range(12)])
    weights = np.array(WEIGHTS)
    assert _seen(alike, 12).scale == 1.0
    assert _seen(own, 12).scale > 2.0
    assert (_seen(own, 12).noise(weights)[7:] > 2.0 * _seen(alike, 12).noise(weights)[7:]).all()
    # One household cannot show it.
    assert _seen(own[:30]).scale == 1.0
