"""The pages that are generated from the code are up to date, and complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from synthlab.cli import app
from synthlab.columns import NAMES
from synthlab.scenario.archetypes import ARCHETYPES

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"


def _generate(*arguments: str, script: Path = DOCS / "generate.py") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)


def test_pages_are_up_to_date() -> None:
    done = _generate("--check")
    assert (done.returncode, done.stderr) == (0, "")


def test_check_names_a_stale_page(tmp_path: Path) -> None:
    script = tmp_path / "generate.py"
    for source in (DOCS / "generate.py", *DOCS.glob("*.template.md"), *DOCS.glob("*.csv")):
        (tmp_path / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    assert _generate(script=script).returncode == 0
    (tmp_path / "cli.md").write_text("old", encoding="utf-8")
    done = _generate("--check", script=script)
    assert done.returncode == 1
    assert done.stderr == "out of date: cli.md; run `make docs-generated`\n"
    assert (tmp_path / "cli.md").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("name", sorted(get_command(app).commands))
def test_command_is_documented_with_every_flag(name: str) -> None:
    command = get_command(app).commands[name]
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    section = page.split(f"## {name}\n")[1].split("\n## ")[0]
    assert command.help
    assert command.help in section
    for option in command.params:
        assert option.help, f"{option.name} has no help text"
        assert f"`{option.opts[0]}`" in section


def test_nomenclature_lists_the_columns_in_order() -> None:
    page = (DOCS / "nomenclature.md").read_text(encoding="utf-8")
    assert tuple(re.findall(r"^\| `(\w+)`", page, re.MULTILINE)) == NAMES


@pytest.mark.parametrize("name", sorted(ARCHETYPES))
def test_archetype_page_lists_every_parameter(name: str) -> None:
    section = (DOCS / "archetypes.md").read_text(encoding="utf-8").split(f"## {name}\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == set(ARCHETYPES[name].parameters)
