"""The state file's bytes: one exact form, a checksum, and older versions brought forward.

The file is JSON with sorted keys and two blanks of indent, and a checksum over
everything else.  Reading writes the parsed document again and wants the same bytes,
so a flipped or missing byte is found wherever it lies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from synthlab.errors import Code, Problem, SequenceStateError, show_value
from synthlab.sequence.document import (
    KINDS,
    MAX_SEQ,
    SCHEMA_VERSION,
    DeviceState,
    Gap,
    Reservation,
    Role,
    SeqRange,
    StateDocument,
    Target,
)

RECOVER = "`synthlab state recover --from-db` makes it whole again, from the highest numbers of the platform"

_FORM = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


def encode_state(document: StateDocument, *, role: Role = "current") -> bytes:
    """Return the bytes of the file."""
    return _encode({**document.to_dict(), "role": role})


def decode_state(content: bytes, *, file: str, role: Role = "current") -> StateDocument:
    """Read the bytes of the file.

    Parameters
    ----------
    content : bytes
    file : str
        Name for the error.
    role : {"current", "previous"}
        What the file must be: a ``.prev`` that was put in the state's place lacks the
        numbers of the last write, and says so itself.

    Raises
    ------
    SequenceStateError
        Code ``STATE_DAMAGED``: not the bytes that were written, or a ``.prev``.
        Code ``STATE_TOO_NEW``: whole, and of a version that this program does not know.
    """
    tree = _verified(content, file)
    try:
        found, document = tree["role"], _document(tree)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(file, "must have the fields of a state", show_value(str(error))) from None
    # A state of before there were roles serves as either.
    if found not in (role, None):
        raise _damaged(file, "must not be the .prev: what the last write drew is missing in it", None)
    return document


def _verified(content: bytes, file: str) -> dict[str, Any]:
    """Return the parsed file in the form of this version, its checksum verified."""
    try:
        tree = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise _damaged(file, "must be JSON", show_value(str(error))) from None
    if not isinstance(tree, dict):
        raise _damaged(file, "must be one JSON object", type(tree).__name__)
    version = tree.get("schema_version")
    if type(version) is not int or version < 1:
        raise _damaged(file, "needs a schema_version", show_value(version))
    body = {key: value for key, value in tree.items() if key != "checksum"}
    try:
        is_whole = _encode(body) == content
    except orjson.JSONEncodeError:
        is_whole = False
    if not is_whole:
        raise _damaged(file, "must have the content that its checksum was made of", None)
    if version > SCHEMA_VERSION:
        rule = f"needs schema_version {SCHEMA_VERSION} or older"
        remedy = "Update synthlab: a newer one wrote it. Nothing was changed"
        raise _error("STATE_TOO_NEW", file, rule, show_value(version), remedy)
    try:
        for step in _MIGRATIONS[version - 1 :]:
            body = step(body)
    except (KeyError, TypeError) as error:
        raise _damaged(file, "must have the fields of a state", show_value(str(error))) from None
    return body


def _to_version_2(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Bring a file of version 1 forward: it had no role, no target and did not note what was used."""
    ends = {name: device["last_seq"] for name, device in tree["devices"].items()}

    def is_used(each: Mapping[str, Any]) -> bool:
        # An import moved `last_seq` to the range's end or beyond: what was used cannot be told from
        # what was passed over, and to be called used is the safe side.
        return any(held["last_seq"] <= ends.get(name, 0) for name, held in each["devices"].items())

    reservations = [{**each, "is_used": is_used(each)} for each in tree["reservations"]]
    return {**tree, "schema_version": 2, "role": None, "target": None, "reservations": reservations}


# One step for each version: the first makes version 2 of version 1.
_MIGRATIONS: tuple[Callable[[Mapping[str, Any]], dict[str, Any]], ...] = (_to_version_2,)


def _encode(tree: dict[str, Any]) -> bytes:
    checksum = hashlib.sha256(orjson.dumps(tree, option=_FORM)).hexdigest()
    return orjson.dumps({**tree, "checksum": checksum}, option=_FORM)


def _damaged(file: str, rule: str, value: str | None) -> SequenceStateError:
    remedy = f"Numbers drawn from a damaged state could be used twice. {RECOVER}"
    return _error("STATE_DAMAGED", file, rule, value, remedy)


def _error(code: Code, file: str, rule: str, value: str | None, remedy: str) -> SequenceStateError:
    return SequenceStateError(Problem(code, rule, file=file, value=value, remedy=remedy))


def _document(tree: dict[str, Any]) -> StateDocument:
    return StateDocument(
        state_id=_text(tree["state_id"]),
        generation=_whole(tree["generation"]),
        target=None if tree["target"] is None else _target(tree["target"]),
        devices={device_id: _device(entry) for device_id, entry in tree["devices"].items()},
        reservations=tuple(_reservation(entry) for entry in tree["reservations"]),
    )


def _target(entry: dict[str, Any]) -> Target:
    return Target(_text(entry["label"]), tuple(_text(each) for each in entry["fingerprints"]))


def _device(entry: dict[str, Any]) -> DeviceState:
    checkpoint = entry["checkpoint"]
    if checkpoint is not None:
        _whole(checkpoint["last_seq"])
        if not isinstance(checkpoint["at_second"], int):
            raise TypeError(f"at_second {checkpoint['at_second']!r}")
    gaps = tuple(Gap(_range(gap), _text(gap["reason"])) for gap in entry["gaps"])
    return DeviceState(_whole(entry["last_seq"]), checkpoint, gaps)


def _reservation(entry: dict[str, Any]) -> Reservation:
    if entry["kind"] not in KINDS:
        raise ValueError(f"kind {entry['kind']!r}")
    devices = {device_id: _range(held) for device_id, held in entry["devices"].items()}
    return Reservation(
        _text(entry["run_id"]),
        _text(entry["scenario_sha256"]),
        entry["kind"],
        devices,
        is_used=entry["is_used"] is True,
    )


def _range(entry: dict[str, Any]) -> SeqRange:
    first, last, until = _whole(entry["first_seq"]), _whole(entry["last_seq"]), entry["until_second"]
    if not 1 <= first <= last:
        raise ValueError(f"range {first}..{last}")
    return SeqRange(first, last, None if until is None else _whole(until))


def _whole(value: object) -> int:
    # True is an int to isinstance, and no number here.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SEQ:
        raise ValueError(f"{value!r} is no whole number of 0 or more")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
