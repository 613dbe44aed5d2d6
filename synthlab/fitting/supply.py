"""Intermittent supply from measurements: sessions, their hours and their regime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.errors import Problem, UsageError
from synthlab.fitting import profile as pf
from synthlab.fitting.capacity import capacities
from synthlab.fitting.demand import SOURCES
from synthlab.fitting.estimates import Fit, Value, rounded
from synthlab.fitting.levels import Fillings, split_levels
from synthlab.fitting.profile import Interval
from synthlab.fitting.readings import (
    INFLOW_COLUMNS,
    LEVEL_COLUMNS,
    Days,
    Readings,
    cell_sums,
    has_column,
    load_table,
    read_rows,
)
from synthlab.progress import OnProgress, first_part, unseen
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

PAUSE_SECONDS = 900
"""Sessions closer than this are one. Assumed: pressure that falters. [seconds]"""
FEW_SESSIONS = 30
"""Fewer tell little about hours and weekdays. Assumed."""
MIN_LITERS = 1.0
"""Less is no session. Assumed: a meter's step. [liters]"""
OVERDISPERSED = 0.6
"""Variance / mean of a day's sessions above which days are served by chance. Assumed: halfway
between regular days (about .1) and chance (1 and more)."""
DISPERSED_WHEN_SERVED = 0.35
"""The same of the days with any session, above which they come by chance, not some hours apart.
Assumed: halfway between sessions that keep apart (about 0) and chance (.7)."""
REPEATING = 0.5
"""Share of sessions that come again at the same hour of the next day, beyond chance, above which
hours are kept. Assumed: halfway between new hours (0) and kept ones (.8)."""
_SIZE_REPLICATES, _STEPS = 100, 40
SIGMA_RANGE = (0.0, 1.5)
SESSIONS_RANGE = (0.0, 24.0)
HOURS_RANGE = (0.05, 12.0)
"""Ranges of the archetypes' parameters."""


@dataclass(frozen=True, slots=True, repr=False)
class SupplyFit(Fit):
    """The supply that measurements ask for.

    Attributes
    ----------
    sessions_per_day : float
        [1/day]
    session_liters, session_hours : float
        Means. [liters, h]
    session_sigma : float
        Log standard deviation of volume and duration. [unitless]
    regime : {"predictable", "irregular", "unreliable"}
    hourly_probability_multipliers, hourly_volume_multipliers : tuple of 24 float
        Mean 1.
    weekday_probability_multipliers : tuple of 7 float
        Monday first, mean 1; pulled toward 1 as far as chance explains them.
    parameter_overrides : mapping of str to float or str
        The single numbers by the archetype's names.
    intervals : mapping of str to tuple of (float, float)
        2.5 % and 97.5 % by parameter: resampled weeks (or days, below four weeks).
    observed : mapping of str to tuple of float
        Multipliers of probability as seen: not smoothed, not pulled toward 1.
    session_count, day_count : int
    source : {"meter", "level"}
    warnings : tuple of str
        Where the data cannot tell.
    """

    sessions_per_day: float
    session_liters: float
    session_hours: float
    session_sigma: float
    regime: str
    hourly_probability_multipliers: tuple[float, ...]
    hourly_volume_multipliers: tuple[float, ...]
    weekday_probability_multipliers: tuple[float, ...]
    intervals: Mapping[str, tuple[Interval, ...]]
    observed: Mapping[str, tuple[float, ...]]
    session_count: int
    day_count: int
    source: str
    warnings: tuple[str, ...]

    @property
    def parameter_overrides(self) -> Mapping[str, float | str]:  # type: ignore[override]
        """The single numbers by the archetype's names."""
        return {
            "supply_regime": self.regime,
            "supply_sessions_per_day": rounded(float(np.clip(self.sessions_per_day, *SESSIONS_RANGE))),
            "supply_session_liters": rounded(self.session_liters),
            "supply_session_hours": rounded(float(np.clip(self.session_hours, *HOURS_RANGE))),
            "supply_session_sigma": rounded(float(np.clip(self.session_sigma, *SIGMA_RANGE))),
        }

    @property
    def kind(self) -> str:
        """What was fitted."""
        return "supply"

    def values(self) -> Mapping[str, Value]:
        """Return every fitted value by name."""
        names = (
            "sessions_per_day",
            "session_liters",
            "session_hours",
            "session_sigma",
            "regime",
            "hourly_probability_multipliers",
            "hourly_volume_multipliers",
            "weekday_probability_multipliers",
        )
        return {name: getattr(self, name) for name in names}

    def to_dynamics(self) -> dict[str, Any]:
        """Return the ``dynamics`` block of a device: its ``supply``."""
        names = (
            "hourly_probability_multipliers",
            "hourly_volume_multipliers",
            "weekday_probability_multipliers",
        )
        return {"supply": {name: [rounded(value) for value in getattr(self, name)] for name in names}}

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {**Fit.to_dict(self), "parameter_overrides": dict(self.parameter_overrides)}


