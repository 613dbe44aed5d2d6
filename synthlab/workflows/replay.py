"""Feed rows to the platform's own ingestion, a transaction a batch.

`import_csv` and `bootstrap` both go this way, as does every live message: the same
payload function, the same ingestion function.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from synthlab.errors import InterruptedRunError, Problem, ServiceUnavailableError, UsageError
from synthlab.results import Result

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.adapters.database import Database
    from synthlab.payload import Emission

Ingest = Callable[..., Any]
"""Called as `synthlab.platform.ingestion.ingest_device_telemetry_from_mqtt` is."""

Progress = Callable[[int, int], None]
"""Called with the rows done and the rows in all."""


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


def require_batch_size(value: int, *, name: str) -> None:
    """Stop on a batch that would hold nothing.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``.
    """
    if value < 1:
        raise UsageError(Problem("BAD_ARGUMENT", "needs at least 1", path=name, value=str(value)))


def replay(
    database: Database,
    frame: pd.DataFrame,
    *,
    ingest: Ingest,
    commit_batch_size: int,
    on_progress: Progress | None = None,
) -> dict[str, int]:
    """Ingest every row of a frame, in its order.

    Parameters
    ----------
    database : Database
        Open for writing.
    frame : DataFrame
        A telemetry frame.
    ingest : callable
        The platform's ingestion function.
    commit_batch_size : int
        Rows of one transaction.
    on_progress : callable, optional

    Returns
    -------
    dict of str to int
        How often ingestion said what: ``{"stored:READING": 17282}``.

    Raises
    ------
    ServiceUnavailableError
        Code ``DATABASE_UNAVAILABLE``: before anything was stored.
    InterruptedRunError
        Code ``INTERRUPTED``: the database went away half-way.
    """
    from synthlab.payload import emissions

    counts: Counter[str] = Counter()
    for batch in _batches(emissions(frame), commit_batch_size):
        try:
            with database.session() as session:
                outcomes = [_one(ingest, session, emission) for emission in batch]
        except ServiceUnavailableError as error:
            if not counts:
                raise
            raise _half_way(counts.total(), len(frame), error) from error
        counts.update(outcomes)
        if on_progress is not None:
            on_progress(counts.total(), len(frame))
    return dict(sorted(counts.items()))


def drain_analytics(database: Database, *, batch_size: int) -> AnalyticsResult:
    """Run the analytics consumer until nothing is left, then cluster places."""
    from synthlab.platform.consumer import drain
    from synthlab.platform.places import cluster_places

    drained = drain(database, batch_size=batch_size)
    with database.session() as session:
        places = cluster_places(session)
    return AnalyticsResult(drained.events_processed, drained.batches, places)


def _one(ingest: Ingest, session: Any, emission: Emission) -> str:
    outcome = ingest(
        session,
        device_id=emission.device_id,
        payload=emission.payload,
        received_at=emission.received_at,
        mqtt_client_id=emission.device_id,
    )
    return str(outcome)


def _batches(rows: Iterable[Emission], size: int) -> Iterator[list[Emission]]:
    source = iter(rows)
    while batch := list(islice(source, size)):
        yield batch


def _half_way(done: int, total: int, cause: ServiceUnavailableError) -> InterruptedRunError:
    return InterruptedRunError(
        Problem(
            "INTERRUPTED",
            f"stopped after {done} of {total} rows: {cause.problems[0].rule}",
            remedy="Run the same command again: rows that are stored already are recognized and left alone",
        )
    )
