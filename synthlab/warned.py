"""Warnings for people: what is the same of several devices is said once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MAX_NAMED = 8
"""Devices named in one warning. Assumed: a line of a terminal or two."""

_OF_DEVICE = re.compile(r"devices\[([^\[\],]+)\](?=[:.])")


def grouped(warnings: Iterable[str]) -> list[str]:
    """Say once, with the devices' names, what is the same of several; the JSON keeps each."""
    devices: dict[str, list[str]] = {}
    for warning in map(str, warnings):
        found = _OF_DEVICE.match(warning)
        text = warning[found.end() :] if found else warning
        devices.setdefault(text, []).extend([found[1]] if found else [])
    return [f"{_named(names)}{text}" for text, names in devices.items()]


def _named(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f", ... +{len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"devices[{', '.join(names[:MAX_NAMED])}{more}]"
