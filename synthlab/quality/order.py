"""Checks of order in time and sequence: sorted by device, in order of arrival.

`starts` holds the first row of each device, ascending, beginning with 0; every
array is the concatenation of the devices' rows.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np
import numpy.typing as npt

from synthlab.quality.flags import Flag, Flags, by_limits, good, unknown
from synthlab.quality.rows import NOT_A_TIME

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def changes(values: npt.NDArray[Any], starts: I64, *, first: Any) -> npt.NDArray[Any]:
    """Return each row's difference to the row before it; `first` at a device's first row."""
    steps = np.empty(len(values), np.result_type(values, np.int64 if values.dtype.kind in "iu" else float))
    np.subtract(values[1:], values[:-1], out=steps[1:])
    steps[starts] = first
    return steps


def misplaced(values: I64) -> Bools:
    """Find the fewest rows without which a series rises strictly.

    Parameters
    ----------
    values : ndarray of int64
        One device's, in order of arrival.

    Returns
    -------
    ndarray of bool
        Where a choice is left, the later row is the misplaced one; so of two equal
        values it is the second, and of two swapped ones the one that falls back.

    Notes
    -----
    All but a longest rising subsequence (patience sorting, from the end).
    """
    out = np.zeros(len(values), bool)
    if len(values) < 2 or bool((values[1:] > values[:-1]).all()):
        return out
    # Between rows where all before are smaller than all after, order can be judged apart.
    highest_before = np.maximum.accumulate(values)[:-1]
    lowest_after = np.minimum.accumulate(values[::-1])[::-1][1:]
    cuts = np.flatnonzero(highest_before < lowest_after) + 1
    edges = np.concatenate([[0], cuts, [len(values)]])
    for i in np.flatnonzero(np.diff(edges) > 1):
        part = slice(edges[i], edges[i + 1])
        out[part] = ~_longest_rise(values[part].tolist())
    return out


def _longest_rise(values: list[int]) -> Bools:
    ends: list[int] = []
    holders: list[int] = []
    follower = [-1] * len(values)
    for place in range(len(values) - 1, -1, -1):
        value = -values[place]
        length = bisect_left(ends, value)
        follower[place] = holders[length - 1] if length else -1
        if length == len(ends):
            ends.append(value)
            holders.append(place)
        else:
            ends[length], holders[length] = value, place
    kept = np.zeros(len(values), bool)
    place = holders[-1]
    while place >= 0:
        kept[place] = True
        place = follower[place]
    return kept


def _spans(starts: I64, row_count: int, has_trouble: Bools) -> list[slice]:
    """Return the rows of each device that has a row in trouble."""
    if not has_trouble.any():
        return []
    ends = np.append(starts[1:], row_count)
    troubled = np.logical_or.reduceat(has_trouble, starts)
    return [slice(int(a), int(b)) for a, b in zip(starts[troubled], ends[troubled], strict=True)]


def check_seq_gap(seq: I64, starts: I64) -> Flags:
    """Find rows before which sequence numbers are missing.

    Parameters
    ----------
    seq : ndarray of int64
    starts : ndarray of int64

    Returns
    -------
    ndarray of int8
        FAIL at the row whose predecessor never arrived; late and repeated rows are
        no gap. GOOD at a device's first row: a series may start anywhere.
    """
    flags = good(len(seq))
    for span in _spans(starts, len(seq), changes(seq, starts, first=1) != 1):
        numbers, places = np.unique(seq[span], return_index=True)
        flags[span][places[1:][np.diff(numbers) > 1]] = Flag.FAIL
    return flags


def check_seq_duplicate(seq: I64, starts: I64) -> Flags:
    """Find sequence numbers that the device has sent before.

    Parameters
    ----------
    seq : ndarray of int64
    starts : ndarray of int64

    Returns
    -------
    ndarray of int8
        FAIL at every row but the first of its number.
    """
    flags = good(len(seq))
    for span in _spans(starts, len(seq), changes(seq, starts, first=1) < 1):
        flags[span][_repeated(seq[span])] = Flag.FAIL
    return flags


def _repeated(values: I64) -> Bools:
    again = np.ones(len(values), bool)
    again[np.unique(values, return_index=True)[1]] = False
    return again


def check_seq_order(seq: I64, starts: I64) -> Flags:
    """Find rows whose sequence number is out of order.

    Parameters
    ----------
    seq : ndarray of int64
    starts : ndarray of int64

    Returns
    -------
    ndarray of int8
        FAIL at `misplaced` rows; duplicates are left to their own check.
    """
    flags = good(len(seq))
    for span in _spans(starts, len(seq), changes(seq, starts, first=1) < 1):
        flags[span][misplaced(seq[span]) & ~_repeated(seq[span])] = Flag.FAIL
    return flags


def check_time_order(received_at_ms: I64, starts: I64) -> Flags:
    """Find rows whose time repeats or goes back.

    Parameters
    ----------
    received_at_ms : ndarray of int64
        NaT's integer where missing. [ms]
    starts : ndarray of int64

    Returns
    -------
    ndarray of int8
        FAIL at `misplaced` rows; MISSING where there is no time.
    """
    flags = good(len(received_at_ms))
    missing = received_at_ms == NOT_A_TIME
    for span in _spans(starts, len(flags), (changes(received_at_ms, starts, first=1) < 1) | missing):
        known = np.flatnonzero(~missing[span])
        flags[span][known[misplaced(received_at_ms[span][known])]] = Flag.FAIL
    flags[missing] = Flag.MISSING
    return flags


def cadences_ms(received_at_ms: I64, starts: I64) -> F64:
    """Return each device's usual step: the median; null with fewer than three rows, in ms."""
    steps = changes(received_at_ms, starts, first=0)
    ends = np.append(starts[1:], len(steps))
    found = [
        float(np.median(steps[a + 1 : b])) if b - a > 2 else np.nan for a, b in zip(starts, ends, strict=True)
    ]
    cadences = np.array(found)
    cadences[~(cadences > 0)] = np.nan
    return cadences


def check_time_gap(
    received_at_ms: I64,
    time_order: Flags,
    starts: I64,
    *,
    cadence_ms: F64,
    suspect_factor: float,
    fail_factor: float,
) -> Flags:
    """Judge the time since the row before against the device's cadence.

    Parameters
    ----------
    received_at_ms : ndarray of int64
        [ms]
    time_order : ndarray of int8
        From `check_time_order`.
    starts : ndarray of int64
    cadence_ms : ndarray of float64
        By row; null where not known. [ms]
    suspect_factor, fail_factor : float
        Longer gaps are SUSPECT, FAIL. [cadences]

    Returns
    -------
    ndarray of int8
        UNKNOWN at a device's first row, at rows out of order and without a cadence;
        MISSING without a time. A row whose time is wrong counts as present: the row
        after it is not blamed.
    """
    in_order = np.flatnonzero(time_order == Flag.GOOD)
    flags = unknown(len(received_at_ms))
    flags[time_order == Flag.MISSING] = Flag.MISSING
    if len(in_order) < 2:
        return flags
    device = np.searchsorted(starts, in_order, side="right")
    rows, before = in_order[1:], in_order[:-1]
    is_same = device[1:] == device[:-1]
    waited = (received_at_ms[rows] - received_at_ms[before]).astype(np.float64)
    waited -= (rows - before - 1) * cadence_ms[rows]
    judged = by_limits(waited > suspect_factor * cadence_ms[rows], waited > fail_factor * cadence_ms[rows])
    judged[~is_same | np.isnan(cadence_ms[rows])] = Flag.UNKNOWN
    flags[rows] = judged
    return flags
