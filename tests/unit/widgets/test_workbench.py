"""The page of three tabs without a browser: from a template to an approved artifact and a live run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import synthlab
from synthlab.widgets import Workbench, workbench
from synthlab.widgets.workbench_page import DESIGN, LIVE, REVIEW

TANK = "E2ETINYSTAT1"


@pytest.fixture
def page(scratch: Path, tiny_text: str) -> Workbench:
    tank = tiny_text.partition("  - device_id: E2ETINYMOB1")[0]
    (scratch / "tiny.yaml").write_text(f"# Ours.\n{tank}", encoding="utf-8")
    return workbench("tiny.yaml")


def _press(page: Workbench, action: str, path: str = "") -> None:
    """Ask as the browser does when a button below the curves is pressed."""
    part = page.design._changes
    part.request = {"seq": part.request.get("seq", 0) + 1, "action": action, "path": path}


def test_a_new_folder_offers_templates_and_says_what_to_do(scratch: Path) -> None:
    page = workbench()
    assert set(synthlab.template_names()) <= set(page._scenario.options)
    page._tabs.selected_index = REVIEW
    assert "Nothing to review yet" in page._told.value
    assert "Export" in page._told.value
    assert list(scratch.iterdir()) == []


def test_export_opens_the_review_of_what_was_shaped(page: Workbench, scratch: Path) -> None:
    page.design.set(target_daily_liters=321)
    _press(page, "export")
    assert page._tabs.selected_index == REVIEW
    assert page.review is not None
    assert page._review_place.children == (page.review.panel,)
    assert page._run.value == page.review.directory.as_posix()
    assert page.review._panel._verdict.is_called
    (manifest,) = scratch.glob("artifacts/tiny/*/manifest.json")
    devices = json.loads(manifest.read_text(encoding="utf-8"))["scenario"]["devices"]
    assert devices[0]["dynamics"]["demand"]["target_daily_liters"] == 321
    # A decision is shown in the tab and on the page that is written beside the rows.
    page.review.approve(reviewer="ana")
    report = page.review.write_page().read_text(encoding="utf-8")
    assert "ana" in report
    # Not saved: the file is as it was.
    assert "321" not in (scratch / "tiny.yaml").read_text(encoding="utf-8")


def test_without_the_page_the_review_opens_below_the_design_view(page: Workbench) -> None:
    view = synthlab.design("tiny.yaml")
    view._changes.request = {"seq": 1, "action": "export", "path": ""}
    (shown,) = view._review.children
    assert shown in view.panel.children[-1].children
    verdict = shown.children[0].children[0]
    assert verdict.is_called
    assert verdict.facts.startswith("tiny/")
    assert not view._changes.is_busy
    # What cannot be exported is told, and the view can be used again.
    view._end_at = "yesterday"
    view._changes.request = {"seq": 2, "action": "export", "path": ""}
    assert view._changes.is_error
    assert not view._changes.is_busy


def test_what_was_exported_before_is_offered_the_newest_first(page: Workbench) -> None:
    _press(page, "export")
    page.design.set(target_daily_liters=321)
    _press(page, "export")
    again = workbench("tiny.yaml")
    again._tabs.selected_index = REVIEW
    assert again.review is None
    assert again._told.value == ""
    newest, oldest = [value for _, value in again._run.options if value]
    assert newest == page.review.directory.as_posix()
    again._run.value = oldest
    assert again.review.directory.as_posix() == oldest


def test_a_damaged_run_is_told_and_the_page_goes_on(page: Workbench) -> None:
    _press(page, "export")
    good = page.review
    rows = good.directory / "telemetry_rows.csv"
    rows.write_bytes(rows.read_bytes()[:-10])
    again = workbench("tiny.yaml")
    again._run.value = again._run.options[1][1]
    assert 'role="alert"' in again._told.value
    assert "csv_sha256" in again._told.value
    assert again.review is None


def test_a_saved_copy_is_offered_and_what_was_shaped_is_kept(page: Workbench, scratch: Path) -> None:
    page.design.set(target_daily_liters=321)
    _press(page, "save_as", "mine.yaml")
    assert page._scenario.value == "mine.yaml"
    assert "# Ours." not in (scratch / "mine.yaml").read_text(encoding="utf-8")
    view = page.design
    page.design.set(target_daily_liters=400)
    page._scenario.value = "stationary_only_v1"
    assert page.design.scenario.scenario_id == "stationary_only_v1"
    page._scenario.value = "mine.yaml"
    assert page.design is view
    assert page.design.scenario.device(TANK).dynamics.demand.target_daily_liters == 400


def test_a_scenario_that_is_not_valid_is_told(page: Workbench, scratch: Path) -> None:
    (scratch / "bad.yaml").write_text("scenario_id: bad\n", encoding="utf-8")
    page._offer_scenarios("tiny.yaml")
    page._scenario.value = "bad.yaml"
    assert 'role="alert"' in page._message.value
    assert page.design.scenario.scenario_id == "tiny"


def test_live_streams_the_scenario_as_it_stands(page: Workbench) -> None:
    page._tabs.selected_index = LIVE
    first = page.monitor
    assert first is not None
    assert page._live_place.children == (first.panel,)
    page._tabs.selected_index = DESIGN
    page._tabs.selected_index = LIVE
    assert page.monitor is first
    page._tabs.selected_index = DESIGN
    page.design.set(target_daily_liters=321)
    page._tabs.selected_index = LIVE
    assert page.monitor is not first
    assert page.monitor.scenario.device(TANK).dynamics.demand.target_daily_liters == 321
