"""A batch's rows into SQLite, by prepared statements; the transaction has the one write lock."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain, compress, islice
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from synthlab.platform import ids
from synthlab.platform.outbox import READING_EVENT
from synthlab.platform.schema import utc_text
from synthlab.platform.staging import Staged


class _Insert(NamedTuple):
    """An INSERT of several rows: what comes before its VALUES, one row of them, what comes after."""

    head: str
    row: str
    tail: str = ""

    def of(self, count: int) -> str:
        """Return the statement for so many rows."""
        return f"{self.head} VALUES {', '.join([self.row] * count)} {self.tail}"


_MESSAGE = _Insert(
    """\
INSERT INTO device_telemetry_messages
    (id, device_id, mqtt_client_id, seq, received_at, recorded_at, payload)""",
    "(?, ?, ?, ?, ?, ?, ?)",
    "ON CONFLICT (mqtt_client_id, seq) DO NOTHING",
)
_READING = _Insert(
    """\
INSERT INTO reservoir_readings
    (id, reservoir_id, device_id, device_seq, recorded_at, level_pct, volume_liters, battery_pct,
     raw_sample_count, raw_mean, raw_stddev, source, telemetry_message_id)""",
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'DEVICE', ?)",
    "ON CONFLICT (device_id, device_seq) DO NOTHING",
)
_POINT = _Insert(
    """\
INSERT INTO device_location_points
    (id, device_id, recorded_at, telemetry_message_id, latitude, longitude, speed_kmh, course_degrees)""",
    "(?, ?, ?, ?, ?, ?, ?, ?)",
)
_EVENT = _Insert(
    "INSERT INTO events (id, type, subject_type, subject_id, created_at, data)",
    f"(?, '{READING_EVENT}', 'RESERVOIR', ?, ?, ?)",
)
_STORED = (
    "SELECT seq, payload FROM device_telemetry_messages WHERE mqtt_client_id = ? AND seq BETWEEN ? AND ?"
)

ROWS_PER_STATEMENT = 40
"""Rows of one INSERT: to begin a statement costs SQLite as much as a row of it. Assumed: the widest
has 12 values, and older versions of SQLite take 999."""

CACHE_KIB = 65_536
"""Pages kept in memory while a batch is written. Assumed: a fleet's indexes of some days; SQLite's
own 2 MB write pages out in the middle of a transaction and read them in again. [KiB]"""

CHECKPOINT_PAGES = 8_192
"""Pages in the log before they are folded into the file: 32 MiB. Assumed: every batch touches the
same index pages again, and SQLite's own 1,000 pages would write each of them every few batches."""


def prepare(connection: Connection, staged: Staged) -> None:
    """Make room for a batch."""
    connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")


def stored_alike(connection: Connection, staged: Staged) -> dict[int, bool]:
    """Say for each message that is stored already whether it is the same one, by its place."""
    places = {key: place for place, key in enumerate(zip(staged.client_ids, staged.seqs, strict=True))}
    ranges: dict[str, tuple[int, int]] = {}
    for client_id, seq in places:
        first, last = ranges.get(client_id, (seq, seq))
        ranges[client_id] = min(first, seq), max(last, seq)
    found: dict[int, bool] = {}
    for client_id, (first, last) in ranges.items():
        for seq, payload in connection.exec_driver_sql(_STORED, (client_id, first, last)):
            place = places.get((client_id, seq))
            if place is not None:
                document = staged.documents[place]
                # Another writer may have put its keys in another order.
                found[place] = payload == document or json.loads(payload) == json.loads(document)
    return found


def insert_messages(
    connection: Connection, staged: Staged, may_be_unmarked: Sequence[bool]
) -> tuple[list[bool], dict[int, bool]]:
    """Insert messages; say which are new, and of the stored ones whether they are the same."""
    stored = stored_alike(connection, staged)
    # The marks were read in this transaction, which has the only write lock: they are what an
    # insert would find, and to join devices and reservoirs to each row would cost half as much again.
    is_new = [
        (is_marked or is_free) and place not in stored
        for place, (is_marked, is_free) in enumerate(zip(staged.is_marked, may_be_unmarked, strict=True))
    ]
    columns = (
        staged.message_ids,
        staged.device_keys,
        staged.client_ids,
        staged.seqs,
        staged.moments,
        staged.moments,
        staged.documents,
    )
    if _insert(connection, _MESSAGE, columns, is_new) < sum(is_new):
        is_new = _there(connection, "device_telemetry_messages", staged.message_ids, is_new)
    return is_new, stored


