"""How parts stand: one below the other, side by side where there is room, or in tabs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets

_FULL = {"width": "100%", "min_width": "0"}
_COLUMN_WIDTHS = ("430px", "460px")
"""Least width of the left and the right column. Assumed: 24 bars, and a week of a level, can be read."""


def stacked(*parts: ipywidgets.Widget, is_view: bool = False) -> ipywidgets.VBox:
    """Put parts one below the other."""
    padding = "4px 2px" if is_view else "0"
    box = ipywidgets.VBox(parts, layout=ipywidgets.Layout(**_FULL, padding=padding, grid_gap="10px"))
    box.add_class("sl-view" if is_view else "sl-stack")
    return box


def beside(left: ipywidgets.Widget, right: ipywidgets.Widget) -> ipywidgets.HBox:
    """Put two columns side by side where there is room for both, else one below the other."""
    for part, width, grow in zip((left, right), _COLUMN_WIDTHS, ("5", "7"), strict=True):
        part.layout.flex = f"{grow} 1 {width}"
        part.layout.width = "auto"
        part.layout.min_width = "min(100%, 320px)"
    layout = ipywidgets.Layout(**_FULL, flex_flow="row wrap", grid_gap="14px 22px", align_items="flex-start")
    return ipywidgets.HBox((left, right), layout=layout)


def tabs(pages: Mapping[str, Sequence[ipywidgets.Widget]]) -> ipywidgets.Tab:
    """Put parts on pages with a title each."""
    tab = ipywidgets.Tab([stacked(*parts) for parts in pages.values()], layout=ipywidgets.Layout(**_FULL))
    tab.titles = tuple(pages)
    return tab
