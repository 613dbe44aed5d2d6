"""What the design view computes, without a widget."""

from __future__ import annotations

import subprocess
import sys

import pytest

import synthlab
from synthlab.errors import ScenarioError, UsageError
from synthlab.timeline import days_before
from synthlab.widgets.design_state import DAYS, Design, only

END_AT = "2026-02-12T10:00:00Z"
TANK, TRUCK = "E2ETINYSTAT1", "E2ETINYMOB1"
EVENING = [1.0] * 18 + [3.0] * 3 + [1.0] * 3


@pytest.fixture
def design(tiny_scenario) -> Design:
    return Design(tiny_scenario, end_at=END_AT)


@pytest.mark.parametrize("device_id", [TANK, TRUCK])
def test_an_outcome_is_what_the_engine_says_of_the_whole_scenario(design, tiny_scenario, device_id) -> None:
    whole = synthlab.backfill(tiny_scenario, end_at=END_AT).frame
    alone = whole[whole["device_id"] == device_id].reset_index(drop=True)
    outcome = design.now(device_id)
    numbers = [name for name in alone.columns if name not in {"device_id", "activity", "fault"}]
    assert outcome.frame[numbers].equals(alone[numbers])
    judged = synthlab.metrics(whole).loc[device_id]
    name = "runout_prob" if device_id == TANK else "deliveries_count"
    assert outcome.kpis[name] == judged[name]


def test_liters_a_day_are_those_of_the_frame(design) -> None:
    design.change(TANK, {"target_daily_liters": 2_000})
    outcome = design.now(TANK)
    assert outcome.kpis["asked_liters_per_day"] == pytest.approx(outcome.frame["requested_liters"].sum())
    assert outcome.kpis["asked_liters_per_day"] > design.before(TANK).kpis["asked_liters_per_day"]


def test_only_the_changed_device_is_simulated_again(design) -> None:
    truck = design.now(TRUCK)
    tank = design.now(TANK)
    design.change(TANK, {"hourly_weights": EVENING})
    assert design.now(TRUCK) is truck
    assert design.now(TANK) is not tank
    assert design.now(TANK) is design.now(TANK)
    assert design.before(TANK) is tank


def test_a_change_keeps_the_rest_and_reset_brings_all_back(design, tiny_scenario) -> None:
    design.change(TANK, {"hourly_weights": EVENING, "capacity_liters": 700})
    changed = design.scenario.device(TANK)
    assert list(changed.dynamics.demand.hourly_weights) == EVENING
    assert changed.reservoir.capacity_liters == 700
    assert design.scenario.device(TRUCK) == tiny_scenario.device(TRUCK)
    assert design.scenario.routes == tiny_scenario.routes
    # What was put together device by device is a scenario like any other.
    assert synthlab.Scenario.from_dict(design.scenario.to_dict()) == design.scenario
    assert design.is_changed(TANK)
    design.reset(TANK)
    assert design.scenario == tiny_scenario
    assert not design.is_changed(TANK)


def test_what_is_refused_changes_nothing(design, tiny_scenario) -> None:
    with pytest.raises(ScenarioError, match="hourly_weights"):
        design.change(TANK, {"hourly_weights": [1.0] * 23})
    assert design.scenario == tiny_scenario


def test_the_same_scenario_looks_the_same_on_any_day(tiny_scenario) -> None:
    assert Design(tiny_scenario).now(TANK).frame.equals(Design(tiny_scenario).now(TANK).frame)
    month = Design(tiny_scenario.with_changes(days=30))
    first = month.now(TANK).frame["received_at"].iloc[0]
    assert first == days_before(month.end_at, DAYS)


def test_bad_times_are_refused(tiny_scenario) -> None:
    with pytest.raises(UsageError):
        Design(tiny_scenario, end_at="yesterday")


def test_a_device_alone_brings_its_route_only(tiny_scenario) -> None:
    assert only(tiny_scenario, TANK).routes == ()
    assert [route.route_id for route in only(tiny_scenario, TRUCK).routes] == ["LOOP"]


def test_plain_functions_need_no_widgets() -> None:
    code = "import sys, synthlab.widgets.design_state; sys.exit('ipywidgets' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
