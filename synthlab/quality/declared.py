"""Gaps that are declared: messages of which it is known that the network lost them.

A number that is missing and that somebody accounts for is no defect of the data.  It
stays worth a look, so what would FAIL is SUSPECT.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from synthlab.errors import Problem, UsageError, show_value
from synthlab.quality.bounds import NONE
from synthlab.quality.flags import Flag, Flags
from synthlab.quality.source import Source

I64 = npt.NDArray[np.int64]
LostRanges = Mapping[str, Iterable[tuple[int, int]]]
"""By device: ranges of lost numbers, closed at both ends."""

GAP_CHECKS = ("seq_gap", "time_gap")
"""Checks that speak of rows which are not there."""


def excuse_declared(flags: Mapping[str, Flags], source: Source, lost: LostRanges) -> None:
    """Turn FAIL to SUSPECT, in place, where a row follows a gap that is declared.

    Parameters
    ----------
    flags : mapping of str to ndarray of int8
        By check.
    source : Source
    lost : mapping of str to ranges

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a range that is none.
    """
    spans = {name: _spans(name, ranges) for name, ranges in lost.items()}
    if not {"seq", "received_at"} <= set(source.columns):
        return
    rows = _rows_after_declared_gaps(source, spans)
    for name in GAP_CHECKS:
        excused = rows[flags[name][rows] == Flag.FAIL]
        # Flags without any finding may be shared, and are left alone.
        if len(excused):
            flags[name][excused] = Flag.SUSPECT


def _rows_after_declared_gaps(source: Source, lost: Mapping[str, I64]) -> I64:
    """Return the rows before which just the declared messages are missing, and just their time has passed."""
    codes = {name: code for code, name in enumerate(source.device_ids)}
    parts = [NONE]
    for name, spans in lost.items():
        if name not in codes or not len(spans):
            continue
        rows = source.rows_of(np.array([codes[name]]))
        seq = source.columns["seq"][rows].astype(np.int64)
        waited_ms = np.diff(source.columns["received_at"][rows])
        step_ms = source.step_ms.get(name) or (float(np.median(waited_ms)) if len(waited_ms) else 0.0)
        missing = np.diff(seq) - 1
        declared = _count_until(spans, seq[1:] - 1) - _count_until(spans, seq[:-1])
        is_declared = (missing > 0) & (declared == missing) & (waited_ms == (missing + 1) * step_ms)
        parts.append(rows[1:][is_declared])
    return np.concatenate(parts)


def _spans(name: str, ranges: Iterable[tuple[int, int]]) -> I64:
    """Return ranges in order, those that meet or overlap as one, shape (n, 2)."""
    spans: list[list[int]] = []
    for first, last in sorted(_range(name, each) for each in ranges):
        if spans and first <= spans[-1][1] + 1:
            spans[-1][1] = max(last, spans[-1][1])
        else:
            spans.append([first, last])
    return np.array(spans, np.int64).reshape(-1, 2)


def _range(name: str, given: object) -> tuple[int, int]:
    if isinstance(given, list | tuple) and len(given) == 2:
        first, last = given
        if all(isinstance(one, int | np.integer) for one in given) and 0 <= first <= last < 2**63 - 1:
            return int(first), int(last)
    raise UsageError(
        Problem(
            "BAD_ARGUMENT",
            "needs ranges of lost numbers, first and last of each",
            path=f"lost[{name}]",
            value=show_value(given),
            remedy="Pass `Backfill.lost`, or such as {'TANK-1': [(17, 20)]}",
        )
    )


def _count_until(spans: I64, seq: I64) -> I64:
    """Count the declared numbers up to each of some numbers, without a list of them."""
    place = np.searchsorted(spans[:, 0], seq, side="right")
    lengths = spans[:, 1] - spans[:, 0] + 1
    whole = np.concatenate(([0], np.cumsum(lengths)))[place]
    # The last of them may go on behind the number.
    beyond = np.where(place > 0, np.maximum(spans[place - 1, 1] - seq, 0), 0)
    return whole - beyond
