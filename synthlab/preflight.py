"""Does a scenario fit the platform that it is aimed at, and which reservoirs does it get?

The platform's records come in as they are; this module knows neither the database
nor the platform's package.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from synthlab.calibration import Reservoir, usable_calibration
from synthlab.errors import Code, PreflightError, Problem, show_value
from synthlab.scenario.resolve import DeviceParameters

ROUTE_KINDS = ("BASE", "REFILL", "CLIENT")
"""Kinds of points that a route needs. Source: simulator guide, section 8."""


class AttachmentLike(Protocol):
    """What preflight asks of the platform's record of a device and its reservoir.

    Everything below `device_is_synthetic` is None where the device is not attached.
    """

    device_id: str
    device_is_synthetic: bool | None
    reservoir_id: str | None
    reservoir_is_synthetic: bool | None
    is_deleted: bool | None
    is_pipe_connected: bool | None
    capacity_liters: float | None
    height_mm: float | None
    sensor_empty_distance_mm: float | None
    sensor_full_distance_mm: float | None
    reservoir_type: str | None
    mobility: str | None
    shape: str | None
    zone_id: str | None


@dataclass(frozen=True)
class PreflightReport:
    """What preflight found.

    Attributes
    ----------
    findings : tuple of Problem
        In the order of the devices.
    reservoirs : dict of str to Reservoir
        By device id, for every device: the platform's where it is usable, else the
        scenario's or the archetype's, so that a preview can go on.
    devices_validated : tuple of str
        Devices that the platform has, with no finding worse than a warning: none where
        no platform is there to ask.
    has_platform : bool
        Whether there was a platform to compare with.
    """

    findings: tuple[Problem, ...]
    reservoirs: dict[str, Reservoir]
    devices_validated: tuple[str, ...]
    has_platform: bool = True

    def errors(self, strict: bool = False) -> tuple[Problem, ...]:
        """Return what stops a verb; under `strict` the warnings too, as errors."""
        if strict:
            return tuple(replace(finding, severity="error") for finding in self.findings)
        return tuple(finding for finding in self.findings if finding.severity == "error")

    def warnings(self, strict: bool = False) -> tuple[Problem, ...]:
        """Return what does not stop a verb; under `strict` nothing."""
        return () if strict else tuple(finding for finding in self.findings if finding.severity == "warning")


def check_devices(
    parameters: Sequence[DeviceParameters], attachments: Mapping[str, AttachmentLike] | None
) -> PreflightReport:
    """Run every check of every device.  Reads only.

    Parameters
    ----------
    parameters : sequence of DeviceParameters
    attachments : mapping of str to record, or None
        The platform's records by device id, without the devices that it does not know.
        None: no platform is there, so that a missing device is only a warning.

    Returns
    -------
    PreflightReport

    Notes
    -----
    Source: simulator guide, section 8.
    """
    findings: list[Problem] = []
    reservoirs: dict[str, Reservoir] = {}
    validated: list[str] = []
    for device in parameters:
        attachment = None if attachments is None else attachments.get(device.device_id)
        found = _check_route(device)
        found += _check_device(device, attachment, has_platform=attachments is not None)
        reservoir = None if attachment is None else _platform_reservoir(device, attachment)
        if reservoir is None:
            reservoir = device.reservoir
            if reservoir.origin == "assumed":
                found.append(_reservoir_assumed(device))
        found += _check_sight(device, reservoir)
        reservoirs[device.device_id] = reservoir
        findings += found
        if attachments is not None and all(finding.severity == "warning" for finding in found):
            validated.append(device.device_id)
    return PreflightReport(tuple(findings), reservoirs, tuple(validated), attachments is not None)


def require_routes(parameters: Iterable[DeviceParameters]) -> None:
    """Stop where a truck has nowhere to begin, to refill or to deliver.

    Raises
    ------
    PreflightError
        Code ``ROUTE_INCOMPLETE``.
    """
    problems = [problem for device in parameters for problem in _check_route(device)]
    if problems:
        raise PreflightError(problems)


def _check_route(device: DeviceParameters) -> list[Problem]:
    if device.mode != "MOBILE":
        return []
    kinds = {point.kind for point in device.route.points} if device.route is not None else set()
    missing = [kind for kind in ROUTE_KINDS if kind not in kinds]
    if not missing:
        return []
    return [
        _problem(
            device,
            "ROUTE_INCOMPLETE",
            "the route needs points of the kinds BASE, REFILL and CLIENT",
            value=f"none of {', '.join(missing)}",
            remedy="Add the points to the route",
        )
    ]


def _check_device(
    device: DeviceParameters, attachment: AttachmentLike | None, *, has_platform: bool
) -> list[Problem]:
    if not has_platform:
        return [
            _problem(
                device,
                "DEVICE_NOT_FOUND",
                "device not found: no platform is there",
                remedy="`synthlab provision` creates one with this scenario's devices",
                severity="warning",
            )
        ]
    if attachment is None:
        return [
            _problem(
                device,
                "DEVICE_NOT_FOUND",
                "device not found",
                remedy="Use the id of a device that is there, or create it with `synthlab provision`",
            )
        ]
    if attachment.reservoir_id is None:
        return [
            _problem(
                device,
                "DEVICE_NOT_ATTACHED",
                "not attached to a reservoir",
                remedy="Attach the device to a reservoir first",
            ),
            *_check_synthetic(device, attachment),
        ]
    return _check_reservoir(device, attachment) + _check_synthetic(device, attachment)


def _check_reservoir(device: DeviceParameters, attachment: AttachmentLike) -> list[Problem]:
    found: list[Problem] = []
    if device.reservoir_id is not None and not _same_id(device.reservoir_id, attachment.reservoir_id):
        found.append(
            _problem(
                device,
                "RESERVOIR_MISMATCH",
                f"attached to another reservoir than the scenario's reservoir_id {device.reservoir_id}",
                value=attachment.reservoir_id,
                remedy="Attach the right one, or change or remove reservoir_id",
            )
        )
    if attachment.is_deleted:
        found.append(
            _problem(
                device,
                "RESERVOIR_DELETED",
                "the attached reservoir is deleted",
                value=attachment.reservoir_id,
                remedy="Attach the device to one that is in use",
            )
        )
    if not _is_positive(attachment.capacity_liters):
        found.append(
            _problem(
                device,
                "CAPACITY_INVALID",
                "the reservoir needs capacity_liters > 0",
                value=show_value(attachment.capacity_liters),
                remedy="Set the reservoir's capacity",
            )
        )
    if _calibration(attachment) is None:
        found.append(
            _problem(
                device,
                "CALIBRATION_MISSING",
                "missing calibration",
                value=_shown_calibration(attachment),
                remedy="Set sensor_empty_distance_mm > sensor_full_distance_mm >= 0, or neither "
                "and height_mm > 0",
            )
        )
    if device.mode == "MOBILE" and not _is_mobile_capable(attachment):
        found.append(
            _problem(
                device,
                "NOT_MOBILE_CAPABLE",
                "mode MOBILE needs a reservoir of type TRUCK_TANK or mobility MOBILE",
                value=f"{attachment.reservoir_type}, {attachment.mobility}",
                remedy="Attach the device to a truck's tank, or use mode STATIONARY",
            )
        )
    return found


def _check_sight(device: DeviceParameters, reservoir: Reservoir) -> list[Problem]:
    """Warn where even the empty tank's water is nearer than the sensor can see."""
    blind, empty = float(device.values.get("blind_zone_mm", 0.0)), reservoir.sensor_empty_distance_mm
    if blind < empty:
        return []
    return [
        _problem(
            device,
            "SENSOR_BLIND",
            f"the whole tank lies within the sensor's blind zone of {blind:g} mm, so every level reads alike",
            value=f"sensor_empty_distance_mm={empty:g}",
            remedy="Mount the sensor higher, or set blind_zone_mm to that of the sensor in use",
            severity="warning",
        )
    ]


