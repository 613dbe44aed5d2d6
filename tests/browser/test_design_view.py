"""An analyst's hand on the design view: in JupyterLab, and on voila's page without code."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

import synthlab
from tests.browsers import REPOSITORY, Server, Watched, open_in_lab, served_by_voila, set_theme

TANK, TRUCK = "E2E2024STATC2", "E2E2024MOBE1"
CELL = f'import synthlab as sl\nview = sl.design("mine.yaml", "{TANK}")\nview'
EVENING = range(17, 23)


def _file(server: Server) -> Path:
    path = server.folder / "mine.yaml"
    shutil.copyfile(REPOSITORY / "scenarios" / "demo_city_v1.yaml", path)
    return path


def _editor(page: Page) -> Locator:
    return page.locator(".sl-curve:visible").first


def _run_out(page: Page) -> Locator:
    return page.locator(".sl-tile", has_text="Run out")


def _paint_evening(page: Page) -> None:
    """Paint the evening's hours at the top of the scale, and wait until the plot is of that."""
    editor = _editor(page)
    editor.scroll_into_view_if_needed()
    boxes = [editor.locator(f"[data-index='{hour}'] .sl-catch").bounding_box() for hour in EVENING]
    page.mouse.move(boxes[0]["x"] + 2, boxes[0]["y"] + boxes[0]["height"] / 2)
    page.mouse.down()
    for box in boxes:
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 2, steps=2)
    page.mouse.up()
    # Requests go out once a frame, the last one in the frame after the hand has let go.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.wait_for_function(
        "() => document.querySelector('.sl-panels').dataset.seq"
        " === document.querySelector('.sl-curve').dataset.seq"
    )


def _pixels(page: Page) -> str:
    """Return the level plot of the device as it is drawn."""
    return page.locator(".sl-main-panel canvas").evaluate("canvas => canvas.toDataURL()")


def _dry_the_tank(page: Page) -> None:
    page.wait_for_selector(".sl-main-panel canvas")
    expect(_run_out(page)).to_contain_text("0.00%")
    drawn = _pixels(page)
    # Unlocked, a raised evening is more water, not only another hour for it.
    _editor(page).get_by_role("button", name="Keep the liters a day").click()
    # The scale grows with the bars; people of archetype C save water until none is left.
    for _ in range(5):
        _paint_evening(page)
    expect(_run_out(page)).to_contain_text("worse")
    expect(_run_out(page)).not_to_contain_text("= was")
    assert _pixels(page) != drawn
    expect(page.locator(".sl-selected")).to_contain_text("dry")


def test_a_raised_evening_peak_dries_a_tank_and_is_saved(watch: Watched, lab: Server, pictures: Path) -> None:
    path = _file(lab)
    before = path.read_text(encoding="utf-8")
    lab.write("design.ipynb", CELL)
    watch.page.set_viewport_size({"width": 1500, "height": 1300})
    page = open_in_lab(watch, lab, "design.ipynb")
    _dry_the_tank(page)

    expect(page.locator(".sl-diff .sl-added mark").first).to_be_attached()
    page.evaluate("() => { window.jupyterapp.commands.execute('application:toggle-left-area'); }")
    for name, width, theme in (("light", 1500, "Light"), ("narrow", 760, "Light"), ("dark", 1500, "Dark")):
        page.set_viewport_size({"width": width, "height": 1300})
        set_theme(page, f"JupyterLab {theme}")
        expect(page.locator(".sl-panels")).to_have_attribute("data-theme", theme.lower())
        _fits(page)
        page.locator(".sl-picker").scroll_into_view_if_needed()
        page.screenshot(path=pictures / f"design_{name}.png")
    page.get_by_role("button", name="Save mine.yaml").click()
    expect(page.get_by_text("Saved to mine.yaml.")).to_be_visible()
    after = path.read_text(encoding="utf-8")
    comments = [re.findall("#.*", text) for text in (before, after)]
    assert comments[0] == comments[1] != []
    changed = [
        pair for pair in zip(before.splitlines(), after.splitlines(), strict=True) if pair[0] != pair[1]
    ]
    assert {line.split(":")[0].strip() for pair in changed for line in pair} == {
        "target_daily_liters",
        "hourly_weights",
    }
    weights = synthlab.load_scenario(path).device(TANK).dynamics.demand.hourly_weights
    assert min(weights[hour] for hour in EVENING) > 1.9
    assert weights[:17] == (
        0.5,
        0.4,
        0.4,
        0.4,
        0.6,
        1.0,
        1.3,
        1.2,
        0.9,
        0.8,
        0.8,
        0.8,
        0.9,
        0.8,
        0.8,
        0.9,
        1.1,
    )

    page.get_by_role("button", name="Reset").click()
    expect(_run_out(page)).to_contain_text("0.00%")
    expect(page.get_by_text("Everything is as it was opened.")).to_be_visible()


def _fits(page: Page) -> None:
    """Wait until nothing is wider than its place."""
    page.wait_for_function(
        """() => {
            const panel = document.querySelector(".sl-main-panel");
            const fits = (part) => part.scrollWidth <= part.clientWidth + 1;
            return panel.querySelector(".u-wrap").offsetWidth <= panel.clientWidth + 1
                && [...document.querySelectorAll(".sl")].every(fits);
        }"""
    )


@pytest.mark.long
def test_the_page_without_code_does_the_same(watch: Watched, tmp_path: Path, pictures: Path) -> None:
    notebook = Server("", "", tmp_path).write("design.ipynb", CELL)
    path = _file(Server("", "", tmp_path))
    with served_by_voila(tmp_path, notebook.name) as server:
        page = watch.page
        page.goto(server.url)
        _dry_the_tank(page)
        page.screenshot(path=pictures / "design_page.png", full_page=True)

        # A truck: its route, its stops, and a parameter that changes them.
        page.locator(".sl-choose", has_text=TRUCK).click()
        page.wait_for_selector(".sl-map .sl-way")
        expect(page.locator(".sl-map .sl-spot")).to_have_count(6)
        expect(page.locator(".sl-table")).to_contain_text("CLIENT_N1")
        page.get_by_text("Filling and delivering").click()
        page.get_by_label("loss fraction").first.fill("0.3")
        expect(page.locator(".sl-tile", has_text="Lost on the way")).to_contain_text("worse")
        page.screenshot(path=pictures / "design_truck.png", full_page=True)

        # What no scenario may have is told, and the picture stays. The map comes after the tiles.
        page.wait_for_function(
            "() => document.querySelector('.sl-map').dataset.seq"
            " === document.querySelector('.sl-panels').dataset.seq"
        )
        seq = page.locator(".sl-map").get_attribute("data-seq")
        page.get_by_label("capacity").first.fill("0.5")
        expect(page.locator(".sl-wrong")).to_have_count(1)
        assert page.locator(".sl-map").get_attribute("data-seq") == seq

        page.get_by_role("button", name="Save mine.yaml").click()
        expect(page.get_by_text("Saved to mine.yaml.")).to_be_visible()
        # The page goes before its server does.
        page.goto("about:blank")
    saved = synthlab.load_scenario(path)
    assert saved.device(TRUCK).parameter_overrides["loss_fraction"] == pytest.approx(0.3)
    assert saved.device(TANK).dynamics.demand.hourly_weights[19] > 1.9
