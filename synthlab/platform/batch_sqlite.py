"""A batch's rows into SQLite, by prepared statements; the transaction has the one write lock."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from itertools import compress
from typing import Any

from sqlalchemy import Connection

from synthlab.platform import ids
from synthlab.platform.outbox import READING_EVENT
from synthlab.platform.schema import utc_text
from synthlab.platform.staging import Staged

# The condition is asked again by the insert itself: what is not marked gets no row.
_MESSAGE = """\
INSERT INTO device_telemetry_messages
    (id, device_id, mqtt_client_id, seq, received_at, recorded_at, payload)
SELECT ?1, devices.id, ?3, ?4, ?5, ?5, ?6 FROM devices JOIN reservoirs ON reservoirs.id = devices.reservoir_id
WHERE devices.id = ?2 AND (?7 OR (devices.is_synthetic AND reservoirs.is_synthetic))
ON CONFLICT (mqtt_client_id, seq) DO NOTHING"""
_READING = """\
INSERT INTO reservoir_readings
    (id, reservoir_id, device_id, device_seq, recorded_at, level_pct, volume_liters, battery_pct,
     raw_sample_count, raw_mean, raw_stddev, source, telemetry_message_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'DEVICE', ?) ON CONFLICT (device_id, device_seq) DO NOTHING"""
_POINT = """\
INSERT INTO device_location_points
    (id, device_id, recorded_at, telemetry_message_id, latitude, longitude, speed_kmh, course_degrees)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_EVENT = """\
INSERT INTO events (id, type, subject_type, subject_id, created_at, data)
VALUES (?, ?, 'RESERVOIR', ?, ?, ?)"""
_STORED = (
    "SELECT seq, payload FROM device_telemetry_messages WHERE mqtt_client_id = ? AND seq BETWEEN ? AND ?"
)

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
    is_new = [place not in stored for place in range(len(staged))]
    rows = zip(
        staged.message_ids,
        staged.device_keys,
        staged.client_ids,
        staged.seqs,
        staged.moments,
        staged.documents,
        may_be_unmarked,
        strict=True,
    )
    wanted = sum(is_new)
    if wanted and _many(connection, _MESSAGE, compress(rows, is_new)) < wanted:
        is_new = _there(connection, "device_telemetry_messages", staged.message_ids, is_new)
    return is_new, stored


def insert_readings(connection: Connection, staged: Staged) -> list[bool]:
    """Insert the readings of new messages; say which messages have theirs now."""
    measured = staged.measured
    new_ids = ids.reading_ids(staged.message_ids)
    rows = zip(
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
        strict=True,
    )
    wanted = sum(staged.has_reading)
    if wanted and _many(connection, _READING, compress(rows, staged.has_reading)) < wanted:
        return _there(connection, "reservoir_readings", new_ids, staged.has_reading)
    return staged.has_reading


def insert_points(connection: Connection, staged: Staged) -> None:
    """Insert the location points of new messages."""
    new_ids = ids.point_ids(staged.message_ids)
    rows = zip(new_ids, staged.device_keys, staged.moments, staged.message_ids, staged.location, strict=True)
    _many(connection, _POINT, ((*head, *place) for *head, place in compress(rows, staged.has_point)))


def insert_events(connection: Connection, staged: Staged, has_reading: Sequence[bool]) -> None:
    """Insert one event for each reading, in the messages' order."""
    rows = zip(
        ids.event_ids(staged.message_ids),
        [READING_EVENT] * len(staged),
        staged.reservoir_keys,
        staged.moments,
        staged.event_data(),
        strict=True,
    )
    _many(connection, _EVENT, compress(rows, has_reading))


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


def _many(connection: Connection, statement: str, rows: Any) -> int:
    listed = list(rows)
    return connection.exec_driver_sql(statement, listed).rowcount if listed else 0


def _there(connection: Connection, table: str, keys: Sequence[str], wanted: Sequence[bool]) -> list[bool]:
    """Say which of the wanted rows are there: some were left out."""
    query = f"SELECT 1 FROM {table} WHERE id = ?"
    return [
        is_wanted and connection.exec_driver_sql(query, (key,)).first() is not None
        for key, is_wanted in zip(keys, wanted, strict=True)
    ]
