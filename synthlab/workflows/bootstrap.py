"""bootstrap: history straight into the platform, without an artifact to review."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from synthlab.results import Result
from synthlab.timeline import format_at
from synthlab.workflows.connect import open_platform
from synthlab.workflows.history import make_history, window_of
from synthlab.workflows.replay import (
    AnalyticsResult,
    Progress,
    drain_analytics,
    replay,
    require_batch_size,
)
from synthlab.workflows.survey import require_platform, survey

if TYPE_CHECKING:
    from synthlab.scenario.schema import Scenario


@dataclass(frozen=True)
class BootstrapResult(Result):
    """What a bootstrap stored.

    Attributes
    ----------
    scenario_id, run_id : str
    start_at, end_at : datetime
        The window, closed at both ends.
    total_emitted : int
        Emissions handed to ingestion.
    status_counts : dict of str to int
        What ingestion said of them.
    devices : dict of str to dict
        ``first_seq``, ``last_seq`` and ``row_count`` of each device.
    analytics : AnalyticsResult or None
        None where the scenario does not drain analytics.
    warnings : tuple of str
    """

    scenario_id: str
    run_id: str
    start_at: datetime
    end_at: datetime
    total_emitted: int
    status_counts: dict[str, int]
    devices: dict[str, dict[str, int]]
    analytics: AnalyticsResult | None
    warnings: tuple[str, ...] = ()


def bootstrap(
    scenario: Scenario,
    *,
    database: str | None = None,
    state_file: str | Path | None = None,
    commit_batch_size: int = 500,
    analytics_batch_size: int = 200,
    end_at: datetime | str | None = None,
    strict: bool = False,
    on_progress: Progress | None = None,
) -> BootstrapResult:
    """Simulate the scenario's history and ingest it row by row.

    Parameters
    ----------
    scenario : Scenario
        ``bootstrap.drain_analytics`` says whether read models are brought up to date.
    database : str, optional
        SQLAlchemy URL; by default the configured or the embedded platform.
    state_file : path, optional
        Sequence state; default ``.tmp/synthetic_sim_seq_state.json``.
    commit_batch_size : int
        Rows of one transaction.
    analytics_batch_size : int
        Events of one transaction of the analytics consumer.
    end_at : datetime or str, optional
        End of the window; by default now, with a warning.  The same end of the same
        scenario uses the same numbers, so running it twice stores nothing twice.
    strict : bool
        Preflight warnings become errors.
    on_progress : callable, optional
        Called with the rows done and the rows in all.

    Returns
    -------
    BootstrapResult

    Raises
    ------
    PreflightError
        A device is not there, not attached, not calibrated, ...
    ServiceUnavailableError
        Code ``DATABASE_UNAVAILABLE``.
    InterruptedRunError
        Code ``INTERRUPTED``: stopped half-way; the same call goes on.
    SequenceStateError
        Codes ``STATE_LOCKED``, ``STATE_DAMAGED``, ``STATE_UNWRITABLE``.
    """
    from synthlab.platform.plugin import load_ingest
    from synthlab.scenario.resolve import resolve
    from synthlab.sequence import SequenceState

    require_batch_size(commit_batch_size, name="commit_batch_size")
    require_batch_size(analytics_batch_size, name="analytics_batch_size")
    window, warnings = window_of(scenario, end_at)
    report = survey(resolve(scenario), database=database)
    require_platform(report, strict=strict)
    ingest = load_ingest()
    run_id = f"bootstrap-{format_at(window.end_at)}"
    with SequenceState.open(state_file) as state, open_platform(database) as platform:
        history = make_history(scenario, report, window, run_id=run_id, state=state, warnings=warnings)
        # Before a row is stored: whoever reads the state later must not draw these again.
        state.advance(history.last_seq)
        counts = replay(
            platform,
            history.backfill.frame,
            ingest=ingest,
            commit_batch_size=commit_batch_size,
            on_progress=on_progress,
        )
        state.advance(history.last_seq, checkpoint=history.device_checkpoints)
        drains = scenario.bootstrap.drain_analytics
        analytics = drain_analytics(platform, batch_size=analytics_batch_size) if drains else None
    return BootstrapResult(
        scenario_id=scenario.scenario_id,
        run_id=run_id,
        start_at=window.start_at,
        end_at=window.end_at,
        total_emitted=len(history.backfill.frame),
        status_counts=counts,
        devices=history.seq_ranges(),
        analytics=analytics,
        warnings=history.warnings,
    )
