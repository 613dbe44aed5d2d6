"""How far two datasets are apart: row by row where they share rows, else by their distributions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.columns import NAMES

if TYPE_CHECKING:
    import pandas as pd

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

COMPARED = tuple(name for name in NAMES if name not in ("device_id", "received_at"))
"""Columns that two rows of one device and time are compared by."""

NUMBERING = "seq"
"""Says where a run began, not what a device measured: rows are equal without it."""

DISTRIBUTIONS = (
    "level_pct",
    "measured_level_pct",
    "requested_liters",
    "served_liters",
    "inflow_liters",
    "delivered_liters",
    "temperature_c",
    "battery_pct",
    "signal_dbm",
    "speed_kmh",
)
"""Columns whose distributions are compared."""

QUANTILES = {"p05": 0.05, "median": 0.5, "p95": 0.95}


def row_agreement(frame_a: pd.DataFrame, frame_b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the rows that two frames share, by device and time.

    Reads only.

    Parameters
    ----------
    frame_a, frame_b : DataFrame
        Telemetry frames. Rows without a time are nobody's; of rows with the same
        device and time, the first counts.

    Returns
    -------
    tuple of DataFrame
        By ``device_id``: ``row_count_a``, ``row_count_b``, ``shared_count``,
        ``equal_count``, the shared rows that are equal in all but `NUMBERING`. By
        ``column``: ``shared_count``, ``equal_count``, ``largest_difference`` (null
        for text, and where nothing is shared).
    """
    import pandas as pd

    a, b = _by_device(frame_a), _by_device(frame_b)
    values_a, values_b = _comparable(frame_a, frame_b)
    devices, equal_of = [], dict.fromkeys(values_a, 0)
    largest: dict[str, float | None] = dict.fromkeys(values_a)
    shared_total = 0
    for name in sorted({*a, *b}):
        rows_a, rows_b = (side.get(name, np.zeros(0, np.int64)) for side in (a, b))
        shared_a, shared_b = _shared(frame_a, rows_a, frame_b, rows_b)
        is_equal = np.ones(len(shared_a), bool)
        for column in values_a:
            left, right = values_a[column][shared_a], values_b[column][shared_b]
            same = (left == right) | ((left != left) & (right != right))
            equal_of[column] += int(same.sum())
            if column != NUMBERING:
                is_equal &= same
            largest[column] = _larger(largest[column], column, frame_a, left, right)
        shared_total += len(shared_a)
        devices.append((name, len(rows_a), len(rows_b), len(shared_a), int(is_equal.sum())))
    by_device = pd.DataFrame(
        devices, columns=["device_id", "row_count_a", "row_count_b", "shared_count", "equal_count"]
    )
    by_column = pd.DataFrame(
        {
            "column": list(values_a),
            "shared_count": shared_total,
            "equal_count": list(equal_of.values()),
            "largest_difference": pd.array(list(largest.values()), dtype="Float64"),
        }
    )
    return by_device.set_index("device_id"), by_column.set_index("column")


def distribution_drift(frame_a: pd.DataFrame, frame_b: pd.DataFrame) -> pd.DataFrame:
    """Compare the distributions of each device that both frames have.

    Reads only.

    Returns
    -------
    DataFrame
        By ``device_id`` and ``column`` of `DISTRIBUTIONS`: ``ks``, the two-sample
        Kolmogorov-Smirnov distance, 0 to 1; ``mean_a``, ``mean_b``, and the `QUANTILES`
        of both. A column without values on either side is left out.
    """
    import pandas as pd

    a, b = _by_device(frame_a), _by_device(frame_b)
    rows = list(_distributions(frame_a, a, frame_b, b))
    names = [f"{name}_{side}" for name in ("mean", *QUANTILES) for side in "ab"]
    table = pd.DataFrame(rows, columns=["device_id", "column", "ks", *names])
    return table.set_index(["device_id", "column"])


