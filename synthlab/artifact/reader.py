"""Read a telemetry CSV back, and name every line that breaks its grammar.

A block of lines is parsed by pyarrow and written again by the same code that
writes artifacts: equal bytes prove that each cell had the one form it may have.
A block that differs is read a second time, line by line, by code that trusts
nothing and can say which cell of which line is wrong.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from synthlab.artifact.cells import HEADER, row_encoder
from synthlab.artifact.csv import CHUNK_ROWS
from synthlab.artifact.grammar import InvalidRow, read_lines
from synthlab.columns import ACTIVITIES, COLUMNS, NAMES
from synthlab.errors import ArtifactError, Problem

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BLOCK_BYTES = 4 << 20
"""Bytes parsed at once. Assumed: large enough for pyarrow, small enough to read twice."""

MAX_INVALID_ROWS = 1_000
"""Invalid rows kept with their problems; further ones are counted. Assumed: more than anybody reads."""

_THREADS = 2
# The header is line 1.
_FIRST_LINE = 2
_EMPTY_CATEGORY = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a CSV file holds, the valid and the invalid.

    Attributes
    ----------
    frame : DataFrame
        Every row whose device and seq can be read. A cell of an invalid row that
        cannot be read is null, or -1 in an integer column.
    invalid : tuple of InvalidRow
        The first `MAX_INVALID_ROWS` rows that break the grammar.
    invalid_count : int
        How many rows break the grammar.
    missing_time_count, invalid_time_count : int
        Rows whose ``received_at`` is empty, or is no RFC 3339 UTC time.
    unreadable_count : int
        Invalid rows that are not in `frame`, because their device or seq cannot be read.
    lines : sequence of int
        The file's line, from 1, of each row of `frame`.
    sha256 : str
        Of the very bytes that were read.
    """

    frame: pd.DataFrame
    invalid: tuple[InvalidRow, ...]
    invalid_count: int
    missing_time_count: int
    invalid_time_count: int
    unreadable_count: int
    lines: Sequence[int]
    sha256: str


@dataclass(slots=True)
class _Block:
    arrays: dict[str, Any]
    line_count: int
    invalid: list[InvalidRow]
    # Lines of the block, from 0, that its rows come from; None: each line is a row.
    kept: list[int] | None = None


def read_csv(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read an artifact's CSV as a telemetry frame.

    Reads only.

    Parameters
    ----------
    path : path

    Returns
    -------
    DataFrame
        Columns and dtypes of `synthlab.columns`. ``device_id`` has the sorted ids
        as categories, ``activity`` all of `synthlab.columns.ACTIVITIES`, ``fault``
        the empty one and the sorted names.

    Raises
    ------
    ArtifactError
        Code ``ARTIFACT_ROW_INVALID``: every bad cell, with its line;
        ``ARTIFACT_NOT_FOUND``: no such regular file.
    """
    rows = read_rows(path)
    if rows.invalid_count:
        problems = [problem for row in rows.invalid for problem in row.problems]
        raise ArtifactError(problems)
    return rows.frame


def read_rows(path: str | os.PathLike[str]) -> Rows:
    """Read an artifact's CSV, valid rows and invalid ones.

    Reads only.  Data that breaks the grammar never raises.

    Parameters
    ----------
    path : path

    Raises
    ------
    ArtifactError
        Code ``ARTIFACT_NOT_FOUND``: no such regular file.
    """
    name = Path(path).name
    with open_regular(path) as file:
        digest = hashlib.sha256()
        header = file.readline(BLOCK_BYTES)
        digest.update(header)
        if header != HEADER:
            while rest := file.read(BLOCK_BYTES):
                digest.update(rest)
            return _unreadable_header(name, header, digest.hexdigest())
        blocks = list(_read_blocks(file, digest))
    line = _FIRST_LINE
    invalid: list[InvalidRow] = []
    lines: list[Sequence[int]] = []
    for block in blocks:
        invalid += [row.at(file=name, first_line=line) for row in block.invalid]
        lines.append(range(line, line + block.line_count) if block.kept is None else _shift(block.kept, line))
        line += block.line_count
    unreadable_count = line - _FIRST_LINE - sum(map(len, lines))
    return Rows(
        frame=_assemble([block.arrays for block in blocks]),
        invalid=tuple(invalid[:MAX_INVALID_ROWS]),
        invalid_count=len(invalid),
        missing_time_count=sum(row.is_time_missing for row in invalid),
        invalid_time_count=sum(row.is_time_invalid for row in invalid),
        unreadable_count=unreadable_count,
        lines=_lines(lines) if unreadable_count else range(_FIRST_LINE, line),
        sha256=digest.hexdigest(),
    )


def _shift(places: list[int], by: int) -> list[int]:
    return [place + by for place in places]


def _lines(pieces: list[Sequence[int]]) -> Sequence[int]:
    return [line for piece in pieces for line in piece]


def open_regular(path: str | os.PathLike[str]) -> IO[bytes]:
    """Open a file for reading that is a regular one, and no link.

    Raises
    ------
    ArtifactError
        Code ``ARTIFACT_NOT_FOUND``.
    """
    rule = "the artifact's file does not exist"
    try:
        if stat.S_ISREG(os.lstat(path).st_mode):
            return open(path, "rb")
        rule = "must be a regular file, not a link or folder"
    except FileNotFoundError:
        pass
    except OSError as error:
        rule = f"cannot be read: {error.strerror}"
    raise ArtifactError(
        Problem(
            "ARTIFACT_NOT_FOUND",
            rule,
            file=Path(path).name,
            remedy="Name a folder that `synthlab export-csv` wrote",
        )
    )


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the rest of a file in blocks of whole lines."""
    while block := file.read(BLOCK_BYTES):
        yield block if block.endswith(b"\n") else block + file.readline()


def _read_blocks(file: IO[bytes], digest: Any) -> Iterator[_Block]:
    """Parse the blocks on a few threads, in order; only a few texts are in memory at once."""
    waiting: deque[Future[_Block]] = deque()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="csv") as pool:
        for block in _blocks(file):
            digest.update(block)
            waiting.append(pool.submit(_read_block, block))
            if len(waiting) > _THREADS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _read_block(block: bytes) -> _Block:
    fast = _parse(block)
    if fast is not None:
        return _Block(fast, len(fast["seq"]), [])
    lines = read_lines(block)
    return _Block(lines.arrays, lines.line_count, lines.invalid, lines.kept)


