from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.platform.level import SAMPLE_MARGIN_MM, Calibration, calibration_of, level_state, measure


def test_calibration_is_explicit_or_from_the_height() -> None:
    assert calibration_of(1000.0, None, 2000.0, 200.0) == Calibration(2000.0, 200.0, 1000.0)
    assert calibration_of(1000.0, 1500.0, 2000.0, 200.0) == Calibration(2000.0, 200.0, 1000.0)
    assert calibration_of(1000.0, 1500.0, None, None) == Calibration(1500.0, 0.0, 1000.0)


@pytest.mark.parametrize(
    "values",
    [
        (1000.0, None, None, None),
        (1000.0, 0.0, None, None),
        (1000.0, 1500.0, 2000.0, None),
        (1000.0, 1500.0, None, 200.0),
        (1000.0, 1500.0, 200.0, 200.0),
        (1000.0, 1500.0, 2000.0, -1.0),
        (1000.0, math.nan, None, None),
        (1000.0, None, math.nan, 0.0),
        (math.nan, None, 2000.0, 200.0),
        (0.0, None, 2000.0, 200.0),
        (None, None, 2000.0, 200.0),
    ],
)
def test_an_unusable_calibration_is_none(values: tuple[float | None, ...]) -> None:
    assert calibration_of(*values) is None


@given(
    full=st.floats(0, 1000),
    span=st.floats(1, 5000),
    capacity=st.floats(1, 1e6),
    samples=st.lists(st.integers(-10, 70_000), max_size=20),
)
def test_a_measurement_is_bounded_and_of_the_valid_samples(
    full: float, span: float, capacity: float, samples: list[int]
) -> None:
    calibration = Calibration(full + span, full, capacity)
    valid = [s for s in samples if 0 <= s <= full + span + SAMPLE_MARGIN_MM]
    found = measure(samples, calibration)
    if not valid:
        assert found is None
        return
    assert found is not None
    assert found.raw_sample_count == len(valid)
    assert min(valid) <= found.raw_mean <= max(valid)
    assert 0 <= found.raw_stddev <= (max(valid) - min(valid)) / 2 + 1e-9
    assert 0 <= found.level_pct <= 100
    assert found.volume_liters == pytest.approx(found.level_pct / 100 * capacity)


@pytest.mark.parametrize(
    ("level_pct", "state"),
    [
        (0, "CRITICAL"),
        (5, "CRITICAL"),
        (5.01, "LOW"),
        (20, "LOW"),
        (20.01, "NORMAL"),
        (94.9, "NORMAL"),
        (95, "FULL"),
        (100, "FULL"),
    ],
)
def test_level_state(level_pct: float, state: str) -> None:
    assert level_state(level_pct) == state
