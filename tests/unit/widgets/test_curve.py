"""The curve editor without a browser: what Python shows and hears."""

from __future__ import annotations

import re

import pytest

from synthlab.plotting.tokens import COLORS, DARK_COLORS, ROLES
from synthlab.widgets.assets import script, styles
from synthlab.widgets.curve import CurveEditor
from synthlab.widgets.theme import theme


@pytest.fixture
def editor() -> CurveEditor:
    return CurveEditor([1.0] * 24, total=240, title="Demand", unit="liters/hour")


def test_what_the_browser_asks_is_what_python_knows(editor) -> None:
    heard = []
    editor.on_change(lambda *change: heard.append(change))
    weights = [1.0] * 23 + [2.0]
    editor.request = {"version": editor.curve["version"], "seq": 1, "weights": weights, "total": 250}
    assert editor.values == tuple(weights)
    assert editor.total == 250.0
    assert heard == [(tuple(weights), 250.0, True)]


def test_an_edit_of_a_curve_that_was_replaced_counts_for_nothing(editor) -> None:
    heard = []
    editor.on_change(lambda *change: heard.append(change))
    old = editor.curve["version"]
    editor.values = [2.0] * 24
    editor.request = {"version": old, "seq": 1, "weights": [9.0] * 24, "total": 1}
    assert editor.values == (2.0,) * 24
    assert heard == []


def test_the_original_stays_where_values_change(editor) -> None:
    editor.values = [2.0] * 24
    assert editor.curve["original"] == [1.0] * 24
    assert editor.curve["original_total"] == 240.0
    assert editor.curve["weights"] == [2.0] * 24


def test_seven_values_are_a_week() -> None:
    week = CurveEditor([1.0] * 7, title="Week", unit="multiplier")
    assert week.labels[0] == "Mon"
    assert week.places[6] == "Sunday"
    assert week.total is None


def _luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_can_be_read_on_both_faces(mode: str) -> None:
    face = {"light": COLORS, "dark": DARK_COLORS}[mode]["face"]
    colors = theme()[mode]
    # Source: WCAG 2.2, 1.4.3 for text, 1.4.11 for what is drawn.
    assert min(_contrast(colors[name], face) for name in ("ink", "muted")) >= 4.5
    assert min(_contrast(colors[name], face) for name in ("truth", "low", "inflow", "accent")) >= 3
    assert _contrast(colors["on-accent"], colors["accent"]) >= 4.5


def test_widgets_and_figures_share_one_table() -> None:
    colors = theme()
    assert {name: colors["light"][name] for name in ROLES} == dict(ROLES)
    assert colors["light"].keys() == colors["dark"].keys()


def test_scripts_ask_no_address_and_carry_what_they_import() -> None:
    text = script("curve.js")
    assert not re.search(r"^\s*import ", text, re.MULTILINE)
    assert "http://www.w3.org/2000/svg" in text
    assert re.findall(r"https?://(?!www\.w3\.org)", text + styles("theme.css", "curve.css")) == []
    # Each part once, and one module that the notebook calls.
    assert text.count("function themed(") == 1
    assert text.count("export ") == 1
    used = set(re.findall(r"var\(--sl-([\w-]+)\)", styles("theme.css", "curve.css")))
    assert used - {"role"} <= theme()["light"].keys()
