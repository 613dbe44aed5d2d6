"""The water of a group of devices: events, then the storage pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthlab.engine.group import Group
from synthlab.model import demand, household, queues, storage, supply, trips
from synthlab.model.events import Events, spread_events
from synthlab.randomness import stream_key
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]

_TRIP_PARAMETERS = (
    "shift_start_hour",
    "shift_hours",
    "travel_speed_kmh",
    "detour_factor",
    "refill_liters_per_minute",
    "refill_queue_minutes",
    "discharge_liters_per_minute",
    "delivery_fraction",
    "partial_delivery_prob",
    "stop_overhead_minutes",
    "loss_fraction",
    "idle_stop_prob",
    "idle_stop_minutes",
    "theft_prob",
    "theft_liters",
)


@dataclass(frozen=True, slots=True)
class TankWater:
    """Water of stationary devices, each (n_steps, n_devices). [milliliters]"""

    expected_liters: F64
    requested: F64
    inflow: F64
    flows: storage.TankFlows


@dataclass(frozen=True, slots=True)
class TruckWater:
    """Water of trucks, (n_steps, n_devices) in milliliters, and the plans behind it."""

    flows: storage.TruckFlows
    plans: trips.DayPlans
    routes: trips.Routes


def tank_water(group: Group) -> TankWater:
    """Draw demand and supply of stationary devices and run the storage pass."""
    grid, count = group.grid, len(group.devices)
    table = _hourly_demand_table(group)
    # The formula's last factor; the events' means must not see the step, not even its rounding.
    expected = (table * (grid.step_seconds / SECONDS_PER_HOUR))[demand.hours_of_week(grid.seconds)]
    requested = np.zeros((grid.count, count))
    for uses in _uses(group, table):
        spread_events(uses, grid, count, onto=requested)
    follows_formula = np.array([curve.process == "expected" for curve in group.demand_curves])
    if follows_formula.any():
        requested[:, follows_formula] = expected[:, follows_formula] * 1000.0
    broken = group.water_faults()
    inflow = broken.reaching(spread_events(_sessions(group), grid, count))
    flows = storage.tank_steps(
        volume=group.start_volume_ml,
        capacity=group.capacity_ml,
        requested=requested,
        inflow=inflow,
        threshold_fraction=group.values("near_empty_threshold_fraction"),
        min_demand_fraction=group.values("near_empty_min_demand_fraction"),
        loss_plan=broken.loss_ml,
        thefts=broken.thefts,
    )
    has_valve = np.array([device.values["supply_inlet"] == "float_valve" for device in group.devices])
    if has_valve.any():
        # The valve lets in what there is room for: nothing arrives that would spill.
        inflow[:, has_valve] -= flows.overflow[:, has_valve]
        flows.overflow[:, has_valve] = 0.0
    return TankWater(expected, requested, inflow, flows)


def truck_water(group: Group) -> TruckWater:
    """Plan the days of trucks and run the storage pass."""
    grid, count = group.grid, len(group.devices)
    parameters = {name: group.values(name) for name in _TRIP_PARAMETERS}
    routes = _routes(group)
    # The day before too: its shift may reach into the window.
    days = np.arange(grid.start_second // SECONDS_PER_DAY - 1, grid.end_second // SECONDS_PER_DAY + 1)
    plans = trips.plan_days(
        days=days,
        keys=group.keys("trips"),
        capacity_ml=group.capacity_ml,
        routes=routes,
        parameters=parameters,
    )
    broken = group.water_faults()
    flows = storage.truck_steps(
        volume=group.start_volume_ml,
        capacity=group.capacity_ml,
        load_plan=spread_events(plans.loads, grid, count),
        delivery_plan=spread_events(plans.deliveries, grid, count),
        loss_plan=broken.added_to(spread_events(plans.losses, grid, count)),
        thefts=broken.thefts,
    )
    return TruckWater(flows, plans, routes)


def _hourly_demand_table(group: Group) -> F64:
    """Tabulate the expected demand of one hour by hour of the week, (168, n_devices). [liters]"""
    columns = [
        demand.expected_demand_liters(
            target_daily_liters=curve.target_daily_liters,
            hourly_weights=curve.hourly_weights,
            weekend_hourly_weights=curve.weekend_hourly_weights,
            weekday_multipliers=curve.weekday_multipliers,
            step_seconds=SECONDS_PER_HOUR,
        )
        for curve in group.demand_curves
    ]
    return np.ascontiguousarray(np.array(columns).T)


def _uses(group: Group, hourly_liters: F64) -> Iterator[Events]:
    """Draw the uses of water of the group's households."""
    homes = household.make_households(
        hourly_liters=hourly_liters,
        keys={name: group.keys(f"household/{name}") for name in household.KEYS},
        absence_share=group.values("demand_absence_share"),
        profile_spread=group.values("demand_profile_spread"),
        leak_liters_per_hour=group.values("demand_leak_liters_per_hour"),
        use_size_factor=group.values("demand_use_size_factor"),
    )
    return demand.demand_events(
        hour_starts=group.grid.hour_starts(hours_before=demand.LOOKBACK_HOURS),
        households=homes,
        keys={name: group.keys(f"demand/{name}") for name in demand.KEYS},
        habit_strength=group.values("demand_habit_strength"),
        day_factor_sigma=group.values("demand_day_factor_sigma"),
        flow_liters_per_minute=group.values("demand_flow_liters_per_minute"),
    )


