"""The platform contract, sections 1 to 3, sentence by sentence, on both databases."""

from __future__ import annotations

import itertools
import math
import threading
from datetime import timedelta, timezone
from typing import Any

import pytest

from synthlab.errors import UsageError
from synthlab.platform import schema
from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt, ready_status
from tests.contract.conftest import RECEIVED_AT, Platform, payload_of

LOCATION = {"latitude": -17.78, "longitude": -63.18, "speed_kmh": 31.5, "course_degrees": 270.0}


def test_the_platform_orders_by_its_own_time(platform: Platform) -> None:
    platform.ingest(payload_of(local_timestamp_ms=-(10**18)))
    message, reading = platform.row(schema.device_telemetry_messages), platform.row(schema.reservoir_readings)
    assert message["received_at"] == message["recorded_at"] == reading["recorded_at"] == RECEIVED_AT
    assert message["received_at"].utcoffset() == timedelta(0)


@pytest.mark.parametrize("wrong", [0, -1, 2**63 - 1, 10**30, "yesterday", None])
def test_a_wild_device_clock_changes_nothing(platform: Platform, wrong: Any) -> None:
    assert platform.ingest(payload_of(1, local_timestamp_ms=wrong)) == "stored:READING"
    assert platform.device("TANK1")["last_seen_at"] == RECEIVED_AT
    assert platform.row(schema.device_telemetry_messages)["payload"]["local_timestamp_ms"] == wrong


def test_received_at_is_kept_to_the_microsecond_from_any_zone(platform: Platform) -> None:
    moment = RECEIVED_AT.replace(microsecond=123_456)
    with platform.database.session() as session:
        ingest_device_telemetry_from_mqtt(
            session,
            device_id="TANK1",
            payload=payload_of(),
            received_at=moment.astimezone(timezone(timedelta(hours=-4))),
        )
    assert platform.row(schema.reservoir_readings)["recorded_at"] == moment


def test_received_at_needs_a_zone(platform: Platform) -> None:
    with pytest.raises(UsageError) as caught, platform.database.session() as session:
        ingest_device_telemetry_from_mqtt(
            session, device_id="TANK1", payload=payload_of(), received_at=RECEIVED_AT.replace(tzinfo=None)
        )
    assert caught.value.code == "BAD_ARGUMENT"
    assert platform.rows(schema.device_telemetry_messages) == []


def assert_dropped(platform: Platform, outcome: str, reason: str, *, device_id: str = "TANK1") -> None:
    assert outcome == f"dropped:{reason}"
    for table in (
        schema.device_telemetry_messages,
        schema.reservoir_readings,
        schema.device_location_points,
    ):
        assert platform.rows(table) == []
    assert platform.device("TANK1")["last_seen_at"] is None
    event = platform.row(schema.events)
    assert event["type"] == "DEVICE_TELEMETRY_DROPPED_UNATTACHED"
    assert event["data"]["event_version"] == 1
    assert event["data"]["payload"]["reason"] == reason
    assert event["data"]["payload"]["device_id"] == device_id


@pytest.mark.parametrize(
    "seq", [None, "1", 1.0, True, False, [1], {"seq": 1}, math.nan, math.inf, ""], ids=repr
)
def test_a_seq_that_is_no_integer_is_missing(platform: Platform, seq: Any) -> None:
    assert_dropped(platform, platform.ingest(payload_of(seq)), "MISSING_SEQ")


def test_no_seq_at_all(platform: Platform) -> None:
    payload = payload_of()
    del payload["seq"]
    assert_dropped(platform, platform.ingest(payload), "MISSING_SEQ")


def test_unknown_device(platform: Platform) -> None:
    outcome = platform.ingest(payload_of(), device_id="NOBODY")
    assert_dropped(platform, outcome, "UNREGISTERED_DEVICE", device_id="NOBODY")


def test_device_without_reservoir(platform: Platform) -> None:
    platform.change_device("TANK1", reservoir_id=None)
    assert_dropped(platform, platform.ingest(payload_of()), "UNATTACHED_DEVICE")


def test_device_of_a_deleted_reservoir(platform: Platform) -> None:
    platform.change_reservoir("TANK1", deleted_at=RECEIVED_AT)
    assert_dropped(platform, platform.ingest(payload_of()), "UNATTACHED_DEVICE")


