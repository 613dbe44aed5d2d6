"""Connections: SQLite here, and what needs no server of PostgreSQL; the rest is in tests/contract."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from synthlab.adapters.database import Database, open_database
from synthlab.adapters.database_url import FILE_VARIABLE, URL_VARIABLE
from synthlab.errors import (
    DiskError,
    PreflightError,
    SafetyError,
    ServiceUnavailableError,
    UsageError,
)

SECRET = "hunter2"


def run(database: Database, *statements: str) -> None:
    with database.session() as session:
        for statement in statements:
            session.connection().execute(text(statement))


def make(url: str) -> None:
    with open_database(url) as database:
        run(database, "CREATE TABLE t (a INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")


def count(session: Session) -> int:
    return int(session.connection().execute(text("SELECT count(*) FROM t")).scalar_one())


def test_the_default_is_the_embedded_platform(scratch: Path) -> None:
    with open_database() as database:
        assert (database.is_default, database.dialect) == (True, "sqlite")
        assert database.display_url == "sqlite:///.synthlab/platform.db"
        assert not database.exists()
        run(database, "CREATE TABLE t (a)")
        assert database.exists()
    assert (scratch / ".synthlab" / "platform.db").is_file()


def test_argument_before_variable_before_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = [f"sqlite:///{tmp_path / name}.db" for name in ("argument", "variable", "file")]
    secret = tmp_path / "secret"
    secret.write_text(f"{urls[2]}\n")
    monkeypatch.setenv(FILE_VARIABLE, str(secret))
    with open_database(read_only=True) as database:
        assert (database.display_url, database.is_default) == (urls[2], False)
    monkeypatch.setenv(URL_VARIABLE, urls[1])
    with open_database(read_only=True) as database:
        assert database.display_url == urls[1]
    with open_database(urls[0], read_only=True) as database:
        assert database.display_url == urls[0]


@pytest.mark.parametrize(
    "url", ["", "x", f"mysql://u:{SECRET}@h/d", f"postgresql+psycopg2://u:{SECRET}@h/d", f"u:{SECRET}@h:port"]
)
def test_another_kind_of_url_is_refused_and_not_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError) as caught:
        open_database(url)
    assert (caught.value.code, caught.value.exit_code) == ("BAD_ARGUMENT", 2)
    assert SECRET not in repr(caught.value) + str(caught.value)
    assert str(caught.value).startswith("database: needs the URL of an SQLite or PostgreSQL database.")


def test_a_bad_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(UsageError) as caught:
        open_database()
    assert caught.value.problems[0].path == FILE_VARIABLE
    monkeypatch.setenv(URL_VARIABLE, "nonsense")
    with pytest.raises(UsageError) as caught:
        open_database()
    assert caught.value.problems[0].path == URL_VARIABLE


def test_reading_makes_no_file_and_no_folder(scratch: Path) -> None:
    with open_database(read_only=True) as database:
        assert not database.exists()
        with pytest.raises(ServiceUnavailableError), database.session() as session:
            count(session)
    assert list(scratch.iterdir()) == []


def test_reading_leaves_the_folder_as_it_was(tmp_path: Path, sqlite_url: str) -> None:
    make(sqlite_url)
    file = tmp_path / "platform.db"
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    status = file.stat()
    with open_database(sqlite_url, read_only=True) as database:
        assert database.exists()
        with database.session() as session:
            assert count(session) == 1
            assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert file.stat().st_mtime_ns == status.st_mtime_ns


@pytest.mark.parametrize(
    "statement", ["INSERT INTO t VALUES (2)", "DROP TABLE t", "CREATE TABLE u (a)", "DELETE FROM t"]
)
@pytest.mark.parametrize("has_writer", [False, True])
def test_a_database_opened_for_reading_refuses_writes(
    sqlite_url: str, statement: str, has_writer: bool
) -> None:
    make(sqlite_url)
    with open_database(sqlite_url) as writer, open_database(sqlite_url, read_only=True) as database:
        if has_writer:
            run(writer, "UPDATE t SET a = a")
        with pytest.raises(SafetyError) as caught:
            # What the session could switch off is not all that holds.
            run(database, "PRAGMA query_only = OFF", statement)
        assert (caught.value.code, caught.value.exit_code) == ("SAFETY_GUARD", 11)
        with database.session() as session:
            assert count(session) == 1


def test_a_reader_beside_a_writer_sees_what_is_committed(sqlite_url: str) -> None:
    make(sqlite_url)
    with open_database(sqlite_url) as writer, open_database(sqlite_url, read_only=True) as reader:
        with writer.session() as session:
            session.connection().execute(text("INSERT INTO t VALUES (2)"))
            with reader.session() as reading:
                assert count(reading) == 1
        with reader.session() as reading:
            assert count(reading) == 2


def test_a_reader_that_was_overtaken_says_so(sqlite_url: str) -> None:
    make(sqlite_url)
    with open_database(sqlite_url, read_only=True) as reader:
        with pytest.raises(ServiceUnavailableError) as caught, reader.session() as reading:
            count(reading)
            with open_database(sqlite_url) as writer:
                run(writer, "INSERT INTO t VALUES (2)")
        assert "was written to while it was read" in str(caught.value)
        with reader.session() as reading:
            assert count(reading) == 2


def test_a_writer_is_durable_and_keeps_references(sqlite_url: str) -> None:
    with open_database(sqlite_url) as database, database.session() as session:
        found = {
            name: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_session_commits_or_rolls_back(sqlite_url: str) -> None:
    make(sqlite_url)
    with open_database(sqlite_url) as database:
        with pytest.raises(KeyError), database.session() as session:
            session.connection().execute(text("INSERT INTO t VALUES (2)"))
            raise KeyError
        with database.session() as session:
            assert count(session) == 1


def test_a_writer_has_the_lock_from_its_first_statement(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthlab.adapters.database.LOCK_TIMEOUT_SECONDS", 0)
    make(sqlite_url)
    with open_database(sqlite_url) as first, open_database(sqlite_url) as second:
        with first.session() as session:
            count(session)
            with pytest.raises(ServiceUnavailableError) as caught:
                run(second, "SELECT 1")
        assert "another process is writing to the database" in str(caught.value)
        run(second, "INSERT INTO t VALUES (2)")


def test_failures_have_codes(tmp_path: Path, sqlite_url: str) -> None:
    with open_database(sqlite_url) as database:
        with pytest.raises(PreflightError) as missing:
            run(database, "SELECT * FROM devices")
        assert (missing.value.code, missing.value.exit_code) == ("PLATFORM_SCHEMA_MISSING", 4)
    (tmp_path / "text.db").write_text("no database, whatever its name says " * 100)
    with open_database(f"sqlite:///{tmp_path / 'text.db'}", read_only=True) as database:
        with pytest.raises(UsageError) as other:
            run(database, "SELECT 1 FROM t")
        assert other.value.code == "BAD_ARGUMENT"
    (tmp_path / "file").touch()
    with pytest.raises(DiskError) as disk:
        open_database(f"sqlite:///{tmp_path / 'file' / 'platform.db'}")
    assert disk.value.code == "DISK_WRITE_FAILED"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_told(sqlite_url: str) -> None:
    make(sqlite_url)
    with open_database(sqlite_url) as database:
        with pytest.raises(DiskError) as caught:
            run(database, "PRAGMA max_page_count = 3", "CREATE TABLE big (b)")
            with database.session() as session:
                session.connection().exec_driver_sql("INSERT INTO big VALUES (zeroblob(100000))")
        assert caught.value.exit_code == 12
        with database.session() as session:
            assert count(session) == 1


def test_a_dead_server_is_unavailable_and_its_password_unknown(
    monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    port = closed_port
    monkeypatch.setenv(URL_VARIABLE, f"postgresql://user:{SECRET}@127.0.0.1:{port}/platform")
    with pytest.raises(ServiceUnavailableError) as caught:
        open_database()
    error = caught.value
    assert (error.code, error.exit_code) == ("DATABASE_UNAVAILABLE", 8)
    assert str(error) == (
        f"postgresql://user@127.0.0.1:{port}/platform: the server refuses connections. "
        "Check that it runs and can be reached, then run the same command again."
    )
    assert error.__cause__ is None


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # The least that libpq takes; the backlog of a socket that nobody accepts from answers nothing.
    monkeypatch.setattr("synthlab.adapters.database.CONNECT_TIMEOUT_SECONDS", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(ServiceUnavailableError) as caught:
            open_database(f"postgresql://user:{SECRET}@127.0.0.1:{silent.getsockname()[1]}/platform")
    assert "does not answer in time" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{SECRET}@127.0.0.1:1/d",
        f"postgresql://user:pa@{SECRET}@127.0.0.1:1/d",
        f"postgresql://127.0.0.1:1/d?user=u&password={SECRET}",
        f"postgresql://user:x@/d?host=/no/such/folder&sslpassword={SECRET}",
        f"postgresql://user:pa/{SECRET}@127.0.0.1:1/d",
        f"postgresql://user:{SECRET}@127.0.0.1:1/d?no_such_option=1",
    ],
)
def test_no_failure_shows_a_password(url: str) -> None:
    """In a process of its own, so that whatever is printed is seen."""
    code = (
        "import sys\n"
        "from synthlab.adapters.database import open_database\n"
        "try:\n"
        "    open_database(sys.stdin.read())\n"
        "except Exception as error:\n"
        "    import traceback; traceback.print_exc(); print(repr(error), getattr(error, 'problems', ''))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=url, capture_output=True, text=True, timeout=60, check=True
    )
    assert "DATABASE_UNAVAILABLE" in done.stdout or "BAD_ARGUMENT" in done.stdout, done.stdout
    assert SECRET not in done.stdout + done.stderr


def test_repr_hides_the_password(sqlite_url: str) -> None:
    with open_database(sqlite_url, read_only=True) as database:
        assert repr(database) == f"Database('{sqlite_url}', read_only=True)"
