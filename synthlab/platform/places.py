"""Places that trucks come back to, stored: `synthlab.quality.places` finds them.

A job of its own, run after a drain: it reads all stops, writes `mobile_places` anew and
tells each stop its place.  Its result is a pure function of the stops.
"""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.orm import Session

from synthlab.platform.outbox import NAMESPACE
from synthlab.platform.read_models import epoch_ms, mobile_places, mobile_stop_episodes, moment, upsert
from synthlab.quality.places import (
    MIN_STOPS,
    PLACE_RADIUS_METERS,
    known_labels,
    place_labels,
    place_summary,
    without_chance,
)

I64 = npt.NDArray[np.int64]


def cluster_places(
    session: Session | Connection,
    *,
    radius_meters: float = PLACE_RADIUS_METERS,
    min_stops: int = MIN_STOPS,
) -> int:
    """Cluster all stops into places, and store them.

    Parameters
    ----------
    session : Session or Connection
        In a transaction; the caller commits.
    radius_meters : float
        DBSCAN's reach. [m]
    min_stops : int
        DBSCAN's smallest neighborhood.

    Returns
    -------
    int
        Number of places.

    Raises
    ------
    AdapterUnavailableError
        Code ``ADAPTER_NOT_INSTALLED``: scikit-learn is missing.
    """
    connection = session.connection() if isinstance(session, Session) else session
    stops = _read_stops(connection)
    labels = place_labels(
        stops["latitude"], stops["longitude"], radius_meters=radius_meters, min_stops=min_stops
    )
    labels = without_chance(labels, *(stops[n] for n in ("reservoir_id", "kind", "started_ms", "ended_ms")))
    rows, ids = _places(stops, labels)
    connection.execute(delete(mobile_places))
    upsert(connection, mobile_places, rows)
    _tell_stops(connection, stops, labels, ids)
    return len(rows)


def _read_stops(connection: Connection) -> dict[str, npt.NDArray[Any]]:
    table, name = mobile_stop_episodes.c, connection.dialect.name
    # Ordered in Python: the databases sort a UUID, and a text, by rules of their own.
    query = select(
        table.reservoir_id,
        epoch_ms(table.first_point_at, name),
        epoch_ms(table.started_at, name),
        epoch_ms(table.ended_at, name),
        table.latitude,
        table.longitude,
        table.kind,
        table.place_id,
    )
    found = sorted(connection.execute(query), key=lambda row: (row[1], str(row[0])))
    names = (
        "reservoir_id",
        "first_ms",
        "started_ms",
        "ended_ms",
        "latitude",
        "longitude",
        "kind",
        "place_id",
    )
    kinds = (object, np.int64, np.int64, np.int64, np.float64, np.float64, np.str_, object)
    columns = zip(*found, strict=True) if found else [()] * len(names)
    return {n: np.array(column, dtype=k) for n, column, k in zip(names, columns, kinds, strict=True)}


def _places(
    stops: dict[str, npt.NDArray[Any]], labels: I64
) -> tuple[list[dict[str, Any]], dict[int, uuid.UUID]]:
    rows, ids = [], {}
    for label in known_labels(labels):
        member = np.flatnonzero(labels == label)
        # Named after its first stop: later stops do not rename a place.
        founder = member[0]
        ids[label] = uuid.uuid5(
            NAMESPACE, f"place {stops['reservoir_id'][founder]} {stops['first_ms'][founder]}"
        )
        summary = place_summary(
            stops["latitude"][member],
            stops["longitude"][member],
            stops["kind"][member],
            stops["started_ms"][member],
            stops["ended_ms"][member],
        )
        seen = {
            "first_seen_at": moment(stops["started_ms"][member].min()),
            "last_seen_at": moment(stops["ended_ms"][member].max()),
        }
        rows.append({"id": ids[label]} | summary | seen)
    return rows, ids


def _tell_stops(
    connection: Connection, stops: dict[str, npt.NDArray[Any]], labels: I64, ids: dict[int, uuid.UUID]
) -> None:
    changed = [
        {"truck": reservoir_id, "at": moment(first_ms), "place": ids.get(label)}
        for reservoir_id, first_ms, known, label in zip(
            stops["reservoir_id"], stops["first_ms"].tolist(), stops["place_id"], labels.tolist(), strict=True
        )
        if ids.get(label) != known
    ]
    if changed:
        table = mobile_stop_episodes.c
        statement = update(mobile_stop_episodes).values(place_id=bindparam("place"))
        found = (table.reservoir_id == bindparam("truck"), table.first_point_at == bindparam("at"))
        connection.execute(statement.where(*found), changed)
