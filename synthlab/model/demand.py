"""Demand of a household: the guide's formula, and events whose mean is the formula.

See Also
--------
synthlab.model.household : what sets one household apart.
synthlab.model.habits : when it is active.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from synthlab.randomness import U64, choices, draws, ticks, uniforms
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR, hour_of_week

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_WEEKEND = (5, 6)
# Showers of one day keep apart: gamma shape of the intensity that is sampled. Source: M.
_SHOWER_SHAPE = 0.7
LEAK_ML = 250.0
"""One trickle event. Assumed: too little to be told from a steady drip. [milliliters]"""
# Uses that a group may have in one hour. Assumed: far above any count at `MAX_RATE`.
_MAX_USES = 4_000
# The 20 bits of a use's word that choose its type.
_TURN_SHIFT, _TURN_MASK, _TURN_UNIT = np.uint64(32), np.uint64((1 << 20) - 1), 2.0**-20
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
) -> Events:
    """Draw single uses of water, whose mean over households is the formula.

    Parameters
    ----------
    hour_starts : ndarray of int64, shape (n_hours,)
        Consecutive full hours, Unix time. [seconds]
    households : Households
    keys : mapping of str to ndarray of uint64, shape (n_devices,)
        Streams `KEYS`.
    habit_strength, day_factor_sigma : ndarray of float64, shape (n_devices,)
        [unitless]
    flow_liters_per_minute : ndarray of float64, shape (n_devices,)
        [liters/min]

    Returns
    -------
    Events
        All within their hour: nothing spills into the next, which would move the
        mean from hour to hour.
    """
    days = np.arange(hour_starts[0] // SECONDS_PER_DAY, hour_starts[-1] // SECONDS_PER_DAY + 1)
    # Whole days, because showers are placed within a day.
    hours = np.arange(days[0] * 24, (days[-1] + 1) * 24) * SECONDS_PER_HOUR
    about = activity(hours, keys=keys, habit_strength=habit_strength)
    limit = probit(households.active_prob)
    active = about.score < limit.astype(np.float32)[hours_of_week(hours)]
    active &= present_hours(hours, keys=keys["absent"], absence_prob=households.absence_prob)
    factor = day_factor(days, keys=keys["factor"], sigma=day_factor_sigma)
    cells = np.flatnonzero(active)
    hour, device = np.divmod(cells, active.shape[1])
    week_hour = hours_of_week(hours)[hour]
    gain = _hour_gain(about, limit, households)[week_hour, device] * factor[hour // 24, device]
    gain *= np.exp(-households.routine_power[device] * about.routine.ravel()[cells])
    uses = _Uses(hours, hour, device, week_hour, gain, households, keys)
    parts = [
        uses.poisson("small", SMALL_TYPES, flow_liters_per_minute),
        uses.poisson("large", LARGE_TYPES, flow_liters_per_minute),
        uses.showers(flow_liters_per_minute),
        _trickles(days, households.leak_liters, keys),
    ]
    return Events.joined(parts)


KEYS = (*HABIT_STREAMS, "uses", "shower", "trickle")
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


class _Uses:
    """Uses of water in the active hours of a group, one entry an active cell."""

    def __init__(
        self,
        hours: I64,
        hour: I64,
        device: I64,
        week_hour: I64,
        gain: F64,
        households: Households,
        keys: Mapping[str, U64],
    ) -> None:
        self._hours, self._hour, self._device = hours, hour, device
        self._week_hour, self._gain = week_hour, gain
        self._households, self._keys = households, keys

    def poisson(self, group: str, types: Sequence[str], flow_liters_per_minute: F64) -> Events:
        """Draw uses that come on their own, and which type each of them is."""
        slot = 4 * _MAX_USES * (1 + ("small", "large").index(group))
        key = self._keys["uses"][self._device]
        rate = self._households.rate[group][self._week_hour, self._device] * self._gain
        merged = np.maximum(rate / MAX_RATE, 1.0)
        counts = poisson_counts(uniforms(draws(ticks(self._hours, slot)[self._hour], key)), rate / merged)
        cell, ordinal = _repeat(counts)
        start, device = self._hours[self._hour[cell]], self._device[cell]
        words = draws(ticks(start, slot + 1 + ordinal), key[cell])
        turn = ((words >> _TURN_SHIFT) & _TURN_MASK).astype(np.float64) * _TURN_UNIT
        share = self._households.type_share[group]
        kind = np.zeros(len(cell), dtype=np.int64)
        for row in share[:-1]:
            kind += turn >= row[device]
        kind += TYPES.index(types[0])
        liters = self._households.size_liters[kind, device]
        if (merged > 1.0).any():
            liters = liters * merged[cell]
        return self._events(start, device, kind, words, liters, flow_liters_per_minute)

    def showers(self, flow_liters_per_minute: F64) -> Events:
        """Place a day's showers apart: systematic sampling of the day's intensity."""
        shape = (len(self._hours), self._households.absence_prob.size)
        intensity = np.zeros(shape)
        rough = gamma_factors(_SHOWER_SHAPE)[
            (
                draws(ticks(self._hours, 1)[self._hour], self._keys["shower"][self._device]) >> SIZE_SHIFT
            ).astype(np.int64)
        ]
        rate = self._households.rate["shower"][self._week_hour, self._device]
        intensity[self._hour, self._device] = rate * self._gain * rough
        merged = np.maximum(intensity / MAX_RATE, 1.0)
        intensity /= merged
        turn = uniforms(draws(ticks(self._hours[::24], 2)[:, None], self._keys["shower"]))
        until = np.floor(np.cumsum(intensity.reshape(-1, 24, shape[1]), axis=1) + turn[:, None, :])
        counts = np.diff(until, axis=1, prepend=0.0).reshape(shape).astype(np.int64)
        cell, ordinal = _repeat(counts.ravel())
        hour, device = np.divmod(cell, shape[1])
        start = self._hours[hour]
        words = draws(ticks(start, 3 + ordinal), self._keys["shower"][device])
        kind = np.full(len(cell), TYPES.index("shower"))
        liters = self._households.size_liters[kind, device] * merged[hour, device]
        return self._events(start, device, kind, words, liters, flow_liters_per_minute)

    def _events(
        self,
        start: I64,
        device: I64,
        kind: I64,
        words: U64,
        mean_liters: F64,
        flow_liters_per_minute: F64,
    ) -> Events:
        """Give each use its volume, and a start and length within its hour.

        One word is enough: its first 12 bits choose the volume, the last 32 the moment, and
        those between the type of the use.
        """
        index = (words >> SIZE_SHIFT).astype(np.int64)
        liters = mean_liters * _size_table().take(kind * len(gamma_factors(1.0)) + index)
        volume = np.rint(liters * 1000.0).astype(np.int64)
        # However large, a use ends within its hour.
        flow_ml_per_second = np.maximum((flow_liters_per_minute * (1000.0 / 60.0))[device], liters / 1.8)
        length = np.clip(np.ceil(volume / flow_ml_per_second), 1, SECONDS_PER_HOUR).astype(np.int64)
        offset = choices(words << np.uint64(32), SECONDS_PER_HOUR - length + 1)
        return Events(device, start + offset, length, volume)


@cache
def _size_table() -> F64:
    """Tabulate the volume of a use against its mean, 4096 entries a type, in one row."""
    return np.concatenate([gamma_factors(SIZE_SHAPE[name]) for name in TYPES])


def _trickles(days: I64, leak_liters: F64, keys: Mapping[str, U64]) -> Events:
    """Draw the drips of leaky days, evenly through the day by systematic sampling."""
    hours = np.arange(days[0] * 24, (days[-1] + 1) * 24) * SECONDS_PER_HOUR
    leaky = leak_days(days, keys=keys["leak"])
    rate = leak_liters[hours_of_week(hours)] * (1000.0 / LEAK_ML / LEAK_DAY_SHARE)
    rate = rate.reshape(len(days), 24, -1) * leaky[:, None, :]
    turn = uniforms(draws(ticks(days * SECONDS_PER_DAY, 1)[:, None], keys["trickle"]))
    until = np.floor(np.cumsum(rate, axis=1) + turn[:, None, :])
    counts = np.diff(until, axis=1, prepend=0.0).astype(np.int64)
    hour, device = np.nonzero(counts.reshape(len(hours), -1))
    volume = counts.reshape(len(hours), -1)[hour, device] * round(LEAK_ML)
    return Events(device, hours[hour], np.full(len(hour), SECONDS_PER_HOUR), volume)


def _repeat(counts: I64) -> tuple[I64, I64]:
    """Cell and ordinal of each of the uses that cells have."""
    cell = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return cell, np.arange(len(cell)) - first[cell]


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
    counts = np.zeros(len(rate), dtype=np.int64)
    # exp only decides between whole counts here: its last bit cannot reach a column.
    prob = np.exp(-rate)
    below = prob.copy()
    cells = np.flatnonzero(uniform > below)
    target, rate, prob, below = uniform[cells], rate[cells], prob[cells], below[cells]
    count = 0
    while len(cells) and count < _MAX_USES:
        count += 1
        counts[cells] = count
        prob = prob * (rate / count)
        below = below + prob
        # Where the sum no longer grows, the uniform lies within rounding of 1.
        still = np.flatnonzero((target > below) & ((prob > 1e-17) | (count < rate)))
        cells, target, rate = cells[still], target[still], rate[still]
        prob, below = prob[still], below[still]
    return counts