@pytest.mark.parametrize("seq", [2**63, -(2**63) - 1, 10**400, 10**5000], ids=int.bit_length)
def test_a_seq_beyond_64_bits(platform: Platform, seq: int) -> None:
    assert_dropped(platform, platform.ingest(payload_of(seq)), "INVALID_PAYLOAD")


@pytest.mark.parametrize("seq", [2**63 - 1, -(2**63), 0])
def test_a_seq_of_64_bits(platform: Platform, seq: int) -> None:
    assert platform.ingest(payload_of(seq)) == "stored:READING"
    assert platform.row(schema.reservoir_readings)["device_seq"] == seq
    assert platform.ingest(payload_of(seq)) == "duplicate:SEQ"


@pytest.mark.parametrize("payload", [None, [], "{}", b"{}", 1, [payload_of()]], ids=repr)
def test_a_payload_that_is_no_object(platform: Platform, payload: Any) -> None:
    assert_dropped(platform, platform.ingest(payload), "INVALID_PAYLOAD")


def test_capitals_do_not_matter(platform: Platform) -> None:
    assert platform.ingest(payload_of(1), device_id="tank1", mqtt_client_id="Tank1") == "stored:READING"
    assert platform.ingest(payload_of(1), device_id="TANK1") == "duplicate:SEQ"
    assert platform.row(schema.device_telemetry_messages)["mqtt_client_id"] == "TANK1"


def test_each_dropped_message_leaves_one_diagnostic(platform: Platform) -> None:
    bad: list[tuple[dict[str, Any], float]] = [({}, 0), ({"seq": "1"}, 0), ({"seq": None}, 0), ({}, 60)]
    for payload, after_seconds in bad * 2:
        platform.ingest(payload, after_seconds=after_seconds)
    # The second round repeats the first, message and moment.
    assert len(platform.rows(schema.events)) == len(bad)


def test_replay_leaves_the_same_rows(platform: Platform) -> None:
    messages: list[tuple[str, dict[str, Any], float]] = [
        ("TANK1", payload_of(1), 0),
        ("TRUCK1", payload_of(1, location=LOCATION), 0),
        ("TANK1", payload_of(2, readings=(-1, -1)), 300),
        ("TANK1", {"seq": "x"}, 600),
        ("NOBODY", payload_of(1), 600),
        ("TANK2", {"seq": 5}, 700),
    ]
    first = [platform.ingest(p, device_id=name, after_seconds=after) for name, p, after in messages]
    before = platform.everything()
    for _ in range(3):
        for name, payload, after in messages:
            platform.ingest(payload, device_id=name, after_seconds=after)
    assert platform.everything() == before
    assert first == [
        "stored:READING",
        "stored:READING",
        "stored:RAW_ONLY",
        "dropped:MISSING_SEQ",
        "dropped:UNREGISTERED_DEVICE",
        "stored:RAW_ONLY",
    ]


@pytest.mark.parametrize("later", [0, 3600])
def test_a_duplicate_is_known_by_its_key_alone(platform: Platform, later: int) -> None:
    platform.ingest(payload_of(1))
    before = platform.everything()
    other = payload_of(1, readings=(300,), power={"battery_percentage": 3}, location=LOCATION)
    assert platform.ingest(other, after_seconds=later) == "duplicate:SEQ"
    assert platform.ingest(payload_of(1, extra=math.nan), after_seconds=later) == "duplicate:SEQ"
    assert platform.everything() == before


def test_a_duplicate_in_the_same_transaction(platform: Platform) -> None:
    with platform.database.session() as session:
        outcomes = [platform.ingest_in(session, payload_of(seq)) for seq in (1, 1, 2, 1)]
    assert outcomes == ["stored:READING", "duplicate:SEQ", "stored:READING", "duplicate:SEQ"]
    assert len(platform.rows(schema.events)) == 2


def test_the_same_seq_of_two_devices_is_two_messages(platform: Platform) -> None:
    assert platform.ingest(payload_of(1), device_id="TANK1") == "stored:READING"
    assert platform.ingest(payload_of(1), device_id="TANK2") == "stored:READING"


def test_a_second_client_of_a_device_keeps_its_message_but_makes_no_second_reading(
    platform: Platform,
) -> None:
    assert platform.ingest(payload_of(1)) == "stored:READING"
    before = platform.reservoir("TANK1")
    outcome = platform.ingest(payload_of(1, readings=(300,)), mqtt_client_id="GATEWAY/7", after_seconds=60)
    assert outcome == "stored:RAW_ONLY"
    assert len(platform.rows(schema.device_telemetry_messages)) == 2
    assert len(platform.rows(schema.reservoir_readings)) == len(platform.rows(schema.events)) == 1
    assert platform.reservoir("TANK1") == before


