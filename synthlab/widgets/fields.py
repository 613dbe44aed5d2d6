"""Numbers and choices to set, each with its range, its unit and what it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import traitlets

from synthlab.widgets.assets import script, styles
from synthlab.widgets.part import Part, Request

Value = float | str


@dataclass(frozen=True)
class Field:
    """One value that can be set.

    Attributes
    ----------
    name, label, unit, help, group : str
    value, default : float or str
        A default of None: there is nothing to go back to.
    min, max : float, optional
    choices : tuple of str
        Of a text.
    """

    name: str
    label: str
    value: Value
    default: Value | None = None
    unit: str = ""
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()
    help: str = ""
    group: str = ""


class Fields(Part):
    """A form of `Field` rows; those of a group can be folded away.

    Examples
    --------
    >>> form = Fields()
    >>> form.show([Field("rate", "rate", 1.0, default=1.0, unit="1/s", min=0.1, max=100)])
    >>> form.on_set(lambda values: print(values))
    >>> form.request = {"seq": 1, "version": form.version, "values": {"rate": 2}}
    {'rate': 2}
    """

    _esm = script("fields.js")
    _css = styles("theme.css", "fields.css")

    fields: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    version = traitlets.Int(0).tag(sync=True)

    def show(self, fields: Sequence[Field]) -> None:
        """Show these rows instead, with what they say now."""
        with self.hold_sync():
            self.fields = [{**asdict(field), "choices": list(field.choices)} for field in fields]
            self.version += 1

    def on_set(self, answer: Callable[[dict[str, Value]], None]) -> None:
        """Call `answer` with every value that was set since the rows were shown."""

        def hear(request: Request) -> None:
            # What was set in rows that were replaced meanwhile is of no use any more.
            if request.get("version") == self.version:
                answer(dict(request["values"]))

        self.on_request(hear)
