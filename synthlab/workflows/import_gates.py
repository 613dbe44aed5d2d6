"""The gates before an import: what the checks and the reviewer said about an artifact.

Both read what is beside the rows and judge nothing themselves: the checks' word is
`analysis.json`, the reviewer's is `approval.json`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthlab.errors import ArtifactError, Problem, QualityError, UsageError, show_value

if TYPE_CHECKING:
    from synthlab.artifact import Artifact
    from synthlab.artifact.approval import Approval

REQUIRE_APPROVAL_VARIABLE = "SYNTHLAB_REQUIRE_APPROVAL"
"""Setting that makes an approval the rule; a call can ask for one, never waive it."""

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"", "0", "false", "no", "off"})
_LET_PASS = "imported because failed data was allowed"


@dataclass(frozen=True, slots=True)
class GatePass:
    """What an artifact passed the gates with.

    Attributes
    ----------
    qc_passed : bool or None
        What the analysis says; None where the artifact was never analyzed.
    is_qc_failure_allowed : bool
        Whether it passes only because failed data was allowed.
    is_approval_required : bool
    approval : Approval or None
        The one for these very bytes, asked for or not.
    warnings : tuple of str
        What whoever imports should know.
    """

    qc_passed: bool | None
    is_qc_failure_allowed: bool
    is_approval_required: bool
    approval: Approval | None
    warnings: tuple[str, ...]


def pass_gates(
    artifact: Artifact,
    *,
    allow_failed_qc: bool = False,
    require_approval: bool = False,
    strict: bool = False,
) -> GatePass:
    """Let an artifact pass to the import, or refuse it.

    Reads only.

    Parameters
    ----------
    artifact : Artifact
        Its hash was verified.
    allow_failed_qc : bool
        Let data pass that failed its checks, was rejected, or (`strict`) never checked.
    require_approval : bool
        Ask for an approval of these very bytes; so does `REQUIRE_APPROVAL_VARIABLE`.
    strict : bool
        Refuse data that was never analyzed; else that is a warning.

    Raises
    ------
    QualityError
        Codes ``QC_FAILED``: the analysis says so, or it is of another CSV, or there is
        none under `strict`; ``APPROVAL_REJECTED``: a reviewer rejected these bytes.
    ArtifactError
        Codes ``APPROVAL_MISSING``, ``APPROVAL_MISMATCH``, where an approval is
        required; ``MANIFEST_INVALID``: the analysis is no JSON.
    UsageError
        Code ``BAD_ARGUMENT``: a setting that is neither yes nor no.
    """
    is_required = is_approval_required(require_approval)
    qc_passed, doubts = _quality(artifact)
    if doubts and not allow_failed_qc and (strict or qc_passed is not None):
        raise QualityError(doubts)
    approval, rejection = _approval(artifact, is_required=is_required)
    if rejection is not None and (is_required or not allow_failed_qc):
        raise QualityError(rejection)
    is_waved_through = bool(rejection or (doubts and qc_passed is not None))
    said = [*doubts, *([rejection] if rejection else [])]
    return GatePass(
        qc_passed=qc_passed,
        is_qc_failure_allowed=is_waved_through,
        is_approval_required=is_required,
        approval=approval,
        warnings=tuple(_warning(problem, is_waved_through=is_waved_through) for problem in said),
    )


def is_approval_required(asked: bool = False) -> bool:
    """Tell whether an import needs an approval, by the call or by the setting.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a setting that is neither yes nor no.
    """
    said = os.environ.get(REQUIRE_APPROVAL_VARIABLE, "").strip().lower()
    if said not in _YES | _NO:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "needs 1 or 0",
                path=REQUIRE_APPROVAL_VARIABLE,
                value=show_value(said),
                remedy="Set it to 1 to require approvals, or unset it",
            )
        )
    return asked or said in _YES


def _quality(artifact: Artifact) -> tuple[bool | None, list[Problem]]:
    """Return what the analysis says, and why that is no pass."""
    from synthlab.artifact.files import read_json
    from synthlab.artifact.store import ANALYSIS_NAME

    path = artifact.directory / ANALYSIS_NAME
    if not path.exists():
        rule, remedy = "the data was never checked", "Run `synthlab analyze-csv --artifact-dir` first"
        return None, [Problem("QC_FAILED", rule, path="qc_passed", file=ANALYSIS_NAME, remedy=remedy)]
    analysis = read_json(path)
    is_of_this_csv = analysis.get("csv_sha256") == artifact.manifest["csv_sha256"]
    if is_of_this_csv and analysis.get("qc_passed") is True:
        return True, []
    rule = "the data did not pass its checks" if is_of_this_csv else "the analysis is of another CSV"
    problem = Problem(
        "QC_FAILED",
        rule,
        path="qc_passed",
        value=show_value(str(analysis.get("qc_passed")).lower()).strip("'"),
        file=ANALYSIS_NAME,
        remedy="Read its findings, mend the scenario, export and analyze again; or --allow-failed-qc",
    )
    return False, [problem]


def _approval(artifact: Artifact, *, is_required: bool) -> tuple[Approval | None, Problem | None]:
    """Return the approval of these bytes, or the rejection of them."""
    from synthlab.artifact.approval import check_decision

    try:
        decision = check_decision(artifact)
    except ArtifactError:
        if is_required:
            raise
        # Nobody asked: a word on other bytes says nothing about these.
        return None, None
    rejection = decision.rejection()
    return (None, rejection) if rejection else (decision, None)


def _warning(problem: Problem, *, is_waved_through: bool) -> str:
    if not is_waved_through:
        return str(problem)
    return f"{problem.file}: {problem.rule.rstrip('.')}; {_LET_PASS}"
