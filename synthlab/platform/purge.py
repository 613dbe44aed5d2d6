"""Take out what an import stored, by its ledger, and set right what was computed from it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, and_, delete, func, or_, select, text, update
from sqlalchemy.exc import DBAPIError

from synthlab.platform import ids, ledger
from synthlab.platform.level import level_state
from synthlab.platform.message import InvalidPayloadError, read_message
from synthlab.platform.read_models import chunks
from synthlab.platform.rebuild import rebuild_read_models
from synthlab.platform.schema import (
    device_location_points,
    device_telemetry_messages,
    devices,
    event_consumers,
    events,
    reservoir_readings,
    reservoirs,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_RANGES_PER_QUERY = 200
"""Conditions joined in one statement; SQLite nests at most 1,000. Assumed."""


@dataclass(slots=True)
class Purged:
    """What was, or would be, taken out."""

    imports: int = 0
    messages: int = 0
    readings: int = 0
    points: int = 0
    events: int = 0
    devices: tuple[str, ...] = ()
    read_models_rebuilt: bool = False


def count_run(session: Session, run_id: str) -> Purged:
    """Count what a run stored and is still there.  Reads only."""
    return _go_through(session.connection(), run_id, is_real=False)


def purge_run(session: Session, run_id: str) -> Purged:
    """Delete what a run stored, with its ledger, inside the caller's transaction."""
    connection = session.connection()
    keys = ledger.runs(connection, run_id) if ledger.has_ledger(connection) else []
    for key in keys:
        # Locked, so that an import of the same run waits, and then finds that it is gone.
        ledger.find(connection, key, is_locked=True)
    with _rows_indexed_by_message(connection):
        touched_devices, touched_reservoirs = _touched(connection, keys)
        purged = _go_through(connection, run_id, is_real=True)
    for key in keys:
        ledger.remove(connection, key)
    _recompute_devices(connection, touched_devices)
    _recompute_reservoirs(connection, touched_reservoirs)
    consumed = connection.execute(select(func.max(event_consumers.c.last_seq))).scalar()
    if consumed and touched_reservoirs:
        rebuild_read_models(session, touched_reservoirs)
        purged.read_models_rebuilt = True
    return purged


@contextmanager
def _rows_indexed_by_message(connection: Connection) -> Iterator[None]:
    """Have an index from messages to what was made of them, in this transaction alone.

    Without one the database goes through all readings and points for each message that is
    deleted, as these refer to it; a lasting one would cost every import.  Where none can be
    made, that is what happens.
    """
    made = []
    for table in (device_location_points, reservoir_readings):
        name = f"{table.name}_purge_idx"
        try:
            with connection.begin_nested():
                connection.execute(text(f"CREATE INDEX {name} ON {table.name} (telemetry_message_id)"))
        except DBAPIError:
            # Not allowed, or there already.  Of a lost connection the next statement tells.
            continue
        made.append(name)
    yield
    for name in made:
        connection.execute(text(f"DROP INDEX {name}"))


def _go_through(connection: Connection, run_id: str, *, is_real: bool) -> Purged:
    purged = Purged()
    if not ledger.has_ledger(connection):
        return purged
    names: set[str] = set()
    for key in ledger.runs(connection, run_id):
        purged.imports += 1
        for part in _message_ids(connection, key):
            names.update(name for name, _ in part)
            found = [message_id for _, message_id in part]
            raised = [ids.event_id(message_id) for message_id in found]
            purged.events += _take(connection, events, events.c.id, raised, is_real)
            for name, table in (("points", device_location_points), ("readings", reservoir_readings)):
                count = _take(connection, table, table.c.telemetry_message_id, found, is_real)
                setattr(purged, name, getattr(purged, name) + count)
            messages = device_telemetry_messages
            purged.messages += _take(connection, messages, messages.c.id, found, is_real)
    purged.devices = tuple(sorted(names))
    return purged


def _message_ids(connection: Connection, key: ledger.ImportKey) -> Iterable[list[tuple[str, uuid.UUID]]]:
    """Yield name and id of the messages that an import stored, some hundred at a time."""
    table = device_telemetry_messages.c
    ranges = [
        and_(table.mqtt_client_id == client_id, table.seq.between(first, last))
        for client_id, pairs in ledger.stored_ranges(connection, key).items()
        for first, last in pairs
    ]
    for part in chunks(ranges, _RANGES_PER_QUERY):
        rows = connection.execute(select(table.mqtt_client_id, table.id).where(or_(*part))).all()
        yield from chunks([(row[0], row[1]) for row in rows])


def _take(connection: Connection, table: Any, column: Any, keys: list[uuid.UUID], is_real: bool) -> int:
    if is_real:
        return connection.execute(delete(table).where(column.in_(keys))).rowcount
    query = select(func.count()).select_from(table).where(column.in_(keys))
    return int(connection.execute(query).scalar_one())


def _touched(connection: Connection, keys: list[ledger.ImportKey]) -> tuple[set[uuid.UUID], set[uuid.UUID]]:
    found_devices: set[uuid.UUID] = set()
    found_reservoirs: set[uuid.UUID] = set()
    for key in keys:
        for part in _message_ids(connection, key):
            message_ids = [message_id for _, message_id in part]
            messages, readings = device_telemetry_messages.c, reservoir_readings.c
            found_devices.update(
                connection.execute(
                    select(messages.device_id).where(messages.id.in_(message_ids)).distinct()
                ).scalars()
            )
            query = select(readings.reservoir_id).where(readings.telemetry_message_id.in_(message_ids))
            found_reservoirs.update(connection.execute(query.distinct()).scalars())
    return found_devices, found_reservoirs


def _recompute_devices(connection: Connection, keys: set[uuid.UUID]) -> None:
    """Set the cached state of devices to that of their latest messages."""
    table = device_telemetry_messages.c
    for key in sorted(keys, key=str):
        latest = (
            select(table.recorded_at, table.payload)
            .where(table.device_id == key)
            .order_by(table.recorded_at.desc(), table.seq.desc())
        )
        seen_at, battery = None, None
        # Ended early: nearly every message says the battery.
        with connection.execute(latest, execution_options={"yield_per": 100}) as rows:
            for recorded_at, payload in rows:
                seen_at = seen_at or recorded_at
                battery = _battery_of(payload)
                if battery is not None:
                    break
        connection.execute(
            update(devices).where(devices.c.id == key).values(last_seen_at=seen_at, last_battery_pct=battery)
        )


def _battery_of(payload: Any) -> int | None:
    try:
        return read_message(payload).battery_pct
    except InvalidPayloadError:
        return None


def _recompute_reservoirs(connection: Connection, keys: set[uuid.UUID]) -> None:
    """Set the cached state of reservoirs to that of their latest readings."""
    table = reservoir_readings.c
    for key in sorted(keys, key=str):
        query = (
            select(table.recorded_at, table.level_pct, table.volume_liters)
            .where(table.reservoir_id == key)
            .order_by(table.recorded_at.desc(), table.device_seq.desc())
        )
        latest = connection.execute(query.limit(1)).first()
        connection.execute(
            update(reservoirs)
            .where(reservoirs.c.id == key)
            .values(
                last_reading_at=None if latest is None else latest.recorded_at,
                last_level_pct=None if latest is None else latest.level_pct,
                last_volume_liters=None if latest is None else latest.volume_liters,
                level_state=None if latest is None else level_state(latest.level_pct),
            )
        )
