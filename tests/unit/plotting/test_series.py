from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.errors import UsageError
from synthlab.plotting.series import decimate, hour_and_weekend, mobile_devices, rows_of

MINUTE = np.timedelta64(60_000, "ms")


def _times(count: int) -> np.ndarray:
    return np.datetime64("2026-02-06T00:00:00", "ms") + np.arange(count) * MINUTE


@given(
    values=st.lists(st.floats(0, 100), min_size=50, max_size=400),
    buckets=st.integers(2, 12),
)
def test_decimation_keeps_ends_and_every_bucket_s_extremes(values: list[float], buckets: int) -> None:
    times, array = _times(len(values)), np.array(values)
    kept_times, kept = decimate(times, array, buckets=buckets)
    assert len(kept) <= max(4 * buckets, len(values) if len(values) <= 4 * buckets else 4 * buckets)
    assert (kept_times[0], kept_times[-1]) == (times[0], times[-1])
    assert (np.diff(kept_times.astype(int)) > 0).all()
    moments = times.astype(np.int64) - times[0].astype(np.int64)
    bucket = np.minimum(moments * buckets // moments[-1], buckets - 1)
    kept_bucket = bucket[np.searchsorted(times, kept_times)]
    for number in range(buckets):
        here, shown = array[bucket == number], kept[kept_bucket == number]
        assert (shown.min(), shown.max()) == (here.min(), here.max())


def test_decimation_invents_nothing() -> None:
    times, values = _times(5_000), np.sin(np.arange(5_000) / 7)
    kept_times, kept = decimate(times, values, buckets=50)
    original = dict(zip(times.tolist(), values.tolist(), strict=True))
    assert len(kept) < 250
    assert [original[time] for time in kept_times.tolist()] == kept.tolist()


def test_a_short_series_stays_whole() -> None:
    times, values = _times(100), np.arange(100.0)
    kept_times, kept = decimate(times, values, buckets=50)
    assert (kept_times == times).all()
    assert (kept == values).all()


@pytest.mark.parametrize("buckets", [10, 10_000])
def test_a_gap_breaks_the_line(buckets: int) -> None:
    times, values = _times(1_000), np.ones(1_000)
    there = np.r_[0:400, 500:1_000]
    _, kept = decimate(times[there], values[there], buckets=buckets)
    assert np.isnan(kept).sum() == 1
    missing_one = np.r_[0:400, 401:1_000]
    _, kept = decimate(times[missing_one], values[missing_one], buckets=buckets)
    assert not np.isnan(kept).any()


def test_readings_without_echo_are_a_gap_too() -> None:
    times, values = _times(1_000), np.ones(1_000)
    values[300:350] = np.nan
    _, kept = decimate(times, values, buckets=10_000)
    assert np.isnan(kept).sum() == 1
    assert len(kept) == 951


def test_nothing_to_draw_stays_nothing() -> None:
    _, kept = decimate(_times(5), np.full(5, np.nan), buckets=3)
    assert len(kept) == 0


def test_rows_come_by_device_and_in_time(two_tanks: pd.DataFrame) -> None:
    shuffled = two_tanks.sample(frac=1, random_state=1)
    rows = rows_of(shuffled, ["level_pct"])
    assert rows.device_ids == ("TANK1", "TANK2")
    assert (np.diff(rows.device) >= 0).all()
    assert (np.diff(rows.times[rows.span(1)].astype(int)) > 0).all()
    assert rows.step_seconds.tolist() == [300, 300]
    assert rows.values("level_pct")[rows.span(0)].tolist() == [50.0] * 864


def test_rows_without_a_time_are_left_out(two_tanks: pd.DataFrame) -> None:
    frame = two_tanks.copy()
    frame.loc[[3, 4, 5], "received_at"] = pd.NaT
    assert len(rows_of(frame, ["level_pct"]).times) == len(frame) - 3


def test_trucks_are_told_from_tanks(two_tanks: pd.DataFrame, make_truck, join_rows) -> None:
    frame = join_rows(two_tanks, make_truck())
    assert mobile_devices(frame) == ["TRUCK1"]
    assert rows_of(frame, ["level_pct"], mobile=True).device_ids == ("TRUCK1",)
    assert rows_of(frame, ["level_pct"], mobile=False).device_ids == ("TANK1", "TANK2")


def test_devices_are_chosen_by_name_in_any_case(two_tanks: pd.DataFrame) -> None:
    assert rows_of(two_tanks, ["level_pct"], devices="tank2").device_ids == ("TANK2",)


def test_a_bad_call_says_what_is_wrong(two_tanks: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="has no rows in the frame, got 'TANK9'"):
        rows_of(two_tanks, ["level_pct"], devices=["TANK9"])
    with pytest.raises(UsageError, match="is no column of the frame, got depth_pct"):
        rows_of(two_tanks, ["depth_pct"])
    with pytest.raises(UsageError, match="has no rows to show"):
        rows_of(two_tanks.iloc[:0], ["level_pct"])
    with pytest.raises(UsageError, match="has no rows to show"):
        rows_of(two_tanks, ["level_pct"], mobile=True)


def test_hours_and_weekends() -> None:
    moments = ["2026-02-06T23:59", "2026-02-07T00:00", "2026-02-08T12:30", "2026-02-09T00:00"]
    hours, weekend = hour_and_weekend(np.array(moments, dtype="datetime64[ms]"))
    assert hours.tolist() == [23, 0, 12, 0]
    assert weekend.tolist() == [False, True, True, False]
