"""The page of three tabs without a browser: from a template to an approved artifact and a live run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
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
    part = page.design._keeping.part
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
    page.review.approve(reviewer="ana maria")
    page.review._writer.join()
    assert "ana maria" in page.review.path.read_text(encoding="utf-8")
    # Not saved: the file is as it was.
    assert "321" not in (scratch / "tiny.yaml").read_text(encoding="utf-8")


def test_without_the_page_the_review_opens_below_the_design_view(page: Workbench) -> None:
    view = synthlab.design("tiny.yaml")
    view._keeping.part.request = {"seq": 1, "action": "export", "path": ""}
    (shown,) = view._panel.review.children
    assert shown in view.panel.children[-1].children
    verdict = shown.children[0].children[0]
    assert verdict.is_called
    assert verdict.facts.startswith("tiny/")
    assert not view._keeping.part.is_busy
    # What cannot be exported is told, and the view can be used again.
    view._keeping._end_at = "yesterday"
    view._keeping.part.request = {"seq": 2, "action": "export", "path": ""}
    assert view._keeping.part.is_error
    assert not view._keeping.part.is_busy


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


def test_beside_a_damaged_run_the_open_one_stays_named_and_is_what_is_signed(page: Workbench) -> None:
    _press(page, "export")
    damaged = page.review.directory
    page.review._writer.join()
    page.design.set(target_daily_liters=321)
    _press(page, "export")
    opened = page.review
    rows = damaged / "telemetry_rows.csv"
    rows.write_bytes(rows.read_bytes()[:-10])
    for _ in range(2):
        page._run.value = damaged.as_posix()
        assert 'role="alert"' in page._told.value
        assert "csv_sha256" in page._told.value
        assert page._run.value == opened.directory.as_posix()
        assert page.review is opened
        assert page._review_place.children == (opened.panel,)
    opened._panel._reviewer.value = "ana"
    opened._panel._approve.click()
    assert (opened.directory / "approval.json").exists()
    assert not (damaged / "approval.json").exists()


def test_what_breaks_an_opening_leaves_the_open_run_named(
    page: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for liters in (300, 321):
        page.design.set(target_daily_liters=liters)
        _press(page, "export")
    opened = page.review

    def fail(_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("synthlab.widgets.review_view.gather", fail)
    with pytest.raises(RuntimeError, match="unforeseen"):
        page._run.value = page._run.options[2][1]
    assert page._run.value == opened.directory.as_posix()


def test_no_run_chosen_closes_the_review(page: Workbench) -> None:
    _press(page, "export")
    page._run.value = None
    assert page.review is None
    assert page._review_place.children == ()


def test_a_run_whose_folder_is_gone_is_closed_and_that_is_said(page: Workbench) -> None:
    _press(page, "export")
    opened = page.review
    opened._writer.join()
    shutil.rmtree(opened.directory)
    page._tabs.selected_index = DESIGN
    page._tabs.selected_index = REVIEW
    assert page.review is None
    assert page._review_place.children == ()
    assert page._run.value is None
    assert f"<code>{opened.directory.as_posix()}/manifest.json</code> is no longer there" in page._told.value
    assert "Nothing to review yet" in page._told.value
    _press(page, "export")
    assert page.review is not None
    assert page._told.value == ""


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


def test_another_scenario_s_file_is_replaced_only_by_a_second_press(page: Workbench, scratch: Path) -> None:
    other = scratch / "other.yaml"
    before = (Path(synthlab.__file__).parent.parent / "scenarios" / "mobile_only_v1.yaml").read_bytes()
    other.write_bytes(before)
    part = page.design._keeping.part
    _press(page, "save_as", "other.yaml")
    assert part.message == "other.yaml is there already: press Save as again to replace it."
    assert part.is_error
    assert other.read_bytes() == before
    # What is asked of one file is no answer for another, and another button takes the question back.
    (scratch / "third.yaml").write_bytes(before)
    _press(page, "save_as", "third.yaml")
    _press(page, "save_as", "other.yaml")
    _press(page, "reset")
    _press(page, "save_as", "other.yaml")
    assert other.read_bytes() == (scratch / "third.yaml").read_bytes() == before
    assert page._scenario.value == "tiny.yaml"
    _press(page, "save_as", "other.yaml")
    assert part.message == "Saved to other.yaml."
    assert not part.is_error
    assert synthlab.load_scenario(other) == page.design.scenario
    # Now it is its own.
    page.design.set(target_daily_liters=321)
    _press(page, "save_as", "other")
    assert part.message == "Saved to other.yaml."


def test_a_file_by_hand_stays_in_the_working_folder(page: Workbench, scratch: Path, tmp_path_factory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (scratch / "link.yaml").symlink_to(elsewhere / "evil.yaml")
    refused = {
        "is empty": ("", "  "),
        "without folders": (
            "../evil.yaml",
            "evil/evil.yaml",
            "tiny.yaml/evil",
            "link.yaml",
            f"{elsewhere}/evil.yaml",
        ),
        "no file's name": ("..", "/", ".evil.yaml", "ev\0il.yaml", "ev\nil.yaml"),
    }
    part = page.design._keeping.part
    for said, names in refused.items():
        for typed in (*names, *names):
            part.tell("")
            _press(page, "save_as", typed)
            assert said in part.message, typed
            assert part.is_error
    assert sorted(path.name for path in scratch.iterdir()) == ["link.yaml", "tiny.yaml"]
    assert not list(scratch.parent.glob("*evil*"))
    assert list(elsewhere.iterdir()) == []
    assert page._scenario.value == "tiny.yaml"


def test_a_name_gets_the_ending_that_is_offered(page: Workbench, scratch: Path) -> None:
    for typed, file in (("noext", "noext.yaml"), ("v1.2", "v1.2.yaml"), ("a.yml", "a.yml")):
        _press(page, "save_as", typed)
        assert page.design._keeping.part.message == f"Saved to {file}."
        assert (scratch / file).is_file()
        assert page._scenario.value == file
    assert {"noext.yaml", "v1.2.yaml", "a.yml"} <= set(workbench("tiny.yaml")._scenario.options)


def test_a_scenario_that_is_not_valid_is_told(page: Workbench, scratch: Path) -> None:
    (scratch / "bad.yaml").write_text("scenario_id: bad\n", encoding="utf-8")
    page._offer_scenarios()
    page._scenario.value = "bad.yaml"
    assert 'role="alert"' in page._message.value
    assert page.design.scenario.scenario_id == "tiny"
    # What is named is what is worked on, and can be left and come back to.
    assert page._scenario.value == "tiny.yaml"
    assert page._design_place.children == (page.design.panel,)
    page._scenario.value = "bad.yaml"
    assert page._scenario.value == "tiny.yaml"
    page._scenario.value = "stationary_only_v1"
    assert page._message.value == ""
    assert page.design.scenario.scenario_id == "stationary_only_v1"


def test_a_design_that_is_saved_out_of_sight_leaves_the_other_named(page: Workbench, scratch: Path) -> None:
    hidden = page.design
    page._scenario.value = "stationary_only_v1"
    hidden.save("mine.yaml")
    assert page._scenario.value == "stationary_only_v1"
    assert "mine.yaml" in page._scenario.options


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


def test_opening_the_page_draws_no_picture(scratch: Path, tiny_path: Path) -> None:
    script = (
        "import sys\nfrom synthlab.widgets import workbench\n"
        f"bundle = workbench({str(tiny_path)!r})._repr_mimebundle_()\n"
        "print(sorted(bundle), [name for name in ('matplotlib', 'paho') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    shown = ["application/vnd.jupyter.widget-view+json", "text/html", "text/plain"]
    assert done.stdout.strip() == f"{shown} []"
