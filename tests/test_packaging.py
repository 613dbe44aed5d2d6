"""What is installed: pinned by hash, from no recorded address, whole."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-demo.lock")


def _pins(name: str) -> dict[str, str]:
    """Return each requirement with its marker, and its hashes."""
    text = (REPOSITORY / name).read_text(encoding="utf-8").replace("\\\n", " ")
    pins = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        requirement, _, hashes = line.partition(" --hash=")
        pins[requirement.strip()] = hashes
    return pins


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    pins = _pins(name)
    assert len(pins) > 20
    for requirement, hashes in pins.items():
        assert re.fullmatch(r"[a-z0-9._-]+(\[[a-z,]+\])?==[^ ]+( ; .+)?", requirement), requirement
        assert re.search(r"sha256:[0-9a-f]{64}", hashes), requirement


@pytest.mark.parametrize("name", LOCKS)
def test_lock_records_no_address(name: str) -> None:
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    assert not re.search(r"://|^--|^#|index|\.(org|com|io|net)\b", text, re.MULTILINE)


def test_the_demo_installs_what_the_tests_install() -> None:
    assert _pins("requirements-demo.lock").items() <= _pins("requirements.lock").items()


@pytest.mark.long
def test_wheel_holds_the_templates_and_nothing_foreign(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    templates = {f"synthlab/scenarios/{path.name}" for path in (REPOSITORY / "scenarios").glob("*.yaml")}
    assert templates
    assert templates <= set(names)
    static = {
        f"synthlab/widgets/static/{path.name}" for path in (REPOSITORY / "synthlab/widgets/static").iterdir()
    }
    assert {name.rsplit(".", 1)[1] for name in static} == {"js", "css"}
    assert static <= set(names)
    assert all(name.startswith(("synthlab/", "synthlab-")) for name in names)
