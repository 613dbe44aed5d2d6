"""Time of the checks against one numpy pass over the columns that they read, and their memory.

A pass is one minimum of each column, in the frame's order: what it costs just to look at
every number once. Run as ``python benchmarks/bench_checks.py [devices]``.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

import synthlab
from synthlab.quality.checks import check
from synthlab.scenario.resolve import resolve
from synthlab.scenario.schema import Scenario

END_AT = "2026-02-12T10:00:00Z"


def scenario(device_count: int) -> Scenario:
    devices = [
        {
            "device_id": f"TANK-{index:05d}",
            "archetype": f"stationary_archetype_{'ac'[index % 2]}",
            "mode": "STATIONARY",
            "cadence_seconds": 300,
        }
        for index in range(device_count)
    ]
    return Scenario.from_dict({"scenario_id": "bench_checks", "devices": devices})


def one_pass(frame: pd.DataFrame) -> float:
    """Look once at every number that the checks read."""
    total = 0.0
    for name in frame.columns:
        if name in ("activity", "fault", "course_degrees", "speed_kmh"):
            continue
        column = frame[name]
        if name == "device_id":
            values = column.cat.codes.to_numpy()
        elif name == "received_at":
            values = column.to_numpy(dtype="datetime64[ms]").view(np.int64)
        else:
            values = column.to_numpy()
        total += float(np.min(values))
    return total


def fastest(call: Callable[[], object], repeats: int = 3) -> tuple[float, float]:
    """Return the least wall and CPU time of some calls. [seconds]"""
    found = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(w for w, _ in found), min(c for _, c in found)


def main(arguments: list[str]) -> None:
    device_count = int(arguments[0]) if arguments else 1_000
    fleet = scenario(device_count)
    frame = synthlab.backfill(fleet, end_at=END_AT).frame
    reservoirs = {one.device_id: one.reservoir for one in resolve(fleet)}
    before_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    passed = fastest(lambda: one_pass(frame))
    judged = fastest(lambda: check(frame, reservoirs=reservoirs))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    print(f"rows {len(frame):,}, devices {device_count:,}")
    print(f"one pass: {passed[0]:.3f} s wall, {passed[1]:.3f} s CPU")
    print(f"checks:   {judged[0]:.3f} s wall, {judged[1]:.3f} s CPU")
    print(f"ratio:    {judged[0] / passed[0]:.1f} wall, {judged[1] / passed[1]:.1f} CPU (asked: 3)")
    print(f"peak: {peak_mb:,.0f} MB, of which the frame and its making {before_mb:,.0f} MB (asked: 2,048)")


if __name__ == "__main__":
    main(sys.argv[1:])
