"""The hardware blocks: which value counts, what is refused, and volume tables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.errors import ScenarioError
from synthlab.scenario.archetypes import ARCHETYPES
from synthlab.scenario.hardware import Network, Power, Radio, Sensor
from synthlab.scenario.hardware_parameters import BLOCKS, MODELS
from synthlab.scenario.resolve import resolve, scenario_sha256
from synthlab.scenario.schema import Scenario

CLASSES = {"sensor": Sensor, "power": Power, "radio": Radio, "network": Network}


def scenario(device: dict[str, Any] | None = None, **root: Any) -> Scenario:
    tank = {
        "device_id": "A",
        "archetype": "stationary_archetype_a",
        "mode": "STATIONARY",
        "cadence_seconds": 300,
        **(device or {}),
    }
    return Scenario.from_dict({"scenario_id": "s", "devices": [tank], **root})


def values(device: dict[str, Any] | None = None, **root: Any) -> Any:
    return resolve(scenario(device, **root))[0].values


def rules(device: dict[str, Any], **root: Any) -> list[tuple[str, str]]:
    with pytest.raises(ScenarioError) as caught:
        scenario(device, **root)
    return [(problem.path, problem.rule) for problem in caught.value.problems]


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_a_blocks_fields_are_its_parameters(name: str) -> None:
    assert set(CLASSES[name].model_fields) == {"model", *BLOCKS[name]}
    known = {field for block in BLOCKS.values() for field in block}
    assert known <= set(ARCHETYPES["mobile_high_efficiency"].parameters)


@pytest.mark.parametrize(("block", "model"), [(b, m) for b, models in MODELS.items() for m in models])
def test_a_model_sets_what_it_says_within_the_ranges(block: str, model: str) -> None:
    found = values({block: {"model": model}})
    for name, value in MODELS[block][model].items():
        parameter = BLOCKS[block][name]
        if parameter.choices:
            assert value in parameter.choices
        else:
            assert parameter.minimum is not None
            assert parameter.maximum is not None
            assert parameter.minimum <= value <= parameter.maximum
        if name in ARCHETYPES["stationary_archetype_a"].parameters:
            assert found[name] == value


def test_without_blocks_the_archetype_decides_and_the_network_is_ideal() -> None:
    found = values()
    assert found == {name: p.default for name, p in ARCHETYPES["stationary_archetype_a"].parameters.items()}
    assert found["message_loss_prob"] == found["outages_per_day"] == 0.0
    assert values({"sensor": {}}) == values(sensor={}) == found


def test_the_nearer_statement_decides() -> None:
    """The ranks of synthlab.scenario.hardware, one by one."""
    name = "reading_noise_mm"
    root = {"sensor": {"model": "harsh", name: 7.0}}
    assert values(sensor={"model": "harsh"})[name] == 4.0
    assert values(**root)[name] == 7.0
    assert values({"parameter_overrides": {name: 9.0}}, **root)[name] == 9.0
    assert values({"parameter_overrides": {name: 9.0}}, **root)["multipath_max_mm"] == 500.0
    assert values({"sensor": {"model": "ideal"}}, **root)[name] == 0.0
    assert values({"sensor": {"model": "ideal", name: 3.0}}, **root)[name] == 3.0
    assert values({"sensor": {"model": "typical"}}, **root)[name] == 2.0
    assert values({"sensor": {"blind_zone_mm": 300.0}}, **root)[name] == 7.0


def test_a_parameter_may_stand_in_one_place_of_a_device() -> None:
    path = "devices[0].parameter_overrides.no_echo_prob"
    for sensor in ({"no_echo_prob": 0.1}, {"model": "ideal"}):
        found = rules({"parameter_overrides": {"no_echo_prob": 0.2}, "sensor": sensor})
        assert found == [(path, "is a parameter of sensor, which this device sets by its block")]
    # Beside a block that says nothing of it, an override is welcome.
    both = {"parameter_overrides": {"no_echo_prob": 0.2}, "sensor": {"blind_zone_mm": 300.0}}
    assert values(both)["no_echo_prob"] == 0.2


def test_what_only_a_truck_has_is_refused_in_a_tank_and_passed_over_for_all() -> None:
    assert rules({"sensor": {"slosh_noise_mm": 3.0}}) == [
        ("devices[0].sensor.slosh_noise_mm", "is no parameter of stationary_archetype_a")
    ]
    assert "slosh_noise_mm" not in values(sensor={"slosh_noise_mm": 3.0})


def test_bad_fields_are_told_with_their_range_and_the_nearest_name() -> None:
    found = rules({"network": {"message_loss_prob": 2, "outage_hour": 1}, "radio": {"model": "best"}})
    assert sorted(found) == [
        ("devices[0].network.message_loss_prob", "must be <= 1"),
        ("devices[0].network.outage_hour", "unknown key"),
        ("devices[0].radio.model", "must be ideal, typical or harsh"),
    ]


def test_with_device_changes_the_place_that_is_there() -> None:
    plain, blocked = scenario(), scenario({"sensor": {"model": "ideal"}})
    assert plain.with_device("A", no_echo_prob=0.5).device("A").parameter_overrides == {"no_echo_prob": 0.5}
    changed = blocked.with_device("A", no_echo_prob=0.5).device("A")
    assert not changed.parameter_overrides
    assert changed.sensor is not None
    assert (changed.sensor.model, changed.sensor.no_echo_prob) == ("ideal", 0.5)


def test_blocks_count_in_the_hash() -> None:
    assert scenario_sha256(scenario()) != scenario_sha256(scenario(network={"model": "typical"}))


# --- volume tables -----------------------------------------------------------------------------

CALIBRATED = {"capacity_liters": 5_000, "sensor_empty_distance_mm": 2_050, "sensor_full_distance_mm": 250}


def table(rows: Any, **changes: Any) -> dict[str, Any]:
    return {"reservoir": {**CALIBRATED, "shape": "table", "volume_table": rows, **changes}}


@given(st.lists(st.tuples(st.floats(1, 400), st.floats(1, 900)), min_size=1, max_size=8))
def test_rising_tables_to_the_full_tank_are_taken(steps: list[tuple[float, float]]) -> None:
    heights, liters = ([0.0], [0.0])
    for more_mm, more_liters in steps:
        heights.append(heights[-1] + more_mm)
        liters.append(liters[-1] + more_liters)
    rows = [list(row) for row in zip(heights, liters, strict=True)]
    block = table(
        rows,
        capacity_liters=liters[-1],
        sensor_empty_distance_mm=250 + heights[-1],
    )
    found = resolve(scenario(block))[0].reservoir
    assert found.volume_table == tuple(tuple(row) for row in rows)


@pytest.mark.parametrize(
    ("block", "path", "rule"),
    [
        (table([[0, 0], [900, 6_000], [1_800, 5_000]]), "[2]", "must have more of both"),
        (table([[0, 0], [1_800, 4_000]]), "[1]", "must end at capacity_liters, 5000"),
        (table([[0, 0], [1_700, 5_000]]), "[1]", "must end at the full height, 1800 mm"),
        (table([[0, 10], [1_800, 5_000]]), "[0]", "must be [0, 0]"),
        (table([[0, 0], [1_800, 5_000]], shape="upright"), "", "is for shape table only"),
        (table(None), "", "is required for shape table"),
        (table([[0, 0]]), "", "needs 2 values"),
        (table([[0, 0, 0], [1, 1]]), "[0]", "needs 2 values"),
        (table([[0, 0], [1_800, "full"]]), "[1][1]", "needs a number"),
        (table("steep"), "", "needs a list"),
        (
            {"reservoir": {"capacity_liters": 9, "shape": "table", "volume_table": [[0, 0], [1, 9]]}},
            "[1]",
            "needs the calibration of this block",
        ),
    ],
)
def test_other_tables_are_refused(block: dict[str, Any], path: str, rule: str) -> None:
    ((found_path, found_rule),) = rules(block)
    assert found_path == f"devices[0].reservoir.volume_table{path}"
    assert found_rule.startswith(rule)
