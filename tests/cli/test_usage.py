"""What was typed wrong: exit 2, one JSON object, a remedy, no traceback."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import synthlab
from tests.cli.conftest import Cli

Process = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize("command", ["validate", "dry-run", "bootstrap", "run", "export-csv", "provision"])
def test_missing_scenario(cli: Cli, command: str) -> None:
    ended = cli(command)
    assert ended.exit_code == 2
    remedy = f"Put a path or a template's name before the command: `synthlab --scenario PATH {command}`"
    assert ended.stderr == f"error: --scenario: `{command}` needs it. {remedy}.\n"
    assert ended.json["command"] == command
    assert ended.json["error"]["code"] == "BAD_ARGUMENT"
    assert ended.json["error"]["exit_code"] == 2
    assert ended.problem["remedy"] == remedy


@pytest.mark.parametrize(
    ("arguments", "command", "text"),
    [
        ((), "", "Missing command"),
        (("valdate",), "", "No such command 'valdate'. Did you mean 'validate'?"),
        (("import-csv",), "import-csv", "Missing option '--artifact-dir'"),
        (("--bogus", "validate"), "", "No such option: --bogus"),
        (("bootstrap", "--commit-batch-size", "0"), "bootstrap", "greater than or equal to 1"),
        (("dry-run", "--preview-steps", "ten"), "dry-run", "--preview-steps"),
    ],
)
def test_what_cannot_be_parsed(cli: Cli, arguments: tuple[str, ...], command: str, text: str) -> None:
    ended = cli(*arguments)
    assert ended.exit_code == 2
    assert ended.json["command"] == command
    assert text in ended.problem["rule"]
    assert text in ended.stderr


@pytest.mark.parametrize("end_at", ["yesterday", "2026-02-12T10:00:00", "2026-02-12T10:00:00.5Z"])
def test_bad_end_at(cli: Cli, tiny: tuple[str, str], scratch: Path, end_at: str) -> None:
    ended = cli(*tiny, "export-csv", "--end-at", end_at)
    assert ended.exit_code == 2
    assert ended.problem["path"] == "end_at"
    assert ended.problem["remedy"]
    assert sorted(path.name for path in scratch.iterdir()) == ["tiny.yaml"]


@pytest.mark.parametrize("run_id", ["../up", "a/b", "", ".hidden"])
def test_run_id_stays_inside(cli: Cli, tiny: tuple[str, str], scratch: Path, run_id: str) -> None:
    ended = cli(*tiny, "export-csv", "--run-id", run_id, "--end-at", "2026-02-12T10:00:00Z")
    assert (ended.exit_code, ended.problem["path"]) == (2, "run_id")
    assert sorted(path.name for path in scratch.iterdir()) == ["tiny.yaml"]


def test_version(process: Process) -> None:
    done = process("--version")
    assert (done.returncode, done.stdout) == (0, f"synthlab {synthlab.__version__}\n")


def test_help_names_every_command(process: Process) -> None:
    done = process("--help")
    assert done.returncode == 0
    commands = (
        "validate dry-run bootstrap run export-csv analyze-csv import-csv provision approve schema demo"
    )
    for command in commands.split():
        assert command in done.stdout


def test_full_stdout_is_a_disk_error(process: Process) -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "synthlab", "schema"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 12
    assert done.stderr.startswith("error: the local disk: no space left on device.")
    assert "Exception ignored" not in done.stderr


def test_reader_that_went_away_is_no_bug() -> None:
    command = [sys.executable, "-m", "synthlab", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.close()
        errors = running.stderr.read().decode() if running.stderr else ""
        running.wait(timeout=60)
    assert running.returncode == 128 + signal.SIGPIPE
    assert "bug" not in errors


def test_bug_is_one_line_and_exit_1(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a detail that only developers need")

    monkeypatch.setattr(synthlab, "validate", broken)
    ended = cli("--scenario", "stationary_only_v1", "validate")
    assert ended.exit_code == 1
    assert ended.stderr == (
        "error: a bug in synthlab (RuntimeError). Set SYNTHLAB_DEBUG=1 to see where, and report it.\n"
    )
    assert ended.json["error"]["code"] == "BUG"


def test_bug_shows_its_traceback_when_asked(process: Process, scratch: Path) -> None:
    script = (
        "import synthlab\n"
        "def broken(*a, **k): raise RuntimeError('detail')\n"
        "synthlab.validate = broken\n"
        "from synthlab.cli import main\n"
        "main(['--scenario', 'stationary_only_v1', 'validate'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={"SYNTHLAB_DEBUG": "1", "PATH": "/usr/bin"},
    )
    assert done.returncode == 1
    assert "RuntimeError: detail" in done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "BUG"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_with_its_code(scratch: Path, number: int, code: int) -> None:
    script = (
        "import os, signal, synthlab\n"
        f"def slow(*a, **k): os.kill(os.getpid(), {int(number)}); signal.pause()\n"
        "synthlab.validate = slow\n"
        "from synthlab.cli import main\n"
        "main(['--scenario', 'stationary_only_v1', 'validate'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == code
    assert json.loads(done.stdout)["error"]["code"] == "INTERRUPTED"
    assert "Traceback" not in done.stderr


def test_missing_extra_is_named(scratch: Path) -> None:
    script = (
        "import sys\n"
        "sys.modules['sqlalchemy'] = None\n"
        "from synthlab.cli import main\n"
        "main(['--scenario', 'stationary_only_v1', 'validate'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "ADAPTER_NOT_INSTALLED"
    assert "pip install 'synthlab[platform]'" in done.stderr
