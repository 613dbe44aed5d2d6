"""Gaps that an artifact explains: numbers that its manifest says the network lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.quality.checks import Findings

GAP_CHECKS = ("seq_gap", "time_gap")
"""Checks that speak of rows which are not there."""

# Source: QARTOD, as `synthlab.quality.flags.Flag`.
_FAIL = 4


def lost_count(devices: Mapping[str, Mapping[str, Any]]) -> int:
    """Return how many messages the network lost, by a manifest's ``devices``."""
    ranges = (each for entry in devices.values() for each in entry.get("lost_seq", ()))
    return sum(last - first + 1 for first, last in ranges)


def explained_rows(frame: pd.DataFrame, devices: Mapping[str, Mapping[str, Any]]) -> npt.NDArray[np.bool_]:
    """Find the rows before which just those messages are missing that the manifest calls lost.

    Parameters
    ----------
    frame : DataFrame
        An artifact's rows, in order of receipt.
    devices : mapping of str to mapping
        The manifest's, with ``lost_seq`` and ``step_seconds``.

    Returns
    -------
    ndarray of bool
        True where every number since the device's row before is declared lost, and
        the time between is that of as many steps.
    """
    explained = np.zeros(len(frame), dtype=bool)
    names = frame["device_id"].astype(str).to_numpy()
    seq = frame["seq"].to_numpy(np.int64)
    received = frame["received_at"].to_numpy(dtype="datetime64[ms]").view(np.int64)
    for device_id, entry in devices.items():
        if not entry.get("lost_seq") or not entry.get("step_seconds"):
            continue
        rows = np.flatnonzero(names == device_id)
        missing = np.diff(seq[rows]) - 1
        lost = np.array(entry["lost_seq"], dtype=np.int64)
        numbers = np.concatenate([np.arange(first, last + 1) for first, last in lost])
        before, after = seq[rows[:-1]], seq[rows[1:]]
        declared = np.searchsorted(numbers, after) - np.searchsorted(numbers, before, side="right")
        is_in_time = np.diff(received[rows]) == (missing + 1) * int(entry["step_seconds"]) * 1_000
        explained[rows[1:]] = (missing > 0) & (declared == missing) & is_in_time
    return explained


def unexplained_fails(
    findings: Findings, frame: pd.DataFrame, devices: Mapping[str, Mapping[str, Any]]
) -> dict[str, int]:
    """Return how many rows FAIL each check, without the gaps that are explained."""
    counts = {name: int(count["FAIL"]) for name, count in findings.counts.items()}
    if not lost_count(devices):
        return counts
    explained = explained_rows(frame, devices)
    for name in GAP_CHECKS:
        if counts.get(name):
            is_fail = findings.flags[name].to_numpy() == _FAIL
            counts[name] = int((is_fail & ~explained).sum())
    return counts
