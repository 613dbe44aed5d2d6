"""One suite for every broker that a publisher may meet."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from synthlab.adapters.broker import embedded_broker
from synthlab.adapters.mqtt import (
    BrokerAddress,
    Delivery,
    Publisher,
    Received,
    Subscriber,
    TlsFiles,
    tls_contexts,
)
from synthlab.adapters.mqtt.loop import MAX_SILENT_CLOSES
from synthlab.errors import CredentialsError, ServiceUnavailableError
from tests.brokers import OPEN, PLAIN, TIMEOUT_SECONDS, Authority, Observer, mosquitto, needs_mosquitto

DEVICES = ("D1", "D2", "D3")


def topic(name: str) -> str:
    return f"devices/{name}/telemetry"


def poll_until(loop: Publisher | Subscriber, is_done: Callable[[], bool]) -> None:
    """Move a loop on until something holds; the time-out is the test's failure."""
    until = time.monotonic() + TIMEOUT_SECONDS
    while not is_done():
        assert time.monotonic() < until, {name: link.state for name, link in loop.links.items()}
        loop.poll(0.2)


def answers(publisher: Publisher, count: int) -> list[Delivery]:
    found: list[Delivery] = []

    def is_enough() -> bool:
        found.extend(publisher.deliveries())
        return len(found) >= count

    poll_until(publisher, is_enough)
    return found


@pytest.fixture(params=[pytest.param("mosquitto", marks=needs_mosquitto), "amqtt"])
def address(request: pytest.FixtureRequest) -> Iterator[BrokerAddress]:
    with embedded_broker(request.param) as found:
        yield found


@pytest.fixture
def publisher(address: BrokerAddress) -> Iterator[Publisher]:
    made = Publisher(address, DEVICES)
    made.connect()
    yield made
    made.close()


class TestEveryBroker:
    def test_all_devices_come_up(self, publisher: Publisher, address: BrokerAddress) -> None:
        assert publisher.connected_count == len(DEVICES)
        assert publisher.problems == ()
        assert publisher.protocol_counts == {"3.1.1" if address.is_mqtt_311 else "5.0": 3}

    def test_messages_arrive_in_order_not_retained(
        self, publisher: Publisher, address: BrokerAddress
    ) -> None:
        with Observer(address, "devices/+/telemetry") as observer:
            for turn in range(20):
                for name in DEVICES:
                    assert publisher.send(name, topic(name), b"%d" % turn, (name, turn))
                found = answers(publisher, len(DEVICES))
                assert sorted(each.token for each in found) == [(name, turn) for name in DEVICES]
                assert all(each.is_accepted for each in found)
            seen = observer.wait_for(lambda messages: len(messages) >= 60)
        for name in DEVICES:
            own = [each for each in seen if each.topic == topic(name)]
            assert [int(each.payload) for each in own] == list(range(20))
        assert {(each.qos, each.is_retained) for each in seen} == {(1, False)}
        # A retained one would come to a later subscriber.
        with Observer(address, "devices/+/telemetry") as late:
            assert publisher.send("D1", topic("D1"), b"after", None)
            answers(publisher, 1)
            first = late.wait_for(lambda messages: len(messages) >= 1)[0]
        assert first.payload == b"after"

    def test_a_device_has_one_open_message(self, publisher: Publisher) -> None:
        assert publisher.send("D1", topic("D1"), b"one", 1)
        assert not publisher.is_ready("D1")
        assert not publisher.send("D1", topic("D1"), b"two", 2)
        assert publisher.is_ready("D2")
        assert [each.token for each in answers(publisher, 1)] == [1]
        assert publisher.is_ready("D1")

    def test_wake_ends_a_wait(self, publisher: Publisher) -> None:
        publisher._next_tick = publisher._clock() + 3_600
        waiter = threading.Thread(target=publisher.poll, args=(3_600,), daemon=True)
        waiter.start()
        publisher.wake()
        waiter.join(10)
        assert not waiter.is_alive()

    def test_what_is_not_acknowledged_comes_again(self, publisher: Publisher, address: BrokerAddress) -> None:
        subscriber = Subscriber(address, "listener-1", "devices/+/telemetry", rng=lambda: 0.01)
        try:
            subscriber.connect()
            assert publisher.send("D1", topic("D1"), b"{}", None)
            answers(publisher, 1)
            poll_until(subscriber, lambda: len(subscriber._inbox) == 1)
            (message,) = subscriber.take(10)
            assert (message.topic, message.payload, message.qos) == (topic("D1"), b"{}", 1)
            assert subscriber.take(10) == []
            if not address.is_mqtt_311:
                self.drop_twice(subscriber, message)
                assert publisher.send("D1", topic("D1"), b"next", None)
                answers(publisher, 1)
                poll_until(subscriber, lambda: len(subscriber._inbox) == 1)
                assert subscriber.take(10)[0].payload == b"next"
        finally:
            subscriber.close()

    def drop_twice(self, subscriber: Subscriber, message: Received) -> None:
        drop_connection(subscriber)
        poll_until(subscriber, lambda: len(subscriber._inbox) == 1)
        (again,) = subscriber.take(10)
        assert (again.payload, again.epoch) == (message.payload, 2)
        # An answer to the copy of a session that is gone is none.
        subscriber.acknowledge([message])
        drop_connection(subscriber)
        poll_until(subscriber, lambda: len(subscriber._inbox) == 1)
        (third,) = subscriber.take(10)
        subscriber.acknowledge([third])
        drop_connection(subscriber)
        poll_until(subscriber, lambda: subscriber._link.epoch == 4)


