"""The bundled templates say what the guide says."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from synthlab.scenario.loader import load_scenario, template_names
from synthlab.scenario.resolve import resolve
from synthlab.scenario.writer import updated_text

FOLDER = Path(__file__).parents[3] / "scenarios"


def test_devices_are_the_guides() -> None:
    archetypes = {
        device.device_id: device.archetype
        for name in ("stationary_only_v1", "mobile_only_v1")
        for device in load_scenario(name).devices
    }
    assert archetypes == {
        "E2E2024STATA1": "stationary_archetype_a",
        "E2E2024STATC1": "stationary_archetype_c",
        "E2E2024MOBE1": "mobile_high_efficiency",
        "E2E2024MOBF1": "mobile_fragmented_high_loss",
    }
    city = load_scenario("demo_city_v1")
    assert sorted(device.archetype for device in city.devices) == [
        "mobile_fragmented_high_loss",
        "mobile_high_efficiency",
        "stationary_archetype_a",
        "stationary_archetype_a",
        "stationary_archetype_c",
        "stationary_archetype_c",
    ]
    assert {device.reservoir.zone_id for device in city.devices if device.reservoir} == {
        "ZONE_NORTH",
        "ZONE_SOUTH",
    }


@pytest.mark.parametrize("name", template_names())
def test_a_template_is_self_contained(name: str) -> None:
    scenario = load_scenario(name)
    assert (scenario.scenario_id, scenario.seed, scenario.timezone) == (name, 42, "UTC")
    assert (scenario.bootstrap.days, scenario.bootstrap.step_minutes) == (30, 5)
    assert (scenario.mqtt.host, scenario.mqtt.port) == (None, 8883)
    for device in resolve(scenario):
        assert device.step_seconds == 300
        assert device.reservoir.origin == "scenario"
        assert device.reservoir.mobility == ("MOBILE" if device.mode == "MOBILE" else "FIXED")


@pytest.mark.parametrize("name", template_names())
def test_saving_a_template_changes_nothing(name: str) -> None:
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    assert updated_text(text, load_scenario(name)) == text


def test_the_first_tank_has_the_guides_curves() -> None:
    dynamics = load_scenario("stationary_only_v1").device("E2E2024STATA1").dynamics
    assert dynamics is not None
    assert dynamics.demand is not None
    assert dynamics.supply is not None
    assert dynamics.demand.target_daily_liters == 900.0
    assert dynamics.demand.hourly_weights == (
        *(0.6, 0.5, 0.5, 0.5, 0.6, 0.8, 1.2, 1.4, 1.3, 1.0, 0.9, 0.9),
        *(1.0, 1.0, 1.0, 1.0, 1.1, 1.3, 1.4, 1.3, 1.0, 0.9, 0.7, 0.6),
    )
    assert dynamics.demand.weekday_multipliers == (1.0, 1.0, 1.0, 1.0, 1.05, 1.1, 0.95)
    assert dynamics.supply.hourly_probability_multipliers == (
        *(0.8, 0.75, 0.7, 0.65, 0.7, 0.85, 1.0, 1.2, 1.25, 1.1, 1.0, 0.95),
        *(0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3, 1.2, 1.05, 0.95, 0.9, 0.85),
    )
    assert dynamics.supply.hourly_volume_multipliers == (
        *(0.8, 0.75, 0.7, 0.7, 0.75, 0.9, 1.0, 1.15, 1.2, 1.1, 1.0, 0.95),
        *(0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.25, 1.2, 1.0, 0.9, 0.85, 0.8),
    )
    assert dynamics.supply.weekday_probability_multipliers == (1.0, 1.0, 1.0, 1.0, 1.0, 0.95, 0.95)


def test_the_second_tank_peaks_in_the_evening() -> None:
    dynamics = load_scenario("stationary_only_v1").device("E2E2024STATC1").dynamics
    assert dynamics is not None
    assert dynamics.demand is not None
    assert dynamics.demand.hourly_weights is not None
    assert max(range(24), key=dynamics.demand.hourly_weights.__getitem__) == 19


@pytest.mark.parametrize("route", load_scenario("demo_city_v1").routes, ids=lambda route: route.route_id)
def test_routes_are_whole_and_of_a_citys_size(route: object) -> None:
    points = route.points  # type: ignore[attr-defined]
    assert {point.kind for point in points} == {"BASE", "REFILL", "CLIENT"}
    source = next(point for point in points if point.kind == "REFILL")
    clients = [point for point in points if point.kind == "CLIENT"]
    assert 4 <= len(clients) <= 8
    for client in clients:
        east = (client.longitude - source.longitude) * math.cos(math.radians(source.latitude))
        assert 3 <= 111.2 * math.hypot(client.latitude - source.latitude, east) <= 12
