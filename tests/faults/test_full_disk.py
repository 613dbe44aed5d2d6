"""A disk that fills up at any write of any verb: nothing that was there is harmed, and no half file is left.

Two forms.  A limit on file sizes, set in the verb's own process, needs no right: each file that the
verb writes is cut short once, at its last byte, in its middle and at its first.  A small tmpfs is a
real full disk, swept page by page; it needs the right to mount.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import synthlab
from synthlab.artifact import read_artifact
from synthlab.sequence import SequenceState
from tests.faults import worker
from tests.faults.conftest import END_AT, Site, Sites

DISK, STATE = 12, 9
PAGE = 4096
STATE_FILES = frozenset({"state.json", "state.json.prev", "state.json.lock"})
DATABASE_FILES = frozenset({"platform.db", "platform.db-wal", "platform.db-shm"})


@dataclass(frozen=True)
class Case:
    """A verb that writes.

    Attributes
    ----------
    verb : str
    arguments : callable
        Of a site.
    moving : frozenset of str
        Files that are whole at every moment by themselves, and may have moved on when another
        write failed: numbers are reserved before they are seen.
    is_analyzed : bool
        The artifact was analyzed before.
    """

    verb: str
    arguments: Callable[[Site], dict[str, Any]]
    moving: frozenset[str] = frozenset()
    is_analyzed: bool = False


def _export(site: Site) -> dict[str, Any]:
    return {
        "scenario": str(site.folder / "tiny.yaml"),
        "database": site.url,
        "output_root": str(site.folder / "artifacts"),
        "run_id": "r2",
        "end_at": END_AT,
        "state_file": str(site.folder / "state.json"),
    }


CASES = {
    "export": Case("export_csv", _export, STATE_FILES),
    "save a scenario": Case(
        "save_scenario",
        lambda site: {"scenario": str(site.folder / "tiny.yaml"), "path": str(site.folder / "new.yaml")},
    ),
    "change a scenario": Case(
        "save_scenario",
        lambda site: {"scenario": "stationary_only_v1", "path": str(site.folder / "tiny.yaml")},
    ),
    "analyze": Case("analyze_csv", lambda site: {"artifact_dir": str(site.artifact_dir)}),
    "approve": Case(
        "approve",
        lambda site: {"artifact_dir": str(site.artifact_dir), "reviewer": "Ada", "note": "fine"},
        is_analyzed=True,
    ),
    "review": Case("review", lambda site: {"artifact_dir": str(site.artifact_dir)}, is_analyzed=True),
    "import": Case("import_csv", Site.import_arguments, STATE_FILES | DATABASE_FILES),
}


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "filler"
    }


@cache
def analyzed(sites: Sites) -> Path:
    site = sites.new()
    assert worker.run("analyze_csv", {"artifact_dir": str(site.artifact_dir)}) == 0
    return site.artifact_dir


def prepared(sites: Sites, case: Case) -> Site:
    site = sites.new()
    if case.is_analyzed:
        shutil.copytree(analyzed(sites), site.artifact_dir, dirs_exist_ok=True)
    return site


def require_told(case: Case, code: int) -> bool:
    """Say whether the fault fired; then the exit code says what is full."""
    assert code in (0, DISK, STATE), f"exit code {code}"
    assert code != STATE or case.moving >= STATE_FILES
    return code != 0


def require_whole(site: Site, case: Case, before: dict[str, bytes], finished: dict[str, bytes]) -> None:
    """Nothing was harmed: a file is as it was, or as the verb that ended well leaves it."""
    found, old, new = (steady(case, each) for each in (files(site.folder), before, finished))
    for name, content in found.items():
        assert content in (old.get(name), new.get(name)), f"{name} is neither old nor new"
    assert old.keys() <= found.keys()
    SequenceState.peek(site.folder / "state.json")
    read_artifact(site.artifact_dir).verify_hash()


def steady(case: Case, found: dict[str, bytes]) -> dict[str, bytes]:
    """What two runs of a verb leave alike: not the time of an approval, nor how a database lies on disk."""
    kept = {name: content for name, content in found.items() if Path(name).name not in case.moving}
    for name in kept:
        if name.endswith("approval.json"):
            kept[name] = json.dumps({**json.loads(kept[name]), "decided_at": None}).encode()
    return kept


def end_well(site: Site, case: Case, finished: dict[str, bytes]) -> None:
    """Room again: the same call leaves what one that nothing stopped leaves."""
    assert worker.run(case.verb, case.arguments(site)) == 0
    assert steady(case, files(site.folder)) == steady(case, finished)


@pytest.fixture(scope="module")
def sqlite_sites(tmp_path_factory: pytest.TempPathFactory) -> Sites:
    return Sites(tmp_path_factory.mktemp("full"), None)


def limits_of(case: Case, before: dict[str, bytes], finished: dict[str, bytes]) -> list[int]:
    """Sizes that cut each written file: nothing of it, half of it, all but a byte."""
    sizes = {len(content) for name, content in finished.items() if before.get(name) != content}
    return sorted({0, *(size // 2 for size in sizes), *(size - 1 for size in sizes)})


def check_limits(sites: Sites, case: Case, *, is_swept: bool) -> None:
    site = prepared(sites, case)
    before = files(site.folder)
    assert worker.run(case.verb, case.arguments(site)) == 0
    finished = files(site.folder)
    fired = 0
    limits = limits_of(case, before, finished)
    for limit in limits if is_swept else limits[len(limits) // 2 :][:1]:
        site = prepared(sites, case)
        before = files(site.folder)
        code = worker.run(case.verb, case.arguments(site), ("limit_files", limit))
        fired += require_told(case, code)
        require_whole(site, case, before, finished)
        if code:
            end_well(site, case, finished)
    assert fired > 0


@pytest.mark.parametrize("name", CASES)
def test_a_file_that_cannot_grow_is_not_left_half_written(sqlite_sites: Sites, name: str) -> None:
    check_limits(sqlite_sites, CASES[name], is_swept=False)


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_each_file_of_each_verb_cut_at_each_place(sqlite_sites: Sites, name: str) -> None:
    check_limits(sqlite_sites, CASES[name], is_swept=True)


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A disk of 8 MiB, where this process may mount one."""
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "synthlab-test", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a tmpfs; the limit on file sizes above needs no such right")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def leave_free(folder: Path, page_count: int) -> Path:
    """Fill the disk but for some pages."""
    filler = folder / "filler"
    there = os.statvfs(folder)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, (there.f_bavail - page_count) * there.f_frsize)
    return filler


