"""The state file on disk: one writer, old or new and never torn."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from synthlab.errors import Problem, SequenceStateError, show_value
from synthlab.sequence.document import StateDocument, decode_state, encode_state


def read_state(path: Path) -> StateDocument | None:
    """Read the file; None where there is none. Reads only.

    Raises
    ------
    SequenceStateError
        Code ``STATE_DAMAGED``: not what was written, or gone while its ``.prev``
        is there.  Code ``STATE_UNWRITABLE``: it cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        _refuse_lone_previous(path)
        return None
    except OSError as error:
        raise _unwritable(path, "must be readable", error) from error
    return decode_state(content, file=path.name)


def write_state(path: Path, document: StateDocument) -> None:
    """Put a new state in place of the old, which stays beside it as ``.prev``.

    Raises
    ------
    SequenceStateError
        Code ``STATE_UNWRITABLE``: the disk refused; the old state stands.
    """
    fresh = _beside(path, ".tmp")
    try:
        with fresh.open("wb") as file:
            file.write(encode_state(document))
            file.flush()
            os.fsync(file.fileno())
        _keep_previous(path)
        fresh.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise _unwritable(path, "must be writable", error) from error


def lock_state(path: Path, *, wait_seconds: float) -> BaseFileLock:
    """Take the lock of a state file; the kernel gives it back when its holder dies.

    The lock is a file of its own: renaming the state would swap a lock on itself.

    Raises
    ------
    SequenceStateError
        Code ``STATE_LOCKED``: somebody else holds it.
        Code ``STATE_UNWRITABLE``: the folder or the lock file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(_beside(path, ".lock"), thread_local=False, fallback_to_soft=False)
        lock.acquire(timeout=wait_seconds)
    except Timeout:
        raise SequenceStateError(
            Problem(
                "STATE_LOCKED",
                "is in use by another command",
                file=path.name,
                remedy="Wait until that command ends, or give this one a --state-file of its own",
            )
        ) from None
    except OSError as error:
        raise _unwritable(path, "needs a lock file beside it", error) from error
    return lock


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _refuse_lone_previous(path: Path) -> None:
    # A write never leaves this behind, so the file was removed, and starting at 1 would use numbers again.
    if _beside(path, ".prev").exists():
        raise SequenceStateError(
            Problem(
                "STATE_DAMAGED",
                "is gone, but its .prev is there",
                file=path.name,
                remedy="Put the file back; to start a fresh stream on purpose, remove the .prev too",
            )
        )


def _keep_previous(path: Path) -> None:
    if not path.exists():
        return
    passing = _beside(path, ".prev.tmp")
    passing.unlink(missing_ok=True)
    try:
        # A second name for the same bytes, so that `path` itself is there at every moment.
        os.link(path, passing)
    except OSError:
        shutil.copy2(path, passing)
    passing.replace(_beside(path, ".prev"))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, rule: str, error: OSError) -> SequenceStateError:
    return SequenceStateError(
        Problem(
            "STATE_UNWRITABLE",
            rule,
            file=path.name,
            value=show_value(error.strerror or type(error).__name__),
            remedy="Check the folder's permissions and free space, or give a --state-file elsewhere",
        )
    )
