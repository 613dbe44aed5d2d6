"""purge takes out what a run imported, and leaves what would be there without it."""

from __future__ import annotations

import os
from typing import Any

import pytest
from sqlalchemy import create_engine, inspect, text

import synthlab
from synthlab.errors import UsageError
from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt
from synthlab.workflows.connect import open_platform
from tests.faults.conftest import END_AT, Site, Sites
from tests.faults.worker import run

NEW = {"ledger": None, "consumed": None}


def later_messages(site: Site) -> None:
    """Live telemetry of both devices: in the artifact's time, and after it."""
    scenario = synthlab.load_scenario(str(site.folder / "tiny.yaml"))
    frame = synthlab.backfill(
        scenario, end_at="2026-02-12T15:00:00Z", first_seq=dict.fromkeys(("E2ETINYSTAT1", "E2ETINYMOB1"), 50)
    ).frame
    from synthlab.payload import emissions

    with open_platform(site.url) as platform:
        with platform.session() as session:
            for message in emissions(frame):
                ingest_device_telemetry_from_mqtt(
                    session,
                    device_id=message.device_id,
                    payload=message.payload,
                    received_at=message.received_at,
                    mqtt_client_id=message.device_id,
                )
        from synthlab.platform.consumer import drain
        from synthlab.platform.places import cluster_places

        drain(platform)
        with platform.session() as session:
            cluster_places(session)


def rounded(left: dict[str, Any]) -> dict[str, Any]:
    return {**left, **NEW}


def test_what_came_by_other_ways_stays(sites: Sites) -> None:
    site = sites.new()
    later_messages(site)
    other = sites.new()
    later_messages(other)
    assert other.run_import() == 0
    looked = synthlab.purge("r1", database=other.url)
    assert (looked.messages, looked.readings, looked.apply) == (sites.row_count, sites.row_count, False)
    imported = other.left_in_database()
    assert synthlab.purge("r1", database=other.url, apply=True).messages == looked.messages
    assert rounded(other.left_in_database()) != rounded(imported)
    # The ledger's tables are there now, and empty.
    assert other.left_in_database()["ledger"] == []
    before = {name: rows for name, rows in dump_without_ledger(site).items() if name != "consumed"}
    after = {name: rows for name, rows in dump_without_ledger(other).items() if name != "consumed"}
    assert after == before


@pytest.mark.parametrize("is_hindered", [False, True])
def test_a_purge_leaves_the_indexes_as_they_were(sites: Sites, is_hindered: bool) -> None:
    site = sites.new()
    assert site.run_import() == 0
    engine = create_engine(site.url)
    if is_hindered:
        with engine.begin() as connection:
            connection.execute(text("CREATE INDEX reservoir_readings_purge_idx ON reservoir_readings (id)"))

    def indexes() -> dict[str, Any]:
        tables = ("reservoir_readings", "device_location_points")
        return {name: inspect(engine).get_indexes(name) for name in tables}

    before = indexes()
    assert synthlab.purge("r1", database=site.url, apply=True).readings == sites.row_count
    assert indexes() == before
    engine.dispose()


def dump_without_ledger(site: Site) -> dict[str, Any]:
    from tests.oracles import dump

    return dump.platform(site.url)


def test_a_purged_run_can_be_imported_again(sites: Sites, expected: dict[str, Any]) -> None:
    site = sites.new()
    assert site.run_import(("kill_at", "batch.committed", 3)) == -9
    purged = synthlab.purge("r1", database=site.url, apply=True)
    assert (purged.messages, purged.read_models_rebuilt) == (60, False)
    assert site.run_import() == 0
    left = site.left()
    assert {**left, "consumed": None} == {**expected, "consumed": None}


def test_a_bootstrap_is_purged_too(sites: Sites) -> None:
    site = sites.new()
    arguments = {"scenario": str(site.folder / "tiny.yaml"), "database": site.url, "end_at": END_AT}
    assert run("bootstrap", {**arguments, "state_file": str(site.folder / "state.json")}) == 0
    result = synthlab.purge("bootstrap-2026-02-12T10:00:00Z", database=site.url, apply=True)
    assert (result.messages, result.read_models_rebuilt) == (sites.row_count, True)
    left = dump_without_ledger(site)
    for table in ("device_telemetry_messages", "stationary_hourly_series", "mobile_places", "events"):
        assert left[table] == []


def test_a_run_that_nobody_imported(sites: Sites) -> None:
    site = sites.new()
    for apply in (False, True):
        with pytest.raises(UsageError, match="no import of this run"):
            synthlab.purge("r1", database=site.url, apply=apply)
    with pytest.raises(UsageError):
        synthlab.purge("r1", database=f"sqlite:///{site.folder}/nothing.db", apply=False)
    assert not os.path.exists(site.folder / "nothing.db")
