"""Devices for tests of the engine: any tank or truck in a line, and a run of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import pandas as pd

from synthlab.calibration import Reservoir
from synthlab.engine import Checkpoint, Simulation, simulate
from synthlab.scenario.archetypes import ARCHETYPES
from synthlab.scenario.resolve import DemandCurve, DeviceParameters, RoutePlan, RoutePoint, SupplyCurve

END_SECOND = 1_770_890_400
"""2026-02-12T10:00:00Z, a Thursday."""
HOUR, DAY = 3_600, 86_400

# Source: guide, section 7.1, example.
WEIGHTS = (
    *(0.6, 0.5, 0.5, 0.5, 0.6, 0.8, 1.2, 1.4, 1.3, 1.0, 0.9, 0.9),
    *(1.0, 1.0, 1.0, 1.0, 1.1, 1.3, 1.4, 1.3, 1.0, 0.9, 0.7, 0.6),
)
WEEKDAYS = (1.0, 1.0, 1.0, 1.0, 1.05, 1.1, 0.95)
EXACT_GPS: Mapping[str, float] = {"gps_sigma_m": 0.0, "gps_outlier_prob": 0.0, "gps_dropouts_per_day": 0.0}
"""Overrides of a receiver without error."""
Kind = Literal["BASE", "REFILL", "CLIENT"]
Place = tuple[str, Kind, float, float]
POINTS: tuple[Place, ...] = (
    ("B", "BASE", -17.783, -63.182),
    ("R1", "REFILL", -17.760, -63.200),
    ("R2", "REFILL", -17.815, -63.150),
    ("C1", "CLIENT", -17.800, -63.155),
    ("C2", "CLIENT", -17.770, -63.140),
    ("C3", "CLIENT", -17.825, -63.205),
    ("C4", "CLIENT", -17.745, -63.170),
)
TRANSITIONS: Mapping[str, Mapping[str, float]] = {
    "BASE": {"REFILL": 1.0},
    "REFILL": {"CLIENT": 1.0},
    "CLIENT": {"CLIENT": 0.5, "REFILL": 0.4, "BASE": 0.1},
}


def tank(
    device_id: str = "TANK-1",
    archetype: str = "stationary_archetype_a",
    *,
    step_seconds: int = 300,
    target_daily_liters: float = 900.0,
    hourly_weights: Sequence[float] = WEIGHTS,
    weekend_hourly_weights: Sequence[float] | None = None,
    weekday_multipliers: Sequence[float] = WEEKDAYS,
    process: Literal["events", "expected"] = "events",
    supply: SupplyCurve | None = None,
    reservoir: Mapping[str, Any] | None = None,
    **overrides: float | str,
) -> DeviceParameters:
    """Return a stationary device; `overrides` are parameters of its archetype."""
    ones = (1.0,) * 24
    demand = DemandCurve(
        target_daily_liters=target_daily_liters,
        hourly_weights=tuple(hourly_weights),
        weekend_hourly_weights=tuple(weekend_hourly_weights) if weekend_hourly_weights else None,
        weekday_multipliers=tuple(weekday_multipliers),
        process=process,
    )
    flat_supply = SupplyCurve(
        hourly_probability_multipliers=ones,
        hourly_volume_multipliers=ones,
        weekday_probability_multipliers=(1.0,) * 7,
    )
    return DeviceParameters(
        demand=demand,
        supply=supply or flat_supply,
        route=None,
        **_common(device_id, archetype, step_seconds, reservoir, overrides),
    )


def truck(
    device_id: str = "TRUCK-1",
    archetype: str = "mobile_high_efficiency",
    *,
    step_seconds: int = 300,
    points: Sequence[Place] = POINTS,
    transitions: Mapping[str, Mapping[str, float]] = TRANSITIONS,
    reservoir: Mapping[str, Any] | None = None,
    **overrides: float | str,
) -> DeviceParameters:
    """Return a mobile device; `overrides` are parameters of its archetype."""
    places = tuple(
        RoutePoint(point_id=name, kind=kind, latitude=latitude, longitude=longitude, zone_id=None)
        for name, kind, latitude, longitude in points
    )
    return DeviceParameters(
        demand=None,
        supply=None,
        route=RoutePlan(route_id="LOOP", points=places, transitions=transitions),
        **_common(device_id, archetype, step_seconds, reservoir, overrides),
    )


def _common(
    device_id: str,
    archetype: str,
    step_seconds: int,
    reservoir: Mapping[str, Any] | None,
    overrides: Mapping[str, float | str],
) -> dict[str, Any]:
    known = ARCHETYPES[archetype]
    unknown = set(overrides) - set(known.parameters)
    if unknown:
        raise KeyError(f"{archetype} has no {sorted(unknown)}")
    defaults = {name: parameter.default for name, parameter in known.parameters.items()}
    return {
        "device_id": device_id,
        "archetype": archetype,
        "mode": known.mode,
        "cadence_seconds": step_seconds,
        "step_seconds": step_seconds,
        "values": {**defaults, **overrides},
        "reservoir": Reservoir(device_id=device_id, **{**known.reservoir, **(reservoir or {})}),
        "reservoir_id": None,
    }


def run(
    devices: Sequence[DeviceParameters],
    *,
    seed: int = 42,
    days: float = 1.0,
    start_second: int | None = None,
    end_second: int = END_SECOND,
    first_seq: Mapping[str, int] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Simulation:
    """Simulate devices with their own reservoirs over the window that ends at `end_second`."""
    return simulate(
        devices,
        {device.device_id: device.reservoir for device in devices},
        seed=seed,
        start_second=end_second - int(days * DAY) if start_second is None else start_second,
        end_second=end_second,
        first_seq=first_seq,
        checkpoint=checkpoint,
    )


def rows_of(frame: pd.DataFrame, device_id: str) -> pd.DataFrame:
    """Return one device's rows, with an index of their own."""
    return frame[frame["device_id"] == device_id].reset_index(drop=True)


@dataclass(frozen=True)
class Fleet:
    """A mixed fleet and its run, made once for many tests."""

    devices: tuple[DeviceParameters, ...]
    simulation: Simulation

    @property
    def frame(self) -> pd.DataFrame:
        """The run's telemetry frame; do not change it."""
        return self.simulation.frame


@cache
def mixed_fleet() -> Fleet:
    """Return tanks and trucks of all archetypes and two cadences over three days."""
    devices = (
        tank("TANK-A"),
        tank("TANK-C", "stationary_archetype_c", target_daily_liters=600.0),
        tank("TANK-E", process="expected", step_seconds=900),
        tank("TANK-LYING", reservoir={"shape": "lying_cylinder"}, no_echo_prob=0.2),
        truck("TRUCK-H"),
        truck("TRUCK-L", "mobile_fragmented_high_loss"),
    )
    return Fleet(devices, run(devices, days=3))
