"""The grammar of a CSV cell, and a line-by-line reader that names what breaks it.

No cell is quoted, so a line is its cells between commas and a quote is just a
character that no cell may hold: an unbalanced one cannot swallow further lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from synthlab.artifact.cells import ID_PATTERN
from synthlab.columns import ACTIVITIES, COLUMNS, Column
from synthlab.errors import Problem, show_value

UNREADABLE = -1
"""Stands in an integer column of an invalid row for a cell that cannot be read."""

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_A_TIME = np.iinfo(np.int64).min
# An int64 has at most 19 digits; a longer text is not even converted.
_MAX_CELL = 40


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """A line of the CSV that breaks the grammar.

    Attributes
    ----------
    line : int
        1-based line of the file.
    device_id : str or None
    seq : int or None
        None where the cell itself cannot be read.
    problems : tuple of Problem
        One for each bad cell.
    is_time_missing, is_time_invalid : bool
        Whether ``received_at`` is empty, or holds no time.
    """

    line: int
    device_id: str | None
    seq: int | None
    problems: tuple[Problem, ...]
    is_time_missing: bool = False
    is_time_invalid: bool = False

    def at(self, *, file: str, first_line: int) -> InvalidRow:
        """Return the row with its place in the file instead of in its block."""
        line = first_line + self.line
        placed = tuple(replace(problem, file=file, line=line) for problem in self.problems)
        return replace(self, line=line, problems=placed)

    def to_dict(self) -> dict[str, Any]:
        """Return the row as a plain dict."""
        return {
            "line": self.line,
            "device_id": self.device_id,
            "seq": self.seq,
            "problems": [str(problem) for problem in self.problems],
        }


@dataclass(slots=True)
class Lines:
    """A block read line by line; arrays as `synthlab.artifact.reader` joins them."""

    arrays: dict[str, Any]
    line_count: int
    invalid: list[InvalidRow] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)


class _BadCellError(ValueError):
    """A cell that breaks the grammar; the text is the rule."""


def read_lines(block: bytes) -> Lines:
    """Read a block of lines, and name each bad cell.

    Parameters
    ----------
    block : bytes
        Lines, each with its newline; a last line without one counts as cut off.

    Returns
    -------
    Lines
        Rows whose device and seq can be read, in `Lines.kept` the lines they come
        from; lines count from 0 within the block.
    """
    texts = block.split(b"\n")
    cut_off = texts.pop()
    lines = Lines({}, len(texts) + bool(cut_off))
    readable: list[list[Any]] = []
    for number, text in enumerate(texts):
        values, row = _read_line(number, text)
        if row is not None:
            lines.invalid.append(row)
        if values is not None:
            readable.append(values)
            lines.kept.append(number)
    if cut_off:
        rule = "the line must end with a newline; the file is cut off here"
        lines.invalid.append(_unreadable(len(texts), rule, cut_off))
    lines.arrays = _to_arrays(readable)
    return lines


def _unreadable(number: int, rule: str, text: bytes) -> InvalidRow:
    problem = Problem(
        "ARTIFACT_ROW_INVALID", rule, value=show_value(text.decode("ascii", "backslashreplace"))
    )
    return InvalidRow(number, None, None, (problem,))


def _read_line(number: int, text: bytes) -> tuple[list[Any] | None, InvalidRow | None]:
    cells = text.decode("ascii", "backslashreplace").split(",")
    if len(cells) != len(COLUMNS):
        return None, _unreadable(number, f"needs {len(COLUMNS)} cells, got {len(cells)}", text)
    values: list[Any] = []
    problems: dict[str, Problem] = {}
    for column, cell in zip(COLUMNS, cells, strict=True):
        try:
            values.append(_READERS[column.name](cell))
        except _BadCellError as error:
            values.append(_BLANKS[column.kind])
            shown = show_value(cell) if cell else "an empty cell"
            problems[column.name] = Problem(
                "ARTIFACT_ROW_INVALID", str(error), path=column.name, value=shown, remedy=_REMEDY
            )
    if not problems:
        return values, None
    device_id = None if "device_id" in problems else str(values[0])
    seq = None if "seq" in problems else int(values[1])
    is_time_bad, time_cell = "received_at" in problems, cells[2]
    row = InvalidRow(
        number,
        device_id,
        seq,
        tuple(problems.values()),
        is_time_missing=is_time_bad and not time_cell,
        is_time_invalid=is_time_bad and bool(time_cell),
    )
    return (None if device_id is None or seq is None else values), row


_REMEDY = "Export the artifact again; its CSV is not meant to be edited"
_BLANKS: dict[str, Any] = {
    "category": "",
    "text": "",
    "int": UNREADABLE,
    "float": float("nan"),
    "time": _NOT_A_TIME,
}


def _reader_of(column: Column) -> Callable[[str], Any]:
    match column.kind:
        case "int":
            limits = np.iinfo(column.dtype)
            return lambda cell: _read_integer(cell, int(limits.min), int(limits.max))
        case "float":
            decimals = column.decimals or 0
            form = re.compile(rf"-?(?:0|[1-9][0-9]*)\.[0-9]{{{decimals}}}")
            return lambda cell: _read_decimal(cell, form, decimals, column.is_nullable)
        case "time":
            return _read_time
        case _:
            return lambda cell: _read_id(cell, column)


def _read_integer(cell: str, low: int, high: int) -> int:
    if len(cell) > _MAX_CELL or not _INTEGER.fullmatch(cell):
        raise _BadCellError("needs a whole number")
    number = int(cell)
    if not low <= number <= high:
        raise _BadCellError(f"needs a whole number from {low} to {high}")
    return number


def _read_decimal(cell: str, form: re.Pattern[str], decimals: int, is_nullable: bool) -> float:
    if not cell and is_nullable:
        return float("nan")
    if len(cell) > _MAX_CELL or not form.fullmatch(cell):
        raise _BadCellError(f"needs a number with {decimals} decimals")
    number = float(cell)
    if number == 0 and cell.startswith("-"):
        raise _BadCellError("needs zero without a sign")
    return number


def _read_time(cell: str) -> int:
    if _TIME.fullmatch(cell):
        try:
            return (datetime.fromisoformat(cell) - _EPOCH) // timedelta(milliseconds=1)
        except ValueError:
            pass
    raise _BadCellError("needs a UTC time such as 2026-02-12T10:00:00.000Z")


def _read_id(cell: str, column: Column) -> str:
    if not cell:
        if column.name == "device_id":
            raise _BadCellError("needs an id of A-Z, 0-9, _ and -")
        return cell
    if column.name == "activity" and cell not in ACTIVITIES:
        raise _BadCellError(f"needs one of {', '.join(ACTIVITIES)}, or nothing")
    if not ID_PATTERN.fullmatch(cell):
        raise _BadCellError("needs an id of A-Z, 0-9, _ and -")
    return cell


_READERS = {column.name: _reader_of(column) for column in COLUMNS}


def _to_arrays(rows: list[list[Any]]) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    for place, column in enumerate(COLUMNS):
        values = [row[place] for row in rows]
        if column.kind == "category":
            names = sorted(set(values))
            codes = {name: code for code, name in enumerate(names)}
            arrays[column.name] = (np.array([codes[value] for value in values], np.int32), names)
        else:
            arrays[column.name] = np.array(values, "int64" if column.kind == "time" else column.dtype)
    return arrays
