"""Where a view may save a scenario by hand: one file of the working folder, and none unasked."""

from __future__ import annotations

import os
from pathlib import Path

from synthlab.errors import Problem, UsageError, show_value

ENDINGS = (".yaml", ".yml")
"""What a page offers to open: a name without one of these gets the first."""


def file_named(typed: str, own: Path | None) -> Path:
    """Return the file that a name typed into a view means.

    Parameters
    ----------
    typed : str
    own : Path or None
        The scenario's own file: it, and names beside it, are free to be typed as a path.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: no name, or a file elsewhere.
    """
    named = typed.strip()
    if not named:
        raise _refused("is empty", typed, "Type a name such as mine.yaml")
    if not named.isprintable() or Path(named).name.startswith(".") or Path(named).name == "":
        raise _refused("is no file's name", typed, "Take letters and digits, such as mine.yaml")
    if own is not None and Path(named) == own:
        return own
    path = Path(named if named.endswith(ENDINGS) else f"{named}{ENDINGS[0]}")
    folders = {Path.cwd(), *(() if own is None else (_real(own).parent, own.absolute().parent))}
    # Where a link leads counts: what is there would be written.
    if _real(path).parent not in {_real(folder) for folder in folders}:
        raise _refused(
            "must be one file name, without folders", typed, f"Files are kept in {Path.cwd().as_posix()}"
        )
    return Path(told_path(path))


def is_others(path: Path, own: Path | None) -> bool:
    """Tell whether a file is there that is not the scenario's own."""
    return os.path.lexists(path) and (own is None or _real(path) != _real(own))


def told_path(path: Path) -> str:
    """Return a path as it is told: from the working folder where it is below it, else whole."""
    whole, here = path.absolute(), Path.cwd()
    return (whole.relative_to(here) if whole.is_relative_to(here) else whole).as_posix()


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _refused(rule: str, typed: str, remedy: str) -> UsageError:
    return UsageError(
        Problem("BAD_ARGUMENT", rule, path="file to save as", value=show_value(typed), remedy=remedy)
    )
