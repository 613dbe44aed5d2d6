"""A truck's day: stops chosen by the route's probabilities, and the water they move.

The plan of a day is a pure function of (seed, device, day): each day starts and
ends at the base, with what the day before would have left of an empty start, so
that no plan needs the one before it.  What really is in the tank, and what fits,
is the storage pass's business.  All truck-days of a fleet are planned together; the
loop runs over the stops of a day, not over trucks or days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from synthlab.model.events import SIZE_SHIFT, Events, size_factors
from synthlab.randomness import choices, draws, ticks, uniforms
from synthlab.timeline import SECONDS_PER_DAY

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

BASE, REFILL, CLIENT = 0, 1, 2
KINDS = ("BASE", "REFILL", "CLIENT")

MAX_STOPS_PER_DAY = 120
"""Assumed: ten stops an hour for twelve hours. [1/day]"""

# Assumed: below this share of the capacity a visit to a client is not worth the way.
_MIN_USEFUL_FRACTION = 0.05
# Assumed: how much stops, waits, sizes and speeds vary (log standard deviations).
_SPEED_SIGMA, _LOSS_SIGMA, _QUEUE_SIGMA, _DELIVERY_SIGMA, _IDLE_SIGMA = 0.15, 0.4, 0.6, 0.2, 0.5
_START_JITTER_SECONDS = 1_800
_BASE_BREAK_SECONDS = 2_700
# Assumed: longer rests are no stops of one trip.
_MAX_IDLE_SECONDS = 3 * 3_600
# Assumed: closing the hatch and the papers.
_SOURCE_LEAVE_SECONDS = 120
# One stop uses this many slots of the day's second.
_SLOTS = 16
EARTH_METERS_PER_DEGREE = 111_194.93
"""Source: 2 pi 6,371,008.8 m / 360, the mean earth radius of IUGG. [m/°]"""


@dataclass(frozen=True, slots=True)
class Routes:
    """The points of all trucks, flattened.

    Attributes
    ----------
    latitude, longitude : ndarray of float64, shape (n_points,)
        Sorted by device, then kind. [°]
    offset, count : ndarray of int64, shape (n_devices, 3)
        Where the points of a kind begin, and how many there are.
    cumulative : ndarray of float64, shape (n_devices, 3, 3)
        Cumulative probabilities of the next kind.
    """

    latitude: F64
    longitude: F64
    offset: I64
    count: I64
    cumulative: F64


@dataclass(frozen=True, slots=True)
class Legs:
    """Trips from stop to stop, as parallel arrays sorted by device and departure.

    ``arrive_second`` is when the truck stops at ``to_point``; an idle stop of
    ``idle_seconds`` lies within the trip, after the share ``idle_fraction`` of the way.
    """

    device: I64
    depart_second: I64
    arrive_second: I64
    from_point: I64
    to_point: I64
    to_kind: I64
    idle_seconds: I64
    idle_fraction: F64


@dataclass(frozen=True, slots=True)
class DayPlans:
    """What the trucks are to do: trips, and the water of each kind of event."""

    legs: Legs
    loads: Events
    deliveries: Events
    losses: Events


@dataclass(slots=True)
class _Days:
    """State of the planning of all truck-days."""

    device: I64
    day_second: I64
    second: I64
    kind: I64
    point: I64
    content_ml: F64
    loss_due_ml: F64
    is_open: npt.NDArray[np.bool_]
    legs: list[Legs] = field(default_factory=list)
    loads: list[Events] = field(default_factory=list)
    deliveries: list[Events] = field(default_factory=list)
    losses: list[Events] = field(default_factory=list)


def plan_days(
    *, days: I64, keys: U64, capacity_ml: F64, routes: Routes, parameters: Mapping[str, F64]
) -> DayPlans:
    """Plan every truck's every day.

    Parameters
    ----------
    days : ndarray of int64, shape (n_days,)
        Days since 1970-01-01 UTC.
    keys : ndarray of uint64, shape (n_devices,)
    capacity_ml : ndarray of float64, shape (n_devices,)
        [milliliters]
    routes : Routes
    parameters : mapping of str to ndarray of float64, shape (n_devices,)
        The mobile archetypes' parameters, by name.

    Returns
    -------
    DayPlans
        Legs sorted by device and departure.
    """
    first_try = _plan(np.append(days[0] - 1, days), None, keys, capacity_ml, routes, parameters)
    left = first_try.content_ml.reshape(-1, len(keys))[:-1]
    state = _plan(days, left, keys, capacity_ml, routes, parameters)
    return DayPlans(
        _sorted_legs(state.legs),
        *(Events.joined(parts) for parts in (state.loads, state.deliveries, state.losses)),
    )


def _plan(
    days: I64,
    start_content_ml: F64 | None,
    keys: U64,
    capacity_ml: F64,
    routes: Routes,
    parameters: Mapping[str, F64],
) -> _Days:
    """Plan all truck-days, from empty tanks where no content is given."""
    device = np.tile(np.arange(len(keys)), len(days))
    day_second = np.repeat(days, len(keys)) * SECONDS_PER_DAY
    jitter = choices(draws(ticks(day_second), keys[device]), _START_JITTER_SECONDS)
    shift_start = (parameters["shift_start_hour"][device] * 3600).astype(np.int64)
    content = np.zeros(len(device)) if start_content_ml is None else start_content_ml.reshape(-1)
    state = _Days(
        device=device,
        day_second=day_second,
        second=day_second + shift_start + jitter,
        kind=np.full(len(device), BASE),
        point=routes.offset[device, BASE],
        content_ml=content.copy(),
        loss_due_ml=np.zeros(len(device)),
        is_open=np.ones(len(device), dtype=bool),
    )
    for stop in range(MAX_STOPS_PER_DAY):
        active = np.flatnonzero(state.is_open)
        if not len(active):
            break
        _next_stop(state, active, stop, keys, capacity_ml, routes, parameters)
    return state


def _next_stop(
    state: _Days,
    active: I64,
    stop: int,
    keys: U64,
    capacity_ml: F64,
    routes: Routes,
    parameters: Mapping[str, F64],
) -> None:
    """Choose the next stop of each open truck-day, drive there and work there."""
    device = state.device[active]
    value = {name: column[device] for name, column in parameters.items()}
    key, base_slot = keys[device], 1 + stop * _SLOTS
    tick_second = state.day_second[active]

    def word(slot: int) -> U64:
        return draws(ticks(tick_second, base_slot + slot), key)

    def spread(slot: int, sigma: float) -> F64:
        return size_factors(sigma)[(word(slot) >> SIZE_SHIFT).astype(np.int64)]

    depart, content, capacity = state.second[active], state.content_ml[active], capacity_ml[device]
    shift_end = tick_second + ((value["shift_start_hour"] + value["shift_hours"]) * 3600).astype(np.int64)
    is_last = (depart >= shift_end) | (stop == MAX_STOPS_PER_DAY - 1)
    kind = _next_kind(
        uniforms(word(0)), routes.cumulative[device, state.kind[active]], content, capacity, is_last
    )
    point = _choose_point(word(1), routes, device, kind, state.point[active], is_last)
    here = state.point[active]
    meters = road_meters(routes, here, point) * value["detour_factor"]
    drive = np.maximum(60, np.rint(meters * 3.6 / (value["travel_speed_kmh"] * spread(2, _SPEED_SIGMA))))
    idles = uniforms(word(3)) < value["idle_stop_prob"]
    rest = np.minimum(np.rint(value["idle_stop_minutes"] * 60 * spread(4, _IDLE_SIGMA)), _MAX_IDLE_SECONDS)
    idle = np.where(idles, rest, 0.0)
    arrive = depart + (drive + idle).astype(np.int64)
    state.legs.append(
        Legs(device, depart, arrive, here, point, kind, idle.astype(np.int64), 0.2 + 0.6 * uniforms(word(5)))
    )
    content = _lose(state, active, device, depart, arrive, content)
    overhead = (value["stop_overhead_minutes"] * 60).astype(np.int64)
    queue = np.rint(value["refill_queue_minutes"] * 60 * spread(7, _QUEUE_SIGMA)).astype(np.int64)
    # Nobody queues beyond the shift: the day must end before the next one begins.
    queue = np.minimum(queue, np.maximum(shift_end - arrive, 0))
    leave = np.where(kind == BASE, arrive + _BASE_BREAK_SECONDS, arrive + overhead)
    before = content
    leave, content = _refill(state, device, arrive + queue, leave, kind, content, capacity, value)
    state.loss_due_ml[active] += (content - before) * value["loss_fraction"] * spread(6, _LOSS_SIGMA)
    wanted = np.rint(value["delivery_fraction"] * capacity * spread(8, _DELIVERY_SIGMA))
    leave, content = _deliver(state, device, arrive, leave, kind, content, capacity, wanted, value)
    state.second[active], state.kind[active], state.point[active] = leave, kind, point
    state.content_ml[active] = content
    state.is_open[active] = ~is_last


def _next_kind(
    uniform: F64, cumulative: F64, content: F64, capacity: F64, is_last: npt.NDArray[np.bool_]
) -> I64:
    kind = (uniform[:, None] >= cumulative[:, :2]).sum(axis=1)
    kind = np.where((kind == CLIENT) & (content < _MIN_USEFUL_FRACTION * capacity), REFILL, kind)
    return np.where(is_last, BASE, kind)


def _choose_point(
    words: U64, routes: Routes, device: I64, kind: I64, here: I64, is_last: npt.NDArray[np.bool_]
) -> I64:
    """Choose evenly among the points of a kind, but not the one where the truck stands."""
    offset, count = routes.offset[device, kind], routes.count[device, kind]
    point = offset + np.where(is_last, 0, choices(words, np.maximum(count, 1)))
    again = (point == here) & (count > 1) & ~is_last
    return np.where(again, offset + (point - offset + 1) % np.maximum(count, 1), point)


def _lose(state: _Days, active: I64, device: I64, depart: I64, arrive: I64, content: F64) -> F64:
    """Lose half of what a load is still to lose on each trip, so nearly all of it in the end.

    Never more than half of the content: a leak runs slower as the tank empties, and no truck
    comes to a client's door with nothing.
    """
    lost = np.floor(np.minimum(state.loss_due_ml[active], content) / 2)
    state.loss_due_ml[active] -= lost
    some = np.flatnonzero(lost > 0)
    state.losses.append(
        Events(device[some], depart[some], (arrive - depart)[some], lost[some].astype(np.int64))
    )
    return content - lost


def _refill(
    state: _Days,
    device: I64,
    begin: I64,
    leave: I64,
    kind: I64,
    content: F64,
    capacity: F64,
    value: Mapping[str, F64],
) -> tuple[I64, F64]:
    """Fill up the tanks that stand at a source; more than fits is not taken."""
    some = np.flatnonzero(kind == REFILL)
    volume = np.floor(capacity[some] - content[some])
    length = np.ceil(volume / (value["refill_liters_per_minute"][some] * 1000 / 60)).astype(np.int64)
    length = np.maximum(length, 1)
    state.loads.append(Events(device[some], begin[some], length, volume.astype(np.int64)))
    leave, content = leave.copy(), content.copy()
    leave[some] = begin[some] + length + _SOURCE_LEAVE_SECONDS
    content[some] += volume
    return leave, content


def _deliver(
    state: _Days,
    device: I64,
    arrive: I64,
    leave: I64,
    kind: I64,
    content: F64,
    capacity: F64,
    wanted: F64,
    value: Mapping[str, F64],
) -> tuple[I64, F64]:
    some = np.flatnonzero((kind == CLIENT) & (content > 0))
    left = content[some] - wanted[some]
    volume = np.floor(np.where(left < 0.04 * capacity[some], content[some], wanted[some]))
    length = np.ceil(volume / (value["discharge_liters_per_minute"][some] * 1000 / 60)).astype(np.int64)
    begin = arrive[some] + (value["stop_overhead_minutes"][some] * 30).astype(np.int64)
    state.deliveries.append(Events(device[some], begin, np.maximum(length, 1), volume.astype(np.int64)))
    leave, content = leave.copy(), content.copy()
    leave[some] += length
    content[some] -= volume
    return leave, content


def road_meters(routes: Routes, from_point: I64, to_point: I64) -> F64:
    """Straight distance between points, on a locally flat earth. [m]

    Valid to about 0.1 % up to 100 km and 60° of latitude.
    """
    latitude_0, latitude_1 = routes.latitude[from_point], routes.latitude[to_point]
    north = (latitude_1 - latitude_0) * EARTH_METERS_PER_DEGREE
    east = (routes.longitude[to_point] - routes.longitude[from_point]) * EARTH_METERS_PER_DEGREE
    # Rounded, so that the last bit of a machine's cos cannot reach a time or a position.
    shrink = np.round(np.cos(np.deg2rad((latitude_0 + latitude_1) / 2)), 9)
    return np.sqrt(north * north + (east * shrink) * (east * shrink))


def _sorted_legs(parts: list[Legs]) -> Legs:
    names = Legs.__slots__
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    order = np.lexsort((joined["depart_second"], joined["device"]))
    return Legs(**{name: column[order] for name, column in joined.items()})
