"""A live run in a thread of its own: started, watched and stopped from elsewhere."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from synthlab.errors import Problem, SynthlabError, UsageError
from synthlab.results import Result
from synthlab.workflows.live import run_live
from synthlab.workflows.live_records import LiveProgress, LiveResult, LiveSample

if TYPE_CHECKING:
    from synthlab.scenario.schema import Scenario

RATE_SECONDS = 5.0
"""The rate is that of the last so many seconds. Assumed: steady to the eye, and soon true. [seconds]"""

PROGRESS_RECORDS = 2_400
"""Progress records kept, four a second. Assumed: ten minutes are what one looks back on."""

TRACK_POINTS = 500
"""Samples kept of each device, for its level and its way. Assumed: a plot's width in pixels."""

Phase = Literal["idle", "running", "stopping", "ended", "failed"]


@dataclass(frozen=True)
class LiveStatus(Result):
    """Where a live session stands.

    Attributes
    ----------
    phase : {"idle", "running", "stopping", "ended", "failed"}
    emitted, acknowledged, pending, dropped : int
        Messages so far.
    rate_per_second : float
        Messages sent a second, over the last five seconds. [1/s]
    lag_seconds : float
        How long the message that is most overdue has been due. [seconds]
    elapsed_seconds : float
        [seconds]
    simulated_at : datetime or None
    last : dict of str to LiveSample
        The last message of each device.
    last_fix : dict of str to LiveSample
        The last message of each device that told where it is: an older one where the
        receiver has no fix, and none of a device that never told.
    problem : str or None
        Why it failed.
    """

    phase: Phase
    emitted: int = 0
    acknowledged: int = 0
    pending: int = 0
    dropped: int = 0
    rate_per_second: float = 0.0
    lag_seconds: float = 0.0
    elapsed_seconds: float = 0.0
    simulated_at: datetime | None = None
    last: dict[str, LiveSample] = field(default_factory=dict)
    last_fix: dict[str, LiveSample] = field(default_factory=dict)
    problem: str | None = None

    def summary(self) -> str:
        """Say in one line where the run stands."""
        problem = f": {self.problem}" if self.problem else ""
        return f"{self.phase}{problem}; {self.emitted:,} sent, {self.acknowledged:,} acknowledged"


