"""Key numbers as tiles, each beside what it was before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import traitlets

from synthlab.widgets.assets import script, styles
from synthlab.widgets.part import Part

NO_VALUE = "–"


@dataclass(frozen=True)
class Tile:
    """One key number.

    Attributes
    ----------
    label, unit, help : str
    value : float
    before : float, optional
        NaN where there was none; None: nothing to compare with.
    better : {"lower", "higher", None}
        Which way is good.
    is_percent, is_count : bool
        Shown as a percentage of 1; shown as a whole number.
    """

    label: str
    value: float
    unit: str = ""
    before: float | None = None
    better: str | None = None
    is_percent: bool = False
    is_count: bool = False
    help: str = ""

    def to_spec(self) -> dict[str, Any]:
        """Return the tile as texts; a change that cannot be seen is none."""
        now, before = self._said(self.value), None if self.before is None else self._said(self.before)
        direction = tone = None
        if before is not None and now != before and NO_VALUE not in (now, before):
            direction = "up" if self.value > (self.before or 0.0) else "down"
            if self.better:
                tone = "better" if (direction == "up") == (self.better == "higher") else "worse"
        return {
            "label": self.label,
            "value": now,
            "unit": "%" if self.is_percent else self.unit,
            "before": before,
            "direction": direction,
            "tone": tone,
            "help": self.help,
        }

    def _said(self, value: float) -> str:
        if not math.isfinite(value):
            return NO_VALUE
        if self.is_count:
            return f"{value:,.0f}"
        return say(100 * value if self.is_percent else value)


def say(value: float) -> str:
    """Say a number with as many digits as people read."""
    size = abs(value)
    if size >= 10 and value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


class KpiTiles(Part):
    """Tiles of key numbers.

    Examples
    --------
    >>> tiles = KpiTiles()
    >>> tiles.show([Tile("Run out", 0.124, before=0.1, better="lower", is_percent=True)])
    >>> tiles.tiles[0]["value"], tiles.tiles[0]["before"], tiles.tiles[0]["tone"]
    ('12.4', '10', 'worse')
    """

    _esm = script("tiles.js")
    _css = styles("theme.css", "tiles.css")

    title = traitlets.Unicode("Key numbers").tag(sync=True)
    tiles: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)

    note = traitlets.Unicode().tag(sync=True)

    def show(self, tiles: Sequence[Tile], *, note: str = "") -> None:
        """Show these instead, and below them why a number is what it is."""
        with self.hold_sync():
            self.tiles = [tile.to_spec() for tile in tiles]
            self.note = note
