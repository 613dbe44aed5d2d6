"""The curve editor under a real pointer and a real keyboard, in JupyterLab."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browsers import Server, Watched, open_in_lab

CELL = """
from IPython.display import display
from synthlab.widgets.curve import CurveEditor

day = CurveEditor(
    [1.0] * 24, total=240, title="Demand", unit="liters/hour", is_locked=True,
    presets={"peak": [1.0] * 19 + [5.0] + [1.0] * 4}, lock_label="Keep the liters a day",
)
week = CurveEditor([1.0] * 7, title="Week", unit="multiplier")
# What Python knows, told where the page can read it.
import ipywidgets
said = ipywidgets.Text(); said.add_class("said")
def tell(values=None, total=None, is_done=True):
    known = f"{[round(v, 3) for v in day.values]} {day.total} | {[round(v, 3) for v in week.values]}"
    said.value = f"{known} | {'done' if is_done else 'moving'}"
day.on_change(tell); week.on_change(tell); tell()
display(day, week, said)
"""


class Editor:
    """One editor on the page, and what Python knows of both."""

    def __init__(self, watched: Watched, index: int) -> None:
        self.page = watched.page
        self.root = self.page.locator(".sl-curve").nth(index)

    def bar(self, index: int):
        return self.root.locator(f"[data-index='{index}']")

    def point(self, index: int, share: float) -> tuple[float, float]:
        """Where on the page a bar has a share of the scale's height."""
        area = self.bar(index).locator(".sl-catch")
        area.scroll_into_view_if_needed()
        box = area.bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] * (1 - share)

    def drag(self, *points: tuple[int, float]) -> None:
        first, *rest = [self.point(*point) for point in points]
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for point in rest:
            self.page.mouse.move(*point, steps=4)
        self.page.mouse.up()

    def shown(self) -> list[float]:
        return [
            float(slider.get_attribute("aria-valuenow")) for slider in self.root.get_by_role("slider").all()
        ]

    def python(self) -> tuple[list[float], float, list[float]]:
        text = self.page.locator(".said input").input_value()
        day, week, _ = text.split(" | ")
        weights, total = day.rsplit(" ", 1)
        return eval(weights), float(total), eval(week)

    def until(self, condition: str) -> None:
        """Wait until Python knows, and the hand has let go: an expression of `day`, `total` and `week`."""
        self.page.wait_for_function(
            """(condition) => {
                const said = document.querySelector(".said input").value;
                const [, ...parts] = /(.*]) (.*) \\| (.*) \\| done/.exec(said) ?? [];
                if (parts.length === 0) return false;
                return Function("day", "total", "week", `return ${condition}`)(...parts.map(JSON.parse));
            }""",
            arg=condition,
        )


@pytest.fixture
def editors(watch: Watched, lab: Server) -> tuple[Editor, Editor]:
    lab.write("curve.ipynb", CELL)
    page = open_in_lab(watch, lab, "curve.ipynb")
    page.wait_for_selector(".sl-curve .sl-bar")
    page.wait_for_selector(".said input")
    return Editor(watch, 0), Editor(watch, 1)


def test_every_way_to_edit_reaches_python(editors: tuple[Editor, Editor]) -> None:
    day, week = editors
    keyboard = day.page.keyboard

    # Drag one bar: the others give way, their weights stay as written, the liters a day too.
    day.drag((19, 0.6), (19, 0.9))
    day.until("day[19] > 1.3")
    weights, total, _ = day.python()
    assert weights[:19] + weights[20:] == [1.0] * 23
    assert total == 240
    assert sum(day.shown()) == pytest.approx(240, abs=0.2)

    # Keyboard: focus stays, up raises by a hundredth of the scale, the neighbor is next door.
    before = day.shown()[19]
    keyboard.press("ArrowUp")
    day.until(f"day[19] > {weights[19]}")
    assert day.shown()[19] > before
    keyboard.press("ArrowRight")
    assert day.bar(20).evaluate("slot => slot === document.activeElement")

    # Undo twice, redo once.
    keyboard.press("Control+z")
    keyboard.press("Control+z")
    day.until("day.every(weight => weight === 1)")
    keyboard.press("Control+Shift+z")
    day.until(f"day[19] === {weights[19]}")

    # Without the lock the liters a day follow, and paint goes across what lies between.
    day.root.get_by_role("button", name="Keep the liters a day").click()
    day.drag((2, 0.7), (6, 0.7))
    day.until("total > 241 && day.slice(2, 7).every(weight => weight > 1.2)")
    assert day.python()[0][7:19] == [1.0] * 12

    # A preset keeps the liters; copied here, pasted into a week it does not fit, and says so.
    day.root.get_by_role("combobox").select_option("peak")
    day.until("day[19] === 5 && day[0] === 1")
    day.bar(3).focus()
    keyboard.press("Control+c")
    week.bar(3).focus()
    keyboard.press("Control+v")
    expect(week.root.get_by_text("Paste needs 7 numbers.")).to_be_visible()
    assert week.python()[2] == [1.0] * 7
    day.root.get_by_role("button", name="Normalize: mean weight 1").click()
    day.until("Math.abs(day.reduce((a, b) => a + b) - 24) < 0.02 && day[19] > 4 * day[0]")
    day.bar(3).focus()
    keyboard.press("Control+v")
    day.until("day[19] === 5 && day[0] === 1")

    # The smooth line takes its neighbors along; "original" brings all back.
    week.root.get_by_role("button", name="Bars or a smooth line").click()
    week.drag((3, 0.7), (3, 0.95))
    day.until("week[3] > week[2] && week[2] > 1 && week[0] === 1")
    week.root.get_by_role("button", name="Back to the original").click()
    day.until("week.every(weight => weight === 1)")


def test_touch_drags_and_screen_readers_are_told(editors: tuple[Editor, Editor]) -> None:
    day, _ = editors
    x, y = day.point(8, 0.95)
    finger = {"pointerType": "touch", "pointerId": 7, "isPrimary": True, "bubbles": True, "button": 0}
    canvas = day.root.locator(".sl-canvas")
    # Captured by id, which only a real finger has: the page's own capture would refuse this one.
    canvas.evaluate("canvas => { canvas.setPointerCapture = () => {}; }")
    for name in ("pointerdown", "pointermove", "pointerup"):
        canvas.dispatch_event(name, {**finger, "clientX": x, "clientY": y, "buttons": 1})
    day.until("day[8] > 1.3")
    assert canvas.evaluate("canvas => getComputedStyle(canvas).touchAction") == "none"
    told = day.root.locator("[aria-live]")
    expect(told).to_contain_text("Demand: most ")
    expect(told).to_contain_text("liters/hour at 08:00 to 09:00, 240 liters/day")
    bar = day.bar(8)
    assert bar.get_attribute("aria-label") == "08:00 to 09:00"
    assert bar.get_attribute("aria-valuetext").endswith(" liters/hour")
    assert bar.get_attribute("tabindex") == "0"
