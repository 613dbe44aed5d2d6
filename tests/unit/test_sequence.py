"""The sequence state: no number twice, no silent gap, no torn or trusted damage."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.errors import SequenceStateError, UsageError
from synthlab.sequence import DEFAULT_STATE_FILE, Gap, SeqRange, SequenceState

SHA = "ab" * 32


def stands(at_second: int, last_seq: int) -> dict[str, int]:
    return {"at_second": at_second, "last_seq": last_seq, "volume_ml": 1_000}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "state.json"


def test_a_missing_file_is_an_empty_state_and_reading_makes_none(path: Path) -> None:
    snapshot = SequenceState.peek(path)
    assert (snapshot.last_seq("A"), snapshot.next_seq("A"), snapshot.checkpoint()) == (0, 1, {})
    assert not path.parent.exists()
    with SequenceState.open(path) as state:
        assert state.last_seq("A") == 0
    assert not path.exists()


def test_the_default_file_is_the_guides() -> None:
    assert DEFAULT_STATE_FILE.as_posix() == ".tmp/synthetic_sim_seq_state.json"


def test_the_file_has_the_agreed_keys(path: Path) -> None:
    with SequenceState.open(path) as state:
        state.reserve(run_id="r", scenario_sha256=SHA, counts={"A": 3})
        state.advance({"A": 3}, checkpoint={"A": stands(60, 3)})
    document = json.loads(path.read_text())
    assert sorted(document) == [
        "checksum",
        "devices",
        "generation",
        "reservations",
        "role",
        "schema_version",
        "state_id",
        "target",
    ]
    assert (document["schema_version"], document["role"]) == (2, "current")
    assert document["generation"] == 2
    assert document["devices"]["A"] == {"last_seq": 3, "checkpoint": stands(60, 3), "gaps": []}
    assert document["reservations"] == [
        {
            "run_id": "r",
            "scenario_sha256": SHA,
            "kind": "export",
            "is_used": True,
            "devices": {"A": {"first_seq": 1, "last_seq": 3, "until_second": None}},
        }
    ]


def test_a_range_is_on_the_disk_before_it_is_returned(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    )
    with SequenceState.open(path) as state:
        state.reserve(run_id="r", scenario_sha256=SHA, counts={"A": 3})
        assert SequenceState.peek(path).next_seq("A") == 4
    # First the new content, then the folder that names it.
    assert synced == [str(path) + ".tmp", str(path.parent)]


def test_the_same_run_gets_the_same_range_and_others_get_later_ones(path: Path) -> None:
    with SequenceState.open(path) as state:
        assert state.reserve(run_id="a", scenario_sha256=SHA, counts={"A": 10, "B": 5}) == {"A": 1, "B": 1}
    with SequenceState.open(path) as state:
        generation = state.document.generation
        assert state.reserve(run_id="a", scenario_sha256=SHA, counts={"A": 10, "B": 5}) == {"A": 1, "B": 1}
        assert state.document.generation == generation
        assert state.reserve(run_id="a", scenario_sha256="cd" * 32, counts={"A": 10}) == {"A": 11}
        assert state.reserve(run_id="b", scenario_sha256=SHA, counts={"A": 1, "C": 1}) == {"A": 21, "C": 1}
        # A longer range than before cannot be the same numbers.
        assert state.reserve(run_id="a", scenario_sha256=SHA, counts={"A": 11}) == {"A": 22}
        assert state.reserve(run_id="a", scenario_sha256=SHA, counts={"A": 11}) == {"A": 22}


def test_an_import_does_not_give_up_the_range_of_its_export(path: Path) -> None:
    with SequenceState.open(path) as state:
        state.reserve(run_id="a", scenario_sha256=SHA, counts={"A": 10})
        state.advance({"A": 10})
        assert state.reserve(run_id="a", scenario_sha256=SHA, counts={"A": 10}) == {"A": 1}
        assert state.next_seq("A") == 11


@pytest.mark.parametrize("count", [0, -1, True, 1.5, "3", 2**63])
def test_a_bad_count_draws_nothing(path: Path, count: object) -> None:
    with SequenceState.open(path) as state, pytest.raises(UsageError) as caught:
        state.reserve(run_id="a", scenario_sha256=SHA, counts={"A": 1, "B": count})  # type: ignore[dict-item]
    assert caught.value.code == "BAD_ARGUMENT"
    assert not path.exists()


def test_neither_numbers_nor_checkpoints_go_back(path: Path) -> None:
    with SequenceState.open(path) as state:
        state.advance({"A": 9}, checkpoint={"A": stands(900, 9)})
        state.advance({"A": 4}, checkpoint={"A": stands(400, 4)})
        state.advance({"A": 9}, checkpoint={"A": stands(900, 8)})
    with SequenceState.open(path) as state:
        assert state.last_seq("A") == 9
        assert state.checkpoint() == {"A": stands(900, 9)}
        state.advance({}, checkpoint={"A": stands(1_000, 10)})
        assert state.last_seq("A") == 10
        assert state.resume_second("A") == 1_000


def test_nothing_to_say_is_no_write(path: Path) -> None:
    with SequenceState.open(path) as state:
        state.advance({"A": 9})
        before = path.stat().st_mtime_ns, state.document.generation
        state.advance({"A": 9})
        state.advance({})
        assert (path.stat().st_mtime_ns, state.document.generation) == before


def test_a_live_run_that_ends_well_gives_its_tail_back(path: Path) -> None:
    run = {"run_id": "live-1", "scenario_sha256": SHA}
    with SequenceState.open(path) as state:
        assert state.draw_block(**run, counts={"A": 5}, until_seconds={"A": 300}) == {"A": 1}
        assert state.draw_block(**run, counts={"A": 5}, until_seconds={"A": 600}, last_seq={"A": 5}) == {
            "A": 6
        }
        assert SequenceState.peek(path).last_seq("A") == 5
        state.finish_blocks(**run, last_seq={"A": 7}, checkpoint={"A": stands(420, 7)})
    with SequenceState.open(path) as state:
        assert (state.last_seq("A"), state.next_seq("A"), state.gaps("A")) == (7, 8, ())
        assert state.document.reservations == ()


def test_what_a_killed_run_may_have_used_is_a_declared_gap(path: Path) -> None:
    run = {"run_id": "live-1", "scenario_sha256": SHA}
    with SequenceState.open(path) as state:
        state.advance({"A": 10}, checkpoint={"A": stands(600, 10)})
        state.draw_block(**run, counts={"A": 5}, until_seconds={"A": 900})
        state.draw_block(
            **run,
            counts={"A": 5},
            until_seconds={"A": 1_200},
            last_seq={"A": 13},
            checkpoint={"A": stands(780, 13)},
        )
    with SequenceState.open(path) as state:
        assert state.gaps("A") == (Gap(SeqRange(14, 20, 1_200), "interrupted"),)
        assert (state.last_seq("A"), state.next_seq("A")) == (20, 21)
        # Time is taken up to where the lost numbers would have been.
        assert state.checkpoint() == {"A": stands(780, 13)}
        assert state.resume_second("A") == 1_200
        state.advance({"A": 21}, checkpoint={"A": stands(1_260, 21)})
        assert state.resume_second("A") == 1_260
    assert SequenceState.peek(path).gaps("A") == (Gap(SeqRange(14, 20, 1_200), "interrupted"),)


def test_a_gap_of_an_export_says_nothing_about_time(path: Path) -> None:
    with SequenceState.open(path) as state:
        state.advance({"A": 10}, checkpoint={"A": stands(600, 10)})
        state.reserve(run_id="a", scenario_sha256=SHA, counts={"A": 1_000})
        assert state.resume_second("A") == 600
        assert state.next_seq("A") == 1_011


def test_a_second_opener_is_refused_until_the_first_closes(path: Path) -> None:
    with SequenceState.open(path):
        with pytest.raises(SequenceStateError) as caught:
            SequenceState.open(path)
        assert (caught.value.code, caught.value.exit_code) == ("STATE_LOCKED", 9)
        SequenceState.peek(path)
    SequenceState.open(path).close()


def test_a_damaged_state_leaves_no_lock_behind(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(SequenceStateError) as caught:
            SequenceState.open(path)
        assert caught.value.code == "STATE_DAMAGED"
    assert path.read_bytes() == b""


def test_the_lock_of_a_killed_holder_is_free(path: Path) -> None:
    code = f"""
