"""Hourly read models: recomputed from the readings of the hours that were touched.

Nothing is added up: an hour is read whole and written anew, so a replay, a late
reading and a reading out of order all leave the same rows.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, delete, func, select

from synthlab.platform.read_models import (
    chunks,
    epoch_ms,
    hour_moment,
    milliseconds,
    mobile_hourly_series,
    stationary_hourly_series,
    stationary_supply_events,
    upsert,
)
from synthlab.platform.schema import reservoir_readings
from synthlab.quality.hourly import hourly_flows, hourly_series, segment_starts
from synthlab.quality.windows import HOUR_MS

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

# An hour changes the smoothed level of its neighbors, and so the flows of two more hours:
# those are written anew, and three are read for them.
_HOURS_BEFORE, _HOURS_AFTER, _CONTEXT_HOURS = 1, 2, 3
# Touched hours farther apart than this are read apart.
_RUN_GAP_HOURS = 24

Touched = Mapping[uuid.UUID, I64]
"""Unix times of the new readings by reservoir. [ms]"""


@dataclass(frozen=True, slots=True)
class HourRun:
    """Hours first..last, both included, of some reservoirs."""

    first: int
    last: int
    reservoirs: tuple[uuid.UUID, ...]


def hour_runs(touched: Touched) -> list[HourRun]:
    """Group touched hours into runs, and reservoirs with the same run together."""
    grouped: dict[tuple[int, int], list[uuid.UUID]] = defaultdict(list)
    for reservoir_id, times in touched.items():
        hours = np.unique(times // HOUR_MS)
        cuts = np.flatnonzero(np.diff(hours) > _RUN_GAP_HOURS)
        for first, last in zip(hours[np.append(0, cuts + 1)], hours[np.append(cuts, -1)], strict=True):
            grouped[int(first), int(last)].append(reservoir_id)
    return [HourRun(first, last, tuple(members)) for (first, last), members in sorted(grouped.items())]


def update_stationary(
    connection: Connection, touched: Touched, capacity_liters: Mapping[uuid.UUID, float]
) -> None:
    """Write the hours and the supply events that new readings of tanks change.

    Parameters
    ----------
    connection : Connection
    touched : mapping
    capacity_liters : mapping of UUID to float
        NaN where it is not known. [liters]
    """
    for run in hour_runs(touched):
        _update_run(connection, run, capacity_liters)
    earliest = min((int(times.min()) // HOUR_MS for times in touched.values()), default=0)
    for members in chunks(touched):
        _update_supply_events(connection, members, earliest - _HOURS_BEFORE)


def update_mobile_counts(connection: Connection, touched: Touched) -> None:
    """Write how many readings of trucks the touched hours have."""
    for run in hour_runs(touched):
        device, time_ms, level = _readings(connection, run)
        known = hourly_series(device, time_ms, level, capacity_liters=np.full(len(run.reservoirs), np.nan))
        rows = [
            {"reservoir_id": run.reservoirs[i], "hour_at": hour_moment(hour), "sample_count": count}
            for i, hour, count in _columns(known.device, known.hour, known.sample_count)
        ]
        upsert(connection, mobile_hourly_series, rows)


def _update_run(connection: Connection, run: HourRun, capacity_liters: Mapping[uuid.UUID, float]) -> None:
    capacity = np.array([capacity_liters[reservoir_id] for reservoir_id in run.reservoirs])
    device, time_ms, level = _readings(connection, run)
    fresh = hourly_series(device, time_ms, level, capacity_liters=capacity)
    around = _stored_around(connection, run)
    fields = ("device", "hour", "level_pct", "latest_level_pct", "sample_count")
    joined = [
        np.concatenate([getattr(fresh, name), column]) for name, column in zip(fields, around, strict=True)
    ]
    order = np.lexsort((joined[1], joined[0]))
    device, hour, median, latest, count = (column[order] for column in joined)
    demand, inflow = hourly_flows(device, hour, median, count, capacity_liters=capacity)
    changed = (hour >= run.first - _HOURS_BEFORE) & (hour <= run.last + _HOURS_AFTER)
    rows = [
        {
            "reservoir_id": run.reservoirs[row[0]],
            "hour_at": hour_moment(row[1]),
            "level_pct": row[2],
            "latest_level_pct": row[3],
            "sample_count": row[4],
            "demand_liters": _or_none(row[5]),
            "inflow_liters": _or_none(row[6]),
        }
        for row in _columns(*(c[changed] for c in (device, hour, median, latest, count, demand, inflow)))
    ]
    upsert(connection, stationary_hourly_series, rows)


def _readings(connection: Connection, run: HourRun) -> tuple[I64, I64, F64]:
    """Read all readings of a run's hours: index of the reservoir, time and level."""
    table = reservoir_readings.c
    index = {reservoir_id: i for i, reservoir_id in enumerate(run.reservoirs)}
    found: list[tuple[int, int, float]] = []
    for members in chunks(run.reservoirs):
        query = (
            select(table.reservoir_id, epoch_ms(table.recorded_at, connection.dialect.name), table.level_pct)
            .where(
                table.reservoir_id.in_(members),
                table.recorded_at >= hour_moment(run.first),
                table.recorded_at < hour_moment(run.last + 1),
            )
            .order_by(table.reservoir_id, table.recorded_at, table.device_seq)
        )
        found += [(index[key], time_ms, level) for key, time_ms, level in connection.execute(query)]
    device, time_ms, level = zip(*found, strict=True) if found else ((), (), ())
    return np.array(device, np.int64), np.array(time_ms, np.int64), np.array(level, np.float64)


