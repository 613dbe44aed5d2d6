"""The wire form: the contract's fields, builtin types, stable bytes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from synthlab.errors import UsageError
from synthlab.payload import (
    decode_payload,
    emissions,
    encode_payload,
    payload_to_row,
    row_to_payload,
    topic_of,
)
from tests.fleets import mixed_fleet, rows_of

ROW = {
    "local_timestamp_ms": 1_770_890_399_500,
    "seq": 7,
    "raw_mm_0": 1150,
    "raw_mm_1": 1151,
    "raw_mm_2": -1,
    "raw_mm_3": 1149,
    "raw_mm_4": 1150,
    "temperature_c": 26.5,
    "battery_pct": 84,
    "signal_dbm": -90,
    "latitude": float("nan"),
    "longitude": float("nan"),
    "speed_kmh": float("nan"),
    "course_degrees": float("nan"),
}
PLACE = {"latitude": -17.783, "longitude": -63.182, "speed_kmh": 21.5, "course_degrees": 270.0}
STATIONARY = {
    "schema_version": 1,
    "local_timestamp_ms": 1_770_890_399_500,
    "seq": 7,
    "sensors": {
        "ultrasonic": {
            "sensor_type": "ULTRASONIC",
            "local_timestamp_ms": 1_770_890_399_500,
            "raw_readings": [1150, 1151, -1, 1149, 1150],
            "temperature_c": 26.5,
        }
    },
    "power": {"sensor_type": "POWER", "battery_percentage": 84},
    "signal_strength_dbm": -90,
}


def test_a_stationary_payload_is_the_contracts() -> None:
    assert row_to_payload(ROW) == STATIONARY
    assert row_to_payload({**ROW, "latitude": None}) == STATIONARY


def test_a_mobile_payload_has_a_location() -> None:
    location = {**PLACE, "local_timestamp_ms": 1_770_890_399_500}
    assert row_to_payload({**ROW, **PLACE}) == {**STATIONARY, "location": location}


def test_bytes_are_compact_and_in_the_order_of_the_fields() -> None:
    data = encode_payload(row_to_payload(ROW))
    assert data == json.dumps(STATIONARY, separators=(",", ":")).encode()
    assert decode_payload(data) == STATIONARY


def test_the_topic_is_the_devices() -> None:
    assert topic_of("TANK-1") == "devices/TANK-1/telemetry"


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b"7", b"\xff\xfe", b"null"])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        decode_payload(data)
    assert caught.value.code == "BAD_ARGUMENT"


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {**STATIONARY, "sensors": None},
        {**STATIONARY, "seq": None},
        {**STATIONARY, "seq": "many"},
        {**STATIONARY, "power": {}},
        {**STATIONARY, "location": {"latitude": 1.0}},
        {**STATIONARY, "sensors": {"ultrasonic": {"raw_readings": [1, 2], "temperature_c": 1.0}}},
    ],
)
def test_what_no_row_makes_is_refused(payload: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        payload_to_row(payload)
    assert caught.value.code == "BAD_ARGUMENT"


def test_emissions_are_the_frames_rows_in_its_order() -> None:
    frame = mixed_fleet().frame.iloc[700:760]
    found = list(emissions(frame))
    assert [e.device_id for e in found] == frame["device_id"].tolist()
    assert [e.seq for e in found] == frame["seq"].tolist()
    assert [e.received_at for e in found] == frame["received_at"].dt.to_pydatetime().tolist()
    assert {type(e.device_id) for e in found} == {str}
    assert {(type(e.seq), type(e.received_at)) for e in found} == {(int, datetime)}
    assert {e.received_at.utcoffset() for e in found} == {timedelta(0)}
    is_mobile = ["location" in e.payload for e in found]
    assert is_mobile == frame["latitude"].notna().tolist()
    assert any(is_mobile)
    assert not all(is_mobile)


def test_a_long_frame_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of(mixed_fleet().frame, "TANK-A").head(25)
    expected = list(emissions(rows))
    monkeypatch.setattr("synthlab.payload._CHUNK_ROWS", 7)
    assert list(emissions(rows)) == expected


def test_a_device_clock_out_of_range_is_passed_on_as_it_is() -> None:
    """The platform never trusts it; the wire must not mend it."""
    assert row_to_payload({**ROW, "local_timestamp_ms": -5})["local_timestamp_ms"] == -5
