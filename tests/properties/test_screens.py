"""A screened frame gets the flags that the checks themselves give, whatever is wrong with it."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import synthlab
from synthlab.calibration import Reservoir
from synthlab.columns import COLUMNS, RAW_COLUMNS
from synthlab.errors import UsageError
from synthlab.quality import checks, grid
from synthlab.quality.checks import Findings, check
from synthlab.quality.grid import grid_of
from synthlab.quality.source import source_of
from synthlab.quality.thresholds import Thresholds
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
        case "slight":
            # About the limit of what a level may differ from the one that follows.
            return values[rows] + (0.001 + 1e-5 * (np.arange(len(rows)) % 7 - 3)).astype(values.dtype)
        case "high":
            return values[rows] + (1e6 + 0.05 * np.arange(len(rows))).astype(values.dtype)
        case "zero":
            return np.zeros(len(rows), values.dtype)
        case "huge":
            return np.full(len(rows), 1e300 if is_float else np.iinfo(values.dtype).max // 2, values.dtype)
        case "low":
            return np.full(len(rows), -0.0 if is_float else np.iinfo(values.dtype).min, values.dtype)
        case "wild":
            return np.full(len(rows), -127 if is_float else np.iinfo(values.dtype).max, values.dtype)
    raise ValueError(kind)


def fault() -> st.SearchStrategy[Fault]:
    return st.tuples(
        st.sampled_from(("readings", "seq", *NUMBERS)),
        st.sampled_from(("none", "stuck", "leap", "creep", "slight", "high", "zero", "huge", "low", "wild")),
        st.integers(0, DEVICES - 1),
        st.integers(0, TIMES - 1),
        st.sampled_from((1, 2, 3, 40, 300, TIMES)),
    )


def test_the_clean_frame_is_screened() -> None:
    """Otherwise the tests below compare a thing with itself."""
    frame, reservoirs = clean()
    assert grid_of(source_of(frame, reservoirs=reservoirs, step_seconds={})) is not None


def assert_same(
    frame: pd.DataFrame,
    reservoirs: dict[str, Reservoir],
    *,
    part_rows: int = grid.PART_ROWS,
    thresholds: Thresholds | None = None,
) -> Findings:
    """Compare a screened frame with one that every check has judged in full."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid, "PART_ROWS", part_rows)
        screened = check(frame, reservoirs=reservoirs, thresholds=thresholds)
        patch.setattr(checks, "grid_of", lambda source: None)
        in_full = check(frame, reservoirs=reservoirs, thresholds=thresholds)
    pd.testing.assert_frame_equal(screened.flags, in_full.flags)
    pd.testing.assert_frame_equal(screened.to_frame(), in_full.to_frame())
    assert screened.counts == in_full.counts
    return screened


# Two times a part, some hours, all rows.
PARTS = (2 * DEVICES, 50 * DEVICES, grid.PART_ROWS)


@settings(deadline=None)
@example(faults=[], part_rows=PARTS[1])
@example(faults=[("readings", "none", 1, 100, 3)], part_rows=PARTS[1])
@example(faults=[("readings", "stuck", 2, 100, 400)], part_rows=PARTS[0])
@example(faults=[("raw_mm_3", "none", 2, 100, 40), ("raw_mm_1", "leap", 2, 0, TIMES)], part_rows=PARTS[1])
@example(faults=[("readings", "huge", 2, 100, 40)], part_rows=PARTS[1])
@example(faults=[("raw_mm_4", "low", 1, 30, 40)], part_rows=PARTS[1])
@example(faults=[("inflow_liters", "zero", 0, 0, TIMES)], part_rows=PARTS[0])
@example(faults=[("measured_level_pct", "creep", 3, 200, TIMES)], part_rows=PARTS[1])
@example(faults=[("measured_level_pct", "leap", 3, 200, TIMES)], part_rows=PARTS[0])
@example(faults=[("volume_liters", "creep", 3, 200, TIMES)], part_rows=PARTS[0])
@example(faults=[("level_pct", "creep", 3, 200, TIMES)], part_rows=PARTS[1])
@example(faults=[("served_liters", "none", 0, 0, 1)], part_rows=PARTS[0])
@example(faults=[("served_liters", "huge", 0, 0, 3)], part_rows=PARTS[0])
@example(faults=[("measured_level_pct", "slight", 1, 20, TIMES)], part_rows=PARTS[2])
@example(faults=[("level_pct", "slight", 1, 20, TIMES)], part_rows=PARTS[1])
@example(
    faults=[(name, "high", 2, 50, TIMES) for name in ("measured_level_pct", "level_pct")], part_rows=PARTS[1]
)
@example(faults=[("level_pct", "high", 2, 1, 300), ("volume_liters", "huge", 2, 1, 3)], part_rows=PARTS[0])
@example(faults=[("temperature_c", "low", 1, 30, 3), ("battery_pct", "leap", 1, 30, 3)], part_rows=PARTS[1])
@example(faults=[("seq", "leap", 2, 60, TIMES)], part_rows=PARTS[0])
@example(faults=[("local_timestamp_ms", "high", 2, 60, 1)], part_rows=PARTS[0])
@example(faults=[("lost_liters", "leap", 3, 200, 300)], part_rows=PARTS[1])
@given(faults=st.lists(fault(), max_size=4), part_rows=st.sampled_from(PARTS))
def test_screened_flags_are_those_of_the_checks(faults: list[Fault], part_rows: int) -> None:
    assert_same(with_faults(faults), clean()[1], part_rows=part_rows)


