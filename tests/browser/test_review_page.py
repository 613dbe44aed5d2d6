"""The review's page in a real browser that has no network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import synthlab
from synthlab.artifact import Artifact
from synthlab.scenario.build import build_scenario
from tests.browsers import lowest_contrast
from tests.conftest import END_AT
from tests.fleets import mixed_fleet
from tests.frames import artifact_of

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browsers import Watched

PARTS = ["Verdict", "Decision", "Dataset", "Checks", "Devices", "Each device", "Scenario", "Provenance"]


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> synthlab.Review:
    """Six devices, tanks and trucks, one of them spoiled."""
    fleet = mixed_fleet()
    frame = fleet.frame.copy()
    devices = [{"device_id": one.device_id, "archetype": one.archetype} for one in fleet.devices]
    tank = frame.index[frame["device_id"] == "TANK-C"]
    frame.loc[tank[100:130], "temperature_c"] = 85.0
    made: Artifact = artifact_of(
        frame,
        tmp_path_factory.mktemp("reviewed"),
        scenario_id="city",
        scenario={"scenario_id": "city", "devices": devices},
        reservoirs={device.device_id: device.reservoir for device in fleet.devices},
        step_seconds={device.device_id: device.step_seconds for device in fleet.devices},
        end_at=f"{END_AT:%Y-%m-%dT%H:%M:%SZ}",
    )
    synthlab.analyze_csv(made.directory, plots=False)
    return synthlab.review(made.directory)


@pytest.fixture
def page(watch: Watched, reviewed: synthlab.Review) -> Page:
    """The page, opened from disk, with the network off; anything it asks for fails the test."""
    watch.page.context.set_offline(True)
    asked: list[str] = []
    watch.page.on("request", lambda request: asked.append(request.url))
    watch.page.goto(reviewed.path.resolve().as_uri())
    assert [url for url in asked if not url.startswith("data:image/png")] == [
        reviewed.path.resolve().as_uri()
    ]
    return watch.page


def test_the_verdict_is_what_one_sees_first(page: Page) -> None:
    word = page.locator("#verdict .word")
    assert word.inner_text() == "✗ QC failed"
    box = word.bounding_box()
    assert box is not None
    assert box["y"] < 300
    assert "sentinel: 30 rows FAIL" in page.locator("#verdict").inner_text()


def test_every_part_is_there_and_reached_by_its_link(page: Page) -> None:
    assert page.locator("h2").all_inner_texts() == PARTS
    for link in page.locator("nav a").all():
        link.click()
        assert page.locator(f"{link.get_attribute('href')}:target").count() == 1


def test_every_device_is_drawn_with_its_numbers_the_worst_first(
    page: Page, reviewed: synthlab.Review
) -> None:
    titles = page.locator(".device h3").all_inner_texts()
    assert titles[0].startswith("1. TANK-C ")
    assert len(titles) == 6
    pictures = page.locator(".device img")
    assert pictures.evaluate_all("all => all.every(one => one.complete && one.naturalWidth > 900)")
    for words in pictures.evaluate_all("all => all.map(one => one.alt)"):
        assert "level over time" in words
    assert sum("map" in one for one in pictures.evaluate_all("all => all.map(one => one.alt)")) == 2
    assert page.locator("#devices tbody tr").count() == 6
    assert page.locator(".device table").count() >= 12


def test_the_page_fits_its_window_and_paper(page: Page, tmp_path: Path) -> None:
    for width in (1500, 800, 420):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    printed = page.pdf(prefer_css_page_size=True)
    # Each device begins a sheet; the whole is no book.
    assert 6 <= printed.count(b"/Type /Page\n") <= 24


def test_text_is_legible(page: Page) -> None:
    """Contrast of every text is at least 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    worst = lowest_contrast(page, "main")
    assert worst["ratio"] >= 4.5, worst


@pytest.mark.long
def test_fifty_devices_of_a_month_are_less_than_five_megabytes(watch: Watched, scratch: Path) -> None:
    city = synthlab.load_scenario("demo_city_v1").model_dump(mode="json", exclude_none=True, exclude={"mqtt"})
    known = city["devices"]
    city["devices"] = [known[n % len(known)] | {"device_id": f"DEVICE{n:02d}"} for n in range(50)]
    made = synthlab.export_csv(build_scenario(city), run_id="fifty", end_at=END_AT)
    assert made.row_count == 50 * 8_641
    shown = synthlab.review(made.directory)
    assert shown.path.stat().st_size < 5_000_000
    watch.page.context.set_offline(True)
    watch.page.goto(shown.path.resolve().as_uri())
    assert watch.page.locator("#devices th a").count() == watch.page.locator(".device").count() == 18
    assert watch.page.locator("#devices .wide tbody tr").count() == 50
