"""Faults are the same on every way to a frame, and change nothing but what they are meant to."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

import synthlab
from synthlab.columns import NAMES, RAW_COLUMNS, frame_problems
from synthlab.scenario.faults import FAULT_KINDS
from synthlab.scenario.resolve import resolve

END_AT, MIDDLE, START_AT = "2026-02-12T10:00:00Z", "2026-02-08T06:55:00Z", "2026-02-05T10:00:00Z"
WATER = ("LEAK", "THEFT", "BLOCKED_INLET")
OTHERS = tuple(kind for kind in FAULT_KINDS if kind not in WATER)
QUICK = ("STUCK_LEVEL", "LATE", "GAP", "THEFT", "SPIKES")
SOME_AND_ALL = [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.long) for kind in FAULT_KINDS]
FLOWS = {"inflow": 1, "loaded": 1, "served": -1, "delivered": -1, "lost": -1, "overflow": -1}


@cache
def scenario() -> synthlab.Scenario:
    return synthlab.load_scenario("demo_city_v1").with_changes(days=7)


def entries(*kinds: str, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"kind": kind, **({"rate_per_day": 0.7} if "at" not in fields else {}), **fields} for kind in kinds
    ]


def with_faults(faults: list[dict[str, Any]]) -> synthlab.Scenario:
    return synthlab.Scenario.from_dict({**scenario().to_dict(), "faults": faults})


@cache
def clean() -> pd.DataFrame:
    return synthlab.backfill(scenario(), end_at=END_AT).frame


@cache
def faulty(*kinds: str) -> pd.DataFrame:
    return synthlab.backfill(with_faults(entries(*kinds)), end_at=END_AT).frame


def sent(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort rows as one window would, whatever windows they come from."""
    text = frame.astype({"fault": str, "device_id": str})
    return text.sort_values(["received_at", "device_id"], kind="stable", ignore_index=True)


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_a_fault_is_labeled_and_the_frame_stays_a_frame(kind: str) -> None:
    frame = faulty(kind)
    assert frame_problems(frame) == []
    assert list(frame["fault"].cat.categories) == ["", kind]
    assert (frame["fault"] == kind).any()
    order = frame.sort_values(["received_at", "device_id"], kind="stable").index
    assert order.equals(frame.index)


@pytest.mark.parametrize("kind", SOME_AND_ALL)
def test_a_window_in_two_parts_holds_what_one_would(kind: str) -> None:
    broken = with_faults(entries(kind))
    first = synthlab.backfill(broken, start_at=START_AT, end_at=MIDDLE)
    stands = synthlab.Checkpoint.from_dict(first.checkpoint.to_dict())
    second = synthlab.backfill(broken, end_at=END_AT, checkpoint=stands)
    whole = synthlab.backfill(broken, end_at=END_AT)
    pd.testing.assert_frame_equal(
        sent(pd.concat([first.frame.astype({"fault": str}), second.frame.astype({"fault": str})])),
        sent(whole.frame),
        check_exact=True,
    )
    assert second.checkpoint == whole.checkpoint


def test_other_devices_and_other_faults_change_none() -> None:
    alone = synthlab.backfill(with_faults(entries(*OTHERS)), end_at=END_AT, devices=["E2E2024STATA1"])
    among = faulty(*OTHERS)
    rows = among[among["device_id"] == "E2E2024STATA1"].reset_index(drop=True)
    pd.testing.assert_frame_equal(sent(alone.frame), sent(rows), check_exact=True)
    assert len(rows)
    # Of a kind alone every episode is there that is there among all kinds.
    spikes = clean_rows_with(faulty("BATTERY_SWAP"), "BATTERY_SWAP")
    assert clean_rows_with(among, "BATTERY_SWAP") <= spikes


def clean_rows_with(frame: pd.DataFrame, kind: str) -> set[tuple[str, int]]:
    rows = frame[frame["fault"] == kind]
    return set(zip(rows["device_id"].astype(str), rows["local_timestamp_ms"], strict=True))


def test_a_later_end_keeps_the_rows_sent_before() -> None:
    broken = with_faults(entries(*FAULT_KINDS))
    short = synthlab.backfill(broken, start_at=START_AT, end_at=MIDDLE).frame
    long = synthlab.backfill(broken, start_at=START_AT, end_at=END_AT).frame
    before = long[long["received_at"] <= pd.Timestamp(MIDDLE)]
    within = short[short["received_at"] <= pd.Timestamp(MIDDLE)]
    pd.testing.assert_frame_equal(sent(before), sent(within), check_exact=True)


def test_a_scenario_without_faults_gives_the_same_bytes_and_hash() -> None:
    from synthlab.scenario.resolve import scenario_sha256

    bare = synthlab.Scenario.from_dict({**scenario().to_dict(), "faults": []})
    assert "faults" not in bare.to_dict()
    assert scenario_sha256(bare) == scenario_sha256(scenario())
    pd.testing.assert_frame_equal(synthlab.backfill(bare, end_at=END_AT).frame, clean(), check_exact=True)


