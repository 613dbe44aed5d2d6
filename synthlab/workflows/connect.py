"""The one way in which workflows reach the platform's database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from synthlab.errors import PreflightError, Problem

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from synthlab.adapters.database import Database


def open_platform(database: str | None, *, read_only: bool = False) -> Database:
    """Open a platform by its URL, or the configured or embedded one.

    Raises
    ------
    AdapterUnavailableError
        Code ``ADAPTER_NOT_INSTALLED``: the extra `platform` is missing.
    ServiceUnavailableError
        Code ``DATABASE_UNAVAILABLE``.
    """
    from synthlab.adapters.registry import load_adapter

    opened: Database = load_adapter("database")(database, read_only=read_only)
    return opened


@contextmanager
def platform_reader(database: str | None) -> Iterator[Session | None]:
    """Give a session that can only read; None where no platform is there.  Reads only."""
    with open_platform(database, read_only=True) as platform:
        if not platform.exists():
            yield None
            return
        from synthlab.platform.schema import has_schema

        with platform.session() as session:
            yield session if has_schema(session.connection()) else None


def no_platform() -> PreflightError:
    """Return the error of a verb that needs a platform where none is."""
    return PreflightError(
        Problem(
            "PLATFORM_SCHEMA_MISSING",
            "no platform there",
            path="database",
            remedy="`synthlab --scenario PATH provision` creates one",
        )
    )
