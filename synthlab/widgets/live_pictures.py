"""What the live view draws of a stream: numbers, levels, and where trucks are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from synthlab.plotting.trucks import Ground
from synthlab.timeline import in_words
from synthlab.widgets.map import Array, Place, Track
from synthlab.widgets.series import Line, Panel
from synthlab.widgets.tiles import Tile, say

if TYPE_CHECKING:
    from synthlab.scenario.schema import Scenario
    from synthlab.workflows.live_records import LiveSample
    from synthlab.workflows.live_session import LiveStatus

MAX_PANELS = 6
"""Devices whose level is drawn, the lowest first. Assumed: a screenful."""


def tiles(status: LiveStatus) -> list[Tile]:
    """Say how fast the stream is, and what became of its messages."""
    return [
        Tile("Rate", status.rate_per_second, "messages/s", help="Sent, over the last five seconds"),
        Tile("Lag", status.lag_seconds, "s", help="How long the most overdue message has been due"),
        Tile("Sent", float(status.emitted), "messages", is_count=True),
        Tile(
            "Acknowledged", float(status.acknowledged), "messages", is_count=True, help="The broker has them"
        ),
        Tile("Pending", float(status.pending), "messages", is_count=True, help="Sent, and not answered yet"),
        Tile("Dropped", float(status.dropped), "messages", is_count=True, help="The broker refused them"),
    ]


def panels(tracks: Mapping[str, Sequence[LiveSample]]) -> list[Panel]:
    """Draw the levels of the devices that have the least."""
    lowest = sorted(tracks, key=lambda name: (tracks[name][-1].level_pct, name))
    drawn = []
    # By name: panels that change places cannot be followed.
    for name in sorted(lowest[:MAX_PANELS]):
        seconds = np.array([sample.received_at.timestamp() for sample in tracks[name]])
        level = np.array([sample.level_pct for sample in tracks[name]])
        drawn.append(
            Panel(
                name,
                "%",
                float(seconds[0]),
                [Line("level", level, "truth")],
                offsets=seconds - seconds[0],
                note=f"{say(float(level[-1]))} % now",
                least=0.0,
                most=100.0,
            )
        )
    return drawn


def ground_and_stops(scenario: Scenario) -> tuple[Ground | None, list[Place]]:
    """Return the map's center and the stops of all routes; no map without a truck."""
    driven = {device.route_id for device in scenario.devices if device.mode == "MOBILE"}
    points = [point for route in scenario.routes if route.route_id in driven for point in route.points]
    if not points:
        return None, []
    latitudes = np.array([point.latitude for point in points])
    longitudes = np.array([point.longitude for point in points])
    ground = Ground.around(latitudes, longitudes)
    places = []
    for point, east, north in zip(points, *ground.to_km(latitudes, longitudes), strict=True):
        role = f"activity-{point.kind.lower()}"
        places.append(Place(point.kind, role, float(east), float(north), detail=point.point_id, size=5.0))
    return ground, places


def ways(tracks: Mapping[str, Sequence[LiveSample]], ground: Ground) -> list[Track]:
    """Draw the way of each truck, broken where its receiver had no fix."""
    found = [track for _, track in sorted(tracks.items()) if any(each.latitude is not None for each in track)]
    return [Track("way", "activity-travel", *_km(track, ground), opacity=0.9) for track in found]


def trucks(status: LiveStatus, ground: Ground) -> list[Place]:
    """Mark where each truck was when it last told, and say how long ago that was."""
    found = []
    for name, fix in sorted(status.last_fix.items()):
        last = status.last[name]
        (east,), (north,) = _km([fix], ground)
        detail = f"{say(last.level_pct)} % full"
        seconds = (last.received_at - fix.received_at).total_seconds()
        if seconds > 0:
            detail += f", no position for {in_words(seconds)}"
        found.append(Place("TRUCK", "measured", float(east), float(north), name, detail, 7.0))
    return found


def map_words(found: Sequence[Place]) -> str:
    """Say what the map shows."""
    said = [f"{truck.label} {truck.detail}" for truck in found]
    return "; ".join(said) or "no truck has told where it is yet"


def _km(samples: Sequence[LiveSample], ground: Ground) -> tuple[Array, Array]:
    """Return kilometers east and north; NaN where there was no fix."""
    degrees = np.array([(each.latitude, each.longitude) for each in samples], dtype=np.float64)
    return ground.to_km(degrees[:, 0], degrees[:, 1])
