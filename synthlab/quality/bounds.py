"""Whether all values lie in a span, told in as few passes as there can be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]

NONE: I64 = np.empty(0, np.int64)
"""No rows."""

_INFINITY_BITS = int(np.array(np.inf).view(np.uint64))

# Values whose squares are added up at once. Assumed: few enough that many tiny ones stay below a limit.
_SQUARED = 4_096
# How much of a limit's square such a sum may reach. Assumed: beyond what rounding of 4,096 sums loses.
_SURE_SHARE = 0.9


def largest(values: npt.NDArray[np.float64]) -> float:
    """Return the largest of values that are 0 or more; null where one is negative or null.

    Read as whole numbers, floats from +0 to infinity keep their order, and negative ones
    and nulls lie above them all: so one maximum tells both ends.
    """
    bits = np.maximum.reduce(values.view(np.uint64), initial=0)
    return float(bits.view(np.float64)) if bits <= _INFINITY_BITS else np.nan


def are_null(values: npt.NDArray[np.float64]) -> bool:
    """Say whether all values are null."""
    # As whole numbers nulls lie above infinity, or, with their sign set, are negative.
    return bool(values.view(np.int64).min() > _INFINITY_BITS) or bool(np.isnan(values).all())


def are_near_zero(values: npt.NDArray[np.floating[Any]], limit: float) -> bool:
    """Say whether it is sure that no value is farther from 0 than a limit; a null is.

    One pass: a sum of squares is no smaller than any of them.
    """
    most = _SURE_SHARE * limit * limit if limit > 0 else 0.0
    whole = len(values) // _SQUARED * _SQUARED
    blocks = values[:whole].reshape(-1, _SQUARED)
    if not np.maximum.reduce(np.vecdot(blocks, blocks), initial=0) <= most:
        return False
    rest = values[whole:]
    return bool(np.vecdot(rest, rest) <= most)


def within(values: npt.NDArray[Any], low: float, high: float) -> bool:
    """Say whether all values lie in ``[low, high]``; a null does not."""
    if not len(values):
        return True
    if values.dtype == np.float64 and low <= 0 and largest(values) <= high:
        return True
    return bool(low <= values.min() and values.max() <= high)


def outside(values: npt.NDArray[Any], low: float, high: float, *, first_row: int) -> I64:
    """Return the rows whose value is not in ``[low, high]``; a null is not.

    Parameters
    ----------
    values : ndarray
    low, high : float
    first_row : int
        Row of the first value.
    """
    if not len(values):
        return NONE
    least, most = np.minimum.reduce(values), np.maximum.reduce(values)
    if low <= least and most <= high:
        return NONE
    if values.dtype.kind in "iu" and math.isfinite(low) and math.isfinite(high):
        # Compared with a fraction, whole numbers would first be copied as fractions.
        low, high = math.ceil(low), math.floor(high)
    return np.flatnonzero(~((values >= low) & (values <= high))) + first_row


def far_from_zero(values: npt.NDArray[np.floating[Any]], limit: float, *, first_row: int) -> I64:
    """Return the rows whose value is farther from 0 than a limit; a null is."""
    if are_near_zero(values, limit):
        return NONE
    return outside(values, -limit, limit, first_row=first_row)
