"""The scenario as frozen records: every field, its range and its default.

Fields stand here; rules between fields stand in `synthlab.scenario.checks`.  Types
are strict: ``"42"`` is no number and ``true`` is no 1, but a whole number serves
where a decimal one is wanted.

See Also
--------
docs/scenario.md : the field reference.
synthlab.scenario.loader.load_scenario : YAML in, with line and column of each fault.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from annotated_types import Len
from pydantic import ConfigDict, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from synthlab.scenario.block import Block
from synthlab.scenario.checks import Fault, device_faults, fault_entry_faults, scenario_faults
from synthlab.scenario.conditions import device_conditions
from synthlab.scenario.faults import MAX_DURATION_MINUTES
from synthlab.scenario.fields import (
    MAX_LITERS,
    MAX_MM,
    DailyMultipliers,
    Days,
    DeviceId,
    FaultName,
    Float,
    FolderName,
    HostName,
    HourlyMultipliers,
    Hours,
    ListAsTuple,
    Moment,
    NoneAsEmptyBlock,
    NoneAsEmptyList,
    Overrides,
    Path,
    Positive,
    Text,
    UuidText,
    VolumeTable,
)
from synthlab.scenario.frozen import FrozenMapping
from synthlab.scenario.hardware import Network, Power, Radio, Sensor
from synthlab.scenario.json_schema import in_standard_words

Mode = Literal["STATIONARY", "MOBILE"]
Kind = Literal["BASE", "REFILL", "CLIENT"]

# A loader that has run the rules between fields itself says so in the context.
CHECKED = "rules_between_fields_are_checked"


class Mqtt(Block):
    """Where the live stream goes."""

    host: HostName | None = Field(
        default=None, description="name or address of the broker; no scheme, user or password"
    )
    port: int = Field(default=8883, ge=1, le=65535, description="1..65535")
    cert_path: Path | None = Field(default=None, description="client certificate file (PEM)")
    key_path: Path | None = Field(default=None, description="client key file (PEM)")


class Bootstrap(Block):
    """How much history is made, and how finely."""

    days: int = Field(default=30, ge=1, le=365, description="1..365, length of the history [days]")
    step_minutes: int = Field(
        default=5, ge=1, le=60, description="1..60, least time between two rows [minutes]"
    )
    drain_analytics: bool = Field(
        default=True, description="true or false: compute the metrics after a bootstrap"
    )


class Demand(Block):
    """When and how much water is asked for."""

    target_daily_liters: Annotated[Positive, Field(le=MAX_LITERS)] | None = Field(
        default=None, description="a number > 0; omitted: demand_liters_per_hour x 24 [liters]"
    )
    hourly_weights: Hours | None = Field(
        default=None, description="24 numbers > 0, one for each hour 0..23 UTC"
    )
    weekend_hourly_weights: Hours | None = Field(
        default=None, description="24 numbers > 0 for Saturday and Sunday, one for each hour 0..23 UTC"
    )
    weekday_multipliers: Days | None = Field(
        default=None, description="7 numbers > 0, one for each weekday, Monday first"
    )
    process: Literal["events", "expected"] = Field(
        default="events",
        description="events: single draws with the formula as their mean; expected: the formula itself",
    )


class Supply(Block):
    """When and how much water comes in."""

    hourly_probability_multipliers: HourlyMultipliers | None = Field(
        default=None, description="24 numbers >= 0, one for each hour 0..23 UTC"
    )
    hourly_volume_multipliers: HourlyMultipliers | None = Field(
        default=None, description="24 numbers >= 0, one for each hour 0..23 UTC"
    )
    weekday_probability_multipliers: DailyMultipliers | None = Field(
        default=None, description="7 numbers >= 0, one for each weekday, Monday first"
    )


class Dynamics(Block):
    """Demand and supply of one stationary device."""

    demand: Demand | None = Field(default=None, description="a block of demand fields")
    supply: Supply | None = Field(default=None, description="a block of supply fields")


class ReservoirBlock(Block):
    """The device's reservoir, where no platform describes it."""

    capacity_liters: float = Field(
        gt=0, le=MAX_LITERS, description=f"a number > 0, at most {MAX_LITERS:,.0f} [liters]"
    )
    height_mm: Annotated[Positive, Field(le=MAX_MM)] | None = Field(
        default=None, description="a number > 0; alone, it means empty = height, full = 0 [mm]"
    )
    sensor_empty_distance_mm: Annotated[Positive, Field(le=MAX_MM)] | None = Field(
        default=None, description="a number > sensor_full_distance_mm [mm]"
    )
    sensor_full_distance_mm: Annotated[Float, Field(ge=0, le=MAX_MM)] | None = Field(
        default=None, description="a number >= 0 [mm]"
    )
    shape: Literal["upright", "lying_cylinder", "table"] | None = Field(
        default=None, description="upright, lying_cylinder, or table: that of volume_table"
    )
    volume_table: VolumeTable | None = Field(
        default=None,
        description="2 to 1000 pairs [height above the bottom in mm, liters], both rising from [0, 0] to "
        "the full height and the capacity",
    )
    is_pipe_connected: bool | None = Field(default=None, description="true or false")
    zone_id: Text | None = Field(default=None, description="text, the zone that metrics are summed over")
    reservoir_type: Literal["TANK", "TRUCK_TANK", "BUFFER_TANK", "OTHER"] | None = Field(
        default=None, description="TANK, TRUCK_TANK, BUFFER_TANK or OTHER"
    )
    mobility: Literal["FIXED", "MOBILE"] | None = Field(default=None, description="FIXED or MOBILE")


