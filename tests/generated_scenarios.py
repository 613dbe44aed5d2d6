"""Valid scenario files by the thousand, drawn from the JSON Schema.

Everything is a pure function of a number, so that a finding can be made again:
``valid_text(7)``.  A new block or field of the schema is drawn without a change here.
"""

from __future__ import annotations

import json
import math
import random
import re
import uuid
from functools import cache
from typing import Any

from synthlab.scenario.archetypes import ARCHETYPES
from synthlab.scenario.hardware_parameters import BLOCKS
from synthlab.scenario.schema import scenario_json_schema

Tree = dict[str, Any]


@cache
def schema() -> Tree:
    """Return the scenario's JSON Schema."""
    return scenario_json_schema()


def valid_data(number: int) -> Tree:
    """Return plain data of a scenario that breaks no rule."""
    rng = random.Random(f"valid-{number}")
    data: Tree = _draw(schema(), rng)
    # What a schema cannot say: ids are unique, routes are there, sums are 1, distances have an order.
    routes = data.setdefault("routes", None) or []
    for index, route in enumerate(routes):
        route["route_id"] = f"R{index}"
        _mend_route(route, rng)
    for index, device in enumerate(data["devices"]):
        device["device_id"] = f"D{index}-{device['device_id']}"[:64]
        if device["mode"] == "MOBILE":
            if not routes:
                routes.append({"route_id": "R0", "points": []})
                data["routes"] = routes
            device["route_id"] = rng.choice(routes)["route_id"]
        elif "route_id" in device:
            device["route_id"] = routes[0]["route_id"] if routes else None
        _mend_reservoir(device.get("reservoir"))
        for name, parameters in BLOCKS.items():
            # What a block can set stands there, and not among the overrides too.
            if device.get(name) is not None:
                known = ARCHETYPES[device["archetype"]].parameters
                for each in parameters:
                    (device.get("parameter_overrides") or {}).pop(each, None)
                    if each not in known:
                        device[name].pop(each, None)
    names = [device["device_id"] for device in data["devices"]]
    for fault in data.get("faults") or []:
        _mend_fault(fault, names, rng)
    return data


def valid_text(number: int) -> str:
    """Return a valid scenario as YAML, in block or in flow style."""
    data = valid_data(number)
    rng = random.Random(f"text-{number}")
    if rng.random() < 0.2:
        return json.dumps(data, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1]))
    return "\n".join(yaml_lines(data, 0, rng)) + "\n"


# ---- drawing from the schema


def _draw(node: Tree, rng: random.Random) -> Any:
    if "$ref" in node:
        return _draw(schema()["$defs"][node["$ref"].rsplit("/", 1)[1]], rng)
    if "const" in node:
        return node["const"]
    if "enum" in node:
        return rng.choice(node["enum"])
    for words in ("anyOf", "oneOf"):
        if words in node:
            parts = [part for part in node[words] if part.get("type") != "null"]
            return (
                None
                if len(parts) < len(node[words]) and rng.random() < 0.1
                else _draw(rng.choice(parts), rng)
            )
    kind = node.get("type")
    if isinstance(kind, list):
        return _draw({**node, "type": rng.choice(kind)}, rng)
    return {
        "object": _draw_object,
        "array": _draw_array,
        "string": _draw_text,
        "integer": _draw_integer,
        "number": _draw_number,
        "boolean": lambda _node, rng: rng.random() < 0.5,
        "null": lambda _node, _rng: None,
    }[kind or "object"](node, rng)


def _draw_object(node: Tree, rng: random.Random) -> Tree:
    fields, needed = node.get("properties", {}), node.get("required", [])
    names = [name for name in fields if name in needed or rng.random() < 0.5]
    data = {name: _draw(fields[name], rng) for name in names}
    # Twice: the archetype's rule may choose the mode that another rule asks for.
    for rule in [*node.get("allOf", [])] * 2:
        wanted = rule.get("if", {}).get("properties", {})
        if not all(data.get(name) == each.get("const") for name, each in wanted.items()):
            continue
        then = rule.get("then", {})
        for name, part in then.get("properties", {}).items():
            if name in data or name in then.get("required", []):
                data[name] = _draw({"type": "object", **part}, rng)
    return data


def _draw_array(node: Tree, rng: random.Random) -> list[Any]:
    low = node.get("minItems", 0)
    high = min(node.get("maxItems", low + 3), low + 3)
    return [
        _draw(node.get("items", {"type": "number"}), rng) for _ in range(rng.randint(low, max(low, high)))
    ]


