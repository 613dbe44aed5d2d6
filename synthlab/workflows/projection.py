"""How many rows a call would make, and the cap that keeps a typing error from filling a machine."""

from __future__ import annotations

from collections.abc import Mapping

from synthlab.errors import Problem, ScenarioError

MAX_ROWS = 50_000_000
"""Most rows of one call. Source: reliability promises, "Scenario file"."""
WINDOW_REMEDY = "Fewer days or devices, longer steps; or raise --max-rows if that is what you want"


def require_rows(
    counts: Mapping[str, int], max_rows: int, *, path: str = "bootstrap", remedy: str = WINDOW_REMEDY
) -> int:
    """Return how many rows a call makes, or refuse before anything is reserved or made.

    Parameters
    ----------
    counts : mapping of str to int
        Rows by device id.
    max_rows : int
    path, remedy : str
        What asks for them, and what to change.

    Raises
    ------
    ScenarioError
        Code ``SCENARIO_TOO_LARGE``.
    """
    total = sum(counts.values())
    if total > max_rows:
        raise ScenarioError(
            Problem(
                "SCENARIO_TOO_LARGE",
                f"would make more than {max_rows:,} rows",
                path=path,
                value=f"{total:,} rows of {len(counts):,} devices",
                remedy=remedy,
            )
        )
    return total
