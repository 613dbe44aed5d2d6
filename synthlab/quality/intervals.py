"""The mean of a small sample, and how sure it is: Student's interval.

Examples
--------
>>> import numpy as np
>>> found = mean_interval(np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
>>> found.mean, round(found.low, 3), round(found.high, 3)
(3.0, 1.037, 4.963)
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
"""Share of intervals that hold the true mean. Source: issue of the tendency report."""

_GRID_POINTS = 20_001
"""Points of the integral. Assumed: enough for seven digits of the quantile."""


class Interval(NamedTuple):
    """Mean of a sample with its interval; NaN where the sample is too small."""

    mean: float
    sd: float
    low: float
    high: float


def mean_interval(values: npt.NDArray[np.float64], *, confidence: float = CONFIDENCE) -> Interval:
    """Return mean, standard deviation and the mean's interval by Student's t.

    Parameters
    ----------
    values : ndarray of float64
        NaN is left out.  One value has a mean only, none has nothing.
    confidence : float
        [0..1]
    """
    known = values[~np.isnan(values)]
    size = len(known)
    if size == 0:
        return Interval(math.nan, math.nan, math.nan, math.nan)
    mean = float(known.mean())
    if size == 1:
        return Interval(mean, math.nan, math.nan, math.nan)
    sd = float(known.std(ddof=1))
    half = student_quantile(size - 1, confidence) * sd / math.sqrt(size)
    return Interval(mean, sd, mean - half, mean + half)


@cache
def student_quantile(degrees: int, confidence: float = CONFIDENCE) -> float:
    r"""Return the t with :math:`P(|T| \le t)` = confidence.

    Parameters
    ----------
    degrees : int
        Degrees of freedom, at least 1.
    confidence : float
        [0..1]

    Notes
    -----
    With :math:`t = \sqrt{\nu} \tan\theta` the density becomes
    :math:`\cos^{\nu - 1}\theta` on a finite range, which a plain sum integrates:
    this package needs no statistics library for one number.
    """
    theta = np.linspace(0.0, np.pi / 2, _GRID_POINTS)
    density = np.cos(theta) ** (degrees - 1)
    share = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return math.sqrt(degrees) * math.tan(float(np.interp(confidence, share / share[-1], theta)))
