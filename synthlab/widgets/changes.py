"""What changed in a YAML file, and the buttons that save it, take it back or make an artifact of it."""

from __future__ import annotations

import difflib
import re
from typing import Any

import traitlets

from synthlab.widgets.assets import script, styles
from synthlab.widgets.part import Part

CONTEXT_LINES = 1
"""Unchanged lines around a change. Assumed: enough to see where it is."""
_WORDS = re.compile(r"[\s,\[\]:]+|[^\s,\[\]:]+")

Lines = list[dict[str, Any]]


class Changes(Part):
    r"""A diff of YAML with Save, Save as, Reset and Export.  A request says ``action`` and ``path``.

    Examples
    --------
    >>> changes = Changes()
    >>> changes.show("a: 1\n", "a: 2\n")
    >>> [(line["kind"], line["parts"][-1]["text"]) for line in changes.lines]
    [('-', '1'), ('+', '2')]
    """

    _esm = script("changes.js")
    _css = styles("theme.css", "changes.css")

    lines: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    path = traitlets.Unicode().tag(sync=True)
    save_as = traitlets.Unicode().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)
    is_error = traitlets.Bool(False).tag(sync=True)
    can_reset = traitlets.Bool(False).tag(sync=True)
    is_busy = traitlets.Bool(False).tag(sync=True)

    def show(self, before: str, after: str) -> None:
        """Show what changed from one text to the other."""
        self.lines = diff_lines(before, after)

    def tell(self, message: str, *, is_error: bool = False) -> None:
        """Say what happened."""
        with self.hold_sync():
            self.message, self.is_error = message, is_error


def diff_text(before: str, after: str) -> str:
    """Return a unified diff of two texts; empty where they are the same."""
    return "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            "before",
            "now",
            n=CONTEXT_LINES,
        )
    )


def diff_lines(before: str, after: str) -> Lines:
    """Return a diff as records: ``kind`` (+, -, space or @), and ``parts`` with the changed words marked."""
    old, new = before.splitlines(), after.splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    lines: Lines = []
    for group in matcher.get_grouped_opcodes(CONTEXT_LINES):
        if lines:
            lines.append(_line("@", "⋯"))
        for tag, first, last, start, end in group:
            if tag == "equal":
                lines += [_line(" ", text) for text in old[first:last]]
            elif tag == "replace" and last - first == end - start:
                pairs = [_marked(*pair) for pair in zip(old[first:last], new[start:end], strict=True)]
                lines += [pair[0] for pair in pairs] + [pair[1] for pair in pairs]
            else:
                lines += [_line("-", text) for text in old[first:last]]
                lines += [_line("+", text) for text in new[start:end]]
    return lines


def _line(kind: str, text: str) -> dict[str, Any]:
    return {"kind": kind, "parts": [{"text": text, "is_changed": False}]}


def _marked(old: str, new: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a changed line before and after, its changed words marked."""
    words = _WORDS.findall(old), _WORDS.findall(new)
    before: Lines = []
    after: Lines = []
    for tag, first, last, start, end in difflib.SequenceMatcher(None, *words, autojunk=False).get_opcodes():
        before.append({"text": "".join(words[0][first:last]), "is_changed": tag != "equal"})
        after.append({"text": "".join(words[1][start:end]), "is_changed": tag != "equal"})
    return {"kind": "-", "parts": _some(before)}, {"kind": "+", "parts": _some(after)}


def _some(parts: Lines) -> Lines:
    return [part for part in parts if part["text"]]
