"""How well the checks find labeled faults, and from which size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from synthlab.plotting.style import COLORS, SIZES, Plot, heading, styled

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from synthlab.quality.scoring import Score

RECALL_TARGET, PRECISION_TARGET = 0.95, 0.9
"""Source: domain facts, section 6, recall; issue of the checks, precision."""
_BAR = 0.62
_ROW_INCHES, _PANEL_INCHES, _COLUMNS = 0.27, 1.85, 4
_LINE_COLORS = (COLORS["blue"], COLORS["vermillion"], COLORS["green"])
_LINE_MARKERS = ("o", "^", "s")


def score_figure(score: Score) -> Plot:
    """Draw recall, precision and delay of each kind of fault.

    Parameters
    ----------
    score : Score
        What `synthlab.score` returns.

    See Also
    --------
    Score.faults : the numbers behind it.
    """
    table = score.faults
    with styled():
        figure = Plot(
            f"score of {len(table)} kinds of faults",
            width_inches=SIZES["width_inches"],
            height_inches=SIZES["heading_inches"] + 0.9 + _ROW_INCHES * max(len(table), 1),
        )
        axes: tuple[Axes, ...] = tuple(figure.subplots(1, 3, sharey=True))
        heading(figure, "What the checks find", repr(score)[len("Score(") : -1])
        _share_panel(axes[0], table["recall"], RECALL_TARGET, "recall [share of episodes]")
        _share_panel(axes[1], table["precision"], PRECISION_TARGET, "precision [share of runs]")
        _delay_panel(axes[2], table["delay_hours"])
        labels = [f"{kind} ({count})" for kind, count in table["episodes"].items()]
        axes[0].set_yticks(range(len(table)), labels)
        axes[0].invert_yaxis()
        for axis in axes:
            axis.grid(visible=False, axis="y")
    return figure


def _share_panel(axis: Axes, values: pd.Series, target: float, label: str) -> None:
    """Draw shares as bars with their number; what misses the target has another color."""
    colors = [COLORS["blue"] if value >= target else COLORS["vermillion"] for value in values]
    axis.barh(range(len(values)), values.to_numpy(float), color=colors, height=_BAR)
    axis.axvline(target, color=COLORS["muted"], linestyle="--")
    axis.set_xlim(0, 1.02)
    axis.set_xlabel(label)
    for row, value in enumerate(values.tolist()):
        text = "none" if value != value else f"{value:.2f}"
        axis.text(0.02, row, text, va="center", color=COLORS["face"] if value > 0.2 else COLORS["ink"])


def _delay_panel(axis: Axes, hours: pd.Series) -> None:
    axis.barh(range(len(hours)), hours.to_numpy(float), color=COLORS["green"], height=_BAR)
    axis.set_xscale("symlog", linthresh=1.0)
    axis.set_xlabel("median delay [h]")
    axis.set_xlim(0, max(10.0, 4 * float(np.nanmax(hours.to_numpy(float), initial=0.0))))
    axis.set_xticks([0, 1, 10, 100], ["0", "1", "10", "100"])
    for row, value in enumerate(hours.tolist()):
        if value == value:
            axis.text(value, row, f" {value:.1f}", va="center")


def recall_figure(curves: pd.DataFrame) -> Plot:
    """Draw recall against size, or against duration, one panel a kind of fault.

    Parameters
    ----------
    curves : DataFrame
        What `synthlab.recall_by_size` or `synthlab.recall_by_duration` returns; tables of several
        kinds and of both functions may be joined.  A column ``on`` tells several lines of a
        panel apart, such as tanks and trucks.
    """
    panels = _panels(curves)
    row_count = max(1, -(-len(panels) // _COLUMNS))
    lines = sorted(set(curves["on"])) if "on" in curves else []
    with styled():
        figure = Plot(
            f"recall of {len(panels)} curves",
            width_inches=SIZES["width_inches"],
            height_inches=SIZES["heading_inches"] + _PANEL_INCHES * row_count,
        )
        grid: Any = figure.subplots(row_count, _COLUMNS, squeeze=False, sharey=True)
        for axis, (kind, label, rows) in zip(grid.flat, panels, strict=False):
            _recall_panel(axis, rows, lines)
            axis.set_title(kind)
            axis.set_xlabel(label)
        for axis in grid.flat[len(panels) :]:
            axis.set_visible(False)
        for axis in grid[:, 0]:
            axis.set_ylabel("recall")
        known = {line.get_label(): line for axis in grid.flat for line in axis.get_lines()}
        legend = ([known[name] for name in lines], lines) if len(lines) > 1 else None
        heading(figure, "From where on a fault is found", f"dashed: recall {RECALL_TARGET:.2f}", legend)
    return figure


def _panels(curves: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Return kind, label and rows of each panel; the rows have the values of the axis as ``x``."""
    from synthlab.scenario.faults import FAULT_KINDS

    found = []
    for kind in dict.fromkeys(curves["fault"]):
        for name, label in (
            ("size", f"size [{FAULT_KINDS[kind].size_unit}]"),
            ("duration_hours", "lasts [h]"),
        ):
            if name in curves:
                rows = curves[(curves["fault"] == kind) & curves[name].notna()]
                found += [(str(kind), label, rows.assign(x=rows[name]).sort_values("x"))] if len(rows) else []
    return found


def _recall_panel(axis: Axes, rows: pd.DataFrame, lines: Sequence[str]) -> None:
    for name, color, marker in zip(lines or [""], _LINE_COLORS, _LINE_MARKERS, strict=False):
        own = rows[rows["on"] == name] if lines else rows
        axis.plot(own["x"], own["recall"], marker=marker, color=color, label=name)
    axis.axhline(RECALL_TARGET, color=COLORS["muted"], linestyle="--")
    axis.set_ylim(-0.04, 1.06)
    axis.set_xlim(left=0)
