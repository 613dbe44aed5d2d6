"""Believable scenarios at random: other tanks, curves, cadences, batteries, routes; healthy hardware."""

from __future__ import annotations

from random import Random
from typing import Any

from synthlab.scenario.schema import Scenario

_TANKS = ("stationary_archetype_a", "stationary_archetype_c")
_TRUCKS = ("mobile_high_efficiency", "mobile_fragmented_high_loss")


def random_scenario(seed: int, *, days: int = 30) -> Scenario:
    """Two tanks and, in every other scenario, a truck."""
    dice = Random(seed)
    devices = [_tank(dice, index) for index in range(2)]
    data: dict[str, Any] = {
        "scenario_id": f"random_{seed}",
        "seed": seed,
        "bootstrap": {"days": days, "step_minutes": dice.choice((5, 10, 15, 30))},
        "devices": devices,
    }
    if seed % 2:
        data["routes"] = [_route(dice)]
        devices.append(
            {
                "device_id": "TRUCK-1",
                "archetype": dice.choice(_TRUCKS),
                "mode": "MOBILE",
                "cadence_seconds": dice.choice((60, 300)),
                "route_id": "LOOP",
                "reservoir": _reservoir(dice, dice.choice((6_000, 10_000, 20_000)), is_truck=True),
            }
        )
    return Scenario.from_dict(data)


def _tank(dice: Random, index: int) -> dict[str, Any]:
    daily = dice.choice((120.0, 250.0, 600.0, 900.0, 2_000.0))
    weights = [round(dice.uniform(0.2, 2.0), 2) for _ in range(24)]
    archetype = dice.choice(_TANKS)
    return {
        "device_id": f"TANK-{index}",
        "archetype": archetype,
        "mode": "STATIONARY",
        "cadence_seconds": dice.choice((60, 300, 900)),
        "dynamics": {"demand": {"target_daily_liters": daily, "hourly_weights": weights}},
        "parameter_overrides": {
            "supply_session_liters": round(daily * dice.uniform(0.8, 1.6), 1),
            "battery_kind": dice.choice(("solar", "lipo", "primary")),
            "supply_regime": dice.choice(("predictable", "irregular", "unreliable")),
        },
        "reservoir": _reservoir(dice, round(daily * dice.uniform(1.5, 8.0))),
    }


def _reservoir(dice: Random, capacity: float, *, is_truck: bool = False) -> dict[str, Any]:
    height = float(dice.choice((1_000, 1_500, 2_000)))
    full = float(dice.choice((220, 300, 500)))
    return {
        "capacity_liters": float(capacity),
        "height_mm": height,
        "sensor_empty_distance_mm": height + full,
        "sensor_full_distance_mm": full,
        "shape": dice.choice(("upright", "lying_cylinder")) if is_truck else "upright",
        "is_pipe_connected": not is_truck,
    }


def _route(dice: Random) -> dict[str, Any]:
    points = [("BASE", 1), ("REFILL", 2), ("CLIENT", 4)]
    return {
        "route_id": "LOOP",
        "points": [
            {
                "point_id": f"{kind}{number}",
                "kind": kind,
                "latitude": round(-8.8 + dice.uniform(-0.06, 0.06), 5),
                "longitude": round(13.2 + dice.uniform(-0.06, 0.06), 5),
            }
            for kind, count in points
            for number in range(count)
        ],
    }
