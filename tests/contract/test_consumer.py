"""The analytics consumer, on both databases: what it stores, and what disturbs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import func, select, update

from synthlab.adapters.database import Database, open_database
from synthlab.calibration import Reservoir
from synthlab.errors import UsageError
from synthlab.payload import Emission, emissions
from synthlab.platform import consumer, read_models, schema
from synthlab.platform.consumer import drain
from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt
from synthlab.platform.places import cluster_places
from synthlab.platform.provision import provision_devices
from synthlab.platform.wake import run_consumer, wait_for_events
from synthlab.quality.formulas import DEVICE_METRICS
from synthlab.quality.metrics import metrics_from_frame
from synthlab.quality.windows import WINDOW_NAMES
from tests.contract.conftest import RECEIVED_AT, Platform, payload_of
from tests.fleets import END_SECOND, run, tank, truck

NORTH = {"zone_id": "NORTH"}
STEPS = ("update_stationary", "update_mobile_counts", "update_stops", "update_windows")


@cache
def history() -> tuple[tuple[Reservoir, ...], pd.DataFrame, tuple[Emission, ...]]:
    """Return the reservoirs, the frame and the messages of two tanks and two trucks over 30 hours."""
    devices = (
        tank("TANK-A", step_seconds=900, reservoir=NORTH),
        tank("TANK-C", "stationary_archetype_c", step_seconds=900, reservoir={"zone_id": "SOUTH"}),
        truck("TRUCK-H", reservoir=NORTH),
        truck("TRUCK-L", "mobile_fragmented_high_loss", reservoir=NORTH, no_echo_prob=0.3),
    )
    frame = run(devices, days=1.25, end_second=END_SECOND + 600).frame
    return tuple(device.reservoir for device in devices), frame, tuple(emissions(frame))


def ingest(database: Database, messages: Sequence[Emission]) -> None:
    rest = iter(messages)
    while part := list(islice(rest, 500)):
        with database.session() as session:
            for message in part:
                ingest_device_telemetry_from_mqtt(
                    session,
                    device_id=message.device_id,
                    payload=message.payload,
                    received_at=message.received_at,
                )


@pytest.fixture
def database(empty_database: Database) -> Database:
    """A platform that knows the devices of `history`, and has no telemetry."""
    schema.create_schema(empty_database.engine)
    with empty_database.session() as session:
        provision_devices(session, history()[0])
    return empty_database


def rows(database: Database, table: Any) -> list[dict[str, Any]]:
    with database.session() as session:
        query = select(table).order_by(*table.primary_key.columns)
        return [dict(row._mapping) for row in session.connection().execute(query)]


def models(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every read model; numbers rounded to what summing in another order may change."""

    def tidy(value: Any) -> Any:
        return round(value, 6) + 0.0 if isinstance(value, float) else value

    return {
        table.name: [{name: tidy(value) for name, value in row.items()} for row in rows(database, table)]
        for table in read_models.READ_MODELS
    }


@cache
def expected_models() -> dict[str, list[dict[str, Any]]]:
    """The read models after one undisturbed drain."""
    with open_database("sqlite://") as database:
        schema.create_schema(database.engine)
        with database.session() as session:
            provision_devices(session, history()[0])
        ingest(database, history()[2])
        drain(database)
        return models(database)


def cursor(database: Database) -> int:
    found = rows(database, schema.event_consumers)
    return found[0]["last_seq"] if found else 0


def event_count(database: Database) -> int:
    return len(rows(database, schema.events))


