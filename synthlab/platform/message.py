"""What a device's message says: names and payloads of unknown origin, made safe.

Nothing that comes from here can break a statement: a name is ASCII, a document is
JSON that both databases take, and a number lies in its column's range.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

import orjson

from synthlab.errors import show_value

MAX_PAYLOAD_BYTES = 128 * 1024
"""Assumed: the limit of the large managed brokers; a usual payload has 500. [bytes]"""

MAX_DEPTH = 254
"""Nesting of a payload. Source: orjson's own limit, which the slow path repeats. [levels]"""

MAX_INTEGER_BITS = 12_000
"""Assumed: 3,600 digits; Python writes no int of more than 4,300 as text, JSONB takes 131,072. [bits]"""

MAX_ID_LENGTH = 128
"""Assumed: also the longest client id of the large managed brokers. [characters]"""

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

MAX_SPEED_KMH = 1_000.0
"""Assumed: what is faster was not measured, and is kept in the raw message only. [km/h]"""


class InvalidPayloadError(ValueError):
    """A payload that is not what the contract says; never leaves this package."""


class Location(NamedTuple):
    """Where a device was.

    Attributes
    ----------
    latitude, longitude : float
        [degrees]
    speed_kmh : float or None
        [km/h]
    course_degrees : float or None
        [degrees]
    """

    latitude: float
    longitude: float
    speed_kmh: float | None
    course_degrees: float | None


class Message(NamedTuple):
    """What ingestion reads in a payload.

    Attributes
    ----------
    document : str
        The payload as JSON text.
    samples : list of float
        Raw readings, valid or not. [mm]
    battery_pct : int or None
        [%]
    location : Location or None
    """

    document: str
    samples: list[float]
    battery_pct: int | None
    location: Location | None


def normalize_device_id(device_id: object) -> str | None:
    """Return a device's name in capitals, or None where it cannot be one.

    ASCII is asked for first: ``'ı'.upper()`` is ``'I'``, and would name somebody
    else's device.

    Examples
    --------
    >>> normalize_device_id("e2e2024stata1")
    'E2E2024STATA1'
    >>> normalize_device_id("e2eı") is None
    True
    """
    if not isinstance(device_id, str) or not 0 < len(device_id) <= MAX_ID_LENGTH:
        return None
    return device_id.upper() if device_id.isascii() and device_id.isprintable() else None


def normalize_client_id(client_id: object, device_id: str) -> str | None:
    """Return the client id that dedupe uses, or None where it cannot be one.

    By the contract it equals the device's name, so without one the name is taken,
    and the same name in other letters is the same client.
    """
    if client_id is None or client_id == device_id:
        return device_id
    if not isinstance(client_id, str) or not 0 < len(client_id) <= MAX_ID_LENGTH:
        return None
    if not (client_id.isascii() and client_id.isprintable()):
        return None
    return device_id if client_id.upper() == device_id else client_id


def is_integer(value: object) -> TypeGuard[int]:
    """Say whether a value is a JSON integer; JSON's true is none, though Python's is."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_int64(value: int) -> bool:
    """Say whether an integer fits the column."""
    return INT64_MIN <= value <= INT64_MAX


def read_message(payload: Mapping[str, Any]) -> Message:
    """Read the parts that ingestion uses; every one may be absent.

    Parameters
    ----------
    payload : mapping
        A wrong type in a part that is read makes the payload invalid.  A number out of
        range is kept in the document and otherwise left out.

    Raises
    ------
    InvalidPayloadError
    """
    document = to_json_text(payload)
    ultrasonic = _section(_section(payload, "sensors"), "ultrasonic")
    samples = ultrasonic.get("raw_readings")
    if samples is None:
        samples = []
    elif not isinstance(samples, list):
        raise InvalidPayloadError("raw_readings is no list")
    for sample in samples:
        if type(sample) is not int and type(sample) is not float:
            raise InvalidPayloadError("raw_readings holds something that is no number")
    battery = _in_range(_section(payload, "power"), "battery_percentage", 0, 100)
    return Message(
        document,
        samples,
        None if battery is None else round(battery),
        _location(_section(payload, "location")),
    )


def to_json_text(payload: Mapping[str, Any]) -> str:
    """Return a payload as JSON that SQLite and PostgreSQL take and give back unchanged.

    Raises
    ------
    InvalidPayloadError
        NaN or infinity, a NUL or half a surrogate pair in a text, too deep, too long, or
        a value that JSON does not have.
    """
    try:
        document = orjson.dumps(
            payload, option=orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
        )
        # orjson writes NaN as null, and NUL as an escape that JSONB refuses: look closer.
        is_plain = b"null" not in document and b"\\u0000" not in document
    except TypeError:
        is_plain = False
    if not is_plain:
        _require_storable(payload)
        # Not orjson: it has no integers beyond 64 bits.
        document = json.dumps(payload, allow_nan=False, separators=(",", ":")).encode()
    if len(document) > MAX_PAYLOAD_BYTES:
        raise InvalidPayloadError("longer than any message")
    return document.decode()


def safe_text(value: object) -> str:
    """Return any name as short ASCII text that a diagnostic event can hold."""
    if isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= MAX_ID_LENGTH:
        return value
    return ascii(show_value(value, limit=MAX_ID_LENGTH)) if isinstance(value, str) else type(value).__name__


def _section(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = parent.get(name)
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise InvalidPayloadError(f"{name} is no object")
    return section


def _in_range(section: Mapping[str, Any], name: str, least: float, greatest: float) -> float | None:
    value = section.get(name)
    if value is None:
        return None
    if type(value) is not int and type(value) is not float:
        raise InvalidPayloadError(f"{name} is no number")
    return value if least <= value <= greatest else None


def _location(section: Mapping[str, Any]) -> Location | None:
    if not section:
        return None
    latitude = _in_range(section, "latitude", -90, 90)
    longitude = _in_range(section, "longitude", -180, 180)
    speed = _in_range(section, "speed_kmh", 0, MAX_SPEED_KMH)
    course = _in_range(section, "course_degrees", 0, 360)
    if latitude is None or longitude is None:
        return None
    return Location(float(latitude), float(longitude), speed, course)


def _require_storable(payload: object) -> None:
    """Walk a document and stop at what a database would refuse; loops are too deep."""
    level: list[Any] = [payload]
    node_count = 0
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for node in level:
            if isinstance(node, dict):
                below.extend(node.keys())
                below.extend(node.values())
                if not all(isinstance(key, str) for key in node):
                    raise InvalidPayloadError("a key is no text")
            elif isinstance(node, list):
                below.extend(node)
            else:
                _require_storable_scalar(node)
        node_count += len(below)
        if node_count > MAX_PAYLOAD_BYTES:
            raise InvalidPayloadError("longer than any message")
        if not below:
            return
        level = below
    raise InvalidPayloadError("nested too deeply")


def _require_storable_scalar(value: object) -> None:
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        if "\0" in value or any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
            raise InvalidPayloadError("a text holds NUL or half a surrogate pair")
    elif isinstance(value, int):
        if value.bit_length() > MAX_INTEGER_BITS:
            raise InvalidPayloadError("an integer has too many digits")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidPayloadError("NaN or infinity, which JSON does not have")
    else:
        raise InvalidPayloadError("a value that JSON does not have")
