"""Which rows of a CSV are not those that its manifest has hashes of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthlab.artifact.cells import HEADER, row_encoder
from synthlab.artifact.csv import CHUNK_ROWS
from synthlab.artifact.reader import open_regular

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 3


def changed_rows(path: Path, manifest: Mapping[str, Any]) -> str:
    """Say which rows differ from what the manifest has, by its chunks.  Reads only.

    Parameters
    ----------
    path : Path
        The CSV.
    manifest : mapping
    """
    changed: list[str] = []
    line_count = 0
    with open_regular(path) as file:
        file.readline()
        for chunk in manifest["chunks"]:
            digest = hashlib.sha256()
            for _ in range(chunk["row_count"]):
                line = file.readline()
                line_count += bool(line)
                digest.update(line)
            if digest.hexdigest() != chunk["sha256"]:
                changed.append(f"{chunk['first_row']} to {chunk['first_row'] + chunk['row_count'] - 1}")
        row_count = manifest["row_count"]
        if file.read(1):
            changed.append(f"from {row_count} on (too many)")
        elif line_count < row_count:
            changed.append(f"from {line_count} on (too few)")
    if not changed:
        return "the header or the manifest changed"
    more = f" and {len(changed) - _SHOWN} more ranges" if len(changed) > _SHOWN else ""
    return f"rows {', '.join(changed[:_SHOWN])}{more} changed"


def rows_unlike(path: Path, frame: pd.DataFrame) -> Iterator[int]:
    """Yield the lines of a CSV, from 1, that a frame would not be written as.  Reads only.

    Parameters
    ----------
    path : Path
        The CSV.
    frame : DataFrame
        A telemetry frame.
    """
    encode = row_encoder(frame)
    with open_regular(path) as file:
        if file.readline() != HEADER:
            yield 1
        for first in range(0, len(frame), CHUNK_ROWS):
            stop = min(first + CHUNK_ROWS, len(frame))
            wanted, found = encode(first, stop), list(islice(file, stop - first))
            if wanted != b"".join(found):
                pairs = zip_longest(wanted.splitlines(keepends=True), found)
                yield from (first + at for at, (one, other) in enumerate(pairs, start=2) if one != other)
        yield from (len(frame) + place for place, _ in enumerate(file, start=2))
