"""Where a truck is at a moment: stops, and trips along a bent road at changing speed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import log
from typing import Any

import numpy as np
import numpy.typing as npt

from synthlab.model.events import SIZE_SHIFT
from synthlab.model.trips import (
    BASE,
    CLIENT,
    EARTH_METERS_PER_DEGREE,
    REFILL,
    Legs,
    Routes,
    around_the_globe,
    degree_shrink,
    road_meters,
)
from synthlab.randomness import draws, normals, ticks

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

ACTIVITY_TRAVEL, ACTIVITY_IDLE = 0, 4
"""Codes in the order of `columns.ACTIVITIES`."""
_STOP_ACTIVITY = np.array([1, 2, 3])  # by kind: BASE, REFILL, CLIENT

PIECE_METERS = 250.0
"""Length of road driven at one speed, from bend to bend. Source: M. [m]"""
_MAX_PIECES = 96  # Assumed: beyond 24 km the blocks are longer.
# Speed on a piece of road against that of the trip, by equal share of the way; and how often
# and how long traffic stops between two pieces.  Source: M, delivery vehicles in town, a position
# every 5 s: speeds at 5/25/50/75/95 % .04/.53/1.04/1.41/1.97 of the mean, autocorrelation of a
# trip's speed .82/.59/.44/.20 at 5/10/15/30 s.
_SLOWEST, _FASTEST, _SPEED_POWER = 0.4, 2.1, 0.7
_WAIT_PROB, _WAIT_MEAN_SECONDS, _WAIT_MAX_SECONDS = 0.28, 14.0, 60.0
_NOMINAL_KMH = 24.0
# Assumed: a degree from west to east is at least this much of one from south to north where a road
# bends; half a degree from a pole there are none.
_LEAST_SHRINK = 0.01
_TABLE_BITS = 12
_LOW_BITS = np.uint64((1 << _TABLE_BITS) - 1)


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
    names = ("device", "leg", "start", "seconds", "lat", "lon", "dlat", "dlon", "activity")
    joined = {name: np.concatenate([part[name] for part in parts]) for name in names}
    order = np.argsort(joined["device"] * _KEY_SPAN + joined["start"], kind="stable")
    piece = {name: column[order] for name, column in joined.items()}
    north, east = _north_east(piece["lat"], piece["dlat"], piece["dlon"])
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
        course_degrees=_courses(north, east, piece["leg"]),
        activity=piece["activity"],
    )


def _north_east(latitude: F64, latitude_change: F64, longitude_change: F64) -> tuple[F64, F64]:
    """Turn small changes of position to meters, on an earth that is flat around the latitude."""
    east = longitude_change * EARTH_METERS_PER_DEGREE
    return latitude_change * EARTH_METERS_PER_DEGREE, east * degree_shrink(latitude)


def _courses(north: F64, east: F64, leg: I64) -> F64:
    """Course of each piece; who stands keeps the course of the trip that brought him there."""
    course = np.round(np.rad2deg(np.arctan2(east, north)) % 360.0, 6) % 360.0
    moves = (north != 0) | (east != 0)
    latest = np.maximum.accumulate(np.where(moves, np.arange(len(leg)), 0))
    return np.where(moves[latest] & (leg[latest] == leg), course[latest], 0.0)


def positions(path: Track, seconds: I64, device_count: int) -> dict[str, npt.NDArray[Any]]:
    """Return where each device is at each moment, and what it does there.

    Parameters
    ----------
    path : Track
    seconds : ndarray of int64, shape (n_moments,)
        Unix time, ascending. [seconds]
    device_count : int

    Returns
    -------
    dict of str to ndarray, each (n_moments, n_devices)
        ``latitude``, ``longitude`` [°], ``speed_kmh``, ``course_degrees``, ``activity``.
    """
    key = np.arange(device_count)[:, None] * _KEY_SPAN + seconds
    piece = (np.searchsorted(path.key, key, side="right") - 1).T
    elapsed = seconds[:, None] - path.start_second[piece]
    share = np.minimum(elapsed / path.seconds[piece], 1.0)
    return {
        "latitude": path.latitude[piece] + path.latitude_change[piece] * share,
        "longitude": path.longitude[piece] + path.longitude_change[piece] * share,
        "speed_kmh": path.speed_kmh[piece],
        "course_degrees": path.course_degrees[piece],
        "activity": path.activity[piece],
    }


@cache
def _pace_tables() -> tuple[I64, I64]:
    """Tabulate by equal probability the time that a piece takes and the wait before it.

    Whole numbers in 2^-20 of the time of a piece at the mean speed, so that running sums
    are exact.
    """
    count = 1 << _TABLE_BITS
    share = [(i + 0.5) / count for i in range(count)]
    speeds = [_SLOWEST + (_FASTEST - _SLOWEST) * u**_SPEED_POWER for u in share]
    nominal_seconds = PIECE_METERS * 3.6 / _NOMINAL_KMH
    # Exponential, for the first _WAIT_PROB of the words.
    waits = [
        min(-_WAIT_MEAN_SECONDS * log(u / _WAIT_PROB), _WAIT_MAX_SECONDS) if u < _WAIT_PROB else 0.0
        for u in share
    ]
    return (
        np.array([round(round(1.0 / speed, 9) * 2**20) for speed in speeds]),
        np.array([round(round(wait / nominal_seconds, 9) * 2**20) for wait in waits]),
    )


def _moving_pieces(legs: Legs, routes: Routes, keys: U64, detour_factor: F64) -> dict[str, npt.NDArray[Any]]:
    """Cut each trip to pieces of road between bends, each at its own speed, with waits between."""
    meters = road_meters(routes, legs.from_point, legs.to_point) * detour_factor[legs.device]
    count = np.clip(np.ceil(meters / PIECE_METERS), 1, _MAX_PIECES).astype(np.int64)
    leg = np.repeat(np.arange(len(count)), count)
    first = np.cumsum(count) - count
    ordinal = np.arange(len(leg)) - first[leg]
    words = draws(ticks(legs.depart_second[leg], ordinal), keys[legs.device[leg]])
    lat, lon = _way_points(legs, routes, leg, ordinal, count, detour_factor)
    is_last = ordinal == count[leg] - 1
    next_lat = np.where(is_last, routes.latitude[legs.to_point[leg]], np.append(lat[1:], 0.0))
    next_lon = np.where(is_last, routes.longitude[legs.to_point[leg]], np.append(lon[1:], 0.0))
    next_dlon = around_the_globe(next_lon - lon)
    pace_table, wait_table = _pace_tables()
    pace = pace_table[(words >> SIZE_SHIFT).astype(np.int64)]
    # A piece that goes far aside is longer, and takes longer.
    north, east = _north_east(lat, next_lat - lat, next_dlon)
    length = np.sqrt(north * north + east * east) / PIECE_METERS
    pace = np.maximum(np.rint(pace * length), 1).astype(np.int64)
    wait = wait_table[(words & _LOW_BITS).astype(np.int64)]
    # Nobody waits before setting off.
    wait[first] = 0
    # Whole numbers, so that the running sum is exact: no piece depends on those before its trip.
    clock = np.cumsum(pace + wait)
    start_clock = (clock[first] - pace[first])[leg]
    total = ((clock[first + count - 1]) - (clock[first] - pace[first]))[leg]
    drive = (legs.arrive_second - legs.depart_second - legs.idle_seconds)[leg]

    def second(at: I64) -> I64:
        return np.rint(drive * ((at - start_clock) / total)).astype(np.int64)

    halt, go, end = second(clock - pace - wait), second(clock - pace), np.where(is_last, drive, second(clock))
    rolling = {"leg": leg, "start": go, "end": end, "lat": lat, "lon": lon}
    rolling |= {"dlat": next_lat - lat, "dlon": next_dlon}
    held = np.flatnonzero(go > halt)
    zeros = np.zeros(len(held))
    holding = {"leg": leg[held], "start": halt[held], "end": go[held], "lat": lat[held], "lon": lon[held]}
    holding |= {"dlat": zeros, "dlon": zeros}
    driven = {name: np.concatenate([column, holding[name]]) for name, column in rolling.items()}
    keep = np.flatnonzero(driven["end"] > driven["start"])
    return _with_idle_stops(legs, {name: column[keep] for name, column in driven.items()})


def _with_idle_stops(legs: Legs, driven: dict[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Cut the piece on which a truck pauses in two, and shift what comes after."""
    leg, begin, end = driven["leg"], driven["start"], driven["end"]
    idle = legs.idle_seconds[leg]
    at = legs.before_idle_seconds[leg]
    pauses = np.flatnonzero((idle > 0) & (begin <= at) & (at < end))
    share = ((at - begin) / (end - begin))[pauses]
    rest = {name: column[pauses] for name, column in driven.items()}
    rest["lat"] = rest["lat"] + rest["dlat"] * share
    rest["lon"] = rest["lon"] + rest["dlon"] * share
    pause = rest | {"start": at[pauses], "dlat": np.zeros(len(pauses)), "dlon": np.zeros(len(pauses))}
    rest["dlat"], rest["dlon"] = rest["dlat"] * (1.0 - share), rest["dlon"] * (1.0 - share)
    rest["start"] = at[pauses]
    # The part before the pause stays in its place in the arrays.
    for name in ("dlat", "dlon"):
        driven[name][pauses] *= share
    end = end.copy()
    end[pauses] = at[pauses]
    late = np.where((idle > 0) & (begin > at), idle, 0)
    seconds = np.concatenate([end - begin, rest["end"] - rest["start"], idle[pauses]])
    depart = legs.depart_second
    starts = [depart[leg] + begin + late, depart[rest["leg"]] + rest["start"] + idle[pauses]]
    starts.append(depart[pause["leg"]] + pause["start"])
    joined = {
        name: np.concatenate([driven[name], rest[name], pause[name]])
        for name in ("leg", "lat", "lon", "dlat", "dlon")
    }
    activity = np.full(len(seconds), ACTIVITY_TRAVEL)
    activity[len(activity) - len(pauses) :] = ACTIVITY_IDLE
    piece = joined | {"start": np.concatenate(starts), "seconds": seconds, "activity": activity}
    piece["device"] = legs.device[piece["leg"]]
    keep = np.flatnonzero(seconds > 0)
    return {name: column[keep] for name, column in piece.items()}


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
    dlat, dlon = routes.latitude[b] - lat_a, around_the_globe(routes.longitude[b] - lon_a)
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
    # Across the straight line in meters, not in degrees: these are shorter from west to east.
    shrink = np.maximum(degree_shrink(lat_a + dlat / 2), _LEAST_SHRINK)
    return lat_a + dlat * share - dlon * shrink * bend, lon_a + dlon * share + dlat / shrink * bend


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
        "leg": np.concatenate([np.arange(len(legs.device)), np.full(device_count, -1)]),
        "start": start,
        "seconds": np.full(len(device), 1),
        "lat": routes.latitude[point],
        "lon": routes.longitude[point],
        "dlat": zeros,
        "dlon": zeros,
        "activity": _STOP_ACTIVITY[kind_of[kind]],
    }
