"""What a fault test runs in a process of its own, to be killed there.

The processes come from a fork server that has imported everything: a start costs some
milliseconds, and no thread or connection of the tests gets into them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import Counter
from contextlib import suppress
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any

CONTEXT: ForkServerContext = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "tests.faults.worker",
        "synthlab.workflows.import_",
        "synthlab.workflows.bootstrap",
        "synthlab.workflows.export",
        "synthlab.adapters.database",
        "synthlab.platform.consumer",
        "synthlab.platform.places",
        "synthlab.platform.batch_postgresql",
        "synthlab.platform.batch_sqlite",
        "synthlab.platform.ingestion",
        "synthlab.platform.lookup",
        "synthlab.platform.plugin",
        "synthlab.artifact.store",
        "synthlab.artifact.verification",
        "synthlab.adapters.registry",
        "synthlab.sequence",
        "pyarrow.csv",
        "pyarrow.pandas_compat",
        "psycopg",
        "scipy.ndimage",
        "sklearn.cluster",
    ]
)


def kill_at(name: str, nth: int = 1) -> None:
    """Kill this process when it comes to a step for the nth time."""
    import synthlab.steps

    seen: Counter[str] = Counter()

    def listen(step: str) -> None:
        seen[step] += 1
        if step == name and seen[step] == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    synthlab.steps.listener = listen


def tell_steps(pipe: Any) -> None:
    """Say through a pipe each step that is reached."""
    import synthlab.steps

    synthlab.steps.listener = lambda step: pipe.send_bytes(step.encode())


def limit_files(size: int) -> None:
    """Let no file grow beyond a size: as a full disk, it needs no root. [bytes]"""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def limit_pages(count: int) -> None:
    """Let no SQLite file have more pages: its "database or disk is full"."""
    from sqlalchemy import Engine, event

    def limit(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {count}")

    event.listen(Engine, "connect", limit)


FAULTS = {
    "kill_at": kill_at,
    "tell_steps": tell_steps,
    "limit_files": limit_files,
    "limit_pages": limit_pages,
}


def call(verb: str, arguments: dict[str, Any], faults: list[tuple[Any, ...]], cwd: str) -> None:
    """Run a verb with faults; the exit code is the one that the command line would have."""
    import synthlab
    from synthlab.errors import SynthlabError

    os.chdir(cwd)
    for name, *rest in faults:
        FAULTS[name](*rest)  # type: ignore[operator]
    if "scenario" in arguments:
        arguments["scenario"] = synthlab.load_scenario(arguments["scenario"])
    try:
        getattr(synthlab, verb)(**arguments)
    except SynthlabError as error:
        # The tests' own capture is a file too, which a limit on sizes may cut.
        with suppress(OSError):
            sys.stderr.write(f"{error.code}: {error}\n")
            sys.stderr.flush()
        os._exit(error.exit_code)


def start(verb: str, arguments: dict[str, Any], *faults: tuple[Any, ...]) -> ForkServerProcess:
    """Start a verb in a process of its own."""
    process = CONTEXT.Process(target=call, args=(verb, arguments, list(faults), os.getcwd()), daemon=True)
    process.start()
    return process


def run(verb: str, arguments: dict[str, Any], *faults: tuple[Any, ...]) -> int:
    """Run a verb to its end and return the exit code; -9 where it was killed."""
    process = start(verb, arguments, *faults)
    process.join(120)
    code = process.exitcode
    process.close()
    assert code is not None, f"{verb} did not end within two minutes"
    return code
