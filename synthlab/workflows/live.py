"""run: a live stream over MQTT that goes on from where the history ended."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthlab.errors import CredentialsError, Problem, SynthlabError, UsageError
from synthlab.timeline import format_at, from_unix_second, in_words, now_at, to_unix_second
from synthlab.workflows.connect import open_platform, platform_reader
from synthlab.workflows.live_records import LiveProgress, LiveResult, LiveSample
from synthlab.workflows.live_setup import broker_address, stop_signals, tls_contexts_of
from synthlab.workflows.survey import require, survey

if TYPE_CHECKING:
    import ssl

    from synthlab.adapters.mqtt import BrokerAddress, Publisher
    from synthlab.scenario.schema import Scenario
    from synthlab.sequence import SequenceState
    from synthlab.workflows.listen import Listener
    from synthlab.workflows.live_rows import LiveRow, LiveRows
    from synthlab.workflows.live_stream import LiveStream

__all__ = ["LiveProgress", "LiveResult", "LiveSample", "run_live"]

# Assumed: progress more often than this cannot be followed by eye.
PROGRESS_SECONDS = 0.25
# Assumed: samples of one progress record; a stream in a hurry sends more than one can plot.
MAX_RECENT = 10_000
LISTENER_WAIT_SECONDS = 30.0


def run_live(
    scenario: Scenario,
    *,
    broker: str | BrokerAddress | None = None,
    database: str | None = None,
    state_file: str | Path | None = None,
    iterations: int = 0,
    duration_seconds: float = 0,
    listen: bool | None = None,
    start_at: datetime | str | None = None,
    stop: threading.Event | None = None,
    on_progress: Callable[[LiveProgress], None] | None = None,
    strict: bool = False,
) -> LiveResult:
    """Publish telemetry as the scenario's devices would, until told to stop.

    Each device's first message follows the last one of its history in number, time
    and tank level, and is due at once; the others follow at its cadence divided by
    ``speedup_factor``.  SIGINT or SIGTERM drains and ends the run well.

    Parameters
    ----------
    scenario : Scenario
    broker : str or BrokerAddress, optional
        ``mqtt://[user@]host[:port]`` or ``mqtts://``. By default the scenario's
        ``mqtt.host`` (TLS, but for port 1883), else ``SYNTHLAB_BROKER_URL``, else a
        broker started for the run. A password comes from ``SYNTHLAB_BROKER_PASSWORD``
        or the file ``SYNTHLAB_BROKER_PASSWORD_FILE``.
    database : str, optional
        SQLAlchemy URL; by default the configured or the embedded platform.
    state_file : path, optional
        Sequence state; default ``.tmp/synthetic_sim_seq_state.json``.
    iterations : int
        Messages of each device; 0 for no end.
    duration_seconds : float
        0 for no end. [seconds]
    listen : bool, optional
        Whether to feed what is published to the platform's ingestion; by default
        where a platform is there.
    start_at : "now" or datetime or str, optional
        Simulate up to there without sending; by default the stream goes on from
        the end of the history, however long ago that was.
    stop : threading.Event, optional
        Drains and ends the run within a second or so, where it runs in a thread.
    on_progress : callable, optional
        Called with a `LiveProgress` some times a second, and at the end.
    strict : bool
        Preflight warnings become errors.

    Raises
    ------
    PreflightError
        The scenario does not fit the platform.
    CredentialsError
        Codes ``MQTT_CREDENTIALS_MISSING``, ``BROKER_REFUSED``, ``CLIENT_ID_CONTESTED``.
    ServiceUnavailableError
        Codes ``BROKER_UNAVAILABLE``, ``DATABASE_UNAVAILABLE``.
    SequenceStateError
        Codes ``STATE_LOCKED``, ``STATE_DAMAGED``, ``STATE_UNWRITABLE``;
        ``STATE_TARGET_MISMATCH``: the state feeds another platform;
        ``STATE_BEHIND_PLATFORM``: the platform stores numbers that the state does not know.
    UsageError
        Code ``BAD_ARGUMENT``.
    """
    from synthlab.scenario.faults import fault_plans
    from synthlab.scenario.resolve import resolve, scenario_sha256
    from synthlab.sequence import SequenceState
    from synthlab.workflows.live_rows import LiveRows

    _require_not_negative(iterations=iterations, duration_seconds=duration_seconds)
    parameters = resolve(scenario)
    report = survey(parameters, database=database)
    require(report, strict=strict)
    device_ids = [device.device_id for device in parameters]
    address = broker_address(scenario, broker)
    contexts = tls_contexts_of(scenario, address, device_ids)
    warnings = [str(finding) for finding in report.warnings(strict)]
    with ExitStack() as stack:
        state = stack.enter_context(SequenceState.open(state_file))
        if report.has_platform:
            _claim_platform(state, database, device_ids)
        now = to_unix_second(now_at())
        rows = LiveRows(
            parameters,
            report.reservoirs,
            seed=scenario.seed,
            state=state,
            now_second=now,
            faults=fault_plans(scenario.faults),
            start_at=start_at,
        )
        warnings += _lag_warnings(rows, now)
        if address is None:
            from synthlab.adapters.broker import embedded_broker

            address = stack.enter_context(embedded_broker())
        run = _Run(scenario, address, device_ids, contexts, duration_seconds, stop, on_progress, warnings)
        with stop_signals(run.stop):
            run.connect(stack, database, listen)
            stream = run.make_stream(rows, state, scenario_sha256(scenario), iterations)
            return run.go(stream)


class _Run:
    """The parts of one run, from connecting to the result."""

    def __init__(
        self,
        scenario: Scenario,
        address: BrokerAddress,
        device_ids: list[str],
        contexts: Mapping[str, ssl.SSLContext],
        duration_seconds: float,
        stop: threading.Event | None,
        on_progress: Callable[[LiveProgress], None] | None,
        warnings: list[str],
    ) -> None:
        from synthlab.adapters.registry import load_adapter

        self.run_id = f"live-{uuid.uuid4().hex[:12]}"
        self._scenario = scenario
        self._address = address
        self._contexts = contexts
        self._duration_seconds = duration_seconds
        self._on_progress = on_progress
        self._warnings = warnings
        self._stopped_by: str | None = None
        self._stop_event = stop
        self._listener: Listener | None = None
        self._recent: list[LiveRow] = []
        self._begin = self._shown_at = 0.0
        self._publisher: Publisher = load_adapter("mqtt.publisher")(address, device_ids, contexts=contexts)

    def stop(self, reason: str) -> None:
        """End the run soon. For signal handlers."""
        self._stopped_by = self._stopped_by or reason
        self._publisher.wake()

    def connect(self, stack: ExitStack, database: str | None, listen: bool | None) -> None:
        """Bring the devices up, and the listener before them where one is wanted."""
        stack.callback(self._publisher.close)
        self._publisher.connect(should_stop=self._is_told_to_stop)
        self._warnings += [str(problem) for problem in self._publisher.problems]
        if listen is not False and self._has_platform(database):
            self._start_listener(stack, database, is_required=listen is True)
        elif listen:
            raise UsageError(
                Problem(
                    "BAD_ARGUMENT",
                    "needs a platform to feed",
                    path="listen",
                    value="True",
                    remedy="Run `synthlab provision` first, or leave listen out",
                )
            )

    def make_stream(self, rows: LiveRows, state: Any, scenario_sha256: str, iterations: int) -> LiveStream:
        """Join rows, numbers and connections."""
        from synthlab.workflows.live_stream import LiveStream

        listener = self._listener
        return LiveStream(
            rows,
            state,
            self._publisher,
            run_id=self.run_id,
            scenario_sha256=scenario_sha256,
            speedup_factor=self._scenario.speedup_factor,
            iterations=iterations,
            clock=time.monotonic,
            stored_count=None if listener is None else lambda: listener.stored_count,
            on_sent=None if self._on_progress is None else self._recent.append,
            on_turn=None,
        )

    def go(self, stream: LiveStream) -> LiveResult:
        """Send, drain, wait for the listener, and say what happened."""
        self._begin = self._shown_at = time.monotonic()
        stream.on_turn = (lambda: self._show(stream)) if self._on_progress else None
        try:
            stopped_by = stream.run(self._stop_reason)
            stream.drain()
        finally:
            stream.finish()
        self._show(stream, is_last=True)
        if stopped_by == "refused":
            raise CredentialsError(self._publisher.problems)
        return self._result(stream, stopped_by)

    def _stop_reason(self, now: float) -> str | None:
        if self._duration_seconds and now - self._begin >= self._duration_seconds:
            return "duration"
        return self._stopped_by if self._is_told_to_stop() else None

    def _is_told_to_stop(self) -> bool:
        if self._stop_event is not None and self._stop_event.is_set():
            self._stopped_by = self._stopped_by or "caller"
        return self._stopped_by is not None

    def _has_platform(self, database: str | None) -> bool:
        with platform_reader(database) as session:
            return session is not None

    def _start_listener(self, stack: ExitStack, database: str | None, *, is_required: bool) -> None:
        from synthlab.workflows.listen import Listener

        platform = stack.enter_context(open_platform(database))
        listener = Listener(
            self._address,
            platform,
            device_ids=self._publisher.links,
            context=next(iter(self._contexts.values()), None),
            on_commit=self._publisher.wake,
        )
        try:
            listener.start()
        except SynthlabError as error:
            if is_required:
                raise
            self._warnings.append(f"No listener: {error}")
            return
        stack.callback(listener.stop)
        self._listener = listener

    def _show(self, stream: LiveStream, *, is_last: bool = False) -> None:
        now = time.monotonic()
        if self._on_progress is None or not (is_last or now - self._shown_at >= PROGRESS_SECONDS):
            return
        self._shown_at = now
        recent = tuple(
            LiveSample(
                device_id=row.device_id,
                seq=row.seq,
                received_at=from_unix_second(row.at_second),
                level_pct=row.level_pct,
                volume_liters=row.volume_liters,
                latitude=row.latitude,
                longitude=row.longitude,
            )
            for row in self._recent[-MAX_RECENT:]
        )
        self._recent.clear()
        self._on_progress(
            LiveProgress(
                emitted=stream.emitted_count,
                acknowledged=stream.acknowledged_count,
                pending=stream.pending_count,
                dropped=stream.refused_count,
                elapsed_seconds=now - self._begin,
                lag_seconds=stream.lag_seconds(now),
                simulated_at=recent[-1].received_at if recent else None,
                recent=recent,
            )
        )

    def _listened(self, stream: LiveStream) -> dict[str, Any] | None:
        listener = self._listener
        if listener is None:
            return None
        acknowledged = {
            name: lane.last_acknowledged.seq
            for name, lane in stream.lanes.items()
            if lane.last_acknowledged is not None
        }
        is_complete = listener.wait_for(acknowledged, timeout_seconds=LISTENER_WAIT_SECONDS)
        if not is_complete:
            self._warnings.append(
                f"The listener has not stored every acknowledged message within {LISTENER_WAIT_SECONDS:g} s"
                + (f": {listener.problem}" if listener.problem else "")
            )
        return {"status_counts": listener.status_counts, "complete": is_complete}

    def _result(self, stream: LiveStream, stopped_by: str) -> LiveResult:
        listened = self._listened(stream)
        devices = {
            name: {
                "emitted": lane.sent_count,
                "acknowledged": lane.acknowledged_count,
                "first_seq": lane.first_seq,
                "last_seq": None if lane.last_sent is None else lane.last_sent.seq,
                "simulated_at": None
                if lane.last_sent is None
                else format_at(from_unix_second(lane.last_sent.at_second)),
            }
            for name, lane in stream.lanes.items()
        }
        return LiveResult(
            scenario_id=self._scenario.scenario_id,
            run_id=self.run_id,
            emitted=stream.emitted_count,
            acknowledged=stream.acknowledged_count,
            pending=stream.pending_count,
            dropped=stream.refused_count,
            devices=devices,
            broker=self._address.display_url,
            protocols=self._publisher.protocol_counts,
            listener=listened,
            duration_seconds=round(time.monotonic() - self._begin, 3),
            stopped_by=stopped_by,
            warnings=tuple(self._warnings),
        )


def _claim_platform(state: SequenceState, database: str | None, device_ids: list[str]) -> None:
    """Make sure that what is sent next is new to the platform behind the broker."""
    from synthlab.workflows.target import claim_target, platform_floors

    with open_platform(database, read_only=True) as platform:
        floors = platform_floors(platform, device_ids)
        state.require_floor({name: floor for name, floor in floors.items() if name in set(device_ids)})
        claim_target(state, platform)


def _lag_warnings(rows: LiveRows, now: int) -> list[str]:
    behind = {name: now - rows.next_second(name) for name in rows.devices}
    late = [name for name, seconds in behind.items() if seconds > rows.devices[name].cadence_seconds]
    if not late:
        return []
    worst = max(late, key=behind.__getitem__)
    begins_at = format_at(from_unix_second(rows.next_second(worst)))
    return [
        f"The simulated clock of {len(late)} devices is behind the wall clock, of {worst} by"
        f" {in_words(behind[worst])}: the stream goes on from {begins_at}."
        ' To pass over what lies between: `run --start-at now`, in Python start_at="now".'
    ]


def _require_not_negative(**values: float) -> None:
    problems = [
        Problem("BAD_ARGUMENT", "needs 0 (no end) or more", path=name, value=str(value))
        for name, value in values.items()
        if not value >= 0
    ]
    if problems:
        raise UsageError(problems)
