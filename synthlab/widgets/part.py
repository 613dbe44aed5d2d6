"""What every view is made of: a widget that wears the theme and asks by one trait."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from synthlab.widgets.theme import theme

Request = dict[str, Any]


class Part(anywidget.AnyWidget):
    """A widget of ours.

    Attributes
    ----------
    theme : dict
        Colors of the light and the dark theme, from the one table.
    request : dict
        What the browser asks for: ``seq``, which rises, and the values.  It is set in one
        message, and `on_request`'s callback does its work before it returns: while one is
        under way ipywidgets keeps only the newest, so nothing piles up.
    """

    theme = traitlets.Dict().tag(sync=True)
    # Not echoed: the browser would get back what it sent, at every move of the pointer.
    request = traitlets.Dict().tag(sync=True, echo_update=False)

    @traitlets.default("theme")
    def _theme(self) -> dict[str, dict[str, str]]:
        return theme()

    def on_request(self, answer: Callable[[Request], None]) -> None:
        """Call `answer` with each request, in whatever thread it arrives."""
        self.observe(lambda change: answer(change["new"]), names="request")