def _check_synthetic(device: DeviceParameters, attachment: AttachmentLike) -> list[Problem]:
    real = [] if attachment.device_is_synthetic else ["device"]
    if attachment.reservoir_id is not None and not attachment.reservoir_is_synthetic:
        real.append("reservoir")
    if not real:
        return []
    return [
        _problem(
            device,
            "NOT_MARKED_SYNTHETIC",
            f"{' and '.join(real)} not marked synthetic on the platform",
            remedy="Use devices made for demonstration; generated data among real data is hard to remove",
            severity="warning",
        )
    ]


def _reservoir_assumed(device: DeviceParameters) -> Problem:
    return _problem(
        device,
        "RESERVOIR_ASSUMED",
        f"neither platform nor scenario describes the reservoir: that of {device.archetype} is assumed",
        remedy="Add a reservoir block to the device, or provision it",
        severity="warning",
    )


def _platform_reservoir(device: DeviceParameters, attachment: AttachmentLike) -> Reservoir | None:
    """Return the platform's reservoir, or None where no level could be derived from it."""
    calibration = _calibration(attachment)
    capacity = attachment.capacity_liters
    if attachment.reservoir_id is None or calibration is None or capacity is None or not capacity > 0:
        return None
    empty, full = calibration
    return Reservoir(
        device_id=device.device_id,
        capacity_liters=float(capacity),
        sensor_empty_distance_mm=empty,
        sensor_full_distance_mm=full,
        height_mm=attachment.height_mm,
        # A platform need not know the shape; the scenario does.
        shape=attachment.shape or device.reservoir.shape,
        volume_table=device.reservoir.volume_table,
        reservoir_type=attachment.reservoir_type or device.reservoir.reservoir_type,
        mobility=attachment.mobility or device.reservoir.mobility,
        is_pipe_connected=bool(attachment.is_pipe_connected),
        reservoir_id=attachment.reservoir_id,
        zone_id=attachment.zone_id,
        origin="platform",
    )


def _calibration(attachment: AttachmentLike) -> tuple[float, float] | None:
    return usable_calibration(
        sensor_empty_distance_mm=attachment.sensor_empty_distance_mm,
        sensor_full_distance_mm=attachment.sensor_full_distance_mm,
        height_mm=attachment.height_mm,
    )


def _shown_calibration(attachment: AttachmentLike) -> str:
    names = ("sensor_empty_distance_mm", "sensor_full_distance_mm", "height_mm")
    return ", ".join(f"{name}={show_value(getattr(attachment, name))}" for name in names)


def _is_positive(value: float | None) -> bool:
    return value is not None and value > 0


def _is_mobile_capable(attachment: AttachmentLike) -> bool:
    return attachment.reservoir_type == "TRUCK_TANK" or attachment.mobility == "MOBILE"


def _same_id(wanted: str, found: str | None) -> bool:
    try:
        return found is not None and uuid.UUID(wanted) == uuid.UUID(found)
    except ValueError:
        return wanted == found


def _problem(
    device: DeviceParameters,
    code: Code,
    rule: str,
    *,
    value: str | None = None,
    remedy: str,
    severity: Literal["error", "warning"] = "error",
) -> Problem:
    path = f"devices[{device.device_id}]"
    return Problem(code, rule, path=path, value=value, remedy=remedy, severity=severity)
