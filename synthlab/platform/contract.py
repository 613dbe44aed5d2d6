"""What synthlab relies on in an ingestion function, as tests that its authors can run.

Whoever plugs an ingestion function in (``SYNTHLAB_INGEST``) derives from
`IngestionContract` in a test module of their own, and pytest runs every promise::

    from synthlab.platform.contract import IngestionContract

    class TestOurIngestion(IngestionContract):
        device_id = "E2E0001"              # registered, attached, calibrated; empty of messages

        ingest = staticmethod(our_platform.ingest)

        @contextmanager
        def transaction(self):             # commits at its end, rolls back on an exception
            with our_sessions.begin() as session:
                yield session

        def count_messages(self, session):
            return session.scalar(select(func.count()).select_from(Message))

An import keeps its ledger in the transaction that it gives to the function.  So the one
promise that "nothing lost, nothing doubled" hangs on is
`test_commit_and_rollback_are_the_callers`: a function that commits by itself may have
stored rows that the ledger does not know of; run again, they are duplicates, and only
the counts differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

RECEIVED_AT = datetime(2026, 2, 12, 10, tzinfo=UTC)
"""Time of receipt of the first message; the others follow by seconds."""

_HOSTILE: tuple[Any, ...] = (
    None,
    [],
    "{}",
    {"seq": 900, "sensors": "ULTRASONIC"},
    {"seq": 901, "signal_strength_dbm": math.nan},
    {"seq": 902, "extra": "a\0b"},
    {"seq": 903, "extra": "\ud800"},
    {"seq": 2**63},
    {"seq": 904, "extra": 10**5000},
)


class _UndoneError(Exception):
    """Ends a transaction that shall leave nothing."""


class IngestionContract:
    """Promises of an ingestion function; derive from it and give what is below.

    Attributes
    ----------
    device_id : str
        A device that is registered, attached to a calibrated reservoir, and has sent
        nothing yet.
    unknown_device_id : str
        One that the platform does not know.
    ingest : callable
        Called as ``ingest(session, *, device_id, payload, received_at, mqtt_client_id)``.
    """

    device_id: str
    unknown_device_id: str = "NOBODY-KNOWS-IT"
    ingest: Callable[..., Any]

    def transaction(self) -> AbstractContextManager[Any]:
        """Give a session in a transaction: committed at the end, rolled back on an exception."""
        raise NotImplementedError

    def count_messages(self, session: Any) -> int:
        """Return how many messages are stored."""
        raise NotImplementedError

    def payload(self, seq: Any, **parts: Any) -> dict[str, Any]:
        """Return a payload as synthlab sends it."""
        clock = 1_770_890_400_000
        return {
            "schema_version": 1,
            "local_timestamp_ms": clock,
            "seq": seq,
            "sensors": {
                "ultrasonic": {
                    "sensor_type": "ULTRASONIC",
                    "local_timestamp_ms": clock,
                    "raw_readings": [700, 701, 699, -1, 700],
                    "temperature_c": 21.5,
                }
            },
            "power": {"sensor_type": "POWER", "battery_percentage": 88},
            "signal_strength_dbm": -70,
            **parts,
        }

    def send(self, session: Any, payload: Any, *, after_seconds: float = 0, **changes: Any) -> str:
        """Ingest one message of the device and return the outcome as text."""
        device_id = changes.get("device_id", self.device_id)
        return str(
            type(self).ingest(
                session,
                device_id=device_id,
                payload=payload,
                received_at=RECEIVED_AT + timedelta(seconds=after_seconds),
                mqtt_client_id=device_id,
            )
        )

    def stored(self) -> int:
        """Return how many messages are stored, by a transaction of its own."""
        with self.transaction() as session:
            return self.count_messages(session)

    def test_a_message_is_stored_once(self) -> None:
        """A new message is ``stored:``, and is there after the commit."""
        with self.transaction() as session:
            assert self.send(session, self.payload(1)).startswith("stored:")
        assert self.stored() == 1

    def test_a_replay_is_a_duplicate_and_stores_nothing(self) -> None:
        """The same key again, in the same transaction or a later one, is ``duplicate:SEQ``."""
        with self.transaction() as session:
            self.send(session, self.payload(1))
            assert self.send(session, self.payload(1)) == "duplicate:SEQ"
        for _ in range(3):
            with self.transaction() as session:
                assert self.send(session, self.payload(1)) == "duplicate:SEQ"
        assert self.stored() == 1

    def test_commit_and_rollback_are_the_callers(self) -> None:
        """A transaction that the caller rolls back leaves nothing, and is no duplicate later."""
        try:
            with self.transaction() as session:
                self.send(session, self.payload(1))
                raise _UndoneError
        except _UndoneError:
            pass
        assert self.stored() == 0, "the function committed by itself"
        with self.transaction() as session:
            assert self.send(session, self.payload(1)).startswith("stored:")

    def test_a_message_without_seq_is_dropped(self) -> None:
        """No integer ``seq``: ``dropped:MISSING_SEQ``."""
        for seq in (None, "1", 1.0, True):
            with self.transaction() as session:
                assert self.send(session, self.payload(seq)) == "dropped:MISSING_SEQ"
        assert self.stored() == 0

    def test_an_unknown_device_is_dropped(self) -> None:
        """Not registered: ``dropped:UNREGISTERED_DEVICE``."""
        with self.transaction() as session:
            outcome = self.send(session, self.payload(1), device_id=self.unknown_device_id)
        assert outcome == "dropped:UNREGISTERED_DEVICE"
        assert self.stored() == 0

    def test_a_hostile_payload_never_raises_nor_breaks_the_transaction(self) -> None:
        """What cannot be stored is an outcome; the next message of the transaction is stored."""
        for place, hostile in enumerate(_HOSTILE, start=1):
            with self.transaction() as session:
                assert self.send(session, hostile).startswith("dropped:")
                assert self.send(session, self.payload(place), after_seconds=place).startswith("stored:")
        assert self.stored() == len(_HOSTILE)

    def test_order_and_the_devices_clock_do_not_matter(self) -> None:
        """Late, early and out of order, with any clock: all are stored."""
        with self.transaction() as session:
            for seq, after in ((5, 50), (3, 30), (9, -10), (4, 40)):
                payload = self.payload(seq, local_timestamp_ms=-(10**17))
                assert self.send(session, payload, after_seconds=after).startswith("stored:")
        assert self.stored() == 4

    def test_a_partial_payload_is_stored(self) -> None:
        """Every part but ``seq`` may be absent."""
        with self.transaction() as session:
            assert self.send(session, {"seq": 1}).startswith("stored:")
        assert self.stored() == 1

    def test_the_topic_names_the_device(self) -> None:
        """A ``device_id`` in the payload is not looked at."""
        with self.transaction() as session:
            outcome = self.send(session, self.payload(1, device_id=self.unknown_device_id))
        assert outcome.startswith("stored:")
