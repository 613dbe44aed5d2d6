"""What the device's hardware adds to the truth: parameters of the four blocks, as data.

A parameter has one name: a field of its block (``sensor``, ``power``, ``radio``,
``network``), an entry of ``parameter_overrides``, and a row of `docs/archetypes.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from synthlab.scenario.parameter import Parameter

_FACTS = "Source: domain facts, Ultrasonic sensor"
_GAUGES = "Source: fitted to hourly gauges, COAST-Lab Open-Water-Level"

_SENSOR = {
    "reading_noise_mm": Parameter(
        2.0, "mm", "standard deviation of one raw reading", f"{_FACTS}, single ping 2..5 mm", 0, 200
    ),
    "filling_noise_factor": Parameter(
        2.0,
        "",
        "how much noisier a reading is while water comes in",
        "Assumed: below the factor 3 of domain facts, for the mean of a ping's echoes",
        1,
        20,
    ),
    "reading_resolution_mm": Parameter(
        1.0, "mm", "readings are multiples of this", f"{_FACTS}, JSN-SR04T; 10 for MaxBotix", 1, 100
    ),
    "blind_zone_mm": Parameter(
        200.0, "mm", "what is nearer reads as this constant", f"{_FACTS}, 200 (JSN) to 500 mm", 0, 1_000
    ),
    "temperature_compensation_fraction": Parameter(
        0.89,
        "",
        "part of the sound's change with temperature that the sensor takes out; calibrated at 20 °C",
        f"{_FACTS}, -.176 %/K without, about .02 %/K left with it",
        0,
        1,
    ),
    "no_echo_prob": Parameter(
        0.0015, "", "probability that one reading returns no echo", "Assumed: a healthy sensor", 0, 1
    ),
    "multipath_prob": Parameter(
        0.0015,
        "",
        "probability that a reading is of a later echo, more than 1 cm too far",
        "Assumed: a tank is calmer than the .87 % of domain facts",
        0,
        1,
    ),
    "multipath_max_mm": Parameter(
        40.0,
        "mm",
        "farthest that a later echo reads too far",
        "Assumed: a tank is narrow; in a harbor .20 % of readings are off by more than 10 cm",
        10,
        5_000,
    ),
    "false_target_prob": Parameter(
        0.0, "", "probability that a reading is of a fixed thing instead", "Assumed: well mounted", 0, 1
    ),
    "false_target_mm": Parameter(
        2_600.0, "mm", "distance of that thing", f"{_FACTS}, false targets at 2.6 m", 1, 20_000
    ),
    "echo_bursts_per_day": Parameter(
        0.1, "1/day", "bursts of missing echoes that begin in a day", "Assumed: foam, insects, rain", 0, 24
    ),
    "echo_burst_minutes": Parameter(
        40.0, "min", "mean length of such a burst", f"{_FACTS}, no echo comes in bursts", 1, 720
    ),
    "echo_burst_no_echo_prob": Parameter(
        0.05,
        "",
        "probability that a reading has no echo in a burst",
        "Assumed: echoes are weak, not gone",
        0,
        1,
    ),
    "condensation_night_prob": Parameter(
        0.02,
        "",
        "share of nights on which water condenses on the sensor, cold ones first",
        "Assumed: seldom, in the tropics",
        0,
        1,
    ),
    "condensation_hours": Parameter(
        4.0, "h", "mean time until it has dried, from before the coldest hour", "Assumed", 0.1, 12
    ),
    "condensation_no_echo_prob": Parameter(
        0.06, "", "probability that a reading has no echo meanwhile", "Assumed: a thin film", 0, 1
    ),
    "condensation_near_prob": Parameter(
        0.0,
        "",
        "probability that a reading is of the drops, near the blind zone",
        "Assumed: a thin film",
        0,
        1,
    ),
    "plateaus_per_day": Parameter(
        0.05,
        "1/day",
        "times a day that readings begin to repeat to the millimeter",
        f"{_FACTS}, plateaux; how often is assumed",
        0,
        24,
    ),
    "plateau_hours": Parameter(2.0, "h", "mean length of a plateau", f"{_FACTS}, for hours", 0.05, 12),
    "plateau_step_mm": Parameter(
        8.0,
        "mm",
        "how far the surface must move to be noticed on one",
        "Assumed: a filter's dead band",
        1,
        500,
    ),
    "temperature_mean_c": Parameter(
        26.0, "°C", "mean temperature at the sensor", "Assumed: coastal tropics", -30, 60
    ),
    "temperature_daily_amplitude_c": Parameter(
        4.0, "°C", "half of the daily swing, warmest at 15 h UTC", "Assumed: a tank in the shade", 0, 25
    ),
}

_POWER = {
    "battery_kind": Parameter(
        "solar",
        "",
        "course of the charge: solar floats near its mean, lipo runs down and is swapped, primary counts "
        "down, mains stays at 100 %",
        "Source: domain facts, Battery and radio",
        choices=("solar", "lipo", "primary", "mains"),
    ),
    "battery_solar_mean_pct": Parameter(
        84.1, "%", "mean charge with a panel", "Source: domain facts, 84.1 +/- 1.5 % for 13 months", 5, 100
    ),
    "battery_solar_sigma_pct": Parameter(
        1.5, "%", "its slow change, from week to week", f"{_GAUGES}, correlation .99 after a week", 0, 20
    ),
    "battery_swap_days": Parameter(
        14.0, "days", "time from swap to swap of a lipo", "Source: domain facts, LiPo without sun", 1, 400
    ),
    "battery_drain_pct_per_day": Parameter(
        0.075,
        "%/day",
        "what a primary cell is counted down by; a new one comes at 25 %",
        "Source: domain facts, .05..0.1 % a day (assumed there)",
        0.01,
        5,
    ),
}

_RADIO = {
    "signal_mean_dbm": Parameter(
        -84.0,
        "dBm",
        "mean received signal strength",
        "Source: domain facts, medians -62..-120 dBm",
        -120,
        -40,
    ),
    "signal_sigma_db": Parameter(
        4.0, "dB", "standard deviation within one site", "Source: domain facts, 2..7 dB within a node", 0, 15
    ),
    "signal_hour_correlation": Parameter(
        0.55,
        "",
        "autocorrelation from hour to hour within one site",
        "Source: domain facts, lag-1 ACF .2..0.9",
        0,
        0.93,
    ),
    "signal_site_spread": Parameter(
        1.0,
        "",
        "how far sites differ: at 1 sigma is half to 1.75 times the above, the correlation .35 less or more",
        "Source: domain facts, sigma 2..7 dB and ACF .2..0.9 by node",
        0,
        1,
    ),
}

_NETWORK = {
    "message_loss_prob": Parameter(
        0.0, "", "probability that one message never arrives", "Assumed: ideal, unless a model is named", 0, 1
    ),
    "outages_per_day": Parameter(
        0.0, "1/day", "outages that begin in a day", "Assumed: ideal, unless a model is named", 0, 24
    ),
    "outage_hours": Parameter(5.3, "h", "mean length of an outage, 48 at most", _GAUGES, 0.02, 24),
}

HARDWARE: Mapping[str, Parameter] = MappingProxyType({**_SENSOR, **_POWER, **_RADIO, **_NETWORK})
"""Parameters that every archetype has, with the defaults of a tank with a panel."""

_MOBILE_SENSOR = {
    "slosh_noise_mm": Parameter(
        18.0,
        "mm",
        "further standard deviation of a reading while moving",
        "Source: domain facts, 20..60 mm in a moving truck",
        0,
        200,
    ),
}
_MOBILE_RADIO = {
    "signal_moving_sigma_db": Parameter(
        9.7, "dB", "standard deviation while moving", "Source: domain facts, from a car sigma 9.7", 0, 20
    ),
}
MOBILE_HARDWARE: Mapping[str, Parameter] = MappingProxyType({**_MOBILE_SENSOR, **_MOBILE_RADIO})
"""Parameters that only trucks have."""

BLOCKS: Mapping[str, Mapping[str, Parameter]] = MappingProxyType(
    {
        "sensor": MappingProxyType({**_SENSOR, **_MOBILE_SENSOR}),
        "power": MappingProxyType(_POWER),
        "radio": MappingProxyType({**_RADIO, **_MOBILE_RADIO}),
        "network": MappingProxyType(_NETWORK),
    }
)
"""Parameters by the block that they may stand in."""

_Values = Mapping[str, float | str]

MODELS: Mapping[str, Mapping[str, _Values]] = MappingProxyType(
    {
        "sensor": {
            "ideal": {
                "reading_noise_mm": 0.0,
                "filling_noise_factor": 1.0,
                "slosh_noise_mm": 0.0,
                "reading_resolution_mm": 1.0,
                "blind_zone_mm": 0.0,
                "temperature_compensation_fraction": 1.0,
                "no_echo_prob": 0.0,
                "multipath_prob": 0.0,
                "false_target_prob": 0.0,
                "echo_bursts_per_day": 0.0,
                "condensation_night_prob": 0.0,
                "plateaus_per_day": 0.0,
            },
            "typical": {},
            # Source: domain facts, one real tank sensor had no echo in 64 % of its uplinks, in bursts;
            # .87 % of readings off by more than 1 cm. Bursts of 6 h, 5 a day, give 64 %. Assumed: how
            # the rest is shared out.
            "harsh": {
                "reading_noise_mm": 4.0,
                "filling_noise_factor": 3.0,
                "temperature_compensation_fraction": 0.0,
                "no_echo_prob": 0.02,
                "multipath_prob": 0.0087,
                "multipath_max_mm": 500.0,
                "false_target_prob": 0.003,
                "echo_bursts_per_day": 5.0,
                "echo_burst_minutes": 360.0,
                "echo_burst_no_echo_prob": 0.98,
                "condensation_night_prob": 0.4,
                "condensation_hours": 6.0,
                "condensation_no_echo_prob": 0.7,
                "condensation_near_prob": 0.2,
                "plateaus_per_day": 1.0,
                "plateau_hours": 5.0,
                "plateau_step_mm": 30.0,
            },
        },
        "power": {"ideal": {"battery_kind": "mains"}, "typical": {}},
        "radio": {
            "ideal": {"signal_sigma_db": 0.0, "signal_site_spread": 0.0, "signal_moving_sigma_db": 0.0},
            "typical": {},
            # Source: domain facts, medians down to -120 dBm, sigma up to 7 dB.
            "harsh": {"signal_mean_dbm": -110.0, "signal_sigma_db": 7.0, "signal_site_spread": 0.0},
        },
        "network": {
            "ideal": {"message_loss_prob": 0.0, "outages_per_day": 0.0},
            # Source: fitted to hourly gauges: 1.2 % single misses, gaps of 6..8 h at P99.9.
            "typical": {"message_loss_prob": 0.012, "outages_per_day": 0.125, "outage_hours": 5.3},
            # Assumed: a region with power cuts.
            "harsh": {"message_loss_prob": 0.05, "outages_per_day": 0.5, "outage_hours": 8.0},
        },
    }
)
"""What a block's ``model`` sets; the rest of the block is the archetype's."""
