"""Checks that judge each row by itself: arrays in, flags of the same length out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from synthlab.calibration import NO_ECHO_MM, level_pct_from_distance_mm
from synthlab.quality.flags import Flag, Flags, by_limits
from synthlab.quality.thresholds import Span

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NOT_A_TIME = np.iinfo(np.int64).min
"""How a missing time looks among Unix milliseconds. Source: numpy, NaT."""

# What a clock of a live system can show: years 2000 to 2100. [ms]
_PLAUSIBLE_MS = (946_684_800_000, 4_102_444_800_000)


def check_timestamp(received_at_ms: I64) -> Flags:
    """Judge whether the time of receipt is there and plausible.

    Parameters
    ----------
    received_at_ms : ndarray of int64
        Unix time; NaT's integer where missing. [ms]

    Returns
    -------
    ndarray of int8
        FAIL where missing, because no row counts without a time, and outside the
        years 2000..2100; else GOOD.
    """
    low, high = _PLAUSIBLE_MS
    return by_limits(np.zeros(len(received_at_ms), bool), (received_at_ms < low) | (received_at_ms >= high))


def check_clock_skew(
    local_timestamp_ms: I64, received_at_ms: I64, *, suspect_seconds: float, fail_seconds: float
) -> Flags:
    """Judge how far the device's clock is from the time of receipt.

    Parameters
    ----------
    local_timestamp_ms, received_at_ms : ndarray of int64
        Unix time. [ms]
    suspect_seconds, fail_seconds : float
        Larger differences are SUSPECT, FAIL. [seconds]

    Returns
    -------
    ndarray of int8
        UNKNOWN where the time of receipt is missing.
    """
    has_time = received_at_ms != NOT_A_TIME
    skew = np.abs(local_timestamp_ms - np.where(has_time, received_at_ms, local_timestamp_ms))
    flags = by_limits(skew > suspect_seconds * 1_000, skew > fail_seconds * 1_000)
    flags[~has_time] = Flag.UNKNOWN
    return flags


def check_gross_range(values: npt.NDArray[Any], *, suspect_span: Span, fail_span: Span) -> Flags:
    """Judge whether values lie in a span.

    Parameters
    ----------
    values : ndarray
    suspect_span, fail_span : tuple of float
        Lowest and highest value that is not SUSPECT, not FAIL. In the unit of `values`.

    Returns
    -------
    ndarray of int8
        MISSING where a value is null.
    """
    flags = by_limits(
        (values < suspect_span[0]) | (values > suspect_span[1]),
        (values < fail_span[0]) | (values > fail_span[1]),
    )
    if values.dtype.kind == "f":
        flags[np.isnan(values)] = Flag.MISSING
    return flags


def check_sentinel(
    readings_mm: Sequence[I32],
    temperature_c: F64,
    local_timestamp_ms: I64,
    *,
    sentinel_readings_mm: Sequence[int],
    sentinel_temperatures_c: Sequence[float],
    sentinel_clock_ms: int,
    sentinel_clock_window_ms: int,
) -> Flags:
    """Find values that hardware reports when it has none.

    Parameters
    ----------
    readings_mm : sequence of ndarray of int32
        [mm]
    temperature_c : ndarray of float64
        [°C]
    local_timestamp_ms : ndarray of int64
        [ms]
    sentinel_readings_mm, sentinel_temperatures_c : sequence
        Exact values. [mm], [°C]
    sentinel_clock_ms, sentinel_clock_window_ms : int
        A clock within this window after that moment was never set. [ms]

    Returns
    -------
    ndarray of int8
        FAIL or GOOD.
    """
    found = np.zeros(len(temperature_c), bool)
    for reading in readings_mm:
        for sentinel in sentinel_readings_mm:
            found |= reading == sentinel
    for temperature in sentinel_temperatures_c:
        found |= temperature_c == temperature
    since_reset = local_timestamp_ms - sentinel_clock_ms
    found |= (since_reset >= 0) & (since_reset < sentinel_clock_window_ms)
    return by_limits(found, found)


def sorted_readings(readings_mm: Sequence[I32]) -> tuple[npt.NDArray[np.int8], list[I32]]:
    """Return how many readings of each burst are valid, and the valid ones in order.

    Parameters
    ----------
    readings_mm : sequence of ndarray of int32
        One array a reading; -1 = no echo. [mm]

    Returns
    -------
    valid_count : ndarray of int8
    ordered : list of ndarray of int32
        Ascending; the last ones are INT32_MAX where readings are not valid. [mm]
    """
    beyond = np.int32(np.iinfo(np.int32).max)
    ordered = [np.where(reading <= NO_ECHO_MM, beyond, reading) for reading in readings_mm]
    valid_count = np.zeros(len(ordered[0]), np.int8)
    for reading in ordered:
        valid_count += reading != beyond
    # Odd-even transposition: n passes of neighbours sort n values, whole columns at a time.
    for turn in range(len(ordered)):
        for i in range(turn % 2, len(ordered) - 1, 2):
            low = np.minimum(ordered[i], ordered[i + 1])
            np.maximum(ordered[i], ordered[i + 1], out=ordered[i + 1])
            ordered[i] = low
    return valid_count, ordered


def burst_spread_mm(valid_count: npt.NDArray[np.int8], ordered: Sequence[I32]) -> F64:
    """Interquartile range of each burst's valid readings; null where there are none.

    Parameters
    ----------
    valid_count, ordered
        From `sorted_readings`.

    Returns
    -------
    ndarray of float64
        Linear between the readings, as `numpy.percentile`. [mm]
    """
    size = len(ordered)
    spread = np.empty(len(valid_count))
    for count in range(size + 1):
        rows = slice(None) if count == size else np.flatnonzero(valid_count == count)
        if count == 0:
            continue
        quartiles = []
        for share in (0.25, 0.75):
            below, weight = divmod(share * (count - 1), 1)
            low = ordered[int(below)][rows]
            high = ordered[min(int(below) + 1, count - 1)][rows]
            quartiles.append(low + weight * (high.astype(np.float64) - low) if weight else low)
        if count == size:
            full = valid_count == size
            np.copyto(spread, quartiles[1] - quartiles[0], where=full)
        else:
            spread[rows] = quartiles[1] - quartiles[0]
    spread[valid_count == 0] = np.nan
    return spread


def check_burst_spread(
    spread_mm: F64,
    is_mobile: Bools,
    *,
    suspect_mm: float,
    fail_mm: float,
    mobile_suspect_mm: float,
    mobile_fail_mm: float,
) -> Flags:
    """Judge how far the readings of one burst lie apart.

    Parameters
    ----------
    spread_mm : ndarray of float64
        From `burst_spread_mm`. [mm]
    is_mobile : ndarray of bool
        Rows of trucks, whose water sloshes.
    suspect_mm, fail_mm, mobile_suspect_mm, mobile_fail_mm : float
        Larger spreads are SUSPECT, FAIL. [mm]

    Returns
    -------
    ndarray of int8
        MISSING where no reading is valid.
    """
    flags = by_limits(spread_mm > suspect_mm, spread_mm > fail_mm)
    if is_mobile.any():
        of_mobile = by_limits(spread_mm > mobile_suspect_mm, spread_mm > mobile_fail_mm)
        flags = np.where(is_mobile, of_mobile, flags)
    flags[np.isnan(spread_mm)] = Flag.MISSING
    return flags


def check_valid_fraction(
    valid_count: npt.NDArray[np.int8], reading_count: int, *, suspect_fraction: float
) -> Flags:
    """Judge how many readings of a burst have an echo.

    Parameters
    ----------
    valid_count : ndarray of int8
    reading_count : int
        Readings in a burst.
    suspect_fraction : float
        A smaller share is SUSPECT. [fraction]

    Returns
    -------
    ndarray of int8
        FAIL where none is valid.
    """
    return by_limits(valid_count < suspect_fraction * reading_count, valid_count == 0)


def check_location(latitude: F64, longitude: F64) -> Flags:
    """Judge whether a position can be one.

    Parameters
    ----------
    latitude, longitude : ndarray of float64
        [°]

    Returns
    -------
    ndarray of int8
        FAIL outside ±90 and ±180, at (0, 0), and with one half missing; MISSING where
        there is no position, as for stationary devices.
    """
    no_latitude, no_longitude = np.isnan(latitude), np.isnan(longitude)
    bad = (np.abs(latitude) > 90) | (np.abs(longitude) > 180)
    bad |= (latitude == 0) & (longitude == 0)
    bad |= no_latitude != no_longitude
    flags = by_limits(bad, bad)
    flags[no_latitude & no_longitude] = Flag.MISSING
    return flags


def check_flow_bounds(requested_liters: F64, served_liters: F64, *others_liters: F64) -> Flags:
    """Judge whether the step's flows can be: none negative, no more served than asked.

    Parameters
    ----------
    requested_liters, served_liters : ndarray of float64
        [liters]
    *others_liters : ndarray of float64
        Further flows, which must not be negative. [liters]

    Returns
    -------
    ndarray of int8
        FAIL or GOOD; MISSING where one is null.
    """
    bad = (served_liters < 0) | (requested_liters < served_liters)
    missing = np.isnan(requested_liters) | np.isnan(served_liters)
    for flow in others_liters:
        bad |= flow < 0
        missing |= np.isnan(flow)
    flags = by_limits(bad, bad)
    flags[missing & ~bad] = Flag.MISSING
    return flags


def check_agreement(values: F64, expected: F64, *, suspect: float, fail: float) -> Flags:
    """Judge whether a column agrees with what other columns of the row give.

    Parameters
    ----------
    values, expected : ndarray of float64
        The same unit.
    suspect, fail : float
        Larger differences are SUSPECT, FAIL.

    Returns
    -------
    ndarray of int8
        MISSING where both are null; FAIL where only one is.
    """
    difference = np.abs(values - expected)
    flags = by_limits(difference > suspect, difference > fail)
    no_value, not_expected = np.isnan(values), np.isnan(expected)
    flags[no_value != not_expected] = Flag.FAIL
    flags[no_value & not_expected] = Flag.MISSING
    return flags


def level_of_readings_pct(
    readings_mm: Sequence[I32], valid_count: npt.NDArray[np.int8], *, empty_mm: F64, full_mm: F64
) -> F64:
    """Level that ingestion derives: the mean of the valid readings, calibrated, in %.

    Source: platform contract, section 2.
    """
    total = np.zeros(len(valid_count), np.int64)
    for reading in readings_mm:
        total += np.where(reading <= NO_ECHO_MM, 0, reading)
    mean = np.divide(total, valid_count, out=np.full(len(total), np.nan), where=valid_count > 0)
    return level_pct_from_distance_mm(mean, empty_mm=empty_mm, full_mm=full_mm)
