"""The yardstick: the same model as one lean loop of plain Python per device.

What a good programmer writes without numpy: floats, local names, one tuple a row, no
objects or checks inside the loop, tables where the model has tables.  The draws come from
one `random.Random` a device, so rows are not the engine's rows; their statistics are
(tests/unit/engine/test_lean_loop.py).  What a household keeps for life is taken from the
model, a few milliseconds a device, so both sides simulate the same households.

Normals are Box-Muller pairs written into the loop: less than half the time of
`random.gauss`, so the ratio that is reported is the smaller one.

It knows what the benchmark's tanks have: a straight wall, predictable supply through an
open inlet, a battery with a panel, no faults, and never so many uses in an hour that the
model merges them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import ceil, cos, exp, floor, log, pi, sin, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from synthlab.model import habits
from synthlab.model.demand import LEAK_ML, _hour_gain
from synthlab.model.events import gamma_factors
from synthlab.model.gaussian import probit
from synthlab.model.household import KEYS, LARGE_TYPES, SIZE_SHAPE, SMALL_TYPES, TYPES, make_households
from synthlab.model.supply import LOOKBACK_HOURS, MAX_SESSION_HOURS, PREDICTABLE_DAY_SHARE, PRESSURE_SHAPE
from synthlab.randomness import stream_keys
from synthlab.scenario.resolve import DeviceParameters

if TYPE_CHECKING:
    from synthlab.calibration import Reservoir

HOUR, DAY = 3_600, 86_400
_TURN = 2.0 * pi
SOUND_OFFSET_C = 331.3 / 0.606
MEAN_PRESSURE = sum(PRESSURE_SHAPE) // 24
NO_LEAK_SHARE = 1000.0 / LEAK_ML / habits.LEAK_DAY_SHARE
QUANTILES = 4096
SIZES = {name: gamma_factors(SIZE_SHAPE[name]).tolist() for name in TYPES}


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


@dataclass(frozen=True, slots=True)
class Home:
    """What a household keeps for life, as lists by hour of the week or of the day."""

    limit: list[float]
    gain: list[float]
    rates: list[list[float]]
    run_over: list[list[float]]
    uses: list[list[tuple[float, float, list[float]]]]
    leak: list[float]
    absent_below: float
    power: float
    weekly: list[float]
    habit_sigma: list[float]
    rest_sigma: list[float]
    scale: list[float]


def make_home(device: DeviceParameters, seed: int, hourly: list[float]) -> Home:
    """Take from the model what is drawn once for a household."""
    value = {name: np.array([number]) for name, number in numbers(device).items()}
    ids = [device.device_id]
    home = make_households(
        hourly_liters=np.array(hourly)[:, None],
        keys={name: stream_keys(seed, ids, f"household/{name}") for name in KEYS},
        absence_share=value["demand_absence_share"],
        profile_spread=value["demand_profile_spread"],
        leak_liters_per_hour=value["demand_leak_liters_per_hour"],
        use_size_factor=value["demand_use_size_factor"],
    )
    keys = {name: stream_keys(seed, ids, f"demand/{name}") for name in habits.PROCESSES}
    limit = probit(home.active_prob)
    habit_sigma = habits._HABIT_SIGMA * value["demand_habit_strength"]
    variance = SLOW_VARIANCE + habit_sigma**2
    scale = np.sqrt(np.maximum(variance, 1.0))
    of_routine = (np.maximum(variance, 1.0) - SLOW_VARIANCE)[:, None]
    none = np.zeros((0, 1), dtype=np.float32)
    about = habits.Activity(none, none, of_routine, of_routine / scale[:, None])
    sizes = [mean * 1000.0 for mean in home.size_liters[:, 0].tolist()]
    uses = [
        [(until, sizes[TYPES.index(name)], SIZES[name]) for name, until in zip(types, shares, strict=True)]
        for types, shares in (
            (SMALL_TYPES, home.type_share["small"][:, 0].tolist()),
            (LARGE_TYPES, home.type_share["large"][:, 0].tolist()),
        )
    ]
    for types in uses:
        types[-1] = (1.0, *types[-1][1:])
    return Home(
        limit=limit[:, 0].tolist(),
        gain=_hour_gain(about, limit, home)[:, 0].tolist(),
        rates=[home.rate[name][:, 0].tolist() for name in ("small", "large")],
        run_over=[[0.0] * 168, home.run_over_prob[:, 0].tolist()],
        uses=uses,
        leak=(home.leak_liters[:, 0] * NO_LEAK_SHARE).tolist(),
        absent_below=float(probit(home.absence_prob)[0]),
        power=float(home.routine_power[0]),
        weekly=habits._weekly_habit(np.arange(168), keys["habit"])[:, 0].tolist(),
        habit_sigma=habit_sigma.tolist(),
        rest_sigma=np.sqrt(np.maximum(1.0 - variance, 0.0)).tolist(),
        scale=scale.tolist(),
    )


def draw_uses(device: DeviceParameters, rng: random.Random, start: int, count: int, home: Home) -> list[int]:
    """Draw the uses of each step, as `synthlab.model.demand` does. [milliliters]"""
    step, rand, gauss = device.step_seconds, rng.random, rng.gauss
    wishes = [0] * count
    value = numbers(device)
    flow, spread_sigma = (
        value["demand_flow_liters_per_minute"] * 1000.0 / 60.0,
        value["demand_day_factor_sigma"],
    )
    first_day, last_day = start // DAY, (start + count * step - 1) // DAY
    days = last_day - first_day + 1
    day_parts = slow_normals(gauss, days, habits._DAY_CORRELATION)
    seasons = slow_normals(gauss, days, habits._SEASON_CORRELATION)
    factors = slow_normals(gauss, days, habits._SEASON_CORRELATION)
    leaks = slow_normals(gauss, days, habits._LEAK_CORRELATION)
    absences = slow_normals(gauss, days + 1, habits._ABSENCE_CORRELATION)
    first_node = first_day // DRIFT_DAYS
    nodes = last_day // DRIFT_DAYS - first_node + 2
    drifts = [slow_normals(gauss, nodes, habits._DRIFT_CORRELATION) for _ in range(24)]
    groups = list(zip(home.rates, home.run_over, home.uses, strict=True))
    limit, hour_gain, power, weekly, scale = home.limit, home.gain, home.power, home.weekly, home.scale
    hour_part, rest = gauss(0.0, 1.0), gauss(0.0, 1.0)
    for day in range(first_day, last_day + 1):
        at = day - first_day
        node, (left, right) = day // DRIFT_DAYS - first_node, DRIFT_WEIGHTS[day % DRIFT_DAYS]
        day_part, season = day_parts[at], seasons[at] * SEASON_SIGMA
        absence, later = absences[at], absences[at + 1]
        factor = exp(spread_sigma * factors[at] - spread_sigma * spread_sigma / 2.0)
        leaky, dripping = leaks[at] < LEAKS_BELOW, rand()
        week_hour = (day + 3) % 7 * 24
        begin = day * DAY - start
        for hour in range(24):
            hour_part = HOUR_KEPT * hour_part + HOUR_WHITE * gauss(0.0, 1.0)
            rest = REST_KEPT * rest + REST_WHITE * gauss(0.0, 1.0)
            if leaky:
                before, dripping = int(dripping), dripping + home.leak[week_hour]
                drips = int(dripping) - before
                if drips:
                    spread(wishes, begin, HOUR, drips * 250, step)
            drift = drifts[hour]
            habit = WEEKLY * weekly[week_hour] + DRIFTING * (drift[node] * left + drift[node + 1] * right)
            routine = home.habit_sigma[hour] * habit + home.rest_sigma[hour] * rest
            score = HOUR_SIGMA[hour] * hour_part + DAY_SIGMA[hour] * day_part + season + routine
            near, far = ABSENCE_WEIGHTS[hour]
            if score < limit[week_hour] * scale[hour] and absence * near + later * far >= home.absent_below:
                gain = hour_gain[week_hour] * factor * exp(-power * routine)
                for rates, run_over, types in groups:
                    mean, across = rates[week_hour] * gain, run_over[week_hour]
                    prob = below = exp(-mean)
                    found, turn = 0, rand()
                    while turn > below and prob > 1e-17:
                        found += 1
                        prob *= mean / found
                        below += prob
                    for _ in range(found):
                        volume, turn = 0, rand()
                        for until, milliliters, quantiles in types:
                            if turn < until:
                                volume = int(milliliters * quantiles[int(rand() * QUANTILES)] + 0.5)
                                break
                        length = ceil(volume / max(flow, volume / 1800.0)) or 1
                        if across and rand() < across:
                            moment = begin + HOUR - int(rand() * (length + 1))
                        else:
                            moment = begin + int(rand() * (HOUR - length + 1))
                        cell = moment // step
                        if moment + length <= (cell + 1) * step:
                            if 0 <= cell < count:
                                wishes[cell] += volume
                        else:
                            spread(wishes, moment, length, volume, step)
            week_hour += 1
            begin += HOUR
    return wishes


def draw_supply(
    device: DeviceParameters, reservoir: Reservoir, rng: random.Random, start: int, count: int
) -> list[int]:
    """Draw the supply of each step, as `synthlab.model.supply` does. [milliliters]"""
    value, step, curve = numbers(device), device.step_seconds, device.supply
    if curve is None:
        raise ValueError(f"{device.device_id} is no tank")
    rand, gauss = rng.random, rng.gauss
    sigma, connected = value["supply_session_sigma"], float(reservoir.is_pipe_connected)
    shift = -sigma * sigma / 2.0
    probs = [
        min(value["supply_sessions_per_day"] / 24.0 * connected * weekday * hour, 1.0)
        for weekday in curve.weekday_probability_multipliers
        for hour in curve.hourly_probability_multipliers
    ]
    session_ml = [value["supply_session_liters"] * 1000.0 * part for part in curve.hourly_volume_multipliers]
    session_seconds = value["supply_session_hours"] * HOUR
    pipe_ml = value["supply_max_liters_per_hour"] * 1000.0 / HOUR
    ml_per_pressure, longest = pipe_ml / 256.0, MAX_SESSION_HOURS * HOUR * MEAN_PRESSURE
    flows: dict[int, list[int]] = {}
    first_day = (start // HOUR - LOOKBACK_HOURS) // 24
    own_turn = until = rand()
    for hour in range(first_day * 24, (start + count * step - 1) // HOUR + 1):
        # Predictable: a day's sessions keep apart, and begin at the same turn most days.
        if hour % 24 == 0:
            until = own_turn if rand() < PREDICTABLE_DAY_SHARE else rand()
        before, until = int(until), until + probs[(hour + 72) % 168]
        if int(until) == before:
            continue
        volume = int(session_ml[hour % 24] * exp(shift + sigma * gauss(0.0, 1.0)) + 0.5)
        length = int(session_seconds * exp(shift + sigma * gauss(0.0, 1.0)) + 0.5)
        length = min(max(length, 60), DAY)
        need = max(length * MEAN_PRESSURE, min(ceil(volume / ml_per_pressure), longest))
        volume = min(volume, floor(need * ml_per_pressure))
        # Hour by hour at the pressure of the hour, as far as the pipe goes.
        used, clock, at = 0, hour, int(rand() * HOUR)
        while used < need:
            pressure = PRESSURE_SHAPE[clock % 24]
            seconds = min(HOUR - at, ceil((need - used) / pressure))
            total = min(used + seconds * pressure, need)
            share = volume * total // need - volume * used // need
            met = flows.get(clock)
            if met is None:
                flows[clock] = [at, at + seconds, share]
            else:
                flows[clock] = [min(met[0], at), max(met[1], at + seconds), met[2] + share]
            used, clock, at = total, clock + 1, 0
    supplies = [0] * count
    for clock, (begin, end, volume) in flows.items():
        spread(
            supplies,
            clock * HOUR + begin - start,
            end - begin,
            min(volume, int(pipe_ml * (end - begin))),
            step,
        )
    return supplies


HOUR_SIGMA, DAY_SIGMA = habits._HOUR_SIGMA.tolist(), habits._DAY_SIGMA.tolist()
SLOW_VARIANCE = habits._HOUR_SIGMA**2 + habits._DAY_SIGMA**2 + habits._SEASON_SIGMA**2
SEASON_SIGMA = float(habits._SEASON_SIGMA[0])
HOUR_KEPT, REST_KEPT = habits._HOUR_CORRELATION, habits._REST_CORRELATION
HOUR_WHITE, REST_WHITE = sqrt(1.0 - HOUR_KEPT**2), sqrt(1.0 - REST_KEPT**2)
WEEKLY, DRIFTING = sqrt(habits._WEEKLY_SHARE), sqrt(1.0 - habits._WEEKLY_SHARE)
DRIFT_DAYS = habits._DRIFT_DAYS
LEAKS_BELOW = float(probit(np.array(habits.LEAK_DAY_SHARE)))


def node_weights(count: int, correlation: float) -> list[tuple[float, float]]:
    """Weights of two nodes at each of the moments between them."""
    weights = habits._node_weights(np.arange(count) / count, correlation)
    return list(zip(*(part.tolist() for part in weights), strict=True))


DRIFT_WEIGHTS = node_weights(DRIFT_DAYS, habits._DRIFT_CORRELATION)
ABSENCE_WEIGHTS = node_weights(24, habits._ABSENCE_CORRELATION)


def simulate_tank(
    device: DeviceParameters, reservoir: Reservoir, *, seed: int, start_second: int, end_second: int
) -> list[tuple[Any, ...]]:
    """Rows of one stationary device with a panel, as tuples in the frame's column order."""
    value, step, name = numbers(device), device.step_seconds, device.device_id
    rng = random.Random(f"{seed} {name}")
    rand, gauss = rng.random, rng.gauss
    count = (end_second - start_second) // step + 1
    hourly = demand_by_hour(device)
    wishes = draw_uses(device, rng, start_second, count, make_home(device, seed, hourly))
    supplies = draw_supply(device, reservoir, rng, start_second, count)
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
    wet_below = float(probit(np.array(night_prob))) if night_prob else -9.0
    band = value["plateau_step_mm"]
    band_offset = rand() * band
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
            if hour % 24 == 23 and 0.714 * gauss(0.0, 1.0) + 0.7 * weather[at + 1] < wet_below:
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
            r0 = r1 = r2 = r3 = r4 = round(round((distance - band_offset) / band) * band + band_offset)
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
