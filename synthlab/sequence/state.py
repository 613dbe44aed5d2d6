"""Draw numbers from a state file, and move it on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from filelock import BaseFileLock

from synthlab.errors import SequenceStateError
from synthlab.sequence.document import (
    MAX_SEQ,
    DeviceState,
    Gap,
    Reservation,
    SeqRange,
    StateDocument,
    Target,
)
from synthlab.sequence.moves import (
    Floor,
    advanced,
    declare_interrupted,
    recovered,
    released,
    reservations_of,
    with_used,
)
from synthlab.sequence.refusals import (
    bad_count,
    behind_platform,
    check_counts,
    nothing_to_release,
    other_target,
)
from synthlab.sequence.snapshot import StateSnapshot
from synthlab.sequence.storage import keep_damaged, lock_state, read_previous, read_state, write_state

DEFAULT_STATE_FILE = Path(".tmp/synthetic_sim_seq_state.json")
"""Source: simulator guide, section 6."""


class SequenceState(StateSnapshot):
    """The state file, open and locked: ``with SequenceState.open(path) as state``.

    Every method that changes something returns after it is on the disk.
    """

    def __init__(self, path: Path, lock: BaseFileLock, document: StateDocument) -> None:
        super().__init__(declare_interrupted(document))
        self.path = path
        self._stored = document
        self._lock = lock
        self._is_salvaged = False

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
            Codes ``STATE_LOCKED``, ``STATE_DAMAGED``, ``STATE_TOO_NEW``, ``STATE_UNWRITABLE``.
        """
        target = real_path(path)
        lock = lock_state(target, wait_seconds=wait_seconds)
        try:
            document = read_state(target) or StateDocument()
        except BaseException:
            lock.release()
            raise
        return cls(target, lock, document)

    @classmethod
    def salvage(cls, path: str | Path | None = None) -> tuple[Self, Literal["state", "previous", "nothing"]]:
        """Lock what is left of a state, damaged or not, and say what that is.

        Only for going on with `recover`: numbers that were drawn may be missing in it.
        A damaged file stays as it is until the first write, and beside it as
        ``.damaged`` afterwards.

        Raises
        ------
        SequenceStateError
            Codes ``STATE_LOCKED``, ``STATE_TOO_NEW``, ``STATE_UNWRITABLE``.
        """
        target = real_path(path)
        lock = lock_state(target, wait_seconds=0.0)
        try:
            return cls(target, lock, read_state(target) or StateDocument()), "state"
        except SequenceStateError as error:
            if error.code != "STATE_DAMAGED":
                lock.release()
                raise
        except BaseException:
            lock.release()
            raise
        previous = read_previous(target)
        left = cls(target, lock, previous or StateDocument())
        left._is_salvaged = True
        return left, "nothing" if previous is None else "previous"

    @classmethod
    def peek(cls, path: str | Path | None = None) -> StateSnapshot:
        """Read a state file without its lock; a missing one is an empty state. Reads only.

        Raises
        ------
        SequenceStateError
            Codes ``STATE_DAMAGED``, ``STATE_TOO_NEW``, ``STATE_UNWRITABLE``.
        """
        return StateSnapshot(read_state(real_path(path)) or StateDocument())

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
        check_counts(counts)
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
        reservations = with_used(self._document.reservations, last_seq)
        if (devices, reservations) != (self._document.devices, self._document.reservations):
            self._write(devices=devices, reservations=reservations)

    def claim_target(self, target: Target) -> None:
        """Note which platform is fed; from then on it is no other.  For verbs that are about to write.

        Another platform may store the same numbers from another state, and would drop
        what comes from this one as seen before.

        Parameters
        ----------
        target : Target

        Raises
        ------
        SequenceStateError
            Code ``STATE_TARGET_MISMATCH``: the state feeds another one.
        """
        known = self._document.target
        if known is None:
            self._write(target=target)
        elif not known.is_same(target):
            raise other_target(self.path, known, target)
        elif known != target:
            # It moved, or is reached by another name: the next time this one is known as well.
            self._write(target=target)

    def require_floor(self, floors: Mapping[str, Floor]) -> None:
        """Refuse to go on where the platform stores higher numbers than the state knows.

        Raises
        ------
        SequenceStateError
            Code ``STATE_BEHIND_PLATFORM``: what comes next would be dropped as seen before.
        """
        error = behind_platform(self.path, self._document, floors)
        if error is not None:
            raise error

    def recover(self, floors: Mapping[str, Floor], *, margin: int, target: Target) -> None:
        """Go on behind all that the platform stores; what is passed over is a declared gap.

        Parameters
        ----------
        floors : mapping of str to Floor
            The platform's highest numbers, by device.
        margin : int
            How many numbers may be on their way.
        target : Target
            That platform.

        Raises
        ------
        SequenceStateError
            Code ``STATE_TARGET_MISMATCH``: the state feeds another one.
        """
        known = self._document.target
        if known is not None and not known.is_same(target):
            raise other_target(self.path, known, target)
        document = recovered(self._document, floors, margin=margin)
        self._write(devices=document.devices, target=target)

    def release(self, run_id: str) -> dict[str, SeqRange]:
        """Give up what an export reserved; its numbers become a declared gap, and are never drawn again.

        Parameters
        ----------
        run_id : str
            The export's run id.

        Returns
        -------
        dict of str to SeqRange
            What was given up, by device.

        Raises
        ------
        UsageError
            Code ``BAD_ARGUMENT``: nothing is reserved for it, or all its numbers may be on
            the platform already.

        Notes
        -----
        A run id that was used for several windows holds one range for each; those that
        may be on the platform stay.
        """
        own = reservations_of(self._document, run_id)
        held = tuple(each for each in own if not each.is_used)
        if not held:
            raise nothing_to_release(run_id, self._document, is_used=bool(own))
        document = released(self._document, held)
        self._write(devices=document.devices, reservations=document.reservations)
        return {name: span for each in held for name, span in each.devices.items()}

    def release_target(self) -> Target | None:
        """Forget which platform is fed, and return it; the next verb that writes chooses anew."""
        known = self._document.target
        if known is not None:
            self._write(target=None)
        return known

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
        check_counts(counts)
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
        # The write that was lost had a generation of its own.
        step = 2 if self._is_salvaged else 1
        document = replace(self._document, generation=self._document.generation + step, **changes)
        if self._is_salvaged:
            keep_damaged(self.path)
        write_state(self.path, document, old=None if self._is_salvaged else self._stored)
        # Only now: after a refused write the old state stands, in memory as on the disk.
        self._document = self._stored = document
        self._is_salvaged = False

    def _draw(self, device_id: str, count: int) -> SeqRange:
        first = self.next_seq(device_id)
        if first + count - 1 > MAX_SEQ:
            raise bad_count(device_id, count, f"only {MAX_SEQ - first + 1} numbers are left")
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


def real_path(path: str | Path | None) -> Path:
    """Return where a state file lies, links followed."""
    # Renaming onto a link would replace the link and leave the file behind it as it was.
    return Path(os.path.realpath(DEFAULT_STATE_FILE if path is None else path))
