"""bootstrap: history straight into the platform, without an artifact to review."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from synthlab.errors import InterruptedRunError, ServiceUnavailableError
from synthlab.progress import OnProgress
from synthlab.results import Result, counted
from synthlab.steps import step
from synthlab.timeline import Window, format_at, parse_at
from synthlab.workflows.connect import open_platform, platform_reader
from synthlab.workflows.history import History, make_history, reservation_key, row_counts, window_of
from synthlab.workflows.import_checks import unmarked_devices
from synthlab.workflows.projection import MAX_ROWS, require_rows
from synthlab.workflows.replay import (
    AnalyticsResult,
    Replay,
    close_run,
    drain_analytics,
    replay,
    require_batch_size,
)
from synthlab.workflows.survey import require_platform, survey
from synthlab.workflows.target import claim_target

if TYPE_CHECKING:
    from synthlab.platform.ledger import ImportKey
    from synthlab.preflight import PreflightReport
    from synthlab.scenario.schema import Scenario
    from synthlab.sequence import StateSnapshot


RUN_KIND = "bootstrap"
RUN_PREFIX = "bootstrap-"
"""What a run's name starts with; the end of its window follows."""


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
        Besides preflight's: which devices have history of that time already.
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

    def summary(self) -> str:
        """Say in one line what was stored."""
        counts = ", ".join(f"{name} {count:,}" for name, count in self.status_counts.items())
        window = f"{format_at(self.start_at)} to {format_at(self.end_at)}"
        return f"{counted(self.total_emitted, 'emission')} ingested, {counts}; {window}"


def bootstrap(
    scenario: Scenario,
    *,
    database: str | None = None,
    state_file: str | Path | None = None,
    commit_batch_size: int = 500,
    analytics_batch_size: int = 200,
    end_at: datetime | str | None = None,
    strict: bool = False,
    max_rows: int = MAX_ROWS,
    on_progress: OnProgress | None = None,
) -> BootstrapResult:
    """Simulate the scenario's history and ingest it.

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
        End of the window; by default that of a bootstrap of this scenario that was stopped
        half-way, else now, with a warning.  The same end of the same scenario uses the
        same numbers, so running it twice stores nothing twice.
    strict : bool
        Preflight warnings become errors.
    max_rows : int
        Refuse to make more.
    on_progress : callable, optional
        Called with the rows done and the rows in all.

    Returns
    -------
    BootstrapResult

    Raises
    ------
    ScenarioError
        Code ``SCENARIO_TOO_LARGE``: more than `max_rows`.
    PreflightError
        A device is not there, not attached, not calibrated, ...
    ServiceUnavailableError
        Code ``DATABASE_UNAVAILABLE``.
    InterruptedRunError
        Code ``INTERRUPTED``: stopped half-way; the same call with the end that the
        remedy names goes on.
    SequenceStateError
        Codes ``STATE_LOCKED``, ``STATE_DAMAGED``, ``STATE_TARGET_MISMATCH``, ``STATE_UNWRITABLE``.
    """
    from synthlab.platform.plugin import plugged_in
    from synthlab.scenario.resolve import resolve, scenario_sha256
    from synthlab.sequence import SequenceState

    require_batch_size(commit_batch_size, name="commit_batch_size")
    require_batch_size(analytics_batch_size, name="analytics_batch_size")
    end_at, told = (end_at, ()) if end_at is not None else _end_to_go_on(scenario, database)
    window, warnings = window_of(scenario, end_at)
    require_rows(row_counts(scenario, window), max_rows)
    report = survey(resolve(scenario), database=database)
    require_platform(report, strict=strict)
    ingest = plugged_in()
    sha256 = scenario_sha256(scenario)
    run_id = f"{RUN_PREFIX}{format_at(window.end_at)}"
    with (
        _way_to_go_on(window),
        SequenceState.open(state_file) as state,
        open_platform(database) as platform,
    ):
        claim_target(state, platform)
        warnings += (*told, *overlaps(scenario, window, state, run_id=run_id))
        history = make_history(scenario, report, window, run_id=run_id, state=state, warnings=warnings)
        # Before a row is stored: whoever reads the state later must not draw these again.
        state.advance(history.last_seq)
        run = Replay(
            key=_key(scenario, report, history),
            frame=history.backfill.frame,
            commit_batch_size=commit_batch_size,
            unmarked=unmarked_devices(report),
            details={"kind": RUN_KIND, "end_at": format_at(window.end_at), "scenario_sha256": sha256},
            ingest=ingest,
            on_progress=on_progress,
        )
        standing = replay(platform, run)
        step("import.stored")
        state.advance(history.last_seq, checkpoint=history.device_checkpoints)
        step("import.state_moved")
        drains = scenario.bootstrap.drain_analytics
        analytics = drain_analytics(platform, standing, batch_size=analytics_batch_size) if drains else None
        close_run(platform, run.key)
    return BootstrapResult(
        scenario_id=scenario.scenario_id,
        run_id=run_id,
        start_at=window.start_at,
        end_at=window.end_at,
        total_emitted=len(history.backfill.frame),
        status_counts=standing.status_counts,
        devices=history.seq_ranges(),
        analytics=analytics,
        warnings=history.warnings,
    )