def check_disk(disk: Path, sqlite_sites: Sites, case: Case, page_counts: Iterator[int] | list[int]) -> None:
    site = prepared(sqlite_sites, case)
    assert worker.run(case.verb, case.arguments(site)) == 0
    finished = files(site.folder)
    fired = 0
    for page_count in page_counts:
        made = prepared(sqlite_sites, case)
        shutil.rmtree(disk / "site", ignore_errors=True)
        site = Site(disk / "site", f"sqlite:///{disk / 'site' / 'platform.db'}")
        shutil.copytree(made.folder, site.folder)
        before = files(site.folder)
        filler = leave_free(disk, page_count)
        code = worker.run(case.verb, case.arguments(site))
        filler.unlink()
        fired += require_told(case, code)
        require_whole(site, case, before, finished)
        if code:
            end_well(site, case, finished)
        if code == 0:
            break
    assert fired > 0


# The others draw pictures, which takes seconds: their short form is the limit above.
QUICK = {"export", "change a scenario", "import"}


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.long) for name in CASES]
)
def test_a_full_disk_harms_nothing(disk: Path, sqlite_sites: Sites, name: str) -> None:
    check_disk(disk, sqlite_sites, CASES[name], [0])


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_a_disk_that_fills_up_at_any_page_harms_nothing(disk: Path, sqlite_sites: Sites, name: str) -> None:
    check_disk(disk, sqlite_sites, CASES[name], [*range(64), *range(64, 1024, 7)])


def test_every_verb_that_writes_into_an_artifact_or_a_scenario_is_gone_through() -> None:
    covered = {case.verb for case in CASES.values()}
    assert covered <= set(dir(synthlab))
    assert covered == {"export_csv", "save_scenario", "analyze_csv", "approve", "review", "import_csv"}
