"""analyze-csv: judge an artifact's rows, and write what was found beside them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from synthlab.errors import Problem, QualityError
from synthlab.progress import OnProgress, shown
from synthlab.results import MAX_ITEMS, Result, counted
from synthlab.workflows.lost_messages import lost_count

if TYPE_CHECKING:
    from synthlab.artifact import Artifact, Rows
    from synthlab.calibration import Reservoir
    from synthlab.quality.checks import Findings
    from synthlab.quality.thresholds import Thresholds
    from synthlab.timeline import Window

SCHEMA_VERSION = 2

MAX_FINDINGS = 1_000
"""Findings in the analysis; further ones are counted. Assumed: more than anybody reads."""

FAIR_SHARE = 20
"""Findings of one check on one device that come before further ones. Assumed: enough to see what it is."""

PLOTS_FOLDER = "plots"


@dataclass(frozen=True, repr=False, eq=False)
class Analysis(Result):
    """What the checks say about an artifact.

    Attributes
    ----------
    qc_passed : bool
        No invalid row, no FAIL, every device complete, and something was judged.
    qc_failures : tuple of str
        Why not, a sentence each; empty where it passed.
    findings : Findings
        Flags and runs of the rows that could be read.
    document : mapping
        The content of `analysis.json`.
    """

    qc_passed: bool
    qc_failures: tuple[str, ...]
    findings: Findings
    document: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return the content of `analysis.json`."""
        return dict(self.document)

    def failure(self) -> QualityError | None:
        """Return the error that says why the QC failed; None where it passed."""
        if self.qc_passed:
            return None
        remedy = "Look at findings and invalid_rows in analysis.json, mend the scenario and export again"
        return QualityError([Problem("QC_FAILED", reason, remedy=remedy) for reason in self.qc_failures])

    def summary(self) -> str:
        """Say in one line whether the data passed, and why not."""
        listed = [*self.qc_failures[:MAX_ITEMS]]
        listed += [f"{len(self.qc_failures) - MAX_ITEMS} more"] if len(self.qc_failures) > MAX_ITEMS else []
        verdict = "passed" if self.qc_passed else f"failed: {'; '.join(listed)}"
        rows, devices = self.document["row_count"], self.document["device_count"]
        return f"QC {verdict}; {counted(rows, 'row')}, {counted(devices, 'device')}"

    def _shown(self) -> list[tuple[str, Any]]:
        return [
            ("why not", self.qc_failures),
            ("lost messages", self.document["lost_message_count"]),
            ("invalid rows", self.document["invalid_row_count"]),
            *self.findings.shown(),
        ]


def analyze_csv(
    artifact_dir: str | os.PathLike[str],
    *,
    plots: bool = True,
    thresholds: Thresholds | str | os.PathLike[str] | None = None,
    on_progress: OnProgress | None = None,
) -> Analysis:
    """Check an artifact's rows and profile them.

    Writes `analysis.json` and, where matplotlib is installed, plots into the
    artifact; the platform and the sequence state are not touched.  The same
    artifact gives the same bytes.

    Parameters
    ----------
    artifact_dir : path
        What `export_csv` wrote.
    plots : bool
        Draw them, if there are rows.
    thresholds : Thresholds or path, optional
        Limits of the checks, or a TOML file with those that are not the defaults.
    on_progress : callable, optional
        Called with the stages done and those in all; by default a bar where a person looks.

    Raises
    ------
    ArtifactError
        Code ``CSV_HASH_MISMATCH``: the CSV or manifest changed after export;
        ``ARTIFACT_NOT_FOUND``; ``MANIFEST_INVALID``: also where the manifest is not the
        one that was exported. Bad rows do not raise: they are findings.
    UsageError
        Code ``BAD_ARGUMENT``: the file of thresholds is wrong; nothing was written.
    DiskError
        Code ``DISK_WRITE_FAILED``.
    """
    from synthlab.artifact.store import read_artifact
    from synthlab.quality.thresholds import Thresholds
    from synthlab.quality.thresholds_file import load_thresholds

    limits = thresholds
    if limits is not None and not isinstance(limits, Thresholds):
        limits = load_thresholds(limits)
    artifact = read_artifact(artifact_dir)
    with shown("analyze", on_progress) as report:
        return _analyze(artifact, limits, report, plots=plots)


