"""The integrated view: where trucks go, zone by zone, and whose water it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from synthlab.plotting.level import window_text
from synthlab.plotting.routes import extents_of, finish_map, ground_of, half_spans
from synthlab.plotting.series import Rows, rows_of
from synthlab.plotting.style import COLORS, ROLES, SIZES, Plot, heading, styled
from synthlab.plotting.trucks import Ground
from synthlab.quality.metrics import metrics_from_frame
from synthlab.quality.places import places_from_frame

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PLACE_MARKERS: Mapping[str, str] = {"BASE": "s", "REFILL_DEPOT": "^", "CLIENT_CLUSTER": "o", "UNKNOWN": "x"}
ZONE_COLORS = tuple(COLORS[name] for name in ("blue", "vermillion", "green", "purple", "orange", "sky"))
NO_ZONE_COLOR = COLORS["muted"]
LARGEST_MARK = 300.0
"""Area of the mark of the client who got most. Assumed: does not hide its neighbors. [points²]"""
MAP_WIDTH_SHARE = 2.1
"""Width of the map / width of the balance. Assumed: bars need little room."""


def place_table(
    frame: pd.DataFrame, *, reservoirs: pd.DataFrame | Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Find the places where trucks stop; see `synthlab.quality.places.places_from_frame`."""
    return places_from_frame(frame, reservoirs=reservoirs)


def city_figure(
    frame: pd.DataFrame,
    *,
    reservoirs: pd.DataFrame | Mapping[str, Any] | None = None,
    places: pd.DataFrame | None = None,
) -> Plot:
    """Draw the places and ways of all trucks by zone, and each zone's water by pipe and by truck.

    Needs no network: the map is plain ground, at one scale.

    Parameters
    ----------
    frame : DataFrame
        Telemetry with trucks.
    reservoirs : DataFrame or mapping, optional
        What `synthlab.reservoirs` returns, with its zones.  Without zones there is no
        balance beside the map.
    places : DataFrame, optional
        With ``kind``, ``latitude``, ``longitude`` and ``delivered_liters``, ``zone_id``
        where known; found in the frame where omitted.

    Returns
    -------
    Plot

    See Also
    --------
    place_table : the places. `synthlab.metrics` with ``by="zone"``: the balance.
    """
    # No truth: the picture shows what the platform could show.
    rows = rows_of(frame, ("latitude", "longitude", "speed_kmh"), mobile=True)
    found = places_from_frame(frame, reservoirs=reservoirs) if places is None else places
    devices = metrics_from_frame(frame, reservoirs=reservoirs)
    zones = metrics_from_frame(frame, reservoirs=reservoirs, by="zone")
    colors = {zone: ZONE_COLORS[i % len(ZONE_COLORS)] for i, zone in enumerate(zones.index)}
    with styled():
        ground = ground_of(rows, rows.device_ids)
        extent = extents_of([half_spans(rows, rows.device_ids, ground)])[0]
        share = MAP_WIDTH_SHARE / (MAP_WIDTH_SHARE + 1) if len(zones) else 1.0
        height = SIZES["heading_inches"] + min(SIZES["width_inches"] * share * extent[1] / extent[0], 6.0)
        text = f"places of {len(rows.device_ids)} trucks in {len(zones)} zones, {window_text(rows)}"
        figure = Plot(text, width_inches=SIZES["width_inches"], height_inches=height)
        if len(zones):
            area, balance = figure.subplots(1, 2, width_ratios=(MAP_WIDTH_SHARE, 1))
            _draw_balance(balance, zones, colors)
        else:
            area = figure.subplots()
        _draw_ways(area, rows, ground, [colors.get(devices.loc[n, "zone_id"]) for n in rows.device_ids])
        _draw_places(area, found, ground, colors)
        finish_map(area, extent)
        heading(figure, _finding(found, zones), _subtitle(rows), _legend(colors, found))
    return figure


