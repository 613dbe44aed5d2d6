"""Ingestion of one message, by the platform contract, inside the caller's transaction."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from synthlab.errors import Problem, UsageError, show_value
from synthlab.platform import ids
from synthlab.platform.level import Measurement, calibration_of, measure
from synthlab.platform.message import (
    InvalidPayloadError,
    Location,
    Message,
    is_int64,
    is_integer,
    normalize_client_id,
    normalize_device_id,
    read_message,
    safe_text,
)
from synthlab.platform.outbox import calibration_event, dropped_event, reading_event
from synthlab.platform.statements import FIND_DEVICE, FIND_MESSAGE, Parts
from synthlab.platform.writes import add_diagnostic, store

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

Detail = Literal[
    "READING",
    "RAW_ONLY",
    "SEQ",
    "MISSING_SEQ",
    "UNREGISTERED_DEVICE",
    "UNATTACHED_DEVICE",
    "INVALID_PAYLOAD",
]


@dataclass(frozen=True, slots=True)
class IngestionResult:
    """What became of one message; as text ``stored:READING``.

    Attributes
    ----------
    outcome : {"stored", "duplicate", "dropped"}
    detail : str
    """

    outcome: Literal["stored", "duplicate", "dropped"]
    detail: Detail

    def __str__(self) -> str:
        return f"{self.outcome}:{self.detail}"


STORED_READING = IngestionResult("stored", "READING")
STORED_RAW_ONLY = IngestionResult("stored", "RAW_ONLY")
DUPLICATE = IngestionResult("duplicate", "SEQ")


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A message that fits a device with a reservoir; whether it is new is not known yet."""

    device: Any
    client_id: str
    seq: int
    message: Message


class _DroppedError(ValueError):
    """Why a message is not stored; never leaves this module."""

    def __init__(self, detail: Detail) -> None:
        super().__init__(detail)
        self.detail: Detail = detail


def ingest_device_telemetry_from_mqtt(
    session: Session,
    *,
    device_id: str,
    payload: Any,
    received_at: datetime,
    mqtt_client_id: str | None = None,
) -> IngestionResult:
    """Store one message and what follows from it, once.

    Whatever the message holds, the caller's transaction stays usable: a bad message is
    a result, not an exception.

    Parameters
    ----------
    session : Session
        The caller commits.
    device_id : str
        From the topic; capitals or not.  One in the payload is not looked at.
    payload : dict
        As decoded from JSON; parts may be absent.
    received_at : datetime
        Aware; the only time that the platform orders and computes by.
    mqtt_client_id : str, optional
        With `seq` it is the message's key; by default the device's name.

    Returns
    -------
    IngestionResult
        ``stored:RAW_ONLY`` where the reservoir has no calibration (an event
        ``CALIBRATION_MISSING`` says so), the message has no valid reading, or another
        client stored a reading of this device and `seq`.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: `received_at` has no time zone.

    Notes
    -----
    Dropped messages leave one event ``DEVICE_TELEMETRY_DROPPED_UNATTACHED`` with the
    reason; the same message received at the same moment leaves it once.  A device
    whose reservoir was deleted counts as unattached.
    """
    if not isinstance(received_at, datetime) or received_at.tzinfo is None:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT", "needs an aware datetime", path="received_at", value=show_value(received_at)
            )
        )
    connection = session.connection()
    try:
        accepted = _accept(connection, device_id, payload, mqtt_client_id)
    except _DroppedError as dropped:
        if _is_known(connection, device_id, payload, mqtt_client_id):
            return DUPLICATE
        _add_dropped_event(connection, device_id, payload, received_at, mqtt_client_id, dropped.detail)
        return IngestionResult("dropped", dropped.detail)
    return _store(connection, accepted, received_at)


def ready_status(session: Session, *, device_id: str, payload: Any, mqtt_client_id: str | None = None) -> str:
    """Say what ingestion would do with a message.  Reads only.

    Parameters
    ----------
    session : Session
    device_id : str
    payload : dict
    mqtt_client_id : str, optional
        As `ingest_device_telemetry_from_mqtt` takes them.

    Returns
    -------
    str
        ``dry_run:READY``, ``dry_run:DUPLICATE``, or ``dry_run:`` and why not, for
        example ``dry_run:UNREGISTERED_DEVICE``.
    """
    connection = session.connection()
    if _is_known(connection, device_id, payload, mqtt_client_id):
        return "dry_run:DUPLICATE"
    try:
        _accept(connection, device_id, payload, mqtt_client_id)
    except _DroppedError as dropped:
        return f"dry_run:{dropped.detail}"
    return "dry_run:READY"


