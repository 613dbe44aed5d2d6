"""How far the hours of some days lie from a household's weights: chance from day to day, and habits.

Days show how much an hour varies between them.  Habits last for weeks, so the days of one
month share them and do not show them: their part is a law, found by simulation.  Several
households show both, by how far they differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from synthlab.fitting.readings import Days, cell_sums

F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SIZE_POWER, _POWER_SIGMA, _POWER_MAX = 0.3, 0.15, 0.8
"""Variance of an hour's liters between days / their mean goes with such a power of the weight: quiet
hours have the small uses. Source: simulated, 3,960 households of eleven profiles. [unitless]"""
_SCATTER = 1.0  # Assumed: log deviation of the variance that a month of one hour shows.

HABIT_VARIANCE, HABIT_USES, HABIT_FADE_USES = 0.6, 0.065, 0.8
"""Relative variance that habits add to a month's mean of an hour with u uses,
``.6 / (1 + u / .065) exp(-u / .8)``; an hour with many uses is never missed. u counts in uses of the
size that chance shows, variance / mean. Source: the same, 100 to 3,000 liters a day. [unitless]"""
HABIT_DAYS = 40.0
"""Habits drift: of more days than a month, less is left. Source: `synthlab.model.habits`. [days]"""
_MONTH_DAYS = 30.0
MANY_HOUSEHOLDS = 5
"""From here on households show themselves how far they differ. Assumed."""
_LEAST_NOISE, _MOST_NOISE = 1e-9, 1e3
"""Data without noise are taken as they are; an hour that nobody saw may be anything. [unitless]"""
_LEAST_WEIGHT = 0.02  # Assumed: below it, noise is no smaller.


@dataclass(frozen=True, slots=True)
class Seen:
    """What the days of one side (weekdays, weekends, or all) show, by hour of the day.

    Attributes
    ----------
    root : ndarray of float64, shape (24,)
        Root of the weight as seen. [unitless]
    hours : ndarray of float64, shape (24,)
        How much of each hour was seen, over days and households. [h]
    liters_per_hour : float
        Mean of a household. [liters/h]
    size_liters, size_power : float
        Variance between days / mean, at weight 1, and the power of the weight it goes with.
    habit_share : float
        Variance by habits of the mean of these days and households / of one household's month.
    scale : float
        Variance that households show / the variance that chance and habits give.
    """

    root: F64
    hours: F64
    liters_per_hour: float
    size_liters: float
    size_power: float
    habit_share: float
    scale: float = 1.0

    @classmethod
    def of(cls, days: Days, side: Bools) -> Seen:
        """Sum up one side."""
        liters, hours = days.liters[side], days.hours[side]
        total, seen = liters.sum(axis=0), hours.sum(axis=0)
        # A level's noise can make an hour's draws negative.
        rate = np.maximum(total, 0.0) / np.maximum(seen, 1e-9)
        known = seen > 0
        mean = max(float(rate[known].mean()), 1e-12) if known.any() else 1e-12
        weight = np.where(known, rate / mean, 1.0)
        size, power = _size_law(liters, hours, rate, weight)
        by_home = _by_household(days, side)
        volume = np.maximum(by_home[0].sum(axis=1), 0.0)
        alone = float((volume**2).sum() / max(volume.sum() ** 2, 1e-12))
        fade = _persistence(float(np.ptp(days.day[side])) + 1.0) if len(liters) else 1.0
        found = cls(np.sqrt(weight), seen, mean, size, power, fade * alone)
        if len(volume) < MANY_HOUSEHOLDS:
            return found
        return replace(found, scale=_unlike(*by_home, found))

    def noise(self, weight: F64) -> F64:
        """Variance of each root, if these are the weights.

        Parameters
        ----------
        weight : ndarray of float64, shape (24,)
            Mean 1. [unitless]
        """
        weight = np.maximum(weight, _LEAST_WEIGHT)
        relative = self.scale * self.relative_variance(weight, self.hours, self.habit_share)
        # Of a root: a quarter of the relative variance, times the weight.
        return np.clip(relative * weight / 4.0, _LEAST_NOISE, _MOST_NOISE)

    def relative_variance(self, weight: F64, hours: F64, habit_share: float) -> F64:
        """Relative variance of means of so many hours, by chance and by habits."""
        size = self.size_liters * weight**self.size_power
        liters = weight * self.liters_per_hour
        by_chance = size / (np.maximum(hours, 1e-6) * liters)
        uses = liters / np.maximum(size, 1e-12)
        by_habit = HABIT_VARIANCE / (1.0 + uses / HABIT_USES) * np.exp(-uses / HABIT_FADE_USES)
        return np.asarray(by_chance + habit_share * by_habit, dtype=np.float64)


def _size_law(liters: F64, hours: F64, rate: F64, weight: F64) -> tuple[float, float]:
    """Variance between days / mean, at weight 1, and the power of the weight it goes with.

    The variance of one hour is rough, so all hours tell one line, of a slope near the usual one.
    """
    count = max(len(liters) - 1, 1)
    rest = ((liters - rate * hours) ** 2).sum(axis=0) * len(liters) / count
    total = np.maximum(liters.sum(axis=0), 0.0)
    told = (rest > 0.0) & (total > 0.0)
    if not told.any():
        return 0.0, SIZE_POWER
    x, y = np.log(weight[told]), np.log(rest[told] / total[told])
    # Of hours without much use a few days tell the least.
    by = np.minimum(weight[told], 1.0)
    x -= np.average(x, weights=by)
    by *= len(liters) / _MONTH_DAYS / _SCATTER**2
    sure, usual = float((by * x * x).sum()), 1.0 / _POWER_SIGMA**2
    slope = (float((by * x * y).sum()) + usual * SIZE_POWER) / (sure + usual)
    power = min(max(slope, 0.0), _POWER_MAX)
    usual_rest = float((total * np.maximum(weight, _LEAST_WEIGHT) ** power).sum())
    return float(rest.sum()) / usual_rest, power


def _persistence(span_days: float) -> float:
    """Variance that drifting habits leave in a mean of so many days / that in a month's."""

    def left(days: float) -> float:
        part = HABIT_DAYS / days
        return 2.0 * part - 2.0 * part**2 * (1.0 - float(np.exp(-days / HABIT_DAYS)))

    return left(max(span_days, 1.0)) / left(_MONTH_DAYS)


