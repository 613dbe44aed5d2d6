"""Bring what is known of an artifact into the records of a review: no files, no pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synthlab.report.content import (
    Baseline,
    CheckCount,
    Decision,
    DeviceContent,
    Finding,
    Kind,
    ReviewContent,
)
from synthlab.report.promises import metrics_of_devices
from synthlab.report.ranking import ranked
from synthlab.warned import grouped

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.calibration import Reservoir

MAX_INVALID_ROWS = 20
"""Lines that break the grammar and are shown. Assumed: enough to see what is wrong."""


def collect(
    frame: pd.DataFrame,
    *,
    manifest: Mapping[str, Any],
    analysis: Mapping[str, Any],
    reservoirs: Mapping[str, Reservoir],
    hashes: Mapping[str, str],
    decision: Decision,
    baseline: Baseline | None,
) -> ReviewContent:
    """Return the content of a review.

    Reads only.

    Parameters
    ----------
    frame : DataFrame
        The artifact's rows, as far as they can be read.
    manifest, analysis : mapping
        `manifest.json` and `analysis.json`.
    reservoirs : mapping of str to Reservoir
    hashes : mapping of str to str
        sha256 by what was looked at.
    decision : Decision
    baseline : Baseline or None
        The last approved run.
    """
    from synthlab.scenario.emit import document_text

    return ReviewContent(
        scenario_id=manifest["scenario_id"],
        run_id=manifest["run_id"],
        qc_passed=analysis["qc_passed"] is True,
        qc_failures=tuple(analysis["qc_failures"]),
        decision=decision,
        start_at=manifest["start_at"],
        end_at=manifest["end_at"],
        seed=manifest["seed"],
        row_count=analysis["row_count"],
        invalid_row_count=analysis["invalid_row_count"],
        finding_count=analysis["finding_count"],
        checks=tuple(_checks(analysis)),
        invalid_rows=tuple(_invalid_rows(analysis["invalid_rows"])),
        devices=ranked(_devices(frame, manifest, analysis, reservoirs)),
        scenario_text=document_text(manifest["scenario"]),
        baseline=baseline,
        hashes=dict(hashes),
        package_versions=manifest["package_versions"],
        thresholds=analysis["thresholds"],
        warnings=tuple(grouped(_warning(entry) for entry in manifest["warnings"])),
    )


def _checks(analysis: Mapping[str, Any]) -> list[CheckCount]:
    from synthlab.quality.checks import meanings

    known = meanings()
    unjudged = set(analysis["unjudged_checks"])
    return [
        CheckCount(name=name, meaning=known.get(name, ""), counts=counts, could_judge=name not in unjudged)
        for name, counts in analysis["checks"].items()
    ]


def _invalid_rows(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for row in rows[:MAX_INVALID_ROWS]:
        rules = "; ".join(
            " ".join(filter(None, (problem.get("path"), problem.get("rule")))) for problem in row["problems"]
        )
        lines.append(f"line {row['line']}: {rules}")
    return lines


def _warning(entry: Any) -> str:
    if isinstance(entry, Mapping):
        return ": ".join(str(entry[key]) for key in ("path", "rule") if entry.get(key))
    return str(entry)


def _devices(
    frame: pd.DataFrame,
    manifest: Mapping[str, Any],
    analysis: Mapping[str, Any],
    reservoirs: Mapping[str, Reservoir],
) -> list[DeviceContent]:
    archetypes = _archetypes(manifest["scenario"])
    findings = _findings(analysis)
    levels = _levels(frame)
    metrics = metrics_of_devices(frame, archetypes, reservoirs)
    trucks = _trucks(frame)
    exact = _exact(manifest["scenario"])
    return [
        DeviceContent(
            device_id=device_id,
            rank=0,
            kind=_kind(device_id, archetypes, trucks),
            archetype=archetypes.get(device_id, ""),
            chosen=None,
            reservoir=reservoirs[device_id].to_dict() if device_id in reservoirs else {},
            profile=profile,
            fail_row_count=_flagged(profile, "FAIL"),
            suspect_row_count=_flagged(profile, "SUSPECT"),
            runout_fraction=levels.get(device_id, (None, None))[0],
            mean_level_pct=levels.get(device_id, (None, None))[1],
            findings=tuple(findings.get(device_id, ())),
            metrics=metrics.get(device_id, ()),
            is_demand_by_chance=device_id not in exact,
        )
        for device_id, profile in analysis["devices"].items()
    ]


def _archetypes(scenario: Mapping[str, Any]) -> dict[str, str]:
    """Return each device's archetype, as the scenario has it."""
    return {
        str(device["device_id"]).upper(): str(device.get("archetype", ""))
        for device in scenario.get("devices") or ()
        if isinstance(device, Mapping) and "device_id" in device
    }


def _exact(scenario: Mapping[str, Any]) -> set[str]:
    """Return the devices whose demand follows the formula itself."""
    found = set()
    for device in scenario.get("devices") or ():
        dynamics = (device.get("dynamics") or {}) if isinstance(device, Mapping) else {}
        if (dynamics.get("demand") or {}).get("process") == "expected":
            found.add(str(device.get("device_id")).upper())
    return found


def _kind(device_id: str, archetypes: Mapping[str, str], trucks: set[str]) -> Kind:
    if device_id in trucks or archetypes.get(device_id, "").startswith("mobile"):
        return "truck"
    return "tank" if device_id in archetypes else "unknown"


def _trucks(frame: pd.DataFrame) -> set[str]:
    return {str(name) for name in frame.loc[frame["latitude"].notna(), "device_id"].unique()}


def _findings(analysis: Mapping[str, Any]) -> dict[str, list[Finding]]:
    names = Finding.__dataclass_fields__
    found: dict[str, list[Finding]] = {}
    for record in analysis["findings"]:
        finding = Finding(**{name: record[name] for name in names})
        found.setdefault(finding.device_id, []).append(finding)
    return found


def _flagged(profile: Mapping[str, Any], flag: str) -> int:
    return sum(int(counts.get(flag, 0)) for counts in profile["flagged_row_counts"].values())


def _levels(frame: pd.DataFrame) -> dict[str, tuple[float | None, float | None]]:
    """Return each device's share of rows that ran out, and its mean level. [%]"""
    from synthlab.quality.formulas import RUNOUT_LEVEL_PCT

    known = frame[frame["level_pct"].notna()]
    level = known["level_pct"]
    groups = known.groupby("device_id", observed=True)
    dry = (level <= RUNOUT_LEVEL_PCT).groupby(known["device_id"], observed=True).mean()
    means = groups["level_pct"].mean()
    return {str(name): (float(dry[name]), float(means[name])) for name in means.index}
