"""Which known name somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# Comparing is quadratic in the length, and nobody mistypes a page.
_MAX_LENGTH = 80
_MAX_NAMES = 1_000


def nearest(name: object, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, or None where none is.

    Examples
    --------
    >>> nearest("cadence_second", ["cadence_seconds", "mode"])
    'cadence_seconds'
    """
    names = list(known)
    if not isinstance(name, str) or len(name) > _MAX_LENGTH or len(names) > _MAX_NAMES:
        return None
    by_case = {other.casefold(): other for other in reversed(names)}
    found = get_close_matches(name.casefold(), by_case, n=1, cutoff=0.6)
    return by_case[found[0]] if found else None


def advice(name: object, known: Iterable[str], *, none: str = "nothing is allowed here") -> str:
    """Return a remedy that names the nearest known name and lists the allowed ones.

    Examples
    --------
    >>> advice("mod", ["mode", "device_id"])
    'Did you mean mode? Allowed: device_id, mode'
    """
    names = sorted(known)
    if not names:
        return f"Remove it: {none}"
    # Some of the names come from the file itself, and are as long as somebody likes.
    shown = ", ".join(each if len(each) <= 100 else f"{each[:99]}…" for each in names[:40]) + (
        f", ... +{len(names) - 40} more" if len(names) > 40 else ""
    )
    near = nearest(name, names)
    return f"Did you mean {near}? Allowed: {shown}" if near else f"Allowed: {shown}"
