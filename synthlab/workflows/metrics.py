"""metrics: the platform's metrics, from a frame alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd


def metrics(
    frame: pd.DataFrame,
    *,
    reservoirs: pd.DataFrame | Mapping[str, Any] | None = None,
    window: str = "30d",
    by: Literal["device", "zone"] = "device",
) -> pd.DataFrame:
    """Compute the platform's metrics of every device, or of every zone.  Reads only.

    The formulas are the very ones that the analytics consumer uses.

    Parameters
    ----------
    frame : DataFrame
        A telemetry frame.
    reservoirs : DataFrame or mapping, optional
        What `synthlab.reservoirs` returns.
    window : {"24h", "7d", "30d"}
        Ends with the frame.
    by : {"device", "zone"}
        Zones are those of the reservoirs.

    Returns
    -------
    DataFrame
        Indexed by ``device_id`` or ``zone_id``; see `synthlab.quality.metrics`.
    """
    from synthlab.quality.metrics import metrics_from_frame

    return metrics_from_frame(frame, reservoirs=reservoirs, window=window, by=by)
