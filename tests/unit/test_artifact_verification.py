"""Every way to change an artifact is found, before an import has written anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import synthlab
from synthlab.artifact.files import canonical_bytes
from synthlab.artifact.manifest import sealed
from synthlab.artifact.verification import require_verified, verified_artifact
from synthlab.errors import ArtifactError
from tests.frames import artifact_of, resign, telemetry_frame

END_AT = "2026-02-12T10:00:00Z"
REPOSITORY = Path(__file__).resolve().parents[2]


def codes_of(artifact_dir: Path) -> set[str]:
    """What is found, whether it can be looked at or is refused at once."""
    try:
        return {problem.code for problem in verified_artifact(artifact_dir).problems}
    except ArtifactError as error:
        return {problem.code for problem in error.problems}


def refused(artifact_dir: Path) -> set[str]:
    with pytest.raises(ArtifactError) as caught:
        require_verified(artifact_dir)
    assert caught.value.exit_code == 5
    return {problem.code for problem in caught.value.problems}


@pytest.fixture
def small(tmp_path: Path) -> synthlab.Artifact:
    return artifact_of(telemetry_frame(tanks=1, trucks=1, steps=2), tmp_path)


def test_an_artifact_as_exported_has_no_problem(small: synthlab.Artifact) -> None:
    artifact, frame = require_verified(small.directory)
    assert (artifact.manifest, len(frame)) == (small.manifest, 4)
    assert list(json.loads((small.directory / "manifest.json").read_text())) == sorted(small.manifest)


def missed_flips(path: Path, places: Iterable[int]) -> list[int]:
    """Flip one byte after the other, and return the places where nothing was found."""
    data = path.read_bytes()
    missed = []
    for place in places:
        # Another bit each time, so that letters, digits and signs all turn into neighbors.
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
        if not codes_of(path.parent):
            missed.append(place)
    path.write_bytes(data)
    return missed


@pytest.mark.parametrize("name", ["telemetry_rows.csv", "manifest.json"])
def test_a_flipped_byte_is_found(small: synthlab.Artifact, name: str) -> None:
    path = small.directory / name
    data = path.read_bytes()
    # The two bytes at each end, every line's end, every 29th of the others; all of them in the long form.
    ends = {place for place, byte in enumerate(data) if byte == ord("\n")}
    places = sorted({0, 1, len(data) - 2, len(data) - 1, *sorted(ends)[:40], *range(0, len(data), 29)})
    assert len(places) > 20
    assert missed_flips(path, places) == []


@pytest.mark.long
@pytest.mark.parametrize("name", ["telemetry_rows.csv", "manifest.json"])
def test_every_flipped_byte_is_found(small: synthlab.Artifact, name: str) -> None:
    path = small.directory / name
    size = path.stat().st_size
    assert size > 400
    assert missed_flips(path, range(size)) == []


@pytest.mark.parametrize("name", ["telemetry_rows.csv", "manifest.json"])
def test_every_cut_and_every_missing_doubled_or_swapped_line_is_found(
    small: synthlab.Artifact, name: str
) -> None:
    path = small.directory / name
    lines = path.read_bytes().splitlines(keepends=True)
    changed: dict[str, bytes] = {}
    for place in range(len(lines)):
        changed[f"cut at {place}"] = b"".join(lines[:place])
        changed[f"without {place}"] = b"".join(lines[:place] + lines[place + 1 :])
        changed[f"twice {place}"] = b"".join(lines[: place + 1] + lines[place:])
        if place and lines[place] != lines[place - 1]:
            swapped = [*lines]
            swapped[place - 1 : place + 1] = swapped[place], swapped[place - 1]
            changed[f"swapped {place}"] = b"".join(swapped)
    missed = []
    for what, data in changed.items():
        path.write_bytes(data)
        if not codes_of(small.directory):
            missed.append(what)
    assert missed == []


def add_file(folder: Path) -> None:
    (folder / "notes.txt").write_text("x")


def add_hidden(folder: Path) -> None:
    (folder / ".hidden").write_text("x")


def add_folder(folder: Path) -> None:
    (folder / "more").mkdir()


def link_to_secret(folder: Path) -> None:
    (folder / "report.html").symlink_to("/etc/hostname")


def link_the_rows(folder: Path) -> None:
    moved = (folder / "telemetry_rows.csv").rename(folder.parent / "rows.csv")
    (folder / "telemetry_rows.csv").symlink_to(moved)


def link_the_manifest(folder: Path) -> None:
    moved = (folder / "manifest.json").rename(folder.parent / "manifest.json")
    (folder / "manifest.json").symlink_to(moved)


def link_plots(folder: Path) -> None:
    (folder / "plots").symlink_to(folder.parent, target_is_directory=True)


def add_script_to_plots(folder: Path) -> None:
    (folder / "plots").mkdir()
    (folder / "plots" / "run.sh").write_text("x")


def make_a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "analysis.json")


STRANGE = [
    add_file,
    add_hidden,
    add_folder,
    link_to_secret,
    link_the_rows,
    link_the_manifest,
    link_plots,
    add_script_to_plots,
    make_a_pipe,
]


@pytest.mark.parametrize("change", STRANGE)
def test_what_is_strange_in_the_folder_is_refused(
    small: synthlab.Artifact, change: Callable[[Path], None]
) -> None:
    change(small.directory)
    assert refused(small.directory) <= {"ARTIFACT_FILE_UNEXPECTED", "ARTIFACT_NOT_FOUND"}


def test_a_linked_folder_is_refused(small: synthlab.Artifact, tmp_path: Path) -> None:
    link = tmp_path / "latest"
    link.symlink_to(small.directory, target_is_directory=True)
    assert refused(link) == {"ARTIFACT_FILE_UNEXPECTED"}


def test_what_verbs_write_belongs_there(small: synthlab.Artifact) -> None:
    (small.directory / "plots").mkdir()
    for name in ("analysis.json", "approval.json", "report.html", "plots/overview.png"):
        (small.directory / name).write_text("{}")
    (small.directory / ".import_result.json.0123abcd.tmp").write_text("left by a killed process")
    assert verified_artifact(small.directory).problems == ()


@pytest.mark.parametrize("key", ["scenario_id", "run_id"])
@pytest.mark.parametrize("name", ["../x", "a/b", "/etc", "..", "", "a\n"])
def test_a_name_that_leads_elsewhere_is_refused(small: synthlab.Artifact, key: str, name: str) -> None:
    changed = canonical_bytes(sealed({**small.manifest, key: name}))
    (small.directory / "manifest.json").write_bytes(changed)
    assert refused(small.directory) == {"MANIFEST_INVALID"}


@pytest.mark.parametrize("line", [1, 20, 40])
def test_a_bad_row_anywhere_is_named_though_signed(tmp_path: Path, line: int) -> None:
    artifact = artifact_of(telemetry_frame(tanks=1, trucks=0, steps=40), tmp_path)
    lines = artifact.csv_path.read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b",", b",x", 1)
    artifact.csv_path.write_bytes(b"".join(lines))
    resign(artifact)
    with pytest.raises(ArtifactError) as caught:
        require_verified(artifact.directory)
    found = [(problem.code, problem.line) for problem in caught.value.problems]
    assert found == [("ARTIFACT_ROW_INVALID", line + 1)]


def test_a_signed_manifest_that_does_not_fit_its_rows(small: synthlab.Artifact) -> None:
    devices = {**small.manifest["devices"]}
    devices["TANK-0"] = {**devices["TANK-0"], "last_seq": 99}
    chunks = [{**small.manifest["chunks"][0], "row_count": 3}]
    changed = sealed({**small.manifest, "devices": devices, "chunks": chunks, "row_count": 5})
    (small.directory / "manifest.json").write_bytes(canonical_bytes(changed))
    problems = verified_artifact(small.directory).problems
    assert {problem.path for problem in problems} == {"row_count", "chunks", "devices[TANK-0].last_seq"}


def test_an_edited_and_resigned_artifact_is_not_reproduced(
    tiny_scenario: synthlab.Scenario, scratch: Path
) -> None:
    artifact = synthlab.export_csv(tiny_scenario, run_id="r1", end_at=END_AT)
    assert synthlab.verify(artifact.directory, regenerate=True).is_reproduced is True
    lines = artifact.csv_path.read_bytes().splitlines(keepends=True)
    cells = lines[30].split(b",")
    cells[9] = b"1.000000"
    lines[30] = b",".join(cells)
    artifact.csv_path.write_bytes(b"".join(lines))
    resign(artifact)
    result = synthlab.verify(artifact.directory)
    assert (result.is_valid, result.is_reproduced, result.failure()) == (True, None, None)
    result = synthlab.verify(artifact.directory, regenerate=True)
    assert (result.is_valid, result.is_reproduced) == (False, False)
    assert [(each.code, each.line) for each in result.problems] == [("ARTIFACT_NOT_REPRODUCED", 31)]
    failure = result.failure()
    assert failure is not None
    assert failure.exit_code == 5


def test_export_behind_used_numbers_is_reproduced(tiny_scenario: synthlab.Scenario, scratch: Path) -> None:
    from synthlab.sequence import SequenceState

    with SequenceState.open() as state:
        state.advance({"E2ETINYSTAT1": 1000})
    artifact = synthlab.export_csv(tiny_scenario, run_id="r1", end_at=END_AT)
    assert artifact.manifest["devices"]["E2ETINYSTAT1"]["reserved_seq"] == 1001
    assert synthlab.verify(artifact.directory, regenerate=True).is_valid


ENVIRONMENTS: list[dict[str, str]] = [
    {"PYTHONHASHSEED": "1", "TZ": "America/La_Paz", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "77", "TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"},
]


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=["west", "east"])
def test_regeneration_does_not_depend_on_the_machines_settings(
    tiny_scenario: synthlab.Scenario, scratch: Path, environment: dict[str, str]
) -> None:
    artifact = synthlab.export_csv(tiny_scenario, run_id="r1", end_at=END_AT)
    script = f"import synthlab; print(synthlab.verify({str(artifact.directory)!r}, regenerate=True).is_valid)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=scratch,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
    )
    assert done.stdout == "True\n"


def test_regeneration_does_not_depend_on_the_order_of_devices_or_on_threads(
    tiny_scenario: synthlab.Scenario, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthlab.artifact import csv, reader

    artifact = synthlab.export_csv(tiny_scenario, run_id="r1", end_at=END_AT)
    scenario: dict[str, Any] = {**artifact.manifest["scenario"]}
    scenario["devices"] = scenario["devices"][::-1]
    changed = canonical_bytes(sealed({**artifact.manifest, "scenario": scenario}))
    (artifact.directory / "manifest.json").write_bytes(changed)
    for threads in (1, 5):
        monkeypatch.setattr(csv, "_THREADS", threads)
        monkeypatch.setattr(reader, "_THREADS", threads)
        assert synthlab.verify(artifact.directory, regenerate=True).is_valid