import os, signal
from synthlab.sequence import SequenceState
state = SequenceState.open({str(path)!r})
state.draw_block(run_id="r", scenario_sha256="00", counts={{"A": 4}}, until_seconds={{"A": 9}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert done.returncode == -9
    with SequenceState.open(path) as state:
        assert state.gaps("A") == (Gap(SeqRange(1, 4, 9), "interrupted"),)
        assert state.next_seq("A") == 5


RACER = """
import sys
from synthlab.sequence import SequenceState
path, name = sys.argv[1], sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for turn in range(40):
    with SequenceState.open(path, wait_seconds=60) as state:
        first = state.reserve(run_id=f"{name}-{turn}", scenario_sha256="00", counts={"A": 3})["A"]
    print(first)
"""


def test_four_racers_never_draw_a_number_twice(path: Path) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, str(path), name], **pipes)  # type: ignore[call-overload]
        for name in "wxyz"
    ]
    assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 4
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outputs = [racer.communicate(timeout=120)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0, 0, 0]
    firsts = [int(line) for output in outputs for line in output.split()]
    assert sorted(firsts) == list(range(1, 4 * 40 * 3, 3))
    assert SequenceState.peek(path).next_seq("A") == 4 * 40 * 3 + 1


def body_of(content: bytes) -> dict[str, Any]:
    tree = json.loads(content)
    del tree["checksum"]
    return tree