def insert_readings(connection: Connection, staged: Staged) -> list[bool]:
    """Insert the readings of new messages; say which messages have theirs now."""
    measured = staged.measured
    new_ids = ids.reading_ids(staged.message_ids)
    columns = (
        new_ids,
        staged.reservoir_keys,
        staged.device_keys,
        staged.seqs,
        staged.moments,
        measured.level_pct.tolist(),
        measured.volume_liters.tolist(),
        staged.batteries,
        measured.raw_sample_count.tolist(),
        measured.raw_mean.tolist(),
        measured.raw_stddev.tolist(),
        staged.message_ids,
    )
    if _insert(connection, _READING, columns, staged.has_reading) < sum(staged.has_reading):
        return _there(connection, "reservoir_readings", new_ids, staged.has_reading)
    return staged.has_reading


def insert_points(connection: Connection, staged: Staged) -> None:
    """Insert the location points of new messages."""
    if any(staged.has_point):
        new_ids = ids.point_ids(staged.message_ids)
        columns = (
            new_ids,
            staged.device_keys,
            staged.moments,
            staged.message_ids,
            *zip(*staged.location, strict=True),
        )
        _insert(connection, _POINT, columns, staged.has_point)


def insert_events(connection: Connection, staged: Staged, has_reading: Sequence[bool]) -> None:
    """Insert one event for each reading, in the messages' order."""
    columns = (ids.event_ids(staged.message_ids), staged.reservoir_keys, staged.moments, staged.event_data())
    _insert(connection, _EVENT, columns, has_reading)


def update_devices(connection: Connection, rows: Sequence[tuple[Any, datetime, int | None]]) -> None:
    """Set when devices were last seen, and their battery where it is known."""
    statement = (
        "UPDATE devices SET last_seen_at = ?2, last_battery_pct = coalesce(?3, last_battery_pct)"
        " WHERE id = ?1"
    )
    _many(connection, statement, ((str(key), utc_text(at), battery) for key, at, battery in rows))


def update_reservoirs(
    connection: Connection, rows: Sequence[tuple[Any, datetime, float, float, str]]
) -> None:
    """Set the cached state of reservoirs."""
    statement = (
        "UPDATE reservoirs SET last_reading_at = ?2, last_level_pct = ?3, last_volume_liters = ?4,"
        " level_state = ?5 WHERE id = ?1"
    )
    _many(connection, statement, ((str(key), utc_text(at), *state) for key, at, *state in rows))


def _insert(
    connection: Connection, form: _Insert, columns: Sequence[Sequence[Any]], wanted: Sequence[bool]
) -> int:
    """Insert the wanted rows of some columns; say how many were taken."""
    # Lazily: a list of all rows is work for the garbage collector, and nobody needs it.
    values = chain.from_iterable(compress(zip(*columns, strict=True), wanted))
    several, single = divmod(sum(wanted), ROWS_PER_STATEMENT)
    taken = 0
    for row_count, times in ((ROWS_PER_STATEMENT, several), (1, single)):
        size = row_count * len(columns)
        if times:
            taken += _many(
                connection, form.of(row_count), (tuple(islice(values, size)) for _ in range(times))
            )
    return taken


def _many(connection: Connection, statement: str, rows: Iterable[Sequence[Any]]) -> int:
    driver: Any = connection.connection.driver_connection
    try:
        return int(driver.executemany(statement, rows).rowcount)
    except sqlite3.Error as error:
        # What SQLAlchemy does for its own statements, so that one place explains all failures.
        raise DBAPIError.instance(
            statement, None, error, sqlite3.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


def _there(connection: Connection, table: str, keys: Sequence[str], wanted: Sequence[bool]) -> list[bool]:
    """Say which of the wanted rows are there: some were left out."""
    query = f"SELECT 1 FROM {table} WHERE id = ?"
    return [
        is_wanted and connection.exec_driver_sql(query, (key,)).first() is not None
        for key, is_wanted in zip(keys, wanted, strict=True)
    ]
