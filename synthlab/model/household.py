r"""What sets one household apart: its profile, its occupancy, its uses of water.

The guide's formula is the expectation over households.  One household follows
its own profile, uses water in a share of the hours, and uses it in draws of a
few typical sizes.  All of it is drawn once per device, from its own stream, and
tabulated by hour of the week; `synthlab.model.demand` draws the events from the
tables.

Notes
-----
The share of hours with any use is *set*, hour by hour, as measured, and the
probability of activity is solved for (`_activity_prob`).  The rate of use is then
divided by that probability, so the mean stays what it was.

The numbers marked M were fitted to hourly meters of households of Alicante
(DAIAD trial A, 2016-17, CC BY-SA 4.0), half of the households, the other half
judging [1]_.

References
----------
.. [1] DAIAD project, "Smart water meter data, trial A", 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from synthlab.model.gaussian import circular_kernel, circular_process, fixed_normals, log_normal_mean_one
from synthlab.randomness import U64, draws, ticks, uniforms

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

SMALL_TYPES = ("toilet", "tap")
LARGE_TYPES = ("irrigation", "laundry", "medium", "shower")
TYPES = (*SMALL_TYPES, *LARGE_TYPES)

SIZE_LITERS = {
    "toilet": (6.34, 0.28),
    "tap": (1.93, 0.40),
    "irrigation": (60.0, 0.70),
    "laundry": (40.0, 0.36),
    "medium": (12.0, 0.43),
    "shower": (28.0, 0.30),
}
"""Mean volume of a use, and its log standard deviation between households.
Source: M. [liters, unitless]"""

_ROUTINE_POWER = 0.55
"""How much busier routine hours are. Source: M, hours with much use follow each other."""
_INTENSITY_SHAPE = 4.0
"""How busy active hours are varies as a gamma distribution of this shape. Source: simulated."""

SIZE_SHAPE = {"toilet": 49.0, "tap": 1.0, "irrigation": 2.0, "laundry": 5.0, "medium": 1.0, "shower": 4.8}
"""Shape of the gamma distribution of one use's volume: toilets are all alike. Source: M."""

# Median share of a group's volume that goes to one type, and its logit deviation. Source: M.
_TAP_SHARE = (0.49, 0.5)
_IRRIGATION_SHARE, _LAUNDRY_SHARE, _MEDIUM_SHARE = (0.04, 1.24), (0.20, 0.6), (0.35, 0.43)

# fmt: off
# Share of hours with any use, by hour of day. Source: M, weekdays and weekends.
_OCCUPANCY = np.array([
    [.78, .50, .21, .12, .08, .09, .17, .81, .92, .73, .54, .45,
     .47, .51, .66, .78, .80, .70, .69, .72, .77, .87, .88, .83],
    [.55, .50, .26, .11, .08, .08, .06, .11, .35, .69, .73, .71,
     .69, .56, .54, .51, .49, .50, .52, .55, .55, .68, .72, .71],
])
# The mean weights under which that occupancy was measured. Source: M.
_OCCUPANCY_WEIGHTS = np.array([
    [.736, .402, .189, .084, .058, .090, .210, 1.325, 1.703, 1.443, 1.139, 1.161,
     1.003, 1.151, 1.124, 1.115, 1.053, 1.029, 1.059, 1.378, 1.783, 2.063, 1.574, 1.130],
    [.691, .472, .278, .138, .093, .089, .103, .178, .390, 1.089, 1.810, 2.051,
     2.238, 2.005, 1.443, 1.138, .981, 1.050, .983, 1.175, 1.524, 1.728, 1.372, .981],
])
# fmt: on
_OCCUPANCY_WEIGHT_POWER = 0.7  # Assumed: other weights move the occupancy less than the volume.

