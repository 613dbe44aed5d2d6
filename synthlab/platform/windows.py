"""Metrics of reservoirs and zones over each window, from the other read models.

The formulas are those of `synthlab.quality.formulas`; here they are fed.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Select, Table, delete, func, select

from synthlab.platform.read_models import (
    chunks,
    epoch_ms,
    hour_moment,
    milliseconds,
    mobile_hourly_series,
    mobile_stop_episodes,
    reservoir_metrics_windows,
    stationary_hourly_series,
    upsert,
    zone_metrics_windows,
)
from synthlab.platform.schema import reservoirs
from synthlab.quality.formulas import (
    DEVICE_METRICS,
    ZONE_METRICS,
    Devices,
    MetricTable,
    device_metrics,
    zone_metrics,
)
from synthlab.quality.hourly import HourlySeries
from synthlab.quality.motion import Movement
from synthlab.quality.stops import Stops
from synthlab.quality.windows import HOUR_MS, WINDOW_HOURS, HourWindow

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

# Reservoirs of one pass: 30 days of their hours are held in memory.
_PASS_SIZE = 250


def update_windows(connection: Connection, touched: Collection[uuid.UUID], last_hour: int) -> None:
    """Write the windows of the reservoirs touched; of all, where the latest hour is a new one.

    Parameters
    ----------
    connection : Connection
    touched : collection of UUID
        Reservoirs whose series or stops have changed.
    last_hour : int
        Latest hour among the new readings, counted from 1970-01-01 UTC.
    """
    stored_end = connection.execute(select(func.max(reservoir_metrics_windows.c.window_end_at))).scalar()
    stored_hour = -1 if stored_end is None else milliseconds(stored_end) // HOUR_MS - 1
    members = set(touched)
    if last_hour > stored_hour:
        members.update(
            connection.execute(select(reservoir_metrics_windows.c.reservoir_id).distinct()).scalars()
        )
    ends = max(last_hour, stored_hour)
    for part in chunks(sorted(members, key=str), _PASS_SIZE):
        _update_reservoirs(connection, part, ends)
    _update_zones(connection, ends)


def _update_reservoirs(connection: Connection, members: list[uuid.UUID], last_hour: int) -> None:
    devices = _devices(connection, members)
    since = last_hour + 1 - max(WINDOW_HOURS.values())
    series = _series(connection, members, since)
    movement, counts = _movement(connection, members, since)
    stops = _stops(connection, members, since)
    for name in WINDOW_HOURS:
        window = HourWindow.ending_with(name, last_hour)
        table = device_metrics(_joined(series, counts), stops, movement, devices, window)
        upsert(
            connection,
            reservoir_metrics_windows,
            [
                {"reservoir_id": member, "confidence": table.confidence[i]}
                | _window_values(table, DEVICE_METRICS, window, i)
                for i, member in enumerate(members)
            ],
        )


def _update_zones(connection: Connection, last_hour: int) -> None:
    for name in WINDOW_HOURS:
        window, stored = HourWindow.ending_with(name, last_hour), reservoir_metrics_windows.c
        query = (
            select(reservoirs.c.zone_id, stored.pipeflow_liters, stored.truckflow_liters)
            .join(reservoirs, reservoirs.c.id == stored.reservoir_id)
            .where(stored.window_name == name, reservoirs.c.zone_id.is_not(None))
            .order_by(stored.reservoir_id)
        )
        found = connection.execute(query).all()
        flows = MetricTable()
        flows.put("pipeflow_liters", np.array([row[1] for row in found], dtype=np.float64))
        flows.put("truckflow_liters", np.array([row[2] for row in found], dtype=np.float64))
        zones, table = zone_metrics(flows, np.array([row[0] for row in found], dtype=object))
        connection.execute(
            delete(zone_metrics_windows).where(
                zone_metrics_windows.c.window_name == name, zone_metrics_windows.c.zone_id.not_in(zones)
            )
        )
        rows = [
            {"zone_id": zone} | _window_values(table, ZONE_METRICS, window, i) for i, zone in enumerate(zones)
        ]
        upsert(connection, zone_metrics_windows, rows)


def _window_values(table: MetricTable, names: tuple[str, ...], window: HourWindow, i: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        "window_name": window.name,
        "window_start_at": hour_moment(window.start_hour),
        "window_end_at": hour_moment(window.end_hour),
        "null_reasons": table.null_reasons(i),
    }
    for name in names:
        value = float(table.values[name][i])
        values[name] = None if value != value else value
    return values


def _devices(connection: Connection, members: list[uuid.UUID]) -> Devices:
    table = reservoirs.c
    query = select(
        table.id,
        table.capacity_liters,
        (table.mobility == "MOBILE") | (table.reservoir_type == "TRUCK_TANK"),
        table.is_pipe_connected,
        table.zone_id,
    ).where(table.id.in_(members))
    found: Mapping[uuid.UUID, Any] = {row[0]: row for row in connection.execute(query)}
    rows = [found[member] for member in members]
    is_mobile = np.array([bool(row[2]) for row in rows], dtype=bool)
    return Devices(
        capacity_liters=np.array([row[1] for row in rows], dtype=np.float64),
        is_mobile=is_mobile,
        is_pipe_connected=np.array([bool(row[3]) for row in rows], dtype=bool) & ~is_mobile,
        zone_id=np.array([row[4] for row in rows], dtype=object),
    )


def _series(connection: Connection, members: list[uuid.UUID], since_hour: int) -> HourlySeries:
    table = stationary_hourly_series.c
    names = ("level_pct", "latest_level_pct", "sample_count", "demand_liters", "inflow_liters")
    query = _since(
        connection, stationary_hourly_series, members, since_hour, *(table[name] for name in names)
    )
    device, hour, columns = _arrays(connection, query, members, len(names))
    return HourlySeries(
        device=device,
        hour=hour,
        level_pct=columns[0],
        latest_level_pct=columns[1],
        sample_count=columns[2].astype(np.int64),
        demand_liters=columns[3],
        inflow_liters=columns[4],
    )


def _movement(
    connection: Connection, members: list[uuid.UUID], since_hour: int
) -> tuple[Movement, HourlySeries]:
    """Read the trucks' way, and their observed hours as a series without levels."""
    table = mobile_hourly_series.c
    query = _since(connection, mobile_hourly_series, members, since_hour, table.sample_count, table.moving_km)
    device, hour, (count, km) = _arrays(connection, query, members, 2)
    nothing = np.full(len(hour), np.nan)
    seen = HourlySeries(
        device=device,
        hour=hour,
        level_pct=nothing,
        latest_level_pct=nothing,
        sample_count=count.astype(np.int64),
        demand_liters=nothing,
        inflow_liters=nothing,
    )
    return Movement(device=device, hour=hour, moving_km=km), seen


