"""Trucks: the day's plan, the water that it moves, and where the truck is meanwhile."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings

from synthlab.model import queues, roads, trips
from synthlab.model.trips import BASE, CLIENT, EARTH_METERS_PER_DEGREE, REFILL, DayPlans, Routes
from synthlab.randomness import stream_keys
from synthlab.scenario.resolve import DeviceParameters
from tests.fleet_strategies import trucks
from tests.fleets import DAY, END_SECOND, EXACT_GPS, HOUR, POINTS, rows_of, run, truck

TODAY = END_SECOND // DAY


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
        source_key=stream_keys(
            seed, [queues.source_stream_id(p.latitude, p.longitude) for ps in by_kind for p in ps], "queue"
        ),
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


def track_of(device: DeviceParameters, *, days: int) -> tuple[DayPlans, Routes, roads.Track]:
    """Plans, and the road that they take."""
    plans, routes = plan_of(device, days=days)
    keys = stream_keys(5, [device.device_id], "roads")
    path = roads.track(
        plans.legs, routes, keys=keys, detour_factor=np.array([device.values["detour_factor"]])
    )
    return plans, routes, path


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
    plans, _ = plan_of(truck(archetype=archetype, theft_prob=0.0), days=1_000)
    share = plans.losses.volume_ml.sum() / plans.loads.volume_ml.sum()
    assert 0.8 * loss < share <= 1.02 * loss


def test_no_loss_no_water_lost() -> None:
    plans, _ = plan_of(truck(loss_fraction=0.0, theft_prob=0.0))
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
    device = truck(step_seconds=60, idle_stop_prob=0.5, archetype="mobile_fragmented_high_loss", **EXACT_GPS)
    return run([device], days=4).frame


@pytest.fixture(scope="module")
def fine_rows() -> pd.DataFrame:
    """A truck every five seconds, without the receiver's noise."""
    return run([truck(step_seconds=5, **EXACT_GPS)], days=2).frame


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
        assert self.meters(rows).max() < 1_400  # 84 km/h: 2.5 x the trip's speed, 1.7 x 20 km/h

    def test_who_stands_stands(self, rows: pd.DataFrame) -> None:
        stands = rows["activity"].astype(str).isin(["BASE", "REFILL", "CLIENT", "IDLE"]).to_numpy()
        both = (
            stands[:-1] & stands[1:] & (rows["activity"].to_numpy()[:-1] == rows["activity"].to_numpy()[1:])
        )
        # Two stops in a row within a minute may be two places; a trip takes at least one.
        assert (self.meters(rows)[both] < 0.2).mean() > 0.999
        assert (rows.loc[stands, "speed_kmh"] < 2).all()
        assert (rows["activity"] == "IDLE").sum() > 100

    def test_speed_and_course_are_those_of_the_way(self, fine_rows: pd.DataFrame) -> None:
        rows = fine_rows
        travels = (rows["activity"] == "TRAVEL").to_numpy()
        course, speed = rows["course_degrees"].to_numpy(), rows["speed_kmh"].to_numpy()
        # One piece of road in both rows; a wait between would show.
        same = travels[:-1] & travels[1:] & (np.diff(speed) == 0) & (np.diff(course) == 0) & (speed[1:] > 2)
        assert same.sum() > 1_000
        found = self.meters(rows)[same] * 3.6 / 5
        assert np.quantile(np.abs(found - speed[:-1][same]), 0.99) < 0.25
        north = np.diff(rows["latitude"])[same]
        east = np.diff(rows["longitude"])[same] * np.cos(np.deg2rad(-17.8))
        off = (np.rad2deg(np.arctan2(east, north)) - course[:-1][same] + 180) % 360 - 180
        assert np.quantile(np.abs(off), 0.99) < 2.0
        assert ((course >= 0) & (course < 360)).all()

    def test_who_stands_keeps_his_course(self, fine_rows: pd.DataFrame) -> None:
        rows = fine_rows
        stands = rows["activity"].isin(["CLIENT", "REFILL"]).to_numpy()
        course = rows["course_degrees"].to_numpy()
        assert (course[1:] == course[:-1])[stands[1:] & stands[:-1]].mean() > 0.999
        # One of the roads ends due north.
        assert (course[stands] != 0).mean() > 0.9

    def test_stops_are_at_the_routes_points(self, rows: pd.DataFrame) -> None:
        places = {(round(lat, 6), round(lon, 6)): kind for _, kind, lat, lon in POINTS}
        for kind in ("BASE", "REFILL", "CLIENT"):
            seen = rows[rows["activity"] == kind][["latitude", "longitude"]].drop_duplicates()
            assert {places[(lat, lon)] for lat, lon in seen.to_numpy().tolist()} == {kind}

    def test_the_road_is_as_long_as_the_detour_says(self) -> None:
        device = truck(step_seconds=60, detour_factor=1.4, idle_stop_prob=0.0)
        plans, routes, path = track_of(device, days=20)
        north = path.latitude_change * EARTH_METERS_PER_DEGREE
        east = path.longitude_change * EARTH_METERS_PER_DEGREE * np.cos(np.deg2rad(path.latitude))
        straight = trips.road_meters(routes, plans.legs.from_point, plans.legs.to_point).sum()
        assert np.hypot(north, east).sum() / straight == pytest.approx(1.4, rel=0.12)

    def test_speeds_are_road_like(self) -> None:
        frame = run([truck(f"T-{i}", step_seconds=60) for i in range(4)], days=10).frame
        speed = frame.loc[frame["activity"] == "TRAVEL", "speed_kmh"]
        assert 20 < speed.mean() < 32
        assert speed.quantile(0.999) < 85


