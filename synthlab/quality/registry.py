"""Which checks there are: name, meaning, and how each is run on a block.

A check itself is a pure function of arrays (`synthlab.quality.rows`,
`synthlab.quality.series`); here it is given its columns and limits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from synthlab.columns import RAW_COLUMNS
from synthlab.quality import balance, inlet, order, rows, series, supply
from synthlab.quality.block import Block, CannotRunError
from synthlab.quality.flags import Flag, Flags
from synthlab.quality.thresholds import Thresholds

Run = Callable[[Block, Thresholds], Flags]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the registry.

    Attributes
    ----------
    name : str
        Column of `Findings.flags`.
    meaning : str
        What it looks at, for reports.
    run : callable
        ``run(block, thresholds) -> flags``.
    is_essential : bool
        A dataset does not pass unless this check could judge something.
    """

    name: str
    meaning: str
    run: Run
    is_essential: bool

    def flags(self, block: Block, thresholds: Thresholds) -> Flags:
        """Run the check; UNKNOWN throughout where it cannot run."""
        try:
            return self.run(block, thresholds)
        except CannotRunError:
            return np.full(len(block.rows), Flag.UNKNOWN, np.int8)


_CHECKS: dict[str, Check] = {}
CHECKS = MappingProxyType(_CHECKS)
"""Every check that runs on blocks, by name, in the order of the report."""


def _check(name: str, meaning: str, *, is_essential: bool = False) -> Callable[[Run], Run]:
    def register(run: Run) -> Run:
        _CHECKS[name] = Check(name, meaning, run, is_essential)
        return run

    return register


@_check("timestamp", "time of receipt is there and plausible", is_essential=True)
def _timestamp(block: Block, limits: Thresholds) -> Flags:
    return rows.check_timestamp(block["received_at"])


@_check("time_order", "time of receipt rises", is_essential=True)
def _time_order(block: Block, limits: Thresholds) -> Flags:
    block["received_at"]
    return block.time_order


@_check("time_gap", "time since the row before, against the cadence")
def _time_gap(block: Block, limits: Thresholds) -> Flags:
    return order.check_time_gap(
        block["received_at"],
        block.time_order,
        block.starts,
        cadence_ms=block.cadence_ms,
        suspect_factor=limits.time_gap_suspect_factor,
        fail_factor=limits.time_gap_fail_factor,
    )


@_check("clock_skew", "device clock against the time of receipt")
def _clock_skew(block: Block, limits: Thresholds) -> Flags:
    return rows.check_clock_skew(
        block["local_timestamp_ms"],
        block["received_at"],
        suspect_seconds=limits.clock_skew_suspect_seconds,
        fail_seconds=limits.clock_skew_fail_seconds,
    )


@_check("seq_gap", "no sequence number is missing", is_essential=True)
def _seq_gap(block: Block, limits: Thresholds) -> Flags:
    return order.check_seq_gap(block["seq"], block.starts)


@_check("seq_duplicate", "no sequence number comes twice", is_essential=True)
def _seq_duplicate(block: Block, limits: Thresholds) -> Flags:
    return order.check_seq_duplicate(block["seq"], block.starts)


@_check("seq_order", "sequence numbers rise", is_essential=True)
def _seq_order(block: Block, limits: Thresholds) -> Flags:
    return block.seq_order


@_check("sentinel", "no value that hardware reports when it has none")
def _sentinel(block: Block, limits: Thresholds) -> Flags:
    return rows.check_sentinel(
        block.readings,
        block["temperature_c"],
        block["local_timestamp_ms"],
        sentinel_readings_mm=limits.sentinel_readings_mm,
        sentinel_temperatures_c=limits.sentinel_temperatures_c,
        sentinel_clock_ms=limits.sentinel_clock_ms,
        sentinel_clock_window_ms=limits.sentinel_clock_window_ms,
    )


@_check("valid_fraction", "share of readings with an echo", is_essential=True)
def _valid_fraction(block: Block, limits: Thresholds) -> Flags:
    valid_count, _ = block.sorted_readings
    return rows.check_valid_fraction(
        valid_count, len(RAW_COLUMNS), suspect_fraction=limits.valid_fraction_suspect
    )


@_check("burst_spread", "readings of one burst lie together")
def _burst_spread(block: Block, limits: Thresholds) -> Flags:
    return rows.check_burst_spread(
        rows.burst_spread_mm(*block.sorted_readings),
        block.by_device(block.is_mobile),
        suspect_mm=limits.burst_spread_suspect_mm,
        fail_mm=limits.burst_spread_fail_mm,
        mobile_suspect_mm=limits.mobile_burst_spread_suspect_mm,
        mobile_fail_mm=limits.mobile_burst_spread_fail_mm,
    )


