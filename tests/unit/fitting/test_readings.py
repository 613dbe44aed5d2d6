"""What a table of measurements holds: its step, its rows, and what cannot be read as hours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import synthlab
from synthlab.errors import UsageError
from synthlab.fitting.readings import DEMAND_COLUMNS, days_of_meter, read_rows

LITERS_A_DAY = 720.0


def _steady(step: str, *, days: int = 28, **columns: object) -> pd.DataFrame:
    """Liters of a household that draws the same at all times, by steps."""
    at = pd.date_range("2026-01-05", periods=days * pd.Timedelta("1D") // pd.Timedelta(step), freq=step)
    return pd.DataFrame(
        {"time": at, "liters": LITERS_A_DAY * (pd.Timedelta(step) / pd.Timedelta("1D"))} | columns
    )


@pytest.mark.parametrize("step", ["1min", "5min", "15min", "1h", "3601s"])
def test_liters_of_an_hour_or_less_are_summed(step: str) -> None:
    days = days_of_meter(read_rows(_steady(step, days=8), DEMAND_COLUMNS))
    assert days.liters[1:-1].sum(axis=1) == pytest.approx(LITERS_A_DAY, rel=0.001)
    assert days.is_whole[1:-1].all()


def test_each_series_has_its_own_step() -> None:
    table = pd.concat([_steady("5min", household="often"), _steady("1h", household="hourly")])
    days = days_of_meter(read_rows(table, DEMAND_COLUMNS))
    assert days.is_whole.all()
    assert synthlab.fit_demand(table).target_daily_liters == pytest.approx(LITERS_A_DAY, rel=0.01)


@pytest.mark.parametrize(
    "verb", [synthlab.fit_demand, synthlab.fit_supply, lambda table: synthlab.realism(table, _steady("1h"))]
)
@pytest.mark.parametrize(
    ("step", "said"), [("90min", "1.5 h"), ("6h", "6 h"), ("1D", "24 h"), ("7D", "7 days")]
)
def test_liters_of_longer_steps_are_refused(verb: Callable[[Any], object], step: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"got a reading every {said}. Pass hourly readings"):
        verb(_steady(step))


def test_the_series_with_the_longer_step_is_named() -> None:
    table = pd.concat([_steady("5min", household="H1"), _steady("1D", household="H2")])
    with pytest.raises(UsageError, match="got a reading every 24 h of H2") as refused:
        synthlab.fit_demand(table)
    assert refused.value.problems[0].path == "liters"


def test_levels_may_be_read_more_seldom() -> None:
    table = pd.DataFrame({"time": pd.date_range("2026-01-05", periods=50, freq="2h"), "level_pct": 50.0})
    assert read_rows(table, ("level_pct",)).step_seconds() == 7_200
