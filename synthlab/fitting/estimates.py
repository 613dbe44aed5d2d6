"""What a fit returns: values with intervals, and the blocks of a scenario they make."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synthlab.fitting.profile import Interval
from synthlab.results import Result, counted, to_json_value

if TYPE_CHECKING:
    import pandas as pd

Value = float | str | tuple[float, ...]

MAX_SINGLES = 3
"""Numbers of a fit in its one line. Assumed: more hide the first."""

_DIGITS = 4  # Assumed: beyond what weeks of data can tell.


def rounded(value: float) -> float:
    """Keep the digits that data can tell."""
    return float(f"{value:.{_DIGITS}g}")


class Fit(Result):
    """What `DemandFit` and `SupplyFit` have in common."""

    intervals: Mapping[str, tuple[Interval, ...]]
    observed: Mapping[str, tuple[float, ...]]
    parameter_overrides: Mapping[str, float | str]
    warnings: tuple[str, ...]
    day_count: int

    def values(self) -> Mapping[str, Value]:
        """Return every fitted value by name."""
        raise NotImplementedError

    def to_dynamics(self) -> dict[str, Any]:
        """Return the ``dynamics`` block of a device."""
        raise NotImplementedError

    def to_frame(self) -> pd.DataFrame:
        """Return the fitted values with their intervals.

        Returns
        -------
        DataFrame
            ``parameter``, ``position`` (hour or day of the week; null for a single
            number), ``value``, ``low``, ``high`` (2.5 % and 97.5 %; null where unknown),
            ``observed`` (as seen: not smoothed, not pulled toward 1).
        """
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for name, value in self.values().items():
            if isinstance(value, str):
                continue
            single = not isinstance(value, tuple)
            numbers = (value,) if not isinstance(value, tuple) else value
            ends, seen = self.intervals.get(name, ()), self.observed.get(name, ())
            for position, number in enumerate(numbers):
                low, high = ends[position] if position < len(ends) else (float("nan"), float("nan"))
                rows.append(
                    {
                        "parameter": name,
                        "position": pd.NA if single else position,
                        "value": number,
                        "low": low,
                        "high": high,
                        "observed": seen[position] if position < len(seen) else float("nan"),
                    }
                )
        frame = pd.DataFrame(rows, columns=["parameter", "position", "value", "low", "high", "observed"])
        return frame.astype({"position": "Int64"})

    def to_yaml(self) -> str:
        """Return the blocks as YAML, to be pasted under a device of a scenario."""
        content: dict[str, Any] = {"dynamics": self.to_dynamics()}
        if self.parameter_overrides:
            content["parameter_overrides"] = dict(self.parameter_overrides)
        notes = [f"# {line}" for line in self.warnings]
        return "\n".join([*notes, *_lines(content, 0)]) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {
            **super().to_dict(),
            "dynamics": to_json_value(self.to_dynamics()),
        }

    def summary(self) -> str:
        """Say in one line what was fitted, to how much, and whether the data could tell."""
        singles = [f"{name} {value:g}" for name, value in self.values().items() if isinstance(value, float)]
        said = ", ".join([*singles[:MAX_SINGLES], counted(self.day_count, "day")])
        return f"{said}{', ' + counted(len(self.warnings), 'warning') if self.warnings else ''}"

    def _repr_html_(self) -> str:
        notes = "".join(f"<br>{html.escape(note)}" for note in self.warnings)
        table = self.to_frame().round(3).to_html(index=False, na_rep="")
        return f"<p><b>{html.escape(repr(self))}</b>{notes}</p>{table}"


def _lines(content: Mapping[str, Any], depth: int) -> Sequence[str]:
    """Write nested mappings as YAML; JSON's scalars and lists are YAML too."""
    lines: list[str] = []
    for name, value in content.items():
        pad = "  " * depth
        if isinstance(value, Mapping):
            lines += [f"{pad}{name}:", *_lines(value, depth + 1)]
        else:
            lines.append(f"{pad}{name}: {json.dumps(to_json_value(value))}")
    return lines
