"""What a fault does to messages on their way: to a real broker, and to what the platform then holds.

The oracle knows no fault of the package: it makes the messages of a healthy run and does to
them by hand what the page of the faults says.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

import synthlab
from synthlab.errors import ConflictError
from synthlab.payload import emissions
from synthlab.sequence import SequenceState
from tests.brokers import Observer, Seen, mosquitto, needs_mosquitto

Message = dict[str, Any]
Messages = list[Message]
STEPS, COUNT, LIVE_MINUTES, HISTORY_MINUTES = 30, 9, 5, 30
QUICK = ("DUPLICATE", "SEQUENCE_RESET")


def _doubled(sent: Messages, at: int) -> Messages:
    return [*sent[: at + 1], sent[at], *sent[at + 1 :]]


def _overtaken(later: int) -> Callable[[Messages, int], Messages]:
    def moved(sent: Messages, at: int) -> Messages:
        return [*sent[:at], *sent[at + 1 : at + 1 + later], sent[at], *sent[at + 1 + later :]]

    return moved


def _lost(sent: Messages, at: int) -> Messages:
    return [*sent[:at], *sent[at + COUNT :]]


def _renumbered(sent: Messages, at: int) -> Messages:
    again = [{**one, "seq": number + 1} for number, one in enumerate(sent[at : at + COUNT])]
    return [*sent[:at], *again, *sent[at + COUNT :]]


def _late(step_minutes: int) -> Callable[[Messages, int], Messages]:
    # 45 minutes and some seconds: whatever is sent in that time arrives before.
    return _overtaken(45 // step_minutes)


def done_by_hand(kind: str, step_minutes: int) -> Callable[[Messages, int], Messages]:
    return {
        "DUPLICATE": _doubled,
        "LATE": _late(step_minutes),
        "OUT_OF_ORDER": _overtaken(1),
        "GAP": _lost,
        "SEQUENCE_RESET": _renumbered,
        "CLOCK_JUMP": lambda sent, at: sent,
    }[kind]


KINDS = [
    pytest.param(kind, marks=() if kind in QUICK else pytest.mark.long)
    for kind in ("DUPLICATE", "LATE", "OUT_OF_ORDER", "GAP", "SEQUENCE_RESET", "CLOCK_JUMP")
]


def broken(scenario: synthlab.Scenario, kind: str, at: datetime, step_minutes: int) -> synthlab.Scenario:
    # Two minutes before a message is sent, and over before the one after the last.
    fault: Message = {"kind": kind, "at": [(at - timedelta(minutes=2)).isoformat()]}
    if kind in ("GAP", "SEQUENCE_RESET", "CLOCK_JUMP"):
        fault["duration_minutes"] = COUNT * step_minutes
    return synthlab.Scenario.from_dict({**scenario.to_dict(), "faults": [fault]})


def by_device(frame: Any) -> dict[str, Messages]:
    found: dict[str, Messages] = {}
    for one in emissions(frame):
        found.setdefault(one.device_id, []).append(json.loads(json.dumps(one.payload)))
    return found


def arrived(messages: list[Seen]) -> dict[str, Messages]:
    found: dict[str, Messages] = {}
    for one in messages:
        found.setdefault(one.topic.split("/")[1], []).append(json.loads(one.payload))
    return found


def stored(url: str) -> dict[str, Messages]:
    """Payloads by device, in the order in which the platform took them in."""
    engine = create_engine(url)
    query = "SELECT mqtt_client_id, payload FROM device_telemetry_messages ORDER BY received_at"
    with engine.connect() as connection:
        rows = connection.execute(text(query)).all()
    engine.dispose()
    found: dict[str, Messages] = {}
    for name, payload in rows:
        found.setdefault(name, []).append(json.loads(payload) if isinstance(payload, str) else payload)
    return found


def first_of_each_number(messages: Messages, known: Messages) -> Messages:
    """What a platform stores that takes each number once."""
    old = {one["seq"] for one in known}
    return list({one["seq"]: one for one in reversed(messages) if one["seq"] not in old}.values())[::-1]


def assert_as_by_hand(kind: str, got: Messages, healthy: Messages, at: int, step_minutes: int) -> None:
    expected = done_by_hand(kind, step_minutes)(healthy, at)
    if kind != "CLOCK_JUMP":
        assert got == expected
        return
    shifts = [b["local_timestamp_ms"] - a["local_timestamp_ms"] for a, b in zip(expected, got, strict=True)]
    assert {abs(shift) for shift in shifts[at : at + COUNT]} == {3_600_000}
    assert not any(shifts[:at] + shifts[at + COUNT :])
    assert [_without_clock(one) for one in got] == [_without_clock(one) for one in expected]


def _without_clock(message: Message) -> str:
    return json.dumps(message).replace(str(message["local_timestamp_ms"]), "clock")


@needs_mosquitto
@pytest.mark.parametrize("kind", KINDS)
def test_live_the_broker_gets_what_the_fault_leaves_and_the_platform_stores_each_number_once(
    kind: str, tiny_scenario: synthlab.Scenario, end_at: datetime, scratch: Path, sqlite_url: str
) -> None:
    # The first message after the history of half hours is due half an hour later.
    at, fault_at = 2, end_at + timedelta(minutes=HISTORY_MINUTES + 2 * LIVE_MINUTES)
    faulty = broken(tiny_scenario, kind, fault_at, LIVE_MINUTES)
    synthlab.provision(faulty, database=sqlite_url)
    synthlab.bootstrap(faulty, end_at=end_at, database=sqlite_url)
    history = stored(sqlite_url)
    stands = synthlab.backfill(tiny_scenario, end_at=end_at).checkpoint
    end = end_at + timedelta(minutes=HISTORY_MINUTES + (STEPS - 1) * LIVE_MINUTES)
    each_step = tiny_scenario.with_changes(step_minutes=1)
    healthy = by_device(synthlab.backfill(each_step, end_at=end, checkpoint=stands).frame)
    quick = faulty.model_copy(update={"speedup_factor": 60_000.0})
    with mosquitto() as broker, Observer(broker) as observer:
        result = synthlab.run_live(
            quick, broker=broker.display_url, database=sqlite_url, iterations=STEPS, duration_seconds=60
        )
        seen = arrived(observer.wait_for(lambda messages: len(messages) >= result.emitted))
    assert result.emitted == result.acknowledged == sum(map(len, seen.values()))
    assert result.listener is not None
    assert result.listener["complete"]
    now = stored(sqlite_url)
    refused = 0
    for name, sent in healthy.items():
        assert len(sent) == STEPS
        assert_as_by_hand(kind, seen[name], sent, at, LIVE_MINUTES)
        new = first_of_each_number(seen[name], history[name])
        assert now[name] == history[name] + new
        refused += len(seen[name]) - len(new)
    counts = result.listener["status_counts"]
    assert counts.get("duplicate:SEQ", 0) == refused
    assert sum(counts.values()) == result.emitted
    assert (refused > 0) == (kind in QUICK)
    # The state counts true numbers, whatever the messages report.
    state = SequenceState.peek(scratch / ".tmp/synthetic_sim_seq_state.json")
    assert {state.next_seq(name) - 1 for name in healthy} == {max(one["seq"] for one in healthy[name])}


@pytest.mark.parametrize("kind", KINDS)
def test_bootstrap_stores_what_the_fault_leaves_in_order_of_arrival(
    kind: str, tiny_scenario: synthlab.Scenario, end_at: datetime, scratch: Path, sqlite_url: str
) -> None:
    at = 20
    fault_at = end_at - timedelta(days=1) + timedelta(minutes=at * HISTORY_MINUTES)
    faulty = broken(tiny_scenario, kind, fault_at, HISTORY_MINUTES)
    synthlab.provision(faulty, database=sqlite_url)
    if kind == "SEQUENCE_RESET":
        with pytest.raises(ConflictError) as caught:
            synthlab.bootstrap(faulty, end_at=end_at, database=sqlite_url)
        assert {problem.code for problem in caught.value.problems} == {"SEQ_CONFLICT"}
        assert stored(sqlite_url) == {}
        return
    result = synthlab.bootstrap(faulty, end_at=end_at, database=sqlite_url)
    refused, now = 0, stored(sqlite_url)
    for name, sent in by_device(synthlab.backfill(tiny_scenario, end_at=end_at).frame).items():
        if kind == "CLOCK_JUMP":
            assert_as_by_hand(kind, now[name], sent, at, HISTORY_MINUTES)
            continue
        by_hand = done_by_hand(kind, HISTORY_MINUTES)(sent, at)
        assert now[name] == first_of_each_number(by_hand, [])
        refused += len(by_hand) - len(now[name])
    assert (refused > 0) == (kind == "DUPLICATE")
    assert result.status_counts.get("duplicate:SEQ", 0) == refused
