"""Which messages arrive: single misses and outages, as functions of absolute time.

A message that is lost was sent: it has its number and its place in the simulation,
and no row.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthlab.model.episodes import hourly_episodes, mark_steps
from synthlab.model.events import Grid
from synthlab.randomness import U64, draws, ticks, uniforms

F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MAX_OUTAGE_HOURS = 48
"""Longest outage. Source: hourly gauges, one of 40 h in a year. [h]"""
OUTAGE_LOG_SIGMA = 0.75
"""Source: fitted to hourly gauges, COAST-Lab Open-Water-Level: a median of 4 h, a mean of 5.3 h."""

_OUTAGE = 1


def lost_messages(
    grid: Grid,
    *,
    miss_keys: U64,
    outage_keys: U64,
    loss_prob: F64,
    outages_per_day: F64,
    outage_seconds: F64,
) -> Bools | None:
    """Find the messages that never arrive.

    Parameters
    ----------
    grid : Grid
        A message is sent at the beginning of each step.
    miss_keys, outage_keys : ndarray of uint64, shape (n_devices,)
    loss_prob : ndarray of float64, shape (n_devices,)
        For one message, outside of outages. [unitless]
    outages_per_day : ndarray of float64, shape (n_devices,)
        [1/day]
    outage_seconds : ndarray of float64, shape (n_devices,)
        Mean length. [seconds]

    Returns
    -------
    ndarray of bool, shape (grid.count, n_devices), or None
        None where the network is ideal for all of them.
    """
    if not (loss_prob > 0).any() and not (outages_per_day > 0).any():
        return None
    lost = np.zeros((grid.count, len(miss_keys)), dtype=bool)
    lossy = np.flatnonzero(loss_prob > 0)
    chance = uniforms(draws(ticks(grid.seconds)[:, None], miss_keys[lossy]))
    lost[:, lossy] = chance < loss_prob[lossy]
    outages = hourly_episodes(
        grid,
        keys=outage_keys,
        per_day=outages_per_day,
        mean_seconds=outage_seconds,
        log_sigma=OUTAGE_LOG_SIGMA,
        max_hours=MAX_OUTAGE_HOURS,
    )
    marks = mark_steps([(_OUTAGE, outages)], grid, len(miss_keys))
    if marks is not None:
        lost |= marks > 0
    return lost
