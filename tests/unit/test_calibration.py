"""Reservoirs, their calibration by the contract's rule, and the frame form."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.calibration import (
    FIELDS,
    Reservoir,
    level_pct_from_distance_mm,
    reservoirs_from_frame,
    reservoirs_to_frame,
    shape_curve,
    usable_calibration,
)
from synthlab.errors import UsageError

TANK = Reservoir(
    device_id="T1", capacity_liters=1000.0, sensor_empty_distance_mm=2000.0, sensor_full_distance_mm=200.0
)


@pytest.mark.parametrize(
    ("empty", "full", "height", "expected"),
    [
        (2000, 200, None, (2000.0, 200.0)),
        (2000, 0, None, (2000.0, 0.0)),
        (2000, 200, 1500, (2000.0, 200.0)),
        (None, None, 1500, (1500.0, 0.0)),
        (None, None, None, None),
        (None, None, 0, None),
        (None, None, -5, None),
        (2000, None, 1500, None),
        (None, 200, 1500, None),
        (200, 200, 1500, None),
        (200, 2000, None, None),
        (2000, -1, None, None),
        (0, 0, 1500, None),
    ],
)
def test_both_or_neither_then_the_height(
    empty: float | None, full: float | None, height: float | None, expected: tuple[float, float] | None
) -> None:
    assert (
        usable_calibration(sensor_empty_distance_mm=empty, sensor_full_distance_mm=full, height_mm=height)
        == expected
    )


@given(
    full=st.integers(0, 3_000), span=st.integers(1, 5_000), fraction=st.floats(0, 1, allow_subnormal=False)
)
def test_distance_to_level_is_linear_between_full_and_empty(full: int, span: int, fraction: float) -> None:
    empty = full + span
    level = level_pct_from_distance_mm(empty - fraction * span, empty_mm=empty, full_mm=full)
    # Distances of some meters in float64, seen over a span of a millimeter at least.
    assert level == pytest.approx(fraction * 100, abs=1e-7)


def test_levels_are_clamped_and_nulls_stay() -> None:
    level = level_pct_from_distance_mm([5000, 2000, 1100, 200, 1, np.nan], empty_mm=2000, full_mm=200)
    assert level[:5].tolist() == [0.0, 0.0, 50.0, 100.0, 100.0]
    assert np.isnan(level[5])


def test_reservoirs_survive_the_frame() -> None:
    other = Reservoir(
        device_id="T2",
        capacity_liters=500.0,
        sensor_empty_distance_mm=900.0,
        sensor_full_distance_mm=0.0,
        height_mm=900.0,
        shape="lying_cylinder",
        mobility="MOBILE",
        reservoir_type="TRUCK_TANK",
        is_pipe_connected=False,
        reservoir_id="5d4c8a52-0000-4000-8000-000000000000",
        zone_id="NORTH",
        origin="platform",
    )
    frame = reservoirs_to_frame([other, TANK])
    assert list(frame.index) == ["T1", "T2"]
    assert [frame.index.name, *frame.columns] == list(FIELDS)
    assert reservoirs_from_frame(frame) == {"T1": TANK, "T2": other}
    assert reservoirs_from_frame(frame.reset_index()) == {"T1": TANK, "T2": other}
    assert reservoirs_to_frame({"T1": TANK}).equals(reservoirs_to_frame([TANK]))


def test_further_columns_are_ignored_and_nulls_take_the_default() -> None:
    frame = pd.DataFrame(
        {
            "device_id": ["A", "B"],
            "capacity_liters": [10.0, 20.0],
            "height_mm": [1000.0, np.nan],
            "sensor_empty_distance_mm": [np.nan, 500.0],
            "sensor_full_distance_mm": [np.nan, 100.0],
            "shape": [None, "upright"],
            "color": ["red", "blue"],
        }
    )
    found = reservoirs_from_frame(frame)
    assert (found["A"].sensor_empty_distance_mm, found["A"].sensor_full_distance_mm) == (1000.0, 0.0)
    assert found["B"].height_mm is None
    assert found["A"].shape == "upright"


def test_all_unusable_entries_are_named_at_once() -> None:
    frame = reservoirs_to_frame([TANK])
    broken = pd.concat(
        [
            frame.assign(sensor_empty_distance_mm=100.0).rename(index={"T1": "UPSIDE-DOWN"}),
            frame.assign(capacity_liters=0.0).rename(index={"T1": "HOLDS-NOTHING"}),
            frame,
        ]
    )
    with pytest.raises(UsageError) as caught:
        reservoirs_from_frame(broken)
    assert [(p.code, p.path) for p in caught.value.problems] == [
        ("CALIBRATION_MISSING", "reservoirs[UPSIDE-DOWN]"),
        ("CAPACITY_INVALID", "reservoirs[HOLDS-NOTHING]"),
    ]
    assert "missing calibration" in str(caught.value)


def bottle(**changes: Any) -> Reservoir:
    known = {
        "device_id": "B",
        "capacity_liters": 5_000.0,
        "sensor_empty_distance_mm": 2_050.0,
        "sensor_full_distance_mm": 250.0,
        "shape": "table",
        "volume_table": ((0.0, 0.0), (600.0, 3_000.0), (1_200.0, 4_200.0), (1_800.0, 5_000.0)),
    }
    return Reservoir(**{**known, **changes})


@given(st.floats(0.0, 1.0))
@pytest.mark.parametrize("shape", ["table", "lying_cylinder"])
def test_a_shape_goes_both_ways(shape: str, share: float) -> None:
    curve = shape_curve(bottle(shape=shape))
    assert curve is not None
    height = curve.height_fraction(np.array([share]))
    assert curve.volume_fraction(height)[0] == pytest.approx(share, abs=1e-9)
    assert 0.0 <= height[0] <= 1.0


def test_a_table_is_linear_between_its_rows() -> None:
    curve = shape_curve(bottle())
    assert curve is not None
    liters = np.array([0.0, 1_500.0, 3_000.0, 4_600.0, 5_000.0])
    assert curve.height_fraction(liters / 5_000.0) * 1_800.0 == pytest.approx([0, 300, 600, 1_500, 1_800])
    # Another calibration or capacity on the platform stretches it.
    assert shape_curve(bottle(capacity_liters=10.0)) is not None
    assert shape_curve(bottle(shape="upright")) is None


def test_a_table_survives_frame_and_json() -> None:
    frame = reservoirs_to_frame([bottle(), bottle(device_id="C", shape="upright", volume_table=None)])
    back = reservoirs_from_frame(frame)
    assert back["B"] == bottle()
    assert back["C"].volume_table is None
    record = json.loads(json.dumps(bottle().to_dict()))
    assert reservoirs_from_frame(pd.DataFrame([record]))["B"] == bottle()
