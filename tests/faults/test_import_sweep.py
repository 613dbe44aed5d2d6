"""Killed at every step, run again: an import leaves what one that nothing stopped leaves."""

from __future__ import annotations

from typing import Any

import pytest

import synthlab
from synthlab.steps import STEPS
from tests.faults.conftest import END_AT, Site, Sites
from tests.faults.worker import run
from tests.oracles.dump import ask, progress

KILLED = -9
IMPORT_STEPS = tuple(name for name in STEPS if not name.startswith("artifact."))
BATCH_STEPS = tuple(name for name in IMPORT_STEPS if name.startswith("batch."))


@pytest.mark.parametrize("name", IMPORT_STEPS)
def test_killed_at_a_step_and_run_again(sites: Sites, expected: dict[str, Any], name: str) -> None:
    # 98 rows in batches of 20 come through a batch's steps five times: here the second.
    assert_kill_changes_nothing(sites, expected, name, 2 if name in BATCH_STEPS else 1)


@pytest.mark.long
@pytest.mark.parametrize("nth", [1, 3, 4, 5])
@pytest.mark.parametrize("name", BATCH_STEPS)
def test_killed_at_a_step_of_any_batch(sites: Sites, expected: dict[str, Any], name: str, nth: int) -> None:
    assert_kill_changes_nothing(sites, expected, name, nth)


def assert_kill_changes_nothing(sites: Sites, expected: dict[str, Any], name: str, nth: int) -> None:
    site = sites.new()
    assert site.run_import(("kill_at", name, nth)) == KILLED
    assert site.run_import() == 0
    left = site.left()
    if name == "import.closed":
        # Everything was done: the second run is a repeat, and only the ledger says so.
        left["ledger"] = expected["ledger"]
    assert left == expected


def test_killed_again_and_again(sites: Sites, expected: dict[str, Any]) -> None:
    site = sites.new()
    kills = [("batch.messages", 2), ("batch.ledger", 1), ("batch.committed", 2), ("batch.state", 1)]
    for name, nth in [*kills, ("import.stored", 1), ("import.drained", 1), ("import.written", 1)]:
        assert site.run_import(("kill_at", name, nth)) == KILLED
    assert site.run_import() == 0
    assert site.left() == expected


def test_a_killed_batch_leaves_nothing_of_itself(sites: Sites) -> None:
    site = sites.new()
    assert site.run_import(("kill_at", "batch.ledger", 2)) == KILLED
    assert progress(site.url) == (20, sites.row_count, False)
    for table in ("device_telemetry_messages", "reservoir_readings", "events"):
        assert ask(site.url, f"SELECT count(*) FROM {table}") == [(20,)]


def test_a_repeat_changes_nothing_and_says_duplicate(sites: Sites, expected: dict[str, Any]) -> None:
    site = sites.new()
    assert site.run_import() == 0
    again = synthlab.import_csv(**site.import_arguments())
    assert again.status_counts == {"duplicate:SEQ": sites.row_count}
    assert {**site.left(), "ledger": None} == {**expected, "ledger": None}


@pytest.mark.parametrize("name", [name for name in STEPS if name.startswith("artifact.")])
def test_an_export_that_is_killed_leaves_no_artifact_or_a_whole_one(sites: Sites, name: str) -> None:
    site = sites.new()
    arguments = {
        "scenario": str(site.folder / "tiny.yaml"),
        "database": site.url,
        "output_root": str(site.folder / "again"),
        "run_id": "r1",
        "end_at": END_AT,
        "state_file": str(site.folder / "state.json"),
    }
    target = site.folder / "again" / "tiny" / "r1"
    assert run("export_csv", arguments, ("kill_at", name)) == KILLED
    assert target.exists() == (name == "artifact.moved")
    assert run("export_csv", arguments) == 0
    for file in ("telemetry_rows.csv", "manifest.json"):
        assert (target / file).read_bytes() == (site.artifact_dir / file).read_bytes()


BOOTSTRAPPED = (
    "device_telemetry_messages",
    "reservoir_readings",
    "events",
    "stationary_hourly_series",
    "ledger",
)


def bootstrap_arguments(site: Site) -> dict[str, Any]:
    return {
        "scenario": str(site.folder / "tiny.yaml"),
        "database": site.url,
        "state_file": str(site.folder / "state.json"),
        "commit_batch_size": 20,
    }


@pytest.fixture(scope="module")
def bootstrapped(sites: Sites) -> dict[str, Any]:
    """What a bootstrap that nothing stops leaves."""
    site = sites.new()
    assert run("bootstrap", {**bootstrap_arguments(site), "end_at": END_AT}) == 0
    left = site.left_in_database()
    assert len(left["device_telemetry_messages"]) == sites.row_count
    return {table: left[table] for table in BOOTSTRAPPED}


@pytest.mark.parametrize("name", ["import.noted", "batch.committed", "import.stored", "import.drained"])
def test_a_killed_bootstrap_goes_on_in_its_window(
    sites: Sites, bootstrapped: dict[str, Any], name: str
) -> None:
    site = sites.new()
    arguments = bootstrap_arguments(site)
    assert run("bootstrap", {**arguments, "end_at": END_AT}, ("kill_at", name, 1)) == KILLED
    # Without an end: it finds the one that it was stopped with.
    assert run("bootstrap", arguments) == 0
    left = site.left_in_database()
    assert {table: left[table] for table in BOOTSTRAPPED} == bootstrapped
