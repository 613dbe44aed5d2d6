"""import: an artifact's rows into the platform, through its own ingestion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthlab.errors import ArtifactError, ConflictError, PreflightError, ScenarioError
from synthlab.progress import OnProgress
from synthlab.results import Result, counted
from synthlab.steps import step
from synthlab.workflows.connect import open_platform, platform_reader
from synthlab.workflows.import_checks import (
    as_warnings,
    conflict_of,
    conflicting_keys,
    repeated_otherwise,
    reservoir_mismatches,
    unmarked_devices,
)
from synthlab.workflows.import_gates import GatePass, pass_gates
from synthlab.workflows.replay import (
    AnalyticsResult,
    Replay,
    close_run,
    replay,
    require_batch_size,
)
from synthlab.workflows.replay import (
    drain_analytics as drain_analytics_of,
)
from synthlab.workflows.survey import require_platform, survey
from synthlab.workflows.target import claim_target

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.adapters.database import Database
    from synthlab.artifact import Artifact
    from synthlab.platform.ledger import ImportKey, Standing

RESULT_NAME = "import_result.json"


@dataclass(frozen=True)
class ImportResult(Result):
    """What an import did, or would do.

    Attributes
    ----------
    scenario_id, run_id, csv_sha256 : str
        Which artifact.
    apply : bool
        Whether anything was written.
    row_count : int
    status_counts : dict of str to int
        What ingestion said: ``{"stored:READING": 17282}``, or without `apply` what it
        would do: ``{"dry_run:READY": 17282}``.
    analytics : AnalyticsResult or None
        None where analytics were not drained.
    qc_passed : bool or None
        What `analysis.json` says; None where the artifact was never analyzed.
    is_qc_failure_allowed : bool
        Whether failed or rejected data was imported because the call allowed it.
    is_approval_required : bool
        Whether the call or the policy setting asked for an approval.
    approved_by, approved_at : str or None
        The approval of these very bytes, where there is one.
    warnings : tuple of str
    """

    scenario_id: str
    run_id: str
    csv_sha256: str
    apply: bool
    row_count: int
    status_counts: dict[str, int]
    analytics: AnalyticsResult | None = None
    qc_passed: bool | None = None
    is_qc_failure_allowed: bool = False
    is_approval_required: bool = False
    approved_by: str | None = None
    approved_at: str | None = None
    warnings: tuple[str, ...] = ()

    def summary(self) -> str:
        """Say in one line what was stored, or would be."""
        counts = ", ".join(f"{name} {count:,}" for name, count in self.status_counts.items())
        done = "applied" if self.apply else "dry run, nothing written"
        return f"{done}: {counted(self.row_count, 'row')}, {counts or 'none handed over'}"


def import_csv(
    artifact_dir: str | Path,
    *,
    database: str | None = None,
    apply: bool = False,
    commit_batch_size: int = 500,
    state_file: str | Path | None = None,
    drain_analytics: bool = False,
    analytics_batch_size: int = 200,
    allow_failed_qc: bool = False,
    require_approval: bool = False,
    strict: bool = False,
    on_progress: OnProgress | None = None,
) -> ImportResult:
    """Replay an artifact through the platform's ingestion.  Without `apply`: reads only.

    Parameters
    ----------
    artifact_dir : path
        A directory that `export_csv` wrote.
    database : str, optional
        SQLAlchemy URL; by default the configured or the embedded platform.
    apply : bool
        Write.  Applying the same artifact again stores nothing twice.
    commit_batch_size : int
        Rows of one transaction.
    state_file : path, optional
        Sequence state; on `apply` it moves to the artifact's end, so that a live run
        goes on from there.
    drain_analytics : bool
        Bring the read models up to date afterwards.
    analytics_batch_size : int
        Events of one transaction of the analytics consumer.
    allow_failed_qc : bool
        Import although `analysis.json` says that the data did not pass, or a reviewer
        rejected it; the result says so.
    require_approval : bool
        Refuse data without an approval of these very bytes. The setting
        ``SYNTHLAB_REQUIRE_APPROVAL=1`` does the same for every call.
    strict : bool
        Preflight warnings become errors, and so does data that was never analyzed.
    on_progress : callable, optional
        Called with the rows done and the rows in all.

    Returns
    -------
    ImportResult
        On `apply` it is also written to ``import_result.json`` in the artifact. Where a
        repeat finds all rows stored and nothing else is new, the file stays as it is.
        An import that was stopped and run again tells what one that nothing stopped
        would have told.

    Raises
    ------
    ArtifactError
        Codes ``ARTIFACT_NOT_FOUND``, ``MANIFEST_INVALID``, ``CSV_HASH_MISMATCH``,
        ``ARTIFACT_ROW_INVALID``, ``ARTIFACT_FILE_UNEXPECTED``, and ``APPROVAL_MISSING``
        or ``APPROVAL_MISMATCH`` where an approval is required; nothing was written.
    QualityError
        Codes ``QC_FAILED``, ``APPROVAL_REJECTED``; nothing was written.
    PreflightError
        A device is not there, not attached, not calibrated, or code
        ``RESERVOIR_MISMATCH``: its reservoir changed since the export; nothing was
        written.
    ConflictError
        Code ``SEQ_CONFLICT``: other data is stored under the artifact's numbers, or two
        of its rows have one number and differ; nothing was written.
    SequenceStateError
        Codes ``STATE_LOCKED``, ``STATE_DAMAGED``, ``STATE_TARGET_MISMATCH``, ...
    InterruptedRunError
        Code ``INTERRUPTED``: stopped half-way; the same call goes on.
    """
    from synthlab.artifact.verification import require_verified

    require_batch_size(commit_batch_size, name="commit_batch_size")
    require_batch_size(analytics_batch_size, name="analytics_batch_size")
    artifact, frame = require_verified(artifact_dir)
    gates = pass_gates(
        artifact, allow_failed_qc=allow_failed_qc, require_approval=require_approval, strict=strict
    )
    report = survey(_devices(artifact), database=database)
    mismatches = reservoir_mismatches(artifact.manifest["reservoirs"], report.reservoirs)
    if apply or strict:
        require_platform(report, strict=strict)
        if mismatches:
            raise PreflightError(mismatches)
    warnings = (*gates.warnings, *(str(finding) for finding in report.findings))
    if not apply:
        counts, conflict = _look(frame, database)
        told = as_warnings([*mismatches, *(conflict.problems if conflict else ())])
        return _result(artifact, frame, gates, apply=False, status_counts=counts, warnings=(*warnings, *told))
    return _apply(
        artifact,
        frame,
        database,
        state_file,
        gates=gates,
        unmarked=unmarked_devices(report),
        warnings=warnings,
        commit_batch_size=commit_batch_size,
        analytics_batch_size=analytics_batch_size if drain_analytics else None,
        on_progress=on_progress,
    )


def _apply(
    artifact: Artifact,
    frame: pd.DataFrame,
    url: str | None,
    state_file: str | Path | None,
    *,
    gates: GatePass,
    unmarked: frozenset[str],
    warnings: tuple[str, ...],
    commit_batch_size: int,
    analytics_batch_size: int | None,
    on_progress: OnProgress | None,
) -> ImportResult:
    from synthlab.artifact.files import json_bytes, write_atomically
    from synthlab.platform.plugin import plugged_in
    from synthlab.sequence import SequenceState

    run = Replay(
        key=_key(artifact),
        frame=frame,
        commit_batch_size=commit_batch_size,
        unmarked=unmarked,
        ingest=plugged_in(),
        on_progress=on_progress,
    )
    last_seq = {
        name: device["last_seq"]
        for name, device in artifact.manifest["devices"].items()
        if device["last_seq"] is not None
    }
    with SequenceState.open(state_file) as state, open_platform(url) as platform:
        _require_own_numbers(platform, frame)
        claim_target(state, platform)
        step("import.checked")
        # Before a row is stored: whoever reads the state later must not draw these again.
        state.advance(last_seq)
        standing = replay(platform, run)
        step("import.stored")
        state.advance(last_seq, checkpoint=_checkpoints(artifact))
        step("import.state_moved")
        analytics = None
        if analytics_batch_size is not None:
            analytics = drain_analytics_of(platform, standing, batch_size=analytics_batch_size)
        result = _result(
            artifact,
            frame,
            gates,
            apply=True,
            status_counts=standing.status_counts,
            analytics=analytics,
            warnings=warnings,
        )
        if not (_is_repeat(standing) and _is_told(artifact, result)):
            write_atomically(artifact.directory / RESULT_NAME, json_bytes(result.to_dict()))
        step("import.written")
        close_run(platform, run.key)
    return result


def _key(artifact: Artifact) -> ImportKey:
    from synthlab.platform.ledger import ImportKey

    names = ("scenario_id", "run_id", "csv_sha256")
    return ImportKey(*(artifact.manifest[name] for name in names))


def _is_repeat(standing: Standing) -> bool:
    """Say whether everything was stored before: then the first result is the one to keep.

    Else a kill between a finished import and the end of its process would leave, after
    the second run, a file that tells of duplicates only.
    """
    return standing.pass_number > 1 and set(standing.status_counts) <= {"duplicate:SEQ"}


def _is_told(artifact: Artifact, result: ImportResult) -> bool:
    """Say whether the written result differs from this one in what was done, and in nothing else."""
    from synthlab.artifact.files import read_json

    try:
        written = read_json(artifact.directory / RESULT_NAME)
    except ArtifactError:
        return False
    done = {"status_counts": None, "analytics": None}
    return {**written, **done} == {**result.to_dict(), **done}


def _require_own_numbers(platform: Database, frame: pd.DataFrame) -> None:
    with platform.session() as session:
        conflict = conflict_of([*repeated_otherwise(frame), *conflicting_keys(session, frame)])
    if conflict is not None:
        raise conflict


def _look(frame: pd.DataFrame, url: str | None) -> tuple[dict[str, int], ConflictError | None]:
    """Ask the platform what it would do with every row, and whether other rows are in the way."""
    from synthlab.payload import emissions

    with platform_reader(url) as session:
        if session is None:
            return {"dry_run:UNREGISTERED_DEVICE": len(frame)}, None
        from synthlab.platform.ingestion import ready_status

        keys = [*repeated_otherwise(frame), *conflicting_keys(session, frame)]
        conflicts, seen = set(keys), set()
        counts: Counter[str] = Counter()
        for emission in emissions(frame):
            key = emission.device_id, emission.seq
            if key in conflicts:
                counts["dry_run:CONFLICT"] += 1
            elif key in seen:
                counts["dry_run:DUPLICATE"] += 1
            else:
                counts[
                    ready_status(
                        session,
                        device_id=emission.device_id,
                        payload=emission.payload,
                        mqtt_client_id=emission.device_id,
                    )
                ] += 1
            seen.add(key)
    return dict(sorted(counts.items())), conflict_of(keys)


def _devices(artifact: Artifact) -> Any:
    from synthlab.artifact.manifest import MANIFEST_NAME
    from synthlab.scenario.build import build_scenario
    from synthlab.scenario.resolve import resolve

    try:
        return resolve(build_scenario(artifact.manifest["scenario"]))
    except ScenarioError as error:
        raise ArtifactError(
            [replace(problem, code="MANIFEST_INVALID", file=MANIFEST_NAME) for problem in error.problems]
        ) from None


def _checkpoints(artifact: Artifact) -> Mapping[str, Mapping[str, Any]]:
    checkpoint = artifact.manifest["checkpoint"]
    return checkpoint["devices"] if checkpoint else {}


def _result(artifact: Artifact, frame: pd.DataFrame, gates: GatePass, **facts: Any) -> ImportResult:
    return ImportResult(
        scenario_id=artifact.manifest["scenario_id"],
        run_id=artifact.manifest["run_id"],
        csv_sha256=artifact.manifest["csv_sha256"],
        row_count=len(frame),
        qc_passed=gates.qc_passed,
        is_qc_failure_allowed=gates.is_qc_failure_allowed,
        is_approval_required=gates.is_approval_required,
        approved_by=gates.approval.reviewer if gates.approval else None,
        approved_at=gates.approval.decided_at if gates.approval else None,
        **facts,
    )
