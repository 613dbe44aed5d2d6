"""What every verb's result can do: become JSON, read well, and show as a table.

A result is a frozen dataclass that inherits from `Result`.  Data frames among its
fields stay attributes; they are no part of its JSON.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
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
MAX_COLUMNS = 12


class Result:
    """Mixin of the frozen dataclasses that the verbs return.

    A record that knows a better sentence than its fields side by side says it in
    `summary`, the verdict first; `repr` and the table in a notebook begin with it.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # @dataclass writes its own repr unless the class has one in its body.
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = super(cls, cls).__repr__  # type: ignore[method-assign]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-ready values, data frames left out."""
        return {name: to_json_value(value) for name, value in _fields_of(self) if not _is_frame(value)}

    def summary(self) -> str:
        """Say in one line what came out, the verdict first."""
        return ", ".join(f"{name}={_short(value)}" for name, value in _shown_of(self))

    def _shown(self) -> Iterable[tuple[str, Any]]:
        """Return what the table in a notebook shows, by name."""
        return _shown_of(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary()})"

    def _repr_html_(self) -> str:
        has_sentence = type(self).summary is not Result.summary
        title = f"{type(self).__name__}: {self.summary()}" if has_sentence else type(self).__name__
        return html_table(title, self._shown())


def html_table(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    """Return names and values as a table for a notebook; what is long is cut, and says so.

    Parameters
    ----------
    title : str
    rows : iterable of (str, object)
        Texts and numbers are shown as they are, lists a line each, mappings and data
        frames as tables of their own.
    """
    left = " style='text-align:left;vertical-align:top'"
    body = "".join(
        f"<tr><th{left}>{html.escape(name)}</th><td{left}>{_cell(value)}</td></tr>" for name, value in rows
    )
    caption = f"<caption style='text-align:left;font-weight:bold'>{html.escape(title)}</caption>"
    return f"<table>{caption}{body}</table>"


def counted(number: int, thing: str) -> str:
    """Return a number with its thing, in the plural where there is not one: ``2 devices``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


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


def _shown_of(record: Any) -> list[tuple[str, Any]]:
    return [(field.name, getattr(record, field.name)) for field in fields(record) if field.repr]


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


def _cell(value: Any) -> str:
    """Return one value as HTML, escaped."""
    if _is_frame(value):
        return _frame_cell(value)
    if isinstance(value, Mapping):
        return _mapping_cell(value)
    if isinstance(value, list | tuple):
        lines = [html.escape(_plain(entry)) for entry in value[:MAX_ITEMS]]
        lines += [f"… {len(value) - MAX_ITEMS:,} more"] if len(value) > MAX_ITEMS else []
        return "<br>".join(lines) or "–"
    return html.escape(_plain(value))


def _frame_cell(frame: Any) -> str:
    rows, columns = frame.shape
    if columns > MAX_COLUMNS:
        return f"{counted(rows, 'row')} of {counted(columns, 'column')}"
    if not rows:
        return "–"
    table = str(
        frame.head(MAX_ITEMS).to_html(border=0, escape=True, float_format="{:,.4g}".format, na_rep="–")
    )
    return table + (f"… {rows - MAX_ITEMS:,} more" if rows > MAX_ITEMS else "")


def _mapping_cell(value: Mapping[Any, Any]) -> str:
    entries = list(value.items())[:MAX_ITEMS]
    lines = []
    for name, entry in entries:
        shown = entry
        if isinstance(entry, Mapping):
            shown = ", ".join(f"{key} {_plain(each)}" for key, each in entry.items())
        lines.append(f"{html.escape(_plain(name))}: {html.escape(_cut(_plain(shown)))}")
    if len(value) > MAX_ITEMS:
        lines.append(f"… {len(value) - MAX_ITEMS:,} more")
    return "<br>".join(lines) or "–"


def _plain(value: Any) -> str:
    """Return a value as a person would write it."""
    if value is None or (isinstance(value, str) and not value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and not isinstance(value, Enum):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, datetime) and value == value:
        return format_at(value)
    if isinstance(value, list | tuple):
        return _cut(", ".join(_plain(entry) for entry in value))
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