def _sessions(group: Group) -> Events:
    """Draw supply sessions shaped by the guide's hourly and weekday multipliers."""
    curves = group.supply_curves
    hourly_prob = np.array([curve.hourly_probability_multipliers for curve in curves]).T
    weekday_prob = np.array([curve.weekday_probability_multipliers for curve in curves]).T
    hourly_volume = np.array([curve.hourly_volume_multipliers for curve in curves]).T
    connected = np.array([1.0 if reservoir.is_pipe_connected else 0.0 for reservoir in group.reservoirs])
    base_prob = group.values("supply_sessions_per_day") / 24.0 * connected
    start_prob = (weekday_prob[:, None, :] * hourly_prob[None, :, :]).reshape(168, -1) * base_prob
    sessions = supply.supply_sessions(
        hour_starts=group.grid.hour_starts(hours_before=supply.LOOKBACK_HOURS),
        keys=group.keys("supply"),
        regimes=[str(device.values["supply_regime"]) for device in group.devices],
        start_prob=np.minimum(start_prob, 1.0),
        session_liters=hourly_volume * group.values("supply_session_liters"),
        session_hours=group.values("supply_session_hours"),
        session_log_sigma=group.values("supply_session_sigma").tolist(),
    )
    return supply.pressure_flows(sessions, group.values("supply_max_liters_per_hour"))


def _routes(group: Group) -> trips.Routes:
    latitude: list[float] = []
    longitude: list[float] = []
    offset, count, cumulative = [], [], []
    source_keys: list[np.uint64] = []
    for route in group.route_plans:
        by_kind = [[p for p in route.points if p.kind == kind] for kind in trips.KINDS]
        offset.append([len(latitude) + sum(len(points) for points in by_kind[:k]) for k in range(3)])
        count.append([len(points) for points in by_kind])
        for point in (point for points in by_kind for point in points):
            latitude.append(point.latitude)
            longitude.append(point.longitude)
            source_keys.append(
                stream_key(group.seed, queues.source_stream_id(point.latitude, point.longitude), "queue")
                if point.kind == "REFILL"
                else np.uint64(0)
            )
        rows = [[route.transitions.get(a, {}).get(b, 0.0) for b in trips.KINDS] for a in trips.KINDS]
        cumulative.append(np.cumsum(rows, axis=1))
    return trips.Routes(
        latitude=np.array(latitude),
        longitude=np.array(longitude),
        offset=np.array(offset),
        count=np.array(count),
        cumulative=np.array(cumulative),
        source_key=np.array(source_keys, dtype=np.uint64),
    )
