"""How a state moves: pure functions from one document to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from synthlab.sequence.document import MAX_SEQ, DeviceState, Gap, Reservation, SeqRange, StateDocument


@dataclass(frozen=True, slots=True)
class Floor:
    """What somebody else than the state knows of one device.

    Attributes
    ----------
    last_seq : int
        The highest number that was seen there.
    at_second : int or None
        Simulated Unix time of that number, where it is told. [seconds]
    """

    last_seq: int
    at_second: int | None = None


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


def with_used(reservations: tuple[Reservation, ...], last_seq: Mapping[str, int]) -> tuple[Reservation, ...]:
    """Return the reservations, those noted as used from which one of the numbers is."""

    def is_of(each: Reservation) -> bool:
        return any(
            held.first_seq <= last_seq.get(device_id, 0) <= held.last_seq
            for device_id, held in each.devices.items()
        )

    return tuple(replace(each, is_used=True) if is_of(each) else each for each in reservations)


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


def reservations_of(document: StateDocument, run_id: str) -> tuple[Reservation, ...]:
    """Return what a run holds, by its own name or by that with the end of its window, ``RUN@END``."""
    return tuple(
        each
        for each in document.reservations
        if each.kind == "export" and run_id in (each.run_id, each.run_id.rpartition("@")[0])
    )


def released(document: StateDocument, given_up: tuple[Reservation, ...]) -> StateDocument:
    """Turn reservations into gaps: their numbers were to be seen in an artifact, and stay taken."""
    devices = dict(document.devices)
    for reservation in given_up:
        for device_id, held in reservation.devices.items():
            state = devices.get(device_id, DeviceState())
            devices[device_id] = replace(state, gaps=(*state.gaps, Gap(held, "released")))
    kept = tuple(each for each in document.reservations if each not in given_up)
    return replace(document, devices=devices, reservations=kept)


def recovered(document: StateDocument, floors: Mapping[str, Floor], *, margin: int) -> StateDocument:
    """Return a state whose next numbers lie behind all that anybody knows of.

    Parameters
    ----------
    document : StateDocument
        What is left of the state; an empty one where nothing is.
    floors : mapping of str to Floor
        What the platform stores, by device.
    margin : int
        How many numbers may be on their way and stored nowhere yet.

    Notes
    -----
    For each device of `floors`: next = max(next of the state, floor + 1 + margin).
    What is passed over is a declared gap, and its time is taken.
    """
    devices = dict(document.devices)
    for device_id, floor in sorted(floors.items()):
        state = devices.get(device_id, DeviceState())
        used, gaps = max(state.last_seq, floor.last_seq), state.gaps
        first = max(highest_taken(document, device_id), floor.last_seq) + 1
        last = min(floor.last_seq + margin, MAX_SEQ)
        if first <= last:
            used, gaps = last, (*gaps, Gap(SeqRange(first, last, floor.at_second), "recovered"))
        devices[device_id] = replace(state, last_seq=used, gaps=gaps)
    return replace(document, devices=devices)
