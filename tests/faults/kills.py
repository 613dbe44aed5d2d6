"""Kills at random moments: of an import, of its draining, of a bootstrap; and backends that are terminated.

A moment is drawn on the timeline of a run that nothing stops, and the run that is to die is
followed by its steps until it comes there: so the moment means the same on a busy machine.
What dies there dies between two steps, wherever the kernel finds it.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.faults import worker
from tests.faults.conftest import END_AT, Site, Sites
from tests.oracles.dump import ask, progress

KILLED = -9
WAYS = {"import": 0.6, "import and drain": 0.25, "bootstrap": 0.15}
"""What is killed, and how often."""
TRIES_PER_KILL = 3
"""Assumed: one in five ends a server's process instead, and a run may end before its moment; a loop
that needs more of them is a loop that does not hit."""

Timeline = list[tuple[float, str]]
"""Seconds from the start of a run, and the step that it came to."""


@dataclass
class Told:
    """What was hit.

    Attributes
    ----------
    died : Counter of str
        Kills by what the process was doing: its way and the step that it had come to.
    midway : int
        Kills after which the database has a part of the rows.
    terminated : int
        Server processes that were ended while the run went on.
    """

    died: Counter[str] = field(default_factory=Counter)
    midway: int = 0
    terminated: int = 0

    def in_way(self, way: str) -> int:
        return sum(count for name, count in self.died.items() if name.startswith(f"{way}:"))

    def __str__(self) -> str:
        lines = [
            f"{self.died.total()} kills, {self.midway} of them midway; {self.terminated} backends terminated"
        ]
        return "\n".join([*lines, *(f"  {count:4} {name}" for name, count in sorted(self.died.items()))])


class Killer:
    """Kills runs on sites that are all alike, and compares what is left when they are run to the end."""

    def __init__(self, sites: Sites, *, seed: int, batch: int) -> None:
        self.told = Told()
        self._sites = sites
        self._rng = random.Random(seed)
        self._batch = batch
        self._whole: dict[str, tuple[Timeline, dict[str, Any]]] = {}

    def kill(self, way: str, *, times: int) -> None:
        """Kill one run again and again, then let it end, and compare."""
        timeline, expected = self._undisturbed(way)
        site = self._sites.new()
        for _ in range(times):
            moment = self._moment(way, timeline, site)
            if self._sites.is_server and self._rng.random() < 0.2:
                self._terminate(way, site, moment)
            else:
                self._kill(way, site, moment)
        assert self._start(way, site).end() == 0
        assert self._left(way, site) == expected

    def _undisturbed(self, way: str) -> tuple[Timeline, dict[str, Any]]:
        if way not in self._whole:
            site = self._sites.new()
            run = self._start(way, site)
            assert run.end() == 0
            self._whole[way] = run.timeline, self._left(way, site)
        return self._whole[way]

    def _left(self, way: str, site: Site) -> dict[str, Any]:
        # A run that dies when all is done is repeated by the next one, and only the ledger says so.
        left = site.left(is_imported=way != "bootstrap")
        return {**left, "ledger": None}

    def _moment(self, way: str, timeline: Timeline, site: Site) -> tuple[int, float]:
        """Draw after how many steps, and how long after the last of them, the run shall be hit."""
        stands = progress(site.url)
        done = 0 if stands is None else -(-stands[0] // self._batch)
        to_come = _from_batch(timeline, done)
        gaps = [later - at for (at, _), (later, _) in pairwise(to_come)]
        if way == "import and drain" and self._rng.random() < 0.7:
            # Without this few kills would find it: it is one step, late and short.
            chosen = [name for _, name in to_come].index("import.state_moved")
        else:
            # Early moments above all, so that there are more of them in one run.
            weights = [gap / (1 + index) ** 0.3 for index, gap in enumerate(gaps)]
            # Before the first step the artifact is read, and nothing is written.
            weights[0] *= 0.2
            chosen = self._rng.choices(range(len(gaps)), weights)[0]
        return chosen, gaps[chosen] * self._rng.random()

    def _kill(self, way: str, site: Site, moment: tuple[int, float]) -> None:
        run = self._start(way, site)
        run.follow(*moment)
        run.process.kill()
        if run.end() == KILLED:
            self.told.died[f"{way}: {run.stands_at}"] += 1
            stands = progress(site.url)
            self.told.midway += stands is not None and 0 < stands[0] < stands[1]

    def _terminate(self, way: str, site: Site, moment: tuple[int, float]) -> None:
        run = self._start(way, site)
        run.follow(*moment)
        ended = ask(
            site.url,
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'synthlab'",
        )
        self.told.terminated += len(ended)
        # Resolved by the run itself, or left for the next one: a server that is away, half-way.
        assert run.end() in (0, 8, 10)

    def _start(self, way: str, site: Site) -> Run:
        if way == "bootstrap":
            arguments = {
                "scenario": str(site.folder / "tiny.yaml"),
                "database": site.url,
                "state_file": str(site.folder / "state.json"),
                "commit_batch_size": self._batch,
                "end_at": END_AT,
            }
            return Run("bootstrap", arguments)
        drains = way == "import and drain"
        return Run("import_csv", site.import_arguments(commit_batch_size=self._batch, drain_analytics=drains))


class Run:
    """A verb in a process of its own that tells each step it comes to."""

    def __init__(self, verb: str, arguments: dict[str, Any]) -> None:
        self._steps, told = worker.CONTEXT.Pipe(duplex=False)
        self._began = time.monotonic()
        self.process = worker.start(verb, arguments, ("tell_steps", told))
        told.close()
        self.timeline: Timeline = [(0.0, "start")]

    @property
    def stands_at(self) -> str:
        """The step that it came to last."""
        return self.timeline[-1][1]

    def follow(self, steps: int, seconds: float) -> None:
        """Come back some time after so many steps, or when the run has ended before."""
        while len(self.timeline) <= steps and self._take():
            pass
        self.process.join(seconds)

    def end(self) -> int:
        """Wait for the end and return the exit code; -9 where it was killed."""
        while self._take():
            pass
        self.process.join(60)
        code = self.process.exitcode
        self.process.close()
        self._steps.close()
        assert code is not None
        return code

    def _take(self) -> bool:
        try:
            assert self._steps.poll(120), "the run stands still"
            step = self._steps.recv_bytes().decode()
        except EOFError:
            return False
        self.timeline.append((time.monotonic() - self._began, step))
        return True


def _from_batch(timeline: Timeline, done: int) -> Timeline:
    """Return the timeline of a run of which some batches are stored already."""
    found, batch = [], 0
    for at, step in timeline:
        if not step.startswith("batch.") or batch >= done:
            found.append((at, step))
        batch += step == "batch.committed"
    return found


def kill_at_random(sites: Sites, *, kills: int, seed: int, batch: int, most: int = 6) -> Told:
    """Kill runs in every way, and compare what each leaves.

    Goes on until so many have died, half of them midway, or `TRIES_PER_KILL` times as often: what
    was hit is for the caller to judge.
    """
    killer, rng = Killer(sites, seed=seed, batch=batch), random.Random(seed)
    told, tries = killer.told, 0
    while tries < TRIES_PER_KILL * kills and (told.died.total() < kills or told.midway < kills // 2):
        way = rng.choices(list(WAYS), list(WAYS.values()))[0]
        times = rng.randint(1, most)
        killer.kill(way, times=times)
        tries += times
    return told