@pytest.mark.parametrize(
    "kind", [one for one in SOME_AND_ALL if one != "THEFT" and getattr(one, "values", ("",))[0] not in WATER]
)
def test_the_function_on_a_frame_does_what_the_block_does(kind: str) -> None:
    made = synthlab.inject_faults(clean(), entries(kind), seed=scenario().seed)
    pd.testing.assert_frame_equal(made, faulty(kind), check_exact=True)


@pytest.mark.long
@pytest.mark.parametrize("kind", WATER)
def test_the_function_on_a_frame_replays_the_storage(kind: str) -> None:
    """People save in the engine and draw as before on the frame; all else is equal."""
    made = synthlab.inject_faults(clean(), entries(kind), seed=scenario().seed)
    other = faulty(kind)
    assert_balanced(made)
    pd.testing.assert_series_equal(made["inflow_liters"], other["inflow_liters"])
    tanks = [one for one in resolve(scenario()) if one.mode == "STATIONARY"]
    untouched = set()
    for tank in tanks:
        rows, same = (frame[frame["device_id"] == tank.device_id] for frame in (made, other))
        saves_from = 100 * float(tank.values["near_empty_threshold_fraction"])
        saved = (rows["level_pct"] < saves_from).to_numpy().cumsum() > 0
        np.testing.assert_allclose(
            rows["volume_liters"].to_numpy()[~saved], same["volume_liters"].to_numpy()[~saved], atol=1e-6
        )
        assert (rows["fault"] == same["fault"]).to_numpy()[~saved].all()
        before = clean()[clean()["device_id"] == tank.device_id]
        # The sensor's distances stretch with the temperature, by at most 2 %; those on the frame do not.
        moved_pct = np.abs(same["level_pct"].to_numpy() - before["level_pct"].to_numpy())
        range_mm = tank.reservoir.sensor_empty_distance_mm - tank.reservoir.sensor_full_distance_mm
        shift = np.abs(rows[list(RAW_COLUMNS)].to_numpy() - same[list(RAW_COLUMNS)].to_numpy()).max(axis=1)
        # Water that comes in makes waves, which the frame keeps where the engine has none.
        is_calm = (before["inflow_liters"] == 0).to_numpy()
        assert (shift <= 1 + 0.02 * moved_pct / 100 * range_mm)[~saved & is_calm].all()
        untouched.add(bool((~saved).any()))
    assert True in untouched


@pytest.mark.parametrize("kind", WATER)
def test_the_balance_holds_and_says_where_the_water_went(kind: str) -> None:
    frame = faulty(kind)
    assert_balanced(frame)
    tanks = frame[frame["device_id"].astype(str).str.contains("STAT")]
    lost = tanks.loc[tanks["fault"] == kind, "lost_liters"]
    assert not tanks.loc[tanks["fault"] == "", "lost_liters"].any()
    if kind == "BLOCKED_INLET":
        assert tanks.loc[tanks["fault"] == kind, "inflow_liters"].median() == 0
        assert frame["inflow_liters"].sum() < clean()["inflow_liters"].sum()
    else:
        assert lost.sum() > 0


def assert_balanced(frame: pd.DataFrame) -> None:
    assert synthlab.check(frame).counts["mass_balance"]["FAIL"] == 0
    assert synthlab.check(frame).counts["mass_balance"]["SUSPECT"] == 0
    for _, rows in frame.groupby("device_id", observed=True):
        net = sum(sign * rows[f"{name}_liters"].to_numpy() for name, sign in FLOWS.items())
        np.testing.assert_allclose(np.diff(rows["volume_liters"]), net[1:], atol=1e-6)
        assert rows["level_pct"].between(0, 100).all()


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("TEMPERATURE_SENTINEL", {"temperature_c"}),
        ("BATTERY_CLIFF", {"battery_pct"}),
        ("BATTERY_SWAP", {"battery_pct"}),
        ("CLOCK_JUMP", {"local_timestamp_ms"}),
        ("CLOCK_RESET", {"local_timestamp_ms"}),
        ("GPS_JUMP", {"latitude", "longitude"}),
        ("SEQUENCE_RESET", {"seq"}),
        ("SPIKES", {*RAW_COLUMNS, "measured_level_pct"}),
        ("OFFSET", {*RAW_COLUMNS, "measured_level_pct"}),
        ("DRIFT", {*RAW_COLUMNS, "measured_level_pct"}),
        ("STUCK_LEVEL", {*RAW_COLUMNS, "measured_level_pct"}),
        ("NOISE_BURST", {*RAW_COLUMNS, "measured_level_pct"}),
        ("MISSING_ECHOES", {*RAW_COLUMNS, "measured_level_pct"}),
    ],
)
def test_a_fault_touches_its_own_columns_on_its_own_rows(kind: str, columns: set[str]) -> None:
    frame, before = faulty(kind), clean()
    is_faulty = (frame["fault"] == kind).to_numpy()
    for name in set(NAMES) - {"fault"}:
        same = (frame[name] == before[name]) | (frame[name].isna() & before[name].isna())
        assert same[~is_faulty].all(), name
        assert same[is_faulty].all() == (name not in columns), name


