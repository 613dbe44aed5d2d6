from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synthlab.quality.metrics import frame_points
from synthlab.quality.motion import Points, great_circle_meters, hourly_movement, motion
from synthlab.quality.stops import Stops, denoised_volume_liters, stop_episodes
from tests.measured import truck_frame

CAPACITY = np.array([10_000.0])
MINUTE = 60_000


def points_of(frame: pd.DataFrame) -> Points:
    times = frame["received_at"].dt.as_unit("ms").astype("int64").to_numpy()
    return frame_points(frame, np.zeros(len(frame), np.int64), times, CAPACITY)


def stops_of(
    rows: list[tuple[float, float, float | None, float | None]], cadence_seconds: int = 300
) -> Stops:
    return stop_episodes(
        points_of(truck_frame(rows, cadence_seconds=cadence_seconds)), capacity_liters=CAPACITY
    )


def drive(km_0: float, km_1: float, steps: int, level: float) -> list[tuple[float, float, float, float]]:
    return [(km_0 + (km_1 - km_0) * (i + 1) / (steps + 1), 0.0, 30.0, level) for i in range(steps)]


def stand(km: float, levels: list[float]) -> list[tuple[float, float, float, float]]:
    return [(km, 0.0, 0.2, level) for level in levels]


ROUND = [
    *stand(0, [0.0] * 4),
    *drive(0, 5, 2, 0.0),
    *stand(5, [0.0, 40.0, 90.0, 100.0]),
    *drive(5, 9, 2, 100.0),
    *stand(9, [100.0, 70.0, 50.0]),
    *drive(9, 12, 2, 49.0),
    *stand(12, [49.0] * 5),
    *drive(12, 0, 2, 48.0),
    *stand(0, [48.0] * 2),
]


def test_distance_is_that_of_a_meridian_degree() -> None:
    one = np.array([1.0])
    assert great_circle_meters(one * 0, one, one, one)[0] == pytest.approx(111_195.08, abs=0.01)
    assert great_circle_meters(one, one * 179.5, one, -one * 179.5)[0] == pytest.approx(111_178.2, abs=0.1)


def test_moving_is_by_speed_or_by_step() -> None:
    rows = [
        (0.0, 0.0, 0.0, 50.0),
        (0.0, 0.0, 5.0, 50.0),
        (0.199, 0.0, 4.9, 50.0),
        (0.3995, 0.0, 0.0, 50.0),
        (0.3995, 0.0, None, 50.0),
    ]
    is_moving, step = motion(points_of(truck_frame(rows)))
    assert is_moving.tolist() == [False, True, False, True, False]
    assert step[0] == 0.0


def test_a_round_is_told_with_its_volumes() -> None:
    stops = stops_of(ROUND)
    assert stops.kind.tolist() == ["DOWNTIME", "REFILL", "DELIVERY", "DOWNTIME", "UNKNOWN"]
    np.testing.assert_allclose(stops.volume_change_liters, [0, 10_000, -5_000, 0, 0], atol=1e-6)
    np.testing.assert_allclose(stops.transit_change_liters[1:], [0, 0, -100, -100], atol=1e-6)
    assert stops.point_count.tolist() == [4, 4, 3, 5, 2]


def test_a_stop_reaches_half_a_step_beyond_its_points() -> None:
    stops = stops_of(ROUND)
    np.testing.assert_array_equal(
        stops.first_point_ms - stops.started_ms, np.array([0, 2.5, 2.5, 2.5, 2.5]) * MINUTE
    )
    np.testing.assert_array_equal(
        stops.ended_ms - stops.last_point_ms, np.array([2.5, 2.5, 2.5, 2.5, 0]) * MINUTE
    )
    slow = stops_of([*stand(0, [50.0] * 3), *drive(0, 20, 1, 50.0)], cadence_seconds=3600)
    assert slow.ended_ms[0] - slow.last_point_ms[0] == 5 * MINUTE


def test_the_point_of_arrival_belongs_to_the_stop() -> None:
    rows = [*drive(0, 6, 2, 50.0), *stand(6, [50.0, 50.0, 50.0]), *drive(6, 12, 2, 50.0)]
    is_moving, step = motion(points_of(truck_frame(rows)))
    assert is_moving[2]
    assert step[2] > 200
    assert stops_of(rows).point_count.tolist() == [3]


def test_water_that_flowed_before_the_first_point_or_after_the_last_counts() -> None:
    rows = [*drive(0, 6, 3, 90.0), *stand(6, [75.0, 60.0]), *drive(6, 12, 3, 52.0)]
    assert stops_of(rows).volume_change_liters.tolist() == pytest.approx([-3_800.0])


