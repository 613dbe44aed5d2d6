"""What the sequence state file holds, and how it becomes bytes and back.

The file is JSON in one exact form (sorted keys, two blanks of indent), with a
checksum over everything else.  Reading writes the parsed document again and wants
the same bytes, so a flipped or missing byte is found wherever it lies.

===================  ==========================================================
key                  meaning
===================  ==========================================================
``schema_version``   1
``state_id``         random, made with the file; reservations belong to it
``generation``       counts the writes
``target``           fingerprint of the platform fed from this state, or null
``devices``          by device: ``last_seq``, ``checkpoint``, ``gaps``
``reservations``     by ``run_id``, ``scenario_sha256``: a range for each device
``checksum``         SHA-256 of the document without this key
===================  ==========================================================
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from synthlab.errors import Problem, SequenceStateError, show_value

SCHEMA_VERSION = 1

# Source: platform contract, `seq` is an int64.
MAX_SEQ = 2**63 - 1

ReservationKind = Literal["export", "live"]
KINDS: tuple[ReservationKind, ...] = ("export", "live")

_FORM = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True, slots=True)
class SeqRange:
    """Numbers of one device, both ends included.

    Attributes
    ----------
    first_seq, last_seq : int
    until_second : int or None
        Simulated Unix time of the last number, where a live run drew them. [seconds]
    """

    first_seq: int
    last_seq: int
    until_second: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the form that the file has."""
        return {"first_seq": self.first_seq, "last_seq": self.last_seq, "until_second": self.until_second}


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers that may never arrive, declared so that nobody takes them for a loss.

    Attributes
    ----------
    range : SeqRange
    reason : str
        ``"interrupted"``: the run died while it held them.
        ``"unacknowledged"``: sent, and the broker had not answered when the run ended.
        ``"refused"``: the broker refused them.
    """

    range: SeqRange
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the form that the file has."""
        return {**self.range.to_dict(), "reason": self.reason}


@dataclass(frozen=True, slots=True)
class DeviceState:
    """One device: its last number used, and where its simulation stands."""

    last_seq: int = 0
    checkpoint: Mapping[str, Any] | None = None
    gaps: tuple[Gap, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the form that the file has."""
        return {
            "last_seq": self.last_seq,
            "checkpoint": None if self.checkpoint is None else dict(self.checkpoint),
            "gaps": [gap.to_dict() for gap in self.gaps],
        }


@dataclass(frozen=True, slots=True)
class Reservation:
    """Ranges that one run of one scenario holds; nobody else may draw from them."""

    run_id: str
    scenario_sha256: str
    kind: ReservationKind
    devices: Mapping[str, SeqRange]

    def to_dict(self) -> dict[str, Any]:
        """Return the form that the file has."""
        return {
            "run_id": self.run_id,
            "scenario_sha256": self.scenario_sha256,
            "kind": self.kind,
            "devices": {device_id: held.to_dict() for device_id, held in self.devices.items()},
        }


@dataclass(frozen=True, slots=True)
class StateDocument:
    """The whole file."""

    state_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    generation: int = 0
    target: str | None = None
    devices: Mapping[str, DeviceState] = field(default_factory=dict)
    reservations: tuple[Reservation, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the form that the file has."""
        return {
            "schema_version": SCHEMA_VERSION,
            "state_id": self.state_id,
            "generation": self.generation,
            "target": self.target,
            "devices": {device_id: state.to_dict() for device_id, state in self.devices.items()},
            "reservations": [reservation.to_dict() for reservation in self.reservations],
        }


def encode_state(document: StateDocument) -> bytes:
    """Return the bytes of the file."""
    return _encode(document.to_dict())


def decode_state(content: bytes, *, file: str) -> StateDocument:
    """Read the bytes of the file.

    Parameters
    ----------
    content : bytes
    file : str
        Name for the error.

    Raises
    ------
    SequenceStateError
        Code ``STATE_DAMAGED``: not the bytes that were written, or another schema.
    """
    try:
        tree = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise _damaged(file, "must be JSON", show_value(str(error))) from None
    if not isinstance(tree, dict):
        raise _damaged(file, "must be one JSON object", type(tree).__name__)
    if tree.get("schema_version") != SCHEMA_VERSION:
        raise _damaged(file, f"needs schema_version {SCHEMA_VERSION}", show_value(tree.get("schema_version")))
    if _encode({key: value for key, value in tree.items() if key != "checksum"}) != content:
        raise _damaged(file, "must have the content that its checksum was made of", None)
    try:
        return _document(tree)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(file, "must have the fields of a state", show_value(str(error))) from None


def _encode(tree: dict[str, Any]) -> bytes:
    checksum = hashlib.sha256(orjson.dumps(tree, option=_FORM)).hexdigest()
    return orjson.dumps({**tree, "checksum": checksum}, option=_FORM)


def _damaged(file: str, rule: str, value: str | None) -> SequenceStateError:
    return SequenceStateError(
        Problem(
            "STATE_DAMAGED",
            rule,
            file=file,
            value=value,
            remedy=(
                "Numbers drawn from a damaged state could be used twice. Put back a copy of it; the .prev"
                " beside it is one write old, so compare its last_seq with the platform's before going on"
            ),
        )
    )


def _document(tree: dict[str, Any]) -> StateDocument:
    return StateDocument(
        state_id=_text(tree["state_id"]),
        generation=_whole(tree["generation"]),
        target=None if tree["target"] is None else _text(tree["target"]),
        devices={device_id: _device(entry) for device_id, entry in tree["devices"].items()},
        reservations=tuple(_reservation(entry) for entry in tree["reservations"]),
    )


def _device(entry: dict[str, Any]) -> DeviceState:
    checkpoint = entry["checkpoint"]
    if checkpoint is not None:
        _whole(checkpoint["last_seq"])
    gaps = tuple(Gap(_range(gap), _text(gap["reason"])) for gap in entry["gaps"])
    return DeviceState(_whole(entry["last_seq"]), checkpoint, gaps)


def _reservation(entry: dict[str, Any]) -> Reservation:
    if entry["kind"] not in KINDS:
        raise ValueError(f"kind {entry['kind']!r}")
    devices = {device_id: _range(held) for device_id, held in entry["devices"].items()}
    return Reservation(_text(entry["run_id"]), _text(entry["scenario_sha256"]), entry["kind"], devices)


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
