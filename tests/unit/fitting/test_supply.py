"""Sessions, hours and regimes of supply, from the inflow and from the level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import synthlab
from synthlab.errors import UsageError
from synthlab.fitting.supply import censored_log_normal
from tests.households import START_AT, homes

NIGHT = [2.0] * 6 + [0.4] * 12 + [1.0] * 6


def _city(regime: str, *, archetype: str = "stationary_archetype_c", days: int = 60) -> pd.DataFrame:
    return homes(
        [150.0] * 10,
        days=days,
        step_minutes=5,
        archetype=archetype,
        overrides={
            "supply_regime": regime,
            "supply_sessions_per_day": 1.4,
            "supply_session_liters": 110.0,
            "supply_session_hours": 0.8,
            "supply_session_sigma": 0.4,
        },
        dynamics={"supply": {"hourly_probability_multipliers": NIGHT}},
    )


@pytest.fixture(scope="module", params=["predictable", "irregular", "unreliable"])
def regime_and_city(request: pytest.FixtureRequest) -> tuple[str, pd.DataFrame]:
    return request.param, _city(request.param)


def test_inflow_series(regime_and_city: tuple[str, pd.DataFrame]) -> None:
    regime, city = regime_and_city
    fit = synthlab.fit_supply(city)
    assert fit.regime == regime
    # How many days are served is chance; sessions of chance overlap, and two that do are one.
    rel = 0.08 if regime == "predictable" else 0.2
    assert fit.sessions_per_day == pytest.approx(1.4, rel=rel)
    assert fit.session_liters == pytest.approx(110.0, rel=rel)
    served = 0.08 if regime == "predictable" else 0.15
    assert fit.sessions_per_day * fit.session_liters == pytest.approx(1.4 * 110.0, rel=served)
    assert fit.session_hours == pytest.approx(0.8, rel=0.2)
    assert fit.session_sigma == pytest.approx(0.4, abs=0.1)


def test_hours_come_back() -> None:
    # Own hours of predictable supply are few; those of the others are the scenario's.
    fit = synthlab.fit_supply(_city("irregular"))
    assert np.corrcoef(fit.hourly_probability_multipliers, NIGHT)[0, 1] > 0.95
    assert fit.hourly_volume_multipliers == pytest.approx([1.0] * 24, abs=0.2)
    low, high = fit.intervals["sessions_per_day"][0]
    assert low <= fit.sessions_per_day <= high


def test_level_tells_what_the_meter_tells(regime_and_city: tuple[str, pd.DataFrame]) -> None:
    regime, city = regime_and_city
    meter = synthlab.fit_supply(city)
    level = synthlab.fit_supply(
        city[["device_id", "received_at", "measured_level_pct"]], capacity_liters=5_000.0
    )
    assert level.source == "level"
    assert level.regime == regime
    assert level.sessions_per_day == pytest.approx(meter.sessions_per_day, rel=0.15)
    assert level.session_liters == pytest.approx(meter.session_liters, rel=0.25)


def test_the_fit_is_a_part_of_a_scenario() -> None:
    fit = synthlab.fit_supply(_city("unreliable", days=30), device="h003")
    blocks = yaml.safe_load(fit.to_yaml())
    assert blocks["dynamics"] == fit.to_dynamics()
    device = {
        "device_id": "C",
        "archetype": "stationary_archetype_c",
        "mode": "STATIONARY",
        "cadence_seconds": 300,
        **blocks,
    }
    scenario = synthlab.Scenario.from_dict({"scenario_id": "fitted", "devices": [device]})
    assert scenario.device("C").parameter_overrides["supply_regime"] == fit.regime
    assert fit.to_dict()["parameter_overrides"] == dict(fit.parameter_overrides)


def test_cut_values_are_not_taken_for_whole() -> None:
    rng = np.random.default_rng(0)
    values = np.exp(rng.normal(5.0, 0.5, 4_000))
    room = np.exp(rng.normal(5.2, 0.5, 4_000))
    is_cut = values > room
    mean, sigma = censored_log_normal(np.minimum(values, room), is_cut)
    assert mean == pytest.approx(np.exp(5.0 + 0.125), rel=0.03)
    assert sigma == pytest.approx(0.5, abs=0.03)
    assert np.minimum(values, room).mean() < 0.9 * mean


def test_full_tanks_are_said_so() -> None:
    frame = homes([300.0], days=30, step_minutes=5)
    fit = synthlab.fit_supply(frame, source="level")
    assert any("end at a full tank" in warning for warning in fit.warnings)


def test_sessions_without_water() -> None:
    hour = pd.date_range(START_AT, periods=240, freq="h")
    with pytest.raises(UsageError) as raised:
        synthlab.fit_supply(pd.DataFrame({"hour": hour, "inflow_liters": 0.0}))
    assert raised.value.code == "BAD_ARGUMENT"
    assert "two supply sessions" in str(raised.value)


def test_a_csv_does_as_well_as_a_frame(tmp_path: Path) -> None:
    frame = _city("unreliable", days=20)[["device_id", "received_at", "inflow_liters"]]
    path = tmp_path / "inflow.csv"
    frame.to_csv(path, index=False)
    assert synthlab.fit_supply(path).to_dict() == synthlab.fit_supply(frame).to_dict()
