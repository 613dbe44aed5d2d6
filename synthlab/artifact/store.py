"""An artifact's directory: written whole or not at all, verified before use.

``<output_root>/<scenario_id>/<run_id>/`` holds `telemetry_rows.csv` and
`manifest.json`, and later the analysis, plots, approval and import result.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthlab.artifact.csv import write_csv
from synthlab.artifact.damage import changed_rows
from synthlab.artifact.files import canonical_bytes, sha256_of, sync_folder, write_atomically
from synthlab.artifact.manifest import (
    MANIFEST_NAME,
    build_manifest,
    is_plain_name,
    load_manifest,
    seal_problems,
)
from synthlab.artifact.reader import Rows, open_regular, read_csv, read_rows
from synthlab.columns import LOST_SEQ, LostSeq
from synthlab.errors import ArtifactError, Problem, UsageError, disk_error, show_value
from synthlab.progress import OnProgress, unseen
from synthlab.results import Result, counted
from synthlab.steps import step

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.calibration import Reservoir

CSV_NAME = "telemetry_rows.csv"
ANALYSIS_NAME = "analysis.json"


@dataclass(frozen=True, slots=True, repr=False)
class Artifact(Result):
    """An artifact on disk.

    Attributes
    ----------
    directory : Path
    manifest : mapping
        The content of `manifest.json`.
    was_there : bool
        Whether an export found it there already, the same.
    """

    directory: Path
    manifest: Mapping[str, Any]
    was_there: bool = field(default=False, compare=False)

    @property
    def csv_path(self) -> Path:
        """Where the rows are."""
        return self.directory / CSV_NAME

    @property
    def row_count(self) -> int:
        """Rows, by the manifest."""
        return int(self.manifest["row_count"])

    def verify_hash(self) -> None:
        """Compare the CSV with the manifest, and the manifest with its own seal.

        Reads only.

        Raises
        ------
        ArtifactError
            Code ``CSV_HASH_MISMATCH``: the CSV or the manifest was changed; the
            problem names the rows. ``MANIFEST_INVALID``: something else in the manifest
            was. ``ARTIFACT_NOT_FOUND``: no CSV.
        """
        problems = list(seal_problems(self.directory, self.manifest))
        found = sha256_of(self.csv_path)
        if found != self.manifest["csv_sha256"]:
            problems.append(
                Problem(
                    "CSV_HASH_MISMATCH",
                    f"manifest csv_sha256 mismatch, {changed_rows(self.csv_path, self.manifest)}",
                    path="csv_sha256",
                    value=found,
                    file=CSV_NAME,
                    remedy="The CSV or the manifest changed after export: export again, then analyze again",
                )
            )
        if problems:
            raise ArtifactError(problems)

    def read_frame(self) -> pd.DataFrame:
        """Return the rows as a telemetry frame; the hash is not compared here.

        Reads only.

        Raises
        ------
        ArtifactError
            Code ``ARTIFACT_ROW_INVALID`` or ``ARTIFACT_NOT_FOUND``.
        """
        return self._told(read_csv(self.csv_path))

    def read_rows(self) -> Rows:
        """Return the rows, valid and invalid; the hash is not compared here. Reads only."""
        rows = read_rows(self.csv_path)
        self._told(rows.frame)
        return rows

    def _told(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Tell a frame which of its messages the manifest calls lost."""
        lost = LostSeq(
            {
                device_id: tuple((first, last) for first, last in entry[LOST_SEQ])
                for device_id, entry in self.manifest["devices"].items()
                if entry.get(LOST_SEQ)
            }
        )
        if lost:
            frame.attrs[LOST_SEQ] = lost
        return frame

    def summary(self) -> str:
        """Say in one line where it is and what it holds."""
        devices = counted(len(self.manifest["devices"]), "device")
        return f"{str(self.directory)!r}, {counted(self.row_count, 'row')}, {devices}"

    def _shown(self) -> list[tuple[str, Any]]:
        manifest = self.manifest
        rows = {name: f"{entry['row_count']:,} rows" for name, entry in manifest["devices"].items()}
        return [
            ("window", f"{manifest['start_at']} to {manifest['end_at']}"),
            ("seed", manifest["seed"]),
            ("devices", rows),
            ("warnings", manifest["warnings"]),
            ("CSV sha256", manifest["csv_sha256"]),
        ]


