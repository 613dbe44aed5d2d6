"""Where IOOS QARTOD has the same test, its reference implementation agrees row by row on regular data."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from ioos_qc import qartod

from synthlab.quality import balance, rows, series
from synthlab.quality.flags import Flag

COUNT, STEP_MS = 2_000, 300_000
TIMES_MS = 1_770_883_200_000 + np.arange(COUNT) * STEP_MS
STARTS = np.array([0])


def values(seed: int) -> np.ndarray[Any, Any]:
    """A walk with leaps, spikes, plateaus and nulls."""
    rng = np.random.default_rng(seed)
    walk = 50 + np.cumsum(rng.normal(0, 0.3, COUNT))
    walk[rng.integers(0, COUNT, 30)] += rng.normal(0, 15, 30)
    for start in rng.integers(0, COUNT - 500, 3):
        walk[start : start + 450] = walk[start]
    walk[rng.integers(0, COUNT, 20)] = np.nan
    return walk


def theirs(test: Any, *arguments: Any, **limits: Any) -> np.ndarray[Any, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.ma.filled(test(*arguments, **limits), 0).astype(int)


@pytest.mark.parametrize("seed", range(4))
def test_gross_range(seed: int) -> None:
    level = values(seed)
    ours = rows.check_gross_range(level, suspect_span=(45, 60), fail_span=(40, 70))
    reference = theirs(qartod.gross_range_test, level, fail_span=(40, 70), suspect_span=(45, 60))
    np.testing.assert_array_equal(ours, reference)
    assert {1, 3, 4, 9} <= set(ours.tolist())


@pytest.mark.parametrize("seed", range(4))
def test_spike(seed: int) -> None:
    """Spikes two rows wide are ours alone, so the reference is told of none."""
    level = values(seed)
    ours = balance.check_spike(level, STARTS, suspect=3.0, fail=10.0)
    reference = theirs(
        qartod.spike_test, level, suspect_threshold=3.0, fail_threshold=10.0, method="differential"
    )
    # A row of a wide spike leans on a neighbor that is as high.
    wide = np.flatnonzero((ours >= 3) & (ours < 9) & (reference == 1))
    assert all(abs(level[row] - level[other]) < 5.1 for row in wide for other in [_twin(level, row)])
    ours[wide] = 1
    np.testing.assert_array_equal(ours, reference)
    assert {1, 2, 3, 4, 9} <= set(ours.tolist())


def _twin(level: np.ndarray[Any, Any], row: int) -> int:
    return min((row - 1, row + 1), key=lambda other: abs(level[row] - level[other]))


@pytest.mark.parametrize("seed", range(4))
def test_rate_of_change(seed: int) -> None:
    level = values(seed)
    ours = series.check_rate_of_change(
        level,
        TIMES_MS,
        STARTS,
        fastest_pct_per_second=np.full(COUNT, 0.01),
        noise_pct=np.zeros(COUNT),
        suspect_factor=1.0,
        fail_factor=4.0,
    )
    reference = theirs(
        qartod.rate_of_change_test,
        level,
        TIMES_MS.astype("datetime64[ms]"),
        threshold=0.01,
        fail_threshold=0.04,
    )
    # We say UNKNOWN where there is nothing to compare with; the reference says GOOD there.
    is_judged = ours != Flag.UNKNOWN
    np.testing.assert_array_equal(ours[is_judged], reference[is_judged])
    assert set(reference[~is_judged].tolist()) == {1}
    assert {1, 3, 4, 9} <= set(ours.tolist())


@pytest.mark.parametrize("seed", range(4))
def test_flat_line(seed: int) -> None:
    """Whole millimeters without nulls: ours are readings, and count from the first still one."""
    level = values(seed)
    level[np.isnan(level)] = level[np.flatnonzero(np.isnan(level)) - 1]
    level[600:1100] = level[600]
    distance = np.rint(np.nan_to_num(level, nan=50.0) * 10).astype(np.int32)
    ours = series.check_flat_line(
        distance,
        distance,
        TIMES_MS,
        STARTS,
        is_exempt=np.zeros(COUNT, bool),
        tolerance_mm=2,
        suspect_hours=12.0,
        fail_hours=24.0,
    )
    # Theirs is below the tolerance, ours within it; both in whole millimeters.
    reference = theirs(
        qartod.flat_line_test,
        distance.astype(float),
        TIMES_MS.astype("datetime64[ms]"),
        suspect_threshold=12 * 3600,
        fail_threshold=24 * 3600,
        tolerance=3,
    )
    np.testing.assert_array_equal(ours, reference)
    assert {1, 3, 4} <= set(ours.tolist())
