"""state: look at the sequence state, make it whole again, give up what it holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from synthlab.errors import PreflightError, Problem, UsageError
from synthlab.results import Result, counted
from synthlab.timeline import format_at
from synthlab.workflows.connect import open_platform

if TYPE_CHECKING:
    from synthlab.adapters.database import Database

DEFAULT_MARGIN = 1_000
"""Numbers passed over behind the platform's highest. Assumed: more than any device has on its way."""


@dataclass(frozen=True)
class StateReport(Result):
    """What a sequence state says.

    Attributes
    ----------
    exists : bool
        Whether there is a file; without one every device starts at 1.
    lock_holder : int or None
        Process that holds the lock now, where the kernel tells.
    next_seq : dict of str to int
        By device, the lowest number that is neither used, reserved nor a gap.
    state : dict
        The file's content, without its checksum.
    """

    exists: bool
    lock_holder: int | None
    next_seq: dict[str, int]
    state: dict[str, Any]

    def summary(self) -> str:
        """Say in one line what is there."""
        held = f"; locked by process {self.lock_holder}" if self.lock_holder is not None else ""
        return (counted(len(self.next_seq), "device") if self.exists else "no state file yet") + held

    def _shown(self) -> list[tuple[str, Any]]:
        import pandas as pd

        names = ["device", "last seq", "next seq", "reserved", "gaps", "simulated up to"]
        return [("devices", pd.DataFrame(self.table(), columns=names))]

    def table(self) -> list[tuple[str, ...]]:
        """Return a row for each device: last and next number, reserved, gaps, where it stands."""
        return [self._row(name, device) for name, device in sorted(self._devices().items())]

    def _devices(self) -> dict[str, dict[str, Any]]:
        blank: dict[str, Any] = {"last_seq": 0, "checkpoint": None, "gaps": []}
        return {name: self.state["devices"].get(name, blank) for name in self.next_seq}

    def _row(self, name: str, device: dict[str, Any]) -> tuple[str, ...]:
        held = [each["devices"][name] for each in self.state["reservations"] if name in each["devices"]]
        stands = device["checkpoint"]
        at = "–" if stands is None else format_at(datetime.fromtimestamp(stands["at_second"], UTC))
        counts = (
            sum(each["last_seq"] - each["first_seq"] + 1 for each in spans)
            for spans in (held, device["gaps"])
        )
        return (name, str(device["last_seq"]), str(self.next_seq[name]), *map(str, counts), at)


@dataclass(frozen=True)
class StateRecovery(Result):
    """How a sequence state was made whole again.

    Attributes
    ----------
    recovered_from : {"state", "previous", "nothing"}
        What was left: a whole file, its ``.prev``, or neither.
    target : str
        The platform whose numbers were looked at.
    margin : int
        How many numbers were passed over.
    devices : dict of str to dict
        ``platform_last_seq`` and ``next_seq`` of each device.
    generation : int
    warnings : tuple of str
    """

    recovered_from: Literal["state", "previous", "nothing"]
    target: str
    margin: int
    devices: dict[str, dict[str, int]]
    generation: int
    warnings: tuple[str, ...] = ()

    def summary(self) -> str:
        """Say in one line which devices go on, and from where."""
        devices = counted(len(self.devices), "device")
        return f"{devices} go on behind {self.target}, from {self.recovered_from}"


@dataclass(frozen=True)
class StateRelease(Result):
    """What a sequence state gave up.

    Attributes
    ----------
    run_id : str or None
    released : dict of str to dict
        By device, the first and last number that became a declared gap.
    target : str or None
        The platform that it no longer feeds.
    """

    run_id: str | None
    released: dict[str, dict[str, int]]
    target: str | None

    def summary(self) -> str:
        """Say in one line what was given up."""
        devices = counted(len(self.released), "device")
        return f"numbers of {devices} are a declared gap; target: {self.target or 'kept'}"


def show_state(state_file: str | Path | None = None) -> StateReport:
    """Return what a sequence state says, whoever holds its lock.  Reads only.

    Parameters
    ----------
    state_file : path, optional
        Default ``.tmp/synthetic_sim_seq_state.json``.

    Raises
    ------
    SequenceStateError
        Codes ``STATE_DAMAGED``, ``STATE_TOO_NEW``, ``STATE_UNWRITABLE``.
    """
    from synthlab.sequence import SequenceState
    from synthlab.sequence.state import real_path
    from synthlab.sequence.storage import lock_holder

    snapshot = SequenceState.peek(state_file)
    content = snapshot.to_dict()
    return StateReport(
        exists=snapshot.document.generation > 0,
        lock_holder=lock_holder(real_path(state_file)),
        next_seq={name: snapshot.next_seq(name) for name in snapshot.device_ids},
        state=content,
    )


