"""Each promise names tests that are there, and a star where they are long."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs/promises.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[^`:]+)::(test_\w+)`( \*)?", PAGE)


def is_long(test: ast.FunctionDef) -> bool:
    return any(ast.unparse(mark) == "pytest.mark.long" for mark in test.decorator_list)


@pytest.mark.parametrize(("file", "name", "star"), NAMED, ids=[name for _, name, _ in NAMED])
def test_a_named_test_is_there(file: str, name: str, star: str) -> None:
    module = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
    found = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef) and node.name == name]
    assert len(found) == 1, "no such test"
    assert is_long(found[0]) == bool(star)


def test_every_promise_names_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and line != "| promise | test |"]
    assert len(rows) > 40
    assert all(re.search(r"\| `tests/[^`]+`", row) for row in rows)
    assert len(NAMED) == PAGE.count("::test_")