def test_what_is_stored_equals_the_metrics_of_the_frame(database: Database) -> None:
    reservoirs, frame, messages = history()
    ingest(database, messages)
    result = drain(database)
    assert result.events_processed == event_count(database) == cursor(database)
    assert result.is_complete
    names = {row["reservoir_id"]: row["device_id"] for row in rows(database, schema.devices)}
    stored = pd.DataFrame(rows(database, read_models.reservoir_metrics_windows))
    stored["device_id"] = stored["reservoir_id"].map(names)
    known = {entry.device_id: entry for entry in reservoirs}
    for window in WINDOW_NAMES:
        wanted = metrics_from_frame(frame, reservoirs=known, window=window)
        got = stored[stored["window_name"] == window].set_index("device_id").sort_index()
        assert got["confidence"].tolist() == wanted["confidence"].tolist()
        assert (got["window_end_at"] == wanted["window_end_at"]).all()
        for name in DEVICE_METRICS:
            numbers = got[name].astype("float64").to_numpy(), wanted[name].to_numpy()
            np.testing.assert_allclose(*numbers, rtol=1e-9, atol=1e-6, err_msg=f"{window} {name}")
        for device_id, reasons in got["null_reasons"].items():
            expected = dict(wanted.loc[device_id, "null_reasons"])
            expected.pop("resilience_ratio", None)
            assert reasons == expected


def test_zones_sum_their_pipes_and_trucks(database: Database) -> None:
    reservoirs, frame, messages = history()
    ingest(database, messages)
    drain(database)
    wanted = metrics_from_frame(frame, reservoirs={r.device_id: r for r in reservoirs}, window="24h")
    zones = {
        row["zone_id"]: row
        for row in rows(database, read_models.zone_metrics_windows)
        if row["window_name"] == "24h"
    }
    assert sorted(zones) == ["NORTH", "SOUTH"]
    for zone_id, members in wanted.groupby("zone_id"):
        assert zones[zone_id]["pipeflow_liters"] == pytest.approx(members["pipeflow_liters"].sum())
        assert zones[zone_id]["truckflow_liters"] == pytest.approx(members["truckflow_liters"].sum())
        assert zones[zone_id]["resilience_ratio"] == pytest.approx(members["resilience_ratio"].iloc[0])


def test_both_databases_hold_the_same_read_models(database: Database) -> None:
    ingest(database, history()[2])
    drain(database)
    assert models(database) == expected_models()


def test_draining_again_changes_nothing(database: Database) -> None:
    ingest(database, history()[2])
    drain(database)
    before = models(database), rows(database, schema.event_consumers)
    again = drain(database)
    assert (again.events_processed, again.batches, again.transactions) == (0, 0, 0)
    assert (models(database), rows(database, schema.event_consumers)) == before


def test_replaying_every_event_changes_nothing(database: Database) -> None:
    ingest(database, history()[2])
    drain(database)
    with database.session() as session:
        session.connection().execute(update(schema.event_consumers).values(last_seq=0))
    assert drain(database).events_processed == event_count(database)
    assert models(database) == expected_models()


