"""Days summed by hour of the week: smoothed, resampled, and how far they tell a mean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from synthlab.fitting.readings import Days, cell_sums

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Interval = tuple[float, float]

BANDWIDTHS = (0.0, 0.4, 0.6, 0.8, 1.0, 1.4, 2.0, 3.0)
"""Widths among which the data choose; 0 keeps every hour as it is. Assumed: up to a working day. [h]"""

FOLDS = 5
REPLICATES = 400
"""Resampled histories behind an interval. Assumed: ends known to a twentieth of the width."""
Z_95 = 1.96
"""Two ends that leave a twentieth out. [standard deviations]"""
PERMUTATIONS = 400
WEEKEND_LEVEL = 0.05
"""Weekends get weights of their own where chance gives such a difference less often. Assumed."""
_TEST_WIDTH = 1.0  # Assumed: habits are not kept to the hour. [h]
MIN_WEEKEND_DAYS = 4
SLOW_SHARE = 0.15
"""Variance between months / that between days at home of one household. Source: simulated, 3,960
months of 100 to 3,000 liters a day: .10 to .16. [unitless]"""
MONTH_DAYS = 30
_TOLD_HOURS = 12.0  # Assumed: half a day tells what a day is. [h]
_SLOW_FREEDOM = 30  # Assumed: a month's days tell their variance so well.
# A weight of zero is no weight: the scenario wants positive ones. Assumed: a hundredth of the mean.
MIN_WEIGHT = 0.01


@dataclass(frozen=True, slots=True)
class Presence:
    """What is known of the days on which nobody is there.

    Attributes
    ----------
    away_liters : float
        A day of no more is one of them; nothing is known where negative. [liters/day]
    ratio : float
        Expected presence / that of the days seen. [unitless]
    variance : float
        Relative variance of the expected presence. [unitless]
    """

    away_liters: float = -1.0
    ratio: float = 1.0
    variance: float = 0.0


@dataclass(frozen=True, slots=True)
class Blocks:
    """Days summed by block (a week, or a day, of a device) and hour of the week.

    Attributes
    ----------
    liters, hours : ndarray of float64, shape (n_blocks, 7, 24)
        What was used, and how much of the time was seen. [liters, h]
    """

    liters: F64
    hours: F64

    @classmethod
    def of(cls, days: Days, *, length_days: int) -> Blocks:
        """Sum days to blocks of `length_days` that start on Mondays, device by device."""
        number = (days.day + 3) // length_days
        _, block = np.unique(np.stack([days.device, number]), axis=1, return_inverse=True)
        cell = (block * 7 + days.weekday)[:, None] * 24 + np.arange(24)
        shape = (int(block.max()) + 1, 7, 24)
        size = int(np.prod(shape))
        return cls(
            cell_sums(cell.ravel(), days.liters.ravel(), size).reshape(shape),
            cell_sums(cell.ravel(), days.hours.ravel(), size).reshape(shape),
        )

    def resampled(self, rng: np.random.Generator, replicates: int) -> tuple[F64, F64]:
        """Draw histories of as many blocks, with replacement: sums, (replicates, 7, 24)."""
        count = len(self.liters)
        times = rng.multinomial(count, np.full(count, 1.0 / count), size=replicates).astype(np.float64)
        liters = times @ self.liters.reshape(count, -1)
        hours = times @ self.hours.reshape(count, -1)
        return liters.reshape(-1, 7, 24), hours.reshape(-1, 7, 24)


def profile_of(liters: F64, hours: F64, bandwidth: float) -> F64:
    """Mean liters of an hour over the last axis but one (days), smoothed, with mean 1.

    Parameters
    ----------
    liters, hours : ndarray of float64, shape (..., n_days, 24)
    bandwidth : float
        [h]
    """
    total, seen = liters.sum(axis=-2), hours.sum(axis=-2)
    kernel = smoothing_kernel(bandwidth)
    # An hour that was never seen takes its neighbors' mean.
    wide = smoothing_kernel(max(bandwidth, 1.0))
    mean = np.where(
        seen > 0, total / np.maximum(seen, 1e-9), (total @ wide.T) / np.maximum(seen @ wide.T, 1e-9)
    )
    smooth = mean @ kernel.T
    scale = np.maximum(smooth.mean(axis=-1, keepdims=True), 1e-12)
    weights: F64 = np.maximum(smooth / scale, MIN_WEIGHT)
    return weights / weights.mean(axis=-1, keepdims=True)


@lru_cache(maxsize=32)
def smoothing_kernel(bandwidth: float) -> F64:
    """Circular Gaussian smoothing of 24 hours, rows sum to 1, shape (24, 24)."""
    if bandwidth <= 0:
        return np.eye(24)
    distance = np.abs(np.arange(24)[:, None] - np.arange(24))
    distance = np.minimum(distance, 24 - distance)
    kernel = np.exp(-0.5 * (distance / bandwidth) ** 2)
    return kernel / kernel.sum(axis=1, keepdims=True)


def choose_bandwidth(liters: F64, hours: F64) -> float:
    """Choose the smoothing that predicts left-out days best.

    Parameters
    ----------
    liters, hours : ndarray of float64, shape (n_days, 24)
    """
    if len(liters) < 2 * FOLDS:
        return 1.0
    fold = np.arange(len(liters)) % FOLDS
    error = np.zeros(len(BANDWIDTHS))
    for left_out in range(FOLDS):
        test = fold == left_out
        truth = profile_of(liters[test], hours[test], 0.0)
        for index, bandwidth in enumerate(BANDWIDTHS):
            guess = profile_of(liters[~test], hours[~test], bandwidth)
            error[index] += ((guess - truth) ** 2).sum()
    return BANDWIDTHS[int(np.argmin(error))]


def weekend_differs(days: Days, rng: np.random.Generator) -> bool:
    """Tell whether weekends have another shape than two days in a row elsewhere in the week.

    Each week's weekend is moved at random, by whole days: neighbors are alike, so single
    days of chance would differ less from the rest than any two days in a row do.
    """
    weekend = days.is_weekend
    if weekend.sum() < MIN_WEEKEND_DAYS or (~weekend).sum() < MIN_WEEKEND_DAYS:
        return False

    def difference(marks: npt.NDArray[np.bool_]) -> F64:
        sides = []
        for side in (marks, ~marks):
            share = side.astype(np.float64)
            sides.append(
                profile_of((share @ days.liters)[:, None, :], (share @ days.hours)[:, None, :], _TEST_WIDTH)
            )
        gap: F64 = ((sides[0] - sides[1]) ** 2).sum(axis=-1)
        return gap

    _, week = np.unique(np.stack([days.device, (days.day + 3) // 7]), axis=1, return_inverse=True)
    moved = rng.integers(7, size=(PERMUTATIONS, int(week.max()) + 1))
    shuffled = (days.weekday + moved[:, week.ravel()]) % 7 >= 5
    seen = difference(weekend[None, :])[0]
    return bool((difference(shuffled) >= seen).mean() < WEEKEND_LEVEL)


def weekday_levels(liters: F64, hours: F64, shapes: F64) -> F64:
    """Liters of a day by day of the week, shape (..., 7); partly seen days count by their part.

    Parameters
    ----------
    liters, hours : ndarray of float64, shape (..., 7, 24)
    shapes : ndarray of float64, shape (..., 7, 24)
        Profile of each day of the week, mean 1.
    """
    exposure = (hours * shapes).sum(axis=-1)
    total = liters.sum(axis=-1)
    level = 24.0 * total / np.maximum(exposure, 1e-9)
    # A day of the week that was never seen is like the others.
    whole = 24.0 * total.sum(axis=-1, keepdims=True) / np.maximum(exposure.sum(axis=-1, keepdims=True), 1e-9)
    return np.where(exposure > 0.5, level, whole)


def intervals(value: F64, drawn: F64, block_count: int) -> tuple[Interval, ...]:
    """Put 2.5 % and 97.5 % around values, from resampled ones.

    Parameters
    ----------
    value : ndarray of float64, shape (n,)
    drawn : ndarray of float64, shape (n_replicates, n)
    block_count : int
        Few blocks know their own spread badly: Student's t, not the normal.
    """
    rest = max(block_count - 1, 1)
    t = _student(rest)
    # Square roots: sums of chance events spread alike on that scale, and 0 stays in reach.
    wide = t * np.sqrt(np.maximum(drawn, 0.0)).std(axis=0) * np.sqrt(block_count / rest)
    root = np.sqrt(value)
    low, high = np.maximum(root - wide, 0.0) ** 2, (root + wide) ** 2
    return tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))


def target_interval(days: Days, target: float, sampled: float, presence: Presence) -> Interval:
    """Put 2.5 % and 97.5 % around a mean day, from what months do, or what weeks show if that is more.

    Parameters
    ----------
    days : Days
    target : float
        [liters]
    sampled : float
        Deviation of resampled means / target. [unitless]
    presence : Presence
        What is known of absences.

    Notes
    -----
    Weeks of one month are alike: habits and seasons last longer.  The mean of T days with a
    CV of c departs from the household's own by ``c sqrt(1/T + s min(1, 30/T))``, s the
    `SLOW_SHARE`, and absences, which are no days of this kind, by what they may have been.
    """
    seen = days.hours.sum(axis=1)
    total = 24.0 * days.liters.sum(axis=1) / np.maximum(seen, 1e-9)
    told = np.flatnonzero((seen >= min(_TOLD_HOURS, float(seen.max()))) & (total > presence.away_liters))
    if not len(told):
        return 0.0, np.inf
    device, counts = np.unique(days.device[told], return_inverse=True, return_counts=True)[1:]
    mean = np.bincount(device, total[told]) / counts
    rest = total[told] - mean[device]
    free = max(len(told) - len(counts), 1)
    variance = float((rest**2).sum()) / free / float(mean.mean()) ** 2
    span = max(len(days.day) / len(counts), 1.0)
    slow = variance * (1.0 / span + SLOW_SHARE * min(1.0, MONTH_DAYS / span)) / len(counts)
    wide = _student(min(free, _SLOW_FREEDOM)) * np.sqrt(max(slow + presence.variance, sampled**2))
    return target * float(np.exp(-wide)), target * float(np.exp(wide))


def _student(freedom: int) -> float:
    """97.5 % of Student's t, by Cornish and Fisher's expansion: within 1 % from 4 degrees on."""
    z = Z_95
    return float(z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2))


def shrunk(values: F64, spread: F64) -> F64:
    """Pull factors with mean 1 toward 1 as far as chance alone explains them.

    Parameters
    ----------
    values : ndarray of float64
        Factors.
    spread : ndarray of float64
        Standard error of each.

    Notes
    -----
    Empirical Bayes: the variance between factors is what is left of the observed one
    when the mean error is taken away; each is kept by its share of that.
    """
    between = max(float(np.mean((values - 1.0) ** 2 - spread**2)), 0.0)
    if between == 0.0:
        return np.ones_like(values)
    pulled = 1.0 + (values - 1.0) * between / (between + spread**2)
    return np.asarray(pulled / pulled.mean(), dtype=np.float64)
