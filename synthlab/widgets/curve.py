"""A curve to drag: 24 hours or 7 weekdays, as bars or as a smooth line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import traitlets

from synthlab.widgets.assets import script, styles
from synthlab.widgets.part import Part, Request

HOURS = tuple(f"{hour:02d}" for hour in range(24))
HOUR_PLACES = tuple(f"{hour:02d}:00 to {(hour + 1) % 24:02d}:00" for hour in range(24))
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_PLACES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LEAST_WEIGHT = 0.001
"""Assumed: weights must be above 0, and three decimals are finer than any hand."""
MAX_WEIGHT = 1_000.0

Changed = Callable[[tuple[float, ...], float | None, bool], None]


class CurveEditor(Part):
    """Bars to drag, one for each hour or weekday.

    Drag a bar or paint across several; arrow keys move one, left and right go to the
    neighbor; Ctrl+Z, Ctrl+C and Ctrl+V do what they do elsewhere.  With a total (liters a
    day) only the ratios of the weights count, and the bars show each one's share of it.

    Parameters
    ----------
    values : sequence of float
        24 for the hours 0..23 UTC, or 7 from Monday.
    total : float, optional
        What the shares add up to; without it the values themselves are shown.
    title, unit, total_unit : str
    role : str
        Name of the color in the one table.
    least : float
        Smallest value.
    presets : mapping of str to sequence of float, optional
    lock_label : str
        What the lock keeps.
    is_locked : bool
        Whether a change of one bar makes the others give way, so that the sum stays.
    height : int
        [pixels]

    Examples
    --------
    >>> editor = CurveEditor([1.0] * 24, total=600, title="Demand", unit="liters/hour")
    >>> editor.values = [1.0] * 18 + [3.0] * 3 + [1.0] * 3
    >>> editor.values[18], editor.total
    (3.0, 600.0)
    """

    _esm = script("curve.js")
    _css = styles("theme.css", "curve.css")

    title = traitlets.Unicode().tag(sync=True)
    unit = traitlets.Unicode().tag(sync=True)
    total_unit = traitlets.Unicode().tag(sync=True)
    x_label = traitlets.Unicode().tag(sync=True)
    role = traitlets.Unicode().tag(sync=True)
    labels: traitlets.List[str] = traitlets.List().tag(sync=True)
    places: traitlets.List[str] = traitlets.List().tag(sync=True)
    limits = traitlets.Dict().tag(sync=True)
    presets: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    lock_label = traitlets.Unicode().tag(sync=True)
    is_locked = traitlets.Bool().tag(sync=True)
    look = traitlets.Enum(("bars", "line"), default_value="bars").tag(sync=True)
    height = traitlets.Int().tag(sync=True)
    curve = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        values: Sequence[float],
        *,
        total: float | None = None,
        title: str,
        unit: str,
        total_unit: str = "liters/day",
        role: str = "requested",
        least: float = LEAST_WEIGHT,
        presets: Mapping[str, Sequence[float]] | None = None,
        lock_label: str = "Keep the mean",
        is_locked: bool = False,
        height: int = 220,
    ) -> None:
        is_day = len(values) == len(HOURS)
        super().__init__(
            title=title,
            unit=unit,
            total_unit=total_unit,
            x_label="hour of the day, UTC" if is_day else "day of the week",
            role=role,
            labels=list(HOURS if is_day else DAYS),
            places=list(HOUR_PLACES if is_day else DAY_PLACES),
            limits={"min": least, "max": MAX_WEIGHT},
            presets=_presets(presets),
            lock_label=lock_label,
            is_locked=is_locked,
            height=height,
        )
        self._changed: list[Changed] = []
        self.show(values, total=total, key="")
        self.on_request(self._answer)

    def show(
        self,
        values: Sequence[float],
        *,
        total: float | None = None,
        original: Sequence[float] | None = None,
        original_total: float | None = None,
        key: str | None = None,
    ) -> None:
        """Show another curve, and beside it, dashed, the original.

        Parameters
        ----------
        values, total
            As in the constructor.
        original, original_total : optional
            `values` and `total` where omitted.
        key : str, optional
            Whose curve it is; another one's undo history is forgotten.
        """
        self._values = tuple(float(value) for value in values)
        self._total = None if total is None else float(total)
        base = self._values if original is None else tuple(float(value) for value in original)
        self.curve = {
            "key": self.curve.get("key", "") if key is None else key,
            "version": self.curve.get("version", 0) + 1,
            "weights": list(self._values),
            "total": self._total,
            "original": list(base),
            "original_total": self._total if original is None else original_total,
        }

    @property
    def values(self) -> tuple[float, ...]:
        """The weights as they stand."""
        return self._values

    @values.setter
    def values(self, values: Sequence[float]) -> None:
        self.show(
            values,
            total=self._total,
            original=self.curve["original"],
            original_total=self.curve["original_total"],
        )

    @property
    def total(self) -> float | None:
        """What the shares add up to, as it stands."""
        return self._total

    def on_change(self, changed: Changed) -> None:
        """Call `changed` with values, total, and whether the hand has let go, at each edit in the browser."""
        self._changed.append(changed)

    def _answer(self, request: Request) -> None:
        # An edit of a curve that was replaced meanwhile is of no use any more.
        if request.get("version") != self.curve["version"]:
            return
        self._values = tuple(float(value) for value in request["weights"])
        self._total = None if request["total"] is None else float(request["total"])
        for changed in self._changed:
            changed(self._values, self._total, bool(request.get("done", True)))

    def __repr__(self) -> str:
        return f"<CurveEditor: {self.title}, {len(self._values)} values>"


def _presets(presets: Mapping[str, Sequence[float]] | None) -> list[dict[str, Any]]:
    return [{"name": name, "values": list(values)} for name, values in (presets or {}).items()]
