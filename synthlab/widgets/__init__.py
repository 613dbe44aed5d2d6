"""Interactive views for notebooks and the page without code; ipywidgets is imported nowhere else.

A view is made of parts (`CurveEditor`, `SeriesPlot`, `KpiTiles`, `MapPlot`, `Fields`, `Picker`,
`Changes`), each an ES module and a style sheet below ``static/`` and one Python class.  What a
view computes is in plain modules, and everything can be done by code as well as by hand.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthlab.widgets.changes import Changes
    from synthlab.widgets.curve import CurveEditor
    from synthlab.widgets.design_view import DesignView, design
    from synthlab.widgets.fields import Field, Fields
    from synthlab.widgets.live_view import LiveMonitor, monitor
    from synthlab.widgets.map import MapPlot, Place, Track
    from synthlab.widgets.picker import Picker
    from synthlab.widgets.review_view import ReviewView, review
    from synthlab.widgets.series import Line, Panel, SeriesPlot
    from synthlab.widgets.tiles import KpiTiles, Tile
    from synthlab.widgets.workbench_page import Workbench, workbench

_HOMES: dict[str, str] = {
    "Changes": "changes",
    "CurveEditor": "curve",
    "DesignView": "design_view",
    "Field": "fields",
    "Fields": "fields",
    "KpiTiles": "tiles",
    "Line": "series",
    "LiveMonitor": "live_view",
    "MapPlot": "map",
    "Panel": "series",
    "Picker": "picker",
    "Place": "map",
    "ReviewView": "review_view",
    "SeriesPlot": "series",
    "Tile": "tiles",
    "Track": "map",
    "Workbench": "workbench_page",
    "design": "design_view",
    "monitor": "live_view",
    "review": "review_view",
    "workbench": "workbench_page",
}

__all__ = [
    "Changes",
    "CurveEditor",
    "DesignView",
    "Field",
    "Fields",
    "KpiTiles",
    "Line",
    "LiveMonitor",
    "MapPlot",
    "Panel",
    "Picker",
    "Place",
    "ReviewView",
    "SeriesPlot",
    "Tile",
    "Track",
    "Workbench",
    "design",
    "monitor",
    "review",
    "workbench",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
