"""Whatever a message holds, the outcome is typed and the caller's transaction lives on."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from synthlab.platform import schema
from tests.contract.conftest import Platform, payload_of


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _ in range(depth):
        inner = {"a": inner}
    return inner


def looped() -> dict[str, Any]:
    loop: dict[str, Any] = {}
    loop["a"] = loop
    return loop


HOSTILE_PARTS: dict[str, dict[str, Any]] = {
    "nan": {"signal_strength_dbm": math.nan},
    "infinity": {"power": {"battery_percentage": math.inf}},
    "nan reading": {"sensors": {"ultrasonic": {"raw_readings": [math.nan]}}},
    "huge integer": {"extra": 10**5000},
    "deep": {"extra": nested(300)},
    "very deep": {"extra": nested(100_000)},
    "loop": {"extra": looped()},
    "deep list": {"extra": json.loads("[" * 500 + "]" * 500)},
    "NUL": {"extra": "a\0b"},
    "NUL key": {"a\0b": 1},
    "half a surrogate pair": {"extra": "\ud800"},
    "key that is no text": {"extra": {1: 2}},
    "value that is no JSON": {"extra": object()},
    "bytes": {"extra": b"x"},
    "set": {"extra": {1}},
    "too long": {"extra": "x" * 200_000},
    "too many": {"extra": [None] * 200_000},
    "sensors no object": {"sensors": "ULTRASONIC"},
    "ultrasonic no object": {"sensors": {"ultrasonic": [1100]}},
    "readings no list": {"sensors": {"ultrasonic": {"raw_readings": 1100}}},
    "reading a text": {"sensors": {"ultrasonic": {"raw_readings": ["1100"]}}},
    "reading a bool": {"sensors": {"ultrasonic": {"raw_readings": [True]}}},
    "reading null": {"sensors": {"ultrasonic": {"raw_readings": [None]}}},
    "power no object": {"power": 88},
    "battery a text": {"power": {"battery_percentage": "88"}},
    "location no object": {"location": "home"},
    "latitude a text": {"location": {"latitude": "x", "longitude": 1.0}},
    "longitude a bool": {"location": {"latitude": 1.0, "longitude": True}},
}


@pytest.mark.parametrize("name", HOSTILE_PARTS)
def test_a_hostile_payload_is_dropped_and_the_transaction_lives_on(platform: Platform, name: str) -> None:
    with platform.database.session() as session:
        outcome = platform.ingest_in(session, payload_of(1, **HOSTILE_PARTS[name]))
        after = platform.ingest_in(session, payload_of(1), device_id="TANK2")
    assert (outcome, after) == ("dropped:INVALID_PAYLOAD", "stored:READING")
    assert [row["seq"] for row in platform.rows(schema.device_telemetry_messages)] == [1]
    dropped, _ = platform.rows(schema.events)
    assert dropped["data"]["payload"]["reason"] == "INVALID_PAYLOAD"
    assert dropped["data"]["payload"]["seq"] == 1


HARMLESS_PARTS: dict[str, dict[str, Any]] = {
    "integer beyond 64 bits": {"extra": 10**30},
    "null": {"extra": None, "power": None, "location": None},
    "written null": {"extra": "null \\u0000"},
    "deep enough": {"extra": nested(200)},
    "any letters": {"extra": "çñ☃😀", "ключ": "\u2028"},
    "empty names": {"": ""},
    "battery out of range": {"power": {"battery_percentage": 10**400}},
    "location out of range": {"location": {"latitude": 91.0, "longitude": 0.0}},
    "half a location": {"location": {"latitude": 1.0}},
    "device_id of another": {"device_id": "TANK2"},
}


@pytest.mark.parametrize("name", HARMLESS_PARTS)
def test_an_odd_payload_is_stored_as_it_came(platform: Platform, name: str) -> None:
    payload = payload_of(1, **HARMLESS_PARTS[name])
    assert platform.ingest(payload) == "stored:READING"
    message = platform.row(schema.device_telemetry_messages)
    assert message["payload"] == payload
    assert message["device_id"] == platform.device("TANK1")["id"]
    assert platform.rows(schema.device_location_points) == []


@pytest.mark.parametrize(
    "device_id",
    [
        *("", "tank1\0", "TANK1 ", "ta\ud800", "TANK\u0131", "tan\u212a1", "T" * 5000),
        *("'; DROP TABLE events; --", None, 7, b"TANK1"),
    ],
    ids=ascii,
)
def test_a_hostile_device_id_is_nobody(platform: Platform, device_id: Any) -> None:
    with platform.database.session() as session:
        outcome = platform.ingest_in(session, payload_of(1), device_id=device_id)
        after = platform.ingest_in(session, payload_of(1))
    assert (outcome, after) == ("dropped:UNREGISTERED_DEVICE", "stored:READING")
    named = platform.rows(schema.events)[0]["data"]["payload"]["device_id"]
    assert named.isascii()
    assert len(named) < 200


@pytest.mark.parametrize("client_id", ["", "a\0", "\ud800", "c" * 5000, 7, b"TANK1", "ı"], ids=ascii)
def test_a_hostile_client_id_is_invalid(platform: Platform, client_id: Any) -> None:
    with platform.database.session() as session:
        outcome = platform.ingest_in(session, payload_of(1), mqtt_client_id=client_id)
        after = platform.ingest_in(session, payload_of(1))
    assert (outcome, after) == ("dropped:INVALID_PAYLOAD", "stored:READING")
