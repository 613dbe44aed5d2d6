"""One look for every picture: matplotlib's settings made of the tokens, and a figure that carries them.

Nothing here touches pyplot or leaves anything in matplotlib's global state, so that
figures can be made in any thread, and a user's own settings neither change nor are
changed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from synthlab.plotting.tokens import ACTIVITY_COLORS, COLORS, ROLES, SIZES

__all__ = [
    "ACTIVITY_COLORS",
    "COLORS",
    "ROLES",
    "SIZES",
    "Plot",
    "count_axis",
    "heading",
    "percent",
    "styled",
]

_SHADES = (0.08, 0.16, 0.24, 0.36, 0.5, 0.65, 0.8, 1.0)
# A thin true line over a wide measured one, and shaded findings over both: what lines share at their edges.
_OVER = (("blue", "orange"), ("blue", "yellow"), ("orange", "vermillion"), ("blue", "green"))

_RC: Mapping[str, Any] = MappingProxyType(
    {
        "axes.axisbelow": True,
        "axes.edgecolor": COLORS["muted"],
        "axes.facecolor": COLORS["face"],
        "axes.grid": True,
        "axes.labelcolor": COLORS["ink"],
        "axes.labelsize": SIZES["font_points"],
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlesize": SIZES["panel_title_points"],
        "axes.titleweight": "bold",
        "axes.xmargin": 0.01,
        "figure.dpi": SIZES["dpi"],
        "figure.facecolor": COLORS["face"],
        # Shipped with matplotlib: the same letters on every machine.
        "font.family": "DejaVu Sans",
        "font.size": SIZES["font_points"],
        "grid.color": COLORS["grid"],
        "grid.linewidth": 0.8,
        "legend.fontsize": SIZES["font_points"],
        "legend.frameon": False,
        "lines.linewidth": SIZES["line_points"],
        "savefig.dpi": "figure",
        "savefig.facecolor": "auto",
        "text.color": COLORS["ink"],
        "timezone": "UTC",
        "xtick.color": COLORS["muted"],
        "xtick.labelcolor": COLORS["ink"],
        "xtick.labelsize": SIZES["font_points"],
        "ytick.color": COLORS["muted"],
        "ytick.labelcolor": COLORS["ink"],
        "ytick.labelsize": SIZES["font_points"],
    }
)

# rcParams are the process's; two threads inside rc_context would leave each other's behind.
_RC_LOCK = threading.RLock()


@contextmanager
def styled() -> Iterator[None]:
    """Draw in this project's style; afterwards matplotlib's settings are as before."""
    ours = {name: value for name, value in rcParamsDefault.items() if not name.startswith("backend")}
    with _RC_LOCK, mpl.rc_context({**ours, **_RC}):
        yield


class Plot(Figure):
    """A figure that shows itself in a notebook and says in one line what it shows.

    Parameters
    ----------
    summary : str
        One line: the figure's text form, and the description of its picture.
    width_inches, height_inches : float
        [inches]
    """

    def __init__(self, summary: str, *, width_inches: float, height_inches: float) -> None:
        super().__init__(figsize=(width_inches, height_inches), layout="constrained")
        FigureCanvasAgg(self)
        self.summary = summary

    def __repr__(self) -> str:
        return f"<Plot: {self.summary}>"

    __str__ = __repr__

    def png(self) -> bytes:
        """Return the picture; the same figure gives the same bytes."""
        buffer = BytesIO()
        with styled():
            # Not by savefig: that draws twice, once to see how large the figure is.
            # No name or version of the writer: it would change the bytes with each upgrade.
            FigureCanvasAgg(self).print_png(buffer, metadata={"Software": None, "Description": self.summary})
            # Laid out once: done again on its own result, the layout would move by a pixel.
            self.set_layout_engine("none")
        return buffer.getvalue()

    def small_png(self) -> bytes:
        """Return the picture in few colors, a third of the size; the same figure gives the same bytes."""
        from PIL import Image

        with styled():
            FigureCanvasAgg(self).draw()
        pixels = np.asarray(self.canvas.buffer_rgba())[:, :, :3]  # type: ignore[attr-defined]
        buffer = BytesIO()
        palette = Image.new("P", (1, 1))
        palette.putpalette([part for color in _small_palette() for part in color])
        image = Image.fromarray(pixels).quantize(palette=palette, dither=Image.Dither.NONE)
        image.save(buffer, format="png", optimize=True)
        return buffer.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file, and return its path."""
        # Late: what saves pictures draws them with this module.
        from synthlab.plotting.save import write_picture

        return write_picture(Path(path), self.png())

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {"image/png": self.png(), "text/plain": repr(self)}


@cache
def _small_palette() -> tuple[tuple[int, ...], ...]:
    """Return the colors of small pictures: each of `COLORS` from faint to full, and usual mixtures.

    Fixed, because colors chosen by their frequency merge a rare FAIL with SUSPECT.
    """
    tones = {name: np.array(mpl.colors.to_rgb(color)) for name, color in COLORS.items()}
    full = [*tones.values(), *((tones[a] + tones[b]) / 2 for a, b in _OVER)]
    mixed = [1 - share * (1 - tone) for tone in full for share in _SHADES]
    rounded = np.rint(255 * np.array(mixed)).astype(int)
    # Pillow looks a color up by its upper six bits: a tint next to white would take white's place.
    kept = {tuple(int(part) for part in color) for color in rounded if min(color) < 246}
    return tuple(sorted(kept | {(255, 255, 255)}))


def heading(
    figure: Plot, title: str, subtitle: str, legend: tuple[list[Any], list[str]] | None = None
) -> None:
    """Write the finding, what it was found in, and the legend above the panels."""
    height = figure.get_figheight()
    top = SIZES["heading_inches"] if legend else SIZES["heading_inches"] - 0.26
    engine = figure.get_layout_engine()
    # A figure whose panels are placed by hand has another one, or none.
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0.0, 0.0, 1.0, 1.0 - top / height), w_pad=0.08, h_pad=0.06)
    left = 0.1 / figure.get_figwidth()
    figure.text(
        left, 1 - 0.1 / height, title, va="top", fontsize=SIZES["title_points"], fontweight="bold"
    ).set_gid("title")
    figure.text(left, 1 - 0.37 / height, subtitle, va="top", color=COLORS["muted"]).set_gid("subtitle")
    if legend:
        handles, labels = legend
        figure.legend(
            handles,
            labels,
            loc="upper left",
            bbox_to_anchor=(0.0, 1 - 0.53 / height),
            ncols=len(labels),
            borderaxespad=0.2,
            handlelength=1.8,
            columnspacing=1.6,
        )


def count_axis(axes: Axes) -> None:
    """Show only whole numbers on the y axis."""
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=2))


def percent(fraction: float) -> str:
    """Say a share: whole percents, and small ones as small."""
    return "less than 1 %" if 0 < fraction < 0.01 else f"{100 * fraction:.0f} %"
