r"""Faults: when they happen, and what they do to numbers.

An episode is a span of absolute time that begins at a second and lasts for a
duration.  By rate, the episodes of a device are a Poisson process, drawn hour by hour
from its own stream, so that any window holds the same ones; by schedule they begin at
given times.

A message that is sent at :math:`t` belongs to an episode that begins at :math:`s` and
lasts :math:`d` where :math:`s \le t < s + \max(d, \tau)`, with the step :math:`\tau`:
so an episode reaches one message at least, and a short one no more than one.  Water
follows the clock instead: a step has its share of the episode's time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from synthlab.calibration import NO_ECHO_MM
from synthlab.model.sensor import MIN_READING_MM
from synthlab.model.trips import EARTH_METERS_PER_DEGREE
from synthlab.randomness import draws, normals, ticks, uniforms
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

CLOCK_RESET_MS = 946_684_800_000
"""2000-01-01. Source: domain facts, section 6. [ms]"""
SENTINEL_TEMPERATURES_C = (85.0, -127.0)
"""Source: domain facts, section 6. [°C]"""

_SPIKE_TURN_PCT = 25.0  # Assumed: nearer to an end than this a spike points to the middle, where it shows.
_MAX_JITTER_SECONDS = 59  # Assumed: no two late messages are received in the same moment.

# Slots of the draws of one moment.
_COUNT, _PLACE, _SIGN, _CHOICE, _JITTER, _NORMALS, _ECHOES = 0, 1, 2, 3, 4, 8, 16


class Membership(NamedTuple):
    """Which episode each message belongs to.

    Attributes
    ----------
    rows : ndarray of int64
        Places of the messages that belong to one, ascending.
    begin : ndarray of int64
        Second at which the episode of each of them begins. [seconds]
    """

    rows: I64
    begin: I64


def episode_starts(
    first_second: int, last_second: int, *, key: np.uint64, rate_per_day: float, at_seconds: tuple[int, ...]
) -> I64:
    """Return when episodes begin within a span closed at both ends, ascending.

    Parameters
    ----------
    first_second, last_second : int
        [seconds]
    key : uint64
        The stream of device and fault.
    rate_per_day : float
        Mean count of a day. [1/day]
    at_seconds : tuple of int
        Scheduled ones; with them the rate is 0. [seconds]

    Notes
    -----
    An hour holds an episode with probability 1 - exp(-rate / 24): more than one in an
    hour count as one.
    """
    if rate_per_day <= 0:
        known = np.array(at_seconds, dtype=np.int64)
        return known[(known >= first_second) & (known <= last_second)]
    hours = np.arange(max(first_second, 0) // SECONDS_PER_HOUR, last_second // SECONDS_PER_HOUR + 1)
    seconds = hours * SECONDS_PER_HOUR
    prob = -np.expm1(-rate_per_day / 24.0)
    seconds = seconds[uniforms(draws(ticks(seconds, _COUNT), key)) < prob]
    if not len(seconds):
        return seconds
    place = uniforms(draws(ticks(seconds, _PLACE), key)) * SECONDS_PER_HOUR
    starts = seconds + place.astype(np.int64)
    return starts[(starts >= first_second) & (starts <= last_second)]


def members(seconds: I64, starts: I64, *, duration_seconds: int, step_seconds: int) -> Membership:
    """Return the messages that belong to an episode.

    Parameters
    ----------
    seconds : ndarray of int64
        When they are sent, ascending. [seconds]
    starts : ndarray of int64
        Ascending. [seconds]
    duration_seconds, step_seconds : int
        [seconds]
    """
    if not len(starts):
        nothing = np.zeros(0, dtype=np.int64)
        return Membership(nothing, nothing)
    length = max(duration_seconds, step_seconds)
    place = np.searchsorted(starts, seconds, side="right") - 1
    begin = starts[np.maximum(place, 0)]
    rows = np.flatnonzero((place >= 0) & (seconds - begin < length))
    return Membership(rows, begin[rows])


def overlap_seconds(step_starts: I64, starts: I64, *, duration_seconds: int, step_seconds: int) -> F64:
    """Return how long each step lies in episodes; where two overlap their times add up.

    Parameters
    ----------
    step_starts, starts : ndarray of int64
        Ascending. [seconds]
    duration_seconds, step_seconds : int
        [seconds]
    """
    total = np.zeros(len(step_starts))
    length = max(duration_seconds, 1)
    for start in starts.tolist():
        first = np.searchsorted(step_starts, start - step_seconds, side="right")
        last = np.searchsorted(step_starts, start + length, side="left")
        begin = step_starts[first:last]
        total[first:last] += np.minimum(begin + step_seconds, start + length) - np.maximum(begin, start)
    return total


def signs(begin: I64, key: np.uint64) -> F64:
    """Return +1 or -1 for each episode."""
    return np.where(uniforms(draws(ticks(begin, _SIGN), key)) < 0.5, -1.0, 1.0)


def moved_readings(readings: I32, shift_mm: npt.NDArray[np.floating]) -> I32:
    """Add a distance to the readings that have an echo. [mm]

    Parameters
    ----------
    readings : ndarray of int32, shape (n, readings)
        -1 = no echo. [mm]
    shift_mm : ndarray, shape (n,) or (n, readings)
        [mm]
    """
    shift = shift_mm if shift_mm.ndim == 2 else shift_mm[:, None]
    moved = np.maximum(readings + np.rint(shift).astype(np.int64), MIN_READING_MM)
    return np.where(readings == NO_ECHO_MM, NO_ECHO_MM, moved).astype(np.int32)


def offset_mm(begin: I64, key: np.uint64, *, size_mm: float) -> F64:
    """Distance by which a knocked sensor is off, constant within an episode. [mm]"""
    return signs(begin, key) * size_mm


def drift_mm(seconds: I64, begin: I64, key: np.uint64, *, size_mm_per_day: float) -> F64:
    """Distance by which a dirty sensor is off, growing from the episode's begin. [mm]"""
    return signs(begin, key) * size_mm_per_day * (seconds - begin) / SECONDS_PER_DAY


