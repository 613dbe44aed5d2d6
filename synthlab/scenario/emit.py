"""Plain data as YAML text: blocks for records, brackets for rows of numbers and places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthlab.scenario.scalars import scalar_text

# One place or transition is a row of a table; devices and routes are read as blocks.
_ROWS = {"points", "transitions"}
# A file that is read top to bottom has air between its parts.
_PARTS = {"mqtt", "bootstrap", "devices", "routes"}


def document_text(data: Mapping[str, Any]) -> str:
    """Return a whole scenario as YAML."""
    lines: list[str] = []
    for name, value in data.items():
        if lines and name in _PARTS:
            lines.append("")
        entry = entry_lines(name, value, 0)
        if name in _PARTS and isinstance(value, list):
            entry = [entry[0], *_spaced(entry[1:])]
        lines += entry
    return "\n".join(lines) + "\n"


def entry_lines(name: str, value: Any, indent: int) -> list[str]:
    """Return ``name: value`` as lines, indented by `indent` spaces."""
    start = f"{' ' * indent}{scalar_text(name)}:"
    if not is_block(value):
        return [f"{start} {flow_text(value)}"]
    return [start, *block_lines(name, value, indent + 2)]


def block_lines(name: str, value: Any, indent: int) -> list[str]:
    """Return a block's value as lines; `name` tells how its items are written."""
    if isinstance(value, Mapping):
        return [line for key, entry in value.items() for line in entry_lines(key, entry, indent)]
    return [line for item in value for line in item_lines(name, item, indent)]


def item_lines(name: str, item: Mapping[str, Any], indent: int) -> list[str]:
    """Return ``- item`` as lines."""
    if name in _ROWS or not item:
        return [f"{' ' * indent}- {flow_text(item)}"]
    lines = block_lines("", item, indent + 2)
    return [f"{' ' * indent}- {lines[0].lstrip()}", *lines[1:]]


def flow_text(value: Any) -> str:
    """Return a value on one line."""
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{scalar_text(key)}: {flow_text(entry)}" for key, entry in value.items()) + "}"
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(flow_text(entry) for entry in value) + "]"
    return scalar_text(value)


def is_block(value: Any) -> bool:
    """Tell whether a value is written over several lines."""
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, Sequence) and bool(value) and isinstance(value[0], Mapping)


def _spaced(lines: list[str]) -> list[str]:
    first = next((line for line in lines), "")
    dash = first[: first.index("-") + 1] if "-" in first else "-"
    return [
        part
        for n, line in enumerate(lines)
        for part in (["", line] if n and line.startswith(dash) else [line])
    ]
