"""Rules between the fields of a scenario, judged on plain data.

Plain data, because a file with one mistyped field must still have all its other
faults reported; so whatever has the wrong type here is passed over: the schema
reports it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isclose
from typing import Any, TypeGuard

from synthlab.errors import Code
from synthlab.scenario.archetypes import ARCHETYPES, Archetype
from synthlab.scenario.faults import entry_faults
from synthlab.scenario.hardware import of_trucks_only, stated_twice
from synthlab.scenario.nearest import advice
from synthlab.scenario.parameter import Parameter

Loc = tuple[str | int, ...]

PROBABILITY_TOLERANCE = 1e-6
"""Source: guide section 7, probabilities sum to 1.0; the width is `Assumed`: rounded thirds pass."""

# Assumed: 24 / sum must stay a finite number that loses no digits.
_MIN_WEIGHT_SUM = 1e-6

# Assumed: twice the longest name of a parameter; more of a key nobody reads. [characters]
_MAX_KEY_LENGTH = 80

# Stands for "nothing to show": None is a value that a file can hold.
NOTHING = object()


# Assumed: half a millimeter, half a liter; tables are written in whole ones.
_TABLE_TOLERANCE = 0.5


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule, where it is, and how to mend it."""

    loc: Loc
    rule: str
    remedy: str
    value: Any = NOTHING
    code: Code = "SCENARIO_FIELD_INVALID"
    is_at_key: bool = False

    @property
    def path(self) -> str:
        """The location as text."""
        return path_of(self.loc)


def path_of(loc: Loc) -> str:
    """Return a location as text.

    Examples
    --------
    >>> path_of(("devices", 1, "dynamics", "demand"))
    'devices[1].dynamics.demand'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_shown_key(part)}" for part in loc)
    return text.removeprefix(".")


def _shown_key(name: str) -> str:
    return name if len(name) <= _MAX_KEY_LENGTH else f"{name[:_MAX_KEY_LENGTH]}…"


def scenario_faults(data: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield every broken rule between fields of a whole scenario, devices included."""
    routes = _items(data, "routes")
    devices = _items(data, "devices")
    route_ids = [route.get("route_id") for _, route in routes]
    yield from _duplicates(routes, ("routes",), "route_id")
    yield from _duplicates(devices, ("devices",), "device_id", upper=True)
    for index, device in devices:
        yield from device_faults(device, ("devices", index))
        route_id = device.get("route_id")
        if isinstance(route_id, str) and route_id not in route_ids:
            yield Fault(
                ("devices", index, "route_id"),
                "must name one of the routes",
                advice(
                    route_id,
                    [name for name in route_ids if isinstance(name, str)],
                    none="there are no routes",
                ),
                route_id,
                "SCENARIO_REFERENCE_INVALID",
            )
    for index, route in routes:
        yield from _route_faults(route, ("routes", index))
    modes = {
        str(device["device_id"]).upper(): str(device.get("mode"))
        for _, device in devices
        if isinstance(device.get("device_id"), str)
    }
    for index, entry in _items(data, "faults"):
        yield from fault_entry_faults(entry, ("faults", index), modes=modes)


def fault_entry_faults(
    entry: Mapping[str, Any], loc: Loc = (), *, modes: Mapping[str, str] | None = None
) -> Iterator[Fault]:
    """Yield every broken rule between the fields of one entry of ``faults``.

    Parameters
    ----------
    entry : mapping
    loc : tuple
    modes : mapping of str to str, optional
        Mode by device id; devices are not looked up without.
    """
    for place, rule, remedy, value in entry_faults(entry, modes):
        is_reference = place[:1] == ("devices",)
        code: Code = "SCENARIO_REFERENCE_INVALID" if is_reference else "SCENARIO_FIELD_INVALID"
        yield Fault((*loc, *place), rule, remedy, NOTHING if value is None else value, code)


def device_faults(device: Mapping[str, Any], loc: Loc = ()) -> Iterator[Fault]:
    """Yield every broken rule between the fields of one device."""
    mode, archetype = device.get("mode"), _archetype(device)
    if archetype is not None and mode in ("STATIONARY", "MOBILE") and archetype.mode != mode:
        fitting = ", ".join(name for name, other in ARCHETYPES.items() if other.mode == mode)
        rule = f"is an archetype for mode {archetype.mode}, and the mode here is {mode}"
        remedy = f"Set mode to {archetype.mode}, or take one of {fitting}"
        yield Fault((*loc, "archetype"), rule, remedy, archetype.name)
    if mode == "MOBILE":
        if device.get("route_id") is None:
            remedy = "Add it, and a route of that id under routes"
            yield Fault((*loc, "route_id"), "is required for mode MOBILE", remedy)
        if device.get("dynamics") is not None:
            remedy = "Remove the block; a truck is shaped by its route and its parameter_overrides"
            yield Fault((*loc, "dynamics"), "is for mode STATIONARY only", remedy, is_at_key=True)
    yield from _weight_faults(device, loc)
    yield from _override_faults(device, archetype, loc)
    yield from _hardware_faults(device, archetype, loc)
    yield from _calibration_faults(device.get("reservoir"), (*loc, "reservoir"))
    yield from _table_faults(device.get("reservoir"), (*loc, "reservoir"))


