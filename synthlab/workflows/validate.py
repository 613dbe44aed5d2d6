"""validate: whether a scenario fits the platform that it is aimed at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from synthlab.errors import PreflightError, Problem
from synthlab.results import Result, counted
from synthlab.timeline import Window, from_unix_second
from synthlab.workflows.history import row_counts
from synthlab.workflows.survey import survey

if TYPE_CHECKING:
    from synthlab.scenario.schema import Scenario


@dataclass(frozen=True)
class ValidationReport(Result):
    """What preflight found.

    Attributes
    ----------
    scenario_id : str
    passed : bool
        No errors.
    devices_validated : tuple of str
        Devices that the platform has, and with which nothing is wrong, or nothing worse
        than a warning; empty without a platform.
    warnings, errors : tuple of Problem
        Under ``strict`` every warning is an error.
    has_platform : bool
        Whether there was a platform to compare with.
    projected_rows : int
        Rows of the whole history.
    """

    scenario_id: str
    passed: bool
    devices_validated: tuple[str, ...]
    warnings: tuple[Problem, ...]
    errors: tuple[Problem, ...]
    has_platform: bool = True
    projected_rows: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON: findings as text, and again as records."""
        return {
            "scenario_id": self.scenario_id,
            "passed": self.passed,
            "has_platform": self.has_platform,
            "projected_rows": self.projected_rows,
            "devices_validated": list(self.devices_validated),
            "warnings": [str(problem) for problem in self.warnings],
            "errors": [str(problem) for problem in self.errors],
            "findings": [problem.to_record() for problem in (*self.errors, *self.warnings)],
        }

    def summary(self) -> str:
        """Say in one line whether the scenario fits."""
        verdict = "passed" if self.passed else f"not passed: {counted(len(self.errors), 'error')}"
        warned = f", {counted(len(self.warnings), 'warning')}" if self.warnings else ""
        compared = "" if self.has_platform else "; no platform to compare with"
        return f"{verdict}{warned}; {counted(len(self.devices_validated), 'device')} fit{compared}"

    def _shown(self) -> list[tuple[str, Any]]:
        return [
            ("errors", self.errors),
            ("warnings", self.warnings),
            ("devices that fit", self.devices_validated),
            ("rows of the whole history", self.projected_rows),
        ]

    def failure(self) -> PreflightError | None:
        """Return what a verb that needs a fitting scenario would raise, or None."""
        return PreflightError(self.errors) if self.errors else None


def validate(scenario: Scenario, *, database: str | None = None, strict: bool = False) -> ValidationReport:
    """Check a scenario's devices, routes and certificates against the platform.  Reads only.

    A certificate or key that is named and missing is an error; a TLS broker for which
    none is named is a warning.

    Parameters
    ----------
    scenario : Scenario
        Already valid in itself: loading it checked every field.
    database : str, optional
        SQLAlchemy URL; by default the configured or the embedded platform.
    strict : bool
        Warnings become errors.

    Returns
    -------
    ValidationReport

    Raises
    ------
    ServiceUnavailableError
        Code ``DATABASE_UNAVAILABLE``.
    UsageError
        Code ``BAD_ARGUMENT``: ``SYNTHLAB_BROKER_URL`` is no broker's address.
    """
    from synthlab.scenario.resolve import resolve
    from synthlab.workflows.live_setup import credential_findings, unique_problems

    parameters = resolve(scenario)
    report = survey(parameters, database=database)
    missing = credential_findings(scenario, [device.device_id for device in parameters])
    refused = {name for name, found in missing.items() if any(each.severity == "error" for each in found)}
    report = replace(
        report,
        findings=(*report.findings, *unique_problems(missing)),
        devices_validated=tuple(name for name in report.devices_validated if name not in refused),
    )
    errors = tuple(report.errors(strict))
    # Any end will do: the count of a closed window depends on its length only.
    window = Window.ending(from_unix_second(0) + timedelta(days=366), days=scenario.bootstrap.days)
    return ValidationReport(
        scenario_id=scenario.scenario_id,
        passed=not errors,
        devices_validated=tuple(report.devices_validated),
        warnings=tuple(report.warnings(strict)),
        errors=errors,
        has_platform=report.has_platform,
        projected_rows=sum(row_counts(scenario, window).values()),
    )
