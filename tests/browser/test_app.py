"""From a curve to an approved artifact and a live run: by `make app` and in JupyterLab, clicks counted."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import synthlab
from synthlab.adapters.mqtt import BrokerAddress
from tests.brokers import Observer, mosquitto, needs_mosquitto
from tests.browsers import (
    REPOSITORY,
    WAIT_MS,
    Server,
    Watched,
    lowest_contrast,
    nameless,
    served_by_make,
    wait_for_kernel,
)
from tests.conftest import TINY_SCENARIO

MAX_CLICKS = 10
TANK, DRY_TANK = "E2E2024STATA1", "E2E2024STATC1"
EVENING = 19


@pytest.fixture(scope="module")
def broker() -> Iterator[BrokerAddress]:
    with mosquitto() as address:
        yield address


@pytest.fixture(scope="module")
def app(broker: BrokerAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("app")
    (folder / "tiny.yaml").write_text(TINY_SCENARIO, encoding="utf-8")
    with served_by_make(folder, SYNTHLAB_BROKER_URL=broker.display_url) as server:
        yield server


def _raise_evening(page: Page) -> None:
    """Drag the bar of one hour to the top of the scale."""
    bar = page.locator(".sl-curve:visible").first.locator(f"[data-index='{EVENING}'] .sl-catch")
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(x, box["y"] + 2, steps=3)
    page.mouse.up()
    expect(page.locator(".sl-diff .sl-added mark").first).to_be_attached()


def _press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).and_(page.locator(":visible")).click()


def _look(page: Page, part: str, picture: Path) -> None:
    """Take a picture of the view, light and dark; its text is legible, and what can be used has a name."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator(part)).to_have_attribute("data-theme", scheme)
        path = picture.with_stem(picture.stem + ("_dark" if scheme == "dark" else ""))
        # The foot names a folder that differs by machine.
        page.screenshot(path=path, style="small:has(code) { visibility: hidden; }")
        worst = lowest_contrast(page, ".jp-OutputArea")
        assert worst["ratio"] >= 4.5, (scheme, worst)
    assert nameless(page, ".jp-OutputArea") == []


def _shape_export_and_approve(page: Page, folder: Path) -> None:
    """Do an analyst's task: raise the evening peak, save it, export, and sign the review."""
    page.wait_for_selector(".sl-main-panel canvas")
    _raise_evening(page)
    _press(page, "Save as")
    expect(page.get_by_text("Saved to demo_city_v1.yaml.")).to_be_visible()
    _press(page, "Export")
    reviewer = page.get_by_label("Reviewer")
    expect(reviewer).to_be_visible()
    # What is to be judged is what one sees.
    expect(page.locator(".sl-verdict")).to_be_in_viewport(ratio=1)
    expect(page.locator(".sl-verdict")).to_contain_text("not decided yet")
    reviewer.click()
    page.keyboard.type("Ana Pérez")
    _press(page, "Approve")
    expect(page.get_by_text("Approved by Ana Pérez: approval.json is written.")).to_be_visible()
    expect(page.locator(".sl-verdict")).to_contain_text("approved by Ana Pérez")

    (file,) = folder.glob("artifacts/demo_city_v1/*/approval.json")
    approval = json.loads(file.read_text(encoding="utf-8"))
    assert (approval["decision"], approval["reviewer"]) == ("approved", "Ana Pérez")
    saved = synthlab.load_scenario(folder / "demo_city_v1.yaml")
    weights = saved.device(TANK).dynamics.demand.hourly_weights
    before = synthlab.load_scenario("demo_city_v1").device(TANK).dynamics.demand.hourly_weights
    assert weights[EVENING] > 1.2 * before[EVENING]
    assert weights[:EVENING] == before[:EVENING]
    # What was signed is what was shaped.
    manifest = json.loads(file.with_name("manifest.json").read_text(encoding="utf-8"))
    (device,) = [one for one in manifest["scenario"]["devices"] if one["device_id"] == TANK]
    assert tuple(device["dynamics"]["demand"]["hourly_weights"]) == weights


