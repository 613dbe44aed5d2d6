"""What was put in comes out again: from meters, and from a level alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import synthlab
from synthlab.errors import ArtifactError, UsageError
from synthlab.fitting import profile as pf
from synthlab.fitting.process import expected_absence, leak_by_day
from synthlab.fitting.readings import Days
from synthlab.fitting.shape import fit_shape
from tests.households import START_AT, WEEKEND_WEIGHTS, WEIGHTS, homes, hourly

OWN_PROFILE_OFF = {"demand_profile_spread": 0.0}
DAYS = 30


def _r(a: object, b: object) -> float:
    return float(np.corrcoef(np.asarray(a), np.asarray(b))[0, 1])


@pytest.fixture(scope="module")
def city() -> pd.DataFrame:
    return homes([900.0] * 24, overrides=OWN_PROFILE_OFF)


@pytest.fixture(scope="module")
def tanks() -> pd.DataFrame:
    return homes([900.0] * 8, step_minutes=5, overrides=OWN_PROFILE_OFF)


def _formula(days: int = DAYS, **columns: object) -> pd.DataFrame:
    """Readings that are the formula itself: 240 liters a day, weekends of another shape."""
    hour = pd.date_range(START_AT, periods=24 * days, freq="h")
    weights = np.where(hour.day_of_week >= 5, np.tile(WEEKEND_WEIGHTS, days), np.tile(WEIGHTS, days))
    return pd.DataFrame({"hour": hour, "liters": 10.0 * weights, **columns})


def test_the_formula_comes_back_exactly() -> None:
    fit = synthlab.fit_demand(_formula())
    assert fit.target_daily_liters == pytest.approx(240.0, rel=1e-3)
    assert fit.hourly_weights == pytest.approx(WEIGHTS, rel=1e-3)
    assert fit.weekend_hourly_weights == pytest.approx(WEEKEND_WEIGHTS, rel=1e-3)
    assert fit.weekday_multipliers == pytest.approx([1.0] * 7, rel=1e-3)


def test_thirty_days_of_meters_of_a_district(city: pd.DataFrame) -> None:
    fit = synthlab.fit_demand(hourly(city))
    assert fit.household_count == 24
    assert fit.target_daily_liters == pytest.approx(900.0, rel=0.05)
    assert _r(fit.hourly_weights, WEIGHTS) >= 0.99
    assert "demand_profile_spread" not in fit.parameter_overrides


def test_thirty_days_of_one_large_household() -> None:
    frame = homes([3_000.0] * 12, overrides=OWN_PROFILE_OFF, capacity_liters=20_000.0)
    fits = [synthlab.fit_demand(hourly(frame, name)) for name in frame["device_id"].cat.categories]
    errors = [abs(fit.target_daily_liters / 3_000.0 - 1.0) for fit in fits]
    assert np.median(errors) <= 0.05
    shapes = [_r(fit.hourly_weights, WEIGHTS) for fit in fits]
    assert min(shapes) >= 0.95


@pytest.mark.parametrize(("liters", "error", "shape"), [(250.0, 0.15, 0.95), (900.0, 0.07, 0.97)])
def test_thirty_days_of_one_usual_household(liters: float, error: float, shape: float) -> None:
    # Of the mean household's profile; months of a home of 250 liters a day depart by 20 %.
    frame = homes([liters] * 20, overrides=OWN_PROFILE_OFF)
    fits = [synthlab.fit_demand(hourly(frame, name)) for name in frame["device_id"].cat.categories]
    assert np.median([abs(fit.target_daily_liters / liters - 1.0) for fit in fits]) <= error
    assert np.median([_r(fit.hourly_weights, WEIGHTS) for fit in fits]) >= shape
    ends = [fit.intervals["target_daily_liters"][0] for fit in fits]
    assert np.mean([low <= liters <= high for low, high in ends]) >= 0.9
    assert all("is known to" in " ".join(fit.warnings) for fit in fits)


def test_the_month_that_was_is_met_whatever_the_parameter(city: pd.DataFrame) -> None:
    for name in ("H003", "H017"):
        table = hourly(city, name)
        fit = synthlab.fit_demand(table)
        assert fit.target_daily_liters == pytest.approx(table["liters"].sum() / DAYS, rel=0.02)


def test_intervals_hold_the_truth_about_as_often_as_they_say(city: pd.DataFrame) -> None:
    inside = []
    for name in city["device_id"].cat.categories:
        fit = synthlab.fit_demand(hourly(city, name))
        ends = fit.intervals["hourly_weights"]
        inside += [low <= weight <= high for (low, high), weight in zip(ends, WEIGHTS, strict=True)]
    assert 0.92 <= np.mean(inside) <= 0.99


def test_level_alone(tanks: pd.DataFrame) -> None:
    levels = tanks[["device_id", "received_at", "measured_level_pct"]]
    fit = synthlab.fit_demand(levels, capacity_liters=5_000.0)
    assert fit.source == "level"
    assert fit.target_daily_liters == pytest.approx(900.0, rel=0.10)
    assert _r(fit.hourly_weights, WEIGHTS) >= 0.97
    assert any("of the time tell what was drawn" in warning for warning in fit.warnings)


def test_level_alone_of_single_tanks(tanks: pd.DataFrame) -> None:
    errors, shapes = [], []
    for _, rows in tanks.groupby("device_id", observed=True):
        fit = synthlab.fit_demand(rows[["received_at", "measured_level_pct"]], capacity_liters=5_000.0)
        errors.append(abs(fit.target_daily_liters * DAYS / rows["requested_liters"].sum() - 1.0))
        shapes.append(_r(fit.hourly_weights, WEIGHTS))
    assert np.median(errors) <= 0.10
    assert np.median(shapes) >= 0.95


def test_fillings_are_not_drawn() -> None:
    """A tank that is filled and never used draws nothing; one used steadily draws that."""
    at = pd.date_range(START_AT, periods=288 * 14, freq="5min")
    hour = (at.hour + at.minute / 60).to_numpy()
    rng = np.random.default_rng(0)
    inflow = np.where((hour >= 3) & (hour < 5), 500.0 / 24, 0.0)
    level = 2_000.0 + np.cumsum(inflow - 500.0 / 288)
    table = pd.DataFrame({"time": at, "level_pct": level / 50.0 + rng.normal(0, 0.05, len(at))})
    fit = synthlab.fit_demand(table, capacity_liters=5_000.0)
    assert fit.target_daily_liters == pytest.approx(500.0, rel=0.03)
    assert fit.hourly_weights == pytest.approx([1.0] * 24, abs=0.1)
    supply = synthlab.fit_supply(table, capacity_liters=5_000.0)
    assert supply.session_count == 14
    assert supply.session_liters == pytest.approx(500.0, rel=0.08)
    assert supply.session_hours == pytest.approx(2.0, rel=0.15)
    assert supply.regime == "predictable"


def test_weekend_of_another_shape_is_told_from_chance() -> None:
    # Without habits: a household's own week may well differ where the scenario's does not.
    plain = {**OWN_PROFILE_OFF, "demand_habit_strength": 0.0}
    frame = homes([400.0] * 12, days=56, weekend=True, overrides=plain)
    fit = synthlab.fit_demand(hourly(frame))
    assert fit.weekend_hourly_weights is not None
    assert _r(fit.weekend_hourly_weights, WEEKEND_WEIGHTS) > 0.9
    same = synthlab.fit_demand(hourly(homes([400.0] * 12, days=56, overrides=plain)))
    assert same.weekend_hourly_weights is None


def test_weekday_multipliers_are_kept_where_weeks_agree() -> None:
    table = _formula(days=70)
    rng = np.random.default_rng(1)
    factor = np.repeat(np.tile([1.3, 1, 1, 1, 1, 1, 0.7], 10), 24)
    table["liters"] *= factor * rng.gamma(4.0, 0.25, len(table))
    fit = synthlab.fit_demand(table)
    assert fit.weekday_multipliers[0] == pytest.approx(1.3, abs=0.07)
    assert fit.weekday_multipliers[6] == pytest.approx(0.7, abs=0.07)
    low, high = fit.intervals["weekday_multipliers"][0]
    assert low < 1.3 < high


def test_absences_and_a_leak_are_seen() -> None:
    frame = homes([250.0], days=112, overrides={**OWN_PROFILE_OFF, "demand_absence_share": 0.0})
    table = hourly(frame)
    table["liters"] = np.diff(np.floor(np.cumsum(table["liters"].to_numpy())), prepend=0.0)
    away = table["hour"].dt.day_of_year % 10 == 0
    table.loc[away, "liters"] = 0.0
    fit = synthlab.fit_demand(table)
    share = fit.parameter_overrides["demand_absence_share"]
    scale = (fit.target_daily_liters / 250.0) ** 1.2
    assert share == pytest.approx(0.1 * scale, rel=0.15)
    assert "demand_leak_liters_per_hour" not in fit.parameter_overrides
    table["liters"] += 2.0
    leaky = synthlab.fit_demand(table)
    assert leaky.parameter_overrides["demand_leak_liters_per_hour"] == pytest.approx(2.0, abs=0.3)


def test_a_busy_night_is_no_leak() -> None:
    rng = np.random.default_rng(0)
    busy = rng.poisson(1.5, (30, 24)) * 20.0
    assert np.isnan(leak_by_day(busy)).mean() > 0.9
    assert leak_by_day(busy * 0.0 + 1.5).mean() == pytest.approx(1.5)


def test_few_days_are_said_so() -> None:
    fit = synthlab.fit_demand(_formula(days=5))
    text = " ".join(fit.warnings)
    assert "5 days: weekdays and intervals are rough" in text
    assert "days of weekends: they get the weights of the other days" in text
    assert "defaults stay" in text
    assert fit.weekend_hourly_weights is None


def test_gaps_do_not_move_the_curve() -> None:
    table = _formula(days=60)
    rng = np.random.default_rng(3)
    hour = table["hour"].dt.hour
    holes = table[~((hour == 8) & (rng.random(len(table)) < 0.7))]
    fit = synthlab.fit_demand(holes)
    assert fit.target_daily_liters == pytest.approx(240.0, rel=0.01)
    assert fit.hourly_weights == pytest.approx(WEIGHTS, abs=0.05)


def test_bad_rows_are_left_out_and_counted() -> None:
    table = _formula()
    text = table.astype({"liters": object})
    text.loc[3, "liters"], text.loc[4, "liters"], text.loc[5, "liters"] = "oops", -5.0, np.inf
    text = pd.concat([text, text.tail(1)])
    fit = synthlab.fit_demand(text)
    assert fit.warnings[0].startswith("4 rows left out")
    assert fit.target_daily_liters == pytest.approx(240.0, rel=0.01)


def test_local_times_are_taken_as_they_stand(tmp_path: Path) -> None:
    table = _formula().assign(hour_local=lambda t: t["hour"].dt.strftime("%Y-%m-%d %H:%M:%S"))
    path = tmp_path / "meter.csv.gz"
    table[["hour_local", "liters"]].to_csv(path, index=False)
    assert synthlab.fit_demand(path).hourly_weights == pytest.approx(WEIGHTS, rel=1e-3)
    series = _formula().set_index("hour")["liters"]
    assert synthlab.fit_demand(series).hourly_weights == pytest.approx(WEIGHTS, rel=1e-3)


def test_the_fit_is_a_part_of_a_scenario(tanks: pd.DataFrame) -> None:
    fit = synthlab.fit_demand(hourly(tanks, "H001"))
    blocks = yaml.safe_load(fit.to_yaml())
    assert blocks["dynamics"] == fit.to_dynamics()
    assert blocks["parameter_overrides"] == dict(fit.parameter_overrides)
    device = {
        "device_id": "A",
        "archetype": "stationary_archetype_a",
        "mode": "STATIONARY",
        "cadence_seconds": 3600,
        **blocks,
    }
    scenario = synthlab.Scenario.from_dict({"scenario_id": "fitted", "devices": [device]})
    demand = scenario.device("A").dynamics.demand
    assert demand.target_daily_liters == pytest.approx(fit.target_daily_liters, rel=1e-3)


def test_table_and_json_hold_every_value(city: pd.DataFrame) -> None:
    fit = synthlab.fit_demand(hourly(city))
    table = fit.to_frame()
    assert list(table.columns) == ["parameter", "position", "value", "low", "high", "observed"]
    assert table.groupby("parameter").size().to_dict() == {
        "hourly_weights": 24,
        "target_daily_liters": 1,
        "weekday_multipliers": 7,
    }
    weights = table[table["parameter"] == "hourly_weights"]
    assert ((weights["low"] <= weights["value"]) & (weights["value"] <= weights["high"])).all()
    assert fit.to_dict()["dynamics"] == fit.to_dynamics()
    assert "<table" in fit._repr_html_()


def test_the_same_seed_gives_the_same_fit(city: pd.DataFrame) -> None:
    first, second = (synthlab.fit_demand(hourly(city), seed=5).to_dict() for _ in range(2))
    assert first == second


def test_smoothing_follows_the_data() -> None:
    hours = np.ones((60, 24))
    rng = np.random.default_rng(0)
    sharp = np.zeros(24)
    sharp[8] = 24.0
    assert pf.choose_bandwidth(sharp * rng.gamma(5, 0.2, (60, 24)), hours) == 0.0
    flat = rng.exponential(1.0, (60, 24))
    assert pf.choose_bandwidth(flat, hours) >= 2.0


def test_a_known_profile_has_a_say_only_where_the_data_look_like_it() -> None:
    rng = np.random.default_rng(0)
    sharp = np.ones(24)
    sharp[[2, 13]] = 12.0
    days = _days(sharp / sharp.mean() * rng.gamma(5, 0.2, (60, 24)))
    assert fit_shape(days, has_weekend=False).weights[0] == pytest.approx(
        sharp / sharp.mean(), rel=0.1, abs=0.15
    )
    # 30 days of a household that is the mean one, 15 uses a day: the known profile tells more.
    noisy = _days(40.0 * rng.poisson(np.array(WEIGHTS) * 15 / 24, (30, 24)).astype(float))
    weights = fit_shape(noisy, has_weekend=False).weights[0]
    raw = noisy.liters.mean(axis=0) / noisy.liters.mean()
    assert np.square(weights - WEIGHTS).sum() < 0.5 * np.square(raw - WEIGHTS).sum()


@pytest.mark.parametrize(
    ("weights", "least"),
    [
        # Known profiles, of which one is at an unusual time of the day.
        (WEIGHTS, 0.97),
        (tuple(np.roll(WEIGHTS, 12)), 0.97),
        # Profiles that nobody knows beforehand.
        (tuple((2.2 if 8 <= hour < 18 else 0.14) for hour in range(24)), 0.97),
        (tuple(1.0 + 0.8 * np.cos((np.arange(24) - 3) / 4 * np.pi)), 0.95),
    ],
    ids=["household", "household at night", "office", "three waves"],
)
def test_weights_of_any_shape_come_back(weights: tuple[float, ...], least: float) -> None:
    demand = {"target_daily_liters": 900.0, "hourly_weights": [float(weight) for weight in weights]}
    frame = homes([900.0] * 12, overrides=OWN_PROFILE_OFF, dynamics={"demand": demand})
    fits = [synthlab.fit_demand(hourly(frame, name)) for name in frame["device_id"].cat.categories]
    found = np.array([_r(fit.hourly_weights, weights) for fit in fits])
    seen = np.array([_r(fit.observed["hourly_weights"], weights) for fit in fits])
    assert np.median(found) >= least
    assert np.median(found) >= np.median(seen)
    inside = [
        low <= weight * 24.0 / sum(weights) <= high
        for fit in fits
        for (low, high), weight in zip(fit.intervals["hourly_weights"], weights, strict=True)
    ]
    # Hours of one household are not independent: 12 of them know their share to some 5 %.
    assert np.mean(inside) >= 0.88


def test_absences_that_a_month_did_not_show_widen_its_target() -> None:
    rng = np.random.default_rng(4)
    days = _days(rng.gamma(5, 2.0, (30, 24)))
    usual = pf.target_interval(days, 240.0, 0.0, pf.Presence())
    unsure = pf.target_interval(days, 240.0, 0.0, pf.Presence(away_liters=2.0, variance=0.01))
    assert unsure[0] < usual[0] < 240.0 < usual[1] < unsure[1]
    # Days away are no days of another kind: they do not count for how days at home differ.
    days.liters[:4] = 0.0
    assert pf.target_interval(days, 240.0, 0.0, pf.Presence(away_liters=2.0)) == pytest.approx(
        usual, rel=0.05
    )


def test_an_hour_that_was_never_seen_lies_between_its_neighbors() -> None:
    days = _days(np.tile(WEIGHTS, (30, 1)) * np.random.default_rng(2).gamma(5, 0.2, (30, 24)))
    days.liters[:, 12], days.hours[:, 12] = 0.0, 0.0
    found = fit_shape(days, has_weekend=False)
    assert found.weights[0][12] == pytest.approx(WEIGHTS[12], rel=0.2)
    widths = [high - low for low, high in found.intervals[0]]
    assert widths[12] > 1.1 * max(widths[11], widths[13])


def _days(liters: np.ndarray[Any, Any]) -> Days:
    number = np.arange(len(liters))
    return Days(liters, np.ones_like(liters), np.zeros_like(number), number + 20_000, ("H",))


@pytest.mark.parametrize("seen", [0.0, 0.1, 0.4])
def test_absences_are_pulled_toward_what_households_do(seen: float) -> None:
    month, year = (float(expected_absence(np.array(seen), days, 250.0)) for days in (30, 3_650))
    usual = float(expected_absence(np.array(seen), 0, 250.0))
    assert min(seen, usual) <= month <= max(seen, usual)
    assert abs(year - seen) < 0.1 * abs(month - seen)
    # Large households are seldom away: a week without use says less.
    assert expected_absence(np.array(0.4), 30, 900.0) < expected_absence(np.array(0.4), 30, 250.0)


@pytest.mark.parametrize(
    ("table", "options", "code", "path"),
    [
        ({"liters": [1.0]}, {}, "BAD_ARGUMENT", "columns"),
        ({"hour": [START_AT], "volume": [1.0]}, {}, "BAD_ARGUMENT", "columns"),
        ({"hour": ["yesterday"], "liters": [1.0]}, {}, "ARTIFACT_ROW_INVALID", "liters"),
        ({"hour": [START_AT], "liters": [1.0]}, {}, "BAD_ARGUMENT", "frame_or_csv"),
        ({"hour": [START_AT], "liters": [1.0]}, {"source": "guess"}, "BAD_ARGUMENT", "source"),
        ({"hour": [START_AT], "liters": [1.0]}, {"device": "X"}, "BAD_ARGUMENT", "device"),
        ({"time": [START_AT], "level_pct": [50.0]}, {}, "CAPACITY_INVALID", "capacity_liters"),
        (
            {"time": [START_AT], "level_pct": [50.0]},
            {"capacity_liters": -1.0},
            "CAPACITY_INVALID",
            "capacity_liters",
        ),
    ],
)
def test_what_cannot_be_fitted(
    table: dict[str, list[object]], options: dict[str, object], code: str, path: str
) -> None:
    with pytest.raises((UsageError, ArtifactError)) as raised:
        synthlab.fit_demand(pd.DataFrame(table), **options)
    assert raised.value.code == code
    assert raised.value.problems[0].path == path
    assert raised.value.problems[0].remedy


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as raised:
        synthlab.fit_demand(tmp_path / "nowhere.csv")
    assert raised.value.code == "ARTIFACT_NOT_FOUND"
    wrong = tmp_path / "wrong.csv"
    wrong.write_bytes(b"\xff\xfe\x00hour,liters\n1,2,3,4\n")
    with pytest.raises(ArtifactError) as raised:
        synthlab.fit_demand(wrong)
    assert raised.value.code == "ARTIFACT_ROW_INVALID"
    with pytest.raises(UsageError):
        synthlab.fit_demand(42)


def test_nothing_drawn_is_no_demand() -> None:
    with pytest.raises(UsageError) as raised:
        synthlab.fit_demand(_formula().assign(liters=0.0))
    assert raised.value.code == "BAD_ARGUMENT"


def test_capacity_comes_from_reservoirs_or_the_frame(tanks: pd.DataFrame) -> None:
    one = tanks[tanks["device_id"] == "H002"]
    levels = one[["device_id", "received_at", "measured_level_pct"]]
    by_number = synthlab.fit_demand(levels, capacity_liters=5_000.0)
    by_table = synthlab.fit_demand(levels, reservoirs={"H002": {"capacity_liters": 5_000.0}})
    by_column = synthlab.fit_demand(levels.assign(capacity_liters=5_000.0))
    by_frame = synthlab.fit_demand(one, source="level")
    assert by_number.to_dict() == by_table.to_dict() == by_column.to_dict()
    assert by_frame.target_daily_liters == pytest.approx(by_number.target_daily_liters, rel=1e-6)
