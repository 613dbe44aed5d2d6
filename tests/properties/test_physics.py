"""Physics of generated scenarios: levels within the tank, flows within the pipes, water that adds up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from synthlab.scenario.resolve import DeviceParameters
from tests.fleet_strategies import SEEDS, fleets
from tests.fleets import rows_of, run

# Flows are whole milliliters: the parts of an event on a step may round up by one each. [liters]
ROUNDING_LITERS = 0.01


def assert_physics(rows: pd.DataFrame, device: DeviceParameters) -> None:
    """Hold one device's rows to what its tank and its pipes can do."""
    capacity, step = device.reservoir.capacity_liters, device.step_seconds
    volume = rows["volume_liters"].to_numpy()
    assert volume.min() >= 0
    assert volume.max() <= capacity
    assert rows["level_pct"].between(0, 100).all()
    assert rows["measured_level_pct"].dropna().between(0, 100).all()
    gain = rows["inflow_liters"] + rows["loaded_liters"]
    drop = rows[["served_liters", "overflow_liters", "delivered_liters", "lost_liters"]].sum(axis=1)
    start = np.floor(float(device.values["initial_level_fraction"]) * np.floor(capacity * 1000)) / 1000
    change = np.diff(np.append(start, volume))
    assert np.abs(change - (gain - drop)).max() <= 1e-6
    flows = rows[[name for name in rows if name.endswith("_liters") and name != "volume_liters"]]
    assert (flows >= 0).all().all()
    for name, liters_per_second in rate_limits(device).items():
        assert rows[name].max() <= liters_per_second * step + ROUNDING_LITERS, name


def rate_limits(device: DeviceParameters) -> dict[str, float]:
    """Fastest flow of each kind. [liters/s]"""
    if device.mode == "STATIONARY":
        return {"inflow_liters": float(device.values["supply_max_liters_per_hour"]) / 3600}
    return {
        "loaded_liters": float(device.values["refill_liters_per_minute"]) / 60,
        "delivered_liters": float(device.values["discharge_liters_per_minute"]) / 60,
    }


def check_fleet(fleet: list[DeviceParameters], seed: int) -> None:
    frame = run(fleet, seed=seed, days=1.5).frame
    for device in fleet:
        rows = rows_of(frame, device.device_id)
        assert_physics(rows, device)
        if device.mode == "STATIONARY":
            assert (rows["requested_liters"] >= rows["served_liters"]).all()
        else:
            speed = rows["speed_kmh"].dropna()
            assert speed.empty or speed.max() <= 5.0 * float(device.values["travel_speed_kmh"])


@given(fleet=fleets(max_size=3), seed=SEEDS)
@settings(max_examples=20)
def test_physics_holds(fleet: list[DeviceParameters], seed: int) -> None:
    check_fleet(fleet, seed)


@pytest.mark.long
@given(fleet=fleets(max_size=3), seed=SEEDS)
@settings(max_examples=1_000)
def test_physics_holds_in_a_thousand_scenarios(fleet: list[DeviceParameters], seed: int) -> None:
    check_fleet(fleet, seed)
