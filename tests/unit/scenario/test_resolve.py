"""Resolved parameters: every default filled in, and a hash of what is said."""

from __future__ import annotations

import pickle

import pytest

from synthlab.scenario.archetypes import ARCHETYPES
from synthlab.scenario.loader import load_scenario, loads_scenario
from synthlab.scenario.resolve import DEFAULT_TRANSITIONS, resolve, scenario_sha256
from synthlab.scenario.schema import Scenario

BARE = """\
scenario_id: s
devices:
  - {device_id: T, archetype: mobile_high_efficiency, mode: MOBILE, cadence_seconds: 60, route_id: R}
  - {device_id: C, archetype: stationary_archetype_c, mode: STATIONARY, cadence_seconds: 900}
routes:
  - {route_id: R, points: [{point_id: B, kind: BASE, latitude: 1, longitude: 2, zone_id: Z}]}
"""


@pytest.fixture
def bare() -> Scenario:
    return loads_scenario(BARE)


def test_devices_are_sorted_and_stepped(bare: Scenario) -> None:
    tank, truck = resolve(bare)
    assert (tank.device_id, tank.cadence_seconds, tank.step_seconds) == ("C", 900, 900)
    assert (truck.device_id, truck.cadence_seconds, truck.step_seconds) == ("T", 60, 300)


def test_defaults_of_a_tank(bare: Scenario) -> None:
    tank = resolve(bare)[0]
    archetype = ARCHETYPES["stationary_archetype_c"]
    assert tank.values == {name: parameter.default for name, parameter in archetype.parameters.items()}
    assert tank.route is None
    assert tank.demand is not None
    assert tank.supply is not None
    assert tank.demand.target_daily_liters == 25.0 * 24
    assert tank.demand.hourly_weights == (1.0,) * 24
    assert tank.demand.weekend_hourly_weights is None
    assert tank.demand.weekday_multipliers == (1.0,) * 7
    assert tank.demand.process == "events"
    assert tank.supply.hourly_probability_multipliers == tank.supply.hourly_volume_multipliers == (1.0,) * 24
    assert tank.supply.weekday_probability_multipliers == (1.0,) * 7


def test_the_fallback_of_the_target_follows_an_override(bare: Scenario) -> None:
    tank = resolve(bare.with_device("C", demand_liters_per_hour=10))[0]
    assert tank.demand is not None
    assert tank.demand.target_daily_liters == 240.0
    assert tank.values["demand_liters_per_hour"] == 10.0
    tank = resolve(bare.with_device("C", demand_liters_per_hour=10, target_daily_liters=900))[0]
    assert tank.demand is not None
    assert tank.demand.target_daily_liters == 900.0


def test_a_truck_has_its_route_and_no_curves(bare: Scenario) -> None:
    truck = resolve(bare)[1]
    assert truck.demand is None
    assert truck.supply is None
    assert truck.route is not None
    point = truck.route.points[0]
    assert (point.point_id, point.kind, point.latitude, point.longitude, point.zone_id) == (
        "B",
        "BASE",
        1.0,
        2.0,
        "Z",
    )
    assert truck.route.transitions == DEFAULT_TRANSITIONS


def test_given_transitions_replace_their_kind_only() -> None:
    given = "transitions: [{from_kind: CLIENT, to_kind: BASE, probability: 1}]"
    truck = resolve(loads_scenario(BARE.replace("zone_id: Z}]", f"zone_id: Z}}], {given}")))[1]
    assert truck.route is not None
    assert truck.route.transitions == {**DEFAULT_TRANSITIONS, "CLIENT": {"BASE": 1.0}}


def test_a_reservoir_is_the_scenarios_or_assumed(bare: Scenario) -> None:
    assumed = resolve(bare)[0].reservoir
    default = ARCHETYPES["stationary_archetype_c"].reservoir
    assert assumed.origin == "assumed"
    assert assumed.capacity_liters == default["capacity_liters"]
    given = resolve(bare.with_device("C", capacity_liters=77, zone_id="Z", is_pipe_connected=False))[
        0
    ].reservoir
    assert (given.origin, given.capacity_liters, given.zone_id) == ("scenario", 77.0, "Z")
    assert given.is_pipe_connected is False
    assert given.sensor_empty_distance_mm == default["sensor_empty_distance_mm"]
    truck = resolve(bare)[1].reservoir
    assert (truck.reservoir_type, truck.mobility, truck.is_pipe_connected) == ("TRUCK_TANK", "MOBILE", False)


def test_a_height_alone_is_the_calibration(bare: Scenario) -> None:
    reservoir = resolve(bare.with_device("C", capacity_liters=77, height_mm=900))[0].reservoir
    assert (reservoir.sensor_empty_distance_mm, reservoir.sensor_full_distance_mm) == (900.0, 0.0)
    both = bare.with_device(
        "C", capacity_liters=77, height_mm=900, sensor_empty_distance_mm=1000, sensor_full_distance_mm=100
    )
    reservoir = resolve(both)[0].reservoir
    assert (reservoir.sensor_empty_distance_mm, reservoir.sensor_full_distance_mm) == (1000.0, 100.0)


def test_a_pinned_reservoir_is_carried(bare: Scenario) -> None:
    pin = "ABCDEF00-0000-0000-0000-000000000001"
    tank = resolve(bare.with_device("C", reservoir_id=pin))[0]
    assert tank.reservoir_id == tank.reservoir.reservoir_id == pin.lower()


def test_parameters_travel_between_processes() -> None:
    parameters = resolve(load_scenario("demo_city_v1"))
    assert pickle.loads(pickle.dumps(parameters)) == parameters


def test_the_hash_is_of_what_is_said(bare: Scenario) -> None:
    written_out = loads_scenario(BARE + "seed: 42  # the default\nmqtt: {port: 8883}\nspeedup_factor: 1\n")
    assert scenario_sha256(written_out) == scenario_sha256(bare)
    assert scenario_sha256(bare.with_changes(seed=43)) != scenario_sha256(bare)
    assert scenario_sha256(bare.with_changes(speedup_factor=2)) != scenario_sha256(bare)
    # Where it is streamed to changes no row.
    assert scenario_sha256(bare.with_changes(mqtt={"host": "broker"})) == scenario_sha256(bare)
    zeros = [BARE.replace("latitude: 1", f"latitude: {zero}") for zero in ("0", "-0.0")]
    assert len({scenario_sha256(loads_scenario(text)) for text in zeros}) == 1
    # Artifacts name scenarios by it: it must not change between releases.
    assert scenario_sha256(bare) == "499253bd83ae3a9c04c993c71f774e96320ec44883a2043e098393aede44ec12"
