"""Every notebook runs top to bottom, shows what it showed, and leaves nothing behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SANITIZER = REPOSITORY / "tests" / "nbval_sanitize.cfg"
TIMEOUT_SECONDS = 900
"""A notebook that hangs ends here; a quiet machine needs a tenth of it. [seconds]"""
MAX_SANITIZER_RULES = 5
PAGE = "app"

# What a run could leave behind by a relative default path.
WATCHED = ("notebooks", "artifacts", ".synthlab", ".tmp")


def _environment(folder: Path) -> dict[str, str]:
    """Make a machine of its own: home and temporary files in a folder, nothing configured."""
    home, temporary = folder / "home", folder / "tmp"
    home.mkdir()
    temporary.mkdir()
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("SYNTHLAB_", "PYTEST_"))
    }
    return {
        **kept,
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PYTHONDONTWRITEBYTECODE": "1",
        # Only nbval: the other plugins double the start of each notebook's own pytest.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }


def _run(notebooks: list[Path], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "nbval.plugin", "-v"),
            *("--nbval", "--nbval-current-env", "--nbval-sanitize-with", str(SANITIZER)),
            *("-W", "default", "--rootdir", str(notebooks[0].parent), *map(str, notebooks)),
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        cwd=notebooks[0].parent,
        env=environment,
        check=False,
    )


def _files() -> Iterator[tuple[str, int]]:
    for name in WATCHED:
        for path in sorted((REPOSITORY / name).rglob("*")):
            if path.is_file() and ".ipynb_checkpoints" not in path.parts:
                yield str(path.relative_to(REPOSITORY)), path.stat().st_mtime_ns


@dataclass(frozen=True)
class Run:
    """What came of all notebooks in one session; a kernel each, and one start of pytest for all."""

    output: str
    left: tuple[str, ...]
    touched: bool


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    environment = _environment(tmp_path_factory.mktemp("machine"))
    before = list(_files())
    done = _run(NOTEBOOKS, environment)
    left = sorted(path.name for path in Path(environment["TMPDIR"]).iterdir())
    ours = tuple(name for name in left if not name.startswith(("ipykernel_", "pytest-of-")))
    return Run(done.stdout + done.stderr, ours, list(_files()) != before)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_shows_what_it_showed(notebook: Path, run: Run) -> None:
    # pytest shows the name's ending after two colons or after a point.
    cell = rf"^{notebook.stem}(?:::|\.)ipynb::Cell \d+ PASSED"
    passed = re.findall(cell, run.output, flags=re.MULTILINE)
    count = len([cell for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"])
    assert len(passed) == count, run.output


def test_each_notebook_leaves_its_scratch_folder_and_nothing_else(run: Run) -> None:
    assert len(run.left) == len(NOTEBOOKS)
    assert all(name.startswith("synthlab-") for name in run.left)
    assert not run.touched


def test_another_output_is_seen(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(
                "print(1 + 1)", outputs=[nbformat.v4.new_output("stream", name="stdout", text="3\n")]
            )
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )
    path = tmp_path / "wrong.ipynb"
    nbformat.write(notebook, path)
    done = _run([path], _environment(tmp_path))
    assert done.returncode == 1
    assert "1 failed" in done.stdout


CANARY = "canary-77ae-word"
WITH_A_SECRET = """\
import synthlab as sl
scenario = sl.load_scenario("stationary_only_v1")
scenario
#
sl.validate(scenario)
#
sl.reservoirs()
#
sl.run_live(scenario, iterations=1, listen=False)
#
sl.validate(scenario, database="postgresql://u:" + __import__("os").environ["PGPASSWORD"] + "@[x/d")
"""


def test_no_notebook_shows_a_secret(tmp_path: Path) -> None:
    """Neither as a result nor in a traceback, which a kernel writes in full."""
    cells = [nbformat.v4.new_code_cell(source) for source in WITH_A_SECRET.split("#\n")]
    path = tmp_path / "secret.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    run = (
        "import sys, nbclient, nbformat; book = nbformat.read(sys.argv[1], 4);"
        "nbclient.NotebookClient(book, allow_errors=True, kernel_name='python3').execute();"
        "nbformat.write(book, sys.argv[1])"
    )
    secrets = {
        "SYNTHLAB_DATABASE_URL": f"postgresql://u:{CANARY}@127.0.0.1:1/d",
        "SYNTHLAB_BROKER_URL": f"mqtt://u:{CANARY}@127.0.0.1:1",
        "PGPASSWORD": CANARY,
        "SYNTHLAB_DEBUG": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", run, str(path)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        cwd=tmp_path,
        env={**_environment(tmp_path), **secrets},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = path.read_text(encoding="utf-8")
    assert '"output_type": "error"' in written
    assert CANARY not in written
    assert not any(
        re.search(r"://[^/\s:\"]+:[^@/\s\"]+@", book.read_text(encoding="utf-8")) for book in NOTEBOOKS
    )


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_pair_is_in_sync(notebook: Path) -> None:
    def cells(document: nbformat.NotebookNode) -> list[tuple[str, str]]:
        return [(cell.cell_type, cell.source) for cell in document.cells]

    source = notebook.with_suffix(".py")
    assert cells(jupytext.read(source)) == cells(nbformat.read(notebook, 4)), (
        f"run .venv/bin/python docs/make_notebooks.py notebooks/{source.name}"
    )


def test_every_source_has_its_pair() -> None:
    assert [path.stem for path in NOTEBOOKS] == sorted(path.stem for path in FOLDER.glob("*.py"))
    assert [path.stem for path in NOTEBOOKS] == [
        *(
            "00_start",
            "01_design",
            "02_preview",
            "03_export",
            "04_analyze",
            "05_import",
            "06_live",
            "07_archetypes",
            "08_realism",
            PAGE,
        )
    ]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_has_a_table_beside_its_plot_and_skips_nothing(notebook: Path) -> None:
    document = nbformat.read(notebook, 4)
    bundles = [
        output.data
        for cell in document.cells
        for output in cell.get("outputs", [])
        if output.output_type in {"display_data", "execute_result"}
    ]
    # The workbench is a page, not a story: where no browser runs it, its key numbers stand in.
    assert notebook.stem == PAGE or [bundle for bundle in bundles if "image/png" in bundle]
    assert [bundle for bundle in bundles if "<table" in bundle.get("text/html", "")]
    text = notebook.read_text(encoding="utf-8")
    assert "NBVAL_" not in text
    assert '"output_type": "error"' not in text
    assert '"name": "stderr"' not in text


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_keeps_to_the_public_face(notebook: Path) -> None:
    source = notebook.with_suffix(".py").read_text(encoding="utf-8")
    imports = set(re.findall(r"^[ \t]*(?:import|from) .*synthlab.*$", source, flags=re.MULTILINE))
    assert imports <= {
        "import synthlab as sl",
        "from synthlab import plotting",
        "from synthlab import widgets",
    }


def test_sanitizer_hides_little_and_says_why() -> None:
    lines = SANITIZER.read_text(encoding="utf-8").splitlines()
    rules = [number for number, line in enumerate(lines) if line.startswith("[")]
    assert 0 < len(rules) <= MAX_SANITIZER_RULES
    assert all(lines[number - 1].startswith("#") for number in rules)
