"""What meter readings of one household tell about the process behind its demand."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from synthlab.fitting.profile import REPLICATES, Z_95, Interval, Presence
from synthlab.fitting.readings import Days

F64 = npt.NDArray[np.float64]

MIN_DAYS = 28
"""Fewer days say nothing about absences. Assumed. [days]"""
ABSENT_LITERS = 2.0
"""A day's use while nobody is there, besides a leak. Assumed: a cistern that refills. [liters/day]"""
# The archetype's parameter is the median share of a household of 250 liters a day; one of D
# liters has it times (D / 250)^-1.2. Source: as `synthlab.model.household`.
_REFERENCE_LITERS, _ABSENCE_POWER, _ABSENCE_MAX = 250.0, -1.2, 0.5

_ABSENCE_MEDIAN, _ABSENCE_SIGMA, _ABSENCE_MEAN_MAX = 0.028, 1.2, 0.3
"""Share of a household of the reference volume, and its log deviation. Source: the same. [unitless]"""
ABSENCE_DAYS = 4.0
"""Days of one absence: as many count as one. Assumed: 2 to 8 give the same within noise. [days]"""

QUIET_HOURS = 6
"""The quietest stretch of a day shows the leak. Assumed: people sleep so long. [h]"""
STEADY_LITERS, STEADY_FRACTION = 0.6, 0.25
"""Spread of the hours of a steady flow, by a meter of one liter. Assumed: its step, and a
quarter of the flow. [liters/h, unitless]"""
MIN_STEADY_SHARE = 0.25
"""Share of days with steady hours from which a leak is told. Assumed."""
LEAST_LEAK = 0.25
"""Less is not told from nothing by a meter of one liter. Assumed. [liters/h]"""

# CV of the volume of hours with use, at 22 liters in the mean and sizes as measured; it falls
# with the mean and rises with the sizes. Source: simulated, a month of 1,440 households of 100 to
# 1,200 liters a day, sizes .3 to 6 times the measured ones, by a meter of one liter.
_SIZE_CV, _SIZE_LITERS, _SIZE_MEAN_POWER, _SIZE_POWER = 1.21, 22.0, -0.142, 0.220
_SIZE_LOG_SIGMA = 0.68
"""Between households of equal parameters. Source: the same. [unitless]"""
SIZE_RANGE = (0.1, 10.0)
"""Source: range of ``demand_use_size_factor``. [unitless]"""
MIN_USED_HOURS = 200
SIZE_LAW_LITERS = (100.0, 1_200.0)
"""Where the law was simulated. [liters/day]"""
MAX_DRIP_SHARE = 0.2
"""Share of hours of 1 liter among those with use, above which a drip hides the uses. Assumed."""


@dataclass(slots=True)
class Process:
    """Parameters that the data tell, and words on those that they do not."""

    values: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[Interval, ...]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    presence: Presence = field(default_factory=Presence)


def process_parameters(days: Days, target_daily_liters: float, rng: np.random.Generator) -> Process:
    """Estimate absences, the leak and the size of uses from whole days of one household."""
    found = Process()
    liters = days.liters[days.is_whole]
    if len(liters) < MIN_DAYS:
        found.warnings.append(
            f"{len(liters)} whole days: absences, leaks and sizes of uses need {MIN_DAYS}, defaults stay"
        )
        return found
    picks = rng.integers(len(liters), size=(REPLICATES, len(liters)))
    leaks = leak_by_day(liters)
    told = leaks[~np.isnan(leaks)]
    leak = float(told.mean()) if len(told) >= MIN_STEADY_SHARE * len(leaks) else 0.0
    if leak >= LEAST_LEAK:
        again = told[rng.integers(len(told), size=(REPLICATES, len(told)))]
        found.values["demand_leak_liters_per_hour"] = leak
        found.intervals["demand_leak_liters_per_hour"] = _ends(again.mean(axis=1))
    else:
        leak = 0.0
    away = ABSENT_LITERS + 24.0 * leak
    absent = (liters.sum(axis=1) <= away).astype(np.float64)
    seen = float(absent.mean())
    present_liters = target_daily_liters / max(1.0 - seen, 1.0 / len(liters))
    share = float(expected_absence(np.array(seen), len(liters), present_liters))
    found.presence = Presence(
        away_liters=away,
        ratio=(1.0 - share) / (1.0 - seen) if 0.0 < seen < 1.0 else 1.0,
        variance=_absence_variance(share, len(liters), present_liters) / (1.0 - share) ** 2,
    )
    target_daily_liters *= found.presence.ratio
    factor = (max(target_daily_liters, 1e-6) / _REFERENCE_LITERS) ** -_ABSENCE_POWER
    found.values["demand_absence_share"] = min(share * factor, _ABSENCE_MAX)
    again = expected_absence(absent[picks].mean(axis=1), len(liters), present_liters)
    found.intervals["demand_absence_share"] = _ends(np.minimum(again * factor, _ABSENCE_MAX))
    if SIZE_LAW_LITERS[0] <= target_daily_liters <= SIZE_LAW_LITERS[1]:
        _add_size(found, liters, picks)
    return found


