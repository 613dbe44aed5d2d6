"""The water of a truck at each turn of its day: leaked, stolen, filled in, handed out.

Volumes are whole milliliters.  What is planned here fits the content that the plan
knows of; what really is in the tank is the storage pass's business.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthlab.model.events import Events

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

SMALLEST_REST_FRACTION = 0.04
"""A client takes the rest too where less than this would stay in the truck.
Assumed: nobody drives home with a tub of water. [fraction of capacity]"""
THEFT_DELAY_SECONDS = 120
THEFT_LITERS_PER_MINUTE = 60.0
"""Assumed: a garden hose from the drain cock, some minutes after the truck has stopped. [liters/min]"""


def leak_volumes(due_ml: F64, content_ml: F64) -> F64:
    """Lose half of what a load is still to lose on each trip, so nearly all of it in the end.

    Never more than half of the content: a leak runs slower as the tank empties, and no
    truck comes to a client's door with nothing.  [milliliters]
    """
    return np.floor(np.minimum(due_ml, content_ml) / 2)


def leak_events(
    device: I64, volume_ml: F64, depart: I64, before_idle: I64, idle: I64, arrive: I64
) -> list[Events]:
    """Spread a trip's loss over its driving: what shakes and spills stops where the truck stops.

    Parameters
    ----------
    device : ndarray of int64, shape (n_trips,)
    volume_ml : ndarray of float64, shape (n_trips,)
        [milliliters]
    depart, arrive : ndarray of int64
        Unix time. [seconds]
    before_idle, idle : ndarray of int64
        Driving before the non-productive stop, and its length; 0 without one. [seconds]
    """
    drive = arrive - depart - idle
    first = np.where(idle > 0, np.floor(volume_ml * before_idle / drive), volume_ml)
    first_length = np.where(idle > 0, before_idle, drive)
    rest = volume_ml - first
    return [
        some_events(first > 0, device, depart, first_length, first),
        some_events(rest > 0, device, depart + before_idle + idle, drive - before_idle, rest),
    ]


def theft(
    device: I64, happens: Bool, wanted_liters: F64, idle_begin: I64, idle: I64, content_ml: F64
) -> tuple[Events, F64]:
    """Draw water off a truck that pauses on the way; at most half of what is in it.

    Returns
    -------
    Events
        Within the pause.
    volume_ml : ndarray of float64, shape (n_trips,)
        [milliliters]
    """
    room = np.maximum(idle - THEFT_DELAY_SECONDS, 0)
    most = np.minimum(room * (THEFT_LITERS_PER_MINUTE * 1000 / 60), content_ml / 2)
    volume = np.where(happens, np.floor(np.minimum(wanted_liters * 1000.0, most)), 0.0)
    length = flow_seconds(volume, np.array(THEFT_LITERS_PER_MINUTE))
    return some_events(volume > 0, device, idle_begin + THEFT_DELAY_SECONDS, length, volume), volume


def flow_seconds(volume_ml: F64, liters_per_minute: F64) -> I64:
    """Return how long a volume flows at a rate that it never exceeds; at least a second. [seconds]"""
    return np.maximum(np.ceil(volume_ml / (liters_per_minute * 1000 / 60)), 1).astype(np.int64)


def delivery_volumes(content_ml: F64, capacity_ml: F64, order_ml: F64, room_share: F64) -> F64:
    """Say what clients take: the order, all that is left, or only what the tank has room for.

    Parameters
    ----------
    content_ml, capacity_ml : ndarray of float64, shape (n,)
        Of the truck. [milliliters]
    order_ml : ndarray of float64, shape (n,)
        [milliliters]
    room_share : ndarray of float64, shape (n,)
        Room in the client's tank / order; 1: there is room enough. [unitless]
    """
    whole = np.where(content_ml - order_ml < SMALLEST_REST_FRACTION * capacity_ml, content_ml, order_ml)
    part = np.minimum(np.maximum(np.floor(order_ml * room_share), 1.0), content_ml)
    return np.floor(np.where(room_share < 1.0, part, whole))


def some_events(keep: Bool, device: I64, start: I64, length: I64, volume_ml: F64) -> Events:
    """Return the events of a mask; nothing moves no water."""
    at = np.flatnonzero(keep)
    return Events(device[at], start[at], np.maximum(length[at], 1), volume_ml[at].astype(np.int64))
