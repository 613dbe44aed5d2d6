"""Gaussian building blocks of the slow and the periodic parts of a household's life."""

from __future__ import annotations

from functools import cache
from math import erf, exp, sqrt

import numpy as np
import numpy.typing as npt

from synthlab.randomness import F32, U64, draws, single_normals, ticks

F64 = npt.NDArray[np.float64]

_PROBIT_REACH = 6.0
_PROBIT_STEP = 0.005
_KERNEL_CUT = 1e-9  # Assumed: such a weight moves no threshold.


def probit(prob: F64) -> F64:
    """Quantile of the standard normal, to 1e-4 sigma between .0001 and .9999.

    Meant for thresholds: it decides, and never becomes a value of the frame.
    """
    cdf, z = _normal_cdf()
    return np.interp(prob, cdf, z)


def normal_cdf(z: F64 | F32) -> F64:
    """Probability below a standard normal value, to 1e-6; decides, as `probit` does."""
    cdf, at = _normal_cdf()
    return np.interp(z, at, cdf)


@cache
def _normal_cdf() -> tuple[F64, F64]:
    count = round(2 * _PROBIT_REACH / _PROBIT_STEP)
    z = [-_PROBIT_REACH + i * _PROBIT_STEP for i in range(count + 1)]
    return np.array([0.5 * (1.0 + erf(value / sqrt(2.0))) for value in z]), np.array(z)


@cache
def circular_kernel(node_count: int, length: float) -> F64:
    """Weights that turn white noise on a circle to a Gaussian process of variance 1.

    Parameters
    ----------
    node_count : int
    length : float
        Correlation falls to exp(-1/2) at this distance. [nodes]

    Returns
    -------
    ndarray of float64, shape (node_count, node_count)
        ``kernel @ noise`` is the process (see `circular_process`), ``kernel @ kernel.T``
        its covariance.
    """
    distance = [min(i, node_count - i) for i in range(node_count)]
    weights = np.array([exp(-((d / length) ** 2)) for d in distance])
    weights /= sqrt(float((weights * weights).sum()))
    return np.stack([np.roll(weights, i) for i in range(node_count)])


def circular_process(noise: F64, length: float) -> F64:
    """Smooth white noise along a circle, its first axis, to variance 1.

    Notes
    -----
    A sum in fixed order, not a matrix product: how BLAS sums depends on the number
    of columns, and a device may not depend on how many others there are.
    """
    count = len(noise)
    weights = circular_kernel(count, length)[0]
    doubled = np.concatenate([noise, noise])
    total = np.zeros_like(noise)
    for lag in np.flatnonzero(weights > _KERNEL_CUT).tolist():
        total += weights[lag] * doubled[lag : lag + count]
    return total


def fixed_normals(keys: U64, count: int) -> F64:
    """Draw standard normals that a device keeps for life, shape (count, n_devices)."""
    return single_normals(draws(ticks(0, np.arange(count))[:, None], keys)).astype(np.float64)


def log_normal_mean_one(value: F64 | F32, sigma: float | F64) -> F64:
    """Return ``exp(sigma value - sigma^2 / 2)``, whose mean is 1 for a standard normal value."""
    factor: F64 = np.exp(value * sigma - np.square(sigma) / 2.0)
    return factor
