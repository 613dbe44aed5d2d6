"""realism: synthetic against measured demand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from synthlab.progress import OnProgress, shown

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.fitting.realism import Realism


def realism(
    synthetic: pd.DataFrame | str | Path,
    real: pd.DataFrame | str | Path,
    *,
    resolution_liters: float = 1.0,
    seeds: int = 5,
    on_progress: OnProgress | None = None,
) -> Realism:
    """Compare synthetic demand with measured demand.  Reads only.

    Parameters
    ----------
    synthetic, real : DataFrame or path
        Hourly liters of many households: a time column (``hour``, ``time``,
        ``received_at``, ``hour_local``), ``liters`` (of a telemetry frame
        ``requested_liters``) and ``household`` or ``device_id``.  Finer steps are
        summed to hours.
    resolution_liters : float
        Both are read by a meter with this step, so that they are alike. [liters]
    seeds : int
        The judge's verdict is the mean of so many.
    on_progress : callable, optional
        Called with the judge's verdicts so far and those in all; by default a bar where a person
        looks.

    Returns
    -------
    Realism
        ``.to_frame()``, ``.passed``, ``.auc``.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a missing column, or too few households.
    ArtifactError
        Code ``ARTIFACT_NOT_FOUND``, ``ARTIFACT_ROW_INVALID``: a file that is none.
    AdapterUnavailableError
        Code ``ADAPTER_NOT_INSTALLED``: the classifier needs scikit-learn.

    Notes
    -----
    Statistics are of each household, then the median over households; distributions
    (`ks_…`) and groups (`cv_of_…`) are of all.  The classifier sees whole days: log1p of
    the 24 hours, total, hours without use, shares of the three largest, and the
    coefficient of variation; its folds are grouped by household.
    """
    from synthlab.fitting.realism import compare_demand

    with shown("realism", on_progress) as report:
        return compare_demand(
            synthetic, real, resolution_liters=resolution_liters, seeds=seeds, on_progress=report
        )
