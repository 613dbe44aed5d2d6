"""The guide's runbook, command by command, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from tests.cli.conftest import END_AT, Cli

ROWS = 98  # 2 devices x (1 day / 30 minutes + 1)
TABLES = (
    "device_telemetry_messages",
    "reservoir_readings",
    "device_location_points",
    "events",
    "stationary_hourly_series",
    "mobile_stop_episodes",
    "reservoir_metrics_windows",
)


def _table_contents(url: str) -> Mapping[str, list[Any]]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return {
                name: sorted(str(tuple(row)) for row in connection.execute(text(f"SELECT * FROM {name}")))
                for name in TABLES
            }
    finally:
        engine.dispose()


@pytest.fixture
def platform(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SYNTHLAB_DATABASE_URL", database_url)
    return database_url


def test_runbook(cli: Cli, tiny: tuple[str, str], platform: str, scratch: Path) -> None:
    walk(cli, tiny, platform, scenario_id="tiny", device_ids=["E2ETINYMOB1", "E2ETINYSTAT1"], rows=ROWS)


@pytest.mark.long
@pytest.mark.parametrize(
    ("template", "device_ids"),
    [
        ("stationary_only_v1", ["E2E2024STATA1", "E2E2024STATC1"]),
        ("mobile_only_v1", ["E2E2024MOBE1", "E2E2024MOBF1"]),
    ],
)
def test_runbook_of_a_template(
    cli: Cli, platform: str, scratch: Path, template: str, device_ids: list[str]
) -> None:
    rows = 2 * (30 * 288 + 1)
    flags = ("--scenario", template)
    walk(cli, flags, platform, scenario_id=template, device_ids=device_ids, rows=rows)


def walk(
    cli: Cli, scenario: tuple[str, str], platform: str, *, scenario_id: str, device_ids: list[str], rows: int
) -> None:
    """Walk the guide's section 4, command by command, and import twice."""
    made = cli(*scenario, "provision")
    assert (made.exit_code, made.json["created"]) == (0, 2)

    validated = cli(*scenario, "--strict", "validate")
    assert validated.exit_code == 0, validated.stderr
    assert validated.json["command"] == "validate"
    assert validated.json["devices_validated"] == device_ids
    assert validated.json["warnings"] == []

    shown = cli(*scenario, "--strict", "dry-run", "--preview-steps", "3", "--start-at", END_AT)
    assert shown.exit_code == 0
    for device in shown.json["devices"]:
        assert [sample["seq"] for sample in device["samples"]] == [1, 2, 3]
        assert all(len(sample["raw_samples"]) == 5 for sample in device["samples"])
        assert device["expected_tendencies"]

    exported = cli(*scenario, "--strict", "export-csv", "--run-id", "r1", "--end-at", END_AT)
    assert exported.exit_code == 0, exported.stderr
    assert exported.json["row_count"] == rows
    folder = Path(exported.json["artifact_dir"])
    assert folder == Path("artifacts") / scenario_id / "r1"
    assert (folder / "telemetry_rows.csv").is_file()
    assert (folder / "manifest.json").is_file()

    analyzed = cli("analyze-csv", "--artifact-dir", folder)
    assert analyzed.exit_code == 0, analyzed.stderr
    counts = ("seq_gap_count", "seq_duplicate_count", "invalid_row_count")
    assert analyzed.json["qc_passed"] is True
    assert [analyzed.json[name] for name in counts] == [0, 0, 0]
    assert json.loads((folder / "analysis.json").read_text())["qc_passed"] is True

    approved = cli("approve", "--artifact-dir", folder, "--reviewer", "Ada", "--note", "fine")
    assert (approved.exit_code, approved.json["reviewer"]) == (0, "Ada")

    before = _table_contents(platform)
    looked = cli("import-csv", "--artifact-dir", folder)
    assert looked.exit_code == 0
    assert looked.json["apply"] is False
    assert looked.json["status_counts"] == {"dry_run:READY": rows}
    assert _table_contents(platform) == before
    assert not (folder / "import_result.json").exists()

    flags = ("--apply", "--commit-batch-size", "40", "--drain-analytics", "--analytics-batch-size", "30")
    applied = cli("import-csv", "--artifact-dir", folder, *flags)
    assert applied.exit_code == 0, applied.stderr
    assert applied.json["apply"] is True
    assert applied.json["row_count"] == rows
    assert applied.json["status_counts"] == {"stored:READING": rows}
    assert applied.json["analytics"]["events_processed"] == rows
    written = json.loads((folder / "import_result.json").read_text())
    assert {"command": "import-csv", **written} == applied.json

    stored = _table_contents(platform)
    assert len(stored["device_telemetry_messages"]) == rows
    again = cli("import-csv", "--artifact-dir", folder, *flags)
    assert again.exit_code == 0
    assert again.json["status_counts"] == {"duplicate:SEQ": rows}
    assert again.json["analytics"]["events_processed"] == 0
    assert _table_contents(platform) == stored

    live = cli(*scenario, "--strict", "run", "--iterations", "1")
    assert live.exit_code == 0, live.stderr
    assert live.json["emitted"] == 2
    engine = create_engine(platform)
    with engine.connect() as connection:
        query = text("SELECT mqtt_client_id, max(seq) FROM device_telemetry_messages GROUP BY 1")
        last_seq = dict(tuple(row) for row in connection.execute(query))
    assert last_seq == dict.fromkeys(device_ids, rows // 2 + 1)
    engine.dispose()


def test_bootstrap_twice_stores_once(cli: Cli, tiny: tuple[str, str], platform: str) -> None:
    assert cli(*tiny, "provision").exit_code == 0
    flags = ("--commit-batch-size", "1000", "--analytics-batch-size", "300", "--end-at", END_AT)
    first = cli(*tiny, "--strict", "bootstrap", *flags)
    assert first.exit_code == 0, first.stderr
    assert first.json["total_emitted"] == ROWS
    assert first.json["status_counts"] == {"stored:READING": ROWS}
    stored = _table_contents(platform)
    again = cli(*tiny, "--strict", "bootstrap", *flags)
    assert again.json["status_counts"] == {"duplicate:SEQ": ROWS}
    assert again.json["devices"] == first.json["devices"]
    assert _table_contents(platform) == stored


def test_bootstrap_goes_on_behind_an_import(cli: Cli, tiny: tuple[str, str], artifact_dir: Path) -> None:
    assert cli("import-csv", "--artifact-dir", artifact_dir, "--apply").exit_code == 0
    ended = cli(*tiny, "--strict", "bootstrap", "--end-at", "2026-02-14T10:00:00Z")
    assert ended.json["status_counts"] == {"stored:READING": ROWS}
    assert {device["first_seq"] for device in ended.json["devices"].values()} == {50}


def test_bootstrap_without_end_warns_that_it_cannot_be_repeated(
    cli: Cli, tiny: tuple[str, str], provisioned: None
) -> None:
    ended = cli(*tiny, "--strict", "bootstrap")
    assert ended.exit_code == 0
    assert "warning: end_at is not given: the window ends now" in ended.stderr


def test_the_same_export_gives_the_same_bytes(cli: Cli, tiny: tuple[str, str], artifact_dir: Path) -> None:
    names = ("telemetry_rows.csv", "manifest.json")
    first = [(artifact_dir / name).read_bytes() for name in names]
    again = cli(*tiny, "export-csv", "--run-id", "r1", "--end-at", END_AT, "--output-root", "elsewhere")
    assert again.exit_code == 0
    assert [(Path("elsewhere/tiny/r1") / name).read_bytes() for name in names] == first


def test_another_window_never_gets_the_same_numbers(
    cli: Cli, tiny: tuple[str, str], artifact_dir: Path
) -> None:
    flags = ("--run-id", "r1", "--output-root", "elsewhere", "--end-at", "2026-02-13T10:00:00Z")
    ended = cli(*tiny, "export-csv", *flags)
    assert {device["first_seq"] for device in ended.json["devices"].values()} == {50}
