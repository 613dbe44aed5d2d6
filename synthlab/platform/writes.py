"""Store one message, whole or not at all.

The steps are the same on both databases.  SQLite runs them one after the other in
the process; PostgreSQL gets them as one statement, because a round trip costs more
there than the work.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.dialects.sqlite import pysqlite

from synthlab.platform.schema import utc_text
from synthlab.platform.statements import (
    UPDATE_DEVICE,
    UPDATE_RESERVOIR,
    Parts,
    insert_event,
    insert_message,
    insert_point,
    insert_reading,
    store_in_one,
)


class Stored(NamedTuple):
    """What a message left: nothing where it was known, no reading where its key was taken."""

    is_new: bool
    has_reading: bool


def store(connection: Connection, parts: Parts, values: Mapping[str, Any]) -> Stored:
    """Store one message with everything that follows from it.

    Parameters
    ----------
    connection : Connection
        Inside the caller's transaction.
    parts : Parts
    values : mapping
        By the bound names above, those that `parts` needs.
    """
    if connection.dialect.name == "postgresql":
        counts: Any = _run(connection, store_in_one(parts), values).one()
        return Stored(bool(counts.messages), bool(counts.readings))
    values = _as_sqlite_stores(values)
    if _run(connection, insert_message("sqlite"), values).first() is None:
        return Stored(False, False)
    _run(connection, UPDATE_DEVICE, values)
    if parts.has_point:
        _run(connection, insert_point("sqlite"), values)
    if parts.has_diagnostic:
        _run(connection, insert_event("sqlite"), values)
    if not parts.has_reading:
        return Stored(True, False)
    if _run(connection, insert_reading("sqlite"), values).first() is None:
        return Stored(True, False)
    _run(connection, insert_event("sqlite"), values)
    _run(connection, UPDATE_RESERVOIR, values)
    return Stored(True, True)


def add_diagnostic(connection: Connection, values: Mapping[str, Any]) -> None:
    """Add one event; the same event, named by its id, only once."""
    dialect = connection.dialect.name
    _run(connection, insert_event(dialect), values if dialect == "postgresql" else _as_sqlite_stores(values))


class _Prepared(NamedTuple):
    """A statement as the driver takes it; `names` gives the order of SQLite's values."""

    text: str
    names: tuple[str, ...]


def _run(connection: Connection, statement: Any, values: Mapping[str, Any]) -> CursorResult[Any]:
    # Compiled once and handed to the driver as text: what SQLAlchemy does at each call, looking
    # the statement up and treating each value, takes longer than SQLite needs for the work.
    prepared = _prepare(connection.dialect.name, statement)
    if connection.dialect.name == "postgresql":
        return connection.exec_driver_sql(prepared.text, dict(values))
    return connection.exec_driver_sql(prepared.text, tuple([values[name] for name in prepared.names]))


@cache
def _prepare(dialect: str, statement: Any) -> _Prepared:
    driver: Any = psycopg.dialect if dialect == "postgresql" else pysqlite.dialect
    compiled = statement.compile(dialect=driver())
    return _Prepared(str(compiled), tuple(compiled.positiontup or ()))


def _as_sqlite_stores(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as SQLite's columns hold them; psycopg knows these types itself."""
    return {
        name: str(value)
        if isinstance(value, uuid.UUID)
        else utc_text(value)
        if isinstance(value, datetime)
        else value
        for name, value in values.items()
    }
