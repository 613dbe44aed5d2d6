"""Households for tests of fitting and realism: synthetic ones, and measured ones where they are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import synthlab

MEASUREMENTS = "SYNTHLAB_MEASUREMENTS"
"""Names the folder of measured series, which are no part of the repository."""
FILE = "household_hourly_demand.csv.gz"
START_AT = "2026-01-05T00:00:00Z"  # a Monday

# fmt: off
WEIGHTS = (
    .838, .445, .229, .159, .134, .120, .241, 1.264, 1.812, 1.299, 1.179, 1.295,
    1.170, 1.088, 1.063, 1.162, 1.046, .991, 1.064, 1.282, 1.631, 1.802, 1.498, 1.189,
)
WEEKEND_WEIGHTS = (
    .721, .473, .304, .191, .149, .120, .138, .246, .578, 1.191, 1.713, 1.996,
    2.116, 1.829, 1.366, 1.292, 1.031, 1.016, 1.084, 1.247, 1.425, 1.530, 1.258, .984,
)
# fmt: on
"""Mean profiles of the measured households' study. Source: domain facts, Household demand."""


def homes(
    targets: Sequence[float],
    *,
    days: int = 30,
    step_minutes: int = 60,
    seed: int = 1,
    start_at: str = START_AT,
    weekend: bool = False,
    archetype: str = "stationary_archetype_a",
    capacity_liters: float = 5_000.0,
    overrides: Mapping[str, float | str] | None = None,
    dynamics: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Telemetry of whole days of households with these daily volumes."""
    weekends = {"weekend_hourly_weights": list(WEEKEND_WEIGHTS)} if weekend else {}
    devices = [
        {
            "device_id": f"H{number:03d}",
            "archetype": archetype,
            "mode": "STATIONARY",
            "cadence_seconds": step_minutes * 60,
            "dynamics": {
                "demand": {"target_daily_liters": float(target), "hourly_weights": list(WEIGHTS), **weekends},
                **(dynamics or {}),
            },
            "parameter_overrides": dict(overrides or {}),
            # The sensor sits above the tank by more than its blind zone.
            "reservoir": {
                "capacity_liters": capacity_liters,
                "height_mm": 1_800.0,
                "sensor_empty_distance_mm": 2_300.0,
                "sensor_full_distance_mm": 500.0,
            },
        }
        for number, target in enumerate(targets)
    ]
    scenario = synthlab.Scenario.from_dict(
        {
            "scenario_id": "homes",
            "seed": seed,
            "bootstrap": {"days": days, "step_minutes": step_minutes},
            "devices": devices,
        }
    )
    end_at = pd.Timestamp(start_at) + pd.Timedelta(days=days) - pd.Timedelta(minutes=step_minutes)
    return synthlab.backfill(scenario, start_at=start_at, end_at=end_at.to_pydatetime()).frame


def hourly(frame: pd.DataFrame, device_id: str | None = None) -> pd.DataFrame:
    """Meter readings of a telemetry frame: ``household``, ``hour``, ``liters``."""
    hour = frame["received_at"].dt.floor("h")
    keys = [frame["device_id"].astype(str).rename("household"), hour.rename("hour")]
    table = frame["requested_liters"].groupby(keys).sum().rename("liters").reset_index()
    return table if device_id is None else table[table["household"] == device_id]


def measured() -> pd.DataFrame:
    """Hourly meter readings of real households; the test is skipped where there are none."""
    folder = os.environ.get(MEASUREMENTS)
    if not folder or not (Path(folder) / FILE).is_file():
        pytest.skip(f"{MEASUREMENTS} names no folder with {FILE}")
    return pd.read_csv(Path(folder) / FILE, parse_dates=["hour_local"])
