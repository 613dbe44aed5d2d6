"""Trucks: the day's plan, the water that it moves, and where the truck is meanwhile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings

from synthlab.engine.group import make_groups
from synthlab.engine.water import TruckWater, truck_water
from synthlab.model import roads, trips
from synthlab.model.trips import BASE, CLIENT, EARTH_METERS_PER_DEGREE, REFILL, DayPlans, Routes
from synthlab.randomness import stream_keys
from synthlab.scenario.resolve import DeviceParameters
from tests.fleet_strategies import trucks
from tests.fleets import DAY, END_SECOND, HOUR, POINTS, rows_of, run, truck

TODAY = END_SECOND // DAY


def water_of(devices: list[DeviceParameters], *, days: int = 3) -> TruckWater:
    (group,) = make_groups(
        devices,
        {device.device_id: device.reservoir for device in devices},
        seed=5,
        start_second=END_SECOND - days * DAY,
        end_second=END_SECOND,
        first_seq={},
        checkpoint=None,
    )
    return truck_water(group)


def plan_of(device: DeviceParameters, *, days: int = 40, seed: int = 5) -> tuple[DayPlans, Routes]:
    """Plans as the engine asks for them, with the points in the order of kinds."""
    by_kind = [[p for p in device.route.points if p.kind == kind] for kind in trips.KINDS]
    counts = [len(points) for points in by_kind]
    rows = [[device.route.transitions.get(a, {}).get(b, 0.0) for b in trips.KINDS] for a in trips.KINDS]
    routes = Routes(
        latitude=np.array([p.latitude for points in by_kind for p in points]),
        longitude=np.array([p.longitude for points in by_kind for p in points]),
        offset=np.array([[0, counts[0], counts[0] + counts[1]]]),
        count=np.array([counts]),
        cumulative=np.cumsum([rows], axis=2),
    )
    parameters = {
        name: np.array([value]) for name, value in device.values.items() if not isinstance(value, str)
    }
    plans = trips.plan_days(
        days=TODAY - days + np.arange(days),
        keys=stream_keys(seed, [device.device_id], "trips"),
        capacity_ml=np.array([device.reservoir.capacity_liters * 1000.0]),
        routes=routes,
        parameters=parameters,
    )
    return plans, routes


def day_of(device: DeviceParameters, second: np.ndarray) -> np.ndarray:
    """Day whose shift a departure belongs to."""
    return (second - int(device.values["shift_start_hour"] * HOUR)) // DAY


# A tank so small that its flows take no time lets a shift end when it should.
BRISK = {"refill_queue_minutes": 5.0, "idle_stop_minutes": 10.0}


@given(device=trucks(step_seconds=300))
@settings(max_examples=25)
def test_each_day_starts_and_ends_at_the_base(device: DeviceParameters) -> None:
    device = replace(device, values={**device.values, **BRISK})
    plans, _ = plan_of(device, days=4)
    legs = plans.legs
    day = day_of(device, legs.depart_second)
    assert len(np.unique(day)) == 4
    for one in np.unique(day):
        own = np.flatnonzero(day == one)
        assert legs.from_point[own[0]] == 0
        assert legs.to_point[own[-1]] == 0
        assert legs.to_kind[own[-1]] == BASE
        # Each trip leaves from where the one before stopped, and not before it stopped.
        assert (legs.from_point[own[1:]] == legs.to_point[own[:-1]]).all()
        assert (legs.depart_second[own[1:]] >= legs.arrive_second[own[:-1]]).all()
        shift_end = one * DAY + int((device.values["shift_start_hour"] + device.values["shift_hours"]) * HOUR)
        assert (legs.depart_second[own[:-1]] < shift_end).all()
    assert (legs.arrive_second - legs.depart_second >= 60 + legs.idle_seconds).all()


@given(device=trucks(step_seconds=300))
@example(device=truck(loss_fraction=0.5, delivery_fraction=0.5))  # loses its last water on the way
@settings(max_examples=25)
def test_an_empty_truck_visits_no_client(device: DeviceParameters) -> None:
    """Each visit hands out water, however much a truck loses on the way."""
    device = replace(device, values={**device.values, **BRISK})
    plans, _ = plan_of(device, days=4)
    capacity = device.reservoir.capacity_liters * 1000
    legs = plans.legs
    clients = np.flatnonzero(legs.to_kind == CLIENT)
    # As many deliveries as visits: none in vain. The first day's plan stands alone from an empty start.
    assert len(plans.deliveries.volume_ml) == len(clients)
    assert (plans.deliveries.volume_ml > 0).all()
    begins = np.sort(plans.deliveries.start_second)
    wait = begins - legs.arrive_second[clients]
    assert (wait == int(device.values["stop_overhead_minutes"] * 30)).all()
    assert (plans.loads.volume_ml <= capacity).all()
    assert (plans.deliveries.volume_ml <= capacity).all()


def test_transitions_are_followed() -> None:
    device = truck(delivery_fraction=0.1, shift_hours=14.0, **BRISK)
    plans, _ = plan_of(device, days=300)
    legs = plans.legs
    kind_of_point = np.array([BASE, REFILL, REFILL, CLIENT, CLIENT, CLIENT, CLIENT])
    before, after = kind_of_point[legs.from_point], legs.to_kind
    shift_end = day_of(device, legs.depart_second) * DAY + int(20 * HOUR)
    free = legs.depart_second < shift_end
    assert (after[free & (before == BASE)] == REFILL).all()
    assert (after[free & (before == REFILL)] == CLIENT).all()
    from_client = after[free & (before == CLIENT)]
    to_base = (from_client == BASE).mean()
    error = (0.1 * 0.9 / len(from_client)) ** 0.5
    assert abs(to_base - 0.1) < 4 * error
    # A truck that ran dry refills in place of the next client.
    assert 0.4 < (from_client == REFILL).mean() < 0.6
    # Never from a point to itself where there is another.
    moved = legs.from_point != legs.to_point
    assert moved[(before == after) & (before == CLIENT)].all()


def test_points_of_a_kind_are_visited_evenly() -> None:
    plans, _ = plan_of(truck(delivery_fraction=0.2, **BRISK), days=300)
    legs = plans.legs
    visits = np.bincount(legs.to_point[legs.from_point <= 2], minlength=7)
    for points in ([1, 2], [3, 4, 5, 6]):
        some = visits[points]
        expected = some.sum() / len(points)
        assert np.abs(some - expected).max() < 4.5 * expected**0.5


@pytest.mark.parametrize(
    ("archetype", "loss"), [("mobile_high_efficiency", 0.01), ("mobile_fragmented_high_loss", 0.08)]
)
def test_in_the_long_run_the_loss_is_near_the_parameter(archetype: str, loss: float) -> None:
    """A load loses half of what is due on each trip: a little less than the parameter arrives as loss."""
    plans, _ = plan_of(truck(archetype=archetype), days=1_000)
    share = plans.losses.volume_ml.sum() / plans.loads.volume_ml.sum()
    assert 0.8 * loss < share <= 1.02 * loss


def test_no_loss_no_water_lost() -> None:
    plans, _ = plan_of(truck(loss_fraction=0.0))
    assert plans.losses.volume_ml.sum() == 0


def test_water_in_equals_water_out() -> None:
    plans, _ = plan_of(truck(), days=500)
    loaded, out = (
        plans.loads.volume_ml.sum(),
        plans.deliveries.volume_ml.sum() + plans.losses.volume_ml.sum(),
    )
    # What is left at a day's end is loaded less the day after: all comes out but the last rest.
    assert abs(loaded - out) <= 10e6 * 5
    assert out / loaded > 0.99


def test_the_long_run_of_rows_agrees_with_the_plan() -> None:
    """What the tank clips is little: plan and storage tell one story."""
    frame = run([truck(), truck("T-2", "mobile_fragmented_high_loss")], days=60).frame
    for device in ("TRUCK-1", "T-2"):
        rows = rows_of(frame, device)
        change = rows["volume_liters"].iloc[-1]
        gone = rows["delivered_liters"].sum() + rows["lost_liters"].sum()
        assert rows["loaded_liters"].sum() == pytest.approx(gone + change, abs=1e-3)
    lost = rows_of(frame, "T-2")["lost_liters"].sum() / rows_of(frame, "T-2")["loaded_liters"].sum()
    assert 0.06 < lost < 0.085


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Minutes of a truck that idles often, without the receiver's noise."""
    device = truck(
        step_seconds=60, gps_sigma_m=0.0, idle_stop_prob=0.5, archetype="mobile_fragmented_high_loss"
    )
    return run([device], days=4).frame


