"""The vectorized engine and the scalar one give the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthlab.columns import BY_NAME, NAMES
from synthlab.scenario.archetypes import ARCHETYPES
from synthlab.scenario.hardware_parameters import MODELS
from synthlab.scenario.resolve import DeviceParameters, SupplyCurve
from tests.fleets import DAY, END_SECOND, rows_of, run, tank, truck
from tests.oracles.scalar_engine import simulate_device

CUT_SUPPLY = SupplyCurve(
    hourly_probability_multipliers=tuple(0.2 + h / 12 for h in range(24)),
    hourly_volume_multipliers=tuple(1.5 - h / 24 for h in range(24)),
    weekday_probability_multipliers=(1.0, 1.0, 0.0, 1.0, 2.0, 1.0, 0.5),
)


def formula_tank(*args: Any, **kwargs: Any) -> DeviceParameters:
    """A tank whose demand is the formula: what the scalar engine draws is all the rest."""
    return tank(*args, process="expected", **kwargs)


IDEAL = {
    name: value
    for block in MODELS.values()
    for name, value in block["ideal"].items()
    if name in ARCHETYPES["stationary_archetype_a"].parameters
}
BOTTLE = ((0.0, 0.0), (600.0, 3_000.0), (1_200.0, 4_200.0), (1_800.0, 5_000.0))

FLEET = (
    formula_tank("A-PLAIN"),
    formula_tank("C-PLAIN", "stationary_archetype_c", target_daily_liters=1_500.0, battery_kind="primary"),
    formula_tank("IRREGULAR", supply_regime="irregular", supply_sessions_per_day=5.0, supply=CUT_SUPPLY),
    formula_tank("MINUTES", step_seconds=60, supply=CUT_SUPPLY, near_empty_threshold_fraction=1.0),
    formula_tank("ODD", step_seconds=420, weekend_hourly_weights=[1.0] * 12 + [3.0] * 12, no_echo_prob=0.3),
    formula_tank(
        "HOUR", step_seconds=3600, target_daily_liters=40_000.0, reservoir={"is_pipe_connected": False}
    ),
    formula_tank(
        "SAVING",
        near_empty_threshold_fraction=0.9,
        supply_inlet="float_valve",
        initial_level_fraction=0.95,
        supply_sessions_per_day=3.0,
    ),
    formula_tank("NARROW", supply_regime="unreliable", supply_max_liters_per_hour=120.0),
    formula_tank("LYING", reservoir={"shape": "lying_cylinder", "capacity_liters": 3_333.3335}),
    formula_tank("TINY", reservoir={"capacity_liters": 60.0}, no_echo_prob=1.0, signal_sigma_db=15.0),
    formula_tank("COLD", temperature_mean_c=-5.0, temperature_daily_amplitude_c=12.0, reading_noise_mm=60.0),
    formula_tank("IDEAL", **IDEAL),
    formula_tank("HARSH", **MODELS["sensor"]["harsh"], signal_hour_correlation=0.9, battery_swap_days=2.5),
    formula_tank("COARSE", reading_resolution_mm=10.0, blind_zone_mm=700.0, battery_kind="mains"),
    formula_tank("TABLE", reservoir={"shape": "table", "volume_table": BOTTLE}, plateaus_per_day=6.0),
    formula_tank("WET", condensation_night_prob=1.0, condensation_near_prob=0.3, multipath_prob=0.4),
    truck("T-GOOD"),
    truck("T-BAD", "mobile_fragmented_high_loss", theft_prob=0.5, gps_outlier_prob=0.2),
    truck("T-NIGHT", step_seconds=60, shift_start_hour=21.5, shift_hours=10.0, gps_sigma_m=20.0),
    truck("T-IDLE", step_seconds=900, idle_stop_prob=1.0, detour_factor=1.0, loss_fraction=0.5),
    truck("T-HOURS", step_seconds=3600, gps_dropouts_per_day=12.0, gps_dropout_minutes=30.0),
    truck("T-FULL", initial_level_fraction=1.0, refill_queue_minutes=0.0, stop_overhead_minutes=1.0),
)
# Decimals of the CSV; only these are compared to their decimals, all else exactly.
POSITIONS = ("latitude", "longitude", "speed_kmh", "course_degrees")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """All devices in one run: vectors of devices, and blocks of both kinds of group."""
    return run(FLEET, seed=11, days=4).frame


@pytest.mark.parametrize("device", FLEET, ids=lambda device: device.device_id)
def test_rows_are_the_scalar_engines(device: DeviceParameters, frame: pd.DataFrame) -> None:
    actual = rows_of(frame, device.device_id)
    expected = pd.DataFrame(
        simulate_device(
            device, device.reservoir, seed=11, start_second=END_SECOND - 4 * DAY, end_second=END_SECOND
        )
    )
    assert len(actual) == len(expected) == 4 * DAY // device.step_seconds + 1
    assert set(expected) == set(NAMES)
    for name in NAMES:
        got, want = actual[name], expected[name]
        if name == "received_at":
            assert (got.astype("int64") == want * 1000).all()
        elif BY_NAME[name].kind == "category":
            assert got.astype(object).where(got.notna(), None).tolist() == want.tolist(), name
        elif name in POSITIONS:
            # The engine's arc tangent and cosine may differ in a last bit, which the rounding may show.
            unit = 10.0 ** -BY_NAME[name].decimals
            assert np.allclose(got, want, rtol=0, atol=1.01 * unit, equal_nan=True), name
            assert (np.isclose(got, want, rtol=0, atol=unit / 2) | want.isna()).mean() > 0.999, name
        else:
            np.testing.assert_array_equal(got.to_numpy(float), want.to_numpy(float), err_msg=name)


def test_the_fleet_shows_what_it_should(frame: pd.DataFrame) -> None:
    """Each case is worth its place: it reaches the branch that it is there for."""
    of = {device.device_id: rows_of(frame, device.device_id) for device in FLEET}
    raw = of["TINY"][[f"raw_mm_{i}" for i in range(5)]]
    assert (raw == -1).all().all()
    assert of["TINY"]["measured_level_pct"].isna().all()
    assert of["TINY"]["overflow_liters"].sum() > 0
    assert of["SAVING"]["overflow_liters"].sum() == 0
    assert (of["SAVING"]["level_pct"] == 100).any()
    assert of["NARROW"]["inflow_liters"].max() == pytest.approx(10.0, abs=0.001)
    assert of["HOUR"]["inflow_liters"].sum() == 0
    assert (of["HOUR"]["volume_liters"].tail(20) == 0).all()
    assert (of["COLD"]["temperature_c"] < 0).any()
    assert (of["MINUTES"]["served_liters"] < of["MINUTES"]["requested_liters"]).any()
    assert (of["ODD"][[f"raw_mm_{i}" for i in range(5)]] == -1).any().all()
    harsh = of["HARSH"][[f"raw_mm_{i}" for i in range(5)]]
    assert 0.03 < (harsh == -1).all(axis=1).mean() < 0.8
    assert harsh.stack().between(2_590, 2_610).any()
    coarse = of["COARSE"]["raw_mm_0"]
    assert (coarse[coarse > 700] % 10 == 0).mean() > 0.98  # late echoes and plateaux have any value
    assert coarse[coarse > 0].min() == 700
    assert (coarse == 700).sum() > 10
    assert (of["IDEAL"]["signal_dbm"] == -84).all()
    assert (of["IDEAL"]["battery_pct"] == 100).all()
    assert set(of["T-IDLE"]["activity"]) >= {"IDLE", "TRAVEL", "REFILL", "CLIENT", "BASE"}
    assert of["T-HOURS"]["latitude"].isna().any()
    assert (of["T-HOURS"][["loaded_liters", "delivered_liters"]] > 0).all(axis=1).any()
    stolen = of["T-BAD"].loc[of["T-BAD"]["activity"] == "IDLE", "lost_liters"]
    assert stolen.max() > 30
    assert of["T-BAD"]["lost_liters"].sum() > of["T-GOOD"]["lost_liters"].sum() > 0
