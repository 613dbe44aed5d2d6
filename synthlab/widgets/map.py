"""A map without a network: ways and places in kilometers from a center."""

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
class Track:
    """A way on the map.

    Attributes
    ----------
    label, role : str
        Name in the legend, and of the color in the one table.
    east_km, north_km : ndarray
        NaN breaks the line. [km]
    width : float
        [pixels]
    opacity : float
        0..1
    """

    label: str
    role: str
    east_km: Array
    north_km: Array
    width: float = 1.4
    opacity: float = 0.5


@dataclass(frozen=True)
class Place:
    """A mark on the map.

    Attributes
    ----------
    kind : {"BASE", "REFILL", "CLIENT", "TRUCK"}
        Gives the shape.
    role : str
        Name of the color in the one table.
    east_km, north_km : float
        [km]
    label, detail : str
        Written beside it, and told when pointed at.
    size : float
        Half of its width. [pixels]
    """

    kind: str
    role: str
    east_km: float
    north_km: float
    label: str = ""
    detail: str = ""
    size: float = 6.0

    def to_spec(self) -> dict[str, Any]:
        """Return what the browser draws."""
        return {
            "kind": self.kind,
            "role": self.role,
            "east": float(self.east_km),
            "north": float(self.north_km),
            "label": self.label,
            "detail": self.detail,
            "size": self.size,
        }


class MapPlot(Part):
    """Ways and places on plain ground, both axes at one scale; drag to move, buttons to zoom.

    Examples
    --------
    >>> plot = MapPlot(title="Route")
    >>> plot.show([], [Place("BASE", "activity-base", 0.0, 1.5, label="B1")], summary="a base")
    >>> plot.places[0]["north"], plot.stamp
    (1.5, 1)
    """

    _esm = script("map.js")
    _css = styles("theme.css", "map.css")

    title = traitlets.Unicode("Map").tag(sync=True)
    summary = traitlets.Unicode().tag(sync=True)
    tracks: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    places: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    data = traitlets.Bytes(b"").tag(sync=True)
    stamp = traitlets.Int(0).tag(sync=True)
    has_labels = traitlets.Bool(True).tag(sync=True)

    def show(
        self,
        tracks: Sequence[Track],
        places: Sequence[Place],
        *,
        summary: str = "",
        stamp: int | None = None,
    ) -> None:
        """Draw these instead; all of it goes in one message.

        Parameters
        ----------
        tracks : sequence of Track
            The last lies on top.
        places : sequence of Place
        summary : str
            What the map shows, in words.
        stamp : int, optional
            Whose answer this is: the request's ``seq``.  Without it, the next number.
        """
        points = [np.column_stack((track.east_km, track.north_km)) for track in tracks]
        with self.hold_sync():
            self.tracks = [
                {
                    "label": track.label,
                    "role": track.role,
                    "count": len(track.east_km),
                    "width": track.width,
                    "opacity": track.opacity,
                }
                for track in tracks
            ]
            self.places = [place.to_spec() for place in places]
            self.summary = summary
            self.data = b"".join(np.ascontiguousarray(part, dtype="<f4").tobytes() for part in points)
            self.stamp = self.stamp + 1 if stamp is None else stamp
