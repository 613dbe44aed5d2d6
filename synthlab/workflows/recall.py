"""recall_by_size: from which size a fault is found, and how soon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from synthlab.calibration import Reservoir
from synthlab.errors import Problem, UsageError
from synthlab.quality.checks import check
from synthlab.quality.scoring import score
from synthlab.quality.thresholds import Thresholds
from synthlab.scenario.faults import FAULT_KINDS
from synthlab.workflows.inject import inject_faults

if TYPE_CHECKING:
    import pandas as pd

SIZE_FACTORS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5)
"""Default sizes of a curve, times the kind's own."""

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
    import pandas as pd

    known = FAULT_KINDS.get(kind.upper())
    if known is None or not known.size:
        with_size = ", ".join(name for name, other in FAULT_KINDS.items() if other.size)
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "needs a kind with a size",
                path="kind",
                value=kind,
                remedy=f"Take {with_size}",
            )
        )
    chosen = sizes
    if chosen is None:
        default = max(known.size[mode] for mode in known.modes)
        wanted = [min(max(default * factor, known.minimum), known.maximum) for factor in SIZE_FACTORS]
        chosen = list(dict.fromkeys(wanted))
    when = {"rate_per_month": rate_per_month} if at is None else {"at": list(at)}
    lasting = {} if duration_minutes is None else {"duration_minutes": duration_minutes}
    tables = []
    for size in chosen:
        entry = {"kind": known.name, "size": float(size), **when, **lasting}
        faulty = inject_faults(frame, [entry], seed=seed, reservoirs=reservoirs)
        found = score(check(faulty, reservoirs=reservoirs, thresholds=thresholds), faulty).faults
        tables.append(found.loc[found.index == known.name].assign(size=float(size)).reset_index())
    table = pd.concat(tables, ignore_index=True)
    return table[["fault", "size", *(name for name in table.columns if name not in ("fault", "size"))]]
