from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthlab.errors import Problem
from synthlab.results import Result, to_json_value


class Color(IntEnum):
    RED = 3


@dataclass(frozen=True)
class Inner(Result):
    count: int


@dataclass(frozen=True)
class Outer(Result):
    name: str
    values: Any = ()
    frame: pd.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Slotted(Result):
    count: int


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 2, 12, 10, tzinfo=UTC), "2026-02-12T10:00:00Z"),
        (pd.Timestamp("2026-02-12T10:00:00Z"), "2026-02-12T10:00:00Z"),
        (pd.NaT, None),
        (pd.NA, None),
        (Path("artifacts") / "x", "artifacts/x"),
        (np.int64(3), 3),
        (np.float64("nan"), None),
        (np.bool_(True), True),
        (float("inf"), None),
        (np.array([1.5, np.nan]), [1.5, None]),
        ({"b", "a"}, ["a", "b"]),
        (Color.RED, 3),
        ({Color.RED: (1, 2)}, {"3": [1, 2]}),
        (Inner(2), {"count": 2}),
        ([Slotted(2)], [{"count": 2}]),
    ],
)
def test_values_become_json(value: object, expected: object) -> None:
    found = to_json_value(value)
    assert found == expected
    assert type(found) is type(expected)
    json.dumps(found, allow_nan=False)


def test_problem_becomes_its_record() -> None:
    problem = Problem("BAD_ARGUMENT", "needs more")
    assert to_json_value([problem]) == [problem.to_record()]


def test_unknown_type_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no form in JSON"):
        to_json_value(object())


def test_frame_stays_out_of_the_dict_and_is_summed_up_in_the_repr() -> None:
    outer = Outer("x", frame=pd.DataFrame({"a": [1, 2]}))
    assert outer.to_dict() == {"name": "x", "values": []}
    assert repr(outer) == "Outer(name='x', values=(), frame=<2 rows x 1 columns>)"


def test_repr_is_short() -> None:
    text = repr(Outer("x" * 1000, values=list(range(100))))
    assert "[0, 1, 2, 3, 4, 5, 6, 7, ... +92 more]" in text
    assert len(text) < 300


def test_slotted_record_has_the_repr_too() -> None:
    assert repr(Slotted(1)) == "Slotted(count=1)"


def test_html_is_a_table_and_escaped() -> None:
    page = Outer("<b>")._repr_html_()
    assert page.startswith("<table><caption ")
    assert ">Outer</caption>" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
