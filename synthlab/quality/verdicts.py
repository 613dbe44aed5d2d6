"""The flags of one check, most of them the usual one: counted without looking at each row.

A screen knows beforehand what nearly all rows get (`Usual`); what is left is a list of
rows.  So counts and findings look at these rows only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from synthlab.quality.bounds import NONE
from synthlab.quality.flags import Flag, Flags, all_of

I64 = npt.NDArray[np.int64]

_TALLIED_ROWS = 262_144


class Usual(NamedTuple):
    """What a check says about rows without a doubt: one flag, and UNKNOWN at the ends.

    Attributes
    ----------
    row_count : int
    flag : Flag
    first_count, last_count : int
        Rows at the begin and at the end that are UNKNOWN.
    """

    row_count: int
    flag: Flag = Flag.GOOD
    first_count: int = 0
    last_count: int = 0

    def flags(self) -> Flags:
        """Return them, to be read only."""
        if not (self.first_count or self.last_count):
            return all_of(self.flag, self.row_count)
        flags = np.full(self.row_count, self.flag, np.int8)
        flags[: self.first_count] = Flag.UNKNOWN
        flags[self.row_count - self.last_count :] = Flag.UNKNOWN
        flags.flags.writeable = False
        return flags

    def of(self, rows: I64) -> Flags:
        """Return those of some rows."""
        is_end = (rows < self.first_count) | (rows >= self.row_count - self.last_count)
        return np.where(is_end, np.int8(Flag.UNKNOWN), np.int8(self.flag))

    def verdicts(self) -> Verdicts:
        """Return them without a doubt."""
        return Verdicts(self.flags(), self, NONE)

    def counts(self) -> I64:
        """Return how often each flag occurs, by its value."""
        counts = np.zeros(max(Flag) + 1, np.int64)
        counts[Flag.UNKNOWN] = min(self.first_count + self.last_count, self.row_count)
        counts[self.flag] += self.row_count - counts[Flag.UNKNOWN]
        return counts


@dataclass(frozen=True, slots=True)
class Verdicts:
    """Flags of one check.

    Attributes
    ----------
    flags : ndarray of int8
        By row; to be read only where no row is in doubt.
    usual : Usual, optional
        What all rows but the doubted ones have; None where nothing is known beforehand.
    doubted : ndarray of int64, optional
        Rows that may have another flag, each once.
    """

    flags: Flags
    usual: Usual | None = None
    doubted: I64 | None = None

    def opened(self, rows: I64) -> Verdicts:
        """Return a copy to write on, of which further rows are in doubt."""
        known = None if self.doubted is None else np.union1d(self.doubted, rows)
        return Verdicts(self.flags.copy(), self.usual, known)

    def counts(self) -> dict[str, int]:
        """Return how many rows got each flag."""
        if self.usual is None or self.doubted is None:
            return tally(self.flags)
        counts = self.usual.counts()
        if len(self.doubted):
            counts += np.bincount(self.flags[self.doubted], minlength=len(counts))
            counts -= np.bincount(self.usual.of(self.doubted), minlength=len(counts))
        return {flag.name: int(counts[flag]) for flag in Flag}

    def bad_rows(self) -> I64:
        """Return the rows that are SUSPECT or FAIL, rising."""
        # No usual flag is bad.
        if self.usual is None or self.doubted is None:
            return np.flatnonzero(_are_bad(self.flags))
        return np.sort(self.doubted[_are_bad(self.flags[self.doubted])])


def _are_bad(flags: Flags) -> npt.NDArray[np.bool_]:
    # The two flags are neighbors; all others lie below or wrap around to far above.
    return (flags - np.int8(Flag.SUSPECT)).view(np.uint8) <= Flag.FAIL - Flag.SUSPECT


def tally(values: Flags) -> dict[str, int]:
    """Count each flag; the frequent ones first, and no further than there are rows."""
    counts = dict.fromkeys((flag.name for flag in Flag), 0)
    # A comparison of a whole column would be memory touched for the first time.
    for begin in range(0, len(values), _TALLIED_ROWS):
        part = values[begin : begin + _TALLIED_ROWS]
        rest = len(part)
        for flag in (Flag.GOOD, Flag.MISSING, Flag.UNKNOWN, Flag.SUSPECT, Flag.FAIL):
            if rest:
                count = int(np.count_nonzero(part == flag))
                counts[flag.name] += count
                rest -= count
    return counts
