"""The vectorized metrics equal the plain-Python oracle, which shares no code with them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.quality.metrics import metrics_from_frame
from synthlab.quality.windows import WINDOW_NAMES
from tests.fleets import mixed_fleet
from tests.measured import START, TRUCK, frame_of, tanks
from tests.oracles import metrics_oracle as oracle

KNOWN: dict[str, dict[str, Any]] = {
    **tanks(TANK_1={}, TANK_2={"capacity_liters": 5_000.0, "is_pipe_connected": False}),
    "TRUCK-1": TRUCK,
    "TRUCK-2": TRUCK | {"capacity_liters": 6_000.0},
}
# Levels in steps, so that equal ones, thresholds and pure noise all occur.
LEVELS = st.one_of(
    st.none(), st.sampled_from([0.0, 5.0, 19.99, 20.0, 50.0, 50.05, 50.2, 100.0]), st.floats(0, 100)
)


@st.composite
def tank_rows(draw: st.DrawFn, device_id: str) -> list[tuple[Any, ...]]:
    minutes = draw(st.lists(st.integers(0, 60 * 60), min_size=1, max_size=60, unique=True))
    return [(device_id, START + pd.Timedelta(minutes=minute), draw(LEVELS)) for minute in sorted(minutes)]


@st.composite
def truck_rows(draw: st.DrawFn, device_id: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    at, north, level = START, 0.0, draw(st.floats(0, 100))
    for _ in range(draw(st.integers(1, 60))):
        at += pd.Timedelta(seconds=draw(st.sampled_from([60, 300, 300, 300, 1_200, 5_000])))
        north += draw(st.sampled_from([0.0, 0.0, 0.0, 0.0001, 0.0017, 0.0019, 0.03]))
        level = min(
            max(level + draw(st.sampled_from([0, 0, 0, 0.2, -0.2, -0.4, 1.2, -1.7, -20, 30])), 0.0), 100.0
        )
        speed = draw(st.sampled_from([0.0, 0.0, 0.4, 4.9, 5.0, 30.0, None]))
        position = (-17.8 + north, -63.2) if draw(st.integers(0, 19)) else (None, None)
        rows.append((device_id, at, draw(st.sampled_from([level, level, level, None])), *position, speed))
    return rows


def expected(frame: pd.DataFrame, window: str) -> dict[str, dict[str, float | None]]:
    devices = oracle.rows_of(frame.to_dict("records"))
    end = oracle.last_hour(devices)
    tanks_known = {
        name: oracle.Tank(entry["capacity_liters"], entry["mobility"] == "MOBILE", entry["is_pipe_connected"])
        for name, entry in KNOWN.items()
    }
    return {
        name: oracle.metrics(rows, tanks_known[name], window=window, end_hour=end)
        for name, rows in devices.items()
    }


def assert_equal(frame: pd.DataFrame, window: str) -> None:
    found = metrics_from_frame(frame, reservoirs=KNOWN, window=window)
    for device_id, values in expected(frame, window).items():
        for name, value in values.items():
            got = found.loc[device_id, name]
            if value is None:
                assert math.isnan(got), (device_id, name, got)
            else:
                assert got == pytest.approx(value, rel=1e-7, abs=1e-6), (device_id, name)
        row = found.loc[device_id]
        assert row["confidence"] == oracle.confidence(row["observed_hours"], row["window_hours"])


@given(st.data(), st.sampled_from(WINDOW_NAMES))
def test_tanks_equal_the_oracle(data: st.DataObject, window: str) -> None:
    rows = data.draw(tank_rows("TANK-1")) + data.draw(tank_rows("TANK-2"))
    assert_equal(frame_of(rows), window)


@given(st.data(), st.sampled_from(WINDOW_NAMES))
def test_trucks_equal_the_oracle(data: st.DataObject, window: str) -> None:
    rows = data.draw(truck_rows("TRUCK-1")) + data.draw(truck_rows("TRUCK-2"))
    assert_equal(frame_of(rows), window)


@pytest.mark.parametrize("window", WINDOW_NAMES)
def test_a_simulated_fleet_equals_the_oracle(window: str) -> None:
    frame = mixed_fleet().frame
    known = {device.device_id: device.reservoir for device in mixed_fleet().devices}
    found = metrics_from_frame(frame, reservoirs=known, window=window)
    devices = oracle.rows_of(frame.to_dict("records"))
    end = oracle.last_hour(devices)
    for device_id, rows in devices.items():
        entry = known[device_id]
        tank = oracle.Tank(entry.capacity_liters, entry.mobility == "MOBILE", entry.is_pipe_connected)
        values = oracle.metrics(rows, tank, window=window, end_hour=end)
        got = found.loc[device_id, list(values)].to_numpy(np.float64)
        want = np.array([np.nan if value is None else value for value in values.values()])
        np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-6, err_msg=device_id)
