"""Do metrics lean as promised? Judged over many runs, by share and by interval.

What is promised comes in as data, so that the judge knows nothing of who promises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthlab.quality.formulas import DEVICE_METRICS
from synthlab.quality.intervals import mean_interval

F64 = npt.NDArray[np.float64]
Level = Literal["archetype", "device"]

PASSING_SHARE = (19, 20)
"""Least share of runs that lean as promised. Source: issue of the tendency report, 19 of 20."""

BASES: Mapping[str, str] = {"measured": "", "truth": "_truth"}
"""What a number is computed from, and the suffix of its columns."""

_ABSOLUTE = re.compile(r"(below|above) (-?\d+(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class Promises:
    """What one archetype promises.

    Attributes
    ----------
    directions : mapping of str to str
        Metric to ``"lower"`` or ``"higher"`` than the contrast, or ``"below 0.7"``.
    contrast : str
        The archetype that it is compared with.
    """

    directions: Mapping[str, str]
    contrast: str


def limit_of(promise: str) -> float | None:
    """Return the bound of a promise such as ``"below 0.7"``; None for a comparison."""
    found = _ABSOLUTE.fullmatch(promise)
    return float(found[2]) if found else None


def leaning(promise: str, values: F64, contrast: F64) -> npt.NDArray[np.bool_]:
    """Say in which runs a metric leans as promised; equal or unknown values do not.

    Parameters
    ----------
    promise : str
    values, contrast : ndarray of float64
        The metric, and that of the contrast in the same run.

    Raises
    ------
    ValueError
        No such promise.
    """
    limit = limit_of(promise)
    other = contrast if limit is None else np.full(len(values), limit)
    if promise.split(" ")[0] in {"lower", "below"}:
        return values < other
    if promise.split(" ")[0] in {"higher", "above"}:
        return values > other
    raise ValueError(f"no promise: {promise!r}")


def judge(
    by_seed: pd.DataFrame, promises: Mapping[str, Promises], *, by: Level = "archetype"
) -> pd.DataFrame:
    """Summarize metrics over runs, and say which keep their promise.

    Parameters
    ----------
    by_seed : DataFrame
        One row a run, device and metric: ``seed``, ``archetype``, ``device_id``,
        ``metric``, ``measured``, ``truth``.
    promises : mapping of str to Promises
        By archetype; their order is that of the rows.
    by : {"archetype", "device"}
        One row an archetype, whose devices are averaged in each run, or one a
        device, which is compared with the contrast archetype's average.

    Returns
    -------
    DataFrame
        See `synthlab.tendencies`.
    """
    names = ["archetype"] if by == "archetype" else ["archetype", "device_id"]
    order, rows = list(promises), []
    for metric in [name for name in DEVICE_METRICS if name in set(by_seed["metric"])]:
        of_metric = by_seed[by_seed["metric"] == metric]
        averages = _per_run(of_metric, ["archetype"])
        groups = _per_run(of_metric, names).items()
        # In the order of the promises, which puts contrasts beside each other.
        for key, values in sorted(groups, key=lambda group: (order.index(group[0][0]), group[0])):
            promise = promises[key[0]].directions.get(metric)
            contrast = averages.get((promises[key[0]].contrast,))
            row = {"metric": metric} | dict(zip(names, key, strict=True))
            rows.append(row | _judged(promise, promises[key[0]].contrast, values, contrast))
    found = pd.DataFrame(rows).set_index(["metric", *names]).astype(_DTYPES)
    # Texts come out of pandas with NaN for None, which no JSON has.
    for name in ("promise", "against"):
        found[name] = found[name].where(found[name].notna(), None)
    return found


_DTYPES = {
    "promise": "object",
    "against": "object",
    **{f"{name}{suffix}": "boolean" for name in ("is_apart", "passed") for suffix in BASES.values()},
}


def _per_run(of_metric: pd.DataFrame, names: list[str]) -> dict[tuple[str, ...], pd.DataFrame]:
    """Mean of each group in each run, NaN where no device of it knows the metric."""
    return {
        tuple(str(part) for part in key): rows.groupby("seed")[list(BASES)].mean()
        for key, rows in of_metric.groupby(names, observed=True, sort=True)
    }


def _judged(
    promise: str | None, against: str, values: pd.DataFrame, contrast: pd.DataFrame | None
) -> dict[str, Any]:
    limit = None if promise is None else limit_of(promise)
    row: dict[str, Any] = {
        "promise": promise,
        "against": against if promise is not None and limit is None else None,
    }
    can_judge = promise is not None and (limit is not None or contrast is not None)
    for basis, suffix in BASES.items():
        own = values[basis].to_numpy(np.float64)
        other = (
            np.full(len(own), np.nan)
            if contrast is None
            else contrast[basis].reindex(values.index).to_numpy(np.float64)
        )
        interval = mean_interval(own)
        row |= {f"{name}{suffix}": value for name, value in interval._asdict().items()}
        row[f"seeds_count{suffix}"] = int((~np.isnan(own)).sum())
        verdict = _verdict(str(promise), own, other) if can_judge else (np.nan, pd.NA, pd.NA)
        row |= {f"{n}{suffix}": v for n, v in zip(("share", "is_apart", "passed"), verdict, strict=True)}
    return row


def _verdict(promise: str, own: F64, other: F64) -> tuple[float, bool, bool]:
    """Share of runs that lean as promised, whether the intervals are apart, and both together."""
    count = int(leaning(promise, own, other).sum())
    limit = limit_of(promise)
    mine, theirs = mean_interval(own), mean_interval(other)
    low, high = (limit, limit) if limit is not None else (theirs.low, theirs.high)
    is_downwards = promise.split(" ")[0] in {"lower", "below"}
    is_apart = mine.high < low if is_downwards else mine.low > high
    least, of = PASSING_SHARE
    return count / len(own), is_apart, is_apart and count * of >= len(own) * least
