"""What was imported, how far, and with what outcome: kept beside the rows themselves.

A commit whose answer was lost raises the same error whether it happened or not, so
progress is written in the transaction of the rows, and whoever goes on reads it there.
Two tables of synthlab's own, made at the first import into a database:

``synthlab_imports``
    One row a run: how far it has come (`next_row`), and what ingestion said so far.
``synthlab_import_batches``
    One row a committed batch: which numbers it stored, so that a purge takes just those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    ForeignKeyConstraint,
    Integer,
    Text,
    delete,
    false,
    func,
    insert,
    inspect,
    select,
    update,
)

from synthlab.platform.schema import (
    Flag,
    Json,
    UtcDateTime,
    big_integer,
    event_consumers,
    events,
    lock_schema,
    strict_table,
)

_KEY = ("scenario_id", "run_id", "content_sha256")

imports = strict_table(
    "synthlab_imports",
    Column("scenario_id", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    # Of an artifact's CSV, or of all that a bootstrap's rows are made from.
    Column("content_sha256", Text, primary_key=True),
    Column("row_count", big_integer(), nullable=False),
    # How often the rows were gone through; a repeat finds duplicates.
    Column("pass_number", Integer, nullable=False),
    Column("next_row", big_integer(), nullable=False),
    Column("status_counts", Json, nullable=False),
    # The result was handed over: the next import of the same is a repeat, not a continuation.
    Column("is_closed", Flag, nullable=False),
    # Where the analytics consumer stood when the pass began.
    Column("analytics_seq", big_integer(), nullable=False),
    # What else tells one run from another, such as a bootstrap's window.
    Column("details", Json, nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

batches = strict_table(
    "synthlab_import_batches",
    *(Column(name, Text, primary_key=True) for name in _KEY),
    Column("pass_number", Integer, primary_key=True),
    Column("first_row", big_integer(), primary_key=True),
    Column("row_count", Integer, nullable=False),
    # {client: [[first, last], ...]}: numbers of the messages that were not there before.
    Column("stored_seqs", Json, nullable=False),
    ForeignKeyConstraint(_KEY, [imports.c[name] for name in _KEY], name="fk_synthlab_import_batches_import"),
)


class ImportKey(NamedTuple):
    """Which rows: the same key stands for the same rows in the same order."""

    scenario_id: str
    run_id: str
    content_sha256: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an import has come.

    Attributes
    ----------
    row_count, next_row : int
    pass_number : int
        From 1.
    status_counts : dict of str to int
        Of this pass.
    is_closed : bool
    analytics_seq : int
    details : dict
    """

    row_count: int
    next_row: int
    pass_number: int
    status_counts: dict[str, int]
    is_closed: bool
    analytics_seq: int
    details: dict[str, Any]

    @property
    def is_complete(self) -> bool:
        """Whether every row was gone through."""
        return self.next_row >= self.row_count


def create_ledger(connection: Connection) -> None:
    """Create the ledger's tables where they are not there yet, in any platform's database."""
    lock_schema(connection)
    for table in (imports, batches):
        table.create(connection, checkfirst=True)


def has_ledger(connection: Connection) -> bool:
    """Say whether anything was ever imported here.  Reads only."""
    return inspect(connection).has_table(imports.name)


def begin(
    connection: Connection, key: ImportKey, *, row_count: int, details: Mapping[str, Any] | None = None
) -> Standing:
    """Note an import, or find how far it came; one that was closed begins a new pass.

    Parameters
    ----------
    connection : Connection
        In a transaction that writes.
    key : ImportKey
    row_count : int
    details : mapping, optional
        Kept with a new import.
    """
    now = datetime.now(UTC)
    standing = find(connection, key, is_locked=True)
    fresh = {
        "next_row": 0,
        "status_counts": {},
        "is_closed": False,
        "analytics_seq": _analytics_seq(connection),
        "updated_at": now,
    }
    if standing is None:
        values = {**key._asdict(), **fresh, "row_count": row_count, "pass_number": 1, "began_at": now}
        connection.execute(insert(imports).values(**values, details=dict(details or {})))
    elif standing.is_closed:
        values = {**fresh, "pass_number": standing.pass_number + 1}
        connection.execute(update(imports).where(*_is(imports, key)).values(**values))
    found = find(connection, key)
    assert found is not None
    return found


