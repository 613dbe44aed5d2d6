"""Demand of a household: the guide's formula, and draws whose mean is the formula."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from synthlab.model.events import SIZE_SHIFT, Events, size_table
from synthlab.randomness import choices, draws, ticks, uniforms
from synthlab.timeline import SECONDS_PER_HOUR, hour_of_week

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

MAX_PULSES_PER_HOUR = 10.0
"""Mean above which draws are merged to larger ones. Assumed: single draws of a big consumer
are not told apart at any cadence of 60 s or more. [1/h]"""

# Counts beyond this probability are cut. Assumed: one hour in a thousand million.
_COUNT_TAIL_PROB = 1e-9
_WEEKEND = (5, 6)


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


def demand_pulses(
    *,
    hour_starts: I64,
    keys: npt.NDArray[np.uint64],
    hourly_liters: F64,
    pulse_liters: F64,
    pulse_log_sigma: Sequence[float],
    flow_liters_per_minute: F64,
) -> Events:
    r"""Draw single uses of water, whose mean in each hour is the formula.

    Parameters
    ----------
    hour_starts : ndarray of int64, shape (n_hours,)
        Unix time of full hours. [seconds]
    keys : ndarray of uint64, shape (n_devices,)
    hourly_liters : ndarray of float64, shape (168, n_devices)
        Expected demand by hour of the week. [liters]
    pulse_liters : ndarray of float64, shape (n_devices,)
        Mean volume of a draw. [liters]
    pulse_log_sigma : sequence of float, length n_devices
        [unitless]
    flow_liters_per_minute : ndarray of float64, shape (n_devices,)
        [liters/min]

    Returns
    -------
    Events
        All within their hour: nothing spills into the next, which would move the
        mean from hour to hour.

    Notes
    -----
    A compound Poisson process: the count of an hour has mean
    :math:`\lambda = demand / size`, sizes are lognormal with mean `size`.
    """
    mean_ml = np.maximum(pulse_liters, hourly_liters.max(axis=0) / MAX_PULSES_PER_HOUR) * 1000.0
    hours = hours_of_week(hour_starts)
    uniform = uniforms(draws(ticks(hour_starts)[:, None], keys))
    counts = _poisson_counts(uniform, hourly_liters * 1000.0 / mean_ml, hours)
    cell = np.repeat(np.arange(counts.size), counts.ravel())
    hour, device = np.divmod(cell, len(keys))
    ordinal = np.arange(len(cell)) - np.repeat(np.cumsum(counts.ravel()) - counts.ravel(), counts.ravel())
    start = hour_starts[hour]
    key = keys[device]
    factors, row = size_table(pulse_log_sigma)
    word = draws(ticks(start, 2 * ordinal + 1), key)
    factor = factors[row[device], (word >> SIZE_SHIFT).astype(np.int64)]
    volume = np.rint(mean_ml[device] * factor).astype(np.int64)
    flow_ml_per_second = np.maximum(flow_liters_per_minute * (1000.0 / 60.0), mean_ml / 1800.0)
    length = np.clip(np.ceil(volume / flow_ml_per_second[device]), 1, SECONDS_PER_HOUR).astype(np.int64)
    offset = choices(draws(ticks(start, 2 * ordinal + 2), key), SECONDS_PER_HOUR - length + 1)
    return Events(device, start + offset, length, volume)


def _poisson_counts(uniform: F64, rate: F64, hours: I64) -> I64:
    """Invert the Poisson distribution; `rate` is (168, n_devices), `hours` indexes it."""
    # exp only decides between whole counts here: its last bit cannot reach a column.
    prob = np.exp(-rate)
    below = prob.copy()
    counts = np.zeros(uniform.shape, dtype=np.int64)
    open_cells = np.flatnonzero(uniform > below[hours])
    columns = uniform.shape[1]
    count = 0
    flat, target = counts.ravel(), uniform.ravel()
    while len(open_cells):
        flat[open_cells] += 1
        count += 1
        prob = prob * (rate / count)
        # Each cell is cut by its own rate: a count must not depend on other hours or devices.
        below = np.where((prob < _COUNT_TAIL_PROB) & (rate < count), 1.0, below + prob)
        limit = below[hours[open_cells // columns], open_cells % columns]
        open_cells = open_cells[target[open_cells] > limit]
    return counts
