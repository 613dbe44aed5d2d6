"""How far long work is, shown where a person looks: in a notebook or on a terminal.

A verb that takes long shows a bar by itself.  In JupyterLab it is tqdm's, in a terminal rich's on
stderr, gone when the work is done.  Where nobody looks (a pipe, a test, a notebook that is executed
by a program, a click in a view) nothing is written.  ``SYNTHLAB_PROGRESS=0`` turns bars off.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

OnProgress = Callable[[int, int], None]
"""Called with what is done and what there is in all."""

VARIABLE = "SYNTHLAB_PROGRESS"

# JupyterLab's and Notebook's server, and VS Code, name themselves to the kernels that they start;
# nbclient and nbval, which execute a notebook for nobody to see, do not.
_FRONT_ENDS = ("JPY_SESSION_NAME", "VSCODE_PID")


def unseen(done: int, total: int) -> None:
    """Take progress that nobody looks at."""


def first_part(on_progress: OnProgress, *, rest: int) -> OnProgress:
    """Give what a part reports to, of work of which so many steps come after it."""
    return lambda done, total: on_progress(done, total + rest)


@contextmanager
def shown(label: str, on_progress: OnProgress | None = None) -> Iterator[OnProgress]:
    """Give what a verb reports its progress to: the caller's function, a bar, or `unseen`.

    Parameters
    ----------
    label : str
        What stands beside the bar.
    on_progress : callable, optional
        Comes before any bar.
    """
    if on_progress is not None:
        yield on_progress
    elif os.environ.get(VARIABLE) == "0":
        yield unseen
    elif is_watched_notebook():
        with _notebook_bar(label) as bar:
            yield bar
    elif sys.stderr is not None and sys.stderr.isatty():
        with _terminal_bar(label) as bar:
            yield bar
    else:
        yield unseen


def is_watched_notebook() -> bool:
    """Say whether a cell runs in a notebook that somebody has open, and a bar can be drawn there."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    kernel = getattr(shell, "kernel", None)
    if kernel is None or "PYTEST_CURRENT_TEST" in os.environ:
        return False
    if not any(name in os.environ for name in _FRONT_ENDS):
        return False
    # A click in a view comes as another message: no cell is there to draw in.
    request = kernel.get_parent("shell").get("header", {}).get("msg_type")
    # tqdm complains in red where ipywidgets is missing.
    return request == "execute_request" and all(map(find_spec, ("tqdm", "ipywidgets")))


@contextmanager
def _notebook_bar(label: str) -> Iterator[OnProgress]:
    from tqdm.notebook import tqdm

    with tqdm(desc=label, leave=False) as bar:
        yield lambda done, total: _move(bar, done, total)


def _move(bar: Any, done: int, total: int) -> None:
    if bar.total != total:
        is_first, began_at = bar.total is None, bar.start_t
        bar.reset(total)
        if is_first:
            # A run that goes on has done much before: that says nothing of its pace.
            bar.initial = done
        else:
            bar.start_t = began_at
        bar.n = bar.last_print_n = done
        bar.refresh()
    bar.update(done - bar.n)


@contextmanager
def _terminal_bar(label: str) -> Iterator[OnProgress]:
    from rich.console import Console
    from rich.progress import Progress

    # Redirected, what the caller prints meanwhile would go where the bar is: to stderr.
    with Progress(
        console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
    ) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
