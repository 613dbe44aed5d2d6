"""Battery charge by hour: floating with a panel, running down, or counted down."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthlab.randomness import U64, choices, draws, slow_normals, ticks
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

LIPO_CHARGE_PCT = np.array(
    [92.9, 84.2, 83.6, 81.7, 78.8, 74.9, 70.4, 64.9, 59.9, 54.8, 49.5, 44.0, 38.1, 31.4]
)
"""Charge at the start of each day since a swap. Source: domain facts, LiPo without sun. [%]"""
SOLAR_MEAN_PCT, SOLAR_SIGMA_PCT = 84.1, 1.5
"""Source: domain facts, with a solar panel for 13 months. [%]"""
PRIMARY_PCT_PER_DAY = 0.075
"""Source: domain facts, .05..0.1 % a day (assumed there). [%/day]"""
_PRIMARY_LIFE_DAYS = 1_000
_SOLAR_DAY_CORRELATION = 0.6  # Assumed: weather holds for a day or two.

KINDS = ("solar", "lipo", "primary")


def battery_by_hour_pct(hour_starts: I64, *, keys: U64, kinds: list[str]) -> F64:
    """Charge at full hours, a function of absolute time.

    Parameters
    ----------
    hour_starts : ndarray of int64, shape (n_hours,)
        Consecutive full hours, Unix time. [seconds]
    keys : ndarray of uint64, shape (n_devices,)
    kinds : list of str
        One of `KINDS` for each device.

    Returns
    -------
    ndarray of float64, shape (n_hours, n_devices)
        [%]
    """
    days = np.arange(hour_starts[0] // SECONDS_PER_DAY, hour_starts[-1] // SECONDS_PER_DAY + 2)
    weather = slow_normals(keys, days, spacing_seconds=SECONDS_PER_DAY, correlation=_SOLAR_DAY_CORRELATION)
    phase = choices(draws(ticks(0, 1), keys), _PRIMARY_LIFE_DAYS * 24) * SECONDS_PER_HOUR
    node = hour_starts // SECONDS_PER_DAY - days[0]
    share = (hour_starts % SECONDS_PER_DAY / SECONDS_PER_DAY)[:, None]
    solar = SOLAR_MEAN_PCT + SOLAR_SIGMA_PCT * (weather[node] * (1 - share) + weather[node + 1] * share)
    age = hour_starts[:, None] + phase
    life = len(LIPO_CHARGE_PCT) * SECONDS_PER_DAY
    lipo = np.interp(age % life / SECONDS_PER_DAY, np.arange(len(LIPO_CHARGE_PCT)), LIPO_CHARGE_PCT)
    worn_days = age % (_PRIMARY_LIFE_DAYS * SECONDS_PER_DAY) / SECONDS_PER_DAY
    primary = 100.0 - PRIMARY_PCT_PER_DAY * worn_days
    table = {"solar": solar, "lipo": lipo, "primary": primary}
    return np.stack([table[kind][:, i] for i, kind in enumerate(kinds)], axis=1)
