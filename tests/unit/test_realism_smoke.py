"""Forty households of a year against hourly meters, where the measurements are.

`SYNTHLAB_MEASUREMENTS` names the folder; without it there is nothing to compare with.  The
statistics are computed here by hand, apart from those of `synthlab.realism`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.fleets import DAY, HOUR, run, tank

HOUSEHOLDS, DAYS = 40, 364
# 2016-03-01, a Tuesday; times of the measurements are local, and so are the weights.
START = 1_456_790_400
MIN_HOURS = 200 * 24


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    """Liters by hour and household."""
    folder = os.environ.get("SYNTHLAB_MEASUREMENTS", "")
    path = Path(folder) / "household_hourly_demand.csv.gz"
    if not folder or not path.is_file():
        pytest.skip("SYNTHLAB_MEASUREMENTS names no folder with hourly meters")
    table = pd.read_csv(path, parse_dates=["hour_local"])
    wide = table.pivot_table(index="hour_local", columns="household", values="liters", aggfunc="sum")
    return wide.asfreq("h").loc[:, lambda part: part.notna().sum() >= MIN_HOURS]


@pytest.fixture(scope="module")
def synthetic(real: pd.DataFrame) -> pd.DataFrame:
    """Households with the measured daily liters and mean profile, read by a meter of whole liters."""
    relative = real / real.mean()
    is_weekend = pd.DatetimeIndex(real.index).day_of_week >= 5
    profiles = [
        relative[rows].mean(axis=1).groupby(lambda at: at.hour).mean().tolist()
        for rows in (~is_weekend, is_weekend)
    ]
    daily = np.quantile(24 * real.mean(), (np.arange(HOUSEHOLDS) + 0.5) / HOUSEHOLDS)
    devices = [
        tank(
            f"H{i:02}",
            step_seconds=HOUR,
            target_daily_liters=float(liters),
            hourly_weights=profiles[0],
            weekend_hourly_weights=profiles[1],
            weekday_multipliers=(1.0,) * 7,
        )
        for i, liters in enumerate(daily)
    ]
    frame = run(devices, seed=5, start_second=START, end_second=START + DAYS * DAY - HOUR).frame
    liters = frame["requested_liters"].to_numpy().reshape(-1, HOUSEHOLDS)
    meter = np.floor(np.cumsum(liters, axis=0))
    times = pd.date_range("2016-03-01", periods=len(liters), freq="h")
    return pd.DataFrame(np.diff(meter, axis=0, prepend=0.0), index=times)


def autocorrelation(series: pd.Series, lag: int) -> float:
    return float(series.autocorr(lag))


def zero_runs(series: pd.Series) -> np.ndarray:
    """Lengths of runs of hours without use."""
    known = series.dropna().to_numpy() == 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    return edges[1::2] - edges[::2]


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Largest difference of the two distribution functions (Kolmogorov and Smirnov)."""
    at = np.unique(np.concatenate([a, b]))
    parts = (np.searchsorted(np.sort(values), at, side="right") / len(values) for values in (a, b))
    return float(np.abs(np.subtract(*parts)).max())


def median_of(table: pd.DataFrame, statistic: Callable[[pd.Series], float]) -> float:
    return float(np.median([statistic(table[name]) for name in table]))


def test_hours_without_use_are_as_frequent(real: pd.DataFrame, synthetic: pd.DataFrame) -> None:
    shares = [median_of(table, lambda s: (s.dropna() == 0).mean()) for table in (real, synthetic)]
    assert abs(shares[0] - shares[1]) <= 0.08


@pytest.mark.parametrize("hours", [1, 24])
def test_volumes_vary_as_much(real: pd.DataFrame, synthetic: pd.DataFrame, hours: int) -> None:
    def variation(series: pd.Series) -> float:
        sums = series.resample(f"{hours}h").sum(min_count=hours).dropna()
        return float(sums.std() / sums.mean())

    measured, made = (median_of(table, variation) for table in (real, synthetic))
    assert 0.8 <= made / measured <= 1.25


@pytest.mark.parametrize(("lag", "bound"), [(1, 0.08), (24, 0.06), (168, 0.08)])
def test_hours_remember_each_other(
    real: pd.DataFrame, synthetic: pd.DataFrame, lag: int, bound: float
) -> None:
    found = [median_of(table, lambda s: autocorrelation(s, lag)) for table in (real, synthetic)]
    assert abs(found[0] - found[1]) <= bound


def test_pauses_and_volumes_are_distributed_alike(real: pd.DataFrame, synthetic: pd.DataFrame) -> None:
    runs = [np.concatenate([zero_runs(table[name]) for name in table]) for table in (real, synthetic)]
    assert distance(*runs) <= 0.08
    scaled = [(table / table.mean()).to_numpy().ravel() for table in (real, synthetic)]
    assert distance(*(values[~np.isnan(values)] for values in scaled)) <= 0.08


def test_the_week_has_the_measured_shape(real: pd.DataFrame, synthetic: pd.DataFrame) -> None:
    for weekend in (False, True):
        shapes = []
        for table in (real, synthetic):
            rows = (pd.DatetimeIndex(table.index).day_of_week >= 5) == weekend
            relative = (table / table.mean())[rows].mean(axis=1)
            shapes.append(relative.groupby(lambda at: at.hour).mean().to_numpy())
        assert np.corrcoef(*shapes)[0, 1] >= 0.95
