from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from synthlab.adapters.database import Database, open_database
from synthlab.calibration import Reservoir, reservoirs_from_frame
from synthlab.errors import SafetyError, UsageError
from synthlab.platform.lookup import FRAME_COLUMNS, attachments, reservoirs_frame
from synthlab.platform.provision import ProvisionCounts, provision_devices
from synthlab.platform.schema import create_schema, devices, reservoirs

TANK = Reservoir(
    device_id="TANK1",
    capacity_liters=1000.0,
    sensor_empty_distance_mm=2000.0,
    sensor_full_distance_mm=200.0,
    height_mm=1900.0,
    zone_id="ZONE_A",
    origin="scenario",
)
TRUCK = Reservoir(
    device_id="TRUCK1",
    capacity_liters=10_000.0,
    sensor_empty_distance_mm=1850.0,
    sensor_full_distance_mm=250.0,
    shape="lying_cylinder",
    reservoir_type="TRUCK_TANK",
    mobility="MOBILE",
    is_pipe_connected=False,
    reservoir_id="0d9a3a0e-92a4-4f86-9a4a-6a4c3c0f6d11",
    origin="scenario",
)


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    with open_database(sqlite_url) as opened:
        create_schema(opened.engine)
        yield opened


def provision(database: Database, *wanted: Reservoir, **options: Any) -> ProvisionCounts:
    with database.session() as session:
        return provision_devices(session, wanted, **options)


def stored(database: Database) -> tuple[list[Any], list[Any]]:
    with database.session() as session:
        connection = session.connection()
        return (
            [tuple(row) for row in connection.execute(select(devices).order_by(devices.c.id))],
            [tuple(row) for row in connection.execute(select(reservoirs).order_by(reservoirs.c.id))],
        )


def change(database: Database, table: Any, **values: Any) -> None:
    with database.session() as session:
        session.connection().execute(update(table).values(values))


def test_devices_come_with_their_reservoirs(database: Database) -> None:
    assert provision(database, TANK, TRUCK, site="north") == ProvisionCounts(2, 0, 0)
    with database.session() as session:
        found = attachments(session, ["truck1", "TANK1", "NOBODY", "ı"])
    assert sorted(found) == ["TANK1", "TRUCK1"]
    truck = found["TRUCK1"]
    assert truck.reservoir_id == TRUCK.reservoir_id
    for name in ("capacity_liters", "shape", "reservoir_type", "mobility", "is_pipe_connected", "zone_id"):
        assert getattr(truck, name) == getattr(TRUCK, name)
    assert (truck.device_is_synthetic, truck.reservoir_is_synthetic, truck.is_deleted) == (True, True, False)
    assert (found["TANK1"].zone_id, found["TANK1"].site_id) == ("ZONE_A", "north")


def test_the_second_time_nothing_changes(database: Database) -> None:
    provision(database, TANK, TRUCK)
    before = stored(database)
    assert provision(database, TRUCK, TANK) == ProvisionCounts(0, 0, 2)
    assert stored(database) == before


def test_what_differs_is_updated_and_the_state_is_kept(database: Database) -> None:
    provision(database, TANK, TRUCK)
    change(database, reservoirs, level_state="LOW", last_level_pct=12.5)
    change(database, devices, last_battery_pct=70)
    assert provision(database, replace(TANK, capacity_liters=1200.0), TRUCK) == ProvisionCounts(0, 1, 1)
    with database.session() as session:
        assert attachments(session, ["TANK1"])["TANK1"].capacity_liters == 1200.0
        states = session.connection().execute(select(reservoirs.c.level_state, reservoirs.c.last_level_pct))
        assert set(states) == {("LOW", 12.5)}
        assert set(session.connection().scalars(select(devices.c.last_battery_pct))) == {70}


