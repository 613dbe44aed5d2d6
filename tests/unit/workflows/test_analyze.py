from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from synthlab.artifact import Artifact, check_approval, read_artifact
from synthlab.columns import NAMES
from synthlab.errors import ArtifactError, QualityError
from synthlab.workflows.analyze import Analysis, analyze_csv
from synthlab.workflows.approve import approve
from tests.frames import artifact_of, resign, telemetry_frame

COUNTS = (
    "seq_gap_count",
    "seq_duplicate_count",
    "seq_non_monotonic_count",
    "invalid_row_count",
    "invalid_timestamp_count",
    "missing_timestamp_count",
    "level_out_of_bounds_count",
)
STEPS = 20


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    return artifact_of(telemetry_frame(tanks=2, trucks=1, steps=STEPS), tmp_path)


def _edit(artifact: Artifact, change: Callable[[list[str]], object]) -> None:
    """Edit the lines of a CSV and sign it again."""
    lines = artifact.csv_path.read_text().splitlines()
    change(lines)
    artifact.csv_path.write_text("\n".join(lines) + "\n")
    resign(artifact)


def _cell(line: int, column: str, value: str) -> Callable[[list[str]], None]:
    def change(lines: list[str]) -> None:
        cells = lines[line - 1].split(",")
        cells[NAMES.index(column)] = value
        lines[line - 1] = ",".join(cells)

    return change


def _analyze(artifact: Artifact) -> Analysis:
    return analyze_csv(artifact.directory, plots=False)


def test_a_clean_artifact_passes(artifact: Artifact) -> None:
    analysis = _analyze(artifact)
    document = json.loads((artifact.directory / "analysis.json").read_text())
    assert document == analysis.to_dict()
    assert analysis.qc_passed
    assert analysis.failure() is None
    assert document["qc_passed"] is True
    assert document["qc_failures"] == []
    assert (document["row_count"], document["device_count"]) == (60, 3)
    assert {name: document[name] for name in COUNTS} == dict.fromkeys(COUNTS, 0)
    assert document["csv_sha256"] == artifact.manifest["csv_sha256"]
    assert document["window"] == {"start_at": "2026-02-12T08:00:00Z", "end_at": "2026-02-12T09:35:00Z"}
    assert document["devices"]["TANK-0"]["coverage_fraction"] == 1.0
    assert document["checks"]["derived_level"]["GOOD"] == 60
    assert repr(analysis) == "Analysis(QC passed; 60 rows, 3 devices)"


def test_the_same_artifact_gives_the_same_bytes(artifact: Artifact, tmp_path: Path) -> None:
    _analyze(artifact)
    first = (artifact.directory / "analysis.json").read_bytes()
    _analyze(artifact)
    other = artifact_of(telemetry_frame(tanks=2, trucks=1, steps=STEPS), tmp_path / "elsewhere")
    _analyze(other)
    assert (artifact.directory / "analysis.json").read_bytes() == first
    assert (other.directory / "analysis.json").read_bytes() == first


