"""A running consumer: drain, sleep until events come, drain again.

On PostgreSQL a trigger on ``events`` notifies at commit, and the consumer listens;
elsewhere, or where the notification is lost, it looks again after a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

from sqlalchemy import Engine

from synthlab.platform.consumer import (
    CONSUMER_NAME,
    DEFAULT_BATCH_SIZE,
    DrainResult,
    Source,
    drain,
)
from synthlab.platform.read_models import NOTIFY_CHANNEL
from synthlab.progress import OnProgress, unseen

POLL_SECONDS = 1.0
"""How often events are looked for where nobody notifies. Assumed: a dashboard's refresh. [seconds]"""

# So often a wait that can be stopped looks whether it is.
_STOP_SECONDS = 0.25

_LOOK = (
    "SELECT coalesce((SELECT max(seq) FROM events), 0) >"
    f" coalesce((SELECT last_seq FROM event_consumers WHERE consumer_name = '{CONSUMER_NAME}'), 0)"
)


def wait_for_events(
    engine: Engine, *, timeout_seconds: float, stop: Event | None = None, poll_seconds: float = POLL_SECONDS
) -> bool:
    """Wait until there is an event that the consumer has not passed.  Reads only.

    Parameters
    ----------
    engine : Engine
    timeout_seconds : float
        [seconds]
    stop : threading.Event, optional
        Ends the wait early.
    poll_seconds : float
        Longest time between two looks. [seconds]

    Returns
    -------
    bool
        False where the time is up or `stop` was set.
    """
    halt = stop or Event()
    deadline = time.monotonic() + timeout_seconds
    longest = min(poll_seconds, _STOP_SECONDS) if stop else poll_seconds
    with _watch(engine) as (is_waiting, notified):
        pause = notified or halt.wait
        while True:
            # Looked for after listening began: an event between the two is not missed.
            if is_waiting():
                return True
            left = deadline - time.monotonic()
            if left <= 0 or halt.is_set():
                return False
            pause(min(left, longest))


def run_consumer(
    source: Source,
    engine: Engine,
    *,
    stop: Event,
    batch_size: int = DEFAULT_BATCH_SIZE,
    on_drained: Callable[[DrainResult], object] | None = None,
    on_progress: OnProgress = unseen,
) -> None:
    """Keep the read models up to date until told to stop.

    Parameters
    ----------
    source : Engine or Database
    engine : Engine
        Of the same database, to listen on.
    stop : threading.Event
    batch_size : int
    on_drained : callable, optional
        Is given the result of each drain that found events.
    on_progress : callable
        As for `synthlab.platform.consumer.drain`, anew in each.
    """
    while not stop.is_set():
        drained = drain(source, batch_size=batch_size, on_progress=on_progress)
        if on_drained is not None and drained.events_processed:
            on_drained(drained)
        if not stop.is_set():
            wait_for_events(engine, timeout_seconds=60.0, stop=stop)


@contextmanager
def _watch(engine: Engine) -> Iterator[tuple[Callable[[], bool], Callable[[float], object] | None]]:
    """Give a look at the events, and what waits for a notification where there are any."""
    if engine.dialect.name != "postgresql":
        # The driver's own connection: SQLAlchemy's would begin a transaction and hold the writers up.
        raw = engine.raw_connection()
        try:
            yield lambda: bool(raw.cursor().execute(_LOOK).fetchone()[0]), None
        finally:
            raw.close()
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"LISTEN {NOTIFY_CHANNEL}")
        driver: Any = connection.connection.driver_connection
        try:
            yield (
                lambda: bool(connection.exec_driver_sql(_LOOK).scalar()),
                lambda seconds: list(driver.notifies(timeout=seconds, stop_after=1)),
            )
        finally:
            # The connection goes back to a pool.
            connection.exec_driver_sql("UNLISTEN *")
