"""approve, reject: a reviewer's word on an artifact, bound to its bytes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from synthlab.timeline import format_at, now_at

if TYPE_CHECKING:
    from synthlab.artifact.approval import Approval, Decision


def approve(
    artifact_dir: str | os.PathLike[str], *, reviewer: str, note: str = "", allow_failed: bool = False
) -> Approval:
    """Approve an analyzed artifact: write `approval.json` into it.

    Parameters
    ----------
    artifact_dir : path
        What `export_csv` wrote and `analyze_csv` analyzed.
    reviewer : str
        Who approves; not blank.
    note : str
        Anything the next reader should know.
    allow_failed : bool
        Approve although the QC failed; the approval says so. The import asks again.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: no reviewer.
    ArtifactError
        Code ``ARTIFACT_NOT_FOUND``: no artifact, or not analyzed yet;
        ``CSV_HASH_MISMATCH``: the CSV changed, or the analysis is of another one;
        ``MANIFEST_INVALID``: also where the manifest is not the one that was exported.
    QualityError
        Code ``QC_FAILED``: the analysis says so, and `allow_failed` is false.
    DiskError
        Code ``DISK_WRITE_FAILED``.
    """
    return _decide(artifact_dir, reviewer=reviewer, note=note, decision="approved", allow_failed=allow_failed)


def reject(artifact_dir: str | os.PathLike[str], *, reviewer: str, note: str) -> Approval:
    """Reject an analyzed artifact: `approval.json` says so, and `import_csv` refuses it.

    Parameters
    ----------
    artifact_dir : path
        What `export_csv` wrote and `analyze_csv` analyzed.
    reviewer : str
        Who rejects; not blank.
    note : str
        What is wrong; not blank.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: no reviewer, or no note.
    ArtifactError
        As `approve`.
    DiskError
        Code ``DISK_WRITE_FAILED``.
    """
    return _decide(artifact_dir, reviewer=reviewer, note=note, decision="rejected")


def _decide(
    artifact_dir: str | os.PathLike[str],
    *,
    reviewer: str,
    note: str,
    decision: Decision,
    allow_failed: bool = False,
) -> Approval:
    from synthlab.artifact.approval import write_approval
    from synthlab.artifact.store import read_artifact

    return write_approval(
        read_artifact(artifact_dir),
        reviewer=reviewer,
        note=note,
        decided_at=format_at(now_at()),
        decision=decision,
        allow_failed=allow_failed,
    )