def spike_mm(begin: I64, key: np.uint64, *, size_pct: float, range_mm: float, level_pct: F64) -> F64:
    """Distance of a spike.  Near full or empty it points to the middle, where it can be seen.

    Parameters
    ----------
    begin : ndarray of int64
        [seconds]
    key : uint64
    size_pct : float
        Of the range. [%]
    range_mm : float
        Distance between full and empty. [mm]
    level_pct : ndarray of float64
        Level before the fault; null where there is none. [%]
    """
    sign = signs(begin, key)
    sign = np.where(
        level_pct > 100.0 - _SPIKE_TURN_PCT, 1.0, np.where(level_pct < _SPIKE_TURN_PCT, -1.0, sign)
    )
    return sign * size_pct / 100.0 * range_mm


def noise_mm(seconds: I64, key: np.uint64, *, sigma_mm: float, reading_count: int) -> npt.NDArray[np.float32]:
    """Further noise of each reading, (n, reading_count). [mm]"""
    words = draws(ticks(seconds[:, None], _NORMALS + np.arange((reading_count + 1) // 2)), key)
    return normals(words)[:, :reading_count] * np.float32(sigma_mm)


def lost_echoes(seconds: I64, key: np.uint64, *, size_pct: float, reading_count: int) -> Bools:
    """Choose the readings that return no echo, (n, reading_count)."""
    words = draws(ticks(seconds[:, None], _ECHOES + np.arange(reading_count)), key)
    return uniforms(words) < size_pct / 100.0


def sentinel_temperature_c(begin: I64, key: np.uint64) -> F64:
    """Return the value that the sensor gives when it has none, one of two an episode. [°C]"""
    is_first = uniforms(draws(ticks(begin, _CHOICE), key)) < 0.5
    return np.where(is_first, *SENTINEL_TEMPERATURES_C)


def jumped_position(
    latitude: F64, longitude: F64, begin: I64, key: np.uint64, *, size_km: float
) -> tuple[F64, F64]:
    """Move positions by a distance in a direction drawn for each episode. [°]

    Longitude wraps round; at the poles latitude is cut.  Six decimals, as everywhere.
    """
    bearing = 2.0 * np.pi * uniforms(draws(ticks(begin, _CHOICE), key))
    degrees = size_km * 1_000.0 / EARTH_METERS_PER_DEGREE
    # numpy's sine may differ by a bit between machines; six decimals hide that.
    north, east = np.round(np.cos(bearing), 9) * degrees, np.round(np.sin(bearing), 9) * degrees
    shrink = np.maximum(np.round(np.cos(np.deg2rad(latitude)), 6), 0.01)
    moved = np.clip(latitude + north, -90.0, 90.0)
    around = (longitude + east / shrink + 180.0) % 360.0 - 180.0
    return np.rint(moved * 1e6) / 1e6, np.rint(around * 1e6) / 1e6


def jitter_ms(seconds: I64, key: np.uint64) -> I64:
    """Whole seconds, 1 to 59, by which a late message misses the grid. [ms]"""
    share = uniforms(draws(ticks(seconds, _JITTER), key))
    return (1 + (share * _MAX_JITTER_SECONDS).astype(np.int64)) * 1_000
