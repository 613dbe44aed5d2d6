"""The balance that a platform can draw up: measured content against metered flows.

Content by the readings, less what flowed in and out by the meters, stays what it was,
but for noise: its *unexplained* part.  A step of it is water that was taken, or a
sensor that was knocked; a slow change is a leak, or a sensor that drifts.  Which of
the two, no level alone can tell.  Sorted by device, in order of arrival; `starts`
holds the first row of each device.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthlab.quality.flags import Flag, Flags, by_limits
from synthlab.quality.order import changes
from synthlab.quality.series import great_circle_km

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


STANDING_KM = 0.1
"""Assumed: ten times what a receiver's position scatters, and a minute's slow drive. [km]"""

_STEP_ROWS = 3  # On either side of a step.


def unexplained_pct(level_pct: F64, net_flow_pct: F64, seq: I64, starts: I64) -> F64:
    """Return measured content less the sum of the flows since the device's first row.

    Parameters
    ----------
    level_pct : ndarray of float64
        By the readings; null where they say nothing. [%]
    net_flow_pct : ndarray of float64
        What the meters say of the row's step, of the capacity. [%]
    seq : ndarray of int64
        Over a missing, repeated or misplaced row nothing is concluded: the series goes on
        from where it was.
    starts : ndarray of int64

    Returns
    -------
    ndarray of float64
        Of the capacity; a null level repeats the one before. [%]
    """
    values = level_pct - _summed(np.where(np.isnan(net_flow_pct), 0.0, net_flow_pct), starts)
    place = np.arange(len(values))
    known = np.where(np.isnan(values), 0, place)
    known[starts] = starts
    values = values[np.maximum.accumulate(known)]
    jumps = np.where(changes(seq, starts, first=1) == 1, 0.0, changes(values, starts, first=0.0))
    np.copyto(jumps, 0.0, where=np.isnan(jumps))
    return values - _summed(jumps, starts)


def _summed(values: F64, starts: I64) -> F64:
    """Sum up each device by itself: an absurd number would drown all that is added to it."""
    sums = np.empty(len(values))
    for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), len(values)], strict=True):
        np.cumsum(values[begin:end], out=sums[begin:end])
    return sums


def check_spike(values: F64, starts: I64, *, suspect: F64 | float, fail: F64 | float) -> Flags:
    """Find values that are off to one side against both neighbors, or two of them in a row.

    Parameters
    ----------
    values : ndarray of float64
    starts : ndarray of int64
    suspect, fail : float or ndarray of float64
        Larger spikes are SUSPECT, FAIL. In the unit of `values`.

    Returns
    -------
    ndarray of int8
        MISSING where a value is null; UNKNOWN at a device's first and last row and
        beside a null.

    Notes
    -----
    The height of one value is the smaller difference to its neighbors, where both have
    one sign; of two in a row, the smaller of the differences to theirs, unless the two
    lie farther apart than half of that. Source: IOOS QARTOD, spike test, method
    "differential"; domain facts, section 6, "back within 2 samples".
    """
    size = len(values)
    rise = changes(values, starts, first=np.nan)
    fall = np.full(size, np.nan)
    fall[:-1] = -rise[1:]
    height = np.where(np.sign(rise) * np.sign(fall) > 0, np.minimum(np.abs(rise), np.abs(fall)), 0.0)
    flags = by_limits(height > suspect, height > fail)
    pair = _pair_heights(rise, fall)
    for index in np.flatnonzero(pair > np.min(suspect)).tolist():
        for row in (index, index + 1):
            limits = (np.broadcast_to(limit, size)[row] for limit in (suspect, fail))
            is_suspect, is_fail = (bool(pair[index] > limit) for limit in limits)
            found = Flag.FAIL if is_fail else Flag.SUSPECT if is_suspect else Flag.GOOD
            flags[row] = max(int(flags[row]), int(found))
    flags[np.isnan(rise) | np.isnan(fall)] = Flag.UNKNOWN
    flags[np.isnan(values)] = Flag.MISSING
    return flags


def _pair_heights(rise: F64, fall: F64) -> F64:
    """Height of the spike that a row and the next one form; 0 where they form none."""
    pair = np.zeros(len(rise))
    if len(rise) < 2:
        return pair
    first, last = rise[:-1], fall[1:]
    height = np.minimum(np.abs(first), np.abs(last))
    is_pair = (np.sign(first) * np.sign(last) > 0) & (np.abs(rise[1:]) < height / 2)
    pair[:-1][is_pair] = height[is_pair]
    return pair


def check_step(unexplained: F64, starts: I64, *, suspect_pct: F64, fail_pct: F64) -> Flags:
    """Judge sudden changes of the unexplained content: three rows against the three before.

    Parameters
    ----------
    unexplained : ndarray of float64
        From `unexplained_pct`. [%]
    starts : ndarray of int64
    suspect_pct, fail_pct : ndarray of float64
        By row. [%]

    Returns
    -------
    ndarray of int8
        Medians, so that a single spike is none. UNKNOWN without three rows on either side.
    """
    size = len(unexplained)
    middle = _median_of_three(unexplained, starts)
    step = np.full(size, np.nan)
    step[2:-1] = middle[3:] - middle[:-3]
    first = np.repeat(starts, np.diff(np.append(starts, size)))
    last = np.repeat(np.append(starts[1:], size) - 1, np.diff(np.append(starts, size)))
    place = np.arange(size)
    step[(place - 3 < first) | (place + 2 > last)] = np.nan
    size_pct = np.abs(step)
    flags = by_limits(size_pct > suspect_pct, size_pct > fail_pct)
    flags[np.isnan(step)] = Flag.UNKNOWN
    return flags


def stands(latitude: F64, longitude: F64, starts: I64) -> Bools:
    """Tell rows about which a truck does not move: what `check_step` compares is all of one stop.

    Parameters
    ----------
    latitude, longitude : ndarray of float64
        [°]
    starts : ndarray of int64
    """
    is_still = np.zeros(len(latitude), bool)
    moved_km = great_circle_km(latitude[:-1], longitude[:-1], latitude[1:], longitude[1:])
    is_still[1:] = moved_km <= STANDING_KM
    is_still[starts] = False
    found = is_still.copy()
    for rows in range(1, _STEP_ROWS):
        found[rows:] &= is_still[:-rows]
        found[:-rows] &= is_still[rows:]
    return found


def _median_of_three(values: F64, starts: I64) -> F64:
    """Median of each row and its neighbors; at a device's ends the row's own value."""
    if len(values) < 3:
        return values.copy()
    before, own, after = values[:-2], values[1:-1], values[2:]
    middle = values.copy()
    low, high = np.minimum(before, own), np.maximum(before, own)
    middle[1:-1] = np.maximum(low, np.minimum(high, after))
    middle[starts] = values[starts]
    ends = np.append(starts[1:], len(values)) - 1
    middle[ends] = values[ends]
    return middle


def check_creep(
    unexplained: F64,
    starts: I64,
    *,
    day_rows: I64,
    smooth_rows: I64,
    suspect_pct: float,
    fail_pct: float,
) -> Flags:
    """Judge the change of the unexplained content in a day.

    Parameters
    ----------
    unexplained : ndarray of float64
        From `unexplained_pct`. [%]
    starts : ndarray of int64
    day_rows, smooth_rows : ndarray of int64
        Rows of a day, and rows that are averaged, by device.
    suspect_pct, fail_pct : float
        [%]

    Returns
    -------
    ndarray of int8
        In the first day against its begin; UNKNOWN while that is not over.
    """
    size = len(unexplained)
    counts = np.diff(np.append(starts, size))
    place = np.arange(size)
    first = np.repeat(starts, counts)
    width = np.repeat(smooth_rows, counts)
    sums = _summed(_median_of_three(unexplained, starts), starts)
    begin = np.maximum(place + 1 - width, first)
    smooth = (sums - np.where(begin > first, sums[begin - 1], 0.0)) / (place + 1 - begin)
    # The first full mean is the earliest that later ones are compared with.
    base = np.minimum(np.maximum(place - np.repeat(day_rows, counts), first + width - 1), place)
    change = np.abs(smooth - smooth[base])
    flags = by_limits(change > suspect_pct, change > fail_pct)
    flags[(place - first < 2 * width) | np.isnan(change)] = Flag.UNKNOWN
    return flags


def check_battery(
    battery_pct: npt.NDArray[np.integer],
    starts: I64,
    *,
    day_rows: I64,
    rise_pct: float,
    empty_pct: float,
    full_pct: float,
    drop_suspect_pct: float,
    drop_fail_pct: float,
) -> Flags:
    """Judge how fast the charge changes.

    Parameters
    ----------
    battery_pct : ndarray of int
        [%]
    starts : ndarray of int64
    day_rows : ndarray of int64
        Rows of a day, by device.
    rise_pct : float
        A larger rise from one row to the next is SUSPECT: no panel charges so fast. [%]
    empty_pct, full_pct : float
        A rise from no more than the one to at least the other is a battery that was
        run down and is replaced, as it should be. [%]
    drop_suspect_pct, drop_fail_pct : float
        A larger fall within a day is SUSPECT, FAIL. [%]

    Returns
    -------
    ndarray of int8
        UNKNOWN at a device's first row.
    """
    charge = battery_pct.astype(np.int64)
    counts = np.diff(np.append(starts, len(charge)))
    first = np.repeat(starts, counts)
    place = np.arange(len(charge))
    fall = charge[np.maximum(place - np.repeat(day_rows, counts), first)] - charge
    rise = changes(charge, starts, first=0)
    fall = np.maximum(fall, -rise)
    is_replaced = (charge - rise <= empty_pct) & (charge >= full_pct)
    flags = by_limits(((rise > rise_pct) & ~is_replaced) | (fall > drop_suspect_pct), fall > drop_fail_pct)
    flags[starts] = Flag.UNKNOWN
    return flags
