"""A level series taken apart: what was drawn, and what was filled in.

The level only shows the difference of the two.  Where nothing is filled in, a fall is
what was drawn.  During a filling the inflow is taken as steady: its rate is where most
steps lie, and what a step stays below it was drawn.  A time says nothing where the tank
is full, where it is so low that people save water, and where readings are missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from synthlab.fitting.readings import Days, Readings, days_of
from synthlab.progress import OnProgress, unseen
from synthlab.timeline import SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FULL_PCT = 98.5
"""Above it a tank may be spilling. Assumed: half of it is noise of the sensor. [%]"""
CEILING_SHARE = 0.01
"""Share of readings at the very highest from which it is a sensor's blind zone. Assumed."""
LOW_PCT = 30.0
"""Below it people may be saving water. Source: archetype C's near-empty threshold. [%]"""
WINDOW_SECONDS = 1_800
"""A rise over this time tells a filling. Assumed: a session lasts half an hour. [seconds]"""
RISE_FRACTION = 0.002
"""Least rise that is no noise / capacity. Assumed: 4 mm of 2 m. [unitless]"""
RISE_SIGMA = 5.0  # Assumed: never by noise alone.
MAX_GAP_SECONDS = SECONDS_PER_HOUR
"""A longer gap between readings says nothing about its hours. Assumed. [seconds]"""
MAX_SPILL_SECONDS = 18_000
"""A full tank hides a filling for so long. Source: default duration of a session. [seconds]"""
MERGE_SECONDS = 2_700
"""Fillings closer than this are one that a large draw hid. Assumed. [seconds]"""
STEADY_STEPS = 12
"""Steps from which the rate of a filling is known. Assumed: an hour by 5 minutes."""
STEADY_SHARE = 0.5
"""Share of a filling's steps that must lie near its rate. Assumed: draws are rarer than that."""
_MAX_NOISE_FRACTION = 0.002  # Assumed: more is no sensor's noise.