def write_artifact(
    frame: pd.DataFrame,
    *,
    output_root: str | os.PathLike[str],
    scenario_id: str,
    run_id: str,
    scenario: Mapping[str, Any],
    scenario_sha256: str,
    seed: int,
    start_at: str,
    end_at: str,
    step_seconds: Mapping[str, int],
    reservoirs: Mapping[str, Reservoir],
    checkpoint: Mapping[str, Any] | None = None,
    lost: Mapping[str, Sequence[Sequence[int]]] | None = None,
    start_checkpoint: Mapping[str, Any] | None = None,
    reserved_seq: Mapping[str, int] | None = None,
    warnings: Iterable[Any] = (),
    on_progress: OnProgress = unseen,
) -> Artifact:
    """Write an artifact to ``<output_root>/<scenario_id>/<run_id>``.

    Everything is written in a temporary folder beside its place and moved there at
    the end. Where the same artifact is there already, it is returned as it is.

    Parameters
    ----------
    frame : DataFrame
        The rows.
    output_root : path
        Created if needed.
    scenario_id, run_id : str
        Letters, digits, ``.``, ``_``, ``-``; the first one a letter or digit.
    scenario, scenario_sha256, seed, start_at, end_at, step_seconds, reservoirs, \
checkpoint, start_checkpoint, reserved_seq, lost, warnings
        As `synthlab.artifact.manifest.build_manifest` takes them.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a name that is no plain folder name, a frame that no CSV holds.
    ArtifactError
        Code ``ARTIFACT_EXISTS``: another artifact has that name.
    DiskError
        Code ``DISK_WRITE_FAILED``; no half artifact is left.
    """
    check_name("scenario_id", scenario_id)
    check_name("run_id", run_id)
    parent = Path(output_root) / scenario_id
    target = parent / run_id
    temporary = parent / f".{run_id}.{secrets.token_hex(4)}.tmp"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _refuse_link(parent)
        _refuse_link(target)
        temporary.mkdir()
        try:
            digest = write_csv(frame, temporary / CSV_NAME, on_progress=on_progress)
            step("artifact.rows")
            manifest = build_manifest(
                frame,
                digest,
                scenario_id=scenario_id,
                run_id=run_id,
                scenario=scenario,
                scenario_sha256=scenario_sha256,
                seed=seed,
                start_at=start_at,
                end_at=end_at,
                step_seconds=step_seconds,
                reservoirs=reservoirs,
                checkpoint=checkpoint,
                lost=lost or {},
                start_checkpoint=start_checkpoint,
                reserved_seq=reserved_seq,
                warnings=warnings,
            )
            write_atomically(temporary / MANIFEST_NAME, canonical_bytes(manifest))
            step("artifact.manifest")
            if not _move(temporary, target):
                return _same_artifact(target, manifest)
            step("artifact.moved")
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise disk_error(target, error) from error
    return Artifact(target, manifest)


def require_place(
    output_root: str | os.PathLike[str],
    *,
    scenario_id: str,
    run_id: str,
    scenario_sha256: str,
    start_at: str,
    end_at: str,
) -> None:
    """Stop where `write_artifact` could not end well, before numbers are reserved and rows are made.

    Writes nothing.  An artifact of the same scenario and window may be there: whether it is the
    same is known when its rows are made again.

    Parameters
    ----------
    output_root, scenario_id, run_id, scenario_sha256, start_at, end_at
        As of `write_artifact`.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a name that is no plain folder name, or a link.
    ArtifactError
        Code ``ARTIFACT_EXISTS``: something else has that name.
    DiskError
        Code ``DISK_WRITE_FAILED``: no folder can be made there.
    """
    check_name("scenario_id", scenario_id)
    check_name("run_id", run_id)
    parent = Path(output_root) / scenario_id
    target = parent / run_id
    _refuse_link(parent)
    _refuse_link(target)
    try:
        if target.exists():
            wanted = {"scenario_sha256": scenario_sha256, "start_at": start_at, "end_at": end_at}
            _require_same(target, wanted)
        _require_folder(parent)
    except OSError as error:
        raise disk_error(target, error) from error


def read_artifact(directory: str | os.PathLike[str]) -> Artifact:
    """Open an artifact's directory.

    Reads only.  The CSV's hash and the manifest's seal are compared by `Artifact.verify_hash`.

    Raises
    ------
    ArtifactError
        Code ``ARTIFACT_NOT_FOUND``: no such folder, CSV or manifest;
        ``MANIFEST_INVALID``: a manifest that cannot be used.
    """
    folder = Path(directory)
    if not folder.is_dir():
        raise ArtifactError(
            Problem(
                "ARTIFACT_NOT_FOUND",
                "the artifact's folder does not exist",
                path="artifact_dir",
                value=show_value(str(folder), limit=200),
                remedy="Name a folder that `synthlab export-csv` wrote",
            )
        )
    manifest = load_manifest(folder)
    open_regular(folder / CSV_NAME).close()
    return Artifact(folder, manifest)


def check_name(what: str, name: str) -> None:
    """Stop on a name that is no plain folder name.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``.
    """
    if is_plain_name(name):
        return
    raise UsageError(
        Problem(
            "BAD_ARGUMENT",
            "needs a plain folder name",
            path=what,
            value=show_value(name),
            remedy="Use letters, digits, '.', '_' and '-', a letter or digit first, at most 200",
        )
    )


def _refuse_link(folder: Path) -> None:
    if folder.is_symlink():
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "must not be a link",
                path="output_root",
                value=show_value(folder.name),
                remedy="Name another folder: artifacts are never written through links",
            )
        )


def _move(temporary: Path, target: Path) -> bool:
    """Move a folder to its place; False where another one is there already."""
    if target.exists():
        return False
    try:
        os.rename(temporary, target)
    except OSError:
        # Somebody else wrote the same artifact since we looked; anything else is an error.
        if target.exists():
            return False
        raise
    sync_folder(target.parent)
    return True


def _require_folder(folder: Path) -> None:
    """Raise the `OSError` that making a folder would."""
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def _same_artifact(target: Path, manifest: Mapping[str, Any]) -> Artifact:
    wanted = {key: manifest[key] for key in ("csv_sha256", "scenario_sha256")}
    return _require_same(target, wanted, is_verified=True)


def _require_same(target: Path, wanted: Mapping[str, Any], *, is_verified: bool = False) -> Artifact:
    """Return the artifact that is there, if its manifest has these values."""
    try:
        there = read_artifact(target)
        if all(there.manifest[key] == value for key, value in wanted.items()):
            if is_verified:
                there.verify_hash()
            return replace(there, was_there=True)
        rule = "another artifact is there already"
    except ArtifactError as error:
        rule = f"a damaged artifact is there already ({error.problems[0].rule})"
    raise ArtifactError(
        Problem(
            "ARTIFACT_EXISTS",
            rule,
            path="run_id",
            value=show_value(target.name),
            remedy="Choose another run_id, or move that folder away",
        )
    )
