"""The listener: what devices publish gets stored, and nothing they publish stops it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from sqlalchemy import create_engine, text

import synthlab
from synthlab.adapters.broker import embedded_broker
from synthlab.adapters.database import Database, open_database
from synthlab.adapters.mqtt import BrokerAddress
from synthlab.errors import Problem, ServiceUnavailableError
from synthlab.payload import emissions, encode_payload
from synthlab.scenario.loader import loads_scenario
from synthlab.workflows.listen import Listener
from tests.brokers import OPEN, mosquitto, needs_mosquitto

TANK = "E2ELISTENTANK"
SCENARIO = f"""\
scenario_id: listen
bootstrap: {{days: 1, step_minutes: 60}}
devices:
  - {{device_id: {TANK}, archetype: stationary_archetype_a, mode: STATIONARY, cadence_seconds: 3600}}
"""
TIMEOUT_SECONDS = 30.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path / 'platform.db'}"
    synthlab.provision(loads_scenario(SCENARIO), database=url)
    with open_database(url) as opened:
        yield opened


@pytest.fixture
def address() -> Iterator[BrokerAddress]:
    with embedded_broker() as found:
        yield found


@pytest.fixture
def payloads() -> list[bytes]:
    frame = synthlab.backfill(loads_scenario(SCENARIO), end_at="2026-02-12T10:00:00Z").frame
    return [encode_payload(emission.payload) for emission in emissions(frame)]


@contextmanager
def listening(address: BrokerAddress, database: Database, **options: Any) -> Iterator[Listener]:
    listener = Listener(address, database, device_ids=[TANK], **options)
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()


@contextmanager
def device(address: BrokerAddress, name: str = TANK) -> Iterator[paho.Client]:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name, protocol=paho.MQTTv311)
    client.connect(address.host, address.port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def send(client: paho.Client, payload: bytes, topic: str = f"devices/{TANK}/telemetry") -> None:
    client.publish(topic, payload, qos=1).wait_for_publish(TIMEOUT_SECONDS)


def stored(database: Database) -> int:
    engine = create_engine(database.engine.url)
    with engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM device_telemetry_messages")).scalar_one()
    engine.dispose()
    return int(count)


def test_a_bad_message_is_counted_and_the_next_one_stored(
    address: BrokerAddress, database: Database, payloads: list[bytes]
) -> None:
    with listening(address, database) as listener, device(address) as client:
        for bad in (b"", b"\xff\xfe", b"[1]", b"{", b"null", b'{"seq": NaN}', b"{}", b'{"seq": "1"}'):
            send(client, bad)
        send(client, b'{"seq": 1}', topic="devices/E2ESTRANGER/telemetry")
        send(client, b'{"seq": 1}', topic="devices//telemetry")
        send(client, payloads[0])
        send(client, payloads[0])
        send(client, payloads[1])
        assert listener.wait_for({TANK: 2}, timeout_seconds=TIMEOUT_SECONDS)
        counts = listener.status_counts
    assert counts == {
        "dropped:INVALID_PAYLOAD": 6,
        "dropped:MISSING_SEQ": 2,
        "dropped:UNREGISTERED_DEVICE": 2,
        "duplicate:SEQ": 1,
        "stored:READING": 2,
    }
    assert stored(database) == 2


def test_a_function_that_raises_on_one_message_loses_no_other(
    address: BrokerAddress, database: Database, payloads: list[bytes]
) -> None:
    from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt

    def picky(session: Any, **message: Any) -> Any:
        outcome = ingest_device_telemetry_from_mqtt(session, **message)
        if message["payload"]["seq"] % 3 == 0:
            raise KeyError("a bug of the platform's")
        return outcome

    with listening(address, database, ingest=picky) as listener, device(address) as client:
        for payload in payloads[:9]:
            send(client, payload)
        assert listener.wait_for({TANK: 9}, timeout_seconds=TIMEOUT_SECONDS)
        assert listener.status_counts == {"failed:KeyError": 3, "stored:READING": 6}
    # What it had written before it raised is rolled back.
    assert stored(database) == 6


def test_a_database_that_does_not_answer_is_waited_for(
    address: BrokerAddress, database: Database, payloads: list[bytes]
) -> None:
    is_away, was_asked = threading.Event(), threading.Event()
    is_away.set()
    real = database.session

    @contextmanager
    def session() -> Iterator[Any]:
        if is_away.is_set():
            was_asked.set()
            raise ServiceUnavailableError(Problem("DATABASE_UNAVAILABLE", "must answer"))
        with real() as found:
            yield found

    database.session = session  # type: ignore[method-assign]
    with listening(address, database) as listener, device(address) as client:
        for payload in payloads[:3]:
            send(client, payload)
        assert was_asked.wait(TIMEOUT_SECONDS)
        assert listener.stored_count == 0
        assert not listener.wait_for({TANK: 1}, timeout_seconds=0)
        is_away.clear()
        assert listener.wait_for({TANK: 3}, timeout_seconds=TIMEOUT_SECONDS)
        assert listener.status_counts == {"stored:READING": 3}
        assert listener.problem is None
    assert stored(database) == 3


def test_a_listener_ends_while_its_database_is_away(
    address: BrokerAddress, database: Database, payloads: list[bytes]
) -> None:
    was_asked = threading.Event()

    @contextmanager
    def session() -> Iterator[Any]:
        was_asked.set()
        raise ServiceUnavailableError(Problem("DATABASE_UNAVAILABLE", "must answer"))
        yield

    database.session = session  # type: ignore[method-assign]
    with listening(address, database) as listener, device(address) as client:
        send(client, payloads[0])
        assert was_asked.wait(TIMEOUT_SECONDS)
    assert listener.status_counts == {}
    assert listener.problem is not None
    assert "must answer" in listener.problem


def test_received_at_is_the_present_and_the_identity_is_the_topics(
    address: BrokerAddress, database: Database, payloads: list[bytes]
) -> None:
    from datetime import UTC, datetime

    calls: list[dict[str, Any]] = []

    def note(_session: Any, **message: Any) -> str:
        calls.append(message)
        return "stored:READING"

    before = datetime.now(UTC)
    with listening(address, database, ingest=note) as listener, device(address) as client:
        send(client, json.dumps({**json.loads(payloads[0]), "device_id": "SOMEBODY-ELSE"}).encode())
        assert listener.wait_for({TANK: 1}, timeout_seconds=TIMEOUT_SECONDS)
    (call,) = calls
    assert before <= call["received_at"] <= datetime.now(UTC)
    assert (call["device_id"], call["mqtt_client_id"]) == (TANK, TANK)


@needs_mosquitto
def test_what_is_stored_does_not_come_again(
    address: BrokerAddress, database: Database, payloads: list[bytes]
) -> None:
    taken: list[int] = []

    def note(_session: Any, **message: Any) -> str:
        taken.append(message["payload"]["seq"])
        return "stored:READING"

    with listening(address, database, ingest=note) as listener, device(address) as client:
        # When the second one is taken, the first has been acknowledged.
        for seq in (1, 2):
            send(client, payloads[seq - 1])
            assert listener.wait_for({TANK: seq}, timeout_seconds=TIMEOUT_SECONDS)
        (link,) = listener._subscriber.links.values()
        assert link.sock is not None
        link.sock.shutdown(socket.SHUT_RDWR)
        # The session lives on at the broker, and with it whatever was not acknowledged.
        send(client, payloads[2])
        assert listener.wait_for({TANK: 3}, timeout_seconds=TIMEOUT_SECONDS)
        assert link.epoch == 2
    assert taken.count(1) == 1


@needs_mosquitto
def test_what_was_not_committed_comes_again_after_the_broker_did(
    database: Database, payloads: list[bytes]
) -> None:
    with mosquitto() as address:
        listener = Listener(address, database, device_ids=[TANK])
        listener._subscriber._rng = lambda: 0.01
        listener.start()
    try:
        with mosquitto(OPEN, port=address.port) as again, device(again) as client:
            # Once it listens again, what is published reaches it.
            seq = 0
            while not listener.wait_for({TANK: 1}, timeout_seconds=0.2):
                send(client, payloads[seq % len(payloads)])
                seq += 1
                assert seq < 200
    finally:
        listener.stop()
    assert stored(database) >= 1