class TestPosition:
    """Minute by minute, without the receiver's noise."""

    @staticmethod
    def meters(rows: pd.DataFrame) -> np.ndarray:
        """Way between one row and the next."""
        shrink = np.cos(np.deg2rad(rows["latitude"].to_numpy()[:-1]))
        north = np.diff(rows["latitude"]) * EARTH_METERS_PER_DEGREE
        east = np.diff(rows["longitude"]) * EARTH_METERS_PER_DEGREE * shrink
        return np.hypot(north, east)

    def test_it_is_continuous(self, rows: pd.DataFrame) -> None:
        """No jump: in a minute no farther than the fastest piece takes it."""
        assert self.meters(rows).max() < 1_600  # 96 km/h: 2.5 x pace and 1.4 x speed of 20 km/h

    def test_who_stands_stands(self, rows: pd.DataFrame) -> None:
        stands = rows["activity"].astype(str).isin(["BASE", "REFILL", "CLIENT", "IDLE"]).to_numpy()
        both = (
            stands[:-1] & stands[1:] & (rows["activity"].to_numpy()[:-1] == rows["activity"].to_numpy()[1:])
        )
        # Two stops in a row within a minute may be two places; a trip takes at least one.
        assert (self.meters(rows)[both] < 0.2).mean() > 0.999
        assert (rows.loc[stands, "speed_kmh"] < 2).all()
        assert (rows["activity"] == "IDLE").sum() > 100

    def test_speed_is_distance_by_time(self, rows: pd.DataFrame) -> None:
        travels = (rows["activity"] == "TRAVEL").to_numpy()
        constant = travels[:-1] & travels[1:] & (np.diff(rows["speed_kmh"]) == 0)
        constant &= np.diff(rows["course_degrees"]) == 0
        assert constant.sum() > 100
        found = self.meters(rows)[constant] * 60 / 1000
        assert np.allclose(found, rows["speed_kmh"].to_numpy()[:-1][constant], atol=0.1, rtol=0.002)

    def test_course_points_where_it_goes(self, rows: pd.DataFrame) -> None:
        travels = (rows["activity"] == "TRAVEL").to_numpy()
        course, speed = rows["course_degrees"].to_numpy(), rows["speed_kmh"].to_numpy()
        constant = travels[:-1] & travels[1:] & (np.diff(course) == 0) & (speed[1:] > 5)
        north = np.diff(rows["latitude"])[constant]
        east = np.diff(rows["longitude"])[constant] * np.cos(np.deg2rad(-17.8))
        off = (np.rad2deg(np.arctan2(east, north)) - course[:-1][constant] + 180) % 360 - 180
        assert np.abs(off).max() < 1.0
        assert ((course >= 0) & (course < 360)).all()

    def test_stops_are_at_the_routes_points(self, rows: pd.DataFrame) -> None:
        places = {(round(lat, 6), round(lon, 6)): kind for _, kind, lat, lon in POINTS}
        for kind in ("BASE", "REFILL", "CLIENT"):
            seen = rows[rows["activity"] == kind][["latitude", "longitude"]].drop_duplicates()
            assert {places[(lat, lon)] for lat, lon in seen.to_numpy().tolist()} == {kind}

    def test_the_road_is_as_long_as_the_detour_says(self) -> None:
        device = truck(step_seconds=60, gps_sigma_m=0.0, detour_factor=1.4, idle_stop_prob=0.0)
        water = water_of([device], days=20)
        path = water.path
        north = path.latitude_change * EARTH_METERS_PER_DEGREE
        east = path.longitude_change * EARTH_METERS_PER_DEGREE * np.cos(np.deg2rad(path.latitude))
        driven = np.hypot(north, east).sum()
        plans, routes = plan_of(device, days=22)
        straight = trips.road_meters(routes, plans.legs.from_point, plans.legs.to_point).sum()
        per_day = driven / len(np.unique(path.start_second[1:] // DAY))
        assert per_day / (straight / 22) == pytest.approx(1.4, rel=0.12)

    def test_speeds_are_road_like(self) -> None:
        frame = run([truck(f"T-{i}", step_seconds=60) for i in range(4)], days=10).frame
        speed = frame.loc[frame["activity"] == "TRAVEL", "speed_kmh"]
        assert 20 < speed.mean() < 32
        assert speed.quantile(0.999) < 90

    def test_a_receivers_noise_is_as_asked(self) -> None:
        noisy = run([truck(gps_sigma_m=20.0)], days=10).frame
        exact = run([truck(gps_sigma_m=0.0)], days=10).frame
        off = (noisy["latitude"] - exact["latitude"]) * EARTH_METERS_PER_DEGREE
        across = (noisy["longitude"] - exact["longitude"]) * EARTH_METERS_PER_DEGREE
        across *= np.cos(np.deg2rad(exact["latitude"]))
        for meters in (off, across):
            assert meters.std() == pytest.approx(20.0, rel=4 / (2 * len(meters)) ** 0.5)
            assert abs(meters.mean()) < 4 * 20 / len(meters) ** 0.5
        assert abs(np.corrcoef(off, across)[0, 1]) < 4 / len(off) ** 0.5


def test_the_same_road_is_taken_back() -> None:
    """Way points between two places lie on one road, in either direction."""
    points = [("B", "BASE", -17.7, -63.1), ("R", "REFILL", -17.72, -63.15), ("C", "CLIENT", -17.75, -63.2)]
    device = truck(points=points, detour_factor=1.5, idle_stop_prob=0.0, **BRISK)
    water = water_of([device], days=5)
    path = water.path
    nodes = {(round(lat, 9), round(lon, 9)) for lat, lon in zip(path.latitude, path.longitude, strict=True)}
    plans, routes = plan_of(device, days=7)
    pairs = {tuple(sorted(pair)) for pair in zip(plans.legs.from_point, plans.legs.to_point, strict=True)}
    pieces = sum(
        int(np.ceil(trips.road_meters(routes, np.array([a]), np.array([b]))[0] * 1.5 / roads.PIECE_METERS))
        for a, b in pairs
    )
    # Each of the roads has its nodes once, and both ends are shared.
    assert len(nodes) <= pieces + 3
    assert len(pairs) >= 2


@pytest.mark.parametrize("idle_stop_prob", [0.0, 1.0])
def test_a_day_ends_before_the_next_begins_at_the_longest_waits(idle_stop_prob):
    device = truck(
        shift_hours=14.0, refill_queue_minutes=240.0, idle_stop_prob=idle_stop_prob, idle_stop_minutes=180.0
    )
    legs = plan_of(device, days=300)[0].legs
    assert (legs.depart_second[1:] >= legs.arrive_second[:-1]).all()
    assert (legs.to_point[:-1] == legs.from_point[1:]).all()
