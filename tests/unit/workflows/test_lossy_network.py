"""A network that loses messages, through every room: the numbers go on, the rows are not there."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import create_engine, text

import synthlab
from synthlab.columns import NAMES
from synthlab.quality.flags import Flag
from synthlab.sequence import SequenceState

LOSSY = {"message_loss_prob": 0.08, "outages_per_day": 2.0, "outage_hours": 1.5}


@pytest.fixture
def lossy(tiny_scenario: synthlab.Scenario) -> synthlab.Scenario:
    return tiny_scenario.with_changes(network=LOSSY)


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    for name in NAMES:
        a, b = (frame[name].astype(object) for frame in (left, right))
        assert a.where(a.notna(), None).tolist() == b.where(b.notna(), None).tolist(), name


def lost_numbers(history: synthlab.Backfill) -> set[tuple[str, int]]:
    return {
        (name, seq)
        for name, ranges in history.lost.items()
        for first, last in ranges
        for seq in range(first, last + 1)
    }


def test_the_rows_that_arrive_are_those_of_an_ideal_network(
    tiny_scenario: synthlab.Scenario, lossy: synthlab.Scenario, end_at: datetime
) -> None:
    whole, holed = (synthlab.backfill(each, end_at=end_at) for each in (tiny_scenario, lossy))
    gone = lost_numbers(holed)
    assert 0.05 < len(gone) / len(whole.frame) < 0.6
    keys = zip(whole.frame["device_id"].astype(str), whole.frame["seq"], strict=True)
    kept = whole.frame[[key not in gone for key in keys]].reset_index(drop=True)
    same(kept, holed.frame)
    assert holed.checkpoint == whole.checkpoint


def test_no_window_split_changes_what_is_lost(lossy: synthlab.Scenario, end_at: datetime) -> None:
    whole = synthlab.backfill(lossy, end_at=end_at)
    start_at = end_at - timedelta(days=lossy.bootstrap.days)
    first = synthlab.backfill(lossy, start_at=start_at, end_at=start_at + timedelta(hours=7))
    rest = synthlab.backfill(lossy, end_at=end_at, checkpoint=first.checkpoint)
    frames = [part.frame.astype({"device_id": object, "fault": object}) for part in (first, rest)]
    same(pd.concat(frames, ignore_index=True), whole.frame)
    assert lost_numbers(first) | lost_numbers(rest) == lost_numbers(whole)


def test_numbers_are_reserved_for_all_that_is_sent(
    lossy: synthlab.Scenario, end_at: datetime, scratch: Path
) -> None:
    artifact = synthlab.export_csv(lossy, end_at=end_at, state_file="state.json")
    state = SequenceState.peek("state.json")
    for name, entry in artifact.manifest["devices"].items():
        lost = sum(last - first + 1 for first, last in entry["lost_seq"])
        assert state.next_seq(name) == 1 + entry["row_count"] + lost
        assert artifact.manifest["checkpoint"]["devices"][name]["last_seq"] == entry["row_count"] + lost
    again = synthlab.export_csv(lossy, end_at=end_at, state_file="state.json")
    assert again.manifest == artifact.manifest


def test_honest_gaps_pass_the_checks_and_are_counted(
    lossy: synthlab.Scenario, end_at: datetime, scratch: Path
) -> None:
    artifact = synthlab.export_csv(lossy, end_at=end_at)
    analysis = synthlab.analyze_csv(artifact.directory, plots=False)
    document = analysis.to_dict()
    assert analysis.qc_passed, analysis.qc_failures
    assert document["seq_gap_count"] >= 5
    assert document["lost_message_count"] == sum(
        last - first + 1
        for entry in artifact.manifest["devices"].values()
        for first, last in entry["lost_seq"]
    )


def test_a_frame_alone_passes_with_the_gaps_that_it_declares(
    lossy: synthlab.Scenario, end_at: datetime, scratch: Path
) -> None:
    history = synthlab.backfill(lossy, end_at=end_at)
    read = synthlab.export_csv(lossy, end_at=end_at).read_frame()
    for frame in (history.frame, history.frame.iloc[20:].reset_index(drop=True), read):
        findings = synthlab.check(frame)
        jumps = (frame.groupby("device_id", observed=True)["seq"].diff() > 1).to_numpy()
        assert jumps.sum() >= 5
        assert findings.passed, findings.to_frame()
        # Known, and still to be seen.
        assert ((findings.flags["seq_gap"] == Flag.SUSPECT) == jumps).all()
    for lost in ({}, {name: ranges[:1] for name, ranges in history.lost.items()}):
        told = synthlab.check(history.frame, lost=lost)
        assert not told.passed
        explained = sum(map(len, lost.values()))
        jumps = history.frame.groupby("device_id", observed=True)["seq"].diff() > 1
        assert told.counts["seq_gap"]["FAIL"] == jumps.sum() - explained


def test_faults_on_a_frame_leave_its_declared_gaps_declared(
    lossy: synthlab.Scenario, end_at: datetime
) -> None:
    frame = synthlab.backfill(lossy, end_at=end_at).frame
    kinds = ("SPIKES", "LEAK", "GAP")
    for kind in kinds:
        entry = {"kind": kind, "at": [str(frame["received_at"].iloc[len(frame) // 2])]}
        faulty = synthlab.inject_faults(frame, [entry])
        assert (faulty["fault"] == kind).any() or kind == "GAP"
        failed = synthlab.check(faulty).flags["seq_gap"] == Flag.FAIL
        # One more gap a device at most, and only where messages were taken away.
        assert failed.sum() <= (2 if kind == "GAP" else 0)
        assert failed.sum() >= (kind == "GAP")


def test_a_gap_that_nobody_declared_still_fails(lossy: synthlab.Scenario, end_at: datetime) -> None:
    frame = synthlab.backfill(lossy, end_at=end_at).frame
    one = frame.index[len(frame) // 2]
    rows = frame.index[(frame["device_id"] == frame["device_id"][one]) & (frame.index > one)]
    holed = frame.drop(index=one).reset_index(drop=True)
    findings = synthlab.check(holed)
    assert np.flatnonzero(findings.flags["seq_gap"] == Flag.FAIL).tolist() == [rows[0] - 1]


def test_a_declared_gap_of_another_length_fails(lossy: synthlab.Scenario, end_at: datetime) -> None:
    """A gap that lasted longer than its numbers say hides something."""
    frame = synthlab.backfill(lossy, end_at=end_at).frame
    row = int(np.flatnonzero(frame.groupby("device_id", observed=True)["seq"].diff() > 1)[0])
    later = frame["device_id"].eq(frame["device_id"][row]) & (frame.index >= row)
    received = frame["received_at"].where(~later, frame["received_at"] + timedelta(minutes=30))
    findings = synthlab.check(frame.assign(received_at=received))
    assert findings.flags["seq_gap"][row] == Flag.FAIL


def _stored(url: str) -> dict[tuple[str, int], object]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT mqtt_client_id, seq, payload FROM device_telemetry_messages")
        ).all()
    engine.dispose()
    return {(name, seq): json.loads(data) if isinstance(data, str) else data for name, seq, data in rows}


def test_import_and_live_go_on_over_the_gaps(
    lossy: synthlab.Scenario, end_at: datetime, scratch: Path, sqlite_url: str
) -> None:
    synthlab.provision(lossy, database=sqlite_url)
    artifact = synthlab.export_csv(lossy, end_at=end_at, database=sqlite_url)
    synthlab.analyze_csv(artifact.directory, plots=False)
    result = synthlab.import_csv(artifact.directory, database=sqlite_url, apply=True)
    assert result.row_count == artifact.row_count == sum(result.status_counts.values())
    before = set(_stored(sqlite_url))
    quick = lossy.with_changes(speedup_factor=60_000.0)
    live = synthlab.run_live(quick, database=sqlite_url, iterations=40)
    sent = set(_stored(sqlite_url)) - before
    assert live.acknowledged == live.emitted == len(sent)
    # What would have been sent by now, had history gone on at the devices' own cadence.
    checkpoint = synthlab.Checkpoint.from_dict(artifact.manifest["checkpoint"])
    onward = synthlab.backfill(
        lossy.with_changes(step_minutes=1), checkpoint=checkpoint, end_at=end_at + timedelta(days=1)
    ).frame
    expected = set()
    for name, rows in onward.groupby("device_id", observed=True):
        count = sum(1 for device, _ in sent if device == name)
        expected |= {(str(name), int(seq)) for seq in rows["seq"].head(count)}
    assert sent == expected
    numbers = [seq for _, seq in sorted(sent)]
    assert len(numbers) > 20
    assert any(later - earlier > 1 for earlier, later in pairwise(numbers))
