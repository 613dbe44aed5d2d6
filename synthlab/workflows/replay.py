"""Feed rows to the platform, a transaction a batch, with a ledger that says how far.

`import_csv` and `bootstrap` both go this way.  Every transaction asks the ledger where
the run stands, stores the rows that come next, and notes them there: so a run that was
stopped anywhere goes on where it stood, a commit whose answer was lost is resolved by
looking, and the counts are those of a run that nothing stopped.

The reference platform takes a batch at once.  A plugged-in ingestion function
(``SYNTHLAB_INGEST``) gets the rows one by one in the same transaction; as long as it
leaves commit and rollback to the caller, what is said above holds for it too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

from synthlab.errors import InterruptedRunError, Problem, ServiceUnavailableError, UsageError
from synthlab.progress import OnProgress, shown
from synthlab.results import Result, counted
from synthlab.steps import step
from synthlab.workflows.import_checks import conflict_of

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy.orm import Session

    from synthlab.adapters.database import Database
    from synthlab.payload import PayloadBlock
    from synthlab.platform.batch import BlockOutcome
    from synthlab.platform.ledger import ImportKey, Standing

Ingest = Callable[..., Any]
"""Called as `synthlab.platform.ingestion.ingest_device_telemetry_from_mqtt` is."""

WRITTEN_AHEAD_ROWS = 5_000
"""Messages made at once, for several small batches. Assumed: some MB of documents; to make
the columns of 500 rows costs nearly as much as to make those of 5,000."""

RETRY_PAUSES_SECONDS = (0.0, 0.2, 1.0, 3.0)
"""Waits before a server that went away is asked again. Assumed: a restarted connection
pooler or a failover on one host; what takes longer is for the operator. [seconds]"""


@dataclass(frozen=True)
class AnalyticsResult(Result):
    """What draining the analytics consumer did.

    Attributes
    ----------
    events_processed, batches : int
    places : int
        Places of trucks after clustering.
    """

    events_processed: int
    batches: int
    places: int

    def summary(self) -> str:
        """Say in one line what was analyzed."""
        events, batches = counted(self.events_processed, "event"), counted(self.batches, "transaction")
        return f"{events} in {batches}, {counted(self.places, 'place')}"


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Which rows go where, and how.

    Attributes
    ----------
    key : ImportKey
        Under which the ledger keeps them.
    frame : DataFrame
        A telemetry frame; the same key always comes with the same rows.
    commit_batch_size : int
        Rows of one transaction.
    unmarked : collection of str
        Devices that may get rows although they are not marked synthetic.
    details : mapping
        Kept in the ledger.
    ingest : callable or None
        A plugged-in ingestion function; None: the reference platform's, batch by batch.
    on_progress : callable or None
    """

    key: ImportKey
    frame: pd.DataFrame
    commit_batch_size: int
    unmarked: Collection[str] = ()
    details: Mapping[str, Any] | None = None
    ingest: Ingest | None = None
    on_progress: OnProgress | None = None


def require_batch_size(value: int, *, name: str) -> None:
    """Stop on a batch that would hold nothing.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``.
    """
    if value < 1:
        raise UsageError(Problem("BAD_ARGUMENT", "needs at least 1", path=name, value=str(value)))


def replay(database: Database, run: Replay) -> Standing:
    """Store every row of a run that is not stored yet, in its order.

    Parameters
    ----------
    database : Database
        Open for writing.
    run : Replay

    Returns
    -------
    Standing
        As the ledger has it at the end: what ingestion said of all rows, also of those
        that an earlier, interrupted call stored.

    Raises
    ------
    ConflictError
        Code ``SEQ_CONFLICT``: another payload is stored under a row's number; the
        batches before stay, this one is rolled back.
    ServiceUnavailableError
        Code ``DATABASE_UNAVAILABLE``: before anything was stored.
    InterruptedRunError
        Code ``INTERRUPTED``: the database went away half-way, and did not come back.
    """
    from synthlab.platform import ledger

    with database.session() as session:
        ledger.create_ledger(session.connection())
    with database.session() as session:
        standing = ledger.begin(session.connection(), run.key, row_count=len(run.frame), details=run.details)
    step("import.noted")
    with shown("store", run.on_progress) as report:
        return _store_all(database, run, standing, report)


