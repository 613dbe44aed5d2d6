"""preview: the first emissions of every device, in memory (CLI: dry-run)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from synthlab.errors import Problem, UsageError
from synthlab.results import Result, counted, to_json_value
from synthlab.timeline import SECONDS_PER_HOUR, now_at, parse_at
from synthlab.workflows.projection import MAX_ROWS, require_rows
from synthlab.workflows.survey import require, survey

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.calibration import Reservoir
    from synthlab.scenario.resolve import DeviceParameters
    from synthlab.scenario.schema import Scenario


TOO_SHORT = "TOO_SHORT"
MIN_TENDENCY_HOURS = 24
"""Least length of a preview whose metrics say something. Assumed: a whole cycle of demand and shifts."""


@dataclass(frozen=True)
class Preview(Result):
    """A preview of a scenario.

    Attributes
    ----------
    scenario_id : str
    frame : DataFrame
        The telemetry frame, `steps` rows a device.
    devices : tuple of dict
        ``device_id``, ``archetype``, ``expected_tendencies``, the same metrics as the
        preview shows them in ``preview_tendencies``, why some are null in
        ``preview_null_reasons``, and ``samples``.
    warnings : tuple of str
    tendency_steps : int
        From so many steps on every device's tendencies can be judged.
    """

    scenario_id: str
    frame: pd.DataFrame
    devices: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...] = ()
    tendency_steps: int = 0

    @property
    def is_too_short(self) -> bool:
        """Whether no device's tendencies can be judged yet."""
        return all(
            reason == TOO_SHORT
            for device in self.devices
            for reason in (device["preview_null_reasons"].get(name) for name in device["preview_tendencies"])
        )

    def summary(self) -> str:
        """Say in one line what was simulated."""
        rows, devices = counted(len(self.frame), "emission"), counted(len(self.devices), "device")
        warned = f", {counted(len(self.warnings), 'warning')}" if self.warnings else ""
        return f"{self.scenario_id}: {rows} of {devices}, nothing written{warned}"

    def _shown(self) -> list[tuple[str, Any]]:
        import pandas as pd

        names = ["device", "metric", "promised", "in the preview"]
        first = ["device_id", "seq", "received_at", "measured_level_pct", "temperature_c", "activity"]
        return [
            ("warnings", self.warnings),
            ("tendencies", pd.DataFrame(self.tendency_table(), columns=names)),
            ("first emissions", self.frame[first]),
        ]

    def tendency_table(self) -> list[tuple[str, str, str, str]]:
        """Return what each device should show and what the preview shows, row by row.

        Device, metric, the promise, and the preview's value, or why there is none.
        """
        from synthlab.scenario.archetypes import ARCHETYPES

        return [
            (
                device["device_id"],
                metric,
                promise if " " in promise else f"{promise} than {ARCHETYPES[device['archetype']].contrast}",
                _shown(device["preview_tendencies"][metric], device["preview_null_reasons"].get(metric)),
            )
            for device in self.devices
            for metric, promise in device["expected_tendencies"].items()
        ]


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
    ScenarioError
        Code ``SCENARIO_TOO_LARGE``: steps without end.
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
    counts = {device.device_id: steps for device in parameters}
    require_rows(counts, MAX_ROWS, path="steps", remedy="Ask for fewer steps: --preview-steps")
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
    devices = _by_device(parameters, rows, report.reservoirs)
    shortest_step = min(device.step_seconds for device in parameters)
    enough = -(-MIN_TENDENCY_HOURS * SECONDS_PER_HOUR // shortest_step) + 1
    return Preview(scenario.scenario_id, rows, devices, tuple(warnings), enough)


def _by_device(
    parameters: Sequence[DeviceParameters], rows: pd.DataFrame, reservoirs: Mapping[str, Reservoir]
) -> tuple[dict[str, Any], ...]:
    from synthlab.scenario.archetypes import ARCHETYPES

    shown = _tendencies(parameters, rows, reservoirs)
    samples = {
        str(device_id): [_sample(record) for record in group.to_dict("records")]
        for device_id, group in rows.groupby("device_id", observed=True)
    }
    return tuple(
        {
            "device_id": device.device_id,
            "archetype": device.archetype,
            "expected_tendencies": dict(ARCHETYPES[device.archetype].tendencies),
            "preview_tendencies": {name: value for name, (value, _) in shown[device.device_id].items()},
            "preview_null_reasons": {name: why for name, (_, why) in shown[device.device_id].items() if why},
            "samples": samples.get(device.device_id, []),
        }
        for device in parameters
    )


def _tendencies(
    parameters: Sequence[DeviceParameters], rows: pd.DataFrame, reservoirs: Mapping[str, Reservoir]
) -> dict[str, dict[str, tuple[float | None, str | None]]]:
    """Return each device's promised metrics in the preview, and why one is null."""
    from synthlab.scenario.archetypes import ARCHETYPES

    counts = rows["device_id"].value_counts()
    hours = {
        device.device_id: (int(counts[device.device_id]) - 1) * device.step_seconds / SECONDS_PER_HOUR
        for device in parameters
    }
    promised = {device.device_id: ARCHETYPES[device.archetype].tendencies for device in parameters}
    found: dict[str, dict[str, tuple[float | None, str | None]]] = {
        name: dict.fromkeys(metrics, (None, TOO_SHORT)) for name, metrics in promised.items()
    }
    judged = [name for name, length in hours.items() if length >= MIN_TENDENCY_HOURS]
    if not judged:
        return found
    from synthlab.quality.metrics import metrics_from_frame

    # The longest window: it holds the whole of any preview up to its length.
    table = metrics_from_frame(rows[rows["device_id"].isin(judged)], reservoirs=reservoirs, window="30d")
    for name in judged:
        values: dict[Any, Any] = table.loc[name].to_dict()
        reasons: dict[str, str] = values["null_reasons"]
        found[name] = {
            metric: (None if metric in reasons else float(values[metric]), reasons.get(metric))
            for metric in promised[name]
        }
    return found


def _shown(value: float | None, why: str | None) -> str:
    if value is not None:
        return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"null: needs {MIN_TENDENCY_HOURS} h" if why == TOO_SHORT else f"null: {why}"


def _sample(record: Mapping[Any, Any]) -> dict[str, Any]:
    """Return one row as the preview shows it: readings as a list, nulls left out."""
    from synthlab.columns import RAW_COLUMNS

    shown = {name: to_json_value(value) for name, value in record.items() if name not in RAW_COLUMNS}
    shown["raw_samples"] = [int(record[name]) for name in RAW_COLUMNS]
    return {name: value for name, value in shown.items() if value not in (None, "") and name != "device_id"}
