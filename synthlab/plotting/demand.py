"""Demand by hour of day: what was expected, asked for and served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from synthlab.plotting.level import window_text
from synthlab.plotting.series import rows_of
from synthlab.plotting.style import COLORS, ROLES, SIZES, Plot, heading, percent, styled
from synthlab.plotting.tables import DAY_TYPES, DEMAND_COLUMNS, demand_table
from synthlab.plotting.timeaxis import hour_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MAX_DEVICE_ROWS = 4
"""Devices with a row of panels each; more are shown as their mean. Assumed: a screen's height."""
HOURS = np.arange(24)


def demand_figure(frame: pd.DataFrame, *, devices: Sequence[str] | None = None) -> Plot:
    """Draw the demand of stationary devices by hour of day, weekdays and weekends apart.

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
    demand_table : the numbers behind it.
    """
    rows = rows_of(frame, DEMAND_COLUMNS, devices=devices, mobile=False)
    table = demand_table(frame, devices=devices)
    names = rows.device_ids
    lines = list(names) if len(names) <= MAX_DEVICE_ROWS else [f"mean of {len(names)} devices"]
    if len(names) > MAX_DEVICE_ROWS:
        mean = table.groupby(level=["day_type", "hour"]).mean()
        table = _as_device(mean, lines[0])
    with styled():
        height = SIZES["heading_inches"] + 2.05 * len(lines) + 0.4
        text = f"demand by hour of {len(names)} devices, {window_text(rows)}"
        figure = Plot(text, width_inches=SIZES["width_inches"], height_inches=height)
        grid = figure.subplots(len(lines), 2, sharex=True, sharey="row", squeeze=False)
        for line, name in enumerate(lines):
            for axes, day_type in zip(grid[line], DAY_TYPES, strict=True):
                draw_demand(axes, day_of(table, name, day_type))
                axes.set_title(f"{name}  ·  {day_type}s")
                hour_axis(axes, label=line == len(lines) - 1)
            grid[line][0].set_ylabel("demand [liters/hour]")
            # Only now: a limit set on the first panel would stop the row from growing.
            grid[line][0].set_ylim(bottom=0)
        handles, labels = max(
            (axes.get_legend_handles_labels() for axes in grid[0]), key=lambda pair: len(pair[0])
        )
        subtitle = f"Mean demand of a device by hour of day, {window_text(rows)} UTC"
        heading(figure, _finding(frame, rows.device_ids), subtitle, (handles, labels))
    return figure


def draw_demand(axes: Axes, table: pd.DataFrame) -> None:
    """Draw 24 hours of expected, requested and served demand; the gap between the last two is shaded."""
    expected, requested, served = (
        table[f"{name}_liters_per_hour"].reindex(HOURS).to_numpy()
        for name in ("expected", "requested", "served")
    )
    if np.isnan(requested).all():
        axes.text(0.5, 0.5, "not in the window", transform=axes.transAxes, ha="center", color=COLORS["muted"])
        return
    edges = np.arange(25) - 0.5
    # Corners of the stairs: fill_between's own step has no last hour.
    axes.fill_between(
        np.repeat(edges, 2)[1:-1],
        np.repeat(served, 2),
        np.repeat(requested, 2),
        color=ROLES["unmet"],
        alpha=0.25,
        linewidth=0,
        label="not served",
    )
    axes.stairs(requested, edges, baseline=None, color=ROLES["requested"], linewidth=2.2, label="requested")
    axes.stairs(
        served, edges, baseline=None, color=ROLES["served"], linewidth=SIZES["line_points"], label="served"
    )
    axes.plot(
        HOURS,
        expected,
        color=ROLES["expected"],
        linewidth=SIZES["thin_line_points"],
        linestyle=(0, (4, 2)),
        label="expected by the scenario",
    )


def day_of(table: pd.DataFrame, name: str, day_type: str) -> pd.DataFrame:
    """Return the 24 hours of one device and kind of day."""
    return table.loc[([name], [day_type]), :].droplevel(["device_id", "day_type"])


def _as_device(table: pd.DataFrame, name: str) -> pd.DataFrame:
    import pandas as pd

    return pd.concat({name: table}, names=["device_id"])


def _finding(frame: pd.DataFrame, names: Sequence[str]) -> str:
    sums = (
        frame.groupby(frame["device_id"].astype(str))[["requested_liters", "served_liters"]]
        .sum()
        .loc[list(names)]
    )
    unmet = 1 - sums["served_liters"] / sums["requested_liters"].where(sums["requested_liters"] > 0)
    unmet = unmet.fillna(0.0)
    worst = str(unmet.idxmax())
    if unmet[worst] < 0.0005:
        return "All water asked for is served"
    total = 1 - sums["served_liters"].sum() / sums["requested_liters"].sum()
    if len(names) == 1:
        return f"{percent(total)} of the water asked for is not served"
    return f"{percent(total)} of the water asked for is not served; {worst} misses {percent(unmet[worst])}"