def _by_household(days: Days, side: Bools) -> tuple[F64, F64]:
    """Liters and hours seen of each household, shape (n_households, 24)."""
    names, device = np.unique(days.device[side], return_inverse=True)
    cell, size = (device[:, None] * 24 + np.arange(24)).ravel(), len(names) * 24
    liters, hours = (cell_sums(cell, part[side].ravel(), size) for part in (days.liters, days.hours))
    return liters.reshape(-1, 24), hours.reshape(-1, 24)


def _unlike(liters: F64, hours: F64, seen: Seen) -> float:
    """Variance between households' own weights / what chance and habits explain, at least 1.

    More is left where each has a profile of its own.
    """
    rate = np.maximum(liters, 0.0) / np.maximum(hours, 1e-9)
    mean = rate.mean(axis=1)
    used = mean > 0.0
    if used.sum() < MANY_HOUSEHOLDS:
        return 1.0
    share = mean[used] / mean[used].sum()
    own = rate[used] / mean[used][:, None]
    weight = np.maximum(share @ own, _LEAST_WEIGHT)
    # As the mean household's weights vary: by the households' shares of the volume.
    shown = (share[:, None] ** 2 * (own - weight) ** 2).sum(axis=0)
    given = weight**2 * seen.relative_variance(weight, seen.hours, seen.habit_share)
    return max(float(shown.sum() / max(given.sum(), 1e-12)), 1.0)
