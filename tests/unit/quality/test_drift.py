from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from synthlab.quality.drift import COMPARED, distribution_drift, ks_distance, row_agreement
from tests.frames import telemetry_frame

SAMPLES = st.lists(st.floats(-100, 100), min_size=1, max_size=60)


@given(SAMPLES, SAMPLES)
def test_the_distance_is_the_largest_of_shares(a: list[float], b: list[float]) -> None:
    apart = [abs(np.mean(np.array(a) <= value) - np.mean(np.array(b) <= value)) for value in a + b]
    assert ks_distance(a, b) == pytest.approx(max(apart), abs=1e-12)


def test_the_distance_is_scipys() -> None:
    a, b = np.random.default_rng(3).normal(0, 1, 200), np.random.default_rng(4).normal(0.4, 1, 90)
    assert ks_distance(a, b) == pytest.approx(ks_2samp(a, b).statistic, abs=1e-12)


def test_a_distance_of_nothing_is_none() -> None:
    assert np.isnan(ks_distance([np.nan], [1.0]))


def test_a_frame_agrees_with_itself() -> None:
    frame = telemetry_frame(steps=30)
    devices, columns = row_agreement(frame, frame)
    assert (devices["equal_count"] == 30).all()
    assert set(columns.index) == set(COMPARED)
    assert (columns["equal_count"] == 90).all()
    assert columns["largest_difference"].fillna(0).eq(0).all()
    assert distribution_drift(frame, frame)["ks"].eq(0).all()


def test_exactly_the_changed_cells_differ() -> None:
    frame = telemetry_frame(steps=30)
    other = frame.copy()
    tank = np.flatnonzero(frame["device_id"] == "TANK-1")
    other.loc[tank[3:7], "temperature_c"] += 2.5
    other.loc[tank[5], "battery_pct"] -= 1
    # Rows that were lost or came later, and the numbering, are no different content.
    other = other.drop(index=tank[10:12]).iloc[::-1].reset_index(drop=True)
    other["seq"] += 1_000
    devices, columns = row_agreement(frame, other)
    assert devices.loc["TANK-1"].tolist() == [30, 28, 28, 24]
    assert devices.loc["TANK-0"].tolist() == [30, 30, 30, 30]
    assert columns.loc["temperature_c"].tolist() == pytest.approx([88, 84, 2.5])
    assert columns.loc["battery_pct"].tolist() == [88, 87, 1]
    assert columns.loc["seq"].tolist() == [88, 0, 1_000]
    assert columns.loc["level_pct", "equal_count"] == 88


def test_texts_are_compared_by_what_they_say() -> None:
    frame = telemetry_frame(steps=10)
    other = frame.copy()
    other["fault"] = other["fault"].cat.add_categories(["stuck"])
    other.loc[0, "fault"] = "stuck"
    _, columns = row_agreement(frame, other)
    assert columns.loc["fault", "equal_count"] == len(frame) - 1
    assert columns.loc["activity", "equal_count"] == len(frame)


def test_devices_of_one_side_share_nothing() -> None:
    devices, columns = row_agreement(telemetry_frame(tanks=1, trucks=0), telemetry_frame(tanks=0, trucks=1))
    assert devices["shared_count"].tolist() == [0, 0]
    assert devices["row_count_a"].tolist() == [40, 0]
    assert columns["largest_difference"].isna().all()


def test_a_shifted_distribution_is_told_with_its_quantiles() -> None:
    frame = telemetry_frame(tanks=1, trucks=0, steps=200)
    other = frame.assign(temperature_c=frame["temperature_c"] + 50)
    drift = distribution_drift(frame, other)
    row = drift.loc[("TANK-0", "temperature_c")]
    assert row["ks"] == 1.0
    assert row["median_b"] - row["median_a"] == pytest.approx(50)
    assert row["p05_a"] == pytest.approx(frame["temperature_c"].quantile(0.05))
    assert drift.drop(index=[("TANK-0", "temperature_c")])["ks"].eq(0).all()
    assert ("TANK-0", "speed_kmh") not in drift.index
