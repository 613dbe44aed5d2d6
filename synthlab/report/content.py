"""What a review shows, as records: the page, the notebook and any other view are made from these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from synthlab.results import Result, counted
from synthlab.scenario.difference import Change

Kind = Literal["tank", "truck", "unknown"]
Chosen = Literal["all", "worst", "sample"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A run of rows that one check flagged on one device.

    Attributes
    ----------
    device_id, check : str
    flag : {"FAIL", "SUSPECT"}
    first_line, last_line : int
        Of the CSV.
    first_seq, last_seq : int or None
    first_received_at, last_received_at : str or None
        RFC 3339 UTC.
    row_count : int
    """

    device_id: str
    check: str
    flag: str
    first_line: int
    last_line: int
    first_seq: int | None
    last_seq: int | None
    first_received_at: str | None
    last_received_at: str | None
    row_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCount:
    """How many rows got each flag of one check.

    Attributes
    ----------
    name : str
    meaning : str
        What the check looks at.
    counts : mapping of str to int
        By flag.
    could_judge : bool
        False where the dataset fails because this check could judge nothing.
    """

    name: str
    meaning: str
    counts: Mapping[str, int]
    could_judge: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One of the platform's metrics, and what the archetype promises of it.

    Attributes
    ----------
    name : str
    value, truth : float or None
        From what the sensor reported, and from the modeled truth.
    null_reason : str or None
        Why `value` is null.
    promise : str or None
        ``"lower than stationary_archetype_c"``, ``"below 0.7"``.
    against : float or None
        What it is compared with: the mean of the contrast archetype's devices here.
    is_kept : bool or None
        None where nothing is promised, or this run cannot tell.
    """

    name: str
    value: float | None
    truth: float | None
    null_reason: str | None
    promise: str | None
    against: float | None
    is_kept: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceContent:
    """One device.

    Attributes
    ----------
    device_id : str
    rank : int
        1 is the worst: most FAIL rows, most SUSPECT rows, least coverage, and of tanks the
        most often run out.
    kind : {"tank", "truck", "unknown"}
    archetype : str
    chosen : {"all", "worst", "sample"} or None
        Why it is drawn; None: it has only its line in the table.
    reservoir : mapping
        Capacity, calibration and where they are from; empty where not known.
    profile : mapping
        Its part of `analysis.json`.
    fail_row_count, suspect_row_count : int
        Flags over all checks.
    runout_fraction, mean_level_pct : float or None
        Of the true level.
    findings : tuple of Finding
        Those of `analysis.json`.
    metrics : tuple of Metric
    is_demand_by_chance : bool
        Whether uses are drawn, with the expected demand as their mean; else it is followed exactly.
    """

    device_id: str
    rank: int
    kind: Kind
    archetype: str
    chosen: Chosen | None
    reservoir: Mapping[str, Any]
    profile: Mapping[str, Any]
    fail_row_count: int
    suspect_row_count: int
    runout_fraction: float | None
    mean_level_pct: float | None
    findings: tuple[Finding, ...]
    metrics: tuple[Metric, ...]
    is_demand_by_chance: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The last approved run of the same scenario.

    Attributes
    ----------
    run_id, reviewer, decided_at : str
    seed : int
    window : str
        From when to when.
    changes : tuple of Change
        From that run's scenario to this one's; empty: the same.
    diff : tuple of str
        The same as lines of YAML.
    """

    run_id: str
    reviewer: str
    decided_at: str
    seed: int
    window: str
    changes: tuple[Change, ...]
    diff: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a reviewer said.

    Attributes
    ----------
    decision : {"approved", "rejected", "outdated", "none"}
        Outdated: there is one, on other bytes.
    reviewer, note, decided_at : str
        Empty where nobody decided on these bytes.
    """

    decision: Literal["approved", "rejected", "outdated", "none"]
    reviewer: str = ""
    note: str = ""
    decided_at: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReviewContent(Result):
    """Everything that a review shows, the verdict first.

    Attributes
    ----------
    scenario_id, run_id : str
    qc_passed : bool
    qc_failures : tuple of str
        Why not.
    decision : Decision
    start_at, end_at : str
    seed, row_count, invalid_row_count : int
    finding_count : int
        Runs of flagged rows; `devices` list up to as many as `analysis.json` has.
    checks : tuple of CheckCount
    invalid_rows : tuple of str
        Lines of the CSV that break its grammar, the first of them.
    devices : tuple of DeviceContent
        The worst first.
    scenario_text : str
        YAML.
    baseline : Baseline or None
    hashes : mapping of str to str
        sha256 of what was looked at, by name.
    package_versions : mapping of str to str
    thresholds : mapping
    warnings : tuple of str
        The export's; what is the same of several devices once.
    """

    scenario_id: str
    run_id: str
    qc_passed: bool
    qc_failures: tuple[str, ...]
    decision: Decision
    start_at: str
    end_at: str
    seed: int
    row_count: int
    invalid_row_count: int
    finding_count: int
    checks: tuple[CheckCount, ...]
    invalid_rows: tuple[str, ...]
    devices: tuple[DeviceContent, ...]
    scenario_text: str
    baseline: Baseline | None
    hashes: Mapping[str, str]
    package_versions: Mapping[str, str]
    thresholds: Mapping[str, Any]
    warnings: tuple[str, ...]

    def summary(self) -> str:
        """Say in one line what was found and decided."""
        devices, findings = counted(len(self.devices), "device"), counted(self.finding_count, "finding")
        verdict = "passed" if self.qc_passed else "failed"
        return f"QC {verdict}, {devices}, {findings}, decision: {self.decision.decision}"

    def _shown(self) -> list[tuple[str, Any]]:
        ranked = {device.device_id: f"{device.fail_row_count:,} rows FAIL" for device in self.devices}
        return [("why not", self.qc_failures), ("devices, the worst first", ranked)]

    @property
    def drawn(self) -> tuple[DeviceContent, ...]:
        """Devices that get a section of their own, the worst first."""
        return tuple(device for device in self.devices if device.chosen)

    @property
    def listed_count(self) -> int:
        """Findings that `devices` list."""
        return sum(len(device.findings) for device in self.devices)

    @property
    def fail_count(self) -> int:
        """FAIL flags over all checks."""
        return sum(check.counts.get("FAIL", 0) for check in self.checks)

    @property
    def suspect_count(self) -> int:
        """SUSPECT flags over all checks."""
        return sum(check.counts.get("SUSPECT", 0) for check in self.checks)
