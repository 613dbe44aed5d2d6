"""Intermittent supply: sessions with a start, a duration and a volume."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from synthlab.model.demand import hours_of_week
from synthlab.model.events import SIZE_SHIFT, Events, size_table
from synthlab.model.gaussian import probit
from synthlab.randomness import choices, draws, slow_normals, ticks, uniforms
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

MAX_SESSION_HOURS = 24
"""Longest session at the mean pressure. Assumed. [h]"""

# fmt: off
PRESSURE_SHAPE = (
    256, 256, 256, 256, 250, 232, 200, 178, 176, 186, 198, 206,
    208, 206, 210, 214, 208, 196, 182, 176, 184, 206, 230, 248,
)
"""Flow of an open pipe by UTC hour, 256 = at the highest pressure. Assumed: at the hours of
highest demand half of the head is lost on the way, and flow goes with its root. [1/256]"""
# fmt: on
_MEAN_PRESSURE = sum(PRESSURE_SHAPE) // 24
LOOKBACK_HOURS = MAX_SESSION_HOURS * _MEAN_PRESSURE // min(PRESSURE_SHAPE) + 2
"""No session that began earlier than this flows into a window. [h]"""

REGIMES = ("predictable", "irregular", "unreliable")
"""How regular supply is. Source: Galaitsi et al., Water 8 (2016) 274."""

PREDICTABLE_DAY_SHARE = 0.9
"""Share of days on which predictable supply keeps its hours. Assumed."""
SERVED_DAY_SHARE = {"irregular": 0.55, "unreliable": 0.75}
"""Share of days with any supply. Assumed: so that gaps have CV >= 1."""
_SERVED_DAY_CORRELATION = 0.5  # Assumed: a bad day is often followed by another.


def supply_sessions(
    *,
    hour_starts: I64,
    keys: npt.NDArray[np.uint64],
    regimes: Sequence[str],
    start_prob: F64,
    session_liters: F64,
    session_hours: F64,
    session_log_sigma: Sequence[float],
) -> Events:
    """Draw the supply sessions that begin in the given hours, as they are meant to be.

    Parameters
    ----------
    hour_starts : ndarray of int64, shape (n_hours,)
        Unix time of full hours; pass `LOOKBACK_HOURS` before the window too. [seconds]
    keys : ndarray of uint64, shape (n_devices,)
    regimes : sequence of str, length n_devices
        One of `REGIMES`: sessions at the same hours most days, at new hours on some days,
        or by chance on some days.
    start_prob : ndarray of float64, shape (168, n_devices)
        Mean number of sessions that begin in an hour of the week, at most 1; the
        same under each regime. [unitless]
    session_liters : ndarray of float64, shape (24, n_devices)
        Mean volume by the hour in which it begins. [liters]
    session_hours : ndarray of float64, shape (n_devices,)
        Mean duration. [h]
    session_log_sigma : sequence of float, length n_devices
        Of volume and of duration, drawn apart. [unitless]

    Returns
    -------
    Events
        Their lengths are those at the mean pressure; `pressure_flows` makes of them what
        the pipe delivers.
    """
    hour, device = np.nonzero(_begins(hour_starts, keys, regimes, start_prob))
    start, key = hour_starts[hour], keys[device]
    factors, row = size_table(session_log_sigma)

    def factor(slot: int) -> F64:
        word = draws(ticks(start, slot), key)
        return factors[row[device], (word >> SIZE_SHIFT).astype(np.int64)]

    hour_of_day = start // SECONDS_PER_HOUR % 24
    volume = np.rint(session_liters[hour_of_day, device] * 1000.0 * factor(1)).astype(np.int64)
    seconds = np.rint(session_hours[device] * SECONDS_PER_HOUR * factor(2))
    length = np.clip(seconds, 60, MAX_SESSION_HOURS * SECONDS_PER_HOUR).astype(np.int64)
    offset = choices(draws(ticks(start, 3), key), SECONDS_PER_HOUR)
    return Events(device, start + offset, length, volume)


def pressure_flows(sessions: Events, max_liters_per_hour: F64) -> Events:
    r"""Turn sessions to flows, hour by hour, each at what the hour's pressure gives.

    Parameters
    ----------
    sessions : Events
        With the lengths that they have at the mean pressure.
    max_liters_per_hour : ndarray of float64, shape (n_devices,)
        What the pipe carries at the highest pressure. [liters/h]

    Returns
    -------
    Events
        At most one for each hour and device, at a flow that the pipe carries.

    Notes
    -----
    With pressure shape p(t) of mean m, volume V and duration L, the flow is

    .. math:: q(t) = rac{V}{L} rac{p(t)}{m}

    and where q would exceed the pipe's limit, the session takes longer.  Whole
    numbers, so that parts add up exactly.
    """
    device, begin = sessions.device, sessions.start_second
    ml_per_pressure = max_liters_per_hour[device] * (1000.0 / 256.0 / SECONDS_PER_HOUR)
    longest = MAX_SESSION_HOURS * SECONDS_PER_HOUR * _MEAN_PRESSURE
    least = np.minimum(np.ceil(sessions.volume_ml / ml_per_pressure), longest).astype(np.int64)
    need = np.maximum(sessions.length_seconds * _MEAN_PRESSURE, least)
    # What a day and night of a full pipe do not bring does not come.
    volume = np.minimum(sessions.volume_ml, np.floor(need * ml_per_pressure)).astype(np.int64)
    parts = []
    used = np.zeros(len(device), dtype=np.int64)
    while len(device):
        pressure = _PRESSURE[begin // SECONDS_PER_HOUR % 24]
        until_hour = SECONDS_PER_HOUR - begin % SECONDS_PER_HOUR
        length = np.minimum(until_hour, -((used - need) // pressure))
        total = np.minimum(used + length * pressure, need)
        parts.append(Events(device, begin, length, volume * total // need - volume * used // need))
        more = np.flatnonzero(total < need)
        device, begin, used = device[more], (begin + length)[more], total[more]
        volume, need = volume[more], need[more]
    return _one_pipe(Events.joined(parts), max_liters_per_hour)


def _one_pipe(flows: Events, max_liters_per_hour: F64) -> Events:
    """Join the flows that meet in one hour: together they bring no more than the pipe carries."""
    hour = flows.start_second // SECONDS_PER_HOUR
    order = np.lexsort((flows.start_second, flows.device, hour))
    device, hour = flows.device[order], hour[order]
    first = np.flatnonzero(np.append(True, (device[1:] != device[:-1]) | (hour[1:] != hour[:-1])))
    if not len(device):
        return flows
    start = flows.start_second[order][first]
    end = np.maximum.reduceat((flows.start_second + flows.length_seconds)[order], first)
    volume = np.add.reduceat(flows.volume_ml[order], first)
    device, length = device[first], end - start
    most = np.floor(max_liters_per_hour[device] * (1000.0 / SECONDS_PER_HOUR) * length).astype(np.int64)
    return Events(device, start, length, np.minimum(volume, most))


def _begins(
    hour_starts: I64, keys: npt.NDArray[np.uint64], regimes: Sequence[str], start_prob: F64
) -> npt.NDArray[np.bool_]:
    """Decide in which hours sessions begin, shape (n_hours, n_devices)."""
    days = np.arange(hour_starts[0] // SECONDS_PER_DAY, hour_starts[-1] // SECONDS_PER_DAY + 1)
    hours = np.arange(days[0] * 24, (days[-1] + 1) * 24) * SECONDS_PER_HOUR
    prob = start_prob[hours_of_week(hours)]
    begins = np.empty(prob.shape, dtype=bool)
    regime = np.array([REGIMES.index(name) for name in regimes])
    predictable, irregular, unreliable = (np.flatnonzero(regime == i) for i in range(3))
    if len(predictable):
        begins[:, predictable] = _timed(days, keys[predictable], prob[:, predictable], is_predictable=True)
    for name, some in (("irregular", irregular), ("unreliable", unreliable)):
        if not len(some):
            continue
        share = SERVED_DAY_SHARE[name]
        served = np.repeat(_served_days(days, keys[some], share), 24, axis=0)
        chance = np.minimum(prob[:, some] / share, 1.0) * served
        if name == "irregular":
            begins[:, some] = _timed(days, keys[some], chance, is_predictable=False)
        else:
            # By chance, hour by hour.
            begins[:, some] = uniforms(draws(ticks(hours)[:, None], keys[some])) < chance
    first = int(hour_starts[0] - hours[0]) // SECONDS_PER_HOUR
    return begins[first : first + len(hour_starts)]


def _timed(
    days: I64, keys: npt.NDArray[np.uint64], prob: F64, *, is_predictable: bool
) -> npt.NDArray[np.bool_]:
    """Place a day's sessions apart, by systematic sampling; where predictable at the same turn."""
    turn = uniforms(draws(ticks(days * SECONDS_PER_DAY, 5)[:, None], keys))
    if is_predictable:
        own_turn = uniforms(draws(ticks(0, 4), keys))
        keeps = uniforms(draws(ticks(days * SECONDS_PER_DAY, 6)[:, None], keys)) < PREDICTABLE_DAY_SHARE
        turn = np.where(keeps, own_turn, turn)
    until = np.floor(np.cumsum(prob.reshape(len(days), 24, -1), axis=1) + turn[:, None, :])
    return np.diff(until, axis=1, prepend=0.0).reshape(prob.shape) > 0


def _served_days(days: I64, keys: npt.NDArray[np.uint64], share: float) -> npt.NDArray[np.bool_]:
    """Say on which days there is any supply at all, shape (n_days, n_devices)."""
    process = slow_normals(
        keys, days, spacing_seconds=SECONDS_PER_DAY, correlation=_SERVED_DAY_CORRELATION, slot=7
    )
    return process < float(probit(np.array(share)))


_PRESSURE = np.array(PRESSURE_SHAPE, dtype=np.int64)
