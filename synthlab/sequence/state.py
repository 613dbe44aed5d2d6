"""Draw numbers from a state file, and move it on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import BaseFileLock

from synthlab.errors import Problem, UsageError
from synthlab.sequence.document import MAX_SEQ, DeviceState, Gap, Reservation, SeqRange, StateDocument
from synthlab.sequence.moves import advanced, declare_interrupted, highest_taken
from synthlab.sequence.storage import lock_state, read_state, write_state

DEFAULT_STATE_FILE = Path(".tmp/synthetic_sim_seq_state.json")
"""Source: simulator guide, section 6."""


class StateSnapshot:
    """What a state file said at one moment."""

    def __init__(self, document: StateDocument) -> None:
        self._document = document

    @property
    def document(self) -> StateDocument:
        """The whole content, frozen."""
        return self._document

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


class SequenceState(StateSnapshot):
    """The state file, open and locked: ``with SequenceState.open(path) as state``.

    Every method that changes something returns after it is on the disk.
    """

    def __init__(self, path: Path, lock: BaseFileLock, document: StateDocument) -> None:
        super().__init__(document)
        self.path = path
        self._lock = lock

    @classmethod
    def open(cls, path: str | Path | None = None, *, wait_seconds: float = 0.0) -> Self:
        """Lock and read a state file; a missing one is an empty state.

        Parameters
        ----------
        path : path, optional
            Default `DEFAULT_STATE_FILE`.
        wait_seconds : float
            How long to wait for another holder of the lock. [seconds]

        Raises
        ------
        SequenceStateError
            Codes ``STATE_LOCKED``, ``STATE_DAMAGED``, ``STATE_UNWRITABLE``.
        """
        target = _real_path(path)
        lock = lock_state(target, wait_seconds=wait_seconds)
        try:
            document = read_state(target) or StateDocument()
        except BaseException:
            lock.release()
            raise
        return cls(target, lock, declare_interrupted(document))

    @classmethod
    def peek(cls, path: str | Path | None = None) -> StateSnapshot:
        """Read a state file without its lock; a missing one is an empty state. Reads only.

        Raises
        ------
        SequenceStateError
            Codes ``STATE_DAMAGED``, ``STATE_UNWRITABLE``.
        """
        return StateSnapshot(read_state(_real_path(path)) or StateDocument())

    def reserve(self, *, run_id: str, scenario_sha256: str, counts: Mapping[str, int]) -> dict[str, int]:
        """Hold a range for each device, and return its first number.

        The same run of the same scenario gets the same range again, so an export can
        be repeated byte for byte; any other run gets numbers behind all that were
        ever drawn.

        Parameters
        ----------
        run_id, scenario_sha256 : str
            Whom the range is for.
        counts : mapping of str to int
            How many numbers each device needs; 1 or more.

        Raises
        ------
        UsageError
            Code ``BAD_ARGUMENT``: a count below 1.
        SequenceStateError
            Code ``STATE_UNWRITABLE``.
        """
        _check_counts(counts)
        first_seq, fresh = {}, {}
        for device_id, count in counts.items():
            held = self._held(run_id, scenario_sha256, device_id, count)
            if held is None:
                fresh[device_id] = held = self._draw(device_id, count)
            first_seq[device_id] = held.first_seq
        if fresh:
            made = Reservation(run_id, scenario_sha256, "export", fresh)
            self._write(reservations=(*self._document.reservations, made))
        return first_seq

    def advance(
        self, last_seq: Mapping[str, int], *, checkpoint: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        """Note what was used. Neither a number nor a checkpoint ever goes back.

        Parameters
        ----------
        last_seq : mapping of str to int
            The highest number used, by device.
        checkpoint : mapping of str to mapping, optional
            Where each simulation stands, with its ``at_second`` and ``last_seq``; it
            replaces one of an earlier time only, whatever the numbers.

        Raises
        ------
        SequenceStateError
            Code ``STATE_UNWRITABLE``.
        """
        devices = advanced(self._document.devices, last_seq, checkpoint or {})
        if devices != self._document.devices:
            self._write(devices=devices)

    def draw_block(
        self,
        *,
        run_id: str,
        scenario_sha256: str,
        counts: Mapping[str, int],
        until_seconds: Mapping[str, int],
        last_seq: Mapping[str, int] | None = None,
        checkpoint: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> dict[str, int]:
        """Draw the next numbers of a live run, and return the first of each device.

        In the same write, note what the run has used so far.  If the process dies,
        what it held becomes a declared gap when the state is opened next.

        Parameters
        ----------
        run_id, scenario_sha256 : str
            The live run.
        counts : mapping of str to int
            How many numbers each device needs; 1 or more.
        until_seconds : mapping of str to int
            Simulated Unix time of each device's last number. [seconds]
        last_seq, checkpoint : mapping, optional
            As for `advance`.
        """
        _check_counts(counts)
        devices = advanced(self._document.devices, last_seq or {}, checkpoint or {})
        own = self._live(run_id, scenario_sha256)
        held = dict(own.devices) if own else {}
        first_seq = {}
        for device_id, count in counts.items():
            drawn = self._draw(device_id, count)
            first_seq[device_id] = drawn.first_seq
            before = held.get(device_id)
            used = devices.get(device_id, DeviceState()).last_seq
            first = (
                drawn.first_seq if before is None else min(max(before.first_seq, used + 1), drawn.first_seq)
            )
            held[device_id] = SeqRange(first, drawn.last_seq, until_seconds[device_id])
        made = Reservation(run_id, scenario_sha256, "live", held)
        others = tuple(each for each in self._document.reservations if each is not own)
        self._write(devices=devices, reservations=(*others, made))
        return first_seq

    def finish_blocks(
        self,
        *,
        run_id: str,
        scenario_sha256: str,
        last_seq: Mapping[str, int],
        checkpoint: Mapping[str, Mapping[str, Any]],
        gaps: Mapping[str, tuple[Gap, ...]] | None = None,
    ) -> None:
        """End a live run: keep what was sent, give back what nobody saw.

        Parameters
        ----------
        run_id, scenario_sha256 : str
            The live run.
        last_seq : mapping of str to int
            The highest number sent, by device.
        checkpoint : mapping of str to mapping
            As for `advance`.
        gaps : mapping of str to tuple of Gap, optional
            Sent numbers that may not have arrived.
        """
        devices = advanced(self._document.devices, last_seq, checkpoint)
        for device_id, found in (gaps or {}).items():
            state = devices.get(device_id, DeviceState())
            devices[device_id] = replace(state, gaps=(*state.gaps, *found))
        own = self._live(run_id, scenario_sha256)
        others = tuple(each for each in self._document.reservations if each is not own)
        if own is not None or devices != self._document.devices:
            self._write(devices=devices, reservations=others)

    def close(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, **changes: Any) -> None:
        document = replace(self._document, generation=self._document.generation + 1, **changes)
        write_state(self.path, document)
        # Only now: after a refused write the old state stands, in memory as on the disk.
        self._document = document

    def _draw(self, device_id: str, count: int) -> SeqRange:
        first = self.next_seq(device_id)
        if first + count - 1 > MAX_SEQ:
            raise _bad_count(device_id, count, f"only {MAX_SEQ - first + 1} numbers are left")
        return SeqRange(first, first + count - 1)

    def _held(self, run_id: str, scenario_sha256: str, device_id: str, count: int) -> SeqRange | None:
        def fits(each: Reservation) -> bool:
            held = each.devices.get(device_id)
            return held is not None and held.last_seq - held.first_seq + 1 >= count

        own = self._find(run_id, scenario_sha256, lambda each: each.kind == "export" and fits(each))
        return own.devices[device_id] if own else None

    def _live(self, run_id: str, scenario_sha256: str) -> Reservation | None:
        return self._find(run_id, scenario_sha256, lambda each: each.kind == "live")

    def _find(
        self, run_id: str, scenario_sha256: str, accept: Callable[[Reservation], bool]
    ) -> Reservation | None:
        for each in self._document.reservations:
            if (each.run_id, each.scenario_sha256) == (run_id, scenario_sha256) and accept(each):
                return each
        return None


def _real_path(path: str | Path | None) -> Path:
    # Renaming onto a link would replace the link and leave the file behind it as it was.
    return Path(os.path.realpath(DEFAULT_STATE_FILE if path is None else path))


def _check_counts(counts: Mapping[str, int]) -> None:
    for device_id, count in counts.items():
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise _bad_count(device_id, count, "Every device that takes part needs at least one number")


def _bad_count(device_id: str, count: object, remedy: str) -> UsageError:
    problem = Problem(
        "BAD_ARGUMENT",
        "needs a whole number of 1 or more that is still free",
        path=f"counts.{device_id}",
        value=str(count),
        remedy=remedy,
    )
    return UsageError(problem)
