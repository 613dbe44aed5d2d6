"""Two runs on one picture: the devices that differ most, over time, by distribution and by hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from synthlab.plotting.series import FloatArray, Rows, TimeArray, decimate, rows_of
from synthlab.plotting.style import COLORS, ROLES, SIZES, Plot, heading, styled
from synthlab.plotting.tables import ratio
from synthlab.plotting.timeaxis import hour_axis, time_axis
from synthlab.timeline import SECONDS_PER_HOUR

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MAX_DEVICES = 4
"""Devices with a row of panels each. Assumed: a screen's height."""
# Told apart without color too: the second line is dashed.
_LOOKS: tuple[Mapping[str, Any], ...] = (
    {"color": COLORS["blue"], "linewidth": SIZES["line_points"]},
    {"color": COLORS["vermillion"], "linewidth": SIZES["line_points"], "linestyle": (0, (4, 1.5))},
)
_COLUMNS = ("level_pct", "requested_liters", "delivered_liters", "latitude")


def compare_figure(
    frame_a: pd.DataFrame,
    frame_b: pd.DataFrame,
    devices: Sequence[str],
    *,
    labels: tuple[str, str],
    finding: str,
    subtitle: str,
) -> Plot:
    """Draw devices of two runs over each other.

    Parameters
    ----------
    frame_a, frame_b : DataFrame
        Telemetry; both have the devices.
    devices : sequence of str
        Those that differ most, first; further ones than `MAX_DEVICES` are left out.
    labels : tuple of str
        What the runs are called.
    finding, subtitle : str
        What stands above.

    Returns
    -------
    Plot
        A row a device: level over time, share of time at or below each level, and
        liters by hour of day: asked of a tank, delivered by a truck.
    """
    shown = list(devices[:MAX_DEVICES])
    sides = [rows_of(frame, _COLUMNS, devices=shown) for frame in (frame_a, frame_b)]
    with styled():
        height = SIZES["heading_inches"] + 1.9 * len(shown) + 0.4
        text = f"{labels[0]} against {labels[1]}, {len(shown)} devices"
        figure = Plot(text, width_inches=SIZES["width_inches"], height_inches=height)
        grid = figure.subplots(len(shown), 3, squeeze=False, width_ratios=(2.0, 1.0, 1.2))
        for line, name in enumerate(shown):
            for rows, look, label in zip(sides, _LOOKS, labels, strict=True):
                _draw_device(grid[line], rows, name, {**look, "label": label})
            _name_axes(grid[line], name, is_last=line == len(shown) - 1)
        handles, names = grid[0][0].get_legend_handles_labels()
        heading(figure, finding, subtitle, (handles, names))
    return figure


def _draw_device(panels: Sequence[Axes], rows: Rows, name: str, look: Mapping[str, Any]) -> None:
    span = rows.span(rows.device_ids.index(name))
    level, times = rows.values("level_pct")[span], rows.times[span]
    panels[0].plot(*decimate(times, level, buckets=500), **look)
    known = np.sort(level[~np.isnan(level)])
    panels[1].plot(known, np.arange(1, len(known) + 1) / max(len(known), 1) * 100, **look)
    is_truck = bool(np.isfinite(rows.values("latitude")[span]).any())
    liters = rows.values("delivered_liters" if is_truck else "requested_liters")[span]
    step = float(rows.step_seconds[rows.device_ids.index(name)])
    panels[2].stairs(_by_hour(times, liters, step), np.arange(25) - 0.5, baseline=None, **look)


def _by_hour(times: TimeArray, liters: FloatArray, step_seconds: float) -> FloatArray:
    hours = times.astype("datetime64[h]").astype(np.int64) % 24
    sums = np.bincount(hours, np.nan_to_num(liters), minlength=24)
    return ratio(sums, np.bincount(hours, minlength=24) * step_seconds / SECONDS_PER_HOUR)


def _name_axes(panels: Sequence[Axes], name: str, *, is_last: bool) -> None:
    panels[0].set_title(name)
    panels[0].set_ylabel("level [%]")
    panels[0].set_ylim(-2, 104)
    time_axis(panels[0], label=is_last)
    panels[1].set_ylabel("time at or below [%]")
    panels[1].set_ylim(0, 104)
    panels[1].set_xlim(-2, 102)
    if is_last:
        panels[1].set_xlabel("level [%]")
    panels[2].set_ylabel("liters [liters/hour]")
    panels[2].set_ylim(bottom=0)
    panels[2].axhline(0, color=ROLES["expected"], linewidth=0.8)
    hour_axis(panels[2], label=is_last)
