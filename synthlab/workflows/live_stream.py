"""The loop of a live run: what is due is sent, what is sent is accounted for."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from synthlab.payload import topic_of
from synthlab.sequence import Gap, SeqRange, SequenceState
from synthlab.workflows.live_rows import LiveRow, LiveRows

if TYPE_CHECKING:
    from synthlab.adapters.mqtt import Delivery, Publisher

# Assumed: how far ahead numbers are drawn and rows made. A killed run leaves a gap of
# at most so much, and the state is written at most twice in it.
HORIZON_SECONDS = 2.0
# Assumed: rows held in memory, over all devices.
MAX_ROWS_AHEAD = 20_000
# Source: mosquitto's default `max_queued_messages` is 1,000: a subscriber that is
# further behind loses messages.
MAX_BEHIND = 900
# Assumed: a listener that stores nothing for so long is not waited for any more.
LISTENER_PATIENCE_SECONDS = 10.0
DRAIN_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 1.0


@dataclass(eq=False, slots=True)
class Lane:
    """One device on its way: rows ahead, and what became of those sent.

    Attributes
    ----------
    device_id, topic : str
    interval_seconds : float
        Wall time between two messages. [seconds]
    due_at : float
        When the first row of `rows`, or the next to be made, is due. [monotonic seconds]
    made_count, passed_count : int
        Steps that rows were made for, and that are over; without faults, messages.
    """

    device_id: str
    topic: str
    interval_seconds: float
    due_at: float
    rows: deque[LiveRow] = field(default_factory=deque)
    made_count: int = 0
    passed_count: int = 0
    sent_count: int = 0
    acknowledged_count: int = 0
    refused_count: int = 0
    first_seq: int | None = None
    last_sent: LiveRow | None = None
    last_acknowledged: LiveRow | None = None
    in_flight: LiveRow | None = None
    refused: list[Gap] = field(default_factory=list)
    is_queued: bool = False

    @property
    def open_seq(self) -> int:
        """The last number that is settled: everything up to it has been answered."""
        return 0 if self.last_acknowledged is None else self.last_acknowledged.seq


class LiveStream:
    """Publishes the rows of many devices, each at its own pace.

    Parameters
    ----------
    rows : LiveRows
    state : SequenceState
        Numbers are durable in it before they are sent.
    publisher : Publisher
        Connected.
    run_id, scenario_sha256 : str
        Whose numbers they are.
    speedup_factor : float
        Simulated seconds per second.
    iterations : int
        Messages of each device; 0 for no end.
    clock : callable
        Monotonic time. [seconds]
    stored_count : callable, optional
        How many messages the listener has stored, where there is one.
    on_sent : callable, optional
        Called with each row that is sent.
    on_turn : callable, optional
        Called after each turn of the loop.
    """

    def __init__(
        self,
        rows: LiveRows,
        state: SequenceState,
        publisher: Publisher,
        *,
        run_id: str,
        scenario_sha256: str,
        speedup_factor: float,
        iterations: int,
        clock: Callable[[], float],
        stored_count: Callable[[], int] | None = None,
        on_sent: Callable[[LiveRow], None] | None = None,
        on_turn: Callable[[], None] | None = None,
    ) -> None:
        self._rows = rows
        self._state = state
        self._publisher = publisher
        self._key = {"run_id": run_id, "scenario_sha256": scenario_sha256}
        self._iterations = iterations
        self._clock = clock
        self._stored_count = stored_count
        self._on_sent = on_sent
        self.on_turn = on_turn
        begin = clock()
        self.lanes = {
            name: Lane(name, topic_of(name), device.cadence_seconds / speedup_factor, begin)
            for name, device in rows.devices.items()
        }
        self._ahead = max(1, MAX_ROWS_AHEAD // max(1, len(self.lanes)))
        self._due: list[tuple[float, str]] = []
        self._hungry: list[tuple[float, str]] = [(begin, name) for name in sorted(self.lanes)]
        self._stored_seen = (begin, 0)
        self.emitted_count = 0
        self.acknowledged_count = 0
        self.refused_count = 0
        self._finished: set[str] = set()

    @property
    def pending_count(self) -> int:
        """Messages sent and not answered."""
        return self.emitted_count - self.acknowledged_count - self.refused_count

    def lag_seconds(self, now: float) -> float:
        """Return how long the message that is most overdue has been due. [seconds]

        Those of a device that waits for its broker count, those of one that failed do not.
        """
        is_failed = self._publisher.has_failed
        due = (
            lane.due_at
            for name, lane in self.lanes.items()
            if (lane.rows or self._left(name)) and not is_failed(name)
        )
        return max(0.0, now - min(due, default=now))

    def run(self, stop_reason: Callable[[float], str | None]) -> str:
        """Send until there is nothing to send, or a reason to stop.

        Parameters
        ----------
        stop_reason : callable
            Asked every turn with the monotonic time; anything but None ends the run.

        Returns
        -------
        str
            The reason: ``"iterations"`` or ``"refused"``, or what `stop_reason` said.
        """
        while True:
            now = self._clock()
            reason = stop_reason(now) or self._own_reason()
            if reason is not None:
                return reason
            self._make_rows(now)
            self._send_due(now)
            self._publisher.poll(self._wait(self._clock()))
            self._collect()
            if self.on_turn is not None:
                self.on_turn()

    def drain(self, *, timeout_seconds: float = DRAIN_SECONDS) -> None:
        """Wait for the answers to what was sent, at most so many seconds."""
        until = self._clock() + timeout_seconds
        while self._expects_answers() and self._clock() < until:
            self._publisher.poll(until - self._clock())
            self._collect()

    def finish(self) -> None:
        """Write what was used to the state, and give back what nobody saw."""
        sent = {name: lane.last_sent.seq for name, lane in self.lanes.items() if lane.last_sent is not None}
        gaps = {name: tuple(lane.refused) for name, lane in self.lanes.items() if lane.refused}
        for name, lane in self.lanes.items():
            if lane.in_flight is not None:
                row = lane.in_flight
                gap = Gap(SeqRange(row.seq, row.seq, row.at_second), "unacknowledged")
                gaps[name] = (*gaps.get(name, ()), gap)
        for name, late in self._rows.held_back().items():
            # What was never reached is drawn again by whoever goes on.
            passed = (row for row in late if row.seq < sent.get(name, 0))
            missed = (Gap(SeqRange(row.seq, row.seq, row.at_second), "held back") for row in passed)
            gaps[name] = (*gaps.get(name, ()), *missed)
        self._state.finish_blocks(**self._key, last_seq=sent, checkpoint=self._checkpoint(), gaps=gaps)

    def _expects_answers(self) -> bool:
        is_failed = self._publisher.has_failed
        return any(lane.in_flight and not is_failed(name) for name, lane in self.lanes.items())

    def _own_reason(self) -> str | None:
        failed_count = self._publisher.failed_count
        if failed_count == len(self.lanes):
            return "refused"
        if self._iterations and len(self._finished) + failed_count >= len(self.lanes):
            # A device may have finished first and failed then.
            is_failed = self._publisher.has_failed
            if all(self._is_finished(lane) or is_failed(name) for name, lane in self.lanes.items()):
                return "iterations"
        return None

    def _is_finished(self, lane: Lane) -> bool:
        # Messages that come again or late are in no step of their own: they may be left.
        return lane.passed_count >= self._iterations and lane.in_flight is None and not lane.rows

    def _make_rows(self, now: float) -> None:
        """Draw numbers and simulate, once somebody who is due has nothing to send."""
        if not self._hungry or self._hungry[0][0] > now:
            return
        counts = {name: self._wanted(lane, now) for name, lane in self.lanes.items()}
        counts = {name: count for name, count in counts.items() if count}
        # A device that failed would be due, and have nothing to send, for ever.
        left = (entry for entry in self._hungry if entry[1] not in counts and self._left(entry[1]))
        self._hungry = [entry for entry in left if not self._publisher.has_failed(entry[1])]
        heapq.heapify(self._hungry)
        if not counts:
            return
        first_seq = self._state.draw_block(
            **self._key,
            counts=counts,
            until_seconds=self._rows.until_seconds(counts),
            last_seq={name: lane.open_seq for name, lane in self.lanes.items() if lane.open_seq},
            checkpoint=self._checkpoint(),
        )
        for name, rows in self._rows.take(counts, first_seq).items():
            lane = self.lanes[name]
            lane.rows.extend(rows)
            lane.made_count += sum(row.step_count for row in rows)
            self._queue(lane)

    def _wanted(self, lane: Lane, now: float) -> int:
        """How many more rows a device should have ready."""
        left = self._left(lane.device_id)
        if not left or len(lane.rows) > self._ahead // 2 or self._publisher.has_failed(lane.device_id):
            return 0
        lead = now + HORIZON_SECONDS - lane.due_at
        if lead < 0:
            return 0
        soon = int(min(lead / lane.interval_seconds, self._ahead)) + 1
        return max(0, min(soon, self._ahead, len(lane.rows) + left) - len(lane.rows))

    def _left(self, device_id: str) -> int:
        if not self._iterations:
            return MAX_ROWS_AHEAD
        return self._iterations - self.lanes[device_id].made_count

    def _checkpoint(self) -> dict[str, Mapping[str, Any]]:
        return {
            name: lane.last_acknowledged.checkpoint
            for name, lane in self.lanes.items()
            if lane.last_acknowledged is not None and lane.last_acknowledged.checkpoint is not None
        }

    def _queue(self, lane: Lane) -> None:
        if lane.rows and not lane.is_queued and lane.in_flight is None:
            lane.is_queued = True
            heapq.heappush(self._due, (lane.due_at, lane.device_id))

    def _send_due(self, now: float) -> None:
        while self._due and self._due[0][0] <= now and self._has_room(now):
            lane = self.lanes[heapq.heappop(self._due)[1]]
            lane.is_queued = False
            row = lane.rows[0]
            if row.payload is None:
                self._pass(lane, lane.rows.popleft())
                self._queue(lane)
                continue
            # Who is not connected comes back through `_collect` when it is.
            if not self._publisher.send(lane.device_id, lane.topic, row.payload, row):
                continue
            lane.rows.popleft()
            lane.in_flight = row
            if lane.last_sent is None or row.seq >= lane.last_sent.seq:
                lane.last_sent = row
            lane.first_seq = row.seq if lane.first_seq is None else lane.first_seq
            lane.sent_count += 1
            self.emitted_count += 1
            self._pass(lane, row)
            if self._on_sent is not None:
                self._on_sent(row)

    def _pass(self, lane: Lane, row: LiveRow) -> None:
        """Let the time of a row pass, and ask for more rows where none are left."""
        lane.due_at += lane.interval_seconds * row.step_count
        lane.passed_count += row.step_count
        if not lane.rows and self._left(lane.device_id):
            heapq.heappush(self._hungry, (lane.due_at, lane.device_id))
        self._note_finished(lane)

    def _note_finished(self, lane: Lane) -> None:
        if self._iterations and self._is_finished(lane):
            self._finished.add(lane.device_id)

    def _has_room(self, now: float) -> bool:
        """Whether the listener keeps up, so that its broker need not drop anything."""
        if self._stored_count is None:
            return True
        stored = self._stored_count()
        if stored != self._stored_seen[1] or stored >= self.emitted_count:
            self._stored_seen = (now, stored)
        is_stuck = now - self._stored_seen[0] > LISTENER_PATIENCE_SECONDS
        return is_stuck or self.emitted_count - stored < MAX_BEHIND

    def _wait(self, now: float) -> float:
        nearest = [heap[0][0] for heap in (self._due, self._hungry) if heap]
        wait = max(0.0, min(nearest, default=now + LONGEST_WAIT_SECONDS) - now)
        # Without room, the listener's next commit ends the wait.
        return min(wait, LONGEST_WAIT_SECONDS) if self._has_room(now) else LONGEST_WAIT_SECONDS

    def _collect(self) -> None:
        for delivery in self._publisher.deliveries():
            self._settle(delivery)
        for device_id in self._publisher.came_up():
            self._queue(self.lanes[device_id])

    def _settle(self, delivery: Delivery) -> None:
        lane, row = self.lanes[delivery.client_id], delivery.token
        lane.in_flight = None
        if delivery.is_accepted:
            # A message that comes again or late says nothing new.
            lane.last_acknowledged = lane.last_acknowledged if row.checkpoint is None else row
            lane.acknowledged_count += 1
            self.acknowledged_count += 1
        else:
            lane.refused_count += 1
            self.refused_count += 1
            before = lane.refused[-1].range if lane.refused else None
            first = before.first_seq if before and before.last_seq + 1 == row.seq else row.seq
            if first != row.seq:
                lane.refused.pop()
            lane.refused.append(Gap(SeqRange(first, row.seq, row.at_second), "refused"))
        self._note_finished(lane)
        self._queue(lane)
