"""The guide's section 8, check by check, on plain records."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from synthlab.errors import PreflightError
from synthlab.preflight import check_devices
from synthlab.scenario.loader import loads_scenario
from synthlab.scenario.resolve import DeviceParameters, resolve

TANK, TRUCK = "E2ETINYSTAT1", "E2ETINYMOB1"
PIN = "0d9a3a0e-92a4-4f86-9a4a-6a4c3c0f6d11"


@pytest.fixture
def parameters(tiny_text: str) -> dict[str, DeviceParameters]:
    return {device.device_id: device for device in resolve(loads_scenario(tiny_text))}


def record(device_id: str = TANK, **changes: Any) -> SimpleNamespace:
    values: dict[str, Any] = {
        "device_id": device_id,
        "device_is_synthetic": True,
        "reservoir_id": PIN,
        "reservoir_is_synthetic": True,
        "is_deleted": False,
        "is_pipe_connected": True,
        "capacity_liters": 1500.0,
        "height_mm": 1900.0,
        "sensor_empty_distance_mm": 2000.0,
        "sensor_full_distance_mm": 200.0,
        "reservoir_type": "TANK",
        "mobility": "FIXED",
        "shape": "upright",
        "zone_id": "ZONE_A",
    }
    return SimpleNamespace(**(values | changes))


DETACHED = {name: None for name in vars(record()) if name not in ("device_id", "device_is_synthetic")}


def test_a_fitting_device_passes_with_the_platforms_reservoir(
    parameters: dict[str, DeviceParameters],
) -> None:
    report = check_devices([parameters[TANK]], {TANK: record()})
    assert report.findings == ()
    assert report.devices_validated == (TANK,)
    reservoir = report.reservoirs[TANK]
    assert (reservoir.capacity_liters, reservoir.origin) == (1500.0, "platform")
    assert (reservoir.sensor_empty_distance_mm, reservoir.sensor_full_distance_mm) == (2000.0, 200.0)
    assert (reservoir.reservoir_id, reservoir.zone_id) == (PIN, "ZONE_A")


def test_the_height_stands_in_for_calibration(parameters: dict[str, DeviceParameters]) -> None:
    attached = record(sensor_empty_distance_mm=None, sensor_full_distance_mm=None)
    report = check_devices([parameters[TANK]], {TANK: attached})
    assert report.findings == ()
    reservoir = report.reservoirs[TANK]
    assert (reservoir.sensor_empty_distance_mm, reservoir.sensor_full_distance_mm) == (1900.0, 0.0)


CHECKS: dict[str, tuple[dict[str, Any], str, str]] = {
    "detached": (DETACHED, "DEVICE_NOT_ATTACHED", "not attached to a reservoir"),
    "deleted": ({"is_deleted": True}, "RESERVOIR_DELETED", "the attached reservoir is deleted"),
    "no capacity": ({"capacity_liters": None}, "CAPACITY_INVALID", "the reservoir needs capacity_liters > 0"),
    "zero capacity": (
        {"capacity_liters": 0.0},
        "CAPACITY_INVALID",
        "the reservoir needs capacity_liters > 0",
    ),
    "half calibrated": ({"sensor_full_distance_mm": None}, "CALIBRATION_MISSING", "missing calibration"),
    "upside down": ({"sensor_empty_distance_mm": 100.0}, "CALIBRATION_MISSING", "missing calibration"),
    "no calibration": (
        {"sensor_empty_distance_mm": None, "sensor_full_distance_mm": None, "height_mm": None},
        "CALIBRATION_MISSING",
        "missing calibration",
    ),
}


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_is_an_error(parameters: dict[str, DeviceParameters], name: str) -> None:
    changes, code, phrase = CHECKS[name]
    report = check_devices([parameters[TANK]], {TANK: record(**changes)})
    errors = report.errors()
    assert [(error.code, error.rule) for error in errors] == [(code, phrase)]
    assert all(error.remedy for error in errors)
    assert f"Preflight failed: devices[{TANK}]: {phrase}" in str(PreflightError(errors))
    assert report.devices_validated == ()
    # A preview can still go on with a reservoir.
    assert report.reservoirs[TANK].capacity_liters > 0


def test_an_unknown_device_is_an_error_where_a_platform_is(parameters: dict[str, DeviceParameters]) -> None:
    report = check_devices([parameters[TANK]], {})
    (error,) = report.errors()
    assert (error.code, error.rule) == ("DEVICE_NOT_FOUND", "device not found")
    assert "synthlab provision" in error.remedy


def test_without_a_platform_it_is_a_warning(parameters: dict[str, DeviceParameters]) -> None:
    report = check_devices([parameters[TANK]], None)
    assert report.errors() == ()
    assert [warning.code for warning in report.warnings()] == ["DEVICE_NOT_FOUND", "RESERVOIR_ASSUMED"]
    assert "device not found" in report.warnings()[0].rule
    # Nobody was asked, so nobody said that it fits.
    assert (report.has_platform, report.devices_validated) == (False, ())
    assert report.reservoirs[TANK] == parameters[TANK].reservoir


def test_a_reservoir_that_the_scenario_describes_is_not_assumed(
    parameters: dict[str, DeviceParameters],
) -> None:
    device = parameters[TANK]
    described = replace(device, reservoir=replace(device.reservoir, origin="scenario"))
    assert [finding.code for finding in check_devices([described], None).findings] == ["DEVICE_NOT_FOUND"]


def test_the_pin_has_to_match(parameters: dict[str, DeviceParameters]) -> None:
    pinned = replace(parameters[TANK], reservoir_id=PIN.upper())
    assert check_devices([pinned], {TANK: record()}).findings == ()
    other = "00000000-0000-4000-8000-000000000001"
    (error,) = check_devices([pinned], {TANK: record(reservoir_id=other)}).errors()
    assert (error.code, error.value) == ("RESERVOIR_MISMATCH", other)
    assert PIN.upper() in error.rule


@pytest.mark.parametrize(
    ("reservoir_type", "mobility", "is_capable"),
    [("TRUCK_TANK", "FIXED", True), ("TANK", "MOBILE", True), ("TANK", "FIXED", False)],
)
def test_mobile_mode_needs_a_truck(
    parameters: dict[str, DeviceParameters], reservoir_type: str, mobility: str, is_capable: bool
) -> None:
    attached = record(TRUCK, reservoir_type=reservoir_type, mobility=mobility)
    codes = [error.code for error in check_devices([parameters[TRUCK]], {TRUCK: attached}).errors()]
    assert codes == ([] if is_capable else ["NOT_MOBILE_CAPABLE"])


@pytest.mark.parametrize("attachments", [None, {TRUCK: record(TRUCK, mobility="MOBILE")}])
@pytest.mark.parametrize("kind", ["BASE", "REFILL", "CLIENT", None])
def test_a_route_needs_every_kind(
    parameters: dict[str, DeviceParameters], attachments: Any, kind: str | None
) -> None:
    truck = parameters[TRUCK]
    assert truck.route is not None
    points = tuple(point for point in truck.route.points if kind is not None and point.kind != kind)
    cut = replace(truck, route=replace(truck.route, points=points))
    (error,) = check_devices([cut], attachments).errors()
    assert error.code == "ROUTE_INCOMPLETE"
    assert error.value == f"none of {kind or 'BASE, REFILL, CLIENT'}"


def test_a_truck_without_a_route(parameters: dict[str, DeviceParameters]) -> None:
    (error,) = check_devices([replace(parameters[TRUCK], route=None)], None).errors()
    assert error.code == "ROUTE_INCOMPLETE"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"device_is_synthetic": False}, "device not marked synthetic on the platform"),
        ({"reservoir_is_synthetic": None}, "reservoir not marked synthetic on the platform"),
        (
            {"device_is_synthetic": False, "reservoir_is_synthetic": False},
            "device and reservoir not marked synthetic on the platform",
        ),
    ],
)
def test_real_devices_are_a_warning_and_an_error_under_strict(
    parameters: dict[str, DeviceParameters], changes: dict[str, Any], rule: str
) -> None:
    report = check_devices([parameters[TANK]], {TANK: record(**changes)})
    assert report.errors() == ()
    assert [(w.code, w.rule, w.severity) for w in report.warnings()] == [
        ("NOT_MARKED_SYNTHETIC", rule, "warning")
    ]
    assert report.devices_validated == (TANK,)
    assert report.warnings(strict=True) == ()
    assert [(e.code, e.severity) for e in report.errors(strict=True)] == [("NOT_MARKED_SYNTHETIC", "error")]


def test_all_problems_of_all_devices_at_once(parameters: dict[str, DeviceParameters]) -> None:
    devices = [parameters[TRUCK], parameters[TANK]]
    broken = record(TRUCK, is_deleted=True, capacity_liters=0.0, height_mm=None, sensor_full_distance_mm=None)
    report = check_devices(devices, {TRUCK: broken})
    assert [finding.code for finding in report.findings] == [
        "RESERVOIR_DELETED",
        "CAPACITY_INVALID",
        "CALIBRATION_MISSING",
        "NOT_MOBILE_CAPABLE",
        "RESERVOIR_ASSUMED",
        "DEVICE_NOT_FOUND",
        "RESERVOIR_ASSUMED",
    ]
    assert set(report.reservoirs) == {TANK, TRUCK}


@pytest.mark.parametrize(("empty_mm", "is_blind"), [(199.0, True), (200.0, True), (201.0, False)])
def test_a_tank_within_the_blind_zone_is_told(
    parameters: dict[str, DeviceParameters], empty_mm: float, is_blind: bool
) -> None:
    near = record(sensor_empty_distance_mm=empty_mm, sensor_full_distance_mm=20.0, height_mm=None)
    report = check_devices([parameters[TANK]], {TANK: near})
    assert [finding.code for finding in report.findings] == (["SENSOR_BLIND"] if is_blind else [])
    assert report.errors() == ()
    assert [finding.severity for finding in report.errors(strict=True)] == (["error"] if is_blind else [])
