"""Scripts and style sheets of the widgets, each joined to one text: no address is asked at run time."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

_STATIC = files("synthlab.widgets") / "static"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const |class |function |let )", re.MULTILINE)
_UPLOT = "uplot.js"
"""Stands for the script of the installed package; nothing of it is copied into ours."""


@cache
def script(name: str) -> str:
    """Return an ES module as one text, with the modules of ours that it imports put before it.

    Parameters
    ----------
    name : str
        File below ``static/``, such as ``curve.js``.
    """
    return "\n".join(_parts(name, seen=set()))


@cache
def styles(*names: str) -> str:
    """Return style sheets as one text; ``uplot.css`` is that of the installed package."""
    return "\n".join(_uplot_file("uPlot.min.css") if name == "uplot.css" else _read(name) for name in names)


def _parts(name: str, *, seen: set[str]) -> list[str]:
    seen.add(name)
    if name == _UPLOT:
        return [_uplot_file("uPlot.iife.js")]
    text = _read(name)
    parts = []
    for wanted in _IMPORT.findall(text):
        if wanted not in seen:
            parts += [_EXPORT.sub("", part) for part in _parts(wanted, seen=seen)]
    return [*parts, _IMPORT.sub("", text)]


def _read(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")


def _uplot_file(name: str) -> str:
    # Not imported: its Python side has no part in this.
    spec = find_spec("uplot")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / "static" / name).read_text(encoding="utf-8")
