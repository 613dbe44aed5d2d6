"""Small files of an artifact: read strictly, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthlab.artifact.reader import open_regular
from synthlab.errors import ArtifactError, Problem, disk_error, require_file_name

MAX_JSON_BYTES = 64 << 20
"""Largest JSON file that is read. Assumed: a manifest of 5,000 devices has some 20 MB, and 50 million rows
1 MB of chunk hashes."""

_READ_BYTES = 1 << 20


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON text: same document, same bytes."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8")


def canonical_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document in the one form that a manifest has: keys sorted, two spaces, LF."""
    text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode("utf-8")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file beside its place and move it there.

    Raises
    ------
    DiskError
        Code ``DISK_WRITE_FAILED``; what was there before is unharmed.
    """
    require_file_name(path)
    for left_over in path.parent.glob(f".{path.name}.????????.tmp"):
        # Of a process that was killed while it wrote.
        left_over.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise disk_error(path, error) from error


def sync_folder(folder: Path) -> None:
    """Make renames within a folder survive a crash."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a regular file.

    Raises
    ------
    ArtifactError
        Code ``ARTIFACT_NOT_FOUND``.
    """
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; a key given twice, NaN and infinity are refused.

    Raises
    ------
    ArtifactError
        Code ``ARTIFACT_NOT_FOUND``, or ``MANIFEST_INVALID``: no such JSON.
    """
    with open_regular(path) as file:
        # Asked first: a read takes the memory for what it may read, whatever is there.
        size = os.fstat(file.fileno()).st_size
        data = file.read(size) if size <= MAX_JSON_BYTES else b""
    try:
        if size > MAX_JSON_BYTES:
            raise ValueError(f"larger than {MAX_JSON_BYTES} bytes")
        document = json.loads(data, object_pairs_hook=_object, parse_constant=_no_constant)
        if not isinstance(document, dict):
            raise ValueError("needs a JSON object")
    except (ValueError, RecursionError) as error:
        rule = "is nested too deeply" if isinstance(error, RecursionError) else f"is not valid JSON: {error}"
        raise ArtifactError(
            Problem("MANIFEST_INVALID", rule, file=path.name, remedy="Export the artifact again")
        ) from None
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"key {twice!r} is given twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
