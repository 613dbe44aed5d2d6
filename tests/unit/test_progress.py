"""Bars: where a person looks, nowhere else, and never on stdout."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tqdm import tqdm

import synthlab
from synthlab import progress
from synthlab.workflows.review import review

END_AT = "2026-02-12T10:00:00Z"


def _notebook(monkeypatch: pytest.MonkeyPatch, message: str, **environment: str) -> None:
    """Stand in for a kernel that answers a message."""
    header = {"header": {"msg_type": message}}
    kernel = SimpleNamespace(get_parent=lambda channel: header)
    module = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=kernel))
    monkeypatch.setitem(sys.modules, "IPython", module)
    for name in ("PYTEST_CURRENT_TEST", "JPY_SESSION_NAME", "VSCODE_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("message", "environment", "is_watched"),
    [
        ("execute_request", {"JPY_SESSION_NAME": "a.ipynb"}, True),
        ("execute_request", {"VSCODE_PID": "1"}, True),
        ("execute_request", {}, False),  # nbclient, nbval
        ("execute_request", {"JPY_SESSION_NAME": "a.ipynb", "PYTEST_CURRENT_TEST": "x"}, False),
        ("comm_msg", {"JPY_SESSION_NAME": "a.ipynb"}, False),  # a click in a view
    ],
)
def test_a_notebook_is_watched_where_somebody_has_it_open(
    monkeypatch: pytest.MonkeyPatch, message: str, environment: dict[str, str], is_watched: bool
) -> None:
    with monkeypatch.context() as patch:
        _notebook(patch, message, **environment)
        found = progress.is_watched_notebook()
    assert found is is_watched


def test_without_anybody_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.shown("work") as report:
        report(1, 2)
    assert capsys.readouterr() == ("", "")


def test_the_callers_function_comes_before_a_bar() -> None:
    seen: list[tuple[int, int]] = []
    with progress.shown("work", lambda *args: seen.append(args)) as report:
        report(1, 2)
    assert seen == [(1, 2)]


def _on_a_terminal(code: str, **environment: str) -> tuple[str, str]:
    """Run code with a pseudo terminal as stderr; return stdout and what the terminal got."""
    outer, inner = os.openpty()
    with os.fdopen(outer, "rb", buffering=0) as screen:
        with os.fdopen(inner, "wb") as terminal:
            done = subprocess.run(
                [sys.executable, "-c", code],
                stdout=subprocess.PIPE,
                stderr=terminal,
                env={**os.environ, "TERM": "xterm", **environment},
                check=True,
            )
        shown = b""
        try:
            while part := screen.read(65_536):
                shown += part
        except OSError:  # Linux's way to say that the other end is closed
            pass
    return done.stdout.decode(), shown.decode()


WORK = """
import sys
from synthlab.progress import shown
with shown("work") as report:
    report(1, 2)
    print("a row")
    print("a word", file=sys.stderr)
"""


def test_a_terminal_gets_a_bar_on_stderr_only() -> None:
    stdout, screen = _on_a_terminal(WORK)
    assert stdout == "a row\n"
    assert "work" in screen
    assert "50%" in screen
    assert "a word" in screen
    assert "a row" not in screen


def test_bars_can_be_turned_off() -> None:
    assert _on_a_terminal(WORK, SYNTHLAB_PROGRESS="0") == ("a row\n", "a word\r\n")


def test_a_notebooks_bar_follows_total_and_count() -> None:
    """tqdm's own bar, which the one of notebooks is made from."""
    text = io.StringIO()
    drawn = []
    # As a total is told at first, and as it grows.
    moves = [(5, 10), (7, 10), (9, 12), (12, 12)]
    with tqdm(file=text, desc="work", mininterval=0, miniters=1, ascii=True) as bar:
        for done, total in moves:
            progress._move(bar, done, total)
            drawn.append(text.getvalue().rsplit("\r", 1)[-1])
    assert [line.split("| ")[1].split(" [")[0] for line in drawn] == ["5/10", "7/10", "9/12", "12/12"]


def test_a_notebooks_bar_tells_the_pace_since_the_first_report() -> None:
    with tqdm(file=io.StringIO()) as bar:
        progress._move(bar, 1_000_000, 2_000_000)
        began_at, told = bar.start_t, bar.format_dict
        assert (told["n"], told["initial"], told["rate"]) == (1_000_000, 1_000_000, None)
        progress._move(bar, 1_000_001, 2_000_001)
        assert (bar.start_t, bar.initial) == (began_at, 1_000_000)


def test_long_verbs_report_up_to_the_end(tmp_path: Path) -> None:
    seen: dict[str, list[tuple[int, int]]] = {}

    def into(name: str) -> progress.OnProgress:
        return lambda *args: seen.setdefault(name, []).append(args)

    here: dict[str, Any] = {
        "database": f"sqlite:///{tmp_path / 'platform.db'}",
        "state_file": tmp_path / "state.json",
    }
    scenario = synthlab.load_scenario("stationary_only_v1").with_changes(days=2)
    synthlab.provision(scenario, database=here["database"])
    artifact = synthlab.export_csv(
        scenario, end_at=END_AT, output_root=tmp_path, on_progress=into("export"), **here
    )
    synthlab.analyze_csv(artifact.directory, plots=False, on_progress=into("analyze"))
    synthlab.review(artifact.directory, on_progress=into("review"))
    review(artifact.directory, on_progress=into("review without widgets"))
    synthlab.import_csv(artifact.directory, apply=True, on_progress=into("import"), **here)
    synthlab.fit_demand(
        artifact.directory / "telemetry_rows.csv", capacity_liters=1_100, on_progress=into("fit")
    )
    synthlab.verify(artifact.directory, regenerate=True, on_progress=into("verify"))
    assert {name: reports[-1] for name, reports in seen.items()} == {
        "export": (1_154, 1_154),
        "analyze": (5, 5),
        # Two devices, and the pictures of all.
        "review": (3, 3),
        "review without widgets": (3, 3),
        "import": (1_154, 1_154),
        "fit": (3, 3),
        "verify": (3_462, 3_462),
    }
    assert all(reports == sorted(reports) for reports in seen.values())
