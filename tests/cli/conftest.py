"""The command line in this process, with what it wrote and how it ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from synthlab.cli import main

END_AT = "2026-02-12T10:00:00Z"


@dataclass(frozen=True)
class Ended:
    """How one command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout; anything else there is an error."""
        return json.loads(self.stdout)

    @property
    def problem(self) -> dict[str, Any]:
        """The first problem."""
        return self.json["error"]["problems"][0]


Cli = Callable[..., Ended]


@pytest.fixture
def _process_settings() -> Iterator[None]:
    show, handlers = warnings.showwarning, {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
    yield
    warnings.showwarning = show
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def cli(scratch: Path, capsys: pytest.CaptureFixture[str], _process_settings: None) -> Cli:
    """Run a command in the scratch folder: ``cli("--strict", "validate")``."""

    def call(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        written = capsys.readouterr()
        assert "Traceback" not in written.out + written.err
        return Ended(int(ended.value.code or 0), written.out, written.err)

    return call


@pytest.fixture
def process(scratch: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command as its own process, where the process itself is what is tested."""

    def call(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "synthlab", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)

    return call


@pytest.fixture
def tiny(tiny_path: Path) -> tuple[str, str]:
    return ("--scenario", str(tiny_path))


@pytest.fixture
def provisioned(cli: Cli, tiny: tuple[str, str]) -> None:
    assert cli(*tiny, "provision").exit_code == 0


@pytest.fixture
def artifact_dir(cli: Cli, tiny: tuple[str, str], provisioned: None) -> Path:
    ended = cli(*tiny, "--strict", "export-csv", "--run-id", "r1", "--end-at", END_AT)
    assert ended.exit_code == 0, ended.stderr
    return Path("artifacts/tiny/r1")
