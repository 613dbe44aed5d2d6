"""The state verbs against a real platform: what is lost comes back, and one state feeds one platform."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

import synthlab
from synthlab.adapters.database import open_database
from synthlab.errors import PreflightError, SequenceStateError, ServiceUnavailableError, UsageError
from synthlab.sequence import DEFAULT_STATE_FILE, Gap, SeqRange, SequenceState
from synthlab.workflows.state import recover_state, release_state, show_state

Query = Callable[[str, str], list[tuple[Any, ...]]]
TANK, TRUCK = "E2ETINYSTAT1", "E2ETINYMOB1"
ROWS = 49
END_SECOND = 1_770_890_400
STATE = DEFAULT_STATE_FILE
PREVIOUS = STATE.with_name(STATE.name + ".prev")


@pytest.fixture
def imported(tiny_scenario: synthlab.Scenario, platform: str, end_at: datetime) -> str:
    """A platform with 49 rows of each device, and the state that fed it."""
    artifact = synthlab.export_csv(tiny_scenario, database=platform, run_id="r1", end_at=end_at)
    synthlab.import_csv(artifact.directory, database=platform, apply=True)
    return platform


def shown(url: str) -> str:
    with open_database(url, read_only=True) as platform:
        return platform.display_url


def lose(how: str) -> bytes | None:
    """Damage the state in one way; return what is left of the file."""
    if how == "missing":
        STATE.unlink()
        PREVIOUS.unlink()
        return None
    if how == "missing, with a .prev":
        STATE.unlink()
        return None
    if how == ".prev put in its place":
        STATE.write_bytes(PREVIOUS.read_bytes())
    elif how == ".prev moved to its place":
        PREVIOUS.replace(STATE)
    elif how == "cut":
        STATE.write_bytes(STATE.read_bytes()[:-30])
    elif how == "empty":
        STATE.write_bytes(b"")
        PREVIOUS.unlink()
    return STATE.read_bytes()


LOSSES = {
    "whole": "state",
    "missing": "state",
    "missing, with a .prev": "previous",
    ".prev put in its place": "previous",
    ".prev moved to its place": "nothing",
    "cut": "previous",
    "empty": "nothing",
}


@pytest.mark.parametrize("how", LOSSES)
def test_a_lost_state_goes_on_behind_what_is_stored(imported: str, how: str) -> None:
    left = lose(how)
    if how not in ("whole", "missing"):
        with pytest.raises(SequenceStateError) as caught:
            SequenceState.open()
        assert caught.value.code == "STATE_DAMAGED"
        assert "synthlab state recover --from-db" in str(caught.value)
    result = recover_state(database=imported, margin=10)
    assert result.recovered_from == LOSSES[how]
    assert result.devices == {
        name: {"platform_last_seq": ROWS, "next_seq": ROWS + 11} for name in (TRUCK, TANK)
    }
    with SequenceState.open() as state:
        assert state.gaps(TANK) == (Gap(SeqRange(ROWS + 1, ROWS + 10, END_SECOND), "recovered"),)
        drawn = state.reserve(run_id="next", scenario_sha256="00", counts={TANK: 1, TRUCK: 1})
    assert drawn == {TANK: ROWS + 11, TRUCK: ROWS + 11}
    damaged = STATE.with_name(STATE.name + ".damaged")
    assert (damaged.read_bytes() if damaged.exists() else None) == (None if how == "whole" else left)


def test_recovery_keeps_what_is_reserved_beyond_the_platform(
    imported: str, tiny_scenario: synthlab.Scenario, end_at: datetime
) -> None:
    waiting = synthlab.export_csv(tiny_scenario, database=imported, run_id="r2", end_at=end_at)
    assert recover_state(database=imported, margin=10).devices[TANK]["next_seq"] == 2 * ROWS + 1
    again = synthlab.export_csv(tiny_scenario, database=imported, run_id="r2", end_at=end_at)
    assert again.manifest["csv_sha256"] == waiting.manifest["csv_sha256"]


def test_recovery_needs_a_platform_that_answers(
    scratch: Path, tmp_path: Path, tiny_scenario: synthlab.Scenario
) -> None:
    STATE.parent.mkdir()
    STATE.write_bytes(b"damaged")
    for url, error in {
        f"sqlite:///{tmp_path}/none.db": PreflightError,
        "postgresql://user@127.0.0.1:1/none": ServiceUnavailableError,
    }.items():
        with pytest.raises(error):
            recover_state(database=url)
    with pytest.raises(UsageError):
        recover_state(margin=0)
    assert [each.name for each in STATE.parent.iterdir()] == [STATE.name]
    assert STATE.read_bytes() == b"damaged"


def test_the_first_import_chooses_the_platform_and_looking_does_not(
    tiny_scenario: synthlab.Scenario, platform: str, end_at: datetime
) -> None:
    artifact = synthlab.export_csv(tiny_scenario, database=platform, run_id="r1", end_at=end_at)
    synthlab.import_csv(artifact.directory, database=platform)
    synthlab.validate(tiny_scenario, database=platform)
    synthlab.preview(tiny_scenario, database=platform, steps=1)
    assert SequenceState.peek().document.target is None
    synthlab.import_csv(artifact.directory, database=platform, apply=True)
    target = SequenceState.peek().document.target
    assert target is not None
    assert target.label == shown(platform)
    assert show_state().state["target"]["label"] == target.label


def test_another_platform_is_refused_before_anything_is_written(
    imported: str, tiny_scenario: synthlab.Scenario, tmp_path: Path, end_at: datetime, query: Query
) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    synthlab.provision(tiny_scenario, database=other)
    before = STATE.read_bytes()
    calls: dict[str, Callable[[], object]] = {
        "import": lambda: synthlab.import_csv("artifacts/tiny/r1", database=other, apply=True),
        "bootstrap": lambda: synthlab.bootstrap(tiny_scenario, database=other, end_at=end_at),
        "run": lambda: synthlab.run_live(tiny_scenario, database=other, iterations=1),
        "recover": lambda: recover_state(database=other),
    }
    for name, call in calls.items():
        with pytest.raises(SequenceStateError) as caught:
            call()
        assert (caught.value.code, caught.value.exit_code) == ("STATE_TARGET_MISMATCH", 9), name
        assert "synthlab state release --target" in str(caught.value)
    assert STATE.read_bytes() == before
    assert query(other, "SELECT count(*) FROM device_telemetry_messages") == [(0,)]
    released = release_state(target=True)
    assert released.target == shown(imported)
    assert recover_state(database=other, margin=1).target == f"sqlite:///{tmp_path / 'other.db'}"
    synthlab.bootstrap(tiny_scenario, database=other, end_at=end_at)


def test_a_stream_is_refused_where_the_platform_knows_higher_numbers(
    imported: str, tiny_scenario: synthlab.Scenario, query: Query
) -> None:
    lose("missing")
    with pytest.raises(SequenceStateError) as caught:
        synthlab.run_live(tiny_scenario, database=imported, iterations=1)
    assert [each.path for each in caught.value.problems] == [f"devices.{TRUCK}", f"devices.{TANK}"]
    assert (caught.value.code, caught.value.exit_code) == ("STATE_BEHIND_PLATFORM", 9)
    assert f"seq {ROWS}" in str(caught.value)
    assert not STATE.exists()
    recover_state(database=imported)
    synthlab.run_live(tiny_scenario, database=imported, iterations=1, start_at="now")
    assert query(imported, "SELECT min(seq) FROM device_telemetry_messages WHERE seq > 49")[0][0] > 1_000


def test_a_moved_project_is_still_the_same_platform(
    tmp_path: Path, tiny_scenario: synthlab.Scenario, monkeypatch: pytest.MonkeyPatch, end_at: datetime
) -> None:
    (tmp_path / "old").mkdir()
    monkeypatch.chdir(tmp_path / "old")
    synthlab.provision(tiny_scenario)
    synthlab.bootstrap(tiny_scenario, end_at=end_at)
    (tmp_path / "old").rename(tmp_path / "new")
    monkeypatch.chdir(tmp_path / "new")
    again = synthlab.bootstrap(tiny_scenario, end_at=end_at)
    assert again.status_counts == {"duplicate:SEQ": 2 * ROWS}
    # A platform made anew in its place is fed on as well: its numbers only begin later.
    os.replace(".synthlab/platform.db", "elsewhere.db")
    synthlab.provision(tiny_scenario)
    assert synthlab.bootstrap(tiny_scenario, end_at=end_at).status_counts == {"stored:READING": 2 * ROWS}


def test_a_server_is_the_same_platform_under_every_address(postgres_url: str, postgres_server: str) -> None:
    with open_database(postgres_url) as one, open_database(f"{postgres_url}&application_name=other") as same:
        assert one.fingerprints() == same.fingerprints() != ()
    other = make_url(postgres_server).render_as_string(hide_password=False)
    with open_database(postgres_url) as one, open_database(other) as second:
        assert set(one.fingerprints()).isdisjoint(second.fingerprints())


def test_a_released_export_is_made_anew_under_other_numbers(
    tiny_scenario: synthlab.Scenario, sqlite_platform: str, end_at: datetime
) -> None:
    synthlab.export_csv(tiny_scenario, database=sqlite_platform, run_id="r1", end_at=end_at)
    result = release_state(run_id="r1")
    assert result.released[TANK] == {"first_seq": 1, "last_seq": ROWS}
    assert SequenceState.peek().gaps(TANK) == (Gap(SeqRange(1, ROWS), "released"),)
    anew = synthlab.export_csv(
        tiny_scenario, database=sqlite_platform, run_id="r1", end_at=end_at, output_root="anew"
    )
    assert anew.manifest["devices"][TANK]["first_seq"] == ROWS + 1


def test_what_may_be_stored_is_not_released(imported: str) -> None:
    before = STATE.read_bytes()
    for arguments, rule in {
        "r1": "may be on the platform",
        "r9": "nothing is reserved",
    }.items():
        with pytest.raises(UsageError, match=rule):
            release_state(run_id=arguments)
    with pytest.raises(UsageError, match="names nothing to release"):
        release_state()
    assert STATE.read_bytes() == before


def test_show_tells_who_holds_the_lock(scratch: Path) -> None:
    report = show_state()
    assert (report.exists, report.lock_holder, report.table()) == (False, None, [])
    assert list(scratch.iterdir()) == []
    with SequenceState.open() as state:
        state.advance({"A": 3}, checkpoint={"A": {"at_second": 0, "last_seq": 3}})
        state.reserve(run_id="r", scenario_sha256="00", counts={"A": 4})
        report = show_state()
        assert report.lock_holder == os.getpid()
        with pytest.raises(SequenceStateError, match=f"process {os.getpid()}"):
            SequenceState.open()
    assert report.table() == [("A", "3", "8", "4", "0", "1970-01-01T00:00:00Z")]
    assert show_state().lock_holder is None
