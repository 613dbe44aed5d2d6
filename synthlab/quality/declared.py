"""Gaps that are declared: messages of which it is known that the network lost them.

A number that is missing and that somebody accounts for is no defect of the data.  It
stays worth a look, so what would FAIL is SUSPECT.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from synthlab.quality.flags import Flag, Flags
from synthlab.quality.source import Source

I64 = npt.NDArray[np.int64]
LostSeq = Mapping[str, Iterable[tuple[int, int]]]
"""By device: ranges of lost numbers, closed at both ends."""

GAP_CHECKS = ("seq_gap", "time_gap")
"""Checks that speak of rows which are not there."""


def excuse_declared(flags: Mapping[str, Flags], source: Source, lost: LostSeq) -> None:
    """Turn FAIL to SUSPECT, in place, where a row follows a gap that is declared.

    Parameters
    ----------
    flags : mapping of str to ndarray of int8
        By check.
    source : Source
    lost : mapping of str to ranges
    """
    if not {"seq", "received_at"} <= set(source.columns):
        return
    rows = _rows_after_declared_gaps(source, lost)
    for name in GAP_CHECKS:
        excused = rows[flags[name][rows] == Flag.FAIL]
        # Flags without any finding may be shared, and are left alone.
        if len(excused):
            flags[name][excused] = Flag.SUSPECT


def _rows_after_declared_gaps(source: Source, lost: LostSeq) -> I64:
    """Return the rows before which just the declared messages are missing, and just their time has passed."""
    codes = {name: code for code, name in enumerate(source.device_ids)}
    parts = [np.empty(0, np.int64)]
    for name, ranges in lost.items():
        numbers = _numbers(ranges)
        if name not in codes or not len(numbers):
            continue
        rows = source.rows_of(np.array([codes[name]]))
        seq = source.columns["seq"][rows].astype(np.int64)
        waited_ms = np.diff(source.columns["received_at"][rows])
        step_ms = source.step_ms.get(name) or (float(np.median(waited_ms)) if len(waited_ms) else 0.0)
        missing = np.diff(seq) - 1
        declared = np.searchsorted(numbers, seq[1:]) - np.searchsorted(numbers, seq[:-1], side="right")
        is_declared = (missing > 0) & (declared == missing) & (waited_ms == (missing + 1) * step_ms)
        parts.append(rows[1:][is_declared])
    return np.concatenate(parts)


def _numbers(ranges: Iterable[tuple[int, int]]) -> I64:
    spans = [np.arange(first, last + 1, dtype=np.int64) for first, last in ranges]
    return np.unique(np.concatenate(spans)) if spans else np.empty(0, np.int64)
