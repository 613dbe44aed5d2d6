"""The analytics consumer: events in, read models out, the cursor with them.

`drain` reads ``events`` in order, in batches of `batch_size`.  A *transaction* takes
as many batches as are waiting, up to `EVENTS_PER_TRANSACTION` events, brings every read model
up to date for them, moves the cursor, and commits: read models and cursor always
tell of the same events.  A killed drain loses at most the open transaction's work,
and the next drain does it again.  Grouping batches is what makes it fast: an hour
or a window is computed once a transaction, not once a batch.

An event only says which hours of which reservoir have changed.  What is written is
computed from the readings and positions of those hours, never added up, so a replay,
a late message and one out of order change nothing or set it right.  A message without
a valid reading raises no event: its position counts from the next reading on.

One consumer at a time: a transaction begins by locking the cursor's row (on SQLite,
by becoming the one writer); a second consumer waits, and goes on after the first.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Any, Protocol

import numpy as np
from sqlalchemy import Connection, Engine, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from synthlab.errors import Problem, UsageError
from synthlab.platform.hourly import Touched, update_mobile_counts, update_stationary
from synthlab.platform.outbox import READING_EVENT
from synthlab.platform.read_models import chunks, milliseconds
from synthlab.platform.schema import event_consumers, events, reservoirs
from synthlab.platform.stops import update_stops
from synthlab.platform.windows import update_windows
from synthlab.progress import OnProgress, unseen
from synthlab.quality.windows import HOUR_MS
from synthlab.results import Result, counted

CONSUMER_NAME = "analytics_consumer"
"""Source: platform contract, section 4."""

DEFAULT_BATCH_SIZE = 200
"""Source: guide, `--analytics-batch-size`. [events]"""

WRITER_PATIENCE_SECONDS = 5.0
"""How long a drain waits for a writer whose event others have overtaken.
Assumed: some batches of an import. [seconds]"""

_POLL_SECONDS = 0.02

EVENTS_PER_TRANSACTION = 50_000
"""Assumed: some seconds of work, a hundred megabytes of rows. [events]"""


class SessionSource(Protocol):
    """What gives sessions in a transaction: `synthlab.adapters.database.Database`, for one."""

    def session(self) -> AbstractContextManager[Session]:
        """Give a session that commits at its end."""
        ...


Source = Engine | SessionSource


@dataclass(frozen=True, slots=True)
class DrainResult(Result):
    """What a drain did.

    Attributes
    ----------
    events_processed : int
        Events passed by the cursor, of any type.
    batches : int
    transactions : int
    last_seq : int
        Where the cursor stands.
    is_complete : bool
        False where an event is not there yet whose writer is still at work; the next
        drain goes on from it.
    """

    events_processed: int
    batches: int
    transactions: int
    last_seq: int
    is_complete: bool

    def summary(self) -> str:
        """Say in one line what was read, and whether anything is left."""
        left = "" if self.is_complete else "; an event is still being written"
        return f"{counted(self.events_processed, 'event')} up to number {self.last_seq:,}{left}"


@dataclass(frozen=True, slots=True)
class _Batches:
    event_count: int
    batch_count: int
    last_seq: int
    touched: Touched
    horizon: int
    pending_writers: frozenset[str]


def drain(
    source: Source, *, batch_size: int = DEFAULT_BATCH_SIZE, on_progress: OnProgress = unseen
) -> DrainResult:
    """Bring the read models up to date with every event that is there.

    Parameters
    ----------
    source : Engine or Database
        Open for writing.
    batch_size : int
        Events read at once.
    on_progress : callable
        Called after each transaction with the events passed, and with these and the numbers that
        wait: to count the events behind these would cost a query.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a batch of no events.
    """
    if batch_size < 1:
        raise UsageError(
            Problem("BAD_ARGUMENT", "needs at least 1", path="batch_size", value=str(batch_size))
        )
    processed = batches = transactions = settled_seq = 0
    while True:
        with _transaction(source) as connection:
            found = _one_transaction(connection, batch_size, settled_seq)
        if found.event_count:
            processed, batches = processed + found.event_count, batches + found.batch_count
            transactions += 1
            on_progress(processed, processed + found.horizon - found.last_seq)
        elif found.pending_writers and _wait_for(source, found.pending_writers):
            settled_seq = found.horizon
        else:
            return DrainResult(processed, batches, transactions, found.last_seq, not found.pending_writers)


@contextmanager
def _transaction(source: Source) -> Iterator[Connection]:
    if isinstance(source, Engine):
        with source.begin() as connection:
            yield connection
    else:
        with source.session() as session:
            yield session.connection()


def _one_transaction(connection: Connection, batch_size: int, settled_seq: int) -> _Batches:
    last_seq = lock_cursor(connection)
    found = _read_batches(connection, last_seq, batch_size, settled_seq)
    if found.event_count:
        update_read_models(connection, found.touched)
        connection.execute(
            update(event_consumers)
            .where(event_consumers.c.consumer_name == CONSUMER_NAME)
            .values(last_seq=found.last_seq, updated_at=datetime.now(UTC))
        )
    return found


def lock_cursor(connection: Connection) -> int:
    """Take the cursor's row for this transaction, made where it is missing, and read it."""
    make_insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    insert = make_insert(event_consumers).values(
        consumer_name=CONSUMER_NAME, last_seq=0, updated_at=datetime.now(UTC)
    )
    # Setting what is there already changes nothing, but is a write: it waits for the other one.
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=["consumer_name"], set_={"last_seq": event_consumers.c.last_seq}
        )
    )
    query = select(event_consumers.c.last_seq).where(event_consumers.c.consumer_name == CONSUMER_NAME)
    return int(connection.execute(query).scalar_one())


