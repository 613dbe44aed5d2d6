"""Events on steps: whole milliliters, none lost at any edge, equal sums for any step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.model.events import Events, Grid, size_factors, size_table, spread_events

event_lists = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-90_000, 90_000), st.integers(1, 90_000), st.integers(0, 10**9)),
    max_size=12,
)


def make(rows: list[tuple[int, int, int, int]]) -> Events:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return Events(*columns)


@given(event_lists, st.sampled_from([60, 300, 420, 3600]), st.integers(1, 60))
def test_each_step_gets_the_difference_of_whole_milliliters(
    rows: list[tuple[int, int, int, int]], step: int, count: int
) -> None:
    found = spread_events(make(rows), Grid(0, step, count), 3)
    expected = np.zeros((count, 3), dtype=object)
    for device, start, length, volume in rows:
        for i in range(count):
            moved = [volume * min(max(at - start, 0), length) // length for at in (i * step, (i + 1) * step)]
            expected[i, device] += moved[1] - moved[0]
    assert found.tolist() == expected.astype(float).tolist()


@given(event_lists)
def test_sums_over_an_hour_are_equal_for_any_step(rows: list[tuple[int, int, int, int]]) -> None:
    hourly = [
        spread_events(make(rows), Grid(-36_000, step, 72_000 // step), 3).reshape(20, -1, 3).sum(axis=1)
        for step in (60, 300, 900, 3600)
    ]
    for other in hourly[1:]:
        assert (other == hourly[0]).all()


@given(event_lists, st.integers(1, 400))
def test_a_split_grid_gives_the_same_steps(rows: list[tuple[int, int, int, int]], cut: int) -> None:
    events = make(rows)
    whole = spread_events(events, Grid(-60_000, 300, 401), 3)
    parts = [
        spread_events(events, Grid(-60_000, 300, cut), 3),
        spread_events(events, Grid(-60_000 + cut * 300, 300, 401 - cut), 3),
    ]
    assert (np.vstack(parts) == whole).all()


def test_all_of_an_event_within_the_grid_arrives() -> None:
    found = spread_events(make([(0, 17, 1_000, 12_345)]), Grid(0, 60, 60), 1)
    assert found.sum() == 12_345
    assert np.flatnonzero(found)[[0, -1]].tolist() == [0, 16]


def test_no_events_give_zeros() -> None:
    assert spread_events(make([]), Grid(0, 60, 5), 2).tolist() == [[0.0, 0.0]] * 5
    assert len(Events.joined([]).volume_ml) == 0


def test_a_grid_names_its_hours() -> None:
    grid = Grid(3600 * 10 + 1800, 900, 4)
    assert grid.seconds.tolist() == [37_800, 38_700, 39_600, 40_500]
    assert grid.end_second == 41_400
    assert grid.hour_starts().tolist() == [36_000, 39_600]
    assert grid.hour_starts(hours_before=2).tolist() == [28_800, 32_400, 36_000, 39_600]
    assert Grid(36_000, 3600, 1).hour_starts().tolist() == [36_000]


@pytest.mark.parametrize("sigma", [0.0, 0.25, 0.8, 1.5])
def test_sizes_are_lognormal_with_mean_one(sigma: float) -> None:
    table = size_factors(sigma)
    assert len(table) == 4096
    assert table.mean() == pytest.approx(1.0, abs=1e-12)
    assert (np.diff(table) >= 0).all()
    assert np.log(table).std() == pytest.approx(sigma, rel=0.005, abs=1e-12)
    if sigma:
        # Against the exact quantile of a lognormal with mean 1, within what 4,096 cells allow.
        assert np.median(table) == pytest.approx(np.exp(-sigma * sigma / 2), rel=0.02)


def test_the_table_of_sizes_serves_each_device_its_own() -> None:
    factors, rows = size_table([0.8, 0.0, 0.8])
    assert rows.tolist() == [1, 0, 1]
    assert (factors[rows[1]] == 1.0).all()
    assert (factors[rows[0]] == size_factors(0.8)).all()
