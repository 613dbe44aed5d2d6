"""How many liters a percent of level is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.calibration import reservoirs_from_frame
from synthlab.errors import Problem, UsageError
from synthlab.fitting.readings import DEVICE_COLUMNS, Readings

if TYPE_CHECKING:
    import pandas as pd


def capacities(
    table: pd.DataFrame,
    rows: Readings,
    capacity_liters: float | None,
    reservoirs: pd.DataFrame | Mapping[str, Any] | None,
) -> npt.NDArray[np.float64]:
    """Return each device's capacity: as given, else of its reservoir, else a column of the table.

    Raises
    ------
    UsageError
        Code ``CAPACITY_INVALID``: it is not known, or not above 0.
    """
    if capacity_liters is not None:
        found = np.full(len(rows.names), float(capacity_liters))
    elif reservoirs is not None:
        known = reservoirs if isinstance(reservoirs, Mapping) else reservoirs_from_frame(reservoirs)
        found = np.array([_capacity(known.get(name)) for name in rows.names])
    else:
        found = _of_table(table, rows)
    bad = [(name, liters) for name, liters in zip(rows.names, found, strict=True) if not 0 < liters < np.inf]
    missing = [f"{'none' if np.isnan(liters) else f'{liters:g}'} {name}".rstrip() for name, liters in bad]
    if missing:
        raise UsageError(
            Problem(
                "CAPACITY_INVALID",
                "a level needs its reservoir's capacity, above 0",
                path="capacity_liters",
                value=", ".join(missing[:10]),
                remedy="Pass capacity_liters, reservoirs, or a column capacity_liters",
            )
        )
    return found


def _capacity(reservoir: Any) -> float:
    if reservoir is None:
        return float("nan")
    fields = reservoir if isinstance(reservoir, Mapping) else {"capacity_liters": reservoir.capacity_liters}
    return float(fields.get("capacity_liters", float("nan")))


def _of_table(table: pd.DataFrame, rows: Readings) -> npt.NDArray[np.float64]:
    """Read a column, or a telemetry frame's content by its level."""
    import pandas as pd

    if "capacity_liters" in table.columns:
        values = pd.to_numeric(table["capacity_liters"], errors="coerce")
    elif {"volume_liters", "level_pct"} <= set(table.columns):
        level = table["level_pct"].astype(float)
        values = 100.0 * table["volume_liters"].astype(float) / level.where(level > 1.0)
    else:
        return np.full(len(rows.names), np.nan)
    column = next((name for name in DEVICE_COLUMNS if name in table.columns), None)
    if column is None:
        return np.array([float(values.median())])
    by_device = values.groupby(table[column].astype(str)).median()
    return np.array([float(by_device.get(name, float("nan"))) for name in rows.names])
