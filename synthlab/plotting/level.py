"""Levels: a panel a device, or a heat map where there are too many."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import dates as mdates

from synthlab.plotting.series import FloatArray, Rows, decimate, rows_of
from synthlab.plotting.style import COLORS, ROLES, SIZES, Plot, heading, percent, styled
from synthlab.plotting.tables import LEVEL_COLUMNS, capacities_of, level_table
from synthlab.plotting.timeaxis import time_axis
from synthlab.quality.formulas import RUNOUT_LEVEL_PCT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from synthlab.calibration import Reservoir

MAX_PANELS = 12
"""Devices with a panel each. Assumed: more do not fit on a screen."""
MAX_ROW_LABELS = 30
"""Device names beside a heat map. Assumed: one a text line."""
HEAT_COLUMNS = 360
"""Spans of time across a heat map; each shows its mean. Assumed: 2 pixels each."""
BUCKETS_PER_INCH = 100
"""Spans of time that a line is thinned to. Assumed: about one a pixel."""


def level_figure(
    frame: pd.DataFrame,
    *,
    reservoirs: pd.DataFrame | Mapping[str, Reservoir] | None = None,
    devices: Sequence[str] | None = None,
) -> Plot:
    """Draw the true and the measured level of each device over time.

    Up to `MAX_PANELS` devices get a panel each. More become a heat map, the most
    often dry on top, with four of them drawn below.

    Parameters
    ----------
    frame : DataFrame
        Telemetry.
    reservoirs : DataFrame or mapping, optional
        What `synthlab.reservoirs` returns; adds the capacity to the panels' titles.
    devices : sequence of str, optional
        Only these.

    Returns
    -------
    Plot

    See Also
    --------
    level_table : the numbers behind it.
    """
    rows = rows_of(frame, LEVEL_COLUMNS, devices=devices)
    table = level_table(frame, devices=devices)
    capacities = capacities_of(reservoirs)
    with styled():
        if len(rows.device_ids) <= MAX_PANELS:
            return _panels(rows, table, capacities)
        return _heat_map(rows, table, capacities)


def draw_level(axes: Axes, rows: Rows, index: int, *, buckets: int) -> None:
    """Draw one device's measured and true level, and where it counts as run out."""
    span = rows.span(index)
    times = rows.times[span]
    axes.axhspan(0, RUNOUT_LEVEL_PCT, color=ROLES["low"], alpha=0.13, linewidth=0, label="run out")
    for column, role, width, opacity in (
        ("measured_level_pct", "measured", SIZES["wide_line_points"], 0.55),
        ("level_pct", "truth", SIZES["thin_line_points"], 1.0),
    ):
        shown = decimate(times, rows.values(column)[span], buckets=buckets)
        label = "measured" if role == "measured" else "true"
        # Fewer than two rows make no line.
        marker = "o" if len(shown[0]) < 2 else ""
        axes.plot(
            *shown,
            color=ROLES[role],
            alpha=opacity,
            linewidth=width,
            label=label,
            marker=marker,
            markersize=3,
        )
    axes.set_ylim(-2, 104)
    axes.set_yticks(range(0, 101, 25))


