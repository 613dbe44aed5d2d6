"""How long tanks wait for water, judged by what is usual there.

Supply keeps the rhythm of days: a tank that waits for no more than a day tells nothing.
What is longer is a *dry spell*, and how long one may last differs between a street
with water every morning and one that often has none for a week.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from synthlab.quality.flags import Flag, Flags, good, unknown
from synthlab.quality.rows import NOT_A_TIME

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MIN_PAUSES = 5
"""Assumed: fewer say nothing about what is usual."""

SESSION_PAUSE_HOURS = 1.0
"""Assumed: inflow that pauses for less is one session. [h]"""

_MS_PER_HOUR = 3_600_000
_HOURS_PER_MONTH = 720.0
_DAY_HOURS = 24.0
# What is known of a place before anything was seen there. Source: domain facts, section 2: of the gaps of
# a real tank P75 is 44 h and P95 190 h, so beyond a day about two more. Assumed: worth three spells.
_PRIOR_SPELLS, _PRIOR_EXCESS_HOURS = 3.0, 48.0
_MIN_SPELLS = 3  # Assumed: with fewer, a wait that is not too long may still be an unusual one.
_MOST_OUTLIERS = 2  # Assumed: an inlet is seldom blocked more often in one window.


@dataclass(frozen=True, slots=True)
class Waits:
    """Where one device's rows have water, and where they wait for it.

    Attributes
    ----------
    wet_count : int
        Rows with inflow.
    first, last : int
        The first and the last of them.
    before, after : ndarray of int64
        The rows with inflow on either side of each pause.
    """

    wet_count: int
    first: int
    last: int
    before: I64
    after: I64


def check_supply_pause(
    inflow_liters: F64, received_at_ms: I64, starts: I64, *, chance_per_month: float, least_hours: float
) -> Flags:
    r"""Find tanks that wait for water much longer than they are used to.

    Parameters
    ----------
    inflow_liters : ndarray of float64
        By the meter, of the row's step. [liters]
    received_at_ms : ndarray of int64
        NaT's integer where missing or not to be trusted. [ms]
    starts : ndarray of int64
    chance_per_month : float
        SUSPECT is a wait so long that a month has fewer by itself. [1/month]
    least_hours : float
        Shorter waits are never SUSPECT. [h]

    Returns
    -------
    ndarray of int8
        UNKNOWN for a device with fewer than five pauses.  A wait beyond `least_hours` that
        is not SUSPECT is UNKNOWN before the first inflow, where nobody knows how long it had
        lasted, and for a device with fewer than three dry spells, where nobody knows
        what is usual.

    Notes
    -----
    Dry spells end by chance, so what they last beyond a day is taken as exponential.
    With n whole ones, that lasted T beyond a day together with those that the window
    cuts off, and what is known beforehand (a spells of b hours each), one lasts x longer
    than a day with the chance

    .. math:: P(x) = \left(1 + \frac{x}{a b + T}\right)^{-(a + n)}

    The limit is where a month's spells times P are `chance_per_month`.  Few spells give a
    high limit by themselves.  A spell is no evidence for itself: the longest are judged
    by the others, up to two at once, so that two blocked inlets do not hide each other.
    """
    flags = np.full(len(inflow_liters), Flag.UNKNOWN, np.int8)
    ends = np.append(starts[1:], len(flags))
    for begin, end in zip(starts.tolist(), ends.tolist(), strict=True):
        rows = np.flatnonzero(received_at_ms[begin:end] != NOT_A_TIME) + begin
        flags[rows] = judge_waits(
            received_at_ms[rows],
            inflow_liters[rows] > 0,
            chance_per_month=chance_per_month,
            least_hours=least_hours,
        )
    return flags


def judge_waits(received_at_ms: I64, is_wet: Bools, *, chance_per_month: float, least_hours: float) -> Flags:
    """Judge the waits of one device, as `check_supply_pause`.

    Parameters
    ----------
    received_at_ms : ndarray of int64
        Rising. [ms]
    is_wet : ndarray of bool
        Water came in.
    chance_per_month, least_hours : float
    """
    wet = np.flatnonzero(is_wet)
    flags = good(len(received_at_ms))
    if not len(wet):
        return unknown(len(flags))
    waits = Waits(len(wet), int(wet[0]), int(wet[-1]), wet[:-1], wet[1:])
    hours = hours_of(received_at_ms)
    for rows, flag in judged_waits(hours, waits, chance_per_month=chance_per_month, least_hours=least_hours):
        flags[rows] = flag
    return flags


def hours_of(received_at_ms: I64) -> F64:
    """Return times in the unit of `judged_waits`. [h]"""
    return received_at_ms / _MS_PER_HOUR


def judged_waits(
    hours: F64, waits: Waits, *, chance_per_month: float, least_hours: float
) -> list[tuple[slice, Flag]]:
    """Return the rows of one device that are not GOOD, and their flag.

    Parameters
    ----------
    hours : ndarray of float64
        Times of all rows, rising, from `hours_of`. [h]
    waits : Waits
    chance_per_month, least_hours : float
    """
    lasted = hours[waits.after] - hours[waits.before]
    pauses = lasted[lasted > SESSION_PAUSE_HOURS].tolist()
    if waits.wet_count <= MIN_PAUSES or len(pauses) < MIN_PAUSES:
        return [(slice(None), Flag.UNKNOWN)]
    cut_off = [float(hours[waits.first] - hours[0]), float(hours[-1] - hours[waits.last])]
    if max(*pauses, *cut_off) <= least_hours:
        return []
    chance = chance_per_month * float(hours[-1] - hours[0]) / _HOURS_PER_MONTH
    limit, spell_count = _limit_hours(pauses, cut_off, chance, least_hours)
    is_known = spell_count >= _MIN_SPELLS
    # No limit is shorter than the least.
    bound = limit if is_known else least_hours
    found: list[tuple[slice, Flag]] = []
    if cut_off[0] > least_hours:
        # Of what lasted before the first inflow nobody knows how long.
        found += _late(hours, 0, slice(0, waits.first), least_hours, limit)
    for place in np.flatnonzero(lasted > bound).tolist():
        before, after = int(waits.before[place]), int(waits.after[place])
        found += _late(hours, before, slice(before + 1, after), bound, limit)
    if cut_off[1] > bound:
        found += _late(hours, waits.last, slice(waits.last + 1, len(hours)), bound, limit)
    return found


def _late(hours: F64, since_row: int, rows: slice, bound: float, limit: float) -> list[tuple[slice, Flag]]:
    """Return the rows that wait since a row for longer than a bound, and longer than the limit."""
    waited = hours[rows] - hours[since_row]
    late, too_late = (rows.stop - int(np.count_nonzero(waited > most)) for most in (bound, limit))
    spans = ((slice(late, too_late), Flag.UNKNOWN), (slice(too_late, rows.stop), Flag.SUSPECT))
    return [(span, flag) for span, flag in spans if span.start < span.stop]


def _limit_hours(
    pauses: Sequence[float], cut_off: Sequence[float], chance: float, least_hours: float
) -> tuple[float, int]:
    """Return the longest wait that is not SUSPECT, and how many whole dry spells say so.

    Parameters
    ----------
    pauses : sequence of float
        Waits of which both ends were seen. [h]
    cut_off : sequence of float
        Of the others only a part is known. [h]
    chance : float
        How many longer ones the window may have by itself. [unitless]
    least_hours : float
        [h]
    """
    waits = sorted([(one, 1) for one in pauses] + [(one, 0) for one in cut_off])
    # What lasts no longer than a day tells nothing.
    first = bisect_right(waits, (_DAY_HOURS, 1))
    excess = list(accumulate((lasted - _DAY_HOURS for lasted, _ in waits[first:]), initial=0.0))
    counts = list(accumulate((is_whole for _, is_whole in waits[first:]), initial=0))
    for outlier_count in range(_MOST_OUTLIERS, -1, -1):
        spells = max(0, len(counts) - 1 - outlier_count)
        count = counts[spells]
        # Half a spell: that none was seen does not mean that there is none.
        share = min(chance / (count + 0.5), 1.0)
        total = _PRIOR_SPELLS * _PRIOR_EXCESS_HOURS + excess[spells]
        longest = total * (share ** (-1.0 / (_PRIOR_SPELLS + count)) - 1.0) if share > 0 else math.inf
        limit = max(_DAY_HOURS + longest, least_hours)
        if outlier_count and waits[-outlier_count][0] > limit:
            break
    return limit, count