# Between households. Source: M.
_REFERENCE_DAILY_LITERS = 250.0
_SIZE_POWER, _SIZE_SIGMA = 0.9, 0.215
_ABSENCE_POWER, _ABSENCE_SIGMA, _ABSENCE_MAX = -1.2, 1.2, 0.75
_OCCUPANCY_SIZE_POWER, _OCCUPANCY_SHIFT, _OCCUPANCY_SIGMA = 1.15, -0.1, 0.45
_OCCUPANCY_PROFILE_POWER, _OCCUPANCY_HOUR_SIGMA = 0.7, 0.5
_LEAK_SIGMA, _LEAK_MAX_SHARE = 1.6, 0.4
# Watering grows with the volume, up to twice the reference. Source: M.
_GARDEN_SIZE_POWER, _GARDEN_SHARE_POWER, _GARDEN_MAX, _IRRIGATION_MAX = 0.3, 0.7, 2.0, 0.6
# Own profile: shift in time, shape, and more shape for large uses. Source: M.
_SHIFT_SIGMA, _SHIFT_LENGTH = 0.85, 5.0
_SHAPE_LENGTH, _SHAPE_WHITE = 1.5, 0.32
# Quiet hours set households apart most: log deviation at no weight, at much, and halfway between.
_SHAPE_SIGMA, _SHAPE_SIGMA_MIN, _SHAPE_WEIGHT = 0.95, 0.20, 0.35
_LARGE_SIGMA = 0.5
_WEEKEND_SHARED_VARIANCE = 0.79
_SLOPE_MAX = 1.5  # Assumed: steeper than any measured profile; a step has no slope. [1/h]
# Small uses are this share of the volume at least; the rest falls with the weight. Source: M.
_SMALL_MIN, _SMALL_WEIGHT, _SMALL_POWER, _NIGHT_WEIGHT = 0.20, 0.366, 1.3, 0.25

RUN_OVER_SHARE = 0.12
"""Share of the volume of large uses that flows in the hour after the one they began in: showers
follow each other, a laundry takes its time. Source: M, an hour of much use is seldom followed by
one of none. [unitless]"""

LARGE_CONSUMER_LITERS = 2_500.0
"""A bigger consumer draws larger volumes, not more often. Assumed: single draws are not told
apart there. [liters/day]"""

KEYS = ("traits", "profile")
"""Streams that `make_households` takes, by name."""

_WEEKDAY_OF_HOUR = np.arange(168) // 24
_IS_WEEKEND = (_WEEKDAY_OF_HOUR >= 5).astype(np.int64)
_HOUR = np.arange(168) % 24


@dataclass(frozen=True, slots=True)
class Households:
    """Tables of the households of a group of devices.

    Attributes
    ----------
    active_prob : ndarray of float64, shape (168, n_devices)
        Probability of activity by hour of the week, given presence. [unitless]
    rate : mapping of str to ndarray of float64, shape (168, n_devices)
        Mean uses in an hour by group: ``small``, ``large``. [1/h]
    size_liters : ndarray of float64, shape (len(TYPES), n_devices)
        Mean volume of a use. [liters]
    type_share : mapping of str to ndarray of float64, shape (n_types, n_devices)
        Cumulative shares of the *number* of uses among ``small`` and ``large``.
    leak_liters : ndarray of float64, shape (168, n_devices)
        Mean trickle. [liters/h]
    absence_prob : ndarray of float64, shape (n_devices,)
        Share of days on which nobody is there. [unitless]
    run_over_prob : ndarray of float64, shape (168, n_devices)
        Probability that a large use goes on into the next hour, by half in the mean.
    routine_power : ndarray of float64, shape (n_devices,)
        How much busier the hours are that routine makes active. [unitless]
    """

    active_prob: F64
    rate: Mapping[str, F64]
    size_liters: F64
    type_share: Mapping[str, F64]
    leak_liters: F64
    absence_prob: F64
    run_over_prob: F64
    routine_power: F64


