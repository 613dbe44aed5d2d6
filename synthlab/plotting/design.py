"""A tank before and after a change of its demand curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from synthlab.plotting.series import Rows, decimate, rows_of
from synthlab.plotting.style import COLORS, ROLES, SIZES, Plot, heading, percent, styled
from synthlab.plotting.tables import DEMAND_COLUMNS, LEVEL_COLUMNS, demand_table
from synthlab.plotting.timeaxis import hour_axis, time_axis
from synthlab.quality.formulas import RUNOUT_LEVEL_PCT

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

HOURS = np.arange(24)
BUCKETS = 600


def design_figure(before: pd.DataFrame, after: pd.DataFrame, device_id: str) -> Plot:
    """Draw a tank's level and its demand by hour, before and after a change.

    Parameters
    ----------
    before, after : DataFrame
        Telemetry of the same window.
    device_id : str
        A stationary device of both.

    Returns
    -------
    Plot

    See Also
    --------
    demand_table, level_table : the numbers behind it.
    """
    old, new = (rows_of(frame, LEVEL_COLUMNS, devices=[device_id], mobile=False) for frame in (before, after))
    with styled():
        figure = Plot(
            f"design of {device_id}", width_inches=SIZES["width_inches"], height_inches=3.1 + _HEAD_INCHES
        )
        level, demand = figure.subplots(1, 2, width_ratios=[2, 1])
        level.axhspan(0, RUNOUT_LEVEL_PCT, color=ROLES["low"], alpha=0.13, linewidth=0, label="run out")
        _draw_level(level, old, "before", COLORS["quiet"])
        _draw_level(level, new, "now", ROLES["truth"])
        level.set_title("True level")
        level.set_ylabel("level [%]")
        level.set_ylim(-2, 104)
        time_axis(level)
        _draw_expected(demand, before, device_id, COLORS["quiet"], "expected_liters_per_hour")
        _draw_expected(demand, after, device_id, ROLES["truth"], "expected_liters_per_hour")
        demand.set_title("Demand expected on weekdays")
        demand.set_ylabel("demand [liters/hour]")
        demand.set_ylim(bottom=0)
        hour_axis(demand)
        handles, labels = level.get_legend_handles_labels()
        heading(figure, _finding(old, new, device_id), _subtitle(before, after, device_id), (handles, labels))
    return figure


_HEAD_INCHES = SIZES["heading_inches"]


def _draw_level(axes: Axes, rows: Rows, label: str, color: str) -> None:
    series = decimate(rows.times, rows.values("level_pct"), buckets=BUCKETS)
    axes.plot(*series, color=color, linewidth=SIZES["thin_line_points"], label=label)


def _draw_expected(axes: Axes, frame: pd.DataFrame, device_id: str, color: str, column: str) -> None:
    table = demand_table(frame, devices=[device_id])
    hours = table.loc[([device_id], ["weekday"]), column].to_numpy()
    axes.stairs(hours, np.arange(25) - 0.5, baseline=None, color=color, linewidth=SIZES["line_points"])


def _finding(old: Rows, new: Rows, device_id: str) -> str:
    was, now = (float((rows.values("level_pct") <= RUNOUT_LEVEL_PCT).mean()) for rows in (old, new))
    return f"{device_id}: run out for {percent(now)} of the time, before the change {percent(was)}"


def _subtitle(before: pd.DataFrame, after: pd.DataFrame, device_id: str) -> str:
    texts = []
    for frame in (after, before):
        rows = rows_of(frame, DEMAND_COLUMNS, devices=[device_id])
        days = len(rows.times) * rows.step_seconds[0] / 86_400
        served, asked = (float(np.nansum(rows.values(name))) / days for name in DEMAND_COLUMNS[:0:-1])
        texts.append(f"{served:,.0f} of {asked:,.0f} L a day served")
    return f"{texts[0]}; before: {texts[1]}"
