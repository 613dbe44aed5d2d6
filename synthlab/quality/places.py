"""Places that trucks come back to: stops clustered by DBSCAN on great-circle distance.

The platform stores them as a job of its own; `places_from_frame` finds the same ones
in a frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthlab.errors import AdapterUnavailableError, Problem
from synthlab.quality.metrics import devices_of_rows, frame_points, judged_rows
from synthlab.quality.motion import EARTH_RADIUS_METERS, from_one_side, great_circle_meters, on_the_globe
from synthlab.quality.stops import StopKind, Stops, stop_episodes

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Text = npt.NDArray[np.str_]

PLACE_RADIUS_METERS = 40.0
"""Stops of one place lie nearer to one another. Assumed: a yard; ten times the error of a
position in town (domain facts: 3 m), below the distance of two clients. [m]"""

MIN_STOPS = 4
"""Fewer stops make no place. Assumed: three pauses at one bend within a month are chance."""

OVERNIGHT_HOURS = 4.0
"""A stay this long, and over a midnight UTC, is one at the base. Assumed. [hours]"""

BASE_SHARE = 0.2
"""Share of overnight stays from which on a place is a base. Assumed: a driver may sleep elsewhere once."""

UNKNOWN_SHARE = 0.03
"""Share of its trucks' stops below which a place that is neither base, depot nor client is
none: a bend of the road where a truck has idled a few times. Assumed: once a day, of thirty stops."""

PLACE_COLUMNS = (
    "kind",
    "latitude",
    "longitude",
    "radius_meters",
    "stop_count",
    "stay_hours",
    "delivered_liters",
    "loaded_liters",
    "zone_id",
)

_HOUR_MS = 3_600_000
_DAY_MS = 86_400_000


def places_from_frame(
    frame: pd.DataFrame, *, reservoirs: pd.DataFrame | Mapping[str, Any] | None = None
) -> pd.DataFrame:
    """Find the places where a frame's trucks stop, from positions and readings alone.

    Parameters
    ----------
    frame : DataFrame
        A telemetry frame.
    reservoirs : DataFrame or mapping, optional
        As of `synthlab.metrics`.

    Returns
    -------
    DataFrame
        One row a place, the most used first: ``kind`` (BASE, REFILL_DEPOT,
        CLIENT_CLUSTER, UNKNOWN), ``latitude``, ``longitude``, ``radius_meters``,
        ``stop_count``, ``stay_hours``, ``delivered_liters``, ``loaded_liters``, and the
        ``zone_id`` of the trucks that stop there most.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a column is missing, or no rows.
    AdapterUnavailableError
        Code ``ADAPTER_NOT_INSTALLED``: scikit-learn is missing.
    """
    rows, device, time_ms, ids = judged_rows(frame)
    devices = devices_of_rows(rows, device, ids, reservoirs)
    mobile = devices.is_mobile[device]
    points = frame_points(rows[mobile], device[mobile], time_ms[mobile], devices.capacity_liters)
    stops = stop_episodes(points, capacity_liters=devices.capacity_liters)
    labels = place_labels(
        stops.latitude, stops.longitude, radius_meters=PLACE_RADIUS_METERS, min_stops=MIN_STOPS
    )
    labels = without_chance(labels, stops.device, stops.kind, stops.started_ms, stops.ended_ms)
    found = [
        _with_water(stops, np.flatnonzero(labels == label), devices.zone_id) for label in known_labels(labels)
    ]
    table = pd.DataFrame(found, columns=list(PLACE_COLUMNS))
    return table.sort_values("stop_count", ascending=False, kind="stable").reset_index(drop=True)


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


def place_kind(kind: Text, started_ms: I64, ended_ms: I64) -> str:
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


def known_labels(labels: I64) -> list[int]:
    """Return the numbers of the clusters, in order."""
    return sorted(set(labels.tolist()) - {-1})


def without_chance(labels: I64, truck: npt.NDArray[Any], kind: Text, started_ms: I64, ended_ms: I64) -> I64:
    """Take small clusters of no known kind out of the clusters.

    Parameters
    ----------
    labels : ndarray of int64
        From `place_labels`.
    truck : ndarray
        Whose stop it is: any values that tell trucks apart.
    kind, started_ms, ended_ms : ndarray
        Of the stops.
    """
    kept = labels.copy()
    codes, trucks = pd.factorize(truck)
    stop_counts = np.bincount(codes, minlength=len(trucks))
    for label in known_labels(labels):
        member = labels == label
        if member.sum() < UNKNOWN_SHARE * stop_counts[np.unique(codes[member])].sum():
            is_unknown = place_kind(kind[member], started_ms[member], ended_ms[member]) == "UNKNOWN"
            kept[member] = -1 if is_unknown else label
    return kept


def place_summary(
    latitude: F64, longitude: F64, kind: Text, started_ms: I64, ended_ms: I64
) -> dict[str, Any]:
    """Describe a place by its stops: kind, center, radius, count and stay."""
    # Of a place on the 180th meridian both halves count from one side.
    center_latitude = float(np.mean(latitude))
    center_longitude = float(on_the_globe(from_one_side(longitude, longitude[0]).mean(keepdims=True))[0])
    center = np.full(len(latitude), center_latitude), np.full(len(latitude), center_longitude)
    return {
        "kind": place_kind(kind, started_ms, ended_ms),
        "latitude": center_latitude,
        "longitude": center_longitude,
        "radius_meters": float(great_circle_meters(*center, latitude, longitude).max()),
        "stop_count": len(latitude),
        "stay_hours": float((ended_ms - started_ms).sum() / _HOUR_MS),
    }


def _with_water(stops: Stops, member: I64, zone_id: npt.NDArray[np.object_]) -> dict[str, Any]:
    kind, change = stops.kind[member], stops.volume_change_liters[member]
    zones = pd.Series(zone_id[stops.device[member]], dtype=object).dropna()
    found = place_summary(
        stops.latitude[member],
        stops.longitude[member],
        kind,
        stops.started_ms[member],
        stops.ended_ms[member],
    )
    return found | {
        "delivered_liters": float(np.abs(change[kind == StopKind.DELIVERY.value]).sum()),
        "loaded_liters": float(change[kind == StopKind.REFILL.value].sum()),
        "zone_id": None if zones.empty else str(zones.mode().iloc[0]),
    }
