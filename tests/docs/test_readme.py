"""README's two tours do what they say."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def _block(language: str, heading: str) -> str:
    found = re.search(rf"## {heading}.*?```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def test_python_tour(scratch: Path) -> None:
    code = _block("python", "Five minutes in Python")
    script = f"{code}\nassert synthlab.check(history.frame).passed"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (analysis,) = scratch.glob("artifacts/*/tour/analysis.json")
    judged = json.loads(analysis.read_text(encoding="utf-8"))
    assert (judged["qc_passed"], judged["row_count"], judged["device_count"]) == (True, 17_282, 2)
    stored = json.loads(analysis.with_name("import_result.json").read_text(encoding="utf-8"))
    assert stored["status_counts"] == {"stored:READING": 17_282}
    assert sorted(path.name for path in scratch.iterdir()) == [".synthlab", ".tmp", "artifacts"]


@pytest.mark.long
def test_command_line_tour(scratch: Path) -> None:
    results = {}
    for line in _block("bash", "Five minutes on the command line").splitlines():
        if not line.startswith("synthlab "):
            continue
        command = [sys.executable, "-m", *shlex.split(line, comments=True)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        content = json.loads(done.stdout)
        results[content["command"]] = content
    assert results["import-csv"]["status_counts"] == {"stored:READING": 17_282}
    assert results["run"]["emitted"] == 2


@pytest.mark.parametrize("target", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_link_leads_somewhere(target: str) -> None:
    assert (REPOSITORY / target).exists()
