"""Interactive views for notebooks; ipywidgets is imported nowhere else.

What a control does when it is moved is a plain function in `synthlab.widgets.design_outcome`,
so it can be called, and tested, without a browser.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthlab.widgets.design_controls import DesignControls, design
    from synthlab.widgets.design_outcome import DesignOutcome, redesign, simulate_design

_HOMES: dict[str, str] = {
    "DesignControls": "design_controls",
    "DesignOutcome": "design_outcome",
    "design": "design_controls",
    "redesign": "design_outcome",
    "simulate_design": "design_outcome",
}

__all__ = ["DesignControls", "DesignOutcome", "design", "redesign", "simulate_design"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
