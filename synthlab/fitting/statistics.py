"""Statistics of hourly demand that a realism report compares.

A matrix of liters is (n_hours, n_households), whole days from a midnight on, NaN
where nothing was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

AGGREGATE_DRAWS = 60
"""Random groups over which the CV of a group is averaged. Assumed: standard error below .02."""
_MIN_SHARE = 0.7
"""A group's hour counts where so much of its mean demand was measured. Assumed."""
_TRIMMED_SHARE = 0.1  # Assumed.
_MIN_HOURS = 24 * 60
"""Less of a household's hours than this say little of a week's correlation. Assumed: two months."""


HOUSEHOLD_STATISTICS = (
    "cv_hourly",
    "cv_daily",
    "zero_share",
    "acf_1h",
    "acf_24h",
    "acf_168h",
    "spectral_slope",
)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Hourly liters of households, from a midnight on.

    Attributes
    ----------
    liters : ndarray of float64, shape (24 * n_days, n_households)
        NaN where not measured.
    first_day : int
        Days since 1970-01-01.
    names : tuple of str
    """

    liters: F64
    first_day: int
    names: tuple[str, ...]

    @property
    def is_weekend(self) -> npt.NDArray[np.bool_]:
        """Hours of Saturdays and Sundays."""
        days = np.arange(len(self.liters) // 24) + self.first_day
        return np.repeat((days + 3) % 7 >= 5, 24)

    def take(self, columns: npt.NDArray[np.int64]) -> Matrix:
        """Return some of the households."""
        return Matrix(self.liters[:, columns], self.first_day, tuple(self.names[i] for i in columns))


def mean_profile(matrix: Matrix, *, weekend: bool) -> F64:
    """Mean over households of each one's own profile, mean 1, shape (24,).

    At each hour the tenth of the households at either end is left out: who uses a
    liter a day has a profile of a few single hours.
    """
    hours = matrix.liters[matrix.is_weekend == weekend]
    cube = hours.reshape(-1, 24, hours.shape[1])
    seen = np.maximum((~np.isnan(cube)).sum(axis=0), 1)
    profile = np.nansum(cube, axis=0) / seen
    mean = profile.mean(axis=0)
    own = np.sort(profile[:, mean > 0] / mean[mean > 0], axis=1)
    cut = int(_TRIMMED_SHARE * own.shape[1])
    middle: F64 = own[:, cut : own.shape[1] - cut].mean(axis=1)
    return middle


def correlation(a: F64, b: F64) -> float:
    """Pearson's r; 0 where one of them does not vary."""
    if np.std(a) == 0 or np.std(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def autocorrelation(series: F64, lag: int) -> float:
    """Autocorrelation over the pairs that were measured. [unitless]"""
    centered = series - np.nanmean(series)
    products = centered[:-lag] * centered[lag:]
    return float(np.nanmean(products) / np.nanvar(series))


def autocorrelations(series: F64, lags: int) -> F64:
    """Autocorrelation at lags 1..lags over the pairs that were measured. [unitless]"""
    known = ~np.isnan(series)
    centered = np.where(known, series - np.nanmean(series), 0.0)
    size = 2 * len(series)
    pairs = np.fft.irfft(np.abs(np.fft.rfft(known.astype(np.float64), size)) ** 2)
    products = np.fft.irfft(np.abs(np.fft.rfft(centered, size)) ** 2)
    found: F64 = products[1 : lags + 1] / np.maximum(pairs[1 : lags + 1], 1.0) / np.nanvar(series)
    return found


def zero_runs(series: F64) -> npt.NDArray[np.int64]:
    """Lengths of runs of hours without any use; a gap ends a run. [h]"""
    is_zero = np.concatenate([[False], series == 0, [False]]).astype(np.int8)
    change = np.diff(is_zero)
    return np.flatnonzero(change == -1) - np.flatnonzero(change == 1)


def spectral_slope(series: F64) -> float:
    """Slope of log power on log frequency, from a week to two hours."""
    filled = np.where(np.isnan(series), np.nanmean(series), series)
    power = np.abs(np.fft.rfft(filled - filled.mean())) ** 2
    frequency = np.fft.rfftfreq(len(filled))
    inside = (frequency >= 1 / 168) & (power > 0)
    return float(np.polyfit(np.log(frequency[inside]), np.log(power[inside]), 1)[0])


def household_statistics(matrix: Matrix) -> dict[str, F64]:
    """Statistics of each household, by name; households that used no water are left out."""
    found: dict[str, list[float]] = {name: [] for name in HOUSEHOLD_STATISTICS}
    for series in matrix.liters.T:
        known = series[~np.isnan(series)]
        if len(known) < _MIN_HOURS or known.sum() <= 0:
            continue
        days = series.reshape(-1, 24).sum(axis=1)
        days = days[~np.isnan(days)]
        values = {
            "cv_hourly": known.std() / known.mean(),
            "cv_daily": days.std() / days.mean() if days.sum() > 0 else np.nan,
            "zero_share": float(np.mean(known == 0)),
            "acf_1h": autocorrelation(series, 1),
            "acf_24h": autocorrelation(series, 24),
            "acf_168h": autocorrelation(series, 168),
            "spectral_slope": spectral_slope(series),
        }
        for name, value in values.items():
            found[name].append(float(value))
    return {name: np.array(values) for name, values in found.items()}


def scaled_volumes(matrix: Matrix) -> F64:
    """Volumes of hours with use, each household's by their mean, pooled."""
    parts = []
    for series in matrix.liters.T:
        used = series[series > 0]
        if len(used):
            parts.append(used / used.mean())
    return np.concatenate(parts) if parts else np.empty(0)


def pooled_zero_runs(matrix: Matrix) -> npt.NDArray[np.int64]:
    """Return the runs of hours without use of all households. [h]"""
    return np.concatenate([zero_runs(series) for series in matrix.liters.T])


def ks_distance(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> float:
    """Largest distance of two empirical distributions; 1 where one is empty."""
    if not len(a) or not len(b):
        return 1.0
    a, b = np.sort(a), np.sort(b)
    at = np.concatenate([a, b])
    below = np.searchsorted(a, at, side="right") / len(a) - np.searchsorted(b, at, side="right") / len(b)
    return float(np.abs(below).max())


def group_cv(matrix: Matrix, count: int, *, seed: int = 0) -> float:
    """CV of the hourly volume of random groups of households, averaged over groups.

    An hour is scaled by the mean demand of those that were measured in it, so that a
    gap of one household is no drop of the group's demand.
    """
    mean = np.nanmean(matrix.liters, axis=0)
    usable = np.flatnonzero(mean > 0)
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(AGGREGATE_DRAWS if count < len(usable) else 1):
        chosen = rng.choice(usable, min(count, len(usable)), replace=False)
        part = matrix.liters[:, chosen]
        expected = (~np.isnan(part)) @ mean[chosen]
        is_enough = expected >= _MIN_SHARE * mean[chosen].sum()
        scaled = np.nansum(part[is_enough], axis=1) / expected[is_enough]
        if len(scaled) > 1:
            found.append(float(scaled.std() / scaled.mean()))
    return float(np.mean(found)) if found else float("nan")
