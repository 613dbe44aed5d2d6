"""What the sequence state file holds.

===================  ==========================================================
key                  meaning
===================  ==========================================================
``schema_version``   2
``role``             ``current``, or ``previous`` in the ``.prev`` beside it
``state_id``         random, made with the file; reservations belong to it
``generation``       counts the writes
``target``           the platform fed from this state, or null: ``label`` for
                     people, and ``fingerprints`` by which it is known again
``devices``          by device: ``last_seq``, ``checkpoint``, ``gaps``
``reservations``     by ``run_id``, ``scenario_sha256``: a range for each device,
                     and ``is_used`` once a number of it may be on the platform
``checksum``         SHA-256 of the document without this key
===================  ==========================================================

See Also
--------
synthlab.sequence.codec : how it becomes bytes and back.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SCHEMA_VERSION = 2

# Source: platform contract, `seq` is an int64.
MAX_SEQ = 2**63 - 1

ReservationKind = Literal["export", "live"]
KINDS: tuple[ReservationKind, ...] = ("export", "live")

Role = Literal["current", "previous"]


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
        ``"released"``: an export held them, and was given up.
        ``"recovered"``: nobody knows, because the state was lost.
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
    is_used: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the form that the file has."""
        return {
            "run_id": self.run_id,
            "scenario_sha256": self.scenario_sha256,
            "kind": self.kind,
            "is_used": self.is_used,
            "devices": {device_id: held.to_dict() for device_id, held in self.devices.items()},
        }


@dataclass(frozen=True, slots=True)
class Target:
    """The platform that is fed from a state.

    Attributes
    ----------
    label : str
        Where it is, for people; without a password.
    fingerprints : tuple of str
        Hashes of what it is known by; two that share one are the same platform.
    """

    label: str
    fingerprints: tuple[str, ...]

    def is_same(self, other: Target) -> bool:
        """Tell whether both are one platform."""
        return not set(self.fingerprints).isdisjoint(other.fingerprints)

    def to_dict(self) -> dict[str, Any]:
        """Return the form that the file has."""
        return {"label": self.label, "fingerprints": list(self.fingerprints)}


@dataclass(frozen=True, slots=True)
class StateDocument:
    """The whole file."""

    state_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    generation: int = 0
    target: Target | None = None
    devices: Mapping[str, DeviceState] = field(default_factory=dict)
    reservations: tuple[Reservation, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the form that the file has."""
        return {
            "schema_version": SCHEMA_VERSION,
            "state_id": self.state_id,
            "generation": self.generation,
            "target": None if self.target is None else self.target.to_dict(),
            "devices": {device_id: state.to_dict() for device_id, state in self.devices.items()},
            "reservations": [reservation.to_dict() for reservation in self.reservations],
        }
