"""A reviewer's decision, bound to the very bytes that were looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from synthlab.artifact.files import json_bytes, read_json, sha256_of, write_atomically
from synthlab.artifact.manifest import MANIFEST_NAME
from synthlab.artifact.store import ANALYSIS_NAME, Artifact
from synthlab.errors import ArtifactError, Problem, QualityError, UsageError, show_value
from synthlab.results import Result

APPROVAL_NAME = "approval.json"
SCHEMA_VERSION = 1

Decision = Literal["approved", "rejected"]
APPROVED: Decision = "approved"
REJECTED: Decision = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Approval(Result):
    """That somebody looked at an artifact and its analysis, and what they decided.

    Attributes
    ----------
    decision : {"approved", "rejected"}
    scenario_id, run_id : str
    csv_sha256, analysis_sha256, manifest_sha256 : str
        Of the CSV, the analysis and the manifest that were looked at.
    qc_passed : bool
        What that analysis says.
    is_failure_allowed : bool
        Whether the reviewer approved although QC failed.
    reviewer : str
    note : str
    decided_at : str
        RFC 3339 UTC.

    Notes
    -----
    The review page is not bound: it is drawn from what is bound, and names the same
    hashes.
    """

    decision: Decision
    scenario_id: str
    run_id: str
    csv_sha256: str
    analysis_sha256: str
    manifest_sha256: str
    qc_passed: bool
    is_failure_allowed: bool
    reviewer: str
    note: str
    decided_at: str

    def summary(self) -> str:
        """Say in one line who decided what."""
        judged = "QC passed" if self.qc_passed else "QC failed"
        note = f": {self.note}" if self.note else ""
        return f"{self.decision} by {self.reviewer}, {judged}, {self.decided_at}{note}"

    def rejection(self) -> Problem | None:
        """Return why the data must not be used; None where it was approved."""
        if self.decision == APPROVED:
            return None
        return Problem(
            "APPROVAL_REJECTED",
            f"{self.reviewer} rejected the data: {self.note}",
            path="decision",
            file=APPROVAL_NAME,
            remedy="Mend what the reviewer names and export again, or have it reviewed again",
        )


def write_approval(
    artifact: Artifact,
    *,
    reviewer: str,
    note: str,
    decided_at: str,
    decision: Decision = APPROVED,
    allow_failed: bool = False,
) -> Approval:
    """Write `approval.json` into an artifact's directory; an older one is replaced.

    Parameters
    ----------
    artifact : Artifact
    reviewer : str
        Who decides; not blank.
    note : str
        Not blank where the data is rejected.
    decided_at : str
        RFC 3339 UTC.
    decision : {"approved", "rejected"}
    allow_failed : bool
        Approve although the QC failed.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: no reviewer, or a rejection without a note.
    ArtifactError
        Code ``ARTIFACT_NOT_FOUND``: not analyzed yet; ``CSV_HASH_MISMATCH``: the CSV
        changed, or the analysis is of another one; ``MANIFEST_INVALID``.
    QualityError
        Code ``QC_FAILED``: the analysis says so, and `allow_failed` is false.
    DiskError
        Code ``DISK_WRITE_FAILED``.
    """
    _require_words(reviewer, note, decision)
    artifact.verify_hash()
    analysis = _read_analysis(artifact)
    qc_passed = analysis.get("qc_passed") is True
    if decision == APPROVED and not qc_passed and not allow_failed:
        raise QualityError(
            Problem(
                "QC_FAILED",
                "an artifact whose QC failed is not approved",
                path="qc_passed",
                value="false",
                file=ANALYSIS_NAME,
                remedy="Look at the findings; to approve it all the same, give --allow-failed-qc",
            )
        )
    approval = Approval(
        decision=decision,
        scenario_id=artifact.manifest["scenario_id"],
        run_id=artifact.manifest["run_id"],
        csv_sha256=artifact.manifest["csv_sha256"],
        analysis_sha256=sha256_of(artifact.directory / ANALYSIS_NAME),
        manifest_sha256=sha256_of(artifact.directory / MANIFEST_NAME),
        qc_passed=qc_passed,
        is_failure_allowed=decision == APPROVED and allow_failed and not qc_passed,
        reviewer=reviewer.strip(),
        note=note.strip(),
        decided_at=decided_at,
    )
    document = {"schema_version": SCHEMA_VERSION, **approval.to_dict()}
    write_atomically(artifact.directory / APPROVAL_NAME, json_bytes(document))
    return approval


def _require_words(reviewer: str, note: str, decision: Decision) -> None:
    problems = []
    if not reviewer.strip():
        problems.append(Problem("BAD_ARGUMENT", "needs a name", path="reviewer", value=show_value(reviewer)))
    if decision == REJECTED and not note.strip():
        remedy = "Say what is wrong, for whoever mends it: --note TEXT, in Python note=TEXT"
        problems.append(Problem("BAD_ARGUMENT", "a rejection needs a note", path="note", remedy=remedy))
    if problems:
        raise UsageError(problems)


def check_approval(artifact: Artifact) -> Approval:
    """Return the approval of an artifact, if it is for these very bytes.

    Reads only.

    Raises
    ------
    ArtifactError
        As `check_decision`.
    QualityError
        Code ``APPROVAL_REJECTED``: the reviewer's decision was no.
    """
    approval = check_decision(artifact)
    rejection = approval.rejection()
    if rejection is not None:
        raise QualityError(rejection)
    return approval


def check_decision(artifact: Artifact) -> Approval:
    """Return what a reviewer decided on an artifact, if it was on these very bytes.

    Reads only.  The decision is compared with `manifest.json` and `analysis.json`; that
    the CSV fits the manifest is `Artifact.verify_hash`'s part.

    Raises
    ------
    ArtifactError
        Code ``APPROVAL_MISSING``: nobody decided; ``APPROVAL_MISMATCH``: the CSV, the
        analysis or the manifest is another one, or the file is no approval.
    """
    path = artifact.directory / APPROVAL_NAME
    remedy = "Review it and run `synthlab approve --artifact-dir`"
    if not path.exists():
        raise ArtifactError(
            Problem("APPROVAL_MISSING", "the artifact has no approval", file=APPROVAL_NAME, remedy=remedy)
        )
    approval = _read_approval(path)
    problems = [
        Problem(
            "APPROVAL_MISMATCH",
            f"the approval is for another {what}",
            path=key,
            value=show_value(approved, limit=80),
            file=APPROVAL_NAME,
            remedy=remedy,
        )
        for key, what, approved, found in (
            ("csv_sha256", "CSV", approval.csv_sha256, artifact.manifest["csv_sha256"]),
            ("analysis_sha256", "analysis", approval.analysis_sha256, _sha256(artifact, ANALYSIS_NAME)),
            ("manifest_sha256", "manifest", approval.manifest_sha256, _sha256(artifact, MANIFEST_NAME)),
            ("run_id", "run", approval.run_id, artifact.manifest["run_id"]),
            ("scenario_id", "scenario", approval.scenario_id, artifact.manifest["scenario_id"]),
        )
        if approved != found
    ]
    if problems:
        raise ArtifactError(problems)
    return approval


def _sha256(artifact: Artifact, name: str) -> str:
    path = artifact.directory / name
    return sha256_of(path) if path.is_file() else "no such file"


def _read_approval(path: Path) -> Approval:
    names: dict[str, type] = {
        name: bool if name in {"qc_passed", "is_failure_allowed"} else str
        for name in Approval.__dataclass_fields__
    }
    try:
        document = read_json(path)
        known = {name: document[name] for name in names}
        if document["schema_version"] != SCHEMA_VERSION or not str(known["reviewer"]).strip():
            raise ValueError
        if any(not isinstance(known[name], kind) for name, kind in names.items()):
            raise ValueError
        if known["decision"] not in {APPROVED, REJECTED}:
            raise ValueError
    except (ArtifactError, KeyError, ValueError):
        raise ArtifactError(
            Problem(
                "APPROVAL_MISMATCH",
                "the file is not an approval",
                file=path.name,
                remedy="Run `synthlab approve --artifact-dir` again",
            )
        ) from None
    return Approval(**known)


def _read_analysis(artifact: Artifact) -> Mapping[str, Any]:
    path = artifact.directory / ANALYSIS_NAME
    remedy = "Run `synthlab analyze-csv --artifact-dir` first"
    if not path.exists():
        raise ArtifactError(
            Problem("ARTIFACT_NOT_FOUND", "the artifact has no analysis", file=path.name, remedy=remedy)
        )
    analysis = read_json(path)
    if analysis.get("csv_sha256") != artifact.manifest["csv_sha256"]:
        raise ArtifactError(
            Problem(
                "CSV_HASH_MISMATCH",
                "the analysis is of another CSV",
                path="csv_sha256",
                value=show_value(analysis.get("csv_sha256"), limit=80),
                file=path.name,
                remedy=remedy,
            )
        )
    return analysis
