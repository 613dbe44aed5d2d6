"""The engine against a lean loop of plain Python over the same model, in one run.

    python benchmarks/bench_engine.py [devices]

Prints one JSON object; benchmarks/README.md says what each number means. CPU time is
user + system of this process; each number is the median of its rounds.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.lean_loop import simulate_tank
from synthlab.columns import NAMES
from synthlab.engine import simulate
from synthlab.scenario.loader import loads_scenario
from synthlab.scenario.resolve import DeviceParameters, resolve

DAY = 86_400
END_SECOND = 1_770_890_400
DEVICES, DAYS, STEP_MINUTES = 1_000, 30, 5
# The loop is linear in devices: a slice of them for the same 30 days gives its rate.
LOOP_DEVICES = 8
ROUNDS, PREVIEW_ROUNDS = 7, 40
ASKED_RATIO, ASKED_PREVIEW_MS = 50, 20

_SCENARIO = """\
scenario_id: bench
bootstrap: {{step_minutes: {step_minutes}}}
devices:
  - device_id: D0000
    archetype: stationary_archetype_a
    mode: STATIONARY
    cadence_seconds: {cadence_seconds}
    dynamics:
      demand:
        target_daily_liters: 900.0
        hourly_weights: [0.6, 0.5, 0.5, 0.5, 0.6, 0.8, 1.2, 1.4, 1.3, 1.0, 0.9, 0.9,
                         1.0, 1.0, 1.0, 1.0, 1.1, 1.3, 1.4, 1.3, 1.0, 0.9, 0.7, 0.6]
        weekday_multipliers: [1.0, 1.0, 1.0, 1.0, 1.05, 1.1, 0.95]
"""


def make_devices(count: int, *, step_minutes: int = STEP_MINUTES) -> tuple[DeviceParameters, ...]:
    """Tanks of archetype A with the guide's demand curve."""
    text = _SCENARIO.format(step_minutes=step_minutes, cadence_seconds=step_minutes * 60)
    (first,) = resolve(loads_scenario(text))
    names = [f"D{index:04}" for index in range(count)]
    return tuple(
        replace(first, device_id=name, reservoir=replace(first.reservoir, device_id=name)) for name in names
    )


def run_engine(devices: tuple[DeviceParameters, ...], days: int) -> Any:
    return simulate(
        devices,
        {device.device_id: device.reservoir for device in devices},
        seed=42,
        start_second=END_SECOND - days * DAY,
        end_second=END_SECOND,
    ).frame


def run_loop(devices: tuple[DeviceParameters, ...], days: int) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    start = END_SECOND - days * DAY
    for device in devices:
        rows += simulate_tank(device, device.reservoir, seed=42, start_second=start, end_second=END_SECOND)
    return rows


def loop_frame(rows: list[tuple[Any, ...]]) -> Any:
    """Make the loop's rows a sorted frame, the cheap way: no dtypes of the contract."""
    import pandas as pd

    frame = pd.DataFrame.from_records(rows, columns=list(NAMES))
    return frame.sort_values(["received_at", "device_id"], ignore_index=True)


def spend(work: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Median wall, CPU and user time of some rounds. [seconds]"""
    return spend_in_turns({"work": work}, rounds)["work"]


def spend_in_turns(works: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, dict[str, float]]:
    """Median times of works that take turns: a neighbor on the machine slows all of them alike. [seconds]"""
    spent: dict[str, list[dict[str, float]]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            spent[name].append(_once(work))
    return {
        name: {kind: median(round_[kind] for round_ in all_rounds) for kind in all_rounds[0]}
        for name, all_rounds in spent.items()
    }


def _once(work: Callable[[], Any]) -> dict[str, float]:
    gc.collect()
    before, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    result = work()
    wall = time.perf_counter() - wall
    after = resource.getrusage(resource.RUSAGE_SELF)
    del result
    user = after.ru_utime - before.ru_utime
    return {"wall": wall, "cpu": user + after.ru_stime - before.ru_stime, "user": user}


def peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    device_count = int(sys.argv[1]) if len(sys.argv) > 1 else DEVICES
    few, fleet, slice_ = make_devices(5), make_devices(device_count), make_devices(LOOP_DEVICES)
    run_engine(few, 7)  # imports and tables
    preview = spend(lambda: run_engine(few, 7), PREVIEW_ROUNDS)
    minutes = make_devices(1, step_minutes=1)
    year = spend(lambda: run_engine(minutes, 365), ROUNDS)
    before = peak_mebibytes()
    cold = spend(lambda: run_engine(fleet, DAYS), 1)
    turns = spend_in_turns(
        {
            "engine": lambda: run_engine(fleet, DAYS),
            "loop": lambda: loop_frame(run_loop(slice_, DAYS)),
            "rows only": lambda: run_loop(slice_, DAYS),
        },
        ROUNDS,
    )
    engine, loop, loop_rows_only = turns.values()
    points = DAYS * DAY // (STEP_MINUTES * 60) + 1
    rows, loop_rows = points * device_count, points * LOOP_DEVICES

    def rates(spent: dict[str, float], count: int) -> dict[str, int]:
        return {name: round(count / spent[name]) for name in ("cpu", "user")}

    def ratio(name: str, other: dict[str, float]) -> float:
        return round(rows / engine[name] / (loop_rows / other[name]), 1)

    report = {
        "benchmark": "engine",
        "note": (
            f"medians of {ROUNDS} rounds, in turns, after one cold round: the first touch of memory can cost "
            "seconds of system time on a virtual machine. CPU is user + system. Engine and loop both end "
            "with a whole, sorted DataFrame; 'rows_only' frees the loop, but not the engine, of making it."
        ),
        "row_count": rows,
        "rows_per_core_second": rates(engine, rows),
        "loop_row_count": loop_rows,
        "loop_rows_per_core_second": rates(loop, loop_rows),
        "loop_rows_per_core_second_rows_only": rates(loop_rows_only, loop_rows),
        "cpu_ratio": ratio("cpu", loop),
        "user_ratio": ratio("user", loop),
        "cpu_ratio_rows_only": ratio("cpu", loop_rows_only),
        "user_ratio_rows_only": ratio("user", loop_rows_only),
        "asked_cpu_ratio": ASKED_RATIO,
        "engine_seconds": {name: round(value, 3) for name, value in engine.items()},
        "engine_cold_seconds": {name: round(value, 3) for name, value in cold.items()},
        "preview_5_devices_7_days_ms": {name: round(value * 1000, 1) for name, value in preview.items()},
        "asked_preview_ms": ASKED_PREVIEW_MS,
        "device_year_of_minutes_seconds": {name: round(value, 3) for name, value in year.items()},
        "peak_memory_mebibytes": {"process": round(peak_mebibytes()), "before_the_engine": round(before)},
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