def fit_supply_curve(
    frame_or_csv: pd.DataFrame | str | Path,
    *,
    source: str = "auto",
    device: str | None = None,
    capacity_liters: float | None = None,
    reservoirs: pd.DataFrame | Mapping[str, Any] | None = None,
    seed: int = 0,
    on_progress: OnProgress = unseen,
) -> SupplyFit:
    """Fit supply to measurements; see `synthlab.fit_supply`."""
    if source not in SOURCES:
        remedy = f"One of {', '.join(SOURCES)}"
        raise UsageError(
            Problem("BAD_ARGUMENT", "is no source", path="source", value=repr(source), remedy=remedy)
        )
    table = load_table(frame_or_csv)
    is_level = source == "level" or (
        source == "auto" and not has_column(table, INFLOW_COLUMNS) and has_column(table, LEVEL_COLUMNS)
    )
    apart = first_part(on_progress, rest=1)
    rows = read_rows(table, LEVEL_COLUMNS if is_level else INFLOW_COLUMNS, device=device)
    if is_level:
        _, fillings = split_levels(rows, capacities(table, rows, capacity_liters, reservoirs), apart)
    else:
        fillings = sessions_of_meter(rows)
        apart(len(rows.names), len(rows.names))
    warnings = (
        [f"{rows.dropped} rows left out: no time, no number, a negative one, or a second row of one moment"]
        if rows.dropped
        else []
    )
    if len(fillings.liters) < 2:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "needs two supply sessions or more",
                path="frame_or_csv",
                value=str(len(fillings.liters)),
                remedy="Pass a longer series, or one in which water comes in",
            )
        )
    fit = _fit(rows, fillings, is_level=is_level, warnings=warnings, rng=np.random.default_rng(seed))
    on_progress(len(rows.names) + 1, len(rows.names) + 1)
    return fit


def sessions_of_meter(rows: Readings) -> Fillings:
    """Find the sessions of an inflow series: steps with inflow that follow each other."""
    step = rows.step_seconds()
    is_on = np.flatnonzero(rows.value > 0)
    if not len(is_on):
        empty = np.zeros(0, dtype=np.int64)
        return Fillings(empty, empty, empty, np.zeros(0), np.zeros(0, dtype=bool))
    device, second = rows.device[is_on], rows.second[is_on]
    is_new = np.ones(len(is_on), dtype=bool)
    is_new[1:] = (np.diff(device) != 0) | (np.diff(second) > step + PAUSE_SECONDS)
    first = np.flatnonzero(is_new)
    last = np.append(first[1:], len(is_on)) - 1
    liters = np.add.reduceat(rows.value[is_on], first)
    keep = liters >= MIN_LITERS
    seconds = second[last] - second[first] + step
    return Fillings(
        device[first][keep],
        second[first][keep],
        seconds[keep],
        liters[keep],
        np.zeros(keep.sum(), dtype=bool),
    )


