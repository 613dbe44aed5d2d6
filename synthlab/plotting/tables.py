"""The numbers behind each picture, as tables: no matplotlib here.

Every figure is drawn from the table of the same name, so what the eye sees can be
read, compared and tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synthlab.plotting.series import FloatArray, Rows, hour_and_weekend, rows_of
from synthlab.quality.formulas import LOW_LEVEL_PCT, RUNOUT_LEVEL_PCT
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from synthlab.calibration import Reservoir

DAY_TYPES = ("weekday", "weekend")
DEMAND_COLUMNS = ("expected_demand_liters", "requested_liters", "served_liters")
SUPPLY_COLUMNS = ("inflow_liters", "overflow_liters")
LEVEL_COLUMNS = ("level_pct", "measured_level_pct", "volume_liters")


def level_table(
    frame: pd.DataFrame,
    *,
    reservoirs: pd.DataFrame | Mapping[str, Reservoir] | None = None,
    devices: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Summarize each device's level.

    Parameters
    ----------
    frame : DataFrame
        Telemetry.
    reservoirs : DataFrame or mapping, optional
        What `synthlab.reservoirs` returns; adds the capacity.
    devices : sequence of str, optional
        Only these.

    Returns
    -------
    DataFrame
        By ``device_id``: ``capacity_liters`` (where known), ``mean_pct``, ``min_pct``,
        ``max_pct``, ``end_pct`` of the true level; ``low_fraction`` and
        ``runout_fraction``, the shares of rows at or below the platform's limits;
        ``measured_error_pct``, the root mean square of measured less true level;
        ``no_echo_fraction``.
    """
    rows = rows_of(frame, LEVEL_COLUMNS, devices=devices)
    level, measured = rows.values("level_pct"), rows.values("measured_level_pct")
    by_device = pd.DataFrame(
        {
            "level": level,
            "low": level <= LOW_LEVEL_PCT,
            "runout": level <= RUNOUT_LEVEL_PCT,
            "square": (measured - level) ** 2,
            "silent": np.isnan(measured),
        }
    ).groupby(rows.device)
    capacities = capacities_of(reservoirs)
    table = pd.DataFrame(
        {
            "capacity_liters": [capacities.get(name, np.nan) for name in rows.device_ids],
            "mean_pct": by_device["level"].mean(),
            "min_pct": by_device["level"].min(),
            "max_pct": by_device["level"].max(),
            "end_pct": by_device["level"].last(),
            "low_fraction": by_device["low"].mean(),
            "runout_fraction": by_device["runout"].mean(),
            "measured_error_pct": np.sqrt(by_device["square"].mean()),
            "no_echo_fraction": by_device["silent"].mean(),
        }
    )
    table.index = pd.Index(rows.device_ids, name="device_id")
    return table if capacities else table.drop(columns="capacity_liters")


def demand_table(frame: pd.DataFrame, *, devices: Sequence[str] | None = None) -> pd.DataFrame:
    """Average the demand of stationary devices by kind of day and hour of day.

    Parameters
    ----------
    frame : DataFrame
        Telemetry.
    devices : sequence of str, optional
        Only these.

    Returns
    -------
    DataFrame
        By ``device_id``, ``day_type`` (weekday, weekend) and ``hour`` (UTC):
        ``expected_liters_per_hour``, ``requested_liters_per_hour``,
        ``served_liters_per_hour`` and ``unmet_liters_per_hour``. Hours without rows
        are NaN.
    """
    rows = rows_of(frame, DEMAND_COLUMNS, devices=devices, mobile=False)
    hours, weekend = hour_and_weekend(rows.times)
    cell = (rows.device * 2 + weekend) * 24 + hours
    index = pd.MultiIndex.from_product(
        [rows.device_ids, DAY_TYPES, range(24)], names=["device_id", "day_type", "hour"]
    )
    table = pd.DataFrame(_rates(rows, cell, len(index), DEMAND_COLUMNS), index=index).rename(
        columns={"expected_demand_liters_per_hour": "expected_liters_per_hour"}
    )
    table["unmet_liters_per_hour"] = table["requested_liters_per_hour"] - table["served_liters_per_hour"]
    return table


