"""Nodes: values that know their line, column and extent in the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from synthlab.scenario.checks import Loc


@dataclass(slots=True)
class Node:
    """One value of the document and where it stands.

    Attributes
    ----------
    value : dict of str to Node, list of Node, or scalar
    line, column : int
        1-based place where the value begins.
    start, end : int
        Extent in the text; of block collections only `start` is exact.
    style : str
        Of scalars: empty for plain, else the quote or block mark.
    is_flow : bool
        Written in brackets.
    key_start, key_end, key_line, key_column : int or None
        Place of the key, of values in a mapping.
    is_readable : bool
        False where a problem was found that leaves no value to judge.
    """

    value: Any
    line: int
    column: int
    start: int
    end: int
    style: str = ""
    is_flow: bool = False
    key_start: int | None = None
    key_end: int | None = None
    key_line: int | None = None
    key_column: int | None = None
    is_readable: bool = True


def plain(node: Node) -> Any:
    """Return a node's value as mappings, lists and scalars."""
    if isinstance(node.value, dict):
        return {name: plain(entry) for name, entry in node.value.items()}
    if isinstance(node.value, list):
        return [plain(entry) for entry in node.value]
    return node.value


def locate(root: Node, loc: Loc, is_at_key: bool) -> tuple[int, int] | None:
    """Return line and column of a location, or of the nearest part of it that is there.

    None where something on the way could not be read, and has been reported.
    """
    node = root
    for depth, part in enumerate(loc):
        if not node.is_readable:
            return None
        inner = _child(node, part)
        if inner is None:
            # A missing key is reported where its block begins.
            return (node.key_line or node.line), (node.key_column or node.column)
        node = inner
        is_last = depth == len(loc) - 1
        if is_last and not node.is_readable:
            return None
    if (
        node.key_line is not None
        and node.key_column is not None
        and (is_at_key or isinstance(node.value, dict))
    ):
        return node.key_line, node.key_column
    return node.line, node.column


def _child(node: Node, part: str | int) -> Node | None:
    if isinstance(part, int):
        return node.value[part] if isinstance(node.value, list) and part < len(node.value) else None
    return node.value.get(part) if isinstance(node.value, dict) else None