STAGES = ("compared with its hashes", "read", "checked", "described", "drawn")


def _analyze(artifact: Artifact, limits: Thresholds | None, report: OnProgress, *, plots: bool) -> Analysis:
    from synthlab.artifact.files import json_bytes, write_atomically
    from synthlab.artifact.store import ANALYSIS_NAME
    from synthlab.quality.checks import check

    artifact.verify_hash()
    report(1, len(STAGES))
    rows = artifact.read_rows()
    report(2, len(STAGES))
    findings = check(
        rows.frame,
        reservoirs=artifact_reservoirs(artifact),
        thresholds=limits,
        step_seconds=artifact_steps(artifact),
    )
    report(3, len(STAGES))
    failures = _failures(artifact, rows, findings)
    document = _document(artifact, rows, findings, failures)
    report(4, len(STAGES))
    if plots and len(rows.frame) and find_spec("matplotlib") is not None:
        from synthlab.plotting import save_plots

        save_plots(rows.frame, artifact.directory / PLOTS_FOLDER, reservoirs=artifact_reservoirs(artifact))
    write_atomically(artifact.directory / ANALYSIS_NAME, json_bytes(document))
    report(5, len(STAGES))
    return Analysis(not failures, tuple(failures), findings, document)


def artifact_reservoirs(artifact: Artifact) -> Mapping[str, Reservoir] | None:
    """Return the reservoirs that an artifact was made for; None where its manifest has none."""
    from synthlab.calibration import reservoirs_from_frame

    entries = artifact.manifest["reservoirs"]
    if not entries:
        return None
    import pandas as pd

    table = pd.DataFrame([{**entry, "device_id": device_id} for device_id, entry in entries.items()])
    return reservoirs_from_frame(table)


def artifact_steps(artifact: Artifact) -> dict[str, int]:
    """Return each device's cadence, as the manifest has it. [seconds]"""
    devices = artifact.manifest["devices"].items()
    return {device_id: entry["step_seconds"] for device_id, entry in devices if entry.get("step_seconds")}


def stored_analysis(artifact: Artifact) -> dict[str, Any] | None:
    """Return `analysis.json` where it is of this CSV and of this version; else None.

    Raises
    ------
    ArtifactError
        Code ``MANIFEST_INVALID``: it is no JSON.
    """
    from synthlab.artifact.files import read_json
    from synthlab.artifact.store import ANALYSIS_NAME

    path = artifact.directory / ANALYSIS_NAME
    analysis = read_json(path) if path.exists() else {}
    is_of_this_csv = analysis.get("csv_sha256") == artifact.manifest["csv_sha256"]
    return analysis if is_of_this_csv and analysis.get("schema_version") == SCHEMA_VERSION else None


def _failures(artifact: Artifact, rows: Rows, findings: Findings) -> list[str]:
    """Say why the QC fails; nothing to check is a reason too."""
    manifest = artifact.manifest
    failures: list[str] = []
    if rows.invalid_count:
        failures.append(f"{rows.invalid_count} rows are invalid")
    if not findings.row_count:
        failures.append("there are no rows")
    if not manifest["devices"]:
        failures.append("the manifest names no devices")
    found_count = len(rows.frame) + rows.unreadable_count
    if found_count != manifest["row_count"]:
        failures.append(f"the CSV has {found_count} rows, the manifest says {manifest['row_count']}")
    failures += _device_failures(manifest["devices"], rows)
    failures += [
        f"{name}: {count['FAIL']} rows FAIL" for name, count in findings.counts.items() if count["FAIL"]
    ]
    failures += [f"{name}: could not judge a single row" for name in findings.unjudged]
    return failures


def _device_failures(devices: Mapping[str, Mapping[str, Any]], rows: Rows) -> list[str]:
    counts = {str(name): int(count) for name, count in rows.frame["device_id"].value_counts().items()}
    failures: list[str] = []
    for device_id, entry in devices.items():
        count = counts.get(device_id, 0)
        if not count:
            failures.append(f"{device_id}: no rows")
        elif count != entry["row_count"]:
            failures.append(f"{device_id}: {count} rows, the manifest says {entry['row_count']}")
    failures += [
        f"{name}: not in the manifest" for name in sorted(set(counts) - set(devices)) if counts[name]
    ]
    return failures


