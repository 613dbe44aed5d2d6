"""Where a truck is at a moment: stops, and trips along a bent road at changing speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from synthlab.model.events import SIZE_SHIFT, size_factors
from synthlab.model.trips import BASE, CLIENT, EARTH_METERS_PER_DEGREE, REFILL, Legs, Routes, road_meters
from synthlab.randomness import draws, normals, ticks

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

ACTIVITY_TRAVEL, ACTIVITY_IDLE = 0, 4
"""Codes in the order of `columns.ACTIVITIES`."""
_STOP_ACTIVITY = np.array([1, 2, 3])  # by kind: BASE, REFILL, CLIENT

PIECE_METERS = 500.0
"""Length of road driven at one speed. Assumed: a few blocks. [m]"""
_MAX_PIECES = 40
# Assumed: traffic; the log standard deviation of the time that a piece takes.
_PACE_SIGMA = 0.35


@dataclass(frozen=True, slots=True)
class Track:
    """Movement as pieces of constant speed, sorted by device and start.

    Each field is an array with one entry a piece; ``key`` is device and start
    second in one number, for `numpy.searchsorted`.
    """

    key: I64
    start_second: I64
    seconds: I64
    latitude: F64
    longitude: F64
    latitude_change: F64
    longitude_change: F64
    speed_kmh: F64
    course_degrees: F64
    activity: I64


_KEY_SPAN = 1 << 36  # seconds since 1970 fit well below this


def track(legs: Legs, routes: Routes, *, keys: U64, detour_factor: F64) -> Track:
    """Turn trips and the stops between them to pieces of constant speed.

    Parameters
    ----------
    legs : Legs
        Sorted by device and departure.
    routes : Routes
    keys : ndarray of uint64, shape (n_devices,)
    detour_factor : ndarray of float64, shape (n_devices,)
        Length of the road / straight line. [unitless]

    Returns
    -------
    Track
        Before a device's first trip it stands at its base, after the last one at
        the last stop.
    """
    moving = _moving_pieces(legs, routes, keys, detour_factor)
    stops = _stop_pieces(legs, routes, len(keys))
    parts = [moving, stops]
    joined = {
        name: np.concatenate([part[name] for part in parts])
        for name in ("device", "start", "seconds", "lat", "lon", "dlat", "dlon", "activity")
    }
    order = np.argsort(joined["device"] * _KEY_SPAN + joined["start"], kind="stable")
    piece = {name: column[order] for name, column in joined.items()}
    shrink = np.round(np.cos(np.deg2rad(piece["lat"])), 9)
    north = piece["dlat"] * EARTH_METERS_PER_DEGREE
    east = piece["dlon"] * EARTH_METERS_PER_DEGREE * shrink
    meters = np.sqrt(north * north + east * east)
    return Track(
        key=piece["device"] * _KEY_SPAN + piece["start"],
        start_second=piece["start"],
        seconds=np.maximum(piece["seconds"], 1),
        latitude=piece["lat"],
        longitude=piece["lon"],
        latitude_change=piece["dlat"],
        longitude_change=piece["dlon"],
        speed_kmh=meters * 3.6 / np.maximum(piece["seconds"], 1),
        course_degrees=np.round(np.rad2deg(np.arctan2(east, north)) % 360.0, 6) % 360.0,
        activity=piece["activity"],
    )


def find_pieces(path: Track, device: I64, seconds: I64) -> tuple[I64, F64]:
    """Return the piece on which each device is at each moment, and how far along it.

    Parameters
    ----------
    path : Track
    device, seconds : ndarray of int64
        Of equal shape.

    Returns
    -------
    piece : ndarray of int64
    fraction : ndarray of float64
        0..1 of the piece's way. [unitless]
    """
    piece = np.searchsorted(path.key, device * _KEY_SPAN + seconds, side="right") - 1
    elapsed = seconds - path.start_second[piece]
    return piece, np.minimum(elapsed / path.seconds[piece], 1.0)


def _moving_pieces(legs: Legs, routes: Routes, keys: U64, detour_factor: F64) -> dict[str, npt.NDArray[Any]]:
    """Cut each trip to pieces: way points beside the straight line, each piece at its own pace."""
    meters = road_meters(routes, legs.from_point, legs.to_point) * detour_factor[legs.device]
    count = np.clip(np.ceil(meters / PIECE_METERS), 1, _MAX_PIECES).astype(np.int64)
    leg = np.repeat(np.arange(len(count)), count)
    first = np.cumsum(count) - count
    ordinal = np.arange(len(leg)) - first[leg]
    words = draws(ticks(legs.depart_second[leg], ordinal), keys[legs.device[leg]])
    # Whole numbers, so that the running sum is exact: no piece depends on those before its trip.
    pace = np.rint(size_factors(_PACE_SIGMA) * 2.0**20)[(words >> SIZE_SHIFT).astype(np.int64)]
    clock = np.cumsum(pace)
    before = clock - pace - (clock[first] - pace[first])[leg]
    drive = (legs.arrive_second - legs.depart_second - legs.idle_seconds)[leg]
    total = (clock[first + count - 1] - clock[first] + pace[first])[leg]
    begin = np.rint(drive * (before / total)).astype(np.int64)
    end = np.append(begin[1:], 0)
    is_last = ordinal == count[leg] - 1
    end = np.where(is_last, drive, end)
    # The idle stop lies between two pieces: later pieces begin after it.
    idles_before = ordinal >= np.floor(legs.idle_fraction * count)[leg]
    shift = np.where(idles_before, legs.idle_seconds[leg], 0)
    lat, lon = _way_points(legs, routes, leg, ordinal, count, detour_factor)
    next_lat = np.where(is_last, routes.latitude[legs.to_point[leg]], np.append(lat[1:], 0.0))
    next_lon = np.where(is_last, routes.longitude[legs.to_point[leg]], np.append(lon[1:], 0.0))
    keep = np.flatnonzero(end > begin)
    piece = {
        "device": legs.device[leg],
        "start": legs.depart_second[leg] + begin + shift,
        "seconds": end - begin,
        "lat": lat,
        "lon": lon,
        "dlat": next_lat - lat,
        "dlon": next_lon - lon,
        "activity": np.full(len(leg), ACTIVITY_TRAVEL),
    }
    idle = np.flatnonzero((shift > 0) & (np.append(0, shift[:-1]) * (ordinal > 0) == 0))
    idle_piece = {
        "device": legs.device[leg[idle]],
        "start": (legs.depart_second[leg] + begin)[idle],
        "seconds": legs.idle_seconds[leg[idle]],
        "lat": lat[idle],
        "lon": lon[idle],
        "dlat": np.zeros(len(idle)),
        "dlon": np.zeros(len(idle)),
        "activity": np.full(len(idle), ACTIVITY_IDLE),
    }
    return {name: np.concatenate([column[keep], idle_piece[name]]) for name, column in piece.items()}


def _way_points(
    legs: Legs, routes: Routes, leg: I64, ordinal: I64, count: I64, detour_factor: F64
) -> tuple[F64, F64]:
    """Return where each piece begins: on the straight line, or beside it by the road's bends.

    With pieces of length l beside the line by independent offsets of sigma s, the
    way is longer by sqrt(1 + 2 s^2 / l^2); s is chosen so that it is the detour.
    The bends belong to the pair of points: a truck takes the same road again.
    """
    a, b = legs.from_point[leg], legs.to_point[leg]
    lat_a, lon_a = routes.latitude[a], routes.longitude[a]
    dlat, dlon = routes.latitude[b] - lat_a, routes.longitude[b] - lon_a
    share = ordinal / count[leg]
    low, high = np.minimum(a, b), np.maximum(a, b)
    place = np.rint((routes.latitude[low] + 90) * 1e5) * 40_000_000 + np.rint(
        (routes.longitude[high] + 180) * 1e5
    )
    node = np.where(a < b, ordinal, count[leg] - ordinal)
    sideways = normals(draws(ticks(place.astype(np.int64) % (1 << 40), node), np.uint64(0)))[::2]
    detour = detour_factor[legs.device[leg]]
    sigma = np.sqrt((detour * detour - 1.0) / 2.0) / count[leg]
    bend = np.where(ordinal == 0, 0.0, sideways * sigma) * np.where(a < b, 1.0, -1.0)
    return lat_a + dlat * share - dlon * bend, lon_a + dlon * share + dlat * bend


def _stop_pieces(legs: Legs, routes: Routes, device_count: int) -> dict[str, npt.NDArray[Any]]:
    """Return the stops after each trip, and each device's wait before its first one."""
    first = np.searchsorted(legs.device, np.arange(device_count))
    kind_of = np.array([BASE, REFILL, CLIENT])
    device = np.concatenate([legs.device, np.arange(device_count)])
    start = np.concatenate([legs.arrive_second, np.zeros(device_count, dtype=np.int64)])
    point = np.concatenate([legs.to_point, legs.from_point[first]])
    kind = np.concatenate([legs.to_kind, np.full(device_count, BASE)])
    zeros = np.zeros(len(device))
    return {
        "device": device,
        "start": start,
        "seconds": np.full(len(device), 1),
        "lat": routes.latitude[point],
        "lon": routes.longitude[point],
        "dlat": zeros,
        "dlon": zeros,
        "activity": _STOP_ACTIVITY[kind_of[kind]],
    }
