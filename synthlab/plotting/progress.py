"""The course of a live run as tables: no matplotlib here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import pandas as pd

from synthlab.errors import Problem, UsageError


class Sample(Protocol):
    """One message that was sent."""

    @property
    def device_id(self) -> str: ...  # noqa: D102
    @property
    def seq(self) -> int: ...  # noqa: D102
    @property
    def received_at(self) -> datetime: ...  # noqa: D102
    @property
    def level_pct(self) -> float: ...  # noqa: D102


class Progress(Protocol):
    """Where a live run was at one moment; what `run_live` hands to ``on_progress``."""

    @property
    def emitted(self) -> int: ...  # noqa: D102
    @property
    def acknowledged(self) -> int: ...  # noqa: D102
    @property
    def elapsed_seconds(self) -> float: ...  # noqa: D102
    @property
    def recent(self) -> Sequence[Sample]: ...  # noqa: D102


def live_table(
    progress: Iterable[Progress], *, devices: Mapping[str, Mapping[str, Any]] | None = None
) -> pd.DataFrame:
    """Summarize a live run, device by device.

    Parameters
    ----------
    progress : iterable of LiveProgress
        What ``on_progress`` was called with, in order.
    devices : mapping, optional
        ``devices`` of the `LiveResult`; adds what the broker acknowledged.

    Returns
    -------
    DataFrame
        By ``device_id``: ``emitted``, ``acknowledged`` (where known), ``first_seq``,
        ``last_seq``, ``last_at`` (simulated, UTC), ``last_level_pct``.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: nothing was sent.
    """
    by_device = samples_of(progress).groupby("device_id", sort=True)
    table = pd.DataFrame(
        {
            "emitted": by_device["seq"].size(),
            "first_seq": by_device["seq"].min(),
            "last_seq": by_device["seq"].max(),
            "last_at": by_device["received_at"].last(),
            "last_level_pct": by_device["level_pct"].last(),
        }
    )
    if devices is not None:
        counts = [int(devices[name]["acknowledged"]) if name in devices else 0 for name in table.index]
        table.insert(1, "acknowledged", counts)
    return table


def samples_of(progress: Iterable[Progress]) -> pd.DataFrame:
    """Return every sample of a run, in the order of sending: one row a message.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: nothing was sent.
    """
    rows = [
        (sample.device_id, sample.seq, sample.received_at, sample.level_pct)
        for record in progress
        for sample in record.recent
    ]
    if not rows:
        raise UsageError(Problem("BAD_ARGUMENT", "holds no message", path="progress"))
    return pd.DataFrame(rows, columns=["device_id", "seq", "received_at", "level_pct"])
