"""reservoirs: what the platform knows of every attached reservoir."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthlab.errors import PreflightError, Problem

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
    from synthlab.adapters.database import open_database
    from synthlab.platform.lookup import reservoirs_frame
    from synthlab.platform.schema import has_schema

    with open_database(database, read_only=True) as platform:
        if platform.exists():
            with platform.session() as session:
                if has_schema(session.connection()):
                    return reservoirs_frame(session)
        raise PreflightError(
            Problem(
                "PLATFORM_SCHEMA_MISSING",
                "no platform there",
                value=platform.display_url,
                remedy="`synthlab provision` creates one for a scenario",
            )
        )
