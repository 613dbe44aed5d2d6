"""The old end-to-end simulator's face: one device, one message or a batch of them.

It builds a temporary scenario of one device and hands it to ``synthlab run``.

Run as ``python tests/e2e/scripts/mqtt_simulator.py --single`` or ``--batch --count 20``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

# The shortest cadence a scenario may have, sped up so that a batch takes no longer than it must.
CADENCE_SECONDS = 60
SPEEDUP_FACTOR = 60_000.0


def scenario_of(device_id: str, archetype: str) -> dict[str, object]:
    """Return a scenario of one stationary device."""
    device = {
        "device_id": device_id,
        "archetype": archetype,
        "mode": "STATIONARY",
        "cadence_seconds": CADENCE_SECONDS,
    }
    return {"scenario_id": "mqtt_simulator", "speedup_factor": SPEEDUP_FACTOR, "devices": [device]}


def arguments_of(given: list[str] | None) -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--single", action="store_true", help="send one message")
    how.add_argument("--batch", action="store_true", help="send --count messages")
    parser.add_argument("--count", type=int, default=10, help="messages of a batch (default: 10)")
    parser.add_argument("--device-id", default="E2E2024STATA1", help="default: %(default)s")
    parser.add_argument("--archetype", default="stationary_archetype_a", help="default: %(default)s")
    parser.add_argument("--state-file", help="sequence state file; default: synthlab's own")
    asked = parser.parse_args(given)
    if asked.count < 1:
        parser.error("--count needs at least 1")
    return asked


def main(given: list[str] | None = None) -> int:
    """Write the scenario, run it, and return the run's exit code."""
    asked = arguments_of(given)
    count = 1 if asked.single else asked.count
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mqtt_simulator.yaml"
        # JSON is YAML, and needs no library here.
        path.write_text(json.dumps(scenario_of(asked.device_id, asked.archetype)), encoding="utf-8")
        state = ["--state-file", asked.state_file] if asked.state_file else []
        command = [sys.executable, "-m", "synthlab", "--scenario", str(path), *state]
        done = subprocess.run([*command, "run", "--iterations", str(count)], check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
