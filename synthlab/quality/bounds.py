"""Whether all values lie in a span, told in as few passes as there can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]

NONE: I64 = np.empty(0, np.int64)
"""No rows."""

_INFINITY_BITS = int(np.array(np.inf).view(np.uint64))


def largest(values: npt.NDArray[np.float64]) -> float:
    """Return the largest of values that are 0 or more; null where one is negative or null.

    Read as whole numbers, floats from +0 to infinity keep their order, and negative ones
    and nulls lie above them all: so one maximum tells both ends.
    """
    bits = values.view(np.uint64).max(initial=0)
    return float(bits.view(np.float64)) if bits <= _INFINITY_BITS else np.nan


def are_null(values: npt.NDArray[np.float64]) -> bool:
    """Say whether all values are null."""
    # As whole numbers nulls lie above infinity, or, with their sign set, are negative.
    return bool(values.view(np.int64).min() > _INFINITY_BITS) or bool(np.isnan(values).all())


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
    if not len(values) or (low <= values.min() and values.max() <= high):
        return NONE
    return np.flatnonzero(~((values >= low) & (values <= high))) + first_row
