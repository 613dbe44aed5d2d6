"""Write each notebook's ``.ipynb`` from its ``.py`` pair, executed, outputs included.

Cells are numbered, and times of execution and the scratch folder's name left out, so
that the same source gives the same bytes; only the picture of the live run, which shows
wall time, differs.  Run it after a change of a notebook, or of what its cells show::

    .venv/bin/python docs/make_notebooks.py [notebooks/01_design.py ...]
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
TIMEOUT_SECONDS = 300
SCRATCH = re.compile(r"\S*/synthlab-\w+")


def execute(source: Path, scratch: Path) -> nbformat.NotebookNode:
    """Run a notebook in an empty folder, and return it with outputs."""
    notebook = jupytext.read(source)
    notebook.cells = [
        nbformat.from_dict({**cell, "id": f"cell-{n}"}) for n, cell in enumerate(notebook.cells)
    ]
    for name in [name for name in os.environ if name.startswith("SYNTHLAB_")]:
        del os.environ[name]
    NotebookClient(
        notebook,
        timeout=TIMEOUT_SECONDS,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(scratch)}},
    ).execute()
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        for output in cell.get("outputs", []):
            # The view's id is new in each run, and of no use without its kernel.
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
            if "text" in output:
                output["text"] = SCRATCH.sub("/tmp/synthlab-scratch", output["text"])
    return notebook


def main(names: list[str]) -> None:
    """Write the named notebooks, or all."""
    scratch = Path(tempfile.mkdtemp(prefix="make-notebooks-"))
    os.environ["TMPDIR"] = str(scratch)
    try:
        for source in [Path(name) for name in names] or sorted(NOTEBOOKS.glob("*.py")):
            target = source.with_suffix(".ipynb")
            nbformat.write(execute(source, scratch), target)
            sys.stdout.write(f"{target.name}\n")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
