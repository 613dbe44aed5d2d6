"""export, import, bootstrap: what they store, once, and what they leave behind when stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import synthlab
from synthlab.errors import ArtifactError, ConflictError, PreflightError, UsageError
from synthlab.sequence import SequenceState

Query = Callable[[str, str], list[tuple[Any, ...]]]
ROWS = 98
MESSAGES = "SELECT mqtt_client_id, seq, payload FROM device_telemetry_messages ORDER BY 1, 2"
COUNT = "SELECT count(*) FROM device_telemetry_messages"


@pytest.fixture
def artifact(tiny_scenario: synthlab.Scenario, sqlite_platform: str, end_at: datetime) -> synthlab.Artifact:
    return synthlab.export_csv(tiny_scenario, database=sqlite_platform, run_id="r1", end_at=end_at)


def test_export_reserves_and_says_everything(
    artifact: synthlab.Artifact, tiny_scenario: synthlab.Scenario
) -> None:
    manifest = artifact.manifest
    assert manifest["synthetic"] is True
    assert manifest["row_count"] == ROWS
    assert manifest["start_at"] == "2026-02-11T10:00:00Z"
    assert {entry["origin"] for entry in manifest["reservoirs"].values()} == {"platform"}
    assert {entry["step_seconds"] for entry in manifest["devices"].values()} == {1800}
    state = SequenceState.peek()
    assert [state.last_seq(name) for name in manifest["devices"]] == [0, 0]
    assert [state.next_seq(name) for name in manifest["devices"]] == [50, 50]
    assert synthlab.Checkpoint.from_dict(manifest["checkpoint"]).seed == tiny_scenario.seed


def test_default_run_id_is_the_same_for_the_same_rows(
    tiny_scenario: synthlab.Scenario, scratch: Path, end_at: datetime
) -> None:
    first = synthlab.export_csv(tiny_scenario, end_at=end_at)
    assert first.directory.name.startswith("20260212T100000Z-")
    again = synthlab.export_csv(tiny_scenario, end_at=end_at)
    assert again.directory == first.directory
    later = synthlab.export_csv(tiny_scenario, end_at=end_at + timedelta(days=1))
    assert later.directory != first.directory


def test_export_without_an_end_warns(tiny_scenario: synthlab.Scenario, scratch: Path) -> None:
    artifact = synthlab.export_csv(tiny_scenario)
    assert any("end_at is not given" in warning for warning in artifact.manifest["warnings"])


def test_export_continues_behind_a_live_run(
    tiny_scenario: synthlab.Scenario, scratch: Path, end_at: datetime
) -> None:
    with SequenceState.open() as state:
        state.advance({"E2ETINYSTAT1": 1000})
    devices = synthlab.export_csv(tiny_scenario, end_at=end_at).manifest["devices"]
    assert [devices[name]["first_seq"] for name in ("E2ETINYMOB1", "E2ETINYSTAT1")] == [1, 1001]


def test_apply_moves_the_state_to_the_artifacts_end(
    artifact: synthlab.Artifact, sqlite_platform: str
) -> None:
    result = synthlab.import_csv(artifact.directory, database=sqlite_platform, apply=True)
    assert result.status_counts == {"stored:READING": ROWS}
    state = SequenceState.peek()
    assert state.last_seq("E2ETINYSTAT1") == 49
    assert state.checkpoint() == artifact.manifest["checkpoint"]["devices"]
    written = json.loads((artifact.directory / "import_result.json").read_text())
    assert written == result.to_dict()


def test_an_older_artifact_never_moves_the_state_back(
    artifact: synthlab.Artifact, tiny_scenario: synthlab.Scenario, sqlite_platform: str, end_at: datetime
) -> None:
    later = synthlab.export_csv(
        tiny_scenario, database=sqlite_platform, run_id="r2", end_at=end_at + timedelta(days=1)
    )
    synthlab.import_csv(later.directory, database=sqlite_platform, apply=True)
    before = SequenceState.peek().to_dict()["devices"]
    synthlab.import_csv(artifact.directory, database=sqlite_platform, apply=True)
    assert SequenceState.peek().to_dict()["devices"] == before


def test_dry_run_touches_nothing(artifact: synthlab.Artifact, sqlite_platform: str, scratch: Path) -> None:
    before = {path: path.read_bytes() for path in scratch.rglob("*") if path.is_file()}
    result = synthlab.import_csv(artifact.directory, database=sqlite_platform)
    assert (result.apply, result.status_counts) == (False, {"dry_run:READY": ROWS})
    assert {path: path.read_bytes() for path in scratch.rglob("*") if path.is_file()} == before


def test_dry_run_after_apply_says_duplicate(artifact: synthlab.Artifact, sqlite_platform: str) -> None:
    synthlab.import_csv(artifact.directory, database=sqlite_platform, apply=True)
    result = synthlab.import_csv(artifact.directory, database=sqlite_platform)
    assert result.status_counts == {"dry_run:DUPLICATE": ROWS}


@pytest.mark.parametrize(
    "change", ["capacity_liters = 77", "sensor_empty_distance_mm = 4321", "sensor_full_distance_mm = 1"]
)
def test_a_reservoir_that_changed_since_the_export(
    artifact: synthlab.Artifact, sqlite_platform: str, query: Query, change: str
) -> None:
    query(sqlite_platform, f"UPDATE reservoirs SET {change} WHERE reservoir_type = 'TRUCK_TANK'")
    looked = synthlab.import_csv(artifact.directory, database=sqlite_platform)
    assert looked.status_counts == {"dry_run:READY": ROWS}
    assert [change.split(" = ")[0] in warning for warning in looked.warnings] == [False, True]
    before = SequenceState.peek().to_dict()
    with pytest.raises(PreflightError) as caught:
        synthlab.import_csv(artifact.directory, database=sqlite_platform, apply=True)
    assert [problem.code for problem in caught.value.problems] == ["RESERVOIR_MISMATCH"]
    assert "E2ETINYMOB1" in caught.value.problems[0].path
    assert query(sqlite_platform, COUNT) == [(0,)]
    assert SequenceState.peek().to_dict() == before


def test_an_assumed_reservoir_must_match_too(
    tiny_scenario: synthlab.Scenario, sqlite_url: str, scratch: Path, end_at: datetime, query: Query
) -> None:
    made = synthlab.export_csv(tiny_scenario, database=sqlite_url, end_at=end_at)
    assert {entry["origin"] for entry in made.manifest["reservoirs"].values()} == {"assumed"}
    synthlab.provision(tiny_scenario, database=sqlite_url)
    synthlab.analyze_csv(made.directory, plots=False)
    assert synthlab.import_csv(made.directory, database=sqlite_url).warnings == ()
    query(sqlite_url, "UPDATE reservoirs SET capacity_liters = capacity_liters + 1")
    with pytest.raises(PreflightError, match="capacity_liters"):
        synthlab.import_csv(made.directory, database=sqlite_url, apply=True)


def test_strict_import_of_devices_that_are_not_marked(
    artifact: synthlab.Artifact, sqlite_platform: str, query: Query
) -> None:
    query(sqlite_platform, "UPDATE devices SET is_synthetic = false")
    synthlab.analyze_csv(artifact.directory, plots=False)
    with pytest.raises(PreflightError) as caught:
        synthlab.import_csv(artifact.directory, database=sqlite_platform, apply=True, strict=True)
    assert {problem.code for problem in caught.value.problems} == {"NOT_MARKED_SYNTHETIC"}
    assert query(sqlite_platform, COUNT) == [(0,)]
    result = synthlab.import_csv(artifact.directory, database=sqlite_platform, apply=True)
    assert len(result.warnings) == 2


def test_other_data_under_used_numbers(
    tiny_scenario: synthlab.Scenario, platform: str, end_at: datetime, query: Query
) -> None:
    first, other = (
        synthlab.export_csv(
            tiny_scenario, database=platform, end_at=end_at + timedelta(days=days), state_file=f"{days}.json"
        )
        for days in (0, 3)
    )
    synthlab.import_csv(first.directory, database=platform, apply=True, state_file="0.json")
    stored, state = query(platform, MESSAGES), SequenceState.peek("3.json").to_dict()
    looked = synthlab.import_csv(other.directory, database=platform, state_file="3.json")
    assert looked.status_counts == {"dry_run:CONFLICT": ROWS}
    assert ["seq 1 " in warning for warning in looked.warnings] == [False, True, True]
    with pytest.raises(ConflictError) as caught:
        synthlab.import_csv(other.directory, database=platform, apply=True, state_file="3.json")
    assert (caught.value.exit_code, caught.value.code) == (7, "SEQ_CONFLICT")
    assert "E2ETINYMOB1" in caught.value.problems[0].path
    assert "seq 1 " in caught.value.problems[0].rule
    assert query(platform, MESSAGES) == stored
    assert SequenceState.peek("3.json").to_dict() == state
    assert not (other.directory / "import_result.json").exists()
    again = synthlab.import_csv(first.directory, database=platform, apply=True, state_file="0.json")
    assert again.status_counts == {"duplicate:SEQ": ROWS}


def test_manifest_whose_scenario_is_none(artifact: synthlab.Artifact, sqlite_platform: str) -> None:
    path = artifact.directory / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["scenario"]["devices"] = []
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError) as caught:
        synthlab.import_csv(artifact.directory, database=sqlite_platform, apply=True)
    assert caught.value.code == "MANIFEST_INVALID"
    assert caught.value.problems[0].file == "manifest.json"


@pytest.mark.parametrize("name", ["commit_batch_size", "analytics_batch_size"])
def test_empty_batches_are_refused(artifact: synthlab.Artifact, sqlite_platform: str, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        synthlab.import_csv(artifact.directory, database=sqlite_platform, apply=True, **{name: 0})
    assert caught.value.problems[0].path == name


def test_bootstrap_needs_a_platform(
    tiny_scenario: synthlab.Scenario, sqlite_url: str, end_at: datetime, scratch: Path
) -> None:
    with pytest.raises(PreflightError) as caught:
        synthlab.bootstrap(tiny_scenario, database=sqlite_url, end_at=end_at)
    assert [problem.code for problem in caught.value.problems] == ["DEVICE_NOT_FOUND"] * 2
    assert list(scratch.iterdir()) == []


def test_bootstrap_and_import_store_the_same(
    tiny_scenario: synthlab.Scenario, platform: str, sqlite_url: str, end_at: datetime, query: Query
) -> None:
    result = synthlab.bootstrap(tiny_scenario, database=platform, end_at=end_at, state_file="a.json")
    assert result.total_emitted == ROWS
    assert result.analytics is not None
    assert result.analytics.events_processed == ROWS
    other = f"{sqlite_url}.other"
    synthlab.provision(tiny_scenario, database=other)
    artifact = synthlab.export_csv(tiny_scenario, database=other, end_at=end_at, state_file="b.json")
    synthlab.import_csv(artifact.directory, database=other, apply=True, state_file="b.json")

    def messages(url: str) -> list[tuple[Any, ...]]:
        found = query(url, MESSAGES)
        return [(name, seq, json.loads(data) if isinstance(data, str) else data) for name, seq, data in found]

    assert messages(platform) == messages(other)
    assert SequenceState.peek("a.json").checkpoint() == SequenceState.peek("b.json").checkpoint()


def test_bootstrap_without_analytics(
    tiny_text: str, sqlite_platform: str, end_at: datetime, query: Query
) -> None:
    from synthlab.scenario.loader import loads_scenario

    quiet = loads_scenario(
        tiny_text.replace("step_minutes: 30}", "step_minutes: 30, drain_analytics: false}")
    )
    result = synthlab.bootstrap(quiet, database=sqlite_platform, end_at=end_at)
    assert result.analytics is None
    assert query(sqlite_platform, "SELECT count(*) FROM stationary_hourly_series") == [(0,)]


def test_progress_counts_up_to_the_end(artifact: synthlab.Artifact, sqlite_platform: str) -> None:
    seen: list[tuple[int, int]] = []
    synthlab.import_csv(
        artifact.directory,
        database=sqlite_platform,
        apply=True,
        commit_batch_size=40,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(40, ROWS), (80, ROWS), (ROWS, ROWS)]


def test_plugged_in_ingestion_gets_every_row(
    artifact: synthlab.Artifact, sqlite_platform: str, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scratch / "their_platform.py").write_text(
        "calls = []\n"
        "def ingest(session, *, device_id, payload, received_at, mqtt_client_id=None):\n"
        "    calls.append((device_id, payload['seq'], received_at.tzinfo is not None, mqtt_client_id))\n"
        "    return 'stored:READING'\n"
    )
    monkeypatch.syspath_prepend(str(scratch))
    monkeypatch.setenv("SYNTHLAB_INGEST", "their_platform:ingest")
    result = synthlab.import_csv(artifact.directory, database=sqlite_platform, apply=True)
    import their_platform

    assert result.status_counts == {"stored:READING": ROWS}
    assert len(their_platform.calls) == ROWS
    assert all(call[0] == call[3] and call[2] for call in their_platform.calls)


def test_bootstrap_over_time_that_has_rows_already_warns(
    tiny_scenario: synthlab.Scenario, sqlite_platform: str, end_at: datetime
) -> None:
    def warnings_of(days: float) -> tuple[str, ...]:
        end = end_at + timedelta(days=days)
        return synthlab.bootstrap(tiny_scenario, database=sqlite_platform, end_at=end).warnings

    assert warnings_of(0) == ()
    assert warnings_of(0) == ()
    assert ["rows twice" in warning for warning in warnings_of(0.5)] == [True, True]
    assert warnings_of(2) == ()


def test_bootstrap_that_was_killed_warns_who_comes_after(
    tiny_scenario: synthlab.Scenario,
    sqlite_platform: str,
    end_at: datetime,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (scratch / "stopping_platform.py").write_text("def ingest(session, **_):\n    raise KeyboardInterrupt\n")
    monkeypatch.syspath_prepend(str(scratch))
    monkeypatch.setenv("SYNTHLAB_INGEST", "stopping_platform:ingest")
    with pytest.raises(KeyboardInterrupt) as caught:
        synthlab.bootstrap(tiny_scenario, database=sqlite_platform, end_at=end_at)
    assert "--end-at 2026-02-12T10:00:00Z" in caught.value.__notes__[0]
    monkeypatch.delenv("SYNTHLAB_INGEST")
    later = end_at + timedelta(hours=1)
    result = synthlab.bootstrap(tiny_scenario, database=sqlite_platform, end_at=later)
    assert ["2026-02-12T10:00:00Z" in warning for warning in result.warnings] == [True, True]
