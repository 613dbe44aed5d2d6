"""Stationary processes look the same wherever the window starts, and are the same where two overlap."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from synthlab.columns import RAW_COLUMNS
from synthlab.scenario.hardware_parameters import MODELS
from tests.fleets import DAY, END_SECOND, HOUR, rows_of, run, tank, truck

RARE = 1e-6
DAYS, DEVICES = 14, 48
# Whole weeks apart, so that hours and weekdays are the same: 2001, 2026, 2043.
STARTS = tuple(END_SECOND - DAY * DAYS + weeks * 7 * DAY for weeks in (-1_300, 0, 900))
NETWORK = MODELS["network"]["harsh"]
HARSH = {name: value for name, value in MODELS["sensor"]["harsh"].items() if name != "slosh_noise_mm"}

# What does not follow from the water, whose content is the only state.
STATELESS_TANK = (
    *("temperature_c", "signal_dbm", "battery_pct", "local_timestamp_ms"),
    *("expected_demand_liters", "requested_liters"),
)
STATELESS_TRUCK = (
    *("temperature_c", "signal_dbm", "battery_pct", "local_timestamp_ms"),
    *("latitude", "longitude", "speed_kmh", "course_degrees", "activity"),
)


def fleet() -> list[object]:
    """Tanks that are never full or empty, so that what is measured is not where they began."""
    return [
        tank(
            f"T{i:02}",
            step_seconds=HOUR,
            battery_kind=("solar", "lipo", "primary")[i % 3],
            **HARSH,
            **NETWORK,
        )
        for i in range(DEVICES)
    ]


@pytest.fixture(scope="module")
def windows() -> list[pd.DataFrame]:
    return [run(fleet(), start_second=start, end_second=start + DAYS * DAY).frame for start in STARTS]


def of_devices(frame: pd.DataFrame, measure: Callable[[pd.DataFrame], float]) -> np.ndarray:
    return np.array([measure(rows) for _, rows in frame.groupby("device_id", observed=True)])


def lag_one(values: pd.Series) -> float:
    return float(np.corrcoef(values[1:], values[:-1])[0, 1])


def blind(rows: pd.DataFrame) -> pd.Series:
    return (rows[list(RAW_COLUMNS)] == -1).all(axis=1)


MEASURES: dict[str, Callable[[pd.DataFrame], float]] = {
    "mean temperature": lambda rows: rows["temperature_c"].mean(),
    "spread of temperature": lambda rows: rows["temperature_c"].std(),
    "mean signal": lambda rows: rows["signal_dbm"].mean(),
    "spread of signal": lambda rows: rows["signal_dbm"].std(),
    "memory of signal": lambda rows: lag_one(rows["signal_dbm"]),
    "mean charge": lambda rows: rows["battery_pct"].mean(),
    "asked for": lambda rows: rows["requested_liters"].sum(),
    "burstiness of demand": lambda rows: rows["requested_liters"].std(),
    "hours without demand": lambda rows: (rows["requested_liters"] == 0).mean(),
    "messages that arrive": lambda rows: float(len(rows)),
    "messages without echo": lambda rows: blind(rows).mean(),
    "readings without echo": lambda rows: (rows[list(RAW_COLUMNS)] == -1).to_numpy().mean(),
    "delay of the clock": lambda rows: (
        rows["received_at"].astype("int64") - rows["local_timestamp_ms"]
    ).mean(),
}


@pytest.mark.parametrize("name", MEASURES)
def test_a_statistic_is_the_same_in_every_window(name: str, windows: list[pd.DataFrame]) -> None:
    """Each device's own value in 2001, 2026 and 2043: the same distribution over devices."""
    found = [of_devices(frame, MEASURES[name]) for frame in windows]
    for later in found[1:]:
        assert stats.ks_2samp(found[0], later).pvalue > RARE, name
        difference = found[0] - later
        assert abs(difference.mean()) < stats.t.isf(RARE, DEVICES - 1) * difference.std(ddof=1) / DEVICES**0.5


def test_windows_are_not_copies_of_each_other(windows: list[pd.DataFrame]) -> None:
    first, second = (rows_of(frame, "T00")["temperature_c"].head(200) for frame in windows[:2])
    assert (first != second).mean() > 0.5


def test_the_first_days_of_a_window_are_like_the_last(windows: list[pd.DataFrame]) -> None:
    """No burn-in: a filter that starts from nothing would show in the spread of the first day."""
    for frame in windows:
        seconds = frame["received_at"].astype("int64") // 1_000
        day = (seconds - seconds.iloc[0]) // DAY
        for name in ("temperature_c", "signal_dbm"):
            first, last = (
                frame.loc[day == number].groupby("device_id", observed=True)[name].mean()
                for number in (0, 13)
            )
            assert stats.ks_2samp(first, last).pvalue > RARE
            assert 0.5 < first.std() / last.std() < 2.0


@pytest.mark.parametrize("hours", [1, 5, 24, 61])
def test_where_windows_overlap_what_is_no_water_is_identical(hours: int) -> None:
    """The tank's content depends on where a run began; nothing else may."""
    devices = [
        tank("T-A", **HARSH),
        tank("T-C", "stationary_archetype_c", battery_kind="lipo", initial_level_fraction=0.1),
        truck("V-H"),
        truck("V-L", "mobile_fragmented_high_loss"),
    ]
    early = run(devices, days=4).frame
    late = run(devices, start_second=END_SECOND - 4 * DAY + hours * HOUR).frame
    for device in devices:
        part = rows_of(late, device.device_id)
        whole = rows_of(early, device.device_id).tail(len(part)).reset_index(drop=True)
        for name in STATELESS_TRUCK if device.mode == "MOBILE" else STATELESS_TANK:
            same = (whole[name] == part[name]) | (whole[name].isna() & part[name].isna())
            assert same.all(), (device.device_id, name)
        if device.mode == "STATIONARY":
            missing = [(rows[list(RAW_COLUMNS)] == -1).to_numpy() for rows in (whole, part)]
            assert (missing[0] == missing[1]).all()
