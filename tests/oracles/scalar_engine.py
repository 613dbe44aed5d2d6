"""A second engine: one device at a time, plain Python, written from the equations.

It shares no code with `synthlab.engine`, `synthlab.model` or `synthlab.randomness`:
draws are Python integers, time is a loop.  Slow, and easy to read; tests hold the
vectorized engine to it row by row.  float32 is used where the model uses it.  Demand
follows the formula here (process ``expected``); the events of households are held to
their statistics by `tests/unit/model/test_demand.py`.
"""

from __future__ import annotations

import hashlib
import struct
from bisect import bisect_right
from functools import cache
from itertools import pairwise
from math import acos, atan2, ceil, cos, degrees, exp, floor, log, nan, nextafter, pi, radians, sin, sqrt
from statistics import NormalDist
from typing import Any, NamedTuple

HOUR, DAY = 3_600, 86_400
_MASK = (1 << 64) - 1
_QUANTILE = NormalDist().inv_cdf


# --- draws -----------------------------------------------------------------------------------


def stream_key(seed: int, device_id: str, process: str) -> int:
    digest = hashlib.blake2b(f"{seed}\x1f{device_id}\x1f{process}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def mix(word: int) -> int:
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB & _MASK
    return word ^ (word >> 31)


def draw(key: int, second: int, slot: int = 0) -> int:
    tick = mix((((second << 16) | slot) & _MASK) * 0x9E3779B97F4A7C15 & _MASK)
    return mix(tick ^ key)


def uniform(word: int) -> float:
    return (word >> 11) * 2.0**-53


def choice(word: int, count: int) -> int:
    return (word >> 32) * count >> 32


def f32(value: float) -> float:
    return struct.unpack("<f", struct.pack("<f", value))[0]


@cache
def _cell(octave: int, index: int) -> tuple[float, float]:
    """Quantile at the start of a cell, and its slope; 512 cells an octave of tail probability."""
    if octave >= 32:
        return 0.0, 0.0
    first, last = (1 + i / 512 for i in (index, index + 1))
    start, end = (round(-_QUANTILE(m * 2.0 ** (octave - 33)), 9) for m in (first, last))
    return f32(start), f32((end - start) / (1 << 14))


def normal(half: int) -> float:
    """Standard normal of a 32-bit half: a sign bit, and 31 bits of tail probability."""
    tail = struct.unpack("<I", struct.pack("<f", float((half << 1 | 1) & 0xFFFFFFFF)))[0]
    exponent, mantissa = (tail >> 23) - 127, tail & 0x7FFFFF
    start, slope = _cell(exponent, mantissa >> 14)
    value = f32(f32((mantissa & 0x3FFF) * slope) + start)
    return -value if half >> 31 else value


def low(word: int) -> int:
    return word & 0xFFFFFFFF


def slow_normal(key: int, node: int, spacing: int, correlation: float, slot: int = 0) -> float:
    """Moving average of hashed noise over 2^n lattice nodes up to this one, summed by doubling."""
    count = 1
    while count == 1 or correlation ** (count - 1) > 0.05:
        count *= 2
    sums = [normal(low(draw(key, (node - lag) * spacing, slot))) for lag in reversed(range(count))]
    weight, shift = f32(correlation), 1
    while len(sums) > 1:
        sums = [f32(now + f32(weight * past)) for now, past in zip(sums[shift:], sums[:-shift], strict=True)]
        weight, shift = f32(weight * weight), shift * 2
    return f32(sums[0] * f32(sum(correlation ** (2 * lag) for lag in range(count)) ** -0.5))


@cache
def _lognormal_quantiles(sigma: float) -> list[float]:
    if sigma <= 0:
        return [1.0] * 4096
    values = [round(exp(sigma * _QUANTILE((i + 0.5) / 4096)), 9) for i in range(4096)]
    mean = sum(values) / 4096
    return [value / mean for value in values]


def factor(word: int, sigma: float) -> float:
    """Lognormal factor with mean 1."""
    return _lognormal_quantiles(sigma)[word >> 52]


class Event(NamedTuple):
    """Water that moves at a constant flow; milliliters and seconds."""

    start: int
    length: int
    volume: int

    def moved_by(self, second: int) -> int:
        return self.volume * min(max(second - self.start, 0), self.length) // self.length


class _OnSteps:
    """Sums of events on steps; looks only at the steps that an event touches."""

    def __init__(self, events: list[Event], start: int, step: int, count: int) -> None:
        self.sums = [0] * count
        for event in events:
            first = max((event.start - start) // step, 0)
            last = min((event.start + event.length - 1 - start) // step, count - 1)
            for i in range(first, last + 1):
                begin = start + i * step
                self.sums[i] += event.moved_by(begin + step) - event.moved_by(begin)


# --- demand and supply -----------------------------------------------------------------------


def hour_of_week(second: int) -> int:
    return ((second // DAY + 3) % 7) * 24 + second % DAY // HOUR  # 1970-01-01: Thursday, 3


def expected_liters(demand: Any, second: int, step: int) -> float:
    weekday, hour = divmod(hour_of_week(second), 24)
    weights = demand.hourly_weights
    if weekday >= 5 and demand.weekend_hourly_weights:
        weights = demand.weekend_hourly_weights
    weight = weights[hour] * (24 / sum(weights))
    return demand.target_daily_liters / 24 * weight * demand.weekday_multipliers[weekday] * (step / 3600)


_PRESSURE = (
    *(256, 256, 256, 256, 250, 232, 200, 178, 176, 186, 198, 206),
    *(208, 206, 210, 214, 208, 196, 182, 176, 184, 206, 230, 248),
)


def sessions(device: Any, reservoir: Any, key: int, first_hour: int, last_hour: int) -> list[Event]:
    if not reservoir.is_pipe_connected:
        return []
    value, supply = device.values, device.supply
    limit = value["supply_max_liters_per_hour"]
    by_hour: dict[int, list[Event]] = {}
    for hour in range(first_hour - 60, last_hour + 1):
        second = hour * HOUR
        if not _begins(device, key, hour):
            continue
        clock, sigma = hour % 24, value["supply_session_sigma"]
        mean = supply.hourly_volume_multipliers[clock] * value["supply_session_liters"]
        volume = round(mean * 1000.0 * factor(draw(key, second, 1), sigma))
        length = round(value["supply_session_hours"] * HOUR * factor(draw(key, second, 2), sigma))
        for part in _parts(second + choice(draw(key, second, 3), HOUR), length, volume, limit):
            by_hour.setdefault(part.start // HOUR, []).append(part)
    found = []
    for _, parts in sorted(by_hour.items()):
        begin = min(part.start for part in parts)
        length = max(part.start + part.length for part in parts) - begin
        most = floor(limit * (1000.0 / HOUR) * length)
        found.append(Event(begin, length, min(sum(part.volume for part in parts), most)))
    return found


def _parts(begin: int, length: int, volume: int, limit: float) -> list[Event]:
    """A session hour by hour, at the hour's pressure."""
    mean = sum(_PRESSURE) // 24
    unit = limit * (1000.0 / 256.0 / HOUR)
    need = min(max(length * mean, ceil(volume / unit), 60 * mean), DAY * mean)
    volume, used, parts = min(volume, floor(need * unit)), 0, []
    while used < need:
        pressure = _PRESSURE[begin // HOUR % 24]
        seconds = min(HOUR - begin % HOUR, ceil((need - used) / pressure))
        until = min(used + seconds * pressure, need)
        parts.append(Event(begin, seconds, volume * until // need - volume * used // need))
        begin, used = begin + seconds, until
    return parts


def _start_prob(device: Any, hour: int) -> float:
    supply = device.supply
    weekday, clock = divmod(hour_of_week(hour * HOUR), 24)
    shape = supply.weekday_probability_multipliers[weekday] * supply.hourly_probability_multipliers[clock]
    return min(shape * (device.values["supply_sessions_per_day"] / 24.0), 1.0)


def _begins(device: Any, key: int, hour: int) -> bool:
    """Whether a session begins in an hour, by the regime of the supply."""
    regime, day = device.values["supply_regime"], hour // 24
    share = {"predictable": 1.0, "irregular": 0.55, "unreliable": 0.75}[regime]
    if regime != "predictable" and slow_normal(key, day, DAY, 0.5, slot=7) >= _QUANTILE(share):
        return False
    if regime == "unreliable":
        return uniform(draw(key, hour * HOUR)) < min(_start_prob(device, hour) / share, 1.0)
    turn = uniform(draw(key, day * DAY, 5))
    if regime == "predictable" and uniform(draw(key, day * DAY, 6)) < 0.9:
        turn = uniform(draw(key, 0, 4))
    until = 0.0
    for earlier in range(day * 24, hour):
        until += min(_start_prob(device, earlier) / share, 1.0)
    return floor(until + min(_start_prob(device, hour) / share, 1.0) + turn) > floor(until + turn)


# --- trucks ----------------------------------------------------------------------------------

_METERS = 111_194.93
_KINDS = ("BASE", "REFILL", "CLIENT")


class Leg(NamedTuple):
    """A trip, and the stop after it."""

    depart: int
    arrive: int
    origin: Any
    goal: Any
    idle: int
    before_idle: int


_QUEUE_SHAPE = (
    *(0.35, 0.35, 0.35, 0.40, 0.50, 0.75, 1.10, 1.30, 1.30, 1.10, 0.95, 0.85),
    *(0.75, 0.75, 0.85, 0.95, 1.10, 1.00, 0.85, 0.65, 0.50, 0.40, 0.35, 0.35),
)


def waiting(seed: int, source: Any, typical_minutes: float, arrive: int, word: int) -> int:
    """Wait in the queue of a place that all trucks share."""
    key = stream_key(seed, f"source {source.latitude:.5f} {source.longitude:.5f}", "queue")
    hour = arrive // HOUR
    process = round(exp(slow_normal(key, hour, HOUR, 0.93) * 0.5 - 0.5**2 / 2.0), 6)
    typical = typical_minutes * 60.0
    wait = round(typical * (process * _QUEUE_SHAPE[hour % 24]) * factor(word, 0.25))
    return int(min(max(wait, min(900, typical)), max(10_800, typical)))


class _DayPlan:
    """One day of one truck: where it goes, and the water it moves."""

    def __init__(self, device: Any, capacity: float, seed: int, day: int, content: float) -> None:
        self.value, self.capacity, self.midnight = device.values, capacity, day * DAY
        self.seed, self.key = seed, stream_key(seed, device.device_id, "trips")
        self.places = {k: [p for p in device.route.points if p.kind == k] for k in _KINDS}
        self.transitions = device.route.transitions
        self.content, self.loss_due = content, 0.0
        self.legs: list[Leg] = []
        self.loads: list[Event] = []
        self.deliveries: list[Event] = []
        self.losses: list[Event] = []
        self._drive_all_day()

    def _word(self, stop: int, slot: int) -> int:
        return draw(self.key, self.midnight, 1 + stop * 16 + slot)

    def _drive_all_day(self) -> None:
        value = self.value
        second = self.midnight + int(value["shift_start_hour"] * 3600)
        second += choice(draw(self.key, self.midnight), 1800)
        self.shift_end = self.midnight + int((value["shift_start_hour"] + value["shift_hours"]) * 3600)
        place = self.places["BASE"][0]
        for stop in range(120):
            is_last = second >= self.shift_end or stop == 119
            second, place = self._one_stop(stop, second, place, is_last)
            if is_last:
                return

    def _goal(self, stop: int, place: Any, is_last: bool) -> Any:
        if is_last:
            return self.places["BASE"][0]
        chance, kind = uniform(self._word(stop, 0)), "CLIENT"
        cumulative = 0.0
        for candidate in _KINDS[:2]:
            cumulative += self.transitions.get(place.kind, {}).get(candidate, 0.0)
            if chance < cumulative:
                kind = candidate
                break
        if kind == "CLIENT" and self.content < 0.05 * self.capacity:
            kind = "REFILL"  # nothing to hand out
        places = self.places[kind]
        index = choice(self._word(stop, 1), len(places))
        if places[index] is place and len(places) > 1:
            index = (index + 1) % len(places)
        return places[index]

    def _one_stop(self, stop: int, depart: int, place: Any, is_last: bool) -> tuple[int, Any]:
        value = self.value
        goal = self._goal(stop, place, is_last)
        meters = straight_meters(place, goal) * value["detour_factor"]
        speed = value["travel_speed_kmh"] * factor(self._word(stop, 2), 0.2)
        drive = max(60, round(meters * 3.6 / speed))
        idle = 0
        if uniform(self._word(stop, 3)) < value["idle_stop_prob"]:
            idle = round(value["idle_stop_minutes"] * 60 * factor(self._word(stop, 4), 0.5))
            idle = min(idle, 3 * HOUR)
        before = round(drive * (0.2 + 0.6 * uniform(self._word(stop, 5)))) if idle else 0
        leg = Leg(depart, depart + drive + idle, place, goal, idle, before)
        self.legs.append(leg)
        self._lose(stop, leg, drive)
        return self._work(stop, goal, leg.arrive), goal

    def _lose(self, stop: int, leg: Leg, drive: int) -> None:
        lost = floor(min(self.loss_due, self.content) / 2)
        self.loss_due -= lost
        self.content -= lost
        first = floor(lost * leg.before_idle / drive) if leg.idle else lost
        first_length = leg.before_idle if leg.idle else drive
        for begin, length, volume in (
            (leg.depart, first_length, first),
            (leg.depart + leg.before_idle + leg.idle, drive - leg.before_idle, lost - first),
        ):
            if volume:
                self.losses.append(Event(begin, max(length, 1), volume))
        if leg.idle and uniform(self._word(stop, 11)) < self.value["theft_prob"]:
            wanted = self.value["theft_liters"] * factor(self._word(stop, 12), 0.4) * 1000.0
            stolen = floor(min(wanted, max(leg.idle - 120, 0) * 1000.0, self.content / 2))
            if stolen:
                begin = leg.depart + leg.before_idle + 120
                self.losses.append(Event(begin, max(ceil(stolen / 1000.0), 1), stolen))
                self.content -= stolen

    def _work(self, stop: int, goal: Any, arrive: int) -> int:
        value = self.value
        if goal.kind == "BASE":
            return arrive + 2700
        if goal.kind == "REFILL":
            queue = waiting(self.seed, goal, value["refill_queue_minutes"], arrive, self._word(stop, 7))
            begin = arrive + min(queue, max(self.shift_end - arrive, 0))
            volume = floor(self.capacity - self.content)
            length = max(ceil(volume / (value["refill_liters_per_minute"] * 1000 / 60)), 1)
            if volume:
                self.loads.append(Event(begin, length, volume))
            self.content += volume
            self.loss_due += volume * value["loss_fraction"] * factor(self._word(stop, 6), 0.4)
            return begin + length + 120
        leave = arrive + int(value["stop_overhead_minutes"] * 60)
        if self.content <= 0:
            return leave
        order = round(value["delivery_fraction"] * self.capacity * factor(self._word(stop, 8), 0.2))
        if uniform(self._word(stop, 9)) < value["partial_delivery_prob"]:
            share = 0.2 + 0.7 * uniform(self._word(stop, 10))
            volume = floor(min(max(floor(order * share), 1), self.content))
        else:
            is_rest = self.content - order < 0.04 * self.capacity
            volume = floor(self.content if is_rest else order)
        length = max(ceil(volume / (value["discharge_liters_per_minute"] * 1000 / 60)), 1)
        begin = arrive + int(value["stop_overhead_minutes"] * 30)
        self.deliveries.append(Event(begin, length, volume))
        self.content -= volume
        return leave + length


def plan_of_day(device: Any, capacity: float, seed: int, day: int) -> _DayPlan:
    """The plan of a day: it starts with what the day before leaves of an empty start."""
    before = _DayPlan(device, capacity, seed, day - 1, 0.0)
    return _DayPlan(device, capacity, seed, day, before.content)


def straight_meters(a: Any, b: Any) -> float:
    shrink = round(cos(radians((a.latitude + b.latitude) / 2)), 9)
    north = (b.latitude - a.latitude) * _METERS
    east = (b.longitude - a.longitude) * _METERS
    return sqrt(north * north + (east * shrink) ** 2)


class Piece(NamedTuple):
    """Movement at constant speed, or a stop where `to` is `at`; `course` is that of the way so far."""

    start: int
    seconds: int
    at: tuple[float, float]
    to: tuple[float, float]
    activity: str
    course: float = 0.0

    def place(self, second: int) -> tuple[float, float]:
        share = min((second - self.start) / self.seconds, 1.0)
        return tuple(a + (b - a) * share for a, b in zip(self.at, self.to, strict=True))

    def meters(self) -> tuple[float, float]:
        """Way to the north and to the east."""
        shrink = round(cos(radians(self.at[0])), 9)
        return (self.to[0] - self.at[0]) * _METERS, (self.to[1] - self.at[1]) * _METERS * shrink


@cache
def _paces() -> tuple[list[int], list[int]]:
    shares = [(i + 0.5) / 4096 for i in range(4096)]
    speeds = [0.4 + (2.1 - 0.4) * u**0.7 for u in shares]
    waits = [min(-14.0 * log(u / 0.28), 60.0) if u < 0.28 else 0.0 for u in shares]
    return [round(round(1 / v, 9) * 2**20) for v in speeds], [
        round(round(w / (250.0 * 3.6 / 24.0), 9) * 2**20) for w in waits
    ]


def way_point(device: Any, leg: Leg, ordinal: int, count: int) -> tuple[float, float]:
    """Where piece `ordinal` begins; the same bends in both directions of a road."""
    order = [p for kind in _KINDS for p in device.route.points if p.kind == kind]
    a, b = leg.origin, leg.goal
    forward = order.index(a) < order.index(b)
    first, second = (a, b) if forward else (b, a)
    share = ordinal / count
    latitude = a.latitude + (b.latitude - a.latitude) * share
    longitude = a.longitude + (b.longitude - a.longitude) * share
    if ordinal == 0:
        return latitude, longitude
    place = round((first.latitude + 90) * 1e5) * 40_000_000 + round((second.longitude + 180) * 1e5)
    node = ordinal if forward else count - ordinal
    sideways = normal(low(draw(0, place % (1 << 40), node)))
    detour = device.values["detour_factor"]
    bend = sideways * sqrt((detour * detour - 1.0) / 2.0) / count * (1.0 if forward else -1.0)
    shrink = max(round(cos(radians((a.latitude + b.latitude) / 2)), 9), 0.01)
    north, east = b.latitude - a.latitude, (b.longitude - a.longitude) * shrink
    return latitude - east * bend, longitude + north / shrink * bend


def pieces_of_leg(device: Any, key: int, leg: Leg) -> list[Piece]:
    meters = straight_meters(leg.origin, leg.goal) * device.values["detour_factor"]
    count = min(max(ceil(meters / 250.0), 1), 96)
    nodes = [way_point(device, leg, i, count) for i in range(count)]
    nodes.append((leg.goal.latitude, leg.goal.longitude))
    roads = [Piece(0, 1, a, b, "TRAVEL") for a, b in pairwise(nodes)]
    paces, waits = [], []
    for i, road in enumerate(roads):
        word, (north, east) = draw(key, leg.depart, i), road.meters()
        length = sqrt(north * north + east * east) / 250.0
        paces.append(max(round(_paces()[0][word >> 52] * length), 1))
        waits.append(_paces()[1][word & 4095] if i else 0)
    total, drive, clock, course = sum(paces) + sum(waits), leg.arrive - leg.depart - leg.idle, 0, 0.0
    found: list[Piece] = []
    for i, road in enumerate(roads):
        edges = [round(drive * (at / total)) for at in (clock, clock + waits[i], clock + waits[i] + paces[i])]
        if i == count - 1:
            edges[2] = drive
        clock += waits[i] + paces[i]
        if edges[1] > edges[0]:
            found.append(Piece(edges[0], edges[1] - edges[0], road.at, road.at, "TRAVEL", course))
        north, east = road.meters()
        if edges[2] > edges[1]:
            if north or east:
                course = round(degrees(atan2(east, north)) % 360.0, 6) % 360.0
            found.append(Piece(edges[1], edges[2] - edges[1], road.at, road.to, "TRAVEL", course))
    goal = nodes[-1]
    stop = Piece(leg.arrive, 1, goal, goal, leg.goal.kind, course)
    return [*_with_pause(found, leg), stop]


def _with_pause(pieces: list[Piece], leg: Leg) -> list[Piece]:
    """Times of driving to Unix time; the piece on which the truck pauses is cut in two."""
    found = []
    for piece in pieces:
        start, end = piece.start, piece.start + piece.seconds
        pause = leg.before_idle
        if not leg.idle or end <= pause or start > pause:
            late = leg.idle if leg.idle and start > pause else 0
            found.append(piece._replace(start=leg.depart + start + late))
            continue
        share = (pause - start) / (end - start)
        dlat, dlon = piece.to[0] - piece.at[0], piece.to[1] - piece.at[1]
        half = (piece.at[0] + dlat * share, piece.at[1] + dlon * share)
        begin = leg.depart + pause
        if pause > start:
            found.append(Piece(leg.depart + start, pause - start, piece.at, half, "TRAVEL", piece.course))
        course = piece.course if pause > start else found[-1].course
        found.append(Piece(begin, leg.idle, half, half, "IDLE", course))
        found.append(Piece(begin + leg.idle, end - pause, half, piece.to, "TRAVEL", piece.course))
    return found


# --- what the device reports -----------------------------------------------------------------

_LIPO = (92.9, 84.2, 83.6, 81.7, 78.8, 74.9, 70.4, 64.9, 59.9, 54.8, 49.5, 44.0, 38.1, 31.4)


@cache
def _cylinder() -> tuple[list[float], list[float]]:
    heights = [i / 2047 for i in range(2048)]
    areas = [round((acos(1 - 2 * h) - 2 * (1 - 2 * h) * sqrt(max(h - h * h, 0.0))) / pi, 12) for h in heights]
    return areas, heights


def interpolate(x: float, xs: list[float] | range, ys: list[float] | tuple[float, ...]) -> float:
    i = bisect_right(xs, x) - 1
    if i >= len(xs) - 1:
        return ys[-1]
    return (ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i]) * (x - xs[i]) + ys[i]


def none_prob(prob: float, count: int) -> float:
    product = 1.0
    for _ in range(count):
        product *= 1.0 - prob
    return product


class _Reporter:
    """Readings, temperature, signal, battery and clock of one device."""

    def __init__(self, device: Any, reservoir: Any, seed: int) -> None:
        self.value, self.reservoir = device.values, reservoir
        names = ("row", "echo", "climate", "radio", "site", "power", "condensation", "burst", "plateau")
        self.key = {name: stream_key(seed, device.device_id, name) for name in names}
        self.temperature = cache(self._temperature)
        self.signal = cache(self._signal)
        self.weather = cache(lambda day: slow_normal(self.key["climate"], day, DAY, 0.7))
        self.sun = cache(lambda week: slow_normal(self.key["power"], week, 7 * DAY, 0.9))
        self.episodes = {
            "burst": cache(lambda hour: self._by_chance("burst", hour)),
            "plateau": cache(lambda hour: self._by_chance("plateau", hour)),
        }
        noise, slosh = self.value["reading_noise_mm"], self.value.get("slosh_noise_mm", 0.0)
        self.is_exact = noise * self.value["filling_noise_factor"] == 0 and slosh == 0
        self._draw_site()

    def _draw_site(self) -> None:
        value, spread = self.value, self.value["signal_site_spread"]
        turns = [uniform(draw(self.key["site"], 0, slot)) for slot in (1, 2)]
        sigma = value["signal_sigma_db"] * (1.0 + spread * (0.5 - 1.0 + 1.25 * turns[0]))
        correlation = value["signal_hour_correlation"] + spread * 0.7 * (turns[1] - 0.5)
        slow_share = min(max(correlation, 0.0), 0.93) / 0.93
        self.slow_db, self.fast_db = sigma * sqrt(slow_share), sigma * sqrt(1.0 - slow_share)
        moving = value.get("signal_moving_sigma_db", 0.0)
        self.moving_db = max(sqrt(max(moving * moving - self.slow_db * self.slow_db, 0.0)), self.fast_db)

    def _temperature(self, hour: int) -> float:
        value, (day, rest) = self.value, divmod(hour * HOUR, DAY)
        share = rest / DAY
        drift = self.weather(day) * (1 - share) + self.weather(day + 1) * share
        wave = round(cos(2 * pi * (hour % 24 - 15) / 24), 9)
        return value["temperature_mean_c"] + value["temperature_daily_amplitude_c"] * wave + 1.5 * drift

    def _signal(self, hour: int) -> float:
        return self.value["signal_mean_dbm"] + self.slow_db * slow_normal(self.key["radio"], hour, HOUR, 0.93)

    def _battery(self, hour: int) -> int:
        value, kind = self.value, self.value["battery_kind"]
        charge = 100.0
        if kind == "solar":
            week, rest = divmod(hour * HOUR, 7 * DAY)
            share = rest / (7 * DAY)
            slow = self.sun(week) * (1 - share) + self.sun(week + 1) * share
            charge = value["battery_solar_mean_pct"] + value["battery_solar_sigma_pct"] * slow
        elif kind == "lipo":
            charge = interpolate(
                self._share_of_life(hour, value["battery_swap_days"] * DAY),
                [i / 14 for i in range(14)],
                _LIPO,
            )
        elif kind == "primary":
            life_days = 75.0 / value["battery_drain_pct_per_day"]
            charge = 100.0 - 75.0 * self._share_of_life(hour, life_days * DAY)
        return min(max(round(charge), 0), 100)

    def _share_of_life(self, hour: int, seconds: float) -> float:
        life = max(round(seconds / HOUR), 1)
        return (hour + choice(draw(self.key["power"], 0, 1), life)) % life / life

    def _length(self, process: str, cell: int, mean_seconds: float) -> int:
        seconds = round(mean_seconds * factor(draw(self.key[process], cell, 2), 0.8))
        return min(max(seconds, 60), 12 * HOUR)

    def _by_chance(self, process: str, hour: int) -> tuple[int, int]:
        """The episode that begins in an hour; an empty one where none does."""
        value, key, cell = self.value, self.key[process], hour * HOUR
        per_day, mean = value["plateaus_per_day"], value["plateau_hours"] * HOUR
        if process == "burst":
            per_day, mean = value["echo_bursts_per_day"], value["echo_burst_minutes"] * 60
        if draw(key, cell) >> 32 >= round(per_day / 24 * 2.0**32):
            return 0, 0
        start = cell + choice(draw(key, cell, 1), HOUR)
        return start, start + self._length(process, cell, mean)

    def _is_wet(self, second: int) -> bool:
        key, prob = self.key["condensation"], self.value["condensation_night_prob"]
        for midnight in (second // DAY * DAY, second // DAY * DAY + DAY):
            chance = normal(low(draw(key, midnight)))
            warmth = f32(f32(0.7) * self.weather(midnight // DAY))
            if prob <= 0 or f32(f32(f32(0.714) * chance) + warmth) >= (_QUANTILE(prob) if prob < 1 else 9.0):
                continue
            start = midnight - HOUR + choice(draw(key, midnight, 1), 3 * HOUR)
            mean = self.value["condensation_hours"] * HOUR
            if start <= second < start + self._length("condensation", midnight, mean):
                return True
        return False

    def _is_in(self, process: str, second: int) -> bool:
        hours = range(second // HOUR - 13, second // HOUR + 1)
        found = (self.episodes[process](hour) for hour in hours)
        return any(start <= second < end for start, end in found)

    def row(
        self, second: int, content: float, capacity: float, *, is_filling: bool, is_moving: bool
    ) -> dict[str, Any]:
        words = [draw(self.key["row"], second, slot) for slot in range(4)]
        halves = [half for word in words for half in (low(word), word >> 32)]
        noise, spare = [normal(half) for half in halves[:7]], halves[7]
        hour, share = second // HOUR, second % HOUR / HOUR
        warm = (self.temperature(hour + 1) - self.temperature(hour)) * share + self.temperature(hour)
        distance = self._distance(content / capacity, warm)
        sigma = self.value["reading_noise_mm"]
        if is_filling:
            sigma *= self.value["filling_noise_factor"]
        if is_moving:
            sigma = sqrt(self.value["reading_noise_mm"] ** 2 + self.value["slosh_noise_mm"] ** 2)
        readings = self._readings(second, distance, sigma, noise, spare)
        empty, full = self.reservoir.sensor_empty_distance_mm, self.reservoir.sensor_full_distance_mm
        valid = [reading for reading in readings if reading != -1]
        level = nan
        if valid:
            level = min(max(100.0 * (empty - sum(valid) / len(valid)) / (empty - full), 0.0), 100.0)
        dbm = (self.signal(hour + 1) - self.signal(hour)) * share + self.signal(hour)
        fast = f32(self.moving_db if is_moving else self.fast_db)
        return {
            "local_timestamp_ms": second * 1000 - 200 - spare % 1024,
            **{f"raw_mm_{i}": reading for i, reading in enumerate(readings)},
            "measured_level_pct": level,
            "temperature_c": round((warm + f32(noise[5] * f32(0.15))) * 10.0) / 10.0,
            "battery_pct": self._battery(hour),
            "signal_dbm": min(max(round(dbm + f32(noise[6] * fast)), -140), 0),
            "volume_liters": content / 1000,
            "level_pct": content / capacity * 100.0,
        }

    def _distance(self, fraction: float, warm: float) -> float:
        """What the time of flight comes to."""
        tank = self.reservoir
        if tank.shape == "lying_cylinder":
            fraction = interpolate(fraction, *_cylinder())
        elif tank.shape == "table":
            (top, capacity) = tank.volume_table[-1]
            liters = [row[1] / capacity for row in tank.volume_table]
            fraction = interpolate(fraction, liters, [row[0] / top for row in tank.volume_table])
        empty, full = float(tank.sensor_empty_distance_mm), float(tank.sensor_full_distance_mm)
        share, offset = self.value["temperature_compensation_fraction"], 331.3 / 0.606
        ratio = (1.0 - share) * (offset + 20.0) / (warm + offset) + share
        return ratio * (empty - fraction * (empty - full))

    def _reported(self, distance: float) -> int:
        step = self.value["reading_resolution_mm"]
        return int(max(round(round(distance / step) * step), max(self.value["blind_zone_mm"], 1.0)))

    def _readings(
        self, second: int, distance: float, sigma: float, noise: list[float], spare: int
    ) -> list[int]:
        value, readings = self.value, []
        step = f32(value["reading_resolution_mm"])
        for deviation in noise[:5]:
            reading = f32(f32(deviation * f32(sigma)) + f32(distance))
            if step != 1.0:
                reading = f32(round(f32(reading / step)) * step)
            readings.append(int(max(round(reading), f32(max(value["blind_zone_mm"], 1)))))
        if self.is_exact:
            readings = [self._reported(distance)] * 5
        burst, plateau = self._is_in("burst", second), self._is_in("plateau", second)
        wet = self._is_wet(second)
        any_prob = min(value["no_echo_prob"] + value["multipath_prob"] + value["false_target_prob"], 1.0)
        if not (burst or plateau or wet) and spare >= round((1.0 - none_prob(any_prob, 5)) * 2.0**32):
            return readings
        if plateau:
            band = value["plateau_step_mm"]
            offset = uniform(draw(self.key["echo"], 0)) * band
            readings = [self._reported(round((distance - offset) / band) * band + offset)] * 5
        return self._disturbed(second, distance, readings, burst=burst, wet=wet, plateau=plateau)

    def _disturbed(
        self, second: int, distance: float, readings: list[int], *, burst: bool, wet: bool, plateau: bool
    ) -> list[int]:
        value, blind = self.value, self.value["blind_zone_mm"]
        missing, near = value["no_echo_prob"], 0.0
        if burst:
            missing = max(missing, value["echo_burst_no_echo_prob"])
        if wet:
            missing, near = max(missing, value["condensation_no_echo_prob"]), value["condensation_near_prob"]
        target = missing + near + value["false_target_prob"]
        prob = min(target + value["multipath_prob"], 1.0)
        is_open, found = not (burst or wet or plateau), []
        for i, reading in enumerate(readings):
            left = 1.0 - none_prob(prob, 5 - i) if is_open else 1.0  # given that one of the five is hit
            bound = prob / left if left > 0 else 0.0
            chance = uniform(draw(self.key["echo"], second, 1 + i))
            if not (chance < bound or (i == 4 and is_open)):
                found.append(reading)
                continue
            is_open = False
            turn = min(min(chance / bound, 1.0) * prob if bound > 0 else 0.0, nextafter(prob, 0.0))
            extent = 1.0 - uniform(draw(self.key["echo"], second, 6 + i))
            if turn < missing:
                found.append(-1)
            elif turn < missing + near:
                found.append(self._reported(blind + extent * 150.0))
            elif turn < target:
                found.append(self._reported(value["false_target_mm"] + (extent - 0.5) * 20.0))
            else:
                late = min(10.0 / (extent * sqrt(extent)), value["multipath_max_mm"])
                found.append(self._reported(distance + late))
        return found


# --- a device's run --------------------------------------------------------------------------


def simulate_device(
    device: Any, reservoir: Any, *, seed: int, start_second: int, end_second: int
) -> list[dict[str, Any]]:
    """Rows of one device, columns by the frame's names; `received_at` as Unix seconds."""
    step = device.step_seconds
    seconds = list(range(start_second, end_second + 1, step))
    capacity = float(floor(reservoir.capacity_liters * 1000))
    content = float(floor(device.values["initial_level_fraction"] * capacity))
    moves = _truck_moves if device.mode == "MOBILE" else _tank_moves
    reporter = _Reporter(device, reservoir, seed)
    rows = []
    for seq, (second, move) in enumerate(
        zip(seconds, moves(device, reservoir, seed, seconds, content, capacity), strict=True), start=1
    ):
        content = move.pop("content")
        moving = move["activity"] == "TRAVEL"
        filling = move["inflow_liters"] + move["loaded_liters"] > 0
        rows.append(
            {"device_id": device.device_id, "seq": seq, "received_at": second, "fault": ""}
            | reporter.row(second, content, capacity, is_filling=filling, is_moving=moving)
            | move
        )
    return rows


_NO_PLACE = dict.fromkeys(("latitude", "longitude", "speed_kmh", "course_degrees"), nan)
_NO_TRUCK = dict.fromkeys(("loaded_liters", "delivered_liters", "lost_liters"), 0.0)
_NO_TANK = dict.fromkeys(
    ("expected_demand_liters", "requested_liters", "served_liters", "inflow_liters", "overflow_liters"), 0.0
)


def _tank_moves(
    device: Any, reservoir: Any, seed: int, seconds: list[int], content: float, capacity: float
) -> list[dict[str, Any]]:
    step, value = device.step_seconds, device.values
    first_hour, last_hour = seconds[0] // HOUR, (seconds[-1] + step - 1) // HOUR
    grid = (seconds[0], step, len(seconds))
    flows = sessions(device, reservoir, stream_key(seed, device.device_id, "supply"), first_hour, last_hour)
    arrived = _OnSteps(flows, *grid).sums
    threshold = capacity * value["near_empty_threshold_fraction"]
    floor_share = value["near_empty_min_demand_fraction"]
    found = []
    for second, inflow in zip(seconds, arrived, strict=True):
        expected = expected_liters(device.demand, second, step)
        requested = expected * 1000.0
        share = 1.0
        if threshold >= 1.0:
            share = min(content * ((1.0 - floor_share) / threshold) + floor_share, 1.0)
        served = min(float(floor(requested * share)), content + inflow)
        content += inflow - served
        overflow = max(content - capacity, 0.0)
        content -= overflow
        if value["supply_inlet"] == "float_valve":
            inflow, overflow = inflow - overflow, 0.0
        found.append(
            {
                "content": content,
                "expected_demand_liters": expected,
                "requested_liters": requested / 1000,
                "served_liters": served / 1000,
                "inflow_liters": inflow / 1000,
                "overflow_liters": overflow / 1000,
                "activity": None,
                **_NO_PLACE,
                **_NO_TRUCK,
            }
        )
    return found


def _truck_moves(
    device: Any, _reservoir: Any, seed: int, seconds: list[int], content: float, capacity: float
) -> list[dict[str, Any]]:
    step = device.step_seconds
    days = range(seconds[0] // DAY - 1, (seconds[-1] + step) // DAY + 1)
    plans = [plan_of_day(device, capacity, seed, day) for day in days]
    grid = (seconds[0], step, len(seconds))
    loads, deliveries, losses = (
        _OnSteps([event for plan in plans for event in getattr(plan, name)], *grid).sums
        for name in ("loads", "deliveries", "losses")
    )
    road = stream_key(seed, device.device_id, "roads")
    base = plans[0].legs[0].origin
    home = (base.latitude, base.longitude)
    pieces = [Piece(0, 1, home, home, "BASE")]
    for leg in (leg for plan in plans for leg in plan.legs):
        pieces += pieces_of_leg(device, road, leg)
    pieces.sort(key=lambda piece: (piece.start, piece.activity not in ("TRAVEL", "IDLE")))
    starts = [piece.start for piece in pieces]
    gps, found = stream_key(seed, device.device_id, "gps"), []
    lost_fixes = dropouts(device, gps, seconds)
    for i, second in enumerate(seconds):
        moved = [0.0, 0.0, 0.0]
        plan = [float(deliveries[i]), float(losses[i]), float(loads[i])]
        while True:  # out and in again, until nothing moves
            before = list(moved)
            for kind in range(3):
                room = capacity - content if kind == 2 else content
                part = min(plan[kind] - moved[kind], room)
                moved[kind] += part
                content += part if kind == 2 else -part
            if moved == before:
                break
        piece = pieces[bisect_right(starts, second + step) - 1]
        found.append(
            {
                "content": content,
                "loaded_liters": moved[2] / 1000,
                "delivered_liters": moved[0] / 1000,
                "lost_liters": moved[1] / 1000,
                "activity": piece.activity,
                **_NO_TANK,
                **(_NO_PLACE if second in lost_fixes else _position(piece, second, step, gps, device)),
            }
        )
    return found


def dropouts(device: Any, gps: int, seconds: list[int]) -> set[int]:
    """Moments without a fix."""
    lost: set[int] = set()
    for hour in range(seconds[0] // HOUR - 1, seconds[-1] // HOUR + 1):
        at = hour * HOUR
        if uniform(draw(gps, at, 4)) < device.values["gps_dropouts_per_day"] / 24:
            begin = at + choice(draw(gps, at, 5), HOUR)
            length = round(device.values["gps_dropout_minutes"] * 60 * factor(draw(gps, at, 6), 0.6))
            end = begin + min(max(length, 1), 1_800)
            lost |= {second for second in seconds if begin <= second < end}
    return lost


def _position(piece: Piece, second: int, step: int, gps: int, device: Any) -> dict[str, float]:
    word, shake, sigma = draw(gps, second, 0), draw(gps, second, 1), device.values["gps_sigma_m"]
    north_m, east_m = normal(low(word)) * sigma, normal(word >> 32) * sigma
    if shake >> 32 < round(device.values["gps_outlier_prob"] * 2**32):
        reach = 20.0 + 60.0 * uniform(draw(gps, second, 2))
        angle = 2 * pi * choice(draw(gps, second, 3), 360) / 360
        north_m, east_m = reach * round(cos(angle), 9), reach * round(sin(angle), 9)
    base = next(point for point in device.route.points if point.kind == "BASE")
    shrink = round(cos(radians(base.latitude)), 6)
    north, east = piece.meters()
    speed = sqrt(north * north + east * east) * 3.6 / piece.seconds
    if speed == 0:
        speed = f32(abs(normal(low(shake))) * f32(0.3))
    latitude, longitude = piece.place(second + step)
    return {
        "latitude": round((latitude + north_m / _METERS) * 1e6) / 1e6,
        "longitude": round((longitude + east_m / (_METERS * shrink)) * 1e6) / 1e6,
        "speed_kmh": round(speed * 10) / 10,
        "course_degrees": round(piece.course * 10) / 10 % 360.0,
    }
