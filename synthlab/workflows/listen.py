"""Receive what devices publish, and feed it to the platform's ingestion."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from synthlab.errors import SynthlabError, UsageError
from synthlab.payload import decode_payload

if TYPE_CHECKING:
    import ssl

    from synthlab.adapters.database import Database
    from synthlab.adapters.mqtt import BrokerAddress, Received

TOPIC_FILTER = "devices/+/telemetry"
"""Source: platform contract, section 1."""

# Assumed: small enough that a message is seen at once, large enough to share a commit.
BATCH_SIZE = 500
# Assumed: how long to leave a database alone that did not answer.
RETRY_SECONDS = 1.0


class Listener:
    """A thread that stores messages and acknowledges them after the commit.

    A message that ingestion cannot digest is counted and never stops it; a database
    that does not answer makes it wait, and the broker keeps the messages.

    Parameters
    ----------
    address : BrokerAddress
    database : Database
        Open for writing.
    device_ids : collection of str
        Whose messages `stored_count` and `wait_for` look at.
    context : ssl.SSLContext, optional
    ingest : callable, optional
        Default: the configured ingestion function.
    on_commit : callable, optional
        Called from the thread after each transaction.
    """

    def __init__(
        self,
        address: BrokerAddress,
        database: Database,
        *,
        device_ids: Any,
        context: ssl.SSLContext | None = None,
        ingest: Callable[..., Any] | None = None,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        from synthlab.adapters.registry import load_adapter
        from synthlab.platform.plugin import load_ingest

        client_id = f"synthlab-listener-{uuid.uuid4().hex[:12]}"
        contexts = {} if context is None else {client_id: context}
        subscriber = load_adapter("mqtt.subscriber")
        self._subscriber = subscriber(address, client_id, TOPIC_FILTER, contexts=contexts)
        self._database = database
        self._ingest = ingest or load_ingest()
        self._device_ids = frozenset(device_ids)
        self._on_commit = on_commit
        self._counts: Counter[str] = Counter()
        self._last_seq: dict[str, int] = {}
        self._changed = threading.Condition()
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="synthlab-listener", daemon=True)
        self.stored_count = 0
        self.problem: str | None = None

    def start(self) -> None:
        """Subscribe, and go on in a thread.

        Raises
        ------
        ServiceUnavailableError
            Code ``BROKER_UNAVAILABLE``.
        CredentialsError
            Code ``BROKER_REFUSED``.
        """
        try:
            self._subscriber.connect()
        except BaseException:
            self._subscriber.close()
            raise
        self._thread.start()

    def stop(self) -> None:
        """Store what has come, and end the thread."""
        if self._thread.ident is not None:
            self._is_stopping.set()
            self._subscriber.wake()
            self._thread.join()

    @property
    def status_counts(self) -> dict[str, int]:
        """How often ingestion said what."""
        with self._changed:
            return dict(sorted(self._counts.items()))

    def wait_for(self, last_seq: Mapping[str, int], *, timeout_seconds: float) -> bool:
        """Wait until these numbers, and so all before them, have come; tell whether they have.

        Parameters
        ----------
        last_seq : mapping of str to int
            The last number of each device. A broker keeps a device's order.
        timeout_seconds : float
            [seconds]
        """

        def have_come() -> bool:
            return all(self._last_seq.get(name, 0) >= seq for name, seq in last_seq.items())

        with self._changed:
            return self._changed.wait_for(have_come, timeout_seconds)

    def _run(self) -> None:
        try:
            held: list[Received] = []
            while held or not self._is_stopping.is_set():
                if not held:
                    self._subscriber.poll(RETRY_SECONDS)
                held = held or self._subscriber.take(BATCH_SIZE)
                while held and self._store(held):
                    self._subscriber.acknowledge(held)
                    held = self._subscriber.take(BATCH_SIZE)
                if held and self._is_stopping.wait(RETRY_SECONDS):
                    break
        finally:
            self._subscriber.close()

    def _store(self, messages: list[Received]) -> bool:
        """Store messages in one transaction; False where the database takes nothing now."""
        try:
            outcomes = self._in_one_transaction(messages)
        except SynthlabError as error:
            self.problem = str(error)
            return False
        except Exception:  # a plugged-in function may raise anything; find out for which message
            found = [self._alone(message) for message in messages]
            if None in found:
                return False
            outcomes = [outcome for outcome in found if outcome is not None]
        self._note(messages, outcomes)
        return True

    def _in_one_transaction(self, messages: list[Received]) -> list[str]:
        with self._database.session() as session:
            return [self._one(session, message) for message in messages]

    def _alone(self, message: Received) -> str | None:
        try:
            return self._in_one_transaction([message])[0]
        except SynthlabError as error:
            self.problem = str(error)
            return None
        except Exception as error:  # its own transaction is rolled back; the others go on
            return f"failed:{type(error).__name__}"

    def _one(self, session: Any, message: Received) -> str:
        device_id = device_of(message.topic)
        try:
            payload = decode_payload(message.payload)
        except UsageError:
            return "dropped:INVALID_PAYLOAD"
        outcome = self._ingest(
            session,
            device_id=device_id,
            payload=payload,
            received_at=datetime.now(UTC),
            mqtt_client_id=device_id,
        )
        return str(outcome)

    def _note(self, messages: list[Received], outcomes: list[str]) -> None:
        self.problem = None
        with self._changed:
            self._counts.update(outcomes)
            for message in messages:
                device_id = device_of(message.topic)
                if device_id in self._device_ids:
                    self.stored_count += 1
                    seq = _seq_of(message.payload)
                    self._last_seq[device_id] = max(self._last_seq.get(device_id, 0), seq)
            self._changed.notify_all()
        self._on_commit()


def device_of(topic: str) -> str:
    """Return the device's id: the middle of ``devices/{device_id}/telemetry``."""
    return topic.split("/")[1]


def _seq_of(payload: bytes) -> int:
    try:
        seq = decode_payload(payload).get("seq")
    except UsageError:
        return 0
    return seq if isinstance(seq, int) and not isinstance(seq, bool) else 0
