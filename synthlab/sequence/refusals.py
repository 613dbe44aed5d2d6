"""What a state refuses, and what is to be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from synthlab.errors import Problem, SequenceStateError, UsageError, show_value
from synthlab.sequence.document import StateDocument, Target
from synthlab.sequence.moves import Floor, highest_taken

_MAX_NAMED = 5


def other_target(path: Path, known: Target, wanted: Target) -> SequenceStateError:
    """Return the error of a verb that would feed a second platform from one state."""
    return SequenceStateError(
        Problem(
            "STATE_TARGET_MISMATCH",
            f"feeds the platform {known.label}, and no other",
            file=path.name,
            value=wanted.label,
            remedy="Give each platform a --state-file of its own; or, if this one takes over, run "
            "`synthlab state release --target`, then `synthlab state recover --from-db`",
        )
    )


def behind_platform(
    path: Path, document: StateDocument, floors: Mapping[str, Floor]
) -> SequenceStateError | None:
    """Return the error of numbers that the platform has and the state does not know, or None."""
    problems = [
        Problem(
            "STATE_BEHIND_PLATFORM",
            f"needs to know every number that is stored: the platform has seq {floor.last_seq}",
            file=path.name,
            path=f"devices.{name}",
            value=f"last_seq {highest_taken(document, name)}",
            remedy="Numbers drawn now would be dropped as seen before. Give the --state-file that fed "
            "this platform, or run `synthlab state recover --from-db`",
        )
        for name, floor in sorted(floors.items())
        if floor.last_seq > highest_taken(document, name)
    ]
    return SequenceStateError(problems) if problems else None


def nothing_to_release(run_id: str, document: StateDocument, *, is_used: bool) -> UsageError:
    """Return the error of a run that holds nothing which could be given up."""
    names = sorted({each.run_id.rpartition("@")[0] or each.run_id for each in document.reservations})
    more = f", ... +{len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    known = ", ".join(names[:_MAX_NAMED]) + more or "none"
    return UsageError(
        Problem(
            "BAD_ARGUMENT",
            "numbers of this run may be on the platform: they stay taken"
            if is_used
            else "nothing is reserved for this run",
            path="run_id",
            value=show_value(run_id),
            remedy=f"Runs that hold numbers: {known}",
        )
    )


def check_counts(counts: Mapping[str, int]) -> None:
    """Refuse to draw less than one number for a device."""
    for device_id, count in counts.items():
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise bad_count(device_id, count, "Every device that takes part needs at least one number")


def bad_count(device_id: str, count: object, remedy: str) -> UsageError:
    """Return the error of a count that cannot be drawn."""
    problem = Problem(
        "BAD_ARGUMENT",
        "needs a whole number of 1 or more that is still free",
        path=f"counts.{device_id}",
        value=str(count),
        remedy=remedy,
    )
    return UsageError(problem)
