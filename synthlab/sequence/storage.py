"""The state file on disk: one writer, old or new and never torn.

Every touch of the disk is a call of `os` in this module, so that tests can refuse or
kill each of them.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from synthlab.errors import Problem, SequenceStateError, show_value
from synthlab.sequence.codec import RECOVER, decode_state, encode_state
from synthlab.sequence.document import StateDocument

_LOCKS = Path("/proc/locks")


def read_state(path: Path) -> StateDocument | None:
    """Read the file; None where there is none. Reads only.

    Raises
    ------
    SequenceStateError
        Code ``STATE_DAMAGED``: not what was written, or gone while its ``.prev``
        is there.  Code ``STATE_TOO_NEW``: another version's.
        Code ``STATE_UNWRITABLE``: it cannot be read.
    """
    content = _read(path)
    if content is None:
        _refuse_lone_previous(path)
        return None
    return decode_state(content, file=path.name)


def read_previous(path: Path) -> StateDocument | None:
    """Read the ``.prev`` of a state file; None where there is no whole one.  Reads only."""
    beside = _beside(path, ".prev")
    content = _read(beside)
    try:
        return None if content is None else decode_state(content, file=beside.name, role="previous")
    except SequenceStateError:
        return None


def keep_damaged(path: Path) -> None:
    """Copy a damaged file to ``.damaged``, for whoever wants to know; nothing where there is no file.

    Raises
    ------
    SequenceStateError
        Code ``STATE_UNWRITABLE``.
    """
    content = _read(path)
    if content is None:
        return
    try:
        # Not moved: a missing file with no .prev beside it would be a fresh state.
        _write(_beside(path, ".damaged"), content)
    except OSError as error:
        raise _unwritable(path, "must be writable", error) from error


def write_state(path: Path, document: StateDocument, *, old: StateDocument | None) -> None:
    """Put a new state in place of the old, which stays beside it as ``.prev``.

    Parameters
    ----------
    path : Path
    document : StateDocument
    old : StateDocument or None
        What stands in the file now; None, or of generation 0, where nothing does that
        is worth keeping.

    Raises
    ------
    SequenceStateError
        Code ``STATE_UNWRITABLE``: the disk refused; the old state stands.
    """
    try:
        _write(_beside(path, ".tmp"), encode_state(document))
        if old is not None and old.generation > 0:
            # Not a second name of the old file: what is put back by hand must be known by its content.
            _write(_beside(path, ".prev.tmp"), encode_state(old, role="previous"))
            os.replace(_beside(path, ".prev.tmp"), _beside(path, ".prev"))
        os.replace(_beside(path, ".tmp"), path)
        _sync_folder(path.parent)
    except OSError as error:
        for suffix in (".tmp", ".prev.tmp"):
            with suppress(OSError):
                os.unlink(_beside(path, suffix))
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
        holder = lock_holder(path)
        if holder is None and not _beside(path, ".lock").exists():
            # Nobody holds what cannot be made: in such a folder the lock was tried for in vain.
            refused = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            raise _unwritable(path, "needs a lock file beside it", refused) from None
        raise SequenceStateError(
            Problem(
                "STATE_LOCKED",
                "is in use by another command",
                file=path.name,
                value=None if holder is None else f"process {holder}",
                remedy="Wait until that command ends, or give this one a --state-file of its own",
            )
        ) from None
    except OSError as error:
        raise _unwritable(path, "needs a lock file beside it", error) from error
    return lock


def lock_holder(path: Path) -> int | None:
    """Return the process that holds the lock of a state file, where the kernel tells.  Reads only."""
    try:
        inode = _beside(path, ".lock").stat().st_ino
        lines = _LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    # A line has number, kind, mode, access, process, then device and inode joined by colons.
    held = [line.split() for line in lines if "->" not in line]
    found = [int(part[4]) for part in held if len(part) > 5 and part[5].rpartition(":")[2] == str(inode)]
    # A process of another container has no number here.
    return next((number for number in found if number > 0), None)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unwritable(path, "must be readable", error) from error


def _refuse_lone_previous(path: Path) -> None:
    # A write never leaves this behind, so the file was removed, and starting at 1 would use numbers again.
    if _beside(path, ".prev").exists():
        raise SequenceStateError(
            Problem(
                "STATE_DAMAGED",
                "is gone, but its .prev is there",
                file=path.name,
                remedy=f"{RECOVER}; to start a fresh stream on purpose, remove the .prev too",
            )
        )


def _write(path: Path, data: bytes) -> None:
    """Write a file; after this its bytes survive a crash."""
    content = memoryview(data)
    mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    descriptor = os.open(path, mode, 0o666)
    try:
        while content:
            # A disk that is nearly full takes a part, and refuses the rest.
            content = content[os.write(descriptor, content) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
            file=str(path),
            value=show_value(error.strerror or type(error).__name__),
            remedy="Check the folder's permissions and free space, or give a --state-file elsewhere",
        )
    )
