"""Hypothesis strategies of valid scenarios: small, and with every optional part now and then.

``stationary_scenarios()`` has tanks only, ``mobile_scenarios()`` trucks only,
``scenarios()`` either or both.  Each value is a validated `Scenario`; ``*_data()``
strategies yield the plain data, for tests that damage it first.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from synthlab.scenario.archetypes import ARCHETYPES
from synthlab.scenario.hardware_parameters import BLOCKS, MODELS
from synthlab.scenario.parameter import Parameter
from synthlab.scenario.schema import Scenario

STATIONARY = sorted(name for name, archetype in ARCHETYPES.items() if archetype.mode == "STATIONARY")
MOBILE = sorted(name for name, archetype in ARCHETYPES.items() if archetype.mode == "MOBILE")
KINDS = ("BASE", "REFILL", "CLIENT")

# Words that YAML 1.1 or a careless writer would not give back as they are.
_AWKWARD = [
    "NO",
    "yes",
    "0123",
    "1_000",
    "1e3",
    "12:30:45",
    "~",
    "null",
    "a: b",
    "- x",
    "it's",
    'a "b"',
    "é",
    "#1",
]

device_ids = st.from_regex(r"[A-Z0-9][A-Z0-9_-]{0,8}", fullmatch=True)
texts = st.one_of(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True), st.sampled_from(_AWKWARD))


def _numbers(low: float, high: float, *, is_low_out: bool = False) -> st.SearchStrategy[float]:
    return st.floats(low, high, exclude_min=is_low_out, allow_nan=False)


def _maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def _rows(count: int, *, low: float) -> st.SearchStrategy[list[float]]:
    # Few distinct values: shrinking 24 free floats costs more than it shows.
    return st.lists(st.sampled_from([low, 0.25, 1.0, 1 / 3, 7.0]), min_size=count, max_size=count)


def parameter_values(parameter: Parameter) -> st.SearchStrategy[float | str]:
    """Values that an archetype's parameter may take."""
    if parameter.choices:
        return st.sampled_from(parameter.choices)
    assert parameter.minimum is not None
    assert parameter.maximum is not None
    return _numbers(parameter.minimum, parameter.maximum)


