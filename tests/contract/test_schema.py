"""The platform's tables: the same names and the same guards on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import func, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError, StatementError

from synthlab.adapters.database import Database
from synthlab.platform import schema
from tests.contract.conftest import Platform, payload_of

CONTRACT_COLUMNS = {
    "reservoirs": "id name site_id zone_id reservoir_type mobility is_pipe_connected capacity_liters "
    "height_mm sensor_empty_distance_mm sensor_full_distance_mm level_state is_synthetic deleted_at",
    "devices": "id device_id reservoir_id last_seen_at last_battery_pct status is_synthetic",
    "device_telemetry_messages": "id device_id mqtt_client_id seq received_at recorded_at payload",
    "reservoir_readings": "id reservoir_id device_id device_seq recorded_at level_pct volume_liters "
    "battery_pct raw_sample_count raw_mean raw_stddev source telemetry_message_id",
    "device_location_points": "id device_id recorded_at latitude longitude speed_kmh course_degrees "
    "telemetry_message_id",
    "events": "seq id type subject_type subject_id created_at data",
    "event_consumers": "consumer_name last_seq updated_at",
}
READ_MODELS = {
    "stationary_hourly_series",
    "stationary_supply_events",
    "mobile_stop_episodes",
    "mobile_places",
    "reservoir_metrics_windows",
    "zone_metrics_windows",
}


def test_every_table_and_column_of_the_contract_is_there(platform: Platform) -> None:
    with platform.database.session() as session:
        inspector = inspect(session.connection())
        tables = set(inspector.get_table_names())
        assert tables >= READ_MODELS
        for table, names in CONTRACT_COLUMNS.items():
            assert {column["name"] for column in inspector.get_columns(table)} >= set(names.split())


def test_making_the_tables_twice_changes_nothing(platform: Platform) -> None:
    platform.ingest(payload_of(1))
    before = platform.everything()
    schema.create_schema(platform.database.engine)
    assert platform.everything() == before


def test_has_schema_wants_every_table(empty_database: Database) -> None:
    with empty_database.session() as session:
        assert not schema.has_schema(session.connection())
    schema.create_schema(empty_database.engine)
    with empty_database.session() as session:
        assert schema.has_schema(session.connection())
        session.connection().execute(text("DROP TABLE event_consumers"))
        assert not schema.has_schema(session.connection())


def test_moments_come_back_aware_and_sort_as_they_passed(platform: Platform) -> None:
    base = datetime(2026, 2, 12, 10, tzinfo=UTC)
    moments = [base + timedelta(milliseconds=ms) for ms in (0, 5, 50, 500, 999, 1000, 60_000)]
    # Written in another zone, so that a text of local time would sort otherwise.
    written = [m.astimezone(timezone(timedelta(hours=-11 + 3 * i))) for i, m in enumerate(moments)]
    table = schema.event_consumers
    with platform.database.session() as session:
        rows = [{"consumer_name": f"c{i}", "updated_at": at} for i, at in enumerate(written)]
        session.connection().execute(insert(table), list(reversed(rows)))
    with platform.database.session() as session:
        found = session.connection().scalars(select(table.c.updated_at).order_by(table.c.updated_at)).all()
        latest = session.connection().scalar(select(func.max(table.c.updated_at)))
        after = session.connection().scalars(
            select(table.c.updated_at).where(table.c.updated_at > written[4])
        )
        assert sorted(after) == moments[5:]
    assert list(found) == moments
    assert {moment.utcoffset() for moment in found} == {timedelta(0)}
    assert latest == moments[-1]


def test_a_moment_without_zone_is_refused(platform: Platform) -> None:
    row = {"consumer_name": "c", "updated_at": datetime(2026, 2, 12)}
    with pytest.raises(StatementError), platform.database.session() as session:
        session.connection().execute(insert(schema.event_consumers), row)


def test_a_row_without_the_optional_columns_is_a_real_device(platform: Platform) -> None:
    with platform.database.session() as session:
        session.connection().execute(
            insert(schema.devices).values(id="00000000-0000-4000-8000-000000000001", device_id="REAL1")
        )
    device = platform.device("REAL1")
    assert (device["is_synthetic"], device["status"], device["reservoir_id"]) == (False, "ACTIVE", None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE devices SET device_id = 'tank1' WHERE device_id = 'TANK1'",
        "UPDATE devices SET device_id = 'TANK2' WHERE device_id = 'TANK1'",
        "UPDATE devices SET last_battery_pct = 'full'",
        "UPDATE reservoirs SET reservoir_type = 'POND'",
        "UPDATE reservoirs SET level_state = 'WET'",
        "UPDATE devices SET reservoir_id = '00000000-0000-4000-8000-000000000001'",
        "UPDATE reservoir_readings SET level_pct = 101",
        "UPDATE reservoir_readings SET level_pct = 'NaN'",
        "UPDATE device_telemetry_messages SET payload = NULL",
    ],
)
def test_the_database_refuses_what_is_wrong(platform: Platform, statement: str) -> None:
    platform.ingest(payload_of(1))
    before = platform.everything()
    with pytest.raises(DBAPIError), platform.database.session() as session:
        session.connection().execute(text(statement))
    assert platform.everything() == before
