from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from synthlab.adapters import broker
from synthlab.adapters.broker import MosquittoBroker, embedded_broker
from synthlab.adapters.mqtt import BrokerAddress
from synthlab.errors import ServiceUnavailableError
from tests.brokers import Observer, needs_mosquitto


def is_served(address: BrokerAddress) -> bool:
    # A whole MQTT session: amqtt leaks the socket of a client that says nothing.
    try:
        Observer(address).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("kind", [pytest.param("mosquitto", marks=needs_mosquitto), "amqtt"])
def test_it_listens_on_loopback_while_the_block_lasts(kind: str) -> None:
    with embedded_broker(kind) as address:
        assert address.host == "127.0.0.1"
        assert address.is_mqtt_311 is (kind == "amqtt")
        assert is_served(address)
    assert not is_served(address)


@needs_mosquitto
def test_two_runs_have_a_broker_each() -> None:
    with embedded_broker() as one, embedded_broker() as other:
        assert one != other
        assert is_served(one)
        assert is_served(other)


def test_without_mosquitto_it_is_amqtt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "find_mosquitto", lambda: None)
    with embedded_broker() as address:
        assert address.is_mqtt_311


@needs_mosquitto
def test_a_broker_that_cannot_start_says_why() -> None:
    with pytest.raises(ServiceUnavailableError) as caught:
        MosquittoBroker(config="listener {port} {host}\nno_such_option true\n").start()
    assert (caught.value.code, caught.value.exit_code) == ("BROKER_UNAVAILABLE", 8)
    assert "no_such_option" in str(caught.value)


@needs_mosquitto
def test_the_broker_of_a_killed_run_ends_with_it(tmp_path: Path) -> None:
    code = """
import sys, threading
import tempfile
tempfile.tempdir = sys.argv[1]
from synthlab.adapters.broker import embedded_broker
with embedded_broker("mosquitto") as address:
    print(address.port, flush=True)
    threading.Event().wait()
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        port = int(run.stdout.readline())
        # A connection that the broker closes is the event to wait for.
        with socket.create_connection(("127.0.0.1", port), timeout=30) as held:
            os.kill(run.pid, signal.SIGKILL)
            assert held.recv(1) == b""


@pytest.mark.parametrize("end", ["pipe", "signal"])
def test_a_broker_that_heeds_no_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    stubborn = tmp_path / "stubborn"
    stubborn.write_text("#!/bin/sh\ntrap '' TERM\necho \"$$ is running\" >&2\nexec tail -f /dev/null\n")
    stubborn.chmod(0o755)
    monkeypatch.setattr(broker, "find_mosquitto", lambda: str(stubborn))
    running = MosquittoBroker()
    running.start()
    pid = int(running._last_lines[-1].split()[0])
    keeper = running._process
    assert keeper is not None
    try:
        if end == "pipe":
            assert keeper.stdin is not None
            keeper.stdin.close()
        else:
            keeper.terminate()
        # The keeper ends after its broker, by itself.
        assert keeper.wait(30) == 0
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    finally:
        running.stop()