def hardware_data(*, is_mobile: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Up to all four hardware blocks, each with a model, a field, both or nothing."""

    def block(name: str) -> st.SearchStrategy[dict[str, Any]]:
        known = {
            key: parameter
            for key, parameter in BLOCKS[name].items()
            if is_mobile or key in ARCHETYPES["stationary_archetype_a"].parameters
        }
        fields = st.lists(st.sampled_from(sorted(known)), max_size=2, unique=True).flatmap(
            lambda keys: st.fixed_dictionaries({key: parameter_values(known[key]) for key in keys})
        )
        return st.tuples(_maybe(model=st.sampled_from(sorted(MODELS[name]))), fields).map(
            lambda parts: parts[0] | parts[1]
        )

    return _maybe(**{name: block(name) for name in BLOCKS})


def dynamics_data() -> st.SearchStrategy[dict[str, Any]]:
    """Blocks of demand and supply."""
    demand = _maybe(
        target_daily_liters=_numbers(1, 5_000),
        hourly_weights=_rows(24, low=0.01),
        weekend_hourly_weights=_rows(24, low=0.01),
        weekday_multipliers=_rows(7, low=0.01),
        process=st.sampled_from(["events", "expected"]),
    )
    supply = _maybe(
        hourly_probability_multipliers=_rows(24, low=0.0),
        hourly_volume_multipliers=_rows(24, low=0.0),
        weekday_probability_multipliers=_rows(7, low=0.0),
    )
    return _maybe(demand=demand, supply=supply)


@st.composite
def reservoir_data(draw: st.DrawFn) -> dict[str, Any]:
    """Reservoir blocks with both, one or no form of calibration."""
    block = {"capacity_liters": draw(_numbers(100, 20_000))}
    if draw(st.booleans()):
        block["height_mm"] = draw(_numbers(500, 3_000))
    if draw(st.booleans()):
        full = draw(_numbers(0, 500))
        block |= {
            "sensor_full_distance_mm": full,
            "sensor_empty_distance_mm": full + draw(_numbers(100, 3_000)),
        }
    more = _maybe(
        shape=st.sampled_from(["upright", "lying_cylinder"]), is_pipe_connected=st.booleans(), zone_id=texts
    )
    return block | draw(more)


@st.composite
def device_data(draw: st.DrawFn, device_id: str, archetype: str, route_ids: list[str]) -> dict[str, Any]:
    """One device of an archetype."""
    known = ARCHETYPES[archetype]
    names = draw(st.lists(st.sampled_from(sorted(known.parameters)), max_size=3, unique=True))
    data: dict[str, Any] = {
        "device_id": device_id,
        "archetype": archetype,
        "mode": known.mode,
        "cadence_seconds": draw(st.integers(60, 3600)),
    }
    optional = {
        "parameter_overrides": st.fixed_dictionaries(
            {n: parameter_values(known.parameters[n]) for n in names}
        ),
        "reservoir": reservoir_data(),
        "reservoir_id": st.uuids().map(str),
    }
    if known.mode == "MOBILE":
        data["route_id"] = draw(st.sampled_from(route_ids))
    else:
        optional["dynamics"] = dynamics_data()
    data |= draw(_maybe(**optional))
    if "parameter_overrides" not in data and draw(st.booleans()):
        data |= draw(hardware_data(is_mobile=known.mode == "MOBILE"))
    return data


@st.composite
def route_data(draw: st.DrawFn, route_id: str) -> dict[str, Any]:
    """One route with all kinds of points and, now and then, its own transitions."""
    kinds = [*KINDS, *draw(st.lists(st.sampled_from(KINDS), max_size=3))]
    points = [
        {
            "point_id": f"P{index}",
            "kind": kind,
            "latitude": draw(_numbers(-9, -8)),
            "longitude": draw(_numbers(13, 14)),
            **draw(_maybe(zone_id=texts)),
        }
        for index, kind in enumerate(kinds)
    ]
    data: dict[str, Any] = {"route_id": route_id, "points": points}
    if draw(st.booleans()):
        share = draw(_numbers(0, 1))
        data["transitions"] = [
            {"from_kind": "BASE", "to_kind": "REFILL", "probability": 1},
            {"from_kind": "CLIENT", "to_kind": "CLIENT", "probability": share},
            {"from_kind": "CLIENT", "to_kind": "BASE", "probability": 1 - share},
        ]
    return data


@st.composite
def scenario_data(draw: st.DrawFn, archetypes: tuple[str, ...] = (*STATIONARY, *MOBILE)) -> dict[str, Any]:
    """Plain data of a valid scenario with one to four devices of the given archetypes."""
    ids = draw(st.lists(device_ids, min_size=1, max_size=4, unique=True))
    chosen = [draw(st.sampled_from(archetypes)) for _ in ids]
    needed = any(name in MOBILE for name in chosen)
    route_ids = draw(st.lists(texts, min_size=int(needed), max_size=2, unique=True))
    data: dict[str, Any] = {
        "scenario_id": draw(st.from_regex(r"[a-z][a-z0-9_.-]{0,8}", fullmatch=True)),
        "devices": [draw(device_data(i, name, route_ids)) for i, name in zip(ids, chosen, strict=True)],
        **draw(
            _maybe(
                seed=st.integers(-(2**63), 2**63 - 1),
                timezone=st.just("UTC"),
                speedup_factor=_numbers(0, 1e4, is_low_out=True),
                mqtt=_maybe(
                    host=st.just("broker.local"), port=st.integers(1, 65535), cert_path=texts, key_path=texts
                ),
                bootstrap=_maybe(
                    days=st.integers(1, 365), step_minutes=st.integers(1, 60), drain_analytics=st.booleans()
                ),
            )
        ),
    }
    if draw(st.integers(0, 3)) == 0:
        data |= draw(hardware_data(is_mobile=True))
    if route_ids:
        data["routes"] = [draw(route_data(route_id)) for route_id in route_ids]
    return data


def scenarios() -> st.SearchStrategy[Scenario]:
    """Scenarios of tanks, trucks, or both."""
    return scenario_data().map(Scenario.from_dict)


def stationary_scenarios() -> st.SearchStrategy[Scenario]:
    """Use instead of `scenarios` in order to exclude trucks."""
    return scenario_data(tuple(STATIONARY)).map(Scenario.from_dict)


def mobile_scenarios() -> st.SearchStrategy[Scenario]:
    """Use instead of `scenarios` in order to exclude tanks."""
    return scenario_data(tuple(MOBILE)).map(Scenario.from_dict)
