"""Lines over time, a panel each, drawn by uPlot; data travel as 32-bit floats, what changed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import traitlets

from synthlab.widgets.assets import script, styles
from synthlab.widgets.part import Part

Array = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Line:
    """One line of a panel.

    Attributes
    ----------
    label : str
    values : ndarray
        NaN breaks the line.
    role : str
        Name of the color in the one table.
    width : float
        [pixels]
    dash : tuple of int, optional
        [pixels]
    is_filled, is_points : bool
        Filled down to the axis; points instead of a line.
    """

    label: str
    values: Array
    role: str
    width: float = 1.5
    dash: tuple[int, ...] | None = None
    is_filled: bool = False
    is_points: bool = False

    def to_spec(self) -> dict[str, Any]:
        """Return what the browser needs besides the values."""
        return {
            "label": self.label,
            "role": self.role,
            "width": self.width,
            "dash": list(self.dash) if self.dash else None,
            "fill": self.is_filled,
            "points": self.is_points,
        }


@dataclass(frozen=True)
class Panel:
    """Lines that share one axis of time.

    Attributes
    ----------
    title, unit : str
    start_second : int
        Unix time of the first value. [s]
    lines : sequence of Line
    step_seconds : float, optional
        Time between two values. [s]
    offsets : ndarray, optional
        Instead of a step: seconds since the start, rising. [s]
    note : str
        Beside the title, and what a screen reader is told.
    least, most : float, optional
        Fixed ends of the axis; the values' own where omitted.
    band : tuple of float and float and str, optional
        From, to and role: a shaded span, such as where a tank counts as run out.
    has_legend : bool
        Lines are named below the panel; those of the main panel always are.
    """

    title: str
    unit: str
    start_second: float
    lines: Sequence[Line]
    step_seconds: float | None = None
    offsets: Array | None = None
    note: str = ""
    least: float | None = None
    most: float | None = None
    band: tuple[float, float, str] | None = None
    has_legend: bool = False

    def to_spec(self) -> dict[str, Any]:
        """Return what the browser needs besides values and note."""
        band = dict(zip(("from", "to", "role"), self.band, strict=True)) if self.band else None
        return {
            "title": self.title,
            "unit": self.unit,
            "x": {
                "start": self.start_second,
                "step": None if self.offsets is not None else self.step_seconds,
                "count": len(self.lines[0].values) if self.lines else 0,
            },
            "min": self.least,
            "max": self.most,
            "band": band,
            "legend": self.has_legend,
            "series": [line.to_spec() for line in self.lines],
        }

    def columns(self) -> list[Array]:
        """Return offsets, where given, and every line's values."""
        return [*([self.offsets] if self.offsets is not None else []), *(line.values for line in self.lines)]


class SeriesPlot(Part):
    """Panels of lines over time with one zoom and one cursor.

    Drag across to zoom, double-click to see all, click a legend's entry to hide its line.

    Examples
    --------
    >>> import numpy as np
    >>> plot = SeriesPlot()
    >>> lines = [Line("true", np.arange(3.0), "truth")]
    >>> plot.show([Panel("A", "%", 0, lines, step_seconds=60)], stamp=1)
    >>> len(plot.main_data), len(plot.other_data), plot.stamp
    (12, 0, 1)
    """

    _esm = script("series.js")
    _css = styles("uplot.css", "theme.css", "series.css")

    panels: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    notes: traitlets.List[str] = traitlets.List().tag(sync=True)
    # Two, as a hand that drags changes the first panel alone: the others do not travel again.
    main_data = traitlets.Bytes(b"").tag(sync=True)
    other_data = traitlets.Bytes(b"").tag(sync=True)
    stamp = traitlets.Int(0).tag(sync=True)
    has_main = traitlets.Bool(True).tag(sync=True)

    def show(self, panels: Sequence[Panel], *, stamp: int | None = None) -> None:
        """Draw panels; all of it goes in one message.

        Parameters
        ----------
        panels : sequence of Panel
            The first is the large one where `has_main` is set.
        stamp : int, optional
            Whose answer this is: the request's ``seq``.  Without it, the next number.
        """
        with self.hold_sync():
            self.panels = [panel.to_spec() for panel in panels]
            self.notes = [panel.note for panel in panels]
            self.main_data, self.other_data = _bytes(panels[:1]), _bytes(panels[1:])
            self.stamp = self.stamp + 1 if stamp is None else stamp


def _bytes(panels: Sequence[Panel]) -> bytes:
    columns = [column for panel in panels for column in panel.columns()]
    return b"".join(np.ascontiguousarray(column, dtype="<f4").tobytes() for column in columns)
