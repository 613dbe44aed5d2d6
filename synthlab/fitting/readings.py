"""Measured series as arrays: rows of one time, one value and, where given, one device.

Column names say what a table holds, and nothing else does:

========  ============================================================
time      ``hour``, ``time``, ``received_at`` or ``hour_local``
device    ``household`` or ``device_id``; one series without it
liters    ``liters``; in a telemetry frame ``requested_liters`` (demand)
          or ``inflow_liters`` (supply)
level     ``level_pct`` or ``measured_level_pct``
========  ============================================================

Times with a zone are changed to UTC; times without one are taken as they stand, so
that hour 7 of the data is hour 7 of the fitted curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from synthlab.errors import ArtifactError, Problem, UsageError, show_value
from synthlab.timeline import SECONDS_PER_DAY, SECONDS_PER_HOUR, in_words

if TYPE_CHECKING:
    import pandas as pd

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

TIME_COLUMNS = ("hour", "time", "received_at", "hour_local")
DEVICE_COLUMNS = ("household", "device_id")
DEMAND_COLUMNS = ("liters", "requested_liters")
INFLOW_COLUMNS = ("inflow_liters", "liters")
LEVEL_COLUMNS = ("measured_level_pct", "level_pct")
MAX_STEP_SECONDS = 1.05 * SECONDS_PER_HOUR
"""Liters of a longer step do not say in which hour they were drawn; clocks that drift a little are
hourly still. Assumed. [seconds]"""

MAX_NEGATIVE_SHARE = 0.05
"""Negative rows are left out; what is left of a series with more of them tells another story. Assumed."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Rows of one or more devices, sorted by device, then time.

    Attributes
    ----------
    names : tuple of str
        Devices.
    device : ndarray of int64, shape (n_rows,)
        Index into `names`.
    second : ndarray of int64, shape (n_rows,)
        Time. [seconds since 1970]
    value : ndarray of float64, shape (n_rows,)
        Liters or level, finite.
    column : str
        Where the values stood.
    time_column : str
        Where the times stood.
    dropped : int
        Rows left out: no time, no number, a negative one, or a second row of one moment.
    """

    names: tuple[str, ...]
    device: I64
    second: I64
    value: F64
    column: str
    time_column: str
    dropped: int

    def step_seconds(self) -> int:
        """Return the usual distance of two rows of one device. [seconds]"""
        same = np.diff(self.device) == 0
        steps = np.diff(self.second)[same]
        return int(np.median(steps)) if len(steps) else SECONDS_PER_HOUR

    def device_steps_seconds(self) -> F64:
        """Return the usual distance of two rows by device; an hour where there is but one. [seconds]"""
        ends = np.searchsorted(self.device, np.arange(1, len(self.names)))
        steps = (np.diff(seconds) for seconds in np.split(self.second, ends))
        return np.array([float(np.median(each)) if len(each) else SECONDS_PER_HOUR for each in steps])


@dataclass(frozen=True, slots=True)
class Days:
    """Liters by day and hour, one line a day of a device.

    Attributes
    ----------
    liters : ndarray of float64, shape (n_days, 24)
        What was seen; 0 where nothing was.
    hours : ndarray of float64, shape (n_days, 24)
        How much of the hour was seen, 0..1. [h]
    device : ndarray of int64, shape (n_days,)
    day : ndarray of int64, shape (n_days,)
        Days since 1970-01-01.
    names : tuple of str
    """

    liters: F64
    hours: F64
    device: I64
    day: I64
    names: tuple[str, ...]

    @property
    def weekday(self) -> I64:
        """Day of the week, Monday = 0."""
        return (self.day + 3) % 7

    @property
    def is_weekend(self) -> npt.NDArray[np.bool_]:
        """Saturdays and Sundays."""
        return self.weekday >= 5

    @property
    def is_whole(self) -> npt.NDArray[np.bool_]:
        """Days of which every hour was seen whole."""
        return np.asarray((self.hours > 0.99).all(axis=1), dtype=np.bool_)


def load_table(source: pd.DataFrame | pd.Series[float] | str | Path) -> pd.DataFrame:
    """Return a table of measurements, from itself or from a CSV file.

    Raises
    ------
    ArtifactError
        Code ``ARTIFACT_NOT_FOUND``: no such file; ``ARTIFACT_ROW_INVALID``: no CSV.
    UsageError
        Code ``BAD_ARGUMENT``: neither a table nor a path.
    """
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        return source
    if isinstance(source, pd.Series):
        return pd.DataFrame({"time": source.index, "liters": source.to_numpy()})
    if not isinstance(source, str | Path):
        raise UsageError(
            Problem(
                "BAD_ARGUMENT", "needs a DataFrame or the path of a CSV file", value=type(source).__name__
            )
        )
    path = Path(source)
    separator = _other_separator(path)
    try:
        if separator is not None:
            raise ValueError(f"columns separated by {separator}")
        return pd.read_csv(path)
    except FileNotFoundError:
        problem = Problem(
            "ARTIFACT_NOT_FOUND", "there is no such file", file=path.name, remedy="Look at the path"
        )
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = "another encoding than UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        reason = (reason.splitlines() or [type(error).__name__])[0]
        problem = Problem(
            "ARTIFACT_ROW_INVALID",
            "is no CSV table",
            file=path.name,
            value=show_value(reason),
            remedy="Write a table in UTF-8 with a header line, commas between columns and points in numbers",
        )
    raise ArtifactError(problem)


def _other_separator(path: Path) -> str | None:
    """Name what separates the columns of a header line that has no comma; None where that is no wonder."""
    try:
        with path.open(encoding="utf-8", errors="ignore") as file:
            header = file.readline(1_000)
    except OSError:
        return None
    marks = {";": "semicolons", "\t": "tabs", "|": "bars"}
    return None if "," in header else next((name for mark, name in marks.items() if mark in header), None)


def has_column(table: pd.DataFrame, names: Sequence[str]) -> bool:
    """Tell whether a table has one of the columns."""
    return any(name in table.columns for name in names)


def has_device(table: pd.DataFrame, device: str) -> bool:
    """Tell whether a table holds a device or household of this name, in any case of letters."""
    column = next((name for name in DEVICE_COLUMNS if name in table.columns), None)
    return column is not None and bool((table[column].astype(str).str.upper() == device.upper()).any())


def read_rows(table: pd.DataFrame, columns: Sequence[str], *, device: str | None = None) -> Readings:
    """Read one value column of a table.

    Parameters
    ----------
    table : DataFrame
    columns : sequence of str
        Names of the value's column; the first that is there counts.
    device : str, optional
        Only this device or household.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a column is missing, the device is not there, or liters are of
        steps longer than an hour.
    ArtifactError
        Code ``ARTIFACT_ROW_INVALID``: no row has a time and a number.
    """
    import pandas as pd

    time_column = _column(table, TIME_COLUMNS, "time")
    column = _column(table, columns, "values")
    device_column = next((name for name in DEVICE_COLUMNS if name in table.columns), None)
    table = _only(table, device_column, device)
    at = pd.to_datetime(table[time_column], utc=True, errors="coerce", format="ISO8601")
    value = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    is_good = at.notna().to_numpy() & np.isfinite(value) & (value >= 0.0)
    _require_few_negative(value, column)
    if not is_good.any():
        raise ArtifactError(
            Problem(
                "ARTIFACT_ROW_INVALID",
                "no row has a time and a number that is not negative",
                path=column,
                value=f"{len(table)} rows",
                remedy="Write times as 2026-02-12T10:00:00Z and numbers with a point",
            )
        )
    second = at[is_good].to_numpy(dtype="datetime64[s]").astype(np.int64)
    if device_column is None:
        found, levels = np.zeros(len(second), dtype=np.int64), [""]
    else:
        found, levels = pd.factorize(table.loc[is_good, device_column].astype(str), sort=True)
    codes, names = found.astype(np.int64), tuple(str(name) for name in levels)
    value = value[is_good]
    order = np.lexsort((second, codes))
    codes, second, value = codes[order], second[order], value[order]
    is_first = np.ones(len(codes), dtype=bool)
    is_first[1:] = (np.diff(codes) != 0) | (np.diff(second) != 0)
    rows = Readings(
        names,
        codes[is_first],
        second[is_first],
        value[is_first],
        column,
        time_column,
        dropped=int(len(table) - is_first.sum()),
    )
    if column not in LEVEL_COLUMNS:
        _require_hours(rows)
    return rows


def _require_few_negative(value: F64, column: str) -> None:
    """Refuse a series of which so much is negative that the rest would be another series."""
    negative = int((value < 0).sum())
    if negative <= MAX_NEGATIVE_SHARE * len(value):
        return
    raise ArtifactError(
        Problem(
            "ARTIFACT_ROW_INVALID",
            f"needs numbers that are not negative, but for {100 * MAX_NEGATIVE_SHARE:.0f} % of the rows",
            path=column,
            value=f"{negative} negative ones of {len(value)}",
            remedy="Look at what they mean, then correct them or take their rows out",
        )
    )


def _require_hours(rows: Readings) -> None:
    """Refuse totals of days and the like: taken as an hour's liters, they would be many times too much."""
    steps = rows.device_steps_seconds()
    long = np.flatnonzero(steps > MAX_STEP_SECONDS)
    if not len(long):
        return
    shown = ", ".join(rows.names[index] for index in long[:10])
    raise UsageError(
        Problem(
            "BAD_ARGUMENT",
            "needs a reading an hour or more often: totals of a longer step do not tell the hours",
            path=rows.column,
            value=f"a reading every {in_words(float(steps.max()))}" + (f" of {shown}" if shown else ""),
            remedy="Pass hourly readings or finer, with a row of 0 where nothing flowed",
        )
    )


