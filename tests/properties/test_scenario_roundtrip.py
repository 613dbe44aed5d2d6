"""What is saved is what is loaded, and an edited file keeps its comments."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from synthlab.errors import Problem, ScenarioError
from synthlab.scenario.loader import load_scenario, loads_scenario
from synthlab.scenario.resolve import resolve, scenario_sha256
from synthlab.scenario.schema import Scenario
from synthlab.scenario.writer import dumps_scenario, save_scenario, updated_text
from tests.strategies import mobile_scenarios, scenario_data, scenarios, stationary_scenarios


def _commented(text: str) -> str:
    """A comment above and behind every line, as far as that can be in YAML."""
    lines = [
        f"{' ' * (len(line) - len(line.lstrip()))}# above {n}\n{line}  # behind {n}"
        for n, line in enumerate(text.splitlines())
        if line
    ]
    return "\n".join(lines) + "\n"


def _problems(read: Callable[[Any], Scenario], source: Any) -> tuple[Problem, ...]:
    """What is wrong with a source; any other error than the agreed one escapes."""
    try:
        read(source)
    except ScenarioError as error:
        return error.problems
    return ()


def _comments(text: str) -> list[str]:
    return [line[line.index("# ") :] for line in text.splitlines() if "# " in line]


@given(scenarios())
def test_save_then_load_gives_the_same_scenario(scenario: Scenario) -> None:
    with TemporaryDirectory() as folder:
        path = save_scenario(scenario, Path(folder) / "s.yaml")
        assert load_scenario(path) == scenario
        before = path.read_bytes()
        save_scenario(scenario, path)
        assert path.read_bytes() == before


@given(scenarios(), scenarios())
def test_saving_over_another_scenario_gives_the_new_one(old: Scenario, new: Scenario) -> None:
    for text in (dumps_scenario(old), _commented(dumps_scenario(old)), json.dumps(old.to_dict())):
        changed = updated_text(f"# head\n{text}# foot\n" if text.endswith("\n") else f"# head\n{text}", new)
        assert loads_scenario(changed) == new
        # Written anew, it would have lost this.
        assert changed.startswith("# head\n")


@given(stationary_scenarios(), st.data())
def test_a_changed_number_changes_one_line(scenario: Scenario, data: st.DataObject) -> None:
    text = _commented(dumps_scenario(scenario))
    device = data.draw(st.sampled_from(scenario.devices))
    cadence = data.draw(st.integers(60, 3600).filter(lambda value: value != device.cadence_seconds))
    changed = updated_text(text, scenario.with_device(device.device_id, cadence_seconds=cadence))
    differing = [(a, b) for a, b in zip(text.splitlines(), changed.splitlines(), strict=True) if a != b]
    assert len(differing) == 1
    before, after = differing[0]
    assert after == before.replace(f": {device.cadence_seconds}", f": {cadence}", 1)


@given(scenarios(), scenarios())
def test_an_added_device_keeps_every_other_line(scenario: Scenario, other: Scenario) -> None:
    taken = {device.device_id for device in scenario.devices}
    extra = [
        device for device in other.devices if device.device_id not in taken and device.mode == "STATIONARY"
    ]
    text = _commented(dumps_scenario(scenario))
    changed = updated_text(text, scenario.model_copy(update={"devices": (*scenario.devices, *extra)}))
    kept = iter(changed.splitlines())
    assert all(line in kept for line in text.splitlines())
    assert len(changed) >= len(text)


@given(scenarios(), st.data())
def test_a_removed_device_takes_its_own_lines_only(scenario: Scenario, data: st.DataObject) -> None:
    if len(scenario.devices) < 2:
        return
    gone = data.draw(st.sampled_from(scenario.devices))
    text = _commented(dumps_scenario(scenario))
    rest = tuple(device for device in scenario.devices if device is not gone)
    changed = updated_text(text, scenario.model_copy(update={"devices": rest}))
    kept = iter(text.splitlines())
    assert all(line in kept for line in changed.splitlines())
    assert [c for c in _comments(changed) if "above 0" in c] == ["# above 0"]
    assert f"device_id: {gone.device_id} " not in changed


@given(scenario_data())
def test_json_is_yaml(data: dict[str, Any]) -> None:
    assert loads_scenario(json.dumps(data)) == Scenario.from_dict(data)


@given(scenarios())
def test_plain_data_gives_the_scenario_back(scenario: Scenario) -> None:
    again = Scenario.from_dict(scenario.to_dict())
    assert again == scenario
    assert scenario_sha256(again) == scenario_sha256(scenario)


@given(scenarios(), st.randoms(use_true_random=False))
def test_resolved_parameters_do_not_depend_on_the_order_of_devices(scenario: Scenario, random: Any) -> None:
    shuffled = list(scenario.devices)
    random.shuffle(shuffled)
    assert resolve(scenario.model_copy(update={"devices": tuple(shuffled)})) == resolve(scenario)


@given(mobile_scenarios())
def test_every_truck_gets_a_whole_route(scenario: Scenario) -> None:
    for device in resolve(scenario):
        assert device.route is not None
        assert {point.kind for point in device.route.points} == {"BASE", "REFILL", "CLIENT"}
        for row in device.route.transitions.values():
            assert abs(sum(row.values()) - 1) <= 1e-6


_SCRAPS = [
    *"\n -:[]{}#&*!|>'\"%@`?,~",
    "\t",
    "  ",
    "- ",
    ": ",
    "<<: ",
    "!!int ",
    "&a ",
    "*a",
    ".nan",
    "1e999",
    "\x00",
    "é",
]


@given(
    scenario_data(),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 9), st.sampled_from(_SCRAPS)), max_size=4),
)
def test_a_damaged_file_is_a_scenario_or_a_scenario_error(
    data: dict[str, Any], damages: list[tuple[float, int, str]]
) -> None:
    text = dumps_scenario(Scenario.from_dict(data))
    for share, cut, scrap in damages:
        at = int(share * len(text))
        text = text[:at] + scrap + text[at + cut :]
    assert all(problem.rule and problem.remedy for problem in _problems(loads_scenario, text))


_JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(scenario_data(), st.data())
def test_junk_in_any_place_is_accepted_or_reported_there(data: dict[str, Any], draw: st.DataObject) -> None:
    spot: Any = data
    path: list[str | int] = []
    while isinstance(spot, dict | list) and spot and (not path or draw.draw(st.booleans())):
        key = draw.draw(st.sampled_from(sorted(spot) if isinstance(spot, dict) else range(len(spot))))
        path.append(key)
        holder, spot = spot, spot[key]
    holder[path[-1]] = draw.draw(_JUNK)
    assert all(problem.rule and problem.remedy for problem in _problems(Scenario.from_dict, data))
