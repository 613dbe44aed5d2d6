"""A tiny scenario on a platform of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

import synthlab


@pytest.fixture
def query() -> Callable[[str, str], list[tuple[Any, ...]]]:
    """Ask a database something: ``query(url, "SELECT ...")``."""

    def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
        engine = create_engine(url)
        try:
            with engine.begin() as connection:
                result = connection.execute(text(statement))
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    return ask


@pytest.fixture
def platform(database_url: str, tiny_scenario: synthlab.Scenario, scratch: Path) -> str:
    """URL of a platform with the tiny scenario's devices; SQLite and PostgreSQL."""
    synthlab.provision(tiny_scenario, database=database_url)
    return database_url


@pytest.fixture
def sqlite_platform(sqlite_url: str, tiny_scenario: synthlab.Scenario, scratch: Path) -> str:
    synthlab.provision(tiny_scenario, database=sqlite_url)
    return sqlite_url
