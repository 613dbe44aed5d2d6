"""consume: read models follow the telemetry, for as long as it is asked to."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import synthlab
from synthlab.errors import PreflightError, UsageError
from synthlab.platform import consumer
from tests.conftest import END_AT

Query = Callable[[str, str], list[tuple[Any, ...]]]
MODELS = ("stationary_hourly_series", "mobile_stop_episodes", "reservoir_metrics_windows")


@pytest.fixture
def artifact(tiny_scenario: synthlab.Scenario, platform: str) -> synthlab.Artifact:
    return synthlab.export_csv(tiny_scenario, database=platform, run_id="r1", end_at=END_AT)


def model_rows(query: Query, url: str) -> dict[str, list[str]]:
    return {name: sorted(str(row) for row in query(url, f"SELECT * FROM {name}")) for name in MODELS}


def test_once_leaves_what_an_import_that_drains_leaves(
    artifact: synthlab.Artifact, platform: str, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "EVENTS_PER_TRANSACTION", 40)
    synthlab.import_csv(artifact.directory, database=platform, apply=True)
    assert all(not rows for rows in model_rows(query, platform).values())
    steps: list[tuple[int, int]] = []
    result = synthlab.consume(
        database=platform,
        once=True,
        analytics_batch_size=20,
        on_progress=lambda *step: steps.append(step),
    )
    assert (result.events_processed, result.last_seq, result.stopped_by) == (98, 98, "idle")
    assert steps == [(40, 98), (80, 98), (98, 98)]
    stored = model_rows(query, platform)
    assert all(stored.values())
    # The import's own drain finds nothing left to do, and changes nothing.
    again = synthlab.import_csv(artifact.directory, database=platform, apply=True, drain_analytics=True)
    assert again.analytics is not None
    assert again.analytics.events_processed == 0
    assert model_rows(query, platform) == stored
    assert synthlab.consume(database=platform, once=True).events_processed == 0


def test_it_waits_for_events_until_it_is_told_to_stop(
    artifact: synthlab.Artifact, platform: str, query: Query
) -> None:
    stop, seen, results = threading.Event(), threading.Event(), []

    def progress(done: int, _: int) -> None:
        if done >= 98:
            seen.set()

    def work() -> None:
        results.append(synthlab.consume(database=platform, stop=stop, on_progress=progress))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        synthlab.import_csv(artifact.directory, database=platform, apply=True)
        assert seen.wait(60)
    finally:
        stop.set()
        thread.join(timeout=60)
    assert [(each.events_processed, each.last_seq, each.stopped_by) for each in results] == [
        (98, 98, "caller")
    ]
    assert all(model_rows(query, platform).values())


def test_it_ends_after_its_time(sqlite_platform: str) -> None:
    result = synthlab.consume(database=sqlite_platform, duration_seconds=0.1)
    assert (result.events_processed, result.stopped_by) == (0, "duration")


def test_a_signal_ends_it_well(artifact: synthlab.Artifact, platform: str, scratch: Path) -> None:
    synthlab.import_csv(artifact.directory, database=platform, apply=True)
    # The word is written when the first events are done: the consumer is up.
    code = (
        "import sys, synthlab\n"
        "seen = lambda done, _: print('drained', flush=True)\n"
        "result = synthlab.consume(database=sys.stdin.readline().strip(), on_progress=seen)\n"
        "import json; print(json.dumps(result.to_dict()))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(platform + "\n")
        child.stdin.flush()
        assert child.stdout.readline() == "drained\n"
        child.send_signal(signal.SIGTERM)
        *_, last = child.stdout
        assert child.wait(timeout=60) == 0
    result = json.loads(last)
    assert (result["events_processed"], result["stopped_by"]) == (98, "SIGTERM")


def test_it_needs_a_platform_and_sense(scratch: Path, sqlite_platform: str) -> None:
    with pytest.raises(PreflightError) as caught:
        synthlab.consume(database=f"sqlite:///{scratch / 'none.db'}", once=True)
    assert caught.value.code == "PLATFORM_SCHEMA_MISSING"
    assert not (scratch / "none.db").exists()
    for bad in ({"analytics_batch_size": 0}, {"duration_seconds": -1.0}, {"duration_seconds": float("nan")}):
        with pytest.raises(UsageError):
            synthlab.consume(database=sqlite_platform, **bad)