@dataclass(frozen=True, slots=True)
class Fillings:
    """Times at which water came in, sorted by device, then time.

    Attributes
    ----------
    device, start_second, seconds : ndarray of int64
        [seconds]
    liters : ndarray of float64
        What came in; where the tank was full at the end, what was seen of it.
    is_cut : ndarray of bool
        The tank was full at the end, or readings were missing.
    """

    device: I64
    start_second: I64
    seconds: I64
    liters: F64
    is_cut: Bools

    @classmethod
    def joined(cls, parts: list[Fillings]) -> Fillings:
        """Put devices one after the other."""
        return cls(
            np.concatenate([part.device for part in parts]),
            np.concatenate([part.start_second for part in parts]),
            np.concatenate([part.seconds for part in parts]),
            np.concatenate([part.liters for part in parts]),
            np.concatenate([part.is_cut for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class LevelSteps:
    """Changes of one tank's content between two readings.

    Attributes
    ----------
    second : ndarray of int64, shape (n,)
        Middle of the step. [seconds]
    seconds : ndarray of int64
        Length of the step. [seconds]
    change : ndarray of float64
        [liters]
    inflow : ndarray of float64
        [liters]
    is_filling, is_known : ndarray of bool
        Water comes in; what is drawn is known, as inflow less change.
    """

    second: I64
    seconds: I64
    change: F64
    inflow: F64
    is_filling: Bools
    is_known: Bools


def split_levels(
    rows: Readings, capacity_liters: F64, on_progress: OnProgress = unseen
) -> tuple[Days, Fillings]:
    """Take the level series of all devices apart.

    Parameters
    ----------
    rows : Readings
        Levels. [%]
    capacity_liters : ndarray of float64, shape (n_devices,)
        [liters]
    on_progress : callable
        Called with the devices done and those in all.

    Returns
    -------
    days : Days
        What was drawn, and how much of each hour was seen.
    fillings : Fillings
    """
    fillings, parts = [], []
    for device in range(len(rows.names)):
        mine = rows.device == device
        steps = level_steps(rows, mine, float(capacity_liters[device]))
        parts.append((np.full(steps.is_known.sum(), device), steps))
        fillings.append(_fillings(steps, device, rows.value[mine]))
        on_progress(device + 1, len(rows.names))
    second = np.concatenate([steps.second[steps.is_known] for _, steps in parts])
    seconds = np.concatenate([steps.seconds[steps.is_known] for _, steps in parts])
    drawn = np.concatenate([(steps.inflow - steps.change)[steps.is_known] for _, steps in parts])
    device_of = np.concatenate([device for device, _ in parts])
    days = days_of(rows.names, device_of, second, drawn, seconds / SECONDS_PER_HOUR) if len(second) else None
    if days is None:
        empty = np.zeros((0, 24))
        nothing = np.zeros(0, dtype=np.int64)
        days = Days(empty, empty, nothing, nothing, rows.names)
    return days, Fillings.joined(fillings)


def level_steps(rows: Readings, mine: Bools, capacity_liters: float) -> LevelSteps:
    """Say of each step of one tank what it tells."""
    second, level = rows.second[mine], rows.value[mine]
    liters = level / 100.0 * capacity_liters
    seconds = np.diff(second)
    change = np.diff(liters)
    usual = max(int(np.median(seconds)), 1) if len(seconds) else SECONDS_PER_HOUR
    # A telemetry row holds the content at the end of the step that begins at its time.
    shift = usual if rows.time_column == "received_at" else 0
    is_gap = seconds > max(MAX_GAP_SECONDS, 1.5 * usual)
    noise = noise_liters(liters, capacity_liters)
    is_filling = filling_steps(liters, second, capacity_liters, noise) & ~is_gap
    full = full_pct(level)
    # Above a blind zone's edge anything may be drawn; a tank that stays full is one that nobody uses.
    longest = MAX_SPILL_SECONDS if full >= FULL_PCT else int(second[-1] - second[0]) if len(second) else 0
    hidden = is_gap | _spilling(level >= full, liters, second, noise, capacity_liters, longest)
    is_quiet = ~(_dilated(is_filling) | hidden)
    inflow, is_steady = steady_inflow(change, seconds, is_filling, is_quiet, hidden, noise)
    is_low = np.minimum(level[1:], level[:-1]) < LOW_PCT
    middle = (second[:-1] + second[1:]) // 2 + shift
    return LevelSteps(middle, seconds, change, inflow, is_filling, (is_quiet | is_steady) & ~is_low)


def full_pct(level: F64) -> float:
    """Level from which a tank may be full: less where a blind zone hides the top. [%]

    A sensor that sits too low reads one and the same distance from there on.
    """
    if not len(level):
        return FULL_PCT
    top = float(level.max())
    is_ceiling = np.mean(level >= top - 1e-6) > CEILING_SHARE
    return min(FULL_PCT, top - 1e-6) if is_ceiling else FULL_PCT


def blind_share(rows: Readings) -> float:
    """Share of the readings at the edge of a blind zone that hides the top of a tank. [unitless]"""
    hidden = 0
    for device in range(len(rows.names)):
        level = rows.value[rows.device == device]
        full = full_pct(level)
        hidden += int((level >= full).sum()) if full < FULL_PCT else 0
    return hidden / max(len(rows.value), 1)


def steady_inflow(
    change: F64, seconds: I64, is_filling: Bools, is_quiet: Bools, hidden: Bools, noise: float
) -> tuple[F64, Bools]:
    """Inflow of each step, and where it is steady enough to tell what was drawn beside it.

    Small draws pull the rate down, because noise hides them.  By how much is seen in
    quiet times, where the rate must come out as 0.
    """
    inflow, is_steady = np.zeros(len(change)), np.zeros(len(change), dtype=bool)
    width = 2.0 * np.sqrt(2.0) * noise
    quiet = change[is_quiet]
    count = len(quiet) // STEADY_STEPS
    pull = (
        float(np.mean([usual_change(part, width) for part in np.split(quiet[: count * STEADY_STEPS], count)]))
        if count
        else 0.0
    )
    for first, last in _runs(is_filling):
        inside = np.arange(first + 1, last - 1)
        inside = inside[~hidden[inside]]
        if len(inside) < STEADY_STEPS or len(np.unique(seconds[inside])) > 3:
            inflow[first:last] = change[first:last]
            continue
        usual = usual_change(change[inside], width)
        halves = [usual_change(part, width) for part in np.array_split(change[inside], 2)]
        near = np.mean(np.abs(change[inside] - usual) <= width)
        # Two sessions that overlap have two rates.
        if near < STEADY_SHARE or abs(halves[0] - halves[1]) > width / 2:
            inflow[first:last] = change[first:last]
            continue
        usual -= pull
        inflow[first:last] = usual
        is_steady[inside] = True
        # Within its first and last step a filling begins and ends.
        for edge in (first, last - 1):
            inflow[edge] = min(max(change[edge], 0.0), usual)
    return inflow, is_steady


def usual_change(change: F64, width: float) -> float:
    """Change of most steps: the mean of those near it, found from above, where draws are few."""
    center = float(np.quantile(change, 0.8))
    for _ in range(20):
        near = change[np.abs(change - center) <= width]
        if not len(near):
            break
        center = float(near.mean())
    return center


def noise_liters(liters: F64, capacity_liters: float) -> float:
    """Noise of one reading, from the quietest quarter of second differences. [liters]"""
    if len(liters) < 8:
        return _MAX_NOISE_FRACTION * capacity_liters
    second = np.abs(np.diff(liters, n=2))
    # A quarter of normal values lies within .319 sigma; a second difference has 6 times the variance.
    sigma = float(np.quantile(second, 0.25)) / (0.3186 * np.sqrt(6.0))
    return min(sigma, _MAX_NOISE_FRACTION * capacity_liters)


def filling_steps(liters: F64, second: I64, capacity_liters: float, noise: float) -> Bools:
    """Say in which steps water comes in: the level rises over half an hour, beyond noise."""
    count = len(liters) - 1
    if count < 1:
        return np.zeros(max(count, 0), dtype=bool)
    usual = max(int(np.median(np.diff(second))), 1)
    width = max(1, round(WINDOW_SECONDS / usual))
    calm = _median_of_three(liters)
    least = max(RISE_SIGMA * noise, RISE_FRACTION * capacity_liters)
    marked = np.zeros(count + 1)
    rising = np.flatnonzero(calm[width:] - calm[:-width] > least)
    np.add.at(marked, rising, 1)
    np.add.at(marked, np.minimum(rising + width, count), -1)
    is_filling = np.cumsum(marked)[:-1] > 0
    change = np.diff(liters)
    for first, last in _runs(is_filling):
        # The window reaches over both ends: they are where the rise begins and where it stops.
        up = np.flatnonzero(change[first:last] > max(1.5 * noise, 1e-9))
        is_filling[first:last] = False
        if len(up):
            is_filling[first + up[0] : first + up[-1] + 1] = True
    return _closed(is_filling, second)


def _closed(is_filling: Bools, second: I64) -> Bools:
    """Close short gaps within a filling."""
    runs = _runs(is_filling)
    closed = is_filling.copy()
    for (_, end), (start, _) in pairwise(runs):
        if second[start] - second[end] <= MERGE_SECONDS:
            closed[end:start] = True
    return closed


def _spilling(
    is_full: Bools, liters: F64, second: I64, noise: float, capacity_liters: float, longest_seconds: int
) -> Bools:
    """Find the steps at which a full tank hides both flows.

    Until the first clear drop is over, but no longer than a filling may last: a tank that
    stays full after that is one from which nothing is drawn. Were that left out, too, the
    times that tell would be those at which people are at home.
    """
    hidden = np.zeros(len(second) - 1, dtype=bool)
    drop = max(4.0 * noise, 0.003 * capacity_liters)
    full_at = np.flatnonzero(is_full[1:])
    done = -1
    for step in full_at:
        if step <= done:
            continue
        top = liters[step + 1]
        below = np.flatnonzero(liters[step + 1 :] < top - drop)
        done = int(step) + int(below[0]) if len(below) else len(hidden) - 1
        over = int(np.searchsorted(second, second[step] + longest_seconds))
        hidden[step : min(done + 1, over)] = True
    return hidden


def _fillings(steps: LevelSteps, device: int, level: F64) -> Fillings:
    """Sum up each filling."""
    runs = _runs(steps.is_filling)
    start = np.array([int(steps.second[a] - steps.seconds[a] // 2) for a, _ in runs], dtype=np.int64)
    seconds = np.array([int(steps.seconds[a:b].sum()) for a, b in runs], dtype=np.int64)
    liters = np.array([float(steps.inflow[a:b].sum()) for a, b in runs], dtype=np.float64)
    full = full_pct(level)
    is_cut = np.array([bool(level[a : b + 2].max() >= full) for a, b in runs], dtype=bool)
    return Fillings(np.full(len(runs), device, dtype=np.int64), start, seconds, liters, is_cut)


def _median_of_three(values: F64) -> F64:
    if len(values) < 3:
        return values
    middle = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    return np.concatenate([values[:1], middle, values[-1:]])


def _dilated(marks: Bools) -> Bools:
    wide = marks.copy()
    wide[1:] |= marks[:-1]
    wide[:-1] |= marks[1:]
    return wide


def _runs(marks: Bools) -> list[tuple[int, int]]:
    """First and one past the last index of each run of marks."""
    change = np.diff(np.concatenate([[0], marks.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
