"""The blocks of the device's hardware, and what each device's parameters come to.

A parameter has one name and may stand in three places.  The first of these decides:

1. the device's own block: its fields, then its ``model``,
2. the device's ``parameter_overrides``,
3. the scenario's block for all devices: its fields, then its ``model``,
4. the archetype.

One device may not name a parameter in both its block and its overrides, nor override
a parameter of a block whose ``model`` it sets: that is a fault, not a question of rank.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from synthlab.scenario.block import Block
from synthlab.scenario.fields import Float
from synthlab.scenario.hardware_parameters import BLOCKS, MODELS
from synthlab.scenario.parameter import Parameter


def _field(name: str) -> Any:
    """Make a block's field of an archetype's parameter, with its range and meaning."""
    parameter = next(block[name] for block in BLOCKS.values() if name in block)
    if parameter.choices:
        return Field(default=None, description=f"{', '.join(parameter.choices)}: {parameter.meaning}")
    unit = f" [{parameter.unit}]" if parameter.unit else ""
    low, high = parameter.minimum, parameter.maximum
    return Field(
        default=None, ge=low, le=high, description=f"{low:.15g}..{high:.15g}, {parameter.meaning}{unit}"
    )


class Sensor(Block):
    """How the distance is measured."""

    model: Literal["ideal", "typical", "harsh"] | None = Field(
        default=None,
        description="ideal: the exact distance in whole mm, always; typical: the archetype's; "
        "harsh: condensation, bursts without echo, false targets",
    )
    reading_noise_mm: Float | None = _field("reading_noise_mm")
    filling_noise_factor: Float | None = _field("filling_noise_factor")
    slosh_noise_mm: Float | None = _field("slosh_noise_mm")
    reading_resolution_mm: Float | None = _field("reading_resolution_mm")
    blind_zone_mm: Float | None = _field("blind_zone_mm")
    temperature_compensation_fraction: Float | None = _field("temperature_compensation_fraction")
    no_echo_prob: Float | None = _field("no_echo_prob")
    multipath_prob: Float | None = _field("multipath_prob")
    multipath_max_mm: Float | None = _field("multipath_max_mm")
    false_target_prob: Float | None = _field("false_target_prob")
    false_target_mm: Float | None = _field("false_target_mm")
    echo_bursts_per_day: Float | None = _field("echo_bursts_per_day")
    echo_burst_minutes: Float | None = _field("echo_burst_minutes")
    echo_burst_no_echo_prob: Float | None = _field("echo_burst_no_echo_prob")
    condensation_night_prob: Float | None = _field("condensation_night_prob")
    condensation_hours: Float | None = _field("condensation_hours")
    condensation_no_echo_prob: Float | None = _field("condensation_no_echo_prob")
    condensation_near_prob: Float | None = _field("condensation_near_prob")
    plateaus_per_day: Float | None = _field("plateaus_per_day")
    plateau_hours: Float | None = _field("plateau_hours")
    plateau_step_mm: Float | None = _field("plateau_step_mm")
    temperature_mean_c: Float | None = _field("temperature_mean_c")
    temperature_daily_amplitude_c: Float | None = _field("temperature_daily_amplitude_c")


class Power(Block):
    """How the device is powered."""

    model: Literal["ideal", "typical"] | None = Field(
        default=None, description="ideal: always 100 %; typical: the archetype's"
    )
    battery_kind: Literal["solar", "lipo", "primary", "mains"] | None = _field("battery_kind")
    battery_solar_mean_pct: Float | None = _field("battery_solar_mean_pct")
    battery_solar_sigma_pct: Float | None = _field("battery_solar_sigma_pct")
    battery_swap_days: Float | None = _field("battery_swap_days")
    battery_drain_pct_per_day: Float | None = _field("battery_drain_pct_per_day")


class Radio(Block):
    """How well the device is received."""

    model: Literal["ideal", "typical", "harsh"] | None = Field(
        default=None,
        description="ideal: always the mean; typical: the archetype's; harsh: at the edge of reception",
    )
    signal_mean_dbm: Float | None = _field("signal_mean_dbm")
    signal_sigma_db: Float | None = _field("signal_sigma_db")
    signal_moving_sigma_db: Float | None = _field("signal_moving_sigma_db")
    signal_hour_correlation: Float | None = _field("signal_hour_correlation")
    signal_site_spread: Float | None = _field("signal_site_spread")


class Network(Block):
    """Which messages arrive."""

    model: Literal["ideal", "typical", "harsh"] | None = Field(
        default=None,
        description="ideal: all messages arrive, as where the block is left out; typical: 1.2 % single "
        "misses, and outages of hours; harsh: power cuts",
    )
    message_loss_prob: Float | None = _field("message_loss_prob")
    outages_per_day: Float | None = _field("outages_per_day")
    outage_hours: Float | None = _field("outage_hours")


def hardware_values(
    parameters: Mapping[str, Parameter],
    *,
    for_all: Mapping[str, Block | None],
    overrides: Mapping[str, float | str],
    own: Mapping[str, Block | None],
) -> dict[str, float | str]:
    """Return every parameter of a device, by the ranks of this module.

    Parameters
    ----------
    parameters : mapping of str to Parameter
        The archetype's.
    for_all, own : mapping of str to block or None
        The scenario's blocks and the device's, by name.
    overrides : mapping of str to float or str
        The device's ``parameter_overrides``.
    """
    values = {name: parameter.default for name, parameter in parameters.items()}
    for block, value in for_all.items():
        values |= _said(block, value, parameters)
    values |= overrides
    for block, value in own.items():
        values |= _said(block, value, parameters)
    return values


def _said(block: str, value: Block | None, parameters: Mapping[str, Parameter]) -> dict[str, float | str]:
    """Return what a block sets: all of it where it names a model, else its fields."""
    if value is None:
        return {}
    fields = value.model_dump(exclude_none=True)
    said: dict[str, float | str] = {}
    model = fields.pop("model", None)
    if model is not None:
        said |= {name: parameters[name].default for name in BLOCKS[block] if name in parameters}
        said |= MODELS[block][model]
    said |= fields
    # What only a truck has does not concern a tank, in a block for all devices.
    return {name: entry for name, entry in said.items() if name in parameters}


def stated_twice(device: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield block and name of each parameter that a device overrides beside its block."""
    overrides = device.get("parameter_overrides")
    if not isinstance(overrides, Mapping):
        return
    for block, parameters in BLOCKS.items():
        said = device.get(block)
        if not isinstance(said, Mapping):
            continue
        has_model = said.get("model") is not None
        for name in overrides:
            if name in parameters and (has_model or said.get(name) is not None):
                yield block, name


def of_trucks_only(
    device: Mapping[str, Any], parameters: Mapping[str, Parameter]
) -> Iterator[tuple[str, str]]:
    """Yield block and name of each field that the device's archetype does not have."""
    for block, known in BLOCKS.items():
        said = device.get(block)
        if isinstance(said, Mapping):
            names = (name for name, value in said.items() if name in known and value is not None)
            yield from ((block, name) for name in names if name not in parameters)
