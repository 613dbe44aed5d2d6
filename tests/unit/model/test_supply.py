"""Supply sessions: how often, how much, how long."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from synthlab.model.events import Events
from synthlab.model.supply import (
    LOOKBACK_HOURS,
    MAX_SESSION_HOURS,
    PRESSURE_SHAPE,
    REGIMES,
    pressure_flows,
    supply_sessions,
)
from synthlab.randomness import stream_keys
from tests.fleets import DAY, END_SECOND, HOUR, run, tank

HOURS = 168 * 300
# 2025-01-06, a Monday at 00:00 UTC.
STARTS = 1_736_121_600 + np.arange(HOURS) * HOUR


def sessions(
    prob: np.ndarray,
    *,
    hours: float = 5.0,
    sigma: float = 0.25,
    liters: float = 1_000.0,
    regime: str = "irregular",
    key: str = "S",
) -> Events:
    return supply_sessions(
        hour_starts=STARTS,
        keys=stream_keys(9, [key], "supply"),
        regimes=[regime],
        start_prob=prob[:, None],
        session_liters=np.linspace(0.5, 1.5, 24)[:, None] * liters,
        session_hours=np.array([hours]),
        session_log_sigma=[sigma],
    )


@pytest.mark.parametrize("regime", REGIMES)
def test_each_regime_has_the_same_mean_number_of_sessions(regime: str) -> None:
    prob = np.tile(np.linspace(0.0, 0.12, 24), 7)
    found = [sessions(prob, regime=regime, key=f"S{i}").start_second for i in range(30)]
    count = np.mean([len(starts) for starts in found])
    # Predictable supply gives a household one or two sessions a day, for good: households differ.
    assert count == pytest.approx(prob.sum() * 300, rel=0.12 if regime == "predictable" else 0.03)
    hour = np.concatenate(found) // HOUR % 24
    shares = np.bincount(hour, minlength=24) / len(hour)
    assert shares[0] == 0
    # 30 households keep their own hours where supply is predictable, so hours vary more there.
    assert np.corrcoef(shares, np.linspace(0.0, 0.12, 24))[0, 1] > (0.4 if regime == "predictable" else 0.97)


def test_by_chance_each_hour_has_its_probability() -> None:
    prob = np.linspace(0.0, 0.7, 168)
    week_hour = (sessions(prob, regime="unreliable").start_second - STARTS[0]) // HOUR % 168
    found = np.bincount(week_hour, minlength=168)
    assert found[0] == 0
    z = (found[1:] - 300 * prob[1:]) / np.sqrt(300 * prob[1:] * (1 - prob[1:]))
    assert np.abs(z).max() < 5
    # Hours of one day are served together.
    assert abs(z.mean()) < 1.5


def test_predictable_supply_keeps_its_hours_and_unreliable_leaves_days_out() -> None:
    prob = np.full(168, 1 / 24)
    hours = {name: sessions(prob, regime=name).start_second // HOUR for name in REGIMES}
    usual = {name: np.bincount(found % 24).max() / len(found) for name, found in hours.items()}
    assert usual["predictable"] > 0.85
    assert usual["irregular"] < 0.1
    days = {name: np.unique(found // 24) for name, found in hours.items()}
    assert len(days["predictable"]) == HOURS // 24
    for name in ("irregular", "unreliable"):
        gaps = np.diff(hours[name])
        assert gaps.std() / gaps.mean() > 1.0, name
        assert len(days[name]) < 0.6 * HOURS // 24, name


def test_volume_follows_the_hour_and_length_the_mean() -> None:
    found = sessions(np.full(168, 0.5))
    hour = found.start_second // HOUR % 24
    mean = np.bincount(hour, found.volume_ml) / np.bincount(hour)
    assert np.allclose(mean, np.linspace(0.5, 1.5, 24) * 1e6, rtol=5 * 0.25 / 1_000**0.5)
    assert found.length_seconds.mean() == pytest.approx(5 * HOUR, rel=5 * 0.25 / len(hour) ** 0.5)
    both = np.log(found.volume_ml / mean[hour]), np.log(found.length_seconds / (5 * HOUR))
    for logs in both:
        assert logs.std() == pytest.approx(0.25, rel=0.03)
    # Volume and length are drawn apart.
    assert abs(np.corrcoef(*both)[0, 1]) < 5 / len(hour) ** 0.5
    assert stats.kstest(found.start_second % HOUR / HOUR, "uniform").pvalue > 1e-6


def test_lengths_stay_between_a_minute_and_a_day() -> None:
    short = sessions(np.full(168, 0.5), hours=0.05, sigma=1.5).length_seconds
    long = sessions(np.full(168, 0.5), hours=12.0, sigma=1.5).length_seconds
    assert short.min() == 60
    assert long.max() == MAX_SESSION_HOURS * HOUR


def test_a_session_that_began_the_day_before_the_window_reaches_into_it() -> None:
    device = tank(
        step_seconds=3600,
        supply_sessions_per_day=24.0,
        supply_session_liters=1_000.0,
        supply_session_hours=12.0,
        supply_session_sigma=0.0,
        supply_max_liters_per_hour=100_000.0,
    )
    frame = run([device], start_second=END_SECOND, end_second=END_SECOND + DAY).frame
    # Twelve overlapping sessions at any time, in the first hour as in the last.
    assert frame["inflow_liters"].iloc[0] == pytest.approx(frame["inflow_liters"].iloc[24], rel=0.1)
    assert frame["inflow_liters"].mean() == pytest.approx(1_000, rel=0.05)


def test_no_pipe_no_supply() -> None:
    dry = tank(supply_sessions_per_day=24.0, reservoir={"is_pipe_connected": False})
    assert run([dry]).frame["inflow_liters"].sum() == 0


class TestPressure:
    """What the pipe makes of the sessions."""

    @staticmethod
    def flows(limit: float, *, prob: float = 0.05, **wanted: float) -> tuple[Events, Events]:
        meant = sessions(np.full(168, prob), **wanted)
        return meant, pressure_flows(meant, np.array([limit]))

    def test_it_brings_the_volume_that_was_meant(self) -> None:
        meant, flows = self.flows(100_000.0, prob=0.3)
        assert flows.volume_ml.sum() == meant.volume_ml.sum()

    def test_no_pipe_carries_more_than_it_can(self) -> None:
        """Not even where many sessions meet."""
        meant, flows = self.flows(300.0, prob=0.3, sigma=1.0)
        per_second = flows.volume_ml / flows.length_seconds
        assert per_second.max() <= 300.0 / 3.6 + 1e-9
        assert flows.volume_ml.sum() < meant.volume_ml.sum()
        assert (flows.length_seconds >= 1).all()
        ends = flows.start_second + flows.length_seconds
        assert (flows.start_second[1:] >= ends[:-1]).all()
        assert (flows.start_second // HOUR == (ends - 1) // HOUR).all()

    def test_a_narrow_pipe_takes_longer_for_the_same_volume(self) -> None:
        meant, wide = self.flows(10_000.0, prob=0.005, hours=1.0, sigma=0.0)
        _, narrow = self.flows(500.0, prob=0.005, hours=1.0, sigma=0.0)
        assert narrow.volume_ml.sum() == pytest.approx(meant.volume_ml.sum(), rel=0.01)
        assert narrow.length_seconds.sum() > 1.8 * wide.length_seconds.sum()

    def test_flow_follows_the_pressure_of_the_hour(self) -> None:
        _, flows = self.flows(100_000.0, prob=0.005, hours=12.0, sigma=0.0)
        hour = flows.start_second // HOUR
        follows = np.flatnonzero((np.diff(hour) == 1) & (flows.length_seconds[1:] == HOUR))
        follows = follows[flows.length_seconds[follows] == HOUR]
        ratio = flows.volume_ml[follows + 1] / flows.volume_ml[follows]
        shape = np.array(PRESSURE_SHAPE)
        expected = shape[(hour[follows] + 1) % 24] / shape[hour[follows] % 24]
        assert len(follows) > 500
        # Where two sessions meet, the ratio is another.
        assert (np.abs(ratio / expected - 1) < 0.01).mean() > 0.8

    def test_the_longest_session_ends_within_the_lookback(self) -> None:
        meant, flows = self.flows(10.0, prob=0.002, hours=12.0, sigma=1.5, liters=1e6)
        one = pressure_flows(Events(*(getattr(meant, n)[:1] for n in Events.__slots__)), np.array([10.0]))
        assert (
            one.start_second[-1] + one.length_seconds[-1] - one.start_second[0] < (LOOKBACK_HOURS - 1) * HOUR
        )
        assert flows.volume_ml.max() <= 10_000


def test_a_float_valve_lets_in_what_there_is_room_for() -> None:
    wanted = {"supply_sessions_per_day": 3.0, "supply_session_liters": 3_000.0}
    spills, valve = (
        run([tank(supply_inlet=kind, **wanted)], days=20).frame for kind in ("open", "float_valve")
    )
    assert spills["overflow_liters"].sum() > 1_000
    assert valve["overflow_liters"].sum() == 0
    assert (valve["volume_liters"] == spills["volume_liters"]).all()
    kept = spills["inflow_liters"] - spills["overflow_liters"]
    assert np.abs(valve["inflow_liters"] - kept).max() < 1e-6