def test_rows_do_not_depend_on_the_database(platform: Platform) -> None:
    platform.ingest(payload_of(7))
    reading = platform.row(schema.reservoir_readings)
    assert str(reading["id"]) == "00000000-0007-8e77-9b3e-bc38200dda70"


def test_two_writers_of_one_message_store_it_once(platform: Platform) -> None:
    start = threading.Barrier(2, timeout=30)
    outcomes: list[str] = []

    def write() -> None:
        start.wait()
        for seq in range(1, 21):
            outcomes.append(platform.ingest(payload_of(seq), after_seconds=seq))

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=60)
    assert sorted(outcomes) == ["duplicate:SEQ"] * 20 + ["stored:READING"] * 20
    assert len(platform.rows(schema.reservoir_readings)) == len(platform.rows(schema.events)) == 20


def test_nothing_is_stored_where_the_caller_rolls_back(platform: Platform) -> None:
    with pytest.raises(KeyError), platform.database.session() as session:
        platform.ingest_in(session, payload_of(1, location=LOCATION))
        raise KeyError
    assert platform.rows(schema.device_telemetry_messages) == []
    assert platform.rows(schema.events) == []
    assert platform.ingest(payload_of(1)) == "stored:READING"


def test_message_and_reading_hold_what_the_contract_says(platform: Platform) -> None:
    payload = payload_of(7, readings=(1090, 1110, 1100, -1, 1100))
    assert platform.ingest(payload) == "stored:READING"
    device = platform.device("TANK1")
    message, reading = platform.row(schema.device_telemetry_messages), platform.row(schema.reservoir_readings)
    assert message["device_id"] == reading["device_id"] == device["id"]
    assert (message["mqtt_client_id"], message["seq"], message["payload"]) == ("TANK1", 7, payload)
    assert reading["reservoir_id"] == device["reservoir_id"]
    assert reading["telemetry_message_id"] == message["id"]
    assert (reading["device_seq"], reading["source"], reading["battery_pct"]) == (7, "DEVICE", 88)
    assert (reading["raw_sample_count"], reading["raw_mean"]) == (4, 1100.0)
    assert reading["raw_stddev"] == pytest.approx(math.sqrt(50))
    assert (reading["level_pct"], reading["volume_liters"]) == (50.0, 500.0)


@pytest.mark.parametrize(
    ("readings", "count", "level_pct"),
    [
        ((2000,), 1, 0.0),
        ((200,), 1, 100.0),
        ((2100, 2050), 2, 0.0),  # beyond empty, as slosh does: clamped
        ((150, 0), 2, 100.0),
        ((1100, 2500), 2, 100 * 200 / 1800),  # the margin's end
        ((1100, 2501), 1, 50.0),
        ((1100, -1, -2, 9999, 65535, 10**400), 1, 50.0),
        ((1099, 1100, 1102), 3, 100 * (2000 - 3301 / 3) / 1800),
    ],
)
def test_only_valid_samples_count(
    platform: Platform, readings: tuple[int, ...], count: int, level_pct: float
) -> None:
    assert platform.ingest(payload_of(1, readings=readings)) == "stored:READING"
    reading = platform.row(schema.reservoir_readings)
    assert reading["raw_sample_count"] == count
    assert reading["level_pct"] == pytest.approx(level_pct, abs=1e-12)
    assert reading["volume_liters"] == pytest.approx(level_pct * 10, abs=1e-11)


@pytest.mark.parametrize("readings", [(), (-1, -1), (65535,), None])
def test_without_a_valid_sample_only_the_message_is_kept(platform: Platform, readings: Any) -> None:
    assert platform.ingest(payload_of(1, readings=readings)) == "stored:RAW_ONLY"
    assert platform.rows(schema.reservoir_readings) == []
    assert platform.rows(schema.events) == []
    assert platform.device("TANK1")["last_seen_at"] == RECEIVED_AT
    assert platform.reservoir("TANK1")["last_reading_at"] is None


