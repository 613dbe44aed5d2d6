"""The yardstick: the same model as one lean loop of plain Python per device.

What a good programmer writes without numpy: floats, local names, one tuple a row, no
objects or checks inside the loop.  The draws come from one `random.Random` a device, so
rows are not the engine's rows; their means are (tests/unit/engine/test_lean_loop.py).

Normals are Box-Muller pairs written into the loop: less than half the time of
`random.gauss`, so the ratio that is reported is the smaller one.
"""

from __future__ import annotations

import random
from math import ceil, cos, exp, floor, log, pi, sin, sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthlab.calibration import Reservoir
    from synthlab.model.household import SIZE_LITERS, SIZE_SHAPE
from synthlab.model.household import SIZE_LITERS, SIZE_SHAPE
from synthlab.model.supply import LOOKBACK_HOURS, PRESSURE_SHAPE
from synthlab.scenario.resolve import DeviceParameters

HOUR, DAY = 3_600, 86_400
_TURN = 2.0 * pi
SOUND_OFFSET_C = 331.3 / 0.606


def slow_normals(gauss: Any, count: int, correlation: float) -> list[float]:
    """Return an autocorrelated series with variance 1, by recursion."""
    value, white = gauss(0.0, 1.0), sqrt(1.0 - correlation * correlation)
    found = []
    for _ in range(count):
        found.append(value)
        value = correlation * value + white * gauss(0.0, 1.0)
    return found


def episode_seconds(gauss: Any, mean: float) -> int:
    """Draw the lognormal length of an episode."""
    return min(max(round(mean * exp(0.8 * gauss(0.0, 1.0) - 0.32)), 60), 12 * HOUR)


def numbers(device: DeviceParameters) -> dict[str, float]:
    """Return the numeric parameters of a device."""
    return {name: value for name, value in device.values.items() if not isinstance(value, str)}


def demand_by_hour(device: DeviceParameters) -> list[float]:
    """Apply the guide's formula to each hour of the week. [liters]"""
    demand = device.demand
    if demand is None:
        raise ValueError(f"{device.device_id} is no tank")
    scale = 24 / sum(demand.hourly_weights)
    return [
        demand.target_daily_liters / 24 * weight * scale * multiplier
        for multiplier in demand.weekday_multipliers
        for weight in demand.hourly_weights
    ]


def spread(sums: list[int], start: int, length: int, volume: int, step: int) -> None:
    """Add an event, `start` seconds after the first step, to the steps that it touches."""
    end = start + length
    if end <= 0:
        return
    moved = volume * -start // length if start < 0 else 0
    at = max(start, 0)
    cell, last = at // step, len(sums)
    while at < end and cell < last:
        at = min((cell + 1) * step, end)
        total = volume * (at - start) // length
        sums[cell] += total - moved
        moved = total
        cell += 1


