"""Numbers and times as people read them."""

from __future__ import annotations

from typing import Any

NOTHING = "–"


def number(value: Any) -> str:
    """Return a number with as many places as say something."""
    if value is None:
        return NOTHING
    size = abs(float(value))
    if size >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.2f}" if size >= 1 else f"{value:.3f}"


def count(value: int | None) -> str:
    """Return a count."""
    return NOTHING if value is None else f"{value:,}"


def share(fraction: float | None) -> str:
    """Return a share in percent: never 0 or 100 for what is only near."""
    if fraction is None:
        return NOTHING
    if 0 < fraction < 0.001:
        return "< 0.1 %"
    if 0.999 < fraction < 1:
        return "> 99.9 %"
    return f"{100 * fraction:.0f} %" if fraction in (0, 1) else f"{100 * fraction:.1f} %"


def moment(text: str | None) -> str:
    """Return an RFC 3339 time without what is always the same."""
    if not text:
        return NOTHING
    return f"{_clock(text)} UTC"


def moments(first: str | None, last: str | None) -> str:
    """Return from when to when, as `moment`."""
    if not first or not last or first == last:
        return moment(first or last)
    return f"{_clock(first)} to {moment(last)}"


def _clock(text: str) -> str:
    return text.replace("T", " ").removesuffix("Z").removesuffix(".000").removesuffix(":00")


def span(first: Any, last: Any) -> str:
    """Return from what to what."""
    if first is None and last is None:
        return NOTHING
    return str(first) if first == last else f"{first} to {last}"


def things(amount: int, one: str, many: str | None = None) -> str:
    """Return how many of something there are."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"
