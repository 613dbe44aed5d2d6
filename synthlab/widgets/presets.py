"""Shapes of a day to start from: measured, from the bundled templates, flat."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from synthlab.scenario.loader import load_scenario

if TYPE_CHECKING:
    from synthlab.scenario.schema import Scenario

# fmt: off
REAL_WEEKDAY = (
    .838, .445, .229, .159, .134, .120, .241, 1.264, 1.812, 1.299, 1.179, 1.295,
    1.170, 1.088, 1.063, 1.162, 1.046, .991, 1.064, 1.282, 1.631, 1.802, 1.498, 1.189,
)
REAL_WEEKEND = (
    .721, .473, .304, .191, .149, .120, .138, .246, .578, 1.191, 1.713, 1.996,
    2.116, 1.829, 1.366, 1.292, 1.031, 1.016, 1.084, 1.247, 1.425, 1.530, 1.258, .984,
)
# fmt: on
"""Source: domain facts, section 1: mean of hourly meters of Alicante's households, local time."""
REAL_DAYS = (0.986, 1.007, 0.987, 0.978, 0.986, 1.001, 1.055)
"""Monday first. Source: domain facts, section 1."""

TEMPLATE = "stationary_only_v1"
_LETTERS = {"stationary_archetype_a": "Archetype A", "stationary_archetype_c": "Archetype C"}


@cache
def presets(curve: str) -> Mapping[str, tuple[float, ...]]:
    """Return the shapes offered for a curve, by name.

    Parameters
    ----------
    curve : str
        A curve's field in the scenario, such as ``hourly_weights``.
    """
    count = 7 if curve.startswith("weekday_") else 24
    shapes: dict[str, tuple[float, ...]] = {"Flat": (1.0,) * count}
    if curve in ("hourly_weights", "weekend_hourly_weights"):
        shapes |= {"Real weekday": REAL_WEEKDAY, "Real weekend": REAL_WEEKEND}
    elif curve == "weekday_multipliers":
        shapes["Real week"] = REAL_DAYS
    template_field = "hourly_weights" if curve == "weekend_hourly_weights" else curve
    for device in _template().devices:
        dynamics = device.dynamics
        blocks = (dynamics.demand, dynamics.supply) if dynamics else ()
        values = next((found for block in blocks if (found := getattr(block, template_field, None))), None)
        if values is not None and device.archetype in _LETTERS:
            shapes[_LETTERS[device.archetype]] = tuple(values)
    return shapes


@cache
def _template() -> Scenario:
    """Read the template once for all curves."""
    return load_scenario(TEMPLATE)
