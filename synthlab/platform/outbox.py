"""The events that ingestion writes in the transaction of the rows they tell of."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import orjson

from synthlab.platform.ids import event_id
from synthlab.platform.level import Measurement
from synthlab.platform.schema import utc_text

READING_EVENT = "RESERVOIR_LEVEL_READING"
DROPPED_EVENT = "DEVICE_TELEMETRY_DROPPED_UNATTACHED"
CALIBRATION_EVENT = "CALIBRATION_MISSING"

EVENT_VERSION = 1

NAMESPACE = uuid.UUID("8f0c6c2e-6d0b-5a55-9f0e-3b8a1f6f2f10")
"""Of ids that are no message's: devices, reservoirs, and what was dropped."""


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
    payload = _reading_payload(
        str(reservoir_id),
        str(reading_id),
        utc_text(recorded_at),
        str(device_id),
        str(message_id),
        measurement.level_pct,
        measurement.volume_liters,
    )
    return _event(event_id(message_id), READING_EVENT, "RESERVOIR", reservoir_id, payload)


def _reading_payload(
    reservoir: str,
    reading: str,
    moment: str,
    device: str,
    message: str,
    level_pct: float,
    volume_liters: float,
) -> dict[str, Any]:
    return {
        "reservoir_id": reservoir,
        "reading_id": reading,
        "recorded_at": moment,
        "source": "DEVICE",
        "level_pct": level_pct,
        "volume_liters": volume_liters,
        "device_id": device,
        "telemetry_message_id": message,
    }


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
    return _event(event_id(message_id), CALIBRATION_EVENT, "DEVICE", device_id, payload)


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
    dropped_id = uuid.uuid5(NAMESPACE, identity.hex())
    return _event(dropped_id, DROPPED_EVENT, "DEVICE", device_id, event) | {"new_received_at": received_at}


def _fingerprint(payload: Any) -> bytes:
    try:
        return orjson.dumps(payload)
    except TypeError:
        return b"no JSON"


def _event(
    new_id: uuid.UUID, event_type: str, subject_type: str, subject_id: object, payload: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "new_event_id": new_id,
        "new_event_type": event_type,
        "new_subject_type": subject_type,
        "new_subject_id": str(subject_id),
        "new_event_data": _envelope(payload),
    }


def _envelope(payload: Mapping[str, Any]) -> str:
    return orjson.dumps({"event_version": EVENT_VERSION, "payload": payload}).decode()


@cache
def _reading_form() -> str:
    """Return the data of a reading's event as a ``%`` form, made by the event itself."""
    reservoir, reading, moment, device, message = texts = [f"<{place}>" for place in range(5)]
    form = _envelope(_reading_payload(reservoir, reading, moment, device, message, 0.25, 0.75)).replace(
        "%", "%%"
    )
    for mark in (*texts, "0.25", "0.75"):
        form = form.replace(mark, "%s")
    return form


def reading_event_texts(
    *,
    reading_ids: Sequence[str],
    message_ids: Sequence[str],
    reservoir_keys: Sequence[str],
    device_keys: Sequence[str],
    moments: Sequence[str],
    level_pct: Any,
    volume_liters: Any,
) -> list[str]:
    """Return the data of many readings' events: what `reading_event` writes, one by one.

    Parameters
    ----------
    reading_ids, message_ids, reservoir_keys, device_keys, moments : sequence of str
        Of each reading, as texts.
    level_pct, volume_liters : ndarray of float64
        Of each reading.
    """
    form = _reading_form()
    cells = zip(
        reservoir_keys,
        reading_ids,
        moments,
        _number_texts(level_pct),
        _number_texts(volume_liters),
        device_keys,
        message_ids,
        strict=True,
    )
    return [form % row for row in cells]


def _number_texts(values: Any) -> list[str]:
    listed = values.tolist()
    return orjson.dumps(listed)[1:-1].decode().split(",") if listed else []
