"""A live run in the background: started, watched, stopped, started again."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from synthlab.errors import UsageError
from synthlab.sequence import SequenceState
from synthlab.workflows.live_session import TRACK_POINTS, LiveSession, LiveStatus
from tests.brokers import Observer, mosquitto, needs_mosquitto
from tests.unit.workflows.test_live import TANK, TRUCK, a_scenario

FAST = 36_000.0


@needs_mosquitto
def test_a_session_is_started_watched_stopped_and_goes_on(scratch: Path) -> None:
    state_file = scratch / "state.json"
    busy = threading.Event()
    seen: list[LiveStatus] = []

    def watch(status: LiveStatus) -> None:
        seen.append(status)
        # A rate needs two looks with a message in between.
        if status.emitted >= 20 and status.rate_per_second > 0:
            busy.set()

    with mosquitto() as address, Observer(address) as observer:
        session = LiveSession(a_scenario(speedup=FAST), broker=address.display_url, state_file=state_file)
        assert session.status().phase == "idle"
        session.watch(watch)
        session.start()
        with pytest.raises(UsageError):
            session.start()
        assert busy.wait(60)
        ended = session.stop()
        assert (ended.phase, ended.problem) == ("ended", None)
        assert session.result is not None
        assert session.result.stopped_by == "caller"
        assert ended.emitted == session.result.emitted == session.result.acknowledged >= 20
        assert ended.pending == ended.dropped == 0
        assert set(ended.last) == {TANK, TRUCK}
        assert {status.phase for status in seen} <= {"running", "stopping", "ended"}
        first = {name: track[-1].seq for name, track in session.tracks().items()}
        busy.clear()
        session.start()
        assert busy.wait(60)
        again = session.stop()
        total = ended.emitted + again.emitted
        messages = observer.wait_for(lambda found: len(found) >= total)
    assert len(messages) == total
    numbers: dict[str, list[int]] = {}
    for message in messages:
        numbers.setdefault(message.topic.split("/")[1], []).append(json.loads(message.payload)["seq"])
    for name, found in numbers.items():
        # Nothing lost, nothing doubled, and the second run begins right behind the first.
        assert found == list(range(1, len(found) + 1))
        assert first[name] in found
    with SequenceState.open(state_file) as state:
        assert {name: state.last_seq(name) for name in numbers} == {n: f[-1] for n, f in numbers.items()}
        assert all(not state.gaps(name) for name in numbers)
    assert all(len(track) <= TRACK_POINTS for track in session.tracks().values())


@pytest.mark.parametrize("dropouts_per_day", [0, 24])
def test_the_last_fix_is_kept_while_there_is_none(scratch: Path, dropouts_per_day: int) -> None:
    scenario = a_scenario(speedup=FAST).with_device(
        TRUCK, gps_dropouts_per_day=dropouts_per_day, gps_dropout_minutes=30
    )
    # A moment that is given: which messages have no fix is the same in each run.
    session = LiveSession(scenario, start_at="2026-02-12T10:00:00Z", iterations=24)
    session.start()
    ended = session.wait(timeout_seconds=60)
    track = session.tracks()[TRUCK]
    fixes = [sample for sample in track if sample.latitude is not None]
    assert (ended.last[TRUCK].latitude is None) == (dropouts_per_day > 0)
    assert ended.last == {name: samples[-1] for name, samples in session.tracks().items()}
    assert ended.last_fix == {TRUCK: fixes[-1]}
    assert fixes[-1].latitude == pytest.approx(-17.78, abs=0.1)


def test_a_run_of_its_own_length_ends_by_itself(scratch: Path) -> None:
    session = LiveSession(a_scenario(speedup=FAST), iterations=3)
    session.start()
    ended = session.wait(timeout_seconds=60)
    assert (ended.phase, ended.emitted, ended.lag_seconds >= 0) == ("ended", 6, True)
    assert session.stop() == ended


def test_a_failure_is_told_and_not_thrown_into_the_dark(scratch: Path) -> None:
    told: list[LiveStatus] = []
    session = LiveSession(a_scenario(), broker="mqtt://127.0.0.1:1", iterations=1)
    session.watch(told.append)
    session.start()
    ended = session.wait(timeout_seconds=60)
    assert ended.phase == "failed"
    assert ended.problem is not None
    assert "broker must answer at mqtt://127.0.0.1:1" in ended.problem
    assert [status.phase for status in told] == ["failed"]


def test_what_is_the_sessions_own_cannot_be_given() -> None:
    with pytest.raises(UsageError) as caught:
        LiveSession(a_scenario(), stop=threading.Event(), on_progress=print)
    assert [problem.path for problem in caught.value.problems] == ["stop", "on_progress"]