def _key(scenario: Scenario, report: PreflightReport, history: History) -> ImportKey:
    """Name all that the rows are made from: another reservoir or number makes other rows."""
    from synthlab.platform.ledger import ImportKey
    from synthlab.scenario.resolve import scenario_sha256

    made_from = [
        scenario_sha256(scenario),
        history.run_id,
        history.seq_ranges(),
        {name: report.reservoirs[name].to_dict() for name in sorted(report.reservoirs)},
    ]
    text = json.dumps(made_from, sort_keys=True)
    return ImportKey(scenario.scenario_id, history.run_id, hashlib.sha256(text.encode()).hexdigest())


def _end_to_go_on(scenario: Scenario, database: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Return the end of a bootstrap of the same scenario that was stopped half-way, if there is one."""
    from synthlab.scenario.resolve import scenario_sha256

    with platform_reader(database) as session:
        if session is None:
            return None, ()
        from synthlab.platform import ledger

        connection = session.connection()
        left = []
        if ledger.has_ledger(connection):
            sha256 = scenario_sha256(scenario)
            left = ledger.unfinished(connection, scenario.scenario_id, kind=RUN_KIND, scenario_sha256=sha256)
    if not left:
        return None, ()
    end_at = str(left[-1].details["end_at"])
    done = f"{left[-1].next_row} of {left[-1].row_count} rows"
    return end_at, (f"a bootstrap that ends at {end_at} was stopped after {done}: this one goes on with it",)


def overlaps(scenario: Scenario, window: Window, state: StateSnapshot, *, run_id: str) -> tuple[str, ...]:
    """Return a warning for each device that has rows of the window's time already.

    They come from its checkpoint, or from another bootstrap that was not finished.
    The same run again is no overlap: it gets the same numbers.
    """
    from synthlab.scenario.resolve import resolve, scenario_sha256

    key = reservation_key(run_id, window)
    names = [device.device_id for device in resolve(scenario)]
    reservations = state.document.reservations
    sha256 = scenario_sha256(scenario)
    if any((held.run_id, held.scenario_sha256) == (key, sha256) for held in reservations):
        return ()
    ends = {name: [int(stands["at_second"])] for name, stands in state.checkpoint().items()}
    for held in reservations:
        if held.run_id.startswith(RUN_PREFIX):
            other = parse_at(held.run_id.rpartition("@")[2])
            for name in held.devices:
                ends.setdefault(name, []).append(int(other.timestamp()))
    found = {name: max(ends[name]) for name in names if name in ends}
    return tuple(
        f"devices[{name}]: history up to {format_at(datetime.fromtimestamp(end, UTC))} was generated already,"
        f" and this window starts at {format_at(window.start_at)}: the time between has rows twice."
        " To repeat a bootstrap give the end_at that it had."
        for name, end in found.items()
        if end >= window.start_second
    )


@contextmanager
def _way_to_go_on(window: Window) -> Iterator[None]:
    """Tell whoever was stopped half-way the one call that stores nothing twice.

    Without its end the same call would make another window under other numbers.
    """
    remedy = (
        f"Go on with `bootstrap --end-at {format_at(window.end_at)}`: "
        "rows that are stored already are recognized and left alone"
    )
    try:
        yield
    except (InterruptedRunError, ServiceUnavailableError) as error:
        raise type(error)([replace(problem, remedy=remedy) for problem in error.problems]) from error
    except Exception:
        raise
    except BaseException as stop:
        # A signal; whoever catches it shows the note.
        stop.add_note(remedy)
        raise
