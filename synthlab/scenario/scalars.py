"""Unquoted YAML scalars by the core schema of YAML 1.2, and back."""

from __future__ import annotations

import json
import math
import re
from typing import Any

# Assumed: a double has 17 digits, and int() of a long text is slow on purpose.
_MAX_NUMBER_LENGTH = 64
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
# Beginning with a letter or underscore it is neither number nor mark.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_NON_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class NumberError(ValueError):
    """Text that is a number by its form, and none that can be used."""


def resolve_plain(text: str) -> Any:
    """Return the value of an unquoted scalar by the core schema of YAML 1.2.

    Raises
    ------
    NumberError
        Infinite, not a number, or too long to be one.

    Examples
    --------
    >>> [resolve_plain(text) for text in ("NO", "0123", "12:30:45", "1e3", "~")]
    ['NO', 123, '12:30:45', 1000.0, None]
    """
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _NON_FINITE.fullmatch(text):
        raise NumberError("must be a finite number")
    if not _FLOAT.fullmatch(text) and not _OCTAL.fullmatch(text) and not _HEX.fullmatch(text):
        return text
    if len(text) > _MAX_NUMBER_LENGTH:
        raise NumberError(f"needs at most {_MAX_NUMBER_LENGTH} digits")
    if _INT.fullmatch(text):
        return int(text)
    if text[:2] in ("0o", "0x"):
        return int(text, 0)
    number = float(text)
    if not math.isfinite(number):
        raise NumberError("must be a finite number")
    return number


def scalar_text(value: Any) -> str:
    """Return a scalar as YAML, quoted only where it has to be.

    Examples
    --------
    >>> [scalar_text(value) for value in ("NO", "0123", 5.0, None, True, "a: b")]
    ['NO', '"0123"', '5.0', 'null', 'true', '"a: b"']
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if _PLAIN.fullmatch(value) and value not in _NULL and value not in _BOOLEANS:
        return value
    # A JSON string is a YAML string, as long as it has no character beyond the basic plane escaped.
    return json.dumps(value, ensure_ascii=False)