def recover_state(
    *,
    database: str | None = None,
    state_file: str | Path | None = None,
    device_ids: Iterable[str] = (),
    margin: int = DEFAULT_MARGIN,
) -> StateRecovery:
    """Make a state whole again: its next numbers lie behind all that the platform stores.

    It works from a whole file, from a damaged or missing one, and from its ``.prev``.
    The database is only read; a damaged file stays beside the new one as ``.damaged``.

    Parameters
    ----------
    database : str, optional
        SQLAlchemy URL; by default the configured or the embedded platform.
    state_file : path, optional
    device_ids : iterable of str
        Besides the state's devices and the platform's synthetic ones.
    margin : int
        How many numbers may be on their way to the platform; 1 or more.

    Returns
    -------
    StateRecovery

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a margin below 1.
    PreflightError
        Code ``PLATFORM_SCHEMA_MISSING``: no platform is there, so nothing can be known.
    ServiceUnavailableError
        Code ``DATABASE_UNAVAILABLE``.
    SequenceStateError
        Codes ``STATE_LOCKED``, ``STATE_TARGET_MISMATCH``, ``STATE_TOO_NEW``,
        ``STATE_UNWRITABLE``.

    Notes
    -----
    For each device: next = max(next of the state, platform's highest + 1 + margin).
    """
    from synthlab.sequence import SequenceState
    from synthlab.workflows.target import platform_floors, target_of

    if margin < 1:
        raise UsageError(Problem("BAD_ARGUMENT", "needs at least 1", path="margin", value=str(margin)))
    with open_platform(database, read_only=True) as platform:
        _require_platform(platform)
        state, origin = SequenceState.salvage(state_file)
        with state:
            floors = platform_floors(platform, {*device_ids, *state.device_ids})
            state.recover(floors, margin=margin, target=target_of(platform))
            return StateRecovery(
                recovered_from=origin,
                target=platform.display_url,
                margin=margin,
                devices={
                    name: {"platform_last_seq": floor.last_seq, "next_seq": state.next_seq(name)}
                    for name, floor in sorted(floors.items())
                },
                generation=state.document.generation,
                warnings=_LOST[origin],
            )


def release_state(
    *, run_id: str | None = None, target: bool = False, state_file: str | Path | None = None
) -> StateRelease:
    """Give up what a state holds: an export's numbers, or the platform that it feeds.

    Numbers that are given up become a declared gap: an artifact showed them, so they
    are never drawn again.  The lock needs no release: the kernel takes it back.

    Parameters
    ----------
    run_id : str, optional
        Of an export that will not be imported.
    target : bool
        Forget the platform, so that the next verb that writes may choose another.
    state_file : path, optional

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: nothing to release was named, the run holds nothing, or
        its numbers may be on the platform already.
    SequenceStateError
        Codes ``STATE_LOCKED``, ``STATE_DAMAGED``, ``STATE_TOO_NEW``, ``STATE_UNWRITABLE``.
    """
    from synthlab.sequence import SequenceState

    if run_id is None and not target:
        remedy = "Give --run-id RUN, or --target"
        raise UsageError(Problem("BAD_ARGUMENT", "names nothing to release", path="release", remedy=remedy))
    with SequenceState.open(state_file) as state:
        spans = {} if run_id is None else state.release(run_id)
        known = state.release_target() if target else None
    return StateRelease(
        run_id=run_id,
        released={
            name: {"first_seq": span.first_seq, "last_seq": span.last_seq} for name, span in spans.items()
        },
        target=None if known is None else known.label,
    )


_LOST: dict[str, tuple[str, ...]] = {
    "state": (),
    "previous": (
        "The .prev lacks what the last write reserved. An artifact of that export is refused at its import"
        " where its numbers were drawn again: export it anew.",
    ),
    "nothing": (
        "Reservations and checkpoints are lost: exports that were not imported must be made anew, and live"
        " streams start at the present.",
    ),
}


def _require_platform(platform: Database) -> None:
    from synthlab.platform.schema import has_schema

    is_there = platform.exists()
    if is_there:
        with platform.session() as session:
            is_there = has_schema(session.connection())
    if not is_there:
        raise PreflightError(
            Problem(
                "PLATFORM_SCHEMA_MISSING",
                "no platform there, so no number can be known",
                path=platform.display_url,
                remedy="Name the platform that the state feeds by SYNTHLAB_DATABASE_URL",
            )
        )