@_check("level_range", "measured level", is_essential=True)
def _level_range(block: Block, limits: Thresholds) -> Flags:
    return rows.check_gross_range(
        block["measured_level_pct"], suspect_span=limits.level_suspect_span, fail_span=limits.level_fail_span
    )


@_check("derived_level", "measured level follows from the readings and the calibration")
def _derived_level(block: Block, limits: Thresholds) -> Flags:
    expected = rows.level_of_readings_pct(
        block.readings,
        block.sorted_readings[0],
        empty_mm=block.reservoir_values(lambda one: one.sensor_empty_distance_mm),
        full_mm=block.reservoir_values(lambda one: one.sensor_full_distance_mm),
    )
    return _agreement(block, block["measured_level_pct"], expected, limits)


@_check("rate_of_change", "measured level changes no faster than water can")
def _rate_of_change(block: Block, limits: Thresholds) -> Flags:
    is_mobile = block.is_mobile
    fastest = np.where(
        is_mobile, limits.mobile_fill_liters_per_minute, limits.stationary_fill_liters_per_minute
    )
    noise = np.where(is_mobile, limits.mobile_rate_noise_pct, limits.rate_noise_pct)
    return series.check_rate_of_change(
        block["measured_level_pct"],
        block.trusted_at_ms,
        block.starts,
        fastest_pct_per_second=block.by_device(fastest / 60 * 100) / block.capacity_liters,
        noise_pct=block.by_device(noise),
        suspect_factor=limits.rate_suspect_factor,
        fail_factor=limits.rate_fail_factor,
    )


@_check("spike", "content does not leap and come back")
def _spike(block: Block, limits: Thresholds) -> Flags:
    return balance.check_spike(
        block.unexplained_pct(limits.blind_zone_mm),
        block.starts,
        suspect=_by_mode(block, limits.spike_suspect_pct, limits.mobile_spike_suspect_pct),
        fail=_by_mode(block, limits.spike_fail_pct, limits.mobile_spike_fail_pct),
    )


@_check("level_step", "content does not leap by what no meter saw")
def _level_step(block: Block, limits: Thresholds) -> Flags:
    # In a truck that stands the water is as calm as in a tank, and nothing is lost on the way.
    sloshes = block.by_device(block.is_mobile)
    if sloshes.any():
        sloshes &= ~balance.stands(block["latitude"], block["longitude"], block.starts)
    return balance.check_step(
        block.unexplained_pct(limits.blind_zone_mm),
        block.starts,
        suspect_pct=np.where(sloshes, limits.mobile_step_suspect_pct, limits.step_suspect_pct),
        fail_pct=_by_mode(block, limits.step_fail_pct, limits.mobile_step_fail_pct),
    )


@_check("level_creep", "content does not creep by what no meter saw; tanks only")
def _level_creep(block: Block, limits: Thresholds) -> Flags:
    flags = balance.check_creep(
        block.unexplained_pct(limits.blind_zone_mm),
        block.starts,
        day_rows=block.day_rows,
        smooth_rows=block.hour_rows,
        suspect_pct=limits.creep_suspect_pct,
        fail_pct=limits.creep_fail_pct,
    )
    # What a truck loses on its way creeps too, and no meter sees it.
    flags[block.by_device(block.is_mobile)] = Flag.UNKNOWN
    return flags


@_check("supply_pause", "tanks do not wait for water much longer than usual")
def _supply_pause(block: Block, limits: Thresholds) -> Flags:
    return supply.check_supply_pause(
        block["inflow_liters"],
        block.trusted_at_ms,
        block.starts,
        chance_per_month=limits.supply_pause_per_month,
        least_hours=limits.supply_pause_least_hours,
    )


@_check("supply_rate", "water comes into tanks no more slowly than usual")
def _supply_rate(block: Block, limits: Thresholds) -> Flags:
    return inlet.check_supply_rate(
        block["inflow_liters"], block.trusted_at_ms, block.starts, sigmas=limits.supply_rate_sigmas
    )


@_check("battery_change", "charge neither leaps up nor falls within a day")
def _battery_change(block: Block, limits: Thresholds) -> Flags:
    return balance.check_battery(
        block["battery_pct"],
        block.starts,
        day_rows=block.day_rows,
        rise_pct=limits.battery_rise_suspect_pct,
        empty_pct=limits.battery_empty_pct,
        full_pct=limits.battery_full_pct,
        drop_suspect_pct=limits.battery_drop_suspect_pct,
        drop_fail_pct=limits.battery_drop_fail_pct,
    )