def drop_connection(loop: Publisher | Subscriber, name: str | None = None) -> None:
    link = loop.links[name] if name else next(iter(loop.links.values()))
    assert link.sock is not None
    link.sock.shutdown(socket.SHUT_RDWR)


def test_nobody_at_the_address_is_said_at_once(closed_port: int) -> None:
    publisher = Publisher(BrokerAddress("127.0.0.1", closed_port), DEVICES)
    try:
        with pytest.raises(ServiceUnavailableError) as caught:
            publisher.connect()
    finally:
        publisher.close()
    assert (caught.value.code, caught.value.exit_code) == ("BROKER_UNAVAILABLE", 8)
    assert "connection refused" in str(caught.value)


def test_an_unknown_host_is_said_at_once() -> None:
    publisher = Publisher(BrokerAddress("no-such-host.invalid", 1883), ["D1"])
    try:
        with pytest.raises(ServiceUnavailableError) as caught:
            publisher.connect()
    finally:
        publisher.close()
    assert caught.value.code == "BROKER_UNAVAILABLE"


def test_a_broker_that_does_not_know_version_5_is_asked_again() -> None:
    # Nobody told this publisher that amqtt speaks 3.1.1 only, and amqtt does not say so.
    with embedded_broker("amqtt") as known:
        publisher = Publisher(BrokerAddress(known.host, known.port), DEVICES)
        try:
            publisher.connect()
            assert publisher.protocol_counts == {"3.1.1": 3}
            assert publisher.send("D1", topic("D1"), b"{}", None)
            assert answers(publisher, 1)[0].is_accepted
        finally:
            publisher.close()


@pytest.mark.parametrize("answer", [b"\x20\x03\x00\x84\x00", b"\x20\x02\x00\x01", b""])
def test_a_broker_that_refuses_version_5_is_asked_for_3_1_1(answer: bytes) -> None:
    versions: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    connect = connection.recv(4_096)
                    # Byte 8 of CONNECT is the protocol level.
                    versions.append(connect[connect.index(b"MQTT") + 4])
                    connection.sendall(b"\x20\x02\x00\x00" if versions[-1] == 4 else answer)
                    if versions[-1] == 4:
                        connection.recv(4_096)

        thread = threading.Thread(target=serve)
        thread.start()
        publisher = Publisher(BrokerAddress("127.0.0.1", server.getsockname()[1]), ["D1"])
        try:
            publisher.connect()
            assert publisher.protocol_counts == {"3.1.1": 1}
        finally:
            publisher.close()
            thread.join()
    assert versions == [5, 4]


def test_a_server_that_hangs_up_is_not_asked_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        is_over = threading.Event()

        def serve() -> None:
            while not is_over.is_set():
                server.accept()[0].close()

        thread = threading.Thread(target=serve)
        thread.start()
        publisher = Publisher(BrokerAddress("127.0.0.1", server.getsockname()[1]), ["D1"])
        try:
            with pytest.raises(ServiceUnavailableError):
                publisher.connect()
        finally:
            publisher.close()
            is_over.set()
            socket.create_connection(server.getsockname()).close()
            thread.join()


