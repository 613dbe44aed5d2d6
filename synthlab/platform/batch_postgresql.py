"""A batch's rows into PostgreSQL, by COPY.

What may be there already, messages and readings, is copied into a temporary table first, and
a statement for each takes over what is new.  Points and events follow from that: they are
copied where they belong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import compress, islice, repeat
from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from synthlab.platform import ids
from synthlab.platform.outbox import READING_EVENT
from synthlab.platform.schema import utc_text
from synthlab.platform.staging import Staged

_COLUMNS = {
    "place": "integer",
    "message_id": "uuid",
    "device_key": "uuid",
    "reservoir_key": "uuid",
    "client_id": "text",
    "seq": "bigint",
    "at": "timestamptz",
    "document": "jsonb",
    "may_be_unmarked": "boolean",
    "battery_pct": "integer",
    # Null where the message has no reading.
    "reading_id": "uuid",
    "raw_sample_count": "integer",
    "raw_mean": "double precision",
    "raw_stddev": "double precision",
    "level_pct": "double precision",
    "volume_liters": "double precision",
}
_CREATE = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS synthlab_staged ("
    + ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
    + ") ON COMMIT DELETE ROWS"
)
_LINES_AT_ONCE = 250
_COPY = f"COPY synthlab_staged ({', '.join(_COLUMNS)}) FROM STDIN"

# ON CONFLICT without a target: two writers of one message meet on its id as well as on its key.
# Of a message that is new, the reading's id is: only its key may be taken, by another client.
# The condition is asked again by the insert itself: what is not marked gets no row.
_MESSAGE = """\
INSERT INTO device_telemetry_messages
    (id, device_id, mqtt_client_id, seq, received_at, recorded_at, payload)
SELECT staged.message_id, devices.id, client_id, seq, at, at, document
FROM synthlab_staged AS staged
    JOIN devices ON devices.id = staged.device_key
    JOIN reservoirs ON reservoirs.id = devices.reservoir_id
WHERE may_be_unmarked OR (devices.is_synthetic AND reservoirs.is_synthetic)
ON CONFLICT DO NOTHING RETURNING id"""
_STORED = """\
SELECT place, message.payload = document, message.id IS NULL
FROM synthlab_staged AS staged
    LEFT JOIN device_telemetry_messages AS message
        ON message.mqtt_client_id = staged.client_id AND message.seq = staged.seq
WHERE NOT staged.message_id = ANY(%s::uuid[])"""
_READING = """\
INSERT INTO reservoir_readings
    (id, reservoir_id, device_id, device_seq, recorded_at, level_pct, volume_liters, battery_pct,
     raw_sample_count, raw_mean, raw_stddev, source, telemetry_message_id)
SELECT reading_id, reservoir_key, device_key, seq, at, level_pct, volume_liters, battery_pct,
    raw_sample_count, raw_mean, raw_stddev, 'DEVICE', message_id
FROM synthlab_staged WHERE reading_id IS NOT NULL
ON CONFLICT (device_id, device_seq) DO NOTHING RETURNING id"""
_POINT = """\
COPY device_location_points
    (id, device_id, recorded_at, latitude, longitude, speed_kmh, course_degrees, telemetry_message_id)
FROM STDIN"""
# The only rows whose order counts: it gives them their numbers.
_EVENT = "COPY events (id, type, subject_type, subject_id, created_at, data) FROM STDIN"
_DEVICES = """\
UPDATE devices SET last_seen_at = new.at, last_battery_pct = coalesce(new.battery, last_battery_pct)
FROM unnest(%s::uuid[], %s::timestamptz[], %s::integer[]) AS new (key, at, battery) WHERE id = new.key"""
_RESERVOIRS = """\
UPDATE reservoirs SET last_reading_at = new.at, last_level_pct = new.level,
    last_volume_liters = new.volume, level_state = new.state
