"""Validated copies of a scenario with some values changed, for notebooks and widgets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from synthlab.errors import Problem, ScenarioError, show_value
from synthlab.scenario.archetypes import ARCHETYPES
from synthlab.scenario.block import Block
from synthlab.scenario.build import build_scenario
from synthlab.scenario.hardware_parameters import BLOCKS
from synthlab.scenario.nearest import advice
from synthlab.scenario.schema import Bootstrap, Demand, Device, Mqtt, ReservoirBlock, Scenario, Supply

B = TypeVar("B", bound=Block)
Path = tuple[str, ...]


def find(items: Iterable[B], name: str, wanted: str) -> B:
    """Return the item whose field `name` is `wanted`.

    Raises
    ------
    ScenarioError
        Code ``SCENARIO_REFERENCE_INVALID``, naming the nearest one.
    """
    by_id = {getattr(item, name): item for item in items}
    if wanted in by_id:
        return by_id[wanted]
    remedy = advice(wanted, by_id, none="the scenario has none")
    rule = f"no {name.removesuffix('_id')} of the scenario has this id"
    raise ScenarioError(
        Problem("SCENARIO_REFERENCE_INVALID", rule, path=name, value=show_value(wanted), remedy=remedy)
    )


def with_device(scenario: Scenario, device_id: str, changes: Mapping[str, Any]) -> Scenario:
    """Return a validated copy with one device changed; see `Scenario.with_device`."""
    device = scenario.device(device_id)
    data = source_dict(scenario)
    target = data["devices"][scenario.devices.index(device)]
    # With another archetype come other parameters.
    archetype = changes.get("archetype", device.archetype)
    paths = _device_paths(archetype if isinstance(archetype, str) else device.archetype)
    # A parameter stands in one place: where the device has its block, there.
    paths |= {name: (block, name) for block in BLOCKS if target.get(block) for name in BLOCKS[block]}
    _apply(target, changes, paths)
    return build_scenario(data)


def with_changes(scenario: Scenario, changes: Mapping[str, Any]) -> Scenario:
    """Return a validated copy with other root fields; see `Scenario.with_changes`."""
    data = source_dict(scenario)
    paths: dict[str, Path] = {name: (name,) for name in Scenario.model_fields}
    paths |= {name: ("bootstrap", name) for name in Bootstrap.model_fields}
    paths |= {name: ("mqtt", name) for name in Mqtt.model_fields}
    _apply(data, changes, paths)
    return build_scenario(data)


def source_dict(scenario: Scenario) -> dict[str, Any]:
    """Return what was set explicitly, as plain data: defaults stay left out."""
    return _plain(scenario.model_dump(exclude_unset=True))


def _device_paths(archetype: str) -> dict[str, Path]:
    """Return where each plain name belongs in a device."""
    paths: dict[str, Path] = {}
    if archetype in ARCHETYPES:
        paths |= {name: ("parameter_overrides", name) for name in ARCHETYPES[archetype].parameters}
    paths |= {name: ("reservoir", name) for name in ReservoirBlock.model_fields}
    paths |= {name: ("dynamics", "supply", name) for name in Supply.model_fields}
    paths |= {name: ("dynamics", "demand", name) for name in Demand.model_fields}
    return paths | {name: (name,) for name in Device.model_fields}


def _apply(data: dict[str, Any], changes: Mapping[str, Any], paths: Mapping[str, Path]) -> None:
    unknown = [name for name in changes if "." not in name and name not in paths]
    if unknown:
        problems = [
            Problem(
                "SCENARIO_UNKNOWN_KEY",
                "no field or parameter has this name",
                path=name,
                remedy=advice(name, paths),
            )
            for name in unknown
        ]
        raise ScenarioError(problems)
    for name, value in changes.items():
        _set(data, tuple(name.split(".")) if "." in name else paths[name], _plain(value))


def _set(data: dict[str, Any], path: Path, value: Any) -> None:
    *parents, last = path
    trail = [data]
    for name in parents:
        inner = trail[-1].get(name)
        # What is in the way of a dotted path is replaced; the schema judges the outcome.
        trail.append(inner if isinstance(inner, dict) else {})
        trail[-2][name] = trail[-1]
    if value is not None:
        trail[-1][last] = value
        return
    trail[-1].pop(last, None)
    for block, name in zip(trail[-2::-1], reversed(parents), strict=True):
        if not block[name]:
            del block[name]


def _plain(value: Any) -> Any:
    """Return records, arrays and numpy numbers as plain, changeable data."""
    if isinstance(value, Block):
        return _plain(value.model_dump(exclude_unset=True))
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value.tolist() if hasattr(value, "tolist") else value
