"""What an import compares before it writes: reservoirs, and numbers that are stored already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import isclose
from typing import TYPE_CHECKING, Any

from synthlab.errors import ConflictError, Problem, show_value
from synthlab.payload import emissions

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy.orm import Session

    from synthlab.calibration import Reservoir
    from synthlab.preflight import PreflightReport

COMPARED = ("capacity_liters", "sensor_empty_distance_mm", "sensor_full_distance_mm")
"""Fields that turn a distance into a volume."""

# Rows compared in one read: bounds the memory of a long artifact. Assumed.
_ROWS_PER_READ = 20_000


def reservoir_mismatches(
    exported: Mapping[str, Mapping[str, Any]], found: Mapping[str, Reservoir]
) -> list[Problem]:
    """Return where the platform's reservoirs are no longer those of the artifact.

    Parameters
    ----------
    exported : mapping of str to mapping
        The manifest's ``reservoirs``, by device.
    found : mapping of str to Reservoir
        As preflight found them; only those that the platform has are compared.
    """
    problems = []
    for device_id, reservoir in sorted(found.items()):
        before = exported.get(device_id)
        if before is None or reservoir.origin != "platform":
            continue
        now = reservoir.to_dict()
        changed = [name for name in COMPARED if not _is_same(before.get(name), now[name])]
        if changed:
            problems.append(
                Problem(
                    "RESERVOIR_MISMATCH",
                    "the rows were made for another reservoir: "
                    + ", ".join(f"{name} {show_value(before.get(name))}" for name in changed),
                    path=f"devices[{device_id}]",
                    value=", ".join(f"{name} {show_value(now[name])}" for name in changed),
                    remedy="Export again with the platform's reservoirs as they are now",
                )
            )
    return problems


def conflicting_keys(session: Session, frame: pd.DataFrame) -> list[tuple[str, int]]:
    """Return device and number of rows under whose key another payload is stored.  Reads only.

    Parameters
    ----------
    session : Session
        Of a platform whose tables are there.
    frame : DataFrame
        A telemetry frame.
    """
    from synthlab.platform.stored import stored_payloads

    found: list[tuple[str, int]] = []
    for start in range(0, len(frame), _ROWS_PER_READ):
        part = frame.iloc[start : start + _ROWS_PER_READ]
        rows = list(stored_payloads(session, _ranges(part)))
        # Most of the time nothing is there, and no payload need be made.
        payloads = {(each.device_id, each.seq): each.payload for each in emissions(part)} if rows else {}
        for client_id, seq, stored in rows:
            # A number between two of the artifact's own is none of its business.
            if payloads.get((client_id, seq), stored) != stored:
                found.append((client_id, seq))
    return sorted(found)


def repeated_otherwise(frame: pd.DataFrame) -> list[tuple[str, int]]:
    """Return device and number of rows that repeat a row's number with another payload.

    Parameters
    ----------
    frame : DataFrame
        A telemetry frame; a row that says the same again is no conflict.
    """
    repeats = frame[frame.duplicated(["device_id", "seq"], keep=False)]
    payloads: dict[tuple[str, int], Mapping[str, Any]] = {}
    found = {
        (each.device_id, each.seq)
        for each in emissions(repeats)
        if payloads.setdefault((each.device_id, each.seq), each.payload) != each.payload
    }
    return sorted(found)


def unmarked_devices(report: PreflightReport) -> frozenset[str]:
    """Return the devices that preflight has warned of because they are not marked synthetic."""
    paths = {finding.path for finding in report.findings if finding.code == "NOT_MARKED_SYNTHETIC"}
    return frozenset(name for name in report.reservoirs if f"devices[{name}]" in paths)


def conflict_of(keys: Iterable[tuple[str, int]]) -> ConflictError | None:
    """Return one problem a device, with its first number; None where there is no conflict."""
    seqs: dict[str, list[int]] = {}
    for device_id, seq in keys:
        seqs.setdefault(device_id, []).append(seq)
    problems = [
        Problem(
            "SEQ_CONFLICT",
            f"seq {min(found)} is stored with another payload; of such rows there are {len(found)}",
            path=f"devices[{device_id}]",
            remedy="Export again with the state file that this platform is fed from",
        )
        for device_id, found in seqs.items()
    ]
    return ConflictError(problems) if problems else None


def as_warnings(problems: Iterable[Problem]) -> tuple[str, ...]:
    """Return problems as a dry run tells them."""
    return tuple(str(replace(problem, severity="warning")) for problem in problems)


def _ranges(part: pd.DataFrame) -> dict[str, tuple[int, int]]:
    found = part.groupby("device_id", observed=True)["seq"].agg(["min", "max"])
    return {str(name): (int(first), int(last)) for name, first, last in found.itertuples()}


def _is_same(before: Any, now: float) -> bool:
    # A platform may keep a number in another type, so the last bit is not compared.
    return isinstance(before, (int, float)) and isclose(before, now, rel_tol=1e-9)