class Device(Block):
    """One telemetry unit."""

    model_config = ConfigDict(json_schema_extra=device_conditions)

    device_id: DeviceId = Field(
        description="ASCII letters, digits, '_', '-', a letter or digit first; up to 64, uppercase; unique"
    )
    archetype: Literal[
        "stationary_archetype_a",
        "stationary_archetype_c",
        "mobile_high_efficiency",
        "mobile_fragmented_high_loss",
    ] = Field(description="one of the four archetypes")
    mode: Mode = Field(description="STATIONARY or MOBILE, as the archetype")
    cadence_seconds: int = Field(ge=60, le=3600, description="60..3600, time between two emissions [seconds]")
    route_id: Text | None = Field(
        default=None, description="the id of one of the routes; required for MOBILE"
    )
    reservoir_id: UuidText | None = Field(
        default=None, description="UUID of the reservoir that the platform must have attached"
    )
    dynamics: Dynamics | None = Field(default=None, description="demand and supply, STATIONARY only")
    parameter_overrides: Overrides = Field(
        default_factory=FrozenMapping,
        description="parameters of the archetype by name, each within its range",
    )
    reservoir: ReservoirBlock | None = Field(default=None, description="a block of reservoir fields")
    sensor: Sensor | None = Field(default=None, description="a block of sensor fields")
    power: Power | None = Field(default=None, description="a block of battery fields")
    radio: Radio | None = Field(default=None, description="a block of signal fields")
    network: Network | None = Field(default=None, description="a block of network fields")

    @model_validator(mode="after")
    def _check_rules_between_fields(self, info: ValidationInfo) -> Device:
        if not (info.context or {}).get(CHECKED):
            _stop_on(device_faults(self.model_dump()))
        return self


class Point(Block):
    """One place on a route."""

    point_id: Text = Field(description="text, unique within the route")
    kind: Kind = Field(description="BASE, REFILL or CLIENT")
    latitude: Annotated[Float, Field(ge=-90, le=90)] = Field(description="-90..90 [°]")
    longitude: Annotated[Float, Field(ge=-180, le=180)] = Field(description="-180..180 [°]")
    zone_id: Text | None = Field(default=None, description="text, the zone of this place")


class Transition(Block):
    """How likely a truck goes from one kind of place to another."""

    from_kind: Kind = Field(description="BASE, REFILL or CLIENT")
    to_kind: Kind = Field(description="BASE, REFILL or CLIENT")
    probability: Annotated[Float, Field(ge=0, le=1)] = Field(
        description="0..1; per from_kind they sum to 1.0"
    )


class Route(Block):
    """The places that a truck serves."""

    route_id: Text = Field(description="text, unique")
    points: Annotated[tuple[Point, ...], ListAsTuple] = Field(
        description="places; BASE, REFILL and CLIENT must each be there"
    )
    transitions: Annotated[tuple[Transition, ...], NoneAsEmptyList] = Field(
        default=(), description="probabilities of the next kind; a kind left out has the default ones"
    )


