"""The laws behind fits, found by simulation, are found again: a model that changes must change them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthlab.fitting import process, profile
from synthlab.fitting.noise import Seen
from synthlab.fitting.readings import Days
from tests.households import WEIGHTS, homes, hourly

pytestmark = pytest.mark.long

OWN_PROFILE_OFF = {"demand_profile_spread": 0.0}
DAYS, HOMES = 30, 80
PROFILES = {
    "household": np.array(WEIGHTS),
    "night": np.roll(WEIGHTS, 12),
    "mild": 1.0 + 0.4 * np.cos((np.arange(24) - 14) / 12 * np.pi),
    "office": np.where((np.arange(24) >= 8) & (np.arange(24) < 18), 2.2, 0.14),
}


def _matrix(frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Liters by household, day and hour."""
    table = hourly(frame).pivot(index="hour", columns="household", values="liters").to_numpy()
    return table.reshape(-1, 24, table.shape[1]).transpose(2, 0, 1)


@cache
def months(liters: float, name: str, seed: int = 11) -> np.ndarray[Any, Any]:
    weights = PROFILES[name] / PROFILES[name].mean()
    demand = {"target_daily_liters": liters, "hourly_weights": weights.tolist()}
    frame = homes(
        [liters] * HOMES,
        days=DAYS,
        seed=seed,
        overrides=OWN_PROFILE_OFF,
        capacity_liters=50_000.0,
        dynamics={"demand": demand},
    )
    return _matrix(frame)


def _days(liters: np.ndarray[Any, Any]) -> Days:
    number = np.arange(len(liters))
    return Days(liters, np.ones_like(liters), np.zeros_like(number), number + 20_000, ("H",))


@pytest.mark.parametrize("liters", [250.0, 900.0, 3_000.0])
def test_hours_of_a_month_lie_from_the_weights_as_far_as_their_noise_says(liters: float) -> None:
    ratios = {}
    for name, weights in PROFILES.items():
        weights = weights / weights.mean()
        real, said = np.zeros(24), np.zeros(24)
        for month in months(liters, name):
            seen = Seen.of(_days(month), np.ones(DAYS, dtype=bool))
            real += (seen.root**2 - weights) ** 2
            said += 4.0 * weights * seen.noise(weights)
        ratios[name] = [
            float(real[part].sum() / said[part].sum()) for part in (weights < 0.7, weights >= 0.7)
        ]
    print(liters, ratios)
    assert all(0.5 <= ratio <= 1.6 for pair in ratios.values() for ratio in pair)
    assert 0.75 <= np.mean(list(ratios.values())) <= 1.3


def test_months_differ_as_far_as_the_slow_share_says() -> None:
    shares = []
    for liters in (250.0, 450.0, 900.0, 3_000.0):
        months_of = [month.sum(axis=1) for name in PROFILES for month in months(liters, name)]
        # Of days at home: absences are counted apart.
        home = [days[days > process.ABSENT_LITERS] for days in months_of]
        within = np.mean([days.var(ddof=1) / days.mean() ** 2 for days in home])
        expected = [
            (1.0 - float(process.expected_absence(np.array(1.0 - len(days) / DAYS), DAYS, days.mean())))
            for days in home
        ]
        errors = np.log([days.mean() * at / liters for days, at in zip(home, expected, strict=True)])
        slow = profile.SLOW_SHARE
        shares.append(float(np.mean(errors**2) / (within * (1.0 / DAYS + slow))))
    print(shares)
    # At 250 liters a day absences add to it.
    assert all(0.5 <= share <= 1.6 for share in shares)


def test_the_size_law_is_the_models() -> None:
    rows = []
    rng = np.random.default_rng(3)
    for number, factor in enumerate((0.3, 0.6, 1.0, 1.7, 3.0, 6.0) * 3):
        volumes = np.exp(rng.uniform(*np.log(process.SIZE_LAW_LITERS), HOMES))
        frame = homes(
            volumes.tolist(),
            days=DAYS,
            seed=900 + number,
            overrides={"demand_use_size_factor": factor},
            capacity_liters=20_000.0,
        )
        for liters in _matrix(frame).reshape(HOMES, -1):
            metered = np.diff(np.floor(np.cumsum(liters)), prepend=0.0)
            used = metered[metered > 0]
            if len(used) >= process.MIN_USED_HOURS and np.mean(used <= 1.0) <= process.MAX_DRIP_SHARE:
                rows.append((np.log(factor), np.log(process.use_size_factor(metered))))
    truth, found = np.array(rows).T
    slope, middle = np.polyfit(truth, found, 1)
    spread = float((found - truth).std())
    print(f"{len(rows)} months: slope {slope:.2f}, middle {middle:+.2f}, spread {spread:.2f}")
    assert 0.9 <= slope <= 1.1
    assert abs(middle) <= 0.1
    assert spread == pytest.approx(process._SIZE_LOG_SIGMA, rel=0.15)
