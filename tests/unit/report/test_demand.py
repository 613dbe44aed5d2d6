"""What was asked for, beside what was to be expected."""

from __future__ import annotations

from typing import Any

import pytest

from synthlab.report.content import DeviceContent
from synthlab.report.demand import asked_words, why_asked_differs


def _device(asked: float | None, expected: float | None, **facts: Any) -> DeviceContent:
    given: dict[str, Any] = {
        "rank": 1,
        "kind": "tank",
        "archetype": "stationary_archetype_a",
        "chosen": "all",
        "reservoir": {},
        "profile": {"liters_per_day": {"requested_liters": asked, "expected_demand_liters": expected}},
        "fail_row_count": 0,
        "suspect_row_count": 0,
        "runout_fraction": 0.0,
        "mean_level_pct": 50.0,
        "findings": (),
        "metrics": (),
    }
    return DeviceContent(device_id="D", **{**given, **facts})


def test_what_chance_added_is_said_with_the_expected_amount_and_the_reason() -> None:
    month = _device(1129.0, 912.0)
    assert asked_words(month) == "1,129 L/day, 23.8 % more than the 912 expected"
    assert "drawn by chance" in why_asked_differs(month)
    assert "save" not in why_asked_differs(month)
    assert "and people save" in why_asked_differs(_device(600.0, 912.0, runout_fraction=0.2))
    assert asked_words(_device(684.0, 912.0)) == "684 L/day, 25.0 % less than the 912 expected"
    exact = why_asked_differs(_device(800.0, 912.0, is_demand_by_chance=False))
    assert "save" in exact
    assert "chance" not in exact


@pytest.mark.parametrize(("asked", "expected"), [(912.0, 912.0), (915.0, 912.0)])
def test_what_is_as_expected_needs_no_reason(asked: float, expected: float) -> None:
    assert asked_words(_device(asked, expected)) == f"{asked:.0f} L/day, as expected"
    assert why_asked_differs(_device(asked, expected)) == ""


def test_without_demand_nothing_is_said() -> None:
    for device in (
        _device(0.0, 0.0),
        _device(None, None),
        _device(5.0, 5.0, kind="truck"),
        _device(0.0, 0.0, profile={"liters_per_day": None}),
    ):
        assert asked_words(device) == why_asked_differs(device) == ""
