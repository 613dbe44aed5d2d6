"""Episodes: rare stretches of time in which a device behaves otherwise.

They are drawn on absolute time, as events with a start and a length of their own, and
then laid over the steps; so where nothing happens, nothing is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthlab.model.events import SIZE_SHIFT, Grid, size_factors
from synthlab.randomness import U64, choices, draws, ticks
from synthlab.timeline import SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

MIN_SECONDS = 60
"""Shortest episode. Assumed: below the shortest cadence nothing is seen of it. [seconds]"""

_WORD_SCALE = 2.0**32
_HIGH_HALF = np.uint64(32)


@dataclass(frozen=True, slots=True)
class Episodes:
    """Stretches of time, as parallel arrays.

    Attributes
    ----------
    device : ndarray of int64
        Index of the device.
    start_second, end_second : ndarray of int64
        The end is the first second after it. Unix time. [seconds]
    """

    device: I64
    start_second: I64
    end_second: I64


def hourly_episodes(
    grid: Grid, *, keys: U64, per_day: F64, mean_seconds: F64, log_sigma: float, max_hours: int
) -> Episodes:
    """Draw episodes that begin by chance at any time.

    Parameters
    ----------
    grid : Grid
        Those that reach into it are drawn.
    keys : ndarray of uint64, shape (n_devices,)
    per_day : ndarray of float64, shape (n_devices,)
        Mean number that begin in a day, at most 24: one in each hour. [1/day]
    mean_seconds : ndarray of float64, shape (n_devices,)
        [seconds]
    log_sigma : float
        Standard deviation of the length's logarithm. [unitless]
    max_hours : int
        Longer ones are cut, so that no earlier hour reaches into the grid. [h]
    """
    active = np.flatnonzero(per_day > 0)
    if not len(active):
        return Episodes(*(np.zeros(0, np.int64),) * 3)
    hours = grid.hour_starts(hours_before=max_hours + 1)
    bound = np.rint(per_day[active] / 24.0 * _WORD_SCALE).astype(np.uint64)
    words = draws(ticks(hours)[:, None], keys[active])
    hour, place = np.nonzero((words >> _HIGH_HALF) < bound)
    device, start = active[place], hours[hour]
    offset = choices(draws(ticks(start, 1), keys[device]), SECONDS_PER_HOUR)
    length = episode_seconds(
        start, keys[device], mean_seconds[device], log_sigma=log_sigma, max_hours=max_hours
    )
    return Episodes(device, start + offset, start + offset + length)


def episode_seconds(
    cell_starts: I64, keys: U64, mean_seconds: F64, *, log_sigma: float, max_hours: int
) -> I64:
    """Draw the lognormal length of each episode, by the cell in which it begins. [seconds]"""
    word = draws(ticks(cell_starts, 2), keys)
    factor = size_factors(log_sigma)[(word >> SIZE_SHIFT).astype(np.int64)]
    seconds = np.rint(mean_seconds * factor)
    return np.clip(seconds, MIN_SECONDS, max_hours * SECONDS_PER_HOUR).astype(np.int64)


def mark_steps(parts: Sequence[tuple[int, Episodes]], grid: Grid, device_count: int) -> U8 | None:
    """Lay episodes over the beginnings of steps.

    Parameters
    ----------
    parts : sequence of (int, Episodes)
        A bit, and the episodes that set it.
    grid : Grid
    device_count : int

    Returns
    -------
    ndarray of uint8, shape (grid.count, device_count), or None
        The bits of the episodes that each moment lies in; None where there are none.
    """
    if not any(len(episodes.device) for _, episodes in parts):
        return None
    marks = np.zeros((grid.count, device_count), dtype=np.uint8)
    for bit, episodes in parts:
        first = np.clip(_first_step(episodes.start_second, grid), 0, grid.count)
        count = np.clip(_first_step(episodes.end_second, grid), first, grid.count) - first
        # The k-th marked step of an episode is its first one plus k.
        before = np.cumsum(count) - count
        step = np.arange(int(count.sum())) + np.repeat(first - before, count)
        marks[step, np.repeat(episodes.device, count)] |= np.uint8(bit)
    return marks


def _first_step(second: I64, grid: Grid) -> I64:
    """Return the first step that begins at or after each moment."""
    return -((grid.start_second - second) // grid.step_seconds)