def test_a_partial_payload_is_normal(platform: Platform) -> None:
    assert platform.ingest({"seq": 1}) == "stored:RAW_ONLY"
    assert platform.ingest({"seq": 2, "power": {"battery_percentage": 40}}) == "stored:RAW_ONLY"
    assert platform.ingest({"seq": 3, "location": {"latitude": 1, "longitude": 2}}) == "stored:RAW_ONLY"
    readings = {"ultrasonic": {"raw_readings": [1100]}}
    assert platform.ingest({"seq": 4, "sensors": readings}) == "stored:READING"
    assert platform.row(schema.reservoir_readings)["battery_pct"] is None
    assert platform.device("TANK1")["last_battery_pct"] == 40
    point = platform.row(schema.device_location_points)
    assert (point["latitude"], point["longitude"]) == (1.0, 2.0)
    assert (point["speed_kmh"], point["course_degrees"]) == (None, None)


def test_height_stands_in_for_calibration(platform: Platform) -> None:
    platform.change_reservoir(
        "TANK1", sensor_empty_distance_mm=None, sensor_full_distance_mm=None, height_mm=2000.0
    )
    assert platform.ingest(payload_of(1, readings=(500,))) == "stored:READING"
    assert platform.row(schema.reservoir_readings)["level_pct"] == 75.0


BAD_CALIBRATIONS: list[dict[str, Any]] = [
    {"sensor_empty_distance_mm": None},
    {"sensor_full_distance_mm": None},
    {"sensor_empty_distance_mm": 200.0},
    {"sensor_empty_distance_mm": 0.0, "sensor_full_distance_mm": 0.0},
    {"sensor_full_distance_mm": -1.0},
    {"sensor_empty_distance_mm": None, "sensor_full_distance_mm": None},
    {"sensor_empty_distance_mm": None, "sensor_full_distance_mm": None, "height_mm": 0.0},
    {"sensor_empty_distance_mm": None, "height_mm": 2000.0},
    {"capacity_liters": None},
    {"capacity_liters": 0.0},
]


@pytest.mark.parametrize("change", BAD_CALIBRATIONS, ids=str)
def test_without_calibration_only_the_message_is_kept(platform: Platform, change: dict[str, Any]) -> None:
    platform.change_reservoir("TANK1", **change)
    assert platform.ingest(payload_of(1, location=LOCATION)) == "stored:RAW_ONLY"
    assert platform.rows(schema.reservoir_readings) == []
    message, event = platform.row(schema.device_telemetry_messages), platform.row(schema.events)
    assert event["type"] == "CALIBRATION_MISSING"
    assert event["data"]["payload"]["reason"] == "CALIBRATION_MISSING"
    assert event["data"]["payload"]["telemetry_message_id"] == str(message["id"])
    assert platform.device("TANK1")["last_seen_at"] == RECEIVED_AT
    assert len(platform.rows(schema.device_location_points)) == 1
    assert platform.ingest(payload_of(1)) == "duplicate:SEQ"
    assert len(platform.rows(schema.events)) == 1


def test_a_change_of_calibration_counts_from_the_next_message(platform: Platform) -> None:
    with platform.database.session() as session:
        platform.ingest_in(session, payload_of(1))
        session.connection().execute(schema.reservoirs.update().values(sensor_empty_distance_mm=1300.0))
        platform.ingest_in(session, payload_of(2))
    levels = {row["device_seq"]: row["level_pct"] for row in platform.rows(schema.reservoir_readings)}
    assert levels == {1: 50.0, 2: pytest.approx(100 * 200 / 1100)}


def test_a_location_gives_a_point(platform: Platform) -> None:
    platform.ingest(payload_of(1, location=LOCATION), device_id="TRUCK1")
    point, message = (
        platform.row(schema.device_location_points),
        platform.row(schema.device_telemetry_messages),
    )
    assert {name: point[name] for name in LOCATION} == LOCATION
    assert point["device_id"] == platform.device("TRUCK1")["id"]
    assert (point["recorded_at"], point["telemetry_message_id"]) == (RECEIVED_AT, message["id"])


def cached_state(platform: Platform) -> dict[str, Any]:
    device, reservoir = platform.device("TANK1"), platform.reservoir("TANK1")
    return {
        **{name: device[name] for name in ("last_seen_at", "last_battery_pct")},
        **{
            name: reservoir[name]
            for name in ("last_reading_at", "last_level_pct", "last_volume_liters", "level_state")
        },
    }


