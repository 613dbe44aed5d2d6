"""A running consumer: drain, sleep until events come, drain again.

On PostgreSQL a trigger on ``events`` notifies at commit, and the consumer listens;
elsewhere, or where the notification is lost, it looks again after a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

from sqlalchemy import Connection, Engine, func, select

from synthlab.platform.consumer import (
    CONSUMER_NAME,
    DEFAULT_BATCH_SIZE,
    DrainResult,
    Source,
    drain,
)
from synthlab.platform.read_models import NOTIFY_CHANNEL
from synthlab.platform.schema import event_consumers, events

POLL_SECONDS = 1.0
"""How often events are looked for where nobody notifies. Assumed: a dashboard's refresh. [seconds]"""

_STOP_SECONDS = 0.25


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
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        pause = _listener(connection) or halt.wait
        try:
            while True:
                # Looked for after listening began: an event between the two is not missed.
                if _is_waiting(connection):
                    return True
                left = deadline - time.monotonic()
                if left <= 0 or halt.is_set():
                    return False
                pause(min(left, poll_seconds, _STOP_SECONDS if stop else poll_seconds))
        finally:
            if connection.dialect.name == "postgresql":
                # The connection goes back to a pool.
                connection.exec_driver_sql("UNLISTEN *")


def run_consumer(
    source: Source,
    engine: Engine,
    *,
    stop: Event,
    batch_size: int = DEFAULT_BATCH_SIZE,
    on_drained: Callable[[DrainResult], object] | None = None,
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
    """
    while not stop.is_set():
        drained = drain(source, batch_size=batch_size)
        if on_drained is not None and drained.events_processed:
            on_drained(drained)
        if not stop.is_set():
            wait_for_events(engine, timeout_seconds=60.0, stop=stop)


def _is_waiting(connection: Connection) -> bool:
    passed = select(event_consumers.c.last_seq).where(event_consumers.c.consumer_name == CONSUMER_NAME)
    latest = connection.execute(select(func.max(events.c.seq))).scalar()
    return latest is not None and latest > (connection.execute(passed).scalar() or 0)


def _listener(connection: Connection) -> Callable[[float], object] | None:
    """Begin to listen; return what waits for a notification, None where there are none."""
    if connection.dialect.name != "postgresql":
        return None
    connection.exec_driver_sql(f"LISTEN {NOTIFY_CHANNEL}")
    driver = connection.connection.driver_connection

    def pause(seconds: float) -> None:
        list(driver.notifies(timeout=seconds, stop_after=1))  # type: ignore[union-attr]

    return pause
