"""One parameter of an archetype: its default, unit, range and provenance."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an archetype.

    Attributes
    ----------
    default : float or str
    unit : str
        Empty for choices and pure numbers.
    meaning : str
    provenance : str
        ``Source: …`` or ``Assumed: …``.
    minimum, maximum : float or None
        Closed range of a number.
    choices : tuple of str
        Allowed values of a text parameter.
    """

    default: float | str
    unit: str
    meaning: str
    provenance: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
