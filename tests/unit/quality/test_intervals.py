from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from synthlab.quality.intervals import mean_interval, student_quantile


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 19, 39, 99, 499])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_quantile_is_scipys(degrees: int, confidence: float) -> None:
    expected = stats.t.ppf((1 + confidence) / 2, degrees)
    assert student_quantile(degrees, confidence) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("size", [2, 5, 20])
def test_interval_is_scipys(size: int) -> None:
    values = np.random.default_rng(size).lognormal(2.0, 1.0, size)
    found = mean_interval(values)
    expected = stats.t.interval(0.95, size - 1, loc=values.mean(), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-6)
    assert (found.mean, found.sd) == pytest.approx((values.mean(), np.std(values, ddof=1)))


def test_missing_values_are_left_out() -> None:
    values = np.array([1.0, np.nan, 2.0, 4.0, np.nan])
    assert mean_interval(values) == mean_interval(np.array([1.0, 2.0, 4.0]))


def test_too_few_values_have_no_interval() -> None:
    one = mean_interval(np.array([3.0, np.nan]))
    assert one.mean == 3.0
    assert math.isnan(one.sd)
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert all(math.isnan(value) for value in mean_interval(np.array([np.nan])))


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert mean_interval(np.zeros(20)) == (0.0, 0.0, 0.0, 0.0)
