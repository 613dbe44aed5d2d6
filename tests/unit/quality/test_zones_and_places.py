"""The integrated view of a frame: zones by pipe and by truck, and where trucks stop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import synthlab
from synthlab.errors import UsageError
from synthlab.quality.metrics import metrics_from_frame
from synthlab.quality.motion import great_circle_meters
from synthlab.quality.places import PLACE_COLUMNS, known_labels, places_from_frame, without_chance
from synthlab.scenario.resolve import resolve
from tests.fleets import POINTS, run, truck
from tests.measured import TRUCK, flat_hours, tank_frame, tanks, truck_frame
from tests.unit.quality.test_stops import ROUND

DAY = [50.0] * 6 + [40.0] * 6 + [4.0] * 6 + [60.0] * 6


def two_zones() -> tuple[pd.DataFrame, dict[str, dict[str, object]]]:
    parts = [tank_frame(flat_hours(DAY)), tank_frame(flat_hours([50.0] * 24), "TANK-2"), truck_frame(ROUND)]
    frame = pd.concat(parts).sort_values(["received_at", "device_id"], ignore_index=True)
    known = tanks(TANK_1={"zone_id": "SOUTH"}, TANK_2={"zone_id": "NORTH"})
    return frame, known | {"TRUCK-1": TRUCK | {"zone_id": "SOUTH"}}


def test_zones_sum_their_devices() -> None:
    frame, known = two_zones()
    zones = metrics_from_frame(frame, reservoirs=known, window="24h", by="zone")
    devices = metrics_from_frame(frame, reservoirs=known, window="24h")
    assert zones.index.tolist() == ["NORTH", "SOUTH"]
    assert zones["tanks_count"].tolist() == [1, 1]
    assert zones["trucks_count"].tolist() == [0, 1]
    south = zones.loc["SOUTH"]
    assert south["pipeflow_liters"] == devices.loc["TANK-1", "pipeflow_liters"] > 0
    assert south["truckflow_liters"] == devices.loc["TRUCK-1", "delivered_liters"] > 0
    total = south["pipeflow_liters"] + south["truckflow_liters"]
    assert south["resilience_ratio"] == pytest.approx(south["pipeflow_liters"] / total)
    assert south["resilience_ratio"] == devices.loc["TANK-1", "resilience_ratio"]
    assert zones.loc["NORTH", "null_reasons"] == {"resilience_ratio": "NO_FLOW"}
    assert set(zones.loc["SOUTH", "null_reasons_truth"].values()) == {"NO_TRUTH"}
    assert zones["pipeflow_liters_truth"].isna().all()


def test_a_frame_without_zones_has_none() -> None:
    frame, _ = two_zones()
    assert len(metrics_from_frame(frame, window="24h", by="zone")) == 0
    with pytest.raises(UsageError) as caught:
        metrics_from_frame(frame, by="city")
    assert caught.value.code == "BAD_ARGUMENT"


def test_demo_city_shows_the_integrated_view() -> None:
    city = synthlab.load_scenario("demo_city_v1")
    reservoirs = {device.device_id: device.reservoir for device in resolve(city)}
    frame = synthlab.backfill(city, start_at="2026-02-05T10:00:00Z", end_at="2026-02-12T10:00:00Z").frame
    zones = synthlab.metrics(frame, reservoirs=reservoirs, window="7d", by="zone")
    assert zones.index.tolist() == ["ZONE_NORTH", "ZONE_SOUTH"]
    assert (zones[["pipeflow_liters", "truckflow_liters"]] > 0).all().all()
    assert zones["resilience_ratio"].between(0, 1, inclusive="neither").all()
    delivered = frame.groupby(frame["device_id"].map(lambda name: reservoirs[name].zone_id))[
        "delivered_liters"
    ]
    assert zones["truckflow_liters"].tolist() == pytest.approx(delivered.sum().tolist(), rel=0.03)
    places = places_from_frame(frame, reservoirs=reservoirs)
    assert {"BASE", "REFILL_DEPOT", "CLIENT_CLUSTER"} <= set(places["kind"])
    assert set(places["zone_id"]) == {"ZONE_NORTH", "ZONE_SOUTH"}


def test_places_are_where_the_route_has_them() -> None:
    frame = run([truck("TRUCK-1")], days=10).frame
    places = places_from_frame(frame)
    kinds = {"BASE": "BASE", "REFILL": "REFILL_DEPOT", "CLIENT": "CLIENT_CLUSTER"}
    assert len(places) == len(POINTS)
    for _, kind, latitude, longitude in POINTS:
        here = np.full(len(places), latitude), np.full(len(places), longitude)
        meters = great_circle_meters(*here, places["latitude"].to_numpy(), places["longitude"].to_numpy())
        assert meters.min() < 30
        assert places.loc[meters.argmin(), "kind"] == kinds[kind]
    assert places["delivered_liters"].sum() == pytest.approx(frame["delivered_liters"].sum(), rel=0.02)
    assert places["stop_count"].is_monotonic_decreasing
    assert places["zone_id"].isna().all()


def test_a_frame_without_trucks_has_no_places() -> None:
    places = places_from_frame(tank_frame(flat_hours(DAY)))
    assert len(places) == 0
    assert tuple(places.columns) == PLACE_COLUMNS


def test_small_clusters_of_no_kind_are_chance_and_others_are_not() -> None:
    # Truck 0: 4 pauses at a bend of its 100 stops. Truck 1: 4 at another of 200. A depot with 2.
    labels = np.repeat([0, -1, 1, -1, 2], [4, 96, 4, 194, 2])
    truck = np.repeat([0, 0, 1, 1, 1], [4, 96, 4, 194, 2])
    kind = np.repeat(["DOWNTIME", "REFILL"], [298, 2])
    started = np.arange(300) * 3_600_000
    kept = without_chance(labels, truck, kind, started, started + 1_800_000)
    assert known_labels(kept) == [0, 2]
    assert (kept[labels != 1] == labels[labels != 1]).all()
    # Names of any type tell trucks apart.
    named = np.array([f"truck {number}" for number in truck], dtype=object)
    assert without_chance(labels, named, kind, started, started + 1_800_000).tolist() == kept.tolist()
