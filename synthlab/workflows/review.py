"""review: an artifact's page to sign, and the same in a notebook."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthlab.errors import ArtifactError
from synthlab.progress import OnProgress, shown
from synthlab.results import Result

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.artifact import Artifact
    from synthlab.artifact.approval import Approval
    from synthlab.calibration import Reservoir
    from synthlab.report.content import Baseline, Decision, ReviewContent
    from synthlab.report.pictures import Pictures

REPORT_NAME = "report.html"


@dataclass(frozen=True, repr=False, eq=False)
class Review(Result):
    """An artifact's review.

    Attributes
    ----------
    path : Path
        The page that was written.
    content : ReviewContent
        What it shows, as records.
    frame : DataFrame
        The artifact's rows.
    reservoirs : mapping of str to Reservoir
    pictures : Pictures
    """

    path: Path
    content: ReviewContent
    frame: pd.DataFrame
    reservoirs: Mapping[str, Reservoir] = field(repr=False)
    pictures: Pictures = field(repr=False)

    @property
    def qc_passed(self) -> bool:
        """What the analysis says."""
        return self.content.qc_passed

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict, the devices from the worst on, and where the page is."""
        content = self.content
        return {
            "path": self.path.as_posix(),
            "scenario_id": content.scenario_id,
            "run_id": content.run_id,
            "qc_passed": content.qc_passed,
            "qc_failures": list(content.qc_failures),
            "decision": content.decision.decision,
            "row_count": content.row_count,
            "finding_count": content.finding_count,
            "baseline_run_id": content.baseline.run_id if content.baseline else None,
            "changed_value_count": len(content.baseline.changes) if content.baseline else None,
            "devices": [
                {
                    "device_id": device.device_id,
                    "rank": device.rank,
                    "fail_row_count": device.fail_row_count,
                    "suspect_row_count": device.suspect_row_count,
                    "is_drawn": device.chosen is not None,
                }
                for device in content.devices
            ],
        }

    def summary(self) -> str:
        """Say in one line what was found and decided."""
        return self.content.summary()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.content.scenario_id}/{self.content.run_id}: {self.summary()})"

    def _repr_html_(self) -> str:
        from synthlab.report.page import fragment

        return fragment(self.content, self.pictures)


def review(artifact_dir: str | os.PathLike[str], *, on_progress: OnProgress | None = None) -> Review:
    """Draw an artifact's review, and write it as `report.html` beside the rows.

    An artifact that was not analyzed yet, or whose analysis is of another CSV, is
    analyzed first.  The same artifact with the same decisions gives the same bytes.

    Parameters
    ----------
    artifact_dir : path
        What `export_csv` wrote.
    on_progress : callable, optional
        Called with the pictures drawn and those in all; by default a bar where a person looks.

    Raises
    ------
    ArtifactError
        Codes ``ARTIFACT_NOT_FOUND``, ``MANIFEST_INVALID``, ``CSV_HASH_MISMATCH``.
    DiskError
        Code ``DISK_WRITE_FAILED``.

    Notes
    -----
    The scenario is compared with that of the run of the same scenario, in a folder
    beside this one, which was approved last; if this run is approved itself, last
    before it.
    """
    from synthlab.report.pictures import draw

    found = gather(artifact_dir)
    # Only now: an analysis that was missing has shown a bar of its own.
    with shown("review", on_progress) as report:
        pictures = draw(found.content, found.frame, reservoirs=found.reservoirs, on_progress=report)
    found = write_page(found, pictures)
    return Review(found.directory / REPORT_NAME, found.content, found.frame, found.reservoirs, pictures)


