"""The built-in archetypes: parameters as data, each number with its provenance.

`ARCHETYPES` maps an archetype's name to its parameters and to the reservoir that
is assumed where neither the platform nor the scenario describes one.  A device's
``parameter_overrides`` may set any parameter of its archetype, within its range;
`docs/archetypes.md` is generated from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from synthlab.scenario.hardware_parameters import HARDWARE, MOBILE_HARDWARE
from synthlab.scenario.parameter import Parameter

Mode = Literal["STATIONARY", "MOBILE"]


@dataclass(frozen=True, slots=True)
class Archetype:
    """A kind of device: how its water behaves and what its metrics should show.

    Attributes
    ----------
    name : str
    mode : {"STATIONARY", "MOBILE"}
    summary : str
    parameters : mapping of str to Parameter
    reservoir : mapping
        Reservoir block assumed where nobody describes one.
    tendencies : mapping of str to str
        Metric to what it should be: ``"lower"``, ``"higher"`` against the
        contrasting archetype.
    contrast : str
        The archetype that `tendencies` compares with.
    """

    name: str
    mode: Mode
    summary: str
    parameters: Mapping[str, Parameter]
    reservoir: Mapping[str, Any]
    tendencies: Mapping[str, str]
    contrast: str


_START = {
    "initial_level_fraction": Parameter(
        0.7, "", "content at the start of a run / capacity", "Assumed: a tank in use", 0, 1
    ),
}

_STATIONARY = {
    "demand_liters_per_hour": Parameter(
        37.5,
        "liters/h",
        "mean demand where dynamics.demand.target_daily_liters is omitted",
        "Source: guide section 7.1, 900 liters a day",
        0.01,
        100_000,
    ),
    "demand_absence_share": Parameter(
        0.028,
        "",
        "median share of days on which nobody is there, of a household of 250 liters a day",
        "Source: fitted to hourly meters, Alicante 2016-17",
        0,
        0.5,
    ),
    "demand_profile_spread": Parameter(
        1.0,
        "",
        "how far a household's own profile departs from the weights: 0 not at all, 1 as measured",
        "Source: fitted to hourly meters, Alicante 2016-17",
        0,
        1.5,
    ),
    "demand_habit_strength": Parameter(
        1.0,
        "",
        "how far habits persist from week to week: 0 not at all, 1 as measured",
        "Source: fitted to hourly meters, Alicante 2016-17",
        0,
        1.5,
    ),
    "demand_day_factor_sigma": Parameter(
        0.05,
        "",
        "log standard deviation of a slow factor of a day's volume",
        "Source: fitted to hourly meters, Alicante 2016-17",
        0,
        1,
    ),
    "demand_leak_liters_per_hour": Parameter(
        0.022,
        "liters/h",
        "median trickle; it is part of the demand, not added to it",
        "Source: fitted to hourly meters, Alicante 2016-17",
        0,
        100,
    ),
    "demand_use_size_factor": Parameter(
        1.0, "", "scales the volume of every use: fewer and larger above 1", "Assumed: as measured", 0.1, 10
    ),
    "demand_flow_liters_per_minute": Parameter(
        9.0, "liters/min", "flow while water is drawn", "Assumed: one tap or shower", 0.5, 2_000
    ),
    "near_empty_threshold_fraction": Parameter(
        0.2,
        "",
        "content / capacity below which people save water",
        "Source: contract, near empty is 20 %",
        0,
        1,
    ),
    "near_empty_min_demand_fraction": Parameter(
        0.6, "", "share of the demand still drawn at the very bottom", "Assumed: mild saving", 0, 1
    ),
    "supply_regime": Parameter(
        "predictable",
        "",
        "predictable: the same hours most days; irregular: other hours each time, on some days; "
        "unreliable: by chance, on some days",
        "Source: domain facts, Intermittent supply: archetype A is predictable",
        choices=("predictable", "irregular", "unreliable"),
    ),
    "supply_sessions_per_day": Parameter(
        1.1,
        "1/day",
        "supply sessions that begin in a day, before multipliers",
        "Assumed: daily network supply",
        0,
        24,
    ),
    "supply_session_liters": Parameter(
        1_350.0,
        "liters",
        "mean volume of one session, before multipliers",
        "Assumed: supply half as much again as the guide's demand",
        0,
        1_000_000,
    ),
    "supply_session_hours": Parameter(
        5.0, "h", "mean duration of one session", "Source: domain facts, 2..4 h a day and longer", 0.05, 12
    ),
    "supply_max_liters_per_hour": Parameter(
        2_500.0,
        "liters/h",
        "what the pipe carries at the highest pressure; a session that is to bring more takes longer",
        "Source: ISO 4064-1:2014, permanent flow of a DN15 water meter, 2.5 m3/h",
        10,
        1_000_000,
    ),
    "supply_inlet": Parameter(
        "open",
        "",
        "open: what arrives at a full tank spills; float_valve: it does not flow in",
        "Assumed: most roof tanks have no working valve",
        choices=("open", "float_valve"),
    ),
    "supply_session_sigma": Parameter(
        0.25,
        "",
        "log standard deviation of a session's volume and duration",
        "Assumed: regular supply",
        0,
        1.5,
    ),
}

_MOBILE = {
    "shift_start_hour": Parameter(6.0, "h", "hour UTC at which the truck leaves its base", "Assumed", 0, 23),
    "shift_hours": Parameter(
        12.0, "h", "after this the truck returns to its base", "Assumed: one day shift", 1, 14
    ),
    "travel_speed_kmh": Parameter(
        26.0, "km/h", "mean speed on the road", "Source: domain facts, 15..25 km/h in town when loaded", 5, 60
    ),
    "detour_factor": Parameter(
        1.3, "", "length of the road / straight line", "Assumed: usual for street networks", 1, 2
    ),
    "refill_liters_per_minute": Parameter(
        1_000.0, "liters/min", "flow at the source", "Source: domain facts, 500..2,000 L/min", 50, 10_000
    ),
    "refill_queue_minutes": Parameter(
        20.0,
        "min",
        "typical wait at a source; the queue there has its own hours and good and bad days. 0: no queue",
        "Source: domain facts, 15 min..3 h (assumed there)",
        0,
        240,
    ),
    "discharge_liters_per_minute": Parameter(
        350.0, "liters/min", "flow at a client", "Source: domain facts, 200..600 L/min", 20, 5_000
    ),
    "delivery_fraction": Parameter(
        0.5, "", "mean delivery / capacity", "Assumed: two clients empty a truck", 0.02, 1
    ),
    "partial_delivery_prob": Parameter(
        0.08, "", "probability that a client's tank takes only part of the order", "Assumed", 0, 1
    ),
    "stop_overhead_minutes": Parameter(8.0, "min", "hose work at a stop, besides the flow", "Assumed", 0, 60),
    "loss_fraction": Parameter(
        0.01,
        "",
        "leaked and spilled while driving / loaded",
        "Source: domain facts, 0.5..2 % efficient (assumed there)",
        0,
        0.5,
    ),
    "idle_stop_prob": Parameter(
        0.04, "", "probability of a non-productive stop on a trip", "Assumed: a well-run truck", 0, 1
    ),
    "idle_stop_minutes": Parameter(25.0, "min", "mean length of a non-productive stop", "Assumed", 1, 180),
    "theft_prob": Parameter(
        0.02,
        "",
        "probability that water is drawn off during a non-productive stop",
        "Assumed: no figure is known; a platform takes such a stop for a small delivery",
        0,
        1,
    ),
    "theft_liters": Parameter(120.0, "liters", "mean volume of one theft", "Assumed: some drums", 1, 5_000),
    "gps_sigma_m": Parameter(
        3.0,
        "m",
        "standard deviation of a position, to the north and to the east",
        "Source: domain facts, in town sigma 3 m (assumed there)",
        0,
        50,
    ),
    "gps_outlier_prob": Parameter(
        0.01,
        "",
        "probability that a position is 20..80 m off",
        "Source: domain facts, in town 1 % outliers (assumed there)",
        0,
        1,
    ),
    "gps_dropouts_per_day": Parameter(
        1.5,
        "1/day",
        "times without a fix that begin in a day: such messages have no location",
        "Assumed: a roofed yard, a wet connector",
        0,
        24,
    ),
    "gps_dropout_minutes": Parameter(
        4.0, "min", "mean length of a time without a fix", "Assumed: minutes", 0.1, 30
    ),
}


def _with(base: Mapping[str, Parameter], **changes: tuple[float | str, str]) -> Mapping[str, Parameter]:
    """Copy `base` with other defaults, each with its own provenance."""
    changed = {
        name: replace(base[name], default=default, provenance=provenance)
        for name, (default, provenance) in changes.items()
    }
    return MappingProxyType({**base, **changed})


_A = Archetype(
    name="stationary_archetype_a",
    mode="STATIONARY",
    summary="More regular inflow, stronger buffering.",
    parameters=_with({**_STATIONARY, **HARDWARE, **_START}),
    reservoir=MappingProxyType(
        {
            "capacity_liters": 5_000.0,
            "height_mm": 1_800.0,
            "sensor_empty_distance_mm": 2_050.0,
            "sensor_full_distance_mm": 250.0,
            "shape": "upright",
            "is_pipe_connected": True,
            "reservoir_type": "TANK",
            "mobility": "FIXED",
        }
    ),
    tendencies=MappingProxyType(
        {"runout_prob": "lower", "autonomy_days_est": "higher", "supply_fragmentation_index": "lower"}
    ),
    contrast="stationary_archetype_c",
)

_C = Archetype(
    name="stationary_archetype_c",
    mode="STATIONARY",
    summary="More fragmented inflow, stronger near-empty demand suppression.",
    parameters=_with(
        {**_STATIONARY, **HARDWARE, **_START},
        demand_liters_per_hour=(25.0, "Source: domain facts, 200..700 L a day (assumed there)"),
        near_empty_threshold_fraction=(0.4, "Assumed: people save early where supply is unsure"),
        near_empty_min_demand_fraction=(0.05, "Assumed: strong saving"),
        supply_regime=(
            "unreliable",
            "Source: domain facts, Intermittent supply: C is irregular to unreliable",
        ),
        supply_sessions_per_day=(1.6, "Assumed: short, scattered sessions"),
        supply_session_liters=(330.0, "Assumed: supply a tenth below the wish"),
        supply_session_hours=(0.7, "Assumed: fragments of an hour"),
        supply_session_sigma=(0.7, "Source: domain facts, gaps with CV >= 1"),
        initial_level_fraction=(0.45, "Assumed: seldom full"),
        signal_mean_dbm=(-96.0, "Source: domain facts, medians -62..-120 dBm"),
        battery_kind=("lipo", "Assumed: no panel"),
    ),
    reservoir=MappingProxyType(
        {
            "capacity_liters": 1_200.0,
            "height_mm": 1_300.0,
            "sensor_empty_distance_mm": 1_550.0,
            "sensor_full_distance_mm": 250.0,
            "shape": "upright",
            "is_pipe_connected": True,
            "reservoir_type": "TANK",
            "mobility": "FIXED",
        }
    ),
    tendencies=MappingProxyType(
        {
            "runout_prob": "higher",
            "autonomy_days_est": "lower",
            "supply_fragmentation_index": "higher",
            "elasticity_near_empty": "below 0.7",
        }
    ),
    contrast="stationary_archetype_a",
)

_TRUCK_TANK = MappingProxyType(
    {
        "capacity_liters": 10_000.0,
        "height_mm": 1_600.0,
        "sensor_empty_distance_mm": 1_850.0,
        "sensor_full_distance_mm": 250.0,
        "shape": "upright",
        "is_pipe_connected": False,
        "reservoir_type": "TRUCK_TANK",
        "mobility": "MOBILE",
    }
)

_TRUCK_DEFAULTS = {
    "initial_level_fraction": (0.0, "Assumed: a truck is empty in the morning"),
    "signal_mean_dbm": (-86.0, "Source: domain facts, medians -62..-120 dBm"),
    "signal_site_spread": (0.0, "Assumed: a truck has no site of its own"),
    "plateaus_per_day": (0.0, "Assumed: the water of a truck never rests long enough"),
}

_EFFICIENT = Archetype(
    name="mobile_high_efficiency",
    mode="MOBILE",
    summary="Higher delivery density, lower transit loss.",
    parameters=_with({**_MOBILE, **HARDWARE, **MOBILE_HARDWARE, **_START}, **_TRUCK_DEFAULTS),
    reservoir=_TRUCK_TANK,
    tendencies=MappingProxyType({"liters_per_km": "higher", "mobile_nrw_liters": "lower"}),
    contrast="mobile_fragmented_high_loss",
)

_FRAGMENTED = Archetype(
    name="mobile_fragmented_high_loss",
    mode="MOBILE",
    summary="More non-productive stops and higher transit loss.",
    parameters=_with(
        {**_MOBILE, **HARDWARE, **MOBILE_HARDWARE, **_START},
        **_TRUCK_DEFAULTS,
        travel_speed_kmh=(20.0, "Source: domain facts, 15..25 km/h in town when loaded"),
        detour_factor=(1.45, "Assumed: badly planned trips"),
        refill_queue_minutes=(40.0, "Source: domain facts, 15 min..3 h (assumed there)"),
        delivery_fraction=(0.19, "Assumed: five or six clients empty a truck"),
        partial_delivery_prob=(0.2, "Assumed: nobody asks beforehand whether there is room"),
        theft_prob=(0.06, "Assumed: no figure is known; unwatched pauses"),
        loss_fraction=(0.08, "Source: domain facts, 5..12 % high loss (assumed there)"),
        idle_stop_prob=(0.35, "Assumed: more non-productive stops"),
        idle_stop_minutes=(35.0, "Assumed"),
    ),
    reservoir=_TRUCK_TANK,
    tendencies=MappingProxyType({"liters_per_km": "lower", "mobile_nrw_liters": "higher"}),
    contrast="mobile_high_efficiency",
)

ARCHETYPES: Mapping[str, Archetype] = MappingProxyType(
    {archetype.name: archetype for archetype in (_A, _C, _EFFICIENT, _FRAGMENTED)}
)
