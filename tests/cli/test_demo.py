"""The demo twice: everything is there after the first, and nothing is twice after the second."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.cli.conftest import Cli

HISTORY_ROWS = 17_282
HISTORY_TABLES = ("device_telemetry_messages", "reservoir_readings", "events")


def _counts() -> Counter[str]:
    engine = create_engine("sqlite:///.synthlab/platform.db")
    with engine.connect() as connection:
        counts = {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()
            for name in (*HISTORY_TABLES, "mobile_stop_episodes", "stationary_hourly_series", "devices")
        }
    engine.dispose()
    return Counter(counts)


def _step(content: dict[str, Any], name: str) -> dict[str, Any]:
    return next(step["facts"] for step in content["steps"] if step["name"] == name)


CANARY = "canary-51bd-word"


def test_demo(cli: Cli, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whatever is configured on the machine: the demo asks none of it, and shows none of it.
    monkeypatch.setenv("SYNTHLAB_DATABASE_URL", f"postgresql://u:{CANARY}@127.0.0.1:1/d")
    monkeypatch.setenv("PGPASSWORD", CANARY)
    first = cli("demo")
    assert first.exit_code == 0, first.stderr
    assert CANARY not in first.stdout + first.stderr
    assert [
        path for path in scratch.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()
    ] == []
    assert _step(first.json, "analyze-csv")["qc_passed"] is True
    assert _step(first.json, "import-csv")["status_counts"] == {"dry_run:READY": HISTORY_ROWS}
    assert _step(first.json, "import-csv --apply")["status_counts"] == {"stored:READING": HISTORY_ROWS}
    assert _step(first.json, "bootstrap")["status_counts"] == {"stored:READING": HISTORY_ROWS}
    live = _step(first.json, "run")
    assert live["emitted"] == live["acknowledged"] == 10
    folder = Path(first.json["artifact_dir"])
    expected = ["analysis.json", "approval.json", "import_result.json", "manifest.json", "plots"]
    assert sorted(path.name for path in folder.iterdir()) == [*expected, "report.html", "telemetry_rows.csv"]
    assert len(list((folder / "plots").glob("*.png"))) >= 3
    counts = _counts()
    assert [counts[name] for name in HISTORY_TABLES] == [2 * HISTORY_ROWS + 10] * 3
    assert counts["mobile_stop_episodes"] > 0
    assert counts["devices"] == 4
    for line in (*first.json["next_steps"], "import-csv --apply"):
        assert line in first.stderr


@pytest.mark.long
def test_demo_twice(cli: Cli, scratch: Path) -> None:
    assert cli("demo").exit_code == 0
    counts = _counts()
    again = cli("demo")
    assert again.exit_code == 0, again.stderr
    assert _step(again.json, "import-csv --apply")["status_counts"] == {"duplicate:SEQ": HISTORY_ROWS}
    assert _step(again.json, "bootstrap")["status_counts"] == {"duplicate:SEQ": HISTORY_ROWS}
    # What is new is the live stream's: it went on.
    assert [_counts()[name] - counts[name] for name in HISTORY_TABLES] == [10] * 3
    assert _counts()["devices"] == 4
    assert {device["first_seq"] for device in _step(again.json, "run")["devices"].values()} == {8647}