def _accept(connection: Connection, device_id: object, payload: Any, mqtt_client_id: object) -> _Accepted:
    if not isinstance(payload, dict):
        raise _DroppedError("INVALID_PAYLOAD")
    seq = payload.get("seq")
    if not is_integer(seq):
        raise _DroppedError("MISSING_SEQ")
    name = normalize_device_id(device_id)
    device = None
    if name is not None:
        device = connection.execute(FIND_DEVICE, {"wanted_device_id": name}).first()
    if name is None or device is None:
        raise _DroppedError("UNREGISTERED_DEVICE")
    if device.reservoir_id is None:
        raise _DroppedError("UNATTACHED_DEVICE")
    client_id = normalize_client_id(mqtt_client_id, name)
    if client_id is None or not is_int64(seq):
        raise _DroppedError("INVALID_PAYLOAD")
    try:
        return _Accepted(device, client_id, seq, read_message(payload))
    except InvalidPayloadError:
        raise _DroppedError("INVALID_PAYLOAD") from None


def _is_known(connection: Connection, device_id: object, payload: Any, mqtt_client_id: object) -> bool:
    """Say whether the key of a message is stored, whatever else is wrong with the message."""
    seq = payload.get("seq") if isinstance(payload, dict) else None
    name = normalize_device_id(device_id)
    client_id = None if name is None else normalize_client_id(mqtt_client_id, name)
    if client_id is None or not is_integer(seq) or not is_int64(seq):
        return False
    key = {"wanted_client_id": client_id, "wanted_seq": seq}
    return connection.execute(FIND_MESSAGE, key).first() is not None


def _store(connection: Connection, accepted: _Accepted, received_at: datetime) -> IngestionResult:
    device, message = accepted.device, accepted.message
    message_id = ids.message_id(accepted.client_id, accepted.seq)
    values: dict[str, Any] = {
        "new_message_id": message_id,
        "new_device_key": device.id,
        "new_client_id": accepted.client_id,
        "new_seq": accepted.seq,
        "new_received_at": received_at,
        "new_document": message.document,
        "new_battery_pct": message.battery_pct,
    }
    if message.location is not None:
        values |= _point_values(message_id, message.location)
    calibration = calibration_of(
        device.capacity_liters,
        device.height_mm,
        device.sensor_empty_distance_mm,
        device.sensor_full_distance_mm,
    )
    measurement = None if calibration is None else measure(message.samples, calibration)
    if measurement is not None:
        values |= _reading_values(message_id, device, received_at, measurement)
    elif calibration is None:
        values |= calibration_event(
            message_id=message_id,
            reservoir_id=device.reservoir_id,
            device_id=device.id,
            recorded_at=received_at,
        )
    parts = Parts(measurement is not None, message.location is not None, calibration is None)
    stored = store(connection, parts, values)
    if not stored.is_new:
        return DUPLICATE
    return STORED_READING if stored.has_reading else STORED_RAW_ONLY


def _point_values(message_id: uuid.UUID, location: Location) -> dict[str, Any]:
    return {
        "new_point_id": ids.point_id(message_id),
        "new_latitude": location.latitude,
        "new_longitude": location.longitude,
        "new_speed_kmh": location.speed_kmh,
        "new_course_degrees": location.course_degrees,
    }


def _reading_values(
    message_id: uuid.UUID, device: Any, received_at: datetime, measurement: Measurement
) -> dict[str, Any]:
    reading_id = ids.reading_id(message_id)
    event = reading_event(
        message_id=message_id,
        reading_id=reading_id,
        reservoir_id=device.reservoir_id,
        device_id=device.id,
        recorded_at=received_at,
        measurement=measurement,
    )
    return event | {
        "new_reading_id": reading_id,
        "new_reservoir_key": device.reservoir_id,
        "new_level_pct": measurement.level_pct,
        "new_volume_liters": measurement.volume_liters,
        "new_level_state": measurement.level_state,
        "new_raw_sample_count": measurement.raw_sample_count,
        "new_raw_mean": measurement.raw_mean,
        "new_raw_stddev": measurement.raw_stddev,
        "new_source": "DEVICE",
    }


def _add_dropped_event(
    connection: Connection,
    device_id: object,
    payload: Any,
    received_at: datetime,
    mqtt_client_id: object,
    reason: Detail,
) -> None:
    name = normalize_device_id(device_id) or safe_text(device_id)
    seq = payload.get("seq") if isinstance(payload, dict) else None
    event = dropped_event(
        device_id=name,
        mqtt_client_id=name if mqtt_client_id is None else safe_text(mqtt_client_id),
        seq=seq if is_integer(seq) and is_int64(seq) else None,
        received_at=received_at,
        reason=reason,
        payload=payload,
    )
    add_diagnostic(connection, event)
