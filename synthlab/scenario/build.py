"""Plain data to a `Scenario`, or one `ScenarioError` with everything that is wrong.

The schema's own findings are re-worded for people who edit YAML; the rules between
fields are run beside it, so that a mistyped field hides no other fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from synthlab.errors import Problem, ScenarioError, show_value
from synthlab.scenario.block import Block
from synthlab.scenario.checks import NOTHING, Fault, Loc, fault_entry_faults, scenario_faults
from synthlab.scenario.hardware import Network, Power, Radio, Sensor
from synthlab.scenario.nearest import advice, nearest
from synthlab.scenario.schema import (
    CHECKED,
    Bootstrap,
    Demand,
    Device,
    Dynamics,
    FaultBlock,
    FaultEntry,
    Mqtt,
    Point,
    ReservoirBlock,
    Route,
    Scenario,
    Supply,
    Transition,
)

Place = tuple[int | None, int | None]
Locate = Callable[[Loc, bool], Place | None]

_BLOCKS: dict[str, type[Block]] = {
    "mqtt": Mqtt,
    "bootstrap": Bootstrap,
    "devices": Device,
    "dynamics": Dynamics,
    "demand": Demand,
    "supply": Supply,
    "reservoir": ReservoirBlock,
    "sensor": Sensor,
    "power": Power,
    "radio": Radio,
    "network": Network,
    "routes": Route,
    "points": Point,
    "transitions": Transition,
    "faults": FaultEntry,
}

_WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a block of keys and values",
    "mapping_type": "a block of keys and values",
    "model_type": "a block of keys and values",
    "model_attributes_type": "a block of keys and values",
}

_BOUNDS = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", ">="),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "<="),
}

# What looks like a secret gets another remedy, and its value is never shown.
_SECRETS = ("password", "passwd", "secret", "token", "api_key", "credential")

# A file with more is no scenario with typing errors; so many are named, which bounds the time.
MAX_PROBLEMS = 1_000

# Beyond this the comparing of names costs more than it tells.
_MAX_SUGGESTIONS = 200


def build_scenario(
    data: object,
    *,
    file: str = "",
    locate: Locate = lambda loc, is_at_key: (None, None),
    found: tuple[Problem, ...] = (),
) -> Scenario:
    """Validate plain data.

    Parameters
    ----------
    data : object
        Mappings, lists and scalars.
    file : str
        Named in the problems.
    locate : callable
        From a location, and whether its key is meant, to line and column; None where
        something there has been reported already.
    found : tuple of Problem
        What is wrong already, to be raised with the rest.

    Raises
    ------
    ScenarioError
        With every problem found, sorted by their places.
    """
    faults = _hopeless(data)
    scenario = None
    if not faults:
        try:
            scenario = Scenario.model_validate(data, context={CHECKED: True})
        except ValidationError as error:
            faults += islice(_schema_faults(error), MAX_PROBLEMS)
        if isinstance(data, Mapping):
            faults += islice(scenario_faults(data), MAX_PROBLEMS)
    problems = list(found)
    for fault in faults:
        place = locate(fault.loc, fault.is_at_key)
        if place is not None:
            problems.append(_problem(fault, file, place))
    if scenario is None or problems:
        problems.sort(key=lambda problem: (problem.line or 0, problem.column or 0))
        raise ScenarioError(problems)
    return scenario


def build_faults(data: object, *, modes: Mapping[str, str]) -> tuple[FaultEntry, ...]:
    """Validate the entries of a ``faults`` block for devices that no scenario describes.

    Parameters
    ----------
    data : object
        A list of mappings.
    modes : mapping of str to str
        STATIONARY or MOBILE by device id.

    Raises
    ------
    ScenarioError
        With every problem found.
    """
    faults: list[Fault] = []
    block = None
    try:
        block = FaultBlock.model_validate({"faults": data}, context={CHECKED: True})
    except ValidationError as error:
        faults += _schema_faults(error)
    entries = data if isinstance(data, list | tuple) else ()
    for index, entry in enumerate(entries):
        if isinstance(entry, Mapping):
            faults += fault_entry_faults(entry, ("faults", index), modes=modes)
    if block is None or faults:
        raise ScenarioError([_problem(fault, "", (None, None)) for fault in faults])
    return block.faults


def shown(value: Any) -> str:
    """Return a value as it would stand in YAML, short and escaped."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a block of keys"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return show_value(value)


def _hopeless(data: object) -> list[Fault]:
    """Return the faults of long lists' first entries, where these alone are more than are named.

    Tens of thousands of broken entries would take longer to judge than anybody waits for.
    """
    first, is_cut = _begin(data)
    if is_cut:
        try:
            Scenario.model_validate(first, context={CHECKED: True})
        except ValidationError as error:
            if error.error_count() >= MAX_PROBLEMS:
                return list(islice(_schema_faults(error), MAX_PROBLEMS))
    return []


