"""Row to payload and back: the only place that knows the wire form.

The same function serves CSV import, bootstrap and live, so a row makes the same
bytes on every way to the platform.  Field names are the platform contract's
(section 1), also where they break this package's naming rule.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import compress
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


@dataclass(slots=True)
class PayloadBlock:
    """Messages of a run of rows: their documents, and columns of what is in them.

    Attributes
    ----------
    frame : DataFrame
        The rows.
    device_ids : list of str
        Of each row.
    seqs, received_ms : ndarray of int64
        Number; Unix time of receipt. [ms]
    documents : list of str
        What `encode_payload` writes of each row's payload. Of no use where `is_regular`
        is false.
    samples : ndarray of int32
        Raw readings, a row for each message. [mm]
    battery_pct : ndarray of int64
        [%]
    location : ndarray of float64
        `LOCATION_COLUMNS` of each row; NaN where there is none.
    is_regular : ndarray of bool
        False where a number is missing or infinite: JSON does not have it.
    """

    frame: pd.DataFrame
    device_ids: list[str]
    seqs: Any
    received_ms: Any
    documents: list[str]
    samples: Any
    battery_pct: Any
    location: Any
    is_regular: Any

    def __len__(self) -> int:
        return len(self.device_ids)

    def rows(self, first: int, last: int) -> PayloadBlock:
        """Return the messages from one row up to another, that one not included."""
        columns = {name: getattr(self, name)[first:last] for name in self.__slots__ if name != "frame"}
        return PayloadBlock(frame=self.frame.iloc[first:last], **columns)

    def emission(self, row: int) -> Emission:
        """Return one row's message, as `emissions` does."""
        return next(emissions(self.frame.iloc[row : row + 1]))


def payload_block(frame: pd.DataFrame) -> PayloadBlock:
    """Make the messages of all rows of a frame at once.

    Parameters
    ----------
    frame : DataFrame
        A telemetry frame; some thousand rows are a good size.
    """
    import numpy as np

    location = frame[list(LOCATION_COLUMNS)].to_numpy(dtype=np.float64)
    temperature = frame["temperature_c"].to_numpy(dtype=np.float64)
    has_location = ~np.isnan(location[:, 0])
    is_regular = np.isfinite(temperature) & (~has_location | np.isfinite(location).all(axis=1))
    texts = {
        name: _number_texts(
            np.where(np.isfinite(column), column, 0.0) if column.dtype.kind == "f" else column
        )
        for name, column in (
            (name, frame[name].to_numpy()) for name in (*REPORTED_COLUMNS, *LOCATION_COLUMNS)
        )
    }
    documents = np.empty(len(frame), dtype=object)
    for has_one in (False, True):
        is_so = has_location == has_one
        if is_so.any():
            form, names = _form(has_one)
            # Cells and documents one after the other, without a step of Python for each.
            cells = zip(*(compress(texts[name], is_so.tolist()) for name in names), strict=True)
            documents[is_so] = list(map(form.__mod__, cells))
    return PayloadBlock(
        frame=frame,
        device_ids=frame["device_id"].astype(object).tolist(),
        seqs=frame["seq"].to_numpy(dtype=np.int64),
        received_ms=frame["received_at"].to_numpy(dtype="datetime64[ms]").view(np.int64),
        documents=documents.tolist(),
        samples=frame[list(RAW_COLUMNS)].to_numpy(),
        battery_pct=frame["battery_pct"].to_numpy(dtype=np.int64),
        location=location,
        is_regular=is_regular,
    )


def _number_texts(values: Any) -> list[str]:
    """Write numbers as `encode_payload` writes them: by the same encoder, many at once."""
    import orjson

    listed = values.astype("float64" if values.dtype.kind == "f" else "int64").tolist()
    return orjson.dumps(listed)[1:-1].decode().split(",") if listed else []


# Numbers that no row has, to find its columns in a document again.
_FIRST_MARK = 900_000_000_000_000
_MARK = re.compile(rf"{_FIRST_MARK // 1000}(\d{{3}})(?:\.0)?")


@cache
def _form(has_location: bool) -> tuple[str, tuple[str, ...]]:
    """Return a payload as a ``%`` form, and the columns that go there in its order.

    It is made by `row_to_payload` itself, which stays the only place that knows the
    wire form.
    """
    names = (*REPORTED_COLUMNS, *(LOCATION_COLUMNS if has_location else ()))
    marks = {name: _FIRST_MARK + place for place, name in enumerate(names)}
    text = encode_payload(row_to_payload(marks)).decode()
    found = tuple(names[int(mark[1])] for mark in _MARK.finditer(text))
    return _MARK.sub("%s", text.replace("%", "%%")), found


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