@needs_mosquitto
def test_the_page_leads_to_an_approved_artifact_in_ten_clicks(
    watch: Watched, app: Server, pictures: Path
) -> None:
    page = watch.page
    page.goto(app.url, timeout=3 * WAIT_MS)
    _shape_export_and_approve(page, app.folder)
    assert 0 < watch.presses <= MAX_CLICKS
    page.locator(".sl-choose:visible", has_text=DRY_TANK).click()
    _look(page, ".sl-verdict", pictures / "review.png")
    page.get_by_role("tab", name="Design").click()
    page.evaluate("scrollTo(0, 0)")
    _look(page, ".sl-curve:visible >> nth=0", pictures / "design.png")
    assert watch.asked == []


@needs_mosquitto
def test_the_page_rejects_with_a_note_and_streams(
    watch: Watched, app: Server, broker: BrokerAddress, pictures: Path
) -> None:
    page = watch.page
    page.goto(app.url, timeout=3 * WAIT_MS)
    page.wait_for_selector(".sl-main-panel canvas")
    page.get_by_label("Scenario").select_option("tiny.yaml")
    expect(page.locator(".sl-choose:visible").first).to_contain_text("E2ETINYSTAT1")
    _press(page, "Export")
    page.get_by_label("Reviewer").fill("ana")
    _press(page, "Reject")
    expect(page.get_by_role("alert").and_(page.locator(":visible"))).to_contain_text("note")
    assert list(app.folder.glob("artifacts/tiny/*/approval.json")) == []
    page.get_by_label("Note").fill("The night is too quiet.")
    _press(page, "Reject")
    expect(page.locator(".sl-verdict")).to_contain_text("rejected by ana: The night is too quiet.")
    (file,) = app.folder.glob("artifacts/tiny/*/approval.json")
    assert json.loads(file.read_text(encoding="utf-8"))["decision"] == "rejected"

    page.get_by_role("tab", name="Design").click()
    page.get_by_label("Scenario").select_option("demo_city_v1")
    page.get_by_role("tab", name="Live").click()
    page.get_by_label("× real time").fill("1800")
    with Observer(broker) as observer:
        _stream(page, observer, pictures)
    assert watch.asked == []


def _stream(page: Page, observer: Observer, pictures: Path) -> None:
    """Start a live run, look at it, stop it, and count what the broker got."""
    _press(page, "Start")
    sent = page.locator(".sl-tile", has_text="Sent").locator(".sl-number span")
    expect(sent).to_have_text(re.compile(r"^([2-9]\d\d|[\d,]{5,})$"))
    expect(page.locator(".sl-panels:visible canvas").first).to_be_visible()
    _look(page, ".sl-map:visible", pictures / "live.png")
    _press(page, "Stop")
    expect(page.get_by_text("Stopped.")).to_be_visible()
    total = int(sent.inner_text().replace(",", ""))
    assert len(observer.wait_for(lambda found: len(found) >= total)) == total


@pytest.mark.long
def test_a_notebook_leads_to_an_approved_artifact_in_ten_clicks(watch: Watched, lab: Server) -> None:
    cell = (REPOSITORY / "notebooks" / "app.ipynb").read_text(encoding="utf-8")
    (lab.folder / "app.ipynb").write_text(cell, encoding="utf-8")
    page = watch.page
    page.goto(f"{lab.url}/lab?token={lab.token}&reset")
    page.get_by_role("listitem", name=re.compile("app.ipynb")).dblclick()
    wait_for_kernel(page)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.wait_for_selector(".sl-main-panel canvas")
    where = Path(page.locator("small code").inner_text())
    try:
        _shape_export_and_approve(page, where)
        assert 0 < watch.presses <= MAX_CLICKS
    finally:
        shutil.rmtree(where)
