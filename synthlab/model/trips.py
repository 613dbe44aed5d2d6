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

from synthlab.model import cargo, queues
from synthlab.model.events import SIZE_SHIFT, Events, size_factors
from synthlab.randomness import choices, draws, ticks, uniforms
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR

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
_SPEED_SIGMA, _LOSS_SIGMA, _DELIVERY_SIGMA, _IDLE_SIGMA, _THEFT_SIGMA = 0.2, 0.4, 0.2, 0.5, 0.4
_START_JITTER_SECONDS = 1_800
_BASE_BREAK_SECONDS = 2_700
# Assumed: longer rests are no stops of one trip.
_MAX_IDLE_SECONDS = 3 * 3_600
# Assumed: a client who lacks room takes this share of the order, and up to so much more.
_LEAST_ROOM, _ROOM_SPREAD = 0.2, 0.7
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
    source_key : ndarray of uint64, shape (n_points,)
        Stream of the queue at a REFILL point; of other points never used.
    """

    latitude: F64
    longitude: F64
    offset: I64
    count: I64
    cumulative: F64
    source_key: U64


@dataclass(frozen=True, slots=True)
class Legs:
    """Trips from stop to stop, as parallel arrays sorted by device and departure.

    ``arrive_second`` is when the truck stops at ``to_point``; an idle stop of
    ``idle_seconds`` lies within the trip, after ``before_idle_seconds`` of driving.
    """

    device: I64
    depart_second: I64
    arrive_second: I64
    from_point: I64
    to_point: I64
    to_kind: I64
    idle_seconds: I64
    before_idle_seconds: I64


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
    plan = _Planner(days, keys, capacity_ml, routes, parameters)
    first_try = plan.run(np.append(days[0] - 1, days), None)
    left = first_try.content_ml.reshape(-1, len(keys))[:-1]
    state = plan.run(days, left)
    return DayPlans(
        _sorted_legs(state.legs),
        *(Events.joined(parts) for parts in (state.loads, state.deliveries, state.losses)),
    )


class _Planner:
    """Plans truck-days of one fleet."""

    def __init__(
        self, days: I64, keys: U64, capacity_ml: F64, routes: Routes, parameters: Mapping[str, F64]
    ) -> None:
        self._keys, self._capacity, self._routes, self._parameters = keys, capacity_ml, routes, parameters
        # From the day before to where the latest shift of the last day has ended long ago.
        self._hours = np.arange((days[0] - 1) * 24, (days[-1] + 4) * 24)
        source_keys, self._source = np.unique(routes.source_key, return_inverse=True)
        self._queue_factor = queues.queue_factors(self._hours, source_keys)

    def run(self, days: I64, start_content_ml: F64 | None) -> _Days:
        """Plan all truck-days, from empty tanks where no content is given."""
        keys, routes = self._keys, self._routes
        device = np.tile(np.arange(len(keys)), len(days))
        day_second = np.repeat(days, len(keys)) * SECONDS_PER_DAY
        jitter = choices(draws(ticks(day_second), keys[device]), _START_JITTER_SECONDS)
        shift_start = (self._parameters["shift_start_hour"][device] * 3600).astype(np.int64)
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
        for number in range(MAX_STOPS_PER_DAY):
            active = np.flatnonzero(state.is_open)
            if not len(active):
                break
            self._next_stop(state, active, number)
        return state

    def _next_stop(self, state: _Days, active: I64, number: int) -> None:
        """Choose the next stop of each open truck-day, drive there and work there."""
        turn = _Turn(state, active, number, self._keys, self._capacity, self._parameters)
        routes, device, value = self._routes, turn.device, turn.value
        depart, content = state.second[active], state.content_ml[active]
        is_last = (depart >= turn.shift_end) | (number == MAX_STOPS_PER_DAY - 1)
        kind = _next_kind(
            turn.uniform(0), routes.cumulative[device, state.kind[active]], content, turn.capacity, is_last
        )
        here = state.point[active]
        point = _choose_point(turn.word(1), routes, device, kind, here, is_last)
        meters = road_meters(routes, here, point) * value["detour_factor"]
        pace = 3.6 / (value["travel_speed_kmh"] * turn.spread(2, _SPEED_SIGMA))
        drive = np.maximum(60, np.rint(meters * pace)).astype(np.int64)
        rest = np.minimum(
            np.rint(value["idle_stop_minutes"] * 60 * turn.spread(4, _IDLE_SIGMA)), _MAX_IDLE_SECONDS
        )
        idle = np.where(turn.uniform(3) < value["idle_stop_prob"], rest, 0.0).astype(np.int64)
        before_idle = np.where(idle > 0, np.rint(drive * (0.2 + 0.6 * turn.uniform(5))), 0.0).astype(np.int64)
        leg = Legs(device, depart, depart + drive + idle, here, point, kind, idle, before_idle)
        state.legs.append(leg)
        content = _lose(state, active, turn, leg, content)
        leave = np.where(
            kind == BASE, leg.arrive_second + _BASE_BREAK_SECONDS, leg.arrive_second + turn.overhead
        )
        before = content
        leave, content = self._refill(state, turn, leg, leave, content)
        state.loss_due_ml[active] += (content - before) * value["loss_fraction"] * turn.spread(6, _LOSS_SIGMA)
        leave, content = _deliver(state, turn, leg, leave, content)
        state.second[active], state.kind[active], state.point[active] = leave, kind, point
        state.content_ml[active] = content
        state.is_open[active] = ~is_last

    def _refill(self, state: _Days, turn: _Turn, leg: Legs, leave: I64, content: F64) -> tuple[I64, F64]:
        """Queue at the source, then fill up; more than fits is not taken."""
        some = np.flatnonzero(leg.to_kind == REFILL)
        arrive, shift_end = leg.arrive_second[some], turn.shift_end[some]
        factor = self._queue_factor[
            arrive // SECONDS_PER_HOUR - self._hours[0], self._source[leg.to_point[some]]
        ]
        queue = queues.waiting_seconds(turn.value["refill_queue_minutes"][some], factor, turn.word(7)[some])
        # Nobody queues beyond the shift: the day must end before the next one begins.
        begin = arrive + np.minimum(queue, np.maximum(shift_end - arrive, 0))
        volume = np.floor(turn.capacity[some] - content[some])
        length = cargo.flow_seconds(volume, turn.value["refill_liters_per_minute"][some])
        state.loads.append(cargo.some_events(volume > 0, turn.device[some], begin, length, volume))
        leave, content = leave.copy(), content.copy()
        leave[some] = begin + length + _SOURCE_LEAVE_SECONDS
        content[some] += volume
        return leave, content


class _Turn:
    """One stop of all open truck-days: whose, with which parameters, and the draws for it."""

    def __init__(
        self,
        state: _Days,
        active: I64,
        number: int,
        keys: U64,
        capacity_ml: F64,
        parameters: Mapping[str, F64],
    ) -> None:
        self.device = state.device[active]
        self.value = {name: column[self.device] for name, column in parameters.items()}
        self.capacity = capacity_ml[self.device]
        self._key, self._slot, self._second = keys[self.device], 1 + number * _SLOTS, state.day_second[active]
        end_hour = self.value["shift_start_hour"] + self.value["shift_hours"]
        self.shift_end = self._second + (end_hour * 3600).astype(np.int64)
        self.overhead = (self.value["stop_overhead_minutes"] * 60).astype(np.int64)

    def word(self, slot: int) -> U64:
        return draws(ticks(self._second, self._slot + slot), self._key)

    def uniform(self, slot: int) -> F64:
        return uniforms(self.word(slot))

    def spread(self, slot: int, sigma: float) -> F64:
        """Lognormal factor of mean 1."""
        return size_factors(sigma)[(self.word(slot) >> SIZE_SHIFT).astype(np.int64)]


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


def _lose(state: _Days, active: I64, turn: _Turn, leg: Legs, content: F64) -> F64:
    """Leak while driving, and now and then have some stolen while pausing."""
    lost = cargo.leak_volumes(state.loss_due_ml[active], content)
    state.loss_due_ml[active] -= lost
    before, idle = leg.before_idle_seconds, leg.idle_seconds
    state.losses += cargo.leak_events(turn.device, lost, leg.depart_second, before, idle, leg.arrive_second)
    content = content - lost
    wanted = turn.value["theft_liters"] * turn.spread(12, _THEFT_SIGMA)
    is_stolen = (idle > 0) & (turn.uniform(11) < turn.value["theft_prob"])
    stolen, volume = cargo.theft(turn.device, is_stolen, wanted, leg.depart_second + before, idle, content)
    state.losses.append(stolen)
    return content - volume


def _deliver(state: _Days, turn: _Turn, leg: Legs, leave: I64, content: F64) -> tuple[I64, F64]:
    """Hand out what the client ordered and has room for."""
    value = turn.value
    some = np.flatnonzero((leg.to_kind == CLIENT) & (content > 0))
    order = np.rint(value["delivery_fraction"] * turn.capacity * turn.spread(8, _DELIVERY_SIGMA))[some]
    lacks_room = turn.uniform(9) < value["partial_delivery_prob"]
    room_share = np.where(lacks_room, _LEAST_ROOM + _ROOM_SPREAD * turn.uniform(10), 1.0)[some]
    volume = cargo.delivery_volumes(content[some], turn.capacity[some], order, room_share)
    length = cargo.flow_seconds(volume, value["discharge_liters_per_minute"][some])
    begin = leg.arrive_second[some] + (value["stop_overhead_minutes"][some] * 30).astype(np.int64)
    state.deliveries.append(cargo.some_events(volume > 0, turn.device[some], begin, length, volume))
    leave, content = leave.copy(), content.copy()
    leave[some] += length
    content[some] -= volume
    return leave, content


def around_the_globe(degrees: F64) -> F64:
    """Return longitudes, or differences of them, within ±180 degrees.  [°].

    What lies within already stays as it is, to the last bit.
    """
    return np.where(np.abs(degrees) > 180.0, degrees - np.copysign(360.0, degrees), degrees)


def degree_shrink(latitude: F64) -> F64:
    """How much shorter a degree from west to east is than one from south to north.  [unitless]"""
    # Rounded, so that the last bit of a machine's cos cannot reach a time, a speed or a position.
    return np.asarray(np.round(np.cos(np.deg2rad(latitude)), 9), dtype=np.float64)


def road_meters(routes: Routes, from_point: I64, to_point: I64) -> F64:
    """Straight distance between points, on a locally flat earth. [m]

    Valid to about 0.1 % up to 100 km and 60° of latitude.
    """
    latitude_0, latitude_1 = routes.latitude[from_point], routes.latitude[to_point]
    north = (latitude_1 - latitude_0) * EARTH_METERS_PER_DEGREE
    apart = around_the_globe(routes.longitude[to_point] - routes.longitude[from_point])
    east = apart * EARTH_METERS_PER_DEGREE
    shrink = degree_shrink((latitude_0 + latitude_1) / 2)
    return np.sqrt(north * north + (east * shrink) * (east * shrink))


def _sorted_legs(parts: list[Legs]) -> Legs:
    names = Legs.__slots__
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    order = np.lexsort((joined["depart_second"], joined["device"]))
    return Legs(**{name: column[order] for name, column in joined.items()})
