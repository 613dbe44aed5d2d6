"""CSV export with its hashes against `DataFrame.to_csv` plus sha256, in one run.

    python benchmarks/bench_csv.py [rows]

Prints one JSON object: microseconds a row of wall and CPU time for both, their
ratios, and reading and checking the same rows.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

TEMPLATE = "demo_city_v1"
END_AT = "2026-02-12T10:00:00Z"
ROUNDS = 3


def make_frame(row_count: int) -> pd.DataFrame:
    """History of tanks and trucks as the engine makes it, long enough for so many rows."""
    import synthlab

    scenario = synthlab.load_scenario(TEMPLATE)
    rows_per_day = len(scenario.devices) * 24 * 60 // scenario.bootstrap.step_minutes
    days = row_count // rows_per_day + 1
    start_at = datetime.fromisoformat(END_AT) - timedelta(days=days)
    return synthlab.backfill(scenario, start_at=start_at, end_at=END_AT).frame.head(row_count)


def measure(work: Callable[[], Any]) -> tuple[float, float]:
    """Best wall and CPU time of some rounds. [seconds]."""
    best = (float("inf"), float("inf"))
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        spent = time.perf_counter() - wall, time.process_time() - cpu
        best = min(best[0], spent[0]), min(best[1], spent[1])
    return best


def with_pandas(frame: pd.DataFrame, path: Path) -> str:
    frame.to_csv(path, index=False, lineterminator="\n")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    from synthlab.artifact import read_csv, write_csv
    from synthlab.quality.checks import check

    row_count = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    frame = make_frame(row_count)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder, "ours.csv"), Path(folder, "pandas.csv")
        tasks = {
            "pandas_to_csv": (lambda: with_pandas(frame, theirs)),
            "write_csv": (lambda: write_csv(frame, ours)),
            "write_csv_one_thread": (lambda: write_csv(frame, ours, threads=1)),
            "read_csv": (lambda: read_csv(ours)),
            "check": (lambda: check(frame)),
        }
        spent = {name: measure(work) for name, work in tasks.items()}
        size = ours.stat().st_size
    wall, cpu = spent["pandas_to_csv"]
    report = {
        "benchmark": "csv",
        "row_count": row_count,
        "bytes_per_row": round(size / row_count, 1),
        "microseconds_per_row": {
            name: {"wall": round(w / row_count * 1e6, 3), "cpu": round(c / row_count * 1e6, 3)}
            for name, (w, c) in spent.items()
        },
        "wall_ratio": round(wall / spent["write_csv"][0], 1),
        "cpu_ratio": round(cpu / spent["write_csv"][1], 1),
        "cpu_ratio_one_thread": round(cpu / spent["write_csv_one_thread"][1], 1),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