def _begin(value: object) -> tuple[object, bool]:
    """Return a value with the first entries of its long lists, and whether any was long."""
    if isinstance(value, Mapping):
        inner = {name: _begin(entry) for name, entry in value.items()}
        return {name: entry for name, (entry, _) in inner.items()}, any(cut for _, cut in inner.values())
    if isinstance(value, list):
        entries = [_begin(entry) for entry in value[:MAX_PROBLEMS]]
        is_cut = len(value) > MAX_PROBLEMS or any(cut for _, cut in entries)
        return [entry for entry, _ in entries], is_cut
    return value, False


def _problem(fault: Fault, file: str, place: Place) -> Problem:
    return Problem(
        fault.code,
        fault.rule,
        path=fault.path,
        value=None if fault.value is NOTHING else shown(fault.value),
        remedy=fault.remedy,
        file=file,
        line=place[0],
        column=place[1],
    )


def _schema_faults(error: ValidationError) -> Iterator[Fault]:
    unknown = 0
    for details in error.errors(include_url=False):
        if details["type"] == "extra_forbidden":
            unknown += 1
            yield _unknown_key(details["loc"], is_suggesting=unknown <= _MAX_SUGGESTIONS)
        elif details["type"] == "missing":
            remedy = f"Add it: {_description(details['loc'])}"
            yield Fault(details["loc"], "is required", remedy)
        elif details["type"] in ("too_short", "too_long"):
            yield from _length_fault(details)
        else:
            yield _value_fault(details)


def _unknown_key(loc: Loc, *, is_suggesting: bool) -> Fault:
    name = str(loc[-1])
    fields = _block_of(loc[:-1]).model_fields
    if any(word in name.lower() for word in _SECRETS):
        remedy = "No secret stands in a scenario: give it by the environment, and remove it here"
    elif is_suggesting:
        remedy = advice(name, fields)
    else:
        remedy = f"Allowed: {', '.join(sorted(fields))}"
    return Fault(loc, "unknown key", remedy, NOTHING, "SCENARIO_UNKNOWN_KEY", is_at_key=True)


def _length_fault(details: ErrorDetails) -> Iterator[Fault]:
    # pydantic counts the valid items only; a list of the right length has its own faults.
    count = len(details["input"])
    limits = details.get("ctx", {})
    minimum, maximum = limits.get("min_length", 0), limits.get("max_length", count)
    if minimum <= count <= maximum:
        return
    loc = details["loc"]
    if loc == ("devices",):
        yield Fault(loc, "needs at least one device", "Add one under devices")
        return
    wanted = minimum if count < minimum else maximum
    yield Fault(loc, f"needs {wanted} values", f"Expected: {_description(loc)}", count)


def _value_fault(details: ErrorDetails) -> Fault:
    kind, loc, value = details["type"], details["loc"], details["input"]
    limits = details.get("ctx", {})
    remedy = f"Expected: {_description(loc)}"
    if kind in _WANTED:
        rule = f"needs {_WANTED[kind]}"
        remedy = _type_remedy(kind, value) or remedy
    elif kind in _BOUNDS:
        name, sign = _BOUNDS[kind]
        rule = f"must be {sign} {limits[name]:.15g}"
    elif kind == "literal_error":
        rule = f"must be {limits['expected'].replace(chr(39), '')}"
        near = nearest(value, str(limits["expected"]).replace("'", "").replace(" or ", ", ").split(", "))
        remedy = f"The nearest is {near}" if near else "Take one of these"
    elif kind == "finite_number":
        rule = "must be a finite number"
    elif kind in ("string_too_short", "string_too_long"):
        rule = (
            "must not be empty"
            if kind == "string_too_short"
            else f"needs at most {limits['max_length']} characters"
        )
    elif kind == "synthlab_rule":
        rule = str(limits["rule"])
    else:
        rule = details["msg"]
    # A host may hold what somebody took for a place for a password.
    return Fault(loc, rule, remedy, NOTHING if loc == ("mqtt", "host") else value)


def _type_remedy(kind: str, value: Any) -> str | None:
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "Put it in quotes"
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        return f"Write {value:.0f}"
    if (
        kind in ("int_type", "float_type")
        and isinstance(value, str)
        and value.strip().replace(".", "", 1).isdigit()
    ):
        return "Write it without quotes"
    return None


def _block_of(loc: Loc) -> type[Block]:
    names = [part for part in loc if isinstance(part, str)]
    return _BLOCKS[names[-1]] if names else Scenario


def _description(loc: Loc) -> str:
    """Return what is expected at a location, from the schema's own words."""
    names = [part for part in loc if isinstance(part, str)]
    if not names:
        return "a block of keys, scenario_id and devices at least"
    owner = _BLOCKS[names[-2]] if len(names) > 1 and names[-2] in _BLOCKS else Scenario
    field: FieldInfo | None = owner.model_fields.get(names[-1])
    return field.description or names[-1] if field else names[-1]
