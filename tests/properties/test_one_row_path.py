"""Preview, CSV, import, bootstrap and live are one path: the same bytes on every way.

Each way's messages are read where they end: in the frame, in the file, in the
database, or on the wire.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

import synthlab
from synthlab.payload import decode_payload, emissions, encode_payload

Messages = dict[tuple[str, int], bytes]


def _of_frame(frame: Any) -> Messages:
    return {(e.device_id, e.seq): encode_payload(e.payload) for e in emissions(frame)}


def _of_database(url: str) -> Messages:
    engine = create_engine(url)
    query = text("SELECT mqtt_client_id, seq, payload FROM device_telemetry_messages")
    with engine.connect() as connection:
        rows: Iterable[Any] = connection.execute(query).all()
    engine.dispose()
    return {
        (name, seq): _in_order(json.loads(data) if isinstance(data, str) else data)
        for name, seq, data in rows
    }


def _in_order(payload: Any) -> bytes:
    # JSONB keeps values and forgets the order of keys.
    return encode_payload(decode_payload(json.dumps(payload, sort_keys=True).encode()))


def _sorted(messages: Messages) -> Messages:
    return {key: _in_order(json.loads(data)) for key, data in messages.items()}


@pytest.fixture
def history(tiny_scenario: synthlab.Scenario, end_at: datetime) -> Messages:
    """What the engine says, straight from `backfill`."""
    return _of_frame(synthlab.backfill(tiny_scenario, end_at=end_at).frame)


def test_preview_is_the_beginning_of_history(
    tiny_scenario: synthlab.Scenario, history: Messages, end_at: datetime, scratch: Path
) -> None:
    start_at = end_at - timedelta(days=1)
    shown = _of_frame(synthlab.preview(tiny_scenario, steps=7, start_at=start_at).frame)
    assert len(shown) == 14
    assert shown == {key: history[key] for key in shown}


def test_csv_holds_history(
    tiny_scenario: synthlab.Scenario, history: Messages, end_at: datetime, scratch: Path
) -> None:
    artifact = synthlab.export_csv(tiny_scenario, end_at=end_at)
    assert _of_frame(artifact.read_frame()) == history


def test_import_stores_history(
    tiny_scenario: synthlab.Scenario, history: Messages, end_at: datetime, scratch: Path, database_url: str
) -> None:
    synthlab.provision(tiny_scenario, database=database_url)
    artifact = synthlab.export_csv(tiny_scenario, end_at=end_at, database=database_url)
    synthlab.import_csv(artifact.directory, database=database_url, apply=True)
    assert _of_database(database_url) == _sorted(history)


def test_bootstrap_stores_history(
    tiny_scenario: synthlab.Scenario, history: Messages, end_at: datetime, scratch: Path, database_url: str
) -> None:
    synthlab.provision(tiny_scenario, database=database_url)
    synthlab.bootstrap(tiny_scenario, end_at=end_at, database=database_url)
    assert _of_database(database_url) == _sorted(history)


def test_live_goes_on_as_history_would(
    tiny_scenario: synthlab.Scenario, history: Messages, end_at: datetime, scratch: Path, sqlite_url: str
) -> None:
    synthlab.provision(tiny_scenario, database=sqlite_url)
    artifact = synthlab.export_csv(tiny_scenario, end_at=end_at, database=sqlite_url)
    synthlab.import_csv(artifact.directory, database=sqlite_url, apply=True)
    quick = tiny_scenario.model_copy(update={"speedup_factor": 60_000.0})
    result = synthlab.run_live(quick, database=sqlite_url, iterations=3)
    assert (result.emitted, result.acknowledged) == (6, 6)
    stored = _of_database(sqlite_url)
    sent = {key: stored[key] for key in stored.keys() - history.keys()}
    # The stream sends at the devices' cadence, the history was made at the longer step.
    cadence = tiny_scenario.with_changes(step_minutes=5)
    checkpoint = synthlab.Checkpoint.from_dict(artifact.manifest["checkpoint"])
    expected = synthlab.backfill(cadence, checkpoint=checkpoint, end_at=end_at + timedelta(minutes=40)).frame
    assert sent == _sorted(_of_frame(expected.groupby("device_id", observed=True).head(3)))


def test_payload_survives_the_wire(history: Messages) -> None:
    for data in history.values():
        assert encode_payload(decode_payload(data)) == data
