"""Trucks drive in the north as they do at the equator."""

from __future__ import annotations

import math

import pandas as pd
import pytest

import synthlab
from synthlab.quality.motion import great_circle_meters

END_AT = "2026-02-12T10:00:00Z"


def _driven_at(latitude: float) -> pd.DataFrame:
    """Return the rows of trucks whose routes have the same kilometers around another latitude."""
    content = synthlab.load_scenario("mobile_only_v1").to_dict()
    points = [point for route in content["routes"] for point in route["points"]]
    center = sum(point["latitude"] for point in points) / len(points)
    middle = sum(point["longitude"] for point in points) / len(points)
    wider = math.cos(math.radians(center)) / math.cos(math.radians(latitude))
    for point in points:
        point["latitude"] += latitude - center
        point["longitude"] = middle + (point["longitude"] - middle) * wider
    scenario = synthlab.Scenario.from_dict(content).with_changes(days=7)
    frame = synthlab.backfill(scenario, end_at=END_AT).frame
    return frame.dropna(subset=["latitude", "speed_kmh"])


@pytest.fixture(scope="module")
def at_the_equator() -> pd.DataFrame:
    return _driven_at(0.0)


@pytest.mark.parametrize("latitude", [-17.8, 60.0, 80.0])
def test_trucks_drive_as_fast_and_as_far_as_at_the_equator(
    latitude: float, at_the_equator: pd.DataFrame
) -> None:
    there = _driven_at(latitude)
    for share in (0.5, 0.9, 0.99):
        asked, found = at_the_equator["speed_kmh"].quantile(share), there["speed_kmh"].quantile(share)
        assert found == pytest.approx(asked, rel=0.1, abs=1.0)
    # Each road has bends of its own, drawn by where it lies.
    assert _kilometers(there) == pytest.approx(_kilometers(at_the_equator), rel=0.06)


def _kilometers(frame: pd.DataFrame) -> float:
    total = 0.0
    for _, rows in frame.groupby("device_id", observed=True):
        latitude, longitude = rows["latitude"].to_numpy(), rows["longitude"].to_numpy()
        steps = great_circle_meters(latitude[:-1], longitude[:-1], latitude[1:], longitude[1:])
        total += float(steps[steps < 20_000].sum()) / 1000
    return total
