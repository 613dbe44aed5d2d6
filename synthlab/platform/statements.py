"""The statements of ingestion: what is looked up, inserted and moved forward.

Every step hangs on the row of the step before it: where the message is known already,
nothing else happens.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Executable,
    Insert,
    Table,
    Text,
    Update,
    bindparam,
    cast,
    exists,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from synthlab.platform.schema import (
    Json,
    device_location_points,
    device_telemetry_messages,
    devices,
    events,
    reservoir_readings,
    reservoirs,
)

# Column -> name of the value that goes there. A bound name must not be a column's.
_MESSAGE_VALUES = {
    "id": "new_message_id",
    "device_id": "new_device_key",
    "mqtt_client_id": "new_client_id",
    "seq": "new_seq",
    "received_at": "new_received_at",
    "recorded_at": "new_received_at",
    "payload": "new_document",
}
_READING_VALUES = {
    "id": "new_reading_id",
    "reservoir_id": "new_reservoir_key",
    "device_id": "new_device_key",
    "device_seq": "new_seq",
    "recorded_at": "new_received_at",
    "level_pct": "new_level_pct",
    "volume_liters": "new_volume_liters",
    "battery_pct": "new_battery_pct",
    "raw_sample_count": "new_raw_sample_count",
    "raw_mean": "new_raw_mean",
    "raw_stddev": "new_raw_stddev",
    "source": "new_source",
    "telemetry_message_id": "new_message_id",
}
_POINT_VALUES = {
    "id": "new_point_id",
    "device_id": "new_device_key",
    "recorded_at": "new_received_at",
    "latitude": "new_latitude",
    "longitude": "new_longitude",
    "speed_kmh": "new_speed_kmh",
    "course_degrees": "new_course_degrees",
    "telemetry_message_id": "new_message_id",
}
_EVENT_VALUES = {
    "id": "new_event_id",
    "type": "new_event_type",
    "subject_type": "new_subject_type",
    "subject_id": "new_subject_id",
    "created_at": "new_received_at",
    "data": "new_event_data",
}


class Parts(NamedTuple):
    """Which rows a message gives besides its own.

    Attributes
    ----------
    has_reading : bool
        A reading, its event, and the reservoir's cached state.
    has_point : bool
        A location point.
    has_diagnostic : bool
        An event without a reading.
    """

    has_reading: bool
    has_point: bool
    has_diagnostic: bool


FIND_DEVICE = (
    select(
        devices.c.id,
        # Null also where the reservoir was deleted: nothing is stored into what is gone.
        reservoirs.c.id.label("reservoir_id"),
        reservoirs.c.capacity_liters,
        reservoirs.c.height_mm,
        reservoirs.c.sensor_empty_distance_mm,
        reservoirs.c.sensor_full_distance_mm,
    )
    .select_from(
        devices.outerjoin(
            reservoirs, (devices.c.reservoir_id == reservoirs.c.id) & reservoirs.c.deleted_at.is_(None)
        )
    )
    .where(devices.c.device_id == bindparam("wanted_device_id"))
)

FIND_MESSAGE = select(device_telemetry_messages.c.id).where(
    device_telemetry_messages.c.mqtt_client_id == bindparam("wanted_client_id"),
    device_telemetry_messages.c.seq == bindparam("wanted_seq"),
)


def _forward_only(table: Table, column: str) -> ColumnElement[bool]:
    latest = table.c[column]
    return or_(latest.is_(None), latest <= _value(table, column, "new_received_at"))


def _value(table: Table, column: str, name: str) -> Any:
    return bindparam(name, type_=table.c[column].type)


UPDATE_DEVICE: Update = (
    update(devices)
    .where(
        devices.c.id == bindparam("new_device_key", type_=devices.c.id.type),
        _forward_only(devices, "last_seen_at"),
    )
    .values(
        last_seen_at=_value(devices, "last_seen_at", "new_received_at"),
        # A message without a battery says nothing of it.
        last_battery_pct=func.coalesce(
            _value(devices, "last_battery_pct", "new_battery_pct"), devices.c.last_battery_pct
        ),
    )
)

UPDATE_RESERVOIR: Update = (
    update(reservoirs)
    .where(
        reservoirs.c.id == bindparam("new_reservoir_key", type_=reservoirs.c.id.type),
        _forward_only(reservoirs, "last_reading_at"),
    )
    .values(
        last_reading_at=_value(reservoirs, "last_reading_at", "new_received_at"),
        last_level_pct=_value(reservoirs, "last_level_pct", "new_level_pct"),
        last_volume_liters=_value(reservoirs, "last_volume_liters", "new_volume_liters"),
        level_state=_value(reservoirs, "level_state", "new_level_state"),
    )
)


def _values_of(dialect: str, table: Table, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the bound values of a row; JSON comes as text that is checked already."""
    values: dict[str, Any] = {}
    for column, name in names.items():
        kind = table.c[column].type
        if dialect == "postgresql":
            # Cast, because a null in a SELECT is a text where nothing says otherwise.
            values[column] = cast(bindparam(name, type_=Text() if isinstance(kind, Json) else kind), kind)
        elif not isinstance(kind, Json):
            values[column] = bindparam(name, type_=kind)
        else:
            values[column] = bindparam(name, type_=Text())
    return values