def _parse(block: bytes) -> dict[str, Any] | None:
    """Parse a block with pyarrow; None unless writing it again gives the same bytes."""
    import pyarrow as pa
    from pyarrow import csv

    types = {
        column.name: {
            "category": pa.dictionary(pa.int32(), pa.string()),
            "text": pa.string(),
            "time": pa.timestamp("ms", tz="UTC"),
            "int": pa.type_for_alias(column.dtype) if column.kind == "int" else None,
            "float": pa.float64(),
        }[column.kind]
        for column in COLUMNS
    }
    try:
        table = csv.read_csv(
            pa.BufferReader(block),
            read_options=csv.ReadOptions(column_names=list(NAMES), use_threads=False, block_size=len(block)),
            parse_options=csv.ParseOptions(quote_char=False),
            convert_options=csv.ConvertOptions(column_types=types, null_values=[""]),
        ).combine_chunks()
    except pa.ArrowInvalid:
        return None
    arrays: dict[str, Any] = {}
    for column in COLUMNS:
        cells = table.column(column.name).combine_chunks()
        if cells.null_count and not (column.kind == "float" and column.is_nullable):
            return None
        arrays[column.name] = _to_numpy(cells, column.kind)
    if any(not str(name) for name in arrays["device_id"][1]):
        return None
    return arrays if _is_same(block, _assemble([arrays])) else None


def _to_numpy(cells: pa.Array, kind: str) -> Any:
    if kind == "category":
        return cells.indices.to_numpy(), cells.dictionary.to_pylist()
    if kind == "time":
        return cells.cast("int64").to_numpy()
    return cells.to_numpy(zero_copy_only=False)


def _is_same(block: bytes, frame: pd.DataFrame) -> bool:
    """Tell whether a frame, written as CSV, gives exactly these bytes."""
    from synthlab.errors import UsageError

    try:
        encode = row_encoder(frame)
        offset = 0
        for start in range(0, len(frame), CHUNK_ROWS):
            data = encode(start, min(start + CHUNK_ROWS, len(frame)))
            if not block.startswith(data, offset):
                return False
            offset += len(data)
    except UsageError:
        return False
    return offset == len(block)


def _assemble(blocks: list[dict[str, Any]]) -> pd.DataFrame:
    """Join blocks of arrays to one frame with the contract's dtypes."""
    import pandas as pd

    data: dict[str, Any] = {}
    for column in COLUMNS:
        pieces = [block[column.name] for block in blocks]
        if column.kind == "category":
            data[column.name] = _join_categories(column.name, pieces)
            continue
        dtype = "int64" if column.kind == "time" else column.dtype
        joined = np.concatenate([np.zeros(0, dtype), *pieces]) if len(pieces) != 1 else pieces[0]
        if column.kind == "time":
            stamps = joined.view("datetime64[ms]")
            data[column.name] = pd.DatetimeIndex(stamps).tz_localize("UTC")
        else:
            data[column.name] = joined
    return pd.DataFrame(data, copy=False)


def _join_categories(name: str, pieces: list[tuple[Any, list[str]]]) -> pd.Categorical[Any]:
    import pandas as pd

    if name == "activity":
        names = list(ACTIVITIES)
    else:
        always = {_EMPTY_CATEGORY} if name == "fault" else set()
        names = sorted(always.union(*(entries for _, entries in pieces)))
    places = {text: place for place, text in enumerate(names)}
    dtype = np.int8 if len(names) <= 127 else np.int16 if len(names) <= 32_767 else np.int32
    codes = [np.zeros(0, dtype)]
    for indices, entries in pieces:
        # An entry that is unknown (an empty activity) becomes null.
        table = np.array([places.get(text, -1) for text in entries] or [-1], dtype)
        codes.append(table.take(indices))
    return pd.Categorical.from_codes(np.concatenate(codes), categories=pd.Index(names))


def _unreadable_header(name: str, header: bytes, sha256: str) -> Rows:
    shown = header[:200].decode("ascii", "backslashreplace").rstrip("\n")
    problem = Problem(
        "ARTIFACT_ROW_INVALID",
        "the header needs the columns of the telemetry frame, in order",
        file=name,
        line=1,
        value=shown or "nothing",
        remedy="Export the artifact again with this version",
    )
    row = InvalidRow(line=1, device_id=None, seq=None, problems=(problem,))
    empty = _assemble([])
    return Rows(empty, (row,), 1, 0, 0, 0, (), sha256)