def expected_absence(seen: F64, day_count: int, present_liters: float) -> F64:
    """Share of days away that a household will have, from the share seen and from others'.

    Parameters
    ----------
    seen : ndarray of float64
        Share of the days. [unitless]
    day_count : int
    present_liters : float
        Mean of a day at home: households that use little are away more. [liters/day]

    Notes
    -----
    A beta distribution with mean and variance of the shares of households is worth so many
    days; days seen count less than one each, because an absence lasts.
    """
    mean, worth = _usual_absence(present_liters)
    days = day_count / ABSENCE_DAYS
    return np.asarray((worth * mean + days * seen) / (worth + days), dtype=np.float64)


def _usual_absence(present_liters: float) -> tuple[float, float]:
    """Mean share of days away of households, and how many days it is worth."""
    median = _ABSENCE_MEDIAN * (max(present_liters, 1.0) / _REFERENCE_LITERS) ** _ABSENCE_POWER
    mean = min(median * float(np.exp(_ABSENCE_SIGMA**2 / 2.0)), _ABSENCE_MEAN_MAX)
    variance = mean * mean * float(np.expm1(_ABSENCE_SIGMA**2))
    return mean, max(mean * (1.0 - mean) / variance - 1.0, 1.0)


def _absence_variance(share: float, day_count: int, present_liters: float) -> float:
    """Variance of the share of days away, given the days seen. [unitless]"""
    _, worth = _usual_absence(present_liters)
    return share * (1.0 - share) / (worth + day_count / ABSENCE_DAYS + 1.0)


def leak_by_day(liters: F64) -> F64:
    """Flow that never stops, day by day: the least of six hours in a row. [liters/h]

    NaN on days on which these hours are not steady: somebody drew water in them.
    """
    stretches = np.lib.stride_tricks.sliding_window_view(liters, QUIET_HOURS, axis=1)
    mean = stretches.mean(axis=2)
    quiet = mean.argmin(axis=1)
    day = np.arange(len(liters))
    least, spread = mean[day, quiet], stretches[day, quiet].std(axis=1)
    return np.where(spread <= np.maximum(STEADY_LITERS, STEADY_FRACTION * least), least, np.nan)


def use_size_factor(liters: F64) -> float:
    """Size of uses against measured households', from the CV of hours with use; NaN without any."""
    used = liters[liters > 0]
    if len(used) < 2 or used.std() == 0:
        return float("nan")
    usual = _SIZE_CV * (used.mean() / _SIZE_LITERS) ** _SIZE_MEAN_POWER
    return float(np.clip((used.std() / used.mean() / usual) ** (1.0 / _SIZE_POWER), *SIZE_RANGE))


def _add_size(found: Process, liters: F64, picks: npt.NDArray[np.int64]) -> None:
    """Add the size of uses where it differs from what households are by themselves."""
    name = "demand_use_size_factor"
    used = liters[liters > 0]
    if len(used) >= MIN_USED_HOURS and np.mean(used <= 1.0) > MAX_DRIP_SHARE:
        found.warnings.append(f"many hours of a liter or less hide the sizes of uses: {name} stays 1")
        return
    if len(used) < MIN_USED_HOURS:
        found.warnings.append(f"{len(used)} hours with use: {name} needs {MIN_USED_HOURS}")
        return
    value = use_size_factor(liters)
    drawn = np.log([use_size_factor(liters[pick]) for pick in picks[:100]])
    wide = Z_95 * float(np.hypot(drawn.std(), _SIZE_LOG_SIGMA))
    low, high = value * np.exp(-wide), value * np.exp(wide)
    if low <= 1.0 <= high:
        found.warnings.append(f"{name} {value:.2f} is within what households differ by: it stays 1")
        return
    found.values[name] = value
    found.intervals[name] = ((float(low), float(high)),)


def _ends(drawn: F64) -> tuple[Interval, ...]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return ((float(low), float(high)),)
