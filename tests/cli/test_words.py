"""What people read on stderr: nothing twice, and nothing that only a program would say."""

from __future__ import annotations

from pathlib import Path

from synthlab.errors import Problem, QualityError
from synthlab.warned import grouped
from tests.cli.conftest import Cli


def test_what_is_the_same_of_several_devices_is_said_once() -> None:
    of_device = [f"devices[{name}]: device not found. Create it." for name in "ABCDEFGHIJ"]
    assert grouped([*of_device[:2], "another", "devices[A].mode: wrong."]) == [
        "devices[A, B]: device not found. Create it.",
        "another",
        "devices[A].mode: wrong.",
    ]
    assert grouped(of_device)[0].startswith("devices[A, B, C, D, E, F, G, H, ... +2 more]: ")
    assert len(grouped(of_device)) == 1


def test_json_keeps_every_warning(cli: Cli, scratch: Path) -> None:
    shown = cli("--scenario", "stationary_only_v1", "validate")
    assert len(shown.json["warnings"]) == 2
    lines = [line for line in shown.stderr.splitlines() if line.startswith("warning: ")]
    assert lines == [
        "warning: devices[E2E2024STATA1, E2E2024STATC1]: device not found: no platform is there."
        " `synthlab provision` creates one with this scenario's devices."
    ]


def test_a_remedy_that_several_problems_share_is_said_once() -> None:
    problems = [Problem("QC_FAILED", rule, remedy="Mend it") for rule in ("a fails", "b fails")]
    other = Problem("QC_FAILED", "c fails", remedy="Look")
    assert str(QualityError([*problems, other])) == "a fails.\nb fails. Mend it.\nc fails. Look."
    assert [record["remedy"] for record in QualityError(problems).to_records()] == ["Mend it"] * 2


def test_provision_names_the_reservoirs_that_it_assumes(cli: Cli, scratch: Path) -> None:
    Path("bare.yaml").write_text(
        "scenario_id: bare\nseed: 1\nbootstrap: {days: 1, step_minutes: 5}\ndevices:\n"
        "  - {device_id: E2EBARE1, archetype: stationary_archetype_a, mode: STATIONARY,\n"
        "     cadence_seconds: 300}\n",
        encoding="utf-8",
    )
    shown = cli("--scenario", "bare.yaml", "provision")
    assert shown.exit_code == 0, shown.stderr
    assert "reservoir assumed from the archetype: E2EBARE1." in shown.stderr


def test_rejecting_without_a_note_says_what_to_write(cli: Cli, scratch: Path) -> None:
    common = ("--run-id", "r", "--end-at", "2026-02-12T10:00:00Z")
    assert cli("--scenario", "stationary_only_v1", "export-csv", *common).exit_code == 0
    shown = cli(
        *("approve", "--artifact-dir", "artifacts/stationary_only_v1/r", "--reviewer", "me", "--reject")
    )
    assert shown.exit_code == 2
    assert shown.stderr == (
        "error: note: a rejection needs a note."
        " Say what is wrong, for whoever mends it: --note TEXT, in Python note=TEXT.\n"
    )
