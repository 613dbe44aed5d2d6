"""The read models: written by the analytics consumer and by nothing else.

They stand on the metadata of `synthlab.platform.schema`, whose `create_schema`
makes them.  `mobile_hourly_series` is not in the contract's list: it holds what the
metrics of a truck need by hour, so that a window never reads 30 days of positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    cast,
    event,
    extract,
    func,
)
from sqlalchemy.dialects import postgresql, sqlite

from synthlab.platform.schema import (
    Id,
    Json,
    UtcDateTime,
    events,
    one_of,
    real_number,
    strict_table,
)
from synthlab.quality.formulas import DEVICE_METRICS, ZONE_METRICS
from synthlab.quality.stops import StopKind
from synthlab.quality.windows import HOUR_MS, WINDOW_NAMES

PLACE_KINDS = ("BASE", "REFILL_DEPOT", "CLIENT_CLUSTER", "UNKNOWN")
CONFIDENCES = ("HIGH", "MEDIUM", "LOW")
NOTIFY_CHANNEL = "synthlab_events"
"""Channel on which PostgreSQL tells that events were committed."""

# More names in one IN list make SQLite's parser slow and gain nothing.
IN_LIST_SIZE = 500

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _reservoir_key() -> Column[Any]:
    return Column("reservoir_id", Id, ForeignKey("reservoirs.id"), primary_key=True)


stationary_hourly_series = strict_table(
    "stationary_hourly_series",
    _reservoir_key(),
    Column("hour_at", UtcDateTime, primary_key=True),
    Column("level_pct", real_number(), nullable=False),
    Column("latest_level_pct", real_number(), nullable=False),
    Column("sample_count", Integer, nullable=False),
    Column("demand_liters", real_number()),
    Column("inflow_liters", real_number()),
)

stationary_supply_events = strict_table(
    "stationary_supply_events",
    _reservoir_key(),
    Column("started_at", UtcDateTime, primary_key=True),
    # End of the last hour with inflow.
    Column("ended_at", UtcDateTime, nullable=False),
    Column("duration_hours", Integer, nullable=False),
    Column("inflow_liters", real_number(), nullable=False),
)

mobile_hourly_series = strict_table(
    "mobile_hourly_series",
    _reservoir_key(),
    Column("hour_at", UtcDateTime, primary_key=True),
    Column("sample_count", Integer, nullable=False, server_default="0"),
    Column("moving_km", real_number(), nullable=False, server_default="0"),
)

mobile_stop_episodes = strict_table(
    "mobile_stop_episodes",
    _reservoir_key(),
    # The first point, not the estimated beginning: that may move when a late point comes.
    Column("first_point_at", UtcDateTime, primary_key=True),
    Column("last_point_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("point_count", Integer, nullable=False),
    Column("latitude", real_number(), nullable=False),
    Column("longitude", real_number(), nullable=False),
    Column("volume_before_liters", real_number()),
    Column("volume_after_liters", real_number()),
    Column("transit_change_liters", real_number()),
    Column("kind", Text, nullable=False),
    # Set by the clustering job, kept by the consumer.
    Column("place_id", Id),
    one_of("kind", *(kind.value for kind in StopKind)),
    Index(None, "reservoir_id", "last_point_at"),
)

mobile_places = strict_table(
    "mobile_places",
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("latitude", real_number(), nullable=False),
    Column("longitude", real_number(), nullable=False),
    Column("radius_meters", real_number(), nullable=False),
    Column("stop_count", Integer, nullable=False),
    Column("stay_hours", real_number(), nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    one_of("kind", *PLACE_KINDS),
)

reservoir_metrics_windows = strict_table(
    "reservoir_metrics_windows",
    _reservoir_key(),
    Column("window_name", Text, primary_key=True),
    Column("window_start_at", UtcDateTime, nullable=False),
    Column("window_end_at", UtcDateTime, nullable=False),
    Column("confidence", Text, nullable=False),
    *(Column(name, real_number()) for name in DEVICE_METRICS),
    Column("null_reasons", Json, nullable=False),
    one_of("window_name", *WINDOW_NAMES),
    one_of("confidence", *CONFIDENCES),
)

zone_metrics_windows = strict_table(
    "zone_metrics_windows",
    Column("zone_id", Text, primary_key=True),
    Column("window_name", Text, primary_key=True),
    Column("window_start_at", UtcDateTime, nullable=False),
    Column("window_end_at", UtcDateTime, nullable=False),
    *(Column(name, real_number()) for name in ZONE_METRICS),
    Column("null_reasons", Json, nullable=False),
    one_of("window_name", *WINDOW_NAMES),
)

READ_MODELS = (
    stationary_hourly_series,
    stationary_supply_events,
    mobile_hourly_series,
    mobile_stop_episodes,
    mobile_places,
    reservoir_metrics_windows,
    zone_metrics_windows,
)

# Whoever inserts an event wakes the consumer: the platform's own ingestion too.
_NOTIFY = (
    f"""CREATE OR REPLACE FUNCTION {NOTIFY_CHANNEL}_notify() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('{NOTIFY_CHANNEL}', ''); RETURN NULL; END $$""",
    f"""CREATE OR REPLACE TRIGGER {NOTIFY_CHANNEL}_inserted AFTER INSERT ON events
FOR EACH STATEMENT EXECUTE FUNCTION {NOTIFY_CHANNEL}_notify()""",
)
for _statement in _NOTIFY:
    _ddl = DDL(_statement)  # type: ignore[no-untyped-call]
    event.listen(events, "after_create", _ddl.execute_if(dialect="postgresql"))


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or set the given columns where the key is there already.

    Parameters
    ----------
    connection : Connection
    table : Table
    rows : sequence of mapping
        All with the same columns, the primary key among them.
    """
    if not rows:
        return
    make_insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    key = [column.name for column in table.primary_key]
    statement = make_insert(table)
    values = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=values), list(rows))


def chunks(items: Iterable[Any], size: int = IN_LIST_SIZE) -> Iterator[list[Any]]:
    """Cut items into lists that are short enough for one IN."""
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


def moment(milliseconds: int) -> datetime:
    """Return the aware moment of a Unix time. [ms]"""
    return _EPOCH + timedelta(milliseconds=int(milliseconds))


def hour_moment(hour: int) -> datetime:
    """Return the beginning of an hour counted from 1970-01-01 UTC."""
    return moment(int(hour) * HOUR_MS)


def milliseconds(at: datetime) -> int:
    """Return the Unix time of an aware moment, rounded down. [ms]"""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def epoch_ms(column: ColumnElement[Any], dialect_name: str) -> ColumnElement[int]:
    """Return the expression for a moment's Unix time: computed by the database, row by row. [ms]"""
    if dialect_name == "postgresql":
        return cast(func.floor(extract("epoch", column) * 1000), BigInteger)
    # Fixed width: 2026-02-12T10:00:00.005000Z
    seconds = cast(func.strftime("%s", column), Integer)
    return seconds * 1000 + cast(func.substr(column, 21, 3), Integer)