FROM unnest(%s::uuid[], %s::timestamptz[], %s::double precision[], %s::double precision[], %s::text[])
    AS new (key, at, level, volume, state) WHERE id = new.key"""


def prepare(connection: Connection, staged: Staged) -> None:
    """Make the temporary table, empty; it lasts as long as the connection."""
    connection.exec_driver_sql(_CREATE)
    # Empty but after another run of this transaction; TRUNCATE would make a new file each time.
    connection.exec_driver_sql("DELETE FROM synthlab_staged")


def insert_messages(
    connection: Connection, staged: Staged, may_be_unmarked: Sequence[bool]
) -> tuple[list[bool], dict[int, bool]]:
    """Insert messages; say which are new, and of the stored ones whether they are the same."""
    _copy(connection, _COPY, _staged_columns(staged, may_be_unmarked))
    inserted = connection.exec_driver_sql(_MESSAGE)
    if inserted.rowcount == len(staged):
        inserted.close()
        return [True] * len(staged), {}
    new = [row[0] for row in inserted]
    is_new = [True] * len(staged)
    stored: dict[int, bool] = {}
    for place, is_same, is_refused in connection.exec_driver_sql(_STORED, (new,)):
        is_new[place] = False
        if not is_refused:
            stored[place] = is_same
    _forget(connection, is_new)
    return is_new, stored


def insert_readings(connection: Connection, staged: Staged) -> list[bool]:
    """Insert the readings of new messages; say which messages have theirs now."""
    inserted = connection.exec_driver_sql(_READING)
    if inserted.rowcount == sum(staged.has_reading):
        inserted.close()
        return staged.has_reading
    new = {str(row[0]) for row in inserted}
    return [key in new for key in ids.reading_ids(staged.message_ids)]


def insert_points(connection: Connection, staged: Staged) -> None:
    """Insert the location points of new messages."""
    if any(staged.has_point):
        columns = (
            ids.point_ids(staged.message_ids),
            staged.device_keys,
            staged.moments,
            *_locations(staged),
            staged.message_ids,
        )
        _copy(connection, _POINT, [compress(column, staged.has_point) for column in columns])


def insert_events(connection: Connection, staged: Staged, has_reading: Sequence[bool]) -> None:
    """Insert one event for each reading, in the messages' order."""
    columns = (
        ids.event_ids(staged.message_ids),
        repeat(READING_EVENT, len(staged)),
        repeat("RESERVOIR", len(staged)),
        staged.reservoir_keys,
        staged.moments,
        [_escaped(data) for data in staged.event_data()],
    )
    _copy(connection, _EVENT, [compress(column, has_reading) for column in columns])


def update_devices(connection: Connection, rows: Sequence[tuple[Any, datetime, int | None]]) -> None:
    """Set when devices were last seen, and their battery where it is known."""
    _unnest(connection, _DEVICES, ((str(key), utc_text(at), battery) for key, at, battery in rows))


def update_reservoirs(
    connection: Connection, rows: Sequence[tuple[Any, datetime, float, float, str]]
) -> None:
    """Set the cached state of reservoirs."""
    _unnest(connection, _RESERVOIRS, ((str(key), utc_text(at), *state) for key, at, *state in rows))


def _unnest(connection: Connection, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    if columns:
        connection.exec_driver_sql(statement, tuple(columns))


def _forget(connection: Connection, is_new: Sequence[bool]) -> None:
    known = [place for place, is_wanted in enumerate(is_new) if not is_wanted]
    connection.exec_driver_sql("DELETE FROM synthlab_staged WHERE place = ANY(%s::integer[])", (known,))


def _staged_columns(staged: Staged, may_be_unmarked: Sequence[bool]) -> list[Iterable[str]]:
    """Return the cells of the temporary table in COPY's text form."""
    measured = staged.measured
    return [
        map(str, range(len(staged))),
        staged.message_ids,
        staged.device_keys,
        staged.reservoir_keys,
        [_escaped(name) for name in staged.client_ids],
        map(str, staged.seqs),
        staged.moments,
        [_escaped(document) for document in staged.documents],
        ["t" if is_free else "f" for is_free in may_be_unmarked],
        ["\\N" if battery is None else str(battery) for battery in staged.batteries],
        _where(staged.has_reading, ids.reading_ids(staged.message_ids)),
        map(str, measured.raw_sample_count.tolist()),
        map(repr, measured.raw_mean.tolist()),
        map(repr, measured.raw_stddev.tolist()),
        map(repr, measured.level_pct.tolist()),
        map(repr, measured.volume_liters.tolist()),
    ]


def _where(wanted: Sequence[bool], texts: Sequence[str]) -> list[str]:
    return [text if is_wanted else "\\N" for is_wanted, text in zip(wanted, texts, strict=True)]


def _locations(staged: Staged) -> list[list[str]]:
    return [
        ["\\N" if value is None else repr(value) for value in column]
        for column in zip(*staged.location, strict=True)
    ]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\") if "\\" in text else text


def _copy(connection: Connection, statement: str, columns: Sequence[Iterable[str]]) -> None:
    driver: Any = connection.connection.driver_connection
    lines = map("\t".join, zip(*columns, strict=True))
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            # Some at a time: the server reads them while the next are written.
            while some := list(islice(lines, _LINES_AT_ONCE)):
                copy.write("\n".join(some) + "\n")
    except psycopg.Error as error:
        # What SQLAlchemy does for its own statements, so that one place explains all failures.
        raise DBAPIError.instance(
            statement,
            None,
            error,
            psycopg.Error,
            hide_parameters=True,
            connection_invalidated=driver.broken,
            dialect=connection.dialect,
        ) from error
