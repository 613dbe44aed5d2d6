"""The live stream, with a real broker and a subscriber that shares no code with it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

import synthlab
from synthlab.adapters.broker import embedded_broker
from synthlab.adapters.mqtt import BrokerAddress
from synthlab.errors import (
    CredentialsError,
    PreflightError,
    SequenceStateError,
    ServiceUnavailableError,
    UsageError,
)
from synthlab.payload import emissions, encode_payload
from synthlab.scenario.loader import loads_scenario
from synthlab.scenario.schema import Scenario
from synthlab.sequence import SequenceState
from synthlab.workflows import live
from synthlab.workflows.live import LiveProgress, LiveResult
from synthlab.workflows.live_setup import broker_address
from tests.brokers import OPEN, Authority, Observer, Seen, mosquitto, needs_mosquitto

END_AT = datetime(2026, 2, 12, 10, tzinfo=UTC)
TANK, TRUCK = "E2ELIVETANK", "E2ELIVETRUCK"

TEXT = f"""\
scenario_id: live_test
seed: 11
speedup_factor: {{speedup}}
bootstrap: {{{{days: 1, step_minutes: 5}}}}
devices:
  - device_id: {TANK}
    archetype: stationary_archetype_a
    mode: STATIONARY
    cadence_seconds: 300
  - device_id: {TRUCK}
    archetype: mobile_high_efficiency
    mode: MOBILE
    cadence_seconds: 300
    route_id: LOOP
routes:
  - route_id: LOOP
    points:
      - {{{{point_id: B1, kind: BASE, latitude: -17.78, longitude: -63.18}}}}
      - {{{{point_id: R1, kind: REFILL, latitude: -17.76, longitude: -63.20}}}}
      - {{{{point_id: C1, kind: CLIENT, latitude: -17.80, longitude: -63.15}}}}
