"""Tendencies: every run a dot, and the mean of each archetype with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from synthlab.errors import Problem, UsageError
from synthlab.plotting.style import COLORS, ROLES, SIZES, Plot, heading, styled
from synthlab.quality.tendencies import limit_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NEEDED = ("promise", "mean", "low", "high", "share", "passed")
PANEL_COLUMNS = 2
PANEL_INCHES = 1.62
SPREAD = 0.2
"""Half of the band that dots are spread over, of the distance of two rows."""

ROW_COLORS = (COLORS["blue"], COLORS["orange"], COLORS["green"], COLORS["purple"])
AXIS_LABELS: Mapping[str, str] = {
    "autonomy_days_est": "latest volume / daily demand [days]",
    "elasticity_near_empty": "demand below 20 % / demand above [ratio]",
    "liters_per_km": "delivered / driven [L/km]",
    "mobile_nrw_liters": "lost on the way [L]",
    "runout_prob": "hours run out / hours observed [fraction]",
    "supply_fragmentation_index": "supply segments / supply hours [ratio]",
}


def tendency_figure(tendencies: pd.DataFrame, *, truth: bool = False) -> Plot:
    """Draw how each metric leans: one panel a metric, one row an archetype.

    Parameters
    ----------
    tendencies : DataFrame
        What `synthlab.tendencies` returned.
    truth : bool
        The metrics from the truth instead of the measured ones.

    Returns
    -------
    Plot
        Dots are single seeds, the bar is the mean with its 95 % interval.  Beside each
        row stands the promise and the share of seeds that keep it, in red where that
        is not enough.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: not a table of tendencies.
    """
    if len(tendencies) == 0 or any(name not in tendencies.columns for name in NEEDED):
        rule, remedy = "is no table of tendencies", "Pass what synthlab.tendencies returned"
        raise UsageError(Problem("BAD_ARGUMENT", rule, path="tendencies", remedy=remedy))
    metrics = list(dict.fromkeys(tendencies.index.get_level_values("metric")))
    suffix = "_truth" if truth else ""
    dots = _dots(tendencies, "truth" if truth else "measured")
    columns = min(PANEL_COLUMNS, len(metrics))
    lines = math.ceil(len(metrics) / columns)
    rows = max(len(tendencies.loc[metric]) for metric in metrics)
    height = SIZES["heading_inches"] + lines * (PANEL_INCHES + 0.26 * max(rows - 2, 0))
    with styled():
        figure = Plot(
            f"tendencies of {len(metrics)} metrics", width_inches=SIZES["width_inches"], height_inches=height
        )
        grid = figure.subplots(lines, columns, squeeze=False)
        for axes, metric in zip(grid.flat, metrics, strict=False):
            _panel(axes, metric, tendencies.loc[metric], dots, suffix)
        for axes in grid.flat[len(metrics) :]:
            axes.set_visible(False)
        title, subtitle = _finding(tendencies, suffix, truth)
        heading(figure, title, subtitle, _legend())
    return figure


def _dots(tendencies: pd.DataFrame, basis: str) -> dict[tuple[str, ...], Any]:
    """Values of the single runs by metric and row; none where the table has lost them."""
    import pandas as pd

    if "by_seed" not in tendencies.attrs:
        return {}
    names = list(tendencies.index.names)
    runs = pd.DataFrame(tendencies.attrs["by_seed"])
    per_run = runs.groupby([*names, "seed"], observed=True)[basis].mean()
    groups = per_run.groupby(level=names, observed=True)
    return {tuple(map(str, _parts(key))): values.dropna().to_numpy() for key, values in groups}


def _parts(key: Any) -> tuple[Any, ...]:
    """Return an index entry as a tuple: pandas leaves a single level bare."""
    return key if isinstance(key, tuple) else (key,)


def _panel(
    axes: Axes, metric: str, rows: pd.DataFrame, dots: Mapping[tuple[str, ...], Any], suffix: str
) -> None:
    labels, archetypes = [], list(dict.fromkeys(rows.index.get_level_values("archetype")))
    for place, (name, row) in enumerate(rows.iterrows()):
        key = tuple(map(str, _parts(name)))
        color, level = ROW_COLORS[archetypes.index(key[0]) % len(ROW_COLORS)], len(rows) - 1 - place
        _draw_runs(axes, dots.get((metric, *key), np.zeros(0)), level, color)
        _draw_mean(axes, row, level, color, suffix)
        _note(axes, row, level, suffix)
        labels.append(str(key[-1]).removeprefix("stationary_").removeprefix("mobile_"))
    limits = [limit_of(promise) for promise in rows["promise"] if isinstance(promise, str)]
    for limit in [value for value in limits if value is not None]:
        axes.axvline(limit, color=COLORS["ink"], linestyle=(0, (4, 3)), linewidth=1.0)
    axes.set_yticks(range(len(rows)), labels[::-1])
    axes.set_ylim(-0.55, len(rows) - 0.45)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.05)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.set_xlabel(AXIS_LABELS[metric])
    axes.set_title(metric)


def _note(axes: Axes, row: pd.Series[Any], level: int, suffix: str) -> None:
    """Say beside a row what it promised, in which share of the seeds it held, and if that is enough."""
    promise, passed = row["promise"], row[f"passed{suffix}"]
    if not isinstance(promise, str):
        return
    if passed is True or passed is False or isinstance(passed, np.bool_):
        text = f"{promise}: {100 * row[f'share{suffix}']:.0f} %"
        color = COLORS["ink"] if passed else ROLES["low"]
        weight = "normal" if passed else "bold"
    else:
        text, color, weight = f"{promise}: ?", COLORS["muted"], "normal"
    place = axes.get_yaxis_transform()
    axes.text(1.02, level, text, transform=place, va="center", color=color, fontweight=weight)


def _draw_runs(axes: Axes, values: Any, level: int, color: str) -> None:
    """Spread dots over a band by the golden ratio: even, and the same each time."""
    shift = (np.arange(len(values)) * 0.618_034) % 1.0 * 2.0 - 1.0
    axes.scatter(values, level + SPREAD * shift, s=16, color=color, alpha=0.55, linewidths=0, zorder=3)


def _draw_mean(axes: Axes, row: pd.Series[Any], level: int, color: str, suffix: str) -> None:
    mean, low, high = (float(row[f"{name}{suffix}"]) for name in ("mean", "low", "high"))
    if math.isnan(mean):
        axes.text(
            0.02,
            level,
            "does not exist",
            transform=axes.get_yaxis_transform(),
            va="center",
            color=COLORS["muted"],
        )
        return
    if not math.isnan(low):
        axes.plot([low, high], [level, level], color=color, linewidth=6, alpha=0.35, solid_capstyle="butt")
    axes.plot([mean, mean], [level - 0.3, level + 0.3], color=COLORS["ink"], linewidth=1.8, zorder=4)


def _finding(tendencies: pd.DataFrame, suffix: str, truth: bool) -> tuple[str, str]:
    verdicts = tendencies[f"passed{suffix}"].dropna()
    kept = int(verdicts.sum())
    title = f"{kept} of {len(verdicts)} promises kept" if len(verdicts) else "Nothing to compare"
    seeds = int(tendencies[f"seeds_count{suffix}"].max())
    window = tendencies.attrs.get("window", "")
    basis = "From the truth" if truth else "As measured"
    text = f"{basis}, {seeds} seeds{f' of {window}' if window else ''}"
    return title, f"{text}; right: the promise, and the seeds in which it is kept"


def _legend() -> tuple[list[Any], list[str]]:
    handles = [
        Line2D([], [], linestyle="", marker="o", color=COLORS["muted"], markersize=4.5),
        Line2D([], [], linestyle="", marker="|", color=COLORS["ink"], markersize=10, markeredgewidth=1.8),
        Line2D([], [], color=COLORS["muted"], linewidth=6, alpha=0.4),
        Line2D([], [], color=COLORS["ink"], linestyle=(0, (4, 3)), linewidth=1.0),
    ]
    return handles, ["one seed", "mean", "its 95 % interval", "promised limit"]
