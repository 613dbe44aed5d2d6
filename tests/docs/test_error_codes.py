"""Every error code is documented, and nothing else is."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from synthlab.errors import Code

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "errors.md").read_text(encoding="utf-8")


def test_headings_are_the_codes_in_order() -> None:
    assert re.findall(r"^## (\w+)$", PAGE, re.MULTILINE) == list(get_args(Code))


@pytest.mark.parametrize("code", get_args(Code))
def test_code_has_a_remedy(code: str) -> None:
    section = PAGE.split(f"## {code}\n")[1].split("\n## ")[0]
    assert "**Remedy:**" in section


def test_no_code_is_made_up_elsewhere() -> None:
    used = set()
    for path in (REPOSITORY / "synthlab").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_problem = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem"
            if is_problem and node.args and isinstance(node.args[0], ast.Constant):
                used.add(node.args[0].value)
    assert used
    assert used <= set(get_args(Code))
