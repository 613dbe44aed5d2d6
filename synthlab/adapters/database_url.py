"""Which database is meant, and how it is shown: never with its password."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from synthlab.errors import Problem, UsageError

URL_VARIABLE = "SYNTHLAB_DATABASE_URL"
FILE_VARIABLE = "SYNTHLAB_DATABASE_URL_FILE"
DEFAULT_URL = "sqlite:///.synthlab/platform.db"

_POSTGRESQL = "postgresql+psycopg"
_HOST = re.compile(r"[A-Za-z0-9_.:,-]*")
_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgres": _POSTGRESQL,
    "postgresql": _POSTGRESQL,
    _POSTGRESQL: _POSTGRESQL,
}


def configured_url(url: str | None) -> tuple[str, str]:
    """Return the URL and who gave it; an empty variable counts as none."""
    if url is not None:
        return url, "database"
    if named := os.environ.get(URL_VARIABLE, "").strip():
        return named, URL_VARIABLE
    if file := os.environ.get(FILE_VARIABLE, "").strip():
        try:
            lines = Path(file).read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                Problem(
                    "BAD_ARGUMENT",
                    "needs a readable file that holds the database's URL",
                    path=FILE_VARIABLE,
                    value=type(error).__name__,
                    remedy="Check the file's path and rights",
                )
            ) from error
        return lines[0].strip(), FILE_VARIABLE
    return DEFAULT_URL, "default"


def parse_url(text: str, source: str) -> URL:
    """Return a URL with the driver that is used for it.

    Parameters
    ----------
    text : str
    source : str
        What an error calls it.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``.
    """
    try:
        url = make_url(text)
        driver = _DRIVERS.get(url.drivername)
    except (ArgumentError, ValueError):
        raise not_a_url(source) from None
    # A password with an @ of its own ends up, in part, in the host, which is shown.
    if driver is None or not _HOST.fullmatch(url.host or ""):
        raise not_a_url(source)
    return url.set(drivername=driver)


def not_a_url(source: str) -> UsageError:
    """Return the error of a URL that cannot be used."""
    # The text is not shown: it may hold a password.
    return UsageError(
        Problem(
            "BAD_ARGUMENT",
            "needs the URL of an SQLite or PostgreSQL database",
            path=source,
            remedy="For example sqlite:///platform.db or postgresql://user@host:5432/platform; "
            "an @ in a password is written %40",
        )
    )


def shown_url(url: URL) -> str:
    """Return a URL without password and options."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{url.database or ':memory:'}"
    shown = URL.create(
        "postgresql", username=url.username, host=url.host, port=url.port, database=url.database
    )
    return shown.render_as_string(hide_password=True)
