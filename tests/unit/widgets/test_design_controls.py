"""The design view without a browser: what a moved slider does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import synthlab
from synthlab.errors import ScenarioError, UsageError
from synthlab.widgets import design, redesign, simulate_design

END_AT = "2026-02-12T10:00:00Z"
TANK = "E2ETINYSTAT1"
FLAT = [1.0] * 24


@pytest.fixture
def controls(tiny_scenario):
    return design(tiny_scenario, end_at=END_AT)


def test_redesign_changes_one_device_s_demand_only(tiny_scenario) -> None:
    evening = [1.0] * 18 + [3.0] * 3 + [1.0] * 3
    changed = redesign(tiny_scenario, TANK, hourly_weights=evening, target_daily_liters=500)
    demand = changed.device(TANK).dynamics.demand
    assert list(demand.hourly_weights) == evening
    assert demand.target_daily_liters == 500
    assert changed.device("E2ETINYMOB1") == tiny_scenario.device("E2ETINYMOB1")
    assert changed.routes == tiny_scenario.routes
    assert tiny_scenario.device(TANK).dynamics is None


def test_redesign_keeps_the_rest_of_the_curves(tiny_scenario) -> None:
    weekly = tiny_scenario.with_device(TANK, weekday_multipliers=[1, 1, 1, 1, 1, 2, 2])
    changed = redesign(weekly, TANK, hourly_weights=FLAT, target_daily_liters=500)
    assert list(changed.device(TANK).dynamics.demand.weekday_multipliers) == [1, 1, 1, 1, 1, 2, 2]


def test_a_curve_that_no_scenario_may_have(tiny_scenario) -> None:
    with pytest.raises(ScenarioError, match="hourly_weights"):
        redesign(tiny_scenario, TANK, hourly_weights=[1.0] * 23, target_daily_liters=500)
    with pytest.raises(ScenarioError, match="target_daily_liters"):
        redesign(tiny_scenario, TANK, hourly_weights=FLAT, target_daily_liters=0)


@pytest.mark.parametrize("device_id", ["E2ETINYMOB1", "NOBODY"])
def test_only_tanks_can_be_designed(tiny_scenario, device_id: str) -> None:
    with pytest.raises(UsageError, match="is no stationary device of the scenario"):
        design(tiny_scenario, device_id, end_at=END_AT)


def test_outcome_is_what_the_engine_says(tiny_scenario) -> None:
    outcome = simulate_design(tiny_scenario, TANK, end_at=END_AT)
    frame = synthlab.backfill(tiny_scenario, end_at=END_AT, devices=[TANK]).frame
    assert outcome.frame.equals(frame)
    assert outcome.kpis["asked_liters_per_day"] == pytest.approx(frame["requested_liters"].sum())
    assert outcome.kpis["runout_prob"] == synthlab.metrics(frame).loc[TANK, "runout_prob"]


def test_plot_and_numbers_follow_a_slider(controls) -> None:
    picture, numbers, scenario = controls._image.value, controls._numbers.value, controls.scenario
    controls.target.value = 2_500
    assert controls.scenario.device(TANK).dynamics.demand.target_daily_liters == 2_500
    assert controls._image.value != picture
    assert controls._numbers.value != numbers
    assert (
        controls.kpis.loc["asked_liters_per_day", "now"] > controls.kpis.loc["asked_liters_per_day", "before"]
    )
    picture = controls._image.value
    controls.weights[19].value = 3.0
    assert controls.scenario.device(TANK).dynamics.demand.hourly_weights[19] == 3.0
    assert controls._image.value != picture
    assert controls.scenario != scenario


def test_sliders_begin_as_the_scenario_stands(tiny_scenario) -> None:
    weights = [0.1 + 0.2 * hour for hour in range(24)]
    scenario = tiny_scenario.with_device(TANK, hourly_weights=weights, target_daily_liters=4_321)
    controls = design(scenario, end_at=END_AT)
    assert [slider.value for slider in controls.weights] == weights
    assert controls.target.value == 4_321
    assert controls.scenario == scenario


def test_reset_brings_the_loaded_curve_back_in_one_step(controls, monkeypatch: pytest.MonkeyPatch) -> None:
    before = controls.kpis["before"]
    for hour in (3, 4, 5):
        controls.weights[hour].value = 2.0
    calls = []
    follow = type(controls).recompute
    monkeypatch.setattr(type(controls), "recompute", lambda self: calls.append(1) or follow(self))
    controls.reset.click()
    assert calls == [1]
    assert controls.kpis["now"].tolist() == before.tolist()


def test_an_error_keeps_the_last_plot_and_is_shown(controls, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, outcome = controls._image.value, controls.outcome

    def refuse(*_: object, **__: object) -> None:
        raise UsageError(synthlab.Problem("BAD_ARGUMENT", "no <such> curve"))

    with monkeypatch.context() as patch:
        patch.setattr("synthlab.widgets.design_controls.redesign", refuse)
        controls.target.value += 100
    assert controls._image.value == picture
    assert controls.outcome is outcome
    assert controls.message.value == "<b>no &lt;such&gt; curve.</b>"
    controls.target.value += 100
    assert controls.message.value == ""


def test_saved_scenario_is_the_shown_one(controls, tmp_path: Path) -> None:
    controls.weights[20].value = 2.5
    synthlab.save_scenario(controls.scenario, tmp_path / "mine.yaml")
    assert synthlab.load_scenario(tmp_path / "mine.yaml") == controls.scenario


def test_headless_there_is_a_picture_and_one_line(controls) -> None:
    bundle = controls._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert bundle["text/plain"] == "<DesignControls: E2ETINYSTAT1 of tiny>"
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_plain_functions_need_no_widgets() -> None:
    import subprocess

    code = "import sys, synthlab.widgets.design_outcome; sys.exit('ipywidgets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
