"""Every failure of the guide: its message, its exit code, nothing written, no traceback."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from synthlab.artifact.files import write_atomically
from synthlab.errors import DiskError, SequenceStateError
from synthlab.plotting.save import write_picture
from synthlab.sequence.storage import lock_state
from tests.cli.conftest import END_AT, Cli

PLATFORM = "sqlite:///.synthlab/platform.db"


def _change(statement: str) -> None:
    engine = create_engine(PLATFORM)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _message_count() -> int:
    engine = create_engine(PLATFORM)
    with engine.connect() as connection:
        found = connection.execute(text("SELECT count(*) FROM device_telemetry_messages")).scalar_one()
    engine.dispose()
    return int(found)


def test_no_platform_is_a_warning_and_strict_an_error(cli: Cli, tiny: tuple[str, str], scratch: Path) -> None:
    ended = cli(*tiny, "validate")
    assert ended.exit_code == 0
    assert any("device not found" in warning for warning in ended.json["warnings"])
    assert "no platform to compare with" in ended.stderr
    strict = cli(*tiny, "--strict", "validate")
    assert strict.exit_code == 4
    assert strict.json["passed"] is False
    assert "Preflight failed: " in strict.stderr
    assert "device not found" in strict.stderr
    assert "provision" in strict.stderr
    assert sorted(path.name for path in scratch.iterdir()) == ["tiny.yaml"]


BREAKS = {
    "device not found": "DELETE FROM devices WHERE device_id = 'E2ETINYSTAT1'",
    "not attached to a reservoir": "UPDATE devices SET reservoir_id = NULL WHERE device_id = 'E2ETINYSTAT1'",
    "missing calibration": (
        "UPDATE reservoirs SET sensor_empty_distance_mm = NULL, sensor_full_distance_mm = NULL,"
        " height_mm = NULL"
    ),
}


@pytest.mark.parametrize("phrase", BREAKS)
@pytest.mark.parametrize("command", ["validate", "export-csv", "bootstrap", "run"])
def test_preflight_stops_every_verb_that_makes_rows(
    cli: Cli, tiny: tuple[str, str], provisioned: None, scratch: Path, phrase: str, command: str
) -> None:
    _change(BREAKS[phrase])
    ended = cli(*tiny, command)
    assert ended.exit_code == 4
    assert "Preflight failed: " in ended.stderr
    assert phrase in ended.stderr
    assert phrase in ended.problem["rule"]
    assert ended.problem["remedy"]
    assert _message_count() == 0
    assert not (scratch / "artifacts").exists()
    assert not (scratch / ".tmp").exists()


def test_preview_goes_on_unless_strict(cli: Cli, tiny: tuple[str, str], provisioned: None) -> None:
    _change(BREAKS["not attached to a reservoir"])
    shown = cli(*tiny, "dry-run", "--preview-steps", "1")
    assert shown.exit_code == 0
    assert "not attached to a reservoir" in shown.stderr
    assert cli(*tiny, "--strict", "dry-run").exit_code == 4


@pytest.mark.parametrize("phrase", BREAKS)
def test_import_checks_every_device_first(cli: Cli, artifact_dir: Path, scratch: Path, phrase: str) -> None:
    _change(BREAKS[phrase])
    state = (scratch / ".tmp/synthetic_sim_seq_state.json").read_bytes()
    ended = cli("import-csv", "--artifact-dir", artifact_dir, "--apply")
    assert ended.exit_code == 4
    assert phrase in ended.stderr
    assert _message_count() == 0
    assert not (artifact_dir / "import_result.json").exists()
    assert (scratch / ".tmp/synthetic_sim_seq_state.json").read_bytes() == state


def test_dry_run_import_names_what_is_wrong(cli: Cli, artifact_dir: Path) -> None:
    _change(BREAKS["device not found"])
    ended = cli("import-csv", "--artifact-dir", artifact_dir)
    assert ended.exit_code == 0
    assert ended.json["status_counts"] == {"dry_run:READY": 49, "dry_run:UNREGISTERED_DEVICE": 49}


def test_import_without_a_platform(cli: Cli, artifact_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHLAB_DATABASE_URL", "sqlite:///nowhere.db")
    looked = cli("import-csv", "--artifact-dir", artifact_dir)
    assert looked.json["status_counts"] == {"dry_run:UNREGISTERED_DEVICE": 98}
    ended = cli("import-csv", "--artifact-dir", artifact_dir, "--apply")
    assert ended.exit_code == 4
    assert "device not found" in ended.stderr
    assert not Path("nowhere.db").exists()


@pytest.mark.parametrize("command", ["analyze-csv", "import-csv", "approve"])
def test_changed_csv(cli: Cli, artifact_dir: Path, command: str) -> None:
    assert cli("analyze-csv", "--artifact-dir", artifact_dir).exit_code == 0
    path = artifact_dir / "telemetry_rows.csv"
    path.write_bytes(path.read_bytes().replace(b"E2ETINYSTAT1", b"E2ETINYSTAT2", 1))
    extra = {"import-csv": ("--apply",), "approve": ("--reviewer", "Ada")}.get(command, ())
    ended = cli(command, "--artifact-dir", artifact_dir, *extra)
    assert ended.exit_code == 5
    assert ended.json["error"]["code"] == "CSV_HASH_MISMATCH"
    assert "manifest csv_sha256 mismatch" in ended.stderr
    assert _message_count() == 0


@pytest.mark.parametrize("command", ["analyze-csv", "import-csv"])
def test_no_artifact(cli: Cli, command: str) -> None:
    ended = cli(command, "--artifact-dir", "nowhere")
    assert (ended.exit_code, ended.json["error"]["code"]) == (5, "ARTIFACT_NOT_FOUND")


def test_strict_reaches_the_import(cli: Cli, artifact_dir: Path) -> None:
    _change("UPDATE devices SET is_synthetic = false")
    ended = cli("--strict", "import-csv", "--artifact-dir", artifact_dir)
    assert (ended.exit_code, ended.problem["rule"]) == (6, "the data was never checked")
    assert cli("analyze-csv", "--artifact-dir", artifact_dir).exit_code == 0
    ended = cli("--strict", "import-csv", "--artifact-dir", artifact_dir, "--apply")
    assert (ended.exit_code, ended.json["error"]["code"]) == (4, "NOT_MARKED_SYNTHETIC")
    assert _message_count() == 0


def test_failed_quality_is_not_imported(cli: Cli, artifact_dir: Path) -> None:
    assert cli("analyze-csv", "--artifact-dir", artifact_dir).exit_code == 0
    path = artifact_dir / "analysis.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"qc_passed": False}))
    ended = cli("import-csv", "--artifact-dir", artifact_dir, "--apply")
    assert (ended.exit_code, ended.json["error"]["code"]) == (6, "QC_FAILED")
    assert _message_count() == 0
    allowed = cli("import-csv", "--artifact-dir", artifact_dir, "--apply", "--allow-failed-qc")
    assert (allowed.exit_code, allowed.json["qc_passed"]) == (0, False)
    assert allowed.json["is_qc_failure_allowed"] is True
    assert "failed data was allowed" in allowed.stderr
    assert _message_count() == 98


def test_approvals_on_the_command_line(cli: Cli, artifact_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = ("--artifact-dir", artifact_dir)
    assert cli("analyze-csv", *where).exit_code == 0
    ended = cli("import-csv", *where, "--apply", "--require-approval")
    assert (ended.exit_code, ended.json["error"]["code"]) == (5, "APPROVAL_MISSING")
    monkeypatch.setenv("SYNTHLAB_REQUIRE_APPROVAL", "1")
    assert cli("import-csv", *where, "--apply").problem["code"] == "APPROVAL_MISSING"
    assert cli("approve", *where, "--reviewer", "Ada", "--reject").problem["path"] == "note"
    both = cli("approve", *where, "--reviewer", "Ada", "--reject", "--note", "x", "--allow-failed-qc")
    assert (both.exit_code, both.problem["path"]) == (2, "--allow-failed-qc")
    rejected = cli("approve", *where, "--reviewer", "Ada", "--reject", "--note", "too smooth")
    assert rejected.json["decision"] == "rejected"
    ended = cli("import-csv", *where, "--apply")
    assert (ended.exit_code, ended.json["error"]["code"]) == (6, "APPROVAL_REJECTED")
    assert "too smooth" in ended.stderr
    assert _message_count() == 0
    assert cli("approve", *where, "--reviewer", "Ada").json["decision"] == "approved"
    assert cli("import-csv", *where, "--apply").json["approved_by"] == "Ada"
    assert _message_count() == 98


def test_other_data_under_the_same_run(cli: Cli, tiny: tuple[str, str], artifact_dir: Path) -> None:
    before = (artifact_dir / "manifest.json").read_bytes()
    ended = cli(*tiny, "export-csv", "--run-id", "r1", "--end-at", "2026-02-13T10:00:00Z")
    assert (ended.exit_code, ended.json["error"]["code"]) == (5, "ARTIFACT_EXISTS")
    assert (artifact_dir / "manifest.json").read_bytes() == before


def test_an_export_that_has_no_place_takes_no_numbers(
    cli: Cli, tiny: tuple[str, str], artifact_dir: Path, scratch: Path
) -> None:
    state = json.dumps(cli("state", "show").json)
    (scratch / "a_file").touch()
    (scratch / "link").mkdir()
    (scratch / "link" / "tiny").symlink_to(scratch / "artifacts")
    other = ("--end-at", "2026-02-13T10:00:00Z")
    for options, code in (
        (("--run-id", "r1", *other), "ARTIFACT_EXISTS"),
        (("--run-id", "r2", *other, "--output-root", "a_file"), "DISK_WRITE_FAILED"),
        (("--run-id", "r2", *other, "--output-root", "link"), "BAD_ARGUMENT"),
        (("--run-id", "../r2", *other), "BAD_ARGUMENT"),
    ):
        assert cli(*tiny, "export-csv", *options).json["error"]["code"] == code
        assert json.dumps(cli("state", "show").json) == state
    # Where the same run is there, the same numbers are used again.
    assert cli(*tiny, "export-csv", "--run-id", "r1", "--end-at", END_AT).exit_code == 0
    assert json.dumps(cli("state", "show").json) == state


def test_broken_yaml(cli: Cli, scratch: Path) -> None:
    path = scratch / "broken.yaml"
    path.write_text("scenario_id: x\ndevices: [\n")
    ended = cli("--scenario", path, "validate")
    assert (ended.exit_code, ended.json["error"]["code"]) == (3, "SCENARIO_SYNTAX")
    assert ended.stderr.startswith("error: broken.yaml:")


def test_every_fault_of_a_scenario_at_once(cli: Cli, tiny_text: str, scratch: Path) -> None:
    path = scratch / "faulty.yaml"
    changed = tiny_text.replace("seed: 7", "seed: lots")
    path.write_text(changed.replace("cadence_seconds: 300", "cadence_secs: 300", 1))
    ended = cli("--scenario", path, "validate")
    assert ended.exit_code == 3
    found = {problem["path"]: problem for problem in ended.json["error"]["problems"]}
    assert {"seed", "devices[0].cadence_secs"} <= set(found)
    assert "cadence_seconds" in found["devices[0].cadence_secs"]["remedy"]
    assert all(problem["line"] for problem in found.values())


def test_unknown_template(cli: Cli) -> None:
    ended = cli("--scenario", "no_such_template", "validate")
    assert (ended.exit_code, ended.json["error"]["code"]) == (3, "SCENARIO_NOT_FOUND")
    assert "stationary_only_v1" in ended.stderr


@pytest.mark.parametrize("command", ["validate", "export-csv", "bootstrap", "provision"])
def test_database_down(
    cli: Cli,
    tiny: tuple[str, str],
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    closed_port: int,
) -> None:
    secret = "canary-password"
    url = f"postgresql+psycopg://user:{secret}@127.0.0.1:{closed_port}/db"
    monkeypatch.setenv("SYNTHLAB_DATABASE_URL", url)
    ended = cli(*tiny, command)
    assert (ended.exit_code, ended.json["error"]["code"]) == (8, "DATABASE_UNAVAILABLE")
    assert secret not in ended.stdout + ended.stderr
    assert sorted(path.name for path in scratch.iterdir()) == ["tiny.yaml"]


def test_broker_down(
    cli: Cli, tiny: tuple[str, str], provisioned: None, monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("SYNTHLAB_BROKER_URL", f"mqtt://127.0.0.1:{closed_port}")
    ended = cli(*tiny, "run", "--iterations", "1")
    assert (ended.exit_code, ended.json["error"]["code"]) == (8, "BROKER_UNAVAILABLE")
    assert _message_count() == 0


def test_certificate_missing(cli: Cli, tiny_text: str, scratch: Path) -> None:
    path = scratch / "tls.yaml"
    path.write_text(tiny_text + "mqtt: {host: 127.0.0.1, port: 8883, cert_path: no.crt, key_path: no.key}\n")
    assert cli("--scenario", path, "provision").exit_code == 0
    ended = cli("--scenario", path, "run", "--iterations", "1")
    assert (ended.exit_code, ended.json["error"]["code"]) == (4, "MQTT_CREDENTIALS_MISSING")
    assert "MQTT cert/key not found" in ended.stderr
    assert _message_count() == 0
    looked = cli("--scenario", path, "validate")
    assert (looked.exit_code, looked.json["passed"]) == (4, False)
    assert "MQTT cert/key not found" in looked.stderr
    assert {finding["code"] for finding in looked.json["findings"]} == {"MQTT_CREDENTIALS_MISSING"}


@pytest.mark.parametrize("command", ["run", "validate"])
def test_certificate_missing_without_a_host(cli: Cli, tiny_text: str, scratch: Path, command: str) -> None:
    path = scratch / "plain.yaml"
    path.write_text(tiny_text + "mqtt: {cert_path: no.pem, key_path: no.key}\n")
    assert cli("--scenario", path, "provision").exit_code == 0
    ended = cli("--scenario", path, command, *(("--iterations", "1") if command == "run" else ()))
    assert ended.exit_code == 4
    assert "MQTT cert/key not found" in ended.stderr
    assert _message_count() == 0


def test_no_certificate_for_tls_stops_a_run_and_warns_before(cli: Cli, tiny_text: str, scratch: Path) -> None:
    path = scratch / "tls.yaml"
    path.write_text(tiny_text + "mqtt: {host: 127.0.0.1, port: 8883}\n")
    assert cli("--scenario", path, "provision").exit_code == 0
    assert cli("--scenario", path, "run", "--iterations", "1").exit_code == 4
    looked = cli("--scenario", path, "validate")
    assert looked.exit_code == 0
    assert any("MQTT cert/key not found" in warning for warning in looked.json["warnings"])
    assert cli("--scenario", path, "--strict", "validate").exit_code == 4


@pytest.mark.parametrize("command", ["export-csv", "bootstrap", "run"])
def test_state_locked_by_another_process(
    cli: Cli, tiny: tuple[str, str], provisioned: None, scratch: Path, command: str
) -> None:
    script = (
        "from synthlab.sequence import SequenceState\n"
        "with SequenceState.open('state.json'):\n"
        "    print('held', flush=True)\n"
        "    input()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        ended = cli(*tiny, "--state-file", "state.json", command)
    finally:
        holder.communicate("\n", timeout=30)
    assert (ended.exit_code, ended.json["error"]["code"]) == (9, "STATE_LOCKED")
    assert _message_count() == 0
    assert not (scratch / "artifacts").exists()


def test_damaged_state_is_never_reset(
    cli: Cli, tiny: tuple[str, str], artifact_dir: Path, scratch: Path
) -> None:
    path = scratch / ".tmp/synthetic_sim_seq_state.json"
    damaged = path.read_bytes()[:-20]
    path.write_bytes(damaged)
    ended = cli(*tiny, "export-csv", "--end-at", END_AT)
    assert (ended.exit_code, ended.json["error"]["code"]) == (9, "STATE_DAMAGED")
    assert path.read_bytes() == damaged


def test_output_root_that_is_a_file(cli: Cli, tiny: tuple[str, str], scratch: Path) -> None:
    (scratch / "taken").write_text("mine")
    ended = cli(*tiny, "export-csv", "--end-at", END_AT, "--output-root", "taken")
    assert (ended.exit_code, ended.json["error"]["code"]) == (12, "DISK_WRITE_FAILED")
    assert (scratch / "taken").read_text() == "mine"


def test_no_secret_is_shown(
    cli: Cli, tiny: tuple[str, str], monkeypatch: pytest.MonkeyPatch, provisioned: None, closed_port: int
) -> None:
    monkeypatch.setenv("SYNTHLAB_BROKER_URL", f"mqtt://user:canary-word@127.0.0.1:{closed_port}")
    ended = cli(*tiny, "run", "--iterations", "1")
    assert ended.exit_code != 0
    assert "canary-word" not in ended.stdout + ended.stderr


def test_plugged_in_ingestion_that_is_not_there(
    cli: Cli, artifact_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHLAB_INGEST", "no_such_package:function")
    ended = cli("import-csv", "--artifact-dir", artifact_dir, "--apply")
    assert ended.exit_code == 2
    assert "SYNTHLAB_INGEST" in ended.stderr
    assert _message_count() == 0


@pytest.mark.parametrize("stop", ["SIGTERM", "SIGINT", "database"])
def test_interrupted_bootstrap_goes_on_as_it_says(
    cli: Cli,
    tiny: tuple[str, str],
    provisioned: None,
    scratch: Path,
    monkeypatch: pytest.MonkeyPatch,
    stop: str,
) -> None:
    how = {
        "database": "raise ServiceUnavailableError(Problem('DATABASE_UNAVAILABLE', 'went away'))",
    }.get(stop, f"signal.raise_signal(signal.{stop})")
    (scratch / f"stopping_by_{stop}.py").write_text(
        "import signal\n"
        "from synthlab.errors import Problem, ServiceUnavailableError\n"
        "from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt\n"
        "calls = []\n"
        "def ingest(session, **message):\n"
        "    calls.append(message)\n"
        "    if len(calls) == 55:\n"
        f"        {how}\n"
        "    return ingest_device_telemetry_from_mqtt(session, **message)\n"
    )
    monkeypatch.syspath_prepend(str(scratch))
    monkeypatch.setenv("SYNTHLAB_INGEST", f"stopping_by_{stop}:ingest")
    stopped = cli(*tiny, "bootstrap", "--commit-batch-size", "20")
    assert stopped.exit_code == {"SIGTERM": 143, "SIGINT": 130, "database": 10}[stop]
    assert stopped.problem["code"] == "INTERRUPTED"
    assert _message_count() == 40
    monkeypatch.delenv("SYNTHLAB_INGEST")
    named = re.search(r"`bootstrap (--end-at) (\S+)`", stopped.problem["remedy"])
    assert named is not None
    again = cli(*tiny, "bootstrap", *named.groups())
    assert again.exit_code == 0
    assert again.json["status_counts"] == {"stored:READING": 98}
    assert again.json["warnings"] == []
    assert _message_count() == 98


@pytest.mark.parametrize(
    ("place", "remedy"),
    [
        (".", "Name a file in it"),
        ("", "Name a file in it"),
        ("no/such/out.bin", "Make the folder first"),
        ("a_file/out.bin", "a part of this path is a file"),
    ],
)
@pytest.mark.parametrize("write", [write_atomically, write_picture])
def test_a_place_that_cannot_be_written_is_named_whole(
    write: Callable[[Path, bytes], object], place: str, remedy: str, scratch: Path
) -> None:
    (scratch / "a_file").write_text("")
    if write is write_picture and place.startswith("no/"):
        assert write_picture(Path(place), b"made").exists()
        return
    before = sorted(scratch.rglob("*"))
    with pytest.raises(DiskError, match=remedy) as refused:
        write(Path(place), b"content")
    assert refused.value.problems[0].file == str(Path(place))
    assert sorted(scratch.rglob("*")) == before


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which no file can be made")
def test_a_folder_without_room_for_a_lock_is_not_called_locked() -> None:
    with pytest.raises(SequenceStateError, match=r"/proc/x\.json: needs a lock file") as refused:
        lock_state(Path("/proc/x.json"), wait_seconds=0)
    assert refused.value.code == "STATE_UNWRITABLE"


def test_a_repeated_export_says_that_it_was_there(
    artifact_dir: Path, tiny: tuple[str, str], cli: Cli
) -> None:
    again = cli(*tiny, "--strict", "export-csv", "--run-id", "r1", "--end-at", END_AT)
    assert again.stderr.splitlines()[-1].endswith("r1, there already and the same")


def test_a_rejection_is_no_value(artifact_dir: Path, cli: Cli) -> None:
    assert cli("analyze-csv", "--artifact-dir", artifact_dir).exit_code == 0
    assert cli("approve", "--artifact-dir", artifact_dir, "--reviewer", "me", "--note", "no", "--reject").json
    refused = cli("import-csv", "--artifact-dir", artifact_dir, "--apply")
    assert "decision: me rejected the data: no. Mend" in refused.stderr


SIGNAL_WHILE_LOADING = """
import os, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Finder())
from synthlab.__main__ import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_modules_are_loaded_ends_like_any_other(number: signal.Signals) -> None:
    code = SIGNAL_WHILE_LOADING.format(number=int(number))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 128 + number
    assert json.loads(ended.stdout)["error"]["code"] == "INTERRUPTED"
    assert ended.stderr.splitlines() == [f"error: stopped by {number.name}. Nothing was begun."]