def _fit(
    rows: Readings, fillings: Fillings, *, is_level: bool, warnings: list[str], rng: np.random.Generator
) -> SupplyFit:
    """Fit the parameters to sessions, and say what they cannot tell."""
    starts, liters, day_of = _day_tables(rows, fillings)
    days = len(starts)
    weeks = len(np.unique((day_of[1] + 3) // 7))
    counts = starts.sum(axis=1)
    regime = regime_of(starts, day_of[0])
    sizes = _Sizes(fillings.liters, fillings.seconds / SECONDS_PER_HOUR, fillings.is_cut)
    bandwidth = pf.choose_bandwidth(starts, np.ones_like(starts))
    intervals = _single_intervals(counts, sizes, rng)
    probability, week, weekday = _multipliers(starts, day_of, bandwidth, rng, intervals, weeks)
    warnings += _words(fillings, is_level=is_level, days=days, weekday=weekday, regime=regime)
    return SupplyFit(
        sessions_per_day=float(counts.mean()),
        **sizes.estimate(),
        regime=regime,
        hourly_probability_multipliers=tuple(probability.tolist()),
        hourly_volume_multipliers=tuple(_volume_multipliers(starts, liters).tolist()),
        weekday_probability_multipliers=tuple(weekday.tolist()),
        intervals=intervals,
        observed={
            "hourly_probability_multipliers": tuple(
                pf.profile_of(starts, np.ones_like(starts), 0.0).tolist()
            ),
            "weekday_probability_multipliers": tuple(week.tolist()),
        },
        session_count=len(fillings.liters),
        day_count=days,
        source="level" if is_level else "meter",
        warnings=tuple(warnings),
    )


def _day_tables(rows: Readings, fillings: Fillings) -> tuple[F64, F64, tuple[I64, I64]]:
    """Count starts and liters of sessions by day and hour, (n_days, 24), of days with readings."""
    day = rows.second // SECONDS_PER_DAY
    first, count = int(day.min()), int(day.max() - day.min()) + 1
    lines = np.unique(rows.device * count + (day - first))
    start = fillings.start_second
    inside = start // SECONDS_PER_DAY - first
    line = np.searchsorted(lines, fillings.device * count + inside)
    line = np.minimum(line, len(lines) - 1)
    cell = line * 24 + start // SECONDS_PER_HOUR % 24
    size = len(lines) * 24
    starts = cell_sums(cell, np.ones(len(cell)), size).reshape(-1, 24)
    liters = cell_sums(cell, fillings.liters, size).reshape(-1, 24)
    return starts, liters, (lines // count, lines % count + first)


def regime_of(starts: F64, device: I64) -> str:
    """Name the regime of days of sessions.

    Parameters
    ----------
    starts : ndarray of float64, shape (n_days, 24)
        Sessions that begin, by day and hour.
    device : ndarray of int64, shape (n_days,)

    Notes
    -----
    Where days are left out by chance, days differ in their number of sessions more than
    regular ones; if those that are served hold a regular number, supply is irregular, else
    unreliable.  Where the number is regular on all days, predictable supply comes at the
    hours of the day before.
    """
    counts = starts.sum(axis=1)
    mean = counts.mean()
    if counts.var() / max(mean, 1e-9) > OVERDISPERSED:
        served = counts[counts > 0]
        surplus = served.var() - _regular_variance(float(served.mean()))
        return "unreliable" if surplus > DISPERSED_WHEN_SERVED * served.mean() else "irregular"
    near = starts + np.roll(starts, 1, axis=1) + np.roll(starts, -1, axis=1)
    follows = device[1:] == device[:-1]
    again = float(
        ((starts[1:] > 0) & (near[:-1] > 0))[follows].sum() / max((starts[1:] > 0)[follows].sum(), 1)
    )
    share = starts.mean(axis=0)
    by_chance = float((share * np.minimum(near.mean(axis=0), 1.0)).sum() / max(share.sum(), 1e-9))
    # By chance of a device's own hours it would always come again: kept hours are few hours.
    own = max(again - min(by_chance, 0.3), 0.0) / (1.0 - min(by_chance, 0.3))
    return "predictable" if own > REPEATING else "irregular"


def _regular_variance(mean: float) -> float:
    """Variance of counts that are either of the whole numbers beside their mean."""
    return float((mean - np.floor(mean)) * (np.ceil(mean) - mean))


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Volumes and durations of sessions; cut ones are at least so large."""

    liters: F64
    hours: F64
    is_cut: npt.NDArray[np.bool_]

    def take(self, picks: I64) -> _Sizes:
        return _Sizes(self.liters[picks], self.hours[picks], self.is_cut[picks])

    def estimate(self) -> dict[str, float]:
        """Means and the log standard deviation that the model takes for both."""
        # A filling that uses outweigh shows as no rise: its logarithm would be all that counts.
        is_seen = self.liters > 0
        volume, volume_sigma = censored_log_normal(self.liters[is_seen], self.is_cut[is_seen])
        hours, hours_sigma = censored_log_normal(self.hours, self.is_cut)
        sigma = float(np.sqrt((volume_sigma**2 + hours_sigma**2) / 2))
        return {"session_liters": volume, "session_hours": hours, "session_sigma": sigma}


def censored_log_normal(values: F64, is_cut: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Mean and log standard deviation of log-normal values of which some are cut off.

    Parameters
    ----------
    values : ndarray of float64
        Above 0.
    is_cut : ndarray of bool
        The true value is larger.

    Notes
    -----
    Maximum likelihood by expectation and maximization: a cut value counts as the mean
    of the normal distribution above it.
    """
    from statistics import NormalDist

    logs = np.log(np.maximum(values, 1e-9))
    if is_cut.sum() > 0.8 * len(values):
        # Hardly anything was seen to its end: what was seen is the least that it was.
        is_cut = np.zeros(len(values), dtype=bool)
    mean, sigma = float(logs.mean()), max(float(logs.std()), 1e-6)
    normal = NormalDist()
    for _ in range(_STEPS if is_cut.any() else 0):
        at = np.clip((logs[is_cut] - mean) / sigma, -8.0, 8.0)
        hazard = np.array([normal.pdf(z) / max(1.0 - normal.cdf(z), 1e-15) for z in at.tolist()])
        first, second = logs.copy(), (logs - mean) ** 2
        first[is_cut] = mean + sigma * hazard
        second[is_cut] = sigma**2 * (1.0 + at * hazard)
        old = mean
        mean, sigma = float(first.mean()), max(float(np.sqrt(second.mean())), 1e-6)
        if abs(mean - old) < 1e-4:
            break
    return float(np.exp(mean + sigma**2 / 2)), sigma


def _multipliers(
    starts: F64,
    day_of: tuple[I64, I64],
    bandwidth: float,
    rng: np.random.Generator,
    intervals: dict[str, tuple[Interval, ...]],
    weeks: int,
) -> tuple[F64, F64, F64]:
    """Multipliers of hours, and of weekdays as seen and as pulled; adds their intervals."""
    days = Days(starts, np.ones_like(starts), day_of[0], day_of[1], ())
    blocks = pf.Blocks.of(days, length_days=7 if weeks >= 4 else 1)
    drawn_starts, drawn_seen = blocks.resampled(rng, pf.REPLICATES)
    probability = pf.profile_of(starts, np.ones_like(starts), bandwidth)
    drawn_hours = pf.profile_of(drawn_starts, drawn_seen, bandwidth / 2)
    flat = np.ones((1, 7, 24))
    week = pf.weekday_levels(blocks.liters.sum(axis=0)[None], blocks.hours.sum(axis=0)[None], flat)[0]
    drawn_week = pf.weekday_levels(drawn_starts, drawn_seen, flat)
    drawn_week = drawn_week / np.maximum(drawn_week.mean(axis=1, keepdims=True), 1e-9)
    weekday = pf.shrunk(week / week.mean(), drawn_week.std(axis=0))
    count = len(blocks.liters)
    intervals["hourly_probability_multipliers"] = pf.intervals(probability, drawn_hours, count)
    intervals["weekday_probability_multipliers"] = pf.intervals(week / week.mean(), drawn_week, count)
    return probability, week / week.mean(), weekday


def _volume_multipliers(starts: F64, liters: F64) -> F64:
    """Volume of a session by the hour at which it begins, pulled toward 1 where sessions are few."""
    count, total = starts.sum(axis=0), liters.sum(axis=0)
    kernel = pf.smoothing_kernel(1.5)
    near, volume = kernel @ count, kernel @ total
    mean = total.sum() / count.sum()
    # A tenth of all sessions says as much as the whole day's mean does.
    prior = 0.1 * count.sum() / 24.0 + 1.0
    factor = (volume / mean + prior) / (near + prior)
    # The mean session keeps its volume: hours count by their sessions.
    return np.asarray(factor * count.sum() / (factor @ count), dtype=np.float64)


def _single_intervals(
    counts: F64, sizes: _Sizes, rng: np.random.Generator
) -> dict[str, tuple[Interval, ...]]:
    """Intervals of the means: days and sessions are drawn again."""
    picks = rng.integers(len(counts), size=(pf.REPLICATES, len(counts)))
    count = len(sizes.liters)
    again = [sizes.take(rng.integers(count, size=count)).estimate() for _ in range(_SIZE_REPLICATES)]
    drawn = {
        "sessions_per_day": counts[picks].mean(axis=1),
        **{name: np.array([one[name] for one in again]) for name in again[0]},
    }
    ends = {name: np.quantile(values, [0.025, 0.975]) for name, values in drawn.items()}
    return {name: ((float(low), float(high)),) for name, (low, high) in ends.items()}


def _words(fillings: Fillings, *, is_level: bool, days: int, weekday: F64, regime: str) -> list[str]:
    """Say what the sessions cannot tell."""
    found = []
    if len(fillings.liters) < FEW_SESSIONS:
        found.append(f"{len(fillings.liters)} sessions: hours and weekdays are rough below {FEW_SESSIONS}")
    if days < 14:
        found.append(f"{days} days: the regime is a guess below 14")
    if (weekday == 1.0).all():
        found.append("days of the week differ by no more than chance: multipliers are 1")
    if fillings.is_cut.any():
        share = 100 * float(fillings.is_cut.mean())
        found.append(f"{share:.0f} % of the fillings end at a full tank: what spilled is not seen")
    if is_level:
        found.append("the inflow of a filling is taken as steady")
    if regime == "predictable":
        found.append("supply keeps its hours: hours that it does not use were never tried")
    return found
