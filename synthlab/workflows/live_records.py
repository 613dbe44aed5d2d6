"""What a live run says: while it goes on, and at its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from synthlab.results import Result, counted


@dataclass(frozen=True, slots=True)
class LiveSample:
    """One message that was sent.

    Attributes
    ----------
    device_id : str
    seq : int
    received_at : datetime
        Simulated time.
    level_pct : float
        [percent]
    volume_liters : float
        [liters]
    latitude, longitude : float or None
        None for stationary devices, and while a receiver has no fix. [°]
    """

    device_id: str
    seq: int
    received_at: datetime
    level_pct: float
    volume_liters: float
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True)
class LiveProgress(Result):
    """Where a live run is.

    Attributes
    ----------
    emitted, acknowledged, pending, dropped : int
        Messages so far.
    elapsed_seconds : float
        Wall time since the first message was due. [seconds]
    lag_seconds : float
        How long the message that is most overdue has been due; 0 where the stream keeps
        its pace. [seconds]
    simulated_at : datetime or None
        Simulated time of the last message sent.
    recent : tuple of LiveSample
        What was sent since the record before; the last 10,000 of it.
    """

    emitted: int
    acknowledged: int
    pending: int
    dropped: int
    elapsed_seconds: float
    lag_seconds: float
    simulated_at: datetime | None
    recent: tuple[LiveSample, ...]

    def summary(self) -> str:
        """Say in one line how far the run is."""
        return f"{self.emitted:,} sent, {self.acknowledged:,} acknowledged, {self.lag_seconds:.1f} s behind"


@dataclass(frozen=True)
class LiveResult(Result):
    """What a live run sent.

    Attributes
    ----------
    scenario_id, run_id : str
    emitted : int
        Messages sent: acknowledged, pending and dropped together.
    acknowledged : int
        The broker has them.
    pending : int
        Sent, and not answered before the end; declared as gaps in the state file.
    dropped : int
        The broker refused them; declared as gaps too.
    devices : dict of str to dict
        ``emitted``, ``acknowledged``, ``first_seq``, ``last_seq``, ``simulated_at``.
    broker : str
        Its URL without secrets.
    protocols : dict of str to int
        Connections by MQTT version.
    listener : dict or None
        ``status_counts`` and whether it is ``complete``; None where none ran.
    duration_seconds : float
        [seconds]
    stopped_by : str
        ``iterations``, ``duration``, ``caller``, or the signal's name.
    warnings : tuple of str
    """

    scenario_id: str
    run_id: str
    emitted: int
    acknowledged: int
    pending: int
    dropped: int
    devices: dict[str, dict[str, Any]]
    broker: str
    protocols: dict[str, int]
    listener: dict[str, Any] | None
    duration_seconds: float
    stopped_by: str
    warnings: tuple[str, ...] = ()

    def summary(self) -> str:
        """Say in one line what was sent and what became of it."""
        counts = {"acknowledged": self.acknowledged, "pending": self.pending, "dropped": self.dropped}
        said = ", ".join(f"{count:,} {name}" for name, count in counts.items())
        return f"{counted(self.emitted, 'message')}: {said}; ended by {self.stopped_by}"
