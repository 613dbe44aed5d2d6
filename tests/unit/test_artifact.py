from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from synthlab.artifact import (
    check_approval,
    csv,
    read_artifact,
    store,
    write_approval,
)
from synthlab.artifact.files import json_bytes, read_json, write_atomically
from synthlab.errors import ArtifactError, DiskError, QualityError, UsageError
from tests.frames import artifact_of, resign, telemetry_frame

APPROVED_AT = "2026-02-12T11:00:00Z"


def _code(error: pytest.ExceptionInfo[Any]) -> tuple[str, int]:
    return error.value.code, error.value.exit_code


def test_manifest_says_what_the_rows_are(tmp_path: Path) -> None:
    frame = telemetry_frame(tanks=1, trucks=1, steps=5, first_seq=11)
    artifact = artifact_of(frame, tmp_path, warnings=[{"code": "RESERVOIR_ASSUMED"}])
    assert artifact.directory == tmp_path / "demo" / "run1"
    manifest = json.loads((artifact.directory / "manifest.json").read_bytes())
    assert manifest == artifact.manifest == read_artifact(artifact.directory).manifest
    assert {k: manifest[k] for k in ("schema_version", "synthetic", "seed", "row_count")} == {
        "schema_version": 1,
        "synthetic": True,
        "seed": 42,
        "row_count": 10,
    }
    assert manifest["devices"]["TRUCK_0"] == {
        "first_seq": 11,
        "last_seq": 15,
        "first_received_at": "2026-02-12T08:00:00.000Z",
        "last_received_at": "2026-02-12T08:20:00.000Z",
        "row_count": 5,
        "step_seconds": 300,
        "reserved_seq": None,
    }
    assert manifest["reservoirs"]["TANK-0"]["origin"] == "scenario"
    assert set(manifest["package_versions"]) == {"synthlab", "numpy", "pandas", "pyarrow"}
    assert manifest["warnings"] == [{"code": "RESERVOIR_ASSUMED"}]
    assert manifest["checkpoint"] == {"seed": 42, "devices": {}}


def test_no_path_host_or_credential_gets_into_the_manifest(tmp_path: Path) -> None:
    artifact = artifact_of(telemetry_frame(steps=2), tmp_path)
    text = (artifact.directory / "manifest.json").read_text()
    assert artifact.manifest["scenario"] == {"scenario_id": "demo", "seed": 42}
    assert "broker.example" not in text
    assert str(tmp_path) not in text


def test_a_device_without_rows_is_in_the_manifest(tmp_path: Path) -> None:
    frame = telemetry_frame(tanks=1, trucks=0, steps=2)
    artifact = artifact_of(frame, tmp_path, step_seconds={"TANK-0": 300, "TANK-9": 60})
    assert artifact.manifest["devices"]["TANK-9"]["row_count"] == 0
    assert artifact.manifest["devices"]["TANK-9"]["first_seq"] is None


def test_same_input_same_bytes_and_the_same_artifact(tmp_path: Path) -> None:
    frame = telemetry_frame()
    first = artifact_of(frame, tmp_path / "a")
    other = artifact_of(frame, tmp_path / "b")
    for name in ("telemetry_rows.csv", "manifest.json"):
        assert (first.directory / name).read_bytes() == (other.directory / name).read_bytes()
    stamp = first.csv_path.stat().st_mtime_ns
    again = artifact_of(frame, tmp_path / "a")
    assert again.manifest == first.manifest
    assert first.csv_path.stat().st_mtime_ns == stamp
    assert sorted(p.name for p in (tmp_path / "a" / "demo").iterdir()) == ["run1"]


def test_another_artifact_of_that_name_is_not_replaced(tmp_path: Path) -> None:
    artifact = artifact_of(telemetry_frame(seed=1), tmp_path)
    before = artifact.csv_path.read_bytes()
    with pytest.raises(ArtifactError) as caught:
        artifact_of(telemetry_frame(seed=2), tmp_path)
    assert _code(caught) == ("ARTIFACT_EXISTS", 5)
    with pytest.raises(ArtifactError):
        artifact_of(telemetry_frame(seed=1), tmp_path, scenario_sha256="b" * 64)
    assert artifact.csv_path.read_bytes() == before
    artifact.csv_path.write_bytes(before[:-1])
    with pytest.raises(ArtifactError, match="a damaged artifact is there already"):
        artifact_of(telemetry_frame(seed=1), tmp_path)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", ".hidden", "-x", "a b", "é", "x" * 201, "a\n"]
)
@pytest.mark.parametrize("key", ["run_id", "scenario_id"])
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, key: str, name: str) -> None:
    root = tmp_path / "out"
    with pytest.raises(UsageError) as caught:
        artifact_of(telemetry_frame(steps=2), root, **{key: name})
    assert caught.value.problems[0].path == key
    assert not root.exists()


