"""Battery, temperature and signal: processes at full hours."""

from __future__ import annotations

import numpy as np
import pytest

from synthlab.model import climate, power, radio
from synthlab.randomness import stream_keys
from tests.fleets import END_SECOND, HOUR, rows_of, run, tank

IDS = [f"D{i:03}" for i in range(200)]
START = END_SECOND // HOUR * HOUR
MONTH = START + np.arange(24 * 30) * HOUR


def battery(kind: str, hours: np.ndarray = MONTH) -> np.ndarray:
    return power.battery_by_hour_pct(hours, keys=stream_keys(1, IDS, "power"), kinds=[kind] * len(IDS))


def test_solar_floats_near_its_mean() -> None:
    charge = battery("solar")
    assert charge.mean() == pytest.approx(power.SOLAR_MEAN_PCT, abs=0.1)
    # Halfway between two nodes a mean of two varies less: .6 correlated, .8 of the variance.
    assert 0.85 * power.SOLAR_SIGMA_PCT < charge.std() < 1.05 * power.SOLAR_SIGMA_PCT


def test_lipo_runs_down_and_is_swapped() -> None:
    charge = battery("lipo")
    change = np.diff(charge, axis=0)
    swaps = (change > 20).sum(axis=0)
    assert set(swaps) <= {2, 3}  # 30 days of 14
    assert ((change <= 0) | (change > 20)).all()
    assert charge.max() == power.LIPO_CHARGE_PCT[0]
    assert charge.min() == power.LIPO_CHARGE_PCT[-1]
    # Devices are not swapped on one day.
    assert len(set(np.argmax(change, axis=0))) > 100


def test_primary_counts_down() -> None:
    charge = battery("primary")
    change = np.diff(charge, axis=0)
    falls = change < 0
    assert falls.mean() > 0.995
    assert change[falls] == pytest.approx(-power.PRIMARY_PCT_PER_DAY / 24)
    assert ((charge > 24.9) & (charge <= 100)).all()
    assert charge[0].std() > 15


def test_kinds_mix_and_a_shorter_window_gives_the_same_charge() -> None:
    keys = stream_keys(1, IDS[:3], "power")
    mixed = power.battery_by_hour_pct(MONTH[100:130], keys=keys, kinds=["primary", "solar", "lipo"])
    for column, kind in enumerate(("primary", "solar", "lipo")):
        assert (mixed[:, column] == battery(kind)[100:130, column]).all()


def test_reported_charge_is_a_percentage_of_the_right_course() -> None:
    devices = [tank(kind.upper(), step_seconds=3600, battery_kind=kind) for kind in power.KINDS]
    frame = run(devices, days=20).frame
    assert frame["battery_pct"].between(0, 100).all()
    assert 80 <= rows_of(frame, "SOLAR")["battery_pct"].mean() <= 88
    assert rows_of(frame, "LIPO")["battery_pct"].min() == 31
    assert rows_of(frame, "PRIMARY")["battery_pct"].nunique() <= 3


def temperature(mean: float = 26.0, amplitude: float = 4.0) -> np.ndarray:
    ones = np.ones(len(IDS))
    return climate.temperature_by_hour_c(
        MONTH, keys=stream_keys(1, IDS, "climate"), mean_c=mean * ones, daily_amplitude_c=amplitude * ones
    )


def test_days_are_warmest_in_the_afternoon_by_the_amplitude() -> None:
    by_hour = temperature().reshape(30, 24, -1).mean(axis=(0, 2))
    hour = MONTH[:24] // HOUR % 24
    assert hour[by_hour.argmax()] == climate.WARMEST_HOUR
    assert hour[by_hour.argmin()] == climate.WARMEST_HOUR - 12
    assert (by_hour.max() - by_hour.min()) / 2 == pytest.approx(4.0, abs=0.1)
    assert by_hour.mean() == pytest.approx(26.0, abs=0.15)


def test_weather_holds_for_days() -> None:
    daily = temperature(amplitude=0.0).reshape(30, 24, -1)[:, 0]
    noon = daily - 26.0
    correlation = (noon[1:] * noon[:-1]).mean() / (noon**2).mean()
    assert 0.6 < correlation < 0.85
    assert 0.75 * climate.WEATHER_SIGMA_C < noon.std() < 1.1 * climate.WEATHER_SIGMA_C


def test_signal_has_a_slow_and_a_fast_part() -> None:
    ones = np.ones(len(IDS))
    slow = radio.signal_by_hour_dbm(
        MONTH, keys=stream_keys(1, IDS, "radio"), mean_dbm=-90 * ones, sigma_db=6 * ones
    )
    assert slow.mean() == pytest.approx(-90.0, abs=0.2)
    assert slow.var() == pytest.approx(36 * radio.SLOW_SHARE, rel=0.05)
    frame = run([tank(f"D{i}", signal_sigma_db=6.0) for i in range(20)], days=10).frame
    reported = frame["signal_dbm"].to_numpy(float).reshape(-1, 20)
    assert reported.std() == pytest.approx(6.0, rel=0.06)
    lag_one = np.mean([np.corrcoef(column[1:], column[:-1])[0, 1] for column in reported.T])
    assert 0.45 < lag_one < 0.7


def test_a_signal_below_the_radio_is_cut() -> None:
    weak = run([tank(signal_mean_dbm=-120.0, signal_sigma_db=15.0)], days=5).frame["signal_dbm"]
    assert weak.min() == -140
