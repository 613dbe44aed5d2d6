"""Messages a second of a live run: 1,000 devices, a connection each, QoS 1.

    python benchmarks/bench_live.py [devices] [messages of each device]

The whole verb runs against a mosquitto on loopback: simulate, reserve numbers,
encode, publish, wait for every acknowledgement.  Once without and once with the
listener that feeds the reference platform on SQLite.  Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import Any

import synthlab
from synthlab.adapters.broker import find_mosquitto
from synthlab.scenario.loader import loads_scenario

# Source: the live stream's target.
TARGET_PER_SECOND = 5_000
DEFAULTS = ("1000", "30")
# Every message is due at once: the broker and the loop are the limit.
SPEEDUP = 1e9


def make_scenario(device_count: int) -> Any:
    devices = "".join(
        f"  - {{device_id: BENCH{index:05d}, archetype: stationary_archetype_a,"
        " mode: STATIONARY, cadence_seconds: 60}\n"
        for index in range(device_count)
    )
    return loads_scenario(f"scenario_id: bench_live\nspeedup_factor: {SPEEDUP}\ndevices:\n{devices}")


def measure(scenario: Any, iterations: int, *, listen: bool) -> dict[str, Any]:
    began = time.process_time()
    result = synthlab.run_live(scenario, iterations=iterations, listen=listen)
    cpu_seconds = time.process_time() - began
    return {
        "emitted": result.emitted,
        "acknowledged": result.acknowledged,
        "listener": result.listener,
        "seconds": result.duration_seconds,
        "messages_per_second": round(result.emitted / result.duration_seconds),
        "cpu_microseconds_per_message": round(cpu_seconds / result.emitted * 1e6, 1),
        "messages_per_cpu_second": round(result.emitted / cpu_seconds),
    }


def main() -> int:
    if find_mosquitto() is None:
        sys.stderr.write("bench_live needs mosquitto on PATH\n")
        return 0
    device_count, iterations = (int(text) for text in [*sys.argv[1:], *DEFAULTS[len(sys.argv) - 1 :]][:2])
    scenario = make_scenario(device_count)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        alone = measure(scenario, iterations, listen=False)
        synthlab.provision(scenario)
        listened = measure(scenario, iterations, listen=True)
        os.chdir("/")
    is_fast = alone["messages_per_second"] >= TARGET_PER_SECOND
    report = {
        "benchmark": "live",
        "connections": device_count,
        "publish": alone,
        "publish_and_ingest": listened,
        "target_per_second": TARGET_PER_SECOND,
        "reached": is_fast,
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
