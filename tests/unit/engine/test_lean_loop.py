"""The benchmark's yardstick computes the same model: its means are the engine's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.lean_loop import simulate_tank
from synthlab.columns import NAMES
from tests.fleets import DAY, END_SECOND, run, tank

DAYS = 60


@pytest.fixture(scope="module")
def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    # One session a day: otherwise households differ by whole sessions, for good.
    devices = [
        tank(f"D{i}", step_seconds=1800, no_echo_prob=0.05, reading_noise_mm=5.0, supply_sessions_per_day=1.0)
        for i in range(20)
    ]
    rows: list[tuple[object, ...]] = []
    start = END_SECOND - DAYS * DAY
    for device in devices:
        rows += simulate_tank(device, device.reservoir, seed=1, start_second=start, end_second=END_SECOND)
    return pd.DataFrame.from_records(rows, columns=list(NAMES)), run(devices, days=DAYS, seed=1).frame


def test_it_makes_the_same_grid(frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    loop, engine = frames
    loop = loop.sort_values(["received_at", "device_id"], ignore_index=True)
    assert (loop["received_at"] * 1000 == engine["received_at"].astype("int64")).all()
    assert (loop["seq"] == engine["seq"]).all()
    assert np.allclose(loop["expected_demand_liters"], engine["expected_demand_liters"])


def test_its_water_balances(frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    loop, _ = frames
    for _, rows in loop.groupby("device_id"):
        change = rows["inflow_liters"] - rows["served_liters"] - rows["overflow_liters"]
        assert np.abs(rows["volume_liters"].diff() - change).iloc[1:].max() < 1e-6
    assert (loop["requested_liters"] >= loop["served_liters"]).all()


@pytest.mark.parametrize(
    ("column", "tolerance", "spread"),
    [
        ("requested_liters", 0.05, 0.1),
        ("inflow_liters", 0.05, 0.1),
        ("level_pct", 0.05, 0.15),
        ("measured_level_pct", 0.05, 0.15),
        ("temperature_c", 0.03, 0.05),
        ("signal_dbm", 0.02, 0.2),
        ("battery_pct", 0.02, 0.3),  # a few weeks of a value that lasts for months
        ("raw_mm_2", 0.05, 0.15),
    ],
)
def test_its_means_and_spreads_are_the_engines(
    frames: tuple[pd.DataFrame, pd.DataFrame], column: str, tolerance: float, spread: float
) -> None:
    loop, engine = (frame[column].to_numpy(float) for frame in frames)
    assert np.nanmean(loop) == pytest.approx(np.nanmean(engine), rel=tolerance)
    assert np.nanstd(loop) == pytest.approx(np.nanstd(engine), rel=spread)


def test_its_households_live_as_the_engines_do(frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    """Same rhythm: how often nothing is used, and how alike an hour is to the next day's."""
    idle, alike, own = [], [], []
    for frame in frames:
        uses = [rows["requested_liters"] for _, rows in frame.groupby("device_id", observed=True)]
        idle.append(np.mean([(use == 0).mean() for use in uses]))
        alike.append(np.mean([use.autocorr(48) for use in uses]))
        own.append([use.groupby(np.arange(len(use)) // 2 % 24).mean().to_numpy() for use in uses])
    assert idle[0] == pytest.approx(idle[1], abs=0.03)
    assert alike[0] == pytest.approx(alike[1], abs=0.05)
    # A household has its own hours, and the same ones on both sides.
    same = [np.corrcoef(a, b)[0, 1] for a, b in zip(*own, strict=True)]
    other = [np.corrcoef(a, b)[0, 1] for a, b in zip(own[0], own[1][1:] + own[1][:1], strict=True)]
    assert np.mean(same) > 0.4
    assert np.mean(same) > np.mean(other) + 0.2


def test_its_readings_are_as_noisy_and_as_often_missing(frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    spreads, missing = [], []
    for frame in frames:
        raw = frame[[f"raw_mm_{i}" for i in range(5)]].to_numpy(float)
        missing.append((raw == -1).mean())
        spreads.append(np.std(raw[(raw > 0).all(axis=1)], axis=1, ddof=1).mean())
    assert spreads[0] == pytest.approx(spreads[1], rel=0.03)
    assert missing == pytest.approx([0.05, 0.05], rel=0.04)
