"""reservoirs: what the platform knows of every attached reservoir."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthlab.workflows.connect import no_platform, platform_reader

if TYPE_CHECKING:
    import pandas as pd


def reservoirs(*, database: str | None = None) -> pd.DataFrame:
    """Return capacity, calibration, type and zone by device.  Reads only.

    Parameters
    ----------
    database : str, optional
        SQLAlchemy URL; by default the configured or the embedded platform.

    Returns
    -------
    DataFrame
        Indexed by ``device_id``; `backfill`, `check` and `metrics` take it as it is.

    Raises
    ------
    PreflightError
        Code ``PLATFORM_SCHEMA_MISSING``: there is no platform at that URL.
    ServiceUnavailableError
        Code ``DATABASE_UNAVAILABLE``.
    """
    with platform_reader(database) as session:
        if session is not None:
            from synthlab.platform.lookup import reservoirs_frame

            return reservoirs_frame(session)
    raise no_platform()