def supply_table(frame: pd.DataFrame, *, devices: Sequence[str] | None = None) -> pd.DataFrame:
    """Average the supply of stationary devices by hour of day.

    Parameters
    ----------
    frame : DataFrame
        Telemetry.
    devices : sequence of str, optional
        Only these.

    Returns
    -------
    DataFrame
        By ``device_id`` and ``hour`` (UTC): ``sessions_per_day``, the supply sessions
        that began in that hour; ``inflow_liters_per_hour``, spilled part included;
        ``overflow_liters_per_hour``.

    Notes
    -----
    A session is an unbroken run of steps with inflow.
    """
    rows = rows_of(frame, SUPPLY_COLUMNS, devices=devices, mobile=False)
    hours, _ = hour_and_weekend(rows.times)
    index = pd.MultiIndex.from_product([rows.device_ids, range(24)], names=["device_id", "hour"])
    cell = rows.device * 24 + hours
    starts = _session_starts(rows)
    begun = np.bincount(cell[starts], minlength=len(index))
    days = np.repeat(_days(rows), 24)
    rates = _rates(rows, cell, len(index), SUPPLY_COLUMNS)
    return pd.DataFrame({"sessions_per_day": begun / days, **rates}, index=index)


def session_table(frame: pd.DataFrame, *, devices: Sequence[str] | None = None) -> pd.DataFrame:
    """Summarize each stationary device's supply sessions.

    Returns
    -------
    DataFrame
        By ``device_id``: ``sessions_count``, ``sessions_per_day``,
        ``session_liters`` and ``session_hours`` (means), ``overflow_fraction`` of the
        inflow.
    """
    rows = rows_of(frame, SUPPLY_COLUMNS, devices=devices, mobile=False)
    size = len(rows.device_ids)
    inflow, overflow = rows.values("inflow_liters"), rows.values("overflow_liters")
    count = np.bincount(rows.device[_session_starts(rows)], minlength=size)
    liters = np.bincount(rows.device, weights=np.nan_to_num(inflow), minlength=size)
    spilled = np.bincount(rows.device, weights=np.nan_to_num(overflow), minlength=size)
    steps = np.bincount(rows.device, weights=inflow > 0, minlength=size)
    hours = steps * rows.step_seconds / SECONDS_PER_HOUR
    return pd.DataFrame(
        {
            "sessions_count": count,
            "sessions_per_day": count / _days(rows),
            "session_liters": ratio(liters, count),
            "session_hours": ratio(hours, count),
            "overflow_fraction": ratio(spilled, liters),
        },
        index=pd.Index(rows.device_ids, name="device_id"),
    )


def capacities_of(reservoirs: pd.DataFrame | Mapping[str, Reservoir] | None) -> dict[str, float]:
    """Return each device's capacity. [liters]"""
    if reservoirs is None:
        return {}
    if isinstance(reservoirs, pd.DataFrame):
        table = reservoirs.set_index("device_id") if "device_id" in reservoirs.columns else reservoirs
        return {str(name): float(value) for name, value in table["capacity_liters"].items()}
    return {name: float(reservoir.capacity_liters) for name, reservoir in reservoirs.items()}


def ratio(numerator: Any, denominator: Any) -> FloatArray:
    """Divide; NaN where there is nothing to divide by."""
    top, bottom = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)


def _rates(rows: Rows, cell: Any, size: int, columns: Sequence[str]) -> dict[str, FloatArray]:
    """Return liters per hour in each cell: liters that flowed / hours that were observed."""
    hours = np.bincount(cell, weights=rows.step_seconds[rows.device] / SECONDS_PER_HOUR, minlength=size)
    return {
        f"{name}_per_hour": ratio(
            np.bincount(cell, weights=np.nan_to_num(rows.values(name)), minlength=size), hours
        )
        for name in columns
    }


def _session_starts(rows: Rows) -> Any:
    flows = rows.values("inflow_liters") > 0
    before = np.concatenate(([False], flows[:-1] & (np.diff(rows.device) == 0)))
    return np.flatnonzero(flows & ~before)


def _days(rows: Rows) -> FloatArray:
    counts = np.bincount(rows.device, minlength=len(rows.device_ids))
    return np.asarray(counts * rows.step_seconds / SECONDS_PER_DAY, dtype=np.float64)