class TestReceiver:
    """Errors of the position, against the same truck with a receiver that makes none."""

    @staticmethod
    def errors(days: int = 10, **overrides: float) -> tuple[np.ndarray, np.ndarray]:
        noisy = run([truck(**{**EXACT_GPS, **overrides})], days=days).frame
        exact = run([truck(**EXACT_GPS)], days=days).frame
        north = (noisy["latitude"] - exact["latitude"]) * EARTH_METERS_PER_DEGREE
        east = (noisy["longitude"] - exact["longitude"]) * EARTH_METERS_PER_DEGREE
        return north.to_numpy(), (east * np.cos(np.deg2rad(exact["latitude"]))).to_numpy()

    def test_noise_is_as_asked(self) -> None:
        north, east = self.errors(gps_sigma_m=20.0)
        for meters in (north, east):
            assert meters.std() == pytest.approx(20.0, rel=4 / (2 * len(meters)) ** 0.5)
            assert abs(meters.mean()) < 4 * 20 / len(meters) ** 0.5
        assert abs(np.corrcoef(north, east)[0, 1]) < 4 / len(north) ** 0.5

    def test_outliers_are_as_many_and_as_far_as_said(self) -> None:
        north, east = self.errors(days=40, gps_outlier_prob=0.05)
        off = np.hypot(north, east)
        far = off > 1.0
        assert abs(far.mean() - 0.05) < 4 * (0.05 / len(off)) ** 0.5
        assert (off[far].min(), off[far].max()) == pytest.approx((20.0, 80.0), abs=2.0)
        assert abs(north[far].mean()) < 4 * 40 / far.sum() ** 0.5
        # Not one after the other.
        assert (far[1:] & far[:-1]).mean() < 0.01

    def test_a_dropout_takes_the_whole_location_for_some_minutes(self) -> None:
        overrides = {**EXACT_GPS, "gps_dropouts_per_day": 6.0, "gps_dropout_minutes": 10.0}
        frame = run([truck(step_seconds=60, **overrides)], days=60).frame
        whole = frame[["latitude", "longitude", "speed_kmh", "course_degrees"]].isna()
        assert (whole.all(axis=1) == whole.any(axis=1)).all()
        lost = whole["latitude"].to_numpy()
        begins = (lost[1:] & ~lost[:-1]).sum()
        assert abs(begins - 6 * 60) < 4 * (6 * 60) ** 0.5
        assert lost.sum() / begins == pytest.approx(10.0, rel=0.15)
        # The water knows nothing of it.
        assert frame.loc[lost, "activity"].notna().all()
        assert frame["measured_level_pct"].notna().mean() > 0.99


def test_the_same_road_is_taken_back() -> None:
    """Way points between two places lie on one road, in either direction."""
    points = [("B", "BASE", -17.7, -63.1), ("R", "REFILL", -17.72, -63.15), ("C", "CLIENT", -17.75, -63.2)]
    device = truck(points=points, detour_factor=1.5, idle_stop_prob=0.0, **BRISK)
    plans, routes, path = track_of(device, days=5)
    nodes = {(round(lat, 9), round(lon, 9)) for lat, lon in zip(path.latitude, path.longitude, strict=True)}
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