class FaultEntry(Block):
    """One kind of fault: on which devices, how often or when, how long, how large."""

    kind: FaultName = Field(description="one of the kinds of faults")
    devices: Annotated[tuple[DeviceId, ...], Len(1), ListAsTuple] | None = Field(
        default=None, description="ids of devices; omitted: every device that can have it"
    )
    rate_per_day: Annotated[Positive, Field(le=24)] | None = Field(
        default=None, description="a number > 0, at most 24: episodes that begin in a day, per device [1/day]"
    )
    rate_per_month: Annotated[Positive, Field(le=720)] | None = Field(
        default=None, description="a number > 0, at most 720: episodes that begin in 30 days, per device"
    )
    at: Annotated[tuple[Moment, ...], Len(1), ListAsTuple] | None = Field(
        default=None, description="times like 2026-02-12T10:00:00Z at which episodes begin"
    )
    duration_minutes: Annotated[Float, Field(ge=0, le=MAX_DURATION_MINUTES)] | None = Field(
        default=None, description="length of an episode, 0: one message; omitted: the kind's [minutes]"
    )
    size: Float | None = Field(default=None, description="a number in the kind's unit; omitted: the kind's")

    @model_validator(mode="after")
    def _check_rules_between_fields(self, info: ValidationInfo) -> FaultEntry:
        if not (info.context or {}).get(CHECKED):
            _stop_on(fault_entry_faults(self.model_dump()))
        return self


