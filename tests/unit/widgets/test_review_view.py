"""The review view without a browser: what is looked at, and what is signed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import synthlab
from synthlab.errors import UsageError
from synthlab.scenario.loader import loads_scenario
from synthlab.widgets.review_pictures import panels, truck_map
from synthlab.widgets.review_view import ReviewView, open_review
from synthlab.workflows.review import gather
from tests.conftest import TINY_SCENARIO

END_AT = "2026-02-12T10:00:00Z"


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

    form._reviewer.value = "ana"
    form._approve.click()
    assert json.loads(file.read_text(encoding="utf-8"))["decision"] == "approved"
    assert view.content.decision.reviewer == "ana"

    form._note.value = "the night is <odd>"
    form._reject.click()
    assert json.loads(file.read_text(encoding="utf-8"))["decision"] == "rejected"
    assert form._verdict.decision == "rejected by ana: the night is <odd>"


def test_a_review_is_open_before_its_page_is_drawn_and_the_page_tells_the_decision(view: ReviewView) -> None:
    soon = open_review(view.directory)
    assert soon.content == view.content
    soon.reject(reviewer="ana maria", note="no night")
    assert "ana maria" in soon.write_page().read_text(encoding="utf-8")
    # From now on the page follows by itself.
    soon.approve(reviewer="benita")
    page = soon.path.read_text(encoding="utf-8")
    assert "benita" in page
    assert "ana maria" not in page


def test_a_page_that_cannot_be_written_is_told_in_the_view(view: ReviewView) -> None:
    view.path.mkdir()
    assert view.panel is not None
    view.write_page_soon().join()
    assert view._panel is not None
    assert 'role="alert"' in view._panel._message.value


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
