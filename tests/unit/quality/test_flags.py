from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest

from synthlab.quality.flags import PRECEDENCE, Flag, by_limits, combine


def test_values_are_qartods() -> None:
    assert {flag.name: int(flag) for flag in Flag} == {
        "GOOD": 1,
        "UNKNOWN": 2,
        "SUSPECT": 3,
        "FAIL": 4,
        "MISSING": 9,
    }
    assert set(PRECEDENCE) == set(Flag)


@pytest.mark.parametrize(("weaker", "stronger"), list(pairwise(PRECEDENCE)))
def test_the_stronger_flag_wins_in_any_order(weaker: Flag, stronger: Flag) -> None:
    assert combine([weaker], [stronger]).tolist() == [stronger]
    assert combine([stronger], [weaker]).tolist() == [stronger]


def test_the_order_of_checks_does_not_matter() -> None:
    columns = [np.array([1, 9, 2, 3]), np.array([4, 9, 2, 1]), np.array([1, 2, 9, 9])]
    for turn in permutations(columns):
        assert combine(*turn).tolist() == [4, 2, 2, 3]


def test_fail_wins_over_suspect() -> None:
    assert by_limits(np.array([False, True, True]), np.array([False, False, True])).tolist() == [1, 3, 4]
