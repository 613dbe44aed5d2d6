"""A platform with a few devices, on each kind of database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, select, update
from sqlalchemy.orm import Session

from synthlab.adapters.database import Database, open_database
from synthlab.calibration import Reservoir
from synthlab.platform import schema
from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt
from synthlab.platform.provision import provision_devices

RECEIVED_AT = datetime(2026, 2, 12, 10, tzinfo=UTC)

# Empty at 2,000 mm, full at 200 mm: 18 mm are 1 %, and 10 liters.
TANK = Reservoir(
    device_id="TANK1", capacity_liters=1000.0, sensor_empty_distance_mm=2000.0, sensor_full_distance_mm=200.0
)
OTHER_TANK = Reservoir(
    device_id="TANK2", capacity_liters=500.0, sensor_empty_distance_mm=1000.0, sensor_full_distance_mm=0.0
)
TRUCK = Reservoir(
    device_id="TRUCK1",
    capacity_liters=10_000.0,
    sensor_empty_distance_mm=1850.0,
    sensor_full_distance_mm=250.0,
    reservoir_type="TRUCK_TANK",
    mobility="MOBILE",
    is_pipe_connected=False,
)

CONTRACT_TABLES = (
    schema.reservoirs,
    schema.devices,
    schema.device_telemetry_messages,
    schema.reservoir_readings,
    schema.device_location_points,
    schema.events,
)


def payload_of(
    seq: Any = 1, *, readings: Any = (1100, 1100, 1100, 1100, 1100), **parts: Any
) -> dict[str, Any]:
    """A usual payload; 1,100 mm are 50 %."""
    return {
        "schema_version": 1,
        "local_timestamp_ms": 1_770_890_400_000,
        "seq": seq,
        "sensors": {
            "ultrasonic": {
                "sensor_type": "ULTRASONIC",
                "local_timestamp_ms": 1_770_890_400_000,
                "raw_readings": list(readings) if isinstance(readings, tuple) else readings,
                "temperature_c": 21.5,
            }
        },
        "power": {"sensor_type": "POWER", "battery_percentage": 88},
        "signal_strength_dbm": -70,
        **parts,
    }


class Platform:
    """A database with the platform's tables, and what a test asks of it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def ingest(
        self, payload: Any, *, device_id: Any = "TANK1", after_seconds: float = 0, **options: Any
    ) -> str:
        """Ingest one message in a transaction of its own."""
        with self.database.session() as session:
            return self.ingest_in(
                session, payload, device_id=device_id, after_seconds=after_seconds, **options
            )

    def ingest_in(
        self,
        session: Session,
        payload: Any,
        *,
        device_id: Any = "TANK1",
        after_seconds: float = 0,
        **options: Any,
    ) -> str:
        """Ingest one message; at `RECEIVED_AT` if nothing else is said."""
        received_at = RECEIVED_AT + timedelta(seconds=after_seconds)
        return str(
            ingest_device_telemetry_from_mqtt(
                session, device_id=device_id, payload=payload, received_at=received_at, **options
            )
        )

    def rows(self, table: Table) -> list[dict[str, Any]]:
        """All rows of a table, in the order of its primary key."""
        with self.database.session() as session:
            query = select(table).order_by(*table.primary_key.columns)
            return [dict(row._mapping) for row in session.connection().execute(query)]

    def row(self, table: Table) -> dict[str, Any]:
        """The only row of a table."""
        (row,) = self.rows(table)
        return row

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        return {table.name: self.rows(table) for table in CONTRACT_TABLES}

    def device(self, device_id: str) -> dict[str, Any]:
        (found,) = [row for row in self.rows(schema.devices) if row["device_id"] == device_id]
        return found

    def reservoir(self, device_id: str) -> dict[str, Any]:
        wanted = self.device(device_id)["reservoir_id"]
        (found,) = [row for row in self.rows(schema.reservoirs) if row["id"] == wanted]
        return found

    def change_reservoir(self, device_id: str, **values: Any) -> None:
        key: uuid.UUID = self.reservoir(device_id)["id"]
        self._change(schema.reservoirs, key, values)

    def change_device(self, device_id: str, **values: Any) -> None:
        self._change(schema.devices, self.device(device_id)["id"], values)

    def _change(self, table: Table, key: uuid.UUID, values: dict[str, Any]) -> None:
        with self.database.session() as session:
            session.connection().execute(update(table).where(table.c.id == key).values(values))


@pytest.fixture
def empty_database(database_url: str) -> Iterator[Database]:
    with open_database(database_url) as database:
        yield database


@pytest.fixture
def platform(empty_database: Database) -> Platform:
    """The contract's tables with the devices TANK1, TANK2 and TRUCK1."""
    schema.create_schema(empty_database.engine)
    with empty_database.session() as session:
        provision_devices(session, [TANK, OTHER_TANK, TRUCK])
    return Platform(empty_database)
