"""The records: frozen, handy in a notebook, and described as JSON Schema."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any, get_args

import jsonschema
import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from synthlab.errors import ScenarioError
from synthlab.scenario import schema
from synthlab.scenario.archetypes import ARCHETYPES
from synthlab.scenario.block import Block
from synthlab.scenario.loader import load_scenario, template_names
from synthlab.scenario.schema import Device, Scenario, scenario_json_schema

PAGE = (Path(__file__).parents[3] / "docs" / "scenario.md").read_text(encoding="utf-8")
BLOCKS = [
    value
    for value in vars(schema).values()
    if isinstance(value, type) and issubclass(value, Block) and value is not Block
]


@pytest.fixture
def scenario() -> Scenario:
    return load_scenario("demo_city_v1")


def tank(**changes: Any) -> dict[str, Any]:
    data = {
        "device_id": "A",
        "archetype": "stationary_archetype_a",
        "mode": "STATIONARY",
        "cadence_seconds": 300,
    }
    return {**data, **changes}


def test_a_scenario_cannot_be_changed(scenario: Scenario) -> None:
    with pytest.raises(ValidationError):
        scenario.seed = 1  # type: ignore[misc]
    with pytest.raises(TypeError, match="read-only"):
        scenario.device("E2E2024STATC2").parameter_overrides["no_echo_prob"] = 0.5
    with pytest.raises(TypeError, match="read-only"):
        scenario.device("E2E2024STATC2").parameter_overrides.update(no_echo_prob=0.5)


def test_a_scenario_can_be_hashed_copied_and_sent(scenario: Scenario) -> None:
    assert pickle.loads(pickle.dumps(scenario)) == scenario == copy.deepcopy(scenario)
    assert hash(pickle.loads(pickle.dumps(scenario))) == hash(scenario)


def test_records_check_the_rules_between_their_fields() -> None:
    with pytest.raises(ValidationError, match="route_id: is required for mode MOBILE"):
        Device.model_validate(tank(archetype="mobile_high_efficiency", mode="MOBILE"))
    with pytest.raises(ValidationError, match=r"devices\[1\].device_id: must be unique"):
        Scenario.model_validate({"scenario_id": "s", "devices": [tank(), tank(device_id="a")]})


def test_plain_data_raises_the_agreed_error_with_all_problems() -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_dict(
            {"scenario_id": "s", "seed": "1", "devices": [tank(mode="MOBILE", cadence_seconds=1)]}
        )
    assert [p.path for p in caught.value.problems] == [
        "seed",
        "devices[0].cadence_seconds",
        "devices[0].archetype",
        "devices[0].route_id",
    ]
    with pytest.raises(ScenarioError, match="needs a block of keys and values, got a list of 0"):
        Scenario.from_dict([])  # type: ignore[arg-type]


def test_a_huge_whole_number_is_out_of_range() -> None:
    with pytest.raises(ScenarioError, match=r"must be a number 0\.\.1"):
        Scenario.from_dict(
            {"scenario_id": "s", "devices": [tank(parameter_overrides={"no_echo_prob": 10**400})]}
        )


def test_repr_tells_what_is_in_it(scenario: Scenario) -> None:
    words = "6 devices (4 STATIONARY, 2 MOBILE), 2 routes, 30 days by 5 min, seed 42"
    assert repr(scenario) == str(scenario) == f"Scenario('demo_city_v1': {words})"
    assert repr(Device.model_validate(tank())) == (
        "Device(device_id='A', archetype='stationary_archetype_a', mode='STATIONARY', cadence_seconds=300)"
    )


def test_html_is_a_small_escaped_table(scenario: Scenario) -> None:
    page = scenario._repr_html_()
    assert page.count("<tr>") == 7
    assert "<td>E2E2024STATA1</td>" in page
    assert "<td>900</td><td>5,000</td><td>–</td>" in page
    many = Scenario.from_dict({"scenario_id": "s", "devices": [tank(device_id=f"A{n}") for n in range(30)]})
    assert "... +10 more" in many._repr_html_()
    route = {"route_id": "<b>", "points": []}
    truck = tank(archetype="mobile_high_efficiency", mode="MOBILE", route_id="<b>")
    assert (
        "<td>&lt;b&gt;</td>"
        in Scenario.from_dict({"scenario_id": "s", "devices": [truck], "routes": [route]})._repr_html_()
    )


def test_devices_and_routes_are_found_by_id(scenario: Scenario) -> None:
    assert scenario.device("e2e2024mobf1").archetype == "mobile_fragmented_high_loss"
    assert scenario.route("ROUTE_DENSE").points[0].kind == "BASE"
    with pytest.raises(ScenarioError) as caught:
        scenario.device("E2E2024STATA9")
    assert str(caught.value).startswith(
        "device_id: no device of the scenario has this id, got 'E2E2024STATA9'. Did you mean E2E2024STATA"
    )
    with pytest.raises(ScenarioError, match="Remove it: the scenario has none"):
        load_scenario("stationary_only_v1").route("R")


def test_with_device_knows_where_a_name_belongs(scenario: Scenario) -> None:
    weights = np.linspace(0.5, 1.5, 24)
    changed = scenario.with_device(
        "e2e2024stata1",
        hourly_weights=weights,
        cadence_seconds=np.int64(600),
        capacity_liters=np.float64(4000),
        no_echo_prob=0.5,
        **{"dynamics.demand.process": "expected", "dynamics.supply": None},
    ).device("E2E2024STATA1")
    assert changed.dynamics is not None
    assert changed.dynamics.demand is not None
    assert changed.dynamics.demand.hourly_weights == tuple(weights.tolist())
    assert changed.dynamics.demand.target_daily_liters == 900
    assert changed.dynamics.demand.process == "expected"
    assert changed.dynamics.supply is None
    assert changed.cadence_seconds == 600
    assert changed.reservoir is not None
    assert changed.reservoir.capacity_liters == 4000
    assert dict(changed.parameter_overrides) == {"no_echo_prob": 0.5}
    assert scenario == load_scenario("demo_city_v1")


def test_with_device_takes_records_and_takes_values_away(scenario: Scenario) -> None:
    dynamics = scenario.device("E2E2024STATC1").dynamics
    changed = scenario.with_device("E2E2024STATA1", dynamics=dynamics, reservoir=None)
    assert changed.device("E2E2024STATA1").dynamics == dynamics
    assert changed.device("E2E2024STATA1").reservoir is None
    bare = scenario.with_device("E2E2024STATC2", no_echo_prob=None, supply_sessions_per_day=None)
    assert bare.device("E2E2024STATC2").parameter_overrides == {}
    gone = scenario.with_device(
        "E2E2024STATA2", target_daily_liters=None, hourly_weights=None, weekday_multipliers=None
    )
    assert gone.device("E2E2024STATA2").dynamics is None
    other = scenario.with_device("E2E2024MOBE1", archetype="mobile_fragmented_high_loss", loss_fraction=0.1)
    assert other.device("E2E2024MOBE1").parameter_overrides == {"loss_fraction": 0.1}


def test_a_changed_copy_is_validated(scenario: Scenario) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario.with_device("E2E2024STATA1", hourly_weights=[1] * 23, cadence_seconds=1)
    assert [p.path for p in caught.value.problems] == [
        "devices[0].cadence_seconds",
        "devices[0].dynamics.demand.hourly_weights",
    ]
    with pytest.raises(ScenarioError, match="Did you mean hourly_weights") as caught:
        scenario.with_device("E2E2024STATA1", hourly_weight=[1] * 24)
    assert caught.value.code == "SCENARIO_UNKNOWN_KEY"
    with pytest.raises(ScenarioError, match="unknown key"):
        scenario.with_device("E2E2024STATA1", **{"dynamics.deman.process": "expected"})


def test_with_changes_reaches_the_root_blocks(scenario: Scenario) -> None:
    changed = scenario.with_changes(seed=1, days=7, host="h", **{"bootstrap.step_minutes": 10})
    assert (changed.seed, changed.bootstrap.days, changed.bootstrap.step_minutes) == (1, 7, 10)
    assert (changed.mqtt.host, changed.mqtt.port) == ("h", 8883)
    assert changed.bootstrap.drain_analytics is True
    with pytest.raises(ScenarioError, match="Did you mean days"):
        scenario.with_changes(day=7)


def test_archetypes_of_the_schema_are_those_of_the_data() -> None:
    names = get_args(Device.model_fields["archetype"].annotation)
    assert sorted(names) == sorted(ARCHETYPES)


def errors(data: object) -> list[str]:
    validator = jsonschema.Draft202012Validator(scenario_json_schema())
    return [error.json_path for error in validator.iter_errors(data)]


def test_the_json_schema_is_one_and_fits_the_templates() -> None:
    jsonschema.Draft202012Validator.check_schema(scenario_json_schema())
    json.dumps(scenario_json_schema(), allow_nan=False)
    for name in template_names():
        assert errors(load_scenario(name).to_dict()) == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"cadence_seconds": 30}, "$.devices[0].cadence_seconds"),
        ({"cadence_second": 30}, "$.devices[0]"),
        ({"device_id": "-"}, "$.devices[0].device_id"),
        ({"mode": "MOBILE"}, "$.devices[0]"),
        ({"dynamics": {"demand": {"hourly_weights": [1] * 23}}}, "$.devices[0].dynamics"),
        ({"parameter_overrides": {"loss_fraction": 0.1}}, "$.devices[0].parameter_overrides"),
        ({"parameter_overrides": {"no_echo_prob": 2}}, "$.devices[0].parameter_overrides.no_echo_prob"),
    ],
)
def test_the_json_schema_knows_the_rules(change: dict[str, Any], path: str) -> None:
    data = {"scenario_id": "s", "devices": [tank()]}
    assert errors(data) == []
    assert path in errors({"scenario_id": "s", "devices": [tank(**change)]})


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.__name__)
def test_the_field_reference_has_every_field_with_its_default(block: type[BaseModel]) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    for name, field in block.model_fields.items():
        assert field.description, name
        default = field.get_default(call_default_factory=True)
        word = (
            "required"
            if field.is_required()
            else "–"
            if default in (None, (), {}) or isinstance(default, Block)
            else None
        )
        cells = [
            [cell.strip() for cell in row.strip("|").split("|")]
            for row in rows
            if row.startswith(f"| `{name}` |")
        ]
        expected = word or f"`{json.dumps(default).strip(chr(34))}`"
        assert any(cell[1] == expected and cell[2] == field.description for cell in cells), (
            name,
            expected,
            field.description,
        )
