"""Thousands of scenario files, good, broken and hostile: typed errors only, in bounded time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from synthlab.errors import ScenarioError
from synthlab.scenario.loader import loads_scenario
from synthlab.scenario.schema import Scenario, scenario_json_schema
from synthlab.scenario.writer import dumps_scenario, updated_text
from tests.broken_scenarios import HOSTILE, broken_bytes, sayable_break
from tests.generated_scenarios import schema, valid_data, valid_text

REPOSITORY = Path(__file__).resolve().parents[3]
SYNTAX = {"SCENARIO_SYNTAX", "SCENARIO_TOO_LARGE"}
CODES = SYNTAX | {"SCENARIO_FIELD_INVALID", "SCENARIO_UNKNOWN_KEY", "SCENARIO_REFERENCE_INVALID"}


def batch(kind: str, first: int, last: int) -> dict[str, Any]:
    """Load a range of files in a process with hard bounds; `tests.fuzz_runner` says which."""
    command = [sys.executable, "-m", "tests.fuzz_runner", kind, str(first), str(last)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=REPOSITORY, check=False, timeout=30 + (last - first) * 2
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout)


def sweep(kind: str, count: int, size: int = 500) -> Counter[str]:
    """Load so many files, and return how often each outcome was."""
    outcomes: Counter[str] = Counter()
    for first in range(0, count, size):
        report = batch(kind, first, min(first + size, count))
        print(report)
        assert report["findings"] == []
        outcomes.update(report["outcomes"])
    assert outcomes.total() == count
    return outcomes


def test_generated_scenarios_are_loaded() -> None:
    assert sweep("valid", 80) == {"accepted": 80}


def test_broken_scenarios_give_typed_errors_in_bounds() -> None:
    outcomes = sweep("broken", 200)
    assert set(outcomes) == CODES | {"accepted"}
    # A harness that breaks nothing would pass everything.
    assert outcomes["accepted"] < 25


def test_broken_scenarios_end_the_command_line_with_its_code_and_write_nothing() -> None:
    outcomes = sweep("cli", 40)
    assert set(outcomes) <= {"exit 0", "exit 3", "exit 4"}
    assert outcomes["exit 3"] > 30


def test_a_tag_without_an_end_is_refused() -> None:
    # A parser that looks at each of its characters anew takes 20 s for 1 MiB.
    with pytest.raises(ScenarioError, match="must not have a tag") as caught:
        loads_scenario("a: " + "!" * 1_000_000)
    assert (caught.value.problems[-1].line, caught.value.problems[-1].column) == (1, 4)
    assert len(str(caught.value)) < 2_000
    with pytest.raises(ScenarioError, match="must not have a tag"):
        loads_scenario("a: " + "!" * 900 + " x")


def test_of_a_long_list_either_the_first_thousand_problems_are_named_or_all() -> None:
    with pytest.raises(ScenarioError) as caught:
        loads_scenario("scenario_id: x\ndevices: [" + "{}," * 1_500 + "{}]")
    assert len(caught.value.problems) == 1_000
    entry = "  - {device_id: D%d, archetype: stationary_archetype_a, mode: STATIONARY, cadence_seconds: %s}\n"
    text = "scenario_id: x\ndevices:\n" + "".join(
        entry % (number, "none" if number in (5, 1_100) else "60") for number in range(1_200)
    )
    with pytest.raises(ScenarioError) as caught:
        loads_scenario(text)
    assert [each.path for each in caught.value.problems] == [
        "devices[5].cadence_seconds",
        "devices[1100].cadence_seconds",
    ]


@pytest.mark.long
def test_ten_thousand_generated_scenarios_are_loaded() -> None:
    assert sweep("valid", 10_000) == {"accepted": 10_000}


@pytest.mark.long
def test_ten_thousand_broken_scenarios_give_typed_errors_in_bounds() -> None:
    assert set(sweep("broken", 10_000)) == CODES | {"accepted"}


@pytest.mark.long
def test_ten_thousand_broken_scenarios_through_the_command_line() -> None:
    assert set(sweep("cli", 10_000)) <= {"exit 0", "exit 3", "exit 4"}


def test_every_field_of_the_schema_is_drawn_and_broken() -> None:
    def fields(tree: Any) -> set[str]:
        if isinstance(tree, list):
            return set().union(*map(fields, tree))
        if isinstance(tree, dict):
            return set(tree) | set().union(*map(fields, tree.values()))
        return set()

    blocks = [schema(), *schema()["$defs"].values()]
    known = {name for block in blocks for name in block.get("properties", {})}
    drawn = set().union(*(fields(valid_data(number)) for number in range(300)))
    # How often and how large a fault is depends on its kind, which the schema cannot say.
    assert known - drawn <= {"size", "at", "rate_per_month"}
    names = {broken_bytes(number)[0] for number in range(600)}
    assert {name.split(":")[0] for name in names} == {"bytes", "tokens", "tree", "hostile"}
    assert len(names & {f"hostile: {name}" for name in HOSTILE}) > 20


def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(scenario_json_schema())


def test_what_the_loader_takes_the_json_schema_takes() -> None:
    check = validator()
    for number in range(80):
        data = valid_data(number)
        assert [error.message for error in check.iter_errors(data)] == [], number
        # Defaults written out are the same scenario to both.
        assert list(check.iter_errors(Scenario.from_dict(data).to_dict())) == [], number


def test_what_the_json_schema_can_say_it_says_as_the_loader() -> None:
    check = validator()
    ways: Counter[str] = Counter()
    for number in range(400):
        data = valid_data(number)
        way = sayable_break(data, number)
        with pytest.raises(ScenarioError):
            Scenario.from_dict(data)
        assert not check.is_valid(data), (number, way)
        ways[way] += 1
    assert set(ways) == {"type", "unknown", "missing", "range", "length"}


@pytest.mark.parametrize("block", ["mqtt", "bootstrap", "routes", "faults"])
def test_an_empty_block_is_nothing_to_loader_and_json_schema(block: str) -> None:
    data = {**valid_data(1), block: None}
    data["devices"] = [device for device in data["devices"] if device["mode"] == "STATIONARY"] or [
        {
            "device_id": "A",
            "archetype": "stationary_archetype_a",
            "mode": "STATIONARY",
            "cadence_seconds": 60,
        }
    ]
    data.pop("faults", None)
    for device in data["devices"]:
        device.pop("route_id", None)
    assert Scenario.from_dict(data)
    assert validator().is_valid(data)


def test_generated_scenarios_survive_saving() -> None:
    for number in range(30):
        text = valid_text(number)
        scenario = loads_scenario(text)
        assert loads_scenario(dumps_scenario(scenario)) == scenario
        # A file that says it already is not touched: comments, order and notation stay.
        assert updated_text(text, scenario) == text
        changed = scenario.with_changes(seed=number + 1_000_000)
        assert loads_scenario(updated_text(text, changed)) == changed
