"""Quality flags and how they combine."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.int8]


class Flag(IntEnum):
    """Verdict of one check on one row.

    Source: IOOS QARTOD, "Flags", primary level; domain facts, section 6.
    """

    GOOD = 1
    """Checked, and as it should be."""
    UNKNOWN = 2
    """Not checked: something that the check needs is not there."""
    SUSPECT = 3
    """Beyond what is usual: look at it."""
    FAIL = 4
    """Cannot be: never approve it unseen."""
    MISSING = 9
    """There is no value to check."""


PRECEDENCE = (Flag.MISSING, Flag.UNKNOWN, Flag.GOOD, Flag.SUSPECT, Flag.FAIL)
"""Weakest first: of several checks on one row, the strongest verdict is the row's."""

# Rank by flag value, so that combining is one look-up; unused values rank below all.
_RANK = np.zeros(max(Flag) + 1, np.int8)
_RANK[list(PRECEDENCE)] = np.arange(1, len(PRECEDENCE) + 1)
_FLAG_OF_RANK = np.array([0, *PRECEDENCE], np.int8)


def combine(*flags: npt.ArrayLike) -> Flags:
    """Return the strongest flag of each row, by `PRECEDENCE`.

    Parameters
    ----------
    *flags : array_like of int
        Flags of the same rows by several checks; at least one array.

    Examples
    --------
    >>> combine([1, 1, 9, 2], [1, 4, 9, 1]).tolist()
    [1, 4, 9, 1]
    """
    ranks = [_RANK[np.asarray(values, np.int8)] for values in flags]
    return _FLAG_OF_RANK[np.maximum.reduce(ranks)]


def good(row_count: int) -> Flags:
    """Return `row_count` flags GOOD."""
    return np.full(row_count, Flag.GOOD, np.int8)


def all_of(flag: Flag, row_count: int) -> Flags:
    """Return `row_count` times one flag, to be read only: they take no memory."""
    return np.broadcast_to(np.int8(flag), row_count)


def unknown(row_count: int) -> Flags:
    """Return `row_count` flags UNKNOWN."""
    return np.full(row_count, Flag.UNKNOWN, np.int8)


def by_limits(suspect: npt.NDArray[Any], fail: npt.NDArray[Any]) -> Flags:
    """Return GOOD, SUSPECT or FAIL from two masks; FAIL wins."""
    flags = np.ones(len(suspect), np.int8)
    flags[suspect] = Flag.SUSPECT
    flags[fail] = Flag.FAIL
    return flags
