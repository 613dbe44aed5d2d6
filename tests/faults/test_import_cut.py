"""Lines cut around COMMIT, backends terminated, processes killed at random, disks that are full."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import synthlab
import synthlab.steps
from synthlab.errors import InterruptedRunError
from synthlab.workflows import replay
from tests.faults.conftest import Site, Sites
from tests.faults.kills import TRIES_PER_KILL, WAYS, Killer, kill_at_random
from tests.faults.proxy import Cut, CuttingProxy
from tests.oracles.dump import ask, progress

MakeSites = Callable[..., Sites]


def through(url: str, proxy: CuttingProxy) -> str:
    database = urlsplit(url).path.strip("/")
    return (
        f"postgresql+psycopg://postgres@127.0.0.1:{proxy.port}/{database}?sslmode=disable&gssencmode=disable"
    )


@pytest.fixture
def proxied(postgres_server: str) -> Iterator[Callable[[Callable[[int], Cut]], CuttingProxy]]:
    folder = parse_qs(urlsplit(postgres_server).query).get("host")
    if not folder:
        pytest.skip("the configured PostgreSQL has no socket file to go to")
    made: list[CuttingProxy] = []

    def make(plan: Callable[[int], Cut]) -> CuttingProxy:
        made.append(CuttingProxy(f"{folder[0]}/.s.PGSQL.5432", plan))
        return made[-1]

    yield make
    for proxy in made:
        proxy.close()


def assert_cuts_are_resolved(
    make_sites: MakeSites, server: str, make_proxy: Any, *, each: int, days: int, step_minutes: int
) -> None:
    sites = make_sites(server, days=days, step_minutes=step_minutes)
    whole, cut = sites.new(), sites.new()
    size = {"commit_batch_size": sites.row_count // (each * 4) or 1, "drain_analytics": False}
    assert whole.run_import(**size) == 0
    turn = {"before": 0, "after": 0}

    def plan(commit: int) -> Cut:
        # Every other one, so that a way on is left; the first ones set the ledger up.
        if commit < 6 or commit % 2 or min(turn.values()) >= each:
            return None
        kind: Cut = "before" if turn["before"] <= turn["after"] else "after"
        turn[str(kind)] += 1
        return kind

    proxy = make_proxy(plan)
    result = synthlab.import_csv(**{**cut.import_arguments(**size), "database": through(cut.url, proxy)})
    assert (proxy.cuts.count("before"), proxy.cuts.count("after")) == (each, each)
    assert result.status_counts == {"stored:READING": sites.row_count}
    assert same(cut) == same(whole)


def same(site: Site) -> dict[str, Any]:
    return site.left()


def test_a_commit_of_unknown_outcome_is_resolved(
    make_sites: MakeSites, postgres_server: str, proxied: Any
) -> None:
    assert_cuts_are_resolved(make_sites, postgres_server, proxied, each=5, days=1, step_minutes=30)


@pytest.mark.long
def test_100_commits_of_unknown_outcome_are_resolved(
    make_sites: MakeSites, postgres_server: str, proxied: Any
) -> None:
    assert_cuts_are_resolved(make_sites, postgres_server, proxied, each=50, days=7, step_minutes=5)


def test_a_server_that_stays_away_ends_the_import_half_way(
    make_sites: MakeSites, postgres_server: str, proxied: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "RETRY_PAUSES_SECONDS", (0.0, 0.0))
    sites = make_sites(postgres_server)
    whole, site = sites.new(), sites.new()
    assert whole.run_import() == 0
    proxy = proxied(lambda commit: "after" if commit >= 8 else None)
    arguments = {**site.import_arguments(), "database": through(site.url, proxy)}
    with pytest.raises(InterruptedRunError, match="of 98 rows"):
        synthlab.import_csv(**arguments)
    assert proxy.cuts
    assert site.run_import() == 0
    assert site.left() == whole.left()


def test_terminated_backends_do_not_matter(make_sites: MakeSites, postgres_server: str) -> None:
    sites = make_sites(postgres_server)
    whole, site = sites.new(), sites.new()
    assert whole.run_import(commit_batch_size=10) == 0
    wanted = [name for name in synthlab.steps.STEPS if name.startswith("batch.")][:-1]
    fired: list[str] = []
    fresh = True

    def listen(name: str) -> None:
        nonlocal fresh
        if name == "batch.committed":
            fresh = True
        if fresh and len(fired) < len(wanted) and name == wanted[len(fired)]:
            # Once a batch, each time a step later.
            fresh = False
            fired.append(name)
            ask(
                site.url,
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'synthlab'",
            )

    synthlab.steps.listener = listen
    try:
        result = synthlab.import_csv(**site.import_arguments(commit_batch_size=10))
    finally:
        synthlab.steps.listener = None
    assert fired == wanted
    assert result.status_counts == {"stored:READING": sites.row_count}
    assert site.left() == whole.left()


MOST_MORE_RUNS = 12


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_at_random_moments(make_sites: MakeSites, request: pytest.FixtureRequest, kind: str) -> None:
    server = request.getfixturevalue("postgres_server") if kind == "postgresql" else None
    killer = Killer(make_sites(server, days=1, step_minutes=5), seed=1, batch=10)
    for way in WAYS:
        killer.kill(way, times=3)
    # A moment is drawn on the clock: on a busy machine all may fall before or after the batches.
    for _ in range(MOST_MORE_RUNS):
        if killer.told.midway:
            break
        killer.kill("import", times=3)
    assert killer.told.died.total() >= 3
    assert killer.told.midway >= 1


def test_kills_that_never_hit_come_to_an_end(make_sites: MakeSites, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    monkeypatch.setattr(Killer, "kill", lambda self, way, *, times: tried.append(times))
    told = kill_at_random(make_sites(None), kills=10, seed=3, batch=50)
    assert (told.died.total(), told.midway) == (0, 0)
    assert sum(tried) >= 10 * TRIES_PER_KILL


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_200_kills_make_no_difference(
    make_sites: MakeSites, request: pytest.FixtureRequest, kind: str
) -> None:
    server = request.getfixturevalue("postgres_server") if kind == "postgresql" else None
    sites = make_sites(server, days=7, step_minutes=5)
    assert sites.row_count > 4_000
    told = kill_at_random(sites, kills=200, seed=2, batch=50)
    print(f"{kind}: {told}")
    assert told.died.total() >= 200
    assert told.midway >= 100
    assert told.died["import and drain: import.state_moved"] >= 5
    assert told.in_way("bootstrap") >= 10
    assert told.terminated >= 10 or kind == "sqlite"


@pytest.fixture(scope="module")
def on_sqlite(make_sites: MakeSites) -> Sites:
    return make_sites(None)


@pytest.fixture(scope="module")
def whole(on_sqlite: Sites) -> Site:
    """A site with an import that nothing stopped."""
    site = on_sqlite.new()
    assert site.run_import() == 0
    return site


@pytest.mark.parametrize("extra", [0, 4_096, 60_000, 200_000, 500_000])
def test_a_full_disk_harms_nothing(on_sqlite: Sites, whole: Site, extra: int) -> None:
    site = on_sqlite.new()
    path = Path(site.url.removeprefix("sqlite:///"))
    limit = path.stat().st_size // 8 + extra
    code = site.run_import(("limit_files", limit))
    assert code in (9, 12), "the fault did not fire"
    stands = progress(site.url)
    stored = ask(site.url, "SELECT count(*) FROM device_telemetry_messages")[0][0]
    assert stored == (0 if stands is None else stands[0])
    assert site.run_import() == 0
    assert site.left() == whole.left()


def test_a_full_server_disk_leaves_whole_batches(on_sqlite: Sites, whole: Site) -> None:
    """SQLite's own limit of pages: the same error as a full disk, at each write in turn."""
    pages = ask(whole.url, "PRAGMA page_count")[0][0]
    fired = 0
    for limit in range(pages - 54, pages, 18):
        site = on_sqlite.new()
        code = site.run_import(("limit_pages", limit))
        fired += code == 12
        assert code in (0, 12)
        assert site.run_import() == 0
        assert {**site.left(), "ledger": None} == {**whole.left(), "ledger": None}
    assert fired > 0
