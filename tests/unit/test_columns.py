"""The frame's definition, against the contract written out again."""

from __future__ import annotations

import pandas as pd
import pytest

from synthlab.columns import BY_NAME, COLUMNS, NAMES, RAW_COLUMNS, frame_problems
from tests.fleets import mixed_fleet

DESIGN = """
device_id category; seq int64; received_at datetime64[ms, UTC]; local_timestamp_ms int64; raw_mm_0 int32;
raw_mm_1 int32; raw_mm_2 int32; raw_mm_3 int32; raw_mm_4 int32; measured_level_pct float64;
temperature_c float64; battery_pct int16; signal_dbm int16; latitude float64; longitude float64;
speed_kmh float64; course_degrees float64; volume_liters float64; level_pct float64;
expected_demand_liters float64; requested_liters float64; served_liters float64; inflow_liters float64;
overflow_liters float64; loaded_liters float64; delivered_liters float64; lost_liters float64;
activity category; fault category
"""
NULLABLE = {"measured_level_pct", "latitude", "longitude", "speed_kmh", "course_degrees", "activity"}


def test_names_order_and_dtypes_are_the_designs() -> None:
    expected = [tuple(part.strip().split(maxsplit=1)) for part in DESIGN.replace("\n", " ").split(";")]
    assert [(column.name, column.dtype) for column in COLUMNS] == expected


def test_nulls_are_allowed_where_the_design_says() -> None:
    assert {column.name for column in COLUMNS if column.is_nullable} == NULLABLE


def test_each_column_has_a_meaning_a_unit_where_its_name_ends_in_one_and_decimals_where_it_is_real() -> None:
    units = {"_liters": "liters", "_pct": "%", "_mm": "mm", "_c": "°C", "_dbm": "dBm", "_ms": "ms"}
    for column in COLUMNS:
        assert column.meaning
        assert (column.decimals is not None) == (column.kind == "float"), column.name
        for ending, unit in units.items():
            if column.name.endswith(ending):
                assert column.unit == unit, column.name
    assert all(BY_NAME[name].unit == "mm" for name in RAW_COLUMNS)
    assert len(RAW_COLUMNS) == 5


def test_a_frame_of_the_engine_has_no_problems() -> None:
    assert frame_problems(mixed_fleet().frame) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda f: f.drop(columns="seq"), "column seq is missing"),
        (lambda f: f.assign(extra=1), "column extra is unknown"),
        (lambda f: f.astype({"raw_mm_2": "int64"}), "column raw_mm_2 is int64, needs int32"),
        (lambda f: f[[*NAMES[1:], NAMES[0]]], "columns are not in the contract's order"),
    ],
)
def test_departures_are_named(change, problem: str) -> None:  # type: ignore[no-untyped-def]
    assert frame_problems(change(mixed_fleet().frame.head(3))) == [problem]


def test_all_departures_are_named_at_once() -> None:
    assert len(frame_problems(pd.DataFrame({"seq": [1.0], "x": [2]}))) == len(NAMES) + 1
