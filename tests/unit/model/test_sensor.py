"""The sensor: distances, noise, missing echoes and the level that ingestion derives."""

from __future__ import annotations

from math import acos, pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.calibration import Reservoir, level_pct_from_distance_mm, shape_curve
from synthlab.model import sensor
from synthlab.randomness import draws, normals, stream_key, ticks

LYING = shape_curve(
    Reservoir(
        device_id="L",
        capacity_liters=1.0,
        sensor_empty_distance_mm=2050.0,
        sensor_full_distance_mm=250.0,
        shape="lying_cylinder",
    )
)
EMPTY, FULL = np.array([2050.0]), np.array([250.0])


def distance(fraction: np.ndarray, *, lying: bool) -> np.ndarray:
    curves = {0: LYING} if lying and LYING else {}
    return sensor.surface_distance_mm(fraction[:, None], empty_mm=EMPTY, full_mm=FULL, curves=curves)[:, 0]


def reporting(
    count: int = 1, *, blind: float = 0.0, step: float = 1.0, exact: bool = False
) -> sensor.Reporting:
    return sensor.Reporting(np.full(count, blind), np.full(count, step), np.full(count, exact))


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
        curves={1: LYING} if LYING else {},
    )
    assert (both[:, 0] == 2050.0 - 0.2 * 1800.0).all()
    assert (both[:, 1] < both[:, 0]).all()  # a fifth of the area reaches higher than a fifth


def test_readings_have_the_noise_asked_for_and_never_reach_zero() -> None:
    seconds = np.arange(4_000)
    words = draws(ticks(seconds)[:, None], np.array([stream_key(1, "S", "row")], dtype=np.uint64))
    noise = [normals(words)[:, ::2], normals(words)[:, 1::2]]
    far = np.full((4_000, 1), 1000.0)
    first, second = sensor.raw_readings_mm(far, noise, np.array([4.0]), reporting())
    assert first.dtype == np.int32
    # Rounding to whole millimeters adds 1/12 mm^2.
    for reading in (first, second):
        assert reading.std() == pytest.approx((16 + 1 / 12) ** 0.5, rel=4 / 8_000**0.5)
        assert reading.mean() == pytest.approx(1000.0, abs=4 * 4 / 4_000**0.5)
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < 4 / 4_000**0.5
    near, _ = sensor.raw_readings_mm(np.full((4_000, 1), 2.0), noise, np.array([4.0]), reporting())
    assert near.min() == sensor.MIN_READING_MM
    exact, _ = sensor.raw_readings_mm(far, noise, np.array([0.0]), reporting(exact=True))
    assert (exact == 1000).all()


def test_an_exact_sensor_rounds_to_the_millimeter_to_the_last_bit() -> None:
    # float32 would round these to the other side.
    close = np.array([[1000.4999999], [1000.5000001], [1999.4999999]])
    noise = [np.ones((3, 1), dtype=np.float32)]
    (found,) = sensor.raw_readings_mm(close, noise, np.array([0.0]), reporting(exact=True))
    assert found[:, 0].tolist() == [1000, 1001, 1999]


def test_what_is_nearer_than_the_blind_zone_reads_as_a_constant() -> None:
    near = np.linspace(1.0, 260.0, 500)[:, None]
    noise = [normals(draws(ticks(np.arange(500))[:, None], np.array([5], dtype=np.uint64)))[:, :1]]
    (found,) = sensor.raw_readings_mm(near, noise, np.array([2.0]), reporting(blind=200.0))
    assert found.min() == 200
    assert (found[:350] == 200).all()
    assert found[-1] > 240


@given(st.floats(1.0, 5_000.0), st.sampled_from([1.0, 2.5, 10.0, 25.0]))
def test_readings_are_multiples_of_the_resolution(mm: float, step: float) -> None:
    noise = [np.zeros((1, 1), dtype=np.float32)]
    (found,) = sensor.raw_readings_mm(np.array([[mm]]), noise, np.array([1.0]), reporting(step=step))
    nearest = round(found[0, 0] / step) * step
    assert abs(found[0, 0] - nearest) <= 0.5 or found[0, 0] == 1
    assert abs(found[0, 0] - mm) <= step / 2 + 0.51


@pytest.mark.parametrize(("compensation", "pct_per_kelvin"), [(0.0, -0.176), (0.89, -0.0194), (1.0, 0.0)])
def test_the_speed_of_sound_follows_the_temperature(compensation: float, pct_per_kelvin: float) -> None:
    """Domain facts: -.176 % a kelvin without compensation, about .02 % left with it."""
    air = np.array([[20.0], [21.0], [40.0]])
    found = sensor.sounded_distance_mm(np.full((3, 1), 2_000.0), air, np.array([compensation]))[:, 0]
    assert found[0] == pytest.approx(2_000.0, abs=1e-9)
    assert (found[1] / found[0] - 1) * 100 == pytest.approx(pct_per_kelvin, abs=5e-4)
    flight_seconds = 2 * 2.0 / (331.3 + 0.606 * 40.0)
    if compensation == 0.0:
        assert found[2] == pytest.approx(flight_seconds * (331.3 + 0.606 * 20.0) / 2 * 1_000)
    if compensation == 1.0:
        assert (found == 2_000.0).all()


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