def test_a_drop_over_two_steps_before_the_first_point_counts_but_slosh_does_not() -> None:
    before = [*drive(0, 4, 2, 90.0), (5.0, 0.0, 30.0, 85.0)]
    assert stops_of([*before, *stand(6, [60.0, 60.0])]).volume_change_liters.tolist() == pytest.approx(
        [-3_000.0]
    )
    slosh = [*drive(0, 4, 2, 90.0), (5.0, 0.0, 30.0, 91.2)]
    assert stops_of([*slosh, *stand(6, [90.0, 90.0])]).volume_change_liters.tolist() == pytest.approx([0.0])


def test_a_step_between_two_stops_counts_once() -> None:
    rows = [*stand(0, [90.0] * 3), *stand(3, [60.0, 60.0, 60.0])]
    stops = stops_of(rows)
    assert stops.volume_change_liters.tolist() == pytest.approx([0.0, -3_000.0])
    assert stops.transit_change_liters[1] == pytest.approx(0.0)


def test_a_lone_point_is_a_stop_only_where_water_moved() -> None:
    light = [*drive(0, 6, 3, 90.0), *stand(6, [90.0]), *drive(6, 12, 3, 90.0)]
    assert stops_of(light).kind.tolist() == []
    quick = [*drive(0, 6, 3, 90.0), *stand(6, [80.0]), *drive(6, 12, 3, 70.0)]
    assert stops_of(quick).volume_change_liters.tolist() == pytest.approx([-2_000.0])


def test_thirty_liters_and_fifteen_minutes_divide_the_kinds() -> None:
    def kind(change_pct: float, points: int) -> str:
        rows = [
            *stand(0, [50.0] * (points - 2) + [50.0 + change_pct] * 2),
            *drive(0, 9, 3, 50.0 + change_pct),
        ]
        return str(stops_of(rows, cadence_seconds=60).kind[0])

    assert kind(-0.31, 8) == "DELIVERY"
    assert kind(-0.29, 8) == "UNKNOWN"
    assert kind(0.31, 8) == "REFILL"
    assert kind(0.29, 8) == "UNKNOWN"
    assert kind(0.0, 15) == "UNKNOWN"  # 14.5 minutes
    assert kind(0.0, 16) == "DOWNTIME"


def test_a_wrong_reading_and_missing_ones_do_not_make_a_delivery() -> None:
    rows = stand(0, [50.0, 50.0, 20.0, 50.0, 50.0, None, 50.0, 50.0])  # type: ignore[list-item]
    assert stops_of(rows).volume_change_liters.tolist() == [0.0]


def test_without_any_reading_the_kind_is_unknown() -> None:
    stops = stops_of(stand(0, [None] * 9))  # type: ignore[list-item]
    assert stops.kind.tolist() == ["UNKNOWN"]
    assert np.isnan(stops.volume_change_liters).all()


def test_a_reading_stands_for_an_hour_and_no_longer() -> None:
    times = np.array([0, 60, 61, 200, 259, 260]) * MINUTE
    volume = np.array([5.0, np.nan, np.nan, np.nan, np.nan, 7.0])
    clean = denoised_volume_liters(np.zeros(6, np.int64), times, volume)
    np.testing.assert_array_equal(clean, [5.0, 5.0, np.nan, 7.0, 7.0, 7.0])


def test_trucks_do_not_touch() -> None:
    one = points_of(truck_frame(ROUND))
    two = Points(
        device=np.repeat([0, 1], len(one.device)),
        time_ms=np.tile(one.time_ms, 2),
        latitude=np.tile(one.latitude, 2),
        longitude=np.tile(one.longitude, 2),
        speed_kmh=np.tile(one.speed_kmh, 2),
        volume_liters=np.tile(one.volume_liters, 2),
    )
    alone = stop_episodes(one, capacity_liters=CAPACITY)
    both = stop_episodes(two, capacity_liters=np.repeat(CAPACITY, 2))
    for index in (0, 1):
        mine = both.where(both.device == index)
        assert mine.kind.tolist() == alone.kind.tolist()
        np.testing.assert_array_equal(mine.started_ms, alone.started_ms)
        np.testing.assert_array_equal(mine.transit_change_liters, alone.transit_change_liters)


def test_no_point_gives_no_stop() -> None:
    nothing = points_of(truck_frame(ROUND).iloc[:0])
    assert len(stop_episodes(nothing, capacity_liters=CAPACITY).device) == 0
    assert len(hourly_movement(nothing).hour) == 0


def test_movement_is_summed_by_the_hour_in_which_a_step_ends() -> None:
    rows = [(float(i), 0.0, 40.0, 50.0) for i in range(25)]
    way = hourly_movement(points_of(truck_frame(rows)))
    np.testing.assert_allclose(way.moving_km, [11.0, 12.0, 1.0], rtol=1e-4)
