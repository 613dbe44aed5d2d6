"""Hourly weights from few days: pulled toward what profiles are, as far as the data let them.

A month of one household is a sample.  Its weights are taken as a smooth departure from a
profile that is known beforehand (flat, or that of measured households or of design, at any
time of the day), seen through noise (`synthlab.fitting.noise`).  How far and how smoothly
weights depart, and from which profile, counts by how likely it makes the data: where they
do not look like a known profile it has no say.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt

from synthlab.fitting.noise import Seen
from synthlab.fitting.profile import MIN_WEIGHT, Z_95, Interval
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
DESIGN = (
    .6, .5, .5, .5, .6, .8, 1.2, 1.4, 1.3, 1.0, .9, .9,
    1.0, 1.0, 1.0, 1.0, 1.1, 1.3, 1.4, 1.3, 1.0, .9, .7, .6,
)
# fmt: on
"""Mean profile of measured households. Source: hourly meters, Alicante 2016-17. And two mild
peaks. Source: guide, section 7.1. [unitless]"""

_SIGMAS = (0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45)
_LENGTHS = (1.0, 1.5, 2.0, 3.0, 4.0)
_WHITES = (0.1, 0.35)
"""Departures among which the data choose: deviation of the root of a weight, correlation
length, share that is each hour's own. Assumed: up to anything. [unitless, h, unitless]"""
_WEEKEND_CORRELATION = 0.8  # Source: the same meters, weekdays and weekends of one household.
_FLAT_SHARE, _ON_TIME_SHARE = 0.2, 0.6
"""How often weights are about flat, and like a known profile at its own time of the day; the rest
are its other times. Assumed: the data soon outweigh it. [unitless]"""
_ROUNDS = 3  # The noise depends on the weights: after three rounds they stand.
_WIDER = 1.1
"""Deviations of weights / those of the Gaussian process: real profiles have steps that none of the
kernels has. Source: simulated, for 95 % of the weights to lie within. [unitless]"""


@dataclass(frozen=True, slots=True)
class Shape:
    """Weights with mean 1, and 2.5 % and 97.5 % of each.

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
    On the scale of square roots, sums of chance events spread nearly alike at every hour.
    There weights are a Gaussian process around a known profile, and the hours' means are
    it with noise: both have closed forms.
    """
    sides = [~days.is_weekend, days.is_weekend] if has_weekend else [np.ones(len(days.day), dtype=bool)]
    seen = [Seen.of(days, side) for side in sides]
    root = np.concatenate([one.root for one in seen])
    # Begun at the middle between what was seen and a flat day: an hour without any use has noise, too.
    weights = (root.reshape(-1, 24) ** 2 + 1.0) / 2.0
    for _ in range(_ROUNDS):
        noise = np.concatenate([one.noise(row) for one, row in zip(seen, weights, strict=True)])
        center, variance = _posterior(root, noise, len(sides))
        weights = np.maximum(np.maximum(center, 0.0) ** 2 + variance, MIN_WEIGHT).reshape(-1, 24)
        scale = weights.mean(axis=1, keepdims=True)
        weights = weights / scale
    wide = Z_95 * _WIDER * np.sqrt(variance)
    low = (np.maximum(center - wide, 0.0) ** 2).reshape(-1, 24) / scale
    high = (np.maximum(center + wide, wide) ** 2).reshape(-1, 24) / scale
    ends = tuple(
        tuple((min(float(a), float(w)), max(float(b), float(w))) for a, w, b in zip(*rows, strict=True))
        for rows in zip(low, weights, high, strict=True)
    )
    return Shape(weights, ends)


def _posterior(root: F64, noise: F64, sides: int) -> tuple[F64, F64]:
    """Mean and variance of the roots of weights, over all departures by how likely they make the data."""
    means, prior = _known_profiles(sides)
    kernels = _kernels(sides)
    inverse = np.linalg.inv(kernels + np.diag(noise))
    rest = root[:, None] - means
    solved = inverse @ rest
    evidence = -0.5 * ((rest * solved).sum(axis=1) - np.linalg.slogdet(inverse)[1][:, None]) + prior
    share = np.exp(evidence - evidence.max())
    share /= share.sum()
    centers = means + kernels @ solved
    center = (centers * share[:, None, :]).sum(axis=(0, 2))
    apart = ((centers - center[:, None]) ** 2 * share[:, None, :]).sum(axis=(0, 2))
    left = np.einsum("kii->ki", kernels) - ((kernels @ inverse) * kernels).sum(axis=2)
    return center, share.sum(axis=1) @ np.maximum(left, 0.0) + apart


@cache
def _known_profiles(sides: int) -> tuple[F64, F64]:
    """Roots of the profiles that are known beforehand, one a column, and the log of how often each is."""
    weekday, weekend, design = np.array(TYPICAL_WEEKDAY), np.array(TYPICAL_WEEKEND), np.array(DESIGN)
    if sides == 2:
        known = [np.stack([weekday, weekend]), np.stack([design, design])]
    else:
        known = [one[None, :] for one in (weekday, (5.0 * weekday + 2.0 * weekend) / 7.0, design)]
    columns = [np.ones((sides, 24))]
    shares = [_FLAT_SHARE]
    for profile, shift in product(known, range(24)):
        columns.append(np.roll(profile, shift, axis=1))
        late = (1.0 - _FLAT_SHARE - _ON_TIME_SHARE) / 23.0
        shares.append((_ON_TIME_SHARE if shift == 0 else late) / len(known))
    return np.sqrt(np.stack([column.ravel() for column in columns], axis=1)), np.log(shares)


@cache
def _kernels(sides: int) -> F64:
    """Covariances of departures between hours, on a circle of a day, one for each way to depart."""
    distance = np.abs(np.arange(24)[:, None] - np.arange(24))
    distance = np.minimum(distance, 24 - distance)
    alike = np.full((sides, sides), _WEEKEND_CORRELATION) + (1.0 - _WEEKEND_CORRELATION) * np.eye(sides)
    kernels = []
    for sigma, length, white in product(_SIGMAS, _LENGTHS, _WHITES):
        smooth = np.exp(-0.5 * (distance / length) ** 2)
        kernels.append(np.kron(alike, sigma * sigma * ((1.0 - white) * smooth + white * np.eye(24))))
    return np.stack(kernels)
