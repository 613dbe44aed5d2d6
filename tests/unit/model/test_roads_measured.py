"""How a truck moves against measured traces of delivery vehicles, a position every five seconds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from synthlab.model.trips import EARTH_METERS_PER_DEGREE
from tests.fleets import EXACT_GPS, run, truck

F64 = npt.NDArray[np.float64]
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Of traces in town, mean 10..40 km/h: speed / mean of all at QUANTILES. Source: M, the file below.
TOWN_SPEEDS = (0.04, 0.45, 0.93, 1.46, 2.24)


def autocorrelation(runs: list[F64], lag: int) -> float:
    """Of speeds that follow one another, about the mean of all."""
    every = np.concatenate(runs)
    pairs = [(one[:-lag] - every.mean()) * (one[lag:] - every.mean()) for one in runs if len(one) > lag]
    return float(np.concatenate(pairs).mean() / every.var())


@pytest.fixture(scope="module")
def simulated() -> list[F64]:
    """Speeds of each trip, from positions five seconds apart. [km/h]"""
    found: list[F64] = []
    for archetype in ("mobile_high_efficiency", "mobile_fragmented_high_loss"):
        frame = run([truck("T", archetype, step_seconds=5, **EXACT_GPS)], days=3).frame
        latitude, longitude = frame["latitude"].to_numpy(), frame["longitude"].to_numpy()
        north = np.diff(latitude) * EARTH_METERS_PER_DEGREE
        east = np.diff(longitude) * EARTH_METERS_PER_DEGREE * np.cos(np.deg2rad(latitude[:-1]))
        speed = np.hypot(north, east) / 5 * 3.6
        travels = (frame["activity"] == "TRAVEL").to_numpy()
        rows = np.flatnonzero(travels[1:] & travels[:-1])
        trips = np.split(speed[rows], np.flatnonzero(np.diff(rows) != 1) + 1)
        # In units of the archetype's mean, times a town's mean: two fleets in one.
        mean = np.concatenate(trips).mean()
        found += [trip / mean * 24.8 for trip in trips if len(trip) >= 12]
    return found


def test_speeds_are_spread_as_in_town(simulated: list[F64]) -> None:
    speeds = np.concatenate(simulated)
    assert np.abs(np.quantile(speeds, QUANTILES) / speeds.mean() - TOWN_SPEEDS).max() < 0.3
    # Not at one speed, and not without a halt.
    assert 0.04 < (speeds < 2).mean() < 0.12


def test_speeds_follow_one_another_as_in_town(simulated: list[F64]) -> None:
    assert 0.70 < autocorrelation(simulated, 1) < 0.88
    assert 0.40 < autocorrelation(simulated, 2) < 0.68
    assert 0.05 < autocorrelation(simulated, 4) < 0.40


def test_the_road_bends(simulated: list[F64]) -> None:
    frame = run([truck(step_seconds=5, **EXACT_GPS)], days=1).frame
    moves = (frame["speed_kmh"] > 8).to_numpy()
    turn = np.abs((np.diff(frame["course_degrees"]) + 180) % 360 - 180)[moves[1:] & moves[:-1]]
    # A corner now and then, straight between them.
    assert 0.03 < (turn > 20).mean() < 0.35
    assert np.quantile(turn, 0.5) == 0


@pytest.mark.skipif(
    not (Path(os.environ.get("SYNTHLAB_MEASUREMENTS", "")) / "delivery_gps.csv.gz").is_file(),
    reason="SYNTHLAB_MEASUREMENTS names no folder with delivery_gps.csv.gz",
)
def test_speeds_against_the_measured_ones(simulated: list[F64]) -> None:
    traces = pd.read_csv(Path(os.environ["SYNTHLAB_MEASUREMENTS"]) / "delivery_gps.csv.gz")
    measured: list[F64] = []
    for _, trace in traces.groupby("chunk"):
        speed = np.hypot(np.diff(trace["x_m"]), np.diff(trace["y_m"])) / 5 * 3.6
        drives = (trace["activity"] == "Driving").to_numpy()
        rows = np.flatnonzero(drives[1:] & drives[:-1] & (np.diff(trace["second"]) == 5))
        if len(rows) < 20 or not 10 < speed[rows].mean() < 40:
            continue
        runs = np.split(speed[rows], np.flatnonzero(np.diff(rows) != 1) + 1)
        measured += [one for one in runs if len(one) >= 12]
    relative = [
        np.quantile(np.concatenate(runs), QUANTILES) / np.concatenate(runs).mean()
        for runs in (measured, simulated)
    ]
    print("speed / mean at 5/25/50/75/95 %:", *(values.round(2) for values in relative))
    assert np.abs(relative[0] - TOWN_SPEEDS).max() < 0.02
    assert np.abs(relative[0] - relative[1]).max() < 0.3
    for lag, allowed in ((1, 0.1), (2, 0.12), (4, 0.2)):
        pair = autocorrelation(measured, lag), autocorrelation(simulated, lag)
        print(f"autocorrelation at {5 * lag} s: {pair[0]:.2f} measured, {pair[1]:.2f} simulated")
        assert abs(pair[0] - pair[1]) < allowed