def test_a_position_that_is_not_there_jumps_nowhere_and_is_not_labeled() -> None:
    frame = clean()
    without = frame.assign(
        **{name: frame[name].where(frame["seq"] % 2 == 0) for name in ("latitude", "longitude")}
    )
    every_hour = [{"kind": "GPS_JUMP", "rate_per_day": 24}]
    jumped = synthlab.inject_faults(without, every_hour, seed=1)
    is_labeled = (jumped["fault"] == "GPS_JUMP").to_numpy()
    assert is_labeled.any()
    assert (jumped["latitude"] != without["latitude"])[is_labeled].all()
    assert jumped.loc[is_labeled, "latitude"].notna().all()


def test_readings_are_derived_again_by_the_platforms_rule() -> None:
    frame = faulty(*OTHERS)
    reservoirs = {one.device_id: one.reservoir for one in resolve(scenario())}
    found = synthlab.check(frame, reservoirs=reservoirs)
    assert found.counts["derived_level"]["FAIL"] + found.counts["derived_level"]["SUSPECT"] == 0


def test_messages_keep_their_numbers_and_move_as_documented() -> None:
    keys = ["device_id", "seq"]
    before = clean().astype({"device_id": str}).set_index(keys)
    doubled = faulty("DUPLICATE").astype({"device_id": str})
    copies = doubled[doubled["fault"] == "DUPLICATE"].set_index(keys)
    assert doubled.set_index(keys).index.value_counts().max() == 2
    assert ((copies["received_at"] - before.loc[copies.index, "received_at"]).dt.total_seconds() == 5).all()
    late = faulty("LATE").astype({"device_id": str}).set_index(keys)
    moved = late[late["fault"] == "LATE"]
    delay = (moved["received_at"] - before.loc[moved.index, "received_at"]).dt.total_seconds() / 60
    assert delay.between(45, 46).all()
    assert (moved["local_timestamp_ms"] == before.loc[moved.index, "local_timestamp_ms"]).all()
    assert late.index.sort_values().equals(before.index.sort_values())
    gaps = faulty("GAP").astype({"device_id": str})
    rows = gaps[gaps["fault"] == "GAP"]
    jumps = gaps.groupby("device_id")["seq"].diff()
    assert (jumps[rows.index] == 7 * 3600 / 300 + 1).mean() > 0.7
    assert jumps[gaps["fault"] == ""].dropna().eq(1).all()
    assert len(gaps) < len(before)


def test_a_reset_numbers_from_one_and_the_true_numbers_go_on() -> None:
    frame, before = faulty("SEQUENCE_RESET"), clean()
    is_reset = frame["fault"] == "SEQUENCE_RESET"
    rows = frame[is_reset].groupby("device_id", observed=True)
    assert frame.loc[is_reset, "seq"].max() == 6 * 3600 / 300
    assert (rows["seq"].min() == 1).all()
    assert frame.loc[~is_reset, "seq"].equals(before.loc[~is_reset, "seq"])
    broken = synthlab.backfill(with_faults(entries("SEQUENCE_RESET")), end_at=END_AT)
    assert {one.last_seq for one in broken.checkpoint.devices.values()} == set(
        before.groupby("device_id", observed=True)["seq"].max()
    )


def test_a_schedule_is_kept_and_a_short_episode_reaches_one_message() -> None:
    at = ["2026-02-07T00:02:00Z"]
    frame = synthlab.backfill(
        with_faults(entries("TEMPERATURE_SENTINEL", at=at, duration_minutes=0, devices=["E2E2024STATA1"])),
        end_at=END_AT,
    ).frame
    rows = frame[frame["fault"] != ""]
    assert rows["device_id"].tolist() == ["E2E2024STATA1"]
    assert rows["received_at"].tolist() == [pd.Timestamp("2026-02-07T00:05:00Z")]


def test_the_rate_is_the_mean_count_of_episodes() -> None:
    """0.7 a day, of six devices and seven days: 29 expected, 5.4 the standard deviation."""
    rows = faulty("SPIKES")
    assert 13 <= (rows["fault"] == "SPIKES").sum() <= 45


def test_size_zero_is_the_least_that_still_says_something() -> None:
    small = synthlab.inject_faults(clean(), entries("OFFSET", size=1), seed=scenario().seed)
    rows = small["fault"] == "OFFSET"
    moved = (small.loc[rows, "raw_mm_0"] - clean().loc[rows, "raw_mm_0"]).abs()
    assert moved[clean().loc[rows, "raw_mm_0"] > 1].max() == 1
