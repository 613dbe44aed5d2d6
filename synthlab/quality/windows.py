"""The hours that a metric looks at, stated once for the frame and for the consumer.

A window of *n* hours is the *n* whole UTC hours that end with, and include, the
hour of the latest reading known: of the whole frame, or of the whole platform.
So every device is judged over the same hours, and one that fell silent shows a gap.
An hour runs from its full minute to the next one, open at its end, as does a window.

- A reading, and the movement that ends at it, belong to the hour of their time.
- The change between two hours belongs to the later one.
- A stop belongs to the window in which it ends; its time is cut to the window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from synthlab.errors import Problem, UsageError, show_value

HOUR_MS = 3_600_000
HOURS_PER_DAY = 24

WindowName = Literal["24h", "7d", "30d"]
"""Source: platform contract, section 4."""

WINDOW_HOURS: dict[str, int] = {"24h": 24, "7d": 168, "30d": 720}
WINDOW_NAMES: tuple[str, ...] = get_args(WindowName)


@dataclass(frozen=True, slots=True)
class HourWindow:
    """Whole UTC hours, the last one not included.

    Attributes
    ----------
    name : str
        ``"24h"``, ``"7d"`` or ``"30d"``.
    end_hour : int
        First hour after the window, counted from 1970-01-01 UTC. [hours]
    """

    name: str
    end_hour: int

    @property
    def hours(self) -> int:
        """Length. [hours]"""
        return WINDOW_HOURS[self.name]

    @property
    def start_hour(self) -> int:
        """First hour of the window, counted from 1970-01-01 UTC. [hours]"""
        return self.end_hour - self.hours

    @classmethod
    def ending_with(cls, name: str, last_hour: int) -> HourWindow:
        """Return the window whose last hour is `last_hour`.

        Raises
        ------
        UsageError
            Code ``BAD_ARGUMENT``: no such window.
        """
        if name not in WINDOW_HOURS:
            raise UsageError(
                Problem(
                    "BAD_ARGUMENT",
                    f"needs one of {', '.join(WINDOW_NAMES)}",
                    path="window",
                    value=show_value(name),
                    remedy="The platform knows these windows only",
                )
            )
        return cls(name, last_hour + 1)
