"""Each device's metrics beside what its archetype promises."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from synthlab.report.content import Metric

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.calibration import Reservoir

WINDOW = "30d"
"""Window of the metrics: the longest that the platform knows."""


def metrics_of_devices(
    frame: pd.DataFrame, archetypes: Mapping[str, str], reservoirs: Mapping[str, Reservoir]
) -> dict[str, tuple[Metric, ...]]:
    """Return the metrics of each device that has rows, and whether promises are kept.

    Reads only.

    Parameters
    ----------
    frame : DataFrame
        Telemetry.
    archetypes : mapping of str to str
        By device.
    reservoirs : mapping of str to Reservoir

    Notes
    -----
    One run proves nothing: `synthlab.tendencies` judges promises over many seeds.
    Here a promise is kept where this run leans as promised.
    """
    from synthlab.errors import UsageError
    from synthlab.quality.metrics import metrics_from_frame

    try:
        table = metrics_from_frame(frame, reservoirs=reservoirs or None, window=WINDOW)
    except UsageError:
        # No row has a time.
        return {}
    means = _means_by_archetype(table, archetypes)
    return {
        str(device_id): tuple(_metrics(row, archetypes.get(str(device_id), ""), means))
        for device_id, row in ((name, table.loc[name].to_dict()) for name in table.index)
    }


def _means_by_archetype(table: pd.DataFrame, archetypes: Mapping[str, str]) -> dict[tuple[str, str], float]:
    from synthlab.quality.formulas import DEVICE_METRICS

    groups = table.groupby([archetypes.get(str(name), "") for name in table.index])
    means = groups[list(DEVICE_METRICS)].mean(numeric_only=False)
    return {
        (str(archetype), name): float(means.loc[archetype, name])
        for archetype in means.index
        for name in DEVICE_METRICS
    }


def _metrics(row: Mapping[Any, Any], archetype: str, means: Mapping[tuple[str, str], float]) -> list[Metric]:
    from synthlab.quality.formulas import DEVICE_METRICS
    from synthlab.scenario.archetypes import ARCHETYPES

    known = ARCHETYPES.get(archetype)
    found = []
    for name in DEVICE_METRICS:
        value, truth = _number(row[name]), _number(row.get(f"{name}_truth"))
        promise = known.tendencies.get(name) if known is not None else None
        if value is None and truth is None and promise is None:
            continue
        against = None
        shown = promise
        if known is not None and promise is not None and " " not in promise:
            against = _number(means.get((known.contrast, name)))
            shown = f"{promise} than {known.contrast}"
        found.append(
            Metric(
                name=name,
                value=value,
                truth=truth,
                null_reason=row["null_reasons"].get(name),
                promise=shown,
                against=against,
                is_kept=_is_kept(promise, value, against),
            )
        )
    return found


def _is_kept(promise: str | None, value: float | None, against: float | None) -> bool | None:
    from synthlab.quality.tendencies import leaning, limit_of

    if promise is None or value is None or (limit_of(promise) is None and against is None):
        return None
    other = np.array([math.nan if against is None else against])
    return bool(leaning(promise, np.array([value]), other)[0])


def _number(value: Any) -> float | None:
    if value is None or not math.isfinite(float(value)):
        return None
    return float(value)
