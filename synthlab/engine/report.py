"""What the devices of a group report: the columns of their rows, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from synthlab.columns import ML_PER_LITER, RAW_COLUMNS
from synthlab.engine.group import Group
from synthlab.engine.hardware import Hardware
from synthlab.engine.travel import travel_columns
from synthlab.engine.water import TankWater, TruckWater, tank_water, truck_water
from synthlab.model.roads import ACTIVITY_TRAVEL

F64 = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[Any]]

BLOCK_ELEMENTS = 32768
"""Elements worked on at once. Source: measured; a block's arrays stay in the cache."""


def group_columns(group: Group) -> Columns:
    """Simulate a group.

    Returns
    -------
    dict of str to ndarray, each (n_steps, n_devices)
        Numeric columns of the frame by name; ``activity`` as codes, -1 = null.  Those that
        say nothing of such a device are one array under several names.
    """
    shape = (group.grid.count, len(group.devices))
    if group.is_mobile:
        water = truck_water(group)
        columns = _truck_columns(group, water)
        volume, is_moving = water.flows.volume, columns["activity"] == ACTIVITY_TRAVEL
    else:
        tank = tank_water(group)
        columns, volume, is_moving = _tank_columns(tank, shape), tank.flows.volume, None
    columns["level_pct"] = np.empty(shape)
    columns["volume_liters"] = np.empty(shape)
    columns |= {name: np.empty(shape, dtype=np.int32) for name in RAW_COLUMNS}
    columns["measured_level_pct"] = np.empty(shape)
    columns["temperature_c"] = np.empty(shape)
    columns["battery_pct"] = np.empty(shape, dtype=np.int16)
    columns["signal_dbm"] = np.empty(shape, dtype=np.int16)
    columns["local_timestamp_ms"] = np.empty(shape, dtype=np.int64)
    # Water that comes in is restless.
    incoming = columns["loaded_liters" if group.is_mobile else "inflow_liters"]
    hardware = Hardware(group)
    for block in _blocks(*shape):
        moving = is_moving[block] if is_moving is not None else None
        hardware.report(columns, block, volume[block], incoming[block] > 0, moving)
    hardware.disturb(columns)
    columns["seq"] = group.first_seq + np.arange(shape[0], dtype=np.int64)[:, None]
    return columns


def _blocks(step_count: int, device_count: int) -> Iterator[slice]:
    rows = max(1, BLOCK_ELEMENTS // device_count)
    for first in range(0, step_count, rows):
        yield slice(first, min(first + rows, step_count))


def _tank_columns(water: TankWater, shape: tuple[int, int]) -> Columns:
    columns: Columns = {"expected_demand_liters": water.expected_liters}
    flows = {
        "requested_liters": water.requested,
        "served_liters": water.flows.served,
        "inflow_liters": water.inflow,
        "overflow_liters": water.flows.overflow,
    }
    for name, milliliters in flows.items():
        milliliters /= ML_PER_LITER
        columns[name] = milliliters
    lost, none = water.flows.lost, np.zeros(shape)
    columns |= dict.fromkeys(("loaded_liters", "delivered_liters"), none)
    columns["lost_liters"] = none if lost is None else lost / ML_PER_LITER
    nowhere = np.full(shape, np.nan)
    columns |= dict.fromkeys(("latitude", "longitude", "speed_kmh", "course_degrees"), nowhere)
    columns["activity"] = np.full(shape, -1, dtype=np.int8)
    return columns


def _truck_columns(group: Group, water: TruckWater) -> Columns:
    columns: Columns = travel_columns(group, water)
    for name in ("loaded", "delivered", "lost"):
        columns[f"{name}_liters"] = getattr(water.flows, name) / ML_PER_LITER
    stationary = (
        "expected_demand_liters",
        "requested_liters",
        "served_liters",
        "inflow_liters",
        "overflow_liters",
    )
    return columns | dict.fromkeys(stationary, np.zeros(water.flows.volume.shape))
