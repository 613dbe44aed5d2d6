"""Places that trucks come back to: stops clustered by DBSCAN on great-circle distance.

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

from synthlab.errors import AdapterUnavailableError, Problem
from synthlab.platform.outbox import NAMESPACE
from synthlab.platform.read_models import epoch_ms, mobile_places, mobile_stop_episodes, moment, upsert
from synthlab.quality.motion import EARTH_RADIUS_METERS, great_circle_meters
from synthlab.quality.stops import StopKind

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

PLACE_RADIUS_METERS = 40.0
"""Stops of one place lie nearer to one another. Assumed: a yard; ten times the error of a
position in town (domain facts: 3 m), below the distance of two clients. [m]"""

MIN_STOPS = 3
"""Fewer stops make no place. Assumed: twice is chance."""

OVERNIGHT_HOURS = 4.0
"""A stay this long, and over a midnight UTC, is one at the base. Assumed. [hours]"""

BASE_SHARE = 0.2
"""Share of overnight stays from which on a place is a base. Assumed: a driver may sleep elsewhere once."""

UNKNOWN_SHARE = 0.01
"""Share of all stops below which a place that is neither base, depot nor client is none: a
bend of the road where trucks have idled a few times. Assumed."""

_HOUR_MS = 3_600_000
_DAY_MS = 86_400_000


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
    labels = _without_chance(stops, labels)
    rows, ids = _places(stops, labels)
    connection.execute(delete(mobile_places))
    upsert(connection, mobile_places, rows)
    _tell_stops(connection, stops, labels, ids)
    return len(rows)


def place_labels(latitude: F64, longitude: F64, *, radius_meters: float, min_stops: int) -> I64:
    """Give each stop the number of its cluster, or -1 where it is in none.

    Parameters
    ----------
    latitude, longitude : ndarray of float64
        [°]
    radius_meters : float
        [m]
    min_stops : int
    """
    if not len(latitude):
        return np.zeros(0, dtype=np.int64)
    try:
        from sklearn.cluster import DBSCAN
    except ImportError as error:
        raise AdapterUnavailableError(
            Problem(
                "ADAPTER_NOT_INSTALLED",
                "clustering places needs scikit-learn",
                remedy="Install synthlab[platform]",
            )
        ) from error
    radians = np.deg2rad(np.column_stack([latitude, longitude]))
    model = DBSCAN(
        eps=radius_meters / EARTH_RADIUS_METERS,
        min_samples=min_stops,
        metric="haversine",
        algorithm="ball_tree",
    )
    return np.asarray(model.fit_predict(radians), dtype=np.int64)


def place_kind(kind: npt.NDArray[np.str_], started_ms: I64, ended_ms: I64) -> str:
    """Say what a place is, from its stops: a base, a depot, a client, or not known.

    Parameters
    ----------
    kind : ndarray of str
        A `StopKind` each.
    started_ms, ended_ms : ndarray of int64
        [ms]
    """
    is_overnight = (ended_ms - started_ms >= OVERNIGHT_HOURS * _HOUR_MS) & (
        ended_ms // _DAY_MS > started_ms // _DAY_MS
    )
    refills, deliveries = (kind == StopKind.REFILL.value).sum(), (kind == StopKind.DELIVERY.value).sum()
    if is_overnight.sum() >= BASE_SHARE * len(kind) and is_overnight.sum() > max(refills, deliveries):
        return "BASE"
    if refills > deliveries and 2 * refills >= len(kind):
        return "REFILL_DEPOT"
    if deliveries > refills and 2 * deliveries >= len(kind):
        return "CLIENT_CLUSTER"
    return "UNKNOWN"


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


def _without_chance(stops: dict[str, npt.NDArray[Any]], labels: I64) -> I64:
    """Take small clusters of no known kind out of the clusters."""
    kept = labels.copy()
    for label in sorted(set(labels.tolist()) - {-1}):
        member = labels == label
        if member.sum() < UNKNOWN_SHARE * len(labels):
            kind = place_kind(*(stops[name][member] for name in ("kind", "started_ms", "ended_ms")))
            kept[member] = -1 if kind == "UNKNOWN" else label
    return kept


def _places(
    stops: dict[str, npt.NDArray[Any]], labels: I64
) -> tuple[list[dict[str, Any]], dict[int, uuid.UUID]]:
    rows, ids = [], {}
    for label in sorted(set(labels.tolist()) - {-1}):
        member = np.flatnonzero(labels == label)
        # Named after its first stop: later stops do not rename a place.
        founder = member[0]
        ids[label] = uuid.uuid5(
            NAMESPACE, f"place {stops['reservoir_id'][founder]} {stops['first_ms'][founder]}"
        )
        latitude, longitude = (
            float(np.mean(stops["latitude"][member])),
            float(np.mean(stops["longitude"][member])),
        )
        started, ended = stops["started_ms"][member], stops["ended_ms"][member]
        center = np.full(len(member), latitude), np.full(len(member), longitude)
        distance = great_circle_meters(*center, stops["latitude"][member], stops["longitude"][member])
        rows.append(
            {
                "id": ids[label],
                "kind": place_kind(stops["kind"][member], started, ended),
                "latitude": latitude,
                "longitude": longitude,
                "radius_meters": float(distance.max()),
                "stop_count": len(member),
                "stay_hours": float((ended - started).sum() / _HOUR_MS),
                "first_seen_at": moment(started.min()),
                "last_seen_at": moment(ended.max()),
            }
        )
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
