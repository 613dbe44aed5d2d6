"""What goes wrong between the sensor and the surface: no echo, late echo, another target.

Bursts, condensation and plateaux are episodes; single failures are drawn for each
reading.  Only the rows that something happens to are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthlab.calibration import NO_ECHO_MM
from synthlab.columns import READING_COUNT
from synthlab.model.climate import WARMEST_HOUR
from synthlab.model.episodes import Episodes, episode_seconds, hourly_episodes, mark_steps
from synthlab.model.events import Grid
from synthlab.model.gaussian import probit
from synthlab.model.sensor import reported_mm
from synthlab.randomness import F32, U64, choices, draws, single_normals, ticks, uniforms
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

BURST, CONDENSATION, PLATEAU = 1, 2, 4
"""Bits of the state that a moment is in."""

MAX_EPISODE_HOURS = 12
"""Longest burst, condensation or plateau. Assumed: half a day. [h]"""
_LENGTH_LOG_SIGMA = 0.8  # Assumed: from minutes to hours.
_WEATHER_WEIGHT, _CHANCE_WEIGHT = np.float32(0.7), np.float32(0.714)  # Assumed: half by the weather.
_HOURS_BEFORE_COLDEST, _START_SPREAD_HOURS = 4, 3  # Assumed: dew falls before the coldest hour.
_MULTIPATH_MIN_MM = 10.0  # Source: domain facts, .87 % of readings off by more than 1 cm.
_NEAR_REACH_MM = 150.0  # Assumed: drops and the ring of the membrane.
_TARGET_SPREAD_MM = 20.0  # Assumed: a fixed thing is seen within so much.


@dataclass(frozen=True, slots=True)
class EchoParameters:
    """What may happen to the readings of each device, as parallel arrays.

    Attributes
    ----------
    no_echo_prob, multipath_prob, false_target_prob : ndarray of float64
        For one reading. [unitless]
    burst_no_echo_prob, condensation_no_echo_prob, condensation_near_prob : ndarray of float64
        For one reading in such an episode. [unitless]
    multipath_max_mm, false_target_mm, plateau_step_mm : ndarray of float64
        [mm]
    blind_zone_mm, resolution_mm : ndarray of float64
        [mm]
    """

    no_echo_prob: F64
    multipath_prob: F64
    false_target_prob: F64
    burst_no_echo_prob: F64
    condensation_no_echo_prob: F64
    condensation_near_prob: F64
    multipath_max_mm: F64
    false_target_mm: F64
    plateau_step_mm: F64
    blind_zone_mm: F64
    resolution_mm: F64

    @property
    def any_prob(self) -> F64:
        """Probability that something happens to one reading outside of episodes."""
        return np.minimum(self.no_echo_prob + self.multipath_prob + self.false_target_prob, 1.0)


def condensation_nights(
    *, keys: U64, days: I64, weather: F32, night_prob: F64, mean_seconds: F64
) -> Episodes:
    """Draw the nights on which water condenses on the sensor: cold ones rather than warm ones.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n_devices,)
    days : ndarray of int64, shape (n_days,)
        Days since 1970: those of the grid, one before and one after.
    weather : ndarray of float32, shape (n_days, n_devices)
        How much warmer than usual a day is, a standard normal.
    night_prob : ndarray of float64, shape (n_devices,)
        Share of nights. [unitless]
    mean_seconds : ndarray of float64, shape (n_devices,)
        [seconds]
    """
    active = np.flatnonzero(night_prob > 0)
    if not len(active):
        return Episodes(*(np.zeros(0, np.int64),) * 3)
    midnights = days * SECONDS_PER_DAY
    chance = single_normals(draws(ticks(midnights)[:, None], keys[active]))
    score = _CHANCE_WEIGHT * chance + _WEATHER_WEIGHT * weather[:, active]
    day, place = np.nonzero(score < probit(night_prob[active]))
    device, midnight = active[place], midnights[day]
    begin = ((WARMEST_HOUR + 12) % 24 - _HOURS_BEFORE_COLDEST) * SECONDS_PER_HOUR
    spread = choices(draws(ticks(midnight, 1), keys[device]), _START_SPREAD_HOURS * SECONDS_PER_HOUR)
    start = midnight + begin + spread
    length = episode_seconds(
        midnight,
        keys[device],
        mean_seconds[device],
        log_sigma=_LENGTH_LOG_SIGMA,
        max_hours=MAX_EPISODE_HOURS,
    )
    return Episodes(device, start, start + length)


def echo_states(
    grid: Grid,
    *,
    burst_keys: U64,
    bursts_per_day: F64,
    burst_seconds: F64,
    plateau_keys: U64,
    plateaus_per_day: F64,
    plateau_seconds: F64,
    nights: Episodes,
) -> U8 | None:
    """Return the state of each device at the beginning of each step; None where all is well."""

    def by_chance(keys: U64, per_day: F64, seconds: F64) -> Episodes:
        return hourly_episodes(
            grid,
            keys=keys,
            per_day=per_day,
            mean_seconds=seconds,
            log_sigma=_LENGTH_LOG_SIGMA,
            max_hours=MAX_EPISODE_HOURS,
        )

    bursts = by_chance(burst_keys, bursts_per_day, burst_seconds)
    plateaus = by_chance(plateau_keys, plateaus_per_day, plateau_seconds)
    parts = [(BURST, bursts), (CONDENSATION, nights), (PLATEAU, plateaus)]
    return mark_steps(parts, grid, len(burst_keys))


def any_bound(any_prob: F64) -> U64:
    """Turn the probability of one reading to the bound of a 32-bit word for all of an emission."""
    prob = 1.0 - none_prob(any_prob, READING_COUNT)
    return np.minimum(np.rint(prob * 2.0**32), 2.0**32).astype(np.uint64)


def disturb(
    readings: I32,
    distance_mm: F64,
    state: U8,
    device: I64,
    *,
    seconds: I64,
    keys: U64,
    parameters: EchoParameters,
) -> None:
    """Let happen to readings what may, in place.

    Parameters
    ----------
    readings : ndarray of int32, shape (n, READING_COUNT)
        As an undisturbed sensor reports them; afterwards -1 = no echo. [mm]
    distance_mm : ndarray of float64, shape (n,)
        What it measures. [mm]
    state : ndarray of uint8, shape (n,)
        Bits of the episodes; where 0, something is known to happen to one reading at
        least.
    device : ndarray of int64, shape (n,)
        Whose row it is.
    seconds : ndarray of int64, shape (n,)
        Unix time. [seconds]
    keys : ndarray of uint64, shape (n_devices,)
    parameters : EchoParameters
    """
    rests = np.flatnonzero(state & PLATEAU)
    readings[rests] = _resting_mm(distance_mm[rests], device[rests], keys, parameters)[:, None]
    no_echo = parameters.no_echo_prob[device]
    near = np.zeros(len(device))
    for bit in (BURST, CONDENSATION):
        rows = np.flatnonzero(state & bit)
        worse = parameters.burst_no_echo_prob if bit == BURST else parameters.condensation_no_echo_prob
        no_echo[rows] = np.maximum(no_echo[rows], worse[device[rows]])
    near[rows] = parameters.condensation_near_prob[device[rows]]
    target = no_echo + near + parameters.false_target_prob[device]
    prob = np.minimum(target + parameters.multipath_prob[device], 1.0)
    turn = _turns(seconds, keys[device], prob, is_known=state == 0)
    readings[turn < no_echo[:, None]] = NO_ECHO_MM
    row, index = np.nonzero((turn < 1.0) & (turn >= no_echo[:, None]))
    if len(row):
        edges = (no_echo[row] + near[row], target[row])
        readings[row, index] = _wrong_mm(
            turn[row, index],
            edges,
            distance_mm[row],
            device[row],
            words=draws(ticks(seconds[row], 1 + READING_COUNT + index), keys[device[row]]),
            parameters=parameters,
        )


def _wrong_mm(
    turn: F64,
    edges: tuple[F64, F64],
    distance_mm: F64,
    device: I64,
    *,
    words: U64,
    parameters: EchoParameters,
) -> I32:
    """Return readings of drops below the first edge, of a fixed thing below the second, else late."""
    p = parameters
    extent = 1.0 - uniforms(words)
    late = np.minimum(_MULTIPATH_MIN_MM / (extent * np.sqrt(extent)), p.multipath_max_mm[device])
    target = p.false_target_mm[device] + (extent - 0.5) * _TARGET_SPREAD_MM
    drops = p.blind_zone_mm[device] + extent * _NEAR_REACH_MM
    seen = np.where(turn < edges[0], drops, np.where(turn < edges[1], target, distance_mm + late))
    return reported_mm(seen, p.blind_zone_mm[device], p.resolution_mm[device])


def _resting_mm(distance_mm: F64, device: I64, keys: U64, parameters: EchoParameters) -> I32:
    """Return the reading of a sensor that notices only whole steps, from an offset of its own."""
    step = parameters.plateau_step_mm[device]
    offset = uniforms(draws(ticks(0, 0), keys[device])) * step
    noticed = np.rint((distance_mm - offset) / step) * step + offset
    return reported_mm(noticed, parameters.blind_zone_mm[device], parameters.resolution_mm[device])


def _turns(seconds: I64, keys: U64, prob: F64, *, is_known: Bools) -> F64:
    """Return for each reading a uniform below `prob` where something happens, else 1.

    Where it is known that something happens to at least one of the readings, that is
    given: while nothing has, the next one's probability is raised to match.
    """
    words = draws(ticks(seconds[:, None], 1 + np.arange(READING_COUNT)), keys[:, None])
    chances = uniforms(words)
    turn = np.ones((len(seconds), READING_COUNT))
    below = np.nextafter(prob, 0.0)
    is_open = is_known.copy()
    for index in range(READING_COUNT):
        left = np.where(is_open, 1.0 - none_prob(prob, READING_COUNT - index), 1.0)
        bound = np.divide(prob, left, out=np.zeros_like(prob), where=left > 0)
        hit = chances[:, index] < bound
        if index == READING_COUNT - 1:
            # Rounding of the last bound must not leave a row to which nothing happens.
            hit |= is_open
        rows = np.flatnonzero(hit)
        share = np.minimum(chances[rows, index] / bound[rows], 1.0)
        turn[rows, index] = np.minimum(share * prob[rows], below[rows])
        is_open[rows] = False
    return turn


def none_prob(prob: F64, count: int) -> F64:
    """Probability that none of so many readings is hit, by products: the same bits everywhere."""
    none = 1.0 - prob
    product = none.copy()
    for _ in range(count - 1):
        product *= none
    return product
