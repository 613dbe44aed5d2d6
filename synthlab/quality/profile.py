"""What a dataset looks like: coverage, distributions and rates, device by device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.calibration import NO_ECHO_MM
from synthlab.columns import RAW_COLUMNS
from synthlab.timeline import Window, point_count

if TYPE_CHECKING:
    import pandas as pd

DISTRIBUTIONS = ("level_pct", "measured_level_pct", "temperature_c", "battery_pct", "signal_dbm", "speed_kmh")
"""Columns of which the profile gives the distribution."""

TOTALS = (
    "expected_demand_liters",
    "requested_liters",
    "served_liters",
    "inflow_liters",
    "overflow_liters",
    "loaded_liters",
    "delivered_liters",
    "lost_liters",
)
"""Columns of which the profile gives the sum, and the mean by day."""

HOURLY_LEVELS = ("level_pct", "measured_level_pct")
"""Columns of which the profile gives each hour's mean."""

_QUANTILES = {"min": 0.0, "p05": 0.05, "median": 0.5, "p95": 0.95, "max": 1.0}
# Sums differ between processors in the last places; so they are not shown.
_DECIMALS = 3
_MS_PER_HOUR = 3_600_000
_SECONDS_PER_HOUR = 3_600


def profile(
    frame: pd.DataFrame,
    *,
    window: Window | None = None,
    step_seconds: Mapping[str, int] | None = None,
) -> dict[str, dict[str, Any]]:
    """Describe each device's rows.

    Reads only.

    Parameters
    ----------
    frame : DataFrame
        A telemetry frame.
    window : Window, optional
        The time that should be covered; else from the first to the last row.
    step_seconds : mapping of str to int, optional
        Cadence by device; a device in it without rows is described as such. [seconds]

    Returns
    -------
    dict
        By device: ``row_count``, ``expected_row_count``, ``coverage_fraction``, first
        and last time and seq, ``distributions`` of `DISTRIBUTIONS`, ``totals`` and
        ``liters_per_day`` of `TOTALS`, ``no_echo_fraction``; and for each hour of the
        day (UTC) 24 values: ``hourly_row_count``, ``hourly_coverage_fraction``,
        ``hourly_no_echo_fraction``, ``hourly_mean`` of `HOURLY_LEVELS`, and
        ``hourly_mean_liters`` of `TOTALS`.
    """
    steps = step_seconds or {}
    described = {
        device_id: _device(rows, window, steps.get(device_id)) for device_id, rows in _devices(frame)
    }
    for device_id in steps:
        described.setdefault(device_id, _device(frame.iloc[:0], window, steps[device_id]))
    return {device_id: described[device_id] for device_id in sorted(described)}


