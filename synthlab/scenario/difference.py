"""What differs between two scenarios: value by value, and as text."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthlab.scenario.emit import document_text
from synthlab.scenario.patch import identity

CONTEXT_LINES = 2
"""Lines around a change in a text. Assumed: enough to see whose it is."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs.

    Attributes
    ----------
    path : str
        ``"devices[TANK1].dynamics.demand.hourly_weights"``; items of a list go by their id.
    before, after : object
        None where it is not there.
    """

    path: str
    before: Any
    after: Any


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return every value that differs between two scenarios as plain data, in their order."""
    return tuple(_changes("", "", before, after))


def text_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the lines of YAML that differ, marked ``+`` and ``-``, each with its surroundings."""
    old, new = document_text(before).splitlines(), document_text(after).splitlines()
    lines = difflib.unified_diff(old, new, n=CONTEXT_LINES, lineterm="")
    # The two lines of file names say nothing here.
    return tuple(lines)[2:]


def _changes(path: str, name: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    old, new = _parts(name, before), _parts(name, after)
    if old is None or new is None:
        yield Change(path, before, after)
        return
    is_list = not isinstance(before, Mapping)
    for key in dict.fromkeys((*old, *new)):
        inner = f"{path}[{key}]" if is_list else f"{path}.{key}".lstrip(".")
        yield from _changes(inner, "" if is_list else str(key), old.get(key), new.get(key))


def _parts(name: str, value: Any) -> dict[str, Any] | None:
    """Return the parts that a value is compared by; None where it is compared as a whole."""
    if isinstance(value, Mapping):
        return dict(value)
    is_records = isinstance(value, Sequence) and value and all(isinstance(item, Mapping) for item in value)
    if not is_records:
        return None
    keys = [identity(name, item) for item in value]
    if None in keys or len({str(key) for key in keys}) != len(keys):
        return None
    return {_shown(key): item for key, item in zip(keys, value, strict=True)}


def _shown(key: Any) -> str:
    return " -> ".join(map(str, key)) if isinstance(key, tuple) else str(key)
