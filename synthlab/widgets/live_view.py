"""The live view: start, watch and stop a stream without blocking the notebook."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import numpy as np

from synthlab.errors import SynthlabError
from synthlab.plotting.trucks import Ground
from synthlab.widgets.layout import stacked
from synthlab.widgets.map import MapPlot, Place, Track
from synthlab.widgets.series import Line, Panel, SeriesPlot
from synthlab.widgets.tiles import KpiTiles, Tile, say
from synthlab.workflows.live_session import LiveSession, LiveStatus, open_session

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.scenario.schema import Scenario
    from synthlab.workflows.live_records import LiveResult, LiveSample

MAX_PANELS = 6
"""Devices whose level is drawn, the lowest first. Assumed: a screenful."""

REFRESH_SECONDS = 0.5
"""Assumed: as often as numbers that change can be read. [seconds]"""

MAX_SPEEDUP = 100_000.0

PHASES: Mapping[str, str] = {
    "idle": "Not started. Press Start: levels are drawn from the first messages on.",
    "running": "Running.",
    "stopping": "Stopping: what was sent is being acknowledged.",
    "ended": "Stopped.",
    "failed": "Failed.",
}


class LiveMonitor:
    """Buttons, numbers, levels and a map of a live run.

    Show it as the last value of a cell.  Without a browser `start`, `stop`, `wait`,
    `status` and `table` do the same.

    Parameters
    ----------
    session : LiveSession

    Attributes
    ----------
    session : LiveSession
    panel : ipywidgets.Widget
    speedup : ipywidgets.BoundedFloatText
        Simulated seconds per second, of the next start.
    """

    def __init__(self, session: LiveSession) -> None:
        self.session = session
        self._lock = threading.Lock()
        self._drawn_at = 0.0
        scenario = session.scenario
        self._names = [device.device_id for device in scenario.devices]
        # No icons: their font comes with JupyterLab, and not with a page served without code.
        self.start_button = widgets.Button(
            description="Start", button_style="primary", tooltip="Begin to publish"
        )
        self.stop_button = widgets.Button(
            description="Stop", tooltip="Drain and end the stream", disabled=True
        )
        self.speedup = widgets.BoundedFloatText(
            value=scenario.speedup_factor,
            min=0.001,
            max=MAX_SPEEDUP,
            description="× real time",
            tooltip="Simulated seconds per second; cadence is divided by it",
            layout=widgets.Layout(width="190px"),
        )
        self.tiles = KpiTiles(title="Live run")
        self.levels = SeriesPlot(has_main=False)
        self.map = MapPlot(title="Trucks")
        self.message = widgets.HTML()
        self._ground, self._stops = _places(scenario)
        self.start_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self._stop_soon())
        session.watch(self._follow)
        self.panel = self._arrange()
        self._show(session.status())

    @property
    def scenario(self) -> Scenario:
        """What is streamed."""
        return self.session.scenario

    @property
    def status(self) -> LiveStatus:
        """Where the run stands."""
        return self.session.status()

    @property
    def result(self) -> LiveResult | None:
        """What the last run sent; None before its end."""
        return self.session.result

    @property
    def table(self) -> pd.DataFrame:
        """The last message of each device.

        Returns
        -------
        DataFrame
            By ``device_id``: ``seq``, ``received_at`` (simulated, UTC), ``level_pct``,
            ``volume_liters``, ``latitude``, ``longitude``.
        """
        import pandas as pd

        names = ("seq", "received_at", "level_pct", "volume_liters", "latitude", "longitude")
        last = self.status.last
        rows = {device_id: [getattr(last[device_id], name) for name in names] for device_id in sorted(last)}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(names)).rename_axis("device_id")

    def start(self) -> None:
        """Begin to stream; what cannot be begun is said in the view.

        The message says why.
        """
        try:
            if self.speedup.value != self.scenario.speedup_factor:
                self.session.scenario = self.scenario.with_changes(speedup_factor=float(self.speedup.value))
            self.session.start()
        except SynthlabError as error:
            self._say(str(error), is_bad=True)
            return
        self._show(self.status)

    def stop(self, *, timeout_seconds: float = 60.0) -> LiveStatus:
        """Drain and end the stream, and wait until it has. [seconds]"""
        return self.session.stop(timeout_seconds=timeout_seconds)

    def wait(self, *, timeout_seconds: float | None = None) -> LiveStatus:
        """Wait for the end of a run that has one. [seconds]"""
        return self.session.wait(timeout_seconds=timeout_seconds)

    def _stop_soon(self) -> None:
        # A button must not hold the kernel up: the end comes through the watcher.
        self._show(self.session.stop(timeout_seconds=0))

    def _follow(self, status: LiveStatus) -> None:
        now = time.monotonic()
        with self._lock:
            if status.phase == "running" and now - self._drawn_at < REFRESH_SECONDS:
                return
            self._drawn_at = now
        self._show(status)

    def _show(self, status: LiveStatus) -> None:
        is_busy = status.phase in ("running", "stopping")
        self.start_button.disabled = self.speedup.disabled = is_busy
        self.stop_button.disabled = status.phase != "running"
        self._say(_sentence(status), is_bad=status.phase == "failed")
        self.tiles.show(_tiles(status))
        tracks = self.session.tracks()
        self.levels.show(_panels(tracks))
        if self._ground is not None:
            trucks = _trucks(tracks, self._ground)
            self.map.show(trucks[0], [*self._stops, *trucks[1]], summary=_map_words(trucks[1]))

    def _say(self, text: str, *, is_bad: bool = False) -> None:
        role = "alert" if is_bad else "status"
        self.message.value = f'<div role="{role}">{html.escape(text)}</div>'

    def _arrange(self) -> widgets.Widget:
        row = widgets.Layout(flex_flow="row wrap", align_items="center")
        controls = widgets.HBox([self.start_button, self.stop_button, self.speedup], layout=row)
        drawn = [self.levels] if self._ground is None else [self.levels, self.map]
        for part in drawn:
            part.layout.flex = "1 1 420px"
            part.layout.min_width = "0"
        self.map.layout.margin = "0 0 0 16px"
        plots = widgets.HBox(drawn, layout=widgets.Layout(flex_flow="row wrap", align_items="flex-start"))
        return stacked(controls, self.message, self.tiles, plots, is_view=True)

    def __repr__(self) -> str:
        status = self.status
        return f"<LiveMonitor: {self.scenario.scenario_id}, {len(self._names)} devices, {status.phase}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        view = dict(self.panel._repr_mimebundle_(**kwargs) or {})
        picture = self._picture()
        # Where no browser runs the view, the picture and the one line stand in for it.
        return {**view, **({"image/png": picture} if picture else {}), "text/plain": repr(self)}

    def _picture(self) -> bytes | None:
        from synthlab.plotting import live_figure

        progress = self.session.progress()
        sent = any(record.recent for record in progress)
        return live_figure(progress).png() if sent else None


def monitor(
    scenario: Scenario | str | Path, *, speedup_factor: float | None = None, **options: Any
) -> LiveMonitor:
    """Open the live view of a scenario; nothing is sent before it is started.

    Parameters
    ----------
    scenario : Scenario or path or str
        Or a template's name.
    speedup_factor : float, optional
        Instead of the scenario's. [simulated seconds per second]
    **options
        As for `synthlab.run_live`: ``broker``, ``database``, ``state_file``,
        ``iterations``, ``duration_seconds``, ``listen``, ``start_at``, ``strict``.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``.
    ScenarioError
        The scenario is not valid.
    """
    session = open_session(scenario, **options)
    if speedup_factor is not None:
        session.scenario = session.scenario.with_changes(speedup_factor=speedup_factor)
    return LiveMonitor(session)


def _sentence(status: LiveStatus) -> str:
    text = f"{PHASES[status.phase]} {status.problem}" if status.problem else PHASES[status.phase]
    if status.simulated_at is not None:
        text += f" Simulated time {status.simulated_at:%d %b %Y %H:%M} UTC."
    return text


def _tiles(status: LiveStatus) -> list[Tile]:
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


def _panels(tracks: Mapping[str, Sequence[LiveSample]]) -> list[Panel]:
    lowest = sorted(tracks, key=lambda name: (tracks[name][-1].level_pct, name))
    panels = []
    # By name: panels that change places cannot be followed.
    for name in sorted(lowest[:MAX_PANELS]):
        seconds = np.array([sample.received_at.timestamp() for sample in tracks[name]])
        level = np.array([sample.level_pct for sample in tracks[name]])
        panels.append(
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
    return panels


def _places(scenario: Scenario) -> tuple[Ground | None, list[Place]]:
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


def _trucks(tracks: Mapping[str, Sequence[LiveSample]], ground: Ground) -> tuple[list[Track], list[Place]]:
    ways, trucks = [], []
    for name, track in sorted(tracks.items()):
        here = [sample for sample in track if sample.latitude is not None]
        if not here:
            continue
        degrees = (np.array([getattr(each, axis) for each in here]) for axis in ("latitude", "longitude"))
        east, north = ground.to_km(*degrees)
        ways.append(Track("way", "activity-travel", east, north, opacity=0.9))
        detail = f"{say(here[-1].level_pct)} % full"
        trucks.append(Place("TRUCK", "measured", float(east[-1]), float(north[-1]), name, detail, 7.0))
    return ways, trucks


def _map_words(trucks: Sequence[Place]) -> str:
    return "; ".join(f"{truck.label} {truck.detail}" for truck in trucks) or "no truck has reported yet"
