"""Compute the read models of some reservoirs again, as if only what is left had ever come."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import delete, func, select

from synthlab.platform.consumer import lock_cursor, update_read_models
from synthlab.platform.places import cluster_places
from synthlab.platform.read_models import (
    chunks,
    epoch_ms,
    milliseconds,
    mobile_hourly_series,
    mobile_places,
    mobile_stop_episodes,
    reservoir_metrics_windows,
    stationary_hourly_series,
    stationary_supply_events,
    zone_metrics_windows,
)
from synthlab.platform.schema import reservoir_readings
from synthlab.platform.windows import update_windows
from synthlab.quality.windows import HOUR_MS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_BY_RESERVOIR = (
    stationary_hourly_series,
    stationary_supply_events,
    mobile_hourly_series,
    mobile_stop_episodes,
)


def rebuild_read_models(session: Session, touched: Collection[uuid.UUID]) -> None:
    """Write the read models anew after readings were deleted, inside the caller's transaction.

    The consumer only ever adds hours: an hour that lost its readings would stay.

    Parameters
    ----------
    session : Session
    touched : collection of UUID
        Reservoirs that lost readings.
    """
    connection = session.connection()
    lock_cursor(connection)
    table = reservoir_readings.c
    at_ms = epoch_ms(table.recorded_at, connection.dialect.name)
    for part in chunks(sorted(touched, key=str)):
        for model in _BY_RESERVOIR:
            connection.execute(delete(model).where(model.c.reservoir_id.in_(part)))
    # Windows end with the latest hour of all reservoirs, which may have gone with the readings.
    connection.execute(delete(reservoir_metrics_windows))
    connection.execute(delete(zone_metrics_windows))
    times = {
        key: np.array(
            connection.execute(select(at_ms).where(table.reservoir_id == key)).scalars().all(), np.int64
        )
        for key in touched
    }
    update_read_models(connection, {key: found for key, found in times.items() if len(found)})
    latest = connection.execute(select(func.max(table.recorded_at))).scalar()
    if latest is not None:
        series = [select(model.c.reservoir_id).distinct() for model in _BY_RESERVOIR]
        members = {key for query in series for key in connection.execute(query).scalars()}
        update_windows(connection, members, milliseconds(latest) // HOUR_MS)
    if cluster_places(session) == 0:
        connection.execute(delete(mobile_places))