@needs_mosquitto
class TestMosquitto:
    def test_a_message_survives_its_broker(self) -> None:
        with mosquitto() as address:
            publisher = Publisher(address, ["D1"], rng=lambda: 0.01)
            publisher.connect()
        try:
            # The broker is gone, and the publisher has not noticed.
            assert publisher.send("D1", topic("D1"), b"kept", "token")
            poll_until(publisher, lambda: not publisher.connected_count)
            assert publisher.deliveries() == []
            assert not publisher.send("D1", topic("D1"), b"other", None)
            with mosquitto(OPEN, port=address.port), Observer(address) as observer:
                (found,) = answers(publisher, 1)
                assert (found.token, found.is_accepted) == ("token", True)
                seen = observer.wait_for(lambda messages: len(messages) >= 1)
            assert [each.payload for each in seen] == [b"kept"]
        finally:
            publisher.close()

    def test_backoff_grows_with_full_jitter_and_is_capped(self) -> None:
        with mosquitto() as address:
            now = [1_000.0]
            publisher = Publisher(address, ["D1"], clock=lambda: now[0], rng=lambda: 0.5)
            publisher.connect()
        delays = []
        try:
            link = publisher.links["D1"]
            for _ in range(400):
                publisher.poll(0)
                if len(delays) < link.failure_count:
                    due_at = publisher._waiting[0][0]
                    delays.append(round(due_at - now[0], 6))
                    now[0] = due_at
                if len(delays) == 9:
                    break
        finally:
            publisher.close()
        assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]

    def test_two_clients_with_one_id_stop(self) -> None:
        with mosquitto() as address:
            ours, theirs = (Publisher(address, ["D1"], rng=lambda: 0.0) for _ in range(2))
            try:
                ours.connect()
                theirs.connect()

                def is_over() -> bool:
                    theirs.poll(0.05)
                    return bool(ours.failed_count or theirs.failed_count)

                poll_until(ours, is_over)
                (problem,) = ours.problems or theirs.problems
                assert (problem.code, problem.path) == ("CLIENT_ID_CONTESTED", "D1")
            finally:
                ours.close()
                theirs.close()

    def test_a_stranger_is_told_once(self, tmp_path: object) -> None:
        with mosquitto(PLAIN + "allow_anonymous false\n") as address:
            publisher = Publisher(address, DEVICES)
            try:
                with pytest.raises(CredentialsError) as caught:
                    publisher.connect()
            finally:
                publisher.close()
        assert [problem.code for problem in caught.value.problems] == ["BROKER_REFUSED"] * 3
        assert [problem.path for problem in caught.value.problems] == list(DEVICES)
        assert "Not authorized" in str(caught.value)

    def test_a_forbidden_topic_is_refused_by_name(self, tmp_path) -> None:  # type: ignore[no-untyped-def]
        rules = tmp_path / "acl"
        rules.write_text("pattern write devices/%c/telemetry\n")
        with mosquitto(OPEN + f"acl_file {rules}\n") as address:
            publisher = Publisher(address, ["D1", "D2"])
            try:
                publisher.connect()
                assert publisher.send("D1", topic("D1"), b"{}", "own")
                assert publisher.send("D2", topic("D1"), b"{}", "foreign")
                found = {each.token: each for each in answers(publisher, 2)}
            finally:
                publisher.close()
        assert found["own"].is_accepted
        assert not found["foreign"].is_accepted
        assert found["foreign"].reason == "Not authorized"


def test_an_answer_that_is_overdue_breaks_the_connection() -> None:
    publishes: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT_SECONDS)

        def serve() -> None:
            for turn in range(2):
                connection = server.accept()[0]
                with connection:
                    connection.recv(4_096)
                    connection.sendall(b"\x20\x03\x00\x00\x00")
                    publishes.append(connection.recv(4_096))
                    if turn == 1:
                        place = publishes[-1].index(b"telemetry") + len(b"telemetry")
                        connection.sendall(b"\x40\x02" + publishes[-1][place : place + 2])
                    # Until the publisher ends it.
                    connection.recv(4_096)

        thread = threading.Thread(target=serve)
        thread.start()
        now = [1_000.0]
        address = BrokerAddress("127.0.0.1", server.getsockname()[1])
        publisher = Publisher(address, ["D1"], clock=lambda: now[0], rng=lambda: 0.0, keepalive_seconds=600)
        try:
            publisher.connect()
            link = publisher.links["D1"]
            assert publisher.send("D1", topic("D1"), b"{}", "token")
            # Source: reliability notes, "PUBACK missing for 2 x keepalive: reconnect".
            now[0] += 1_199.0
            publisher.on_tick(link, now[0])
            publisher.poll(0)
            assert link.epoch == 1
            now[0] += 2.0
            publisher.on_tick(link, now[0])
            assert answers(publisher, 1)[0].token == "token"
            assert link.epoch == 2
        finally:
            publisher.close()
            thread.join()
    # The same message, and the second time marked as a duplicate.
    assert [each[0] for each in publishes] == [0x32, 0x3A]
    assert publishes[0][1:] == publishes[1][1:]


