"""Against measured households: skipped where `SYNTHLAB_MEASUREMENTS` names no folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

import synthlab
from synthlab.fitting.realism import TARGETS, compare_demand
from tests.households import homes, measured

pytestmark = pytest.mark.long

START_AT = "2016-03-01T00:00:00Z"
SEEDS = 5
MAX_AUC = 0.62
DAILY_LITERS = (45.0, 243.0, 458.0)
"""P5, P50 and P95 of the study's households. Source: domain facts, Household demand."""
MIN_MONTH_HOURS = 20 * 24
MIN_MONTHS = 6


def _profile(liters: pd.Series) -> np.ndarray[Any, Any]:
    return liters.groupby(liters.index.hour).mean().to_numpy()


def _r(a: object, b: object) -> float:
    return float(np.corrcoef(np.asarray(a), np.asarray(b))[0, 1])


def _months(liters: pd.Series) -> dict[pd.Period, pd.Series]:
    by_month = {month: part for month, part in liters.groupby(liters.index.to_period("M"))}
    return {m: part for m, part in by_month.items() if len(part) >= MIN_MONTH_HOURS and part.sum() > 0}


def daily_liters(z: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Volumes of a city: lognormal to either side of the median, through the study's P5 and P95."""
    low, median, high = np.log(DAILY_LITERS)
    return np.exp(median + np.where(z < 0, median - low, high - median) / 1.645 * z)


def _scenario(fits: Mapping[str, synthlab.DemandFit]) -> synthlab.Scenario:
    devices = [
        {
            "device_id": name,
            "archetype": "stationary_archetype_a",
            "mode": "STATIONARY",
            "cadence_seconds": 3600,
            "dynamics": fit.to_dynamics(),
            "parameter_overrides": dict(fit.parameter_overrides),
        }
        for name, fit in fits.items()
    ]
    block = {"days": 364, "step_minutes": 60}
    return synthlab.Scenario.from_dict({"scenario_id": "fitted", "bootstrap": block, "devices": devices})


def test_fitted_households_are_like_their_own_held_out_months() -> None:
    """Fitted to every other month; a year of the fitted scenario against the months between."""
    table = measured()
    months = {
        name: _months(part.set_index("hour_local")["liters"]) for name, part in table.groupby("household")
    }
    months = {name: parts for name, parts in months.items() if len(parts) >= MIN_MONTHS}
    fits = {
        name: synthlab.fit_demand(pd.concat(list(parts.values())[0::2])) for name, parts in months.items()
    }
    frame = synthlab.backfill(_scenario(fits), start_at=START_AT, end_at="2017-02-27T23:00:00Z").frame
    made = frame.pivot(index="received_at", columns="device_id", values="requested_liters")
    curve = frame.pivot(index="received_at", columns="device_id", values="expected_demand_liters")
    is_met, is_met_by_curve = [], []
    for name, parts in months.items():
        known, held = list(parts.values())[0::2], list(parts.values())[1::2]
        own = np.mean([_r(_profile(a), _profile(b)) for a in known for b in held])
        is_met.append(np.mean([_r(_profile(made[name]), _profile(b)) for b in held]) >= own)
        is_met_by_curve.append(np.mean([_r(_profile(curve[name]), _profile(b)) for b in held]) >= own)
    print(f"{len(months)} households: simulated {np.mean(is_met):.2f}, curve {np.mean(is_met_by_curve):.2f}")
    assert len(months) >= 20
    assert np.mean(is_met_by_curve) == 1.0
    assert np.mean(is_met) >= 0.9


def test_realism_of_a_city_of_households() -> None:
    """40 households of a year against the half of the measured ones that tuned nothing."""
    table = measured()
    held = table[table["household"].isin(sorted(table["household"].unique())[1::2])]
    reports = []
    for seed in range(SEEDS):
        volumes = daily_liters(np.random.default_rng(1_000 + seed).standard_normal(40))
        city = homes(volumes, days=364, seed=seed, start_at=START_AT, weekend=True)
        reports.append(compare_demand(city, held, seeds=1).to_frame().set_index("statistic"))
    first = reports[0]
    mean = pd.concat([report["synthetic"] for report in reports], axis=1).mean(axis=1)
    shown = first[["real", "real_against_real", "target"]].assign(synthetic=mean)
    band = np.array([float(end) for end in first.loc["spectral_slope", "target"].split("..")])
    shown["passed"] = [
        target.is_met(first.loc[name, "real"], mean[name], (band[0], band[1]))
        for name, target in TARGETS.items()
    ]
    print(shown.round(3).to_string())
    assert mean["auc"] <= MAX_AUC
    assert shown["passed"].all()
