"""A route across the 180th meridian is a route like any other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import synthlab
from synthlab.quality.motion import Points
from synthlab.quality.places import place_summary
from synthlab.quality.stops import stop_episodes

END_AT = "2026-02-12T10:00:00Z"


def _moved(middle: float) -> synthlab.Scenario:
    """Put the two trucks' routes around another meridian."""
    content = synthlab.load_scenario("mobile_only_v1").to_dict()
    points = [point for route in content["routes"] for point in route["points"]]
    center = sum(point["longitude"] for point in points) / len(points)
    for point in points:
        moved = middle + point["longitude"] - center
        point["longitude"] = moved - 360 if moved > 180 else moved
    return synthlab.Scenario.from_dict(content).with_changes(days=7)


@pytest.fixture(scope="module")
def frames() -> dict[float, pd.DataFrame]:
    return {at: synthlab.backfill(_moved(at), end_at=END_AT).frame for at in (100.0, 180.0)}


def test_positions_lie_on_both_sides_and_no_check_complains(frames: dict[float, pd.DataFrame]) -> None:
    there = frames[180.0]["longitude"].dropna()
    assert there.abs().max() <= 180
    assert (there > 179).any()
    assert (there < -179).any()
    findings = synthlab.check(frames[180.0])
    assert findings.counts["location"]["FAIL"] == 0
    assert findings.passed, findings.to_frame()


def test_trucks_drive_as_far_as_elsewhere(frames: dict[float, pd.DataFrame]) -> None:
    def speed(frame: pd.DataFrame) -> float:
        return float(frame["speed_kmh"].mean())

    assert speed(frames[180.0]) == pytest.approx(speed(frames[100.0]), rel=0.05)


@pytest.mark.parametrize("longitude", [179.99999, -179.99999])
def test_a_stop_on_the_line_has_its_position_there(longitude: float) -> None:
    east = longitude + np.array([-4e-5, 3e-5, 1e-5, -2e-5, 5e-5])
    points = Points(
        device=np.zeros(5, np.int64),
        time_ms=np.arange(5) * 300_000,
        latitude=np.full(5, 10.0),
        longitude=np.where(np.abs(east) > 180, east - np.copysign(360, east), east),
        speed_kmh=np.zeros(5),
        volume_liters=np.full(5, 500.0),
    )
    (found,) = stop_episodes(points, capacity_liters=np.array([1_000.0])).longitude
    # The median of what lies around it, whichever side the most of them are on.
    expected = longitude + 1e-5
    assert found == pytest.approx(expected if abs(expected) <= 180 else expected - 360, abs=1e-9)


def test_a_place_on_the_line_has_its_center_there() -> None:
    stops = pd.DataFrame(
        {"latitude": [10.0, 10.0], "longitude": [179.9999, -179.9999], "kind": ["CLIENT"] * 2}
    )
    began = pd.Series([0, 10]).to_numpy()
    found = place_summary(
        stops["latitude"].to_numpy(),
        stops["longitude"].to_numpy(),
        stops["kind"].to_numpy(dtype=object),
        began,
        began + 5,
    )
    assert abs(found["longitude"]) == pytest.approx(180.0)
    assert found["radius_meters"] == pytest.approx(11.0, abs=0.2)
