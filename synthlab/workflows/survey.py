"""Look at the platform before anything is made: preflight, reservoirs, findings.

Every verb that needs reservoirs comes through here, so that all of them judge a
scenario alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from synthlab.errors import PreflightError
from synthlab.workflows.connect import platform_reader

if TYPE_CHECKING:
    from synthlab.preflight import PreflightReport
    from synthlab.scenario.resolve import DeviceParameters


def survey(parameters: Sequence[DeviceParameters], *, database: str | None = None) -> PreflightReport:
    """Check devices against the platform, where one is there.  Reads only.

    Parameters
    ----------
    parameters : sequence of DeviceParameters
    database : str, optional
        SQLAlchemy URL; by default the configured or the embedded platform.

    Returns
    -------
    PreflightReport
        Without a platform every device is a warning, and its reservoir comes from
        the scenario or the archetype.

    Raises
    ------
    ServiceUnavailableError
        Code ``DATABASE_UNAVAILABLE``.
    """
    from synthlab.preflight import check_devices

    return check_devices(parameters, _attachments(parameters, database))


def require(report: PreflightReport, *, strict: bool = False) -> None:
    """Stop where preflight found an error.

    Raises
    ------
    PreflightError
        One problem for each error; under `strict` warnings are errors.
    """
    errors = report.errors(strict)
    if errors:
        raise PreflightError(errors)


def require_platform(report: PreflightReport, *, strict: bool = False) -> None:
    """Stop where preflight found an error, or no platform to write to.

    Raises
    ------
    PreflightError
        As `require`; besides, a device that is not there is never only a warning.
    """
    errors = [
        finding
        for finding in report.findings
        if strict or finding.severity == "error" or finding.code == "DEVICE_NOT_FOUND"
    ]
    if errors:
        raise PreflightError(replace(error, severity="error") for error in errors)


def _attachments(parameters: Sequence[DeviceParameters], database: str | None) -> Mapping[str, Any] | None:
    with platform_reader(database) as session:
        if session is None:
            return None
        from synthlab.platform.lookup import attachments

        return attachments(session, [device.device_id for device in parameters])
