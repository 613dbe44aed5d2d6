"""Battery, temperature and signal: processes at full hours."""

from __future__ import annotations

import numpy as np
import pytest

from synthlab.model import climate, power, radio
from synthlab.randomness import stream_keys
from tests.fleets import END_SECOND, HOUR, rows_of, run, tank, truck

IDS = [f"D{i:03}" for i in range(200)]
START = END_SECOND // HOUR * HOUR
MONTH = START + np.arange(24 * 30) * HOUR


def cells(kinds: list[str], **given: float) -> power.Battery:
    names = {"solar_mean_pct": 84.1, "solar_sigma_pct": 1.5, "swap_days": 14.0, "drain_pct_per_day": 0.075}
    arrays = {name: np.full(len(kinds), value) for name, value in (names | given).items()}
    return power.Battery(kind=np.array(kinds), **arrays)


def battery(kind: str, hours: np.ndarray = MONTH, **given: float) -> np.ndarray:
    return power.battery_by_hour_pct(
        hours, keys=stream_keys(1, IDS, "power"), battery=cells([kind] * len(IDS), **given)
    )


def test_solar_floats_near_its_mean_and_changes_over_weeks() -> None:
    """Domain facts: 84.1 +/- 1.5 % for 13 months; the gauges' correlation after a week is .99."""
    year = START + np.arange(24 * 365) * HOUR
    charge = battery("solar", year)
    # Few weeks are independent: 200 devices of about 3 such spans.
    assert charge.mean() == pytest.approx(84.1, abs=0.25)
    assert charge.std() == pytest.approx(1.5, rel=0.08)
    week = charge[168:] - charge[:-168]
    assert 1 - (week**2).mean() / (2 * charge.var()) > 0.85
    assert battery("mains").min() == battery("mains").max() == 100.0


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
    assert change[falls] == pytest.approx(-0.075 / 24)
    quick = np.diff(battery("primary", drain_pct_per_day=1.0), axis=0)
    assert np.median(quick) == pytest.approx(-1.0 / 24)
    assert ((charge > 24.9) & (charge <= 100)).all()
    assert charge[0].std() > 15


def test_kinds_mix_and_a_shorter_window_gives_the_same_charge() -> None:
    keys = stream_keys(1, IDS[:3], "power")
    mixed = power.battery_by_hour_pct(MONTH[100:130], keys=keys, battery=cells(["primary", "solar", "lipo"]))
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
    weather = climate.weather_by_day(climate.days_of(MONTH), keys=stream_keys(1, IDS, "climate"))
    return climate.temperature_by_hour_c(
        MONTH, weather=weather, mean_c=mean * ones, daily_amplitude_c=amplitude * ones
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


def site(count: int, *, spread: float, sigma: float = 4.0, correlation: float = 0.55) -> radio.Signal:
    ones = np.ones(count)
    return radio.site_signal(
        stream_keys(1, [f"D{i:04}" for i in range(count)], "site"),
        mean_dbm=-84.0 * ones,
        sigma_db=sigma * ones,
        hour_correlation=correlation * ones,
        site_spread=spread * ones,
    )


def test_without_spread_every_site_is_as_asked() -> None:
    found = site(5, spread=0.0, sigma=6.0)
    assert np.hypot(found.slow_sigma_db, found.fast_sigma_db) == pytest.approx(6.0)
    slow = radio.signal_by_hour_dbm(
        MONTH, keys=stream_keys(1, IDS, "radio"), signal=site(len(IDS), spread=0.0, sigma=6.0)
    )
    assert slow.mean() == pytest.approx(-84.0, abs=0.3)
    assert slow.var() == pytest.approx(36 * 0.55 / radio.SLOW_HOUR_CORRELATION, rel=0.08)
    perfect = site(3, spread=0.0, correlation=0.93)
    assert perfect.fast_sigma_db == pytest.approx(0.0)


def test_sites_differ_as_measured_nodes_do() -> None:
    """Domain facts: sigma 2..7 dB, lag-1 ACF .2..0.9 of hourly values."""
    found = site(4_000, spread=1.0)
    sigma = np.hypot(found.slow_sigma_db, found.fast_sigma_db)
    assert 2.0 <= sigma.min() < 2.05
    assert 6.95 < sigma.max() <= 7.0
    correlation = found.slow_sigma_db**2 / sigma**2 * radio.SLOW_HOUR_CORRELATION
    assert 0.2 <= correlation.min() < 0.21
    assert 0.89 < correlation.max() <= 0.9


def test_reported_signal_has_the_sites_spread_and_correlation() -> None:
    devices = [
        tank(f"D{i}", step_seconds=3600, signal_sigma_db=5.0, signal_site_spread=0.0) for i in range(20)
    ]
    reported = run(devices, days=60).frame["signal_dbm"].to_numpy(float).reshape(-1, 20)
    assert reported.std() == pytest.approx(5.0, rel=0.06)
    lag_one = np.mean([np.corrcoef(column[1:], column[:-1])[0, 1] for column in reported.T])
    assert lag_one == pytest.approx(0.55, abs=0.05)


def test_a_moving_trucks_signal_varies_more() -> None:
    """Domain facts: from a car, sigma 9.7 dB."""
    frame = run([truck(f"T{i}") for i in range(4)], days=20).frame
    moves = frame["activity"] == "TRAVEL"
    assert frame.loc[moves, "signal_dbm"].std() == pytest.approx(9.7, rel=0.08)
    assert frame.loc[~moves, "signal_dbm"].std() == pytest.approx(4.0, rel=0.15)


def test_a_signal_below_the_radio_is_cut() -> None:
    weak = run([tank(signal_mean_dbm=-120.0, signal_sigma_db=15.0)], days=5).frame["signal_dbm"]
    assert weak.min() == -140
