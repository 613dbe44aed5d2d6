"""Connections to a real PostgreSQL, and what is alike on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import make_url, text

from synthlab.adapters.database import Database, open_database
from synthlab.calibration import reservoirs_from_frame
from synthlab.errors import PreflightError, SafetyError, ServiceUnavailableError
from synthlab.platform.lookup import attachments, reservoirs_frame
from tests.contract.conftest import TANK, TRUCK, Platform, payload_of


def run(database: Database, *statements: str) -> None:
    with database.session() as session:
        for statement in statements:
            session.connection().execute(text(statement))


def test_a_database_opened_for_reading_refuses_writes(platform: Platform, database_url: str) -> None:
    platform.ingest(payload_of(1))
    before = platform.everything()
    with open_database(database_url, read_only=True) as reader:
        for statement in (
            "DELETE FROM events",
            "CREATE TABLE t (a integer)",
            "UPDATE devices SET status = 'X'",
        ):
            with pytest.raises(SafetyError) as caught:
                run(reader, statement)
            assert caught.value.code == "SAFETY_GUARD"
        assert Platform(reader).everything() == before


def test_lookups_are_alike(platform: Platform, database_url: str) -> None:
    with open_database(database_url, read_only=True) as reader, reader.session() as session:
        found = attachments(session, ["tank1", "NOBODY"])
        frame = reservoirs_frame(session)
    assert list(found) == ["TANK1"]
    assert found["TANK1"].capacity_liters == TANK.capacity_liters
    assert list(frame.index) == ["TANK1", "TANK2", "TRUCK1"]
    assert reservoirs_from_frame(frame)["TRUCK1"].capacity_liters == TRUCK.capacity_liters


def test_missing_tables_are_told(empty_database: Database) -> None:
    with pytest.raises(PreflightError) as caught:
        run(empty_database, "SELECT * FROM devices")
    assert caught.value.code == "PLATFORM_SCHEMA_MISSING"


def test_postgresql_stays_read_only_whatever_the_session_sets(postgres_url: str) -> None:
    with open_database(postgres_url, read_only=True) as reader:
        # Kept for the transactions that follow on the same connection.
        run(reader, "SET default_transaction_read_only = off")
        with pytest.raises(SafetyError):
            run(reader, "CREATE TABLE t (a integer)")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"database": "no_such_database"}, "the server has no database of that name"),
        ({"username": "no_such_role"}, "the server refuses the login"),
    ],
)
def test_a_server_that_refuses_is_unavailable(postgres_url: str, change: dict[str, str], reason: str) -> None:
    url = make_url(postgres_url).set(**change)  # type: ignore[arg-type]
    with pytest.raises(ServiceUnavailableError) as caught:
        open_database(url.render_as_string(hide_password=False))
    assert reason in str(caught.value)


def test_a_connection_that_is_cut_is_unavailable_and_comes_back(postgres_url: str) -> None:
    with open_database(postgres_url) as database, open_database(postgres_url) as other:
        with pytest.raises(ServiceUnavailableError) as caught, database.session() as session:
            pid = session.connection().execute(text("SELECT pg_backend_pid()")).scalar_one()
            run(other, f"SELECT pg_terminate_backend({pid}, 10000)")
            session.connection().execute(text("SELECT 1"))
        assert caught.value.code == "DATABASE_UNAVAILABLE"
        run(database, "SELECT 1")


def test_times_are_utc_whatever_the_server_thinks(postgres_url: str) -> None:
    with open_database(postgres_url) as database, database.session() as session:
        assert session.connection().execute(text("SHOW TimeZone")).scalar_one() == "UTC"
