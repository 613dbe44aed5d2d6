"""Small frames of measurements, written by hand or drawn, for tests of the metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

START = pd.Timestamp("2026-02-02T00:00:00Z")
"""A Monday."""


def tank_frame(levels: Mapping[int, Sequence[float | None]], device_id: str = "TANK-1") -> pd.DataFrame:
    """Rows of one tank: hour since `START` -> levels, spread evenly over the hour. [%]"""
    rows = [
        (device_id, START + pd.Timedelta(hours=hour) + i * pd.Timedelta(hours=1) / len(values), level)
        for hour, values in levels.items()
        for i, level in enumerate(values)
    ]
    return frame_of(rows)


def flat_hours(levels: Iterable[float | None], per_hour: int = 4) -> dict[int, list[float | None]]:
    """Hours of one level each; None = not observed."""
    return {hour: [level] * per_hour for hour, level in enumerate(levels) if level is not None}


def truck_frame(
    points: Sequence[tuple[float, float, float | None, float | None]],
    *,
    cadence_seconds: int = 300,
    device_id: str = "TRUCK-1",
    start: pd.Timestamp = START,
) -> pd.DataFrame:
    """Rows of one truck: kilometers north and east of a base, speed, level. [km, km, km/h, %]"""
    rows = [
        (
            device_id,
            start + pd.Timedelta(seconds=i * cadence_seconds),
            level,
            -17.78 + north / 111.195,
            -63.18 + east / (111.195 * np.cos(np.deg2rad(17.78))),
            speed,
        )
        for i, (north, east, speed, level) in enumerate(points)
    ]
    return frame_of(rows)


def frame_of(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """Make the measured part of a telemetry frame."""
    names = ["device_id", "received_at", "measured_level_pct", "latitude", "longitude", "speed_kmh"]
    padded = [(*row, *[None] * (len(names) - len(row))) for row in rows]
    frame = pd.DataFrame(padded, columns=names)
    frame["received_at"] = pd.to_datetime(frame["received_at"], utc=True).dt.as_unit("ms")
    for name in names[2:]:
        frame[name] = frame[name].astype("float64")
    frame["device_id"] = frame["device_id"].astype("category")
    return frame.sort_values(["received_at", "device_id"], kind="stable", ignore_index=True)


def tanks(**devices: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Reservoirs by device id; an underscore stands for a hyphen."""
    usual = {"capacity_liters": 1_000.0, "is_pipe_connected": True, "mobility": "FIXED"}
    return {name.replace("_", "-"): {**usual, **fields} for name, fields in devices.items()}


TRUCK = {"capacity_liters": 10_000.0, "is_pipe_connected": False, "mobility": "MOBILE"}
