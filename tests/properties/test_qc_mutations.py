"""Each seeded defect in a clean frame FAILs at exactly its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthlab.quality.checks import check
from synthlab.quality.flags import Flag
from tests.frames import reservoirs_of, telemetry_frame

STEPS = 30
DAY_MS = 86_400_000


def _set(column: str, value: Any) -> Callable[[pd.DataFrame, int], pd.DataFrame]:
    def mutate(frame: pd.DataFrame, row: int) -> pd.DataFrame:
        values = frame[column].to_numpy(copy=True)
        values[row] = value(values[row]) if callable(value) else value
        return frame.assign(**{column: values})

    return mutate


def _shift_time(minutes: float) -> Callable[[pd.DataFrame, int], pd.DataFrame]:
    def mutate(frame: pd.DataFrame, row: int) -> pd.DataFrame:
        times = frame["received_at"].copy()
        times.iloc[row] = times.iloc[row] + pd.Timedelta(minutes=minutes)
        return frame.assign(received_at=times)

    return mutate


def _no_time(frame: pd.DataFrame, row: int) -> pd.DataFrame:
    times = frame["received_at"].copy()
    times.iloc[row] = pd.NaT
    return frame.assign(received_at=times)


def _all_readings(value: int) -> Callable[[pd.DataFrame, int], pd.DataFrame]:
    def mutate(frame: pd.DataFrame, row: int) -> pd.DataFrame:
        for i in range(5):
            frame = _set(f"raw_mm_{i}", value)(frame, row)
        return _set("measured_level_pct", np.nan)(frame, row)

    return mutate


@dataclass(frozen=True)
class Defect:
    name: str
    mutate: Callable[[pd.DataFrame, int], pd.DataFrame]
    # The check that must say FAIL.
    check: str
    # Others that may say FAIL too, at the same row.
    also: frozenset[str] = frozenset()


DERIVED = frozenset({"derived_level"})
# In a burst with lost echoes one false reading is a quartile.
OF_READING = DERIVED | {"burst_spread"}

DEFECTS = (
    Defect("time missing", _no_time, "timestamp"),
    Defect(
        "time a century off",
        _shift_time(60 * 24 * 365 * 100),
        "timestamp",
        frozenset({"clock_skew", "time_order"}),
    ),
    Defect("time forward", _shift_time(60), "time_order"),
    Defect("time back", _shift_time(-7), "time_order"),
    Defect("clock jump", _set("local_timestamp_ms", lambda v: v + 2 * DAY_MS), "clock_skew"),
    Defect("clock reset", _set("local_timestamp_ms", 946_684_805_000), "sentinel", frozenset({"clock_skew"})),
    Defect("reading 0", _set("raw_mm_2", 0), "sentinel", OF_READING),
    Defect("reading 65535", _set("raw_mm_2", 65_535), "sentinel", OF_READING),
    Defect("no echo at all", _all_readings(-1), "valid_fraction"),
    Defect("temperature 85", _set("temperature_c", 85.0), "sentinel"),
    Defect("temperature -50", _set("temperature_c", -50.0), "temperature_range"),
    Defect("battery 101", _set("battery_pct", 101), "battery_range"),
    Defect("battery -1", _set("battery_pct", -1), "battery_range", frozenset({"battery_change"})),
    Defect("signal 1", _set("signal_dbm", 1), "signal_range"),
    Defect(
        "measured level 111", _set("measured_level_pct", 111.0), "level_range", frozenset({"derived_level"})
    ),
    Defect("measured level off", _set("measured_level_pct", lambda v: v - 1), "derived_level"),
    Defect("level 101", _set("level_pct", 101.0), "level_bounds", frozenset({"level_volume"})),
    Defect("level -1", _set("level_pct", -1.0), "level_bounds", frozenset({"level_volume"})),
    Defect("level off", _set("level_pct", lambda v: (v + 50) % 100), "level_volume"),
    Defect("content off", _set("volume_liters", lambda v: v + 0.5), "mass_balance"),
    Defect("inflow off", _set("inflow_liters", lambda v: v + 0.01), "mass_balance"),
    Defect("loss off", _set("lost_liters", lambda v: v + 0.01), "mass_balance"),
    Defect("inflow negative", _set("inflow_liters", -1.0), "flow_bounds", frozenset({"mass_balance"})),
    Defect("served more than asked", _set("requested_liters", -1.0), "flow_bounds"),
    Defect("half a position", _set("latitude", lambda v: 1.0 if np.isnan(v) else np.nan), "location"),
    Defect("latitude 91", _set("latitude", 91.0), "location", frozenset({"implied_speed"})),
)


def _failed(frame: pd.DataFrame) -> dict[str, list[int]]:
    findings = check(
        frame, reservoirs=reservoirs_of(frame), step_seconds=dict.fromkeys(reservoirs_of(frame), 300)
    )
    failed = findings.flags == Flag.FAIL
    assert findings.passed == (not failed.to_numpy().any())
    return {name: np.flatnonzero(failed[name]).tolist() for name in failed if failed[name].any()}


# A row amid its device's: at the ends some defects cannot be told, or only by one neighbour.
inner_rows = st.integers(2 * 3, (STEPS - 2) * 3 - 1)
seeds = st.integers(0, 20)


@cache
def _clean(seed: int) -> pd.DataFrame:
    return telemetry_frame(steps=STEPS, seed=seed)


@given(seeds)
def test_a_clean_frame_fails_nowhere(seed: int) -> None:
    assert _failed(_clean(seed)) == {}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
@settings(max_examples=max(settings.default.max_examples // 4, 5))
@given(seeds, inner_rows)
def test_a_wrong_value_fails_at_its_row(defect: Defect, seed: int, row: int) -> None:
    frame = _clean(seed)
    failed = _failed(defect.mutate(frame, row))
    assert failed[defect.check] == [row]
    for name, rows in failed.items():
        assert name == defect.check or name in defect.also, name
        # An impossible position also leaves its successor at an impossible speed.
        assert rows == [row] or (name == "implied_speed" and rows == [row, row + 3]), name


@given(seeds, inner_rows)
def test_a_missing_row_fails_at_the_row_after_it(seed: int, row: int) -> None:
    frame = _clean(seed).drop(index=row).reset_index(drop=True)
    assert _failed(frame) == {"seq_gap": [row + 2]}


@given(seeds, inner_rows)
def test_a_repeated_row_fails_where_it_comes_again(seed: int, row: int) -> None:
    frame = _clean(seed)
    twice = pd.concat([frame.iloc[: row + 1], frame.iloc[row:]], ignore_index=True)
    assert _failed(twice) == {"seq_duplicate": [row + 1], "time_order": [row + 1]}


@given(seeds, inner_rows)
def test_a_swapped_row_fails_where_the_device_falls_back(seed: int, row: int) -> None:
    frame = _clean(seed)
    places = np.arange(len(frame))
    places[[row, row + 3]] = places[[row + 3, row]]
    assert _failed(frame.iloc[places].reset_index(drop=True)) == {
        "seq_order": [row + 3],
        "time_order": [row + 3],
    }


@given(seeds, inner_rows)
def test_a_sequence_number_seen_before_fails_at_its_row(seed: int, row: int) -> None:
    frame = _set("seq", lambda v: v - 1)(_clean(seed), row)
    failed = _failed(frame)
    assert failed["seq_duplicate"] == [row]
    assert failed["seq_gap"] == [row + 3]
    assert set(failed) == {"seq_duplicate", "seq_gap"}


@given(seeds, st.sampled_from(["TANK-0", "TRUCK_0"]))
def test_a_sensor_that_is_stuck_for_days_fails(seed: int, device: str) -> None:
    frame = telemetry_frame(tanks=1, trucks=1, steps=100, step_seconds=3_600, seed=seed)
    rows = np.flatnonzero((frame["device_id"] == device).to_numpy())[5:]
    for i in range(5):
        frame.loc[rows, f"raw_mm_{i}"] = 700
    frame.loc[rows, "measured_level_pct"] = 68.75
    findings = check(frame)
    flags = findings.flags["flat_line"]
    assert np.flatnonzero(flags == Flag.FAIL).tolist() == rows[72:].tolist()
    assert np.flatnonzero(flags == Flag.SUSPECT).tolist() == rows[24:72].tolist()
