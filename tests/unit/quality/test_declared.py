"""Ranges of declared numbers: counted as a list of them would be, whatever their size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import synthlab
from synthlab.errors import UsageError
from synthlab.quality.checks import check
from synthlab.quality.declared import _count_until, _spans
from tests.fleets import run, tank


@given(
    ranges=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 15)), max_size=8),
    asked=st.lists(st.integers(-1, 90), min_size=1, max_size=20),
)
def test_counts_are_those_of_the_numbers_one_by_one(ranges: list[tuple[int, int]], asked: list[int]) -> None:
    given_ranges = [(first, first + more) for first, more in ranges]
    numbers = {seq for first, last in given_ranges for seq in range(first, last + 1)}
    spans = _spans("TANK-1", given_ranges)
    assert (np.diff(spans.reshape(-1)) >= 0).all()
    if len(spans):
        found = _count_until(spans, np.array(asked, np.int64))
        assert found.tolist() == [sum(seq <= one for seq in numbers) for one in asked]
    else:
        assert not numbers


def test_a_range_of_all_numbers_costs_nothing() -> None:
    frame = run([tank()], days=1).frame.drop(index=[50, 51]).reset_index(drop=True)
    assert not check(frame).passed
    assert check(frame, lost={"TANK-1": [(0, 2**62)]}).counts["seq_gap"]["FAIL"] == 0


@pytest.mark.parametrize(
    "ranges", [[(5, 4)], [(-1, 4)], [7], [(1, 2, 3)], [("1", "2")], [(1.5, 2)], [(0, 2**63)]]
)
def test_what_is_no_range_is_refused(ranges: list[object]) -> None:
    with pytest.raises(UsageError) as caught:
        synthlab.check(run([tank()], days=1).frame, lost={"TANK-1": ranges})
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("BAD_ARGUMENT", "lost[TANK-1]")
