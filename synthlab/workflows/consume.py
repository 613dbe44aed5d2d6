"""consume: keep the platform's read models up to date while telemetry comes in."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthlab.errors import Problem, UsageError
from synthlab.progress import OnProgress, shown
from synthlab.results import Result, counted
from synthlab.workflows.connect import no_platform, open_platform, platform_reader
from synthlab.workflows.live_setup import stop_signals
from synthlab.workflows.replay import require_batch_size

if TYPE_CHECKING:
    from synthlab.adapters.database import Database
    from synthlab.platform.consumer import DrainResult

PLACES_EVERY_SECONDS = 60.0
"""How often places are clustered again while events come. Assumed: a truck's shortest stop. [seconds]"""


@dataclass(frozen=True)
class ConsumeResult(Result):
    """What the analytics consumer did until it was told to stop.

    Attributes
    ----------
    events_processed, batches : int
    places : int
        Places of trucks after the last clustering.
    last_seq : int
        Where the consumer's cursor stands.
    duration_seconds : float
    stopped_by : str
        ``"idle"`` (nothing was left, and it was not to wait), ``"duration"``,
        ``"caller"`` or the signal's name.
    """

    events_processed: int
    batches: int
    places: int
    last_seq: int
    duration_seconds: float
    stopped_by: str

    def summary(self) -> str:
        """Say in one line what went into the read models."""
        events, places = counted(self.events_processed, "event"), counted(self.places, "place")
        return f"{events} into the read models, {places}; ended by {self.stopped_by}"


def consume(
    *,
    database: str | None = None,
    analytics_batch_size: int = 200,
    once: bool = False,
    duration_seconds: float = 0,
    stop: threading.Event | None = None,
    on_progress: OnProgress | None = None,
) -> ConsumeResult:
    """Run the analytics consumer: drain, wait for events, drain again.

    On PostgreSQL it is notified of events; elsewhere it looks every second.  One
    consumer works at a time, whoever else runs one.

    Parameters
    ----------
    database : str, optional
        SQLAlchemy URL; by default the configured or the embedded platform.
    analytics_batch_size : int
        Events read at once.
    once : bool
        End when nothing is left, instead of waiting for more.
    duration_seconds : float
        0 for no end; SIGINT or SIGTERM ends it well. [seconds]
    stop : threading.Event, optional
        Ends it, where it runs in a thread.
    on_progress : callable, optional
        Called with the events done, and with these and those that wait, each time that some are done;
        by default a bar where a person looks.

    Raises
    ------
    PreflightError
        Code ``PLATFORM_SCHEMA_MISSING``: no platform is there.
    ServiceUnavailableError
        Code ``DATABASE_UNAVAILABLE``.
    UsageError
        Code ``BAD_ARGUMENT``.
    """
    require_batch_size(analytics_batch_size, name="analytics_batch_size")
    if not duration_seconds >= 0:
        rule, value = "needs 0 (no end) or more", str(duration_seconds)
        raise UsageError(Problem("BAD_ARGUMENT", rule, path="duration_seconds", value=value))
    with platform_reader(database) as session:
        if session is None:
            raise no_platform()
    with open_platform(database) as platform, shown("consume", on_progress) as report:
        run = _Run(platform, stop or threading.Event(), report)
        timer = threading.Timer(duration_seconds, run.end, ["duration"]) if duration_seconds else None
        with stop_signals(run.end):
            if timer is not None:
                timer.daemon = True
                timer.start()
            try:
                return run.go(analytics_batch_size, once=once)
            finally:
                if timer is not None:
                    timer.cancel()


class _Run:
    """One run of the consumer, and what it has done so far."""

    def __init__(self, platform: Database, stop: threading.Event, on_progress: OnProgress) -> None:
        self._platform = platform
        self._stop = stop
        self._on_progress = on_progress
        self._stopped_by: str | None = None
        self._began = time.monotonic()
        self._clustered_at: float | None = None
        self._events = self._batches = self._places = self._last_seq = 0

    def end(self, reason: str) -> None:
        """End soon. For signal handlers and timers."""
        self._stopped_by = self._stopped_by or reason
        self._stop.set()

    def go(self, batch_size: int, *, once: bool) -> ConsumeResult:
        """Drain until told to stop, then cluster places a last time."""
        from synthlab.platform.consumer import drain
        from synthlab.platform.wake import run_consumer

        if once:
            self._stopped_by = "idle"
        else:
            run_consumer(
                self._platform,
                self._platform.engine,
                stop=self._stop,
                batch_size=batch_size,
                on_drained=self._note,
                on_progress=self._report,
            )
        # What came in while it was being stopped is not left lying.
        self._note(drain(self._platform, batch_size=batch_size, on_progress=self._report))
        self._cluster()
        return ConsumeResult(
            events_processed=self._events,
            batches=self._batches,
            places=self._places,
            last_seq=self._last_seq,
            duration_seconds=round(time.monotonic() - self._began, 3),
            stopped_by=self._stopped_by or "caller",
        )

    def _report(self, done: int, total: int) -> None:
        """Add what earlier drains have done to what the present one says of itself."""
        self._on_progress(self._events + done, self._events + total)

    def _note(self, drained: DrainResult) -> None:
        self._events += drained.events_processed
        self._batches += drained.batches
        self._last_seq = drained.last_seq
        now = time.monotonic()
        if self._clustered_at is None or now - self._clustered_at >= PLACES_EVERY_SECONDS:
            self._cluster()

    def _cluster(self) -> None:
        from synthlab.platform.places import cluster_places

        with self._platform.session() as session:
            self._places = cluster_places(session)
        self._clustered_at = time.monotonic()
