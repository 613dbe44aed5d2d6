"""Windows and grids of time: closed at both ends, whole UTC seconds.

The window of a run is ``[end_at - days, end_at]``, with a point every
`step_seconds` counted from its start; so a device has
``floor(days * 86400 / step_seconds) + 1`` points.  This module states that once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from synthlab.errors import Problem, UsageError, show_value

SECONDS_PER_HOUR = 3_600
SECONDS_PER_DAY = 86_400

# 1970-01-01 was a Thursday; Monday is day 0 of the week here.
_EPOCH_WEEKDAY = 3


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time closed at both ends.

    Attributes
    ----------
    start_second, end_second : int
        Unix time. [seconds]
    """

    start_second: int
    end_second: int

    @property
    def start_at(self) -> datetime:
        """First moment, aware UTC."""
        return from_unix_second(self.start_second)

    @property
    def end_at(self) -> datetime:
        """Last moment, aware UTC."""
        return from_unix_second(self.end_second)

    @classmethod
    def ending(cls, end_at: datetime, *, days: int) -> Window:
        """Return the window of `days` that ends at `end_at`."""
        end = to_unix_second(end_at, name="end_at")
        return cls(end - days * SECONDS_PER_DAY, end)

    @classmethod
    def between(cls, start_at: datetime, end_at: datetime) -> Window:
        """Return the window between two moments, both included.

        Raises
        ------
        UsageError
            Code ``BAD_ARGUMENT``: the end lies before the start.
        """
        start, end = to_unix_second(start_at, name="start_at"), to_unix_second(end_at, name="end_at")
        if end < start:
            raise UsageError(
                Problem(
                    "BAD_ARGUMENT",
                    "must not lie before start_at",
                    path="end_at",
                    value=format_at(end_at),
                    remedy=f"start_at is {format_at(start_at)}",
                )
            )
        return cls(start, end)


def point_count(start_second: int, end_second: int, step_seconds: int) -> int:
    """Count the grid points from the start to the end, both included."""
    return (end_second - start_second) // step_seconds + 1 if end_second >= start_second else 0


def hour_of_week(unix_second: int) -> int:
    """Hour of the week, 0..167, Monday 00:00 UTC first."""
    days, second = divmod(unix_second, SECONDS_PER_DAY)
    return (days + _EPOCH_WEEKDAY) % 7 * 24 + second // SECONDS_PER_HOUR


def from_unix_second(unix_second: int) -> datetime:
    """Return the aware UTC moment of a Unix time. [seconds]"""
    return datetime.fromtimestamp(unix_second, UTC)


def to_unix_second(moment: datetime, *, name: str = "time") -> int:
    """Return the Unix time of an aware moment that is a whole second. [seconds]

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: no time zone, a fraction of a second, or before 1970.
    """
    if moment.tzinfo is None:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "needs a time zone",
                path=name,
                value=str(moment),
                remedy="Write it as UTC, for example 2026-02-12T10:00:00Z",
            )
        )
    if moment.microsecond:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "needs whole seconds",
                path=name,
                value=str(moment),
                remedy="Leave out the fraction of the second",
            )
        )
    second = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    if second < 0:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "needs a time from 1970 on",
                path=name,
                value=str(moment),
                remedy="Write a time that a device's clock could show",
            )
        )
    return second


def parse_at(text: str | datetime, *, name: str = "end_at") -> datetime:
    """Read an RFC 3339 moment, such as ``2026-02-12T10:00:00Z``, as UTC.

    Parameters
    ----------
    text : str or datetime
        A datetime (pandas' Timestamp is one) passes through, changed to UTC.
    name : str
        What the error calls it.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: not a moment, no time zone, or not a whole second.
    """
    if isinstance(text, datetime):
        moment = text
    else:
        try:
            moment = datetime.fromisoformat(text)
        except (TypeError, ValueError):
            raise UsageError(
                Problem(
                    "BAD_ARGUMENT",
                    "needs an ISO 8601 time with a zone",
                    path=name,
                    value=show_value(text),
                    remedy="Write it as UTC, for example 2026-02-12T10:00:00Z",
                )
            ) from None
    return from_unix_second(to_unix_second(moment, name=name))


def format_at(moment: datetime) -> str:
    """Write a moment as RFC 3339 UTC with a ``Z``: ``2026-02-12T10:00:00Z``."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def in_words(seconds: float) -> str:
    """Return a span of time in the unit that people would say it in: ``5 min``, ``3.5 h``, ``12 days``."""
    if seconds < SECONDS_PER_HOUR:
        return f"{seconds / 60:.3g} min"
    if seconds < 2 * SECONDS_PER_DAY:
        return f"{seconds / SECONDS_PER_HOUR:.3g} h"
    return f"{seconds / SECONDS_PER_DAY:,.0f} days"


def now_at() -> datetime:
    """Return the present moment, cut to the whole second."""
    return datetime.now(UTC).replace(microsecond=0)


def days_before(end_at: datetime, days: int) -> datetime:
    """Return the moment `days` before another."""
    return end_at - timedelta(days=days)
