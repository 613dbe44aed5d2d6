"""The checks of the balance: arrays in, flags of the same length out."""

from __future__ import annotations

import numpy as np
import pytest

from synthlab.quality import balance
from synthlab.quality.flags import Flag

ONE = np.array([0])
DAY = np.array([288])
HOUR = np.array([12])
G, U, S, F, M = (int(flag) for flag in (Flag.GOOD, Flag.UNKNOWN, Flag.SUSPECT, Flag.FAIL, Flag.MISSING))


def noisy(count: int, seed: int = 0) -> np.ndarray:
    return 50 + np.random.default_rng(seed).normal(0, 0.05, count)


def test_flows_that_the_meters_saw_leave_nothing_unexplained() -> None:
    flow = np.random.default_rng(1).normal(0, 3, 50)
    level = 40 + np.cumsum(flow)
    left = balance.unexplained_pct(level, flow, np.arange(50), ONE)
    np.testing.assert_allclose(left, left[0], atol=1e-9)


def test_an_absurd_flow_of_one_device_drowns_no_other() -> None:
    level, flow = np.tile(noisy(288, seed=2), 2), np.zeros(576)
    flow[100] = 1e300
    seq, starts = np.tile(np.arange(288), 2), np.array([0, 288])
    left = balance.unexplained_pct(level, flow, seq, starts)
    np.testing.assert_array_equal(left[288:], level[288:])
    flags = balance.check_creep(
        left, starts, day_rows=DAY.repeat(2), smooth_rows=HOUR.repeat(2), suspect_pct=1.0, fail_pct=10.0
    )
    assert (flags[312:] == G).all()


def test_absurd_numbers_overflow_in_silence() -> None:
    values = np.array([1.0, 1e300, -1e300, 1.0])
    assert balance.check_spike(values, ONE, suspect=3.0, fail=10.0).tolist()[1:3] == [F, F]


def test_nothing_is_concluded_over_missing_rows_and_null_levels() -> None:
    seq = np.array([1, 2, 3, 9, 10, 11])
    level = np.array([50.0, 50, np.nan, 20, 20, 25])
    left = balance.unexplained_pct(level, np.zeros(6), seq, ONE)
    np.testing.assert_allclose(left, [50, 50, 50, 50, 50, 55])


def test_devices_do_not_meet() -> None:
    level, starts = np.array([10.0, 10, 10, 10, 90, 90, 90, 90]), np.array([0, 4])
    left = balance.unexplained_pct(level, np.zeros(8), np.tile([1, 2, 3, 4], 2), starts)
    assert (balance.check_spike(left, starts, suspect=3, fail=10) <= U).all()
    step = balance.check_step(left, starts, suspect_pct=np.full(8, 3.0), fail_pct=np.full(8, 10.0))
    assert (step <= U).all()


@pytest.mark.parametrize(("height", "flag"), [(2.9, G), (5.0, S), (-5.0, S), (12.0, F), (-12.0, F)])
def test_a_spike_is_flagged_at_its_row_alone(height: float, flag: int) -> None:
    values = np.full(20, 50.0)
    values[7] += height
    flags = balance.check_spike(values, ONE, suspect=3.0, fail=10.0)
    assert flags[7] == flag
    assert flags[[0, -1]].tolist() == [U, U]
    assert (np.delete(flags, [0, 7, 19]) == G).all()


def test_a_spike_may_be_two_rows_wide_and_no_more() -> None:
    values = np.full(20, 50.0)
    values[7:9] += 12
    flags = balance.check_spike(values, ONE, suspect=3.0, fail=10.0)
    assert np.flatnonzero(flags == F).tolist() == [7, 8]
    values[9] += 12
    assert (balance.check_spike(values, ONE, suspect=3.0, fail=10.0)[1:-1] == G).all()


def test_a_spike_beside_a_null_is_unknown() -> None:
    values = np.array([50.0, 50, np.nan, 70, 50, 50])
    assert balance.check_spike(values, ONE, suspect=3.0, fail=10.0).tolist() == [U, U, M, U, G, U]


def test_a_step_is_flagged_where_it_is_and_a_spike_is_none() -> None:
    values = noisy(60)
    values[30:] -= 12
    values[10] += 30
    flags = balance.check_step(values, ONE, suspect_pct=np.full(60, 3.0), fail_pct=np.full(60, 10.0))
    assert set(np.flatnonzero(flags == F).tolist()) <= {28, 29, 30, 31}
    assert flags[30] == F
    assert (np.delete(flags, range(28, 32))[3:-3] == G).all()


@pytest.mark.parametrize(("pct_per_day", "flag"), [(0.6, G), (2.5, S), (-2.5, S), (15.0, F)])
def test_a_creep_is_judged_by_the_day(pct_per_day: float, flag: int) -> None:
    values = noisy(288 * 4)
    values[288:] += np.arange(288 * 3) / 288 * pct_per_day
    flags = balance.check_creep(values, ONE, day_rows=DAY, smooth_rows=HOUR, suspect_pct=1.0, fail_pct=10.0)
    assert flags[-1] == flag
    assert (flags[24:280] == G).all()
    assert (flags[:23] == U).all()


def test_a_battery_may_be_replaced_and_must_not_fall() -> None:
    charge = np.concatenate([np.linspace(60, 35, 600), np.full(300, 92), np.full(300, 70), np.full(300, 84)])
    flags = balance.check_battery(
        charge.astype(np.int16),
        ONE,
        day_rows=DAY,
        rise_pct=5,
        empty_pct=45,
        full_pct=85,
        drop_suspect_pct=14,
        drop_fail_pct=60,
    )
    assert flags[0] == U
    assert (flags[1:900] == G).all()
    assert (flags[900:1188] == S).all()
    assert (flags[1188:1200] == G).all()
    assert np.flatnonzero(flags[1200:] == S).tolist() == [0]


def test_a_truck_stands_where_no_step_about_the_row_moves_it() -> None:
    latitude = np.concatenate([np.full(10, 23.6), 23.6 + 0.02 * np.arange(1, 6), np.full(10, 23.7)])
    longitude = np.full(len(latitude), 58.5)
    # Rows 10 to 15 have moved since the row before; the first row has none before it.
    expected = [row for row in range(3, 25) if not set(range(row - 2, row + 3)) & set(range(10, 15))]
    assert np.flatnonzero(balance.stands(latitude, longitude, ONE)).tolist() == expected
    latitude[5] = np.nan
    assert not balance.stands(latitude, longitude, ONE)[3:9].any()
