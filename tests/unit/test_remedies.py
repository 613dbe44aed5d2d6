"""Remedies send nobody to an option that is not there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command

import synthlab
from synthlab.cli import app

PACKAGE = Path(synthlab.__file__).parent
# Not an option of pip's, nor a rule of dashes.
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def options() -> set[str]:
    root = get_command(app)
    commands = [root]
    for command in commands:
        commands += getattr(command, "commands", {}).values()
    found = [option for each in commands for option in each.params]
    return {"--help", *(name for option in found for name in (*option.opts, *option.secondary_opts))}


def prose(tree: ast.AST) -> Iterator[str]:
    """Every string of a module but its docstrings, which are for who reads the source."""
    skipped = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.value


def named_flags(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {flag for text in prose(tree) for flag in FLAG.findall(text)}


# The variables of a style sheet are written like options.
STYLE_SHEETS = {PACKAGE / "report" / "stylesheet.py"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path not in STYLE_SHEETS and named_flags(path))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_every_option_that_a_text_names_is_there(path: Path) -> None:
    assert named_flags(path) - options() == set()


def test_texts_outside_the_command_line_name_options() -> None:
    # Otherwise the test above would look at nothing but the options' own definitions.
    assert {path.name for path in MODULES} - {"cli.py"}
    assert {"--strict", "--apply"} <= options()
