"""The course of a live run: what went out, what was acknowledged, and the levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from synthlab.plotting.progress import Progress, samples_of
from synthlab.plotting.style import COLORS, ROLES, SIZES, Plot, count_axis, heading, styled
from synthlab.plotting.timeaxis import time_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LINE_COLORS = tuple(
    COLORS[name] for name in ("blue", "orange", "green", "vermillion", "purple", "sky", "black")
)
MAX_BARS = 12
"""Devices with a bar of their last level, the lowest first. Assumed: one a text line."""


def live_figure(progress: Sequence[Progress]) -> Plot:
    """Draw a live run from the records that ``on_progress`` was called with.

    Parameters
    ----------
    progress : sequence of LiveProgress
        In order.

    Returns
    -------
    Plot
        Messages over wall time, the last level of each device, and the levels over
        simulated time. Beyond as many devices as there are colors, the lowest ones
        keep theirs and the others are gray.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: nothing was sent.

    See Also
    --------
    live_table : the numbers behind it.
    """
    samples = samples_of(progress)
    last = samples.groupby("device_id", sort=True)["level_pct"].last().sort_values(kind="stable")
    colors = _colors(list(last.index))
    end = progress[-1]
    with styled():
        figure = Plot(
            f"live run of {len(last)} devices, {end.emitted} messages",
            width_inches=SIZES["width_inches"],
            height_inches=SIZES["heading_inches"] + 4.9,
        )
        panels = figure.subplot_mosaic("AB;CC", height_ratios=[1, 1.15])
        _draw_counts(panels["A"], progress)
        _draw_last(panels["B"], last, colors)
        _draw_levels(panels["C"], samples, colors)
        delivered = f"{end.acknowledged} of {end.emitted} messages acknowledged"
        title = f"{delivered} in {end.elapsed_seconds:.1f} s, {len(last)} devices"
        first, until = samples["received_at"].min(), samples["received_at"].max()
        subtitle = f"Simulated time {first:%d %b %Y %H:%M} to {until:%d %b %Y %H:%M} UTC"
        heading(figure, title, subtitle, panels["A"].get_legend_handles_labels())
    return figure


def _colors(names: Sequence[str]) -> dict[str, str]:
    chosen = sorted(names[: len(LINE_COLORS)]) if len(names) > len(LINE_COLORS) else sorted(names)
    found = dict(zip(chosen, LINE_COLORS, strict=False))
    return {name: found.get(name, COLORS["quiet"]) for name in names}


def _draw_counts(axes: Axes, progress: Sequence[Progress]) -> None:
    seconds = np.array([0.0, *(record.elapsed_seconds for record in progress)])
    for name, width in (("emitted", SIZES["wide_line_points"]), ("acknowledged", SIZES["line_points"])):
        counts = np.array([0, *(getattr(record, name) for record in progress)])
        axes.plot(seconds, counts, drawstyle="steps-post", color=ROLES[name], linewidth=width, label=name)
    axes.set_title("Messages so far")
    axes.set_xlabel("wall time [seconds]")
    axes.set_ylabel("messages [count]")
    axes.set_ylim(bottom=0)
    count_axis(axes)


def _draw_last(axes: Axes, last: pd.Series, colors: dict[str, str]) -> None:
    shown = last.iloc[:MAX_BARS]
    lines = np.arange(len(shown))
    axes.barh(lines, shown.to_numpy(), color=[colors[name] for name in shown.index], height=0.7)
    for line, level in enumerate(shown.to_numpy()):
        inside = level > 85
        axes.text(
            level - 1.5 if inside else level + 1.5,
            line,
            f"{level:.0f} %",
            va="center",
            ha="right" if inside else "left",
            color=COLORS["face"] if inside else COLORS["ink"],
            fontsize=7 if len(shown) > 8 else SIZES["font_points"],
        )
    axes.set_yticks(lines, list(shown.index), fontsize=7 if len(shown) > 8 else SIZES["font_points"])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.set_title("Last level" if len(last) <= MAX_BARS else f"Last level, lowest {MAX_BARS}")
    axes.set_xlabel("level [%]")
    axes.grid(False, axis="y")


def _draw_levels(axes: Axes, samples: pd.DataFrame, colors: dict[str, str]) -> None:
    gray = COLORS["quiet"]
    # Gray lines first, so that the colored ones lie on top.
    for name in sorted(colors, key=lambda name: colors[name] != gray):
        rows = samples[samples["device_id"] == name].sort_values("received_at")
        times = rows["received_at"].dt.tz_convert(None).to_numpy("datetime64[ms]")
        axes.plot(times, rows["level_pct"].to_numpy(), color=colors[name], marker="o", markersize=2.5)
    axes.set_title("Level over simulated time, in the colors above")
    axes.set_ylabel("level [%]")
    axes.set_ylim(-2, 104)
    time_axis(axes)
