"""Pictures of telemetry, and for each a table of the numbers behind it.

Static figures by matplotlib, which only this package imports: no pyplot, no global
state, one style, units on every axis.  Names are imported when first used.

Examples
--------
>>> import synthlab
>>> from synthlab import plotting
>>> scenario = synthlab.load_scenario("stationary_only_v1")
>>> frame = synthlab.backfill(scenario, end_at="2026-02-12T10:00:00Z").frame
>>> plotting.level_figure(frame)
<Plot: level of 2 devices, 13 Jan 2026 10:00 to 12 Feb 2026 10:00>
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthlab.plotting.city import city_figure, place_table
    from synthlab.plotting.day import truck_day_figure
    from synthlab.plotting.demand import demand_figure
    from synthlab.plotting.design import design_figure
    from synthlab.plotting.level import level_figure
    from synthlab.plotting.live import live_figure
    from synthlab.plotting.progress import live_table
    from synthlab.plotting.realism import fit_figure, realism_figure
    from synthlab.plotting.routes import routes_figure
    from synthlab.plotting.save import save_plots
    from synthlab.plotting.scoring import recall_figure, score_figure
    from synthlab.plotting.style import Plot
    from synthlab.plotting.supply import supply_figure
    from synthlab.plotting.tables import (
        demand_table,
        level_table,
        session_table,
        supply_table,
    )
    from synthlab.plotting.tendencies import tendency_figure
    from synthlab.plotting.trucks import route_table, stop_table, truck_day_table

_HOMES: dict[str, str] = {
    "Plot": "style",
    "city_figure": "city",
    "demand_figure": "demand",
    "demand_table": "tables",
    "design_figure": "design",
    "fit_figure": "realism",
    "level_figure": "level",
    "level_table": "tables",
    "live_figure": "live",
    "live_table": "progress",
    "realism_figure": "realism",
    "place_table": "city",
    "recall_figure": "scoring",
    "score_figure": "scoring",
    "route_table": "trucks",
    "routes_figure": "routes",
    "save_plots": "save",
    "session_table": "tables",
    "stop_table": "trucks",
    "supply_figure": "supply",
    "supply_table": "tables",
    "tendency_figure": "tendencies",
    "truck_day_figure": "day",
    "truck_day_table": "trucks",
}

__all__ = [
    "Plot",
    "city_figure",
    "demand_figure",
    "demand_table",
    "design_figure",
    "fit_figure",
    "level_figure",
    "level_table",
    "live_figure",
    "live_table",
    "place_table",
    "realism_figure",
    "recall_figure",
    "route_table",
    "routes_figure",
    "save_plots",
    "score_figure",
    "session_table",
    "stop_table",
    "supply_figure",
    "supply_table",
    "tendency_figure",
    "truck_day_figure",
    "truck_day_table",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
