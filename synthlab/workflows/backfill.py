"""The verb backfill: history of a scenario as one telemetry frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from warnings import warn

from synthlab.calibration import Reservoir, reservoirs_from_frame
from synthlab.columns import LOST_SEQ, LostSeq
from synthlab.engine import Checkpoint, simulate
from synthlab.errors import Problem, UsageError, show_value
from synthlab.preflight import require_routes
from synthlab.results import Result, counted
from synthlab.scenario.faults import fault_plans
from synthlab.scenario.resolve import DeviceParameters, resolve
from synthlab.scenario.schema import Scenario
from synthlab.timeline import Window, days_before, format_at, now_at, parse_at

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, repr=False)
class Backfill(Result):
    """History of a scenario's devices, and where it stopped.

    Attributes
    ----------
    frame : DataFrame
        The telemetry frame; `synthlab.columns` defines it.
    checkpoint : Checkpoint
        Pass it to the next `backfill` to go on as one run.
    lost : mapping of str to tuple of (int, int)
        Numbers of messages that the network lost, as ranges, by device: they have no row.
        The frame carries them too (``frame.attrs["lost_seq"]``), so that `check` knows.
    """

    frame: pd.DataFrame
    checkpoint: Checkpoint
    lost: Mapping[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    def summary(self) -> str:
        """Say in one line what was simulated."""
        times = self.frame["received_at"]
        span = f"; {format_at(times.iloc[0])} to {format_at(times.iloc[-1])}" if len(times) else ""
        return f"{counted(len(self.frame), 'row')} of {counted(len(self.checkpoint.devices), 'device')}{span}"

    def _shown(self) -> list[tuple[str, Any]]:
        lost = {
            name: counted(sum(last - first + 1 for first, last in ranges), "message")
            for name, ranges in self.lost.items()
        }
        shown = ["received_at", "device_id", "seq", "measured_level_pct", "served_liters", "inflow_liters"]
        return [("lost by the network", lost), ("first rows", self.frame[shown])]

    def to_dict(self) -> dict[str, Any]:
        """Return a summary without the rows."""
        times = self.frame["received_at"]
        return {
            "row_count": len(self.frame),
            "device_count": len(self.checkpoint.devices),
            "start_at": format_at(times.iloc[0]) if len(times) else None,
            "end_at": format_at(times.iloc[-1]) if len(times) else None,
            "checkpoint": self.checkpoint.to_dict(),
        }


def backfill(
    scenario: Scenario,
    *,
    end_at: datetime | str | None = None,
    start_at: datetime | str | None = None,
    devices: Sequence[str] | None = None,
    reservoirs: pd.DataFrame | Mapping[str, Reservoir] | None = None,
    checkpoint: Checkpoint | None = None,
    first_seq: Mapping[str, int] | None = None,
) -> Backfill:
    """Simulate the history of a scenario. A pure function of its arguments.

    Parameters
    ----------
    scenario : Scenario
    end_at : datetime or str, optional
        Last moment of the window, aware UTC, whole seconds. The present where
        omitted, with a warning: then the result cannot be repeated.
    start_at : datetime or str, optional
        First moment; ``end_at - bootstrap.days`` where omitted. With a checkpoint
        it is where the checkpoint's devices go on, and need not be given.
    devices : sequence of str, optional
        Only these; the others of the scenario change nothing in them.
    reservoirs : DataFrame or mapping, optional
        What `synthlab.reservoirs` returns; devices that are not in it keep their
        scenario's or archetype's reservoir.
    checkpoint : Checkpoint, optional
        Of an earlier run of the same scenario, to go on from.
    first_seq : mapping of str to int, optional
        First sequence number by device id; 1 where omitted.

    Returns
    -------
    Backfill

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a time that is none, an unknown device, a checkpoint
        of another seed, or a window that starts after its checkpoint.
    PreflightError
        Code ``ROUTE_INCOMPLETE``: a truck has nowhere to begin, to refill or to deliver.

    Examples
    --------
    >>> import synthlab
    >>> scenario = synthlab.load_scenario("stationary_only_v1")
    >>> history = synthlab.backfill(scenario, end_at="2026-02-12T10:00:00Z")
    >>> len(history.frame)
    17282
    """
    parameters = choose_devices(resolve(scenario), devices)
    require_routes(parameters)
    window = history_window(scenario, end_at=end_at, start_at=start_at)
    if checkpoint is not None:
        _require_continuation(checkpoint, scenario, window if start_at is not None else None)
    run = simulate(
        parameters,
        reservoirs_of(parameters, reservoirs),
        seed=scenario.seed,
        start_second=window.start_second,
        end_second=window.end_second,
        first_seq=first_seq,
        checkpoint=checkpoint,
        faults=fault_plans(scenario.faults),
    )
    if run.lost:
        run.frame.attrs[LOST_SEQ] = LostSeq(run.lost)
    return Backfill(run.frame, run.checkpoint, run.lost)


def history_window(
    scenario: Scenario, *, end_at: datetime | str | None, start_at: datetime | str | None = None
) -> Window:
    """Return the window of a scenario's history; warns where `end_at` is the present."""
    if end_at is None:
        end = now_at()
        warn(
            f"end_at was not given: the window ends now, at {format_at(end)}; "
            "pass end_at to get the same rows again",
            UserWarning,
            # Through `backfill` and the public face's guard, to whoever called.
            stacklevel=4,
        )
    else:
        end = parse_at(end_at)
    if start_at is None:
        return Window.between(days_before(end, scenario.bootstrap.days), end)
    return Window.between(parse_at(start_at, name="start_at"), end)