class TestLosses:
    """Leaks while driving, thefts while pausing."""

    def test_nothing_leaks_while_a_truck_pauses(self) -> None:
        device = truck(
            "T", "mobile_fragmented_high_loss", idle_stop_prob=1.0, theft_prob=0.0, loss_fraction=0.2
        )
        plans, _ = plan_of(device, days=60)
        legs, losses = plans.legs, plans.losses
        begin = legs.depart_second + legs.before_idle_seconds
        end = begin + legs.idle_seconds
        leg = np.searchsorted(legs.depart_second, losses.start_second, side="right") - 1
        stop = losses.start_second + losses.length_seconds
        assert ((stop <= begin[leg]) | (losses.start_second >= end[leg])).all()
        assert (losses.start_second >= legs.depart_second[leg]).all()
        assert (stop <= legs.arrive_second[leg]).all()
        assert (losses.volume_ml > 0).all()

    def test_thefts_are_as_many_and_as_large_as_said(self) -> None:
        device = truck(loss_fraction=0.0, idle_stop_prob=1.0, theft_prob=0.3, theft_liters=100.0)
        plans, _ = plan_of(device, days=300)
        legs, losses = plans.legs, plans.losses
        leg = np.searchsorted(legs.depart_second, losses.start_second, side="right") - 1
        assert len(np.unique(leg)) == len(leg)
        pause = legs.depart_second + legs.before_idle_seconds
        assert (losses.start_second >= pause[leg]).all()
        assert (losses.start_second + losses.length_seconds <= (pause + legs.idle_seconds)[leg]).all()
        # From a truck that carries something: on the way to a client.
        to_client = legs.to_kind[leg] == CLIENT
        share = to_client.sum() / (legs.to_kind == CLIENT).sum()
        assert abs(share - 0.3) < 4 * (0.3 * 0.7 / (legs.to_kind == CLIENT).sum()) ** 0.5
        assert losses.volume_ml[to_client].mean() / 1000 == pytest.approx(100.0, rel=0.05)

    def test_a_client_without_room_takes_a_part(self) -> None:
        some, _ = plan_of(truck(partial_delivery_prob=0.3, delivery_fraction=0.1), days=300)
        none, _ = plan_of(truck(partial_delivery_prob=0.0, delivery_fraction=0.1), days=300)
        mean = {name: plan.deliveries.volume_ml.mean() for name, plan in (("some", some), ("none", none))}
        # .3 of them take .2 .. .9 of the order.
        assert mean["some"] / mean["none"] == pytest.approx(1 - 0.3 * 0.45, rel=0.03)


class TestQueue:
    """The wait at a source is a process of the place."""

    @staticmethod
    def waits(device: DeviceParameters, days: int = 400, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
        """Moments of arrival at a source, and the wait there."""
        plans, _ = plan_of(device, days=days, seed=seed)
        arrive = plans.legs.arrive_second[plans.legs.to_kind == REFILL]
        begin = np.sort(plans.loads.start_second)
        at = np.searchsorted(begin, arrive)
        known = at < len(begin)
        wait = begin[at[known]] - arrive[known]
        return arrive[known][wait < 4 * HOUR], wait[wait < 4 * HOUR]

    def test_it_is_within_what_is_known(self) -> None:
        for minutes in (20.0, 40.0, 90.0):
            arrive, wait = self.waits(truck(refill_queue_minutes=minutes))
            # Late in the shift the wait is cut: the day must end.
            early = (arrive % DAY) < 14 * HOUR
            assert np.quantile(wait[early], 0.01) >= 900
            assert wait.max() <= 3 * HOUR
            assert wait[early].mean() / 60 == pytest.approx(minutes, rel=0.25)

    def test_mornings_wait_longer_than_noons(self) -> None:
        arrive, wait = self.waits(truck(refill_queue_minutes=60.0))
        hour = arrive % DAY // HOUR
        assert wait[(hour >= 7) & (hour < 10)].mean() > 1.3 * wait[(hour >= 11) & (hour < 14)].mean()

    def test_trucks_of_one_place_and_hour_meet_the_same_queue(self) -> None:
        places = [POINTS[0], POINTS[1], *POINTS[3:]]
        overrides = {"refill_queue_minutes": 60.0, "points": places}
        one, other = (
            {h: w for h, w in zip((a // HOUR).tolist(), wait.tolist(), strict=True)}
            for a, wait in (self.waits(truck(name, **overrides)) for name in ("T-1", "T-2"))
        )
        # Near the end of a shift the wait is cut.
        both = sorted(hour for hour in set(one) & set(other) if min(one[hour], other[hour]) >= 900)
        pair = np.log([[one[h], other[h]] for h in both])
        assert len(both) > 300
        assert np.corrcoef(pair.T)[0, 1] > 0.6
        shuffled = np.corrcoef(pair[:-40, 0], pair[40:, 1])[0, 1]
        assert shuffled < np.corrcoef(pair.T)[0, 1] - 0.2

    def test_no_queue_no_wait(self) -> None:
        _, wait = self.waits(truck(refill_queue_minutes=0.0), days=50)
        assert (wait == 0).all()


def test_liters_a_day_do_not_depend_on_the_step() -> None:
    """Even an hour holds several turns of loading, delivering and losing."""
    names = ("loaded_liters", "delivered_liters", "lost_liters")
    whole = {
        step: run([truck(step_seconds=step)], days=30)
        .frame.groupby("device_id", observed=True)[list(names)]
        .sum()
        for step in (60, 300, 3600)
    }
    for step in (300, 3600):
        for name in names:
            assert whole[step][name].iloc[0] == pytest.approx(whole[60][name].iloc[0], rel=0.01), (step, name)
