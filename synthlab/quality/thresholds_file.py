"""Thresholds from a TOML file: one ``name = value`` a line, all others as they are."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any

from synthlab.errors import Problem, UsageError, show_value
from synthlab.quality.thresholds import Thresholds

MAX_BYTES = 65_536
"""Assumed: many times the size of a file with every threshold."""


def load_thresholds(path: str | os.PathLike[str]) -> Thresholds:
    """Read the limits of the checks from a file.

    Parameters
    ----------
    path : path
        TOML of at most 64 KiB; the keys are the fields of `Thresholds`, a span is a list
        of two numbers.  What it leaves out keeps its default.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: every line that is wrong, with its rule and remedy.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "strict.toml")
    ...     _ = file.write_text("creep_suspect_pct = 1.5")
    ...     load_thresholds(file).creep_suspect_pct
    1.5
    """
    file = Path(path)
    text = _text(file)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        remedy = "Write one `name = value` a line, a span as [low, high]"
        rule = f"must be TOML: {re.sub(r' *[(]at .*', '', str(error))}"
        place = int(line[1]) if line else None
        raise UsageError(Problem("BAD_ARGUMENT", rule, file=file.name, line=place, remedy=remedy)) from None
    lines = {found[1]: number for number, found in _keys(text)}
    problems = [
        Problem(
            "BAD_ARGUMENT",
            rule,
            path=name,
            value=None if isinstance(value, dict) else show_value(value),
            remedy=remedy,
            file=file.name,
            line=lines.get(name),
        )
        for name, value in table.items()
        for rule, remedy in _broken(name, value)
    ]
    if problems:
        raise UsageError(problems)
    return _made(table, file.name, lines)


def _text(file: Path) -> str:
    rule = "must be a file of UTF-8 text"
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) <= MAX_BYTES:
            return content.decode("utf-8")
        rule = f"needs at most {MAX_BYTES:,} bytes"
    except UnicodeDecodeError:
        pass
    except OSError as error:
        rule = f"cannot be read: {error.strerror or type(error).__name__}"
    remedy = "Name a TOML file with thresholds"
    raise UsageError(Problem("BAD_ARGUMENT", rule, path="thresholds", file=file.name, remedy=remedy))


def _keys(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        found = re.match(r"\s*\[?\s*[\"']?([A-Za-z0-9_-]+)", line)
        if found:
            yield number, found


def _broken(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the rule that a key or its value breaks, and what to do."""
    known = {entry.name: entry for entry in fields(Thresholds)}
    if name not in known:
        near = get_close_matches(name, known, n=1)
        yield "is no threshold", f"Did you mean {near[0]}" if near else f"There are {', '.join(known)}"
        return
    default, unit = known[name].default, known[name].metadata["unit"]
    shown = list(default) if isinstance(default, tuple) else default
    remedy = f"It is in {unit}, {shown} by default"
    if isinstance(default, tuple):
        is_span = name.endswith("_span")
        if not isinstance(value, list) or not all(_is_number(one) for one in value):
            yield "needs a list of numbers", remedy
        elif is_span and (len(value) != 2 or value[0] > value[1]):
            yield "needs two numbers, the lower one first", remedy
        elif isinstance(default[0], int) and not all(isinstance(one, int) for one in value):
            yield "needs whole numbers", remedy
    elif not _is_number(value) or value < 0:
        yield "needs a number of 0 or more", remedy
    elif isinstance(default, int) and not isinstance(value, int):
        yield "needs a whole number", remedy


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _made(table: dict[str, Any], file: str, lines: dict[str, int]) -> Thresholds:
    from dataclasses import replace

    given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in table.items()}
    try:
        return Thresholds(**given)
    except UsageError as error:
        names = {problem.path: problem.path.rpartition(".")[2] for problem in error.problems}
        # Of a pair, either half may stand in the file.
        at = {
            path: lines.get(name, lines.get(name.replace("_fail", "_suspect")))
            for path, name in names.items()
        }
        placed = [replace(problem, file=file, line=at[problem.path]) for problem in error.problems]
        raise UsageError(placed) from None