def signed(body: dict[str, Any]) -> bytes:
    """The file's form, written by the standard library: a checksum over the rest, keys sorted."""

    def text(tree: dict[str, Any]) -> bytes:
        return (json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()

    return text({**body, "checksum": hashlib.sha256(text(body)).hexdigest()})


@pytest.fixture
def small(path: Path) -> bytes:
    with SequenceState.open(path) as state:
        state.advance({"A": 2}, checkpoint={"A": stands(60, 2)})
        state.reserve(run_id="r", scenario_sha256="00", counts={"A": 3})
    return path.read_bytes()


def test_every_truncation_is_found(path: Path, small: bytes) -> None:
    for length in range(len(small)):
        path.write_bytes(small[:length])
        with pytest.raises(SequenceStateError) as caught:
            SequenceState.peek(path)
        assert (caught.value.code, caught.value.exit_code) == ("STATE_DAMAGED", 9)


def test_every_flipped_byte_is_found(path: Path, small: bytes) -> None:
    for position in range(len(small)):
        for bit in (0x01, 0x20, 0x80):
            damaged = bytearray(small)
            damaged[position] ^= bit
            path.write_bytes(damaged)
            with pytest.raises(SequenceStateError) as caught:
                SequenceState.peek(path)
            assert caught.value.code == "STATE_DAMAGED"


def test_an_added_byte_is_found(path: Path, small: bytes) -> None:
    for damaged in (small + b"\n", b" " + small, small.replace(b'"A"', b' "A"'), small * 2):
        path.write_bytes(damaged)
        with pytest.raises(SequenceStateError) as caught:
            SequenceState.peek(path)
        assert caught.value.code == "STATE_DAMAGED"


def test_a_newer_version_is_refused_and_left_alone(path: Path, small: bytes) -> None:
    newer = signed({**body_of(small), "schema_version": 3})
    path.write_bytes(newer)
    for attempt in (SequenceState.peek, SequenceState.open, SequenceState.salvage):
        with pytest.raises(
            SequenceStateError, match=r"needs schema_version 2 or older, got 3. Update"
        ) as caught:
            attempt(path)
        assert (caught.value.code, caught.value.exit_code) == ("STATE_TOO_NEW", 9)
    assert path.read_bytes() == newer


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("last_seq", -1),
        ("last_seq", True),
        ("last_seq", "2"),
        ("checkpoint", {}),
        ("gaps", [{}]),
        ("gaps", None),
    ],
)
def test_a_checksum_over_nonsense_does_not_help(path: Path, small: bytes, key: str, value: object) -> None:
    tree = body_of(small)
    tree["devices"]["A"][key] = value
    path.write_bytes(signed(tree))
    with pytest.raises(SequenceStateError) as caught:
        SequenceState.peek(path)
    assert caught.value.code == "STATE_DAMAGED"