MAX_HANG_UPS = 2 * MAX_SILENT_CLOSES


@needs_mosquitto
class TestTls:
    @pytest.fixture
    def authority(self, tmp_path) -> Authority:  # type: ignore[no-untyped-def]
        return Authority(tmp_path / "ours")

    def publish(self, address: BrokerAddress, files: TlsFiles) -> Delivery:
        secured = BrokerAddress(address.host, address.port, is_tls=True)
        publisher = Publisher(secured, ["D1"], contexts=tls_contexts(files, ["D1"], need_cert=False))
        try:
            publisher.connect()
            assert publisher.send("D1", topic("D1"), b"x" * 100_000, None)
            return answers(publisher, 1)[0]
        finally:
            publisher.close()

    def test_a_certificate_of_the_authority_is_let_in(self, authority: Authority) -> None:
        with mosquitto(authority.mosquitto_config()) as address:
            assert self.publish(address, TlsFiles(*authority.issue("D1"), authority.path)).is_accepted

    def test_no_certificate_is_refused_and_not_tried_for_ever(self, authority: Authority) -> None:
        with mosquitto(authority.mosquitto_config()) as address, pytest.raises(CredentialsError) as caught:
            self.publish(address, TlsFiles(ca_path=authority.path))
        assert caught.value.code == "BROKER_REFUSED"

    def test_a_broker_that_hangs_up_after_the_handshake_is_said_to_refuse(self, authority: Authority) -> None:
        # What a refused certificate looks like where the reset overtakes the alert.
        certificate, key = authority.issue("broker", host="127.0.0.1")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with socket.create_server(("127.0.0.1", 0)) as server:
            greeted: list[int] = []

            def hang_up() -> None:
                while len(greeted) < MAX_HANG_UPS:
                    raw, _ = server.accept()
                    with context.wrap_socket(raw, server_side=True) as secured:
                        greeted.append(len(secured.recv(1)))
                        secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

            thread = threading.Thread(target=hang_up, daemon=True)
            thread.start()
            with pytest.raises(CredentialsError) as caught:
                self.publish(BrokerAddress(*server.getsockname()), TlsFiles(ca_path=authority.path))
        assert caught.value.code == "BROKER_REFUSED"
        assert "closed right after the TLS handshake" in str(caught.value)
        # Each try is made once in MQTT 5 and once in 3.1.1.
        assert len(greeted) == MAX_HANG_UPS

    def test_a_certificate_of_a_stranger_is_refused(self, authority: Authority, tmp_path) -> None:  # type: ignore[no-untyped-def]
        stranger = Authority(tmp_path / "theirs", "someone else")
        with mosquitto(authority.mosquitto_config()) as address, pytest.raises(CredentialsError) as caught:
            self.publish(address, TlsFiles(*stranger.issue("D1"), authority.path))
        assert caught.value.code == "BROKER_REFUSED"

    def test_a_broker_of_an_unknown_authority_is_not_trusted(self, authority: Authority, tmp_path) -> None:  # type: ignore[no-untyped-def]
        stranger = Authority(tmp_path / "theirs", "someone else")
        with mosquitto(authority.mosquitto_config()) as address, pytest.raises(CredentialsError) as caught:
            self.publish(address, TlsFiles(*authority.issue("D1"), stranger.path))
        assert caught.value.code == "BROKER_REFUSED"
        assert "broker certificate that can be trusted" in str(caught.value)

    def test_a_broker_of_another_name_is_not_trusted(self, authority: Authority) -> None:
        config = authority.mosquitto_config(host="other.example")
        with mosquitto(config) as address, pytest.raises(CredentialsError) as caught:
            self.publish(address, TlsFiles(*authority.issue("D1"), authority.path))
        assert "ip address mismatch" in str(caught.value).lower()

    def test_tls_to_a_plain_port_is_said(self, authority: Authority) -> None:
        with mosquitto() as address, pytest.raises((CredentialsError, ServiceUnavailableError)) as caught:
            self.publish(address, TlsFiles(*authority.issue("D1"), authority.path))
        assert caught.value.code in {"BROKER_REFUSED", "BROKER_UNAVAILABLE"}
