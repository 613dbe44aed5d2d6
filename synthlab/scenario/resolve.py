"""A scenario's devices as the engine needs them: every default filled in.

The engine knows neither YAML nor pydantic; it gets flat, immutable records, sorted
by device id so that the order in the file has no say.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from synthlab.calibration import Reservoir, usable_calibration
from synthlab.scenario.archetypes import ARCHETYPES
from synthlab.scenario.block import Block
from synthlab.scenario.frozen import FrozenMapping
from synthlab.scenario.hardware import hardware_values
from synthlab.scenario.hardware_parameters import BLOCKS
from synthlab.scenario.schema import Demand, Device, ReservoirBlock, Route, Scenario, Supply

_FLAT_DAY = (1.0,) * 24
_FLAT_WEEK = (1.0,) * 7

DEFAULT_TRANSITIONS: Mapping[str, Mapping[str, float]] = FrozenMapping(
    {
        "BASE": FrozenMapping({"REFILL": 1.0}),
        "REFILL": FrozenMapping({"CLIENT": 1.0}),
        "CLIENT": FrozenMapping({"CLIENT": 0.5, "REFILL": 0.4, "BASE": 0.1}),
    }
)
"""Where a truck goes next. Assumed: it leaves full, serves about two clients a load, ends at its base."""

_CALIBRATION = ("height_mm", "sensor_empty_distance_mm", "sensor_full_distance_mm")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandCurve:
    """When how much water is asked for.

    Attributes
    ----------
    target_daily_liters : float
        Mean of a day before weekday multipliers. [liters]
    hourly_weights : tuple of 24 float
        Shape of a day, hour 0..23 UTC; only ratios count.
    weekend_hourly_weights : tuple of 24 float or None
        Shape of Saturday and Sunday; None: as the other days.
    weekday_multipliers : tuple of 7 float
        Monday first.
    process : {"events", "expected"}
        Single draws with the formula as their mean, or the formula itself.
    """

    target_daily_liters: float
    hourly_weights: tuple[float, ...] = _FLAT_DAY
    weekend_hourly_weights: tuple[float, ...] | None = None
    weekday_multipliers: tuple[float, ...] = _FLAT_WEEK
    process: Literal["events", "expected"] = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyCurve:
    """When how much water comes in, as multipliers of the archetype's supply.

    Attributes
    ----------
    hourly_probability_multipliers, hourly_volume_multipliers : tuple of 24 float
        Hour 0..23 UTC.
    weekday_probability_multipliers : tuple of 7 float
        Monday first.
    """

    hourly_probability_multipliers: tuple[float, ...] = _FLAT_DAY
    hourly_volume_multipliers: tuple[float, ...] = _FLAT_DAY
    weekday_probability_multipliers: tuple[float, ...] = _FLAT_WEEK


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePoint:
    """One place of a route; latitude and longitude in degrees."""

    point_id: str
    kind: Literal["BASE", "REFILL", "CLIENT"]
    latitude: float
    longitude: float
    zone_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutePlan:
    """The places of a truck and how it moves between them.

    Attributes
    ----------
    route_id : str
    points : tuple of RoutePoint
        In the file's order.
    transitions : mapping of kind to mapping of kind to float
        Probability of the next kind; each row sums to 1.
    """

    route_id: str
    points: tuple[RoutePoint, ...]
    transitions: Mapping[str, Mapping[str, float]] = DEFAULT_TRANSITIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceParameters:
    """One device, ready for the engine.

    Attributes
    ----------
    device_id, archetype : str
    mode : {"STATIONARY", "MOBILE"}
    cadence_seconds : int
        Time between two live emissions. [s]
    step_seconds : int
        Time between two rows of history: ``max(cadence_seconds, step_minutes * 60)``. [s]
    values : mapping of str to float or str
        The archetype's parameters, with the device's overrides.
    demand, supply : DemandCurve, SupplyCurve or None
        Stationary devices only.
    route : RoutePlan or None
        Mobile devices only.
    reservoir : Reservoir
        From the scenario's block (origin "scenario"), else from the archetype
        (origin "assumed").
    reservoir_id : str or None
        The reservoir that the platform must have attached; None: any.
    """

    device_id: str
    archetype: str
    mode: Literal["STATIONARY", "MOBILE"]
    cadence_seconds: int
    step_seconds: int
    values: Mapping[str, float | str]
    demand: DemandCurve | None
    supply: SupplyCurve | None
    route: RoutePlan | None
    reservoir: Reservoir
    reservoir_id: str | None


def resolve(scenario: Scenario) -> tuple[DeviceParameters, ...]:
    """Return every device with all defaults filled in, sorted by device id.

    Examples
    --------
    >>> from synthlab.scenario.loader import load_scenario
    >>> first, second = resolve(load_scenario("stationary_only_v1"))
    >>> first.device_id, first.demand.target_daily_liters, first.step_seconds
    ('E2E2024STATA1', 900.0, 300)
    """
    routes = {route.route_id: route for route in scenario.routes}
    for_all = {name: getattr(scenario, name) for name in BLOCKS}
    found = [_device(device, routes, for_all, scenario.bootstrap.step_minutes) for device in scenario.devices]
    return tuple(sorted(found, key=lambda device: device.device_id))


def scenario_sha256(scenario: Scenario) -> str:
    """Return the hash of what the scenario says, however its file is written.

    Defaults count as if they were written out; comments, order of keys, and 5 against
    5.0 do not count.
    """
    return hashlib.sha256(canonical_json(scenario)).hexdigest()


def canonical_json(scenario: Scenario) -> bytes:
    """Return the validated scenario as JSON with sorted keys and no spaces.

    Without its ``mqtt`` block: hosts and key files change no row and belong in no artifact.
    """
    record = {key: value for key, value in scenario.to_dict().items() if key != "mqtt"}
    text = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def _device(
    device: Device, routes: Mapping[str, Route], for_all: Mapping[str, Block | None], step_minutes: int
) -> DeviceParameters:
    archetype = ARCHETYPES[device.archetype]
    values: FrozenMapping[float | str] = FrozenMapping(
        hardware_values(
            archetype.parameters,
            for_all=for_all,
            overrides=device.parameter_overrides,
            own={name: getattr(device, name) for name in BLOCKS},
        )
    )
    is_mobile = device.mode == "MOBILE"
    dynamics = device.dynamics
    return DeviceParameters(
        device_id=device.device_id,
        archetype=device.archetype,
        mode=device.mode,
        cadence_seconds=device.cadence_seconds,
        step_seconds=max(device.cadence_seconds, step_minutes * 60),
        values=values,
        demand=None if is_mobile else _demand(dynamics.demand if dynamics else None, values),
        supply=None if is_mobile else _supply(dynamics.supply if dynamics else None),
        route=_route(routes[device.route_id]) if is_mobile and device.route_id else None,
        reservoir=_reservoir(device, archetype.reservoir),
        reservoir_id=device.reservoir_id,
    )


def _demand(demand: Demand | None, values: Mapping[str, float | str]) -> DemandCurve:
    demand = demand or Demand()
    target = demand.target_daily_liters
    return DemandCurve(
        target_daily_liters=float(values["demand_liters_per_hour"]) * 24 if target is None else target,
        hourly_weights=demand.hourly_weights or _FLAT_DAY,
        weekend_hourly_weights=demand.weekend_hourly_weights,
        weekday_multipliers=demand.weekday_multipliers or _FLAT_WEEK,
        process=demand.process,
    )


def _supply(supply: Supply | None) -> SupplyCurve:
    supply = supply or Supply()
    return SupplyCurve(
        hourly_probability_multipliers=supply.hourly_probability_multipliers or _FLAT_DAY,
        hourly_volume_multipliers=supply.hourly_volume_multipliers or _FLAT_DAY,
        weekday_probability_multipliers=supply.weekday_probability_multipliers or _FLAT_WEEK,
    )


def _route(route: Route) -> RoutePlan:
    rows: dict[str, Mapping[str, float]] = dict(DEFAULT_TRANSITIONS)
    for kind in DEFAULT_TRANSITIONS:
        given: dict[str, float] = {t.to_kind: t.probability for t in route.transitions if t.from_kind == kind}
        if given:
            rows[kind] = FrozenMapping[float](given)
    points = tuple(RoutePoint(**point.model_dump()) for point in route.points)
    return RoutePlan(route_id=route.route_id, points=points, transitions=FrozenMapping(rows))


def _reservoir(device: Device, assumed: Mapping[str, Any]) -> Reservoir:
    block = device.reservoir
    given = _given(block) if block else {}
    # A block without any calibration keeps the archetype's; half a calibration is never mixed.
    is_calibrated = any(name in given for name in _CALIBRATION)
    merged = {k: v for k, v in assumed.items() if not (is_calibrated and k in _CALIBRATION)} | given
    calibration = usable_calibration(
        sensor_empty_distance_mm=merged.get("sensor_empty_distance_mm"),
        sensor_full_distance_mm=merged.get("sensor_full_distance_mm"),
        height_mm=merged.get("height_mm"),
    )
    if calibration is None:  # pragma: no cover - the scenario's own rules exclude it
        raise AssertionError(f"{device.device_id}: a validated scenario has a usable calibration")
    merged["sensor_empty_distance_mm"], merged["sensor_full_distance_mm"] = calibration
    return Reservoir(
        device_id=device.device_id,
        reservoir_id=device.reservoir_id,
        origin="scenario" if block else "assumed",
        **merged,
    )


def _given(block: ReservoirBlock) -> dict[str, Any]:
    return block.model_dump(exclude_none=True)