@_check("flat_line", "readings move within a day")
def _flat_line(block: Block, limits: Thresholds) -> Flags:
    valid_count, ordered = block.sorted_readings
    highest = np.where(valid_count == len(ordered), ordered[-1], np.int32(-1))
    for place, reading in enumerate(ordered[:-1]):
        np.copyto(highest, reading, where=valid_count == place + 1)
    level = block["measured_level_pct"]
    is_exempt = (level >= limits.flat_line_full_pct) | (level <= limits.flat_line_empty_pct)
    is_exempt |= highest <= limits.blind_zone_mm
    return series.check_flat_line(
        ordered[0],
        highest,
        block.trusted_at_ms,
        block.starts,
        is_exempt=is_exempt,
        tolerance_mm=limits.flat_line_tolerance_mm,
        suspect_hours=limits.flat_line_suspect_hours,
        fail_hours=limits.flat_line_fail_hours,
    )


@_check("temperature_range", "temperature at the sensor")
def _temperature_range(block: Block, limits: Thresholds) -> Flags:
    return rows.check_gross_range(
        block["temperature_c"],
        suspect_span=limits.temperature_suspect_span,
        fail_span=limits.temperature_fail_span,
    )


@_check("signal_range", "received signal strength")
def _signal_range(block: Block, limits: Thresholds) -> Flags:
    return rows.check_gross_range(
        block["signal_dbm"], suspect_span=limits.signal_suspect_span, fail_span=limits.signal_fail_span
    )


@_check("battery_range", "battery charge is 0 to 100 %")
def _battery_range(block: Block, limits: Thresholds) -> Flags:
    return rows.check_gross_range(
        block["battery_pct"], suspect_span=limits.battery_span, fail_span=limits.battery_span
    )


@_check("location", "position is on Earth, and not where it is unset")
def _location(block: Block, limits: Thresholds) -> Flags:
    return rows.check_location(block["latitude"], block["longitude"])


@_check("implied_speed", "speed from one position to the next")
def _implied_speed(block: Block, limits: Thresholds) -> Flags:
    return series.check_implied_speed(
        block["latitude"],
        block["longitude"],
        block.trusted_at_ms,
        block.starts,
        suspect_kmh=limits.speed_suspect_kmh,
        fail_kmh=limits.speed_fail_kmh,
    )


@_check("level_bounds", "modeled level is 0 to 100 %", is_essential=True)
def _level_bounds(block: Block, limits: Thresholds) -> Flags:
    low, high = limits.modeled_level_span
    span = low - limits.modeled_level_tolerance_pct, high + limits.modeled_level_tolerance_pct
    return rows.check_gross_range(block["level_pct"], suspect_span=span, fail_span=span)


@_check("level_volume", "modeled level is content / capacity")
def _level_volume(block: Block, limits: Thresholds) -> Flags:
    capacity = block.reservoir_values(lambda one: one.capacity_liters)
    return _agreement(block, block["level_pct"], block["volume_liters"] / capacity * 100, limits)


@_check("flow_bounds", "modeled flows are not negative, and none is served that was not asked")
def _flow_bounds(block: Block, limits: Thresholds) -> Flags:
    return rows.check_flow_bounds(
        block["requested_liters"],
        block["served_liters"],
        block["inflow_liters"],
        block["overflow_liters"],
        block["loaded_liters"],
        block["delivered_liters"],
        block["lost_liters"],
        block["volume_liters"],
        block["expected_demand_liters"],
    )


@_check("mass_balance", "modeled content follows from the flows")
def _mass_balance(block: Block, limits: Thresholds) -> Flags:
    gains = block["inflow_liters"] + block["loaded_liters"]
    losses = (
        block["served_liters"] + block["delivered_liters"] + block["lost_liters"] + block["overflow_liters"]
    )
    return series.check_mass_balance(
        block["volume_liters"],
        gains - losses,
        block["seq"],
        block.starts,
        suspect_liters=limits.balance_suspect_liters,
        fail_liters=limits.balance_fail_liters,
    )


def _by_mode(block: Block, stationary: float, mobile: float) -> series.F64:
    return block.by_device(np.where(block.is_mobile, mobile, stationary))


def _agreement(block: Block, values: series.F64, expected: series.F64, limits: Thresholds) -> Flags:
    flags = rows.check_agreement(
        values, expected, suspect=limits.derived_level_suspect_pct, fail=limits.derived_level_fail_pct
    )
    # A device without a known reservoir has nothing to compare with.
    flags[np.isnan(block.reservoir_values(lambda one: one.capacity_liters))] = Flag.UNKNOWN
    return flags
