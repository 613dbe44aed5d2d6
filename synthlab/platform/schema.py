"""The reference platform's tables, the same on SQLite and PostgreSQL.

Tables and columns are those of the platform contract; what is added is named in
the comments.  On SQLite the tables are STRICT, so that a text never lands in an
integer column.

Examples
--------
>>> from sqlalchemy import create_engine
>>> engine = create_engine("sqlite://")
>>> create_schema(engine)
>>> with engine.connect() as connection:
...     has_schema(connection)
True
>>> engine.dispose()
"""

from __future__ import annotations

import importlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import (
    JSON,
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    DateTime,
    Dialect,
    Double,
    Engine,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
    inspect,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

# Held while tables are made, so that two `provision` at once do not collide.
_SCHEMA_LOCK_KEY = 0x53594E544C4142


def utc_text(moment: datetime) -> str:
    """Write an aware moment as UTC text of a fixed width, which sorts as time does.

    Parameters
    ----------
    moment : datetime
        Aware.

    Examples
    --------
    >>> utc_text(datetime(2026, 2, 12, 10, 0, 0, 5000, tzinfo=UTC))
    '2026-02-12T10:00:00.005000Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment: timestamptz, or UTC text of fixed width on SQLite.

    Raises
    ------
    ValueError
        A moment without a time zone is bound.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Turn a moment into what the database stores."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("needs an aware datetime")
        return utc_text(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return what is stored as an aware UTC moment."""
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


class Id(TypeDecorator[uuid.UUID]):
    """A UUID; on SQLite as its usual text, which STRICT tables accept."""

    impl = Uuid(as_uuid=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Uuid(as_uuid=True))

    def process_bind_param(self, value: uuid.UUID | str | None, dialect: Dialect) -> Any:
        """Turn a UUID, or its text, into what the database stores."""
        if value is None:
            return None
        known = value if isinstance(value, uuid.UUID) else uuid.UUID(value)
        return str(known) if dialect.name == "sqlite" else known

    def process_result_value(self, value: Any, dialect: Dialect) -> uuid.UUID | None:
        """Return what is stored as a UUID."""
        return uuid.UUID(value) if isinstance(value, str) else value


class Flag(TypeDecorator[bool]):
    """A truth value; on SQLite 0 or 1 in an INTEGER column."""

    impl = Boolean
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else Boolean())

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:
        """Return what is stored as a bool."""
        return None if value is None else bool(value)


class Json(TypeDecorator[Any]):
    """A JSON document: JSONB, or text on SQLite."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else JSONB())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Turn a document into what the database stores."""
        if value is None or dialect.name != "sqlite":
            return value
        return orjson.dumps(value).decode()

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Return what is stored as Python's dicts, lists and scalars."""
        # The standard parser: orjson would turn an integer beyond 64 bits into a float.
        return json.loads(value) if isinstance(value, str) and dialect.name == "sqlite" else value


def big_integer() -> TypeEngine[int]:
    """Return int64; SQLite's INTEGER is one, and only under that name in a STRICT table."""
    return BigInteger().with_variant(Integer(), "sqlite")


def real_number() -> TypeEngine[float]:
    """Return float64 on both."""
    return Double().with_variant(REAL(), "sqlite")


def one_of(column: str, *values: str) -> CheckConstraint:
    """Return the rule that a text column holds one of some words, or null."""
    words = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_known")


def strict_table(name: str, *parts: Any, **options: Any) -> Table:
    """Add a table to `metadata`, STRICT on SQLite."""
    return Table(name, metadata, *parts, sqlite_strict=True, **options)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

reservoirs = strict_table(
    "reservoirs",
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("site_id", Text),
    Column("zone_id", Text),
    Column("reservoir_type", Text, nullable=False, server_default="TANK"),
    Column("mobility", Text, nullable=False, server_default="FIXED"),
    Column("is_pipe_connected", Flag, nullable=False, server_default=text("true")),
    # Nullable and unchecked, as in the field: judging them is preflight's and ingestion's part.
    Column("capacity_liters", real_number()),
    Column("height_mm", real_number()),
    Column("sensor_empty_distance_mm", real_number()),
    Column("sensor_full_distance_mm", real_number()),
    # Not in the contract: what the simulated tank looks like; ingestion is linear whatever it says.
    Column("shape", Text, nullable=False, server_default="upright"),
    # The cached state: of the latest reading by `recorded_at`.
    Column("level_state", Text),
    Column("last_level_pct", real_number()),
    Column("last_volume_liters", real_number()),
    Column("last_reading_at", UtcDateTime),
    Column("is_synthetic", Flag, nullable=False, server_default=text("false")),
    Column("deleted_at", UtcDateTime),
    one_of("reservoir_type", "TANK", "TRUCK_TANK", "BUFFER_TANK", "OTHER"),
    one_of("mobility", "FIXED", "MOBILE"),
    one_of("level_state", "FULL", "NORMAL", "LOW", "CRITICAL"),
)