def ks_distance(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Return the two-sample Kolmogorov-Smirnov distance; NaN where a side is empty.

    Parameters
    ----------
    a, b : array_like of float
        NaN is left out.

    Examples
    --------
    >>> ks_distance([1, 2, 3, 4], [3, 4, 5, 6])
    0.5
    """
    first, second = (np.sort(_known(np.asarray(side, np.float64))) for side in (a, b))
    if not len(first) or not len(second):
        return float("nan")
    points = np.concatenate((first, second))
    below = [np.searchsorted(side, points, side="right") / len(side) for side in (first, second)]
    return float(np.abs(below[0] - below[1]).max())


def _distributions(
    frame_a: pd.DataFrame, a: dict[str, I64], frame_b: pd.DataFrame, b: dict[str, I64]
) -> Iterator[tuple[Any, ...]]:
    columns = {
        name: [np.asarray(frame[name].to_numpy(), np.float64) for frame in (frame_a, frame_b)]
        for name in DISTRIBUTIONS
    }
    for device_id in sorted(set(a) & set(b)):
        for name, (left, right) in columns.items():
            sides = [_known(left[a[device_id]]), _known(right[b[device_id]])]
            if not all(map(len, sides)):
                continue
            means = [float(side.mean()) for side in sides]
            quantiles = [np.quantile(side, list(QUANTILES.values())) for side in sides]
            pairs = [float(value) for pair in zip(*quantiles, strict=True) for value in pair]
            yield device_id, name, ks_distance(*sides), *means, *pairs


def _known(values: F64) -> F64:
    return values[~np.isnan(values)]


def _by_device(frame: pd.DataFrame) -> dict[str, I64]:
    """Return the positions of each device's dated rows."""
    codes = frame["device_id"].cat.codes.to_numpy()
    dated = np.flatnonzero(frame["received_at"].notna().to_numpy() & (codes >= 0))
    order = dated[np.argsort(codes[dated], kind="stable")]
    names = list(frame["device_id"].cat.categories)
    edges = np.searchsorted(codes[order], np.arange(len(names) + 1))
    return {
        str(name): order[edges[n] : edges[n + 1]] for n, name in enumerate(names) if edges[n] < edges[n + 1]
    }


def _shared(frame_a: pd.DataFrame, rows_a: I64, frame_b: pd.DataFrame, rows_b: I64) -> tuple[I64, I64]:
    """Return the positions of rows of the same time in both."""
    times = [
        frame["received_at"].to_numpy(dtype="datetime64[ms]")[rows]
        for frame, rows in ((frame_a, rows_a), (frame_b, rows_b))
    ]
    _, at_a, at_b = np.intersect1d(times[0], times[1], return_indices=True)
    return rows_a[at_a], rows_b[at_b]


def _comparable(
    frame_a: pd.DataFrame, frame_b: pd.DataFrame
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, npt.NDArray[Any]]]:
    """Return the columns as arrays whose values compare: texts by one numbering for both."""
    import pandas as pd

    found: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for name in COMPARED:
        pair = frame_a[name], frame_b[name]
        if isinstance(pair[0].dtype, pd.CategoricalDtype):
            known = sorted({str(text) for side in pair for text in side.cat.categories})
            for side, values in zip(found, pair, strict=True):
                side[name] = values.cat.set_categories(known).cat.codes.to_numpy()
        else:
            for side, values in zip(found, pair, strict=True):
                side[name] = values.to_numpy()
    return found


def _larger(before: float | None, column: str, frame: pd.DataFrame, left: Any, right: Any) -> float | None:
    import pandas as pd

    if isinstance(frame[column].dtype, pd.CategoricalDtype) or not len(left):
        return before
    apart = np.abs(left.astype(np.float64) - right.astype(np.float64))
    apart = apart[~np.isnan(apart)]
    if not len(apart):
        return before
    return max(float(apart.max()), before or 0.0)
