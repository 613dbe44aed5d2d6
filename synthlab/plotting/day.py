"""A truck's day: what it did when, what it carried."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import dates as mdates

from synthlab.plotting.series import decimate
from synthlab.plotting.style import ACTIVITY_COLORS, ROLES, SIZES, Plot, heading, styled
from synthlab.plotting.timeaxis import time_axis
from synthlab.plotting.trucks import day_rows, truck_day_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LANES = ("IDLE", "CLIENT", "TRAVEL", "REFILL", "BASE")
"""From the lowest lane to the highest, in the order of a trip."""


def truck_day_figure(frame: pd.DataFrame, device_id: str, *, day: date | str | None = None) -> Plot:
    """Draw one day of a truck: activity, level, and the liters that came and went.

    Parameters
    ----------
    frame : DataFrame
        Telemetry.
    device_id : str
    day : date or str, optional
        UTC; by default the day on which it delivered most.

    Returns
    -------
    Plot

    See Also
    --------
    truck_day_table : the numbers behind it.
    """
    rows, shown = day_rows(frame, device_id, day=day)
    table = truck_day_table(frame, device_id, day=day)
    times = rows.times[shown]
    with styled():
        wanted = times[0].astype("datetime64[D]").item()
        figure = Plot(
            f"{rows.device_ids[0]} on {wanted:%d %b %Y}",
            width_inches=SIZES["width_inches"],
            height_inches=SIZES["heading_inches"] + 4.6,
        )
        lanes, level, flow = figure.subplots(3, 1, sharex=True, height_ratios=[1.25, 1.25, 1])
        _draw_lanes(lanes, table)
        for column, role, width, opacity in (
            ("measured_level_pct", "measured", SIZES["wide_line_points"], 0.55),
            ("level_pct", "truth", SIZES["line_points"], 1.0),
        ):
            series = decimate(times, rows.values(column)[shown], buckets=1_440)
            label = "measured level" if role == "measured" else "true level"
            level.plot(*series, color=ROLES[role], linewidth=width, alpha=opacity, label=label)
        level.set_ylabel("level [%]")
        level.set_ylim(-2, 104)
        _draw_flow(flow, table)
        start = mdates.date2num(np.datetime64(wanted))
        flow.set_xlim(start, start + 1)
        time_axis(flow)
        pairs = [axes.get_legend_handles_labels() for axes in (level, flow)]
        legend = (pairs[0][0] + pairs[1][0], pairs[0][1] + pairs[1][1])
        heading(figure, _finding(rows.device_ids[0], table), f"{wanted:%A %d %B %Y}, UTC", legend)
    return figure


def _draw_lanes(axes: Axes, table: pd.DataFrame) -> None:
    begin = mdates.date2num(table["begin_at"].dt.tz_convert(None).to_numpy())
    width = mdates.date2num(table["end_at"].dt.tz_convert(None).to_numpy()) - begin
    for line, activity in enumerate(LANES):
        here = (table["activity"] == activity).to_numpy()
        spans = list(zip(begin[here], width[here], strict=True))
        axes.broken_barh(spans, (line - 0.36, 0.72), facecolors=ACTIVITY_COLORS[activity])
    axes.set_yticks(range(len(LANES)), [lane.lower() for lane in LANES])
    axes.set_ylim(-0.6, len(LANES) - 0.4)
    axes.set_ylabel("activity")


def _draw_flow(axes: Axes, table: pd.DataFrame) -> None:
    begin = mdates.date2num(table["begin_at"].dt.tz_convert(None).to_numpy())
    width = mdates.date2num(table["end_at"].dt.tz_convert(None).to_numpy()) - begin
    for name, sign in (("loaded", 1), ("delivered", -1)):
        cubic_meters = sign * table[f"{name}_liters"] / 1_000
        axes.bar(begin, cubic_meters, width=width, align="edge", color=ROLES[name], label=name)
    axes.axhline(0, color=ROLES["expected"], linewidth=0.8)
    axes.set_ylabel("volume [m³]\nin, out below")


def _finding(name: str, table: pd.DataFrame) -> str:
    refills = int((table["activity"] == "REFILL").sum())
    visits = int((table["activity"] == "CLIENT").sum())
    delivered = table["delivered_liters"].sum() / 1_000
    return f"{name}: {refills} refills, {visits} visits to clients, {delivered:.1f} m³ delivered"
