"""Row to payload and back: the only place that knows the wire form.

The same function serves CSV import, bootstrap and live, so a row makes the same
bytes on every way to the platform.  Field names are the platform contract's
(section 1), also where they break this package's naming rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from synthlab.columns import LOCATION_COLUMNS, RAW_COLUMNS, READING_COUNT
from synthlab.errors import Problem, UsageError, show_value

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
"""Source: platform contract, `schema_version`."""

REPORTED_COLUMNS = ("local_timestamp_ms", "seq", *RAW_COLUMNS, "temperature_c", "battery_pct", "signal_dbm")
"""Columns that a payload carries, besides the location of mobile devices."""


@dataclass(frozen=True, slots=True)
class Emission:
    """One message, ready to be sent or ingested.

    Attributes
    ----------
    device_id : str
    seq : int
    received_at : datetime
        Aware UTC.
    payload : dict
    """

    device_id: str
    seq: int
    received_at: datetime
    payload: dict[str, Any]


def topic_of(device_id: str) -> str:
    """Return the topic of a device. Source: platform contract, section 1."""
    return f"devices/{device_id}/telemetry"


def row_to_payload(row: Mapping[str, Any]) -> dict[str, Any]:
    """Make the payload of one row of the telemetry frame.

    Parameters
    ----------
    row : mapping
        The reported columns by name; further ones are ignored. A null latitude
        stands for a device without location.

    Returns
    -------
    dict
        JSON-ready: builtin types only.
    """
    clock = int(row["local_timestamp_ms"])
    payload: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "local_timestamp_ms": clock,
        "seq": int(row["seq"]),
        "sensors": {
            "ultrasonic": {
                "sensor_type": "ULTRASONIC",
                "local_timestamp_ms": clock,
                "raw_readings": [int(row[name]) for name in RAW_COLUMNS],
                "temperature_c": float(row["temperature_c"]),
            }
        },
        "power": {"sensor_type": "POWER", "battery_percentage": int(row["battery_pct"])},
        "signal_strength_dbm": int(row["signal_dbm"]),
    }
    latitude = row.get("latitude")
    if latitude is not None and latitude == latitude:
        payload["location"] = {
            **{name: float(row[name]) for name in LOCATION_COLUMNS},
            "local_timestamp_ms": clock,
        }
    return payload


def payload_to_row(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Read the reported columns back from a payload that `row_to_payload` made.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a field is missing or of another type.
    """
    try:
        sensor = payload["sensors"]["ultrasonic"]
        readings = [int(reading) for reading in sensor["raw_readings"]]
        if len(readings) != READING_COUNT:
            raise ValueError(f"{len(readings)} raw readings")
        row: dict[str, Any] = {
            "local_timestamp_ms": int(payload["local_timestamp_ms"]),
            "seq": int(payload["seq"]),
            **dict(zip(RAW_COLUMNS, readings, strict=True)),
            "temperature_c": float(sensor["temperature_c"]),
            "battery_pct": int(payload["power"]["battery_percentage"]),
            "signal_dbm": int(payload["signal_strength_dbm"]),
        }
        location = payload.get("location")
        for name in LOCATION_COLUMNS:
            row[name] = float(location[name]) if location else float("nan")
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "is no payload that synthlab writes",
                path="payload",
                value=show_value(error),
                remedy="Pass a payload of synthlab.payload.row_to_payload",
            )
        ) from None
    return row


def encode_payload(payload: Mapping[str, Any]) -> bytes:
    """Write a payload as compact JSON, keys in the order in which it was made."""
    import orjson

    return orjson.dumps(payload)


def decode_payload(data: bytes) -> dict[str, Any]:
    """Read what `encode_payload` wrote.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: not a JSON object.
    """
    import orjson

    try:
        payload = orjson.loads(data)
    except orjson.JSONDecodeError:
        payload = None
    if not isinstance(payload, dict):
        raise UsageError(
            Problem("BAD_ARGUMENT", "needs a JSON object", path="payload", value=show_value(data))
        )
    return payload


# Rows turned to Python objects at once: bounds the memory of a long frame. Assumed.
_CHUNK_ROWS = 10_000


def emissions(frame: pd.DataFrame) -> Iterator[Emission]:
    """Yield the message of each row, in the frame's order.

    Parameters
    ----------
    frame : DataFrame
        A telemetry frame.
    """
    names = ["device_id", "received_at", *REPORTED_COLUMNS, *LOCATION_COLUMNS]
    for first in range(0, len(frame), _CHUNK_ROWS):
        part = frame.iloc[first : first + _CHUNK_ROWS]
        columns = [part[name].tolist() for name in names if name != "received_at"]
        moments = part["received_at"].dt.to_pydatetime().tolist()
        keys = [name for name in names if name != "received_at"]
        for moment, *values in zip(moments, *columns, strict=True):
            row = dict(zip(keys, values, strict=True))
            yield Emission(str(row["device_id"]), row["seq"], moment, row_to_payload(row))
