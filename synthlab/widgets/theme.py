"""The tokens of `synthlab.plotting.tokens` as style sheets know them: one table for every picture."""

from __future__ import annotations

from synthlab.plotting.tokens import ACTIVITY_COLORS, COLORS, DARK_COLORS, ROLES, dark

_GROUND = ("ink", "muted", "quiet", "grid", "face")
_ACCENT = {"accent": COLORS["blue"], "on-accent": COLORS["face"], "better": COLORS["blue"]}


def theme() -> dict[str, dict[str, str]]:
    """Return the variables of the light and of the dark theme, by plain name.

    In a style sheet ``var(--sl-truth)`` is the color of the role "truth".
    """
    roles = {name: value for name, value in ROLES.items() if name not in _GROUND}
    activities = {f"activity-{name.lower()}": value for name, value in ACTIVITY_COLORS.items()}
    named = {**roles, **activities, **_ACCENT, "worse": COLORS["vermillion"]}
    ground = {name: COLORS[name] for name in _GROUND}
    light = {**named, **ground}
    return {
        "light": light,
        "dark": {
            **{name: dark(value) for name, value in named.items()},
            **{name: DARK_COLORS[name] for name in _GROUND},
        },
    }
