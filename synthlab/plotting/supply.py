"""Supply by hour of day: how often it comes, and how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from synthlab.plotting.level import window_text
from synthlab.plotting.series import rows_of
from synthlab.plotting.style import ROLES, SIZES, Plot, heading, percent, styled
from synthlab.plotting.tables import SUPPLY_COLUMNS, session_table, supply_table
from synthlab.plotting.timeaxis import hour_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MAX_DEVICE_ROWS = 4
"""Devices with a row of panels each; more are shown as their mean. Assumed: a screen's height."""
HOURS = np.arange(24)


def supply_figure(frame: pd.DataFrame, *, devices: Sequence[str] | None = None) -> Plot:
    """Draw the supply of stationary devices by hour of day: sessions that begin, and volume.

    Up to `MAX_DEVICE_ROWS` devices get a row each; more are shown as the mean of a
    device.

    Parameters
    ----------
    frame : DataFrame
        Telemetry.
    devices : sequence of str, optional
        Only these.

    Returns
    -------
    Plot

    See Also
    --------
    supply_table, session_table : the numbers behind it.
    """
    rows = rows_of(frame, SUPPLY_COLUMNS, devices=devices, mobile=False)
    table = supply_table(frame, devices=devices)
    sessions = session_table(frame, devices=devices)
    names = rows.device_ids
    if len(names) <= MAX_DEVICE_ROWS:
        lines = {name: table.loc[[name]].droplevel("device_id") for name in names}
    else:
        lines = {f"mean of {len(names)} devices": table.groupby(level="hour").mean()}
    with styled():
        height = SIZES["heading_inches"] + 2.05 * len(lines) + 0.4
        text = f"supply by hour of {len(names)} devices, {window_text(rows)}"
        figure = Plot(text, width_inches=SIZES["width_inches"], height_inches=height)
        grid = figure.subplots(len(lines), 2, sharex=True, squeeze=False)
        for line, (name, shown) in enumerate(lines.items()):
            left, right = grid[line]
            draw_sessions(left, shown)
            draw_inflow(right, shown)
            left.set_title(f"{name}  ·  sessions that begin")
            right.set_title(f"{name}  ·  volume")
            for axes in (left, right):
                hour_axis(axes, label=line == len(lines) - 1)
        pairs = [axes.get_legend_handles_labels() for axes in grid[0]]
        legend = (pairs[0][0] + pairs[1][0], pairs[0][1] + pairs[1][1])
        subtitle = f"Supply of a device by hour of day, {window_text(rows)} UTC"
        heading(figure, _finding(sessions, table), subtitle, legend)
    return figure


def draw_sessions(axes: Axes, table: pd.DataFrame) -> None:
    """Draw how many supply sessions begin in each hour of a day."""
    count = table["sessions_per_day"].reindex(HOURS).to_numpy()
    axes.bar(HOURS, count, width=0.82, color=ROLES["sessions"], label="sessions")
    axes.set_ylabel("sessions begun [1/day]")
    axes.set_ylim(bottom=0)
    axes.grid(False, axis="x")


def draw_inflow(axes: Axes, table: pd.DataFrame) -> None:
    """Draw the inflow of each hour, its spilled part on top."""
    inflow = table["inflow_liters_per_hour"].reindex(HOURS).fillna(0.0).to_numpy()
    spilled = table["overflow_liters_per_hour"].reindex(HOURS).fillna(0.0).to_numpy()
    axes.bar(HOURS, inflow - spilled, width=0.82, color=ROLES["inflow"], label="inflow kept")
    axes.bar(
        HOURS, spilled, width=0.82, bottom=inflow - spilled, color=ROLES["overflow"], label="spilled at full"
    )
    axes.set_ylabel("inflow [liters/hour]")
    axes.set_ylim(bottom=0)
    axes.grid(False, axis="x")


def _finding(sessions: pd.DataFrame, table: pd.DataFrame) -> str:
    if not sessions["sessions_count"].sum():
        return "No supply in the whole window"
    text = "; ".join(
        f"{name}: {row['sessions_per_day']:.1f} sessions a day of {row['session_liters']:,.0f} L"
        for name, row in sessions.iterrows()
    )
    if len(sessions) <= 2:
        return text
    hourly = table["inflow_liters_per_hour"].groupby(level="hour").mean()
    spilled = table["overflow_liters_per_hour"].sum() / table["inflow_liters_per_hour"].sum()
    return (
        f"{sessions['sessions_per_day'].mean():.1f} sessions a day, most water at {hourly.idxmax():02d} h; "
        f"{percent(spilled)} spills"
    )
