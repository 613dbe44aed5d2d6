"""Findings: bad flags of one check on one device, grouped into runs of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from synthlab.quality.verdicts import Verdicts

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.quality.source import Source

RUN_COLUMNS = (
    "device_id",
    "check",
    "flag",
    "first_row",
    "last_row",
    "first_seq",
    "last_seq",
    "first_received_at",
    "last_received_at",
    "row_count",
)
"""Columns of the findings; rows are positions in the frame, from 0."""


def runs_of(source: Source, verdicts: Mapping[str, Verdicts]) -> pd.DataFrame:
    """Group SUSPECT and FAIL flags into runs of a device's consecutive rows.

    Parameters
    ----------
    source : Source
    verdicts : mapping of str to Verdicts
        By check.

    Returns
    -------
    DataFrame
        Columns `RUN_COLUMNS`, the worst flag first, then by check, device and row.
    """
    import pandas as pd

    tables = [_runs_of_check(source, check, found) for check, found in verdicts.items()]
    found = [table for table in tables if len(table)]
    if not found:
        return _empty()
    # FAIL above SUSPECT; the checks keep the registry's order.
    joined = pd.concat(found, ignore_index=True)
    return joined.sort_values("flag", ascending=False, kind="stable", ignore_index=True)


def _runs_of_check(source: Source, check: str, verdicts: Verdicts) -> pd.DataFrame:
    import pandas as pd

    rows = verdicts.bad_rows()
    if not len(rows):
        return _empty()
    if source.width:
        # Ordered by device they are neighbors that are `width` rows apart here.
        rows = rows[np.argsort(source.codes[rows], kind="stable")]
        places = rows // source.width
    else:
        is_bad = np.zeros(len(verdicts.flags), bool)
        is_bad[rows] = True
        places = np.flatnonzero(is_bad[source.order])
        rows = source.order[places]
    codes, flags = source.codes[rows], verdicts.flags[rows]
    is_first = np.ones(len(places), bool)
    is_first[1:] = (np.diff(places) != 1) | (codes[1:] != codes[:-1]) | (flags[1:] != flags[:-1])
    first = np.flatnonzero(is_first)
    last = np.append(first[1:], len(places)) - 1
    names = np.array(source.device_ids, dtype=object)
    return pd.DataFrame(
        {
            "device_id": pd.Series(names[codes[first]], dtype="str"),
            "check": pd.Series([check] * len(first), dtype="str"),
            "flag": flags[first],
            "first_row": rows[first],
            "last_row": rows[last],
            "first_seq": _column(source, "seq", rows[first]),
            "last_seq": _column(source, "seq", rows[last]),
            "first_received_at": _times(source, rows[first]),
            "last_received_at": _times(source, rows[last]),
            "row_count": last - first + 1,
        },
        columns=list(RUN_COLUMNS),
    )


def _column(source: Source, name: str, rows: Any) -> Any:
    import pandas as pd

    if name not in source.columns:
        return pd.array([pd.NA] * len(rows), dtype="Int64")
    return pd.array(source.columns[name][rows], dtype="Int64")


def _times(source: Source, rows: Any) -> pd.DatetimeIndex:
    import pandas as pd

    missing = np.full(len(rows), np.iinfo(np.int64).min)
    stamps = source.columns["received_at"][rows] if "received_at" in source.columns else missing
    return pd.DatetimeIndex(stamps.view("datetime64[ms]")).tz_localize("UTC")


def _empty() -> pd.DataFrame:
    import pandas as pd

    dtypes = {
        "device_id": "str",
        "check": "str",
        "flag": "int8",
        "first_received_at": "datetime64[ms, UTC]",
        "last_received_at": "datetime64[ms, UTC]",
        "first_seq": "Int64",
        "last_seq": "Int64",
    }
    return pd.DataFrame({name: pd.Series(dtype=dtypes.get(name, "int64")) for name in RUN_COLUMNS})