def _draw_ways(axes: Axes, rows: Rows, ground: Ground, colors: Sequence[str | None]) -> None:
    east, north = ground.to_km(rows.values("latitude"), rows.values("longitude"))
    for index, color in enumerate(colors):
        span = rows.span(index)
        axes.plot(east[span], north[span], color=color or NO_ZONE_COLOR, linewidth=0.5, alpha=0.18, zorder=1)


def _draw_places(axes: Axes, places: pd.DataFrame, ground: Ground, colors: Mapping[Any, str]) -> None:
    east, north = ground.to_km(places["latitude"].to_numpy(), places["longitude"].to_numpy())
    liters = places["delivered_liters"].to_numpy(np.float64)
    size = np.maximum(LARGEST_MARK * liters / max(float(liters.max(initial=0.0)), 1.0), 14.0)
    zones = places["zone_id"] if "zone_id" in places.columns else [None] * len(places)
    for i, (kind, zone) in enumerate(zip(places["kind"], zones, strict=True)):
        color = colors.get(zone, NO_ZONE_COLOR)
        look: dict[str, Any] = {"s": 90.0, "linewidths": 2.0, "zorder": 5}
        if kind == "CLIENT_CLUSTER":
            look = {"s": size[i], "linewidths": 0.8, "edgecolors": COLORS["face"], "zorder": 4}
        elif kind in PLACE_MARKERS and kind != "UNKNOWN":
            look |= {"edgecolors": color}
            color = COLORS["face"]
        axes.scatter(east[i], north[i], marker=PLACE_MARKERS.get(kind, "x"), color=color, **look)


def _draw_balance(axes: Axes, zones: pd.DataFrame, colors: Mapping[Any, str]) -> None:
    """Draw water by pipe and by truck of each zone, and the share of the pipe."""
    shown = zones.iloc[::-1]
    pipe, truck = (shown[f"{name}flow_liters"].to_numpy() / 1_000 for name in ("pipe", "truck"))
    level = np.arange(len(shown))
    axes.barh(level, pipe, height=0.3, color=ROLES["inflow"], label="by pipe")
    axes.barh(level, truck, left=pipe, height=0.3, color=COLORS["quiet"], label="by truck")
    for place, (zone, ratio) in enumerate(shown["resilience_ratio"].items()):
        said = "no water" if np.isnan(ratio) else f"resilience {ratio:.2f}"
        axes.text(0.0, place + 0.2, f"{zone}  ·  {said}", color=colors[zone], fontweight="bold")
    axes.set_yticks([])
    axes.set_ylim(-0.6, max(len(shown) - 0.2, 1.4))
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    axes.set_xlabel("water in the window [m³]")
    axes.set_title("Pipe and truck")
    axes.legend(loc="upper right", ncols=2, handlelength=1.2, columnspacing=1.0)


def _finding(places: pd.DataFrame, zones: pd.DataFrame) -> str:
    clients = int((places["kind"] == "CLIENT_CLUSTER").sum())
    text = f"Trucks serve {clients} places"
    known = zones["resilience_ratio"].dropna()
    if known.empty:
        return text
    return f"{text}; {known.idxmin()} depends on them most"


def _subtitle(rows: Rows) -> str:
    return f"From reported positions and levels, {window_text(rows)} UTC; larger marks got more water"


def _legend(colors: Mapping[Any, str], places: pd.DataFrame) -> tuple[list[Any], list[str]]:
    handles = [Line2D([], [], color=color, linewidth=2) for color in colors.values()]
    kinds = [kind for kind in PLACE_MARKERS if (places["kind"] == kind).any()]
    handles += [
        Line2D(
            [],
            [],
            linestyle="",
            marker=PLACE_MARKERS[kind],
            color=COLORS["ink"],
            markerfacecolor=COLORS["ink"] if kind == "CLIENT_CLUSTER" else COLORS["face"],
            markersize=7,
        )
        for kind in kinds
    ]
    return handles, [*(str(zone) for zone in colors), *(kind.lower().replace("_", " ") for kind in kinds)]