def _stored_around(connection: Connection, run: HourRun) -> tuple[I64, I64, F64, F64, I64]:
    """Read the hours before and after a run that its own hours depend on, or change."""
    table = stationary_hourly_series.c
    index = {reservoir_id: i for i, reservoir_id in enumerate(run.reservoirs)}
    found: list[tuple[int, int, float, float, int]] = []
    for members in chunks(run.reservoirs):
        for first, last in (
            (run.first - _CONTEXT_HOURS, run.first - 1),
            (run.last + 1, run.last + _CONTEXT_HOURS),
        ):
            query = select(
                table.reservoir_id,
                epoch_ms(table.hour_at, connection.dialect.name),
                table.level_pct,
                table.latest_level_pct,
                table.sample_count,
            ).where(
                table.reservoir_id.in_(members),
                table.hour_at >= hour_moment(first),
                table.hour_at <= hour_moment(last),
            )
            found += [(index[row[0]], row[1] // HOUR_MS, *row[2:]) for row in connection.execute(query)]
    device, hour, level, latest, count = zip(*found, strict=True) if found else ((),) * 5
    return (
        np.array(device, np.int64),
        np.array(hour, np.int64),
        np.array(level, np.float64),
        np.array(latest, np.float64),
        np.array(count, np.int64),
    )


def _update_supply_events(connection: Connection, members: Sequence[uuid.UUID], first_hour: int) -> None:
    """Write anew every supply event that ends at or after an hour."""
    supply = stationary_supply_events.c
    # An event that ends just where the hour begins may be continued by it.
    reached = (supply.reservoir_id.in_(members), supply.ended_at >= hour_moment(first_hour))
    starts = (
        select(supply.reservoir_id, func.min(supply.started_at)).where(*reached).group_by(supply.reservoir_id)
    )
    begin = {key: min(hour_moment(first_hour), at) for key, at in connection.execute(starts)}
    connection.execute(delete(stationary_supply_events).where(*reached))
    series = stationary_hourly_series.c
    earliest = min(begin.values(), default=hour_moment(first_hour))
    query = (
        select(series.reservoir_id, epoch_ms(series.hour_at, connection.dialect.name), series.inflow_liters)
        .where(series.reservoir_id.in_(members), series.hour_at >= earliest, series.inflow_liters > 0)
        .order_by(series.reservoir_id, series.hour_at)
    )
    since_ms = {key: milliseconds(begin.get(key, hour_moment(first_hour))) for key in members}
    found = [row for row in connection.execute(query) if row[1] >= since_ms[row[0]]]
    if not found:
        return
    index = {reservoir_id: i for i, reservoir_id in enumerate(members)}
    device = np.array([index[row[0]] for row in found], np.int64)
    hour = np.array([row[1] for row in found], np.int64) // HOUR_MS
    inflow = np.array([row[2] for row in found])
    first = np.flatnonzero(segment_starts(device, hour, np.ones(len(hour), dtype=bool)))
    last = np.append(first[1:], len(hour)) - 1
    rows = [
        {
            "reservoir_id": members[i],
            "started_at": hour_moment(start),
            "ended_at": hour_moment(end + 1),
            "duration_hours": end + 1 - start,
            "inflow_liters": liters,
        }
        for i, start, end, liters in _columns(
            device[first], hour[first], hour[last], np.add.reduceat(inflow, first)
        )
    ]
    upsert(connection, stationary_supply_events, rows)


def _columns(*arrays: npt.NDArray[np.generic]) -> zip[tuple[Any, ...]]:
    """Iterate over rows of Python numbers, which every driver takes."""
    return zip(*(array.tolist() for array in arrays), strict=True)


def _or_none(value: float) -> float | None:
    return None if value != value else value
