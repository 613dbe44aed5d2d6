"""Where a run stopped, so that another can go on as if it had not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from synthlab.errors import Problem, UsageError
from synthlab.results import Result, counted
from synthlab.timeline import format_at, from_unix_second

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class DeviceCheckpoint:
    """State of one device after its last emission.

    Attributes
    ----------
    at_second : int
        ``received_at`` of the last row, Unix time. [seconds]
    step_seconds : int
        Length of the step that the last row covers. [seconds]
    last_seq : int
    volume_ml : float
        Content at the end of that step, a whole number. [milliliters]
    held_mm : tuple of int
        Readings at which a fault holds the sensor; empty without. [mm]
    """

    at_second: int
    step_seconds: int
    last_seq: int
    volume_ml: float
    held_mm: tuple[int, ...] = ()

    @property
    def next_second(self) -> int:
        """End of the last step: where the water's time goes on. [seconds]"""
        return self.at_second + self.step_seconds

    def to_dict(self) -> dict[str, Any]:
        """Return the state as a JSON-ready dict."""
        held = {"held_mm": list(self.held_mm)} if self.held_mm else {}
        return {
            "at_second": self.at_second,
            "step_seconds": self.step_seconds,
            "last_seq": self.last_seq,
            "volume_ml": self.volume_ml,
            **held,
        }


@dataclass(frozen=True, slots=True)
class Checkpoint(Result):
    """State of a whole run; all else is a pure function of time.

    Attributes
    ----------
    seed : int
    devices : mapping of str to DeviceCheckpoint
    """

    seed: int
    devices: Mapping[str, DeviceCheckpoint]

    def summary(self) -> str:
        """Say in one line how many devices it holds, and where they stand."""
        stand = [device.at_second for device in self.devices.values()]
        span = sorted({format_at(from_unix_second(at)) for at in (min(stand), max(stand))}) if stand else []
        return f"{counted(len(self.devices), 'device')} at {' to '.join(span) or 'no time'}, seed {self.seed}"

    def to_dict(self) -> dict[str, Any]:
        """Return the checkpoint as JSON-ready dicts."""
        return {
            "schema_version": SCHEMA_VERSION,
            "seed": self.seed,
            "devices": {device_id: device.to_dict() for device_id, device in sorted(self.devices.items())},
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Checkpoint:
        """Read what `to_dict` wrote.

        Raises
        ------
        UsageError
            Code ``BAD_ARGUMENT``: another schema version, or a field is missing.
        """
        try:
            if record["schema_version"] != SCHEMA_VERSION:
                raise KeyError("schema_version")
            devices = {
                str(device_id): DeviceCheckpoint(
                    int(entry["at_second"]),
                    int(entry["step_seconds"]),
                    int(entry["last_seq"]),
                    float(entry["volume_ml"]),
                    tuple(int(reading) for reading in entry.get("held_mm", ())),
                )
                for device_id, entry in record["devices"].items()
            }
            return cls(int(record["seed"]), MappingProxyType(devices))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                Problem(
                    "BAD_ARGUMENT",
                    f"is no engine checkpoint of schema version {SCHEMA_VERSION} ({error})",
                    path="checkpoint",
                    remedy="Pass the .checkpoint of a Backfill, or the manifest's checkpoint",
                )
            ) from None
