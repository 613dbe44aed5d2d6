"""One home for database connections: where they go, how they begin, what their failures mean.

No message from here holds a password, a driver's text or a row's values: a driver
quotes what it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, StaticPool

from synthlab.adapters.database_failures import explain
from synthlab.adapters.database_identity import file_fingerprints, server_fingerprints
from synthlab.adapters.database_url import URL_VARIABLE, configured_url, not_a_url, parse_url, shown_url
from synthlab.errors import DiskError, Problem, ServiceUnavailableError

CONNECT_TIMEOUT_SECONDS = 5
"""Assumed: a server that is there answers well within it. [seconds]"""

LOCK_TIMEOUT_SECONDS = 30
"""How long a writer waits for another. Assumed: several times a batch of 500 rows. [seconds]"""


def open_database(url: str | None = None, *, read_only: bool = False) -> Database:
    """Open the configured database, or the embedded one.

    Parameters
    ----------
    url : str, optional
        SQLAlchemy URL, ``sqlite:///path`` or ``postgresql://user@host/name``; else
        ``SYNTHLAB_DATABASE_URL``, else the first line of the file that
        ``SYNTHLAB_DATABASE_URL_FILE`` names, else ``sqlite:///.synthlab/platform.db``.
    read_only : bool
        The database refuses writes, and no file or folder is made.

    Returns
    -------
    Database
        A context manager that closes it.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: not a URL, or of another kind of database.
    ServiceUnavailableError
        Code ``DATABASE_UNAVAILABLE``: the server does not answer.
    DiskError
        Code ``DISK_WRITE_FAILED``: the folder of the SQLite file cannot be made.
    """
    text, source = configured_url(url)
    return Database(parse_url(text, source), read_only=read_only, is_default=source == "default")


class Database:
    """An open database; made by `open_database`.

    Attributes
    ----------
    engine : sqlalchemy.Engine
    dialect : {"sqlite", "postgresql"}
    display_url : str
        Where it is, without password and options.
    is_default : bool
        Nothing was configured.
    is_read_only : bool
    """

    def __init__(self, url: URL, *, read_only: bool, is_default: bool) -> None:
        self.is_read_only = read_only
        self.is_default = is_default
        self.dialect = url.get_backend_name()
        self.display_url = shown_url(url)
        self._file = _sqlite_file(url)
        if self.dialect == "postgresql":
            self.engine = _postgresql_engine(url, read_only=read_only)
            self._require_answer()
        else:
            if self._file is not None and not read_only:
                _make_folder(self._file.parent)
            self.engine = _sqlite_engine(url, self._file, read_only=read_only)

    def exists(self) -> bool:
        """Say whether something is there: False only where a SQLite file is absent or empty.  Reads only."""
        # A killed writer may leave a file of 0 bytes.
        return self._file is None or (self._file.is_file() and self._file.stat().st_size > 0)

    def fingerprints(self) -> tuple[str, ...]:
        """Return hashes by which this database is known again, under any address.  Reads only."""
        if self.dialect == "sqlite":
            return () if self._file is None else file_fingerprints(self._file)
        with self._explained(), self.engine.connect() as connection:
            return server_fingerprints(connection)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Give a session in a transaction: committed at the end, rolled back on any exception.

        Raises
        ------
        ServiceUnavailableError
            Code ``DATABASE_UNAVAILABLE``: it went away, or stayed locked.
        PreflightError
            Code ``PLATFORM_SCHEMA_MISSING``: the platform's tables are not there.
        SafetyError
            Code ``SAFETY_GUARD``: a write into what is opened for reading, or without
            the right to do it.
        DiskError
            Code ``DISK_WRITE_FAILED``: the disk is full or broken.
        """
        with self._explained():
            before = self._stamp()
            with Session(self.engine) as session, session.begin():
                yield session
            self._require_unchanged(before)

    @contextmanager
    def schema_change(self) -> Iterator[Engine]:
        """Give the engine to make tables with; a failure is told as that of a session.

        Raises
        ------
        DiskError
            Code ``DISK_WRITE_FAILED``: the file cannot be made, or the disk is full.
        SafetyError, ServiceUnavailableError
            As `session`.
        """
        with self._explained():
            yield self.engine

    def close(self) -> None:
        """Close all connections; SQLite folds its log into the file."""
        self.engine.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        mode = ", read_only=True" if self.is_read_only else ""
        return f"Database({self.display_url!r}{mode})"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            explained = explain(error, self.display_url, read_only=self.is_read_only)
            if explained is None:
                raise
            # Without its cause: that text may quote the URL or a row.
            raise explained from None

    def _require_answer(self) -> None:
        try:
            with self._explained(), self.engine.connect():
                pass
        except DBAPIError:
            self.close()
            raise not_a_url(self.display_url) from None
        except BaseException:
            self.close()
            raise

    def _stamp(self) -> tuple[int, int] | None:
        """Return the state of a file that is read without SQLite's locks, else None."""
        if not self.is_read_only or self._file is None or not self.exists() or not _is_at_rest(self._file):
            return None
        status = self._file.stat()
        return status.st_mtime_ns, status.st_size

    def _require_unchanged(self, before: tuple[int, int] | None) -> None:
        if before is None or self._file is None:
            return
        status = self._file.stat()
        if (status.st_mtime_ns, status.st_size) != before:
            raise ServiceUnavailableError(
                Problem(
                    "DATABASE_UNAVAILABLE",
                    "the database was written to while it was read",
                    path=self.display_url,
                    remedy="Run the same command again",
                )
            )


