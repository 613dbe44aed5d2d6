"""The events that ingestion writes in the transaction of the rows they tell of."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from synthlab.platform.level import Measurement
from synthlab.platform.schema import utc_text

READING_EVENT = "RESERVOIR_LEVEL_READING"
DROPPED_EVENT = "DEVICE_TELEMETRY_DROPPED_UNATTACHED"
CALIBRATION_EVENT = "CALIBRATION_MISSING"

EVENT_VERSION = 1

NAMESPACE = uuid.UUID("8f0c6c2e-6d0b-5a55-9f0e-3b8a1f6f2f10")
"""Ids are derived from a message's key, so that a replay after a crash leaves the very same rows."""


def reading_event(
    *,
    message_id: uuid.UUID,
    reading_id: uuid.UUID,
    reservoir_id: uuid.UUID,
    device_id: uuid.UUID,
    recorded_at: datetime,
    measurement: Measurement,
) -> dict[str, Any]:
    """Return the event of a reading, as bound values."""
    payload = {
        "reservoir_id": str(reservoir_id),
        "reading_id": str(reading_id),
        "recorded_at": utc_text(recorded_at),
        "source": "DEVICE",
        "level_pct": measurement.level_pct,
        "volume_liters": measurement.volume_liters,
        "device_id": str(device_id),
        "telemetry_message_id": str(message_id),
    }
    return _event(uuid.uuid5(message_id, "event"), READING_EVENT, "RESERVOIR", reservoir_id, payload)


def calibration_event(
    *, message_id: uuid.UUID, reservoir_id: uuid.UUID, device_id: uuid.UUID, recorded_at: datetime
) -> dict[str, Any]:
    """Return the event of a message whose reservoir has no calibration, as bound values."""
    payload = {
        "reason": CALIBRATION_EVENT,
        "reservoir_id": str(reservoir_id),
        "recorded_at": utc_text(recorded_at),
        "device_id": str(device_id),
        "telemetry_message_id": str(message_id),
    }
    return _event(uuid.uuid5(message_id, "event"), CALIBRATION_EVENT, "DEVICE", device_id, payload)


def dropped_event(
    *, device_id: str, mqtt_client_id: str, seq: int | None, received_at: datetime, reason: str, payload: Any
) -> dict[str, Any]:
    """Return the event of a message that is not stored, as bound values.

    Parameters
    ----------
    device_id, mqtt_client_id : str
        Names, safe to store.
    seq : int or None
        None where the message has none that could be stored.
    received_at : datetime
    reason : str
    payload : object
        Only tells apart what came at the same moment; it is not stored.
    """
    event = {
        "reason": reason,
        "device_id": device_id,
        "mqtt_client_id": mqtt_client_id,
        "seq": seq,
        "recorded_at": utc_text(received_at),
    }
    identity = orjson.dumps([DROPPED_EVENT, event]) + _fingerprint(payload)
    event_id = uuid.uuid5(NAMESPACE, identity.hex())
    return _event(event_id, DROPPED_EVENT, "DEVICE", device_id, event) | {"new_received_at": received_at}


def _fingerprint(payload: Any) -> bytes:
    try:
        return orjson.dumps(payload)
    except TypeError:
        return b"no JSON"


def _event(
    event_id: uuid.UUID, event_type: str, subject_type: str, subject_id: object, payload: Mapping[str, Any]
) -> dict[str, Any]:
    envelope = {"event_version": EVENT_VERSION, "payload": payload}
    return {
        "new_event_id": event_id,
        "new_event_type": event_type,
        "new_subject_type": subject_type,
        "new_subject_id": str(subject_id),
        "new_event_data": orjson.dumps(envelope).decode(),
    }
