"""What happens to readings: probabilities, episodes, and where they lie in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from synthlab.columns import READING_COUNT
from synthlab.model import climate, echoes
from synthlab.model.episodes import Episodes, hourly_episodes, mark_steps
from synthlab.model.events import Grid
from synthlab.randomness import stream_keys
from synthlab.scenario.hardware_parameters import MODELS
from tests.fleets import DAY, END_SECOND, HOUR, rows_of, run, tank

RAW = [f"raw_mm_{i}" for i in range(READING_COUNT)]
ROWS = 200_000


def parameters(**given: float) -> echoes.EchoParameters:
    names = {
        "no_echo_prob": 0.0,
        "multipath_prob": 0.0,
        "false_target_prob": 0.0,
        "burst_no_echo_prob": 0.0,
        "condensation_no_echo_prob": 0.0,
        "condensation_near_prob": 0.0,
        "multipath_max_mm": 100.0,
        "false_target_mm": 2_600.0,
        "plateau_step_mm": 8.0,
        "blind_zone_mm": 200.0,
        "resolution_mm": 1.0,
    }
    return echoes.EchoParameters(**{name: np.array([value]) for name, value in (names | given).items()})


def disturbed(state: int = 0, *, count: int = ROWS, **given: float) -> np.ndarray:
    """Readings of a surface at 1,000 mm; where the state is 0, of all rows, also those not hit."""
    known = parameters(**given)
    seconds = np.arange(count) * 60
    chosen = np.ones(count, dtype=bool)
    if not state:
        bound = echoes.any_bound(known.any_prob)[0]
        chosen = np.random.default_rng(1).integers(0, 2**32, count, dtype=np.uint64) < bound
    readings = np.full((count, READING_COUNT), 1_000, dtype=np.int32)
    part = readings[chosen]
    echoes.disturb(
        part,
        np.full(len(part), 1_000.0),
        np.full(len(part), state, dtype=np.uint8),
        np.zeros(len(part), dtype=np.int64),
        seconds=seconds[chosen],
        keys=stream_keys(1, ["E"], "echo"),
        parameters=known,
    )
    readings[chosen] = part
    return readings


def assert_share(hits: np.ndarray, prob: float) -> None:
    error = (prob * (1 - prob) / len(hits)) ** 0.5
    assert abs(hits.mean() - prob) <= 4.5 * error


@pytest.mark.parametrize("prob", [0.004, 0.05, 0.4, 1.0])
def test_each_reading_is_missing_with_its_probability(prob: float) -> None:
    """The two stages, whether any and then which, make independent readings."""
    missing = disturbed(no_echo_prob=prob) == -1
    for index in range(READING_COUNT):
        assert_share(missing[:, index], prob)
    assert_share(missing[:, 0] & missing[:, 4], prob**2)


def test_kinds_of_failure_have_their_own_probabilities() -> None:
    found = disturbed(no_echo_prob=0.03, multipath_prob=0.02, false_target_prob=0.01)
    assert_share((found == -1).ravel(), 0.03)
    assert_share(((found >= 1_010) & (found <= 1_100)).ravel(), 0.02)
    assert_share(((found >= 2_590) & (found <= 2_610)).ravel(), 0.01)
    assert_share((found == 1_000).ravel(), 0.94)


def test_late_echoes_are_too_far_and_seldom_by_much() -> None:
    """Domain facts: .87 % off by more than 1 cm, .20 % by more than 10 cm: a quarter of them."""
    found = disturbed(multipath_prob=0.2, multipath_max_mm=500.0)
    late = found[found != 1_000] - 1_000
    assert late.min() >= 10
    assert late.max() == 500
    assert (late > 100).mean() == pytest.approx(0.20 / 0.87, abs=0.03)


def test_nothing_happens_where_no_probability_is() -> None:
    assert echoes.any_bound(np.array([0.0]))[0] == 0


@pytest.mark.parametrize("state", [echoes.BURST, echoes.CONDENSATION, echoes.BURST | echoes.CONDENSATION])
def test_an_episode_raises_the_probability_of_no_echo(state: int) -> None:
    found = disturbed(state, no_echo_prob=0.01, burst_no_echo_prob=0.6, condensation_no_echo_prob=0.3)
    expected = 0.6 if state & echoes.BURST else 0.3
    assert_share((found == -1).ravel(), expected)
    assert_share((found == -1).all(axis=1), expected**5)


def test_drops_read_just_beyond_the_blind_zone() -> None:
    found = disturbed(echoes.CONDENSATION, condensation_near_prob=0.25)
    assert_share(((found >= 200) & (found <= 350)).ravel(), 0.25)


def test_a_plateau_repeats_to_the_millimeter_until_the_surface_has_moved_a_step() -> None:
    keys, count = stream_keys(1, ["E"], "echo"), 4_000
    fall = 1_000.0 + np.arange(count) * 0.05
    readings = np.zeros((count, READING_COUNT), dtype=np.int32)
    echoes.disturb(
        readings,
        fall,
        np.full(count, echoes.PLATEAU, dtype=np.uint8),
        np.zeros(count, dtype=np.int64),
        seconds=np.arange(count),
        keys=keys,
        parameters=parameters(),
    )
    assert (readings == readings[:, :1]).all()
    assert np.abs(readings[:, 0] - fall).max() <= 4.5
    lengths = np.diff(np.flatnonzero(np.diff(readings[:, 0])))
    assert set(lengths) <= {159, 160, 161}  # 8 mm at .05 mm a row


# --- episodes ----------------------------------------------------------------------------------


def episodes(grid: Grid, *, per_day: float = 2.0, mean: float = 2_400.0, count: int = 200) -> Episodes:
    return hourly_episodes(
        grid,
        keys=stream_keys(1, [f"D{i}" for i in range(count)], "burst"),
        per_day=np.full(count, per_day),
        mean_seconds=np.full(count, mean),
        log_sigma=0.8,
        max_hours=12,
    )


def test_episodes_have_the_rate_and_the_length_asked_for() -> None:
    grid = Grid(END_SECOND // HOUR * HOUR, 300, 30 * 288)
    found = episodes(grid)
    hours = len(grid.hour_starts(hours_before=13))
    expected = 200 * 2.0 / 24 * hours
    assert abs(len(found.device) - expected) < 4.5 * expected**0.5
    length = found.end_second - found.start_second
    assert length.mean() == pytest.approx(2_400.0, rel=0.05)
    assert length.min() >= 60
    assert np.quantile(length, 0.05) < 700  # minutes
    assert np.quantile(length, 0.95) > 6_000  # hours


def test_marks_are_of_the_moments_inside_and_no_others() -> None:
    grid = Grid(1_000_000, 300, 50)
    found = Episodes(
        np.array([0, 1, 1]),
        np.array([1_000_000, 999_000, 1_010_001]),
        np.array([1_000_300, 1_000_601, 1_010_200]),
    )
    marks = mark_steps([(1, found), (4, found)], grid, 3)
    assert marks is not None
    expected = np.zeros((50, 3), dtype=np.uint8)
    for device, start, end in zip(found.device, found.start_second, found.end_second, strict=True):
        expected[(grid.seconds >= start) & (grid.seconds < end), device] = 5
    assert (marks == expected).all()
    assert mark_steps([(1, episodes(grid, per_day=0.0))], grid, 3) is None


@pytest.mark.parametrize("shift", [0, 1, 7, 40])
def test_an_episode_does_not_know_where_the_window_starts(shift: int) -> None:
    grid = Grid(END_SECOND, 300, 2_000)
    later = Grid(END_SECOND + shift * 300, 300, 2_000 - shift)
    whole, part = (mark_steps([(1, episodes(g, per_day=20.0))], g, 200) for g in (grid, later))
    assert whole is not None
    assert part is not None
    assert (whole[shift:] == part).all()
    assert 0.2 < whole.mean() < 0.8


def test_water_condenses_at_night_and_on_cold_nights_first() -> None:
    count, days = 400, np.arange(20_000, 20_100)
    weather = climate.weather_by_day(days, keys=stream_keys(1, [f"D{i}" for i in range(count)], "climate"))
    found = echoes.condensation_nights(
        keys=stream_keys(1, [f"D{i}" for i in range(count)], "condensation"),
        days=days,
        weather=weather,
        night_prob=np.full(count, 0.1),
        mean_seconds=np.full(count, 4.0 * HOUR),
    )
    assert len(found.device) == pytest.approx(0.1 * count * len(days), rel=0.08)
    begins = (found.start_second + HOUR) % DAY // HOUR
    assert set(begins) == {0, 1, 2}
    coldness = weather[(found.start_second + HOUR) // DAY - days[0], found.device]
    assert coldness.mean() < -0.8
    assert (found.end_second - found.start_second).mean() == pytest.approx(4.0 * HOUR, rel=0.1)


def harsh(**more: Any) -> Any:
    return tank("H", **{**MODELS["sensor"]["harsh"], **more})


def test_a_harsh_sensor_is_blind_in_bursts_of_hours() -> None:
    """As the worst measured gauge: no echo in 64 % of its messages, one after the other."""
    frame = rows_of(run([harsh()], days=60).frame, "H")
    blind = (frame[RAW] == -1).all(axis=1).to_numpy()
    assert blind.mean() == pytest.approx(0.64, abs=0.06)
    assert blind[1:][blind[:-1]].mean() > 0.85
    assert blind[1:][~blind[:-1]].mean() < 0.3
    assert frame["measured_level_pct"].isna().sum() == blind.sum()


def test_an_ideal_sensor_reads_the_exact_distance_always() -> None:
    ideal = {name: value for name, value in MODELS["sensor"]["ideal"].items() if name != "slosh_noise_mm"}
    frame = run([tank("I", **ideal), tank("J")], days=10).frame
    rows = rows_of(frame, "I")
    exact = np.rint(2050.0 - (rows["volume_liters"] * 1000.0) / 5_000_000.0 * 1_800.0)
    for name in RAW:
        assert (rows[name] == exact).all()
    assert (rows_of(frame, "J")["raw_mm_0"] != rows_of(frame, "J")["raw_mm_1"]).any()
