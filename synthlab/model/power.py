"""Battery charge by hour: floating with a panel, running down, counted down, or mains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthlab.randomness import U64, choices, draws, slow_normals, ticks
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

LIPO_CHARGE_PCT = np.array(
    [92.9, 84.2, 83.6, 81.7, 78.8, 74.9, 70.4, 64.9, 59.9, 54.8, 49.5, 44.0, 38.1, 31.4]
)
"""Charge at the start of each fourteenth of the time since a swap.
Source: domain facts, LiPo without sun, by day. [%]"""
PRIMARY_SWAP_PCT = 25.0
"""A primary cell is changed when it is counted down to this. Assumed. [%]"""
_WEEK = 7 * SECONDS_PER_DAY
_SOLAR_WEEK_CORRELATION = 0.9
"""Source: hourly gauges with a panel, .99 at a week's lag; less, as some are shaded."""

KINDS = ("solar", "lipo", "primary", "mains")


@dataclass(frozen=True, slots=True)
class Battery:
    """How each device is powered, as parallel arrays.

    Attributes
    ----------
    kind : ndarray of str
        One of `KINDS`.
    solar_mean_pct, solar_sigma_pct : ndarray of float64
        [%]
    swap_days : ndarray of float64
        Time from swap to swap of a lipo. [days]
    drain_pct_per_day : ndarray of float64
        Of a primary cell. [%/day]
    """

    kind: npt.NDArray[np.str_]
    solar_mean_pct: F64
    solar_sigma_pct: F64
    swap_days: F64
    drain_pct_per_day: F64


def battery_by_hour_pct(hour_starts: I64, *, keys: U64, battery: Battery) -> F64:
    """Charge at full hours, a function of absolute time.

    Parameters
    ----------
    hour_starts : ndarray of int64, shape (n_hours,)
        Consecutive full hours, Unix time. [seconds]
    keys : ndarray of uint64, shape (n_devices,)
    battery : Battery

    Returns
    -------
    ndarray of float64, shape (n_hours, n_devices)
        [%]
    """
    charge = np.full((len(hour_starts), len(keys)), 100.0)
    sun = np.flatnonzero(battery.kind == "solar")
    if len(sun):
        slow = _solar_by_hour(hour_starts, keys[sun])
        charge[:, sun] = battery.solar_mean_pct[sun] + battery.solar_sigma_pct[sun] * slow
    lipo = np.flatnonzero(battery.kind == "lipo")
    if len(lipo):
        share = _share_of_life(hour_starts, keys[lipo], battery.swap_days[lipo] * SECONDS_PER_DAY)
        parts = np.arange(len(LIPO_CHARGE_PCT)) / len(LIPO_CHARGE_PCT)
        charge[:, lipo] = np.interp(share, parts, LIPO_CHARGE_PCT)
    cell = np.flatnonzero(battery.kind == "primary")
    if len(cell):
        life_days = (100.0 - PRIMARY_SWAP_PCT) / battery.drain_pct_per_day[cell]
        share = _share_of_life(hour_starts, keys[cell], life_days * SECONDS_PER_DAY)
        charge[:, cell] = 100.0 - (100.0 - PRIMARY_SWAP_PCT) * share
    return charge


def _solar_by_hour(hour_starts: I64, keys: U64) -> F64:
    """Slow standard normals, linear between weeks; the panel's daily swing cannot be seen."""
    weeks = np.arange(hour_starts[0] // _WEEK, hour_starts[-1] // _WEEK + 2)
    nodes = slow_normals(keys, weeks, spacing_seconds=_WEEK, correlation=_SOLAR_WEEK_CORRELATION)
    node = hour_starts // _WEEK - weeks[0]
    share = (hour_starts % _WEEK / _WEEK)[:, None]
    return nodes[node] * (1 - share) + nodes[node + 1] * share


def _share_of_life(hour_starts: I64, keys: U64, life_seconds: F64) -> F64:
    """Return how far each device's battery is in its life: 0 new, just below 1 before the swap."""
    life = np.maximum(np.rint(life_seconds / SECONDS_PER_HOUR), 1.0).astype(np.int64)
    phase = choices(draws(ticks(0, 1), keys), life)
    return ((hour_starts // SECONDS_PER_HOUR)[:, None] + phase) % life / life
