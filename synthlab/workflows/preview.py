"""preview: the first emissions of every device, in memory (CLI: dry-run)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from synthlab.errors import Problem, UsageError
from synthlab.results import Result, to_json_value
from synthlab.timeline import now_at, parse_at
from synthlab.workflows.survey import require, survey

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.scenario.schema import Scenario


@dataclass(frozen=True)
class Preview(Result):
    """A preview of a scenario.

    Attributes
    ----------
    scenario_id : str
    frame : DataFrame
        The telemetry frame, `steps` rows a device.
    devices : tuple of dict
        ``device_id``, ``archetype``, ``expected_tendencies`` and ``samples``.
    warnings : tuple of str
    """

    scenario_id: str
    frame: pd.DataFrame
    devices: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...] = ()


def preview(
    scenario: Scenario,
    *,
    steps: int = 10,
    start_at: datetime | str | None = None,
    database: str | None = None,
    strict: bool = False,
) -> Preview:
    """Simulate the first steps of every device.  Reads only.

    Parameters
    ----------
    scenario : Scenario
    steps : int
        Emissions of each device, at least 1.
    start_at : datetime or str, optional
        First emission, aware; by default today's midnight UTC, with a warning.
    database : str, optional
        SQLAlchemy URL; by default the configured or the embedded platform.
    strict : bool
        Preflight findings stop the preview instead of being its warnings.

    Returns
    -------
    Preview

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: fewer than 1 step, or a start without a zone.
    PreflightError
        Under `strict`: every finding.
    """
    from synthlab.scenario.resolve import resolve
    from synthlab.workflows.backfill import backfill

    if steps < 1:
        raise UsageError(Problem("BAD_ARGUMENT", "needs at least 1", path="steps", value=str(steps)))
    parameters = resolve(scenario)
    report = survey(parameters, database=database)
    if strict:
        require(report, strict=True)
    warnings = [str(finding) for finding in report.findings]
    if start_at is None:
        start_at = now_at().replace(hour=0, minute=0, second=0)
        warnings.append(f"start_at is not given: the preview starts today, {start_at:%Y-%m-%dT%H:%M:%SZ}")
    begin = parse_at(start_at, name="start_at")
    longest_step = max(device.step_seconds for device in parameters)
    history = backfill(
        scenario,
        start_at=begin,
        end_at=begin + timedelta(seconds=(steps - 1) * longest_step),
        reservoirs=report.reservoirs,
    )
    rows = history.frame.groupby("device_id", observed=True).head(steps).reset_index(drop=True)
    return Preview(scenario.scenario_id, rows, _by_device(parameters, rows), tuple(warnings))


def _by_device(parameters: Any, rows: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    from synthlab.scenario.archetypes import ARCHETYPES

    samples = {
        str(device_id): [_sample(record) for record in group.to_dict("records")]
        for device_id, group in rows.groupby("device_id", observed=True)
    }
    return tuple(
        {
            "device_id": device.device_id,
            "archetype": device.archetype,
            "expected_tendencies": dict(ARCHETYPES[device.archetype].tendencies),
            "samples": samples.get(device.device_id, []),
        }
        for device in parameters
    )


def _sample(record: Mapping[Any, Any]) -> dict[str, Any]:
    """Return one row as the preview shows it: readings as a list, nulls left out."""
    from synthlab.columns import RAW_COLUMNS

    shown = {name: to_json_value(value) for name, value in record.items() if name not in RAW_COLUMNS}
    shown["raw_samples"] = [int(record[name]) for name in RAW_COLUMNS]
    return {name: value for name, value in shown.items() if value not in (None, "") and name != "device_id"}