def test_the_state_before_is_kept_and_never_gone_on_from(path: Path, small: bytes) -> None:
    previous = path.with_name("state.json.prev")
    assert json.loads(previous.read_bytes())["generation"] == json.loads(small)["generation"] - 1
    path.unlink()
    with pytest.raises(SequenceStateError, match=r"\.prev") as caught:
        SequenceState.open(path)
    assert caught.value.code == "STATE_DAMAGED"


def test_a_linked_state_file_is_written_where_it_lies(path: Path, tmp_path: Path, small: bytes) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(path)
    with SequenceState.open(link) as state:
        state.advance({"A": 77})
        with pytest.raises(SequenceStateError):
            SequenceState.open(path)
    assert link.is_symlink()
    assert SequenceState.peek(path).last_seq("A") == 77


def test_history_of_an_earlier_time_leaves_the_live_stream_where_it_is(path: Path) -> None:
    with SequenceState.open(path) as state:
        state.advance({"A": 9}, checkpoint={"A": stands(900, 9)})
        state.advance({"A": 30}, checkpoint={"A": stands(500, 30)})
        assert (state.last_seq("A"), state.resume_second("A")) == (30, 900)
        state.advance({"A": 12}, checkpoint={"A": stands(950, 12)})
        assert (state.last_seq("A"), state.checkpoint()["A"]) == (30, stands(950, 12))


def test_history_of_an_earlier_time_hides_no_gap_of_a_live_run(path: Path) -> None:
    with SequenceState.open(path) as state:
        state.draw_block(run_id="r", scenario_sha256="00", counts={"A": 4}, until_seconds={"A": 900})
    with SequenceState.open(path) as state:
        state.advance({"A": 30}, checkpoint={"A": stands(500, 30)})
        assert state.resume_second("A") == 900


device_ids = st.sampled_from(["A", "B"])
moves = st.one_of(
    st.tuples(
        st.just("reserve"),
        st.sampled_from(["r1", "r2", "r3"]),
        st.dictionaries(device_ids, st.integers(1, 9)),
    ),
    st.tuples(st.just("advance"), st.dictionaries(device_ids, st.integers(0, 60))),
    st.tuples(st.just("live"), st.integers(1, 5), st.integers(0, 5), st.booleans()),
)


@given(st.lists(moves, max_size=12))
def test_no_sequence_of_commands_hands_out_a_number_twice(
    tmp_path_factory: pytest.TempPathFactory, commands: list[tuple]
) -> None:
    path = tmp_path_factory.mktemp("state") / "s.json"
    given_away: dict[str, set[int]] = {"A": set(), "B": set()}
    by_run: dict[tuple[str, str], int] = {}
    for turn, (kind, *rest) in enumerate(commands):
        with SequenceState.open(path) as state:
            floors = {name: state.last_seq(name) for name in given_away}
            if kind == "reserve":
                run_id, counts = rest
                for name, first in state.reserve(run_id=run_id, scenario_sha256="00", counts=counts).items():
                    drawn = set(range(first, first + counts[name]))
                    known = by_run.setdefault((run_id, name), first)
                    if known != first:
                        by_run[run_id, name] = first
                        assert drawn.isdisjoint(given_away[name])
                    given_away[name] |= drawn
            elif kind == "advance":
                state.advance(rest[0])
                for name, last in rest[0].items():
                    given_away[name] |= set(range(1, last + 1))
            else:
                count, used, killed = rest
                run = {"run_id": f"live-{turn}", "scenario_sha256": "00"}
                first = state.draw_block(**run, counts={"A": count}, until_seconds={"A": turn})["A"]
                assert set(range(first, first + count)).isdisjoint(given_away["A"])
                sent = set(range(first, first + (count if killed else min(used, count))))
                given_away["A"] |= sent
                if not killed:
                    state.finish_blocks(**run, last_seq={"A": max(sent, default=0)}, checkpoint={})
            assert all(state.last_seq(name) >= floor for name, floor in floors.items())
    with SequenceState.open(path) as state:
        for name, used_numbers in given_away.items():
            assert state.next_seq(name) > max(used_numbers, default=0)
