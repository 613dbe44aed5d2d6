"""Demand of a household: the guide's formula, and events whose mean is the formula.

See Also
--------
synthlab.model.household : what sets one household apart.
synthlab.model.habits : when it is active.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from synthlab.model.events import SIZE_SHIFT, Events, gamma_factors
from synthlab.model.gaussian import normal_cdf, probit
from synthlab.model.habits import LEAK_DAY_SHARE, Activity, activity, day_factor, leak_days, present_hours
from synthlab.model.habits import PROCESSES as HABIT_STREAMS
from synthlab.model.household import (
    LARGE_TYPES,
    SIZE_SHAPE,
    SMALL_TYPES,
    TYPES,
    Households,
)
from synthlab.randomness import F32, U64, choices, draws, ticks, uniforms
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR, hour_of_week

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_WEEKEND = (5, 6)
LEAK_ML = 250.0
"""One trickle event. Assumed: too little to be told from a steady drip. [milliliters]"""
_CELLS_AT_ONCE = 49_152
"""Hours of households worked on at once. Source: measured, with their events
they stay in the cache."""
# Uses that a group may have in one hour. Assumed: far above any count at `MAX_RATE`.
_MAX_USES = 4_000
# The 20 bits of a use's word that choose its type.
_TURN_SHIFT, _TURN_MASK, _TURN_UNIT = np.uint64(32), np.uint64((1 << 20) - 1), 2.0**-20
# The 32 bits that choose its moment.
_MOMENT_MASK, _MOMENT_UNIT = np.uint64((1 << 32) - 1), 2.0**-32
MAX_RATE = 250.0
"""Where more uses are due in an hour, they are merged to larger ones. Assumed: single draws are
not told apart there. [1/h]"""


def expected_demand_liters(
    *,
    target_daily_liters: float,
    hourly_weights: Sequence[float],
    weekday_multipliers: Sequence[float],
    step_seconds: int,
    weekend_hourly_weights: Sequence[float] | None = None,
) -> list[float]:
    r"""Demand of one step at each hour of the week, by the guide's formula.

    Parameters
    ----------
    target_daily_liters : float
        [liters]
    hourly_weights : sequence of 24 floats
        UTC hours 0..23; any positive scale. [unitless]
    weekday_multipliers : sequence of 7 floats
        Monday first. [unitless]
    step_seconds : int
        The step actually simulated. [seconds]
    weekend_hourly_weights : sequence of 24 floats, optional
        Saturday and Sunday; the same as `hourly_weights` where omitted.

    Returns
    -------
    list of 168 floats
        From Monday 00:00 UTC. [liters]

    Notes
    -----
    .. math:: demand = \frac{target}{24} \; w_h \frac{24}{\sum w} \; m_{dow} \; \frac{step}{3600}

    in this order of multiplication. Source: guide, section 7.1 (``cadence_seconds``
    there is the step here, so that liters a day do not depend on the step).
    """
    base_liters_per_hour = target_daily_liters / 24
    hours = step_seconds / 3600

    def normalized(weights: Sequence[float]) -> list[float]:
        scale = 24 / sum(weights)
        return [weight * scale for weight in weights]

    workday = normalized(hourly_weights)
    weekend = normalized(weekend_hourly_weights) if weekend_hourly_weights else workday
    return [
        base_liters_per_hour * weight * multiplier * hours
        for weekday, multiplier in enumerate(weekday_multipliers)
        for weight in (weekend if weekday in _WEEKEND else workday)
    ]


def hours_of_week(seconds: I64) -> I64:
    """Hour of the week, 0..167 from Monday 00:00 UTC, of many moments."""
    first = hour_of_week(0)
    return (seconds // SECONDS_PER_HOUR + first) % 168


def demand_events(
    *,
    hour_starts: I64,
    households: Households,
    keys: Mapping[str, U64],
    habit_strength: F64,
    day_factor_sigma: F64,
    flow_liters_per_minute: F64,
) -> Iterator[Events]:
    """Draw single uses of water, whose mean over households is the formula.

    Parameters
    ----------
    hour_starts : ndarray of int64, shape (n_hours,)
        Consecutive full hours, Unix time, from `LOOKBACK_HOURS` before the first of
        interest. [seconds]
    households : Households
    keys : mapping of str to ndarray of uint64, shape (n_devices,)
        Streams `KEYS`.
    habit_strength, day_factor_sigma : ndarray of float64, shape (n_devices,)
        [unitless]
    flow_liters_per_minute : ndarray of float64, shape (n_devices,)
        [liters/min]

    Yields
    ------
    Events
        Uses that begin in these hours, of which large ones may end in the next: some days'
        worth at a time, whose arrays stay in the cache.
    """
    hours, day = hour_starts, hour_starts // SECONDS_PER_DAY
    days = np.arange(day[0], day[-1] + 1)
    about = activity(hours, keys=keys, habit_strength=habit_strength)
    limit = probit(households.active_prob)
    active = about.score < limit.astype(np.float32)[hours_of_week(hours)]
    active &= present_hours(hours, keys=keys["absent"], absence_prob=households.absence_prob)
    factor = day_factor(days, keys=keys["factor"], sigma=day_factor_sigma)
    hour_gain = _hour_gain(about, limit, households)
    at_once = max(_CELLS_AT_ONCE // active.shape[1], 1)
    for first in range(0, len(hours), at_once):
        part = slice(first, first + at_once)
        cells = _Cells.of(hours[part], active[part])
        gain = cells.weekly(hour_gain)
        gain *= cells.daily(factor, day[part] - days[0])
        gain *= np.exp(-households.routine_power[cells.device] * cells.own(about.routine[part]))
        uses = _Uses(cells, gain, households, keys, flow_liters_per_minute * (1000.0 / 60.0))
        yield uses.poisson("small", SMALL_TYPES)
        yield uses.poisson("large", LARGE_TYPES)
    leaky = leak_days(days, keys=keys["leak"])
    at_once = max(_CELLS_AT_ONCE // (24 * active.shape[1]), 1)
    for first in range(0, len(days), at_once):
        some = slice(first, first + at_once)
        whole = np.arange(days[some][0] * 24, (days[some][-1] + 1) * 24) * SECONDS_PER_HOUR
        yield _trickles(whole, leaky[some], households.leak_liters, keys["trickle"])


LOOKBACK_HOURS = 1
"""A use may begin in the hour before."""

KEYS = (*HABIT_STREAMS, "uses", "trickle")
"""Streams that `demand_events` takes, by name."""


def _hour_gain(about: Activity, limit: F64, households: Households) -> F64:
    """Factor by hour of the week that keeps the mean, shape (168, n_devices).

    An hour that routine makes active is a busy one: its rate goes with exp(-c q), q the
    routine. The mean of that where the score lies under the limit t is
    ``exp(c^2 var(q) / 2) Phi(t + c cov(q, score))``, and is divided out.
    """
    hour, power = np.arange(168) % 24, households.routine_power
    spread = power * power * about.routine_variance[hour] / 2.0
    busy = np.exp(spread) * normal_cdf(limit + power * about.covariance[hour])
    return 1.0 / (busy * (1.0 - households.absence_prob))


@dataclass(frozen=True, slots=True)
class _Cells:
    """The active hours of the households of a group, one entry each."""

    hours: I64
    device_count: int
    place: I64
    hour: I64
    device: I64
    week_place: I64

    @classmethod
    def of(cls, hours: I64, active: npt.NDArray[np.bool_]) -> _Cells:
        """Find the cells of an array of (n_hours, n_devices)."""
        count = active.shape[1]
        place = np.flatnonzero(active)
        hour = place // count
        device = place - hour * count
        return cls(hours, count, place, hour, device, (hours_of_week(hours) * count).take(hour) + device)

    def weekly(self, table: F64) -> F64:
        """Look up a table of (168, n_devices)."""
        return table.take(self.week_place)

    def daily(self, table: F64, day_of_hour: I64) -> F64:
        """Look up a table of (n_days, n_devices), whose row each hour has."""
        return table.take((day_of_hour * self.device_count).take(self.hour) + self.device)

    def own(self, table: F32) -> F32:
        """Look up a table of (n_hours, n_devices)."""
        return table.take(self.place)


class _Uses:
    """Uses of water in active hours."""

    def __init__(
        self,
        cells: _Cells,
        gain: F64,
        households: Households,
        keys: Mapping[str, U64],
        flow_ml_per_second: F64,
    ) -> None:
        self._cells, self._gain = cells, gain
        self._households, self._keys, self._flow = households, keys, flow_ml_per_second

    def poisson(self, group: str, types: Sequence[str]) -> Events:
        """Draw uses that come on their own, and which type each of them is."""
        cells = self._cells
        slot = 4 * _MAX_USES * (1 + ("small", "large").index(group))
        key = self._keys["uses"].take(cells.device)
        rate = cells.weekly(self._households.rate[group])
        rate *= self._gain
        merged = _merged(rate)
        first = ticks(cells.hours, slot).take(cells.hour)
        counts = poisson_counts(uniforms(draws(first, key)), rate if merged is None else rate / merged)
        cell, ordinal = _repeat(counts)
        start, device = cells.hours.take(cells.hour.take(cell)), cells.device.take(cell)
        ordinal += slot + 1
        words = draws(ticks(start, ordinal), key.take(cell))
        turn = ((words >> _TURN_SHIFT) & _TURN_MASK).astype(np.float64)
        turn *= _TURN_UNIT
        share = self._households.type_share[group]
        kind = np.full(len(cell), TYPES.index(types[0]))
        for row in share[:-1]:
            kind += turn >= row.take(device)
        liters = self._households.size_liters.take(kind * cells.device_count + device)
        if merged is not None:
            liters *= merged.take(cell)
        run_over = None
        if group == "large":
            run_over = cells.weekly(self._households.run_over_prob).take(cell)
        return self._events(start, device, kind, words, liters, run_over)

    def _events(
        self,
        start: I64,
        device: I64,
        kind: I64,
        words: U64,
        mean_liters: F64,
        run_over_prob: F64 | None,
    ) -> Events:
        """Give each use its volume, its length and its start.

        One word is enough: its first 12 bits choose the volume, the last 32 the moment, and
        those between the type of the use.
        """
        index = (words >> SIZE_SHIFT).view(np.int64)
        index += kind * len(gamma_factors(1.0))
        liters = _size_table().take(index)
        liters *= mean_liters
        volume = np.rint(liters * 1000.0)
        # However large, a use fits into an hour.
        liters /= 1.8
        flow_ml_per_second = np.maximum(self._flow.take(device), liters, out=liters)
        length = np.divide(volume, flow_ml_per_second, out=flow_ml_per_second)
        np.ceil(length, out=length)
        seconds = np.clip(length, 1, SECONDS_PER_HOUR, out=length).astype(np.int64)
        if run_over_prob is None:
            offset = choices(words << np.uint64(32), SECONDS_PER_HOUR - seconds + 1)
        else:
            offset = _starts(words, seconds, run_over_prob)
        offset += start
        return Events(device, offset, seconds, volume.astype(np.int64))


def _merged(rate: F64) -> F64 | None:
    """How many uses are merged to one in each hour; None where that is nowhere done."""
    return np.maximum(rate / MAX_RATE, 1.0) if rate.size and rate.max() > MAX_RATE else None


def _starts(words: U64, length_seconds: I64, run_over_prob: F64) -> I64:
    """Seconds of the hour at which uses begin: across its end with that probability, or before.

    Across, the part that comes before the end is uniform, so its mean is a half.
    """
    turn = (words & _MOMENT_MASK).astype(np.float64)
    turn *= _MOMENT_UNIT
    across = turn < run_over_prob
    turn -= np.where(across, 0.0, run_over_prob)
    turn /= np.where(across, run_over_prob, 1.0 - run_over_prob)
    turn *= np.where(across, length_seconds, SECONDS_PER_HOUR - length_seconds) + 1
    part = turn.astype(np.int64)
    return np.where(across, SECONDS_PER_HOUR - part, part)


def _sampled(rate: F64, turn: F64) -> I64:
    """Turn the rates of whole days, (n_hours, n_devices), to counts that keep apart, flattened."""
    until = np.cumsum(rate.reshape(-1, 24, rate.shape[1]), axis=1)
    until += turn[:, None, :]
    np.floor(until, out=until)
    counts = until.astype(np.int64)
    counts[:, 1:] -= counts[:, :-1].copy()
    return counts.reshape(-1)


@cache
def _size_table() -> F64:
    """Tabulate the volume of a use against its mean, 4096 entries a type, in one row."""
    return np.concatenate([gamma_factors(SIZE_SHAPE[name]) for name in TYPES])


def _trickles(hours: I64, leaky: npt.NDArray[np.bool_], leak_liters: F64, keys: U64) -> Events:
    """Draw the drips of leaky days, evenly through the day by systematic sampling."""
    count = leak_liters.shape[1]
    rate = leak_liters[hours_of_week(hours)]
    rate *= 1000.0 / LEAK_ML / LEAK_DAY_SHARE
    by_day = rate.reshape(-1, 24, count)
    by_day *= leaky[:, None, :]
    drips = _sampled(rate, uniforms(draws(ticks(hours[::24], 1)[:, None], keys)))
    place = np.flatnonzero(drips)
    hour = place // count
    seconds = np.full(len(place), SECONDS_PER_HOUR)
    return Events(place - hour * count, hours.take(hour), seconds, drips.take(place) * round(LEAK_ML))


def _repeat(counts: I64) -> tuple[I64, I64]:
    """Cell and ordinal of each of the uses that cells have."""
    cell = np.repeat(np.arange(len(counts)), counts)
    ordinal = np.arange(len(cell))
    ordinal -= (np.cumsum(counts) - counts).take(cell)
    return cell, ordinal


def poisson_counts(uniform: F64, rate: F64) -> I64:
    """Turn uniforms to Poisson counts, by inverting the distribution.

    Parameters
    ----------
    uniform : ndarray of float64, shape (n,)
    rate : ndarray of float64, shape (n,)
        Up to 700: beyond, exp(-rate) is no normal number.

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    # exp only decides between whole counts here: its last bit cannot reach a column.
    prob = np.exp(-rate)
    below = prob.copy()
    counts = np.zeros(len(rate), dtype=np.int64)
    cells, goes_on, target = None, uniform > below, uniform
    found, count = counts, 0
    while count < _MAX_USES:
        left = np.count_nonzero(goes_on)
        if 2 * left < len(goes_on):
            # Now and then: to gather what is left costs more than to carry some of the rest along.
            rows = np.flatnonzero(goes_on)
            if cells is not None:
                counts[cells] = found
            cells = rows if cells is None else cells[rows]
            found, target, rate = found[rows], target[rows], rate[rows]
            prob, below, goes_on = prob[rows], below[rows], goes_on[rows]
        if not left:
            break
        count += 1
        found += goes_on
        prob *= rate / count
        below += prob
        goes_on &= target > below
        # Where the sum no longer grows, the uniform lies within rounding of 1.
        goes_on &= (prob > 1e-17) | (count < rate)
    if cells is not None:
        counts[cells] = found
    return counts
