"""Load numbered scenario files in a process of its own, with hard bounds; what happened, as JSON.

Run as ``python -m tests.fuzz_runner {valid,broken,cli} FIRST LAST``; ``cli`` takes the broken ones
through the command line.  The bounds are the
harness's, not a measurement: a file that takes more than its processor time is stopped
by a signal, and memory beyond the limit is refused by the kernel; both are findings.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from synthlab.errors import ScenarioError
from synthlab.scenario.loader import load_scenario
from tests.broken_scenarios import broken_bytes
from tests.generated_scenarios import valid_text

MAX_SECONDS = 2.0
"""Processor time of one file on a core of its own. Source: reliability promises, "Hostile scenario"."""
MAX_BYTES = 256 << 20
"""Address space of the whole process, which is more than what one file takes. Source: as above."""
CLI_BYTES = 1 << 30
"""The command line has a database driver besides."""
LOOP_SECONDS = 0.0034
"""What the loop below takes on a core of its own. Assumed: measured on a quiet server of 2024."""


def slowness() -> float:
    """Return how much longer than usual this core takes just now, 1 or more: others use it too."""
    took = []
    for _ in range(5):
        begin = time.process_time()
        sum(number * number for number in range(50_000))
        took.append(time.process_time() - begin)
    return max(1.0, sorted(took)[2] / LOOP_SECONDS)


class TooSlowError(BaseException):
    """A file took more than its time; no handler of the loader may swallow it."""


def _stop(*_: object) -> None:
    raise TooSlowError


def run(kind: str, first: int, last: int, folder: Path) -> dict[str, Any]:
    """Load every file of a range; return outcomes, findings and what the costliest took."""
    outcomes: Counter[str] = Counter()
    findings: list[str] = []
    worst = (0.0, "")
    path = folder / "s.yaml"
    judge = _by_command_line if kind == "cli" else _by_loader
    factor = slowness()
    signal.signal(signal.SIGPROF, _stop)
    for number in range(first, last):
        name, content = ("valid", valid_text(number).encode()) if kind == "valid" else broken_bytes(number)
        path.write_bytes(content)
        outcome, flaws, took = _bounded(judge, path, content, MAX_SECONDS * factor)
        if outcome == TooSlowError.__name__:
            # Others may have come to use this core since it was measured; once more, measured now.
            factor = max(factor, slowness())
            outcome, flaws, took = _bounded(judge, path, content, MAX_SECONDS * factor)
        if kind == "valid" and outcome != "accepted":
            flaws.append(f"refused: {outcome}")
        findings += [f"{kind} {number} ({name}): {flaw}" for flaw in flaws]
        outcomes[outcome] += 1
        worst = max(worst, (took, f"{number} ({name})"))
    return {
        "outcomes": dict(sorted(outcomes.items())),
        "findings": findings[:20],
        "worst_seconds": round(worst[0], 3),
        "worst": worst[1],
        "slowness": round(factor, 2),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _bounded(
    judge: Callable[[Path, bytes], tuple[str, list[str]]], path: Path, content: bytes, seconds: float
) -> tuple[str, list[str], float]:
    """Judge one file within a time; return what came out, what is wrong, and the time that it took."""
    begin = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        outcome, flaws = judge(path, content)
    except (Exception, TooSlowError) as error:
        outcome, flaws = type(error).__name__, [f"{type(error).__name__}: {str(error)[:200]}"]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return outcome, flaws, time.process_time() - begin


def _by_loader(path: Path, content: bytes) -> tuple[str, list[str]]:
    try:
        load_scenario(path)
    except ScenarioError as error:
        return error.code, _flaws(error, content)
    return "accepted", []


def _by_command_line(path: Path, content: bytes) -> tuple[str, list[str]]:
    from synthlab.cli import main

    said, told = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(told):
        try:
            main(["--scenario", str(path), "validate"])
        except SystemExit as end:
            code = end.code
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    flaws = []
    if code not in (0, 3, 4):
        flaws.append(f"exit code {code}")
    if "Traceback" in told.getvalue() or not told.getvalue().replace("\n", "").isprintable():
        flaws.append("a traceback or a control character on stderr")
    if (
        not said.getvalue().replace("\n", "").isprintable()
        or json.loads(said.getvalue())["command"] != "validate"
    ):
        flaws.append("something else than one plain JSON object on stdout")
    if code == 3 and json.loads(said.getvalue())["error"]["exit_code"] != 3:
        flaws.append("the JSON says another exit code")
    if sorted(each.name for each in path.parent.iterdir()) != [path.name] or path.read_bytes() != content:
        flaws.append("something was written")
    return f"exit {code}", flaws


def _flaws(error: Any, content: bytes) -> list[str]:
    """Return what is wrong with an error itself: a bad place, an unescaped text, no remedy."""
    text = str(error)
    found = []
    if not text.replace("\n", "").isprintable():
        found.append("a control character is shown")
    lines = (
        content.count(b"\n")
        + content.count(b"\r")
        + content.count(b"\xc2\x85")
        + content.count(b"\xe2\x80")
        + 1
    )
    for problem in error.problems:
        if not problem.rule or not problem.remedy:
            found.append(f"no rule or remedy: {problem}")
        if problem.line is not None and not (1 <= problem.line <= lines and (problem.column or 1) >= 1):
            found.append(f"line {problem.line} of {lines}")
        if len(str(problem)) > 20_000:
            found.append(f"a message of {len(str(problem))} characters")
    return found[:3]


def main() -> None:
    """Run the range that the arguments name."""
    kind, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    limit = CLI_BYTES if kind == "cli" else MAX_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    with tempfile.TemporaryDirectory() as folder:
        # Relative defaults, as that of the platform, would land here.
        os.chdir(folder)
        print(json.dumps(run(kind, first, last, Path(folder))))


if __name__ == "__main__":
    main()