@pytest.mark.parametrize("place", ["demo", "demo/run1"])
def test_nothing_is_written_through_a_link(tmp_path: Path, place: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = tmp_path / "out" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(UsageError, match="must not be a link"):
        artifact_of(telemetry_frame(steps=2), tmp_path / "out")
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("step", ["write_csv", "write_atomically", "rename"])
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_crash_leaves_no_half_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, failure: BaseException
) -> None:
    fired = []

    def fail(*_: object, **__: object) -> None:
        fired.append(step)
        raise failure

    if step == "rename":
        monkeypatch.setattr(os, "rename", fail)
    else:
        monkeypatch.setattr(store, step, fail)
    expected = DiskError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        artifact_of(telemetry_frame(steps=2), tmp_path)
    assert fired
    assert list((tmp_path / "demo").iterdir()) == []


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "analysis.json"
    write_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError) as caught:
        write_atomically(path, b"new")
    assert _code(caught) == ("DISK_WRITE_FAILED", 12)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_artifact_that_was_written_verifies(tmp_path: Path) -> None:
    artifact = artifact_of(telemetry_frame(), tmp_path)
    artifact.verify_hash()
    assert len(artifact.read_frame()) == artifact.row_count == 120


def test_every_changed_byte_is_found_and_its_rows_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv, "CHUNK_ROWS", 4)
    artifact = artifact_of(telemetry_frame(tanks=1, trucks=0, steps=10), tmp_path)
    data = artifact.csv_path.read_bytes()
    for place in range(0, len(data), 7):
        artifact.csv_path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(ArtifactError, match="manifest csv_sha256 mismatch") as caught:
            artifact.verify_hash()
        assert _code(caught) == ("CSV_HASH_MISMATCH", 5)
    lines = data.splitlines(keepends=True)
    lines[6] = lines[6].replace(b",", b";", 1)
    artifact.csv_path.write_bytes(b"".join(lines))
    with pytest.raises(ArtifactError, match="rows 4 to 7 changed"):
        artifact.verify_hash()
    artifact.csv_path.write_bytes(data + lines[1])
    with pytest.raises(ArtifactError, match=r"rows from 10 on \(too many\) changed"):
        artifact.verify_hash()


@pytest.mark.parametrize("missing", ["telemetry_rows.csv", "manifest.json", ""])
def test_what_is_missing_is_not_found(tmp_path: Path, missing: str) -> None:
    artifact = artifact_of(telemetry_frame(steps=2), tmp_path)
    if missing:
        (artifact.directory / missing).unlink()
    folder = artifact.directory if missing else tmp_path / "nowhere"
    with pytest.raises(ArtifactError) as caught:
        read_artifact(folder)
    assert _code(caught) == ("ARTIFACT_NOT_FOUND", 5)


def test_a_linked_csv_is_not_followed(tmp_path: Path) -> None:
    artifact = artifact_of(telemetry_frame(steps=2), tmp_path)
    moved = artifact.csv_path.rename(tmp_path / "rows.csv")
    artifact.csv_path.symlink_to(moved)
    with pytest.raises(ArtifactError, match="must be a regular file"):
        read_artifact(artifact.directory)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "is not valid JSON"),
        ("[]", "needs a JSON object"),
        ('{"seed": 1, "seed": 2}', "key 'seed' is given twice"),
        ('{"seed": NaN}', "NaN is no number of JSON"),
        ("[" * 100_000, "nested too deeply"),
        ('"\\ud800', "is not valid JSON"),
    ],
)
def test_a_manifest_that_is_no_json_object_is_invalid(tmp_path: Path, text: str, rule: str) -> None:
    artifact = artifact_of(telemetry_frame(steps=2), tmp_path)
    (artifact.directory / "manifest.json").write_text(text)
    with pytest.raises(ArtifactError, match=rule) as caught:
        read_artifact(artifact.directory)
    assert _code(caught) == ("MANIFEST_INVALID", 5)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schema_version", 2),
        ("schema_version", True),
        ("synthetic", False),
        ("row_count", -1),
        ("row_count", "3"),
        ("csv_sha256", "A" * 64),
        ("chunks", [{"first_row": 0, "row_count": 2}]),
        ("devices", {"TANK-0": 3}),
        ("devices", {"TANK-0": {"row_count": 2, "step_seconds": "300"}}),
        ("reservoirs", []),
        ("reservoirs", {"TANK-0": {"capacity_liters": "2000"}}),
        ("checkpoint", 1),
        ("warnings", None),
        ("start_at", 5),
        ("end_at", "yesterday"),
    ],
)
def test_a_manifest_with_a_wrong_value_is_invalid(tmp_path: Path, key: str, value: object) -> None:
    artifact = artifact_of(telemetry_frame(steps=2), tmp_path)
    changed = {**artifact.manifest, key: value}
    (artifact.directory / "manifest.json").write_bytes(json_bytes(changed))
    with pytest.raises(ArtifactError) as caught:
        read_artifact(artifact.directory)
    assert [problem.path for problem in caught.value.problems] == [key]
    assert caught.value.code == "MANIFEST_INVALID"


