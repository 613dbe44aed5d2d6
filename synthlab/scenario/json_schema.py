"""The scenario's JSON Schema in words that editors and validators know."""

from __future__ import annotations

from typing import Any

# pydantic writes a bound that is checked behind a function under its own name, which no reader of
# JSON Schema looks at.
_KEYWORDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def in_standard_words(tree: Any) -> Any:
    """Return a JSON Schema with every bound under the standard's keyword.

    Examples
    --------
    >>> in_standard_words({"type": "number", "gt": 0})
    {'type': 'number', 'exclusiveMinimum': 0}
    """
    if isinstance(tree, list):
        return [in_standard_words(each) for each in tree]
    if not isinstance(tree, dict):
        return tree
    is_bound = tree.get("type") in ("number", "integer")
    return {
        (_KEYWORDS.get(key, key) if is_bound else key): in_standard_words(value)
        for key, value in tree.items()
    }
