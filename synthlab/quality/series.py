"""Checks that judge values by the rows before: sorted by device, in order of arrival.

`starts` holds the first row of each device, ascending, beginning with 0; every
array is the concatenation of the devices' rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthlab.quality.flags import Flag, Flags, by_limits, good
from synthlab.quality.order import changes
from synthlab.quality.rows import NOT_A_TIME

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

EARTH_RADIUS_KM = 6_371.0088
"""Mean radius. Source: IUGG. [km]"""


def check_rate_of_change(
    level_pct: F64,
    received_at_ms: I64,
    starts: I64,
    *,
    fastest_pct_per_second: F64,
    noise_pct: F64,
    suspect_factor: float,
    fail_factor: float,
) -> Flags:
    """Judge a level's change against the fastest one that pipes and pumps can make.

    Parameters
    ----------
    level_pct : ndarray of float64
        [%]
    received_at_ms : ndarray of int64
        NaT's integer where missing or not to be trusted. [ms]
    starts : ndarray of int64
    fastest_pct_per_second : ndarray of float64
        By row; null where not known. [%/s]
    noise_pct : ndarray of float64
        By row: what the sensor's noise may add to the change. [%]
    suspect_factor, fail_factor : float
        Times the fastest change, above which a change is SUSPECT, FAIL.

    Returns
    -------
    ndarray of int8
        MISSING without a level; UNKNOWN at a device's first row, after a missing
        level, where time does not advance, and without a fastest change.
    """
    change = np.abs(changes(level_pct, starts, first=np.nan))
    no_time = received_at_ms == NOT_A_TIME
    no_time[1:] |= no_time[:-1].copy()
    elapsed = np.where(no_time, 0, changes(received_at_ms, starts, first=0)) / 1_000
    fastest = fastest_pct_per_second * elapsed
    flags = by_limits(
        change > suspect_factor * fastest + noise_pct, change > fail_factor * fastest + noise_pct
    )
    flags[~(elapsed > 0) | np.isnan(change) | np.isnan(fastest)] = Flag.UNKNOWN
    flags[np.isnan(level_pct)] = Flag.MISSING
    return flags


def check_flat_line(
    lowest_mm: I32,
    highest_mm: I32,
    received_at_ms: I64,
    starts: I64,
    *,
    is_exempt: Bools,
    tolerance_mm: int,
    suspect_hours: float,
    fail_hours: float,
) -> Flags:
    """Find readings that have not moved for too long.

    Parameters
    ----------
    lowest_mm, highest_mm : ndarray of int32
        Of each burst's valid readings; lowest above highest where none is valid. [mm]
    received_at_ms : ndarray of int64
        NaT's integer where missing or not to be trusted. [ms]
    starts : ndarray of int64
    is_exempt : ndarray of bool
        Rows that may stand still: full, empty, in the blind zone.
    tolerance_mm : int
        Readings within this stand still. [mm]
    suspect_hours, fail_hours : float
        Standing still for so long is SUSPECT, FAIL. [h]

    Returns
    -------
    ndarray of int8
        The flag of a row is about the hours *before* it. MISSING where no reading is
        valid; GOOD while too little time has passed.

    Notes
    -----
    All readings count, not their mean: a living sensor's noise moves some of them
    even over still water, so a vacation is not taken for a defect.
    """
    no_reading = lowest_mm > highest_mm
    flags = good(len(lowest_mm))
    flags[no_reading] = Flag.MISSING
    # Only where each burst by itself stands still can a longer time do so.
    is_still = no_reading | (highest_mm - lowest_mm <= tolerance_mm)
    edges = np.flatnonzero(np.diff(is_still)) + 1
    bounds = np.unique(np.concatenate([starts, edges, [len(is_still)]]))
    limit_ms = suspect_hours * 3_600_000
    firsts, lasts = bounds[:-1], bounds[1:] - 1
    begin, end = received_at_ms[firsts], received_at_ms[lasts]
    # Nearly all runs are short, and known to be; only the others are looked at one by one.
    may_be_long = (end - begin >= limit_ms) | (begin == NOT_A_TIME) | (end == NOT_A_TIME)
    for run in np.flatnonzero(is_still[firsts] & (firsts < lasts) & may_be_long):
        first, last = firsts[run], lasts[run]
        rows = slice(int(first), int(last) + 1)
        times = _carried(received_at_ms[rows])
        if times[-1] - times[0] < limit_ms:
            continue
        hours = _still_hours(lowest_mm[rows], highest_mm[rows], times, tolerance_mm)
        judged = by_limits(hours >= suspect_hours, hours >= fail_hours)
        judged[is_exempt[rows]] = Flag.GOOD
        judged[no_reading[rows]] = Flag.MISSING
        flags[rows] = judged
    return flags


def _carried(received_at_ms: I64) -> I64:
    """Put the last known time, at the begin the first one, where there is none."""
    known = received_at_ms != NOT_A_TIME
    if known.all() or not known.any():
        return received_at_ms
    times = np.maximum.accumulate(received_at_ms)
    return np.where(times == NOT_A_TIME, received_at_ms[known.argmax()], times)


def _still_hours(lowest: I32, highest: I32, received_at_ms: I64, tolerance_mm: int) -> F64:
    """For how long the readings before each row lie within the tolerance, in hours.

    A window that only moves on: two queues hold its candidates for lowest and highest.
    """
    lows, highs = lowest.tolist(), highest.tolist()
    begin = 0
    low_queue: list[int] = []
    high_queue: list[int] = []
    low_head = high_head = 0
    begins = np.empty(len(lows), np.int64)
    for row, (low, high) in enumerate(zip(lows, highs, strict=True)):
        if low <= high:
            while len(low_queue) > low_head and lows[low_queue[-1]] >= low:
                low_queue.pop()
            while len(high_queue) > high_head and highs[high_queue[-1]] <= high:
                high_queue.pop()
            low_queue.append(row)
            high_queue.append(row)
            while highs[high_queue[high_head]] - lows[low_queue[low_head]] > tolerance_mm:
                begin = min(low_queue[low_head], high_queue[high_head]) + 1
                low_head += low_queue[low_head] < begin
                high_head += high_queue[high_head] < begin
        begins[row] = begin
    return (received_at_ms - received_at_ms[begins]) / 3_600_000


def check_implied_speed(
    latitude: F64,
    longitude: F64,
    received_at_ms: I64,
    starts: I64,
    *,
    suspect_kmh: float,
    fail_kmh: float,
) -> Flags:
    """Judge the straight-line speed since the row before.

    Parameters
    ----------
    latitude, longitude : ndarray of float64
        [°]
    received_at_ms : ndarray of int64
        NaT's integer where missing or not to be trusted. [ms]
    starts : ndarray of int64
    suspect_kmh, fail_kmh : float
        Faster is SUSPECT, FAIL. [km/h]

    Returns
    -------
    ndarray of int8
        MISSING without a position; UNKNOWN at a device's first row, after a row
        without a position and where time does not advance.
    """
    flags = np.full(len(latitude), Flag.MISSING, np.int8)
    placed = ~(np.isnan(latitude) | np.isnan(longitude))
    if not placed.any():
        return flags
    flags[placed] = Flag.UNKNOWN
    follows = placed.copy()
    follows[1:] &= placed[:-1]
    follows[starts] = False
    rows = np.flatnonzero(follows)
    rows = rows[(received_at_ms[rows] > received_at_ms[rows - 1]) & (received_at_ms[rows - 1] != NOT_A_TIME)]
    distance = great_circle_km(latitude[rows - 1], longitude[rows - 1], latitude[rows], longitude[rows])
    speed = distance / ((received_at_ms[rows] - received_at_ms[rows - 1]) / 3_600_000)
    flags[rows] = by_limits(speed > suspect_kmh, speed > fail_kmh)
    return flags


def great_circle_km(
    latitude_a: npt.ArrayLike,
    longitude_a: npt.ArrayLike,
    latitude_b: npt.ArrayLike,
    longitude_b: npt.ArrayLike,
) -> F64:
    """Return the distance over the sphere between points in degrees, in km (haversine)."""
    lat_a, lon_a = np.radians(latitude_a), np.radians(longitude_a)
    lat_b, lon_b = np.radians(latitude_b), np.radians(longitude_b)
    half_chord = np.sin((lat_b - lat_a) / 2) ** 2
    half_chord = half_chord + np.cos(lat_a) * np.cos(lat_b) * np.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half_chord, 0.0, 1.0)))


def _every_other(mask: Bools) -> Bools:
    """Keep the first, third, ... of each run: an echo cannot have an echo itself."""
    places = np.arange(len(mask))
    last_off = np.maximum.accumulate(np.where(mask, -1, places))
    return mask & ((places - last_off) % 2 == 1)


def check_mass_balance(
    volume_liters: F64,
    net_flow_liters: F64,
    seq: I64,
    starts: I64,
    *,
    suspect_liters: float,
    fail_liters: float,
) -> Flags:
    """Judge whether the content follows from the row before and the step's flows.

    Parameters
    ----------
    volume_liters : ndarray of float64
        At the end of the step. [liters]
    net_flow_liters : ndarray of float64
        inflow + loaded - served - delivered - lost - overflow of the step. [liters]
    seq : ndarray of int64
        A row is judged only where the one before it is its true predecessor.
    starts : ndarray of int64
    suspect_liters, fail_liters : float
        Larger residuals are SUSPECT, FAIL. [liters]

    Returns
    -------
    ndarray of int8
        UNKNOWN at a device's first row and after a gap; MISSING where a value is
        null. A wrong content disturbs its own row and, the other way round, the
        next one; the next one is not blamed.
    """
    residual = changes(volume_liters, starts, first=0.0) - net_flow_liters
    is_judged = changes(seq, starts, first=0) == 1
    # Sums of decimals carry a few units of the last binary place.
    slack = 1e-9 * np.maximum(1.0, np.abs(volume_liters))
    size = np.abs(residual) - slack
    is_suspect, is_fail = size > suspect_liters, size > fail_liters
    if is_suspect.any():
        undone = np.zeros(len(residual), bool)
        undone[1:] = is_suspect[1:] & is_suspect[:-1] & is_judged[1:] & is_judged[:-1]
        undone[1:] &= np.abs(residual[1:] + residual[:-1]) - slack[1:] <= suspect_liters
        undone = _every_other(undone)
        is_suspect &= ~undone
        is_fail &= ~undone
    flags = by_limits(is_suspect, is_fail)
    flags[np.isnan(residual)] = Flag.UNKNOWN
    flags[~is_judged] = Flag.UNKNOWN
    flags[np.isnan(volume_liters) | np.isnan(net_flow_liters)] = Flag.MISSING
    return flags