"""


def scenario_text(*, speedup: float = 100_000.0, mqtt: str = "") -> str:
    return mqtt + TEXT.format(speedup=speedup)


def a_scenario(**options: Any) -> Scenario:
    return loads_scenario(scenario_text(**options))


@pytest.fixture
def state_file(scratch: Path) -> Path:
    """A state that an imported history left behind, in an empty working directory."""
    path = scratch / "state.json"
    history = synthlab.backfill(a_scenario(), end_at=END_AT)
    with SequenceState.open(path) as state:
        stands = history.checkpoint.to_dict()["devices"]
        state.advance({name: each["last_seq"] for name, each in stands.items()}, checkpoint=stands)
    return path


@pytest.fixture(params=[pytest.param("mosquitto", marks=needs_mosquitto), "amqtt"])
def broker(request: pytest.FixtureRequest) -> Iterator[BrokerAddress]:
    with embedded_broker(request.param) as address:
        yield address


@pytest.fixture
def some_broker() -> Iterator[BrokerAddress]:
    with embedded_broker() as address:
        yield address


def run_live(scenario: Scenario, **options: Any) -> LiveResult:
    """Run with an end: an answer that never comes must not hang the suite."""
    return live.run_live(scenario, **{"duration_seconds": 60.0, **options})


def expected_bytes(count: int) -> dict[str, list[bytes]]:
    """Payloads after the history, from one run over history and live time together."""
    whole = synthlab.backfill(
        a_scenario(), start_at=END_AT - timedelta(days=1), end_at=END_AT + timedelta(seconds=300 * count)
    ).frame
    later = whole[whole["received_at"] > END_AT]
    found: dict[str, list[bytes]] = {TANK: [], TRUCK: []}
    for emission in emissions(later):
        found[emission.device_id].append(encode_payload(emission.payload))
    return found


def by_device(messages: list[Seen]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for each in messages:
        found.setdefault(each.topic.split("/")[1], []).append(each.payload)
    return found


def seqs(payloads: list[bytes]) -> list[int]:
    return [json.loads(payload)["seq"] for payload in payloads]


def counts_of(result: LiveResult) -> tuple[int, int, int, int]:
    return result.emitted, result.acknowledged, result.pending, result.dropped


def test_live_goes_on_from_the_history_in_number_time_and_level(
    broker: BrokerAddress, state_file: Path
) -> None:
    with Observer(broker) as observer:
        result = run_live(a_scenario(), broker=broker.display_url, state_file=state_file, iterations=4)
        more = run_live(a_scenario(), broker=broker.display_url, state_file=state_file, iterations=2)
        seen = observer.wait_for(lambda messages: len(messages) >= 12)
    assert by_device(seen) == expected_bytes(6)
    assert {(each.qos, each.is_retained) for each in seen} == {(1, False)}
    assert {each.topic for each in seen} == {f"devices/{name}/telemetry" for name in (TANK, TRUCK)}
    assert counts_of(result) == (8, 8, 0, 0)
    assert result.stopped_by == more.stopped_by == "iterations"
    assert result.devices[TANK]["first_seq"] == 290
    assert more.devices[TANK] == {
        "emitted": 2,
        "acknowledged": 2,
        "first_seq": 294,
        "last_seq": 295,
        "simulated_at": "2026-02-12T10:30:00Z",
    }


def test_the_state_holds_the_last_acknowledged_emission(some_broker: BrokerAddress, state_file: Path) -> None:
    run_live(a_scenario(), broker=some_broker.display_url, state_file=state_file, iterations=3)
    state = SequenceState.peek(state_file)
    frame = synthlab.backfill(
        a_scenario(), start_at=END_AT - timedelta(days=1), end_at=END_AT + timedelta(minutes=15)
    )
    assert state.checkpoint() == frame.checkpoint.to_dict()["devices"]
    for name in (TANK, TRUCK):
        assert (state.last_seq(name), state.next_seq(name), state.gaps(name)) == (292, 293, ())
    assert state.document.reservations == ()


@needs_mosquitto
def test_the_client_id_is_the_device_id(state_file: Path, tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    # Only a client of the device's own name may write its topic; anybody may read.
    rules.write_text("topic read #\npattern write devices/%c/telemetry\n")
    with mosquitto(OPEN + f"acl_file {rules}\n") as address:
        result = run_live(a_scenario(), broker=address.display_url, state_file=state_file, iterations=2)
    assert counts_of(result) == (4, 4, 0, 0)
    assert result.protocols == {"5.0": 2}


@needs_mosquitto
def test_what_the_broker_refuses_is_dropped_and_declared(state_file: Path, tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text(f"topic read #\ntopic write devices/{TANK}/telemetry\n")
    with mosquitto(OPEN + f"acl_file {rules}\n") as address, Observer(address) as observer:
        result = run_live(a_scenario(), broker=address.display_url, state_file=state_file, iterations=3)
        observer.wait_for(lambda messages: len(messages) >= 3)
    assert counts_of(result) == (6, 3, 0, 3)
    state = SequenceState.peek(state_file)
    (gap,) = state.gaps(TRUCK)
    assert (gap.range.first_seq, gap.range.last_seq, gap.reason) == (290, 292, "refused")
    assert state.gaps(TANK) == ()
    # Time went on for the truck as well.
    assert state.resume_second(TRUCK) == state.resume_second(TANK)


def test_without_history_it_starts_now(some_broker: BrokerAddress, scratch: Path) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    with Observer(some_broker) as observer:
        run_live(a_scenario(), broker=some_broker.display_url, iterations=2)
        seen = observer.wait_for(lambda messages: len(messages) >= 4)
    assert seqs(by_device(seen)[TANK]) == [1, 2]
    first, second = (json.loads(each)["local_timestamp_ms"] // 1000 for each in by_device(seen)[TANK])
    # The device clock is not quite the server's.
    assert abs(second - first - 300) <= 1
    # The device's own clock may be off by some seconds.
    assert abs(first - before.timestamp()) < 120
    assert (scratch / ".tmp/synthetic_sim_seq_state.json").exists()


def test_a_clock_that_is_behind_is_said_and_can_be_passed_over(
    some_broker: BrokerAddress, state_file: Path
) -> None:
    lagging = run_live(a_scenario(), broker=some_broker.display_url, state_file=state_file, iterations=1)
    assert [each for each in lagging.warnings if "behind the wall clock" in each]
    now = datetime.now(UTC)
    passed = run_live(
        a_scenario(), broker=some_broker.display_url, state_file=state_file, iterations=1, start_at="now"
    )
    assert not [each for each in passed.warnings if "behind the wall clock" in each]
    assert passed.devices[TANK]["first_seq"] == 291
    ahead = datetime.fromisoformat(passed.devices[TANK]["simulated_at"]) - now
    assert timedelta(seconds=-5) < ahead < timedelta(seconds=310)


def test_start_at_before_the_end_of_the_history_is_refused(state_file: Path) -> None:
    with pytest.raises(UsageError, match=r"must not lie before .*: its history and whatever"):
        run_live(a_scenario(), state_file=state_file, iterations=1, start_at="2026-02-12T09:00:00Z")


@pytest.mark.parametrize(
    "bad", [{"iterations": -1}, {"duration_seconds": -0.5}, {"duration_seconds": float("nan")}]
)
def test_a_negative_limit_is_a_bad_call(scratch: Path, bad: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        run_live(a_scenario(), **bad)
    assert caught.value.code == "BAD_ARGUMENT"
    assert list(scratch.iterdir()) == []


def test_the_embedded_broker_is_the_default(scratch: Path) -> None:
    result = run_live(a_scenario(), iterations=1)
    assert counts_of(result) == (2, 2, 0, 0)
    assert result.broker.startswith("mqtt://127.0.0.1:")
    json.dumps(result.to_dict())


def test_the_scenarios_broker_comes_before_the_environments(
    some_broker: BrokerAddress, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHLAB_BROKER_URL", some_broker.display_url)
    assert run_live(a_scenario(), iterations=1).broker == some_broker.display_url
    named = a_scenario(mqtt="mqtt: {host: 127.0.0.1, port: 1883}\n")
    # Port 1883 is plain MQTT by convention. Whether somebody listens there is nobody's business.
    address = broker_address(named, None)
    assert address is not None
    assert address.display_url == "mqtt://127.0.0.1:1883"


def test_a_port_other_than_1883_means_tls() -> None:
    address = broker_address(a_scenario(mqtt="mqtt: {host: 127.0.0.1, port: 1884}\n"), None)
    assert address is not None
    assert address.display_url == "mqtts://127.0.0.1:1884"


def test_a_broker_that_is_down_leaves_nothing_behind(scratch: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"mqtt://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(ServiceUnavailableError) as caught:
            run_live(a_scenario(), broker=url, state_file=scratch / "state.json", iterations=1)
    assert (caught.value.code, caught.value.exit_code) == ("BROKER_UNAVAILABLE", 8)
    assert url in str(caught.value)
    assert [path.name for path in scratch.iterdir()] == ["state.json.lock"]


def test_a_state_in_use_is_left_alone(state_file: Path) -> None:
    before = state_file.read_bytes()
    with SequenceState.open(state_file), pytest.raises(SequenceStateError) as caught:
        run_live(a_scenario(), state_file=state_file, iterations=1)
    assert caught.value.code == "STATE_LOCKED"
    assert state_file.read_bytes() == before


@pytest.mark.parametrize("named", [True, False])
def test_a_missing_certificate_is_said_and_nothing_is_made(scratch: Path, named: bool) -> None:
    paths = f"cert_path: {scratch}/no.crt, key_path: {scratch}/no.key, " if named else ""
    scenario = a_scenario(mqtt=f"mqtt: {{{paths}host: 127.0.0.1}}\n")
    with pytest.raises(CredentialsError) as caught:
        run_live(scenario, iterations=1)
    assert (caught.value.code, caught.value.exit_code) == ("MQTT_CREDENTIALS_MISSING", 4)
    assert "MQTT cert/key not found" in str(caught.value)
    assert list(scratch.iterdir()) == []


def test_a_named_certificate_must_be_there_on_a_plain_connection(
    some_broker: BrokerAddress, scratch: Path
) -> None:
    (scratch / f"{TANK}.pem").touch()
    (scratch / "any.key").touch()
    for broker in (None, some_broker):
        with pytest.raises(CredentialsError) as caught:
            run_live(
                a_scenario(mqtt='mqtt: {cert_path: "{device_id}.pem", key_path: any.key}\n'),
                broker=broker,
                iterations=1,
            )
        assert (caught.value.code, caught.value.exit_code) == ("MQTT_CREDENTIALS_MISSING", 4)
        assert [problem.value for problem in caught.value.problems] == [repr(f"{TRUCK}.pem")]
    (scratch / f"{TRUCK}.pem").touch()
    both = a_scenario(mqtt='mqtt: {cert_path: "{device_id}.pem", key_path: any.key}\n')
    assert counts_of(run_live(both, broker=some_broker, iterations=1)) == (2, 2, 0, 0)


def test_certificates_of_the_environment_are_for_tls_only(
    some_broker: BrokerAddress, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHLAB_MQTT_CERT_PATH", "no.pem")
    monkeypatch.setenv("SYNTHLAB_MQTT_KEY_PATH", "no.key")
    assert counts_of(run_live(a_scenario(), broker=some_broker, iterations=1)) == (2, 2, 0, 0)
    with pytest.raises(CredentialsError, match=r"MQTT cert/key not found, got 'no\.pem'"):
        run_live(a_scenario(mqtt="mqtt: {host: 127.0.0.1}\n"), iterations=1)


@needs_mosquitto
def test_tls_with_a_certificate_for_each_device(
    state_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path / "ca")
    for name in (TANK, TRUCK):
        authority.issue(name)
    monkeypatch.setenv("SYNTHLAB_MQTT_CA_PATH", str(authority.path))
    rules = tmp_path / "acl"
    rules.write_text("pattern write devices/%u/telemetry\n")
    with mosquitto(authority.mosquitto_config() + f"acl_file {rules}\n") as address:
        folder = authority.path.parent
        mqtt = (
            f"mqtt:\n  host: {address.host}\n  port: {address.port}\n"
            f'  cert_path: "{folder}/{{device_id}}.crt"\n  key_path: "{folder}/{{device_id}}.key"\n'
        )
        result = run_live(a_scenario(mqtt=mqtt), state_file=state_file, iterations=2)
    assert counts_of(result) == (4, 4, 0, 0)
    assert result.broker == f"mqtts://{address.host}:{address.port}"


@needs_mosquitto
def test_a_password_is_used_and_never_shown(
    state_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "c4n4ry-p4ssw0rd"
    passwords = tmp_path / "passwords"
    maker = Path("/usr/bin/mosquitto_passwd")
    if not maker.exists():
        pytest.skip("mosquitto_passwd is not installed")
    subprocess.run([maker, "-b", "-c", passwords, "ana", canary], check=True, capture_output=True)
    config = OPEN.replace("allow_anonymous true", f"allow_anonymous false\npassword_file {passwords}")
    with mosquitto(config) as address:
        url = f"mqtt://ana@127.0.0.1:{address.port}"
        with pytest.raises(CredentialsError) as caught:
            run_live(a_scenario(), broker=url, state_file=state_file, iterations=1)
        assert caught.value.code == "BROKER_REFUSED"
        monkeypatch.setenv("SYNTHLAB_BROKER_PASSWORD", canary)
        result = run_live(a_scenario(), broker=url, state_file=state_file, iterations=1)
    assert result.acknowledged == 2
    assert canary not in f"{result!r} {result.to_dict()} {state_file.read_text()}"


@needs_mosquitto
def test_a_broker_that_restarts_loses_nothing(state_file: Path) -> None:
    sent = threading.Event()
    results: list[LiveResult] = []

    def on_progress(progress: LiveProgress) -> None:
        if progress.emitted:
            sent.set()

    with mosquitto() as address:
        run = threading.Thread(
            target=lambda: results.append(
                run_live(
                    a_scenario(speedup=10_000.0),
                    broker=address.display_url,
                    state_file=state_file,
                    iterations=40,
                    on_progress=on_progress,
                )
            )
        )
        run.start()
        assert sent.wait(30)
    with mosquitto(port=address.port):
        run.join(60)
    (result,) = results
    assert counts_of(result) == (80, 80, 0, 0)
    state = SequenceState.peek(state_file)
    assert (state.last_seq(TANK), state.gaps(TANK)) == (329, ())


@pytest.fixture
def platform(scratch: Path) -> str:
    url = f"sqlite:///{scratch / 'platform.db'}"
    synthlab.provision(a_scenario(), database=url)
    return url


def rows_of(url: str, table: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        count = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
    engine.dispose()
    return int(count)


def test_live_telemetry_lands_in_the_platform(broker: BrokerAddress, platform: str, state_file: Path) -> None:
    result = run_live(
        a_scenario(), broker=broker.display_url, database=platform, state_file=state_file, iterations=5
    )
    assert result.listener == {"status_counts": {"stored:READING": 10}, "complete": True}
    assert rows_of(platform, "device_telemetry_messages") == 10
    assert rows_of(platform, "reservoir_readings") == 10


def test_no_listener_where_none_is_wanted(
    some_broker: BrokerAddress, platform: str, state_file: Path
) -> None:
    result = run_live(
        a_scenario(),
        broker=some_broker.display_url,
        database=platform,
        state_file=state_file,
        iterations=1,
        listen=False,
    )
    assert result.listener is None
    assert rows_of(platform, "device_telemetry_messages") == 0


def test_a_listener_without_a_platform_is_a_bad_call(some_broker: BrokerAddress, scratch: Path) -> None:
    with pytest.raises(UsageError, match="needs a platform to feed"):
        run_live(a_scenario(), broker=some_broker.display_url, iterations=1, listen=True)
    assert not (scratch / ".synthlab").exists()


def test_preflight_errors_stop_the_run(platform: str, scratch: Path) -> None:
    other = loads_scenario(scenario_text().replace(TANK, "E2ENOBODY"))
    with pytest.raises(PreflightError, match="device not found"):
        run_live(other, database=platform, iterations=1)
    assert sorted(path.name for path in scratch.iterdir()) == ["platform.db"]


def test_duration_ends_the_run_and_draws_no_more_than_it_sent(
    some_broker: BrokerAddress, state_file: Path
) -> None:
    result = run_live(
        a_scenario(speedup=3_000.0),
        broker=some_broker.display_url,
        state_file=state_file,
        duration_seconds=0.35,
    )
    # Due at 0, 0.1, 0.2 and 0.3 s; a slow machine sends fewer before the end, none sends more.
    assert 2 <= result.emitted <= 8
    assert result.stopped_by == "duration"
    state = SequenceState.peek(state_file)
    assert state.next_seq(TANK) == 290 + result.devices[TANK]["emitted"]


def test_progress_tells_every_sample_once(some_broker: BrokerAddress, state_file: Path) -> None:
    records: list[LiveProgress] = []
    run_live(
        a_scenario(),
        broker=some_broker.display_url,
        state_file=state_file,
        iterations=10,
        on_progress=records.append,
    )
    samples = [sample for record in records for sample in record.recent if sample.device_id == TANK]
    assert [sample.seq for sample in samples] == list(range(290, 300))
    assert samples[0].received_at == END_AT + timedelta(minutes=5)
    assert (records[-1].emitted, records[-1].acknowledged, records[-1].pending) == (20, 20, 0)


def test_an_error_in_the_callers_callback_leaves_a_right_state(
    some_broker: BrokerAddress, state_file: Path
) -> None:
    def fail(_progress: LiveProgress) -> None:
        raise RuntimeError("the caller's own")

    with Observer(some_broker) as observer:
        with pytest.raises(RuntimeError, match="the caller's own"):
            run_live(
                a_scenario(speedup=600.0),
                broker=some_broker.display_url,
                state_file=state_file,
                iterations=5,
                on_progress=fail,
            )
        seen = observer.wait_for(lambda messages: len(messages) >= 2)
        used = max(seqs(by_device(seen)[TANK]))
    state = SequenceState.peek(state_file)
    assert state.document.reservations == ()
    assert state.last_seq(TANK) >= used


RUNNER = """
import json, sys
from synthlab.scenario.loader import load_scenario
from synthlab.workflows.live import run_live
scenario, broker, state_file = sys.argv[1:]
result = run_live(
    load_scenario(scenario), broker=broker, state_file=state_file,
    on_progress=lambda record: print("progress", record.emitted, file=sys.stderr, flush=True),
)
print(json.dumps(result.to_dict()))
"""


def start(folder: Path, address: BrokerAddress, state_file: Path) -> subprocess.Popen[str]:
    scenario = folder / "scenario.yaml"
    scenario.write_text(scenario_text(speedup=30_000.0))
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(scenario), address.display_url, str(state_file)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_ends_well(
    some_broker: BrokerAddress, state_file: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with Observer(some_broker) as observer, start(tmp_path, some_broker, state_file) as run:
        observer.wait_for(lambda messages: len(messages) >= 10)
        run.send_signal(number)
        output, errors = run.communicate(timeout=60)
        assert run.returncode == 0, errors
        result = json.loads(output)
        seen = observer.wait_for(lambda messages: len(messages) >= result["acknowledged"])
    assert result["stopped_by"] == number.name
    assert (result["pending"], result["dropped"]) == (0, 0)
    assert result["emitted"] == result["acknowledged"] == len(seen)
    state = SequenceState.peek(state_file)
    for name, payloads in by_device(seen).items():
        assert seqs(payloads) == list(range(290, 290 + len(payloads)))
        assert (state.last_seq(name), state.gaps(name)) == (289 + len(payloads), ())


def test_killed_runs_never_use_a_number_twice_and_declare_every_gap(
    some_broker: BrokerAddress, state_file: Path, tmp_path: Path
) -> None:
    with Observer(some_broker) as observer:
        for _ in range(4):
            known = len(observer.messages)
            with start(tmp_path, some_broker, state_file) as run:
                observer.wait_for(lambda messages, known=known: len(messages) >= known + 7)  # type: ignore[misc]
                os.kill(run.pid, signal.SIGKILL)
        known = len(observer.messages)
        result = run_live(a_scenario(), broker=some_broker.display_url, state_file=state_file, iterations=2)
        seen = observer.wait_for(lambda messages: len(messages) >= known + result.acknowledged)
    state = SequenceState.peek(state_file)
    killed = 0
    for name, payloads in by_device(seen).items():
        used = seqs(payloads)
        assert len(used) == len(set(used))
        assert used == sorted(used)
        gaps = [gap.range for gap in state.gaps(name)]
        killed += len(gaps)
        declared = {seq for gap in gaps for seq in range(gap.first_seq, gap.last_seq + 1)}
        assert set(range(290, state.last_seq(name) + 1)) - set(used) <= declared
        # Time goes on in step with the numbers, so no moment is simulated twice.
        clocks = [json.loads(each)["local_timestamp_ms"] // 1000 for each in payloads]
        begin = END_AT.timestamp()
        offsets = [clock - begin - 300 * (seq - 289) for clock, seq in zip(clocks, used, strict=True)]
        assert max(map(abs, offsets)) < 150
    assert killed >= 4
