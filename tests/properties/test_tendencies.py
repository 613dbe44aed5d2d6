"""The archetypes keep their promises: 20 seeds of 30 days, from the templates' own seed on."""

from __future__ import annotations

from functools import cache

import pandas as pd
import pytest

import synthlab

SEEDS = 20
PAIRS = {
    "stationary_only_v1": ("stationary_archetype_a", "stationary_archetype_c"),
    "mobile_only_v1": ("mobile_high_efficiency", "mobile_fragmented_high_loss"),
}
# Metric, and what it is in the first archetype of the pair, against the second.
# Source: guide, section 9, and platform contract, section 4.
PROMISED = [
    ("stationary_only_v1", "runout_prob", "lower"),
    ("stationary_only_v1", "autonomy_days_est", "higher"),
    ("stationary_only_v1", "supply_fragmentation_index", "lower"),
    ("mobile_only_v1", "liters_per_km", "higher"),
    ("mobile_only_v1", "mobile_nrw_liters", "lower"),
]


@cache
def found(template: str) -> pd.DataFrame:
    return synthlab.tendencies(synthlab.load_scenario(template), seeds=SEEDS, window="30d")


@pytest.mark.parametrize("basis", ["measured", "truth"])
@pytest.mark.parametrize(("template", "metric", "direction"), PROMISED)
def test_leans_as_promised_in_19_of_20_seeds(template: str, metric: str, direction: str, basis: str) -> None:
    runs = synthlab.tendencies_by_seed(found(template))
    values = runs[runs["metric"] == metric].pivot(index="seed", columns="archetype", values=basis)
    assert len(values) == SEEDS
    first, second = (values[name] for name in PAIRS[template])
    leans = (first < second) if direction == "lower" else (first > second)
    assert leans.sum() >= 19


@pytest.mark.parametrize("suffix", ["", "_truth"])
@pytest.mark.parametrize(("template", "metric", "direction"), PROMISED)
def test_intervals_are_apart(template: str, metric: str, direction: str, suffix: str) -> None:
    first, second = (found(template).loc[(metric, name)] for name in PAIRS[template])
    upper, lower = (second, first) if direction == "lower" else (first, second)
    assert upper[f"low{suffix}"] > lower[f"high{suffix}"]


@pytest.mark.parametrize("suffix", ["", "_truth"])
def test_fragmented_supply_makes_people_save_near_empty(suffix: str) -> None:
    row = found("stationary_only_v1").loc[("elasticity_near_empty", "stationary_archetype_c")]
    assert row[f"seeds_count{suffix}"] == SEEDS
    assert row[f"high{suffix}"] < 0.7
    assert row[f"share{suffix}"] >= 0.95


@pytest.mark.parametrize("template", ["mobile_only_v1", "stationary_only_v1"])
def test_the_report_says_the_same(template: str) -> None:
    promises = found(template).dropna(subset=["passed"])
    assert promises["passed"].all()
    assert promises["passed_truth"].all()
