"""One device on one picture, for whoever has to sign: level with findings, readings, and its use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import dates as mdates

from synthlab.calibration import NO_ECHO_MM
from synthlab.columns import RAW_COLUMNS
from synthlab.plotting.demand import day_of, draw_demand
from synthlab.plotting.level import draw_level, window_text
from synthlab.plotting.marks import draw_marks, shade_marks
from synthlab.plotting.routes import draw_truck
from synthlab.plotting.series import FloatArray, Rows, decimate, rows_of
from synthlab.plotting.style import COLORS, ROLES, SIZES, Plot, styled
from synthlab.plotting.supply import draw_inflow
from synthlab.plotting.tables import LEVEL_COLUMNS, demand_table, supply_table
from synthlab.plotting.timeaxis import hour_axis, time_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.gridspec import GridSpec

    from synthlab.calibration import Reservoir

BUCKETS = 800
"""Spans of time that a line is thinned to. Assumed: about one a pixel of the panel."""
MAX_DOTS = 6_000
"""Readings drawn as dots; of more, every n-th. Assumed: more fill the panel."""
_LEVEL, _MARKS, _READINGS, _USE = 0, 2, 4, 6
"""Lines of the sheet; those between are the air between the panels."""
_HEIGHTS_INCHES = (1.75, 0.08, 0.32, 0.3, 1.35, 0.72)
_USE_INCHES, _MAP_INCHES = 1.75, 3.2
_TOP_INCHES, _BOTTOM_INCHES = 0.3, 0.5
_TANK_COLUMNS, _TRUCK_COLUMNS = (1.0, 1.0, 1.0), (1.75, 0.56, 1.45)


def device_figure(
    frame: pd.DataFrame,
    device_id: str,
    *,
    findings: pd.DataFrame,
    reservoir: Reservoir | None = None,
) -> Plot:
    """Draw one device: level with its findings, raw readings, and how its water comes and goes.

    Parameters
    ----------
    frame : DataFrame
        Telemetry; the device needs a row with a time.
    device_id : str
    findings : DataFrame
        Of this device: ``flag`` (its name), ``first_received_at``, ``last_received_at``.
    reservoir : Reservoir, optional
        Adds the distances of the empty and the full reservoir.

    Returns
    -------
    Plot
        A tank has demand by hour, weekdays and weekends apart, and supply by hour; a
        truck has its map, and liters loaded and delivered by day.
    """
    own = frame[frame["device_id"] == device_id]
    is_truck = bool(own["latitude"].notna().any())
    rows = rows_of(own, (*LEVEL_COLUMNS, *RAW_COLUMNS, "loaded_liters", "delivered_liters"))
    span = _span(rows)
    with styled():
        figure, grid = _sheet(f"{device_id}: level, findings, readings, {window_text(rows)}", is_truck)
        level, marks, readings = (figure.add_subplot(grid[line, :]) for line in (_LEVEL, _MARKS, _READINGS))
        draw_level(level, rows, 0, buckets=BUCKETS)
        level.set_ylabel("level [%]")
        _legend_above(level)
        draw_marks(marks, findings, span)
        _draw_readings(readings, rows, reservoir)
        for axes in (level, readings):
            shade_marks(axes, findings, span)
        for axes in (level, marks, readings):
            axes.set_xlim(*span)
            time_axis(axes, label=axes is readings)
            axes.tick_params(labelbottom=axes is readings)
        if is_truck:
            _draw_truck(figure, grid, own, rows, device_id)
        else:
            _draw_tank(figure, grid, own, device_id)
    return figure


def _span(rows: Rows) -> tuple[float, float]:
    first, last = (float(mdates.date2num(at)) for at in (rows.times.min(), rows.times.max()))
    # A single row has no width.
    return (first, last) if last > first else (first - 0.5, first + 0.5)


def _sheet(text: str, is_truck: bool) -> tuple[Plot, GridSpec]:
    """Return a figure with places fixed by hand: solving for them takes longer than drawing."""
    heights = (*_HEIGHTS_INCHES, _MAP_INCHES if is_truck else _USE_INCHES)
    inches = _TOP_INCHES + sum(heights) + _BOTTOM_INCHES
    figure = Plot(text, width_inches=SIZES["width_inches"], height_inches=inches)
    figure.set_layout_engine("none")
    grid = figure.add_gridspec(
        len(heights),
        3,
        height_ratios=heights,
        width_ratios=_TRUCK_COLUMNS if is_truck else _TANK_COLUMNS,
        hspace=0,
        wspace=0.24,
        left=0.75 / SIZES["width_inches"],
        right=1 - 0.4 / SIZES["width_inches"],
        top=1 - _TOP_INCHES / inches,
        bottom=_BOTTOM_INCHES / inches,
    )
    return figure, grid


def _legend_above(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1],
        labels[::-1],
        loc="lower right",
        bbox_to_anchor=(1.0, 0.98),
        ncols=len(labels),
        borderaxespad=0.1,
        fontsize=8,
    )


def _draw_readings(axes: Axes, rows: Rows, reservoir: Reservoir | None) -> None:
    """Draw the raw distances, near on top as the water is, and where an echo is missing."""
    readings = np.stack([rows.values(name) for name in RAW_COLUMNS])
    silent = readings == NO_ECHO_MM
    every = max(1, readings.size // MAX_DOTS)
    for line, values in enumerate(readings):
        shown = np.flatnonzero(~silent[line])[line % every :: every]
        axes.plot(
            rows.times[shown],
            values[shown],
            linestyle="",
            marker=".",
            markersize=1.6,
            color=ROLES["measured"],
            alpha=0.5,
            label="readings" if line == 0 else None,
        )
    middle = _medians(np.where(silent, np.nan, readings))
    axes.plot(
        *decimate(rows.times, middle, buckets=BUCKETS),
        color=ROLES["truth"],
        linewidth=0.7,
        label="their median",
    )
    _draw_silence(axes, rows, silent.all(axis=0))
    if reservoir is not None:
        for name, value in (
            ("full", reservoir.sensor_full_distance_mm),
            ("empty", reservoir.sensor_empty_distance_mm),
        ):
            axes.axhline(value, color=COLORS["muted"], linewidth=0.8, linestyle=(0, (4, 2)))
            axes.text(
                1.0,
                value,
                f" {name}",
                transform=axes.get_yaxis_transform(),
                va="center",
                ha="left",
                fontsize=7,
            )
    axes.invert_yaxis()
    axes.set_ylabel("distance [mm]")
    _legend_above(axes)


def _medians(readings: FloatArray) -> FloatArray:
    """Median of each row's readings, NaN where there is none."""
    ordered = np.sort(readings, axis=0)  # NaN goes last
    count = np.isfinite(readings).sum(axis=0)
    rows = np.arange(readings.shape[1])
    low, high = np.maximum((count - 1) // 2, 0), np.maximum(count // 2, 0)
    medians: FloatArray = (ordered[low, rows] + ordered[np.minimum(high, len(ordered) - 1), rows]) / 2
    return np.where(count > 0, medians, np.nan)


def _draw_silence(axes: Axes, rows: Rows, silent: Any) -> None:
    if silent.any():
        axes.plot(
            rows.times[silent],
            np.full(int(silent.sum()), 0.03),
            transform=axes.get_xaxis_transform(),
            linestyle="",
            marker="|",
            markersize=5,
            color=ROLES["low"],
            label="no echo at all",
        )


def _draw_tank(figure: Plot, grid: GridSpec, own: pd.DataFrame, device_id: str) -> None:
    demand = demand_table(own)
    panels = [figure.add_subplot(grid[_USE, column]) for column in range(3)]
    for axes, day_type in zip(panels, ("weekday", "weekend"), strict=False):
        draw_demand(axes, day_of(demand, device_id, day_type))
        axes.set_title(f"demand, {day_type}s [L/h]", fontsize=SIZES["font_points"])
        axes.set_ylim(bottom=0)
    top = max(axes.get_ylim()[1] for axes in panels[:2])
    for axes in panels[:2]:
        axes.set_ylim(top=top)
    draw_inflow(panels[2], supply_table(own).droplevel("device_id"))
    panels[2].set_title("supply [L/h]", fontsize=SIZES["font_points"])
    panels[2].set_ylabel("")
    for axes in panels:
        hour_axis(axes)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7, loc="upper left", handlelength=1.2)
            low, high = axes.get_ylim()
            axes.set_ylim(low, high * 1.28)


def _draw_truck(figure: Plot, grid: GridSpec, own: pd.DataFrame, rows: Rows, device_id: str) -> None:
    # The map's legend stands at its right, in the middle column.
    draw_truck(figure.add_subplot(grid[_USE, 0]), own, device_id)
    axes = figure.add_subplot(grid[_USE, 2])
    days = rows.times.astype("datetime64[D]")
    each, day = np.unique(days, return_inverse=True)
    for name, sign in (("loaded", 1), ("delivered", -1)):
        sums = np.bincount(day, np.nan_to_num(rows.values(f"{name}_liters")), minlength=len(each))
        axes.bar(
            mdates.date2num(each), sign * sums / 1_000, width=0.8, align="edge", color=ROLES[name], label=name
        )
    axes.axhline(0, color=ROLES["expected"], linewidth=0.8)
    axes.set_title("by day [m³], out below", fontsize=SIZES["font_points"])
    axes.legend(fontsize=7, loc="upper left", ncols=2, handlelength=1.2)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.2 * (high - low))
    time_axis(axes)
