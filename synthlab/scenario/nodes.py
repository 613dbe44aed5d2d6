"""YAML text to nodes: values that know their line, column and extent in the text.

Strict on purpose.  One document of YAML 1.2, of bounded size, depth and number of
nodes; no tags, anchors, aliases or merge keys; no key twice.  Nothing is constructed
but mappings, lists, text, numbers, booleans and null, so nothing can be run.  Scalars
are read by the core schema of YAML 1.2: ``NO`` is text and ``0123`` is 123.

Only the parser is ruamel's: what it yields is composed here, which keeps the place of
every node and stops at a limit before memory is spent on what lies behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from synthlab.errors import Code, Problem, show_value
from synthlab.scenario.checks import Loc, path_of
from synthlab.scenario.parser import events
from synthlab.scenario.scalars import NumberError, resolve_plain

MAX_BYTES = 1 << 20
"""Largest file. Source: reliability promises, "Scenario file". [bytes]"""
MAX_DEPTH = 20
"""Deepest nesting. Source: reliability promises, "Scenario file"."""
MAX_NODES = 30_000
"""Most keys and values. Source: reliability promises, "Hostile scenario": 2 s for any file. The parser
takes some 40 us for each, and 50,000 of them used the 2 s up."""

# A file with more is no scenario with typing errors; its first faults are enough.
_MAX_PROBLEMS = 1_000

_LOOK = "Look at this line and the one above: indentation, a space after ':', an open bracket or quote"


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


def compose(text: str, *, file: str) -> tuple[Node | None, list[Problem]]:
    """Read one document.

    Parameters
    ----------
    text : str
        Without a byte order mark.
    file : str
        Named in the problems.

    Returns
    -------
    root : Node or None
        None where reading had to stop, or there is nothing.
    problems : list of Problem
        Codes ``SCENARIO_SYNTAX`` and ``SCENARIO_TOO_LARGE``.
    """
    composer = _Composer(text, file)
    try:
        for event in events(text):
            composer.take(event)
    except _StopReadingError:
        return None, composer.problems
    except MarkedYAMLError as error:
        said = str(error.problem or error.context).replace(r"character '\t'", "a tab")
        # What is left open is found at the end of the file, and mended where it begins.
        is_open = "<stream end>" in said and error.context_mark is not None
        mark = error.context_mark if is_open else error.problem_mark or error.context_mark
        said = said if said.isprintable() else ascii(said)
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        composer.report(f"must be YAML: {said}", _LOOK, line, column)
        return None, composer.problems
    except (YAMLError, ValueError, OverflowError) as error:
        # A control character (no mark), or an escape that is no character.
        line, column = _place(text, getattr(error, "position", None))
        composer.report("must be YAML without control characters or invalid escapes", _LOOK, line, column)
        return None, composer.problems
    return composer.root, composer.problems


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


class _StopReadingError(Exception):
    """Reading cannot or must not go on; the problem has been reported."""


class _Composer:
    """Builds nodes from events, and collects what is wrong on the way."""

    def __init__(self, text: str, file: str) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._text = text
        self._file = file
        self._stack: list[Node] = []
        self._keys: list[tuple[str, ScalarEvent, bool] | None] = []
        self._locs: list[Loc] = []
        self._nodes = 0
        self._documents = 0

    def report(
        self,
        rule: str,
        remedy: str,
        line: int | None,
        column: int | None,
        *,
        path: str = "",
        value: str | None = None,
        code: Code = "SCENARIO_SYNTAX",
    ) -> None:
        """Add a problem; too many stop the reading."""
        self.problems.append(
            Problem(
                code, rule, path=path, value=value, remedy=remedy, file=self._file, line=line, column=column
            )
        )

    def take(self, event: Event) -> None:
        """Take the parser's next event."""
        if len(self.problems) >= _MAX_PROBLEMS:
            raise _StopReadingError
        if isinstance(event, NodeEvent):
            self._take_node(event)
        elif isinstance(event, CollectionEndEvent):
            node = self._stack.pop()
            self._keys.pop()
            self._locs.pop()
            node.end = event.end_mark.index
        elif isinstance(event, DocumentStartEvent):
            self._start_document(event)

    def _start_document(self, event: DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            self._fail(event, "must be one document", "Keep one scenario in a file, and remove the line ---")
        if event.version not in (None, (1, 2)):
            shown = ".".join(str(part) for part in event.version)
            self._note(event, "is read as YAML 1.2", "Remove the %YAML line", value=shown)
        if event.tags:
            self._note(event, "must not declare tags", "Remove the %TAG line")

    def _take_node(self, event: NodeEvent) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            rule = f"needs at most {MAX_NODES:,} keys and values"
            self._fail(event, rule, "Split the scenario", code="SCENARIO_TOO_LARGE")
        is_clean = self._is_clean(event)
        if self._is_key_next():
            self._take_key(event, is_clean)
            return
        loc = self._loc()
        is_collection = isinstance(event, MappingStartEvent | SequenceStartEvent)
        if is_collection and len(self._stack) >= MAX_DEPTH:
            rule = f"needs at most {MAX_DEPTH} levels"
            self._fail(event, rule, "A scenario has seven at most", code="SCENARIO_TOO_LARGE")
        node = self._node_of(event)
        node.is_readable = node.is_readable and is_clean
        self._attach(node)
        if is_collection:
            self._stack.append(node)
            self._keys.append(None)
            self._locs.append(loc)

    def _is_clean(self, event: NodeEvent) -> bool:
        """Report what scenarios may not use; return whether the node can be judged."""
        if isinstance(event, AliasEvent):
            remedy = "Write the value out; scenarios have no aliases"
            self._note(event, "must not be an alias", remedy, value=show_value(f"*{event.anchor}"))
            return False
        if event.anchor is not None:
            remedy = "Remove it; scenarios have no anchors"
            self._note(event, "must not have an anchor", remedy, value=show_value(f"&{event.anchor}"))
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._note(
                event, "must not have a tag", "Remove it; scenarios have no tags", value=show_value(str(tag))
            )
            return False
        return True

    def _is_key_next(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._keys[-1] is None

    def _take_key(self, event: NodeEvent, is_clean: bool) -> None:
        if not isinstance(event, ScalarEvent):
            self._note(event, "keys must be plain words", "Look for a stray '?', '{' or '['")
            raise _StopReadingError
        name, is_plain = event.value, not event.style
        is_taken = is_clean
        if is_plain and name == "<<":
            self._note(event, "must not be a merge key", "Write the keys out; scenarios have no merge keys")
            is_taken = False
        elif is_clean and is_plain and not isinstance(_quiet(name), str):
            self._note(event, "keys must be text", "Put it in quotes", value=show_value(name))
            is_taken = False
        elif name in self._stack[-1].value:
            first = self._stack[-1].value[name].key_line
            path = path_of((*self._loc(), name))
            line, column = event.start_mark.line + 1, event.start_mark.column + 1
            self.report(
                f"stands twice, first in line {first}", "Keep one of the two", line, column, path=path
            )
            is_taken = False
        self._keys[-1] = (name, event, is_taken)

    def _attach(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
            return
        key = self._keys[-1]
        self._keys[-1] = None
        if key is None:  # pragma: no cover - a key always comes first
            raise _StopReadingError
        name, event, is_taken = key
        mark = event.start_mark
        node.key_start, node.key_end = mark.index, event.end_mark.index
        node.key_line, node.key_column = mark.line + 1, mark.column + 1
        if node.start == node.end and node.value is None:
            # The parser places nothing at whatever comes next; its place is after the colon.
            node.start = node.end = self._text.find(":", event.end_mark.index) + 1
            node.line, node.column = node.key_line, node.key_column
        if is_taken:
            parent.value[name] = node

    def _node_of(self, event: NodeEvent) -> Node:
        mark = event.start_mark
        place = (mark.line + 1, mark.column + 1, mark.index, event.end_mark.index)
        if isinstance(event, MappingStartEvent):
            return Node({}, *place, is_flow=bool(event.flow_style))
        if isinstance(event, SequenceStartEvent):
            return Node([], *place, is_flow=bool(event.flow_style))
        if not isinstance(event, ScalarEvent):
            return Node(None, *place, is_readable=False)
        if event.style:
            return Node(event.value, *place, style=event.style)
        try:
            return Node(resolve_plain(event.value), *place)
        except NumberError as error:
            self._note(event, str(error), "Write a number in decimal digits", value=show_value(event.value))
            return Node(None, *place, is_readable=False)

    def _loc(self) -> Loc:
        """Return where the node that comes next will stand."""
        if not self._stack:
            return ()
        inner: Node = self._stack[-1]
        if isinstance(inner.value, list):
            return (*self._locs[-1], len(inner.value))
        key = self._keys[-1]
        return self._locs[-1] if key is None else (*self._locs[-1], key[0])

    def _note(
        self,
        event: Event,
        rule: str,
        remedy: str,
        *,
        value: str | None = None,
        code: Code = "SCENARIO_SYNTAX",
    ) -> None:
        mark = event.start_mark
        self.report(
            rule, remedy, mark.line + 1, mark.column + 1, path=path_of(self._loc()), value=value, code=code
        )

    def _fail(self, event: Event, rule: str, remedy: str, *, code: Code = "SCENARIO_SYNTAX") -> None:
        self._note(event, rule, remedy, code=code)
        raise _StopReadingError


def _child(node: Node, part: str | int) -> Node | None:
    if isinstance(part, int):
        return node.value[part] if isinstance(node.value, list) and part < len(node.value) else None
    return node.value.get(part) if isinstance(node.value, dict) else None


def _quiet(text: str) -> Any:
    try:
        return resolve_plain(text)
    except NumberError:
        return None


def _place(text: str, position: object) -> tuple[int | None, int | None]:
    if not isinstance(position, int):
        return None, None
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
