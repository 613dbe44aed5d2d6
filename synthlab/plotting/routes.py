"""Truck routes on a plain map, and a truck's day."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from synthlab.plotting.level import window_text
from synthlab.plotting.series import Rows, rows_of
from synthlab.plotting.style import ACTIVITY_COLORS, COLORS, ROLES, SIZES, Plot, heading, percent, styled
from synthlab.plotting.trucks import EMPTY_LEVEL_PCT, ROUTE_COLUMNS, Ground, route_table, stop_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MAX_MAPS = 4
"""Trucks with a map each; more share one. Assumed: a screen's width at a legible size."""
MAP_SHAPES = (0.6, 1.4)
"""Least and greatest height of a map as a share of its width. Assumed: neither a slit nor a tower."""
MAX_MAP_INCHES = 7.0

MARKERS: Mapping[str, str] = {"BASE": "s", "REFILL": "^", "CLIENT": "o"}
LEGS: Mapping[str, str] = {"travel, loaded": ROLES["loaded"], "travel, empty": ROLES["empty"]}
SCALES_KM = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)


def routes_figure(
    frame: pd.DataFrame, *, points: Iterable[Any] | None = None, devices: Sequence[str] | None = None
) -> Plot:
    """Draw where trucks drove, loaded and empty, and where they stopped.

    Parameters
    ----------
    frame : DataFrame
        Telemetry.
    points : iterable, optional
        Points of the route, each with ``kind``, ``latitude`` and ``longitude``; found
        in the rows where omitted.
    devices : sequence of str, optional
        Only these.

    Returns
    -------
    Plot
        A map a truck up to `MAX_MAPS` trucks, each at its own scale, else one map of
        all. East is right, north is up, both axes of a map are at the same scale.

    See Also
    --------
    route_table, stop_table : the numbers behind it.
    """
    rows = rows_of(frame, ROUTE_COLUMNS, devices=devices, mobile=True)
    table = route_table(frame, devices=devices)
    names = rows.device_ids
    groups = [[name] for name in names] if len(names) <= MAX_MAPS else [list(names)]
    with styled():
        text = f"routes of {len(names)} trucks, {window_text(rows)}"
        columns = min(len(groups), 2)
        lines = math.ceil(len(groups) / columns)
        grounds = [ground_of(rows, group) for group in groups]
        extents = extents_of(
            [half_spans(rows, group, ground) for group, ground in zip(groups, grounds, strict=True)]
        )
        height = SIZES["heading_inches"] + lines * _map_height(extents[0], columns)
        figure = Plot(text, width_inches=SIZES["width_inches"], height_inches=height)
        grid = figure.subplots(lines, columns, squeeze=False)
        for axes, group, ground, extent in zip(grid.flat, groups, grounds, extents, strict=False):
            draw_map(axes, rows, group, ground)
            draw_points(axes, points if points is not None else _stops(frame, group), ground)
            axes.set_title(_map_title(group, table))
            finish_map(axes, extent)
        for axes in grid.flat[len(groups) :]:
            axes.set_visible(False)
        heading(figure, _finding(table), f"Reported places, {window_text(rows)} UTC", _legend())
    return figure


