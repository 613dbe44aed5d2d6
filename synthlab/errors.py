"""One error tree, closed codes, and the records that carry every problem.

A bad call raises one `SynthlabError` that lists *all* problems found, each as a
`Problem` with its place, rule, value and remedy.  Bad *data* is never an error:
the quality package flags it.

See Also
--------
docs/errors.md : one heading for each code, with cause and remedy.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal

Code = Literal[
    "ADAPTER_NOT_INSTALLED",
    "APPROVAL_MISMATCH",
    "APPROVAL_MISSING",
    "APPROVAL_REJECTED",
    "ARTIFACT_EXISTS",
    "ARTIFACT_FILE_UNEXPECTED",
    "ARTIFACT_NOT_FOUND",
    "ARTIFACT_NOT_REPRODUCED",
    "ARTIFACT_ROW_INVALID",
    "BAD_ARGUMENT",
    "BROKER_REFUSED",
    "BROKER_UNAVAILABLE",
    "CALIBRATION_MISSING",
    "CAPACITY_INVALID",
    "CLIENT_ID_CONTESTED",
    "CSV_HASH_MISMATCH",
    "DATABASE_UNAVAILABLE",
    "DEVICE_NOT_ATTACHED",
    "DEVICE_NOT_FOUND",
    "DISK_WRITE_FAILED",
    "INTERRUPTED",
    "MANIFEST_INVALID",
    "MQTT_CREDENTIALS_MISSING",
    "NOT_MARKED_SYNTHETIC",
    "NOT_MOBILE_CAPABLE",
    "PLATFORM_SCHEMA_MISSING",
    "QC_FAILED",
    "RESERVOIR_ASSUMED",
    "RESERVOIR_DELETED",
    "RESERVOIR_MISMATCH",
    "ROUTE_INCOMPLETE",
    "SAFETY_GUARD",
    "SCENARIO_FIELD_INVALID",
    "SCENARIO_NOT_FOUND",
    "SCENARIO_REFERENCE_INVALID",
    "SCENARIO_SYNTAX",
    "SCENARIO_TOO_LARGE",
    "SCENARIO_UNKNOWN_KEY",
    "SENSOR_BLIND",
    "SEQ_CONFLICT",
    "STATE_BEHIND_PLATFORM",
    "STATE_DAMAGED",
    "STATE_LOCKED",
    "STATE_TARGET_MISMATCH",
    "STATE_TOO_NEW",
    "STATE_UNWRITABLE",
]

# A list longer than this scrolls the first problems, which matter most, off the screen.
MAX_PROBLEMS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where it is, and how to mend it.

    Attributes
    ----------
    code : str
        One of `Code`.
    rule : str
        What must hold, as a phrase: ``"needs 24 values"``.
    path : str
        Where inside the document: ``"devices[1].dynamics.demand.hourly_weights"``.
    value : str or None
        What was found, shown as ``got …``; None where nothing was there to show.
    remedy : str
        What the reader can do about it, as a sentence without its full stop.
    file : str
        File name, empty where the input is no file; the whole path, as it was given, where the
        place itself is what is wrong.
    line, column : int or None
        1-based position in `file`.
    severity : {"error", "warning"}
        Warnings never stop a command unless it is strict.
    """

    code: Code
    rule: str
    path: str = ""
    value: str | None = None
    remedy: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    severity: Literal["error", "warning"] = "error"

    def __post_init__(self) -> None:
        # Ids and names come from files: a terminal must not obey them, nor read them backwards.
        for name in ("rule", "path", "value", "remedy", "file"):
            text = getattr(self, name)
            if text and not text.isprintable():
                object.__setattr__(self, name, printable(text))

    def __repr__(self) -> str:
        return f"Problem({self.code}, {self.severity}: {self})"

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part)
        head = ": ".join(part for part in (place, self.path) if part)
        got = "" if self.value is None else f", got {self.value}"
        remedy = f" {self.remedy.rstrip('.')}." if self.remedy else ""
        text = f"{self.rule.rstrip('.')}{got}.{remedy}"
        return f"{head}: {text}" if head else text

    def to_record(self) -> dict[str, Any]:
        """Return the problem as a plain dict for JSON."""
        return asdict(self)


def printable(text: str) -> str:
    r"""Return a text with every character escaped that is not printed as itself.

    Examples
    --------
    >>> print(printable("TANK\x1b[2J"))
    TANK\x1b[2J
    """
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text
    )


