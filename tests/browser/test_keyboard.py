"""The workbench by keyboard alone: Tab comes to everything, in the order in which one reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browsers import WAIT_MS, Server, Watched, call_script, served_by_make

SCRIPT = Path(__file__).with_name("focus.js")
MAX_STOPS = 150
TRUCK = "E2E2024MOBE1"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served_by_make(tmp_path_factory.mktemp("app")) as server:
        yield server


def _stops(page: Page) -> Iterator[dict[str, Any]]:
    """Press Tab until the focus leaves the page."""
    for _ in range(MAX_STOPS):
        page.keyboard.press("Tab")
        stop = call_script(page, SCRIPT, "focused")
        if stop is None:
            return
        yield stop
    pytest.fail(f"more than {MAX_STOPS} stops")


def _walk(page: Page) -> list[str]:
    """Press Tab from the top of the page to its end, and name the parts that the focus came to."""
    call_script(page, SCRIPT, "begin")
    # Behind its end a page begins again; a ring that leaves something out is seen by what it missed.
    stops = list(takewhile(lambda stop: stop["isNew"], _stops(page)))
    # In view and marked: who presses a key must see what it will be for.
    assert [stop for stop in stops if not (stop["isSeen"] and stop["isMarked"])] == []
    assert call_script(page, SCRIPT, "missed", ".jp-OutputArea") == []
    return [part for part, _ in groupby(stop["part"] for stop in stops)]


def _press_to(page: Page, name: str, *, is_from_top: bool = True) -> None:
    """Press Tab until the focus is on what has this name."""
    if is_from_top:
        call_script(page, SCRIPT, "begin")
    names = []
    for stop in _stops(page):
        names.append(stop["name"])
        if name in stop["name"]:
            return
    pytest.fail(f"the focus never came to {name!r}, but to {names}")


def _turn(page: Page, tab: str, to: str) -> None:
    """Go to a row of tabs, along it with the arrow key, and open one of them."""
    _press_to(page, tab)
    for _ in range(MAX_STOPS):
        if page.evaluate("() => document.activeElement.textContent.trim()") == to:
            page.keyboard.press("Enter")
            expect(page.get_by_role("tab", name=to, exact=True)).to_have_attribute("aria-selected", "true")
            return
        page.keyboard.press("ArrowRight")
    pytest.fail(f"no tab {to!r}")


def test_tab_walks_through_design_review_and_live_as_one_reads(watch: Watched, app: Server) -> None:
    page = watch.page
    page.goto(app.url, timeout=3 * WAIT_MS)
    page.wait_for_selector(".sl-main-panel canvas", timeout=3 * WAIT_MS)
    top, hours = ["Design", "Scenario", "cards"], "Demand by hour"
    curves = [hours, f"{hours}, Saturday and Sunday", "Demand by weekday"]
    assert _walk(page) == [*top, "Demand", *curves, "changes"]
    _turn(page, "Demand", "Supply")
    curves = ["How likely supply begins", "How much a supply session brings", "Supply by weekday"]
    assert _walk(page) == [*top, "Supply", *curves, "changes"]
    _turn(page, "Supply", "Tank")
    assert _walk(page) == [*top, "Tank", "parameters", "changes"]
    _press_to(page, TRUCK)
    page.keyboard.press("Enter")
    page.wait_for_selector(".sl-map:visible")
    assert _walk(page) == [*top, "parameters", "map", "changes"]

    _press_to(page, "Export")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Reviewer")).to_be_visible()
    expect(page.locator(".sl-verdict")).to_be_focused()
    # From the verdict that was called, the next is who decides.
    _press_to(page, "Reviewer", is_from_top=False)
    page.keyboard.type("Ana")
    _press_to(page, "Reject", is_from_top=False)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").and_(page.locator(":visible"))).to_contain_text("note")
    _press_to(page, "Note")
    page.keyboard.type("The night is too quiet.")
    _press_to(page, "Reject", is_from_top=False)
    page.keyboard.press("Enter")
    expect(page.locator(".sl-verdict")).to_contain_text("rejected by Ana: The night is too quiet.")
    (file,) = app.folder.glob("artifacts/demo_city_v1/*/approval.json")
    assert json.loads(file.read_text(encoding="utf-8"))["decision"] == "rejected"
    top = ["Design", "Run", "Reviewer", "Note", "Approve", "Reject", "cards"]
    parts = _walk(page)
    assert parts in ([*top, "Over time"], [*top, "Over time", "map"])

    _turn(page, "Design", "Live")
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_visible()
    assert _walk(page) == ["Live", "Start", "× real time", "map"]
