"""schema: what a scenario may hold."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any


def scenario_schema() -> dict[str, Any]:
    """Return the scenario's JSON Schema and every archetype's parameters.  Reads only.

    Returns
    -------
    dict
        ``schema``, and ``archetypes`` by name with parameters, the reservoir that is
        assumed, and expected tendencies.
    """
    from synthlab.scenario.archetypes import ARCHETYPES
    from synthlab.scenario.schema import scenario_json_schema

    archetypes = {
        name: {
            "mode": archetype.mode,
            "summary": archetype.summary,
            "parameters": {key: asdict(parameter) for key, parameter in archetype.parameters.items()},
            "reservoir": dict(archetype.reservoir),
            "tendencies": dict(archetype.tendencies),
        }
        for name, archetype in ARCHETYPES.items()
    }
    return {"schema": scenario_json_schema(), "archetypes": archetypes}