def choose_devices(
    parameters: Sequence[DeviceParameters], devices: Sequence[str] | None
) -> tuple[DeviceParameters, ...]:
    """Keep the named devices, in any case of letters.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: no name at all, or one that the scenario does not have.
    """
    if devices is None:
        return tuple(parameters)
    names = [devices] if isinstance(devices, str) else list(devices)
    wanted = {str(name).upper() for name in names}
    if not wanted:
        remedy = "Name devices of the scenario, or leave the argument out for all of them"
        raise UsageError(
            Problem("BAD_ARGUMENT", "names no device", path="devices", value="[]", remedy=remedy)
        )
    known = {entry.device_id for entry in parameters}
    if unknown := sorted(wanted - known):
        raise UsageError(
            [
                Problem(
                    "BAD_ARGUMENT",
                    "is no device of the scenario",
                    path="devices",
                    value=show_value(name),
                    remedy=f"The scenario has {', '.join(sorted(known)[:10])}",
                )
                for name in unknown
            ]
        )
    return tuple(entry for entry in parameters if entry.device_id in wanted)


def reservoirs_of(
    parameters: Sequence[DeviceParameters], reservoirs: pd.DataFrame | Mapping[str, Reservoir] | None
) -> dict[str, Reservoir]:
    """Return each device's reservoir: the given one, else the scenario's or archetype's."""
    given: Mapping[str, Reservoir]
    if reservoirs is None:
        given = {}
    elif isinstance(reservoirs, Mapping):
        given = reservoirs
    else:
        wanted = {entry.device_id for entry in parameters}
        table = reservoirs.set_index("device_id") if "device_id" in reservoirs.columns else reservoirs
        given = reservoirs_from_frame(table[table.index.isin(wanted)])
    return {entry.device_id: given.get(entry.device_id, entry.reservoir) for entry in parameters}


def _require_continuation(checkpoint: Checkpoint, scenario: Scenario, window: Window | None) -> None:
    """Refuse a checkpoint that cannot be gone on from without a jump."""
    problems = []
    if checkpoint.seed != scenario.seed:
        problems.append(
            Problem(
                "BAD_ARGUMENT",
                f"was made with seed {checkpoint.seed}",
                path="checkpoint",
                value=f"scenario seed {scenario.seed}",
                remedy="Go on with the scenario that made it",
            )
        )
    if window is not None:
        problems += [
            Problem(
                "BAD_ARGUMENT",
                f"{device_id} would leave a gap after its checkpoint",
                path="start_at",
                value=format_at(window.start_at),
                remedy="Leave start_at out: each device goes on where it stopped",
            )
            for device_id, device in sorted(checkpoint.devices.items())
            if window.start_second > device.next_second
        ]
    if problems:
        raise UsageError(problems)