class LiveSession:
    """Runs `run_live` in a thread, so that a notebook or a page goes on meanwhile.

    Parameters
    ----------
    scenario : Scenario
    **options
        As for `run_live`; ``stop`` and ``on_progress`` are the session's own.

    Examples
    --------
    ::

        session = LiveSession(scenario, iterations=20)
        session.start()
        session.status().rate_per_second
        session.stop().emitted
    """

    def __init__(self, scenario: Scenario, **options: Any) -> None:
        taken = [name for name in ("stop", "on_progress") if name in options]
        if taken:
            raise UsageError([Problem("BAD_ARGUMENT", "belongs to the session", path=name) for name in taken])
        self.scenario = scenario
        self.options = options
        self.result: LiveResult | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._phase: Phase
        self._watchers: list[Callable[[LiveStatus], None]] = []
        self._forget()

    def watch(self, watcher: Callable[[LiveStatus], None]) -> None:
        """Call a function with the status some times a second, and at the end; in the session's thread."""
        self._watchers.append(watcher)

    def start(self) -> None:
        """Begin to stream; a session that has ended begins anew, where the last one stopped.

        Raises
        ------
        UsageError
            Code ``BAD_ARGUMENT``: it is running.
        """
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                rule, remedy = "is running already", "Stop it first"
                raise UsageError(Problem("BAD_ARGUMENT", rule, path="session", remedy=remedy))
            self._forget()
            self._phase = "running"
            self._stop = threading.Event()
            self._thread = threading.Thread(target=self._run, name="synthlab-live", daemon=True)
            self._thread.start()

    def stop(self, *, timeout_seconds: float = 60.0) -> LiveStatus:
        """Drain and end the stream; wait until it has.

        Parameters
        ----------
        timeout_seconds : float
            After it, the status says ``stopping``; 0 does not wait. [seconds]
        """
        with self._lock:
            if self._phase == "running":
                self._phase = "stopping"
        self._stop.set()
        return self.wait(timeout_seconds=timeout_seconds)

    def wait(self, *, timeout_seconds: float | None = None) -> LiveStatus:
        """Wait for the stream's own end."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_seconds)
        return self.status()

    def status(self) -> LiveStatus:
        """Say where it stands. For any thread."""
        with self._lock:
            shown = self._shown
            return LiveStatus(
                phase=self._phase,
                emitted=shown.emitted if shown else 0,
                acknowledged=shown.acknowledged if shown else 0,
                pending=shown.pending if shown else 0,
                dropped=shown.dropped if shown else 0,
                rate_per_second=self._rate(),
                lag_seconds=shown.lag_seconds if shown else 0.0,
                elapsed_seconds=shown.elapsed_seconds if shown else 0.0,
                simulated_at=self._simulated_at,
                last={name: track[-1] for name, track in self._tracks.items()},
                last_fix=dict(self._fixes),
                problem=self._problem,
            )

    def tracks(self) -> dict[str, list[LiveSample]]:
        """Return the last samples of each device, oldest first. For any thread."""
        with self._lock:
            return {name: list(track) for name, track in self._tracks.items()}

    def progress(self) -> list[LiveProgress]:
        """Return the last records of the run, for `synthlab.plotting.live_figure`. For any thread."""
        with self._lock:
            return list(self._progress)

    def _forget(self) -> None:
        self._phase = "idle"
        self._shown: LiveProgress | None = None
        self._progress: deque[LiveProgress] = deque(maxlen=PROGRESS_RECORDS)
        self._simulated_at: datetime | None = None
        self._problem: str | None = None
        self._counts: deque[tuple[float, int]] = deque()
        self._tracks: dict[str, deque[LiveSample]] = {}
        self._fixes: dict[str, LiveSample] = {}
        self.result = None

    def _run(self) -> None:
        phase: Phase = "failed"
        problem: str | None = None
        try:
            self.result = run_live(self.scenario, stop=self._stop, on_progress=self._note, **self.options)
            phase = "ended"
        except SynthlabError as error:
            problem = str(error)
        except Exception as error:
            # A thread's traceback reaches nobody: who watches is told instead.
            problem = f"a bug in synthlab ({type(error).__name__})"
        with self._lock:
            self._phase, self._problem = phase, problem
            self._counts.clear()
        self._tell()

    def _note(self, shown: LiveProgress) -> None:
        with self._lock:
            self._shown = shown
            self._progress.append(shown)
            self._simulated_at = shown.simulated_at or self._simulated_at
            for sample in shown.recent:
                track = self._tracks.setdefault(sample.device_id, deque(maxlen=TRACK_POINTS))
                track.append(sample)
                if sample.latitude is not None:
                    self._fixes[sample.device_id] = sample
            now = time.monotonic()
            self._counts.append((now, shown.emitted))
            while len(self._counts) > 2 and now - self._counts[0][0] > RATE_SECONDS:
                self._counts.popleft()
        self._tell()

    def _rate(self) -> float:
        if len(self._counts) < 2:
            return 0.0
        (began, first), (ended, last) = self._counts[0], self._counts[-1]
        return (last - first) / (ended - began) if ended > began else 0.0

    def _tell(self) -> None:
        status = self.status()
        for watcher in self._watchers:
            watcher(status)


def open_session(scenario: Scenario | str | Path, **options: Any) -> LiveSession:
    """Return a session for a scenario, a file or a template's name."""
    from synthlab.scenario.loader import load_scenario
    from synthlab.scenario.schema import Scenario

    known = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    return LiveSession(known, **options)