def _joined(series: HourlySeries, seen: HourlySeries) -> HourlySeries:
    """Put the hours of trucks behind those of tanks: no reservoir is both."""
    return HourlySeries(
        **{
            name: np.concatenate([getattr(series, name), getattr(seen, name)])
            for name in HourlySeries.__slots__
        }
    )


def _since(
    connection: Connection, table: Table, members: list[uuid.UUID], since_hour: int, *columns: Any
) -> Select[Any]:
    return (
        select(table.c.reservoir_id, epoch_ms(table.c.hour_at, connection.dialect.name), *columns)
        .where(table.c.reservoir_id.in_(members), table.c.hour_at >= hour_moment(since_hour))
        .order_by(table.c.reservoir_id, table.c.hour_at)
    )


def _arrays(
    connection: Connection, query: Select[Any], members: list[uuid.UUID], width: int
) -> tuple[I64, I64, list[F64]]:
    index = {member: i for i, member in enumerate(members)}
    found = connection.execute(query).all()
    columns = list(zip(*found, strict=True)) if found else [()] * (width + 2)
    device = np.array([index[key] for key in columns[0]], dtype=np.int64)
    hour = np.array(columns[1], dtype=np.int64) // HOUR_MS
    return device, hour, [np.array(column, dtype=np.float64) for column in columns[2:]]


def _stops(connection: Connection, members: list[uuid.UUID], since_hour: int) -> Stops:
    table, name = mobile_stop_episodes.c, connection.dialect.name
    times = ("started_at", "ended_at", "first_point_at", "last_point_at")
    values = ("latitude", "longitude", "volume_before_liters", "volume_after_liters", "transit_change_liters")
    query = (
        select(
            table.reservoir_id,
            *(epoch_ms(table[column], name).label(f"{column}_ms") for column in times),
            table.point_count,
            table.kind,
            *(table[column] for column in values),
        )
        .where(table.reservoir_id.in_(members), table.ended_at >= hour_moment(since_hour))
        .order_by(table.reservoir_id, table.first_point_at)
    )
    index = {member: i for i, member in enumerate(members)}
    found = connection.execute(query).all()
    columns = list(zip(*found, strict=True)) if found else [()] * (7 + len(values))
    started, ended, first, last, count = (np.array(column, dtype=np.int64) for column in columns[1:6])
    latitude, longitude, before, after, transit = (
        np.array(column, dtype=np.float64) for column in columns[7:]
    )
    return Stops(
        device=np.array([index[key] for key in columns[0]], dtype=np.int64),
        started_ms=started,
        ended_ms=ended,
        first_point_ms=first,
        last_point_ms=last,
        point_count=count,
        latitude=latitude,
        longitude=longitude,
        volume_before_liters=before,
        volume_after_liters=after,
        transit_change_liters=transit,
        kind=np.array(columns[6], dtype=np.str_),
    )
