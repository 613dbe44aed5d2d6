"""A block of messages leaves the rows that one message after the other leaves, on both databases."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from synthlab.columns import NAMES
from synthlab.errors import SafetyError
from synthlab.payload import emissions, encode_payload, payload_block
from synthlab.platform import ids, schema
from synthlab.platform.batch import ingest_block
from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt
from synthlab.platform.level import calibration_of, measure, measure_block
from synthlab.platform.provision import provision_devices
from tests.contract.conftest import CONTRACT_TABLES, OTHER_TANK, RECEIVED_AT, TANK, TRUCK, Platform
from tests.frames import telemetry_frame

RECEIVED_MS = int(RECEIVED_AT.timestamp() * 1000)
LAME = ("BARE", "LOOSE")
DEVICES = ("TANK1", "TANK2", "TRUCK1", *LAME, "NOBODY")
EXAMPLES = settings(
    max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

odd_floats = st.one_of(
    st.floats(-50, 60), st.sampled_from([float("nan"), float("inf"), 1e300, 5e-324, -0.0, 1e16, 1e-6])
)
readings = st.lists(
    st.one_of(st.integers(0, 2600), st.sampled_from([-1, 9999, 65535, -(2**31), 2**31 - 1])),
    min_size=5,
    max_size=5,
)
places = st.one_of(
    st.none(),
    st.tuples(
        st.floats(-95, 95),
        st.floats(-185, 185),
        st.floats(-1, 1200),
        st.one_of(st.floats(-1, 400), odd_floats),
    ),
)
rows = st.fixed_dictionaries(
    {
        "device_id": st.sampled_from(DEVICES),
        "seq": st.one_of(st.integers(1, 6), st.sampled_from([0, -1, 2**63 - 1, -(2**63)])),
        "after_ms": st.integers(-5, 5).map(lambda step: step * 1000),
        "clock": st.integers(-(2**63), 2**63 - 1),
        "readings": readings,
        "temperature_c": odd_floats,
        "battery_pct": st.sampled_from([0, 1, 50, 100, 101, -1, 32767]),
        "signal_dbm": st.integers(-32768, 32767),
        "place": places,
    }
)


def frame_of(found: list[dict[str, Any]]) -> pd.DataFrame:
    """A telemetry frame of hand-made messages; what no message carries is 0."""
    base = telemetry_frame(tanks=1, trucks=0, steps=max(len(found), 1)).iloc[: len(found)]
    location = np.array([row["place"] or (np.nan,) * 4 for row in found], dtype=float).reshape(-1, 4)
    changes: dict[str, Any] = {
        "device_id": pd.Categorical([row["device_id"] for row in found]),
        "seq": np.array([row["seq"] for row in found], np.int64),
        "received_at": pd.DatetimeIndex(
            np.array([RECEIVED_MS + row["after_ms"] for row in found], "datetime64[ms]")
        ).tz_localize("UTC"),
        "local_timestamp_ms": np.array([row["clock"] for row in found], np.int64),
        **{f"raw_mm_{i}": np.array([row["readings"][i] for row in found], np.int32) for i in range(5)},
        "temperature_c": np.array([row["temperature_c"] for row in found], float),
        "battery_pct": np.array([row["battery_pct"] for row in found], np.int16),
        "signal_dbm": np.array([row["signal_dbm"] for row in found], np.int16),
        "latitude": location[:, 0],
        "longitude": location[:, 1],
        "speed_kmh": location[:, 2],
        "course_degrees": location[:, 3],
    }
    return base.assign(**changes)[list(NAMES)]


UNKNOWN = {"sensor_empty_distance_mm": None, "sensor_full_distance_mm": None, "height_mm": None}


def prepare(platform: Platform) -> None:
    """Devices in every state: calibrated, bare of a calibration, loose of a reservoir."""
    with platform.database.session() as session:
        connection = session.connection()
        for table in reversed(CONTRACT_TABLES):
            connection.execute(delete(table))
        provision_devices(session, [TANK, OTHER_TANK, TRUCK, *(replace(TANK, device_id=n) for n in LAME)])
        named = schema.reservoirs.c.name == "Synthetic BARE"
        connection.execute(update(schema.reservoirs).where(named).values(**UNKNOWN))
        loose = schema.devices.c.device_id == "LOOSE"
        connection.execute(update(schema.devices).where(loose).values(reservoir_id=None))


def ingest_in_blocks(platform: Platform, frame: pd.DataFrame, size: int) -> list[str]:
    statuses: list[str] = []
    for first in range(0, len(frame), size):
        with platform.database.session() as session:
            statuses += ingest_block(session, payload_block(frame.iloc[first : first + size])).statuses
    return statuses


def ingest_one_by_one(platform: Platform, frame: pd.DataFrame) -> list[str]:
    with platform.database.session() as session:
        return [
            str(
                ingest_device_telemetry_from_mqtt(
                    session,
                    device_id=message.device_id,
                    payload=message.payload,
                    received_at=message.received_at,
                    mqtt_client_id=message.device_id,
                )
            )
            for message in emissions(frame)
        ]


def left_by(platform: Platform) -> dict[str, Any]:
    """All rows; of events their order, but not their numbers: PostgreSQL leaves some out."""
    found = platform.everything()
    events = [{**row, "seq": place} for place, row in enumerate(found["events"])]
    return {name: sorted(map(repr, table)) for name, table in found.items()} | {"events": events}


@EXAMPLES
@given(found=st.lists(rows, min_size=1, max_size=25), size=st.integers(1, 25))
def test_blocks_and_single_messages_leave_the_same_rows(
    platform: Platform, found: list[dict[str, Any]], size: int
) -> None:
    frame = frame_of(found)
    prepare(platform)
    one_by_one = ingest_one_by_one(platform, frame)
    expected = left_by(platform)
    prepare(platform)
    assert ingest_in_blocks(platform, frame, size) == one_by_one
    assert left_by(platform) == expected
    again = ingest_in_blocks(platform, frame, size)
    assert not [status for status in again if status.startswith("stored")]
    assert {name: table for name, table in left_by(platform).items() if name != "events"} == {
        name: table for name, table in expected.items() if name != "events"
    }


def test_a_conflict_is_named_and_nothing_is_overwritten(platform: Platform) -> None:
    frame = frame_of([row_of(seq=seq) for seq in (1, 2, 3)])
    with platform.database.session() as session:
        ingest_block(session, payload_block(frame.iloc[:2]))
    before = platform.everything()
    edited = frame.assign(signal_dbm=np.array([-70, -1, -70], np.int16))
    with pytest.raises(KeyError), platform.database.session() as session:
        outcome = ingest_block(session, payload_block(edited))
        assert outcome.conflicts == [("TANK1", 2)]
        assert outcome.statuses == ["duplicate:SEQ", "duplicate:SEQ", "stored:READING"]
        raise KeyError("rolled back")
    assert platform.everything() == before


def test_a_repeat_within_a_block_is_a_duplicate_and_another_payload_a_conflict(platform: Platform) -> None:
    frame = frame_of([row_of(seq=1), row_of(seq=1), row_of(seq=1, signal_dbm=-1)])
    with platform.database.session() as session:
        outcome = ingest_block(session, payload_block(frame))
    assert outcome.statuses == ["stored:READING", "duplicate:SEQ", "duplicate:SEQ"]
    assert outcome.conflicts == [("TANK1", 1)]


def test_the_insert_itself_refuses_what_is_not_marked_synthetic(platform: Platform) -> None:
    block = payload_block(frame_of([row_of(seq=1), row_of(seq=1, device_id="TANK2")]))
    for change in (platform.change_device, platform.change_reservoir):
        change("TANK2", is_synthetic=False)
        with pytest.raises(SafetyError, match="TANK2"), platform.database.session() as session:
            ingest_block(session, block)
        assert platform.rows(schema.device_telemetry_messages) == []
    with platform.database.session() as session:
        assert ingest_block(session, block, unmarked={"TANK2"}).statuses == ["stored:READING"] * 2


def test_a_reading_key_taken_by_another_client_leaves_the_raw_message(platform: Platform) -> None:
    frame = frame_of([row_of(seq=1), row_of(seq=2)])
    payload = next(iter(emissions(frame))).payload
    assert platform.ingest(payload, mqtt_client_id="gateway") == "stored:READING"
    assert ingest_in_blocks(platform, frame, 10) == ["stored:RAW_ONLY", "stored:READING"]
    assert [row["device_seq"] for row in platform.rows(schema.reservoir_readings)] == [1, 2]
    assert len(platform.rows(schema.events)) == 2


def row_of(**changes: Any) -> dict[str, Any]:
    return {
        "device_id": "TANK1",
        "seq": 1,
        "after_ms": 0,
        "clock": RECEIVED_MS,
        "readings": [1100] * 5,
        "temperature_c": 21.5,
        "battery_pct": 88,
        "signal_dbm": -70,
        "place": None,
        **changes,
    }


@given(found=st.lists(rows, max_size=20))
def test_block_and_row_write_the_same_payload_bytes(found: list[dict[str, Any]]) -> None:
    frame = frame_of(found)
    block = payload_block(frame)
    assert len(block) == len(frame)
    for place, message in enumerate(emissions(frame)):
        assert block.emission(place).device_id == message.device_id == block.device_ids[place]
        if block.is_regular[place]:
            assert block.documents[place].encode() == encode_payload(message.payload)
        else:
            assert b"null" in encode_payload(message.payload)


def test_payloads_of_usual_rows_are_the_same_bytes() -> None:
    frame = telemetry_frame(steps=200)
    written = [encode_payload(message.payload).decode() for message in emissions(frame)]
    assert payload_block(frame).documents == written
    assert all(json.loads(text)["seq"] for text in written)


@given(
    samples=st.lists(readings, min_size=1, max_size=10),
    empty=st.floats(1, 5000),
    full_part=st.floats(0, 0.99),
    capacity=st.floats(1e-3, 1e6),
)
def test_block_and_burst_measure_the_same_bits(
    samples: list[list[int]], empty: float, full_part: float, capacity: float
) -> None:
    calibration = calibration_of(capacity, None, empty, empty * full_part)
    assert calibration is not None
    columns = [np.full(len(samples), value) for value in calibration]
    measured = measure_block(np.array(samples), *columns)
    for place, burst in enumerate(samples):
        single = measure(burst, calibration)
        found = [column[place].item() for column in measured]
        assert found[0] == 0 if single is None else found == list(single[:5])


@given(keys=st.lists(st.tuples(st.text("ABC-9", min_size=1), st.integers(-(2**63), 2**63 - 1))))
def test_ids_of_many_are_those_of_each(keys: list[tuple[str, int]]) -> None:
    names, seqs = [key[0] for key in keys], np.array([key[1] for key in keys], np.int64)
    each = [ids.message_id(*key) for key in keys]
    many = ids.message_ids(names, seqs)
    assert many == [str(key) for key in each]
    assert ids.reading_ids(many) == [str(ids.reading_id(key)) for key in each]
    assert ids.point_ids(many) == [str(ids.point_id(key)) for key in each]
    assert ids.event_ids(many) == [str(ids.event_id(key)) for key in each]
    assert all(key.version == 8 and key.variant == "specified in RFC 4122" for key in each)
    assert len(set(each)) == len(set(keys))


def test_ids_of_one_message_differ_and_follow_the_number() -> None:
    found = [ids.message_id("TANK1", seq) for seq in range(1000)]
    assert found == sorted(found)
    of_one = [make(found[7]) for make in (ids.reading_id, ids.point_id, ids.event_id)]
    assert all(a != b for a, b in itertools.combinations([found[7], *of_one], 2))
