"""The verb backfill: which devices, which window, which reservoirs, and going on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

import synthlab
from synthlab.calibration import reservoirs_to_frame
from synthlab.columns import frame_problems
from synthlab.errors import PreflightError, UsageError
from synthlab.scenario.loader import loads_scenario
from synthlab.scenario.resolve import resolve
from synthlab.workflows.backfill import reservoirs_of
from tests.conftest import TINY_SCENARIO

TANK, TRUCK = "E2ETINYSTAT1", "E2ETINYMOB1"
DAY = timedelta(days=1)


def test_a_window_of_days_ends_at_end_at(tiny_scenario: synthlab.Scenario, end_at: datetime) -> None:
    history = synthlab.backfill(tiny_scenario, end_at=end_at)
    times = history.frame["received_at"]
    assert (times.iloc[0], times.iloc[-1]) == (pd.Timestamp(end_at - DAY), pd.Timestamp(end_at))
    assert history.frame["device_id"].value_counts().to_dict() == {TANK: 49, TRUCK: 49}
    assert frame_problems(history.frame) == []
    summary = history.to_dict()
    assert (summary["row_count"], summary["device_count"]) == (98, 2)
    assert (summary["start_at"], summary["end_at"]) == ("2026-02-11T10:00:00Z", "2026-02-12T10:00:00Z")


def test_start_at_stands_for_the_days(tiny_scenario: synthlab.Scenario, end_at: datetime) -> None:
    history = synthlab.backfill(tiny_scenario, start_at="2026-02-12T08:00:00Z", end_at=end_at)
    assert len(history.frame) == 2 * 5


def test_text_zone_and_timestamp_mean_the_same(tiny_scenario: synthlab.Scenario, end_at: datetime) -> None:
    frames = [
        synthlab.backfill(tiny_scenario, end_at=given).frame
        for given in ("2026-02-12T10:00:00Z", "2026-02-12T11:00:00+01:00", pd.Timestamp(end_at))
    ]
    assert frames[0].equals(frames[1])
    assert frames[0].equals(frames[2])


def test_without_an_end_it_warns_and_ends_now(tiny_scenario: synthlab.Scenario) -> None:
    with pytest.warns(UserWarning, match="end_at was not given"):
        history = synthlab.backfill(tiny_scenario)
    last = history.frame["received_at"].iloc[-1]
    assert abs((datetime.now(UTC) - last).total_seconds()) < 300


def test_chosen_devices_are_as_among_all(tiny_scenario: synthlab.Scenario, end_at: datetime) -> None:
    whole = synthlab.backfill(tiny_scenario, end_at=end_at).frame
    alone = synthlab.backfill(tiny_scenario, end_at=end_at, devices=[TANK.lower()]).frame
    assert list(alone["device_id"].cat.categories) == [TANK]
    expected = whole[whole["device_id"] == TANK].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, expected.assign(device_id=alone["device_id"]), check_exact=True)
    assert synthlab.backfill(tiny_scenario, end_at=end_at, devices=TANK).frame.equals(alone)


def test_unknown_devices_are_all_named(tiny_scenario: synthlab.Scenario, end_at: datetime) -> None:
    with pytest.raises(UsageError) as caught:
        synthlab.backfill(tiny_scenario, end_at=end_at, devices=["NOBODY", TANK, "NOONE"])
    assert [str(problem.value).strip("'") for problem in caught.value.problems] == ["NOBODY", "NOONE"]
    assert TANK in caught.value.problems[0].remedy


def test_given_reservoirs_win_and_others_keep_theirs(
    tiny_scenario: synthlab.Scenario, end_at: datetime
) -> None:
    own = reservoirs_of(resolve(tiny_scenario), None)
    table = reservoirs_to_frame(own)
    table.loc[TANK, "capacity_liters"] = 1_234.0
    table.loc["SOMEBODY-ELSE"] = table.loc[TANK]
    for given in (table, table.reset_index()):
        frame = synthlab.backfill(tiny_scenario, end_at=end_at, reservoirs=given).frame
        tank = frame[frame["device_id"] == TANK]
        assert (tank["volume_liters"] / tank["level_pct"] * 100).dropna().round(6).unique() == [1_234.0]
    plain = synthlab.backfill(tiny_scenario, end_at=end_at).frame
    assert frame[frame["device_id"] == TRUCK].equals(plain[plain["device_id"] == TRUCK])


def test_an_unusable_reservoir_is_refused(tiny_scenario: synthlab.Scenario, end_at: datetime) -> None:
    own = reservoirs_of(resolve(tiny_scenario), None)
    table = reservoirs_to_frame(own).assign(capacity_liters=0.0)
    with pytest.raises(UsageError) as caught:
        synthlab.backfill(tiny_scenario, end_at=end_at, reservoirs=table)
    assert {problem.code for problem in caught.value.problems} == {"CAPACITY_INVALID"}


def test_going_on_needs_no_start(tiny_scenario: synthlab.Scenario, end_at: datetime) -> None:
    whole = synthlab.backfill(tiny_scenario, end_at=end_at)
    first = synthlab.backfill(tiny_scenario, start_at=end_at - DAY, end_at=end_at - DAY / 2)
    rest = synthlab.backfill(tiny_scenario, end_at=end_at, checkpoint=first.checkpoint)
    assert pd.concat([first.frame, rest.frame], ignore_index=True).equals(whole.frame)
    assert rest.checkpoint == whole.checkpoint


def test_going_on_with_a_gap_is_refused(tiny_scenario: synthlab.Scenario, end_at: datetime) -> None:
    first = synthlab.backfill(tiny_scenario, start_at=end_at - DAY, end_at=end_at - DAY / 2)
    with pytest.raises(UsageError) as caught:
        synthlab.backfill(
            tiny_scenario, start_at=end_at - timedelta(hours=1), end_at=end_at, checkpoint=first.checkpoint
        )
    assert {problem.path for problem in caught.value.problems} == {"start_at"}
    assert len(caught.value.problems) == 2


def test_a_checkpoint_of_another_seed_is_refused(tiny_scenario: synthlab.Scenario, end_at: datetime) -> None:
    first = synthlab.backfill(tiny_scenario, end_at=end_at)
    other = tiny_scenario.model_copy(update={"seed": 8})
    with pytest.raises(UsageError) as caught:
        synthlab.backfill(other, end_at=end_at + DAY, checkpoint=first.checkpoint)
    assert caught.value.problems[0].path == "checkpoint"
    assert "seed 7" in str(caught.value)


@pytest.mark.parametrize("end", ["2026-02-12", "soon", "2026-02-12T10:00:00.25Z"])
def test_a_moment_that_is_none_is_refused(tiny_scenario: synthlab.Scenario, end: str) -> None:
    with pytest.raises(UsageError) as caught:
        synthlab.backfill(tiny_scenario, end_at=end)
    assert caught.value.code == "BAD_ARGUMENT"


def test_no_device_at_all_is_refused(tiny_scenario: synthlab.Scenario, end_at: datetime) -> None:
    with pytest.raises(UsageError) as caught:
        synthlab.backfill(tiny_scenario, end_at=end_at, devices=[])
    assert (caught.value.code, caught.value.problems[0].path) == ("BAD_ARGUMENT", "devices")


@pytest.mark.parametrize("kind", ["BASE", "REFILL", "CLIENT"])
def test_a_truck_without_somewhere_to_go_is_refused(kind: str) -> None:
    other = "REFILL" if kind == "BASE" else "BASE"
    scenario = loads_scenario(TINY_SCENARIO.replace(f"kind: {kind}", f"kind: {other}"))
    with pytest.raises(PreflightError, match=f"none of {kind}") as caught:
        synthlab.backfill(scenario, end_at="2026-02-12T10:00:00Z")
    assert caught.value.code == "ROUTE_INCOMPLETE"
