"""How fast water comes in, judged by what is usual there.

An inlet that is partly shut still lets water in at the usual times, but less of it.  What a
session brings differs from day to day, in some streets by a factor of ten, so only several
sessions together tell, and the tank's own earlier ones say what is usual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthlab.quality.flags import Flag, Flags, good
from synthlab.quality.rows import NOT_A_TIME
from synthlab.quality.supply import SESSION_PAUSE_HOURS, hours_of

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MIN_SESSIONS = 10
"""Assumed: fewer earlier sessions say nothing about what is usual."""

_LAST_SESSIONS = (3, 5, 7, 10, 14)  # Assumed: days to two weeks; few tell early, many tell little losses.
_LEAST_SPREAD = 0.1  # Assumed: no street is steadier than a tenth, whatever few sessions say. [log]
_LARGEST_LOG = 700.0  # An absurd number is as good as this one, and drowns no other.


@dataclass(frozen=True, slots=True)
class Sessions:
    """Times with inflow, of one device after the other.

    Attributes
    ----------
    first, last : ndarray of int64
        Places of each one's first and last row among the rows with inflow.
    device : ndarray of int64
    log_rate : ndarray of float64
        Logarithm of the mean inflow of a row.
    """

    first: I64
    last: I64
    device: I64
    log_rate: F64


def sessions_of(inflow_liters: F64, hours: F64, device: I64) -> Sessions:
    """Group the rows with inflow to sessions.

    Parameters
    ----------
    inflow_liters : ndarray of float64
        More than 0 each. [liters]
    hours : ndarray of float64
        Rising within a device. [h]
    device : ndarray of int64
        Rising.
    """
    is_first = np.ones(len(hours), bool)
    is_first[1:] = (np.diff(device) != 0) | (np.diff(hours) > SESSION_PAUSE_HOURS)
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], len(hours))[: len(first)] - 1
    if not len(first):
        return Sessions(first, last, device[first], np.empty(0))
    with np.errstate(over="ignore"):
        rate = np.add.reduceat(inflow_liters, first) / (last - first + 1)
    return Sessions(first, last, device[first], np.clip(np.log(rate), -_LARGEST_LOG, _LARGEST_LOG))


def slow_sessions(sessions: Sessions, *, sigmas: float) -> Bools:
    r"""Tell after which sessions the inlet was slower than usual.

    Parameters
    ----------
    sessions : Sessions
    sigmas : float
        How unusual that is, as standard deviations of a normal distribution. [unitless]

    Notes
    -----
    The mean of the last k logarithms is compared with that of the n earlier ones by Student's
    t on n + k - 2 degrees of freedom f, for several k, and t is turned to a normal quantile

    .. math:: z = \frac{8f + 1}{8f + 3} \sqrt{f \ln(1 + t^2 / f)}

    References
    ----------
    .. [1] D. L. Wallace, "Bounds on normal approximations to Student's and the chi-square
       distributions," Ann. Math. Statist. 30(4), 1959. doi:10.1214/aoms/1177706100
    """
    count = len(sessions.device)
    place = np.arange(count)
    begin = np.searchsorted(sessions.device, sessions.device)
    sums, squares = (np.concatenate([[0.0], np.cumsum(sessions.log_rate**power)]) for power in (1, 2))
    found = np.zeros(count, bool)
    for last_count in _LAST_SESSIONS:
        earlier_count = place + 1 - last_count - begin
        ends = place[earlier_count >= MIN_SESSIONS] + 1
        edge, start, n = ends - last_count, begin[ends - 1], earlier_count[ends - 1]
        last, earlier = sums[ends] - sums[edge], sums[edge] - sums[start]
        freedom = n + last_count - 2
        scatter = squares[ends] - squares[start] - last**2 / last_count - earlier**2 / n
        spread = np.sqrt(np.maximum(scatter / freedom, _LEAST_SPREAD**2))
        t = (earlier / n - last / last_count) / (spread * np.sqrt(1 / last_count + 1 / n))
        z = (8 * freedom + 1) / (8 * freedom + 3) * np.sqrt(freedom * np.log1p(t**2 / freedom))  # [1]
        found[ends - 1] |= (t > 0) & (z > sigmas)
    return found


def check_supply_rate(inflow_liters: F64, received_at_ms: I64, starts: I64, *, sigmas: float) -> Flags:
    """Find tanks into which water comes more slowly than it used to.

    Parameters
    ----------
    inflow_liters : ndarray of float64
        By the meter, of the row's step. [liters]
    received_at_ms : ndarray of int64
        NaT's integer where missing or not to be trusted. [ms]
    starts : ndarray of int64
    sigmas : float
        SUSPECT is what is more unusual, see `slow_sessions`. [unitless]

    Returns
    -------
    ndarray of int8
        A slow session is SUSPECT from its last row on, until the next one is over. UNKNOWN for a
        device with too few sessions to know what is usual; GOOD while there are too few.
    """
    flags = good(len(inflow_liters))
    is_known = received_at_ms != NOT_A_TIME
    device = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(flags))))
    wet = np.flatnonzero((inflow_liters > 0) & is_known)
    sessions = sessions_of(inflow_liters[wet], hours_of(received_at_ms[wet]), device[wet])
    ends = np.append(starts[1:], len(flags))
    for _, flag, first, end in spans_of(sessions, wet[sessions.last], starts, ends, sigmas=sigmas):
        flags[first:end] = flag
    return flags


def spans_of(
    sessions: Sessions, last_row: I64, starts: I64, ends: I64, *, sigmas: float
) -> list[tuple[int, Flag, int, int]]:
    """Return flags that are not GOOD: the device, the flag, its first row and its end.

    Parameters
    ----------
    sessions : Sessions
    last_row : ndarray of int64
        The last row of each session, counted as `starts` and `ends` are.
    starts, ends : ndarray of int64
        First row and end of each device.
    sigmas : float
    """
    counts = np.bincount(sessions.device, minlength=len(starts))
    found = [
        (device, Flag.UNKNOWN, int(starts[device]), int(ends[device]))
        for device in np.flatnonzero(counts < MIN_SESSIONS + _LAST_SESSIONS[0]).tolist()
    ]
    for slow in np.flatnonzero(slow_sessions(sessions, sigmas=sigmas)).tolist():
        device = int(sessions.device[slow])
        is_last = slow + 1 == len(last_row) or sessions.device[slow + 1] != device
        end = int(ends[device] if is_last else last_row[slow + 1])
        found.append((device, Flag.SUSPECT, int(last_row[slow]), end))
    return found
