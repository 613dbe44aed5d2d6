"""What export and bootstrap share: one window of history with its reserved numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from synthlab.timeline import Window, format_at, now_at, parse_at, point_count

if TYPE_CHECKING:
    from synthlab.preflight import PreflightReport
    from synthlab.scenario.schema import Scenario
    from synthlab.sequence import SequenceState
    from synthlab.workflows.backfill import Backfill


@dataclass(frozen=True)
class History:
    """Rows that exist in memory only, with the numbers that the state holds for them.

    Attributes
    ----------
    run_id : str
    window : Window
    backfill : Backfill
        The frame and the checkpoint at its end.
    warnings : tuple of str
    first_seq : mapping of str to int
        First number that is reserved for each device.
    """

    run_id: str
    window: Window
    backfill: Backfill
    warnings: tuple[str, ...]
    first_seq: Mapping[str, int]

    @property
    def last_seq(self) -> dict[str, int]:
        """Last number used, by device."""
        return {name: device.last_seq for name, device in self.backfill.checkpoint.devices.items()}

    def seq_ranges(self) -> dict[str, dict[str, int]]:
        """Return first and last number and row count, by device."""
        found = self.backfill.frame.groupby("device_id", observed=True)["seq"].agg(["min", "max", "size"])
        return {
            str(name): {"first_seq": int(first), "last_seq": int(last), "row_count": int(rows)}
            for name, first, last, rows in found.itertuples()
        }

    @property
    def device_checkpoints(self) -> dict[str, dict[str, Any]]:
        """Where each device's simulation stands, as the state file keeps it."""
        return dict(self.backfill.checkpoint.to_dict()["devices"])


def window_of(scenario: Scenario, end_at: datetime | str | None) -> tuple[Window, tuple[str, ...]]:
    """Return the scenario's window, and a warning where the clock chose its end."""
    if end_at is not None:
        return Window.ending(parse_at(end_at), days=scenario.bootstrap.days), ()
    now = now_at()
    warning = (
        f"end_at is not given: the window ends now, {format_at(now)}, so another run gives other rows. "
        "Give end_at to repeat this one."
    )
    return Window.ending(now, days=scenario.bootstrap.days), (warning,)


def make_history(
    scenario: Scenario,
    report: PreflightReport,
    window: Window,
    *,
    run_id: str,
    state: SequenceState,
    warnings: tuple[str, ...] = (),
) -> History:
    """Reserve numbers for a window and simulate it.

    Parameters
    ----------
    scenario : Scenario
    report : PreflightReport
        Whose reservoirs are used.
    window : Window
    run_id : str
        With the window's end and the scenario's hash it names the reservation, so
        that the same run gets the same numbers again.
    state : SequenceState
        Open: the numbers are durable in it before this returns.
    warnings : tuple of str
    """
    from synthlab.scenario.resolve import scenario_sha256
    from synthlab.workflows.backfill import backfill

    first_seq = state.reserve(
        run_id=reservation_key(run_id, window),
        scenario_sha256=scenario_sha256(scenario),
        counts=row_counts(scenario, window),
    )
    made = backfill(
        scenario,
        start_at=window.start_at,
        end_at=window.end_at,
        reservoirs=report.reservoirs,
        first_seq=first_seq,
    )
    found = tuple(str(finding) for finding in report.findings)
    return History(run_id, window, made, (*warnings, *found), first_seq)


def reservation_key(run_id: str, window: Window) -> str:
    """Return the name under which a run's numbers are reserved."""
    return f"{run_id}@{format_at(window.end_at)}"


def row_counts(scenario: Scenario, window: Window) -> Mapping[str, int]:
    """Return how many rows each device gets in a window."""
    from synthlab.scenario.resolve import resolve

    return {
        device.device_id: point_count(window.start_second, window.end_second, device.step_seconds)
        for device in resolve(scenario)
    }
