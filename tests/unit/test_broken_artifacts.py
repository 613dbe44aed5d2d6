"""Artifacts broken by the thousand, and three verbs that believe nothing of them: typed errors, in bounds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.artifact_runner import VERBS

REPOSITORY = Path(__file__).resolve().parents[2]


def sweep(count: int, size: int = 500) -> Counter[str]:
    """Read so many broken artifacts, and return how often each outcome was."""
    outcomes: Counter[str] = Counter()
    for first in range(0, count, size):
        last = min(first + size, count)
        command = [sys.executable, "-m", "tests.artifact_runner", str(first), str(last)]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=REPOSITORY, check=False, timeout=120 + size * 6
        )
        assert done.returncode == 0, done.stderr[-2_000:]
        report = json.loads(done.stdout)
        print(report)
        assert report["findings"] == []
        outcomes.update(report["outcomes"])
    assert outcomes.total() == count * len(VERBS)
    return outcomes


def test_broken_artifacts_give_typed_errors_in_bounds() -> None:
    outcomes = sweep(60)
    # A harness that breaks nothing would pass everything.
    assert outcomes["verify: valid"] < 25
    assert outcomes["import: MANIFEST_INVALID"] > 10
    assert outcomes["import: ARTIFACT_ROW_INVALID"] > 5


@pytest.mark.long
def test_ten_thousand_broken_artifacts_give_typed_errors_in_bounds() -> None:
    assert len(sweep(10_000)) > 10
