from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from synthlab.quality.profile import DISTRIBUTIONS, TOTALS, profile
from synthlab.timeline import Window
from tests.frames import START_MS, telemetry_frame


def _window(days: float) -> Window:
    return Window(START_MS // 1_000, START_MS // 1_000 + int(days * 86_400))


def test_coverage_is_rows_against_the_window() -> None:
    frame = telemetry_frame(tanks=1, trucks=0, steps=289)
    whole = profile(frame, window=_window(1), step_seconds={"TANK-0": 300})["TANK-0"]
    assert (whole["row_count"], whole["expected_row_count"], whole["coverage_fraction"]) == (289, 289, 1.0)
    half = profile(frame.iloc[:72], window=_window(1), step_seconds={"TANK-0": 300})["TANK-0"]
    assert half["coverage_fraction"] == pytest.approx(72 / 289, abs=1e-3)


def test_rows_that_came_twice_or_without_a_time_cover_nothing_more() -> None:
    frame = telemetry_frame(tanks=1, trucks=0, steps=289)
    twice = pd.concat([frame, frame.iloc[40:60]], ignore_index=True)
    found = profile(twice, window=_window(1), step_seconds={"TANK-0": 300})["TANK-0"]
    assert (found["row_count"], found["coverage_fraction"]) == (309, 1.0)
    assert max(found["hourly_coverage_fraction"]) == 1.0
    twice.loc[3, "received_at"] = pd.NaT
    found = profile(twice, window=_window(1), step_seconds={"TANK-0": 300})["TANK-0"]
    assert found["coverage_fraction"] == pytest.approx(288 / 289, abs=1e-3)
    assert found["coverage_fraction"] < 1


def test_a_device_without_rows_is_described_as_such() -> None:
    described = profile(telemetry_frame(steps=5), window=_window(1), step_seconds={"TANK-9": 300})["TANK-9"]
    assert (described["row_count"], described["coverage_fraction"]) == (0, 0.0)
    assert described["first_received_at"] is None
    assert described["distributions"]["level_pct"]["median"] is None


def test_numbers_are_those_of_the_rows() -> None:
    frame = telemetry_frame(tanks=1, trucks=0, steps=577, seed=4)
    frame.loc[:56, "measured_level_pct"] = np.nan
    described = profile(frame, window=_window(2))["TANK-0"]
    assert set(described["totals"]) == set(TOTALS)
    assert described["totals"]["inflow_liters"] == pytest.approx(frame["inflow_liters"].sum(), abs=1e-3)
    assert described["liters_per_day"]["inflow_liters"] == pytest.approx(
        frame["inflow_liters"].sum() / 2, abs=1e-3
    )
    level = described["distributions"]["level_pct"]
    assert level["median"] == pytest.approx(frame["level_pct"].median(), abs=1e-3)
    assert (level["min"], level["max"]) == (
        pytest.approx(frame["level_pct"].min(), abs=1e-3),
        pytest.approx(frame["level_pct"].max(), abs=1e-3),
    )
    measured = described["distributions"]["measured_level_pct"]
    assert measured["missing_fraction"] == pytest.approx(frame["measured_level_pct"].isna().mean(), abs=1e-3)
    assert described["distributions"]["speed_kmh"]["missing_fraction"] == 1.0
    raw = frame[[f"raw_mm_{i}" for i in range(5)]]
    assert described["no_echo_fraction"] == pytest.approx((raw == -1).to_numpy().mean(), abs=1e-6)
    assert set(described["distributions"]) == set(DISTRIBUTIONS)


def test_hourly_means_are_of_full_hours() -> None:
    frame = telemetry_frame(tanks=1, trucks=0, steps=48, step_seconds=3_600).assign(inflow_liters=2.5)
    described = profile(frame)["TANK-0"]
    assert described["hourly_mean_liters"]["inflow_liters"] == [2.5] * 24
    often = telemetry_frame(tanks=1, trucks=0, steps=36, step_seconds=300).assign(inflow_liters=0.5)
    assert profile(often)["TANK-0"]["hourly_mean_liters"]["inflow_liters"][8:11] == [6.0, 6.0, 6.0]
    short = profile(frame.iloc[:3])["TANK-0"]["hourly_mean_liters"]["inflow_liters"]
    assert short[8:11] == [2.5, 2.5, 2.5]
    assert short[:8] == [None] * 8


def test_missing_times_are_survived_and_the_profile_is_json() -> None:
    frame = telemetry_frame(steps=10)
    frame.loc[3, "received_at"] = pd.NaT
    described = profile(frame, step_seconds={"TANK-0": 300})
    assert list(described) == ["TANK-0", "TANK-1", "TRUCK_0"]
    assert json.dumps(described, allow_nan=False)
    assert profile(telemetry_frame(steps=0)) == {}


def test_each_hour_of_the_day_is_described_by_its_own_rows() -> None:
    frame = telemetry_frame(tanks=1, trucks=0, steps=577, seed=4)
    hours = frame["received_at"].dt.hour
    # Five in six rows of hour 8 are lost, and hour 9 has no echo at all.
    frame = frame[(hours != 8) | (frame["received_at"].dt.minute < 10)].reset_index(drop=True)
    hours = frame["received_at"].dt.hour
    frame.loc[hours == 9, [f"raw_mm_{i}" for i in range(5)]] = -1
    frame.loc[hours == 9, "measured_level_pct"] = np.nan
    described = profile(frame, window=_window(2), step_seconds={"TANK-0": 300})["TANK-0"]
    assert described["hourly_row_count"] == hours.value_counts().reindex(range(24), fill_value=0).tolist()
    assert described["hourly_coverage_fraction"][8] == pytest.approx(5 / 25, abs=1e-3)
    assert described["hourly_coverage_fraction"][9:] == [1.0] * 15
    assert described["hourly_no_echo_fraction"][9] == 1.0
    assert described["hourly_mean"]["measured_level_pct"][9] is None
    means = frame.groupby(hours)["level_pct"].mean()
    assert described["hourly_mean"]["level_pct"] == pytest.approx(means.tolist(), abs=1e-3)
    per_hour = frame["inflow_liters"].groupby(hours).sum() / (hours.value_counts() * 300 / 3_600)
    got = described["hourly_mean_liters"]["inflow_liters"]
    assert [got[h] for h in range(9, 24)] == pytest.approx([per_hour[h] for h in range(9, 24)], abs=1e-3)


def test_without_a_window_no_hour_is_expected_to_have_rows() -> None:
    described = profile(telemetry_frame(tanks=1, trucks=0, steps=5))["TANK-0"]
    assert described["hourly_coverage_fraction"] == [None] * 24
