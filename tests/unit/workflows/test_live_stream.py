"""Pacing and accounting of the live loop, on a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from synthlab.adapters.mqtt import Delivery
from synthlab.sequence import SequenceState
from synthlab.workflows.live_rows import LiveRow, LiveRows
from synthlab.workflows.live_stream import MAX_BEHIND, MAX_ROWS_AHEAD, LiveStream
from tests.fleets import END_SECOND, tank


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Sent:
    at: float
    device_id: str
    seq: int


class InstantPublisher:
    """Answers at the next poll; time passes only where the loop waits."""

    def __init__(self, clock: Clock, *, answer: Callable[[LiveRow], bool] = lambda row: True) -> None:
        self.sent: list[Sent] = []
        self.failed_count = 0
        self.most_open = 0
        self._clock = clock
        self._answer = answer
        self._open: dict[str, LiveRow] = {}
        self._answers: list[Delivery] = []

    def send(self, client_id: str, topic: str, payload: bytes, token: LiveRow) -> bool:
        assert client_id not in self._open
        assert topic == f"devices/{client_id}/telemetry"
        self._open[client_id] = token
        self.sent.append(Sent(self._clock.now, client_id, token.seq))
        return True

    def poll(self, timeout_seconds: float) -> None:
        if not self._open:
            self._clock.now += timeout_seconds
        for name, row in self._open.items():
            self._answers.append(Delivery(name, row, self._answer(row), "test"))
        self._open.clear()

    def deliveries(self) -> list[Delivery]:
        found, self._answers = self._answers, []
        return found

    def came_up(self) -> list[str]:
        return []

    def has_failed(self, client_id: str) -> bool:
        return False


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make(
    path: Path, clock: Clock, publisher: Any, devices: list[Any], **options: Any
) -> tuple[LiveStream, SequenceState]:
    state = SequenceState.open(path / "state.json")
    rows = LiveRows(
        devices,
        {device.device_id: device.reservoir for device in devices},
        seed=1,
        state=state,
        now_second=END_SECOND,
    )
    settings = {"speedup_factor": 1.0, "iterations": 0, **options}
    stream = LiveStream(rows, state, publisher, run_id="r", scenario_sha256="00", clock=clock, **settings)
    return stream, state


def offsets(publisher: InstantPublisher, name: str) -> list[float]:
    return [round(each.at - 100.0, 6) for each in publisher.sent if each.device_id == name]


def test_each_device_keeps_its_own_pace_and_the_first_is_due_at_once(tmp_path: Path, clock: Clock) -> None:
    publisher = InstantPublisher(clock)
    devices = [tank("SLOW", step_seconds=300), tank("FAST", step_seconds=60)]
    stream, state = make(tmp_path, clock, publisher, devices, speedup_factor=10.0)
    with state:
        reason = stream.run(lambda now: "duration" if now - 100.0 >= 60.0 else None)
        stream.finish()
        assert reason == "duration"
        assert offsets(publisher, "FAST") == [0, 6, 12, 18, 24, 30, 36, 42, 48, 54]
        assert offsets(publisher, "SLOW") == [0, 30]
        # Nothing drawn ahead is lost.
        assert (state.last_seq("FAST"), state.next_seq("SLOW")) == (10, 3)


def test_the_pace_does_not_drift(tmp_path: Path, clock: Clock) -> None:
    publisher = InstantPublisher(clock)
    stream, state = make(tmp_path, clock, publisher, [tank("D", step_seconds=60)], speedup_factor=7.0)
    with state:
        stream.run(lambda now: "duration" if len(publisher.sent) >= 100 else None)
        assert offsets(publisher, "D")[99] == pytest.approx(99 * 60 / 7, abs=1e-5)
        stream.finish()


def test_iterations_count_for_each_device(tmp_path: Path, clock: Clock) -> None:
    publisher = InstantPublisher(clock)
    devices = [tank("A", step_seconds=60), tank("B", step_seconds=3600)]
    stream, state = make(tmp_path, clock, publisher, devices, iterations=3, speedup_factor=1e6)
    with state:
        assert stream.run(lambda now: None) == "iterations"
        stream.finish()
    assert sorted((each.device_id, each.seq) for each in publisher.sent) == [
        (name, seq) for name in "AB" for seq in (1, 2, 3)
    ]
    assert (stream.emitted_count, stream.acknowledged_count, stream.pending_count) == (6, 6, 0)


def test_numbers_are_durable_before_they_are_sent(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "state.json"

    class Watching(InstantPublisher):
        def send(self, client_id: str, topic: str, payload: bytes, token: LiveRow) -> bool:
            assert SequenceState.peek(path).next_seq(client_id) > token.seq
            return super().send(client_id, topic, payload, token)

    publisher = Watching(clock)
    stream, state = make(tmp_path, clock, publisher, [tank("A")], iterations=50, speedup_factor=600.0)
    with state:
        stream.run(lambda now: None)
        stream.finish()
    assert len(publisher.sent) == 50


def test_rows_ahead_are_few_however_fast_it_goes(tmp_path: Path, clock: Clock) -> None:
    publisher = InstantPublisher(clock)
    devices = [tank(f"D{index}", step_seconds=60) for index in range(3)]
    stream, state = make(tmp_path, clock, publisher, devices, speedup_factor=1e12)
    most = 0

    def watch(now: float) -> str | None:
        nonlocal most
        most = max(most, sum(len(lane.rows) for lane in stream.lanes.values()))
        return "duration" if len(publisher.sent) > 300 else None

    with state:
        stream.run(watch)
        stream.finish()
        assert state.next_seq("D0") <= 102
    assert 300 < most <= MAX_ROWS_AHEAD


def test_refused_numbers_in_a_row_are_one_gap(tmp_path: Path, clock: Clock) -> None:
    publisher = InstantPublisher(clock, answer=lambda row: row.seq not in (2, 3, 5))
    stream, state = make(tmp_path, clock, publisher, [tank("A")], iterations=6, speedup_factor=1e6)
    with state:
        stream.run(lambda now: None)
        stream.finish()
        found = [(gap.range.first_seq, gap.range.last_seq, gap.reason) for gap in state.gaps("A")]
    assert found == [(2, 3, "refused"), (5, 5, "refused")]
    assert (stream.emitted_count, stream.acknowledged_count, stream.refused_count) == (6, 3, 3)


def test_what_is_not_answered_is_pending_and_a_gap(tmp_path: Path, clock: Clock) -> None:
    class Mute(InstantPublisher):
        def poll(self, timeout_seconds: float) -> None:
            self._clock.now += timeout_seconds

    publisher = Mute(clock)
    stream, state = make(tmp_path, clock, publisher, [tank("A")], speedup_factor=1e6)
    with state:
        stream.run(lambda now: "SIGTERM" if publisher.sent else None)
        stream.drain()
        stream.finish()
        (gap,) = state.gaps("A")
        assert (gap.range.first_seq, gap.range.last_seq, gap.reason) == (1, 1, "unacknowledged")
        assert (state.last_seq("A"), state.resume_second("A")) == (1, END_SECOND)
    assert (stream.emitted_count, stream.pending_count) == (1, 1)


def test_a_listener_that_falls_behind_holds_the_stream_but_not_for_ever(tmp_path: Path, clock: Clock) -> None:
    publisher = InstantPublisher(clock)
    stream, state = make(tmp_path, clock, publisher, [tank("A")], speedup_factor=1e9, stored_count=lambda: 0)
    with state:
        stream.run(lambda now: "test" if now >= 105.0 else None)
        assert len(publisher.sent) == MAX_BEHIND
        stream.run(lambda now: "test" if len(publisher.sent) > MAX_BEHIND else None)
        stream.finish()
    assert clock.now > 110.0