def test_every_missing_key_of_a_manifest_is_named(tmp_path: Path) -> None:
    artifact = artifact_of(telemetry_frame(steps=2), tmp_path)
    (artifact.directory / "manifest.json").write_text("{}")
    with pytest.raises(ArtifactError) as caught:
        read_artifact(artifact.directory)
    assert {problem.path for problem in caught.value.problems} == set(artifact.manifest)


def _analyzed(tmp_path: Path, **changes: object) -> Any:
    artifact = artifact_of(telemetry_frame(steps=2), tmp_path)
    analysis = {"qc_passed": True, "csv_sha256": artifact.manifest["csv_sha256"], **changes}
    write_atomically(artifact.directory / "analysis.json", json_bytes(analysis))
    return artifact


def _approve(artifact: Any, **changes: Any) -> Any:
    facts = {"reviewer": "Ada", "note": "looks right", "decided_at": APPROVED_AT}
    return write_approval(artifact, **{**facts, **changes})


def test_an_approval_is_bound_to_csv_and_analysis(tmp_path: Path) -> None:
    artifact = _analyzed(tmp_path)
    approval = _approve(artifact)
    assert check_approval(artifact) == approval
    document = read_json(artifact.directory / "approval.json")
    assert (document["reviewer"], document["note"], document["decided_at"]) == (
        "Ada",
        "looks right",
        APPROVED_AT,
    )
    assert document["csv_sha256"] == artifact.manifest["csv_sha256"]
    analysis = artifact.directory / "analysis.json"
    analysis.write_bytes(analysis.read_bytes() + b" ")
    with pytest.raises(ArtifactError, match="the approval is for another analysis") as caught:
        check_approval(artifact)
    assert _code(caught) == ("APPROVAL_MISMATCH", 5)


def test_an_approval_is_not_for_another_csv(tmp_path: Path) -> None:
    artifact = _analyzed(tmp_path)
    _approve(artifact)
    data = artifact.csv_path.read_bytes()
    artifact.csv_path.write_bytes(data.replace(b"TANK-0", b"TANK-5"))
    resign(artifact)
    changed = read_artifact(artifact.directory)
    with pytest.raises(ArtifactError, match="the approval is for another CSV"):
        check_approval(changed)


def test_no_approval_is_missing_and_a_broken_one_no_match(tmp_path: Path) -> None:
    artifact = _analyzed(tmp_path)
    with pytest.raises(ArtifactError) as caught:
        check_approval(artifact)
    assert caught.value.code == "APPROVAL_MISSING"
    _approve(artifact)
    path = artifact.directory / "approval.json"
    whole = read_json(path)
    for broken in ("{", "{}", json.dumps({**whole, "reviewer": " "}), json.dumps({**whole, "qc_passed": 1})):
        path.write_text(broken)
        with pytest.raises(ArtifactError) as caught:
            check_approval(artifact)
        assert caught.value.code == "APPROVAL_MISMATCH"


def test_approval_needs_an_analysis_of_this_csv(tmp_path: Path) -> None:
    artifact = artifact_of(telemetry_frame(steps=2), tmp_path)
    with pytest.raises(ArtifactError, match="Run `synthlab analyze-csv"):
        _approve(artifact)
    stale = _analyzed(tmp_path, csv_sha256="c" * 64)
    with pytest.raises(ArtifactError, match="the analysis is of another CSV"):
        _approve(stale)
    artifact.csv_path.write_bytes(b"")
    with pytest.raises(ArtifactError, match="manifest csv_sha256 mismatch"):
        _approve(artifact)
    assert not (artifact.directory / "approval.json").exists()


@pytest.mark.parametrize("verdict", [False, None, "true", 1])
def test_failed_quality_is_approved_only_explicitly(tmp_path: Path, verdict: object) -> None:
    artifact = _analyzed(tmp_path, qc_passed=verdict)
    with pytest.raises(QualityError) as caught:
        _approve(artifact)
    assert _code(caught) == ("QC_FAILED", 6)
    approval = _approve(artifact, allow_failed=True)
    assert (approval.qc_passed, approval.is_failure_allowed) == (False, True)


def test_an_approval_needs_a_reviewer(tmp_path: Path) -> None:
    artifact = _analyzed(tmp_path)
    with pytest.raises(UsageError) as caught:
        _approve(artifact, reviewer="  ")
    assert caught.value.problems[0].path == "reviewer"