def draw_water(
    device: DeviceParameters, rng: random.Random, start: int, count: int, hourly: list[float]
) -> tuple[list[int], list[int]]:
    """Draw uses and supply of each step. [milliliters]

    A household as in `synthlab.model.household`, without what is drawn once: hours are
    active by a correlated normal under a threshold, and active hours have uses of six types.
    """
    value, step = numbers(device), device.step_seconds
    rand, gauss, gamma = rng.random, rng.gauss, rng.gammavariate
    wishes, supplies = [0] * count, [0] * count
    flow = value["demand_flow_liters_per_minute"] * 1000.0 / 60.0
    session_sigma, session_prob = value["supply_session_sigma"], value["supply_sessions_per_day"] / 24.0
    session_shift = -session_sigma * session_sigma / 2.0
    session_ml, session_seconds = (
        value["supply_session_liters"] * 1000.0,
        value["supply_session_hours"] * HOUR,
    )
    pipe_ml = value["supply_max_liters_per_hour"] * 1000.0 / 256.0 / HOUR
    last_hour = (start + count * step - 1) // HOUR
    activity = gauss(0.0, 1.0)
    own_turn = until = rand()
    for hour in range(start // HOUR - LOOKBACK_HOURS, last_hour + 1):
        begin = hour * HOUR - start
        # Predictable supply: a day's sessions keep apart, and begin at the same turn most days.
        if hour % 24 == 0:
            until = own_turn if rand() < 0.9 else rand()
        before, until = until, until + session_prob
        if int(until) > int(before):
            volume = int(session_ml * exp(session_shift + session_sigma * gauss(0.0, 1.0)))
            length = int(session_seconds * exp(session_shift + session_sigma * gauss(0.0, 1.0)))
            length = min(max(length, 60), DAY)
            # Hour by hour at the pressure of the hour, as far as the pipe goes.
            need = max(length * MEAN_PRESSURE, ceil(volume / pipe_ml))
            used, clock, at = 0, hour, int(rand() * HOUR)
            while used < need:
                pressure = PRESSURE_SHAPE[clock % 24]
                seconds = min(HOUR - at, ceil((need - used) / pressure))
                total = min(used + seconds * pressure, need)
                share = volume * total // need - volume * used // need
                spread(supplies, clock * HOUR + at - start, seconds, share, step)
                used, clock, at = total, clock + 1, 0
        if begin <= -HOUR:
            continue
        activity = 0.9 * activity + 0.43588989 * gauss(0.0, 1.0)
        if activity > ACTIVE_BELOW:
            continue
        liters = hourly[(hour + 72) % 168] / ACTIVE_PROB
        for volume_share, types in USES:
            threshold, product = exp(-liters * volume_share / types[-1][0]), rand()
            while product > threshold:
                product *= rand()
                turn = rand()
                size = next(size for size in types if turn < size[1])
                volume = int(gamma(size[3], size[2] / size[3]) + 0.5)
                length = min(max(ceil(volume / flow), 1), HOUR)
                spread(wishes, begin + int(rand() * (HOUR - length + 1)), length, volume, step)
    return wishes, supplies


def use_group(volume_share: float, parts: dict[str, float]) -> tuple[float, list[tuple[float, ...]]]:
    """Return a group's share of the volume, and by type: mean size, cumulative share, ml, shape."""
    counts = {name: share / SIZE_LITERS[name][0] for name, share in parts.items()}
    mean_liters, until, types = 1.0 / sum(counts.values()), 0.0, []
    for name, rate in counts.items():
        until += rate * mean_liters
        types.append((mean_liters, until, SIZE_LITERS[name][0] * 1000.0, SIZE_SHAPE[name]))
    return volume_share, [*types[:-1], (mean_liters, 1.0, *types[-1][2:])]


MEAN_PRESSURE = sum(PRESSURE_SHAPE) // 24
ACTIVE_PROB, ACTIVE_BELOW = 0.75, 0.6745
USES = (
    use_group(0.45, {"toilet": 0.51, "tap": 0.49}),
    use_group(0.30, {"irrigation": 0.08, "laundry": 0.35, "medium": 0.57}),
    use_group(0.25, {"shower": 1.0}),
)


def simulate_tank(
    device: DeviceParameters, reservoir: Reservoir, *, seed: int, start_second: int, end_second: int
) -> list[tuple[Any, ...]]:
    """Rows of one stationary device with a panel, as tuples in the frame's column order."""
    value, step, name = numbers(device), device.step_seconds, device.device_id
    rng = random.Random(f"{seed} {name}")
    rand, gauss = rng.random, rng.gauss
    count = (end_second - start_second) // step + 1
    hourly = demand_by_hour(device)
    wishes, supplies = draw_water(device, rng, start_second, count, hourly)
    first_hour = start_second // HOUR
    hours = (end_second + step) // HOUR - first_hour + 2
    first_day, days = first_hour // 24, hours // 24 + 3
    weather, sun = slow_normals(gauss, days, 0.7), slow_normals(gauss, days // 7 + 2, 0.9)
    radio = slow_normals(gauss, hours, 0.93)
    capacity = float(floor(reservoir.capacity_liters * 1000))
    content = float(floor(value["initial_level_fraction"] * capacity))
    threshold = capacity * value["near_empty_threshold_fraction"]
    at_empty = value["near_empty_min_demand_fraction"] if threshold else 1.0
    rise = (1.0 - at_empty) / threshold if threshold else 0.0
    empty, full = float(reservoir.sensor_empty_distance_mm), float(reservoir.sensor_full_distance_mm)
    span, calm = empty - full, value["reading_noise_mm"]
    restless, blind = calm * value["filling_noise_factor"], max(int(value["blind_zone_mm"]), 1)
    follows = value["temperature_compensation_fraction"]
    assumed = (1.0 - follows) * (SOUND_OFFSET_C + 20.0)
    echo_prob, late_prob = value["no_echo_prob"], value["multipath_prob"]
    miss_prob, farthest = 1.0 - (1.0 - echo_prob - late_prob) ** 5, value["multipath_max_mm"]
    burst_prob, plateau_prob = value["echo_bursts_per_day"] / 24, value["plateaus_per_day"] / 24
    weak_prob, wet_prob = value["echo_burst_no_echo_prob"], value["condensation_no_echo_prob"]
    burst_mean, plateau_mean = value["echo_burst_minutes"] * 60, value["plateau_hours"] * HOUR
    wet_mean, night_prob = value["condensation_hours"] * HOUR, value["condensation_night_prob"]
    band = value["plateau_step_mm"]
    burst_from = burst_to = plateau_from = plateau_to = wet_from = wet_to = 0
    warm, swing = value["temperature_mean_c"], value["temperature_daily_amplitude_c"]
    site = value["signal_site_spread"]
    strong = value["signal_sigma_db"] * (1.0 + site * (1.25 * rand() - 0.5))
    slow = min(max(value["signal_hour_correlation"] + site * 0.7 * (rand() - 0.5), 0.0), 0.93) / 0.93
    dbm, slow_db, fast_db = value["signal_mean_dbm"], strong * sqrt(slow), strong * sqrt(1.0 - slow)
    charged, swings = value["battery_solar_mean_pct"], value["battery_solar_sigma_pct"]
    rows: list[tuple[Any, ...]] = []
    append = rows.append
    hour = first_hour - 1
    cold = heat = weak = fade = formula = 0.0
    battery = 0
    for i in range(count):
        second = start_second + i * step
        if second // HOUR != hour:
            # Once an hour: what is linear within it, and the formula.
            hour = second // HOUR
            at, share = hour // 24 - first_day, hour % 24 / 24.0
            cold = (
                warm
                + swing * cos(_TURN * (hour % 24 - 15) / 24)
                + 1.5 * (weather[at] * (1 - share) + weather[at + 1] * share)
            )
            later = (share * 24 + 1) / 24
            heat = (
                warm
                + swing * cos(_TURN * (hour % 24 - 14) / 24)
                + 1.5 * (weather[at] * (1 - later) + weather[at + 1] * later)
                - cold
            )
            weak = dbm + slow_db * radio[hour - first_hour]
            fade = slow_db * (radio[hour - first_hour + 1] - radio[hour - first_hour])
            week, part = at // 7, at % 7 / 7
            battery = min(round(charged + swings * (sun[week] * (1 - part) + sun[week + 1] * part)), 100)
            if rand() < burst_prob:
                burst_from = hour * HOUR + int(rand() * HOUR)
                burst_to = burst_from + episode_seconds(gauss, burst_mean)
            if rand() < plateau_prob:
                plateau_from = hour * HOUR + int(rand() * HOUR)
                plateau_to = plateau_from + episode_seconds(gauss, plateau_mean)
            if hour % 24 == 23 and rand() < night_prob:
                wet_from = hour * HOUR + int(rand() * 3 * HOUR)
                wet_to = wet_from + episode_seconds(gauss, wet_mean)
            formula = hourly[(hour + 72) % 168] * step / 3600
        wish, supply = wishes[i], supplies[i]
        share = content * rise + at_empty
        drawn = float(wish) if share >= 1.0 else float(int(wish * share))
        content += supply
        if drawn > content:
            drawn = content
        content -= drawn
        spilled = 0.0
        if content > capacity:
            spilled = content - capacity
            content = capacity
        fraction = content / capacity
        since = second % HOUR / HOUR
        air = cold + heat * since
        distance = (empty - fraction * span) * (follows + assumed / (SOUND_OFFSET_C + air))
        noise = restless if supply else calm
        size, turn = sqrt(-2.0 * log(1.0 - rand())) * noise, _TURN * rand()
        r0, r1 = round(distance + size * cos(turn)), round(distance + size * sin(turn))
        size, turn = sqrt(-2.0 * log(1.0 - rand())) * noise, _TURN * rand()
        r2, r3 = round(distance + size * cos(turn)), round(distance + size * sin(turn))
        size, turn = sqrt(-2.0 * log(1.0 - rand())), _TURN * rand()
        r4, warmth = round(distance + size * cos(turn) * noise), size * sin(turn) * 0.15
        strength = sqrt(-2.0 * log(1.0 - rand())) * cos(_TURN * rand()) * fast_db
        if plateau_from <= second < plateau_to:
            r0 = r1 = r2 = r3 = r4 = round(round(distance / band) * band)
        if r0 < blind or r1 < blind or r2 < blind or r3 < blind or r4 < blind:
            r0, r1, r2 = max(r0, blind), max(r1, blind), max(r2, blind)
            r3, r4 = max(r3, blind), max(r4, blind)
        level: float | None
        lost = echo_prob
        if burst_from <= second < burst_to:
            lost = max(lost, weak_prob)
        if wet_from <= second < wet_to:
            lost = max(lost, wet_prob)
        if lost > echo_prob or rand() < miss_prob:
            # Outside of episodes one of the five is hit: redraw would loop long, so reading by reading.
            readings, some, is_open = [r0, r1, r2, r3, r4], lost + late_prob, lost == echo_prob
            for index in range(5):
                bound = some / (1.0 - (1.0 - some) ** (5 - index)) if is_open else some
                chance = rand()
                if chance < bound:
                    is_open, extent = False, 1.0 - rand()
                    is_lost = chance / bound * some < lost
                    late = min(10.0 / (extent * sqrt(extent)), farthest)
                    readings[index] = -1 if is_lost else round(distance + late)
            r0, r1, r2, r3, r4 = readings
            valid = [r for r in readings if r >= 0]
            level = 100.0 * (empty - sum(valid) / len(valid)) / span if valid else None
        else:
            level = 100.0 * (empty - (r0 + r1 + r2 + r3 + r4) / 5) / span
        if level is not None:
            if level < 0.0:
                level = 0.0
            elif level > 100.0:
                level = 100.0
        append(
            (
                name,
                i + 1,
                second,
                second * 1000 - 200 - int(rand() * 1024),
                r0,
                r1,
                r2,
                r3,
                r4,
                level,
                round(air + warmth, 1),
                battery,
                round(weak + fade * since + strength),
                None,
                None,
                None,
                None,
                content / 1000.0,
                fraction * 100.0,
                formula,
                wish / 1000.0,
                drawn / 1000.0,
                supply / 1000.0,
                spilled / 1000.0,
                0.0,
                0.0,
                0.0,
                None,
                "",
            )
        )
    return rows