def _devices(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for device_id, rows in frame.groupby("device_id", observed=True, sort=True):
        yield str(device_id), rows


def _device(rows: pd.DataFrame, window: Window | None, step_seconds: int | None) -> dict[str, Any]:
    stamps = rows["received_at"].to_numpy(dtype="datetime64[ms]")
    stamps = stamps[~np.isnat(stamps)]
    seq = rows["seq"].to_numpy()
    expected = _expected_rows(stamps, window, step_seconds)
    days = _days(stamps, window)
    totals = {name: float(np.nansum(rows[name].to_numpy())) for name in TOTALS}
    return {
        "row_count": len(rows),
        "expected_row_count": expected,
        # A row that came twice, or without a time, covers no more of the window.
        "coverage_fraction": _round(len(np.unique(stamps)) / expected) if expected else None,
        "step_seconds": step_seconds,
        "first_received_at": f"{stamps.min()}Z" if len(stamps) else None,
        "last_received_at": f"{stamps.max()}Z" if len(stamps) else None,
        "first_seq": int(seq[0]) if len(seq) else None,
        "last_seq": int(seq[-1]) if len(seq) else None,
        "distributions": {name: _distribution(rows[name].to_numpy()) for name in DISTRIBUTIONS},
        "no_echo_fraction": _no_echo_fraction(rows),
        "totals": {name: _round(total) for name, total in totals.items()},
        "liters_per_day": {name: _round(total / days) for name, total in totals.items()} if days else None,
        **_by_hour(rows, window, step_seconds),
    }


def _expected_rows(
    stamps: npt.NDArray[np.datetime64], window: Window | None, step_seconds: int | None
) -> int | None:
    if not step_seconds:
        return None
    if window is not None:
        return point_count(window.start_second, window.end_second, step_seconds)
    if not len(stamps):
        return 0
    return int((stamps.max() - stamps.min()) / np.timedelta64(step_seconds, "s")) + 1


def _days(stamps: npt.NDArray[np.datetime64], window: Window | None) -> float:
    if window is not None:
        return (window.end_second - window.start_second) / 86_400
    return float((stamps.max() - stamps.min()) / np.timedelta64(1, "D")) if len(stamps) else 0.0


def _distribution(values: npt.NDArray[Any]) -> dict[str, float | None]:
    known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    if not len(known):
        return {**dict.fromkeys(_QUANTILES), "mean": None, "missing_fraction": 1.0 if len(values) else None}
    quantiles = np.quantile(known, list(_QUANTILES.values()))
    return {
        **{name: _round(value) for name, value in zip(_QUANTILES, quantiles, strict=True)},
        "mean": _round(known.mean()),
        "missing_fraction": _round(1 - len(known) / len(values)),
    }


def _no_echo_fraction(rows: pd.DataFrame) -> float | None:
    if not len(rows):
        return None
    return round(int(_no_echo_counts(rows).sum()) / (len(rows) * len(RAW_COLUMNS)), 6)


def _no_echo_counts(rows: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return how many of each row's readings had no echo."""
    counts = np.zeros(len(rows), np.int64)
    for name in RAW_COLUMNS:
        counts += rows[name].to_numpy() == NO_ECHO_MM
    return counts


def _by_hour(rows: pd.DataFrame, window: Window | None, step_seconds: int | None) -> dict[str, Any]:
    """Describe each hour of the day: rows, readings without echo, levels and liters."""
    stamps = rows["received_at"].to_numpy(dtype="datetime64[ms]")
    known = ~np.isnat(stamps)
    hours = stamps[known].view(np.int64) // _MS_PER_HOUR
    of_day = hours % 24
    counts = np.bincount(of_day, minlength=24)
    seen = np.bincount(np.unique(hours) % 24, minlength=24)
    silent = np.bincount(of_day, _no_echo_counts(rows)[known], minlength=24)
    once = np.bincount(np.unique(stamps[known]).view(np.int64) // _MS_PER_HOUR % 24, minlength=24)
    return {
        "hourly_row_count": counts.tolist(),
        "hourly_coverage_fraction": _shares(once, _expected_by_hour(window, step_seconds)),
        "hourly_no_echo_fraction": _shares(silent, counts * len(RAW_COLUMNS)),
        "hourly_mean": {name: _mean_by_hour(of_day, rows[name].to_numpy()[known]) for name in HOURLY_LEVELS},
        # Liters of a full hour: what all its steps had together.
        "hourly_mean_liters": {
            name: _shares(
                np.bincount(of_day, np.nan_to_num(rows[name].to_numpy()[known]), minlength=24), seen
            )
            for name in TOTALS
        },
    }


def _expected_by_hour(window: Window | None, step_seconds: int | None) -> npt.NDArray[np.int64]:
    """Return how many rows each hour of the day should have; none where that is not known."""
    if window is None or not step_seconds:
        return np.zeros(24, np.int64)
    count = point_count(window.start_second, window.end_second, step_seconds)
    points = window.start_second + np.arange(count, dtype=np.int64) * step_seconds
    return np.bincount(points // _SECONDS_PER_HOUR % 24, minlength=24)


def _mean_by_hour(of_day: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> list[float | None]:
    there = ~np.isnan(values)
    sums = np.bincount(of_day[there], values[there], minlength=24)
    return _shares(sums, np.bincount(of_day[there], minlength=24))


def _shares(parts: npt.NDArray[Any], wholes: npt.NDArray[np.int64]) -> list[float | None]:
    return [_round(part / whole) if whole else None for part, whole in zip(parts, wholes, strict=True)]


def _round(value: Any) -> float:
    # Adding zero turns -0.0 to 0.0.
    return round(float(value), _DECIMALS) + 0.0
