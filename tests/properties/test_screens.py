"""A screened frame gets the flags that the checks themselves give, whatever is wrong with it."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import synthlab
from synthlab.calibration import Reservoir
from synthlab.columns import COLUMNS, RAW_COLUMNS
from synthlab.quality import checks
from synthlab.quality.checks import check
from synthlab.quality.grid import grid_of
from synthlab.quality.source import source_of
from synthlab.scenario.resolve import resolve
from synthlab.scenario.schema import Scenario

DEVICES, TIMES = 5, 700
NUMBERS = tuple(one.name for one in COLUMNS if one.kind in ("int", "float") and one.origin != "identity")

Fault = tuple[str, str, int, int, int]


@cache
def clean() -> tuple[pd.DataFrame, dict[str, Reservoir]]:
    fleet = Scenario.from_dict(
        {
            "scenario_id": "screens",
            "devices": [
                {
                    "device_id": f"TANK-{i}",
                    "archetype": f"stationary_archetype_{'ac'[i % 2]}",
                    "mode": "STATIONARY",
                    "cadence_seconds": 300,
                }
                for i in range(DEVICES)
            ],
        }
    )
    frame = synthlab.backfill(fleet, end_at="2026-02-12T10:00:00Z").frame.iloc[: DEVICES * TIMES]
    return frame, {one.device_id: one.reservoir for one in resolve(fleet)}


def with_faults(faults: list[Fault]) -> pd.DataFrame:
    frame = clean()[0].copy()
    for column, kind, device, first, count in faults:
        names = RAW_COLUMNS if column == "readings" else (column,)
        rows = np.arange(first, min(first + count, TIMES)) * DEVICES + device
        for name in names:
            values = frame[name].to_numpy(copy=True)
            values[rows] = _changed(values, rows, kind)
            frame[name] = values
    return frame


def _changed(values: np.ndarray, rows: np.ndarray, kind: str) -> np.ndarray:
    is_float = values.dtype.kind == "f"
    match kind:
        case "none":
            return np.full(len(rows), np.nan if is_float else -1, values.dtype)
        case "stuck":
            return np.repeat(values[rows[0]], len(rows))
        case "leap":
            return values[rows] + values.dtype.type(7)
        case "creep":
            return values[rows] - (np.arange(len(rows)) // (1 if is_float else 40) * 0.05).astype(
                values.dtype
            )
        case "zero":
            return np.zeros(len(rows), values.dtype)
        case "wild":
            return np.full(len(rows), -127 if is_float else np.iinfo(values.dtype).max, values.dtype)
    raise ValueError(kind)


def fault() -> st.SearchStrategy[Fault]:
    return st.tuples(
        st.sampled_from(("readings", "seq", *NUMBERS)),
        st.sampled_from(("none", "stuck", "leap", "creep", "zero", "wild")),
        st.integers(0, DEVICES - 1),
        st.integers(0, TIMES - 1),
        st.sampled_from((1, 2, 3, 40, 300, TIMES)),
    )


def test_the_clean_frame_is_screened() -> None:
    """Otherwise the tests below compare a thing with itself."""
    frame, reservoirs = clean()
    assert grid_of(source_of(frame, reservoirs=reservoirs, step_seconds={})) is not None


@settings(max_examples=60, deadline=None)
@example(faults=[])
@example(faults=[("readings", "none", 1, 100, 3)])
@example(faults=[("readings", "stuck", 2, 100, 400)])
@example(faults=[("raw_mm_3", "none", 2, 100, 40), ("raw_mm_1", "leap", 2, 0, TIMES)])
@example(faults=[("inflow_liters", "zero", 0, 0, TIMES)])
@example(faults=[("measured_level_pct", "creep", 3, 200, TIMES)])
@given(faults=st.lists(fault(), max_size=4))
def test_screened_flags_are_those_of_the_checks(faults: list[Fault]) -> None:
    frame, reservoirs = with_faults(faults), clean()[1]
    screened = check(frame, reservoirs=reservoirs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "grid_of", lambda source: None)
        in_full = check(frame, reservoirs=reservoirs)
    pd.testing.assert_frame_equal(screened.flags, in_full.flags)
    pd.testing.assert_frame_equal(screened.to_frame(), in_full.to_frame())
    assert screened.counts == in_full.counts


def test_devices_in_another_order_are_no_better_for_being_screened() -> None:
    frame, reservoirs = clean()
    backwards = np.arange(len(frame)).reshape(-1, DEVICES)[:, ::-1].reshape(-1)
    screened = check(frame.iloc[backwards], reservoirs=reservoirs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "grid_of", lambda source: None)
        in_full = check(frame.iloc[backwards], reservoirs=reservoirs)
    pd.testing.assert_frame_equal(screened.flags, in_full.flags)
    assert screened.counts["row_order"]["SUSPECT"] > 0
