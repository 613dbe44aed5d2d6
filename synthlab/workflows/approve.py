"""approve: a reviewer's word on an artifact, bound to its bytes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from synthlab.timeline import format_at, now_at

if TYPE_CHECKING:
    from synthlab.artifact.approval import Approval


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
        Approve although the QC failed; the approval says so.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: no reviewer.
    ArtifactError
        Code ``ARTIFACT_NOT_FOUND``: no artifact, or not analyzed yet;
        ``CSV_HASH_MISMATCH``: the CSV changed, or the analysis is of another one;
        ``MANIFEST_INVALID``.
    QualityError
        Code ``QC_FAILED``: the analysis says so, and `allow_failed` is false.
    DiskError
        Code ``DISK_WRITE_FAILED``.
    """
    from synthlab.artifact.approval import write_approval
    from synthlab.artifact.store import read_artifact

    artifact = read_artifact(artifact_dir)
    return write_approval(
        artifact,
        reviewer=reviewer,
        note=note,
        approved_at=format_at(now_at()),
        allow_failed=allow_failed,
    )