def _insert_of(dialect: str, table: Table) -> Any:
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


@cache
def insert_point(dialect: str) -> Insert:
    """Return the statement for a location point."""
    return _insert(dialect, device_location_points, _POINT_VALUES)


@cache
def insert_event(dialect: str) -> Insert:
    """Return the statement for an event; one of the same id is left as it is."""
    return _insert(dialect, events, _EVENT_VALUES)


def _insert(dialect: str, table: Table, names: Mapping[str, str]) -> Any:
    # ON CONFLICT names its key: OR IGNORE would hide a broken rule as well.
    statement = _insert_of(dialect, table).values(_values_of(dialect, table, names))
    return statement.on_conflict_do_nothing(index_elements=["id"])


@cache
def insert_message(dialect: str) -> Insert:
    """Return the statement for a message; it returns no row where the key is known."""
    table = device_telemetry_messages
    statement = _insert_of(dialect, table).values(_values_of(dialect, table, _MESSAGE_VALUES))
    # No target: two writers of one message meet on its id as well, which is made of the same key.
    return statement.on_conflict_do_nothing().returning(table.c.id)


@cache
def insert_reading(dialect: str) -> Insert:
    """Return the statement for a reading; it returns no row where the key is taken."""
    table = reservoir_readings
    statement = _insert_of(dialect, table).values(_values_of(dialect, table, _READING_VALUES))
    return statement.on_conflict_do_nothing().returning(table.c.id)


@cache
def store_in_one(parts: Parts) -> Executable:
    """Return all steps as one statement; it gives ``messages`` and ``readings``, 0 or 1 each."""
    message = insert_message("postgresql").cte("message")
    is_new = exists(select(message.c.id))
    steps = [UPDATE_DEVICE.where(is_new).cte("device")]
    if parts.has_point:
        steps.append(_insert_if(is_new, device_location_points, _POINT_VALUES).cte("point"))
    if parts.has_diagnostic:
        steps.append(_insert_if(is_new, events, _EVENT_VALUES).cte("diagnostic"))
    readings: Any = select(func.count()).where(~true()).scalar_subquery()
    if parts.has_reading:
        table = reservoir_readings
        insert = _insert_if(is_new, table, _READING_VALUES)
        reading = insert.on_conflict_do_nothing().returning(table.c.id).cte("reading")
        is_read = exists(select(reading.c.id))
        steps.append(_insert_if(is_read, events, _EVENT_VALUES).cte("event"))
        steps.append(UPDATE_RESERVOIR.where(is_read).cte("reservoir"))
        readings = select(func.count()).select_from(reading).scalar_subquery()
    messages = select(func.count()).select_from(message).scalar_subquery()
    return select(messages.label("messages"), readings.label("readings")).add_cte(*steps)


def _insert_if(condition: ColumnElement[bool], table: Table, names: Mapping[str, str]) -> Any:
    values = _values_of("postgresql", table, names)
    return _insert_of("postgresql", table).from_select(
        list(values), select(*values.values()).where(condition)
    )
