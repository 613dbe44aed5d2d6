"""Demand from measurements: a scenario's curve and the process parameters behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.errors import Problem, UsageError
from synthlab.fitting import profile as pf
from synthlab.fitting.capacity import capacities
from synthlab.fitting.estimates import Fit, Value, rounded
from synthlab.fitting.levels import CEILING_SHARE, blind_share, split_levels
from synthlab.fitting.process import process_parameters
from synthlab.fitting.profile import Interval, Presence, target_interval
from synthlab.fitting.readings import (
    DEMAND_COLUMNS,
    LEVEL_COLUMNS,
    Days,
    days_of_meter,
    has_column,
    load_table,
    read_rows,
)
from synthlab.fitting.shape import fit_shape
from synthlab.progress import OnProgress, first_part, unseen

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

F64 = npt.NDArray[np.float64]

SOURCES = ("auto", "meter", "level")
FEW_DAYS = 21
"""Less than three weeks tell little about a weekday. Assumed. [days]"""
FEW_LEVEL_DAYS = 28
"""A level series shows a part of each day only. Assumed. [days]"""
MIN_SEEN_HOURS = 3.0
"""An hour of the day seen for less is guessed from its neighbors. Assumed. [h]"""
LONG_DAYS = 180
"""Half a year holds most of what is slow. Source: hourly meters, Alicante 2016-17: 30-day means
of one household have a CV of .23 (median). [days]"""
SURE_SHARE = 0.05
"""A target that is known no better is worth a word. Assumed: what a fit is asked for."""
MISSING_SHARE = 0.05
"""More gaps than this are worth a word. Assumed."""


@dataclass(frozen=True, slots=True, repr=False)
class DemandFit(Fit):
    """The demand curve that measurements ask for.

    Attributes
    ----------
    target_daily_liters : float
        Mean of a day; of several households, the mean household's. [liters]
    hourly_weights : tuple of 24 float
        Mean 1; weekdays where weekends have weights of their own.
    weekend_hourly_weights : tuple of 24 float or None
        None: the data show no other shape.
    weekday_multipliers : tuple of 7 float
        Monday first, mean 1; pulled toward 1 as far as chance explains them.
    parameter_overrides : mapping of str to float
        What the data tell about the process, by the archetype's names.
    intervals : mapping of str to tuple of (float, float)
        2.5 % and 97.5 % by parameter.
    observed : mapping of str to tuple of float
        Curves as seen: not smoothed, not pulled toward 1.
    household_count, day_count : int
        Days with any reading, over all households.
    source : {"meter", "level"}
    warnings : tuple of str
        Where the data cannot tell.
    """

    target_daily_liters: float
    hourly_weights: tuple[float, ...]
    weekend_hourly_weights: tuple[float, ...] | None
    weekday_multipliers: tuple[float, ...]
    parameter_overrides: Mapping[str, float | str]
    intervals: Mapping[str, tuple[Interval, ...]]
    observed: Mapping[str, tuple[float, ...]]
    household_count: int
    day_count: int
    source: str
    warnings: tuple[str, ...]

    @property
    def kind(self) -> str:
        """What was fitted."""
        return "demand"

    def values(self) -> Mapping[str, Value]:
        """Return every fitted value by name."""
        weekend = self.weekend_hourly_weights
        return {
            "target_daily_liters": self.target_daily_liters,
            "hourly_weights": self.hourly_weights,
            **({} if weekend is None else {"weekend_hourly_weights": weekend}),
            "weekday_multipliers": self.weekday_multipliers,
            **self.parameter_overrides,
        }

    def to_dynamics(self) -> dict[str, Any]:
        """Return the ``dynamics`` block of a device: its ``demand``."""
        demand: dict[str, Any] = {
            "target_daily_liters": rounded(self.target_daily_liters),
            "hourly_weights": [rounded(weight) for weight in self.hourly_weights],
        }
        if self.weekend_hourly_weights is not None:
            demand["weekend_hourly_weights"] = [rounded(weight) for weight in self.weekend_hourly_weights]
        demand["weekday_multipliers"] = [rounded(factor) for factor in self.weekday_multipliers]
        return {"demand": demand}


def fit_demand_curve(
    frame_or_csv: pd.DataFrame | pd.Series[float] | str | Path,
    *,
    source: str = "auto",
    device: str | None = None,
    capacity_liters: float | None = None,
    reservoirs: pd.DataFrame | Mapping[str, Any] | None = None,
    seed: int = 0,
    on_progress: OnProgress = unseen,
) -> DemandFit:
    """Fit demand to measurements; see `synthlab.fit_demand`."""
    if source not in SOURCES:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "is no source",
                path="source",
                value=repr(source),
                remedy=f"One of {', '.join(SOURCES)}",
            )
        )
    table = load_table(frame_or_csv)
    is_level = source == "level" or (
        source == "auto" and not has_column(table, DEMAND_COLUMNS) and has_column(table, LEVEL_COLUMNS)
    )
    warnings: list[str] = []
    apart = first_part(on_progress, rest=1)
    rows = read_rows(table, LEVEL_COLUMNS if is_level else DEMAND_COLUMNS, device=device)
    if is_level:
        days, _ = split_levels(rows, capacities(table, rows, capacity_liters, reservoirs), apart)
        if (blind := blind_share(rows)) > CEILING_SHARE:
            warnings.append(
                f"{100 * blind:.0f} % of the levels lie at the edge of the sensor's blind zone: what is "
                "drawn above it, and times at which nobody draws, are not seen"
            )
    else:
        days = days_of_meter(rows)
        apart(len(rows.names), len(rows.names))
    if rows.dropped:
        warnings.append(
            f"{rows.dropped} rows left out: no time, no number, a negative one, or a second row of one moment"
        )
    _require_use(days, is_level=is_level)
    fit = _fit(days, is_level=is_level, warnings=warnings, rng=np.random.default_rng(seed))
    on_progress(len(rows.names) + 1, len(rows.names) + 1)
    return fit


def _fit(days: Days, *, is_level: bool, warnings: list[str], rng: np.random.Generator) -> DemandFit:
    """Fit the curve to days, resample them for intervals, and say what they cannot tell."""
    households = len(np.unique(days.device))
    warnings += _gaps(days, is_level=is_level)
    has_weekend = pf.weekend_differs(days, rng)
    if days.is_weekend.sum() < pf.MIN_WEEKEND_DAYS:
        warnings.append(
            f"{int(days.is_weekend.sum())} days of weekends: they get the weights of the other days"
        )
    # Everybody's day counts alike: shapes are of the mean household.
    shape = fit_shape(days, has_weekend=has_weekend)
    weekday, weekend = shape.weights[0], shape.weights[-1]
    week = np.stack([weekday] * 5 + [weekend] * 2)
    weeks = len(np.unique((days.day + 3) // 7))
    blocks = pf.Blocks.of(days, length_days=7 if weeks >= 4 or households > 1 else 1)
    levels = pf.weekday_levels(blocks.liters.sum(axis=0), blocks.hours.sum(axis=0), week)
    drawn = pf.weekday_levels(*blocks.resampled(rng, pf.REPLICATES), week)
    target = float(levels.mean())
    factors, again = levels / target, drawn / np.maximum(drawn.mean(axis=1, keepdims=True), 1e-12)
    multipliers = pf.shrunk(factors, again.std(axis=0))
    if (multipliers == 1.0).all():
        warnings.append("days of the week differ by no more than chance: multipliers are 1")
    overrides: dict[str, float | str] = {}
    presence = Presence()
    intervals = dict(zip(("hourly_weights", "weekend_hourly_weights"), shape.intervals, strict=False))
    intervals["weekday_multipliers"] = pf.intervals(factors, again, len(blocks.liters))
    if households == 1:
        # The weights are this household's own: a further own profile would move them.
        overrides["demand_profile_spread"] = 0.0
    if not is_level and households == 1:
        found = process_parameters(days, target, rng)
        presence = found.presence
        target *= presence.ratio
        overrides |= {name: rounded(number) for name, number in found.values.items()}
        intervals |= found.intervals
        warnings += found.warnings
    elif is_level:
        warnings.append("a level series does not tell absences, leaks or sizes of uses: defaults stay")
    else:
        warnings.append("several households: the curve is the mean household's, process parameters stay")
    sampled = float(drawn.mean(axis=1).std()) / target
    intervals["target_daily_liters"] = (target_interval(days, target, sampled, presence),)
    warnings += _width(target, intervals["target_daily_liters"][0])
    return DemandFit(
        target_daily_liters=target,
        hourly_weights=tuple(weekday.tolist()),
        weekend_hourly_weights=tuple(weekend.tolist()) if has_weekend else None,
        weekday_multipliers=tuple(multipliers.tolist()),
        parameter_overrides=overrides,
        intervals=intervals,
        observed=_observed(blocks, factors, has_weekend=has_weekend),
        household_count=households,
        day_count=len(days.day),
        source="level" if is_level else "meter",
        warnings=tuple(warnings),
    )


def _observed(blocks: pf.Blocks, factors: F64, *, has_weekend: bool) -> dict[str, tuple[float, ...]]:
    """Curves as they were seen."""
    liters, hours = blocks.liters.sum(axis=0), blocks.hours.sum(axis=0)
    level = float(pf.weekday_levels(liters, hours, np.ones((7, 24))).mean())
    found = {"target_daily_liters": (level,), "weekday_multipliers": tuple(factors.tolist())}
    parts = {"hourly_weights": slice(0, 5 if has_weekend else 7)}
    if has_weekend:
        parts["weekend_hourly_weights"] = slice(5, 7)
    return found | {
        name: tuple(pf.profile_of(liters[part], hours[part], 0.0).tolist()) for name, part in parts.items()
    }


def _width(target: float, ends: Interval) -> list[str]:
    """Say so where the target is not known within `SURE_SHARE`."""
    wide = (ends[1] - ends[0]) / 2.0 / target
    if wide <= SURE_SHARE:
        return []
    return [f"target_daily_liters is known to {100 * wide:.0f} % either way: more days would tell it"]


def _require_use(days: Days, *, is_level: bool) -> None:
    """Refuse what no curve can be fitted to."""
    seen = float(days.hours.sum())
    if seen >= 24.0 and float(days.liters.sum()) > 0.0:
        return
    what = "times at which nothing is filled in and the tank is neither full nor low" if is_level else "hours"
    raise UsageError(
        Problem(
            "BAD_ARGUMENT",
            f"needs a day of {what}, and some water drawn in it",
            path="frame_or_csv",
            value=f"{seen:.1f} h with {float(days.liters.sum()):.1f} liters",
            remedy="Pass a longer series",
        )
    )


def _gaps(days: Days, *, is_level: bool) -> list[str]:
    """Words on how little was seen."""
    found = []
    span = len(np.unique(days.day))
    few = FEW_LEVEL_DAYS if is_level else FEW_DAYS
    if span < LONG_DAYS:
        found.append(
            f"{span} days: intervals are of this time; a measured household's month departs from its year "
            "by 23 %"
        )
    if span < few:
        found.append(f"{span} days: weekdays and intervals are rough below {few}")
    by_hour = days.hours.sum(axis=0)
    if (by_hour < MIN_SEEN_HOURS).any():
        hours = ", ".join(str(hour) for hour in np.flatnonzero(by_hour < MIN_SEEN_HOURS))
        found.append(f"hours {hours} were hardly seen: their weights come from neighboring hours")
    missing = 1.0 - float(days.hours.mean())
    if is_level:
        found.append(f"{100 * (1 - missing):.0f} % of the time tell what was drawn; the rest is left out")
    elif missing > MISSING_SHARE:
        found.append(f"{100 * missing:.0f} % of the hours are missing")
    return found
