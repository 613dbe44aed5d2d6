"""How well the checks find labeled faults, and from which size."""

from __future__ import annotations

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
_ROW_INCHES, _PANEL_INCHES, _COLUMNS = 0.27, 2.2, 3


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
    """Draw recall against size, one panel a kind of fault.

    Parameters
    ----------
    curves : DataFrame
        What `synthlab.recall_by_size` returns; tables of several kinds may be joined.
    """
    from synthlab.scenario.faults import FAULT_KINDS

    kinds = list(dict.fromkeys(curves["fault"]))
    row_count = max(1, -(-len(kinds) // _COLUMNS))
    with styled():
        figure = Plot(
            f"recall by size of {len(kinds)} kinds of faults",
            width_inches=SIZES["width_inches"],
            height_inches=SIZES["heading_inches"] + _PANEL_INCHES * row_count,
        )
        panels: Any = figure.subplots(row_count, _COLUMNS, squeeze=False, sharey=True)
        heading(figure, "From which size a fault is found", f"dashed: recall {RECALL_TARGET:.2f}")
        for axis, kind in zip(panels.flat, kinds, strict=False):
            rows = curves[curves["fault"] == kind].sort_values("size")
            axis.plot(rows["size"], rows["recall"], marker="o", color=COLORS["blue"])
            axis.axhline(RECALL_TARGET, color=COLORS["muted"], linestyle="--")
            axis.set_title(kind)
            axis.set_ylim(-0.04, 1.06)
            axis.set_xlim(left=0)
            axis.set_xlabel(f"size [{FAULT_KINDS[kind].size_unit}]")
        for axis in panels.flat[len(kinds) :]:
            axis.set_visible(False)
        for axis in panels[:, 0]:
            axis.set_ylabel("recall")
    return figure
