"""What may be imported: the checks' word and the reviewer's, and what a call may waive."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import synthlab
from synthlab.artifact import read_artifact
from synthlab.errors import ArtifactError, QualityError, SynthlabError, UsageError
from synthlab.workflows.import_gates import REQUIRE_APPROVAL_VARIABLE, GatePass, pass_gates
from tests.frames import artifact_of, telemetry_frame

Query = Callable[[str, str], list[tuple[Any, ...]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An artifact that nobody looked at."""
    return artifact_of(telemetry_frame(steps=5), tmp_path).directory


@pytest.fixture
def analyzed(folder: Path) -> Path:
    assert synthlab.analyze_csv(folder, plots=False).qc_passed
    return folder


@pytest.fixture
def failed(analyzed: Path) -> Path:
    path = analyzed / "analysis.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"qc_passed": False}))
    return analyzed


def _pass(folder: Path, **options: bool) -> GatePass:
    return pass_gates(read_artifact(folder), **options)


def _refused(folder: Path, **options: bool) -> tuple[str, int]:
    with pytest.raises(SynthlabError) as caught:
        _pass(folder, **options)
    return caught.value.code, caught.value.exit_code


def test_data_that_was_never_analyzed_passes_with_a_warning_and_not_under_strict(folder: Path) -> None:
    passed = _pass(folder)
    assert (passed.qc_passed, passed.is_qc_failure_allowed) == (None, False)
    assert ["never checked" in warning for warning in passed.warnings] == [True]
    assert _refused(folder, strict=True) == ("QC_FAILED", 6)
    assert _pass(folder, strict=True, allow_failed_qc=True).qc_passed is None


def test_good_data_passes_without_a_word(analyzed: Path) -> None:
    assert _pass(analyzed, strict=True) == GatePass(True, False, False, None, ())
    # What is not needed is not noted as used.
    assert _pass(analyzed, allow_failed_qc=True).is_qc_failure_allowed is False


@pytest.mark.parametrize("verdict", [False, None, "true", 1])
def test_only_true_is_a_pass(analyzed: Path, verdict: object) -> None:
    path = analyzed / "analysis.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"qc_passed": verdict}))
    assert _refused(analyzed) == ("QC_FAILED", 6)
    allowed = _pass(analyzed, allow_failed_qc=True)
    assert (allowed.qc_passed, allowed.is_qc_failure_allowed) == (False, True)
    assert ["failed data was allowed" in warning for warning in allowed.warnings] == [True]


def test_an_analysis_of_another_csv_is_no_pass(analyzed: Path) -> None:
    path = analyzed / "analysis.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"csv_sha256": "c" * 64}))
    assert _refused(analyzed) == ("QC_FAILED", 6)


def test_an_approval_that_is_asked_for_must_be_of_these_bytes(analyzed: Path) -> None:
    assert _refused(analyzed, require_approval=True) == ("APPROVAL_MISSING", 5)
    approval = synthlab.approve(analyzed, reviewer="Ada")
    assert _pass(analyzed, require_approval=True).approval == approval
    assert _pass(analyzed).approval == approval
    path = analyzed / "analysis.json"
    path.write_bytes(path.read_bytes() + b" ")
    assert _refused(analyzed, require_approval=True) == ("APPROVAL_MISMATCH", 5)
    assert _pass(analyzed).approval is None


@pytest.mark.parametrize("name", ["manifest.json", "analysis.json", "telemetry_rows.csv"])
def test_an_approval_ends_with_any_byte_that_was_looked_at(analyzed: Path, name: str) -> None:
    synthlab.approve(analyzed, reviewer="Ada")
    path = analyzed / name
    path.write_bytes(path.read_bytes() + b"\n")
    artifact = read_artifact(analyzed)
    with pytest.raises(ArtifactError):
        artifact.verify_hash()
        pass_gates(artifact, require_approval=True)


