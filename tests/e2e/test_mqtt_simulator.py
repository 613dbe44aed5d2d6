"""The old simulator's flags still work, as a face of `synthlab run`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

SCRIPT = Path(__file__).parent / "scripts" / "mqtt_simulator.py"


def _simulate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize(("flags", "count"), [(["--single"], 1), (["--batch", "--count", "20"], 20)])
def test_messages_are_sent(scratch: Path, flags: list[str], count: int) -> None:
    done = _simulate(*flags)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["command"], result["emitted"], result["acknowledged"]) == ("run", count, count)


def test_second_call_goes_on(scratch: Path) -> None:
    assert json.loads(_simulate("--single").stdout)["devices"]["E2E2024STATA1"]["last_seq"] == 1
    assert json.loads(_simulate("--single").stdout)["devices"]["E2E2024STATA1"]["first_seq"] == 2


def test_messages_land_on_the_platform(scratch: Path) -> None:
    command = [sys.executable, "-m", "synthlab", "--scenario", "stationary_only_v1", "provision"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert _simulate("--batch", "--count", "5").returncode == 0
    engine = create_engine("sqlite:///.synthlab/platform.db")
    with engine.connect() as connection:
        found = connection.execute(text("SELECT count(*) FROM reservoir_readings")).scalar_one()
    engine.dispose()
    assert found == 5


@pytest.mark.parametrize("flags", [[], ["--single", "--batch"], ["--batch", "--count", "0"]])
def test_bad_flags(scratch: Path, flags: list[str]) -> None:
    done = _simulate(*flags)
    assert done.returncode == 2
    assert "usage:" in done.stderr
