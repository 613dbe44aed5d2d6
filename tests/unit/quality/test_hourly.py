from __future__ import annotations

import numpy as np
import pytest

from synthlab.quality.hourly import HourlySeries, hourly_series, segment_starts
from synthlab.quality.windows import HOUR_MS

QUARTER = HOUR_MS // 4


def series_of(levels: dict[int, list[float]], capacity_liters: float = 1_000.0) -> HourlySeries:
    times = [
        hour * HOUR_MS + i * HOUR_MS // len(values)
        for hour, values in levels.items()
        for i in range(len(values))
    ]
    flat = [level for values in levels.values() for level in values]
    return hourly_series(
        np.zeros(len(flat), np.int64),
        np.array(times, np.int64),
        np.array(flat, float),
        capacity_liters=np.array([capacity_liters]),
    )


def test_level_is_the_median_of_valid_readings_and_latest_is_the_last() -> None:
    series = series_of({7: [50.0, 90.0, np.nan, 52.0]})
    assert series.level_pct.tolist() == [52.0]
    assert series.latest_level_pct.tolist() == [52.0]
    assert series.sample_count.tolist() == [3]
    assert series_of({7: [50.0, 52.0]}).level_pct.tolist() == [51.0]


def test_readings_may_come_in_any_order() -> None:
    times, levels = np.array([3, 1, 2, 0]) * QUARTER, np.array([4.0, 2.0, 3.0, 1.0])
    series = hourly_series(np.zeros(4, np.int64), times, levels, capacity_liters=np.array([1.0]))
    assert series.latest_level_pct.tolist() == [4.0]
    assert series.level_pct.tolist() == [2.5]


def test_falls_are_demand_and_rises_are_inflow() -> None:
    series = series_of({hour: [level] * 4 for hour, level in enumerate([50, 40, 40, 70, 75])})
    assert series.demand_liters.tolist()[1:] == [100.0, 0.0, 0.0, 0.0]
    assert series.inflow_liters.tolist()[1:] == [0.0, 0.0, 300.0, 50.0]


def test_the_first_hour_has_no_flow() -> None:
    series = series_of({5: [50.0] * 4, 6: [40.0] * 4})
    assert np.isnan(series.demand_liters[0])
    assert np.isnan(series.inflow_liters[0])


def test_a_gap_hides_its_flow_and_that_of_the_hour_after() -> None:
    series = series_of({0: [90.0] * 4, 1: [80.0] * 4, 5: [20.0] * 4, 6: [10.0] * 4})
    assert series.hour.tolist() == [0, 1, 5, 6]
    np.testing.assert_array_equal(series.demand_liters, [np.nan, 100.0, np.nan, 100.0])


def test_one_odd_hour_is_smoothed_away_but_no_edge_is_halved() -> None:
    series = series_of({hour: [level] * 4 for hour, level in enumerate([50, 50, 95, 50, 50, 40])})
    assert series.inflow_liters[1:].tolist() == [0.0] * 5
    assert series.demand_liters[1:].tolist() == [0.0, 0.0, 0.0, 0.0, 100.0]
    assert series.level_pct.tolist() == [50, 50, 95, 50, 50, 40]


def test_noise_is_no_inflow_but_the_bound_sinks_with_the_readings() -> None:
    # 3 * 0.06 % * sqrt(2/n): 0.127 % with 4 readings, 0.052 % with 24.
    few = series_of({hour: [50 + 0.1 * hour] * 4 for hour in range(4)})
    many = series_of({hour: [50 + 0.1 * hour] * 24 for hour in range(2)})
    enough = series_of({hour: [50 + 0.15 * hour] * 4 for hour in range(2)})
    assert few.inflow_liters[1:].tolist() == [0.0, 0.0, 0.0]
    assert enough.inflow_liters[1] == pytest.approx(1.5)
    assert many.inflow_liters[1] == pytest.approx(1.0)


def test_devices_do_not_touch() -> None:
    device = np.array([0, 0, 1, 1])
    times = np.array([0, 1, 2, 3]) * HOUR_MS
    series = hourly_series(
        device, times, np.array([90.0, 80.0, 50.0, 45.0]), capacity_liters=np.array([100.0, 1_000.0])
    )
    np.testing.assert_array_equal(series.demand_liters, [np.nan, 10.0, np.nan, 50.0])


def test_without_capacity_levels_stand_and_flows_do_not() -> None:
    series = series_of({0: [50.0], 1: [40.0]}, capacity_liters=np.nan)
    assert series.level_pct.tolist() == [50.0, 40.0]
    assert np.isnan(series.demand_liters).all()


def test_no_reading_gives_an_empty_series() -> None:
    empty = np.zeros(0, np.int64)
    series = hourly_series(empty, empty, np.zeros(0), capacity_liters=np.array([1.0]))
    assert len(series.hour) == len(series.demand_liters) == 0


def test_segments_break_at_dry_hours_gaps_and_devices() -> None:
    device = np.array([0, 0, 0, 0, 0, 1])
    hour = np.array([1, 2, 3, 5, 6, 7])
    wet = np.array([True, True, False, True, True, True])
    assert segment_starts(device, hour, wet).tolist() == [True, False, False, True, False, True]