class Scenario(Block):
    """What is simulated: devices, their curves, their routes, and the window.

    Examples
    --------
    >>> from synthlab.scenario.loader import load_scenario
    >>> scenario = load_scenario("stationary_only_v1")
    >>> scenario
    Scenario('stationary_only_v1': 2 devices (2 STATIONARY), 30 days by 5 min, seed 42)
    >>> bigger = scenario.with_device("E2E2024STATA1", target_daily_liters=1200)
    >>> bigger.device("e2e2024stata1").dynamics.demand.target_daily_liters
    1200.0
    """

    scenario_id: FolderName = Field(
        description="names the scenario and the folder of its artifacts; at most 100 characters"
    )
    seed: int = Field(default=42, ge=-(2**63), le=2**63 - 1, description="a whole number of at most 64 bits")
    timezone: Literal["UTC"] = Field(default="UTC", description="UTC: hours of the curves are UTC hours")
    speedup_factor: Positive = Field(default=1.0, description="a number > 0; live, cadence is divided by it")
    mqtt: Annotated[Mqtt, NoneAsEmptyBlock] = Field(default=Mqtt(), description="a block of broker fields")
    bootstrap: Annotated[Bootstrap, NoneAsEmptyBlock] = Field(
        default=Bootstrap(), description="a block of history fields"
    )
    sensor: Sensor | None = Field(default=None, description="for all devices: a block of sensor fields")
    power: Power | None = Field(default=None, description="for all devices: a block of battery fields")
    radio: Radio | None = Field(default=None, description="for all devices: a block of signal fields")
    network: Network | None = Field(default=None, description="for all devices: a block of network fields")
    devices: Annotated[tuple[Device, ...], Len(1), ListAsTuple] = Field(description="at least one device")
    routes: Annotated[tuple[Route, ...], NoneAsEmptyList] = Field(
        default=(), description="routes of the trucks"
    )
    faults: Annotated[tuple[FaultEntry, ...], NoneAsEmptyList] = Field(
        default=(), description="faults of devices, messages and water, labeled in the frame"
    )

    @model_validator(mode="after")
    def _check_rules_between_fields(self, info: ValidationInfo) -> Scenario:
        if not (info.context or {}).get(CHECKED):
            _stop_on(scenario_faults(self.model_dump(exclude={"devices": {"__all__": {"dynamics"}}})))
        return self

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Scenario:
        """Build a scenario from plain data, as `to_dict` returns it.

        Raises
        ------
        ScenarioError
            With every problem found.
        """
        from synthlab.scenario.build import build_scenario

        return build_scenario(data)

    def to_dict(self) -> dict[str, Any]:
        """Return the whole scenario, defaults included, as JSON-ready values."""
        # Without faults the record, and so its hash, is what it was before there were any.
        left_out = None if self.faults else {"faults"}
        return self.model_dump(mode="json", exclude_none=True, exclude=left_out)

    def device(self, device_id: str) -> Device:
        """Return one device; the id's case does not matter.

        Raises
        ------
        ScenarioError
            Code ``SCENARIO_REFERENCE_INVALID``, naming the nearest id.
        """
        from synthlab.scenario.edit import find

        return find(self.devices, "device_id", device_id.upper())

    def route(self, route_id: str) -> Route:
        """Return one route.

        Raises
        ------
        ScenarioError
            Code ``SCENARIO_REFERENCE_INVALID``, naming the nearest id.
        """
        from synthlab.scenario.edit import find

        return find(self.routes, "route_id", route_id)

    def with_device(self, device_id: str, **changes: Any) -> Scenario:
        """Return a copy in which one device is changed, fully validated.

        Parameters
        ----------
        device_id : str
        **changes
            Fields of the device, of its curves or of its reservoir by their plain
            name (``target_daily_liters=900``), parameters of its archetype
            (``loss_fraction=0.02``), or dotted paths
            (``**{"dynamics.demand.process": "expected"}``).  None takes a value away.

        Raises
        ------
        ScenarioError
            With every problem found; an unknown name comes with the nearest one.
        """
        from synthlab.scenario.edit import with_device

        return with_device(self, device_id, changes)

    def with_changes(self, **changes: Any) -> Scenario:
        """Return a validated copy with other root, ``mqtt`` or ``bootstrap`` fields.

        Parameters
        ----------
        **changes
            By plain name (``seed=1``, ``days=7``) or dotted path.  None takes a value away.

        Raises
        ------
        ScenarioError
            With every problem found.
        """
        from synthlab.scenario.edit import with_changes

        return with_changes(self, changes)

    def __repr__(self) -> str:
        modes = ", ".join(
            f"{n} {mode}" for mode, n in Counter(device.mode for device in self.devices).items()
        )
        parts = [f"{len(self.devices)} devices ({modes})"]
        parts += [f"{len(self.routes)} routes"] if self.routes else []
        parts += [f"{len(self.faults)} kinds of faults"] if self.faults else []
        parts += [f"{self.bootstrap.days} days by {self.bootstrap.step_minutes} min", f"seed {self.seed}"]
        return f"Scenario({self.scenario_id!r}: {', '.join(parts)})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        head = ("device", "archetype", "mode", "cadence [s]", "target [L/day]", "capacity [L]", "route")
        shown = self.devices[:20]
        rows: list[tuple[object, ...]] = [
            (
                device.device_id,
                device.archetype,
                device.mode,
                device.cadence_seconds,
                _target(device),
                f"{device.reservoir.capacity_liters:,.0f}" if device.reservoir else "–",
                device.route_id or "–",
            )
            for device in shown
        ]
        more = len(self.devices) - len(shown)
        rows += [(f"... +{more} more", *[""] * 6)] if more else []
        body = "".join(f"<tr>{''.join(f'<td>{html.escape(str(c))}</td>' for c in row)}</tr>" for row in rows)
        titles = "".join(f"<th>{title}</th>" for title in head)
        return f"<table><caption>{html.escape(repr(self))}</caption><tr>{titles}</tr>{body}</table>"


class FaultBlock(Block):
    """The ``faults`` of a scenario alone, for frames that have none."""

    faults: Annotated[tuple[FaultEntry, ...], NoneAsEmptyList] = Field(
        default=(), description="faults of devices, messages and water, labeled in the frame"
    )


def scenario_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a scenario, rules per archetype included."""
    schema = in_standard_words(Scenario.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _target(device: Device) -> str:
    demand = device.dynamics.demand if device.dynamics else None
    target = demand.target_daily_liters if demand else None
    return "–" if target is None else f"{target:,.0f}"


def _stop_on(faults: Iterable[Fault]) -> None:
    found = [f"{fault.path}: {fault.rule}" if fault.path else fault.rule for fault in faults]
    if found:
        raise PydanticCustomError("synthlab_rules", "{rules}", {"rules": "; ".join(found)})
