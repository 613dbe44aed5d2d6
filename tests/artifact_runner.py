"""Read numbered broken artifacts in a process of its own, with hard bounds; what happened, as JSON.

Run as ``python -m tests.artifact_runner FIRST LAST``.  Each artifact is verified and derived
again, imported as a dry run, and approved: three verbs that believe nothing of it.  The bounds
are those of `tests.fuzz_runner`: processor time by a signal, memory by the kernel.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import synthlab
from synthlab.errors import SynthlabError
from synthlab.scenario.loader import loads_scenario
from tests.broken_artifacts import break_artifact, renewed
from tests.conftest import TINY_SCENARIO
from tests.fuzz_runner import MAX_BYTES, MAX_SECONDS, TooSlowError, slowness

END_AT = "2026-02-12T10:00:00Z"
MAX_PROBLEM_LENGTH = 20_000
VERBS = ("verify", "import", "approve")


def run(first: int, last: int, folder: Path) -> dict[str, Any]:
    """Read every artifact of a range; return outcomes, findings and what the costliest took."""
    good, verbs = _prepared(folder)
    outcomes: Counter[str] = Counter()
    findings: list[str] = []
    worst = (0.0, "")
    factor = slowness()
    signal.signal(signal.SIGPROF, _stop)
    outside = _seen(folder)
    for number in range(first, last):
        directory = folder / "artifacts" / "tiny" / "r1"
        renewed(good, directory)
        name = break_artifact(directory, number)
        for verb, call in verbs.items():
            outcome, flaws, took = _bounded(call, MAX_SECONDS * factor)
            if outcome == TooSlowError.__name__:
                # Others may have come to use this core since it was measured; once more, measured now.
                factor = max(factor, slowness())
                outcome, flaws, took = _bounded(call, MAX_SECONDS * factor)
            findings += [f"{number} ({name}): {verb}: {flaw}" for flaw in flaws]
            outcomes[f"{verb}: {outcome}"] += 1
            worst = max(worst, (took, f"{number} ({name}): {verb}"))
        if _seen(folder) != outside:
            findings.append(f"{number} ({name}): something was written outside of the artifact")
            outside = _seen(folder)
    return {
        "outcomes": dict(sorted(outcomes.items())),
        "findings": findings[:40],
        "worst_seconds": round(worst[0], 3),
        "worst": worst[1],
        "slowness": round(factor, 2),
    }


def _prepared(folder: Path) -> tuple[Path, dict[str, Callable[[], tuple[str, Any]]]]:
    """Export a good artifact, and go each way once: what comes later is what an artifact costs."""
    database = f"sqlite:///{folder / 'platform.db'}"
    scenario = loads_scenario(TINY_SCENARIO)
    synthlab.provision(scenario, database=database)
    state = folder / "state.json"
    artifact = synthlab.export_csv(
        scenario,
        database=database,
        output_root=folder / "artifacts",
        run_id="r1",
        end_at=END_AT,
        state_file=state,
    )
    directory, good = artifact.directory, folder / "good"
    renewed(directory, good)

    def verify() -> tuple[str, Any]:
        found = synthlab.verify(directory, regenerate=True)
        return ",".join(sorted({problem.code for problem in found.problems})) or "valid", found.problems

    def dry_import() -> tuple[str, Any]:
        synthlab.import_csv(directory, database=database, apply=False, state_file=state)
        return "accepted", ()

    def approve() -> tuple[str, Any]:
        synthlab.approve(directory, reviewer="Ada")
        return "accepted", ()

    verbs = dict(zip(VERBS, (verify, dry_import, approve), strict=True))
    for call in verbs.values():
        _bounded(call, 60)
    assert verify()[0] == "valid"
    assert dry_import()[0] == "accepted"
    return good, verbs


def _bounded(call: Callable[[], tuple[str, Any]], seconds: float) -> tuple[str, list[str], float]:
    """Call within a time; return what came out, what is wrong, and the time that it took."""
    begin = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        outcome, problems = call()
    except SynthlabError as error:
        outcome, problems = error.code, error.problems
    except (Exception, TooSlowError) as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        name = type(error).__name__
        return name, [f"{name}: {str(error)[:200]} at {_place(error)}"], time.process_time() - begin
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return outcome, _flaws(problems), time.process_time() - begin


def _flaws(problems: Any) -> list[str]:
    found = []
    for problem in problems:
        text = str(problem)
        if not text.replace("\n", "").isprintable():
            found.append(f"a control character is shown: {ascii(text)[:200]}")
        if len(text) > MAX_PROBLEM_LENGTH:
            found.append(f"a message of {len(text)} characters")
        if not problem.rule:
            found.append("no rule")
    return found[:3]


def _place(error: BaseException) -> str:
    at = error.__traceback__
    places = []
    while at is not None:
        places.append(f"{Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}")
        at = at.tb_next
    return " ".join(places[-3:])


def _seen(folder: Path) -> dict[str, int]:
    """What lies beside the artifact, and how large it is; a database that was read has files of its own."""
    return {
        str(path): path.stat().st_size
        for path in [*folder.iterdir(), *(folder / "good").rglob("*"), *(folder / "artifacts").glob("*/*")]
        if path.is_file() and not path.name.startswith("platform.db-")
    } | {str(path): 0 for path in (folder / "artifacts").glob("*/*")}


def _stop(*_: object) -> None:
    raise TooSlowError


def main() -> None:
    """Run the range that the arguments name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        # What is imported takes no part of the bound: limited is what an artifact adds.
        run(0, 1, _made(folder / "first"))
        # Not address space: threads reserve that without ever using it.
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        limit = int(status["VmData"].split()[0]) * 1024 + MAX_BYTES
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]), _made(folder / "second"))))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
