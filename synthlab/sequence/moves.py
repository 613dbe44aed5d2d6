"""How a state moves: pure functions from one document to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from synthlab.sequence.document import DeviceState, Gap, StateDocument


def highest_taken(document: StateDocument, device_id: str) -> int:
    """Return the highest number of a device that is used, reserved or a gap; else 0."""
    state = document.devices.get(device_id, DeviceState())
    ranges = [each.devices[device_id] for each in document.reservations if device_id in each.devices]
    ranges += [gap.range for gap in state.gaps]
    return max([state.last_seq, *(held.last_seq for held in ranges)])


def advanced(
    devices: Mapping[str, DeviceState],
    last_seq: Mapping[str, int],
    checkpoint: Mapping[str, Mapping[str, Any]],
) -> dict[str, DeviceState]:
    """Return the devices with higher numbers and later checkpoints; nothing goes back."""
    moved = dict(devices)
    for device_id in {**last_seq, **checkpoint}:
        state = moved.get(device_id, DeviceState())
        used = max(state.last_seq, last_seq.get(device_id, 0))
        stands = checkpoint.get(device_id)
        if stands is not None:
            used = max(used, int(stands["last_seq"]))
            if state.checkpoint is None or _time_order(stands) > _time_order(state.checkpoint):
                state = replace(state, checkpoint=dict(stands))
        moved[device_id] = replace(state, last_seq=used)
    return moved


def _time_order(checkpoint: Mapping[str, Any]) -> tuple[int, int]:
    # By time first: an older window under fresh numbers must not take a live stream
    # back to times that it has sent already.
    return int(checkpoint["at_second"]), int(checkpoint["last_seq"])


def declare_interrupted(document: StateDocument) -> StateDocument:
    """Turn the blocks of live runs into gaps; only for the holder of the lock.

    Whoever drew them is dead then, and some of their numbers may have been sent.
    """
    left = [each for each in document.reservations if each.kind == "live"]
    devices = dict(document.devices)
    for reservation in left:
        for device_id, held in reservation.devices.items():
            state = devices.get(device_id, DeviceState())
            first = max(held.first_seq, state.last_seq + 1)
            if first <= held.last_seq:
                gap = Gap(replace(held, first_seq=first), "interrupted")
                state = replace(state, last_seq=held.last_seq, gaps=(*state.gaps, gap))
            devices[device_id] = state
    kept = tuple(each for each in document.reservations if each.kind != "live")
    return replace(document, devices=devices, reservations=kept)