def test_a_detached_device_is_attached_again(database: Database) -> None:
    provision(database, TANK)
    change(database, devices, reservoir_id=None)
    change(database, reservoirs, deleted_at=None)
    with database.session() as session:
        assert attachments(session, ["TANK1"])["TANK1"].reservoir_id is None
        assert reservoirs_frame(session).empty
    assert provision(database, TANK) == ProvisionCounts(0, 1, 0)
    with database.session() as session:
        assert list(reservoirs_frame(session).index) == ["TANK1"]


@pytest.mark.parametrize(("table", "kind"), [(devices, "device"), (reservoirs, "reservoir")])
def test_what_is_not_synthetic_is_not_touched(database: Database, table: Any, kind: str) -> None:
    provision(database, TANK, TRUCK)
    change(database, table, is_synthetic=False)
    before = stored(database)
    new = replace(TANK, device_id="NEW1")
    with pytest.raises(SafetyError) as caught:
        provision(database, new, replace(TANK, capacity_liters=1.0), TRUCK)
    assert (caught.value.code, caught.value.exit_code) == ("SAFETY_GUARD", 11)
    places = {problem.path for problem in caught.value.problems}
    assert places == {"devices[TANK1]", "devices[TRUCK1]"}
    assert f"the {kind} is there and not marked synthetic" in str(caught.value)
    assert stored(database) == before


def test_a_synthetic_device_is_not_moved_away_from_a_real_reservoir(database: Database) -> None:
    provision(database, TANK)
    real = uuid.UUID("00000000-0000-4000-8000-000000000001")
    with database.session() as session:
        session.connection().execute(reservoirs.insert().values(id=real, name="real", capacity_liters=5.0))
        session.connection().execute(update(devices).values(reservoir_id=real))
    before = stored(database)
    with pytest.raises(SafetyError):
        provision(database, TANK)
    assert stored(database) == before


@pytest.mark.parametrize(
    "wanted",
    [
        (replace(TANK, device_id="taı"),),
        (TANK, replace(TANK, device_id="tank1")),
        (replace(TANK, reservoir_id="7"),),
    ],
)
def test_a_bad_call_lists_its_problems(database: Database, wanted: tuple[Reservoir, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        provision(database, *wanted)
    assert caught.value.code == "BAD_ARGUMENT"
    assert stored(database) == ([], [])


def test_the_frame_gives_the_engine_its_reservoirs(database: Database) -> None:
    provision(database, TRUCK, TANK)
    with database.session() as session:
        frame = reservoirs_frame(session)
    assert tuple(frame.columns) == FRAME_COLUMNS
    assert list(frame.index) == ["TANK1", "TRUCK1"]
    assert frame["is_synthetic"].all()
    found = reservoirs_from_frame(frame)
    assert found["TRUCK1"] == replace(TRUCK, origin="platform")


def test_the_frame_shows_what_the_height_stands_for_and_no_deleted_reservoir(database: Database) -> None:
    provision(database, TANK, TRUCK)
    with database.session() as session:
        by_id = {f.device_id: f.reservoir_id for f in attachments(session, ["TANK1", "TRUCK1"]).values()}
        connection = session.connection()
        connection.execute(
            update(reservoirs)
            .where(reservoirs.c.id == by_id["TANK1"])
            .values(sensor_empty_distance_mm=None, sensor_full_distance_mm=None)
        )
        connection.execute(
            update(reservoirs)
            .where(reservoirs.c.id == by_id["TRUCK1"])
            .values(deleted_at=datetime(2026, 2, 12, tzinfo=UTC))
        )
        frame = reservoirs_frame(session)
        assert attachments(session, ["TRUCK1"])["TRUCK1"].is_deleted
    assert list(frame.index) == ["TANK1"]
    assert tuple(frame.loc["TANK1", ["sensor_empty_distance_mm", "sensor_full_distance_mm"]]) == (1900.0, 0.0)


def test_thousands_of_devices_are_looked_up_at_once(database: Database) -> None:
    names = [f"D{i}" for i in range(2000)]
    provision(database, *(replace(TANK, device_id=name) for name in names[::2]))
    with database.session() as session:
        assert sorted(attachments(session, names)) == sorted(names[::2])
