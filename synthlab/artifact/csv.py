"""Write a telemetry frame as CSV, hashed on the fly.

Blocks of rows are encoded on a few threads and hashed in order, so the bytes and
hashes do not depend on how many threads there are.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from synthlab.artifact.cells import HEADER, row_encoder
from synthlab.errors import disk_error
from synthlab.progress import OnProgress, unseen

if TYPE_CHECKING:
    import pandas as pd

CHUNK_ROWS = 8_192
"""Rows in one hashed chunk. Assumed: a block that stays in the processor's cache while it is
encoded, and the resolution in which damage is told. A change changes every manifest."""

_THREADS = 2
# Blocks encoded ahead of the hash: enough to keep the threads busy, few enough to stay small.
_BLOCKS_AHEAD = 4


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of rows and the hash of their bytes.

    Attributes
    ----------
    first_row : int
        Position of the first row, from 0, the header not counted.
    row_count : int
    sha256 : str
    """

    first_row: int
    row_count: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a plain dict."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CsvDigest:
    """What identifies a CSV file.

    Attributes
    ----------
    sha256 : str
        Hash of the whole file, header included.
    row_count : int
        Rows, header not counted.
    chunks : tuple of Chunk
        Hashes of `CHUNK_ROWS` rows each.
    """

    sha256: str
    row_count: int
    chunks: tuple[Chunk, ...]


def encode_chunks(
    encode: Callable[[int, int], bytes], row_count: int, *, threads: int = _THREADS
) -> Iterator[tuple[Chunk, bytes]]:
    """Yield the chunks of a frame in order, encoded on several threads.

    Parameters
    ----------
    encode : callable
        From `synthlab.artifact.cells.row_encoder`.
    row_count : int
        Rows in the frame.
    threads : int
        Threads that encode; 1 uses none but the caller's.
    """

    def one(first_row: int) -> tuple[Chunk, bytes]:
        stop = min(first_row + CHUNK_ROWS, row_count)
        data = encode(first_row, stop)
        return Chunk(first_row, stop - first_row, hashlib.sha256(data).hexdigest()), data

    starts = range(0, row_count, CHUNK_ROWS)
    if threads <= 1 or len(starts) == 1:
        yield from map(one, starts)
        return
    waiting: deque[Future[tuple[Chunk, bytes]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="csv") as pool:
        for first_row in starts:
            waiting.append(pool.submit(one, first_row))
            if len(waiting) >= _BLOCKS_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def write_csv(
    frame: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    threads: int = _THREADS,
    on_progress: OnProgress = unseen,
) -> CsvDigest:
    r"""Write a telemetry frame as CSV and return its hashes.

    Numbers have the fixed decimals of `synthlab.columns`, times are RFC 3339 UTC
    with milliseconds and ``Z``, lines end with ``\n``, and null is an empty cell.

    Parameters
    ----------
    frame : DataFrame
        Columns and dtypes of `synthlab.columns`.
    path : path
        Replaced if it is there.
    threads : int
        Threads that encode; the bytes do not depend on it.
    on_progress : callable, optional
        Called with the rows written and the rows in all.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: not a telemetry frame, or a value that no cell can hold.
    DiskError
        Code ``DISK_WRITE_FAILED``.
    """
    encode = row_encoder(frame)
    whole = hashlib.sha256(HEADER)
    chunks: list[Chunk] = []
    written = 0
    try:
        with open(path, "wb") as file:
            file.write(HEADER)
            for chunk, data in encode_chunks(encode, len(frame), threads=threads):
                whole.update(data)
                file.write(data)
                chunks.append(chunk)
                written += chunk.row_count
                on_progress(written, len(frame))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise disk_error(path, error) from error
    return CsvDigest(whole.hexdigest(), len(frame), tuple(chunks))
