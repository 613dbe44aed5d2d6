"""The page about draws names every process, and its example runs."""

from __future__ import annotations

import re
from typing import Any

from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "draws.md").read_text(encoding="utf-8")


def test_every_process_of_the_engine_is_named() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8") for path in (REPOSITORY / "synthlab/engine").glob("*.py")
    )
    processes = set(re.findall(r'keys\(f?"([a-z]+)', sources))
    assert len(processes) > 12
    named = set(re.findall(r"`([a-z]+)(?:/…)?`", PAGE))
    assert not processes - named


def test_the_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    found: dict[str, Any] = {}
    exec(code, found)
    assert ((found["chance"] >= 0) & (found["chance"] < 1)).all()