def find(connection: Connection, key: ImportKey, *, is_locked: bool = False) -> Standing | None:
    """Return how far an import has come; None where it was never begun.

    Parameters
    ----------
    connection : Connection
    key : ImportKey
    is_locked : bool
        Nobody else moves it before the end of the transaction.
    """
    query = select(imports).where(*_is(imports, key))
    row = connection.execute(query.with_for_update() if is_locked else query).first()
    return None if row is None else _standing(row)


def unfinished(connection: Connection, scenario_id: str, **details: Any) -> list[Standing]:
    """Return a scenario's imports that are not closed and have these details.  Reads only."""
    query = select(imports).where(imports.c.scenario_id == scenario_id, imports.c.is_closed.is_(false()))
    found = [_standing(row) for row in connection.execute(query.order_by(imports.c.began_at))]
    return [each for each in found if details.items() <= each.details.items()]


def advance(
    connection: Connection,
    key: ImportKey,
    standing: Standing,
    *,
    statuses: Sequence[str],
    stored: Mapping[str, Sequence[tuple[int, int]]],
) -> Standing:
    """Note a batch in the transaction of its rows, and return how far the import is then.

    Parameters
    ----------
    connection : Connection
    key : ImportKey
    standing : Standing
        As read in this transaction, locked.
    statuses : sequence of str
        What ingestion said of each row.
    stored : mapping of str to sequence of tuple
        First and last numbers of what was not there before, by client id.
    """
    counts = dict(sorted((Counter(standing.status_counts) + Counter(statuses)).items()))
    next_row = standing.next_row + len(statuses)
    connection.execute(
        insert(batches).values(
            **key._asdict(),
            pass_number=standing.pass_number,
            first_row=standing.next_row,
            row_count=len(statuses),
            stored_seqs={name: [list(pair) for pair in pairs] for name, pairs in stored.items()},
        )
    )
    values = {"next_row": next_row, "status_counts": counts, "updated_at": datetime.now(UTC)}
    connection.execute(update(imports).where(*_is(imports, key)).values(**values))
    return Standing(
        standing.row_count,
        next_row,
        standing.pass_number,
        counts,
        standing.is_closed,
        standing.analytics_seq,
        standing.details,
    )


def close(connection: Connection, key: ImportKey) -> None:
    """Note that an import's result was handed over."""
    connection.execute(update(imports).where(*_is(imports, key)).values(is_closed=True))


def runs(connection: Connection, run_id: str) -> list[ImportKey]:
    """Return the imports of a run.  Reads only."""
    query = select(*(imports.c[name] for name in _KEY)).where(imports.c.run_id == run_id)
    return [ImportKey(*row) for row in connection.execute(query.order_by(*(imports.c[n] for n in _KEY)))]


def stored_ranges(connection: Connection, key: ImportKey) -> dict[str, list[tuple[int, int]]]:
    """Return the numbers of the messages that an import stored, by client id.  Reads only."""
    found: dict[str, list[tuple[int, int]]] = {}
    query = select(batches.c.stored_seqs).where(*_is(batches, key))
    for stored in connection.execute(query.order_by(batches.c.pass_number, batches.c.first_row)).scalars():
        for client_id, pairs in stored.items():
            for first, last in pairs:
                ranges = found.setdefault(client_id, [])
                if ranges and ranges[-1][1] + 1 == first:
                    ranges[-1] = ranges[-1][0], last
                else:
                    ranges.append((first, last))
    return found


def remove(connection: Connection, key: ImportKey) -> None:
    """Forget an import."""
    for table in (batches, imports):
        connection.execute(delete(table).where(*_is(table, key)))


def events_since(connection: Connection, analytics_seq: int) -> int:
    """Count the events that the analytics consumer has passed since it stood there.  Reads only."""
    query = select(func.count()).where(
        events.c.seq > analytics_seq, events.c.seq <= _analytics_seq(connection)
    )
    return int(connection.execute(query.select_from(events)).scalar_one())


def _analytics_seq(connection: Connection) -> int:
    query = select(func.max(event_consumers.c.last_seq))
    return int(connection.execute(query).scalar() or 0)


def _is(table: Any, key: ImportKey) -> list[Any]:
    return [table.c[name] == value for name, value in key._asdict().items()]


def _standing(row: Any) -> Standing:
    return Standing(
        row.row_count,
        row.next_row,
        row.pass_number,
        row.status_counts,
        row.is_closed,
        row.analytics_seq,
        row.details,
    )
