"""The review view without a browser: what is looked at, and what is signed."""

from __future__ import annotations

import html
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import synthlab
from synthlab.artifact.files import write_atomically
from synthlab.errors import DiskError, UsageError
from synthlab.report.pictures import Pictures, draw
from synthlab.scenario.loader import loads_scenario
from synthlab.widgets.review_pictures import panels, truck_map
from synthlab.widgets.review_view import ReviewView, open_review
from synthlab.workflows.review import gather
from tests.conftest import TINY_SCENARIO

END_AT = "2026-02-12T10:00:00Z"
WAIT_SECONDS = 300.0


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of a tank and a truck, with another seed."""
    root = tmp_path_factory.mktemp("runs")
    scenario = loads_scenario(TINY_SCENARIO)
    for run_id, seed in (("other", 8), ("own", 7)):
        made = synthlab.export_csv(
            scenario.with_changes(seed=seed),
            run_id=run_id,
            end_at=END_AT,
            output_root=root,
            state_file=root / "state.json",
        )
        synthlab.analyze_csv(made.directory, plots=False)
    return root / "tiny"


@pytest.fixture
def view(runs: Path, tmp_path: Path) -> ReviewView:
    shutil.copytree(runs, tmp_path / "tiny")
    return ReviewView(gather(tmp_path / "tiny" / "own"))


def test_a_view_is_the_review_with_its_still_page_beside_the_widget(view: ReviewView) -> None:
    bundle = view._repr_mimebundle_()
    assert isinstance(view, synthlab.Review)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"] == view._repr_html_()
    assert bundle["text/plain"].startswith("ReviewView(tiny/own: QC ")


def test_every_device_can_be_looked_at_and_a_stranger_is_refused(view: ReviewView) -> None:
    panel = view.panel
    for device in view.content.devices:
        view.select(device.device_id)
        assert view.device == device
        assert len(view.findings) == len(device.findings)
    assert panel is view.panel
    with pytest.raises(UsageError, match="is no device of the artifact"):
        view.select("NOBODY")


def test_a_run_beside_it_is_compared(view: ReviewView) -> None:
    assert view.others == ("other",)
    compared = view.compare("other")
    assert (compared.a.run_id, compared.b.run_id) == ("other", "own")
    assert not compared.is_identical


def test_buttons_sign_and_a_refusal_is_told(view: ReviewView) -> None:
    file = view.directory / "approval.json"
    assert view.panel is not None
    form = view._panel
    assert form is not None
    form._approve.click()
    assert 'role="alert"' in form._message.value
    assert not file.exists()

    assert "Write under Reviewer who decides" in form._message.value

    form._reviewer.value = "ana"
    form._reject.click()
    assert "Say under Note what is wrong" in form._message.value
    assert "--" not in form._message.value
    assert not file.exists()

    form._approve.click()
    assert form._verdict.decision == "approved by ana"
    assert json.loads(file.read_text(encoding="utf-8"))["decision"] == "approved"
    assert view.content.decision.reviewer == "ana"

    form._note.value = "the night is <odd>"
    form._reject.click()
    assert json.loads(file.read_text(encoding="utf-8"))["decision"] == "rejected"
    assert form._verdict.decision == "rejected by ana: the night is <odd>"


def test_the_form_speaks_of_its_own_box_where_qc_failed(view: ReviewView) -> None:
    analysis = view.directory / "analysis.json"
    told = json.loads(analysis.read_text(encoding="utf-8"))
    analysis.write_text(json.dumps({**told, "qc_passed": False}), encoding="utf-8")
    assert view.panel is not None
    form = view._panel
    assert form is not None
    form._reviewer.value = "ana"
    form._approve.click()
    assert html.escape('tick "Approve although QC failed"') in form._message.value
    assert "--" not in form._message.value
    assert not (view.directory / "approval.json").exists()


class HeldDrawing:
    """The drawing of pictures, held until it is let go."""

    def __init__(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def __call__(self, *args: Any, **kwargs: Any) -> Pictures:
        self.has_begun.set()
        assert self.may_end.wait(WAIT_SECONDS)
        return draw(*args, **kwargs)


@pytest.fixture
def drawing(monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldDrawing]:
    held = HeldDrawing()
    monkeypatch.setattr("synthlab.report.pictures.draw", held)
    yield held
    held.may_end.set()


def _written(view: ReviewView) -> str:
    """Return the page, as soon as who writes it is done."""
    assert view._writer is not None
    view._writer.join(WAIT_SECONDS)
    assert not view._writer.is_alive()
    return view.path.read_text(encoding="utf-8")


def test_a_decision_that_is_signed_while_the_pictures_are_drawn_is_on_the_page(
    view: ReviewView, drawing: HeldDrawing
) -> None:
    soon = open_review(view.directory)
    assert soon.content == view.content
    assert drawing.has_begun.wait(WAIT_SECONDS)
    # Who decides does not wait for the pictures; the last decision holds.
    soon.reject(reviewer="ana maria", note="no night")
    soon.approve(reviewer="benita")
    assert not soon.path.exists()
    drawing.may_end.set()
    page = _written(soon)
    assert "benita" in page
    assert "ana maria" not in page
    # From now on the page follows at once.
    soon.reject(reviewer="carla", note="no day")
    assert "carla" in soon.path.read_text(encoding="utf-8")


def test_a_decision_that_another_process_signs_meanwhile_is_on_the_page_and_in_the_view(
    view: ReviewView, drawing: HeldDrawing
) -> None:
    soon = open_review(view.directory)
    assert soon.panel is not None
    assert drawing.has_begun.wait(WAIT_SECONDS)
    synthlab.approve(soon.directory, reviewer="benita")
    drawing.may_end.set()
    assert "benita" in _written(soon)
    assert soon.content.decision.reviewer == "benita"
    assert soon._panel is not None
    assert "benita" in soon._panel._verdict.decision


def test_a_decision_that_is_signed_while_the_page_is_written_is_on_the_page(
    view: ReviewView, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_late(path: Path, data: bytes) -> None:
        if path == view.path and not (view.directory / "approval.json").exists():
            synthlab.approve(view.directory, reviewer="benita")
        write_atomically(path, data)

    monkeypatch.setattr("synthlab.artifact.files.write_atomically", write_late)
    assert "benita" in view.write_page().read_text(encoding="utf-8")
    assert view.content.decision.reviewer == "benita"


def test_without_a_writer_a_decision_writes_the_page(view: ReviewView) -> None:
    view.approve(reviewer="benita")
    assert "benita" in view.path.read_text(encoding="utf-8")


@pytest.mark.parametrize("is_shown_before", [True, False])
def test_a_page_that_cannot_be_written_is_told_in_the_view(view: ReviewView, is_shown_before: bool) -> None:
    view.path.mkdir()
    if is_shown_before:
        assert view.panel is not None
    view.write_page_soon().join()
    # A decision is not kept from being shown.
    with pytest.raises(DiskError):
        view.approve(reviewer="ana")
    assert view.panel is not None
    assert view._panel is not None
    assert 'role="alert"' in view._panel._message.value
    assert view._panel._verdict.decision.startswith("approved by ana")


def test_what_nobody_foresaw_is_told_and_not_lost(view: ReviewView, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ValueError("no such <color>")

    seen: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr("synthlab.report.pictures.draw", fail)
    monkeypatch.setattr(threading, "excepthook", seen.append)
    view.write_page_soon().join()
    assert view.panel is not None
    assert view._panel is not None
    assert "report.html could not be written: ValueError" in view._panel._message.value
    assert "&lt;color&gt;" in view._panel._message.value
    assert [each.exc_type for each in seen] == [ValueError]


def test_the_map_marks_each_stop_of_a_truck_once() -> None:
    scenario = synthlab.load_scenario("mobile_only_v1").with_changes(days=7)
    frame = synthlab.backfill(scenario, end_at=END_AT).frame
    routes = {route.route_id: route for route in scenario.routes}
    for device in scenario.devices:
        places = truck_map(frame[frame["device_id"] == device.device_id])[1]
        points = routes[device.route_id].points
        assert sorted(place.kind for place in places) == sorted(point.kind for point in points)


def test_a_reading_without_echo_is_a_gap_and_no_leap_to_zero(view: ReviewView) -> None:
    tank = view.content.devices[0]
    rows = view.frame[view.frame["device_id"] == tank.device_id].copy()
    names = [f"raw_mm_{n}" for n in range(5)]
    rows.loc[rows.index[3], names] = -1
    rows.loc[rows.index[5], names[:4]] = -1
    raw = panels(rows, tank)[1]
    shortest, longest = (line.values for line in raw.lines)
    assert np.isnan([shortest[3], longest[3]]).all()
    assert shortest[5] == longest[5] == rows["raw_mm_4"].iloc[5]
    assert np.nanmin(shortest) > 0
