"""Hypothesis strategies for devices of the engine, over the ranges that the archetypes allow."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from synthlab.scenario.archetypes import ARCHETYPES
from synthlab.scenario.resolve import DeviceParameters, SupplyCurve
from tests.fleets import POINTS, tank, truck

STEPS = st.sampled_from([60, 300, 420, 900, 1800, 3600])
SEEDS = st.integers(0, 2**31 - 1)

# The archetypes' own ranges, or within them; the network stays ideal, so that every point has a row.
_HARDWARE_RANGES = {
    "no_echo_prob": (0.0, 1.0),
    "multipath_prob": (0.0, 1.0),
    "false_target_prob": (0.0, 1.0),
    "blind_zone_mm": (0.0, 1_000.0),
    "reading_resolution_mm": (1.0, 100.0),
    "temperature_compensation_fraction": (0.0, 1.0),
    "echo_bursts_per_day": (0.0, 24.0),
    "echo_burst_minutes": (1.0, 720.0),
    "condensation_night_prob": (0.0, 1.0),
    "condensation_hours": (0.1, 12.0),
    "plateaus_per_day": (0.0, 24.0),
    "plateau_step_mm": (1.0, 500.0),
    "signal_hour_correlation": (0.0, 0.93),
    "signal_site_spread": (0.0, 1.0),
}
_TANK_RANGES = {
    "demand_absence_share": (0.0, 0.5),
    "demand_profile_spread": (0.0, 1.5),
    "demand_habit_strength": (0.0, 1.5),
    "demand_day_factor_sigma": (0.0, 1.0),
    "demand_leak_liters_per_hour": (0.0, 100.0),
    "demand_use_size_factor": (0.1, 10.0),
    "demand_flow_liters_per_minute": (0.5, 100.0),
    "near_empty_threshold_fraction": (0.0, 1.0),
    "near_empty_min_demand_fraction": (0.0, 1.0),
    "supply_sessions_per_day": (0.0, 24.0),
    "supply_session_liters": (0.0, 5_000.0),
    "supply_session_hours": (0.05, 12.0),
    "supply_session_sigma": (0.0, 1.5),
    "supply_max_liters_per_hour": (10.0, 100_000.0),
    "initial_level_fraction": (0.0, 1.0),
    "reading_noise_mm": (0.0, 200.0),
    **_HARDWARE_RANGES,
}
_TRUCK_RANGES = {
    "shift_start_hour": (0.0, 23.0),
    "shift_hours": (1.0, 14.0),
    "travel_speed_kmh": (5.0, 60.0),
    "detour_factor": (1.0, 2.0),
    "refill_queue_minutes": (0.0, 60.0),
    "delivery_fraction": (0.05, 1.0),
    "loss_fraction": (0.0, 0.5),
    "idle_stop_prob": (0.0, 1.0),
    "idle_stop_minutes": (1.0, 180.0),
    "partial_delivery_prob": (0.0, 1.0),
    "theft_prob": (0.0, 1.0),
    "theft_liters": (1.0, 5_000.0),
    "gps_outlier_prob": (0.0, 1.0),
    "gps_dropouts_per_day": (0.0, 24.0),
    "gps_dropout_minutes": (0.1, 30.0),
    "initial_level_fraction": (0.0, 1.0),
    "gps_sigma_m": (0.0, 50.0),
    **_HARDWARE_RANGES,
}


def _overrides(ranges: dict[str, tuple[float, float]]) -> st.SearchStrategy[dict[str, Any]]:
    floats = {name: st.floats(low, high, allow_subnormal=False) for name, (low, high) in ranges.items()}
    return st.fixed_dictionaries({}, optional=floats)


def _names(mode: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name for name, known in ARCHETYPES.items() if known.mode == mode])


_MULTIPLIERS = st.floats(0.0, 3.0, allow_subnormal=False)
_WEIGHTS = st.floats(0.05, 5.0, allow_subnormal=False)


@st.composite
def tanks(draw: st.DrawFn, device_id: str = "TANK-1", *, step_seconds: int | None = None) -> DeviceParameters:
    """Stationary devices with any demand, supply, reservoir and parameters."""
    supply = SupplyCurve(
        hourly_probability_multipliers=tuple(draw(st.lists(_MULTIPLIERS, min_size=24, max_size=24))),
        hourly_volume_multipliers=tuple(draw(st.lists(_MULTIPLIERS, min_size=24, max_size=24))),
        weekday_probability_multipliers=tuple(draw(st.lists(_MULTIPLIERS, min_size=7, max_size=7))),
    )
    full = draw(st.integers(0, 500))
    return tank(
        device_id,
        draw(_names("STATIONARY")),
        step_seconds=step_seconds or draw(STEPS),
        target_daily_liters=draw(st.floats(1.0, 50_000.0)),
        hourly_weights=draw(st.lists(_WEIGHTS, min_size=24, max_size=24)),
        weekend_hourly_weights=draw(st.none() | st.lists(_WEIGHTS, min_size=24, max_size=24)),
        process=draw(st.sampled_from(["events", "expected"])),
        supply=supply,
        reservoir={
            "capacity_liters": draw(st.floats(50.0, 20_000.0)),
            "sensor_full_distance_mm": full,
            "sensor_empty_distance_mm": full + draw(st.integers(1, 4_000)),
            "shape": draw(st.sampled_from(["upright", "lying_cylinder"])),
            "is_pipe_connected": draw(st.booleans()),
        },
        battery_kind=draw(st.sampled_from(["solar", "lipo", "primary", "mains"])),
        supply_inlet=draw(st.sampled_from(["open", "float_valve"])),
        supply_regime=draw(st.sampled_from(["predictable", "irregular", "unreliable"])),
        **draw(_overrides(_TANK_RANGES)),
    )


@st.composite
def trucks(
    draw: st.DrawFn, device_id: str = "TRUCK-1", *, step_seconds: int | None = None
) -> DeviceParameters:
    """Mobile devices with some of the points of the test town and any parameters."""
    clients = draw(st.lists(st.sampled_from(POINTS[3:]), min_size=1, unique=True))
    refills = draw(st.lists(st.sampled_from(POINTS[1:3]), min_size=1, unique=True))
    again = draw(st.floats(0.0, 1.0))
    return truck(
        device_id,
        draw(_names("MOBILE")),
        step_seconds=step_seconds or draw(STEPS),
        points=[POINTS[0], *refills, *clients],
        transitions={
            "BASE": {"REFILL": 1.0},
            "REFILL": {"CLIENT": 1.0},
            "CLIENT": {"CLIENT": again, "REFILL": (1 - again) * 0.8, "BASE": (1 - again) * 0.2},
        },
        **draw(_overrides(_TRUCK_RANGES)),
    )


def devices(device_id: str, *, step_seconds: int | None = None) -> st.SearchStrategy[DeviceParameters]:
    """Either mode."""
    return tanks(device_id, step_seconds=step_seconds) | trucks(device_id, step_seconds=step_seconds)


@st.composite
def fleets(draw: st.DrawFn, *, max_size: int = 4) -> list[DeviceParameters]:
    """Return fleets of both modes with distinct ids and mixed steps."""
    count = draw(st.integers(1, max_size))
    return [draw(devices(f"{'ABCDEFGH'[i]}-{i}")) for i in range(count)]
