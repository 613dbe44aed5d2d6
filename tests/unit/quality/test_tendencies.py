"""The judge of tendencies against plain loops and numbers that are known beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from synthlab.quality.tendencies import Promises, judge, leaning, limit_of

PROMISES = {
    "rich": Promises({"runout_prob": "lower", "autonomy_days_est": "higher"}, "poor"),
    "poor": Promises({"runout_prob": "higher", "elasticity_near_empty": "below 0.7"}, "rich"),
}


def runs(metric: str, values: Mapping[tuple[str, str], Sequence[float]], truth: float = 0.0) -> pd.DataFrame:
    """Values by archetype and device, one a seed; the truth is `truth` more."""
    rows = [
        (seed, archetype, device, metric, value, value + truth)
        for (archetype, device), series in values.items()
        for seed, value in enumerate(series)
    ]
    return pd.DataFrame(rows, columns=["seed", "archetype", "device_id", "metric", "measured", "truth"])


def test_shares_are_those_of_a_plain_loop_over_pairs() -> None:
    rng = np.random.default_rng(3)
    rich, poor = rng.normal(0.4, 0.1, 20), rng.normal(0.5, 0.1, 20)
    found = judge(runs("runout_prob", {("rich", "R1"): rich, ("poor", "P1"): poor}), PROMISES)
    kept = 0
    for one, other in zip(rich, poor, strict=True):
        if one < other:
            kept += 1
    assert 0 < kept < 20
    assert found["share"].tolist() == [kept / 20, kept / 20]
    low, high = stats.t.interval(0.95, 19, loc=poor.mean(), scale=stats.sem(poor))
    row = found.loc[("runout_prob", "poor")]
    assert (row["low"], row["high"], row["mean"]) == pytest.approx((low, high, poor.mean()))
    assert (row["promise"], row["against"], row["seeds_count"]) == ("higher", "rich", 20)


def test_seeds_are_paired_however_the_rows_are_ordered() -> None:
    rows = runs("runout_prob", {("rich", "R1"): range(20), ("poor", "P1"): np.arange(20) + 0.5})
    shuffled = rows.sample(frac=1.0, random_state=1)
    found = judge(shuffled, PROMISES)
    assert found["share"].tolist() == [1.0, 1.0]
    # Each pair leans, yet the means are too close to tell the archetypes apart.
    assert found["is_apart"].tolist() == [False, False]
    assert found["passed"].tolist() == [False, False]
    pd.testing.assert_frame_equal(found, judge(rows, PROMISES))


@pytest.mark.parametrize(("misses", "passed"), [(0, True), (1, True), (2, False)])
def test_nineteen_of_twenty_are_enough(misses: int, passed: bool) -> None:
    rich = [0.0] * 20
    poor = [0.0] * misses + [0.5] * (20 - misses)
    found = judge(runs("runout_prob", {("rich", "R1"): rich, ("poor", "P1"): poor}), PROMISES)
    assert found["is_apart"].all()
    assert found["passed"].tolist() == [passed, passed]
    assert found["share"].tolist() == [1 - misses / 20] * 2


def test_equal_and_unknown_values_do_not_lean() -> None:
    own, other = np.array([1.0, 1.0, np.nan, 2.0]), np.array([1.0, 2.0, 2.0, np.nan])
    for promise, expected in (("lower", [0, 1, 0, 0]), ("higher", [0, 0, 0, 0])):
        assert leaning(promise, own, other).tolist() == [bool(value) for value in expected]
    assert leaning("below 1.5", own, other).tolist() == [True, True, False, False]
    assert leaning("above 1.5", own, other).tolist() == [False, False, False, True]
    with pytest.raises(ValueError):
        leaning("sideways", own, other)


def test_limits_need_no_contrast() -> None:
    assert limit_of("below 0.7") == 0.7
    assert limit_of("lower") is None
    values = [0.5] * 19 + [0.9]
    row = judge(runs("elasticity_near_empty", {("poor", "P1"): values}), PROMISES).iloc[0]
    assert (row["share"], row["is_apart"], row["passed"]) == (0.95, True, True)
    assert row["against"] is None
    wide = judge(runs("elasticity_near_empty", {("poor", "P1"): [0.1, 1.2] * 10}), PROMISES).iloc[0]
    assert (wide["share"], wide["is_apart"], wide["passed"]) == (0.5, False, False)


def test_what_cannot_be_compared_is_null_and_does_not_pass() -> None:
    alone = judge(runs("runout_prob", {("rich", "R1"): [0.1, 0.2]}), PROMISES).iloc[0]
    assert np.isnan(alone["share"])
    assert alone["passed"] is pd.NA
    both = runs("elasticity_near_empty", {("rich", "R1"): [np.nan] * 3, ("poor", "P1"): [0.1, 0.2, 0.3]})
    silent = judge(both, PROMISES).loc[("elasticity_near_empty", "rich")]
    assert silent["promise"] is None
    assert silent["passed"] is pd.NA
    assert silent["seeds_count"] == 0
    unknown = judge(runs("runout_prob", {("rich", "R1"): [np.nan] * 3, ("poor", "P1"): [0.5] * 3}), PROMISES)
    assert unknown["passed"].tolist() == [False, False]


def test_devices_of_an_archetype_are_averaged_in_each_run() -> None:
    rows = runs(
        "autonomy_days_est",
        {("rich", "R1"): [1.0, 3.0], ("rich", "R2"): [3.0, 5.0], ("poor", "P1"): [2.5, 2.5]},
    )
    found = judge(rows, PROMISES)
    assert found.loc[("autonomy_days_est", "rich"), "mean"] == 3.0
    assert found.loc[("autonomy_days_est", "rich"), "share"] == 0.5
    by_device = judge(rows, PROMISES, by="device")
    assert by_device.loc[("autonomy_days_est", "rich", "R1"), "share"] == 0.5
    assert by_device.loc[("autonomy_days_est", "rich", "R2"), "share"] == 1.0
    assert by_device.index.names == ["metric", "archetype", "device_id"]


def test_truth_is_judged_by_itself() -> None:
    rows = runs("runout_prob", {("rich", "R1"): [0.1] * 4, ("poor", "P1"): [0.2] * 4})
    rows.loc[rows["archetype"] == "poor", "truth"] = 0.05
    found = judge(rows, PROMISES)
    assert found["passed"].tolist() == [True, True]
    assert found["passed_truth"].tolist() == [False, False]
    assert found["share_truth"].tolist() == [0.0, 0.0]
    assert found["mean_truth"].tolist() == pytest.approx([0.1, 0.05])


def test_rows_stand_in_the_order_of_the_promises() -> None:
    both = {("rich", "R1"): [1.0, 2.0], ("poor", "P1"): [3.0, 4.0]}
    rows = pd.concat([runs("autonomy_days_est", both), runs("runout_prob", both)])
    assert judge(rows, PROMISES).index.to_list() == [
        ("runout_prob", "rich"),
        ("runout_prob", "poor"),
        ("autonomy_days_est", "rich"),
        ("autonomy_days_est", "poor"),
    ]
