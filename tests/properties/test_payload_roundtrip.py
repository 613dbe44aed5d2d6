"""Row to payload to bytes and back is the identity on what a device reports."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from synthlab.columns import LOCATION_COLUMNS, RAW_COLUMNS
from synthlab.payload import (
    REPORTED_COLUMNS,
    decode_payload,
    emissions,
    encode_payload,
    payload_to_row,
    row_to_payload,
)
from synthlab.scenario.resolve import DeviceParameters
from tests.fleet_strategies import SEEDS, devices
from tests.fleets import mixed_fleet, run

INT64 = st.integers(-(2**63), 2**63 - 1)
REAL = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """Anything that the frame's dtypes can hold, in reported columns."""
    row: dict[str, Any] = {"local_timestamp_ms": draw(INT64), "seq": draw(INT64)}
    row |= {name: draw(st.integers(-1, 2**31 - 1)) for name in RAW_COLUMNS}
    row |= {"temperature_c": draw(REAL), "battery_pct": draw(st.integers(0, 100))}
    row |= {"signal_dbm": draw(st.integers(-(2**15), 2**15 - 1))}
    located = draw(st.booleans())
    return row | {name: draw(REAL) if located else float("nan") for name in LOCATION_COLUMNS}


def same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    """NaN equals NaN here, and 1 is not 1.0."""
    return left.keys() == right.keys() and all(
        type(left[k]) is type(right[k]) and (left[k] == right[k] or left[k] != left[k] != right[k])
        for k in left
    )


@given(rows())
def test_row_payload_bytes_payload_row(row: dict[str, Any]) -> None:
    payload = row_to_payload(row)
    data = encode_payload(payload)
    assert decode_payload(data) == payload == json.loads(data)
    assert encode_payload(decode_payload(data)) == data
    assert same(payload_to_row(decode_payload(data)), row)


@given(row=rows(), kind=st.sampled_from([np.int64, np.int32]))
def test_numpys_scalars_make_the_same_bytes(row: dict[str, Any], kind: type) -> None:
    small = {name: value for name, value in row.items() if isinstance(value, int) and abs(value) < 2**31}
    typed = {**row, **{name: kind(value) for name, value in small.items()}}
    assert encode_payload(row_to_payload(typed)) == encode_payload(row_to_payload(row))


@given(device=devices("D-1"), seed=SEEDS)
def test_the_engines_rows_come_back(device: DeviceParameters, seed: int) -> None:
    frame = run([device], seed=seed, days=0.25).frame
    back = pd.DataFrame([payload_to_row(decode_payload(encode_payload(e.payload))) for e in emissions(frame)])
    for name in (*REPORTED_COLUMNS, *LOCATION_COLUMNS):
        np.testing.assert_array_equal(back[name].to_numpy(), frame[name].to_numpy(), err_msg=name)


def test_measured_level_is_what_the_contract_derives_from_the_payload() -> None:
    """Section 2 of the contract, written out: mean of the valid, linear, clamped."""
    tanks = {device.device_id: device.reservoir for device in mixed_fleet().devices}
    frame = mixed_fleet().frame
    nulls = 0
    for level, emission in zip(frame["measured_level_pct"].tolist(), emissions(frame), strict=True):
        tank = tanks[emission.device_id]
        empty, full = tank.sensor_empty_distance_mm, tank.sensor_full_distance_mm
        valid = [r for r in emission.payload["sensors"]["ultrasonic"]["raw_readings"] if r != -1]
        if not valid:
            nulls += 1
            assert level != level
            continue
        expected = 100 * (empty - sum(valid) / len(valid)) / (empty - full)
        assert abs(level - min(max(expected, 0.0), 100.0)) < 1e-9
    assert 0 <= nulls < 20
