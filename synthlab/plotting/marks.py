"""Findings over time: a lane for FAIL and one for SUSPECT, told apart without color."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import dates as mdates
from matplotlib.patches import Patch

from synthlab.plotting.series import FloatArray
from synthlab.plotting.style import COLORS, SIZES, Plot, heading, styled
from synthlab.plotting.timeaxis import time_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

FLAGS = ("FAIL", "SUSPECT")
FLAG_COLORS: Mapping[str, str] = {"FAIL": COLORS["vermillion"], "SUSPECT": COLORS["orange"]}
LEAST_SHARE = 0.004
"""Width of the shortest mark as a share of the axis. Assumed: 3 pixels, so that one row is seen."""
MAX_LINES = 40
"""Devices with a line each. Assumed: what stands on a page at a legible size."""


def draw_marks(axes: Axes, findings: pd.DataFrame, span: tuple[float, float]) -> None:
    """Draw a device's findings into axes of one's own: FAIL above, SUSPECT below.

    Parameters
    ----------
    axes : Axes
    findings : DataFrame
        ``flag`` (its name), ``first_received_at``, ``last_received_at``.
    span : tuple of float
        The axis, in matplotlib's days.
    """
    for line, flag in enumerate(reversed(FLAGS)):
        begin, width = _spans(findings[findings["flag"] == flag], span)
        axes.broken_barh(
            list(zip(begin, width, strict=True)), (line - 0.4, 0.8), facecolors=FLAG_COLORS[flag], linewidth=0
        )
    axes.set_ylim(-0.6, 1.6)
    axes.set_yticks((0, 1), ("suspect", "fail"), fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(False)


def shade_marks(axes: Axes, findings: pd.DataFrame, span: tuple[float, float]) -> None:
    """Shade the time of a device's findings through other axes."""
    for flag in reversed(FLAGS):
        begin, width = _spans(findings[findings["flag"] == flag], span)
        axes.broken_barh(
            list(zip(begin, width, strict=True)),
            (0, 1),
            transform=axes.get_xaxis_transform(),
            facecolors=FLAG_COLORS[flag],
            alpha=0.22,
            linewidth=0,
            zorder=0.5,
        )


def findings_figure(
    findings: pd.DataFrame,
    devices: Sequence[str],
    *,
    device_count: int,
    start_at: pd.Timestamp,
    end_at: pd.Timestamp,
) -> Plot:
    """Draw when devices have findings, a line a device, in the given order.

    Parameters
    ----------
    findings : DataFrame
        ``device_id``, ``flag`` (its name), ``first_received_at``, ``last_received_at``.
    devices : sequence of str
        Those with findings, from top to bottom; those after `MAX_LINES` are left out,
        and the subtitle says so.
    device_count : int
        Of the dataset.
    start_at, end_at : Timestamp
        The axis.
    """
    shown = list(devices[:MAX_LINES])
    first, last = (float(mdates.date2num(at.tz_convert("UTC"))) for at in (start_at, end_at))
    span = (first, last if last > first else first + 1)
    text = f"{len(devices)} of {device_count} devices have findings"
    height = SIZES["heading_inches"] + 0.75 + 0.2 * max(len(shown), 3)
    with styled():
        figure = Plot(f"{text}, over time", width_inches=SIZES["width_inches"], height_inches=height)
        axes = figure.subplots()
        for line, name in enumerate(shown):
            own = findings[findings["device_id"] == name]
            for flag, offset in zip(FLAGS, (-0.4, 0.0), strict=True):
                begin, width = _spans(own[own["flag"] == flag], span)
                axes.broken_barh(
                    list(zip(begin, width, strict=True)),
                    (line + offset, 0.4),
                    facecolors=FLAG_COLORS[flag],
                    linewidth=0,
                )
        axes.set_yticks(range(len(shown)), shown, fontsize=7.5)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(*span)
        axes.grid(False, axis="y")
        time_axis(axes)
        who = f"The {len(shown)} worst" if len(shown) < len(devices) else "All of them"
        subtitle = f"{who}; FAIL in the upper half of a line, SUSPECT in the lower"
        handles = [Patch(color=FLAG_COLORS[flag]) for flag in FLAGS]
        heading(figure, text, subtitle, (handles, list(FLAGS)))
    return figure


def _spans(findings: pd.DataFrame, span: tuple[float, float]) -> tuple[FloatArray, FloatArray]:
    """Return where marks begin and how wide they are; none narrower than can be seen."""
    first, last = (_days(findings[name]) for name in ("first_received_at", "last_received_at"))
    dated = np.isfinite(first) & np.isfinite(last)
    # A run in a damaged order may end before it begins.
    first, last = np.minimum(first, last)[dated], np.maximum(first, last)[dated]
    least = LEAST_SHARE * (span[1] - span[0])
    width = np.maximum(last - first, least)
    return np.minimum(first, span[1] - least), width


def _days(times: Any) -> FloatArray:
    values = times.dt.tz_convert(None).to_numpy(dtype="datetime64[ms]")
    days = np.full(len(values), np.nan)
    there = ~np.isnat(values)
    days[there] = values[there].astype(np.int64) / 86_400_000
    return days
