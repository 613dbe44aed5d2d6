"""Scenarios out: an existing file changes only where its values do."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from synthlab.errors import ScenarioError, disk_error
from synthlab.scenario import nodes
from synthlab.scenario.block import Block
from synthlab.scenario.compose import compose
from synthlab.scenario.emit import document_text
from synthlab.scenario.loader import loads_scenario, read_text
from synthlab.scenario.nodes import Node
from synthlab.scenario.patch import identity, patched
from synthlab.scenario.schema import Scenario

_BYTE_ORDER_MARK = "\ufeff"


def save_scenario(scenario: Scenario, path: str | os.PathLike[str]) -> Path:
    """Write a scenario as YAML, whole or not at all.

    Where the file exists, comments, order and notation stay, and only what the
    scenario says otherwise is changed; a file that says it already is not touched.
    A new file has what was set explicitly, and leaves defaults out.

    Parameters
    ----------
    scenario : Scenario
    path : str or path
        Missing folders are made.

    Returns
    -------
    Path

    Raises
    ------
    ScenarioError
        Codes ``SCENARIO_SYNTAX``, ``SCENARIO_TOO_LARGE``, ``SCENARIO_NOT_FOUND``: the
        file that is there cannot be read as YAML, so that nothing in it can be kept.
    DiskError
        Code ``DISK_WRITE_FAILED``; what was there is unharmed.
    """
    # Through a link to the file itself, or the link would be replaced by a copy.
    target = Path(os.path.realpath(path))
    if not target.exists():
        _write(target, dumps_scenario(scenario))
        return Path(path)
    old = read_text(target)
    new = updated_text(old, scenario, file=target.name)
    if new != old:
        _write(target, (_BYTE_ORDER_MARK if _has_mark(target) else "") + new)
    return Path(path)


def dumps_scenario(scenario: Scenario) -> str:
    """Return a scenario as the text of a new YAML file."""
    return document_text(_wanted(scenario, None))


def updated_text(text: str, scenario: Scenario, *, file: str = "scenario.yaml") -> str:
    """Return YAML text changed so that it holds the scenario.

    Parameters
    ----------
    text : str
        YAML, not necessarily a valid scenario.
    scenario : Scenario
    file : str
        Named in the problems.

    Raises
    ------
    ScenarioError
        The text is not YAML as scenarios use it.
    """
    root, problems = compose(text, file=file)
    if problems:
        raise ScenarioError(problems)
    if root is None or not isinstance(root.value, dict) or not root.value:
        # Nothing but comments, if anything: they head the new file.
        head = text if text.endswith("\n") or not text.strip() else f"{text}\n"
        return head + dumps_scenario(scenario) if root is None else dumps_scenario(scenario)
    new = patched(text, root, _wanted(scenario, root))
    return new if _says(new, scenario) else dumps_scenario(scenario)


def _says(text: str, scenario: Scenario) -> bool:
    """Tell whether a text holds the scenario: nothing else may replace a file."""
    try:
        return loads_scenario(text) == scenario
    except ScenarioError:
        return False


def _wanted(block: Block, node: Node | None) -> dict[str, Any]:
    """Return what a block should hold in the file, given what stands there now."""
    old = node.value if node is not None and isinstance(node.value, dict) else {}
    wanted: dict[str, Any] = {}
    for name, field in type(block).model_fields.items():
        value, standing = getattr(block, name), old.get(name)
        is_default = not field.is_required() and value == field.get_default(call_default_factory=True)
        if is_default and not _is_kept(
            value, standing, is_set=node is None and name in block.model_fields_set
        ):
            continue
        if is_default and standing is not None and standing.value is None:
            wanted[name] = None
        elif isinstance(value, Block):
            wanted[name] = _wanted(value, standing)
        elif isinstance(value, tuple):
            wanted[name] = _items(name, value, standing)
        else:
            wanted[name] = dict(value) if isinstance(value, dict) else value
    return wanted


def _is_kept(value: Any, standing: Node | None, *, is_set: bool) -> bool:
    """Tell whether a default is written: where it stood, or where it was set for a new file."""
    if standing is None:
        return is_set and value is not None
    if value is None or (isinstance(value, tuple | dict) and not value):
        return not standing.value
    return True


def _items(name: str, items: tuple[Any, ...], node: Node | None) -> list[Any]:
    if not items or not isinstance(items[0], Block):
        return list(items)
    standing = node.value if node is not None and isinstance(node.value, list) else []
    old_ids = [identity(name, nodes.plain(entry)) for entry in standing]
    new_ids = [identity(name, item.model_dump()) for item in items]
    if old_ids == new_ids:
        return [_wanted(item, entry) for item, entry in zip(items, standing, strict=True)]
    by_id = dict(zip(old_ids, standing, strict=True))
    return [_wanted(item, by_id.get(one)) for item, one in zip(items, new_ids, strict=True)]


def _has_mark(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(3) == _BYTE_ORDER_MARK.encode()


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("x", encoding="utf-8", newline="") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            if path.exists():
                temporary.chmod(path.stat().st_mode & 0o7777)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(path, error) from error