DEFECTS: dict[str, tuple[Callable[[list[str]], object], dict[str, int], list[tuple[str, int]]]] = {
    "missing line": (lambda lines: lines.pop(9), {"seq_gap_count": 1}, [("seq_gap", 12)]),
    "line twice": (
        lambda lines: lines.insert(10, lines[9]),
        {"seq_duplicate_count": 1},
        [("time_order", 11), ("seq_duplicate", 11)],
    ),
    "lines swapped": (
        lambda lines: lines.__setitem__(slice(9, 13), [lines[12], *lines[10:12], lines[9]]),
        {"seq_non_monotonic_count": 1},
        [("time_order", 13), ("seq_order", 13)],
    ),
    "no time": (
        _cell(10, "received_at", ""),
        {"missing_timestamp_count": 1, "invalid_row_count": 1},
        [("timestamp", 10)],
    ),
    "bad time": (
        _cell(10, "received_at", "soon"),
        {"invalid_timestamp_count": 1, "invalid_row_count": 1},
        [("timestamp", 10)],
    ),
    "time of another century": (
        _cell(10, "received_at", "1926-02-12T08:15:00.000Z"),
        {"invalid_timestamp_count": 1},
        [("timestamp", 10), ("time_order", 10), ("clock_skew", 10)],
    ),
    "level out of bounds": (
        _cell(10, "level_pct", "101.000000"),
        {"level_out_of_bounds_count": 1},
        [("level_bounds", 10), ("level_volume", 10)],
    ),
    "content changed": (
        _cell(10, "volume_liters", "1.000"),
        {},
        [("level_volume", 10), ("mass_balance", 10)],
    ),
    "another number form": (_cell(10, "temperature_c", "24"), {"invalid_row_count": 1}, []),
    "seq no number": (_cell(10, "seq", "x"), {"invalid_row_count": 1, "seq_gap_count": 1}, [("seq_gap", 13)]),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_each_defect_is_counted_and_found_at_its_line(artifact: Artifact, name: str) -> None:
    change, counts, expected = DEFECTS[name]
    _edit(artifact, change)
    analysis = _analyze(artifact)
    document = analysis.to_dict()
    assert not analysis.qc_passed
    assert document["qc_passed"] is False
    assert {key: document[key] for key in COUNTS} == {**dict.fromkeys(COUNTS, 0), **counts}
    fails = [f for f in document["findings"] if f["flag"] == "FAIL"]
    assert [(f["check"], f["first_line"]) for f in fails] == expected
    assert all(f["first_line"] == f["last_line"] for f in fails)
    assert [row["line"] for row in document["invalid_rows"]] == [10] * counts.get("invalid_row_count", 0)
    error = analysis.failure()
    assert isinstance(error, QualityError)
    assert (error.code, error.exit_code) == ("QC_FAILED", 6)


def test_a_device_that_is_missing_fails(artifact: Artifact) -> None:
    def drop(lines: list[str]) -> None:
        lines[:] = [line for line in lines if not line.startswith("TANK-1,")]

    _edit(artifact, drop)
    assert "TANK-1: no rows" in _analyze(artifact).qc_failures


def test_rows_cut_off_at_the_end_fail(artifact: Artifact) -> None:
    _edit(artifact, lambda lines: lines.pop())
    failures = _analyze(artifact).qc_failures
    assert "the CSV has 59 rows, the manifest says 60" in failures
    assert "TRUCK_0: 19 rows, the manifest says 20" in failures


def test_a_device_that_the_manifest_does_not_name_fails(artifact: Artifact) -> None:
    _edit(artifact, lambda lines: lines.__setitem__(slice(1, 4), [*lines[1:4], "X" + lines[3]]))
    assert "XTRUCK_0: not in the manifest" in _analyze(artifact).qc_failures


def test_no_rows_at_all_fail(artifact: Artifact) -> None:
    _edit(artifact, lambda lines: lines.__delitem__(slice(1, None)))
    analysis = _analyze(artifact)
    assert not analysis.qc_passed
    assert "there are no rows" in analysis.qc_failures
    assert any("could not judge" in failure for failure in analysis.qc_failures)


def test_an_artifact_made_of_nothing_fails(tmp_path: Path) -> None:
    empty = artifact_of(telemetry_frame(steps=0), tmp_path)
    assert not _analyze(empty).qc_passed


def test_null_levels_fail(tmp_path: Path) -> None:
    frame = telemetry_frame(steps=5)
    for i in range(5):
        frame[f"raw_mm_{i}"] = pd.Series(-1, index=frame.index, dtype="int32")
    analysis = _analyze(artifact_of(frame.assign(measured_level_pct=float("nan")), tmp_path))
    assert "level_range: could not judge a single row" in analysis.qc_failures


def test_another_header_fails_without_an_exception(artifact: Artifact) -> None:
    _edit(artifact, lambda lines: lines.__setitem__(0, lines[0].upper()))
    analysis = _analyze(artifact)
    assert analysis.to_dict()["invalid_row_count"] == 1
    assert not analysis.qc_passed


def test_a_changed_csv_is_refused_before_anything_is_written(artifact: Artifact) -> None:
    artifact.csv_path.write_bytes(artifact.csv_path.read_bytes().replace(b"1000", b"1001", 1))
    with pytest.raises(ArtifactError, match="manifest csv_sha256 mismatch") as caught:
        _analyze(artifact)
    assert (caught.value.code, caught.value.exit_code) == ("CSV_HASH_MISMATCH", 5)
    assert sorted(p.name for p in artifact.directory.iterdir()) == ["manifest.json", "telemetry_rows.csv"]


def test_many_findings_are_cut_but_counted(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    from synthlab.workflows import analyze

    monkeypatch.setattr(analyze, "MAX_FINDINGS", 2)

    def spoil(lines: list[str]) -> None:
        for line in range(2, 40, 6):
            _cell(line, "battery_pct", "101")(lines)

    _edit(artifact, spoil)
    document = _analyze(artifact).to_dict()
    assert (len(document["findings"]), document["finding_count"]) == (2, 7)


def test_one_bad_device_hides_no_other(artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    from synthlab.workflows import analyze

    monkeypatch.setattr(analyze, "MAX_FINDINGS", 4)
    monkeypatch.setattr(analyze, "FAIR_SHARE", 2)

    def spoil(lines: list[str]) -> None:
        devices = [line.split(",")[0] for line in lines]
        first, second = (
            [n for n, device in enumerate(devices, 1) if device == name][::2] for name in ("TANK-0", "TANK-1")
        )
        for line in (*first, second[0]):
            _cell(line, "battery_pct", "101")(lines)

    _edit(artifact, spoil)
    document = _analyze(artifact).to_dict()
    assert (len(document["findings"]), document["finding_count"]) == (4, 11)
    assert [finding["device_id"] for finding in document["findings"]] == ["TANK-0"] * 3 + ["TANK-1"]
    counts = {name: entry["flagged_row_counts"] for name, entry in document["devices"].items()}
    assert (counts["TANK-0"]["battery_range"], counts["TANK-1"]["battery_range"]) == (
        {"FAIL": 10},
        {"FAIL": 1},
    )


def test_a_passed_artifact_is_approved(artifact: Artifact) -> None:
    _analyze(artifact)
    approval = approve(artifact.directory, reviewer=" Ada ", note="fine")
    assert (approval.reviewer, approval.qc_passed) == ("Ada", True)
    assert check_approval(read_artifact(artifact.directory)) == approval
    document: dict[str, Any] = json.loads((artifact.directory / "approval.json").read_text())
    assert document["decided_at"].endswith("Z")


def test_a_failed_artifact_is_not(artifact: Artifact) -> None:
    _edit(artifact, _cell(10, "battery_pct", "101"))
    _analyze(artifact)
    with pytest.raises(QualityError, match="not approved"):
        approve(artifact.directory, reviewer="Ada")
    assert approve(artifact.directory, reviewer="Ada", allow_failed=True).is_failure_allowed


def test_an_analysis_again_ends_the_approval(artifact: Artifact) -> None:
    _analyze(artifact)
    approve(artifact.directory, reviewer="Ada")
    _edit(artifact, _cell(10, "battery_pct", "101"))
    _analyze(artifact)
    with pytest.raises(ArtifactError) as caught:
        check_approval(read_artifact(artifact.directory))
    assert {problem.path for problem in caught.value.problems} == {
        "csv_sha256",
        "analysis_sha256",
        "manifest_sha256",
    }


def test_plots_are_drawn_beside_the_analysis(artifact: Artifact) -> None:
    pytest.importorskip("matplotlib")
    analyze_csv(artifact.directory)
    plots = sorted((artifact.directory / "plots").glob("*.png"))
    assert plots
    assert all(plot.read_bytes().startswith(b"\x89PNG") for plot in plots)