def _sqlite_file(url: URL) -> Path | None:
    """Return the file of a SQLite URL; None for memory and for servers."""
    is_memory = url.database in (None, "", ":memory:")
    return None if url.get_backend_name() != "sqlite" or is_memory else Path(str(url.database))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(
            Problem(
                "DISK_WRITE_FAILED",
                f"cannot make the database's folder: {error.strerror}",
                path=str(folder),
                remedy=f"Choose another place by {URL_VARIABLE}",
            )
        ) from error


def _is_at_rest(file: Path) -> bool:
    """Say whether nobody has the file open for writing: the write-ahead log is gone then."""
    return not Path(f"{file}-wal").exists()


def _sqlite_engine(url: URL, file: Path | None, *, read_only: bool) -> Engine:
    import sqlite3

    if file is None:
        engine = create_engine(url, poolclass=StaticPool, hide_parameters=True)
    elif read_only:

        def connect() -> sqlite3.Connection:
            # Opened with its locks, even a reader makes a log and an index beside the file.
            # Where nobody writes there is nothing to lock: `session` checks that it stayed so.
            mode = "mode=ro&immutable=1" if _is_at_rest(file) else "mode=ro"
            location = f"file:{quote(str(file))}?{mode}"
            return sqlite3.connect(location, uri=True, timeout=LOCK_TIMEOUT_SECONDS, check_same_thread=False)

        # A connection for each session, so that each decides anew.
        engine = create_engine(url, creator=connect, poolclass=NullPool, hide_parameters=True)
    else:
        engine = create_engine(url, connect_args={"timeout": LOCK_TIMEOUT_SECONDS}, hide_parameters=True)
    _prepare_sqlite(engine, read_only=read_only)
    return engine


def _prepare_sqlite(engine: Engine, *, read_only: bool) -> None:
    pragmas = ["foreign_keys = ON"]
    pragmas += ["query_only = ON"] if read_only else ["journal_mode = WAL", "synchronous = FULL"]

    def on_connect(connection: Any, _record: Any) -> None:
        # The driver would begin by itself, and late: two writers would both read first.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    def on_begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


def _postgresql_engine(url: URL, *, read_only: bool) -> Engine:
    options: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": "synthlab"}
    # What the URL says itself wins.
    options = {name: value for name, value in options.items() if name not in url.query}
    try:
        engine = create_engine(url, connect_args=options, hide_parameters=True, pool_pre_ping=True)
    except ImportError as error:
        from synthlab.errors import AdapterUnavailableError

        raise AdapterUnavailableError(
            Problem(
                "ADAPTER_NOT_INSTALLED",
                "needs psycopg for PostgreSQL",
                remedy="Install it with: pip install 'synthlab[platform]'",
            )
        ) from error
    event.listen(engine, "connect", _postgresql_on_connect(read_only=read_only))
    return engine


def _postgresql_on_connect(*, read_only: bool) -> Callable[[Any, Any], None]:
    def on_connect(connection: Any, _record: Any) -> None:
        connection.autocommit = True
        connection.execute("SET TIME ZONE 'UTC'")
        if read_only:
            connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        connection.autocommit = False
        # Said again at each BEGIN: the setting alone could be switched off by the session.
        connection.read_only = True if read_only else None

    return on_connect
