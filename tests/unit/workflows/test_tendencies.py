from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

import synthlab
from synthlab.errors import UsageError
from synthlab.scenario.resolve import resolve

END_AT = pd.Timestamp("2026-02-12T10:00:00Z")


@pytest.fixture(scope="module")
def trucks() -> synthlab.Scenario:
    return synthlab.load_scenario("mobile_only_v1")


def test_by_seed_are_the_metrics_of_each_seeds_own_run(trucks: synthlab.Scenario) -> None:
    found = synthlab.tendencies(trucks, seeds=3, window="7d", end_at=END_AT)
    runs = synthlab.tendencies_by_seed(found).set_index(["seed", "device_id", "metric"])
    assert sorted(set(runs.index.get_level_values("seed"))) == [42, 43, 44]
    reservoirs = {device.device_id: device.reservoir for device in resolve(trucks)}
    for seed in (42, 43, 44):
        frame = synthlab.backfill(
            trucks.model_copy(update={"seed": seed}), start_at=END_AT - timedelta(days=7), end_at=END_AT
        ).frame
        metrics = synthlab.metrics(frame, reservoirs=reservoirs, window="7d")
        assert metrics["data_gap_hours"].max() == 0
        for device_id in metrics.index:
            row = runs.loc[(seed, device_id, "liters_per_km")]
            assert row["measured"] == metrics.loc[device_id, "liters_per_km"]
            assert row["truth"] == metrics.loc[device_id, "liters_per_km_truth"]
    efficient = runs.xs("E2E2024MOBE1", level="device_id").xs("liters_per_km", level="metric")
    row = found.loc[("liters_per_km", "mobile_high_efficiency")]
    assert row["mean"] == pytest.approx(efficient["measured"].mean())
    assert row["sd_truth"] == pytest.approx(np.std(efficient["truth"], ddof=1))


def test_the_same_call_gives_the_same_table(trucks: synthlab.Scenario) -> None:
    one = synthlab.tendencies(trucks, seeds=2, window="24h")
    other = synthlab.tendencies(trucks, seeds=2, window="24h")
    pd.testing.assert_frame_equal(one, other)
    assert one.attrs == other.attrs
    assert one.attrs["window"] == "24h"


def test_one_device_has_nothing_to_be_compared_with(trucks: synthlab.Scenario) -> None:
    found = synthlab.tendencies(trucks, seeds=2, window="24h", devices=["E2E2024MOBE1"])
    assert found.index.get_level_values("archetype").unique().tolist() == ["mobile_high_efficiency"]
    assert found["passed"].isna().all()
    assert (found["seeds_count"] == 2).all()


def test_rows_by_device_and_progress() -> None:
    seen: list[tuple[int, int]] = []
    found = synthlab.tendencies(
        synthlab.load_scenario("demo_city_v1"),
        seeds=2,
        window="24h",
        by="device",
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 2), (2, 2)]
    assert len(found.loc["runout_prob"]) == 4
    assert len(found.loc["liters_per_km"]) == 2


def test_reservoirs_of_the_platform_take_the_place_of_the_scenarios(trucks: synthlab.Scenario) -> None:
    reservoirs = pd.DataFrame([device.reservoir.to_dict() for device in resolve(trucks)])
    same = synthlab.tendencies(trucks, seeds=2, window="24h", reservoirs=reservoirs)
    pd.testing.assert_frame_equal(same, synthlab.tendencies(trucks, seeds=2, window="24h"))
    reservoirs["capacity_liters"] = 5_000.0
    other = synthlab.tendencies(trucks, seeds=2, window="24h", reservoirs=reservoirs)
    assert (other["mean"].loc["liters_per_km"] < same["mean"].loc["liters_per_km"]).all()


@pytest.mark.parametrize(
    "wrong",
    [{"seeds": 1}, {"by": "city"}, {"window": "31d"}, {"devices": ["NOBODY"]}, {"end_at": "2026-02-12"}],
)
def test_bad_calls_are_refused(trucks: synthlab.Scenario, wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        synthlab.tendencies(trucks, **({"seeds": 2, "window": "24h"} | wrong))
    assert caught.value.code == "BAD_ARGUMENT"


def test_a_table_made_from_it_has_no_single_runs(trucks: synthlab.Scenario) -> None:
    with pytest.raises(UsageError):
        synthlab.tendencies_by_seed(pd.DataFrame({"mean": [1.0]}))
