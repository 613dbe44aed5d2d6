"""Stop episodes of trucks into the read models, from positions and readings.

A new point can change the stops of the last hours only (`SETTLED_MS`), so stops are
found anew from the last one that is settled on; what lies before stays as it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, and_, delete, select

from synthlab.platform.hourly import Touched
from synthlab.platform.read_models import (
    epoch_ms,
    hour_moment,
    mobile_hourly_series,
    mobile_stop_episodes,
    moment,
    upsert,
)
from synthlab.platform.schema import device_location_points, devices, reservoir_readings
from synthlab.quality.motion import Points, hourly_movement
from synthlab.quality.stops import SETTLED_MS, Stops, stop_episodes
from synthlab.quality.windows import HOUR_MS


@dataclass(frozen=True, slots=True)
class _Span:
    """From when points are read, and from when stops are written anew; None = from the first one."""

    read_from_ms: int | None
    write_from_ms: int | None


def update_stops(
    connection: Connection, touched: Touched, capacity_liters: Mapping[uuid.UUID, float]
) -> None:
    """Write the stops and the hourly way that new points of trucks change.

    Parameters
    ----------
    connection : Connection
    touched : mapping
    capacity_liters : mapping of UUID to float
        NaN where it is not known. [liters]
    """
    trucks = sorted(touched, key=str)
    if not trucks:
        return
    spans = [_span(connection, truck, int(touched[truck].min())) for truck in trucks]
    points = _points(connection, trucks, spans)
    capacity = np.array([capacity_liters[truck] for truck in trucks])
    _write_stops(connection, trucks, spans, stop_episodes(points, capacity_liters=capacity))
    way = hourly_movement(points)
    begin = np.array([(span.write_from_ms or 0) // HOUR_MS for span in spans], dtype=np.int64)
    changed = way.hour >= begin[way.device]
    rows = [
        {"reservoir_id": trucks[device], "hour_at": hour_moment(hour), "moving_km": km}
        for device, hour, km in zip(
            way.device[changed].tolist(),
            way.hour[changed].tolist(),
            way.moving_km[changed].tolist(),
            strict=True,
        )
    ]
    upsert(connection, mobile_hourly_series, rows)


def _span(connection: Connection, truck: uuid.UUID, first_new_ms: int) -> _Span:
    table = mobile_stop_episodes.c
    query = (
        select(epoch_ms(table.first_point_at, connection.dialect.name))
        .where(table.reservoir_id == truck, table.last_point_at < moment(first_new_ms - SETTLED_MS))
        .order_by(table.last_point_at.desc())
        .limit(2)
    )
    settled = list(connection.execute(query).scalars())
    if len(settled) < 2:
        return _Span(None, None)
    # The stop before gives the content at the begin of the way to the first one written.
    latest, before = settled
    return _Span(before - SETTLED_MS, latest)


def _points(connection: Connection, trucks: list[uuid.UUID], spans: list[_Span]) -> Points:
    place, reading = device_location_points.c, reservoir_readings.c
    found: list[tuple[int, ...]] = []
    for index, (truck, span) in enumerate(zip(trucks, spans, strict=True)):
        own = select(devices.c.id).where(devices.c.reservoir_id == truck)
        query = (
            select(
                epoch_ms(place.recorded_at, connection.dialect.name),
                place.latitude,
                place.longitude,
                place.speed_kmh,
                reading.volume_liters,
            )
            .select_from(
                device_location_points.outerjoin(
                    reservoir_readings,
                    # By time too: that is what the index knows.
                    and_(
                        reading.reservoir_id == truck,
                        reading.recorded_at == place.recorded_at,
                        reading.telemetry_message_id == place.telemetry_message_id,
                    ),
                )
            )
            .where(place.device_id.in_(own))
            .order_by(place.recorded_at, place.id)
        )
        if span.read_from_ms is not None:
            query = query.where(place.recorded_at >= moment(span.read_from_ms))
        found += [(index, *row) for row in connection.execute(query)]
    columns = list(zip(*found, strict=True)) if found else [()] * 6
    return Points(
        device=np.array(columns[0], np.int64),
        time_ms=np.array(columns[1], np.int64),
        latitude=np.array(columns[2], np.float64),
        longitude=np.array(columns[3], np.float64),
        speed_kmh=np.array(columns[4], np.float64),
        volume_liters=np.array(columns[5], np.float64),
    )


def _write_stops(connection: Connection, trucks: list[uuid.UUID], spans: list[_Span], stops: Stops) -> None:
    begin = np.array([span.write_from_ms or 0 for span in spans], dtype=np.int64)
    fresh = stops.where(stops.first_point_ms >= begin[stops.device])
    table = mobile_stop_episodes.c
    for index, (truck, span) in enumerate(zip(trucks, spans, strict=True)):
        keep = [moment(at) for at in fresh.first_point_ms[fresh.device == index]]
        stale = select(table.first_point_at).where(table.reservoir_id == truck)
        if span.write_from_ms is not None:
            stale = stale.where(table.first_point_at >= moment(span.write_from_ms))
        gone = set(connection.execute(stale).scalars()).difference(keep)
        for at in sorted(gone):
            connection.execute(
                delete(mobile_stop_episodes).where(table.reservoir_id == truck, table.first_point_at == at)
            )
    upsert(connection, mobile_stop_episodes, [_row(fresh, i, trucks) for i in range(len(fresh.device))])


def _row(stops: Stops, i: int, trucks: list[uuid.UUID]) -> dict[str, object]:
    row: dict[str, object] = {
        "reservoir_id": trucks[stops.device[i]],
        "first_point_at": moment(stops.first_point_ms[i]),
        "last_point_at": moment(stops.last_point_ms[i]),
        "started_at": moment(stops.started_ms[i]),
        "ended_at": moment(stops.ended_ms[i]),
        "point_count": int(stops.point_count[i]),
        "latitude": float(stops.latitude[i]),
        "longitude": float(stops.longitude[i]),
        "kind": str(stops.kind[i]),
    }
    for name in ("volume_before_liters", "volume_after_liters", "transit_change_liters"):
        value = float(getattr(stops, name)[i])
        row[name] = None if value != value else value
    return row