def _document(artifact: Artifact, rows: Rows, findings: Findings, failures: list[str]) -> dict[str, Any]:
    from synthlab.results import to_json_value
    from synthlab.timeline import Window, parse_at

    manifest, counts = artifact.manifest, findings.counts
    start_at, end_at = manifest["start_at"], manifest["end_at"]
    window = Window.between(parse_at(start_at, name="start_at"), parse_at(end_at, name="end_at"))
    is_unplaced = findings.flags["timestamp"].eq(4) & rows.frame["received_at"].notna()
    document = {
        "schema_version": SCHEMA_VERSION,
        "scenario_id": manifest["scenario_id"],
        "run_id": manifest["run_id"],
        "csv_sha256": manifest["csv_sha256"],
        "scenario_sha256": manifest["scenario_sha256"],
        "window": {"start_at": start_at, "end_at": end_at},
        "qc_passed": not failures,
        "qc_failures": failures,
        "row_count": len(rows.frame) + rows.unreadable_count,
        "device_count": findings.device_count,
        "seq_gap_count": counts["seq_gap"]["FAIL"] + counts["seq_gap"]["SUSPECT"],
        "lost_message_count": lost_count(manifest["devices"]),
        "seq_duplicate_count": counts["seq_duplicate"]["FAIL"],
        "seq_non_monotonic_count": counts["seq_order"]["FAIL"],
        "invalid_row_count": rows.invalid_count,
        "invalid_timestamp_count": rows.invalid_time_count + int(is_unplaced.sum()),
        "missing_timestamp_count": rows.missing_time_count,
        "level_out_of_bounds_count": counts["level_bounds"]["FAIL"],
        "fail_count": findings.fail_count,
        "suspect_count": sum(count["SUSPECT"] for count in counts.values()),
        "checks": {name: dict(count) for name, count in counts.items()},
        "unjudged_checks": list(findings.unjudged),
        "finding_count": len(findings.to_frame()),
        "findings": [_with_lines(record, rows) for record in _listed(findings)],
        "invalid_rows": [row.to_dict() for row in rows.invalid],
        "thresholds": findings.thresholds.to_dict(),
        "devices": _devices(artifact, rows, findings, window),
    }
    return to_json_value(document)


def _listed(findings: Findings) -> list[dict[str, Any]]:
    """Return the findings to list, the worst first: a device with many hides no other's."""
    runs = findings.to_frame()
    if len(runs) > MAX_FINDINGS:
        place = runs.groupby(["device_id", "check", "flag"], sort=False).cumcount()
        first = (place >= FAIR_SHARE).astype(int).sort_values(kind="stable").index[:MAX_FINDINGS]
        keep = set(first)
        return [record for n, record in enumerate(findings.records()) if n in keep]
    return findings.records()


def _devices(artifact: Artifact, rows: Rows, findings: Findings, window: Window) -> dict[str, Any]:
    """Describe each device, and count its flags by check."""
    from synthlab.quality.flags import Flag
    from synthlab.quality.profile import profile

    described = profile(rows.frame, window=window, step_seconds=artifact_steps(artifact))
    runs = findings.to_frame()
    sums = runs.groupby(["device_id", "check", "flag"], sort=True)["row_count"].sum().reset_index()
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for record in sums.to_dict("records"):
        of_check = counts.setdefault(str(record["device_id"]), {}).setdefault(str(record["check"]), {})
        of_check[Flag(record["flag"]).name] = int(record["row_count"])
    return {
        device_id: {**entry, "flagged_row_counts": counts.get(device_id, {})}
        for device_id, entry in described.items()
    }


def _with_lines(record: dict[str, Any], rows: Rows) -> dict[str, Any]:
    """Add the lines of the CSV that a finding begins and ends at."""
    first, last = (int(rows.lines[record[name]]) for name in ("first_row", "last_row"))
    return {**record, "first_line": first, "last_line": last}
