"""Events of whole milliliters and whole seconds, and how they fall on steps.

A draw, a supply session, a delivery: each begins at a second, lasts some seconds
and moves some milliliters.  Events are drawn first, on absolute time, and spread
over the steps afterwards; so the sum over an hour is the same, to the milliliter,
for any step that divides it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]

_SIZE_BITS = 12
SIZE_SHIFT = np.uint64(64 - _SIZE_BITS)
"""Right shift that turns a word to an index into a table of `size_factors`. [bits]"""


@dataclass(frozen=True, slots=True)
class Events:
    """Water that moves, as parallel arrays.

    Attributes
    ----------
    device : ndarray of int64
        Index of the device.
    start_second : ndarray of int64
        Unix time. [seconds]
    length_seconds : ndarray of int64
        At least 1. [seconds]
    volume_ml : ndarray of int64
        Moved at a constant flow. [milliliters]
    """

    device: I64
    start_second: I64
    length_seconds: I64
    volume_ml: I64

    @classmethod
    def joined(cls, parts: Iterable[Events]) -> Events:
        """Return the events of several sets as one."""
        empty, parts = np.zeros(0, dtype=np.int64), list(parts)
        names = ("device", "start_second", "length_seconds", "volume_ml")
        return cls(*(np.concatenate([getattr(part, name) for part in parts] or [empty]) for name in names))


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps of a group of devices: step i begins at ``start_second + i * step_seconds``."""

    start_second: int
    step_seconds: int
    count: int

    @property
    def seconds(self) -> I64:
        """Beginning of each step, Unix time. [seconds]"""
        return self.start_second + np.arange(self.count, dtype=np.int64) * self.step_seconds

    @property
    def end_second(self) -> int:
        """End of the last step, Unix time. [seconds]"""
        return self.start_second + self.count * self.step_seconds

    def hour_starts(self, *, hours_before: int = 0) -> I64:
        """Return the first second of each UTC hour that the grid touches, and of some before."""
        first = self.start_second // 3600 - hours_before
        last = (self.end_second - 1) // 3600
        return np.arange(first, last + 1, dtype=np.int64) * 3600


