"""The servers that other tests rely on are real."""

from __future__ import annotations

from sqlalchemy import create_engine, text


def test_database_is_empty_and_its_own(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a integer)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM t")).scalar_one() == 1
    engine.dispose()


def test_postgresql_is_postgresql(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        assert "PostgreSQL" in str(connection.execute(text("SELECT version()")).scalar_one())
    engine.dispose()
