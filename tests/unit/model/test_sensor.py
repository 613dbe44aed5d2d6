"""The sensor: distances, noise, missing echoes and the level that ingestion derives."""

from __future__ import annotations

from math import acos, pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.calibration import level_pct_from_distance_mm
from synthlab.columns import READING_COUNT
from synthlab.model import sensor
from synthlab.randomness import draws, normals, stream_key, ticks

LYING, UPRIGHT = np.array([True]), np.array([False])
EMPTY, FULL = np.array([2050.0]), np.array([250.0])


def distance(fraction: np.ndarray, *, lying: bool) -> np.ndarray:
    return sensor.surface_distance_mm(
        fraction[:, None], empty_mm=EMPTY, full_mm=FULL, is_lying_cylinder=LYING if lying else UPRIGHT
    )[:, 0]


def segment_share(height: float) -> float:
    """Filled share of a circle's area at a share of its height."""
    return (acos(1 - 2 * height) - 2 * (1 - 2 * height) * sqrt(height - height * height)) / pi


@pytest.mark.parametrize("lying", [False, True])
def test_distance_falls_from_empty_to_full(lying: bool) -> None:
    found = distance(np.linspace(0, 1, 5_001), lying=lying)
    assert found[0] == 2050.0
    assert found[-1] == 250.0
    assert (np.diff(found) < 0).all()


@given(st.floats(0.0, 1.0))
def test_upright_liters_to_distance_to_liters(fraction: float) -> None:
    mm = distance(np.array([fraction]), lying=False)
    back = level_pct_from_distance_mm(mm, empty_mm=EMPTY, full_mm=FULL)
    assert back[0] == pytest.approx(fraction * 100, abs=1e-9)


@given(st.floats(0.0, 1.0))
def test_lying_cylinder_inverts_the_segments_area(height: float) -> None:
    """Within a tenth of a millimeter of the 1.8 m height; at the very ends the circle is steep."""
    mm = distance(np.array([segment_share(height)]), lying=True)[0]
    assert (2050.0 - mm) / 1800.0 == pytest.approx(height, abs=1e-4 if 0.01 < height < 0.99 else 1e-3)


def test_shapes_mix_in_one_group() -> None:
    both = sensor.surface_distance_mm(
        np.full((3, 2), 0.2),
        empty_mm=np.array([2050.0, 2050.0]),
        full_mm=np.array([250.0, 250.0]),
        is_lying_cylinder=np.array([False, True]),
    )
    assert (both[:, 0] == 2050.0 - 0.2 * 1800.0).all()
    assert (both[:, 1] < both[:, 0]).all()  # a fifth of the area reaches higher than a fifth


def test_readings_have_the_noise_asked_for_and_never_reach_zero() -> None:
    seconds = np.arange(4_000)
    words = draws(ticks(seconds)[:, None], np.array([stream_key(1, "S", "row")], dtype=np.uint64))
    noise = [normals(words)[:, ::2], normals(words)[:, 1::2]]
    far = np.full((4_000, 1), 1000.0)
    first, second = sensor.raw_readings_mm(far, noise, np.array([4.0]))
    assert first.dtype == np.int32
    # Rounding to whole millimeters adds 1/12 mm^2.
    for reading in (first, second):
        assert reading.std() == pytest.approx((16 + 1 / 12) ** 0.5, rel=4 / 8_000**0.5)
        assert reading.mean() == pytest.approx(1000.0, abs=4 * 4 / 4_000**0.5)
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < 4 / 4_000**0.5
    near, _ = sensor.raw_readings_mm(np.full((4_000, 1), 2.0), noise, np.array([4.0]))
    assert near.min() == sensor.MIN_READING_MM
    exact, _ = sensor.raw_readings_mm(far, noise, np.array([0.0]))
    assert (exact == 1000).all()


@pytest.mark.parametrize("prob", [0.004, 0.05, 0.4, 1.0])
def test_each_reading_is_missing_with_its_probability(prob: float) -> None:
    """The two stages, whether any and then which, make independent readings."""
    n = 200_000
    bound = sensor.any_missing_threshold(np.array([prob]))[0]
    assert float(bound) / 2**32 == pytest.approx(1 - (1 - prob) ** 5, rel=1e-6)
    chosen = np.flatnonzero(np.random.default_rng(1).integers(0, 2**32, n, dtype=np.uint64) < bound)
    key = np.full(len(chosen), stream_key(1, "S", "echo"))
    missing = sensor.missing_readings(chosen, key, np.full(len(chosen), prob))
    assert missing.any(axis=1).all()
    error = (prob * (1 - prob) / n) ** 0.5
    for index in range(READING_COUNT):
        assert abs(missing[:, index].sum() / n - prob) <= 4 * error
    pair = (missing[:, 0] & missing[:, 4]).sum() / n
    assert abs(pair - prob**2) <= 4 * (prob**2 * (1 - prob**2) / n) ** 0.5


def test_no_echo_ever_where_the_probability_is_zero() -> None:
    assert sensor.any_missing_threshold(np.array([0.0]))[0] == 0


def test_partial_readings_give_the_mean_of_the_valid() -> None:
    readings = np.array([[1150, -1, -1, 1160, -1], [-1] * 5, [250] * 5, [9000, 9000, -1, -1, -1]], np.int32)
    level = sensor.measured_level_pct_partial(
        readings, empty_mm=np.full(4, 2050.0), full_mm=np.full(4, 250.0)
    )
    assert level[0] == 100 * (2050 - 1155) / 1800
    assert np.isnan(level[1])
    assert level[2:].tolist() == [100.0, 0.0]


@given(st.lists(st.integers(1, 5_000), min_size=5, max_size=5))
def test_whole_and_partial_forms_agree(readings: list[int]) -> None:
    table = np.array([readings], dtype=np.int32)
    whole = sensor.measured_level_pct([table[:, i : i + 1] for i in range(5)], empty_mm=EMPTY, full_mm=FULL)
    partial = sensor.measured_level_pct_partial(table, empty_mm=EMPTY, full_mm=FULL)
    assert whole[0, 0] == partial[0]
