"""The state file under a disk that refuses, and a process that dies, at every single step."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from synthlab.errors import SequenceStateError
from synthlab.sequence import SequenceState, storage
from synthlab.sequence.codec import decode_state

STEPS = ("open", "write", "fsync", "replace", "close")


class Disk:
    """Stands for `os` in the module that writes the state; acts before the step of a number."""

    def __init__(self, act_at: int, act: Callable[[], object]) -> None:
        self.taken: list[str] = []
        self._act_at, self._act = act_at, act

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in STEPS:
            return real

        def step(*args: Any, **kwargs: Any) -> Any:
            self.taken.append(name)
            if len(self.taken) - 1 == self._act_at:
                if name == "close":
                    # The kernel closes a descriptor even where it then reports an error.
                    real(*args, **kwargs)
                self._act()
            return real(*args, **kwargs)

        return step


def full() -> None:
    raise OSError(28, "No space left on device")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A state with a write before the last one, so that there is a .prev."""
    path = tmp_path / "state.json"
    with SequenceState.open(path) as state:
        state.advance({"A": 2})
        state.reserve(run_id="r", scenario_sha256="00", counts={"A": 3})
    return path


def draw(path: Path, run_id: str = "n") -> int:
    with SequenceState.open(path) as state:
        return state.reserve(run_id=run_id, scenario_sha256="00", counts={"A": 1})["A"]


def test_the_sweep_below_goes_through_every_kind_of_step(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(-1, full)
    monkeypatch.setattr(storage, "os", disk)
    assert draw(path) == 6
    one = ["open", "write", "fsync", "close"]
    assert disk.taken == [*one, *one, "replace", "replace", "open", "fsync", "close"]


@pytest.mark.parametrize("number", range(13))
def test_a_refused_step_leaves_a_whole_state_and_gives_no_number_away(
    path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    disk = Disk(number, full)
    with monkeypatch.context() as patch:
        patch.setattr(storage, "os", disk)
        with pytest.raises(SequenceStateError, match="No space left on device") as caught:
            draw(path)
    assert len(disk.taken) > number
    assert (caught.value.code, caught.value.exit_code) == ("STATE_UNWRITABLE", 9)
    after = path.read_bytes()
    # Behind the rename the new state stands, and is not the caller's: its number is reserved for it.
    assert (after == before) == (number < 10)
    assert decode_state(after, file="state.json").generation in (2, 3)
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "state.json",
        "state.json.lock",
        "state.json.prev",
    ]
    assert draw(path, "n") == 6
    assert draw(path, "m") == 7


@pytest.mark.parametrize("number", range(13))
def test_a_kill_at_a_step_leaves_the_old_state_or_the_new_one(path: Path, number: int) -> None:
    child = os.fork()
    if child == 0:  # pragma: no cover - it dies
        storage.os = Disk(number, die)  # type: ignore[assignment]
        draw(path)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the fault did not fire"
    assert os.WTERMSIG(status) == signal.SIGKILL
    generation = SequenceState.peek(path).document.generation
    assert generation == (2 if number < 10 else 3)
    previous = storage.read_previous(path)
    assert previous is not None
    assert previous.generation in (generation - 1, generation)
    assert draw(path, "m") == (6 if number < 10 else 7)


LIMITED = """
import resource, signal, sys
from synthlab.errors import SequenceStateError
from synthlab.sequence import SequenceState
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with SequenceState.open(sys.argv[1]) as state:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        state.reserve(run_id="n", scenario_sha256="00", counts={f"D{n}": 1 for n in range(200)})
    except SequenceStateError as error:
        sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("limit", [0, 1, 1_000, 8_192])
def test_a_limit_on_file_sizes_harms_nothing_that_was_there(path: Path, limit: int) -> None:
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    command = [sys.executable, "-c", LIMITED, str(path), str(limit)]
    done = subprocess.run(command, check=False, timeout=60)
    assert done.returncode == 9
    # The .prev may be the state itself by now: its write may still have fitted.
    assert path.read_bytes() == before["state.json"]
    assert storage.read_previous(path) is not None
    assert draw(path) == 6


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB, where this process may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "synthlab-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a tmpfs; the limit on file sizes above needs no such right")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_harms_nothing_that_was_there(small_disk: Path) -> None:
    path = small_disk / "state.json"
    with SequenceState.open(path) as state:
        state.advance({"A": 5})
    before = path.read_bytes()
    filler = os.open(small_disk / "filler", os.O_WRONLY | os.O_CREAT)
    with pytest.raises(OSError, match="No space left"):
        while True:
            os.write(filler, bytes(4096))
    os.close(filler)
    with pytest.raises(SequenceStateError) as caught, SequenceState.open(path) as state:
        state.reserve(run_id="n", scenario_sha256="00", counts={f"D{n}": 1 for n in range(200)})
    assert caught.value.code == "STATE_UNWRITABLE"
    assert path.read_bytes() == before
    (small_disk / "filler").unlink()
    assert draw(path) == 6
