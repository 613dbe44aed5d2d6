from __future__ import annotations

from copy import deepcopy
from typing import Any

from synthlab.scenario.difference import Change, changes, text_changes
from synthlab.scenario.loader import load_scenario

CITY: dict[str, Any] = load_scenario("demo_city_v1").model_dump(mode="json", exclude_none=True)


def test_the_same_scenario_does_not_differ() -> None:
    assert changes(CITY, deepcopy(CITY)) == ()
    assert text_changes(CITY, deepcopy(CITY)) == ()


def test_each_value_that_differs_is_named_by_its_device() -> None:
    other = deepcopy(CITY)
    other["seed"] = 43
    demand = other["devices"][0]["dynamics"]["demand"]
    before = list(demand["hourly_weights"])
    demand["hourly_weights"][18] = 9.0
    # The order of devices is no difference: they go by their id.
    other["devices"].reverse()
    name = CITY["devices"][0]["device_id"]
    found = changes(CITY, other)
    assert [(one.path, one.after) for one in found] == [
        ("seed", 43),
        (f"devices[{name}].dynamics.demand.hourly_weights", demand["hourly_weights"]),
    ]
    assert found[1].before == before


def test_what_is_there_on_one_side_only() -> None:
    other = deepcopy(CITY)
    gone = other["devices"].pop()
    other["note"] = "x"
    assert changes(CITY, other) == (
        Change(f"devices[{gone['device_id']}]", gone, None),
        Change("note", None, "x"),
    )
    assert [(one.before, one.after) for one in changes(other, CITY)] == [(None, gone), ("x", None)]


def test_lines_show_what_went_and_what_came() -> None:
    other = {**CITY, "seed": 43}
    lines = text_changes(CITY, other)
    assert [line for line in lines if line[:1] in "+-"] == ["-seed: 42", "+seed: 43"]
