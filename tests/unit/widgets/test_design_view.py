"""The design view without a browser: by code, and by what a browser would ask."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import synthlab
from synthlab.errors import ScenarioError, UsageError
from synthlab.widgets.design_view import DesignView

END_AT = "2026-02-12T10:00:00Z"
TANK, TRUCK = "E2ETINYSTAT1", "E2ETINYMOB1"
EVENING = [1.0] * 18 + [3.0] * 3 + [1.0] * 3


@pytest.fixture
def view(tiny_path: Path) -> DesignView:
    text = tiny_path.read_text(encoding="utf-8")
    tiny_path.write_text(f"# Ours, do not touch.\n{text}", encoding="utf-8")
    return synthlab.design(tiny_path, end_at=END_AT)


def _ask(
    view: DesignView, name: str, values: list[float], total: float | None = None, **more: object
) -> None:
    editor = view._panel.editors[name]
    seq = editor.request.get("seq", 0) + 1
    request = {"version": editor.curve["version"], "seq": seq, "weights": values, "total": total}
    editor.request = {**request, "done": True, **more}


def _levels(view: DesignView) -> list[np.ndarray]:
    data = np.frombuffer(view._panel.plot.main_data, dtype="<f4")
    counts = [panel["x"]["count"] for panel in view._panel.plot.panels for _ in panel["series"]]
    return np.split(data, np.cumsum(counts)[:-1])


def test_a_dragged_curve_changes_scenario_plot_and_numbers(view) -> None:
    before, now = _levels(view)[:2]
    assert np.isnan(before).all()
    _ask(view, "hourly_weights", EVENING, 9_000.0)
    demand = view.scenario.device(TANK).dynamics.demand
    assert list(demand.hourly_weights) == EVENING
    assert demand.target_daily_liters == 9_000
    was, after = _levels(view)[:2]
    assert np.array_equal(was, now)
    assert np.array_equal(after, view.outcome.frame["level_pct"].to_numpy(np.float32))
    assert after[-1] < was[-1]
    assert view._panel.plot.stamp == 1
    run_out = view._panel.tiles.tiles[2]
    assert run_out["label"] == "Run out"
    assert (run_out["direction"], run_out["tone"]) == ("up", "worse")
    assert view.kpis.loc["runout_prob", "now"] > view.kpis.loc["runout_prob", "before"]


def test_while_the_hand_is_down_the_file_s_text_waits(view) -> None:
    _ask(view, "hourly_weights", EVENING, 900.0, done=False)
    assert view._keeping.part.lines == []
    assert view.scenario.device(TANK).dynamics.demand.hourly_weights[18] == 3
    _ask(view, "hourly_weights", EVENING, 900.0)
    assert [line["kind"] for line in view._keeping.part.lines].count("+") > 0
    assert "hourly_weights: [1.0, 1.0" in view.diff


def test_liters_that_nobody_changed_are_not_written(view) -> None:
    target = view.outcome.device.demand.target_daily_liters
    _ask(view, "hourly_weights", EVENING, target)
    assert view.scenario.device(TANK).dynamics.demand.target_daily_liters is None


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("weekend_hourly_weights", "demand"),
        ("weekday_multipliers", "demand"),
        ("hourly_probability_multipliers", "supply"),
        ("hourly_volume_multipliers", "supply"),
        ("weekday_probability_multipliers", "supply"),
    ],
)
def test_every_curve_has_an_editor(view, name: str, block: str) -> None:
    count = len(view._panel.editors[name].values)
    values = [0.5] * (count - 1) + [2.0]
    _ask(view, name, values, 900.0 if name == "weekend_hourly_weights" else None)
    assert list(getattr(getattr(view.scenario.device(TANK).dynamics, block), name)) == values
    assert view.error is None


def test_code_and_hand_do_the_same(view, tiny_path) -> None:
    other = synthlab.design(synthlab.load_scenario(tiny_path), TANK.lower(), end_at=END_AT)
    other.set_curve("hourly_weights", EVENING)
    _ask(view, "hourly_weights", EVENING, other.outcome.device.demand.target_daily_liters)
    assert other.scenario == view.scenario
    assert other._panel.plot.main_data == view._panel.plot.main_data
    # The editor shows what code has set, beside the original.
    assert list(other._panel.editors["hourly_weights"].values) == EVENING
    assert other._panel.editors["hourly_weights"].curve["original"] == [1.0] * 24


def test_fields_set_parameters_and_a_default_is_left_out(view) -> None:
    def put(**values: object) -> None:
        view._panel.form.request = {
            "seq": view._panel.form.request.get("seq", 0) + 1,
            "version": view._panel.form.version,
            "values": values,
        }

    put(capacity_liters=800, supply_regime="unreliable")
    device = view.scenario.device(TANK)
    assert device.reservoir.capacity_liters == 800
    assert device.parameter_overrides["supply_regime"] == "unreliable"
    put(supply_regime="predictable", capacity_liters=800)
    assert "supply_regime" not in view.scenario.device(TANK).parameter_overrides
    fields = {field["name"]: field for field in view._panel.form.fields}
    assert fields["loss_fraction" if "loss_fraction" in fields else "no_echo_prob"]["max"] == 1
    assert all(field["help"] for field in fields.values())


def test_a_refused_change_is_told_and_the_picture_stays(view) -> None:
    picture, scenario = view._panel.plot.main_data, view.scenario
    view._panel.form.request = {
        "seq": 1,
        "version": view._panel.form.version,
        "values": {"capacity_liters": -5},
    }
    assert view._panel.plot.main_data == picture
    assert view.scenario == scenario
    assert isinstance(view.error, ScenarioError)
    assert view._keeping.part.is_error
    assert "capacity_liters" in view._keeping.part.message
    _ask(view, "hourly_weights", EVENING, 900.0)
    assert view.error is None
    assert view._keeping.part.message == ""


def test_save_keeps_comments_and_save_as_leaves_the_file(view, tiny_path) -> None:
    view.set_curve("hourly_weights", EVENING)
    other = tiny_path.with_name("other.yaml")
    view._keeping.part.request = {"seq": 1, "action": "save_as", "path": str(other)}
    assert synthlab.load_scenario(other) == view.scenario
    assert "hourly_weights" not in tiny_path.read_text(encoding="utf-8")
    assert view.save(tiny_path) == tiny_path
    text = tiny_path.read_text(encoding="utf-8")
    assert text.startswith("# Ours, do not touch.\n")
    assert synthlab.load_scenario(tiny_path) == view.scenario
    assert view.diff == ""
    assert view._keeping.part.message == f"Saved to {tiny_path.as_posix()}."


def test_a_file_that_cannot_be_written_is_told(view, tiny_path) -> None:
    folder = tiny_path.with_name("x.yaml")
    folder.mkdir()
    for seq in (1, 2):
        view._keeping.part.request = {"seq": seq, "action": "save_as", "path": str(folder)}
    assert view._keeping.part.is_error
    assert "must be a file" in view._keeping.part.message
    assert list(folder.iterdir()) == []


def test_reset_takes_everything_back(view, tiny_path) -> None:
    view.set(capacity_liters=600)
    view.select(TRUCK)
    view.set(loss_fraction=0.3)
    view._keeping.part.request = {"seq": 1, "action": "reset", "path": ""}
    assert view.scenario == synthlab.load_scenario(tiny_path)
    assert view.diff == ""


def test_an_export_by_code_returns_with_its_page_written(view, scratch) -> None:
    shown = view.export()
    assert shown.path.is_file()
    assert shown._writer is None


@pytest.mark.parametrize("how", ["view.export()", "view._act({'action': 'export'})"])
def test_a_script_that_ends_leaves_the_page_of_its_export(view, tiny_path, scratch, how) -> None:
    script = f"import synthlab\nview = synthlab.design({str(tiny_path)!r}, end_at={END_AT!r})\n{how}\n"
    done = subprocess.run([sys.executable, "-c", script], cwd=scratch, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    (page,) = scratch.glob("artifacts/tiny/*/report.html")
    assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_a_truck_has_a_route_stops_and_its_own_numbers(view) -> None:
    view._panel.picker.request = {"seq": 1, "selected": TRUCK, "beside": [TANK, TRUCK]}
    assert view.device_id == TRUCK
    assert view.beside == (TANK,)
    assert {place["label"] for place in view._panel.map.places} == {"B1", "R1", "C1"}
    points = np.frombuffer(view._panel.map.data, dtype="<f4")
    assert len(points) == 2 * sum(track["count"] for track in view._panel.map.tracks)
    assert set(view.kpis.index) >= {"liters_per_km", "mobile_nrw_liters", "deliveries_count"}
    stops = view.stops.set_index("point_id")
    assert stops.loc["C1", "delivered_liters"] > 0
    view.set(loss_fraction=0.4)
    delivered = view.kpis.loc["delivered_liters_per_day"]
    assert 0 < delivered["now"] < delivered["before"]


def test_unknown_names_are_refused(view) -> None:
    with pytest.raises(UsageError, match="is no device"):
        view.select("NOBODY")
    with pytest.raises(UsageError, match="is no curve"):
        view.set_curve("hourly", EVENING)
    with pytest.raises(ScenarioError, match="hourly_weights"):
        view.set_curve("hourly_weights", [1.0])


@pytest.mark.parametrize("device_id", [TANK, TRUCK])
def test_without_a_browser_a_picture_and_a_line_stand_in(view, device_id) -> None:
    view.select(device_id)
    bundle = view._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert bundle["text/plain"] == repr(view)
    assert device_id in bundle["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_why_what_is_asked_for_is_not_the_target_is_said(tiny_scenario) -> None:
    def words(**changes: object) -> str:
        changed = tiny_scenario.with_device(TANK, **changes)
        return synthlab.design(changed, TANK, days=7)._panel.tiles.note

    week = {"target_daily_liters": 900, "weekday_multipliers": [1, 1, 1, 1, 1, 1, 2.4]}
    # 900 L times (6 + 2.4) / 7.
    assert words(**week, capacity_liters=50_000) == (
        "Asked: 1,080 L/day are expected (900 set, times 1.20 for these weekdays). Uses are drawn by chance: "
        "a week of one household is often 20 % off, the mean of many is not."
    )
    flat = words(target_daily_liters=900, process="expected", capacity_liters=900)
    assert flat == "Asked: 900 L/day are expected (900 set). Below 20 % full people save."
    truck = synthlab.design(tiny_scenario, TRUCK)
    assert truck._panel.tiles.note == ""
