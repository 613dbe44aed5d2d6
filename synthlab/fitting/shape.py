"""Hourly weights from few days: pulled toward what households are, as far as the data let them.

A month of one household is a sample.  Its weights are taken as a smooth departure from a
profile that is known beforehand (flat, or the measured households' mean), seen through
noise whose size the days themselves show.  How far and how smoothly weights depart, and
from which profile, counts by how likely it makes the data: where they do not look like
the known profile it has no say.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from synthlab.fitting.profile import MIN_WEIGHT, Interval
from synthlab.fitting.readings import Days

F64 = npt.NDArray[np.float64]

# fmt: off
TYPICAL_WEEKDAY = (
    .736, .402, .189, .084, .058, .090, .210, 1.325, 1.703, 1.443, 1.139, 1.161,
    1.003, 1.151, 1.124, 1.115, 1.053, 1.029, 1.059, 1.378, 1.783, 2.063, 1.574, 1.130,
)
TYPICAL_WEEKEND = (
    .691, .472, .278, .138, .093, .089, .103, .178, .390, 1.089, 1.810, 2.051,
    2.238, 2.005, 1.443, 1.138, .981, 1.050, .983, 1.175, 1.524, 1.728, 1.372, .981,
)
# fmt: on
"""Mean profile of measured households. Source: hourly meters, Alicante 2016-17. [unitless]"""

_SIGMAS = (0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)
_LENGTHS = (0.7, 1.0, 1.5, 2.0, 3.0, 4.0)
_WHITES = (0.1, 0.3, 0.6)
"""Departures among which the data choose: deviation of the root of a weight, correlation
length, share that is each hour's own. Assumed: up to anything. [unitless, h, unitless]"""
_WEEKEND_CORRELATION = 0.8  # Source: the same meters, weekdays and weekends of one household.
HABIT_INFLATION = 1.5
"""Variance of a month's hours against that of independent days: habits stay for weeks.
Source: simulated, 1.4 (900 liters a day) to 1.9 (250). [unitless]"""
_LEAST_NOISE = 1e-9  # Data without noise are taken as they are.
_Z = 1.6449  # Two ends that leave a tenth out.


@dataclass(frozen=True, slots=True)
class Shape:
    """Weights with mean 1, and 5 % and 95 % of each.

    Attributes
    ----------
    weights : ndarray of float64, shape (n, 24)
        One row, or two: weekdays, weekends. [unitless]
    intervals : tuple of tuple of (float, float)
    """

    weights: F64
    intervals: tuple[tuple[Interval, ...], ...]


def fit_shape(days: Days, *, has_weekend: bool) -> Shape:
    """Estimate the weights of an hour of the day, of weekdays and weekends apart or of all days.

    Notes
    -----
    On the scale of square roots, sums of chance events spread alike at every hour. There
    weights are a Gaussian process around a known profile, and the hours' means are it with
    noise: both have closed forms.
    """
    sides = [~days.is_weekend, days.is_weekend] if has_weekend else [np.ones(len(days.day), dtype=bool)]
    root, noise = (
        np.concatenate(part)
        for part in zip(*(_seen(days.liters[side], days.hours[side]) for side in sides), strict=True)
    )
    center, variance = _posterior(root, noise, len(sides))
    weights = np.maximum(np.maximum(center, 0.0) ** 2 + variance, MIN_WEIGHT).reshape(-1, 24)
    scale = weights.mean(axis=1, keepdims=True)
    wide = _Z * np.sqrt(variance)
    low = (np.maximum(center - wide, 0.0) ** 2).reshape(-1, 24) / scale
    high = (np.maximum(center + wide, wide) ** 2).reshape(-1, 24) / scale
    weights = weights / scale
    ends = tuple(
        tuple((min(float(a), float(w)), max(float(b), float(w))) for a, w, b in zip(*rows, strict=True))
        for rows in zip(low, weights, high, strict=True)
    )
    return Shape(weights, ends)


def _seen(liters: F64, hours: F64) -> tuple[F64, F64]:
    """Root of each hour's weight as seen, and the variance of its noise."""
    total, seen = liters.sum(axis=0), hours.sum(axis=0)
    # A level's noise can make an hour's draws negative.
    rate = np.maximum(total, 0.0) / np.maximum(seen, 1e-9)
    known = seen > 0
    mean = max(float(rate[known].mean()), 1e-12) if known.any() else 1e-12
    rest = (liters - rate * hours) ** 2
    count = max(len(liters) - 1, 1)
    # Variance in proportion to the mean: one number of all hours, because one hour's is rough.
    per_liter = float(rest.sum()) / max(float(total.sum()), 1e-12) * len(liters) / count
    noise = HABIT_INFLATION * per_liter / (4.0 * np.maximum(seen, 1e-6) * mean)
    return np.sqrt(np.where(known, rate / mean, 1.0)), np.maximum(noise, _LEAST_NOISE)


def _posterior(root: F64, noise: F64, sides: int) -> tuple[F64, F64]:
    """Mean and variance of the roots of weights, over all departures by how likely they make the data."""
    means = _known_profiles(sides)
    evidence, centers, variances = [], [], []
    for sigma, length, white in product(_SIGMAS, _LENGTHS, _WHITES):
        kernel = _kernel(sigma, length, white, sides)
        total = kernel + np.diag(noise)
        rest = root[:, None] - means
        # Solved, not inverted: the noise of hours that nobody saw is as good as infinite.
        solved = np.linalg.solve(total, np.concatenate([rest, kernel], axis=1))
        count = means.shape[1]
        evidence.append(-0.5 * ((rest * solved[:, :count]).sum(axis=0) + np.linalg.slogdet(total)[1]))
        centers.append((means + kernel @ solved[:, :count]).T)
        variances.append(np.maximum(np.diag(kernel) - (kernel * solved[:, count:]).sum(axis=0), 0.0))
    likely = np.array(evidence)
    share = np.exp(likely - likely.max())
    share /= share.sum()
    center = np.einsum("ij,ijk->k", share, np.array(centers))
    apart = np.einsum("ij,ijk->k", share, (np.array(centers) - center) ** 2)
    return center, share.sum(axis=1) @ np.array(variances) + apart


def _known_profiles(sides: int) -> F64:
    """Roots of the profiles that are known beforehand, one a column."""
    weekday, weekend = np.array(TYPICAL_WEEKDAY), np.array(TYPICAL_WEEKEND)
    if sides == 2:
        columns = [np.ones(48), np.concatenate([weekday, weekend])]
    else:
        columns = [np.ones(24), weekday, (5.0 * weekday + 2.0 * weekend) / 7.0]
    return np.sqrt(np.stack(columns, axis=1))


def _kernel(sigma: float, length: float, white: float, sides: int) -> F64:
    """Covariance of departures between hours, on a circle of a day."""
    distance = np.abs(np.arange(24)[:, None] - np.arange(24))
    distance = np.minimum(distance, 24 - distance)
    day = sigma * sigma * ((1.0 - white) * np.exp(-0.5 * (distance / length) ** 2) + white * np.eye(24))
    alike = np.full((sides, sides), _WEEKEND_CORRELATION) + (1.0 - _WEEKEND_CORRELATION) * np.eye(sides)
    return np.asarray(np.kron(alike, day))
