"""Stops found in the readings against what the simulated trucks truly did."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from synthlab.quality.metrics import frame_points
from synthlab.quality.motion import great_circle_meters
from synthlab.quality.places import PLACE_RADIUS_METERS, place_labels
from synthlab.quality.stops import Stops, stop_episodes
from synthlab.quality.truth import truth_stops
from tests.fleets import POINTS, rows_of, run, truck

ARCHETYPES = ("mobile_high_efficiency", "mobile_fragmented_high_loss")
CASES = [(archetype, step) for archetype in ARCHETYPES for step in (60, 300)]
DAYS = 10


@cache
def found_and_true(archetype: str, step_seconds: int) -> tuple[Stops, Stops, pd.DataFrame]:
    frame = rows_of(run([truck("TRUCK-1", archetype, step_seconds=step_seconds)], days=DAYS).frame, "TRUCK-1")
    device = np.zeros(len(frame), np.int64)
    times = frame["received_at"].dt.as_unit("ms").astype("int64").to_numpy()
    capacity = np.array([10_000.0])
    points = frame_points(frame, device, times, capacity)
    return stop_episodes(points, capacity_liters=capacity), truth_stops(frame, device, times), frame


def overlaps(one: Stops, other: Stops) -> npt.NDArray[np.bool_]:
    """Whether each stop of one shares half of the joint time with a stop of the other."""
    begin = np.maximum(one.started_ms[:, None], other.started_ms)
    end = np.minimum(one.ended_ms[:, None], other.ended_ms)
    whole = np.maximum(one.ended_ms[:, None], other.ended_ms) - np.minimum(
        one.started_ms[:, None], other.started_ms
    )
    return ((end - begin) / whole >= 0.5).any(axis=1)


@pytest.mark.parametrize(("archetype", "step_seconds"), CASES)
def test_stops_are_found_with_precision_and_recall(archetype: str, step_seconds: int) -> None:
    found, true, _ = found_and_true(archetype, step_seconds)
    assert len(true.device) > 100
    assert overlaps(found, true).mean() >= 0.95
    assert overlaps(true, found).mean() >= 0.95


@pytest.mark.parametrize(("archetype", "step_seconds"), CASES)
def test_delivered_liters_are_within_two_percent(archetype: str, step_seconds: int) -> None:
    found, _, frame = found_and_true(archetype, step_seconds)
    delivered = -found.volume_change_liters[found.kind == "DELIVERY"].sum()
    assert delivered == pytest.approx(frame["delivered_liters"].sum(), rel=0.02)


@pytest.mark.parametrize("archetype", ARCHETYPES)
def test_the_truth_accounts_for_every_liter(archetype: str) -> None:
    _, true, frame = found_and_true(archetype, 300)
    change, kind = true.volume_change_liters, true.kind
    assert change[kind == "REFILL"].sum() == pytest.approx(frame["loaded_liters"].sum(), abs=30.0 * len(kind))
    assert -true.transit_change_liters.sum() == pytest.approx(frame["lost_liters"].sum(), abs=1e-6)


@pytest.mark.parametrize("archetype", ARCHETYPES)
def test_places_are_the_routes_points(archetype: str) -> None:
    from sklearn.metrics import adjusted_rand_score

    found, _, _ = found_and_true(archetype, 300)
    labels = place_labels(found.latitude, found.longitude, radius_meters=PLACE_RADIUS_METERS, min_stops=3)
    latitude, longitude = (np.array([point[i] for point in POINTS]) for i in (2, 3))
    meters = np.stack(
        [
            great_circle_meters(
                found.latitude,
                found.longitude,
                np.full_like(found.latitude, lat),
                np.full_like(found.latitude, lon),
            )
            for lat, lon in zip(latitude, longitude, strict=True)
        ]
    )
    at_point = np.where(meters.min(axis=0) < 100, meters.argmin(axis=0), -1)
    assert adjusted_rand_score(at_point, labels) >= 0.9
    for point in range(len(POINTS)):
        member = at_point == point
        center = (
            np.mean(found.latitude[member], keepdims=True),
            np.mean(found.longitude[member], keepdims=True),
        )
        assert great_circle_meters(*center, latitude[point : point + 1], longitude[point : point + 1])[0] < 30
