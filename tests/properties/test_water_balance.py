"""Invariants of the telemetry frame, and the mean of the demand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from synthlab.columns import COLUMNS, frame_problems
from synthlab.scenario.resolve import DeviceParameters
from tests.fleet_strategies import SEEDS, fleets, tanks
from tests.fleets import DAY, END_SECOND, HOUR, mixed_fleet, rows_of, run, tank


def start_liters(device: DeviceParameters) -> float:
    capacity_ml = np.floor(device.reservoir.capacity_liters * 1000)
    return float(np.floor(device.values["initial_level_fraction"] * capacity_ml)) / 1000


def assert_invariants(rows: pd.DataFrame, device: DeviceParameters) -> None:
    volume = rows["volume_liters"].to_numpy()
    before = np.concatenate([[start_liters(device)], volume[:-1]])
    gain = rows["inflow_liters"] + rows["loaded_liters"]
    drain = sum(rows[f"{name}_liters"] for name in ("served", "delivered", "lost", "overflow"))
    assert np.abs(before + gain - drain - volume).max() <= 1e-6
    assert (volume >= 0).all()
    assert (volume <= device.reservoir.capacity_liters + 1e-6).all()
    assert (rows["requested_liters"] >= rows["served_liters"]).all()
    flows = [c.name for c in COLUMNS if c.name.endswith("_liters")]
    assert (rows[flows] >= 0).all().all()
    assert (rows["seq"].diff().dropna() == 1).all()
    assert np.allclose(rows["level_pct"], volume / device.reservoir.capacity_liters * 100, atol=2e-3)
    assert rows["level_pct"].between(0, 100).all()


@given(fleet=fleets(), seed=SEEDS)
def test_water_is_neither_made_nor_lost(fleet: list[DeviceParameters], seed: int) -> None:
    frame = run(fleet, seed=seed, days=1.5).frame
    assert frame_problems(frame) == []
    assert (
        not frame.drop(
            columns=["activity", "measured_level_pct", "latitude", "longitude", "speed_kmh", "course_degrees"]
        )
        .isna()
        .any()
        .any()
    )
    for device in fleet:
        assert_invariants(rows_of(frame, device.device_id), device)


def test_columns_of_the_other_mode_say_nothing() -> None:
    frame = mixed_fleet().frame
    is_truck = frame["device_id"].astype(str).str.startswith("TRUCK")
    tanks_, trucks_ = frame[~is_truck], frame[is_truck]
    places = ["latitude", "longitude", "speed_kmh", "course_degrees", "activity"]
    assert tanks_[places].isna().all().all()
    assert trucks_["activity"].notna().all()
    # Without a fix a message has no location at all; that is rare.
    lost = trucks_[places[:-1]].isna()
    assert (lost.any(axis=1) == lost.all(axis=1)).all()
    assert 0 < lost["latitude"].mean() < 0.02
    assert (tanks_[["loaded_liters", "delivered_liters", "lost_liters"]] == 0).all().all()
    assert (
        (
            trucks_[
                [
                    "requested_liters",
                    "served_liters",
                    "inflow_liters",
                    "overflow_liters",
                    "expected_demand_liters",
                ]
            ]
            == 0
        )
        .all()
        .all()
    )
    assert (frame["fault"].astype(str) == "").all()


def test_each_flow_is_seen_in_the_mixed_fleet() -> None:
    """The properties above are not true for want of water."""
    sums = mixed_fleet().frame[[c.name for c in COLUMNS if c.name.endswith("_liters")]].sum()
    assert (sums > 0).all(), sums


@given(device=tanks(step_seconds=60), seed=SEEDS)
@settings(max_examples=20)
def test_hourly_sums_are_equal_for_any_step(device: DeviceParameters, seed: int) -> None:
    hourly = {}
    for step in (60, 300, 900, 3600):
        other = tank_with_step(device, step)
        frame = run(
            [other], seed=seed, start_second=END_SECOND - DAY // 2, end_second=END_SECOND - step
        ).frame
        cell = frame["received_at"].dt.floor("h")
        wanted = ["requested_liters", "inflow_liters"]
        # Whole milliliters: sums of floats that are multiples of .001 need one rounding.
        hourly[step] = (frame[wanted] * 1000).round().groupby(cell.to_numpy()).sum()
        if device.demand is not None and device.demand.process == "expected":
            hourly[step] = hourly[step][["inflow_liters"]]
    for step in (300, 900, 3600):
        pd.testing.assert_frame_equal(hourly[60], hourly[step], check_exact=True)


def tank_with_step(device: DeviceParameters, step: int) -> DeviceParameters:
    from dataclasses import replace

    return replace(device, step_seconds=step, cadence_seconds=step)


@given(device=tanks(step_seconds=60))
@settings(max_examples=20)
def test_expected_liters_a_day_do_not_depend_on_the_step(device: DeviceParameters) -> None:
    totals = []
    for step in (60, 300, 1800, 3600):
        frame = run(
            [tank_with_step(device, step)],
            days=1,
            end_second=END_SECOND - step,
            start_second=END_SECOND - DAY,
        ).frame
        totals.append(frame["expected_demand_liters"].sum())
    assert np.allclose(totals, totals[0], rtol=1e-9)


@pytest.mark.parametrize("target", [900.0, 120.0, 20_000.0])
def test_mean_demand_is_the_formula_in_each_hour_of_the_week(target: float) -> None:
    """200 devices are 200 independent households: each hour within sampling error."""
    devices = [tank(f"D{i:03}", step_seconds=HOUR, target_daily_liters=target) for i in range(200)]
    start = END_SECOND - 14 * DAY
    frame = run(devices, start_second=start, end_second=END_SECOND - HOUR).frame
    hour = (start // HOUR + np.arange(14 * 24) + 72) % 168
    wide = [frame[f"{name}_liters"].to_numpy().reshape(-1, 200) for name in ("requested", "expected_demand")]
    requested, expected = (np.stack([table[hour == h].mean(axis=0) for h in range(168)]) for table in wide)
    error = requested.std(axis=1, ddof=1) / 200**0.5
    z = (requested.mean(axis=1) - expected.mean(axis=1)) / error
    # Household means are skewed, so z is not quite normal: beyond 3 in 1 hour of 370 if it were.
    assert (np.abs(z) > 3).sum() <= 5, z
    assert np.abs(z).max() < 5
    totals = requested.sum(axis=0) / expected.sum(axis=0)
    assert abs(totals.mean() - 1) < 3 * totals.std(ddof=1) / 200**0.5 < 0.1


def test_a_household_uses_its_target_in_the_long_run() -> None:
    devices = [tank(f"D{i}", step_seconds=HOUR, demand_absence_share=0.0) for i in range(12)]
    frame = run(devices, days=364).frame
    daily = frame.groupby("device_id", observed=True)["requested_liters"].sum() / 364
    # Seasons and habits leave some percent of a year; over households they average out.
    assert (abs(daily / 912.857 - 1) < 0.25).all()
    assert abs(daily.mean() / 912.857 - 1) < 0.03


def test_the_expected_process_asks_exactly_for_the_formula() -> None:
    frame = rows_of(mixed_fleet().frame, "TANK-E")
    assert np.allclose(frame["requested_liters"], frame["expected_demand_liters"], rtol=1e-15)