def _hardware_faults(device: Mapping[str, Any], archetype: Archetype | None, loc: Loc) -> Iterator[Fault]:
    for block, name in stated_twice(device):
        rule = f"is a parameter of {block}, which this device sets by its block"
        remedy = f"Move it there, as {block}.{name}, or remove one of the two"
        yield Fault((*loc, "parameter_overrides", name), rule, remedy, is_at_key=True)
    for block, name in of_trucks_only(device, archetype.parameters) if archetype else ():
        rule = f"is no parameter of {archetype.name if archetype else ''}"
        remedy = "Remove it: it is for mode MOBILE"
        yield Fault((*loc, block, name), rule, remedy, is_at_key=True)


def _weight_faults(device: Mapping[str, Any], loc: Loc) -> Iterator[Fault]:
    dynamics = device.get("dynamics")
    demand = dynamics.get("demand") if isinstance(dynamics, Mapping) else None
    if not isinstance(demand, Mapping):
        return
    for name in ("hourly_weights", "weekend_hourly_weights"):
        weights = _numbers(demand.get(name))
        if weights and all(weight > 0 for weight in weights) and sum(weights) < _MIN_WEIGHT_SUM:
            rule = f"needs a sum of at least {_MIN_WEIGHT_SUM:g}"
            remedy = "Only the shape counts: multiply all of them by the same number"
            yield Fault((*loc, "dynamics", "demand", name), rule, remedy, sum(weights))


def _override_faults(device: Mapping[str, Any], archetype: Archetype | None, loc: Loc) -> Iterator[Fault]:
    overrides = device.get("parameter_overrides")
    if archetype is None or not isinstance(overrides, Mapping):
        return
    for name, value in overrides.items():
        here = (*loc, "parameter_overrides", name)
        parameter = archetype.parameters.get(name)
        if parameter is None:
            rule = f"is no parameter of {archetype.name}"
            yield Fault(here, rule, advice(name, archetype.parameters), NOTHING, "SCENARIO_UNKNOWN_KEY", True)
            continue
        broken = _parameter_rule(parameter, value)
        if broken is not None:
            unit = f" [{parameter.unit}]" if parameter.unit else ""
            remedy = f"It is the {parameter.meaning}{unit}, {parameter.default} by default"
            yield Fault(here, broken, remedy, value)


def _parameter_rule(parameter: Parameter, value: Any) -> str | None:
    """Return the rule that a value breaks, or None."""
    if parameter.choices:
        return None if value in parameter.choices else f"must be one of {', '.join(parameter.choices)}"
    low = -sys.float_info.max if parameter.minimum is None else parameter.minimum
    high = sys.float_info.max if parameter.maximum is None else parameter.maximum
    if _is_number(value) and low <= value <= high:
        return None
    return f"must be a number {low:.15g}..{high:.15g}"


def _calibration_faults(reservoir: Any, loc: Loc) -> Iterator[Fault]:
    if not isinstance(reservoir, Mapping):
        return
    names = ("sensor_empty_distance_mm", "sensor_full_distance_mm")
    empty, full = (reservoir.get(name) for name in names)
    if (empty is None) != (full is None):
        given, missing = names if full is None else names[::-1]
        rule = f"missing calibration: {given} is there and {missing} is not"
        remedy = "Give both, or neither and height_mm"
        yield Fault((*loc, missing), rule, remedy)
    elif _is_number(empty) and _is_number(full) and empty <= full:
        rule = f"must be more than sensor_full_distance_mm, {full:g}"
        remedy = "The sensor looks down: the surface is farther away when the reservoir is empty"
        yield Fault((*loc, "sensor_empty_distance_mm"), rule, remedy, empty)