def _draw_text(node: Tree, rng: random.Random) -> str:
    if node.get("format") == "uuid":
        return str(uuid.UUID(int=rng.getrandbits(128), version=4))
    if node.get("format") == "date-time":
        return f"2026-02-{rng.randint(1, 28):02d}T{rng.randint(0, 23):02d}:00:00Z"
    letters = "abcXYZ019_-" if "pattern" in node or rng.random() < 0.7 else "aé漢 b:#'\"\\{[&*!|>%@`,?0"
    size = rng.randint(max(1, node.get("minLength", 1)), min(node.get("maxLength", 12), 12))
    text = rng.choice("abcXYZ019") + "".join(rng.choice(letters) for _ in range(size - 1))
    return text.strip() or "a"


def _draw_integer(node: Tree, rng: random.Random) -> int:
    low, high = node.get("minimum", -(2**31)), node.get("maximum", 2**31)
    return rng.choice([low, high, rng.randint(low, high)])


def _draw_number(node: Tree, rng: random.Random) -> float:
    low = node.get("minimum", node.get("exclusiveMinimum", -1e6))
    high = node.get("maximum", node.get("exclusiveMaximum", 1e6))
    share = rng.uniform(0.01, 0.99)
    drawn = low + share * (high - low)
    return float(f"{drawn:.6g}") if low < float(f"{drawn:.6g}") < high else drawn


def _mend_route(route: Tree, rng: random.Random) -> None:
    for index, point in enumerate(route.get("points") or []):
        point["point_id"] = f"P{index}"
    kinds = {}
    for transition in route.get("transitions") or []:
        kinds[transition["from_kind"], transition["to_kind"]] = transition
    for source in {pair[0] for pair in kinds}:
        own = [transition for pair, transition in kinds.items() if pair[0] == source]
        for transition in own:
            transition["probability"] = 1 / len(own)
    if route.get("transitions"):
        route["transitions"] = list(kinds.values())


def _mend_fault(fault: Tree, names: list[str], rng: random.Random) -> None:
    for name in ("size", "rate_per_day", "rate_per_month", "at"):
        fault.pop(name, None)
    fault["rate_per_day"] = rng.choice([0.5, 1, 24])
    # Other kinds are for one mode, and refused where no device has it.
    fault["kind"] = rng.choice(["DUPLICATE", "GAP", "LATE", "SPIKES"])
    named = fault.get("devices") is not None
    fault["devices"] = rng.sample(names, rng.randint(1, len(names))) if named else None


def _mend_reservoir(block: Tree | None) -> None:
    if not block:
        return
    empty, full = block.get("sensor_empty_distance_mm"), block.get("sensor_full_distance_mm")
    if empty is None or full is None:
        block.pop("sensor_empty_distance_mm", None)
        block.pop("sensor_full_distance_mm", None)
    elif empty <= full:
        block["sensor_empty_distance_mm"], block["sensor_full_distance_mm"] = (
            full + 1 if full < 1e5 else full,
            empty / 2,
        )
    is_table = block.pop("volume_table", None) is not None or block.get("shape") == "table"
    empty, full = block.get("sensor_empty_distance_mm"), block.get("sensor_full_distance_mm")
    height = block.get("height_mm") if empty is None else empty - full
    if is_table:
        block["shape"] = "table" if height else "upright"
    if is_table and height:
        # From the bottom to full, at the height between the two distances.
        capacity = block["capacity_liters"]
        block["volume_table"] = [[0, 0], [height / 2, capacity / 3], [height, capacity]]


# ---- writing YAML, on purpose not with the package's own writer


def yaml_lines(value: Any, indent: int, rng: random.Random) -> list[str]:
    pad = " " * indent
    if isinstance(value, dict) and value:
        found = []
        for key, inner in value.items():
            if isinstance(inner, dict | list) and inner and rng.random() < 0.85:
                found += [f"{pad}{_word(key)}:", *yaml_lines(inner, indent + 2, rng)]
            else:
                found.append(f"{pad}{_word(key)}: {_flow(inner)}")
            if rng.random() < 0.05:
                found.append(f"{pad}# {rng.choice(_COMMENTS)}")
        return found
    if isinstance(value, list) and value:
        found = []
        for inner in value:
            if isinstance(inner, dict) and inner:
                head, *rest = yaml_lines(inner, indent + 2, rng)
                found += [f"{pad}- {head.strip()}", *rest]
            else:
                found.append(f"{pad}- {_flow(inner)}")
        return found
    return [f"{pad}{_flow(value)}"]


_COMMENTS = ("é", "a: b", "[x", "'", "- ", "漢")


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_word(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return json.dumps(value, ensure_ascii=False)


def _word(key: object) -> str:
    return key if isinstance(key, str) and re.fullmatch(r"[a-z_]+", key) else _flow(key)


class Raw:
    """Text that stands in the file as it is."""

    def __init__(self, text: str) -> None:
        self.text = text
