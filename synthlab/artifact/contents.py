"""What an artifact's directory may hold: known files, no links, nothing else.

Whoever can put a file there could else hide one in what is handed on, or make a
reader follow a link out of it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from synthlab.errors import Problem, show_value

FILES = frozenset(
    {
        "telemetry_rows.csv",
        "manifest.json",
        "analysis.json",
        "approval.json",
        "import_result.json",
        "report.html",
    }
)
"""Files that verbs write there. Source: README, "The artifact"."""

FOLDERS = {"plots": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.png")}
"""Folders, and what the names of their files look like."""

# What `write_atomically` leaves where its process was killed: never read, taken away by the next write.
_LEFT_OVER = re.compile(r"\.(?P<name>.+)\.[0-9a-f]{8}\.tmp")


def content_problems(directory: Path) -> Iterator[Problem]:
    """Yield what is in an artifact's directory and must not be.  Reads only.

    Parameters
    ----------
    directory : Path
    """
    if directory.is_symlink():
        yield _unexpected(directory.name, "the artifact's folder must not be a link")
    for entry in sorted(os.scandir(directory), key=lambda found: found.name):
        mode = entry.stat(follow_symlinks=False).st_mode
        name = _final_name(entry.name)
        if entry.name in FOLDERS and stat.S_ISDIR(mode):
            yield from _folder_problems(Path(entry.path), FOLDERS[entry.name])
        elif name not in FILES and name not in FOLDERS:
            yield _unexpected(entry.name, "the file is no part of an artifact")
        elif not stat.S_ISREG(mode):
            yield _unexpected(entry.name, "must be a regular file, not a link or folder")


def _folder_problems(folder: Path, form: re.Pattern[str]) -> Iterator[Problem]:
    for entry in sorted(os.scandir(folder), key=lambda found: found.name):
        shown = f"{folder.name}/{entry.name}"
        if not form.fullmatch(_final_name(entry.name)):
            yield _unexpected(shown, "the file is no part of an artifact")
        elif not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
            yield _unexpected(shown, "must be a regular file, not a link or folder")


def _final_name(name: str) -> str:
    left_over = _LEFT_OVER.fullmatch(name)
    return left_over["name"] if left_over else name


def _unexpected(name: str, rule: str) -> Problem:
    return Problem(
        "ARTIFACT_FILE_UNEXPECTED",
        rule,
        path=show_value(name, limit=200),
        remedy="Look at what it is, and take it out of the artifact's folder",
    )