def _table_faults(reservoir: Any, loc: Loc) -> Iterator[Fault]:
    if not isinstance(reservoir, Mapping):
        return
    table, is_table = reservoir.get("volume_table"), reservoir.get("shape") == "table"
    if is_table and table is None:
        remedy = "Add it: pairs of height in mm and liters, from [0, 0] to the capacity"
        yield Fault((*loc, "volume_table"), "is required for shape table", remedy)
    if table is None:
        return
    here = (*loc, "volume_table")
    if not is_table:
        remedy = "Set shape to table, or remove the table"
        yield Fault(here, "is for shape table only", remedy, is_at_key=True)
    rows = [row for row in table if len(_numbers(row)) == 2] if _is_list_of_lists(table) else []
    if len(rows) < 2 or len(rows) != len(table):
        return
    if tuple(rows[0]) != (0, 0):
        yield Fault((*here, 0), "must be [0, 0]: the bottom", "Put it first", _shown_row(rows[0]))
    for index, (before, row) in enumerate(pairwise(rows), start=1):
        if not (row[0] > before[0] and row[1] > before[1]):
            rule = f"must have more of both than the row before, {_shown_row(before)}"
            yield Fault((*here, index), rule, "Sort the rows, and remove repeated ones", _shown_row(row))
    yield from _last_row_faults(reservoir, rows[-1], (*here, len(rows) - 1))


def _last_row_faults(reservoir: Mapping[str, Any], last: Sequence[float], loc: Loc) -> Iterator[Fault]:
    """Yield faults of a table whose end is not the full reservoir."""
    names = ("sensor_empty_distance_mm", "sensor_full_distance_mm")
    empty, full = (reservoir.get(name) for name in names)
    height = empty - full if _is_number(empty) and _is_number(full) else reservoir.get("height_mm")
    if not _is_number(height):
        rule = "needs the calibration of this block: its last row is the full height"
        yield Fault(loc, rule, "Give both sensor distances, or height_mm", _shown_row(last))
    elif not isclose(last[0], height, abs_tol=_TABLE_TOLERANCE):
        remedy = "The height of the table is that between the empty and the full distance"
        yield Fault(loc, f"must end at the full height, {height:g} mm", remedy, _shown_row(last))
    capacity = reservoir.get("capacity_liters")
    if _is_number(capacity) and not isclose(last[1], capacity, abs_tol=_TABLE_TOLERANCE):
        rule = f"must end at capacity_liters, {capacity:g}"
        yield Fault(loc, rule, "Mend the table or the capacity", _shown_row(last))


def _shown_row(row: Sequence[float]) -> str:
    return f"[{row[0]:g}, {row[1]:g}]"


def _is_list_of_lists(value: Any) -> TypeGuard[Sequence[Sequence[Any]]]:
    return isinstance(value, list | tuple) and all(isinstance(row, list | tuple) for row in value)


def _route_faults(route: Mapping[str, Any], loc: Loc) -> Iterator[Fault]:
    yield from _duplicates(_items(route, "points"), (*loc, "points"), "point_id")
    sums: dict[str, float] = {}
    first: dict[str, int] = {}
    pairs: set[tuple[str, str]] = set()
    unsummed: set[str] = set()
    for index, transition in _items(route, "transitions"):
        source, target = transition.get("from_kind"), transition.get("to_kind")
        if not isinstance(source, str) or not isinstance(target, str):
            continue
        if (source, target) in pairs:
            rule, remedy = "stands twice", "Remove one of the two"
            yield Fault((*loc, "transitions", index), rule, remedy, f"{source} to {target}")
        pairs.add((source, target))
        first.setdefault(source, index)
        probability = transition.get("probability")
        if not _is_number(probability):
            unsummed.add(source)
            continue
        sums[source] = sums.get(source, 0.0) + probability
    for source, total in sums.items():
        if source not in unsummed and not abs(total - 1.0) <= PROBABILITY_TOLERANCE * (1 + 1e-9):
            rule = f"probabilities from {source} must sum to 1.0"
            where = (*loc, "transitions", first[source], "probability")
            yield Fault(
                where, rule, "Scale them, or add the transition that is missing", float(f"{total:.10g}")
            )


def _duplicates(
    items: Sequence[tuple[int, Mapping[str, Any]]], loc: Loc, name: str, *, upper: bool = False
) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for index, item in items:
        value = item.get(name)
        if not isinstance(value, str):
            continue
        # Only ASCII may change case: 'ı'.upper() is 'I'.
        key = value.upper() if upper and value.isascii() else value
        if key in seen:
            rule = f"must be unique, and {path_of((*loc, seen[key]))} has the same"
            yield Fault((*loc, index, name), rule, "Give it another id", value, "SCENARIO_REFERENCE_INVALID")
        else:
            seen[key] = index


def _archetype(device: Mapping[str, Any]) -> Archetype | None:
    name = device.get("archetype")
    return ARCHETYPES.get(name) if isinstance(name, str) else None


def _items(data: Mapping[str, Any], name: str) -> list[tuple[int, Mapping[str, Any]]]:
    items = data.get(name)
    if not isinstance(items, list | tuple):
        return []
    return [(index, item) for index, item in enumerate(items) if isinstance(item, Mapping)]


def _numbers(values: Any) -> list[float]:
    if not isinstance(values, list | tuple) or not all(_is_number(value) for value in values):
        return []
    return list(values)


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
