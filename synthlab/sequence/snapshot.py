"""What a state file said at one moment, read without its lock."""

from __future__ import annotations

from typing import Any

from synthlab.sequence.document import DeviceState, Gap, StateDocument
from synthlab.sequence.moves import highest_taken


class StateSnapshot:
    """What a state file said at one moment."""

    def __init__(self, document: StateDocument) -> None:
        self._document = document

    @property
    def document(self) -> StateDocument:
        """The whole content, frozen."""
        return self._document

    @property
    def device_ids(self) -> list[str]:
        """Every device that has a number, or holds one; sorted."""
        held = (name for each in self._document.reservations for name in each.devices)
        return sorted({*self._document.devices, *held})

    def last_seq(self, device_id: str) -> int:
        """Return the last number used by a device; 0 where there is none."""
        return self._device(device_id).last_seq

    def next_seq(self, device_id: str) -> int:
        """Return the lowest number that is neither used, reserved nor a gap."""
        return highest_taken(self._document, device_id) + 1

    def checkpoint(self) -> dict[str, dict[str, Any]]:
        """Return where each device's simulation stands, by device."""
        devices = self._document.devices.items()
        return {name: dict(state.checkpoint) for name, state in devices if state.checkpoint is not None}

    def gaps(self, device_id: str) -> tuple[Gap, ...]:
        """Return the declared gaps of a device."""
        return self._device(device_id).gaps

    def resume_second(self, device_id: str) -> int | None:
        """Return the simulated Unix time that is taken already, in seconds.

        It is the checkpoint's, or later where a live run drew numbers up to a later
        time and ended before they were acknowledged.
        """
        state = self._device(device_id)
        taken = [] if state.checkpoint is None else [int(state.checkpoint["at_second"])]
        # Whatever the gap's numbers: history of an earlier time may have higher ones.
        drawn = [gap.range.until_second for gap in state.gaps]
        taken += [until for until in drawn if until is not None]
        return max(taken, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return the content as JSON-ready values, without the checksum."""
        return self._document.to_dict()

    def __repr__(self) -> str:
        document = self._document
        return (
            f"{type(self).__name__}(state_id={document.state_id!r}, generation={document.generation},"
            f" devices={len(document.devices)}, reservations={len(document.reservations)})"
        )

    def _device(self, device_id: str) -> DeviceState:
        return self._document.devices.get(device_id, DeviceState())