def show_value(value: object, *, limit: int = 60) -> str:
    """Return `value` as one short, escaped line that is safe to print.

    Parameters
    ----------
    value : object
        Anything that was found in an input.
    limit : int
        Longest text returned. [characters]
    """
    text = repr(value) if isinstance(value, str) else str(value)
    text = printable(text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


class SynthlabError(Exception):
    """Base of every error that synthlab raises on purpose.

    Parameters
    ----------
    problems : Problem or iterable of Problem
        Everything that was found wrong; at least one.

    Attributes
    ----------
    code : str
        The first problem's code.
    problems : tuple of Problem
    exit_code : int
        What the CLI exits with.
    """

    exit_code: ClassVar[int] = 1
    headline: ClassVar[str] = ""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        found = (problems,) if isinstance(problems, Problem) else tuple(problems)
        if not found:
            raise ValueError("an error needs at least one problem")
        self.problems: tuple[Problem, ...] = found
        super().__init__(str(self))

    @property
    def code(self) -> Code:
        """The first problem's code."""
        return self.problems[0].code

    def __str__(self) -> str:
        shown = self.problems[:MAX_PROBLEMS_SHOWN]
        # A remedy that the next line repeats is said once, by the last of them.
        after = [problem.remedy for problem in shown[1:]] + [""]
        lines = [
            str(replace(problem, remedy="") if problem.remedy == following else problem)
            for problem, following in zip(shown, after, strict=True)
        ]
        more = len(self.problems) - len(lines)
        if more > 0:
            lines.append(f"... +{more} more")
        if self.headline:
            lines = [f"{self.headline}: {line}" if not line.startswith("... ") else line for line in lines]
        return "\n".join(lines)

    def to_records(self) -> list[dict[str, Any]]:
        """Return every problem as a plain dict for JSON."""
        return [problem.to_record() for problem in self.problems]


class UsageError(SynthlabError, ValueError):
    """A call that cannot be understood: a bad argument or flag."""

    exit_code = 2


class AdapterUnavailableError(SynthlabError, ImportError):
    """An optional driver is not installed; the remedy names the extra."""

    exit_code = 2


class ScenarioError(SynthlabError, ValueError):
    """The scenario file is not a valid scenario."""

    exit_code = 3


class PreflightError(SynthlabError, ValueError):
    """The scenario does not fit the platform that it is aimed at."""

    exit_code = 4
    headline = "Preflight failed"


class CredentialsError(SynthlabError, FileNotFoundError):
    """A certificate or key for MQTT is missing or unusable."""

    exit_code = 4


class ArtifactError(SynthlabError, ValueError):
    """An artifact directory is missing, incomplete or changed."""

    exit_code = 5


class QualityError(SynthlabError, ValueError):
    """The data did not pass the quality checks."""

    exit_code = 6


class ConflictError(SynthlabError, ValueError):
    """The platform stores something else under the same key."""

    exit_code = 7


class ServiceUnavailableError(SynthlabError, ConnectionError):
    """A database or broker does not answer; trying again may help."""

    exit_code = 8


class SequenceStateError(SynthlabError, RuntimeError):
    """The sequence state file is locked, damaged or cannot be written."""

    exit_code = 9


class InterruptedRunError(SynthlabError, RuntimeError):
    """Work stopped half-way; the remedy says how to go on."""

    exit_code = 10


class SafetyError(SynthlabError, PermissionError):
    """A safety guard refused the operation."""

    exit_code = 11


class DiskError(SynthlabError, OSError):
    """The local disk refused a write; what was there before is unharmed."""

    exit_code = 12


_DISK_REMEDIES = {
    errno.ENOENT: "Make the folder first, or choose another",
    errno.ENOTDIR: "Choose another folder: a part of this path is a file",
    errno.EEXIST: "Choose another folder: a part of this path is a file",
    errno.EISDIR: "Name a file in it",
    errno.EACCES: "Check the folder's permissions, or choose another",
    errno.EPERM: "Check the folder's permissions, or choose another",
    errno.EROFS: "Choose another folder",
}


def disk_error(path: str | os.PathLike[str], error: OSError) -> DiskError:
    """Return the typed error for a write that failed: it names the whole path, as it was given."""
    if isinstance(error, DiskError) and isinstance(error.__cause__, OSError):
        # A part of what stands at `path` was refused: the place that was asked for is what is named.
        error = error.__cause__
    usual = "Free space or choose another folder, and run again"
    return DiskError(
        Problem(
            "DISK_WRITE_FAILED",
            f"cannot be written: {error.strerror or error}",
            file=os.fspath(path),
            remedy=f"{_DISK_REMEDIES.get(error.errno or 0, usual)}; what was there is unharmed",
        )
    )


def require_file_name(path: str | os.PathLike[str]) -> None:
    """Refuse a folder where a file is to be written.

    Raises
    ------
    DiskError
        Code ``DISK_WRITE_FAILED``.
    """
    if os.path.isdir(path) or not os.path.basename(path):
        raise disk_error(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
