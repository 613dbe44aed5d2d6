"""Killed at every step, run again: an import leaves what one that nothing stopped leaves."""

from __future__ import annotations

from typing import Any

import pytest

import synthlab
from synthlab.steps import STEPS
from tests.faults.conftest import END_AT, Sites
from tests.faults.worker import run
from tests.oracles.dump import ask, progress

KILLED = -9
IMPORT_STEPS = tuple(name for name in STEPS if not name.startswith("artifact."))
# First, and in the middle: 98 rows in batches of 20 come through five times.
PLACES = [(name, nth) for name in IMPORT_STEPS for nth in ((1, 3) if name.startswith("batch.") else (1,))]


@pytest.mark.parametrize(("name", "nth"), PLACES)
def test_killed_at_a_step_and_run_again(sites: Sites, expected: dict[str, Any], name: str, nth: int) -> None:
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


@pytest.mark.parametrize("name", ["import.noted", "batch.committed", "import.stored", "import.drained"])
def test_a_killed_bootstrap_goes_on_in_its_window(sites: Sites, name: str) -> None:
    arguments = {"commit_batch_size": 20, "scenario": "", "database": "", "state_file": ""}
    tables = ("device_telemetry_messages", "reservoir_readings", "events", "stationary_hourly_series")
    left = []
    for faults in ((), (("kill_at", name, 1),)):
        site = sites.new()
        mine = {
            **arguments,
            "scenario": str(site.folder / "tiny.yaml"),
            "database": site.url,
            "state_file": str(site.folder / "state.json"),
        }
        code = run("bootstrap", {**mine, "end_at": END_AT}, *faults)
        assert code == (KILLED if faults else 0)
        if faults:
            # Without an end: it finds the one that it was stopped with.
            assert run("bootstrap", mine) == 0
        dumped = site.left_in_database()
        left.append({table: dumped[table] for table in (*tables, "ledger")})
    assert left[0] == left[1]
    assert len(left[0]["device_telemetry_messages"]) == sites.row_count
