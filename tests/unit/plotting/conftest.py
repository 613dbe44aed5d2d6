"""Frames made by hand, so that every number in a table is known beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthlab.columns import BY_NAME, COLUMNS

START_AT = np.datetime64("2026-02-06T00:00:00", "ms")  # a Friday
STEP_SECONDS = 300
ROWS_PER_DAY = 288

MakeRows = Callable[..., pd.DataFrame]


def rows_of_device(device_id: str, count: int, *, start_at: Any = START_AT, **values: Any) -> pd.DataFrame:
    """One device's rows: all columns of the contract, zero or null where not given."""
    times = np.datetime64(start_at, "ms") + np.arange(count) * np.timedelta64(STEP_SECONDS * 1_000, "ms")
    filled: dict[str, Any] = {}
    for column in COLUMNS:
        if column.name in values:
            filled[column.name] = values[column.name]
        elif column.is_nullable:
            filled[column.name] = pd.Categorical([None] * count) if column.kind == "category" else np.nan
        else:
            filled[column.name] = "" if column.kind == "category" else 0
    filled["device_id"] = device_id
    filled["seq"] = np.arange(count) + 1
    filled["received_at"] = pd.DatetimeIndex(times).tz_localize("UTC")
    frame = pd.DataFrame(filled, index=range(count))
    return frame.astype({name: column.dtype for name, column in BY_NAME.items()})


def join(*parts: pd.DataFrame) -> pd.DataFrame:
    """Several devices' rows as one frame, in the contract's order."""
    frame = pd.concat(parts, ignore_index=True).astype({"device_id": "category", "activity": "category"})
    return frame.sort_values(["received_at", "device_id"], kind="stable").reset_index(drop=True)


def tank(device_id: str = "TANK1", *, days: int = 3, level: Any = 50.0, **values: Any) -> pd.DataFrame:
    """A tank; by default it is half full and nothing flows."""
    count = days * ROWS_PER_DAY
    levels = np.broadcast_to(np.asarray(level, dtype=float), count)
    given = {"level_pct": levels, "measured_level_pct": levels + 0.1, "volume_liters": levels * 10}
    return rows_of_device(device_id, count, **(given | values))


# Base, a drive east, the source, a drive north, a client, and back: 12 rows of 5 minutes.
TRIP = ("BASE", "TRAVEL", "REFILL", "REFILL", "TRAVEL", "TRAVEL", "CLIENT", "CLIENT", "TRAVEL", "TRAVEL")
TRIP_EAST_KM = np.array([0, 0.5, 1, 1, 1, 1, 1, 1, 0.7, 0.3])
TRIP_NORTH_KM = np.array([0, 0, 0, 0, 0.7, 1.4, 2, 2, 1.4, 0.6])
TRIP_LEVEL = np.array([0, 0, 50, 100, 100, 100, 50, 0, 0, 0.0])
KM_PER_DEGREE = 111.195


def truck(device_id: str = "TRUCK1", *, trips: int = 20, latitude: float = 0.0) -> pd.DataFrame:
    """A truck at the equator that makes the same trip again and again."""
    count = trips * len(TRIP)
    return rows_of_device(
        device_id,
        count,
        latitude=np.tile(latitude + TRIP_NORTH_KM / KM_PER_DEGREE, trips),
        longitude=np.tile(13 + TRIP_EAST_KM / KM_PER_DEGREE, trips),
        speed_kmh=np.tile(np.where(np.array(TRIP) == "TRAVEL", 30.0, 0.0), trips),
        course_degrees=np.zeros(count),
        level_pct=np.tile(TRIP_LEVEL, trips),
        measured_level_pct=np.tile(TRIP_LEVEL, trips),
        volume_liters=np.tile(TRIP_LEVEL, trips) * 100,
        loaded_liters=np.tile(np.where(np.array(TRIP) == "REFILL", 5_000.0, 0.0), trips),
        delivered_liters=np.tile(np.where(np.array(TRIP) == "CLIENT", 4_900.0, 0.0), trips),
        lost_liters=np.tile(np.where(np.array(TRIP) == "TRAVEL", 40.0, 0.0), trips),
        activity=pd.Categorical(TRIP * trips),
    )


@pytest.fixture(scope="session")
def make_rows() -> MakeRows:
    return rows_of_device


@pytest.fixture(scope="session")
def make_tank() -> MakeRows:
    return tank


@pytest.fixture(scope="session")
def make_truck() -> MakeRows:
    return truck


@pytest.fixture(scope="session")
def join_rows() -> MakeRows:
    return join


@pytest.fixture(scope="module")
def two_tanks() -> pd.DataFrame:
    """One tank that is always half full, one that is empty a quarter of the time."""
    count = 3 * ROWS_PER_DAY
    low = np.where(np.arange(count) % 4 == 0, 0.0, 80.0)
    flows = {"requested_liters": 5.0, "served_liters": 4.0, "expected_demand_liters": 5.0}
    return join(tank("TANK1", **flows), tank("TANK2", level=low, **flows))


@pytest.fixture(scope="module")
def two_trucks() -> pd.DataFrame:
    return join(truck("TRUCK1"), truck("TRUCK2", latitude=0.3))
