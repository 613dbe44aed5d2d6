"""How synthetic demand compares with measured demand, and what a fit says beside its data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from synthlab.plotting.style import COLORS, SIZES, Plot, heading, styled
from synthlab.plotting.timeaxis import hour_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from synthlab.fitting.demand import DemandFit
    from synthlab.fitting.realism import Realism
    from synthlab.fitting.supply import SupplyFit

REAL, SYNTHETIC = COLORS["ink"], COLORS["orange"]
WEEKDAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")

# Curve by hour, curve by hour of weekends, curve by weekday, axis label.
_CURVES = {
    "demand": (
        "hourly_weights",
        "weekend_hourly_weights",
        "weekday_multipliers",
        "weight, mean 1 [unitless]",
    ),
    "supply": (
        "hourly_probability_multipliers",
        "",
        "weekday_probability_multipliers",
        "multiplier, mean 1 [unitless]",
    ),
}


def realism_figure(report: Realism) -> Plot:
    """Draw real against synthetic: profiles, runs without use, volumes, autocorrelation.

    Parameters
    ----------
    report : Realism
        What `synthlab.realism` returns.

    See Also
    --------
    Realism.curves : the numbers behind it.
    """
    curves = report.curves().set_index("curve")
    counts = f"{len(report.synthetic.names)} synthetic against {len(report.real.names)} real households"
    with styled():
        figure = Plot(
            f"realism of {counts}",
            width_inches=SIZES["width_inches"],
            height_inches=SIZES["heading_inches"] + 5.4,
        )
        grid: dict[str, Axes] = figure.subplot_mosaic([["a", "a", "b", "b"], ["c", "c", "d", "d"], ["e"] * 4])
        for name, title in (("a", "weekday"), ("b", "weekend")):
            _pair(grid[name], curves.loc[[f"profile_{title}"]], f"profile  ·  {title}s")
            hour_axis(grid[name])
            grid[name].set_ylabel("use / mean [unitless]")
            grid[name].set_ylim(bottom=0)
        _pair(grid["c"], curves.loc[["zero_runs"]], "runs of hours without use")
        grid["c"].set(
            xscale="log", yscale="log", xlabel="length of at least [h]", ylabel="share of runs [unitless]"
        )
        _pair(grid["d"], curves.loc[["volume"]], "volume of hours with use")
        grid["d"].set(
            xscale="log", xlabel="volume / mean, at most [unitless]", ylabel="share of hours [unitless]"
        )
        _pair(grid["e"], curves.loc[["acf"]], "autocorrelation  ·  median household")
        grid["e"].set(xlabel="lag [h]", ylabel="autocorrelation [unitless]", xticks=range(0, 193, 24))
        heading(
            figure,
            _finding(report),
            f"Hourly demand, {counts}",
            grid["a"].get_legend_handles_labels(),
        )
    return figure


def fit_figure(fit: DemandFit | SupplyFit) -> Plot:
    """Draw fitted curves with their intervals over what the data show.

    Parameters
    ----------
    fit : DemandFit or SupplyFit
        What `synthlab.fit_demand` or `synthlab.fit_supply` returns.

    See Also
    --------
    DemandFit.to_frame : the numbers behind it.
    """
    hourly, weekend, weekday, label = _CURVES[fit.kind]
    table = fit.to_frame().set_index("parameter")
    names = [hourly, *([weekend] if weekend in table.index else []), weekday]
    titles = {
        hourly: "weekdays" if weekend in names else "every day",
        weekend: "weekends",
        weekday: "days of the week",
    }
    with styled():
        figure = Plot(
            f"fit of {fit.kind} to {fit.day_count} days",
            width_inches=SIZES["width_inches"],
            height_inches=SIZES["heading_inches"] + 2.6,
        )
        widths = [*[3.0] * (len(names) - 1), 1.6]
        panels = figure.subplots(1, len(names), squeeze=False, width_ratios=widths)[0]
        for axes, name in zip(panels, names, strict=True):
            _fitted(axes, table.loc[[name]])
            axes.set_title(titles[name])
            if name == weekday:
                axes.set_xlim(-0.6, 6.6)
                axes.set_xticks(range(7), WEEKDAYS)
                axes.set_xlabel("day of week [UTC]")
            else:
                hour_axis(axes)
            axes.set_ylim(bottom=0)
        panels[0].set_ylabel(label)
        heading(figure, _said(fit), _below(fit), panels[0].get_legend_handles_labels())
    return figure


def _pair(axes: Axes, table: pd.DataFrame, title: str) -> None:
    """Draw both sides; what is zero is no point of a logarithmic axis."""
    for side, color, width in (("real", REAL, 2.2), ("synthetic", SYNTHETIC, SIZES["line_points"])):
        values = table[side].to_numpy(dtype=float)
        axes.plot(
            table["x"].to_numpy(),
            np.where(values > 0, values, np.nan) if title.startswith("runs") else values,
            color=color,
            linewidth=width,
            label=side,
        )
    axes.set_title(title)


def _fitted(axes: Axes, table: pd.DataFrame) -> None:
    at = table["position"].to_numpy(dtype=float)
    value, low, high, seen = (
        table[name].to_numpy(dtype=float) for name in ("value", "low", "high", "observed")
    )
    axes.bar(at, seen, width=0.82, color=COLORS["quiet"], label="as seen")
    axes.vlines(at, low, high, color=COLORS["blue"], linewidth=SIZES["line_points"], label="95 % interval")
    axes.plot(at, value, color=COLORS["blue"], marker="o", markersize=3.5, label="fitted")


def _finding(report: Realism) -> str:
    missed = [str(row["statistic"]) for row in report.rows if not row["passed"]]
    judged = f"the judge's AUC is {report.auc:.2f}"
    return (
        f"Every target is met; {judged}"
        if not missed
        else f"{len(missed)} of {len(report.rows)} targets missed; {judged}"
    )


def _said(fit: DemandFit | SupplyFit) -> str:
    if fit.kind == "demand":
        low, high = fit.intervals["target_daily_liters"][0]
        return f"{fit.values()['target_daily_liters']:.0f} liters a day, {low:.0f} to {high:.0f}"
    values = fit.values()
    return (
        f"{values['regime']} supply: {values['sessions_per_day']:.1f} sessions a day, "
        f"{values['session_liters']:.0f} liters in {values['session_hours']:.1f} h"
    )


def _below(fit: DemandFit | SupplyFit) -> str:
    source = "meter readings" if fit.source == "meter" else "the level"
    return f"Fitted to {fit.day_count} days of {source}"