def _store_all(database: Database, run: Replay, standing: Standing, report: OnProgress) -> Standing:
    failures = 0
    messages = _Messages(run)
    while not standing.is_complete:
        try:
            standing = _store_next(database, run, messages)
        except ServiceUnavailableError as error:
            # Whether the batch is stored nobody knows now; the next transaction reads it.
            if database.dialect == "sqlite" or failures == len(RETRY_PAUSES_SECONDS):
                raise _half_way(standing, error) from error
            Event().wait(RETRY_PAUSES_SECONDS[failures])
            failures += 1
            continue
        failures = 0
        report(standing.next_row, standing.row_count)
    return standing


class _Messages:
    """A run's rows as messages, made some thousand at a time."""

    def __init__(self, run: Replay) -> None:
        self._run = run
        self._first = 0
        self._made: PayloadBlock | None = None

    def batch_at(self, row: int) -> PayloadBlock:
        """Return the batch that begins with a row."""
        from synthlab.payload import payload_block

        frame, size = self._run.frame, self._run.commit_batch_size
        last = min(row + size, len(frame))
        made = self._made
        if made is None or row < self._first or last > self._first + len(made):
            made = payload_block(frame.iloc[row : row + max(size, WRITTEN_AHEAD_ROWS // size * size)])
            self._first, self._made = row, made
        return made.rows(row - self._first, last - self._first)


def _store_next(database: Database, run: Replay, messages: _Messages) -> Standing:
    """Store the batch that comes next by the ledger, in one transaction with the ledger."""
    from synthlab.platform import ledger

    with database.session() as session:
        standing = ledger.find(session.connection(), run.key, is_locked=True)
        if standing is None:
            raise _purged(run.key)
        step("batch.begun")
        if standing.is_complete:
            return standing
        block = messages.batch_at(standing.next_row)
        outcome = _ingest(session, block, run)
        conflict = conflict_of(outcome.conflicts)
        if conflict is not None:
            raise conflict
        standing = ledger.advance(
            session.connection(),
            run.key,
            standing,
            statuses=outcome.statuses,
            stored=_stored_ranges(block, outcome.statuses),
        )
        step("batch.ledger")
    step("batch.committed")
    return standing


def _ingest(session: Session, block: PayloadBlock, run: Replay) -> BlockOutcome:
    from synthlab.payload import emissions
    from synthlab.platform.batch import BlockOutcome, ingest_block

    if run.ingest is None:
        return ingest_block(session, block, unmarked=run.unmarked)
    return BlockOutcome(
        [
            str(
                run.ingest(
                    session,
                    device_id=message.device_id,
                    payload=message.payload,
                    received_at=message.received_at,
                    mqtt_client_id=message.device_id,
                )
            )
            for message in emissions(block.frame)
        ]
    )


def _stored_ranges(block: PayloadBlock, statuses: list[str]) -> dict[str, list[tuple[int, int]]]:
    """Return the runs of numbers that were stored, by device."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    for device_id, seq, status in zip(block.device_ids, block.seqs.tolist(), statuses, strict=True):
        if not status.startswith("stored:"):
            continue
        found = ranges.setdefault(device_id, [])
        if found and found[-1][1] + 1 == seq:
            found[-1] = found[-1][0], seq
        else:
            found.append((seq, seq))
    return ranges


def close_run(database: Database, key: ImportKey) -> None:
    """Note that a run's result was handed over: from here on the same run is a repeat."""
    from synthlab.platform import ledger

    with database.session() as session:
        ledger.close(session.connection(), key)
    step("import.closed")


def drain_analytics(database: Database, standing: Standing, *, batch_size: int) -> AnalyticsResult:
    """Run the analytics consumer until nothing is left, then cluster places.

    What it did is counted from where it stood when the run began, so that a drain
    in two parts, one of them killed, tells the same as one.
    """
    from synthlab.platform.consumer import drain
    from synthlab.platform.ledger import events_since
    from synthlab.platform.places import cluster_places

    drain(database, batch_size=batch_size)
    with database.session() as session:
        places = cluster_places(session)
        processed = events_since(session.connection(), standing.analytics_seq)
    step("import.drained")
    return AnalyticsResult(processed, -(-processed // batch_size), places)


def _purged(key: ImportKey) -> InterruptedRunError:
    return InterruptedRunError(
        Problem(
            "INTERRUPTED",
            "somebody purged the run while it was imported",
            path="run_id",
            value=key.run_id,
            remedy="Run the same command again to import it anew",
        )
    )


def _half_way(standing: Standing, cause: ServiceUnavailableError) -> Exception:
    if standing.next_row == 0:
        return cause
    return InterruptedRunError(
        Problem(
            "INTERRUPTED",
            f"stopped after {standing.next_row} of {standing.row_count} rows: {cause.problems[0].rule}",
            remedy="Run the same command again: it goes on where the database says that it stopped",
        )
    )
