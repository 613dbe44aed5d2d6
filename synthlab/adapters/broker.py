"""A broker for one run: mosquitto where it is on PATH, else amqtt in a thread.

Both listen on the loopback interface only, on a free port, and let anybody in.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from synthlab.adapters.mqtt.address import BrokerAddress
from synthlab.adapters.registry import EmbeddedBroker, load_adapter
from synthlab.errors import Problem, ServiceUnavailableError

LOOPBACK = "127.0.0.1"

# Assumed: both start in well under a second; a busy machine may take some.
START_TIMEOUT_SECONDS = 20.0
STOP_TIMEOUT_SECONDS = 5.0
# Between asking for a free port and opening it somebody else may take it.
START_ATTEMPTS = 5

# The broker ends when its parent does, however that dies: the pipe on stdin closes.
# Then its configuration goes too.
# The shell lets go of stderr, so that it ends when mosquitto does; a signal to it is as
# good as the pipe's end, for a broker without its keeper would stay for ever.
# A mosquitto may miss one SIGTERM: it is asked again, and after two seconds it is killed.
_KEEPER = """\
"$1" -c "$2" </dev/null &
broker=$!
exec 2>/dev/null
trap : HUP INT TERM
read -r _
kill $broker
(for _ in 1 2 3; do sleep 0.5; kill $broker; done; sleep 0.5; kill -9 $broker) &
insistence=$!
wait $broker
kill $insistence
rm -f "$2"
rmdir "${2%/*}"
"""

MOSQUITTO_CONFIG = """\
listener {port} {host}
allow_anonymous true
persistence false
set_tcp_nodelay true
connection_messages false
max_inflight_messages 1000
max_queued_messages 0
log_dest stderr
"""


class MosquittoBroker:
    """mosquitto as a child process.

    Parameters
    ----------
    config : str
        Its configuration, with ``{port}`` and ``{host}`` to be filled in.
    port : int, optional
        Default: a free one.
    """

    def __init__(self, *, config: str = MOSQUITTO_CONFIG, port: int | None = None) -> None:
        self._config = config
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._reader: threading.Thread | None = None
        self._is_decided = threading.Event()
        self._is_running = False
        self._last_lines: deque[str] = deque(maxlen=20)

    def start(self) -> str:
        """Start mosquitto, and return its URL once it takes connections.

        Raises
        ------
        ServiceUnavailableError
            Code ``BROKER_UNAVAILABLE``.
        """
        for _ in range(START_ATTEMPTS):
            port = self._port or _free_port()
            self._launch(port)
            if self._is_decided.wait(START_TIMEOUT_SECONDS) and self._is_running:
                return f"mqtt://{LOOPBACK}:{port}"
            self.stop()
        raise _not_started("mosquitto", " | ".join(self._last_lines))

    def stop(self) -> None:
        """End mosquitto."""
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                # Its own session: the shell and mosquitto, and nobody else.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
                process.wait()
            if self._reader is not None:
                self._reader.join(STOP_TIMEOUT_SECONDS)
            if process.stderr is not None:
                process.stderr.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _launch(self, port: int) -> None:
        program = find_mosquitto()
        if program is None:
            raise _not_started("mosquitto", "not on PATH")
        self._folder = tempfile.TemporaryDirectory(prefix="synthlab-broker-")
        config = Path(self._folder.name) / "mosquitto.conf"
        config.write_text(self._config.format(port=port, host=LOOPBACK), encoding="utf-8")
        self._is_decided.clear()
        self._is_running = False
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "synthlab-broker", program, str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            # Ctrl-C is for the run, which still has messages to hand over.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read_log, args=(self._process,), daemon=True)
        self._reader.start()

    def _read_log(self, process: subprocess.Popen[bytes]) -> None:
        # Read on to the end: a full pipe would stop the broker.
        for line in process.stderr or ():
            text = line.decode("utf-8", "replace").strip()
            self._last_lines.append(text)
            if text.endswith(" running"):
                self._is_running = True
                self._is_decided.set()
        self._is_decided.set()


class AmqttBroker:
    """amqtt on an event loop of its own, in a thread. MQTT 3.1.1; for demonstrations."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._broker: Any = None

    def start(self) -> str:
        """Start amqtt, and return its URL once it takes connections.

        Raises
        ------
        ServiceUnavailableError
            Code ``BROKER_UNAVAILABLE``.
        AdapterUnavailableError
            Code ``ADAPTER_NOT_INSTALLED``.
        """
        self._loop = asyncio.new_event_loop()
        # amqtt's handlers raise when a client leaves early; asyncio would print that.
        self._loop.set_exception_handler(lambda _loop, _context: None)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        error: Exception | None = None
        for _ in range(START_ATTEMPTS):
            port = _free_port()
            try:
                self._run(self._open(port), START_TIMEOUT_SECONDS)
            except Exception as failure:  # amqtt wraps whatever its listeners raise
                error = failure
            else:
                return f"mqtt://{LOOPBACK}:{port}"
        self.stop()
        raise _not_started("amqtt", str(error))

    def stop(self) -> None:
        """End amqtt and its thread."""
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        with suppress(Exception):  # it is on its way out; its thread ends below all the same
            asyncio.run_coroutine_threadsafe(self._close(), loop).result(STOP_TIMEOUT_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join(STOP_TIMEOUT_SECONDS)
        if not self._thread.is_alive():
            loop.close()

    async def _close(self) -> None:
        if self._broker is not None:
            await self._broker.shutdown()
            self._broker = None
        # amqtt leaves the handlers of clients that have just gone; each closes its socket.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        _, pending = await asyncio.wait(left, timeout=1) if left else (set(), set())
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    def _run(self, coroutine: Any, timeout_seconds: float) -> Any:
        if self._loop is None:
            raise RuntimeError("the broker's loop is not running")
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout_seconds)

    async def _open(self, port: int) -> None:
        from amqtt.broker import Broker

        config = {
            "listeners": {"default": {"type": "tcp", "bind": f"{LOOPBACK}:{port}"}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        self._broker = Broker(config)
        await self._broker.start()


def find_mosquitto() -> str | None:
    """Return mosquitto's path; Debian keeps it where only root's PATH looks."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def embedded_broker(kind: str | None = None) -> Iterator[BrokerAddress]:
    """Run a broker for as long as the block lasts.

    Parameters
    ----------
    kind : {"mosquitto", "amqtt"}, optional
        Default: mosquitto where it is installed.

    Yields
    ------
    BrokerAddress

    Raises
    ------
    ServiceUnavailableError
        Code ``BROKER_UNAVAILABLE``: it did not start.
    AdapterUnavailableError
        Code ``ADAPTER_NOT_INSTALLED``.
    """
    chosen = kind or ("mosquitto" if find_mosquitto() else "amqtt")
    broker: EmbeddedBroker = load_adapter(f"broker.{chosen}")()
    try:
        # amqtt waits for the rest of an MQTT 5 CONNECT, which it takes for a longer 3.1.1 one.
        yield replace(BrokerAddress.parse(broker.start()), is_mqtt_311=chosen == "amqtt")
    finally:
        broker.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _not_started(name: str, detail: str) -> ServiceUnavailableError:
    return ServiceUnavailableError(
        Problem(
            "BROKER_UNAVAILABLE",
            f"the embedded broker {name} must start",
            value=detail or "no answer in time",
            remedy="Start a broker yourself and name it by the scenario's mqtt block or SYNTHLAB_BROKER_URL",
        )
    )
