"""The realism report: synthetic against measured demand, statistic by statistic."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.errors import Problem, UsageError
from synthlab.fitting import statistics as st
from synthlab.fitting.judge import mean_aucs
from synthlab.fitting.readings import DEMAND_COLUMNS, Days, days_of_meter, load_table, read_rows
from synthlab.fitting.statistics import Matrix
from synthlab.progress import OnProgress, unseen
from synthlab.results import Result

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

F64 = npt.NDArray[np.float64]

MIN_HOUSEHOLDS = 4
"""Fewer give no fold of strangers to the judge. Assumed: two to learn from, two to judge."""

GROUPS = (10, 50)
"""Households of the groups whose CV is compared. Source: domain facts, Aggregation."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a statistic must reach, and what it should.

    Attributes
    ----------
    form : {"ratio", "difference", "least", "most", "band"}
        Synthetic / real within 1/x..x; |synthetic - real| up to x; at least or at most
        x; within the real households' P5..P95.
    limit, stretch : float
    """

    form: str
    limit: float = 0.0
    stretch: float = 0.0

    def is_met(self, real: float, synthetic: float, band: tuple[float, float] | None) -> bool:
        """Tell whether a value reaches `limit`; a value that is none does not."""
        if self.form == "band":
            return band is not None and band[0] <= synthetic <= band[1]
        if self.form == "ratio":
            return bool(1.0 / self.limit <= synthetic / real <= self.limit) if real > 0 else False
        if self.form == "share":
            return bool(abs(synthetic / real - 1.0) <= self.limit) if real > 0 else False
        if self.form == "difference":
            return bool(abs(synthetic - real) <= self.limit)
        return bool(synthetic >= self.limit if self.form == "least" else synthetic <= self.limit)

    def __str__(self) -> str:
        forms = {
            "ratio": f"{1 / self.limit if self.limit else 0:.2f}..{self.limit:.2f} x real",
            "share": f"real ± {100 * self.limit:.0f} %",
            "difference": f"real ± {self.limit:.2f}",
            "least": f">= {self.limit:.2f}",
            "most": f"<= {self.limit:.2f}",
            "band": "real P5..P95",
        }
        return forms[self.form]


TARGETS: Mapping[str, Target] = {
    "profile_r_weekday": Target("least", 0.95, 0.98),
    "profile_r_weekend": Target("least", 0.95, 0.98),
    "cv_hourly": Target("ratio", 1.25, 1.1),
    "cv_daily": Target("ratio", 1.25, 1.1),
    "zero_share": Target("difference", 0.08, 0.04),
    "acf_1h": Target("difference", 0.08, 0.08),
    "acf_24h": Target("difference", 0.06, 0.06),
    "acf_168h": Target("difference", 0.08, 0.08),
    "ks_zero_runs": Target("most", 0.08, 0.05),
    "ks_volume": Target("most", 0.08, 0.05),
    "cv_of_10": Target("share", 0.2, 0.2),
    "cv_of_50": Target("share", 0.2, 0.2),
    "spectral_slope": Target("band"),
    "auc": Target("most", 0.62, 0.58),
}
"""Source: domain facts, realism report; the classifier's is stricter. [unitless]"""


CURVE_POINTS: Mapping[str, F64] = {
    "profile_weekday": np.arange(24.0),
    "profile_weekend": np.arange(24.0),
    "zero_runs": np.concatenate([np.arange(1.0, 24.0), np.arange(24.0, 169.0, 6.0)]),
    "volume": np.geomspace(0.02, 20.0, 61),
    "acf": np.arange(1.0, 193.0),
}
"""Where the curves are drawn: hours, hours, times the mean, hours. Assumed: a week and a day."""


