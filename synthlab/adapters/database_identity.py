"""By what a database is known again: hashes, so that nothing of its address is given away."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError


def file_fingerprints(file: Path) -> tuple[str, ...]:
    """Return what a SQLite file is known by: where it lies, and which file it is.

    Either alone would do harm: a project's folder may be moved as a whole, and a
    platform may be made anew in its place.
    """
    lies_at = _hashed("path", os.path.realpath(file))
    try:
        status = file.stat()
    except FileNotFoundError:
        return (lies_at,)
    return lies_at, _hashed("file", status.st_dev, status.st_ino)


def server_fingerprints(connection: Connection) -> tuple[str, ...]:
    """Return what a PostgreSQL database is known by, however it is reached.

    The cluster's own identifier where it may be asked for, else the address of the
    server as it knows itself.
    """
    database = connection.execute(text("SELECT current_database(), current_schema()")).one()
    try:
        with connection.begin_nested():
            cluster = connection.execute(
                text("SELECT system_identifier FROM pg_control_system()")
            ).scalar_one()
    except DBAPIError:
        query = "SELECT inet_server_addr(), inet_server_port(), current_setting('data_directory', true)"
        cluster = tuple(connection.execute(text(query)).one())
    return (_hashed("cluster", cluster, *database),)


def _hashed(*parts: object) -> str:
    return hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()
