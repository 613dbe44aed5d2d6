"""How long tanks wait for water, judged by what is usual there.

Supply keeps the rhythm of days: a tank that waits for no more than a day tells nothing.
What is longer is a *dry spell*, and how long one may last differs between a street
with water every morning and one that often has none for a week.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthlab.quality.flags import Flag, Flags, good, unknown
from synthlab.quality.rows import NOT_A_TIME

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MIN_PAUSES = 5
"""Assumed: fewer say nothing about what is usual."""

_MS_PER_HOUR = 3_600_000
_HOURS_PER_MONTH = 720.0
_SESSION_PAUSE_HOURS = 1.0  # Assumed: inflow that pauses for less is one session.
_DAY_HOURS = 24.0
# What is known of a place before anything was seen there. Source: domain facts, section 2: of the gaps of
# a real tank P75 is 44 h and P95 190 h, so beyond a day about two more. Assumed: worth three spells.
_PRIOR_SPELLS, _PRIOR_EXCESS_HOURS = 3.0, 48.0
_MIN_SPELLS = 3  # Assumed: with fewer, a wait that is not too long may still be an unusual one.
_MOST_OUTLIERS = 2  # Assumed: an inlet is seldom blocked more often in one window.


@dataclass(frozen=True, slots=True)
class _Waits:
    """Waits between sessions, with those that the window cuts off at its ends.

    Attributes
    ----------
    hours : ndarray of float64
        [h]
    is_whole : ndarray of bool
        Both ends were seen; of the others only a part is known.
    """

    hours: F64
    is_whole: Bools


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
    times = received_at_ms / _MS_PER_HOUR
    wet = times[is_wet]
    if len(wet) <= MIN_PAUSES:
        return unknown(len(times))
    waits = _waits(times, wet)
    if waits.is_whole.sum() < MIN_PAUSES:
        return unknown(len(times))
    flags = good(len(times))
    if waits.hours.max() <= least_hours:
        return flags
    months = (times[-1] - times[0]) / _HOURS_PER_MONTH
    limit, spell_count = _limit_hours(waits, chance_per_month * months, least_hours)
    last = np.maximum.accumulate(np.where(is_wet, times, -np.inf))
    since = times - np.maximum(last, times[0])
    # No limit is shorter.
    late = np.flatnonzero(since > least_hours)
    is_known = (last[late] > -np.inf) & (spell_count >= _MIN_SPELLS)
    judged = np.where(is_known, np.int8(Flag.GOOD), np.int8(Flag.UNKNOWN))
    flags[late] = np.where(since[late] > limit, np.int8(Flag.SUSPECT), judged)
    return flags


def _waits(times: F64, wet: F64) -> _Waits:
    pauses = np.diff(wet)
    pauses = pauses[pauses > _SESSION_PAUSE_HOURS]
    hours = np.concatenate([[wet[0] - times[0]], pauses, [times[-1] - wet[-1]]])
    is_whole = np.ones(len(hours), bool)
    is_whole[[0, -1]] = False
    return _Waits(hours, is_whole)


def _limit_hours(waits: _Waits, chance: float, least_hours: float) -> tuple[float, int]:
    """Return the longest wait that is not SUSPECT, and how many whole dry spells say so.

    Parameters
    ----------
    waits : _Waits
    chance : float
        How many longer ones the window may have by itself. [unitless]
    least_hours : float
        [h]
    """
    order = np.argsort(waits.hours)
    for outlier_count in range(_MOST_OUTLIERS, -1, -1):
        rest = order[: len(order) - outlier_count]
        excess = np.maximum(waits.hours[rest] - _DAY_HOURS, 0.0)
        count = int(np.count_nonzero(waits.is_whole[rest] & (excess > 0)))
        # Half a spell: that none was seen does not mean that there is none.
        share = min(chance / (count + 0.5), 1.0)
        total = _PRIOR_SPELLS * _PRIOR_EXCESS_HOURS + float(excess.sum())
        longest = total * (share ** (-1.0 / (_PRIOR_SPELLS + count)) - 1.0) if share > 0 else np.inf
        limit = max(_DAY_HOURS + longest, least_hours)
        if outlier_count and waits.hours[order[-outlier_count]] > limit:
            break
    return limit, count
