"""Where the trucks of a group are at each step, and what their receivers make of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from synthlab.engine.group import Group
from synthlab.engine.water import TruckWater
from synthlab.model import gps, roads
from synthlab.model.trips import Legs, around_the_globe

F64 = npt.NDArray[np.float64]

BLOCK_TRUCKS = 32
"""Trucks whose roads are laid out at once: a month of pieces of road takes 3 MB a truck.
Source: measured."""


def travel_columns(group: Group, water: TruckWater) -> dict[str, npt.NDArray[Any]]:
    """Return the location columns and the activity codes, each (n_steps, n_devices).

    A step's place is that at its end, like its content.
    """
    grid, count = group.grid, len(group.devices)
    shape = (grid.count, count)
    names = ("latitude", "longitude", "speed_kmh", "course_degrees")
    columns: dict[str, npt.NDArray[Any]] = {name: np.empty(shape) for name in names}
    columns["activity"] = np.empty(shape, dtype=np.int8)
    keys, detour = group.keys("roads"), group.values("detour_factor")
    at = grid.seconds + grid.step_seconds
    for first in range(0, count, BLOCK_TRUCKS):
        last = min(first + BLOCK_TRUCKS, count)
        legs = _legs_of(water.plans.legs, first, last)
        path = roads.track(legs, water.routes, keys=keys[first:last], detour_factor=detour[first:last])
        for name, column in roads.positions(path, at, last - first).items():
            columns[name][:, first:last] = column
    _receive(group, columns)
    return columns


def _legs_of(legs: Legs, first: int, last: int) -> Legs:
    """Return the legs of some trucks, counted from the first of them."""
    low, high = np.searchsorted(legs.device, [first, last])
    part = {name: getattr(legs, name)[low:high] for name in Legs.__slots__}
    return Legs(**(part | {"device": part["device"] - first}))


def _receive(group: Group, columns: dict[str, npt.NDArray[Any]]) -> None:
    """Turn true places to what the receiver reports; null without a fix."""
    fixes = gps.gps_fixes(
        group.grid.seconds,
        keys=group.keys("gps"),
        sigma_m=group.values("gps_sigma_m"),
        outlier_prob=group.values("gps_outlier_prob"),
        dropouts_per_day=group.values("gps_dropouts_per_day"),
        dropout_minutes=group.values("gps_dropout_minutes"),
    )
    # At the base, not where the window starts: a row must not depend on the rows before it.
    base = [next(p.latitude for p in route.points if p.kind == "BASE") for route in group.route_plans]
    shrink = np.round(np.cos(np.deg2rad(np.array(base))), 6)
    north, east = gps.meters_to_degrees(fixes.north_m, fixes.east_m, shrink)
    stands = columns["speed_kmh"] == 0
    columns["latitude"] = _rounded(columns["latitude"] + north, 6)
    columns["longitude"] = _rounded(around_the_globe(columns["longitude"] + east), 6)
    columns["speed_kmh"] = _rounded(np.where(stands, fixes.standing_kmh, columns["speed_kmh"]), 1)
    columns["course_degrees"] = _rounded(columns["course_degrees"], 1) % 360.0
    for name in ("latitude", "longitude", "speed_kmh", "course_degrees"):
        columns[name][fixes.is_lost] = np.nan


def _rounded(values: F64, decimals: int) -> F64:
    scale = 10.0**decimals
    return np.rint(values * scale) / scale
