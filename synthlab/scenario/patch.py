"""The smallest change of a YAML text that makes it say something else.

Every node knows where it stands in the text, so a changed value is replaced in place
and everything else, comments, order, spacing and quotes included, stays as it is.
Rewriting the parsed document instead would lose line breaks within lists, aligned
columns and spacing in brackets.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from synthlab.scenario.emit import block_lines, entry_lines, flow_text, is_block, item_lines
from synthlab.scenario.nodes import Node, plain
from synthlab.scenario.scalars import scalar_text

# What makes an item of a list the same item when others come and go.
_IDENTITY = {
    "devices": ("device_id",),
    "routes": ("route_id",),
    "points": ("point_id",),
    "transitions": ("from_kind", "to_kind"),
    "faults": ("kind",),
}

# Ids are compared as the schema normalizes them.
_NORMAL = {"device_id": str.upper, "devices": str.upper, "reservoir_id": str.lower, "kind": str.upper}

# Beyond this a whole number in decimal notation is harder to read than its float form.
_MAX_WHOLE = 1e15


def identity(name: str, item: Any) -> Hashable:
    """Return what identifies an item of the list `name`, or None."""
    if not isinstance(item, Mapping) or name not in _IDENTITY:
        return None
    found = []
    for key in _IDENTITY[name]:
        value = item.get(key)
        if not isinstance(value, str):
            return None
        found.append(_NORMAL.get(key, str)(value))
    return tuple(found)


def patched(text: str, root: Node, wanted: Mapping[str, Any]) -> str:
    """Return `text` changed so that it holds `wanted`.

    Parameters
    ----------
    text : str
    root : Node
        The mapping that `text` holds.
    wanted : mapping
        Plain data; order of keys is that of the schema.
    """
    patch = _Patch(text)
    patch.mapping(root, wanted)
    return patch.apply()


class _Patch:
    """Collects edits of one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._edits: list[tuple[int, int, str]] = []
        self._removed: set[int] = set()

    def apply(self) -> str:
        """Return the edited text."""
        pieces, at = [], 0
        # Stable: of two insertions at one place, the inner block's came first.
        for start, end, new in sorted(self._edits, key=lambda edit: edit[0]):
            pieces += [self._text[at:start], new]
            at = end
        return "".join([*pieces, self._text[at:]])

    def value(self, name: str, node: Node, wanted: Any) -> None:
        """Make the value of `name` what is wanted."""
        if isinstance(node.value, dict) and isinstance(wanted, Mapping):
            self.mapping(node, wanted)
        elif isinstance(node.value, list) and isinstance(wanted, Sequence) and not isinstance(wanted, str):
            self._list(name, node, wanted)
        elif isinstance(node.value, dict | list) or (
            isinstance(wanted, Mapping | Sequence) and not isinstance(wanted, str)
        ):
            self._replace(name, node, wanted)
        elif not _is_same(name, node.value, wanted):
            space = " " if node.start == node.end else ""
            tail = self._newline if node.style in ("|", ">") else ""
            self._edits.append((node.start, node.end, f"{space}{_restyled(node, wanted)}{tail}"))

    def mapping(self, node: Node, wanted: Mapping[str, Any]) -> None:
        """Make a mapping hold what is wanted."""
        kept = [name for name in node.value if name in wanted]
        if not kept and (node.value or wanted):
            self._replace("", node, wanted)
            return
        if node.is_flow:
            if len(kept) == len(node.value) == len(wanted):
                self._each(node, wanted, kept)
            else:
                self._replace("", node, wanted)
            return
        self._each(node, wanted, kept)
        self._remove_entries(node, kept)
        order = {name: index for index, name in enumerate(wanted)}
        for name in wanted:
            if name not in node.value:
                before = [other for other in kept if order[other] < order[name]]
                after = max(before, key=lambda other: order[other], default=kept[0])
                self._insert_after(node.value[after], entry_lines(name, wanted[name], node.column - 1))

    def _each(self, node: Node, wanted: Mapping[str, Any], kept: Sequence[str]) -> None:
        for name in kept:
            self.value(name, node.value[name], wanted[name])

    def _list(self, name: str, node: Node, wanted: Sequence[Any]) -> None:
        if not any(isinstance(item, Mapping) for item in wanted) or not node.value:
            if len(node.value) == len(wanted):
                for item, new in zip(node.value, wanted, strict=True):
                    self.value(name, item, new)
            else:
                self._replace(name, node, wanted)
            return
        old = [identity(name, plain(item)) for item in node.value]
        new_ids = [identity(name, item) for item in wanted]
        by_id = dict(zip(new_ids, wanted, strict=True))
        kept = [one for one in old if one in by_id]
        is_simple = (
            None not in old and len(set(old)) == len(old) and kept == [one for one in new_ids if one in kept]
        )
        if old == new_ids:
            for item, new in zip(node.value, wanted, strict=True):
                self.value(name, item, new)
            return
        if not is_simple or not kept or node.is_flow:
            self._replace(name, node, wanted)
            return
        items = dict(zip(old, node.value, strict=True))
        for one, item in items.items():
            if one in by_id:
                self.value(name, item, by_id[one])
            else:
                self._delete_lines(self._text.rfind("-", 0, item.start), item)
        blank = [""] if self._is_spaced(name, node) else []
        after: Node | None = None
        for one, new in by_id.items():
            if one in items:
                after = items[one]
                continue
            lines = item_lines(name, new, node.column - 1)
            if after is None:
                self._insert_before(items[kept[0]], [*lines, *blank])
            else:
                self._insert_after(after, [*blank, *lines])

    def _replace(self, name: str, node: Node, wanted: Any) -> None:
        """Write a value anew; what stood within it goes."""
        is_multiline = is_block(wanted) and not node.is_flow
        start, indent = node.start, node.column - 1
        if node.key_end is not None and node.key_column is not None:
            start, indent = node.key_end, node.key_column + 1
            new = (
                f":{self._newline}{self._joined(block_lines(name, wanted, indent))}" if is_multiline else None
            )
            new = new or f": {flow_text(wanted)}"
        elif is_multiline:
            new = self._joined(block_lines(name, wanted, indent)).lstrip()
        else:
            new = flow_text(wanted)
        self._edits.append((start, self._content_end(node), new))

    def _remove_entries(self, node: Node, kept: Sequence[str]) -> None:
        first = node.value[kept[0]]
        is_leading = True
        for name, entry in node.value.items():
            if name in kept:
                is_leading = False
            elif (
                not is_leading or not self._text[self._line_start(entry.key_start) : entry.key_start].strip()
            ):
                self._delete_lines(entry.key_start, entry)
            else:
                # It shares its line with the dash, which the first entry kept moves up to.
                self._edits.append((entry.key_start or 0, first.key_start or 0, ""))
                is_leading = False
                kept = [*kept, *_until(node.value, name, kept[0])]

    def _delete_lines(self, start: int | None, node: Node) -> None:
        end = self._line_end(self._content_end(node))
        begin = self._line_start(start)
        breaks = (self._newline, self._newline * 2) if self._is_after_blank(begin) else (self._newline,)
        end += max((len(line) for line in breaks if self._text.startswith(line, end)), default=0)
        self._edits.append((begin, end, ""))
        self._removed.add(id(node))

    def _insert_after(self, node: Node, lines: list[str]) -> None:
        at = self._line_end(self._content_end(node))
        self._edits.append((at, at, self._newline + self._joined(lines)))

    def _insert_before(self, item: Node, lines: list[str]) -> None:
        at = self._line_start(self._text.rfind("-", 0, item.start))
        # The comment above an item is about the item.
        while at and self._text[self._line_start(at - 1) : at].lstrip().startswith("#"):
            at = self._line_start(at - 1)
        self._edits.append((at, at, self._joined(lines) + self._newline))

    def _is_after_blank(self, begin: int) -> bool:
        return self._text.endswith(self._newline * 2, 0, begin)

    def _is_spaced(self, name: str, node: Node) -> bool:
        """Tell whether a blank line stands between the items of a list."""
        if len(node.value) < 2:
            return name in ("devices", "routes")
        between = self._text[self._content_end(node.value[0]) : node.value[1].start]
        return self._newline * 2 in between

    def _joined(self, lines: list[str]) -> str:
        return self._newline.join(lines)

    def _content_end(self, node: Node) -> int:
        """Return where the last token of a node ends; the parser's own end may lie lines behind."""
        if isinstance(node.value, dict | list) and not node.is_flow:
            entries = node.value.values() if isinstance(node.value, dict) else node.value
            standing = [entry for entry in entries if id(entry) not in self._removed]
            return max((self._content_end(entry) for entry in standing), default=node.end)
        return (
            node.start + len(self._text[node.start : node.end].rstrip())
            if node.style in ("|", ">")
            else node.end
        )

    def _line_start(self, index: int | None) -> int:
        return self._text.rfind("\n", 0, index or 0) + 1

    def _line_end(self, index: int) -> int:
        found = self._text.find(self._newline, index)
        return len(self._text) if found < 0 else found


def _until(entries: Mapping[str, Node], first: str, last: str) -> list[str]:
    names = list(entries)
    return names[names.index(first) : names.index(last)]


def _is_same(name: str, old: Any, new: Any) -> bool:
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if isinstance(old, str) and isinstance(new, str):
        normal = _NORMAL.get(name, str)
        return bool(normal(old) == normal(new))
    return bool(old == new)


def _restyled(node: Node, value: Any) -> str:
    """Return a scalar in the notation of the one that it replaces."""
    if isinstance(value, str) and node.style == "'":
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, str) and node.style == '"' and scalar_text(value)[0] != '"':
        return f'"{value}"'
    if (
        isinstance(value, float)
        and type(node.value) is int
        and value.is_integer()
        and abs(value) < _MAX_WHOLE
    ):
        return str(int(value))
    return scalar_text(value)
