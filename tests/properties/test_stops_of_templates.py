"""Stops, deliveries and places of the mobile template against what its trucks truly did."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

import synthlab
from synthlab.quality.metrics import frame_points
from synthlab.quality.motion import great_circle_meters
from synthlab.quality.places import MIN_STOPS, PLACE_RADIUS_METERS, place_labels, without_chance
from synthlab.quality.stops import Stops, stop_episodes
from synthlab.quality.truth import truth_stops
from synthlab.scenario.resolve import RoutePoint, resolve

SEEDS = (42, 7, 2024)
TRUCKS = ("E2E2024MOBE1", "E2E2024MOBF1")
CASES = [(truck, step, seed) for truck in TRUCKS for step in (60, 300) for seed in SEEDS]
# It pauses on the road every third trip: where pauses meet by chance, they look like a place.
MORE_OF_THE_SCATTERED = [("E2E2024MOBF1", 300, seed) for seed in range(6)]
CAPACITY_LITERS = 10_000.0
END_AT = "2026-02-12T10:00:00Z"


@cache
def rows(device_id: str, step_seconds: int, seed: int) -> pd.DataFrame:
    template = synthlab.load_scenario("mobile_only_v1")
    history = template.bootstrap.model_copy(update={"days": 12, "step_minutes": step_seconds // 60})
    scenario = template.model_copy(update={"seed": seed, "bootstrap": history})
    frame = synthlab.backfill(scenario, end_at=END_AT, devices=[device_id]).frame
    assert frame["received_at"].diff().dropna().unique().tolist() == [pd.Timedelta(seconds=step_seconds)]
    return frame


@cache
def found_and_true(device_id: str, step_seconds: int, seed: int) -> tuple[Stops, Stops]:
    frame = rows(device_id, step_seconds, seed)
    device = np.zeros(len(frame), np.int64)
    times = frame["received_at"].dt.as_unit("ms").astype("int64").to_numpy()
    capacity = np.array([CAPACITY_LITERS])
    points = frame_points(frame, device, times, capacity)
    return stop_episodes(points, capacity_liters=capacity), truth_stops(frame, device, times)


def matched_share(stops: Stops, others: Stops) -> float:
    """Share of stops that share half of the joint time with one of the others; a plain loop."""
    spans = list(zip(others.started_ms.tolist(), others.ended_ms.tolist(), strict=True))
    matched = 0
    for begin, end in zip(stops.started_ms.tolist(), stops.ended_ms.tolist(), strict=True):
        for other_begin, other_end in spans:
            shared = min(end, other_end) - max(begin, other_begin)
            joint = max(end, other_end) - min(begin, other_begin)
            if shared >= 0.5 * joint:
                matched += 1
                break
    return matched / len(stops.device)


@pytest.mark.parametrize(("truck", "step_seconds", "seed"), CASES)
def test_precision_and_recall_of_stops(truck: str, step_seconds: int, seed: int) -> None:
    found, true = found_and_true(truck, step_seconds, seed)
    assert len(true.device) > 100
    assert matched_share(found, true) >= 0.95
    assert matched_share(true, found) >= 0.95


@pytest.mark.parametrize(("truck", "step_seconds", "seed"), CASES)
def test_delivered_liters(truck: str, step_seconds: int, seed: int) -> None:
    found, _ = found_and_true(truck, step_seconds, seed)
    delivered = -found.volume_change_liters[found.kind == "DELIVERY"].sum()
    assert delivered == pytest.approx(rows(truck, step_seconds, seed)["delivered_liters"].sum(), rel=0.02)


@pytest.mark.parametrize(("truck", "step_seconds", "seed"), CASES)
def test_mass_balance_closes(truck: str, step_seconds: int, seed: int) -> None:
    frame = rows(truck, step_seconds, seed)
    flows = frame[["loaded_liters", "delivered_liters", "lost_liters"]]
    assert (flows.sum() > 0).all()
    # The template's trucks begin empty.
    content = np.concatenate([[0.0], frame["volume_liters"].to_numpy()])
    change = flows["loaded_liters"] - flows["delivered_liters"] - flows["lost_liters"]
    assert np.abs(np.diff(content) - change.to_numpy()).max() <= 1e-6
    # Over the whole run: added up exactly, in whole milliliters.
    loaded, delivered, lost = ((flows[name] * 1_000).round().astype("int64").sum() for name in flows)
    assert (loaded - delivered - lost) / 1_000 == pytest.approx(content[-1], abs=1e-6)
    assert (frame["inflow_liters"] + frame["served_liters"] + frame["overflow_liters"] == 0).all()


@pytest.mark.parametrize(("truck", "step_seconds", "seed"), [*CASES, *MORE_OF_THE_SCATTERED])
def test_places_are_the_points_of_the_route(truck: str, step_seconds: int, seed: int) -> None:
    from sklearn.metrics import adjusted_rand_score

    found, _ = found_and_true(truck, step_seconds, seed)
    route = route_points(truck)
    labels = place_labels(
        found.latitude, found.longitude, radius_meters=PLACE_RADIUS_METERS, min_stops=MIN_STOPS
    )
    labels = without_chance(labels, found.device, found.kind, found.started_ms, found.ended_ms)
    meters = np.stack([meters_from(point, found.latitude, found.longitude) for point in route])
    # A stop far from every point of the route is a pause on the road: in no place.
    at_point = np.where(meters.min(axis=0) < 100, meters.argmin(axis=0), -1)
    assert set(range(len(route))) <= set(at_point.tolist())
    assert adjusted_rand_score(at_point, labels) >= 0.9
    for number, point in enumerate(route):
        label = np.bincount(labels[(at_point == number) & (labels >= 0)]).argmax()
        center = [np.array([values[labels == label].mean()]) for values in (found.latitude, found.longitude)]
        assert meters_from(point, *center)[0] <= 30


def route_points(device_id: str) -> tuple[RoutePoint, ...]:
    parameters = {device.device_id: device for device in resolve(synthlab.load_scenario("mobile_only_v1"))}
    route = parameters[device_id].route
    assert route is not None
    return route.points


def meters_from(point: RoutePoint, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    here = np.full_like(latitude, point.latitude), np.full_like(longitude, point.longitude)
    return great_circle_meters(*here, latitude, longitude)