def _panels(rows: Rows, table: pd.DataFrame, capacities: Mapping[str, float]) -> Plot:
    count = len(rows.device_ids)
    columns = 1 if count <= 4 else 2 if count <= 8 else 3
    lines = math.ceil(count / columns)
    height = SIZES["heading_inches"] + lines * (1.75 if columns == 1 else 1.6) + 0.45
    figure = Plot(_summary(rows), width_inches=SIZES["width_inches"], height_inches=height)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    buckets = int(SIZES["width_inches"] / columns * BUCKETS_PER_INCH)
    for index, axes in enumerate(grid.flat):
        if index >= count:
            axes.set_visible(False)
            continue
        name = rows.device_ids[index]
        draw_level(axes, rows, index, buckets=buckets)
        axes.set_title(_panel_title(name, table, capacities))
        # The last panel of a column carries the axis, also where the last row is not full.
        is_last = index + columns >= count
        axes.tick_params(labelbottom=is_last)
        time_axis(axes, label=index // columns == lines - 1)
        if index % columns == 0:
            axes.set_ylabel("level [%]")
    handles, labels = grid.flat[0].get_legend_handles_labels()
    heading(figure, _finding(table), _window(rows), (handles[::-1], labels[::-1]))
    return figure


def _heat_map(rows: Rows, table: pd.DataFrame, capacities: Mapping[str, float]) -> Plot:
    ranked = _worst_first(table)
    figure = Plot(_summary(rows), width_inches=SIZES["width_inches"], height_inches=9.4)
    top, *below = figure.subplot_mosaic("AA;AA;BC;DE", height_ratios=[1.5, 1.5, 1, 1]).values()
    image = _draw_heat(top, rows, ranked)
    bar = figure.colorbar(image, ax=top, pad=0.01, aspect=30)
    bar.set_label("mean level [%]")
    chosen = [ranked[0], ranked[1], ranked[len(ranked) // 2], ranked[-1]]
    words = ("worst", "second worst", "median", "best")
    for axes, name, word in zip(below, chosen, words, strict=True):
        draw_level(axes, rows, rows.device_ids.index(name), buckets=int(5 * BUCKETS_PER_INCH))
        axes.set_title(f"{word}: {_panel_title(name, table, capacities)}")
        axes.set_ylabel("level [%]")
        time_axis(axes)
    handles, labels = below[0].get_legend_handles_labels()
    heading(figure, _finding(table), _window(rows), (handles[::-1], labels[::-1]))
    return figure


def _draw_heat(axes: Axes, rows: Rows, ranked: Sequence[str]) -> Any:
    moments = rows.times.astype(np.int64)
    first, last = int(moments.min()), int(moments.max())
    cells = int(min(HEAT_COLUMNS, max(1, np.unique(moments).size)))
    column = np.minimum((moments - first) * cells // max(last - first, 1), cells - 1)
    place = {name: line for line, name in enumerate(ranked)}
    line = np.array([place[name] for name in rows.device_ids])[rows.device]
    level = rows.values("level_pct")
    there = np.isfinite(level)
    flat = (line * cells + column)[there]
    counts = np.bincount(flat, minlength=len(ranked) * cells)
    sums = np.bincount(flat, weights=level[there], minlength=len(ranked) * cells)
    with np.errstate(invalid="ignore"):
        means: FloatArray = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    edges = mdates.date2num([np.datetime64(first, "ms"), np.datetime64(max(last, first + 1), "ms")])
    image = axes.imshow(
        means.reshape(len(ranked), cells),
        aspect="auto",
        cmap="cividis",
        vmin=0,
        vmax=100,
        interpolation="nearest",
        extent=(edges[0], edges[1], len(ranked) - 0.5, -0.5),
    )
    every = math.ceil(len(ranked) / MAX_ROW_LABELS)
    axes.set_yticks(range(0, len(ranked), every), ranked[::every], fontsize=7)
    axes.set_ylabel("device, most often run out on top")
    axes.set_title(f"Mean level of {len(ranked)} devices")
    axes.grid(False)
    axes.xaxis_date(tz="UTC")
    time_axis(axes)
    axes.set_facecolor(COLORS["grid"])
    return image


def _worst_first(table: pd.DataFrame) -> list[str]:
    ordered = table.sort_values(["runout_fraction", "mean_pct"], ascending=[False, True], kind="stable")
    return [str(name) for name in ordered.index]


def _panel_title(name: str, table: pd.DataFrame, capacities: Mapping[str, float]) -> str:
    row = table.loc[name]
    parts = [name]
    if name in capacities:
        parts.append(f"{capacities[name]:,.0f} L")
    parts.append(f"mean {row['mean_pct']:.0f} %")
    return "  ·  ".join(parts)


def _finding(table: pd.DataFrame) -> str:
    dry = table["runout_fraction"]
    limit = f"{RUNOUT_LEVEL_PCT:.0f} %"
    if not (dry > 0).any():
        return f"No tank ever falls to {limit}" if len(table) > 1 else f"The tank never falls to {limit}"
    worst = str(dry.idxmax())
    text = f"{worst} is at {limit} or below for {percent(float(dry.max()))} of the time"
    rest = int((dry > 0).sum()) - 1
    others = len(table) - 1
    if others == 0:
        return text
    if others == 1:
        other = str(dry.drop(worst).index[0])
        return f"{text}, {other} " + (f"for {percent(float(dry[other]))}" if rest else "never")
    return f"{text}; so are {rest} of the other {others} at times" if rest else f"{text}, the others never"


def _summary(rows: Rows) -> str:
    return f"level of {len(rows.device_ids)} devices, {window_text(rows)}"


def _window(rows: Rows) -> str:
    return f"True and measured level, {window_text(rows)} UTC"


def window_text(rows: Rows) -> str:
    """Say from when to when the rows are."""
    first, last = (value.astype("datetime64[m]").item() for value in (rows.times.min(), rows.times.max()))
    return f"{first:%d %b %Y %H:%M} to {last:%d %b %Y %H:%M}"