@settings(deadline=None)
@given(
    changed=st.dictionaries(
        st.sampled_from([one.name for one in fields(Thresholds) if isinstance(one.default, float)]),
        st.sampled_from((0.0, 0.05, 0.2, 2.0, 50.0)),
        min_size=1,
        max_size=4,
    ),
    part_rows=st.sampled_from(PARTS),
)
def test_limits_that_clean_rows_exceed_are_no_better_for_being_screened(
    changed: dict[str, float], part_rows: int
) -> None:
    default = Thresholds()
    limits = {
        name: getattr(default, name) * factor for name, factor in changed.items() if "_suspect" not in name
    }
    for name in (name for name in changed if "_suspect" in name):
        # The wider limit moves with the tighter one.
        for both in (name, name.replace("_suspect", "_fail")):
            if hasattr(default, both):
                limits[both] = getattr(default, both) * changed[name]
    try:
        thresholds = replace(default, **limits)
    except UsageError:
        assume(False)
    assert_same(*clean(), part_rows=part_rows, thresholds=thresholds)


def test_devices_in_another_order_are_no_better_for_being_screened() -> None:
    frame, reservoirs = clean()
    backwards = np.arange(len(frame)).reshape(-1, DEVICES)[:, ::-1].reshape(-1)
    screened = assert_same(frame.iloc[backwards], reservoirs)
    assert screened.counts["row_order"]["SUSPECT"] > 0


def test_trucks_between_tanks_are_no_better_for_being_screened() -> None:
    frame, reservoirs = clean()
    frame = frame.copy()
    places = np.arange(len(frame)) % DEVICES
    for name, value in (("latitude", 23.6), ("longitude", 58.5)):
        frame[name] = np.where(places == 2, value, np.nan)
    screened = assert_same(frame, reservoirs, part_rows=PARTS[1])
    assert screened.counts["location"]["GOOD"] == TIMES


def test_devices_without_reservoir_or_with_a_curve_are_no_better_for_being_screened() -> None:
    frame, reservoirs = clean()
    known = dict(reservoirs)
    del known["TANK-0"]
    known["TANK-1"] = replace(known["TANK-1"], shape="lying_cylinder")
    assert_same(frame, known, part_rows=PARTS[1])


def test_inlets_that_are_partly_shut_are_no_better_for_being_screened() -> None:
    city = synthlab.load_scenario("demo_city_v1").with_changes(days=60)
    known = {one.device_id: one.reservoir for one in resolve(city) if one.mode == "STATIONARY"}
    frame = synthlab.backfill(city, end_at="2026-02-12T10:00:00Z", devices=list(known)).frame
    shut = [{"kind": "BLOCKED_INLET", "at": ["2026-01-18T00:00:00Z"], "size": 80}]
    for damaged in (frame, synthlab.inject_faults(frame, shut, seed=1)):
        screened = assert_same(damaged, known)
    assert screened.counts["supply_rate"]["SUSPECT"] > 0
    # Two months of which nothing is known.
    dry = frame.assign(inflow_liters=np.where(np.arange(len(frame)) % 4 == 0, 0.0, frame["inflow_liters"]))
    assert assert_same(dry, known).counts["supply_rate"]["UNKNOWN"] == len(frame) / 4
