"""recall_by_size, recall_by_duration: from which size or time on a fault is found, and how soon."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synthlab.calibration import Reservoir
from synthlab.errors import Problem, UsageError
from synthlab.quality.checks import check
from synthlab.quality.scoring import score
from synthlab.quality.thresholds import Thresholds
from synthlab.scenario.faults import FAULT_KINDS, FaultKind
from synthlab.workflows.inject import inject_faults

if TYPE_CHECKING:
    import pandas as pd

SIZE_FACTORS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5)
"""Default sizes and durations of a curve, times the kind's own."""

RATE_PER_MONTH = 2.0
"""Assumed: few enough that episodes seldom meet."""


def recall_by_size(
    frame: pd.DataFrame,
    kind: str,
    sizes: Sequence[float] | None = None,
    *,
    seed: int = 0,
    rate_per_month: float = RATE_PER_MONTH,
    duration_minutes: float | None = None,
    at: Sequence[str] | None = None,
    reservoirs: pd.DataFrame | Mapping[str, Reservoir] | None = None,
    thresholds: Thresholds | None = None,
) -> pd.DataFrame:
    """Inject a fault in many sizes into a clean frame, and see what the checks find.

    Parameters
    ----------
    frame : DataFrame
        Without faults, long enough for some episodes.
    kind : str
        One that has a size.
    sizes : sequence of float, optional
        In the kind's unit; by default its default size times `SIZE_FACTORS`.
    seed : int
    rate_per_month : float
        Episodes of a device in 30 days.
    duration_minutes : float, optional
        The kind's where omitted. [min]
    at : sequence of str, optional
        Begin of the episodes, instead of the rate.
    reservoirs : DataFrame or mapping, optional
        As for `inject_faults` and `check`.
    thresholds : Thresholds, optional

    Returns
    -------
    DataFrame
        One row a size: ``fault``, ``size``, and the columns of `Score.faults`.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a kind without a size.
    ScenarioError
        A size out of the kind's range.
    """
    known = _kind(kind, lambda one: bool(one.size), "with a size")
    chosen = sizes
    if chosen is None:
        default = max(known.size[mode] for mode in known.modes)
        wanted = [min(max(default * factor, known.minimum), known.maximum) for factor in SIZE_FACTORS]
        chosen = list(dict.fromkeys(wanted))
    lasting = {} if duration_minutes is None else {"duration_minutes": duration_minutes}
    when = _when(rate_per_month, at)
    entries = [{"kind": known.name, "size": float(size), **when, **lasting} for size in chosen]
    found = _found(frame, entries, seed=seed, reservoirs=reservoirs, thresholds=thresholds)
    return _joined(found, "size", [float(size) for size in chosen])


def recall_by_duration(
    frame: pd.DataFrame,
    kind: str,
    hours: Sequence[float] | None = None,
    *,
    seed: int = 0,
    rate_per_month: float = RATE_PER_MONTH,
    size: float | None = None,
    at: Sequence[str] | None = None,
    reservoirs: pd.DataFrame | Mapping[str, Reservoir] | None = None,
    thresholds: Thresholds | None = None,
) -> pd.DataFrame:
    """Let a fault last for different times, and see from which on the checks find it.

    Parameters
    ----------
    frame : DataFrame
        Without faults, long enough for some episodes.
    kind : str
        One that lasts, not one of a single message.
    hours : sequence of float, optional
        By default its default duration times `SIZE_FACTORS`. [h]
    seed : int
    rate_per_month : float
        Episodes of a device in 30 days.
    size : float, optional
        The kind's where omitted, in its unit.
    at : sequence of str, optional
        Begin of the episodes, instead of the rate.
    reservoirs : DataFrame or mapping, optional
        As for `inject_faults` and `check`.
    thresholds : Thresholds, optional

    Returns
    -------
    DataFrame
        One row a duration: ``fault``, ``duration_hours``, and the columns of
        `Score.faults`.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a kind of a single message.
    ScenarioError
        A duration or size out of range.
    """
    known = _kind(kind, lambda one: one.duration_minutes > 0, "that lasts")
    default = known.duration_minutes / 60
    chosen = [default * factor for factor in SIZE_FACTORS] if hours is None else [float(one) for one in hours]
    when = _when(rate_per_month, at)
    sized = {} if size is None else {"size": float(size)}
    entries = [{"kind": known.name, "duration_minutes": one * 60, **when, **sized} for one in chosen]
    found = _found(frame, entries, seed=seed, reservoirs=reservoirs, thresholds=thresholds)
    return _joined(found, "duration_hours", chosen)


def _kind(name: str, is_fit: Callable[[FaultKind], bool], words: str) -> FaultKind:
    known = FAULT_KINDS.get(name.upper())
    if known is not None and is_fit(known):
        return known
    fit = ", ".join(one.name for one in FAULT_KINDS.values() if is_fit(one))
    raise UsageError(
        Problem("BAD_ARGUMENT", f"needs a kind {words}", path="kind", value=name, remedy=f"Take {fit}")
    )


def _when(rate_per_month: float, at: Sequence[str] | None) -> dict[str, Any]:
    return {"rate_per_month": rate_per_month} if at is None else {"at": list(at)}


def _found(
    frame: pd.DataFrame,
    entries: Sequence[Mapping[str, Any]],
    *,
    seed: int,
    reservoirs: pd.DataFrame | Mapping[str, Reservoir] | None,
    thresholds: Thresholds | None,
) -> list[pd.DataFrame]:
    """Return what is found of each entry alone; no row where no episode came about."""
    tables = []
    for entry in entries:
        faulty = inject_faults(frame, [entry], seed=seed, reservoirs=reservoirs)
        found = score(check(faulty, reservoirs=reservoirs, thresholds=thresholds), faulty).faults
        tables.append(found.loc[found.index == entry["kind"]].reset_index())
    return tables


def _joined(tables: Sequence[pd.DataFrame], name: str, values: Sequence[float]) -> pd.DataFrame:
    import pandas as pd

    table = pd.concat(
        [found.assign(**{name: value}) for found, value in zip(tables, values, strict=True)],
        ignore_index=True,
    )
    return table[["fault", name, *(other for other in table.columns if other not in ("fault", name))]]
