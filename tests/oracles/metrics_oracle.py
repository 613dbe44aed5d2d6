"""The platform's metrics in plain Python, one device at a time, from the contract's words.

Shares no code with `synthlab.quality`: dicts, lists and `statistics`, no numpy.  Slow on
purpose; numbers that the contract leaves open (windows of medians, reaches) are repeated
here as the documentation of `synthlab.quality` states them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

HOUR = 3_600_000
MINUTE = 60_000
WINDOWS = {"24h": 24, "7d": 168, "30d": 720}


@dataclass(frozen=True)
class Row:
    """One message: its time, and what it says."""

    at: int
    level: float | None
    latitude: float | None = None
    longitude: float | None = None
    speed: float | None = None


@dataclass(frozen=True)
class Tank:
    """What the platform knows of a reservoir."""

    capacity: float
    mobile: bool = False
    piped: bool = True


def rows_of(records: Sequence[Mapping[str, Any]]) -> dict[str, list[Row]]:
    """Take frame records apart by device, in the order of time."""
    devices: dict[str, list[Row]] = {}
    for record in records:
        devices.setdefault(str(record["device_id"]), []).append(
            Row(
                int(record["received_at"].timestamp() * 1000),
                _number(record["measured_level_pct"]),
                _number(record.get("latitude")),
                _number(record.get("longitude")),
                _number(record.get("speed_kmh")),
            )
        )
    return {name: sorted(rows, key=lambda row: row.at) for name, rows in devices.items()}


def last_hour(devices: Mapping[str, Sequence[Row]]) -> int:
    """Latest hour in which any device has a row."""
    return max(row.at for rows in devices.values() for row in rows) // HOUR


def metrics(rows: Sequence[Row], tank: Tank, *, window: str, end_hour: int) -> dict[str, float | None]:
    """Every metric of one device over the hours up to and including `end_hour`."""
    hours = WINDOWS[window]
    begin = end_hour - hours + 1
    levels: dict[int, list[float]] = {}
    for row in rows:
        if row.level is not None:
            levels.setdefault(row.at // HOUR, []).append(row.level)
    observed = sorted(hour for hour in levels if begin <= hour <= end_hour)
    result: dict[str, float | None] = {
        "window_hours": float(hours),
        "observed_hours": float(len(observed)),
        "data_gap_hours": float(max(hours - len(observed), 0)),
    }
    result |= _stationary(levels, observed, tank, hours) if not tank.mobile else dict.fromkeys(STATIONARY)
    result |= _mobile(rows, tank, begin, end_hour) if tank.mobile else dict.fromkeys(MOBILE)
    return result


def confidence(observed_hours: float, window_hours: float) -> str:
    """HIGH from 90 % on, MEDIUM from 70 %."""
    share = observed_hours / window_hours
    return "HIGH" if share >= 0.9 else "MEDIUM" if share >= 0.7 else "LOW"


STATIONARY = [
    "runout_hours",
    "runout_prob",
    "autonomy_days_est",
    "supply_hours",
    "supply_fragmentation_index",
    "mean_supply_duration_hours",
    "daily_supply_coverage",
    "intermittence_severity_index",
    "demand_liters",
    "pipeflow_liters",
    "elasticity_near_empty",
    "suppressed_demand_index",
]
MOBILE = [
    "deliveries_count",
    "delivered_liters",
    "liters_loaded",
    "refill_time_minutes",
    "refill_load_rate_l_per_min",
    "moving_km",
    "liters_per_km",
    "downtime_hours",
    "mobile_nrw_liters",
    "truckflow_liters",
]


def flows(levels: Mapping[int, Sequence[float]], capacity: float) -> dict[int, tuple[float, float] | None]:
    """Demand and inflow of each observed hour; None where the hour before is not observed."""
    middle = {hour: median(values) for hour, values in levels.items()}
    smooth = {
        hour: median([middle[hour - 1], value, middle[hour + 1]])
        if hour - 1 in middle and hour + 1 in middle
        else value
        for hour, value in middle.items()
    }
    found: dict[int, tuple[float, float] | None] = {}
    for hour in middle:
        if hour - 1 not in middle:
            found[hour] = None
            continue
        liters = (smooth[hour] - smooth[hour - 1]) * capacity / 100
        error = math.sqrt(1 / len(levels[hour]) + 1 / len(levels[hour - 1]))
        is_noise = liters <= 3 * 0.06 / 100 * capacity * error
        found[hour] = (max(-liters, 0.0), 0.0 if is_noise else liters)
    return found


def _stationary(
    levels: Mapping[int, list[float]], observed: list[int], tank: Tank, hours: int
) -> dict[str, float | None]:
    flow = flows(levels, tank.capacity)
    level = {hour: median(levels[hour]) for hour in observed}
    demand = {hour: flow[hour][0] for hour in observed if flow[hour]}  # type: ignore[index]
    inflow = {hour: flow[hour][1] for hour in observed if flow[hour]}  # type: ignore[index]
    runout = [hour for hour in observed if level[hour] <= 5]
    daily = 24 * fmean(demand.values()) if demand else 0.0
    low = [demand[hour] for hour in demand if level[hour] < 20]
    high = [demand[hour] for hour in demand if level[hour] >= 20]
    base = [demand[hour] for hour in demand if level[hour] >= 20 and inflow[hour] > 0]
    baseline = 24 * fmean(base) if base else 0.0
    days: dict[int, list[float]] = {}
    for hour in observed:
        days.setdefault(hour // 24, []).append(level[hour])
    latest = levels[observed[-1]][-1] / 100 * tank.capacity if observed else None
    return {
        "runout_hours": float(len(runout)),
        "runout_prob": len(runout) / len(observed) if observed else 0.0,
        "autonomy_days_est": latest / daily if latest is not None and daily > 0 else None,
        "demand_liters": sum(demand.values()),
        "elasticity_near_empty": fmean(low) / fmean(high) if sum(low) > 0 and sum(high) > 0 else None,
        "suppressed_demand_index": min(max((baseline - daily) / baseline, 0.0), 1.0)
        if baseline > 0
        else None,
        "intermittence_severity_index": sum(min(values) <= 20 for values in days.values()) / len(days)
        if days
        else None,
        **_supply(inflow, tank, hours),
    }


def _supply(inflow: Mapping[int, float], tank: Tank, hours: int) -> dict[str, float | None]:
    names = [
        "supply_hours",
        "supply_fragmentation_index",
        "mean_supply_duration_hours",
        "daily_supply_coverage",
        "pipeflow_liters",
    ]
    if not tank.piped:
        return dict.fromkeys(names)
    wet = {hour for hour, liters in inflow.items() if liters > 0}
    segments = sum(hour - 1 not in wet for hour in wet)
    return {
        "supply_hours": float(len(wet)),
        "supply_fragmentation_index": segments / len(wet) if wet else None,
        "mean_supply_duration_hours": len(wet) / segments if segments else 0.0,
        "daily_supply_coverage": len(wet) / hours,
        "pipeflow_liters": sum(inflow.values()),
    }


@dataclass
class Stop:
    """A stop as the oracle sees it."""

    first: int
    last: int
    started: float = 0
    ended: float = 0
    before: float | None = None
    after: float | None = None
    kind: str = "UNKNOWN"

    @property
    def change(self) -> float:
        """Liters after minus before; 0 where one is not known."""
        return 0.0 if self.before is None or self.after is None else self.after - self.before


def stops(rows: Sequence[Row], capacity: float) -> tuple[list[Stop], list[float]]:
    """Stops of one truck, and the moving distance that ends at each of its positions. [m]"""
    points = [row for row in rows if row.latitude is not None and row.longitude is not None]
    steps = [0.0][: len(points)] + [_meters(a, b) for a, b in itertools.pairwise(points)]
    fast = [point.speed is not None and point.speed >= 5 for point in points]
    moving = [quick or step >= 200 for quick, step in zip(fast, steps, strict=True)]
    found: list[Stop] = []
    for i in range(len(points)):
        leads = i + 1 < len(points) and not moving[i + 1]
        arrives = moving[i] and not fast[i] and (leads or points[i].speed is not None)
        if arrives or (not moving[i] and not (found and found[-1].last == i - 1)):
            found.append(Stop(i, i))
        elif not moving[i]:
            found[-1].last = i
    raw = [None if point.level is None else point.level / 100 * capacity for point in points]
    clean = _denoised([point.at for point in points], raw)
    _set_volumes(found, points, raw, clean, 0.015 * capacity)
    for stop in found:
        _set_time_and_kind(stop, points)
    found = [stop for stop in found if _is_stop(stop, moving[stop.last], capacity)]
    return found, [step if move else 0.0 for step, move in zip(steps, moving, strict=True)]


def _is_stop(stop: Stop, ends_moving: bool, capacity: float) -> bool:
    if stop.ended - stop.started < 3 * MINUTE:
        return abs(stop.change) > max(0.015 * capacity, 30)
    return not ends_moving or abs(stop.change) > 30


def _denoised(times: list[int], raw: list[float | None]) -> list[float | None]:
    valid = [i for i, value in enumerate(raw) if value is not None]
    clean: dict[int, float] = {}
    for k, i in enumerate(valid):
        near = [raw[i]]
        for j in valid[k - 1 : k] if k else []:
            near += [raw[j]] if times[i] - times[j] <= 60 * MINUTE else []
        for j in valid[k + 1 : k + 2]:
            near += [raw[j]] if times[j] - times[i] <= 60 * MINUTE else []
        clean[i] = median(near) if len(near) == 3 else raw[i]  # type: ignore[type-var, assignment]
    result: list[float | None] = []
    for i, at in enumerate(times):
        behind = [j for j in valid if j <= i and at - times[j] <= 60 * MINUTE]
        ahead = [j for j in valid if j > i and times[j] - at <= 60 * MINUTE]
        chosen = behind[-1:] or ahead[:1]
        result.append(clean[chosen[0]] if chosen else None)
    return result


def _set_volumes(
    found: list[Stop],
    points: Sequence[Row],
    raw: Sequence[float | None],
    clean: Sequence[float | None],
    edge: float,
) -> None:
    def drop(i: int) -> float:
        """Change of the step that ends at point i, where it is too large for slosh; else 0."""
        if not 0 < i < len(points) or points[i].at - points[i - 1].at > 15 * MINUTE:
            return 0.0
        a, b = clean[i - 1], clean[i]
        return b - a if a is not None and b is not None and abs(b - a) > edge else 0.0

    def content(i: int, beside_drop: bool) -> float | None:
        a, b = raw[i], clean[i]
        return a if beside_drop and a is not None and b is not None and abs(a - b) <= edge else b

    for k, stop in enumerate(found):
        before, after = stop.first, stop.last
        previous_last = found[k - 1].last if k else -1
        next_first = found[k + 1].first if k + 1 < len(found) else len(points)
        if drop(before):
            before -= 1
            same_way = drop(before) * drop(before + 1) > 0
            if same_way and before - 1 > previous_last:
                before -= 1
        if after + 1 < next_first and drop(after + 1):
            after += 1
        stop.before = content(before, drop(before + 1) != 0)
        stop.after = content(after, drop(after) != 0)


def _set_time_and_kind(stop: Stop, points: Sequence[Row]) -> None:
    stop.started, stop.ended = points[stop.first].at, points[stop.last].at
    if stop.first > 0:
        stop.started -= min((points[stop.first].at - points[stop.first - 1].at) // 2, 5 * MINUTE)
    if stop.last + 1 < len(points):
        stop.ended += min((points[stop.last + 1].at - points[stop.last].at) // 2, 5 * MINUTE)
    if stop.before is None or stop.after is None:
        stop.kind = "UNKNOWN"
    elif stop.change < -30:
        stop.kind = "DELIVERY"
    elif stop.change > 30:
        stop.kind = "REFILL"
    elif stop.ended - stop.started >= 15 * MINUTE:
        stop.kind = "DOWNTIME"


def _mobile(rows: Sequence[Row], tank: Tank, begin: int, end_hour: int) -> dict[str, float | None]:
    points = [row for row in rows if row.latitude is not None and row.longitude is not None]
    found, way = stops(rows, tank.capacity)
    lost = 0.0
    inside = []
    for k, stop in enumerate(found):
        if not begin <= stop.ended // HOUR <= end_hour:
            continue
        inside.append(stop)
        lost += max(-stop.change, 0.0)
        before = found[k - 1].after if k else None
        if before is not None and stop.before is not None:
            lost += max(before - stop.before, 0.0)

    def hours(stop: Stop) -> float:
        return (stop.ended - max(stop.started, begin * HOUR)) / HOUR

    deliveries = [stop for stop in inside if stop.kind == "DELIVERY"]
    refills = [stop for stop in inside if stop.kind == "REFILL"]
    delivered, loaded = -sum(s.change for s in deliveries), sum(s.change for s in refills)
    minutes = 60 * sum(map(hours, refills))
    steps = zip(points, way, strict=True)
    km = sum(step for point, step in steps if begin <= point.at // HOUR <= end_hour) / 1000
    return {
        "deliveries_count": float(len(deliveries)),
        "delivered_liters": delivered,
        "liters_loaded": loaded,
        "refill_time_minutes": minutes,
        "refill_load_rate_l_per_min": loaded / minutes if minutes > 0 else None,
        "moving_km": km,
        "liters_per_km": delivered / km if km > 0 else None,
        "downtime_hours": sum(hours(stop) for stop in inside if stop.kind == "DOWNTIME"),
        "mobile_nrw_liters": max(lost - delivered, 0.0),
        "truckflow_liters": delivered,
    }


def _meters(a: Row, b: Row) -> float:
    """Great-circle distance by the chord between unit vectors: another way than the haversine."""

    def vector(row: Row) -> tuple[float, float, float]:
        phi, lam = math.radians(row.latitude or 0.0), math.radians(row.longitude or 0.0)
        return math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)

    return 2 * 6_371_008.8 * math.asin(min(math.dist(vector(a), vector(b)) / 2, 1.0))


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)
