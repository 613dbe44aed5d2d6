"""The rules between a device's fields, as JSON Schema, so that editors know them too."""

from __future__ import annotations

from typing import Any

from synthlab.scenario.archetypes import ARCHETYPES, Archetype
from synthlab.scenario.parameter import Parameter


def device_conditions(schema: dict[str, Any]) -> None:
    """Add to the device's JSON Schema what depends on mode and archetype."""
    mobile = {
        "required": ["route_id"],
        "properties": {"route_id": {"type": "string"}, "dynamics": {"type": "null"}},
    }
    schema["allOf"] = [
        {"if": _has("mode", "MOBILE"), "then": mobile},
        *(
            {"if": _has("archetype", name), "then": _fits(archetype)}
            for name, archetype in ARCHETYPES.items()
        ),
    ]


def _has(name: str, value: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"const": value}}}


def _fits(archetype: Archetype) -> dict[str, Any]:
    overrides = {
        "properties": {name: _value(parameter) for name, parameter in archetype.parameters.items()},
        "additionalProperties": False,
    }
    return {"properties": {"mode": {"const": archetype.mode}, "parameter_overrides": overrides}}


def _value(parameter: Parameter) -> dict[str, Any]:
    unit = f" [{parameter.unit}]" if parameter.unit else ""
    about = {"description": f"{parameter.meaning}{unit}", "default": parameter.default}
    if parameter.choices:
        return {**about, "enum": list(parameter.choices)}
    limits = {"minimum": parameter.minimum, "maximum": parameter.maximum}
    return {**about, "type": "number", **{key: value for key, value in limits.items() if value is not None}}
