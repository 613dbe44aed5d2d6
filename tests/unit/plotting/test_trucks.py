from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synthlab import plotting
from synthlab.errors import UsageError
from synthlab.plotting.trucks import Ground


def test_a_degree_is_111_km() -> None:
    ground = Ground(0.0, 13.0)
    east, north = ground.to_km([0.0, 1.0], [14.0, 13.0])
    assert east.tolist() == pytest.approx([111.195, 0], abs=1e-2)
    assert north.tolist() == pytest.approx([0, 111.195], abs=1e-2)
    east, _ = Ground(60.0, 13.0).to_km([60.0], [14.0])
    assert east[0] == pytest.approx(111.195 / 2, rel=1e-3)


def test_route_numbers(two_trucks: pd.DataFrame) -> None:
    table = plotting.route_table(two_trucks)
    row = table.loc["TRUCK1"]
    assert (row["refills_count"], row["visits_count"]) == (20, 20)
    assert row["loaded_liters"] == 20 * 10_000
    assert row["delivered_liters"] == 20 * 9_800
    assert row["travel_hours"] == pytest.approx(20 * 5 / 12)
    # 1 km east, 2 km north, and back along (0.7, 1.4), (0.3, 0.6): the last leg home is in 19 trips only.
    home = np.hypot(0.3, 0.6) + np.hypot(0.4, 0.8)
    assert row["driven_km"] == pytest.approx(20 * (3 + home) + 19 * np.hypot(0.3, 0.6), rel=1e-3)
    assert row["liters_per_km"] == pytest.approx(row["delivered_liters"] / row["driven_km"])
    assert table.loc["TRUCK2", "driven_km"] == pytest.approx(row["driven_km"], rel=1e-4)


def test_parked_noise_is_not_driven(make_truck) -> None:
    frame = make_truck()
    frame["activity"] = pd.Categorical(["BASE"] * len(frame))
    frame["latitude"] = 0.0001 * np.sin(np.arange(len(frame)))
    assert plotting.route_table(frame).loc["TRUCK1", "driven_km"] == 0


def test_stops_are_found_in_the_rows(make_truck) -> None:
    frame = make_truck()
    rng = np.random.default_rng(0)
    # GPS noise of some 10 m, around a corner of the cells that rows are counted in.
    frame["latitude"] += 0.00025 + rng.normal(0, 1e-4, len(frame))
    frame["longitude"] += rng.normal(0, 1e-4, len(frame))
    stops = plotting.stop_table(frame)
    assert stops["kind"].tolist() == ["BASE", "CLIENT", "REFILL"]
    assert stops["rows_count"].tolist() == [20, 40, 40]
    assert stops.set_index("kind").loc["CLIENT", "delivered_liters"] == 20 * 9_800
    assert stops.set_index("kind").loc["REFILL", "longitude"] == pytest.approx(13 + 1 / 111.195, abs=1e-3)


def test_two_clients_far_apart_stay_two(two_trucks: pd.DataFrame) -> None:
    assert plotting.stop_table(two_trucks)["kind"].tolist() == [
        *("BASE", "BASE", "CLIENT", "CLIENT", "REFILL", "REFILL")
    ]


def test_a_day_is_listed_in_order(make_truck) -> None:
    table = plotting.truck_day_table(make_truck(trips=60), "TRUCK1", day="2026-02-07")
    assert table["begin_at"].is_monotonic_increasing
    assert (table["begin_at"].iloc[1:].to_numpy() == table["end_at"].iloc[:-1].to_numpy()).all()
    assert str(table["begin_at"].iloc[0]) == "2026-02-07 00:00:00+00:00"
    refills = table[table["activity"] == "REFILL"]
    assert set(refills["loaded_liters"].iloc[:-1]) == {10_000}


def test_the_busiest_day_is_the_default(make_truck) -> None:
    frame = make_truck(trips=60)
    busy = frame["received_at"].dt.day == 7
    frame.loc[~busy, "delivered_liters"] = 1.0
    assert plotting.truck_day_table(frame, "TRUCK1")["begin_at"].iloc[0].day == 7


@pytest.mark.parametrize(
    ("day", "rule"), [("2030-01-01", "has no rows of TRUCK1"), ("tomorrow", "is no day")]
)
def test_a_day_that_is_not_there(make_truck, day: str, rule: str) -> None:
    with pytest.raises(UsageError, match=rule):
        plotting.truck_day_table(make_truck(), "TRUCK1", day=day)