def make_households(
    *,
    hourly_liters: F64,
    keys: Mapping[str, U64],
    absence_share: F64,
    profile_spread: F64,
    leak_liters_per_hour: F64,
    use_size_factor: F64,
) -> Households:
    """Draw the households of a group.

    Parameters
    ----------
    hourly_liters : ndarray of float64, shape (168, n_devices)
        Expected demand by hour of the week. [liters]
    keys : mapping of str to ndarray of uint64, shape (n_devices,)
        Streams `KEYS`.
    absence_share : ndarray of float64, shape (n_devices,)
        Median share of days away, of a household of 250 liters a day. [unitless]
    profile_spread : ndarray of float64, shape (n_devices,)
        How far own profiles and habits depart from the formula: 0 not at all, 1 as
        measured. [unitless]
    leak_liters_per_hour : ndarray of float64, shape (n_devices,)
        Median trickle. [liters/h]
    use_size_factor : ndarray of float64, shape (n_devices,)
        Scales the volume of all uses. [unitless]

    Returns
    -------
    Households
        The expected demand over households is `hourly_liters` at each hour.
    """
    traits = fixed_normals(keys["traits"], 16)
    weekly = _week_sum(hourly_liters)
    daily = weekly / 7.0
    merged = np.maximum(1.0, daily / LARGE_CONSUMER_LITERS)
    relative = daily / merged / _REFERENCE_DAILY_LITERS
    absence = absence_share * relative**_ABSENCE_POWER * np.exp(_ABSENCE_SIGMA * traits[0])
    absence = np.clip(absence, 0.0, _ABSENCE_MAX)
    size = (relative / (1.0 - absence)) ** _SIZE_POWER * np.exp(_SIZE_SIGMA * traits[1])
    weights = hourly_liters * (168.0 / weekly)
    small_share = _small_share(weights)
    factor, large_factor, hours = _own_profile(weights, small_share, keys, profile_spread)
    small = hourly_liters * small_share * factor
    large = hourly_liters * (1.0 - small_share) * factor * large_factor
    median_leak = leak_liters_per_hour * merged * np.exp(_LEAK_SIGMA * traits[2])
    leak = np.minimum(median_leak, _LEAK_MAX_SHARE * small)
    sizes = np.stack(
        [
            SIZE_LITERS[name][0] * np.exp(SIZE_LITERS[name][1] * traits[3 + index]) * use_size_factor * merged
            for index, name in enumerate(TYPES)
        ]
    )
    # Who uses much waters more, and by larger draws.
    garden = np.clip(relative, 1.0, _GARDEN_MAX)
    sizes[TYPES.index("irrigation")] *= garden**_GARDEN_SIZE_POWER
    begun, run_over = _begun_before(large)
    rates, shares = _split_volume(small - leak, begun, sizes, traits[9:13], garden**_GARDEN_SHARE_POWER)
    present_rate = sum(rates.values()) / (1.0 - absence)
    exponent = np.exp(_OCCUPANCY_SHIFT + _OCCUPANCY_SIGMA * traits[13]) * size**_OCCUPANCY_SIZE_POWER
    own = factor**_OCCUPANCY_PROFILE_POWER * np.exp(_OCCUPANCY_HOUR_SIGMA * profile_spread * hours)
    active = _activity_prob(_occupancy(weights, exponent * own), present_rate)
    power = _ROUTINE_POWER * profile_spread
    return Households(active, rates, sizes, shares, leak, absence, run_over, power)


def _begun_before(large: F64) -> tuple[F64, F64]:
    """Volume of the large uses that begin in an hour, and the share of them that run over.

    What flows over from an hour is a share of the lesser of its volume and the next one's.
    The next hour begins so much less, so that no hour's mean moves, and none below zero.
    """
    over = RUN_OVER_SHARE * np.minimum(large, np.roll(large, -1, axis=0))
    begun = large - np.roll(over, 1, axis=0) + over
    # Half of a use that runs over does.
    return begun, 2.0 * over / np.maximum(begun, 1e-300)


def _week_sum(table: F64) -> F64:
    """Sum over the week, hour after hour: numpy's own order depends on the number of columns."""
    return np.cumsum(table, axis=0)[-1]


