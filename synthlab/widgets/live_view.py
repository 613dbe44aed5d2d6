"""The live view: start, watch and stop a stream without blocking the notebook."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from synthlab.errors import SynthlabError
from synthlab.widgets.layout import stacked
from synthlab.widgets.live_pictures import ground_and_stops, map_words, panels, tiles, trucks, ways
from synthlab.widgets.map import MapPlot
from synthlab.widgets.series import SeriesPlot
from synthlab.widgets.tiles import KpiTiles
from synthlab.workflows.live_session import LiveSession, LiveStatus, open_session

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.scenario.schema import Scenario
    from synthlab.workflows.live_records import LiveResult

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
        # The stream's thread shows as well as a button's.
        self._lock = threading.RLock()
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
        self._ground, self._stops = ground_and_stops(scenario)
        self.start_button.on_click(lambda _: self.start())
        self.stop_button.on_click(lambda _: self._stop_soon())
        session.watch(self._follow)
        self.panel = self._arrange()
        self._show()

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
            ``volume_liters``; ``latitude`` and ``longitude`` as last known, and ``fix_at``,
            when that was: before ``received_at`` where the receiver has no fix.
        """
        import pandas as pd

        status = self.status
        names = ("seq", "received_at", "level_pct", "volume_liters", "latitude", "longitude", "fix_at")
        rows = {}
        for device_id, last in sorted(status.last.items()):
            fix = status.last_fix.get(device_id)
            where = (fix.latitude, fix.longitude, fix.received_at) if fix else (None, None, None)
            rows[device_id] = [last.seq, last.received_at, last.level_pct, last.volume_liters, *where]
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
        self._show()

    def stop(self, *, timeout_seconds: float = 60.0) -> LiveStatus:
        """Drain and end the stream, and wait until it has. [seconds]"""
        return self.session.stop(timeout_seconds=timeout_seconds)

    def wait(self, *, timeout_seconds: float | None = None) -> LiveStatus:
        """Wait for the end of a run that has one. [seconds]"""
        return self.session.wait(timeout_seconds=timeout_seconds)

    def _stop_soon(self) -> None:
        # A button must not hold the kernel up: the end comes through the watcher.
        self.session.stop(timeout_seconds=0)
        self._show()

    def _follow(self, status: LiveStatus) -> None:
        now = time.monotonic()
        with self._lock:
            if status.phase == "running" and now - self._drawn_at < REFRESH_SECONDS:
                return
            self._drawn_at = now
            self._show()

    def _show(self) -> None:
        """Show where the session stands now: whoever comes last has the last word."""
        with self._lock:
            status = self.status
            self.tiles.show(tiles(status))
            tracks = self.session.tracks()
            self.levels.show(panels(tracks))
            if self._ground is not None:
                here = trucks(status, self._ground)
                self.map.show(ways(tracks, self._ground), [*self._stops, *here], summary=map_words(here))
            # Last: who reads that it has stopped reads the final numbers beside it.
            self._say(_sentence(status), is_bad=status.phase == "failed")
            is_busy = status.phase in ("running", "stopping")
            self.start_button.disabled = self.speedup.disabled = is_busy
            self.stop_button.disabled = status.phase != "running"

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
