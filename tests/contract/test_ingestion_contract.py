"""The public contract suite, on the reference function, and on functions that break it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from synthlab.platform import schema
from synthlab.platform.contract import IngestionContract
from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt
from tests.contract.conftest import Platform


class OnReferencePlatform(IngestionContract):
    device_id = "TANK1"
    ingest = staticmethod(ingest_device_telemetry_from_mqtt)

    @pytest.fixture(autouse=True)
    def _platform(self, platform: Platform) -> None:
        self.database = platform.database

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with self.database.session() as session:
            yield session

    def count_messages(self, session: Session) -> int:
        query = select(func.count()).select_from(schema.device_telemetry_messages)
        return int(session.execute(query).scalar_one())


class TestReferenceIngestion(OnReferencePlatform):
    """Every promise, by the platform's own function."""


def forgetful(session: Session, **message: Any) -> Any:
    """Takes every message for a new one."""
    message["mqtt_client_id"] = f"{message['mqtt_client_id']}-{datetime.now().timestamp()}"
    return ingest_device_telemetry_from_mqtt(session, **message)


def trusting(session: Session, **message: Any) -> Any:
    """Looks into the payload for the device."""
    if isinstance(message["payload"], dict):
        message["device_id"] = message["payload"].get("device_id", message["device_id"])
    return ingest_device_telemetry_from_mqtt(session, **message)


def impatient(session: Session, **message: Any) -> Any:
    """Commits in a transaction of its own."""
    with Session(session.get_bind()) as own, own.begin():
        return ingest_device_telemetry_from_mqtt(own, **message)


def fragile(session: Session, **message: Any) -> Any:
    """Raises at what it does not understand."""
    result = ingest_device_telemetry_from_mqtt(session, **message)
    if str(result) == "dropped:INVALID_PAYLOAD":
        raise ValueError
    return result


def silent(session: Session, **message: Any) -> Any:
    """Says stored whatever it does."""
    ingest_device_telemetry_from_mqtt(session, **message)
    return "stored:READING"


BROKEN = {
    forgetful: "test_a_replay_is_a_duplicate_and_stores_nothing",
    trusting: "test_the_topic_names_the_device",
    fragile: "test_a_hostile_payload_never_raises_nor_breaks_the_transaction",
    silent: "test_a_message_without_seq_is_dropped",
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_function_that_breaks_a_promise_is_caught(broken: Any, platform: Platform) -> None:
    suite = type("Broken", (OnReferencePlatform,), {"ingest": staticmethod(broken)})()
    suite.database = platform.database
    with pytest.raises((AssertionError, ValueError)):
        getattr(suite, BROKEN[broken])()


def test_a_function_that_commits_by_itself_is_caught(postgres_url: str) -> None:
    from synthlab.adapters.database import open_database
    from synthlab.platform.provision import provision_devices
    from tests.contract.conftest import TANK

    with open_database(postgres_url) as database:
        schema.create_schema(database.engine)
        with database.session() as session:
            provision_devices(session, [TANK])
        suite = type("Broken", (OnReferencePlatform,), {"ingest": staticmethod(impatient)})()
        suite.database = database
        with pytest.raises(AssertionError, match="committed by itself"):
            suite.test_commit_and_rollback_are_the_callers()