def _small_share(weights: F64) -> F64:
    """Share of the volume that small uses have: most of it at night, a fifth at the peaks."""
    bump = np.zeros(24)
    bump[7:12], bump[[23, 0]] = 0.33, -0.13  # Source: M.
    seen = weights * np.exp(bump)[_HOUR][:, None]
    share = _SMALL_MIN + (1.0 - _SMALL_MIN) / (1.0 + (seen / _SMALL_WEIGHT) ** _SMALL_POWER)
    return 1.0 - (1.0 - share) * weights / (weights + _NIGHT_WEIGHT)


def _slope(weights: F64) -> F64:
    """Steepness of the profile, per hour, within each day of the week."""
    logs = np.log(weights + 0.05).reshape(7, 24, -1)
    slope = ((np.roll(logs, -1, axis=1) - np.roll(logs, 1, axis=1)) / 2.0).reshape(168, -1)
    return np.clip(slope, -_SLOPE_MAX, _SLOPE_MAX)


def _shape_sigma(weights: F64) -> F64:
    """Log deviation between households of their own volume at an hour."""
    return _SHAPE_SIGMA_MIN + (_SHAPE_SIGMA - _SHAPE_SIGMA_MIN) / (1.0 + (weights / _SHAPE_WEIGHT) ** 2)


def _own_profile(
    weights: F64, small_share: F64, keys: Mapping[str, U64], spread: F64
) -> tuple[F64, F64, F64]:
    """Factors of a household's volumes by hour of the week; of all its uses, mean 1 over households.

    Returns
    -------
    factor, large_factor, hours : ndarray of float64, shape (168, n_devices)
        Of all uses, further of large ones, and the Gaussian part of the occupancy.
    """
    shift = _day_process(keys["profile"], 0, _SHIFT_LENGTH, 0.0)
    shape = _day_process(keys["profile"], 1, _SHAPE_LENGTH, _SHAPE_WHITE)
    large = _day_process(keys["profile"], 2, _SHAPE_LENGTH, _SHAPE_WHITE)
    hours = _day_process(keys["profile"], 3, _SHAPE_LENGTH, _SHAPE_WHITE)
    slope = _SHIFT_SIGMA * _slope(weights) * spread
    sigma = _shape_sigma(weights) * spread
    anchor, is_large = _anchor(weights, small_share, keys["profile"])
    day_shape = _day_covariance(_SHAPE_LENGTH, _SHAPE_WHITE)[:, anchor]
    shift += slope[anchor, np.arange(len(anchor))] * _day_covariance(_SHIFT_LENGTH, 0.0)[:, anchor]
    shape += sigma[anchor, np.arange(len(anchor))] * day_shape
    large += _LARGE_SIGMA * spread * is_large * day_shape
    factor = np.exp(slope * shift - slope**2 / 2) * log_normal_mean_one(shape, sigma)
    large_factor = log_normal_mean_one(large, _LARGE_SIGMA * spread)
    total = factor * (small_share + (1.0 - small_share) * large_factor)
    scale = _week_sum(weights) / _week_sum(weights * total)
    return factor * scale, large_factor, hours


def _anchor(weights: F64, small_share: F64, key: U64) -> tuple[I64, npt.NDArray[np.bool_]]:
    """Draw the hour of the week, by volume, and the size of use at which a profile is raised.

    Notes
    -----
    A household's factors G_h have mean 1. Divided by S, the sum of w G, so that the
    daily volume is met, they had not: E[G_h / S] is not 1. They have when households
    are drawn in proportion to S, for then E[S G_h / S] = E[G_h]. S is a sum of
    lognormals, so that is: draw one of its terms by weight, and shift the Gaussians
    by their covariance with the term's exponent.
    """
    turn = uniforms(draws(ticks(0, [96, 97])[:, None], key))
    until = np.cumsum(weights, axis=0)
    anchor = (until <= turn[0] * until[-1]).sum(axis=0)
    return anchor, turn[1] >= small_share[anchor, np.arange(len(anchor))]