def write_page(found: Gathered, pictures: Pictures) -> Gathered:
    """Write a review's page; the same content gives the same bytes.

    Drawing takes its time, and somebody may sign meanwhile, here or in another process: the
    page tells what is decided when it is done.

    Returns
    -------
    Gathered
        What the page shows: `found` itself unless it was signed meanwhile.

    Raises
    ------
    ArtifactError
        As `review`.
    DiskError
        Code ``DISK_WRITE_FAILED``.
    """
    from synthlab.artifact.files import write_atomically
    from synthlab.report.page import page

    written, latest = None, decided(found)
    while latest is not written:
        written = latest
        write_atomically(written.directory / REPORT_NAME, page(written.content, pictures).encode("utf-8"))
        # Asked again: else the page of who began before a decision could replace the one that tells it.
        latest = decided(written)
    return latest


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a review is made from, before anything is drawn or written.

    Attributes
    ----------
    directory : Path
        The artifact's.
    content : ReviewContent
    frame : DataFrame
        The artifact's rows.
    reservoirs : mapping of str to Reservoir
    approval : bytes or None
        The file of the decision that `content` tells, as it was; None where there was none.
    """

    directory: Path
    content: ReviewContent
    frame: pd.DataFrame
    reservoirs: Mapping[str, Reservoir]
    approval: bytes | None


def gather(artifact_dir: str | os.PathLike[str]) -> Gathered:
    """Return what a review of an artifact shows, as `review` does, and draw nothing.

    Raises
    ------
    ArtifactError
        As `review`.
    """
    from synthlab.artifact.store import read_artifact
    from synthlab.report.collect import collect
    from synthlab.workflows.analyze import artifact_reservoirs

    artifact = read_artifact(artifact_dir)
    artifact.verify_hash()
    # Before the decision is read: one that is signed in between is then taken for news once too often.
    approval = _approval_bytes(artifact.directory)
    analysis = _analysis(artifact)
    frame = artifact.read_rows().frame
    reservoirs = artifact_reservoirs(artifact) or {}
    decision, own = _decision(artifact)
    content = collect(
        frame,
        manifest=artifact.manifest,
        analysis=analysis,
        reservoirs=reservoirs,
        hashes=_hashes(artifact),
        decision=decision,
        baseline=_baseline(artifact, before=own),
    )
    return Gathered(artifact.directory, content, frame, reservoirs, approval)


def decided(found: Gathered) -> Gathered:
    """Return the same review with the decision as it stands now: `found` itself where nobody signed since.

    Raises
    ------
    ArtifactError
        As `review`.
    """
    from synthlab.artifact.store import read_artifact

    approval = _approval_bytes(found.directory)
    if approval == found.approval:
        return found
    artifact = read_artifact(found.directory)
    if _hashes(artifact) != found.content.hashes:
        # Analyzed again, and then signed: that decision is on what is there now.
        return gather(found.directory)
    decision, own = _decision(artifact)
    content = replace(found.content, decision=decision, baseline=_baseline(artifact, before=own))
    return replace(found, content=content, approval=approval)


def _approval_bytes(directory: Path) -> bytes | None:
    from synthlab.artifact.approval import APPROVAL_NAME

    try:
        return (directory / APPROVAL_NAME).read_bytes()
    except OSError:
        # What is wrong with it is said where the decision is read.
        return None


def _analysis(artifact: Artifact) -> dict[str, Any]:
    """Return the analysis of these rows, made now where there is none of this version."""
    from synthlab.workflows.analyze import analyze_csv, stored_analysis

    return stored_analysis(artifact) or analyze_csv(artifact.directory).to_dict()


def _hashes(artifact: Artifact) -> dict[str, str]:
    from synthlab.artifact.files import sha256_of
    from synthlab.artifact.manifest import MANIFEST_NAME
    from synthlab.artifact.store import ANALYSIS_NAME, CSV_NAME

    return {
        CSV_NAME: artifact.manifest["csv_sha256"],
        ANALYSIS_NAME: sha256_of(artifact.directory / ANALYSIS_NAME),
        MANIFEST_NAME: sha256_of(artifact.directory / MANIFEST_NAME),
        "scenario": artifact.manifest["scenario_sha256"],
    }


def _decision(artifact: Artifact) -> tuple[Decision, Approval | None]:
    from synthlab.artifact.approval import check_decision
    from synthlab.report.content import Decision

    try:
        given = check_decision(artifact)
    except ArtifactError as error:
        is_missing = error.code == "APPROVAL_MISSING"
        return Decision(decision="none" if is_missing else "outdated"), None
    shown = Decision(
        decision=given.decision, reviewer=given.reviewer, note=given.note, decided_at=given.decided_at
    )
    return shown, given


def _baseline(artifact: Artifact, *, before: Approval | None) -> Baseline | None:
    """Return the last approved other run of the scenario."""
    from synthlab.report.content import Baseline
    from synthlab.report.wording import moments
    from synthlab.scenario.difference import changes, text_changes

    found = [
        (approval.decided_at, other.manifest["run_id"], approval, other)
        for approval, other in _approved_siblings(artifact)
        if before is None or approval.decided_at < before.decided_at
    ]
    if not found:
        return None
    _, run_id, approval, other = max(found, key=lambda entry: entry[:2])
    then, now = other.manifest["scenario"], artifact.manifest["scenario"]
    return Baseline(
        run_id=run_id,
        reviewer=approval.reviewer,
        decided_at=approval.decided_at,
        seed=other.manifest["seed"],
        window=moments(other.manifest["start_at"], other.manifest["end_at"]),
        changes=changes(then, now),
        diff=text_changes(then, now),
    )


def _approved_siblings(artifact: Artifact) -> list[tuple[Approval, Artifact]]:
    from synthlab.artifact.approval import APPROVAL_NAME, check_approval
    from synthlab.artifact.store import read_artifact
    from synthlab.errors import QualityError

    own = artifact.directory.resolve()
    found = []
    for path in sorted(own.parent.glob(f"*/{APPROVAL_NAME}")):
        if path.parent == own:
            continue
        try:
            other = read_artifact(path.parent)
            approval = check_approval(other)
        except (ArtifactError, QualityError):
            # Damaged, changed since, or rejected: no run that anybody vouches for.
            continue
        if other.manifest["scenario_id"] == artifact.manifest["scenario_id"]:
            found.append((approval, other))
    return found
