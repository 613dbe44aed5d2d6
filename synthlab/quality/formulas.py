"""The metrics of the platform contract, section 4: the one place of their formulas.

They take the read models' arrays, so the analytics consumer and
`synthlab.quality.metrics` compute the same numbers from the same inputs.
A metric that does not exist is NaN, and `MetricTable.reasons` says why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from synthlab.quality.hourly import HourlySeries, segment_starts
from synthlab.quality.motion import Movement
from synthlab.quality.stops import StopKind, Stops
from synthlab.quality.windows import HOUR_MS, HOURS_PER_DAY, HourWindow

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Objects = npt.NDArray[np.object_]

RUNOUT_LEVEL_PCT = 5.0
"""Source: platform contract, `runout_hours`. [%]"""
LOW_LEVEL_PCT = 20.0
"""Source: platform contract, `intermittence_severity_index`, `elasticity_near_empty`. [%]"""
HIGH_CONFIDENCE_FRACTION, MEDIUM_CONFIDENCE_FRACTION = 0.9, 0.7
"""Source: platform contract, `confidence`. [fraction of the window's hours]"""

COVERAGE_METRICS = ("window_hours", "observed_hours", "data_gap_hours")
SUPPLY_METRICS = (
    "supply_hours",
    "supply_fragmentation_index",
    "mean_supply_duration_hours",
    "daily_supply_coverage",
    "pipeflow_liters",
)
STATIONARY_METRICS = (
    "runout_hours",
    "runout_prob",
    "autonomy_days_est",
    *SUPPLY_METRICS,
    "intermittence_severity_index",
    "demand_liters",
    "elasticity_near_empty",
    "suppressed_demand_index",
)
MOBILE_METRICS = (
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
)
DEVICE_METRICS = (*COVERAGE_METRICS, *STATIONARY_METRICS, *MOBILE_METRICS)
ZONE_METRICS = ("pipeflow_liters", "truckflow_liters", "resilience_ratio")

NullReason = Literal[
    "CAPACITY_UNKNOWN",
    "NO_BASELINE",
    "NO_DATA",
    "NO_DEMAND",
    "NO_DISTANCE",
    "NO_FLOW",
    "NO_NEAR_EMPTY_DEMAND",
    "NO_NORMAL_DEMAND",
    "NO_REFILL_TIME",
    "NO_SUPPLY",
    "NO_TRUTH",
    "NO_ZONE",
    "NOT_MOBILE",
    "NOT_PIPE_CONNECTED",
    "NOT_STATIONARY",
]
"""Why a metric is null.

``NO_BASELINE`` is the rule for a measured `suppressed_demand_index`: the net change
of an hour shows demand or inflow, never both, so only the truth has hours with both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What the formulas need to know of each device; entry i is device index i.

    Attributes
    ----------
    capacity_liters : ndarray of float64
        NaN where it is not known. [liters]
    is_mobile, is_pipe_connected : ndarray of bool
    zone_id : ndarray of object
        Text, or None.
    """

    capacity_liters: F64
    is_mobile: Bool
    is_pipe_connected: Bool
    zone_id: Objects

    def __len__(self) -> int:
        return len(self.capacity_liters)


@dataclass(frozen=True, slots=True)
class MetricTable:
    """Metrics by name, one entry a device or zone.

    Attributes
    ----------
    values : dict of str to ndarray of float64
        NaN = null.
    reasons : dict of str to ndarray of object
        A `NullReason` where the value is null, else None.
    confidence : ndarray of object
        ``HIGH``, ``MEDIUM`` or ``LOW``.
    """

    values: dict[str, F64] = field(default_factory=dict)
    reasons: dict[str, Objects] = field(default_factory=dict)
    confidence: Objects = field(default_factory=lambda: np.empty(0, dtype=object))

    def put(self, name: str, values: F64, *nulls: tuple[Bool, NullReason]) -> None:
        """Set a metric; the first of `nulls` that holds is its reason to be null."""
        result, reason = np.array(values, dtype=np.float64), np.full(len(values), None, dtype=object)
        for mask, why in reversed(nulls):
            result[mask], reason[mask] = np.nan, why
        self.values[name], self.reasons[name] = result, reason

    def null_reasons(self, entry: int) -> dict[str, str]:
        """Return the metrics of one device that are null, each with its reason."""
        return {name: why[entry] for name, why in self.reasons.items() if why[entry] is not None}


def device_metrics(
    series: HourlySeries, stops: Stops, movement: Movement, devices: Devices, window: HourWindow
) -> MetricTable:
    """Compute every metric of every device over one window.

    Parameters
    ----------
    series : HourlySeries
        May reach beyond the window.
    stops : Stops
    movement : Movement
    devices : Devices
    window : HourWindow

    Returns
    -------
    MetricTable
        With each of `DEVICE_METRICS`.
    """
    table = _coverage(series, len(devices), window)
    _stationary(table, series, devices, window)
    _mobile(table, stops, movement, devices, window)
    return table


def zone_metrics(table: MetricTable, zone_id: Objects) -> tuple[list[str], MetricTable]:
    """Sum pipe and truck flow over zones.

    Parameters
    ----------
    table : MetricTable
        Of devices.  What a truck delivered belongs to the zone of the truck's own
        reservoir: the platform knows no other.
    zone_id : ndarray of object
        Text, or None: such a device is in no zone.

    Returns
    -------
    zones : list of str
        Sorted.
    table : MetricTable
        With each of `ZONE_METRICS`, one entry a zone.
    """
    zones = sorted({zone for zone in zone_id if zone is not None})
    index = {zone: i for i, zone in enumerate(zones)}
    member = np.array([index.get(zone, -1) for zone in zone_id], dtype=np.int64)
    inside = member >= 0
    result = MetricTable()
    for name in ("pipeflow_liters", "truckflow_liters"):
        result.put(name, _sums(member[inside], np.nan_to_num(table.values[name][inside]), len(zones)))
    pipe, truck = result.values["pipeflow_liters"], result.values["truckflow_liters"]
    result.put("resilience_ratio", _ratio(pipe, pipe + truck), (pipe + truck <= 0, "NO_FLOW"))
    return zones, result


def _coverage(series: HourlySeries, size: int, window: HourWindow) -> MetricTable:
    inside = _inside(series.hour, window) & (series.sample_count > 0)
    observed = _sums(series.device[inside], np.ones(int(inside.sum())), size)
    share = observed / window.hours
    confidence = np.select(
        [share >= HIGH_CONFIDENCE_FRACTION, share >= MEDIUM_CONFIDENCE_FRACTION],
        ["HIGH", "MEDIUM"],
        default="LOW",
    ).astype(object)
    table = MetricTable(confidence=confidence)
    table.put("window_hours", np.full(size, float(window.hours)))
    table.put("observed_hours", observed)
    table.put("data_gap_hours", np.maximum(window.hours - observed, 0.0))
    return table


def _stationary(table: MetricTable, series: HourlySeries, devices: Devices, window: HourWindow) -> None:
    size = len(devices)
    inside = _inside(series.hour, window) & (series.sample_count > 0)
    device, hour, level = series.device[inside], series.hour[inside], series.level_pct[inside]
    demand, inflow = series.demand_liters[inside], series.inflow_liters[inside]
    observed = table.values["observed_hours"]
    known = ~np.isnan(demand)
    no_capacity: tuple[Bool, NullReason] = (np.isnan(devices.capacity_liters), "CAPACITY_UNKNOWN")
    mobile: tuple[Bool, NullReason] = (devices.is_mobile, "NOT_STATIONARY")

    runout = _sums(device, (level <= RUNOUT_LEVEL_PCT).astype(float), size)
    table.put("runout_hours", runout, mobile)
    table.put("runout_prob", np.where(observed > 0, _ratio(runout, observed), 0.0), mobile)

    total_demand = _sums(device, np.nan_to_num(demand), size)
    daily_demand = HOURS_PER_DAY * _ratio(total_demand, _sums(device, known.astype(float), size))
    latest = _latest(device, series.latest_level_pct[inside], size) / 100.0 * devices.capacity_liters
    no_demand = ~(daily_demand > 0)
    table.put(
        "autonomy_days_est", _ratio(latest, daily_demand), mobile, no_capacity, (no_demand, "NO_DEMAND")
    )
    table.put("demand_liters", total_demand, mobile, no_capacity)
    _supply(table, device, hour, inflow, devices, window)

    day = device * (2 * window.hours) + (hour // HOURS_PER_DAY - window.start_hour // HOURS_PER_DAY)
    days, low_days = np.unique(day), np.unique(day[level <= LOW_LEVEL_PCT])
    day_count = _sums(days // (2 * window.hours), np.ones(len(days)), size)
    low_count = _sums(low_days // (2 * window.hours), np.ones(len(low_days)), size)
    severity = _ratio(low_count, day_count)
    table.put("intermittence_severity_index", severity, mobile, (day_count == 0, "NO_DATA"))

    low, high = known & (level < LOW_LEVEL_PCT), known & (level >= LOW_LEVEL_PCT)
    low_mean, high_mean = _mean(device, demand, low, size), _mean(device, demand, high, size)
    table.put(
        "elasticity_near_empty",
        _ratio(low_mean, high_mean),
        mobile,
        no_capacity,
        (~(low_mean > 0), "NO_NEAR_EMPTY_DEMAND"),
        (~(high_mean > 0), "NO_NORMAL_DEMAND"),
    )
    baseline = HOURS_PER_DAY * _mean(device, demand, high & (inflow > 0), size)
    suppressed = np.clip(_ratio(baseline - daily_demand, baseline), 0.0, 1.0)
    table.put("suppressed_demand_index", suppressed, mobile, no_capacity, (~(baseline > 0), "NO_BASELINE"))


def _supply(
    table: MetricTable, device: I64, hour: I64, inflow: F64, devices: Devices, window: HourWindow
) -> None:
    size = len(devices)
    supplied = inflow > 0
    hours = _sums(device, supplied.astype(float), size)
    segments = _sums(device, segment_starts(device, hour, supplied).astype(float), size)
    nulls: tuple[tuple[Bool, NullReason], ...] = (
        (devices.is_mobile, "NOT_STATIONARY"),
        (~devices.is_pipe_connected, "NOT_PIPE_CONNECTED"),
        (np.isnan(devices.capacity_liters), "CAPACITY_UNKNOWN"),
    )
    table.put("supply_hours", hours, *nulls)
    table.put("supply_fragmentation_index", _ratio(segments, hours), *nulls, (hours == 0, "NO_SUPPLY"))
    table.put("mean_supply_duration_hours", np.where(hours > 0, _ratio(hours, segments), 0.0), *nulls)
    table.put("daily_supply_coverage", hours / window.hours, *nulls)
    table.put("pipeflow_liters", _sums(device, np.nan_to_num(inflow), size), *nulls)


def _mobile(
    table: MetricTable, stops: Stops, movement: Movement, devices: Devices, window: HourWindow
) -> None:
    size = len(devices)
    stops = stops.where(_inside(stops.ended_ms // HOUR_MS, window))
    device, change = stops.device, np.nan_to_num(stops.volume_change_liters)
    begin = np.maximum(stops.started_ms, window.start_hour * HOUR_MS)
    seconds = (stops.ended_ms - begin) / 1000.0
    is_delivery, is_refill = stops.kind == StopKind.DELIVERY.value, stops.kind == StopKind.REFILL.value
    is_downtime = stops.kind == StopKind.DOWNTIME.value
    unknown: tuple[Bool, NullReason] = (np.isnan(devices.capacity_liters), "CAPACITY_UNKNOWN")
    nulls: tuple[tuple[Bool, NullReason], ...] = ((~devices.is_mobile, "NOT_MOBILE"), unknown)

    delivered = _sums(device, np.where(is_delivery, -change, 0.0), size)
    loaded = _sums(device, np.where(is_refill, change, 0.0), size)
    minutes = _sums(device, np.where(is_refill, seconds / 60.0, 0.0), size)
    inside = _inside(movement.hour, window)
    distance_km = _sums(movement.device[inside], movement.moving_km[inside], size)
    lost = np.minimum(change, 0.0) + np.minimum(np.nan_to_num(stops.transit_change_liters), 0.0)

    table.put("deliveries_count", _sums(device, is_delivery.astype(float), size), *nulls)
    table.put("delivered_liters", delivered, *nulls)
    table.put("liters_loaded", loaded, *nulls)
    table.put("refill_time_minutes", minutes, *nulls)
    table.put("refill_load_rate_l_per_min", _ratio(loaded, minutes), *nulls, (minutes <= 0, "NO_REFILL_TIME"))
    table.put("moving_km", distance_km, nulls[0])
    table.put("liters_per_km", _ratio(delivered, distance_km), *nulls, (distance_km <= 0, "NO_DISTANCE"))
    table.put("downtime_hours", _sums(device, np.where(is_downtime, seconds / 3600.0, 0.0), size), *nulls)
    table.put("mobile_nrw_liters", np.maximum(_sums(device, -lost, size) - delivered, 0.0), *nulls)
    table.put("truckflow_liters", delivered, *nulls)


def _inside(hour: I64, window: HourWindow) -> Bool:
    return (hour >= window.start_hour) & (hour < window.end_hour)


def _sums(device: I64, weights: F64, size: int) -> F64:
    return np.bincount(device, weights=weights, minlength=size)[:size].astype(np.float64)


def _mean(device: I64, values: F64, mask: Bool, size: int) -> F64:
    """Mean over the masked entries of each device; NaN where there is none."""
    return _ratio(
        _sums(device[mask], values[mask], size), _sums(device[mask], np.ones(int(mask.sum())), size)
    )


def _latest(device: I64, values: F64, size: int) -> F64:
    """Value of each device's last entry; NaN where there is none."""
    latest = np.full(size, np.nan)
    latest[device] = values  # later entries of a device overwrite earlier ones
    return latest


def _ratio(numerator: F64, denominator: F64) -> F64:
    """Quotient, NaN where the denominator is 0 or null."""
    usable = np.nan_to_num(denominator) != 0
    return np.where(usable, numerator / np.where(usable, denominator, 1.0), np.nan)
