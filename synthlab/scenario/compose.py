"""YAML text to nodes.

Strict on purpose.  One document of YAML 1.2, of bounded size, depth and number of
nodes; no tags, anchors, aliases or merge keys; no key twice.  Nothing is constructed
but mappings, lists, text, numbers, booleans and null, so nothing can be run.  Scalars
are read by the core schema of YAML 1.2: ``NO`` is text and ``0123`` is 123.

Only the parser is PyYAML's: what it yields is composed here, which keeps the place of
every node and stops at a limit before memory is spent on what lies behind it.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

from yaml import MarkedYAMLError
from yaml.events import (
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
from synthlab.scenario.nodes import Node
from synthlab.scenario.parser import FASTEST, IN_PYTHON, events
from synthlab.scenario.scalars import NumberError, resolve_plain

MAX_BYTES = 1 << 20
"""Largest file. Source: reliability promises, "Scenario file". [bytes]"""
MAX_DEPTH = 20
"""Deepest nesting. Source: reliability promises, "Scenario file"."""
MAX_NODES = 50_000
"""Most keys and values. Source: reliability promises, "Scenario file"."""

# What YAML allows, but for halves of characters, which text cannot hold.
_UNPRINTABLE = re.compile(r"[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DIRECTIVE = re.compile(r"(?<![^\r\n])%")
# Assumed: nobody needs a second one; libyaml compares each with all others: 12 s for 60,000.
_MAX_DIRECTIVES = 1_000
# Assumed: what people write themselves is shorter. The parser in Python takes some 40 us for a key or
# value, and quadratic time for some texts; so longer ones have libyaml's words. [characters]
_RETOLD_LENGTH = 1 << 15
# A file with more is no scenario with typing errors; its first faults are enough.
_MAX_PROBLEMS = 1_000

_LOOK = "Look at this line and the one above: indentation, a space after ':', an open bracket or quote"


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
    hindrance = _hindrance(text, file)
    if hindrance:
        return None, [hindrance]
    composer = _Composer(text, file)
    if composer.read(FASTEST):
        return composer.root, composer.problems
    return None, _retold(text, file) or composer.problems


def _hindrance(text: str, file: str) -> Problem | None:
    """Return what keeps a text from the parsers."""
    rule = remedy = ""
    unprintable = _UNPRINTABLE.search(text)
    directives = list(islice(_DIRECTIVE.finditer(text), _MAX_DIRECTIVES))
    if unprintable:
        at = unprintable.start()
        rule, remedy = "must be YAML without control characters", "Remove it"
    elif len(directives) == _MAX_DIRECTIVES:
        at = directives[0].start()
        rule, remedy = "must be YAML without directives", "Remove the lines that begin with %"
    else:
        return None
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    value = show_value(text[at])
    return Problem("SCENARIO_SYNTAX", rule, value=value, remedy=remedy, file=file, line=line, column=column)


def _retold(text: str, file: str) -> list[Problem]:
    """Return what the parser in Python finds in a text that libyaml has refused, if it is not long."""
    if len(text) > _RETOLD_LENGTH:
        return []
    composer = _Composer(text, file)
    try:
        composer.read(IN_PYTHON)
    except (ValueError, OverflowError):
        # An escape that is no character: this parser does not tell where.
        return []
    return composer.problems


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

    def read(self, parser: type) -> bool:
        """Compose what a parser yields; return whether it came to an end."""
        try:
            for event in events(self._text, parser):
                self.take(event)
        except _StopReadingError:
            self.root = None
        except MarkedYAMLError as error:
            self._report_error(error)
            return False
        return True

    def _report_error(self, error: MarkedYAMLError) -> None:
        said = str(error.problem or error.context)
        # What is left open is found at the end of the file, and mended where it begins.
        is_open = ("<stream end>" in said or "end of stream" in said) and error.context_mark is not None
        mark = error.context_mark if is_open else error.problem_mark or error.context_mark
        if "character that" in said and mark is not None:
            # libyaml does not say which.
            said = said.replace("character", f"character {self._text[mark.index]!r}", 1)
        said = said.replace(r"character '\t'", "a tab")
        said = said if said.isprintable() else ascii(said)
        self.report(
            f"must be YAML: {said}", _LOOK, *((mark.line + 1, mark.column + 1) if mark else (None, None))
        )

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


def _quiet(text: str) -> Any:
    try:
        return resolve_plain(text)
    except NumberError:
        return None