def test_cached_state_is_that_of_the_latest_whatever_the_order(platform: Platform) -> None:
    levels = {60: 1100, 120: 1900, 180: 200}
    for seq, order in enumerate(itertools.permutations(levels), start=1):
        for after in order:
            platform.ingest(
                payload_of(
                    seq * 1000 + after, readings=(levels[after],), power={"battery_percentage": after // 2}
                ),
                after_seconds=seq * 1000 + after,
            )
        assert cached_state(platform) == {
            "last_seen_at": RECEIVED_AT + timedelta(seconds=seq * 1000 + 180),
            "last_battery_pct": 90,
            "last_reading_at": RECEIVED_AT + timedelta(seconds=seq * 1000 + 180),
            "last_level_pct": 100.0,
            "last_volume_liters": 1000.0,
            "level_state": "FULL",
        }


def test_a_backfilled_message_does_not_overwrite(platform: Platform) -> None:
    platform.ingest(payload_of(2, readings=(1100,)))
    before = cached_state(platform)
    older = payload_of(1, readings=(1990,), power={"battery_percentage": 1})
    assert platform.ingest(older, after_seconds=-0.001) == "stored:READING"
    assert cached_state(platform) == before


def test_a_message_without_battery_leaves_the_known_one(platform: Platform) -> None:
    platform.ingest(payload_of(1))
    platform.ingest({"seq": 2}, after_seconds=60)
    assert cached_state(platform)["last_battery_pct"] == 88
    assert cached_state(platform)["last_seen_at"] == RECEIVED_AT + timedelta(seconds=60)
    assert cached_state(platform)["last_reading_at"] == RECEIVED_AT


def test_other_devices_are_left_alone(platform: Platform) -> None:
    before = platform.device("TANK2"), platform.reservoir("TANK2")
    platform.ingest(payload_of(1))
    assert (platform.device("TANK2"), platform.reservoir("TANK2")) == before


def test_each_reading_has_its_event(platform: Platform) -> None:
    platform.ingest(payload_of(1))
    event, reading = platform.row(schema.events), platform.row(schema.reservoir_readings)
    assert event["type"] == "RESERVOIR_LEVEL_READING"
    assert (event["subject_type"], event["subject_id"]) == ("RESERVOIR", str(reading["reservoir_id"]))
    assert event["created_at"] == RECEIVED_AT
    assert event["data"] == {
        "event_version": 1,
        "payload": {
            "reservoir_id": str(reading["reservoir_id"]),
            "reading_id": str(reading["id"]),
            "recorded_at": "2026-02-12T10:00:00.000000Z",
            "source": "DEVICE",
            "level_pct": 50.0,
            "volume_liters": 500.0,
            "device_id": str(reading["device_id"]),
            "telemetry_message_id": str(reading["telemetry_message_id"]),
        },
    }


def test_events_are_numbered_in_the_order_of_their_writing(platform: Platform) -> None:
    for seq in (3, 1, 2):
        platform.ingest(payload_of(seq), after_seconds=-seq)
    readings = {str(row["id"]): row["device_seq"] for row in platform.rows(schema.reservoir_readings)}
    events = platform.rows(schema.events)
    assert [readings[event["data"]["payload"]["reading_id"]] for event in events] == [3, 1, 2]
    assert [event["seq"] for event in events] == sorted(event["seq"] for event in events)


def test_a_number_of_a_deleted_event_is_not_given_again(platform: Platform) -> None:
    platform.ingest(payload_of(1))
    last = platform.row(schema.events)["seq"]
    with platform.database.session() as session:
        session.connection().execute(schema.events.delete())
    platform.ingest(payload_of(2))
    assert platform.row(schema.events)["seq"] > last


def test_ready_status_says_what_ingestion_would_and_writes_nothing(platform: Platform) -> None:
    platform.ingest(payload_of(1))
    platform.change_device("TANK2", reservoir_id=None)
    before = platform.everything()
    questions: dict[str, tuple[str, Any]] = {
        "READY": ("tank1", payload_of(2)),
        "DUPLICATE": ("TANK1", payload_of(1, extra=math.nan)),
        "MISSING_SEQ": ("TANK1", payload_of(True)),
        "UNREGISTERED_DEVICE": ("NOBODY", payload_of(1)),
        "UNATTACHED_DEVICE": ("TANK2", payload_of(1)),
        "INVALID_PAYLOAD": ("TANK1", payload_of(2, extra=math.nan)),
    }
    with platform.database.session() as session:
        answers = {
            ready_status(session, device_id=device_id, payload=payload)
            for device_id, payload in questions.values()
        }
    assert answers == {f"dry_run:{answer}" for answer in questions}
    assert platform.everything() == before