def days_of_meter(rows: Readings) -> Days:
    """Sum metered liters by day and hour; a row counts for the step that begins with it."""
    seen = np.minimum(rows.device_steps_seconds() / SECONDS_PER_HOUR, 1.0)[rows.device]
    return days_of(rows.names, rows.device, rows.second, rows.value, seen)


def days_of(names: tuple[str, ...], device: I64, second: I64, liters: F64, hours: F64) -> Days:
    """Sum liters and hours seen by device, day and hour.

    Parameters
    ----------
    names : tuple of str
    device, second : ndarray of int64
        Device index; any moment within the hour that counts. [seconds]
    liters, hours : ndarray of float64
        [liters, h]
    """
    day = second // SECONDS_PER_DAY
    first, count = int(day.min()), int(day.max() - day.min()) + 1
    lines, line = np.unique(device * count + (day - first), return_inverse=True)
    cell = line * 24 + second // SECONDS_PER_HOUR % 24
    size = len(lines) * 24
    return Days(
        liters=cell_sums(cell, liters, size).reshape(-1, 24),
        hours=np.minimum(cell_sums(cell, hours, size), 1.0).reshape(-1, 24),
        device=lines // count,
        day=lines % count + first,
        names=names,
    )


def cell_sums(cell: I64, values: F64, size: int) -> F64:
    """Sum values by cell 0..size-1."""
    return np.asarray(np.bincount(cell, values, size), dtype=np.float64)


def _column(table: pd.DataFrame, names: Sequence[str], what: str) -> str:
    found = next((name for name in names if name in table.columns), None)
    if found is not None:
        return found
    shown = ", ".join(str(name) for name in table.columns[:12])
    raise UsageError(
        Problem(
            "BAD_ARGUMENT",
            f"needs a column of {what}: {' or '.join(names)}",
            path="columns",
            value=show_value(shown, limit=120),
            remedy="Rename the column",
        )
    )


def _only(table: pd.DataFrame, column: str | None, device: str | None) -> pd.DataFrame:
    if device is None:
        return table
    known = [] if column is None else sorted({str(name) for name in table[column].dropna().unique()})
    match = [name for name in known if name.upper() == device.upper()]
    if not match or column is None:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "is not in the measurements",
                path="device",
                value=show_value(device),
                remedy=f"They hold {', '.join(known[:10]) or 'one series without a device column'}",
            )
        )
    return table[table[column].astype(str).isin(match)]