def spread_events(events: Events, grid: Grid, device_count: int, *, onto: F64 | None = None) -> F64:
    """Sum the volume that falls on each step of each device.

    Parameters
    ----------
    events : Events
        Parts outside the grid do not count.
    grid : Grid
    device_count : int
    onto : ndarray of float64, shape (grid.count, device_count), optional
        Sums so far, which grow; zeros where omitted. [milliliters]

    Returns
    -------
    ndarray of float64, shape (grid.count, device_count)
        Whole numbers. [milliliters]

    Notes
    -----
    The volume moved after s of L seconds is ``floor(V s / L)``, and a step gets the
    difference between its ends, so parts add up to V exactly.  The quotient is
    taken in float64: V s < 2^53, and a quotient that is no whole number is further
    than 1 / L from one, so the floor is exact.
    """
    size, origin = grid.step_seconds, grid.start_second
    device, start, volume = events.device, events.start_second, events.volume_ml
    end = start + events.length_seconds
    if len(start) and (start.min() < origin or end.max() > grid.end_second):
        keep = np.flatnonzero((end > origin) & (start < grid.end_second))
        device, start, end, volume = device[keep], start[keep], end[keep], volume[keep]
    if not len(start):
        return np.zeros((grid.count, device_count)) if onto is None else onto
    # Only the steps from the first to the last that is touched are summed.
    low = max(int(start.min()) - origin, 0) // size
    high = min((int(end.max()) - 1 - origin) // size, grid.count - 1)
    start = start - (origin + low * size)
    end -= origin + low * size
    step = start // size
    cells, parts = step * device_count, volume.astype(np.float64)
    cells += device
    # Most events begin and end in one step; the others are split.
    step += 1
    step *= size
    split = np.flatnonzero(end > step)
    if len(split):
        first = np.maximum(step[split] // size - 1, 0)
        last = np.minimum((end[split] - 1) // size, high - low)
        count, part = _split(start[split], end[split], parts[split], first, last, size)
        cell = np.repeat(
            first * device_count + device[split] - device_count * (np.cumsum(count) - count), count
        )
        cell += np.arange(0, len(cell) * device_count, device_count)
        parts[split], cells[split] = 0.0, 0
        cells, parts = np.concatenate([cells, cell]), np.concatenate([parts, part])
    sums = np.zeros((grid.count, device_count)) if onto is None else onto
    touched = sums.reshape(-1)[low * device_count : (high + 1) * device_count]
    touched += np.bincount(cells, parts, minlength=len(touched))
    return sums


def _split(start: I64, end: I64, volume: F64, first: I64, last: I64, size: int) -> tuple[I64, F64]:
    """Split each event to the steps from its first to its last: how many, and their volumes."""
    count = last - first + 1
    begins = np.cumsum(count) - count
    # Time from the event's begin to the end of each step, or to its own end.
    edge = np.arange(size, (int(count.sum()) + 1) * size, size)
    edge += np.repeat((first - begins) * size - start, count)
    np.minimum(edge, np.repeat(end - start, count), out=edge)
    length = (end - start).astype(np.float64)
    total = np.repeat(volume, count)
    total *= edge
    total /= np.repeat(length, count)
    np.floor(total, out=total)
    before = np.empty_like(total)
    before[1:] = total[:-1]
    # What an event moved before its first step, which may lie before the grid.
    before[begins] = np.floor(volume * (np.maximum(start, first * size) - start) / length)
    return count, np.subtract(total, before, out=total)


@lru_cache(maxsize=256)
def size_factors(log_sigma: float) -> F64:
    """Quantiles of a lognormal with mean exactly 1, by equal probability.

    Parameters
    ----------
    log_sigma : float
        Standard deviation of the logarithm. [unitless]

    Returns
    -------
    ndarray of float64, shape (4096,)
        Pick one at random: ``table[word >> SIZE_SHIFT]``.
    """
    count = 1 << _SIZE_BITS
    normal = NormalDist(0.0, log_sigma) if log_sigma > 0 else None
    # Rounded coarsely, so that the last bit of a machine's exp cannot reach a volume.
    from math import exp

    raw = [round(exp(normal.inv_cdf((i + 0.5) / count)), 9) if normal else 1.0 for i in range(count)]
    mean = sum(raw) / count
    return np.array([value / mean for value in raw])


@lru_cache(maxsize=64)
def gamma_factors(shape: float) -> F64:
    """Quantiles of a gamma distribution with mean exactly 1, by equal probability.

    Parameters
    ----------
    shape : float
        [unitless]

    Returns
    -------
    ndarray of float64, shape (4096,)
        Pick one at random: ``table[word >> SIZE_SHIFT]``.

    Notes
    -----
    The density is summed over a fine grid of x, or of :math:`y = x^{shape}` where the
    shape is below 1, for there the density is smooth in y.
    """
    nodes = 1 << 16
    reach = shape + 12.0 * shape**0.5 + 20.0
    grid = np.arange(nodes + 1) / nodes
    if shape < 1.0:
        x = reach * grid ** (1.0 / shape)
        density = np.exp(-x)
    else:
        x = reach * grid
        density = x ** (shape - 1.0) * np.exp(-x)
    mass = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    count = 1 << _SIZE_BITS
    # Rounded coarsely, so that the last bit of a machine's exp cannot reach a volume.
    raw = np.round(np.interp((np.arange(count) + 0.5) / count, mass / mass[-1], x), 6)
    return raw / (sum(raw.tolist()) / count)


def size_table(log_sigmas: Sequence[float]) -> tuple[F64, I64]:
    """Return the distinct tables stacked, and each device's row among them."""
    distinct = sorted(set(log_sigmas))
    rows = np.array([distinct.index(sigma) for sigma in log_sigmas], dtype=np.int64)
    return np.stack([size_factors(float(sigma)) for sigma in distinct]), rows