devices = strict_table(
    "devices",
    Column("id", Id, primary_key=True),
    Column(
        "device_id", Text, CheckConstraint("device_id = upper(device_id)", name="uppercase"), nullable=False
    ),
    Column("reservoir_id", Id, ForeignKey("reservoirs.id"), index=True),
    Column("last_seen_at", UtcDateTime),
    Column("last_battery_pct", Integer),
    Column("status", Text, nullable=False, server_default="ACTIVE"),
    Column("is_synthetic", Flag, nullable=False, server_default=text("false")),
    UniqueConstraint("device_id"),
)

device_telemetry_messages = strict_table(
    "device_telemetry_messages",
    Column("id", Id, primary_key=True),
    Column("device_id", Id, ForeignKey("devices.id"), nullable=False),
    Column("mqtt_client_id", Text, nullable=False),
    Column("seq", big_integer(), nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("payload", Json, nullable=False),
    # No index by device and time: whatever asks so asks readings and points.
    UniqueConstraint("mqtt_client_id", "seq"),
)

reservoir_readings = strict_table(
    "reservoir_readings",
    Column("id", Id, primary_key=True),
    Column("reservoir_id", Id, ForeignKey("reservoirs.id"), nullable=False),
    Column("device_id", Id, ForeignKey("devices.id")),
    Column("device_seq", big_integer()),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("level_pct", real_number(), nullable=False),
    Column("volume_liters", real_number(), nullable=False),
    Column("battery_pct", Integer),
    Column("raw_sample_count", Integer),
    Column("raw_mean", real_number()),
    Column("raw_stddev", real_number()),
    Column("source", Text, nullable=False),
    Column("telemetry_message_id", Id, ForeignKey("device_telemetry_messages.id")),
    UniqueConstraint("device_id", "device_seq"),
    Index(None, "reservoir_id", "recorded_at"),
    # Written so that NaN, which PostgreSQL takes for the greatest number, fails too.
    CheckConstraint("level_pct >= 0 AND level_pct <= 100", name="level_pct_range"),
)

device_location_points = strict_table(
    "device_location_points",
    Column("id", Id, primary_key=True),
    Column("device_id", Id, ForeignKey("devices.id"), nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("latitude", real_number(), nullable=False),
    Column("longitude", real_number(), nullable=False),
    Column("speed_kmh", real_number()),
    Column("course_degrees", real_number()),
    Column("telemetry_message_id", Id, ForeignKey("device_telemetry_messages.id")),
    Index(None, "device_id", "recorded_at"),
)

events = strict_table(
    "events",
    # AUTOINCREMENT: a number is not given again, not even after the last row was deleted.
    Column("seq", big_integer(), Identity(always=False), primary_key=True),
    Column("id", Id, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject_type", Text, nullable=False),
    # A UUID as text, or the device's name where the platform has no UUID for it.
    Column("subject_id", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("data", Json, nullable=False),
    UniqueConstraint("id"),
    sqlite_autoincrement=True,
)

event_consumers = strict_table(
    "event_consumers",
    Column("consumer_name", Text, primary_key=True),
    Column("last_seq", big_integer(), nullable=False, server_default=text("0")),
    Column("updated_at", UtcDateTime, nullable=False),
)

CONTRACT_TABLES = frozenset(metadata.tables)
"""Names of the contract's tables; the read models and the ledger are not among them."""


def create_schema(engine: Engine) -> None:
    """Create every table that is not there yet.

    Parameters
    ----------
    engine : Engine
        Open for writing.
    """
    _add_further_tables()
    with engine.begin() as connection:
        lock_schema(connection)
        metadata.create_all(connection)


def lock_schema(connection: Connection) -> None:
    """Let nobody else make tables before the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _SCHEMA_LOCK_KEY})


def has_schema(connection: Connection) -> bool:
    """Say whether the contract's tables are there.  Reads only."""
    return set(inspect(connection).get_table_names()) >= CONTRACT_TABLES


def _add_further_tables() -> None:
    # Late: the read models and the ledger stand on this module's metadata.
    importlib.import_module("synthlab.platform.read_models")
    importlib.import_module("synthlab.platform.ledger")
