"""export: history as an artifact on disk, for people to look at before anything is stored."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthlab.progress import OnProgress, shown
from synthlab.timeline import Window, format_at
from synthlab.workflows.history import make_history, row_counts, window_of
from synthlab.workflows.projection import MAX_ROWS, require_rows
from synthlab.workflows.survey import require, survey

if TYPE_CHECKING:
    from synthlab.artifact import Artifact
    from synthlab.scenario.schema import Scenario

DEFAULT_OUTPUT_ROOT = "artifacts"


def export_csv(
    scenario: Scenario,
    *,
    database: str | None = None,
    output_root: str | Path = DEFAULT_OUTPUT_ROOT,
    run_id: str | None = None,
    end_at: datetime | str | None = None,
    state_file: str | Path | None = None,
    strict: bool = False,
    max_rows: int = MAX_ROWS,
    on_progress: OnProgress | None = None,
) -> Artifact:
    """Simulate the scenario's history into an artifact.  The platform is only read.

    Parameters
    ----------
    scenario : Scenario
    database : str, optional
        SQLAlchemy URL; by default the configured or the embedded platform.  Where none
        is there, reservoirs come from the scenario or the archetype.
    output_root : path
        The artifact goes to ``<output_root>/<scenario_id>/<run_id>``.
    run_id : str, optional
        By default made of the window's end and the scenario's hash.
    end_at : datetime or str, optional
        End of the window; by default now, with a warning.
    state_file : path, optional
        Sequence state, in which the rows' numbers are reserved; the same export again
        gets the same numbers, and so the same bytes.
    strict : bool
        Preflight warnings become errors.
    max_rows : int
        Refuse to make more.
    on_progress : callable, optional
        Called with the rows written and the rows in all; by default a bar where a person looks.

    Returns
    -------
    Artifact

    Raises
    ------
    ScenarioError
        Code ``SCENARIO_TOO_LARGE``: more than `max_rows`.
    PreflightError
        The scenario does not fit the platform.
    ArtifactError
        Code ``ARTIFACT_EXISTS``: the run's directory holds something else.
    UsageError
        Code ``BAD_ARGUMENT``: a run id that is no plain folder name, or a bad time.
    SequenceStateError
        Codes ``STATE_LOCKED``, ``STATE_DAMAGED``, ``STATE_UNWRITABLE``.
    DiskError
        Code ``DISK_WRITE_FAILED``; no half artifact is left.
    """
    from synthlab.artifact import require_place, write_artifact
    from synthlab.scenario.resolve import resolve, scenario_sha256
    from synthlab.sequence import SequenceState

    window, warnings = window_of(scenario, end_at)
    require_rows(row_counts(scenario, window), max_rows)
    run_id = default_run_id(scenario, window) if run_id is None else run_id
    place: dict[str, Any] = {
        "output_root": output_root,
        "scenario_id": scenario.scenario_id,
        "run_id": run_id,
        "scenario_sha256": scenario_sha256(scenario),
        "start_at": format_at(window.start_at),
        "end_at": format_at(window.end_at),
    }
    # Numbers that are reserved are taken: not for an artifact that has no place.
    require_place(**place)
    parameters = resolve(scenario)
    report = survey(parameters, database=database)
    require(report, strict=strict)
    with shown("export", on_progress) as report_progress:
        with SequenceState.open(state_file) as state:
            history = make_history(scenario, report, window, run_id=run_id, state=state, warnings=warnings)
        return write_artifact(
            history.backfill.frame,
            **place,
            scenario=scenario.to_dict(),
            seed=scenario.seed,
            step_seconds={device.device_id: device.step_seconds for device in parameters},
            reservoirs=report.reservoirs,
            checkpoint=history.backfill.checkpoint.to_dict(),
            lost=history.backfill.lost,
            reserved_seq=history.first_seq,
            warnings=history.warnings,
            on_progress=report_progress,
        )


def default_run_id(scenario: Scenario, window: Window) -> str:
    """Return a run id that names the window's end and the scenario: the same for the same rows."""
    from synthlab.scenario.resolve import scenario_sha256

    return f"{window.end_at:%Y%m%dT%H%M%SZ}-{scenario_sha256(scenario)[:12]}"


def summary(artifact: Artifact) -> dict[str, Any]:
    """Return what an operator needs of an artifact: where it is and what it holds."""
    shown = (
        "scenario_id",
        "run_id",
        "seed",
        "start_at",
        "end_at",
        "row_count",
        "csv_sha256",
        "scenario_sha256",
    )
    return {
        "artifact_dir": artifact.directory.as_posix(),
        **{key: artifact.manifest[key] for key in shown},
        "devices": artifact.manifest["devices"],
        "warnings": artifact.manifest["warnings"],
    }
