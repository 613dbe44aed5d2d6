from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthlab.calibration import Reservoir, reservoirs_to_frame
from synthlab.errors import UsageError
from synthlab.quality.formulas import DEVICE_METRICS
from synthlab.quality.metrics import JUDGED_METRICS, metrics_from_frame
from synthlab.quality.windows import WINDOW_NAMES, HourWindow
from tests.measured import START, TRUCK, flat_hours, frame_of, tank_frame, tanks, truck_frame
from tests.unit.quality.test_stops import ROUND


def tank_metrics(levels: list[float | None], window: str = "24h", **reservoir: Any) -> pd.Series[Any]:
    frame = tank_frame(flat_hours(levels))
    return metrics_from_frame(frame, reservoirs=tanks(TANK_1=reservoir), window=window).loc["TANK-1"]


def truck_metrics(rows: list[tuple[float, float, float, float]], window: str = "24h") -> pd.Series[Any]:
    frame = truck_frame(rows)
    return metrics_from_frame(frame, reservoirs={"TRUCK-1": TRUCK}, window=window).loc["TRUCK-1"]


DAY = [50.0] * 6 + [40.0] * 6 + [4.0] * 6 + [60.0] * 6


def test_a_window_is_whole_hours_up_to_and_including_the_last() -> None:
    window = HourWindow.ending_with("7d", 1_000)
    assert (window.start_hour, window.end_hour, window.hours) == (833, 1_001, 168)
    found = tank_metrics([50.0] * 30)
    assert found["window_end_at"] == START + pd.Timedelta(hours=30)
    assert found["window_start_at"] == START + pd.Timedelta(hours=6)
    assert found["observed_hours"] == 24


def test_run_out_hours_are_those_at_five_percent_or_less() -> None:
    found = tank_metrics(DAY)
    assert (found["runout_hours"], found["runout_prob"]) == (6, 0.25)
    assert tank_metrics([5.0] * 24)["runout_prob"] == 1.0
    assert tank_metrics([5.01] * 24)["runout_prob"] == 0.0


def test_demand_supply_and_autonomy_of_a_day() -> None:
    found = tank_metrics(DAY)
    assert found["demand_liters"] == pytest.approx(460.0)
    assert found["pipeflow_liters"] == pytest.approx(560.0)
    assert (found["supply_hours"], found["supply_fragmentation_index"]) == (1, 1.0)
    assert found["daily_supply_coverage"] == pytest.approx(1 / 24)
    # 600 L left; 460 L in the 23 hours whose demand is known.
    assert found["autonomy_days_est"] == pytest.approx(600 / (460 * 24 / 23))


def test_supply_segments_are_runs_of_consecutive_hours() -> None:
    found = tank_metrics([10, 20, 30, 30, 40, 50, 60, 60, 70, 70, 70, 70])
    assert found["supply_hours"] == 6
    assert found["supply_fragmentation_index"] == pytest.approx(3 / 6)
    assert found["mean_supply_duration_hours"] == pytest.approx(2.0)


def test_a_segment_is_cut_by_the_window() -> None:
    found = tank_metrics([10 + 2 * hour for hour in range(30)])
    assert found["supply_hours"] == 24
    assert found["mean_supply_duration_hours"] == 24


def test_severity_counts_days_with_an_hour_at_twenty_percent() -> None:
    days = [50.0] * 23 + [20.0] + [50.0] * 24 + [50.0] * 12
    assert tank_metrics(days, "7d")["intermittence_severity_index"] == pytest.approx(1 / 3)


def test_elasticity_compares_demand_below_twenty_with_demand_above() -> None:
    levels = [60, 50, 40, 30, 19, 18, 17, 16]
    # 10 % an hour down to 30, 11 % into the hour at 19, then 1 %.
    found = tank_metrics(levels)
    assert found["elasticity_near_empty"] == pytest.approx(((11 + 1 + 1 + 1) / 4) / 10)


def test_a_silent_supply_gives_zero_and_null_where_the_contract_says_so() -> None:
    found = tank_metrics([50.0] * 24)
    assert found["supply_hours"] == found["mean_supply_duration_hours"] == found["demand_liters"] == 0
    assert found["null_reasons"] == {
        "autonomy_days_est": "NO_DEMAND",
        "supply_fragmentation_index": "NO_SUPPLY",
        "elasticity_near_empty": "NO_NEAR_EMPTY_DEMAND",
        "suppressed_demand_index": "NO_BASELINE",
        "resilience_ratio": "NO_ZONE",
        **{
            name: "NOT_MOBILE"
            for name in [
                "deliveries_count",
                "delivered_liters",
                "liters_loaded",
                "refill_time_minutes",
                "refill_load_rate_l_per_min",
                "moving_km",
                "liters_per_km",
                "downtime_hours",
                "mobile_nrw_liters",
                "truckflow_liters",
            ]
        },
    }


def test_a_null_has_a_reason_and_a_value_has_none() -> None:
    found = tank_metrics(DAY)
    for name in (*DEVICE_METRICS, "resilience_ratio"):
        assert pd.isna(found[name]) == (name in found["null_reasons"]), name


