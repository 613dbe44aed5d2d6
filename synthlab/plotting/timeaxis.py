"""Axes of time: UTC, ticks at round moments, short labels that do not collide."""

from __future__ import annotations

from datetime import UTC

import numpy as np
from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.ticker import Formatter, Locator

LABEL_INCHES = 0.75
"""Room that a label such as "12 Feb" needs with its distance. Assumed: measured at 9 points."""

_MINUTE, _HOUR, _DAY = 1 / 1_440, 1 / 24, 1.0
_STEPS_DAYS = np.array(
    [1 / 86_400, 5 / 86_400, 15 / 86_400, 30 / 86_400]
    + [_MINUTE * n for n in (1, 2, 5, 10, 15, 30)]
    + [_HOUR * n for n in (1, 2, 3, 6, 12)]
    + [_DAY * n for n in (1, 2, 3, 7, 14, 28, 56, 91, 182, 364)]
)

_MONDAY = 4.0
"""1970-01-05, the first Monday of the era: weekly ticks fall on Mondays. [days]"""


class UtcLocator(Locator):
    """Ticks at equal, round distances, counted from a Monday, as many as there is room for."""

    def __call__(self) -> list[float]:
        """Return the ticks of the axis as it is."""
        assert self.axis is not None
        low, high = self.axis.get_view_interval()
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """Return the ticks between two moments. [days since 1970]"""
        low, high = sorted((float(vmin), float(vmax)))
        step = self.step_days(low, high)
        first = np.ceil((low - _MONDAY) / step - 1e-9)
        last = np.floor((high - _MONDAY) / step + 1e-9)
        return [float(tick) for tick in _MONDAY + np.arange(first, last + 1) * step]

    def step_days(self, low: float, high: float) -> float:
        """Return the distance of ticks for a span. [days]"""
        room = self._room()
        enough = (high - low) / _STEPS_DAYS <= room
        return float(_STEPS_DAYS[np.argmax(enough)] if enough.any() else high - low)

    def _room(self) -> float:
        """Return how many ticks fit on the axis."""
        axes = getattr(self.axis, "axes", None)
        if axes is None:
            return 6.0
        place = axes.get_subplotspec()
        # By the grid where there is one: the layout moves axes, and new ticks would move it again.
        share = (axes.get_position() if place is None else place.get_position(axes.figure)).width
        return max(2.0, float(share * axes.figure.get_figwidth()) / LABEL_INCHES - 1)


class UtcFormatter(Formatter):
    """The day at each midnight, else the time of day."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the label of a tick."""
        moment = mdates.num2date(x, tz=UTC)
        # A tick is computed in fractions of a day; half a second is its rounding.
        moment = moment.fromtimestamp(round(moment.timestamp()), UTC)
        if moment.hour == moment.minute == moment.second == 0:
            return f"{moment:%d %b}"
        return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"


def time_axis(axes: Axes, *, label: bool = True) -> None:
    """Show UTC times on the x axis."""
    axes.xaxis.set_major_locator(UtcLocator())
    axes.xaxis.set_major_formatter(UtcFormatter())
    if label:
        axes.set_xlabel("time [UTC]")


def hour_axis(axes: Axes, *, label: bool = True) -> None:
    """Show the 24 hours of a day on the x axis."""
    axes.set_xlim(-0.5, 23.5)
    axes.set_xticks(range(0, 24, 3))
    axes.set_xticks(range(24), minor=True)
    if label:
        axes.set_xlabel("hour of day [UTC]")
