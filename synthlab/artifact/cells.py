"""Rows of a telemetry frame as CSV bytes, a block of rows at a time.

Every cell of a block gets a fixed place in a byte matrix, one row of the matrix
for each row of the frame; cells that need fewer characters leave NUL bytes, which
one `bytes.translate` removes at the end.  Digits come from tables of four, so a
cell costs a few nanoseconds; a cell that is the same in all rows costs nothing.
The matrix' layout follows the block, but the bytes that leave it depend on the
values alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.columns import COLUMNS, Column, frame_problems
from synthlab.errors import Problem, UsageError, show_value

if TYPE_CHECKING:
    import pandas as pd

ID_PATTERN = re.compile(r"[A-Z0-9][A-Z0-9_-]*")
"""What a text cell may hold, besides nothing. Source: reliability promises, "Cells"."""

HEADER = (",".join(column.name for column in COLUMNS) + "\n").encode("ascii")

Integers = npt.NDArray[np.int64]
Part = bytes | npt.NDArray[Any]
Encoder = Callable[[slice], list[Part]]

_NUL = b"\0"
_GROUP = 10_000
_MS_PER_SECOND = 1_000
_MS_PER_DAY = 86_400_000
# Largest magnitude that rounds to an int64 without overflow.
_SCALED_LIMIT = 2.0**62
# Years 0001 to 9999, which RFC 3339 can write. [ms]
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
_NOT_A_TIME = np.iinfo(np.int64).min


def _table(texts: Sequence[bytes], dtype: str) -> npt.NDArray[Any]:
    return np.frombuffer(b"".join(texts), dtype=dtype)


# NUL on the left, so that a short number stays right-aligned against what follows it.
_DIGIT = _table([b"%d" % i for i in range(10)], "u1")
_DIGIT_OR_BLANK = _table([_NUL, *(b"%d" % i for i in range(1, 10))], "u1")
_LEAD_2 = _table([(b"%d" % i).rjust(2, _NUL) for i in range(100)], "u2")
_LEAD_2_OR_BLANK = _table([_NUL * 2, *((b"%d" % i).rjust(2, _NUL) for i in range(1, 100))], "u2")
_LEAD_4 = _table([(b"%d" % i).rjust(4, _NUL) for i in range(_GROUP)], "u4")
_LEAD_4_OR_BLANK = np.concatenate([np.zeros(1, "u4"), _LEAD_4[1:]])
_FULL_2 = _table([b"%02d" % i for i in range(100)], "u2")
_FULL_4 = _table([b"%04d" % i for i in range(_GROUP)], "u4")
# Second half: what the group looks like where nothing but zeros stands before it.
_FULL_OR_LEAD_4 = np.concatenate([_FULL_4, _LEAD_4])
_FULL_OR_BLANK_4 = np.concatenate([_FULL_4, _LEAD_4_OR_BLANK])
_POINT_1 = _table([b".%d" % i for i in range(10)], "u2")
_POINT_3 = _table([b".%03d" % i for i in range(1_000)], "u4")
_NEXT_3 = _table([_NUL + b"%03d" % i for i in range(1_000)], "u4")


def fixed_text(scaled: int, decimals: int) -> bytes:
    """Write ``scaled / 10**decimals`` in the CSV's fixed form, never as -0.

    Parameters
    ----------
    scaled : int
        The number times ``10**decimals``.
    decimals : int
        Digits after the point; 0 writes an integer.
    """
    sign = "-" if scaled < 0 else ""
    whole, fraction = divmod(abs(scaled), 10**decimals)
    text = f"{sign}{whole}.{fraction:0{decimals}d}" if decimals else f"{sign}{whole}"
    return text.encode("ascii")


def row_encoder(frame: pd.DataFrame) -> Callable[[int, int], bytes]:
    """Return a function that writes the rows ``start`` to ``stop`` of a frame.

    Parameters
    ----------
    frame : DataFrame
        Columns and dtypes of `synthlab.columns`.

    Returns
    -------
    callable
        ``encode(start, stop) -> bytes``; safe to call from several threads.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: not a telemetry frame, or a value that no cell can
        hold (an infinite number, a text that is no id).
    """
    problems = frame_problems(frame)
    if problems:
        raise UsageError([Problem("BAD_ARGUMENT", rule, path="frame") for rule in problems])
    encoders = [_column_encoder(column, frame[column.name]) for column in COLUMNS]

    def encode(start: int, stop: int) -> bytes:
        rows = slice(start, stop)
        parts: list[Part] = []
        for encoder in encoders:
            parts += encoder(rows)
            parts.append(b",")
        parts[-1] = b"\n"
        return _assemble(parts, stop - start)

    return encode


def _assemble(parts: Sequence[Part], row_count: int) -> bytes:
    """Lay the parts of all cells side by side, and drop the NUL bytes between them."""
    widths = [len(part) if isinstance(part, bytes) else part.dtype.itemsize for part in parts]
    row_bytes = sum(widths)
    buffer = bytearray(row_count * row_bytes)
    template = b"".join(p if isinstance(p, bytes) else bytes(w) for p, w in zip(parts, widths, strict=True))
    np.frombuffer(buffer, "u1").reshape(row_count, row_bytes)[:] = np.frombuffer(template, "u1")
    offset = 0
    for part, width in zip(parts, widths, strict=True):
        if not isinstance(part, bytes):
            place: npt.NDArray[Any] = np.ndarray(
                row_count, part.dtype, buffer=buffer, offset=offset, strides=(row_bytes,)
            )
            place[...] = part
        offset += width
    return bytes(buffer.translate(None, _NUL))


def _column_encoder(column: Column, series: pd.Series) -> Encoder:
    match column.kind:
        case "category" | "text":
            return _category_encoder(column, series)
        case "time":
            return _time_encoder(column, series)
        case "int":
            whole = series.to_numpy()
            return lambda rows: number_parts(whole[rows].astype(np.int64), 0)
        case "float":
            return _float_encoder(column, series)


def _refuse(column: Column, rule: str, value: object) -> UsageError:
    return UsageError(Problem("BAD_ARGUMENT", rule, path=f"frame.{column.name}", value=show_value(value)))


def _category_encoder(column: Column, series: pd.Series) -> Encoder:
    names = [str(name) for name in series.cat.categories]
    bad = [name for name in names if name and not ID_PATTERN.fullmatch(name)]
    if bad:
        raise _refuse(column, "needs ids of A-Z, 0-9, _ and -", bad[0])
    # The last entry is what the code -1, null, picks.
    table = np.array([*(name.encode("ascii") for name in names), b""], dtype="S")
    codes = series.cat.codes.to_numpy()

    def encode(rows: slice) -> list[Part]:
        block = codes[rows]
        if block.size and block.min() == block.max():
            return [bytes(table[block[0]])]
        return [table.take(block)]

    return encode


def _float_encoder(column: Column, series: pd.Series) -> Encoder:
    values = series.to_numpy()
    decimals = column.decimals or 0
    factor = 10.0**decimals

    def encode(rows: slice) -> list[Part]:
        block = values[rows]
        with np.errstate(over="ignore"):
            scaled = np.rint(block * factor)
        is_missing = np.isnan(scaled)
        missing = is_missing if is_missing.any() else None
        scaled[is_missing] = 0.0
        if scaled.size and not np.abs(scaled).max() < _SCALED_LIMIT:
            raise _refuse(column, "needs finite numbers that fit a cell", block[np.abs(scaled).argmax()])
        return number_parts(scaled.astype(np.int64), decimals, missing)

    return encode


def number_parts(scaled: Integers, decimals: int, missing: npt.NDArray[np.bool_] | None = None) -> list[Part]:
    """Return the byte parts of a column of fixed-point numbers.

    Parameters
    ----------
    scaled : ndarray of int64
        Numbers times ``10**decimals``; 0 where missing.
    decimals : {0, 1, 3, 6}
        Digits after the point.
    missing : ndarray of bool, optional
        Rows whose cell stays empty.
    """
    if scaled.size == 0 or (missing is not None and missing.all()):
        return []
    low, high = int(scaled.min()), int(scaled.max())
    if low == high and missing is None:
        return [fixed_text(low, decimals)]
    parts: list[Part] = []
    if low < 0:
        parts.append(np.where(scaled < 0, np.uint8(ord("-")), np.uint8(0)))
        scaled = np.abs(scaled)
    if decimals:
        whole = scaled // 10**decimals
        parts += _integer_parts(whole)
        parts += _fraction_parts(scaled - whole * 10**decimals, decimals)
    else:
        parts += _integer_parts(scaled)
    if missing is None:
        return parts
    return [np.where(missing, np.zeros(1, kept.dtype), kept) for kept in map(_as_array, parts)]


def _as_array(part: Part) -> npt.NDArray[Any]:
    return np.array([part]) if isinstance(part, bytes) else part


def _fraction_parts(fraction: Integers, decimals: int) -> list[Part]:
    if decimals == 1:
        return [_POINT_1.take(fraction)]
    if decimals == 3:
        return [_POINT_3.take(fraction)]
    if decimals == 6:
        first = fraction // 1_000
        return [_POINT_3.take(first), _NEXT_3.take(fraction - first * 1_000)]
    raise ValueError(f"no digit table for {decimals} decimals")


def _integer_parts(values: Integers, *, is_zero_blank: bool = False) -> list[Part]:
    """Digits of numbers >= 0, by groups of four from the right."""
    top = int(values.max())
    if top < 10:
        return [(_DIGIT_OR_BLANK if is_zero_blank else _DIGIT).take(values)]
    if top < 100:
        return [(_LEAD_2_OR_BLANK if is_zero_blank else _LEAD_2).take(values)]
    if top < _GROUP:
        return [(_LEAD_4_OR_BLANK if is_zero_blank else _LEAD_4).take(values)]
    high = values // _GROUP
    low = values - high * _GROUP
    bottom = int(high.min())
    if bottom == top // _GROUP:
        return [b"%d" % bottom, _FULL_4.take(low)]
    if bottom > 0:
        return [*_integer_parts(high), _FULL_4.take(low)]
    table = _FULL_OR_BLANK_4 if is_zero_blank else _FULL_OR_LEAD_4
    return [*_integer_parts(high, is_zero_blank=True), table.take(low + _GROUP * (high == 0))]


def _time_encoder(column: Column, series: pd.Series) -> Encoder:
    stamps = series.to_numpy(dtype="datetime64[ms]").view(np.int64)

    def encode(rows: slice) -> list[Part]:
        block = stamps[rows]
        missing = block == _NOT_A_TIME
        if not missing.any():
            return _time_parts(column, block)
        known = _time_parts(column, np.where(missing, 0, block))
        return [np.where(missing, np.zeros(1, kept.dtype), kept) for kept in map(_as_array, known)]

    return encode


def _time_parts(column: Column, stamps: Integers) -> list[Part]:
    """Write Unix times in milliseconds as ``2026-02-12T10:00:00.000Z``."""
    if stamps.size == 0:
        return []
    low, high = int(stamps.min()), int(stamps.max())
    if low < _FIRST_MS or high > _LAST_MS:
        raise _refuse(column, "needs years 0001 to 9999", low if low < _FIRST_MS else high)
    if low == high:
        return [str(np.datetime64(low, "ms")).encode("ascii") + b"Z"]
    days = stamps // _MS_PER_DAY
    milliseconds = stamps - days * _MS_PER_DAY
    seconds = milliseconds // _MS_PER_SECOND
    minutes = seconds // 60
    hours = minutes // 60
    return [
        _dates(days),
        b"T",
        _FULL_2.take(hours),
        b":",
        _FULL_2.take(minutes - hours * 60),
        b":",
        _FULL_2.take(seconds - minutes * 60),
        _POINT_3.take(milliseconds - seconds * _MS_PER_SECOND),
        b"Z",
    ]


def _dates(days: Integers) -> npt.NDArray[Any]:
    first, last = int(days.min()), int(days.max())
    if last - first < days.size:
        known, picks = np.arange(first, last + 1), days - first
    else:
        known, picks = np.unique(days, return_inverse=True)
    return np.datetime_as_string(known.astype("datetime64[D]")).astype("S10").take(picks)
