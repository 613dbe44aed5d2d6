"""Scenario files in: a path or a bundled template's name to a validated `Scenario`."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from synthlab.errors import Code, Problem, ScenarioError, show_value
from synthlab.scenario import nodes
from synthlab.scenario.build import build_scenario
from synthlab.scenario.compose import MAX_BYTES, compose
from synthlab.scenario.nearest import nearest
from synthlab.scenario.schema import Scenario

_ENDINGS = (".yaml", ".yml", ".json")


def load_scenario(path_or_name: str | os.PathLike[str]) -> Scenario:
    """Read a scenario from a file, or a bundled template by its name.

    Parameters
    ----------
    path_or_name : str or path
        A file wins over a template of the same name.

    Raises
    ------
    ScenarioError
        ``SCENARIO_NOT_FOUND``, listing the templates; else every problem of the file,
        each with line and column: ``SCENARIO_SYNTAX``, ``SCENARIO_TOO_LARGE``,
        ``SCENARIO_UNKNOWN_KEY``, ``SCENARIO_FIELD_INVALID``,
        ``SCENARIO_REFERENCE_INVALID``.

    Examples
    --------
    >>> load_scenario("mobile_only_v1").devices[0].mode
    'MOBILE'
    """
    path = _find(path_or_name)
    return loads_scenario(read_text(path), file=path.name)


def loads_scenario(text: str, *, file: str = "scenario.yaml") -> Scenario:
    """Read a scenario from YAML text.

    Parameters
    ----------
    text : str
    file : str
        Named in the problems.

    Raises
    ------
    ScenarioError
        Every problem, as `load_scenario`.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        raise _too_large(file)
    root, problems = compose(text, file=file)
    if root is None or (isinstance(root.value, str | None) and not problems and root.value in (None, "")):
        raise ScenarioError(problems or [_empty(file)])
    data = nodes.plain(root)
    return build_scenario(
        data,
        file=file,
        locate=lambda loc, is_at_key: nodes.locate(root, loc, is_at_key),
        found=tuple(problems),
    )


def template_names() -> tuple[str, ...]:
    """Return the names of the bundled templates, sorted."""
    return tuple(sorted(path.stem for path in _templates().glob("*.yaml")))


def read_text(path: Path) -> str:
    """Return the text of a regular file of bounded size, without a byte order mark.

    Raises
    ------
    ScenarioError
        Codes ``SCENARIO_NOT_FOUND``, ``SCENARIO_SYNTAX``, ``SCENARIO_TOO_LARGE``.
    """
    try:
        # A pipe would block for ever; its opening must not.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _error(
                    "SCENARIO_NOT_FOUND", path.name, "must be a regular file", "Name the YAML file itself"
                )
            content = stream.read(MAX_BYTES + 1)
    except IsADirectoryError:
        remedy = "Name the YAML file itself"
        raise _error("SCENARIO_NOT_FOUND", path.name, "must be a file, and is a directory", remedy) from None
    except OSError as error:
        rule = f"cannot be read: {error.strerror or type(error).__name__}"
        raise _error("SCENARIO_NOT_FOUND", path.name, rule, "Check the path and its permissions") from None
    if len(content) > MAX_BYTES:
        raise _too_large(path.name)
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problem = Problem(
            "SCENARIO_SYNTAX",
            "must be UTF-8 text",
            value=f"byte 0x{content[error.start]:02x}",
            remedy="Save it as UTF-8",
            file=path.name,
            line=line,
        )
        raise ScenarioError(problem) from None


def _find(path_or_name: str | os.PathLike[str]) -> Path:
    text = os.fspath(path_or_name)
    if not isinstance(text, str) or not text or "\0" in text:
        raise _not_found(show_value(text))
    path = Path(text)
    try:
        if os.path.islink(path):
            os.stat(path)
        if path.is_file() or (path.exists() and text not in template_names()):
            return path
    except OSError as error:
        if os.path.islink(path):
            rule = f"is a link that leads nowhere: {error.strerror or error}"
            raise _error("SCENARIO_NOT_FOUND", path.name, rule, "Look at where it points") from None
        # Too long for a file name, or a folder that may not be looked into.
        raise _not_found(show_value(text)) from None
    if text in template_names():
        return _templates() / f"{text}.yaml"
    raise _not_found(text)


def _templates() -> Path:
    # In the wheel they are part of the package; in a checkout they lie beside it.
    package = Path(__file__).resolve().parents[1]
    inside = package / "scenarios"
    return inside if inside.is_dir() else package.parent / "scenarios"


def _not_found(text: str) -> ScenarioError:
    names = template_names()
    name = Path(text).name
    stem = name.removesuffix(next((ending for ending in _ENDINGS if name.endswith(ending)), ""))
    near = nearest(stem, names)
    guess = f"Did you mean {near}? " if near else ""
    return ScenarioError(
        Problem(
            "SCENARIO_NOT_FOUND",
            "neither a file nor a bundled template has this name",
            value=text if text.startswith(("'", '"')) else show_value(text, limit=200),
            remedy=f"{guess}Templates: {', '.join(names)}",
        )
    )


def _empty(file: str) -> Problem:
    rule, remedy = "is empty", "Start from a template: " + ", ".join(template_names())
    return Problem("SCENARIO_SYNTAX", rule, remedy=remedy, file=file)


def _too_large(file: str) -> ScenarioError:
    return _error("SCENARIO_TOO_LARGE", file, f"needs at most {MAX_BYTES:,} bytes", "Split the scenario")


def _error(code: Code, file: str, rule: str, remedy: str) -> ScenarioError:
    return ScenarioError(Problem(code, rule, remedy=remedy, file=file))