def draw_truck(axes: Axes, frame: pd.DataFrame, device_id: str) -> None:
    """Draw the map of one truck into axes of one's own, with its legend."""
    rows = rows_of(frame, ROUTE_COLUMNS, devices=[device_id], mobile=True)
    names = rows.device_ids
    ground = ground_of(rows, names)
    draw_map(axes, rows, names, ground)
    draw_points(axes, _stops(frame, names), ground)
    shape = float(axes.bbox.height / axes.bbox.width)
    wide, high = half_spans(rows, names, ground)
    finish_map(axes, (max(wide, high / shape), max(high, wide * shape)))
    axes.legend(*_legend(), fontsize=7.5, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def draw_map(axes: Axes, rows: Rows, names: Sequence[str], ground: Ground) -> None:
    """Draw the legs that the named trucks drove."""
    east, north = ground.to_km(rows.values("latitude"), rows.values("longitude"))
    travels = rows.texts("activity") == "TRAVEL"
    loaded = rows.values("level_pct") > EMPTY_LEVEL_PCT
    legs: dict[str, list[Any]] = {label: [] for label in LEGS}
    for name in names:
        span = rows.span(rows.device_ids.index(name))
        places = np.column_stack((east[span], north[span]))
        ends = np.stack((places[:-1], places[1:]), axis=1)
        moving = (travels[span][:-1] | travels[span][1:]) & np.isfinite(ends).all(axis=(1, 2))
        # A row tells the level at the end of its step: what the leg that begins there carries.
        full = loaded[span][:-1]
        legs["travel, loaded"].append(ends[moving & full])
        legs["travel, empty"].append(ends[moving & ~full])
    count = sum(len(segments) for parts in legs.values() for segments in parts)
    # Many passes over the same street add up to a dark line; few stay visible.
    opacity = float(np.clip(120 / max(count, 1), 0.12, 0.9))
    # Empty legs first: the loaded ones, which matter more, lie on top.
    for label, parts in reversed(legs.items()):
        segments = np.concatenate(parts)
        lines = LineCollection(list(segments), colors=LEGS[label], linewidths=1.0, alpha=opacity, label=label)
        axes.add_collection(lines)


def draw_points(axes: Axes, points: Iterable[Any], ground: Ground) -> None:
    """Mark bases, refill points and clients."""
    for point in points:
        kind = str(getattr(point.kind, "value", point.kind))
        east, north = ground.to_km([point.latitude], [point.longitude])
        axes.scatter(
            east,
            north,
            s=70 if kind != "CLIENT" else 46,
            marker=MARKERS[kind],
            color=ACTIVITY_COLORS[kind],
            edgecolors=COLORS["face"],
            linewidths=1.0,
            zorder=4,
        )


def _stops(frame: pd.DataFrame, names: Sequence[str]) -> Iterable[Any]:
    return stop_table(frame, devices=names).itertuples(index=False)


def ground_of(rows: Rows, names: Sequence[str]) -> Ground:
    """Center a map on the named trucks."""
    here = np.isin(rows.device, [rows.device_ids.index(name) for name in names])
    return Ground.around(rows.values("latitude")[here], rows.values("longitude")[here])


def half_spans(rows: Rows, names: Sequence[str], ground: Ground) -> tuple[float, float]:
    """Return half the width and half the height of what the named trucks covered. [km]"""
    here = np.isin(rows.device, [rows.device_ids.index(name) for name in names])
    east, north = ground.to_km(rows.values("latitude")[here], rows.values("longitude")[here])
    # The center is the middle of both, so the largest value is half the span.
    return 1.08 * max(float(np.nanmax(east)), 0.05), 1.08 * max(float(np.nanmax(north)), 0.05)


def extents_of(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Widen the maps to one shape, the tallest one's, so that they stand side by side."""
    shape = float(np.clip(max(high / wide for wide, high in spans), *MAP_SHAPES))
    return [(max(wide, high / shape), max(high, wide * shape)) for wide, high in spans]


def _map_height(extent: tuple[float, float], columns: int) -> float:
    width = SIZES["width_inches"] / columns - 0.8
    return float(min(width * extent[1] / extent[0], MAX_MAP_INCHES)) + 0.95


def finish_map(axes: Axes, extent: tuple[float, float]) -> None:
    """Set a map's limits, its equal scale, its labels and its scale bar."""
    axes.set_xlim(-extent[0], extent[0])
    axes.set_ylim(-extent[1], extent[1])
    axes.set_aspect("equal", adjustable="box")
    axes.set_xlabel("east of the center [km]")
    axes.set_ylabel("north of the center [km]")
    _scale_bar(axes)


def _scale_bar(axes: Axes) -> None:
    """Draw a bar of a round length, about a fifth of the map, at the lower left."""
    low, high = axes.get_xlim()
    wanted = (high - low) / 5
    length = max((scale for scale in SCALES_KM if scale <= wanted), default=SCALES_KM[0])
    share = length / (high - low)
    axes.plot(
        [0.04, 0.04 + share],
        [0.04, 0.04],
        transform=axes.transAxes,
        color=COLORS["ink"],
        linewidth=3,
        solid_capstyle="butt",
        gid="scale-bar",
        zorder=5,
    )
    axes.text(
        0.04 + share / 2, 0.05, f"{length:g} km", transform=axes.transAxes, ha="center", va="bottom", zorder=5
    )


def _legend() -> tuple[list[Any], list[str]]:
    handles = [Line2D([], [], color=color, linewidth=2) for color in LEGS.values()]
    handles += [
        Line2D([], [], linestyle="", marker=marker, color=ACTIVITY_COLORS[kind], markersize=7)
        for kind, marker in MARKERS.items()
    ]
    return handles, [*LEGS, *(kind.lower() for kind in MARKERS)]


def _map_title(group: Sequence[str], table: pd.DataFrame) -> str:
    if len(group) > 1:
        return f"{len(group)} trucks"
    row = table.loc[group[0]]
    return f"{group[0]}  ·  {row['driven_km']:,.0f} km  ·  {row['liters_per_km']:.0f} L/km"


def _finding(table: pd.DataFrame) -> str:
    driven, delivered = table["driven_km"].sum(), table["delivered_liters"].sum()
    loaded, lost = table["loaded_liters"].sum(), table["lost_liters"].sum()
    who = f"{len(table)} trucks" if len(table) > 1 else str(table.index[0])
    text = f"{who} drove {driven:,.0f} km and delivered {delivered / 1_000:,.1f} m³"
    return f"{text}; {percent(lost / loaded)} of the load got lost" if loaded > 0 else text
