"""What every verb's result can do: become JSON, read well, and show as a table.

A result is a frozen dataclass that inherits from `Result`.  Data frames among its
fields stay attributes; they are no part of its JSON.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from synthlab.timeline import format_at

# A repr longer than a screen hides the fields behind it.
MAX_TEXT = 160
MAX_ITEMS = 8


class Result:
    """Mixin of the frozen dataclasses that the verbs return."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # @dataclass writes its own repr unless the class has one in its body.
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = Result.__repr__  # type: ignore[method-assign]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-ready values, data frames left out."""
        return {name: to_json_value(value) for name, value in _fields_of(self) if not _is_frame(value)}

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={_short(value)}" for name, value in _fields_of(self))
        return f"{type(self).__name__}({shown})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(_short(value))}</td></tr>"
            for name, value in _fields_of(self)
        )
        return f"<table><caption>{html.escape(type(self).__name__)}</caption>{rows}</table>"


def to_json_value(value: Any) -> Any:
    """Return a value in JSON's own types.

    Parameters
    ----------
    value : object
        Times become RFC 3339 UTC text, paths become text with ``/``, numpy's
        scalars and arrays become numbers and lists, records become objects, and
        what is no number (NaN, infinity, NaT) becomes null.

    Raises
    ------
    TypeError
        A type that has no agreed form in JSON.
    """
    if value is None or (isinstance(value, bool | int | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Enum):
        return to_json_value(value.value)
    if isinstance(value, datetime):
        # NaT is a datetime to isinstance and the only one that differs from itself.
        return None if value != value else format_at(value)
    if isinstance(value, Path):
        return value.as_posix()
    if callable(getattr(value, "to_dict", None)) and not _is_frame(value):
        return to_json_value(value.to_dict())
    return _container_to_json(value)


def _container_to_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(to_json_value(key)): to_json_value(entry) for key, entry in value.items()}
    if isinstance(value, AbstractSet):
        return sorted(to_json_value(entry) for entry in value)
    if isinstance(value, list | tuple):
        return [to_json_value(entry) for entry in value]
    if _is_frame(value):
        return [to_json_value(record) for record in value.reset_index().to_dict("records")]
    if hasattr(value, "to_record"):
        return to_json_value(value.to_record())
    if is_dataclass(value) and not isinstance(value, type):
        return {name: to_json_value(entry) for name, entry in _fields_of(value)}
    if hasattr(value, "tolist"):
        return to_json_value(value.tolist())
    if type(value).__name__ in {"NAType", "NaTType"}:
        return None
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _fields_of(record: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(record, field.name)) for field in fields(record)]


def _is_frame(value: Any) -> bool:
    # By its look: asking isinstance would import pandas for every result.
    return hasattr(value, "columns") and hasattr(value, "iloc")


def _short(value: Any) -> str:
    if _is_frame(value):
        rows, columns = value.shape
        return f"<{rows} rows x {columns} columns>"
    if isinstance(value, datetime) and value == value:
        return format_at(value)
    if isinstance(value, list | tuple) and len(value) > MAX_ITEMS:
        head = ", ".join(repr(entry) for entry in value[:MAX_ITEMS])
        return _cut(f"[{head}, ... +{len(value) - MAX_ITEMS} more]")
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