@cache
def _day_covariance(length: float, white: float) -> F64:
    """Covariance of a day process between hours of the week."""
    smooth = circular_process(circular_kernel(24, length), length)
    day = (1.0 - white) * smooth + white * np.eye(24)
    same = np.where(_IS_WEEKEND[:, None] == _IS_WEEKEND, 1.0, np.sqrt(_WEEKEND_SHARED_VARIANCE))
    return np.asarray(day[_HOUR[:, None], _HOUR] * same)


def _day_process(key: U64, slot: int, length: float, white: float) -> F64:
    """Circular process over the day, for weekdays and, alike by .79, for weekends."""
    noise = fixed_normals(key ^ np.uint64(slot << 8), 96).reshape(4, 24, -1)
    smooth = [circular_process(part, length) for part in noise[:2]]
    both = [
        np.sqrt(1.0 - white) * part + np.sqrt(white) * rough
        for part, rough in zip(smooth, noise[2:], strict=True)
    ]
    shared = np.sqrt(_WEEKEND_SHARED_VARIANCE)
    weekend = shared * both[0] + np.sqrt(1.0 - shared * shared) * both[1]
    return np.stack([both[0], weekend])[_IS_WEEKEND, _HOUR]


def _logit_normal(median: float, sigma: float, z: F64) -> F64:
    share: F64 = 1.0 / (1.0 + (1.0 / median - 1.0) * np.exp(-sigma * z))
    return share


def _split_volume(
    small: F64, large: F64, sizes: F64, z: F64, garden: F64
) -> tuple[dict[str, F64], dict[str, F64]]:
    """Turn volumes to rates of uses, and say which share of them each type has."""
    size = dict(zip(TYPES, sizes, strict=True))
    tap = _logit_normal(*_TAP_SHARE, z[0])
    irrigation = np.minimum(_logit_normal(*_IRRIGATION_SHARE, z[1]) * garden, _IRRIGATION_MAX)
    laundry = (1.0 - irrigation) * _logit_normal(*_LAUNDRY_SHARE, z[2])
    rest = 1.0 - irrigation - laundry
    medium = rest * _logit_normal(*_MEDIUM_SHARE, z[3])
    per_small = np.stack([(1.0 - tap) / size["toilet"], tap / size["tap"]])
    volumes = {"irrigation": irrigation, "laundry": laundry, "medium": medium, "shower": rest - medium}
    per_large = np.stack([volumes[name] / size[name] for name in LARGE_TYPES])
    rates = {"small": small * per_small.sum(axis=0), "large": large * per_large.sum(axis=0)}
    shares = {
        name: np.cumsum(part, axis=0) / part.sum(axis=0)
        for name, part in (("small", per_small), ("large", per_large))
    }
    return rates, shares


def _occupancy(weights: F64, exponent: F64) -> F64:
    """Wanted share of hours with any use, given presence."""
    base = np.log1p(-_OCCUPANCY[_IS_WEEKEND, _HOUR])[:, None]
    moved = (weights / _OCCUPANCY_WEIGHTS[_IS_WEEKEND, _HOUR][:, None]) ** _OCCUPANCY_WEIGHT_POWER
    return -np.expm1(base * moved * exponent)


def _activity_prob(occupancy: F64, rate: F64) -> F64:
    """Solve occupancy = p P(any use | active) for p, by fixed-point steps.

    Uses are Poisson with a gamma intensity: none with (1 + rate / (p shape))^-shape.
    Kept within .01 .. .995: an hour is never surely idle or surely busy.
    """
    prob = occupancy
    for _ in range(8):
        none = (1.0 + rate / (np.maximum(prob, 0.01) * _INTENSITY_SHAPE)) ** -_INTENSITY_SHAPE
        prob = np.clip(occupancy / np.maximum(1.0 - none, 1e-12), 0.01, 0.995)
    return prob