def _read_batches(connection: Connection, last_seq: int, batch_size: int, settled_seq: int) -> _Batches:
    horizon = int(connection.execute(select(func.max(events.c.seq))).scalar() or 0)
    writers = _event_writers(connection) if horizon > max(last_seq, settled_seq) else frozenset()
    times: dict[uuid.UUID, list[int]] = {}
    event_count = batch_count = 0
    is_held_back = False
    most = max(batch_size, EVENTS_PER_TRANSACTION // batch_size * batch_size)
    while event_count < most and not is_held_back:
        query = (
            select(events.c.seq, events.c.type, events.c.data)
            .where(events.c.seq > last_seq, events.c.seq <= horizon)
            .order_by(events.c.seq)
            .limit(batch_size)
        )
        rows: list[Any] = list(connection.execute(query))
        if writers:
            whole = _before_first_gap(last_seq, [row[0] for row in rows], settled_seq)
            is_held_back, rows = whole < len(rows), rows[:whole]
        if not rows:
            break
        for _, kind, data in rows:
            if kind == READING_EVENT:
                reading = data["payload"]
                at = datetime.fromisoformat(reading["recorded_at"])
                times.setdefault(uuid.UUID(reading["reservoir_id"]), []).append(milliseconds(at))
        event_count, batch_count, last_seq = event_count + len(rows), batch_count + 1, rows[-1][0]
    touched = {key: np.array(found, dtype=np.int64) for key, found in times.items()}
    pending = writers if is_held_back else frozenset()
    return _Batches(event_count, batch_count, last_seq, touched, horizon, pending)


def _event_writers(connection: Connection) -> frozenset[str]:
    """Name the transactions that may have drawn an event number that cannot be seen yet.

    PostgreSQL draws the number at the insert and shows the row at the commit, so 7 may
    appear after 8.  Asked *after* the horizon was read: whoever drew a number below
    it either holds its lock on ``events`` now, or has ended and can be seen.  No lock
    is taken, so no writer ever waits for the consumer.
    """
    if connection.dialect.name != "postgresql":
        return frozenset()
    query = text(
        "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND granted"
        " AND relation = 'events'::regclass AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return frozenset(connection.execute(query).scalars())


def _wait_for(source: Source, writers: frozenset[str]) -> bool:
    """Wait until none of some writers is at work; say whether that came in time."""
    patience = Event()
    for _ in range(int(WRITER_PATIENCE_SECONDS / _POLL_SECONDS)):
        with _transaction(source) as connection:
            if not writers & _event_writers(connection):
                return True
        patience.wait(_POLL_SECONDS)
    return False


def _before_first_gap(last_seq: int, seqs: list[int], settled_seq: int) -> int:
    """Count the events before the first missing number: it may be a writer's, still to come.

    Up to `settled_seq` nobody's is to come: a number missing there was rolled back.
    """
    for count, seq in enumerate(seqs):
        if seq > max(settled_seq, last_seq) + 1:
            return count
        last_seq = seq
    return len(seqs)


def update_read_models(connection: Connection, touched: Touched) -> None:
    """Compute the hours, stops and windows that new readings touch.

    Parameters
    ----------
    connection : Connection
        In the transaction that locked the cursor.
    touched : mapping of UUID to ndarray
    """
    capacity: dict[uuid.UUID, float] = {}
    mobile: set[uuid.UUID] = set()
    for part in chunks(sorted(touched, key=str)):
        table = reservoirs.c
        query = select(table.id, table.capacity_liters, table.mobility, table.reservoir_type)
        for key, liters, mobility, kind in connection.execute(query.where(table.id.in_(part))):
            capacity[key] = float("nan") if liters is None else liters
            if mobility == "MOBILE" or kind == "TRUCK_TANK":
                mobile.add(key)
    # A reservoir that was removed since has no read models.
    tanks = {key: times for key, times in touched.items() if key in capacity and key not in mobile}
    trucks = {key: times for key, times in touched.items() if key in mobile}
    update_stationary(connection, tanks, capacity)
    update_mobile_counts(connection, trucks)
    update_stops(connection, trucks, capacity)
    if tanks or trucks:
        last_ms = max(int(times.max()) for times in [*tanks.values(), *trucks.values()])
        update_windows(connection, [*tanks, *trucks], last_ms // HOUR_MS)
