"""An artifact, and platforms to import it into: each as new, and what a run that nothing stops leaves."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

import synthlab
from synthlab.scenario.loader import loads_scenario
from tests.conftest import TINY_SCENARIO
from tests.faults import worker
from tests.oracles.dump import dump

END_AT = "2026-02-12T10:00:00Z"


@dataclass
class Site:
    """A provisioned platform with an artifact to import, in a folder of its own."""

    folder: Path
    url: str

    @property
    def artifact_dir(self) -> Path:
        return self.folder / "artifacts" / "tiny" / "r1"

    def import_arguments(self, **changes: Any) -> dict[str, Any]:
        return {
            "artifact_dir": str(self.artifact_dir),
            "database": self.url,
            "apply": True,
            "state_file": str(self.folder / "state.json"),
            "commit_batch_size": 20,
            "drain_analytics": True,
            **changes,
        }

    def run_import(self, *faults: tuple[Any, ...], **changes: Any) -> int:
        return worker.run("import_csv", self.import_arguments(**changes), *faults)

    def left_in_database(self) -> dict[str, Any]:
        return dict(dump(self.url))

    def left(self, *, is_imported: bool = True) -> dict[str, Any]:
        """All that an import leaves: rows, ledger, state, and the result where there is one."""
        state = json.loads((self.folder / "state.json").read_text())
        result = (self.artifact_dir / "import_result.json").read_text() if is_imported else None
        return {**dump(self.url), "result": result, "state": state["devices"]}


class Sites:
    """Makes sites that are all alike, on one kind of database."""

    def __init__(self, folder: Path, server: str | None, *, days: int = 1, step_minutes: int = 30) -> None:
        self._folder = folder
        self._server = server
        self._made: list[str] = []
        self._engine = None if server is None else create_engine(server, isolation_level="AUTOCOMMIT")
        changed = TINY_SCENARIO.replace(
            "days: 1, step_minutes: 30", f"days: {days}, step_minutes: {step_minutes}"
        )
        self._first = Site(self._new_folder(), self._new_url(None))
        (self._first.folder / "tiny.yaml").write_text(changed)
        scenario = loads_scenario(changed)
        synthlab.provision(scenario, database=self._first.url)
        synthlab.export_csv(
            scenario,
            database=self._first.url,
            output_root=self._first.folder / "artifacts",
            run_id="r1",
            end_at=END_AT,
            state_file=self._first.folder / "state.json",
        )
        self.row_count = synthlab.artifact.read_artifact(self._first.artifact_dir).row_count

    @property
    def is_server(self) -> bool:
        """Whether the platform is one of a database server."""
        return self._engine is not None

    def new(self) -> Site:
        """A site as if nothing had ever been imported."""
        folder = self._new_folder()
        for path in self._first.folder.iterdir():
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, folder / path.name)
        return Site(folder, self._new_url(self._first.url, folder))

    def _new_folder(self) -> Path:
        folder = self._folder / f"site-{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        return folder

    def _new_url(self, template: str | None, folder: Path | None = None) -> str:
        if self._engine is None or self._server is None:
            folder = self._first.folder if folder is None and template else folder
            where = folder or next(self._folder.glob("site-*"))
            return f"sqlite:///{where / 'platform.db'}"
        name = f"synthlab_fault_{secrets.token_hex(6)}"
        copied = "" if template is None else f" TEMPLATE {make_url(template).database}"
        with self._engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}{copied}"))
        self._made.append(name)
        return make_url(self._server).set(database=name).render_as_string(hide_password=False)

    def drop(self) -> None:
        if self._engine is None:
            return
        with self._engine.connect() as connection:
            for name in self._made:
                connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        self._engine.dispose()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def sites(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    """98 rows of a tank and a truck, in batches of 20; on each kind of database."""
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    made = Sites(tmp_path_factory.mktemp("faults"), server)
    yield made
    made.drop()


@pytest.fixture(scope="module")
def expected(sites: Sites) -> dict[str, Any]:
    """What an import that nothing stops leaves."""
    site = sites.new()
    assert site.run_import() == 0
    left = site.left()
    assert len(left["device_telemetry_messages"]) == sites.row_count
    return left


@pytest.fixture(scope="module")
def make_sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Sites]]:
    """Make sites of another size."""
    made: list[Sites] = []

    def make(server: str | None, **size: int) -> Sites:
        made.append(Sites(tmp_path_factory.mktemp("faults"), server, **size))
        return made[-1]

    yield make
    for each in made:
        each.drop()
