from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from synthlab import plotting
from synthlab.plotting.tables import ratio


def test_levels(two_tanks: pd.DataFrame) -> None:
    capacities = pd.DataFrame({"capacity_liters": [1_000, 2_000]}, index=["TANK1", "TANK2"])
    table = plotting.level_table(two_tanks, reservoirs=capacities)
    assert table.loc["TANK1"].round(6).to_dict() == {
        "capacity_liters": 1_000,
        "mean_pct": 50,
        "min_pct": 50,
        "max_pct": 50,
        "end_pct": 50,
        "low_fraction": 0,
        "runout_fraction": 0,
        "measured_error_pct": 0.1,
        "no_echo_fraction": 0,
    }
    assert table.loc["TANK2", ["mean_pct", "min_pct", "low_fraction", "runout_fraction"]].tolist() == [
        60,
        0,
        0.25,
        0.25,
    ]
    assert "capacity_liters" not in plotting.level_table(two_tanks)


def test_readings_without_echo_are_counted(make_tank) -> None:
    frame = make_tank(days=1)
    frame.loc[frame.index[:72], "measured_level_pct"] = np.nan
    table = plotting.level_table(frame)
    assert table.loc["TANK1", "no_echo_fraction"] == 0.25
    assert table.loc["TANK1", "measured_error_pct"] == pytest.approx(0.1)


def test_demand_is_a_rate_by_hour_and_kind_of_day(make_tank) -> None:
    frame = make_tank(days=3)  # Friday to Sunday
    hour, day = frame["received_at"].dt.hour, frame["received_at"].dt.day_of_week
    frame["requested_liters"] = np.where(day == 4, hour * 1.0, 2.0)
    frame["served_liters"] = frame["requested_liters"] / 2
    table = plotting.demand_table(frame)
    assert table.index.names == ["device_id", "day_type", "hour"]
    assert len(table) == 48
    # 12 steps of 5 minutes an hour.
    assert table.loc[("TANK1", "weekday", 7), "requested_liters_per_hour"] == pytest.approx(7 * 12)
    assert table.loc[("TANK1", "weekend", 7), "requested_liters_per_hour"] == pytest.approx(2 * 12)
    assert table.loc[("TANK1", "weekend", 7), "unmet_liters_per_hour"] == pytest.approx(12)


def test_demand_rate_does_not_depend_on_the_step_or_on_half_hours_at_the_edge(make_tank) -> None:
    fine = make_tank(days=1, requested_liters=1.0)
    coarse = fine.iloc[::3].assign(requested_liters=3.0)
    cut = fine.iloc[6:]
    for frame in (fine, coarse, cut):
        rates = plotting.demand_table(frame)["requested_liters_per_hour"].loc[("TANK1", "weekday")]
        assert rates.tolist() == pytest.approx([12.0] * 24)


def test_hours_without_rows_are_unknown_not_zero(make_tank) -> None:
    table = plotting.demand_table(make_tank(days=1, requested_liters=1.0))
    assert table.loc[("TANK1", "weekend")].isna().all(axis=None)


def test_supply_sessions_are_unbroken_runs(make_tank) -> None:
    inflow = np.zeros(288)
    inflow[24:30] = 10  # from 02:00
    inflow[31:33] = 20  # after a break of one step
    inflow[-2:] = 5  # from 23:50
    frame = make_tank(days=1, inflow_liters=inflow, overflow_liters=inflow / 10)
    sessions = plotting.session_table(frame).loc["TANK1"]
    assert sessions.to_dict() == {
        "sessions_count": 3,
        "sessions_per_day": 3,
        "session_liters": pytest.approx(110 / 3),
        "session_hours": pytest.approx(10 / 12 / 3),
        "overflow_fraction": pytest.approx(0.1),
    }
    hourly = plotting.supply_table(frame).loc["TANK1"]
    assert hourly["sessions_per_day"][hourly["sessions_per_day"] > 0].to_dict() == {2: 2, 23: 1}
    assert hourly.loc[2, "inflow_liters_per_hour"] == pytest.approx(100)
    assert hourly.loc[2, "overflow_liters_per_hour"] == pytest.approx(10)


def test_a_session_does_not_reach_into_the_next_device(make_tank, join_rows) -> None:
    flowing = [make_tank(name, days=1, inflow_liters=1.0) for name in ("TANK1", "TANK2")]
    assert plotting.session_table(join_rows(*flowing))["sessions_count"].tolist() == [1, 1]


def test_a_tank_without_supply_has_no_mean_session(make_tank) -> None:
    row = plotting.session_table(make_tank(days=1)).loc["TANK1"]
    assert row["sessions_count"] == 0
    assert np.isnan(row["session_liters"])


def test_ratio_of_nothing_is_unknown() -> None:
    assert np.isnan(ratio([1.0], [0.0])).all()
    assert ratio([1.0, 4.0], 2).tolist() == [0.5, 2]


AT = pd.Timestamp("2026-02-12T10:00:00Z")


def _sample(device_id: str, seq: int, level_pct: float) -> SimpleNamespace:
    at = AT + pd.Timedelta(minutes=5 * seq)
    return SimpleNamespace(device_id=device_id, seq=seq, received_at=at, level_pct=level_pct)


def test_live_table_counts_messages_of_each_device() -> None:
    samples = [
        _sample(name, seq, level) for seq, name, level in [(1, "B", 10.0), (1, "A", 50.0), (2, "A", 49.0)]
    ]
    records = [
        SimpleNamespace(emitted=2, acknowledged=1, elapsed_seconds=0.5, recent=samples[:2]),
        SimpleNamespace(emitted=3, acknowledged=3, elapsed_seconds=1.0, recent=samples[2:]),
    ]
    table = plotting.live_table(records, devices={"A": {"acknowledged": 2}})
    assert table[["emitted", "acknowledged", "first_seq", "last_seq", "last_level_pct"]].to_dict("index") == {
        "A": {"emitted": 2, "acknowledged": 2, "first_seq": 1, "last_seq": 2, "last_level_pct": 49.0},
        "B": {"emitted": 1, "acknowledged": 0, "first_seq": 1, "last_seq": 1, "last_level_pct": 10.0},
    }
    assert table.loc["A", "last_at"] == AT + pd.Timedelta(minutes=10)