def test_supply_is_null_without_a_pipe_and_demand_is_not() -> None:
    found = tank_metrics(DAY, is_pipe_connected=False)
    assert found["null_reasons"]["pipeflow_liters"] == "NOT_PIPE_CONNECTED"
    assert pd.isna(found["supply_hours"])
    assert found["demand_liters"] == pytest.approx(460.0)


def test_gaps_are_counted_and_confidence_falls() -> None:
    def observed(count: int) -> pd.Series[Any]:
        return tank_metrics([50.0] * (count - 1) + [None] * (24 - count) + [50.0])

    assert [observed(count)["confidence"] for count in (24, 22, 21, 17, 16)] == [
        "HIGH",
        "HIGH",
        "MEDIUM",
        "MEDIUM",
        "LOW",
    ]
    assert observed(16)["data_gap_hours"] == 8
    assert tank_metrics([50.0] * 30)["data_gap_hours"] == 0


def test_a_device_that_fell_silent_is_judged_over_the_same_hours() -> None:
    frame = pd.concat([tank_frame(flat_hours([50.0] * 60)), tank_frame(flat_hours([50.0] * 10), "TANK-2")])
    found = metrics_from_frame(frame, reservoirs=tanks(TANK_1={}, TANK_2={}), window="24h")
    silent = found.loc["TANK-2"]
    assert (silent["observed_hours"], silent["runout_prob"], silent["confidence"]) == (0, 0.0, "LOW")
    assert silent["null_reasons"]["intermittence_severity_index"] == "NO_DATA"
    assert silent["null_reasons"]["autonomy_days_est"] == "NO_DEMAND"


def test_a_trucks_round() -> None:
    found = truck_metrics(ROUND)
    assert (found["deliveries_count"], found["delivered_liters"]) == (1, pytest.approx(5_000.0))
    assert found["truckflow_liters"] == found["delivered_liters"]
    assert found["liters_loaded"] == pytest.approx(10_000.0)
    assert found["refill_time_minutes"] == pytest.approx(20.0)
    assert found["refill_load_rate_l_per_min"] == pytest.approx(500.0)
    assert found["mobile_nrw_liters"] == pytest.approx(200.0)
    assert found["downtime_hours"] == pytest.approx((17.5 + 25) / 60)
    assert found["moving_km"] == pytest.approx(24.0, rel=1e-4)
    assert found["liters_per_km"] == pytest.approx(5_000 / 24, rel=1e-4)
    assert found["null_reasons"]["runout_prob"] == "NOT_STATIONARY"


def test_a_truck_that_stands_has_no_rates() -> None:
    found = truck_metrics([(0.0, 0.0, 0.0, 50.0)] * 12)
    assert found["null_reasons"]["liters_per_km"] == "NO_DISTANCE"
    assert found["null_reasons"]["refill_load_rate_l_per_min"] == "NO_REFILL_TIME"
    assert found["delivered_liters"] == 0


def test_downtime_is_cut_to_the_window_and_a_stop_counts_where_it_ends() -> None:
    parked = truck_metrics([(0.0, 0.0, 0.0, 50.0)] * 12 * 40)
    # The stop began 16 hours before the window; its last point is at 23:55 of it.
    assert parked["downtime_hours"] == pytest.approx(24 - 5 / 60)
    later = [*ROUND, *[(0.0, 0.0, 0.0, 48.0)] * 12 * 30]
    assert truck_metrics(later)["deliveries_count"] == 0
    assert truck_metrics(later, "7d")["deliveries_count"] == 1


def test_resilience_is_that_of_the_zone() -> None:
    tank, truck = tank_frame(flat_hours(DAY)), truck_frame(ROUND)
    known = tanks(TANK_1={"zone_id": "NORTH"})
    known["TRUCK-1"] = TRUCK | {"zone_id": "NORTH"}
    found = metrics_from_frame(pd.concat([tank, truck]), reservoirs=known, window="24h")
    assert found["resilience_ratio"].tolist() == pytest.approx([560 / 5_560] * 2)
    known["TRUCK-1"] = TRUCK | {"zone_id": "SOUTH"}
    found = metrics_from_frame(pd.concat([tank, truck]), reservoirs=known, window="24h")
    assert found["resilience_ratio"].tolist() == [1.0, 0.0]


def test_a_zone_without_any_flow_has_no_resilience() -> None:
    found = tank_metrics([50.0] * 24, zone_id="NORTH")
    assert found["null_reasons"]["resilience_ratio"] == "NO_FLOW"


def test_reservoirs_may_be_a_frame_or_records() -> None:
    frame = tank_frame(flat_hours(DAY))
    entry = Reservoir(
        device_id="TANK-1",
        capacity_liters=1_000.0,
        sensor_empty_distance_mm=2_000,
        sensor_full_distance_mm=200,
    )
    as_frame = reservoirs_to_frame([entry])
    for given in (as_frame, as_frame.reset_index(), {"TANK-1": entry}, {"TANK-1": entry.to_dict()}):
        assert metrics_from_frame(frame, reservoirs=given).loc["TANK-1", "demand_liters"] == pytest.approx(
            460
        )


