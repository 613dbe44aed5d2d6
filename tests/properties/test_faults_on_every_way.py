"""Faulty rows make the same messages in the file, in the database and on the wire."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

import synthlab
from synthlab.errors import ConflictError, QualityError
from synthlab.payload import emissions, encode_payload
from synthlab.scenario.faults import FAULT_KINDS
from synthlab.sequence import SequenceState
from synthlab.workflows.live_rows import LiveRows

KINDS = tuple(kind for kind in FAULT_KINDS if kind not in ("GPS_JUMP", "SEQUENCE_RESET"))


@pytest.fixture
def faulty(tiny_scenario: synthlab.Scenario) -> synthlab.Scenario:
    """Tanks at ten-minute cadence with every fault that leaves the numbers unique."""
    faults = [{"kind": kind, "rate_per_day": 2, "duration_minutes": 45} for kind in KINDS]
    return synthlab.Scenario.from_dict({**tiny_scenario.to_dict(), "faults": faults})


def payloads(frame: Any) -> Counter[tuple[str, bytes]]:
    return Counter((one.device_id, encode_payload(one.payload)) for one in emissions(frame))


def stored(url: str) -> set[tuple[str, str]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT mqtt_client_id, payload FROM device_telemetry_messages")).all()
    engine.dispose()
    return {(name, _text(json.loads(data) if isinstance(data, str) else data)) for name, data in rows}


def _text(payload: Any) -> str:
    return json.dumps(payload, sort_keys=True)


def expected(frame: Any) -> set[tuple[str, str]]:
    return {(name, _text(json.loads(data))) for name, data in payloads(frame)}


def test_file_import_and_bootstrap_hold_what_backfill_makes(
    faulty: synthlab.Scenario, end_at: datetime, scratch: Path, sqlite_url: str
) -> None:
    synthlab.provision(faulty, database=sqlite_url)
    frame = synthlab.backfill(faulty, end_at=end_at).frame
    artifact = synthlab.export_csv(faulty, end_at=end_at, database=sqlite_url)
    assert payloads(artifact.read_frame()) == payloads(frame)
    assert artifact.read_frame()["fault"].tolist() == frame["fault"].tolist()
    assert not synthlab.analyze_csv(artifact.directory, plots=False).qc_passed
    with pytest.raises(QualityError):
        synthlab.import_csv(artifact.directory, database=sqlite_url, apply=True)
    result = synthlab.import_csv(artifact.directory, database=sqlite_url, apply=True, allow_failed_qc=True)
    assert stored(sqlite_url) == expected(frame)
    copies = int((frame.duplicated(["device_id", "seq"])).sum())
    assert copies
    assert result.status_counts["duplicate:SEQ"] == copies
    again = f"{sqlite_url}2"
    synthlab.provision(faulty, database=again)
    synthlab.bootstrap(faulty, end_at=end_at, database=again, state_file=scratch / "other.json")
    assert stored(again) == expected(frame)


def test_a_number_used_twice_is_found_and_refused(
    tiny_scenario: synthlab.Scenario, end_at: datetime, scratch: Path, sqlite_url: str
) -> None:
    at = (end_at - timedelta(hours=9)).strftime("%Y-%m-%dT%H:%M:%SZ")
    faults = [{"kind": "SEQUENCE_RESET", "at": [at], "duration_minutes": 120}]
    broken = synthlab.Scenario.from_dict({**tiny_scenario.to_dict(), "faults": faults})
    synthlab.provision(broken, database=sqlite_url)
    artifact = synthlab.export_csv(broken, end_at=end_at, database=sqlite_url)
    frame = artifact.read_frame()
    analysis = synthlab.analyze_csv(artifact.directory, plots=False)
    flags = analysis.findings.flags
    again = frame.duplicated(["device_id", "seq"])
    is_reset = frame["fault"] == "SEQUENCE_RESET"
    # The later message of each pair fails: those of the reset.
    assert (flags.loc[again, "seq_duplicate"] == 4).all()
    assert again.equals(is_reset)
    with pytest.raises(QualityError):
        synthlab.import_csv(artifact.directory, database=sqlite_url, apply=True)
    assert stored(sqlite_url) == set()
    # The state counts true numbers: nobody draws the others again.
    counts = frame.groupby("device_id", observed=True).size()
    with SequenceState.open() as state:
        assert {name: state.next_seq(str(name)) for name in counts.index} == (counts + 1).to_dict()


MESSAGE_FAULTS = {"DUPLICATE": 0, "LATE": 0, "OUT_OF_ORDER": 0, "GAP": 90}


def with_fault(scenario: synthlab.Scenario, end_at: datetime, kind: str, minutes: float) -> synthlab.Scenario:
    fault: dict[str, Any] = {"kind": kind, "at": [(end_at - timedelta(hours=9)).isoformat()]}
    if minutes:
        fault["duration_minutes"] = minutes
    return synthlab.Scenario.from_dict({**scenario.to_dict(), "faults": [fault]})


def plug_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Feed the reference ingestion row by row, under a name of its own."""
    (folder / "row_by_row.py").write_text(
        "from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt as ingest  # noqa: F401\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("SYNTHLAB_INGEST", "row_by_row:ingest")


@pytest.mark.parametrize("is_plugged_in", [False, True])
@pytest.mark.parametrize("kind", MESSAGE_FAULTS)
def test_import_of_a_message_fault_loses_nothing(
    kind: str,
    is_plugged_in: bool,
    tiny_scenario: synthlab.Scenario,
    end_at: datetime,
    scratch: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = with_fault(tiny_scenario, end_at, kind, MESSAGE_FAULTS[kind])
    synthlab.provision(broken, database=database_url)
    artifact = synthlab.export_csv(broken, end_at=end_at, database=database_url)
    frame = artifact.read_frame()
    assert (frame["fault"] == kind).any()
    synthlab.analyze_csv(artifact.directory, plots=False)
    if is_plugged_in:
        plug_in(scratch, monkeypatch)
    result = synthlab.import_csv(artifact.directory, database=database_url, apply=True, allow_failed_qc=True)
    assert stored(database_url) == expected(frame)
    assert sum(result.status_counts.values()) == len(frame)
    copies = int(frame.duplicated(["device_id", "seq"]).sum())
    assert result.status_counts.get("duplicate:SEQ", 0) == copies
    assert (copies > 0) == (kind == "DUPLICATE")


@pytest.mark.parametrize("is_plugged_in", [False, True])
def test_numbers_used_twice_are_a_named_conflict_even_where_failed_data_is_allowed(
    is_plugged_in: bool,
    tiny_scenario: synthlab.Scenario,
    end_at: datetime,
    scratch: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = with_fault(tiny_scenario, end_at, "SEQUENCE_RESET", 120)
    synthlab.provision(broken, database=database_url)
    artifact = synthlab.export_csv(broken, end_at=end_at, database=database_url)
    synthlab.analyze_csv(artifact.directory, plots=False)
    if is_plugged_in:
        plug_in(scratch, monkeypatch)
    with pytest.raises(ConflictError) as caught:
        synthlab.import_csv(artifact.directory, database=database_url, apply=True, allow_failed_qc=True)
    assert {problem.code for problem in caught.value.problems} == {"SEQ_CONFLICT"}
    told = str(caught.value)
    assert all(device.device_id in told for device in broken.devices)
    assert stored(database_url) == set()


def test_live_sends_what_history_would_hold_however_it_is_cut(
    faulty: synthlab.Scenario, end_at: datetime, scratch: Path
) -> None:
    from synthlab.scenario.faults import fault_plans
    from synthlab.scenario.resolve import resolve

    cadence = faulty.with_changes(step_minutes=1)
    devices = resolve(cadence)
    begin = int(end_at.timestamp()) - 86_400
    steps = 86_400 // devices[0].cadence_seconds + 1
    sent: Counter[tuple[str, bytes]] = Counter()
    silent = passed = 0
    with SequenceState.open(scratch / "live.json") as state:
        rows = LiveRows(
            devices,
            {one.device_id: one.reservoir for one in devices},
            seed=faulty.seed,
            state=state,
            now_second=begin,
            faults=fault_plans(faulty.faults),
        )
        done = 0
        while done < steps:
            count = min(7, steps - done)
            taken = rows.take(
                {one.device_id: count for one in devices}, {one.device_id: done + 1 for one in devices}
            )
            for name, found in taken.items():
                assert sum(row.step_count for row in found) == count
                sent.update((name, row.payload) for row in found if row.payload is not None)
                silent += sum(row.payload is None for row in found)
                passed += count
            done += count
    late = Counter((name, row.payload) for name, held in rows.held_back().items() for row in held)
    history = synthlab.backfill(cadence, end_at=end_at).frame
    assert sent + late == payloads(history)
    assert silent > 0


@pytest.mark.long
def test_a_live_run_sends_faulty_messages_and_goes_on_from_them(
    faulty: synthlab.Scenario, end_at: datetime, scratch: Path, sqlite_url: str
) -> None:
    synthlab.provision(faulty, database=sqlite_url)
    artifact = synthlab.export_csv(faulty, end_at=end_at, database=sqlite_url)
    synthlab.import_csv(artifact.directory, database=sqlite_url, apply=True, allow_failed_qc=True)
    before = stored(sqlite_url)
    quick = faulty.model_copy(update={"speedup_factor": 60_000.0})
    for _ in range(2):
        synthlab.run_live(quick, database=sqlite_url, iterations=40)
    cadence = faulty.with_changes(step_minutes=1)
    checkpoint = synthlab.Checkpoint.from_dict(artifact.manifest["checkpoint"])
    future = synthlab.backfill(cadence, checkpoint=checkpoint, end_at=end_at + timedelta(days=2)).frame
    sent = stored(sqlite_url) - before
    assert len(sent) > 100
    assert sent <= expected(future)