@dataclass(frozen=True, slots=True, repr=False)
class Realism(Result):
    """How far synthetic demand is from measured demand.

    Attributes
    ----------
    rows : tuple of mapping
        One a statistic, as `to_frame` shows them.
    real, synthetic : Matrix
        Hourly liters as one and the same meter reads them.
    warnings : tuple of str
    """

    rows: tuple[Mapping[str, Any], ...]
    real: Matrix = field(repr=False)
    synthetic: Matrix = field(repr=False)
    warnings: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every statistic reaches its target."""
        return bool(self.rows) and all(row["passed"] for row in self.rows)

    @property
    def auc(self) -> float:
        """Return the judge's area under the ROC curve: .5 cannot tell. [unitless]"""
        return next((float(row["synthetic"]) for row in self.rows if row["statistic"] == "auc"), float("nan"))

    def to_frame(self) -> pd.DataFrame:
        """Return one row a statistic.

        Returns
        -------
        DataFrame
            ``statistic``, ``real``, ``synthetic``, ``real_against_real`` (one half of the
            measured households judged by the other), ``target``, ``passed``.
        """
        import pandas as pd

        return pd.DataFrame([dict(row) for row in self.rows])

    def curves(self) -> pd.DataFrame:
        """Return the curves behind the statistics.

        Returns
        -------
        DataFrame
            ``curve``, ``x``, ``real``, ``synthetic``: profiles by hour of day (mean 1);
            ``zero_runs``, the share of runs without use of at least x hours; ``volume``,
            the share of hours with use up to x times their mean; ``acf`` by lag in hours,
            the median household's.
        """
        import pandas as pd

        sides = {"real": _curves(self.real), "synthetic": _curves(self.synthetic)}
        parts = []
        for name, at in CURVE_POINTS.items():
            part = pd.DataFrame({"curve": name, "x": at})
            parts.append(part.assign(**{side: curves[name] for side, curves in sides.items()}))
        return pd.concat(parts, ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the statistics as JSON-ready values."""
        from synthlab.results import to_json_value

        return {
            "passed": self.passed,
            "auc": to_json_value(self.auc),
            "real_household_count": len(self.real.names),
            "synthetic_household_count": len(self.synthetic.names),
            "statistics": [to_json_value(dict(row)) for row in self.rows],
            "warnings": list(self.warnings),
        }

    def summary(self) -> str:
        """Say in one line whether the judge can tell, and what misses its target."""
        missed = [str(row["statistic"]) for row in self.rows if not row["passed"]]
        state = "passed" if self.passed else f"misses {', '.join(missed)}"
        return (
            f"{len(self.synthetic.names)} synthetic against {len(self.real.names)} real households, "
            f"auc={self.auc:.3f}, {state}"
        )

    def _repr_html_(self) -> str:
        notes = "".join(f"<br>{html.escape(note)}" for note in self.warnings)
        table = self.to_frame().round(3).to_html(index=False)
        return f"<p><b>{html.escape(repr(self))}</b>{notes}</p>{table}"


def compare_demand(
    synthetic: pd.DataFrame | str | Path,
    real: pd.DataFrame | str | Path,
    *,
    resolution_liters: float = 1.0,
    seeds: int = 5,
    on_progress: OnProgress = unseen,
) -> Realism:
    """Compare synthetic with measured demand; see `synthlab.realism`."""
    if not resolution_liters > 0 or seeds < 1:
        name, value = ("seeds", seeds) if seeds < 1 else ("resolution_liters", resolution_liters)
        raise UsageError(Problem("BAD_ARGUMENT", "must be above 0", path=name, value=str(value)))
    made = matrix_of(synthetic, resolution_liters, "synthetic")
    measured = matrix_of(real, resolution_liters, "real")
    halves = [measured.take(np.arange(start, len(measured.names), 2)) for start in (0, 1)]
    counts = len(measured.names), len(made.names)
    values = _single(measured) | _groups(measured, counts[1])
    made_values = _single(made) | _groups(made, counts[0])
    half = _single(halves[1]) | _groups(halves[1], counts[1])
    real_row = {name: value for name, (value, _) in values.items()}
    synthetic_row = {name: value for name, (value, _) in made_values.items()}
    within = {name: value for name, (value, _) in half.items()}
    pairs, within_pairs = _pairs(measured, made), _pairs(*halves)
    auc, within_auc = mean_aucs(
        [(measured, made), (halves[0], halves[1])], seeds=seeds, on_progress=on_progress
    )
    rows = []
    for name, target in TARGETS.items():
        if name in pairs or name == "auc":
            real_value, value = float("nan"), pairs.get(name, auc)
            beside = within_pairs.get(name, within_auc)
        else:
            real_value, value, beside = real_row[name], synthetic_row[name], within[name]
        band = values[name][1] if name in values else None
        rows.append(
            {
                "statistic": name,
                "real": real_value,
                "synthetic": value,
                "real_against_real": beside,
                "target": str(target) if band is None else f"{band[0]:.2f}..{band[1]:.2f}",
                "passed": target.is_met(real_value, value, band),
            }
        )
    return Realism(tuple(rows), measured, made, _warnings(measured, made))


def matrix_of(source: pd.DataFrame | str | Path, resolution_liters: float, path: str) -> Matrix:
    """Return hourly liters as a meter with that resolution reads them.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a missing column, or fewer than `MIN_HOUSEHOLDS`.
    """
    matrix = matrix_from_days(days_of_meter(read_rows(load_table(source), DEMAND_COLUMNS)))
    is_used = np.nansum(matrix.liters, axis=0) > 0
    if is_used.sum() < MIN_HOUSEHOLDS:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                f"needs at least {MIN_HOUSEHOLDS} households that use water",
                path=path,
                value=str(int(is_used.sum())),
                remedy="Pass a table with a column household or device_id",
            )
        )
    known = np.nan_to_num(matrix.liters)
    read = np.floor(np.cumsum(known, axis=0) / resolution_liters + 1e-9)
    steps = np.diff(read, axis=0, prepend=0.0) * resolution_liters
    return Matrix(
        np.where(np.isnan(matrix.liters), np.nan, steps)[:, is_used],
        matrix.first_day,
        tuple(name for name, used in zip(matrix.names, is_used, strict=True) if used),
    )


def matrix_from_days(days: Days) -> Matrix:
    """Put days side by side by device; hours that were not seen whole are NaN."""
    first, count = int(days.day.min()), int(days.day.max() - days.day.min()) + 1
    cube = np.full((count, 24, len(days.names)), np.nan)
    cube[days.day - first, :, days.device] = np.where(days.hours > 0.99, days.liters, np.nan)
    return Matrix(cube.reshape(-1, len(days.names)), first, days.names)


def _single(matrix: Matrix) -> dict[str, tuple[float, tuple[float, float] | None]]:
    """Statistics of one set of households: its value, and a band where the target is one."""
    each = st.household_statistics(matrix)
    found: dict[str, tuple[float, tuple[float, float] | None]] = {}
    for name in (name for name in TARGETS if name in st.HOUSEHOLD_STATISTICS):
        values = each[name][np.isfinite(each[name])]
        band = None
        if TARGETS[name].form == "band" and len(values):
            low, high = np.quantile(values, [0.05, 0.95])
            band = (float(low), float(high))
        # Too short a series tells nothing, and what tells nothing does not pass.
        found[name] = (float(np.median(values)) if len(values) else float("nan"), band)
    return found


def _groups(matrix: Matrix, other: int) -> dict[str, tuple[float, None]]:
    """CV of groups, as large as both sets of households allow."""
    most = min(len(matrix.names), other)
    return {f"cv_of_{count}": (st.group_cv(matrix, min(count, most)), None) for count in GROUPS}


def _pairs(real: Matrix, synthetic: Matrix) -> dict[str, float]:
    """Statistics that are one number of both sets."""
    profile = {
        name: st.correlation(
            st.mean_profile(real, weekend=weekend), st.mean_profile(synthetic, weekend=weekend)
        )
        for name, weekend in (("profile_r_weekday", False), ("profile_r_weekend", True))
    }
    return {
        **profile,
        "ks_zero_runs": st.ks_distance(st.pooled_zero_runs(real), st.pooled_zero_runs(synthetic)),
        "ks_volume": st.ks_distance(st.scaled_volumes(real), st.scaled_volumes(synthetic)),
    }


def _curves(matrix: Matrix) -> dict[str, F64]:
    runs, volumes = np.sort(st.pooled_zero_runs(matrix)), np.sort(st.scaled_volumes(matrix))
    lags = len(CURVE_POINTS["acf"])
    known = [series for series in matrix.liters.T if np.nansum(series) > 0]
    return {
        "profile_weekday": st.mean_profile(matrix, weekend=False),
        "profile_weekend": st.mean_profile(matrix, weekend=True),
        "zero_runs": 1.0 - np.searchsorted(runs, CURVE_POINTS["zero_runs"], side="left") / max(len(runs), 1),
        "volume": np.searchsorted(volumes, CURVE_POINTS["volume"], side="right") / max(len(volumes), 1),
        "acf": np.nanmedian([st.autocorrelations(series, lags) for series in known], axis=0),
    }


def _warnings(real: Matrix, synthetic: Matrix) -> tuple[str, ...]:
    found = []
    for name, matrix in (("real", real), ("synthetic", synthetic)):
        days = len(matrix.liters) // 24
        if days < 60:
            found.append(f"{name}: {days} days; statistics of weeks and seasons need two months or more")
        if len(matrix.names) < max(GROUPS):
            few = len(matrix.names)
            found.append(f"{name}: {few} households: groups of {max(GROUPS)} are groups of at most {few}")
        if len(matrix.names) < 20:
            found.append(f"{name}: {len(matrix.names)} households; medians and the judge wander below 20")
    return tuple(found)
