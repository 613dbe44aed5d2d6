"""Colors and sizes: the one table that figures, widgets and report are drawn from.

No matplotlib here: `synthlab.plotting.style` makes rcParams of it, and
`synthlab.widgets.theme` the variables of style sheets.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COLORS: Mapping[str, str] = MappingProxyType(
    {
        "black": "#000000",
        "orange": "#E69F00",
        "sky": "#56B4E9",
        "green": "#009E73",
        "yellow": "#F0E442",
        "blue": "#0072B2",
        "vermillion": "#D55E00",
        "purple": "#CC79A7",
        "ink": "#1F2933",
        "muted": "#66707B",
        "quiet": "#C3CAD1",
        "grid": "#E3E7EB",
        "face": "#FFFFFF",
    }
)
"""Source: Okabe and Ito, "Color Universal Design" (2008); the grays are Assumed: quiet on white."""

ROLES: Mapping[str, str] = MappingProxyType(
    {
        "truth": COLORS["blue"],
        "measured": COLORS["orange"],
        "low": COLORS["vermillion"],
        "expected": COLORS["ink"],
        "requested": COLORS["orange"],
        "served": COLORS["blue"],
        "unmet": COLORS["vermillion"],
        "inflow": COLORS["green"],
        "overflow": COLORS["purple"],
        "sessions": COLORS["sky"],
        "loaded": COLORS["blue"],
        "empty": COLORS["vermillion"],
        "delivered": COLORS["green"],
        "emitted": COLORS["orange"],
        "acknowledged": COLORS["blue"],
    }
)
"""What a color means, the same in every picture."""

ACTIVITY_COLORS: Mapping[str, str] = MappingProxyType(
    {
        "TRAVEL": COLORS["sky"],
        "BASE": COLORS["ink"],
        "REFILL": COLORS["blue"],
        "CLIENT": COLORS["green"],
        "IDLE": COLORS["vermillion"],
    }
)

SIZES: Mapping[str, float] = MappingProxyType(
    {
        "width_inches": 10.0,
        "dpi": 110.0,
        "font_points": 9.0,
        "title_points": 13.0,
        "panel_title_points": 10.0,
        "line_points": 1.4,
        "thin_line_points": 1.0,
        "wide_line_points": 3.2,
        "heading_inches": 0.86,
    }
)
"""Assumed: legible at half size in a notebook and at full size in a report."""

DARK_COLORS: Mapping[str, str] = MappingProxyType(
    {
        **COLORS,
        # On a dark face blue is too dark to read, and sky takes its place.
        "blue": COLORS["sky"],
        "sky": COLORS["blue"],
        "black": "#FFFFFF",
        "vermillion": "#F0763B",
        "green": "#1FBF92",
        "ink": "#E8ECF0",
        "muted": "#A3AEB9",
        "quiet": "#5B6672",
        "grid": "#2E353C",
        "face": "#111418",
    }
)
"""The same names on a dark face. Assumed: Okabe and Ito's hues, lighter where contrast asks for it."""


def dark(color: str) -> str:
    """Return what stands for a color of `COLORS` on a dark face."""
    return next((DARK_COLORS[name] for name, value in COLORS.items() if value == color), color)
