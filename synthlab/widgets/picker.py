"""Devices to choose from: one to work on, others beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

import traitlets

from synthlab.widgets.assets import script, styles
from synthlab.widgets.part import Part


class Item(TypedDict):
    """A device on its card: ``tone`` colors the note, "better", "worse" or empty."""

    id: str
    label: str
    detail: str
    note: str
    tone: str


class Picker(Part):
    """Cards of devices.  A request says ``selected`` and ``beside``.

    Examples
    --------
    >>> picker = Picker()
    >>> picker.show([Item(id="A", label="A", detail="tank", note="", tone="")], selected="A")
    >>> picker.selected, picker.beside
    ('A', [])
    """

    _esm = script("picker.js")
    _css = styles("theme.css", "picker.css")

    title = traitlets.Unicode("Devices").tag(sync=True)
    items: traitlets.List[Any] = traitlets.List().tag(sync=True)
    selected = traitlets.Unicode().tag(sync=True)
    beside: traitlets.List[str] = traitlets.List().tag(sync=True)
    can_compare = traitlets.Bool(True).tag(sync=True)

    def show(self, items: Sequence[Item], *, selected: str, beside: Sequence[str] = ()) -> None:
        """Show these cards instead."""
        with self.hold_sync():
            self.items = [dict(item) for item in items]
            self.selected = selected
            self.beside = list(beside)
