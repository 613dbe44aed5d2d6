"""Does an artifact still hold the very bytes that were exported?

One reading gives both the rows and the hashes of the bytes that they were made of, so
what is imported is what was verified.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthlab.artifact.contents import content_problems
from synthlab.artifact.damage import changed_rows
from synthlab.artifact.manifest import MANIFEST_NAME, device_ranges, seal_problems
from synthlab.artifact.reader import Rows, read_rows
from synthlab.artifact.store import CSV_NAME, Artifact, read_artifact
from synthlab.errors import ArtifactError, Problem, show_value

if TYPE_CHECKING:
    import pandas as pd

_REMEDY = "The CSV or the manifest changed after export: export again, then analyze again"


@dataclass(frozen=True, slots=True)
class Verified:
    """An artifact and its rows, and all that is wrong with them.

    Attributes
    ----------
    artifact : Artifact
    rows : Rows
    problems : tuple of Problem
        Empty where every byte is the exported one.
    """

    artifact: Artifact
    rows: Rows
    problems: tuple[Problem, ...]


def verified_artifact(directory: str | Path) -> Verified:
    """Read an artifact and compare everything with everything.  Reads only.

    Parameters
    ----------
    directory : path

    Raises
    ------
    ArtifactError
        Codes ``ARTIFACT_NOT_FOUND``, ``MANIFEST_INVALID``: there is nothing to compare.
    """
    artifact = read_artifact(directory)
    rows = read_rows(artifact.csv_path)
    problems = [
        *content_problems(artifact.directory),
        *seal_problems(artifact.directory, artifact.manifest),
        *_problems(artifact, rows),
    ]
    return Verified(artifact, rows, tuple(problems))


def require_verified(directory: str | Path) -> tuple[Artifact, pd.DataFrame]:
    """Return an artifact and its rows, or refuse it.  Reads only.

    Raises
    ------
    ArtifactError
        Everything that is wrong: ``CSV_HASH_MISMATCH`` with the rows that changed,
        ``ARTIFACT_ROW_INVALID`` with each bad line, ``ARTIFACT_FILE_UNEXPECTED``,
        ``MANIFEST_INVALID``, ``ARTIFACT_NOT_FOUND``.
    """
    found = verified_artifact(directory)
    if found.problems:
        raise ArtifactError(found.problems)
    return found.artifact, found.rows.frame


def _problems(artifact: Artifact, rows: Rows) -> Iterator[Problem]:
    if rows.sha256 != artifact.manifest["csv_sha256"]:
        changed = changed_rows(artifact.csv_path, artifact.manifest)
        yield _mismatch(f"manifest csv_sha256 mismatch, {changed}", rows.sha256)
    for row in rows.invalid:
        yield from row.problems
    hidden = rows.invalid_count - len(rows.invalid)
    if hidden > 0:
        yield _mismatch(f"{hidden} more rows break the grammar", None)
    if not rows.invalid_count and rows.sha256 == artifact.manifest["csv_sha256"]:
        yield from _inconsistencies(artifact.manifest, rows.frame)


def _inconsistencies(manifest: Any, frame: pd.DataFrame) -> Iterator[Problem]:
    """Compare what the manifest says of the rows with the rows, where both are signed."""
    if manifest["row_count"] != len(frame):
        yield _wrong("row_count", manifest["row_count"], len(frame))
    chunks = manifest["chunks"]
    starts = [0, *(chunk["first_row"] + chunk["row_count"] for chunk in chunks)]
    if [chunk["first_row"] for chunk in chunks] != starts[:-1] or starts[-1] != len(frame):
        yield _wrong("chunks", "chunks that do not cover the rows", len(frame))
    written = manifest["scenario"].get("devices")
    if isinstance(written, list) and len(written) != len(manifest["devices"]):
        yield _wrong("scenario.devices", len(written), len(manifest["devices"]))
    found = device_ranges(frame, {}, {}, {})
    for device_id in sorted({*found, *manifest["devices"]}):
        said = manifest["devices"].get(device_id, {})
        for key, value in found.get(device_id, {"row_count": 0}).items():
            if value is not None and said.get(key) != value:
                yield _wrong(f"devices[{device_id}].{key}", said.get(key), value)


def _wrong(path: str, said: Any, found: Any) -> Problem:
    return Problem(
        "MANIFEST_INVALID",
        f"the rows have {show_value(found)}",
        path=path,
        value=show_value(said),
        file=MANIFEST_NAME,
        remedy=_REMEDY,
    )


def _mismatch(rule: str, found: str | None) -> Problem:
    return Problem("CSV_HASH_MISMATCH", rule, path="csv_sha256", value=found, file=CSV_NAME, remedy=_REMEDY)