def test_without_reservoirs_the_capacity_is_that_of_the_truth() -> None:
    frame = tank_frame(flat_hours(DAY))
    unknown = metrics_from_frame(frame).loc["TANK-1"]
    assert unknown["null_reasons"]["demand_liters"] == "CAPACITY_UNKNOWN"
    assert unknown["runout_prob"] == 0.25
    frame["level_pct"], frame["volume_liters"] = 50.0, 1_000.0
    assert metrics_from_frame(frame).loc["TANK-1", "demand_liters"] == pytest.approx(920.0)


def test_the_order_of_rows_does_not_matter() -> None:
    frame = pd.concat([tank_frame(flat_hours(DAY)), truck_frame(ROUND)])
    known = {**tanks(TANK_1={}), "TRUCK-1": TRUCK}
    shuffled = frame.sample(frac=1.0, random_state=3)
    pd.testing.assert_frame_equal(
        metrics_from_frame(shuffled, reservoirs=known), metrics_from_frame(frame, reservoirs=known)
    )


def truth_frame() -> pd.DataFrame:
    """Return a tank that serves 10 L and gets 30 L in every fourth row, and a truck with a delivery."""
    tank = tank_frame(flat_hours([50.0] * 24))
    tank = tank.assign(
        volume_liters=500.0,
        level_pct=50.0,
        served_liters=10.0,
        inflow_liters=np.where(np.arange(len(tank)) % 4 == 0, 50.0, 0.0),
        overflow_liters=np.where(np.arange(len(tank)) % 4 == 0, 20.0, 0.0),
        activity=None,
    )
    truck = truck_frame(ROUND)
    km = [row[0] for row in ROUND]
    activity = [
        "TRAVEL" if row[2] >= 5 else {0: "BASE", 5: "REFILL", 9: "CLIENT", 12: "IDLE"}[int(row[0])]
        for row in ROUND
    ]
    change = np.diff([row[3] for row in ROUND], prepend=0.0) * 100
    truck = truck.assign(
        volume_liters=[row[3] * 100 for row in ROUND],
        level_pct=[row[3] for row in ROUND],
        loaded_liters=np.maximum(change, 0.0),
        delivered_liters=np.where(np.array(km) == 9, np.maximum(-change, 0.0), 0.0),
        lost_liters=np.where(np.array(km) == 9, 0.0, np.maximum(-change, 0.0)),
        activity=activity,
    )
    frame = pd.concat([tank, truck], ignore_index=True)
    flows = [name for name in frame.columns if name.endswith("_liters") and name != "volume_liters"]
    return frame.assign(**{name: frame[name].fillna(0.0) for name in flows})


def test_truth_stands_beside_what_was_measured() -> None:
    known = {**tanks(TANK_1={}), "TRUCK-1": TRUCK}
    found = metrics_from_frame(truth_frame(), reservoirs=known, window="24h")
    tank, truck = found.loc["TANK-1"], found.loc["TRUCK-1"]
    # The net change hides what came and went in one hour; the truth does not.
    assert (tank["demand_liters"], tank["demand_liters_truth"]) == (0.0, pytest.approx(960.0))
    assert tank["pipeflow_liters_truth"] == pytest.approx(720.0)
    assert tank["supply_hours_truth"] == 24
    assert tank["suppressed_demand_index_truth"] == pytest.approx(0.0)
    assert truck["delivered_liters_truth"] == pytest.approx(5_000.0)
    assert truck["liters_loaded_truth"] == pytest.approx(10_000.0)
    assert truck["mobile_nrw_liters_truth"] == pytest.approx(200.0)
    assert truck["refill_time_minutes_truth"] == pytest.approx(20.0)


def test_without_truth_columns_the_truth_is_null() -> None:
    found = tank_metrics(DAY)
    assert all(pd.isna(found[f"{name}_truth"]) for name in JUDGED_METRICS)
    assert found["null_reasons_truth"]["runout_prob"] == "NO_TRUTH"


@pytest.mark.parametrize(
    ("frame", "window", "path"),
    [
        (tank_frame(flat_hours(DAY)), "1d", "window"),
        (tank_frame(flat_hours(DAY)).drop(columns="measured_level_pct"), "24h", "frame"),
        (frame_of([]), "24h", "frame"),
    ],
    ids=["window", "column", "rows"],
)
def test_a_bad_call_is_refused(frame: pd.DataFrame, window: str, path: str) -> None:
    with pytest.raises(UsageError) as caught:
        metrics_from_frame(frame, window=window)
    assert caught.value.code == "BAD_ARGUMENT"
    assert caught.value.problems[0].path == path


def test_every_window_of_the_contract_works() -> None:
    for name in WINDOW_NAMES:
        assert tank_metrics(DAY, name)["window"] == name
