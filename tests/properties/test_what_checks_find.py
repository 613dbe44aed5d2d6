"""The promises of the checks: quiet on clean data, loud on every kind of fault."""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd
import pytest

import synthlab
from synthlab.quality.flags import Flag
from synthlab.scenario.faults import FAULT_KINDS
from synthlab.scenario.loader import template_names
from synthlab.scenario.resolve import resolve
from synthlab.scenario.schema import Scenario
from tests.scenarios_at_random import random_scenario

END_AT = "2026-02-12T10:00:00Z"
MAX_FLAGGED, MIN_RECALL, MIN_PRECISION = 0.001, 0.95, 0.9
# What lasts for weeks needs a window of months, or nobody knows what is usual.
LONG = {"BLOCKED_INLET": (60, ["2026-01-18T00:00:00Z"])}


def judged(scenario: Scenario) -> tuple[pd.DataFrame, synthlab.Findings]:
    frame = synthlab.backfill(scenario, end_at=END_AT).frame
    reservoirs = {one.device_id: one.reservoir for one in resolve(scenario)}
    return frame, synthlab.check(frame, reservoirs=reservoirs)


def assert_quiet(scenarios: list[Scenario]) -> None:
    row_count = flagged = 0
    for scenario in scenarios:
        frame, findings = judged(scenario)
        bad = findings.flags.isin((Flag.SUSPECT, Flag.FAIL)).any(axis=1)
        row_count, flagged = row_count + len(frame), flagged + int(bad.sum())
        assert findings.passed, (scenario.scenario_id, scenario.seed, findings.to_frame())
    assert flagged <= MAX_FLAGGED * row_count


def test_clean_data_of_some_scenarios_is_quiet() -> None:
    assert_quiet([random_scenario(seed, days=10) for seed in (1, 2, 3)])


@pytest.mark.long
def test_clean_data_of_a_hundred_scenarios_is_quiet() -> None:
    templates = [
        synthlab.load_scenario(name).with_changes(seed=seed)
        for name in template_names()
        for seed in range(1, 11)
    ]
    assert_quiet(templates + [random_scenario(seed) for seed in range(100 - len(templates))])


@cache
def scores(kind: str, seeds: int) -> pd.DataFrame:
    """Faults of one kind at its default size and length, in the city of the template."""
    found = []
    days, at = LONG.get(kind, (30, None))
    when: dict[str, Any] = {"rate_per_month": 2} if at is None else {"at": at}
    for seed in range(1, seeds + 1):
        clean = synthlab.load_scenario("demo_city_v1").with_changes(seed=seed, days=days)
        faults = [{"kind": kind, **when}]
        frame, findings = judged(Scenario.from_dict({**clean.to_dict(), "faults": faults}))
        found.append(synthlab.score(findings, frame).faults)
    return pd.concat(found)


@pytest.mark.parametrize("kind", ["SPIKES", "LEAK", "GAP", "OFFSET"])
def test_some_kinds_of_faults_are_found(kind: str) -> None:
    assert_found(scores(kind, 1))


@pytest.mark.long
@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_kind_of_fault_is_found(kind: str) -> None:
    assert_found(scores(kind, 12 if kind == "GPS_JUMP" else 4))


def assert_found(table: pd.DataFrame) -> None:
    total = table[["episodes", "found", "runs", "right"]].sum()
    assert total["episodes"] > 0
    assert total["found"] >= MIN_RECALL * total["episodes"]
    assert total["right"] >= MIN_PRECISION * total["runs"]