@pytest.mark.parametrize(("batch_size", "per_transaction"), [(1, 1_000), (7, 21), (300, 300), (5_000, 200)])
def test_batches_do_not_matter(
    database: Database, monkeypatch: pytest.MonkeyPatch, batch_size: int, per_transaction: int
) -> None:
    monkeypatch.setattr(consumer, "EVENTS_PER_TRANSACTION", per_transaction)
    messages = history()[2] if batch_size > 7 else history()[2][:300]
    ingest(database, messages)
    result = drain(database, batch_size=batch_size)
    count = event_count(database)
    assert result.events_processed == count
    assert result.batches >= -(-count // batch_size)
    disturbed = models(database)
    with database.session() as session:
        for table in reversed(read_models.READ_MODELS):
            session.connection().execute(table.delete())
        session.connection().execute(schema.event_consumers.delete())
    monkeypatch.undo()
    drain(database)
    assert models(database) == disturbed


def test_late_messages_and_drains_between_give_the_same(database: Database) -> None:
    messages = list(history()[2])
    # A third comes hours late, some of it backwards; the rest in order.
    late = messages[::3]
    prompt = [message for i, message in enumerate(messages) if i % 3]
    for part in (prompt[:400], prompt[400:], late[200:], late[:200][::-1]):
        ingest(database, part)
        drain(database)
    assert models(database) == expected_models()


@pytest.mark.parametrize("step", STEPS)
def test_a_drain_that_breaks_anywhere_leaves_nothing_and_can_go_on(
    database: Database, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    ingest(database, history()[2])
    monkeypatch.setattr(consumer, "EVENTS_PER_TRANSACTION", 400)
    whole, calls = getattr(consumer, step), []

    def breaks(*arguments: Any) -> None:
        whole(*arguments)
        calls.append(step)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(consumer, step, breaks)
    with pytest.raises(KeyboardInterrupt):
        drain(database)
    assert len(calls) == 2
    assert cursor(database) == 400
    monkeypatch.setattr(consumer, step, whole)
    drain(database)
    assert models(database) == expected_models()


def test_two_consumers_do_not_race(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(database, history()[2])
    monkeypatch.setattr(consumer, "EVENTS_PER_TRANSACTION", 200)
    results: list[consumer.DrainResult] = []
    threads = [threading.Thread(target=lambda: results.append(drain(database))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sum(result.events_processed for result in results) == event_count(database)
    assert len(results) == 2
    assert models(database) == expected_models()


def test_other_events_are_passed_by(platform: Platform) -> None:
    platform.ingest(payload_of(1), device_id="NOBODY")
    assert drain(platform.database).events_processed == 1
    assert models(platform.database)["stationary_hourly_series"] == []
    assert drain(platform.database).events_processed == 0


def test_a_batch_needs_an_event(platform: Platform) -> None:
    with pytest.raises(UsageError) as caught:
        drain(platform.database, batch_size=0)
    assert caught.value.code == "BAD_ARGUMENT"


def test_a_silent_reservoirs_windows_move_on_with_the_others(platform: Platform) -> None:
    platform.ingest(payload_of(1), device_id="TANK1")
    drain(platform.database)
    platform.ingest(payload_of(1), device_id="TANK2", after_seconds=3 * 3600)
    drain(platform.database)
    day = [
        row
        for row in rows(platform.database, read_models.reservoir_metrics_windows)
        if row["window_name"] == "24h"
    ]
    assert len({row["window_end_at"] for row in day}) == 1
    assert [row["observed_hours"] for row in day] == [1.0, 1.0]


def test_a_supply_event_grows_and_leaves_those_of_others_alone(platform: Platform) -> None:
    # TANK1 rises from hour 10 on, TANK2 from hour 7 to 10; a drain lies within the first's rise.
    for hour in range(17):
        if hour == 13:
            drain(platform.database)
        first, second = 10 + 2 * max(hour - 9, 0), 10 + 2 * min(max(hour - 6, 0), 4)
        for device_id, distance in (("TANK1", 2000 - 18 * first), ("TANK2", 1000 - 10 * second)):
            platform.ingest(
                payload_of(hour, readings=(distance,) * 5), device_id=device_id, after_seconds=hour * 3600
            )
    drain(platform.database)
    found = rows(platform.database, read_models.stationary_supply_events)
    begin = {hour: RECEIVED_AT + timedelta(hours=hour) for hour in (7, 10, 11, 17)}
    names = {platform.reservoir(name)["id"]: name for name in ("TANK1", "TANK2")}
    assert sorted(
        (names[row["reservoir_id"]], row["started_at"], row["ended_at"], row["duration_hours"])
        for row in found
    ) == [("TANK1", begin[10], begin[17], 7), ("TANK2", begin[7], begin[11], 4)]
    assert sorted(row["inflow_liters"] for row in found) == pytest.approx([40.0, 140.0])


def test_places_are_found_named_and_kept(database: Database) -> None:
    ingest(database, history()[2])
    drain(database)
    with database.session() as session:
        count = cluster_places(session, min_stops=2)
    places = {row["id"]: row for row in rows(database, read_models.mobile_places)}
    assert count == len(places)
    assert {"BASE", "REFILL_DEPOT", "CLIENT_CLUSTER"} <= {row["kind"] for row in places.values()}
    stops = rows(database, read_models.mobile_stop_episodes)
    told = [row["place_id"] for row in stops if row["place_id"] is not None]
    assert {place: told.count(place) for place in places} == {
        k: row["stop_count"] for k, row in places.items()
    }
    # Draining and clustering again keeps every name.
    with database.session() as session:
        session.connection().execute(update(schema.event_consumers).values(last_seq=0))
    drain(database)
    assert rows(database, read_models.mobile_stop_episodes) == stops
    with database.session() as session:
        cluster_places(session, min_stops=2)
    assert {row["id"]: row for row in rows(database, read_models.mobile_places)} == places


def test_no_stops_make_no_places(platform: Platform) -> None:
    with platform.database.session() as session:
        assert cluster_places(session) == 0


def test_waiting_ends_at_once_where_an_event_is_there_and_else_in_time(platform: Platform) -> None:
    engine = platform.database.engine
    assert not wait_for_events(engine, timeout_seconds=0)
    platform.ingest(payload_of(1))
    assert wait_for_events(engine, timeout_seconds=60)
    drain(platform.database)
    assert not wait_for_events(engine, timeout_seconds=0)


def test_a_running_consumer_is_woken_and_stops(platform: Platform) -> None:
    stop, drained = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=run_consumer,
        args=(platform.database, platform.database.engine),
        kwargs={"stop": stop, "on_drained": lambda _: drained.set()},
    )
    thread.start()
    try:
        platform.ingest(payload_of(1))
        assert drained.wait(30)
    finally:
        stop.set()
        thread.join(timeout=30)
    assert not thread.is_alive()
    assert len(models(platform.database)["stationary_hourly_series"]) == 1


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Platform]:
    with open_database(postgres_url) as database:
        schema.create_schema(database.engine)
        with database.session() as session:
            provision_devices(session, history()[0])
        yield Platform(database)


def test_postgresql_notifies(postgres: Platform) -> None:
    engine = postgres.database.engine
    listening, woken = threading.Event(), []

    def wait() -> None:
        listening.set()
        # Without a notification it would look again after ten minutes only.
        woken.append(wait_for_events(engine, timeout_seconds=600, poll_seconds=600))

    thread = threading.Thread(target=wait)
    thread.start()
    assert listening.wait(30)
    ingest(postgres.database, history()[2][:1])
    thread.join(timeout=60)
    assert woken == [True]


def test_an_event_that_others_have_overtaken_is_not_lost(
    postgres: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "WRITER_PATIENCE_SECONDS", 0.1)
    database, messages = postgres.database, history()[2]
    # Two writers of one device would wait for each other's row of `devices`.
    first, second = ([m for m in messages if m.device_id == name] for name in ("TANK-A", "TANK-C"))
    ingest(database, first[:2])
    with database.session() as slow:
        for message in first[2:4]:
            ingest_device_telemetry_from_mqtt(
                slow, device_id=message.device_id, payload=message.payload, received_at=message.received_at
            )
        ingest(database, second[:4])
        held = drain(database)
        assert (held.events_processed, held.last_seq, held.is_complete) == (2, 2, False)
    rest = drain(database)
    assert (rest.events_processed, rest.last_seq, rest.is_complete) == (6, 8, True)


def test_a_number_that_was_rolled_back_does_not_hold_the_consumer_up(
    postgres: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, messages = postgres.database, history()[2]
    ingest(database, messages[:1])
    with pytest.raises(KeyboardInterrupt), database.session() as session:
        ingest_device_telemetry_from_mqtt(
            session,
            device_id=messages[1].device_id,
            payload=messages[1].payload,
            received_at=messages[1].received_at,
        )
        raise KeyboardInterrupt
    ingest(database, messages[2:3])
    with database.session() as session:
        assert session.connection().execute(select(func.max(schema.events.c.seq))).scalar() == 3
    assert drain(database).last_seq == 3
