"""What the preview shows of the metrics that each archetype makes a promise of."""

from __future__ import annotations

import pytest

import synthlab
from synthlab.scenario.resolve import resolve

START_AT = "2026-02-10T00:00:00Z"
A_DAY = 289


@pytest.fixture
def city(scratch: object) -> synthlab.Scenario:
    return synthlab.load_scenario("demo_city_v1")


def test_a_day_shows_the_metrics_of_its_own_frame(city: synthlab.Scenario) -> None:
    shown = synthlab.preview(city, steps=A_DAY, start_at=START_AT)
    reservoirs = {device.device_id: device.reservoir for device in resolve(city)}
    metrics = synthlab.metrics(shown.frame, reservoirs=reservoirs)
    seen = 0
    for device in shown.to_dict()["devices"]:
        assert list(device["preview_tendencies"]) == list(device["expected_tendencies"])
        row = metrics.loc[device["device_id"]]
        for metric, value in device["preview_tendencies"].items():
            if value is None:
                assert device["preview_null_reasons"][metric] == row["null_reasons"][metric]
            else:
                assert value == row[metric]
                assert metric not in device["preview_null_reasons"]
                seen += 1
    assert seen >= 12


def test_less_than_a_day_shows_nothing_and_says_why(city: synthlab.Scenario) -> None:
    for device in synthlab.preview(city, steps=A_DAY - 1, start_at=START_AT).devices:
        assert set(device["preview_tendencies"].values()) == {None}
        assert set(device["preview_null_reasons"].values()) == {"TOO_SHORT"}
        assert list(device["preview_null_reasons"]) == list(device["expected_tendencies"])


def test_devices_of_unlike_steps_are_judged_by_their_own_length(tiny_text: str, scratch: object) -> None:
    from synthlab.scenario.loader import loads_scenario

    unlike = loads_scenario(tiny_text.replace("cadence_seconds: 300", "cadence_seconds: 3600", 1))
    truck, tank = synthlab.preview(unlike, steps=25, start_at=START_AT).devices
    assert set(truck["preview_null_reasons"].values()) == {"TOO_SHORT"}
    assert tank["preview_tendencies"]["runout_prob"] == 0.0


def test_table_puts_both_side_by_side(city: synthlab.Scenario) -> None:
    shown = synthlab.preview(city, steps=A_DAY, start_at=START_AT)
    rows = {(device, metric): cells for device, metric, *cells in shown.tendency_table()}
    assert len(rows) == sum(len(device["expected_tendencies"]) for device in shown.devices)
    value = next(d for d in shown.devices if d["device_id"] == "E2E2024STATA1")["preview_tendencies"]
    assert rows["E2E2024STATA1", "autonomy_days_est"] == [
        "higher than stationary_archetype_c",
        f"{value['autonomy_days_est']:.3f}",
    ]
    assert rows["E2E2024STATC1", "elasticity_near_empty"][0] == "below 0.7"
    short = synthlab.preview(city, steps=2, start_at=START_AT)
    assert {row[3] for row in short.tendency_table()} == {"null: needs 24 h"}