@pytest.mark.parametrize("said", ["1", "true", " YES "])
def test_the_policy_asks_for_every_call(analyzed: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv(REQUIRE_APPROVAL_VARIABLE, said)
    assert _refused(analyzed, require_approval=False) == ("APPROVAL_MISSING", 5)
    synthlab.approve(analyzed, reviewer="Ada")
    assert _pass(analyzed).is_approval_required is True


@pytest.mark.parametrize("said", ["", "0", "No"])
def test_the_policy_can_be_off(analyzed: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv(REQUIRE_APPROVAL_VARIABLE, said)
    assert _pass(analyzed).is_approval_required is False


def test_a_policy_that_says_neither_is_refused(analyzed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRE_APPROVAL_VARIABLE, "maybe")
    assert _refused(analyzed) == ("BAD_ARGUMENT", 2)


def test_rejected_data_is_refused_even_where_nobody_asks(analyzed: Path) -> None:
    rejection = synthlab.reject(analyzed, reviewer="Ada", note="the evening peak is missing")
    assert rejection.decision == "rejected"
    with pytest.raises(QualityError, match="Ada rejected the data: the evening peak is missing"):
        _pass(analyzed)
    assert _refused(analyzed, require_approval=True) == ("APPROVAL_REJECTED", 6)
    # A policy is not waived by a flag that is about checks.
    assert _refused(analyzed, require_approval=True, allow_failed_qc=True) == ("APPROVAL_REJECTED", 6)
    allowed = _pass(analyzed, allow_failed_qc=True)
    assert (allowed.qc_passed, allowed.is_qc_failure_allowed, allowed.approval) == (True, True, None)
    synthlab.approve(analyzed, reviewer="Bob", note="it is there, on weekends")
    assert _pass(analyzed, require_approval=True).warnings == ()


def test_failed_data_that_was_approved_is_still_asked_about(failed: Path) -> None:
    with pytest.raises(QualityError):
        synthlab.approve(failed, reviewer="Ada")
    approval = synthlab.approve(failed, reviewer="Ada", allow_failed=True)
    assert approval.is_failure_allowed
    assert _refused(failed, require_approval=True) == ("QC_FAILED", 6)
    assert _pass(failed, require_approval=True, allow_failed_qc=True).approval == approval


def test_a_rejection_needs_a_reason_and_a_name(analyzed: Path) -> None:
    with pytest.raises(UsageError) as caught:
        synthlab.reject(analyzed, reviewer=" ", note=" ")
    assert [problem.path for problem in caught.value.problems] == ["reviewer", "note"]
    assert not (analyzed / "approval.json").exists()


def test_failed_data_is_rejected_without_being_allowed(failed: Path) -> None:
    rejection = synthlab.reject(failed, reviewer="Ada", note="it fails")
    assert (rejection.qc_passed, rejection.is_failure_allowed) == (False, False)


def test_a_decision_of_no_known_kind_is_no_approval(analyzed: Path) -> None:
    synthlab.approve(analyzed, reviewer="Ada")
    path = analyzed / "approval.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"decision": "perhaps"}))
    assert _refused(analyzed, require_approval=True) == ("APPROVAL_MISMATCH", 5)


def test_the_result_says_what_the_gates_said(
    tiny_scenario: synthlab.Scenario, sqlite_platform: str, end_at: datetime, query: Query
) -> None:
    made = synthlab.export_csv(tiny_scenario, database=sqlite_platform, end_at=end_at)

    def call(**options: Any) -> synthlab.ImportResult:
        return synthlab.import_csv(made.directory, database=sqlite_platform, apply=True, **options)

    synthlab.analyze_csv(made.directory, plots=False)
    with pytest.raises(ArtifactError):
        call(require_approval=True)
    assert query(sqlite_platform, "SELECT count(*) FROM device_telemetry_messages") == [(0,)]
    approval = synthlab.approve(made.directory, reviewer="Ada")
    result = call(require_approval=True)
    assert (result.qc_passed, result.is_approval_required, result.warnings) == (True, True, ())
    assert (result.approved_by, result.approved_at) == ("Ada", approval.decided_at)
    synthlab.reject(made.directory, reviewer="Ada", note="on second thought")
    waved = call(allow_failed_qc=True)
    assert (waved.approved_by, waved.is_qc_failure_allowed) == (None, True)
    written = json.loads((made.directory / "import_result.json").read_text())
    assert written == replace(waved).to_dict()
    assert ["on second thought" in warning for warning in written["warnings"]] == [True]
