"""validate: whether a scenario fits the platform that it is aimed at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthlab.errors import PreflightError, Problem
from synthlab.results import Result
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
        Devices with which nothing is wrong, or nothing worse than a warning.
    warnings, errors : tuple of Problem
        Under ``strict`` every warning is an error.
    """

    scenario_id: str
    passed: bool
    devices_validated: tuple[str, ...]
    warnings: tuple[Problem, ...]
    errors: tuple[Problem, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON: findings as text, and again as records."""
        return {
            "scenario_id": self.scenario_id,
            "passed": self.passed,
            "devices_validated": list(self.devices_validated),
            "warnings": [str(problem) for problem in self.warnings],
            "errors": [str(problem) for problem in self.errors],
            "findings": [problem.to_record() for problem in (*self.errors, *self.warnings)],
        }

    def failure(self) -> PreflightError | None:
        """Return what a verb that needs a fitting scenario would raise, or None."""
        return PreflightError(self.errors) if self.errors else None


def validate(scenario: Scenario, *, database: str | None = None, strict: bool = False) -> ValidationReport:
    """Check a scenario's devices and routes against the platform.  Reads only.

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
    """
    from synthlab.scenario.resolve import resolve

    report = survey(resolve(scenario), database=database)
    errors = tuple(report.errors(strict))
    return ValidationReport(
        scenario_id=scenario.scenario_id,
        passed=not errors,
        devices_validated=tuple(report.devices_validated),
        warnings=tuple(report.warnings(strict)),
        errors=errors,
    )
