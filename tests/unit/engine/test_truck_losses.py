"""Transit losses: true ones whatever the step, and what the platform's metric can see of them."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd
import pytest

from synthlab.quality.metrics import metrics_from_frame
from tests.fleets import run, truck

FRACTIONS = (0.05, 0.2, 0.4)
STEPS = (300, 1_800)


@pytest.fixture(scope="module")
def found() -> pd.DataFrame:
    """True and measured liters of a week of two trucks, by step and loss fraction."""
    rows = []
    for step in STEPS:
        for fraction in FRACTIONS:
            devices = [
                truck(f"T{i}", "mobile_fragmented_high_loss", step_seconds=step, loss_fraction=fraction)
                for i in range(2)
            ]
            frame = run(devices, days=7).frame
            reservoirs = pd.DataFrame([asdict(device.reservoir) for device in devices])
            measured = metrics_from_frame(frame, reservoirs=reservoirs, window="7d", by="device")
            truth = frame[["lost_liters", "delivered_liters", "loaded_liters"]].sum()
            seen = measured[["mobile_nrw_liters", "delivered_liters"]].sum().add_prefix("measured_")
            rows.append({"step": step, "fraction": fraction, **truth, **seen})
    return pd.DataFrame(rows).set_index(["step", "fraction"]).astype(float)


def test_what_is_lost_does_not_depend_on_the_step(found: pd.DataFrame) -> None:
    fine, coarse = (found.loc[step] for step in STEPS)
    for name in ("lost_liters", "delivered_liters", "loaded_liters"):
        assert coarse[name].to_numpy() == pytest.approx(fine[name].to_numpy(), rel=0.02), name


def test_more_is_lost_where_more_leaks(found: pd.DataFrame) -> None:
    for step in STEPS:
        lost = found.loc[step]["lost_liters"].to_numpy()
        assert lost[1] > 2 * lost[0]
        assert lost[2] > 2 * lost[1]


def test_the_metric_follows_losses_only_where_messages_show_the_stops(found: pd.DataFrame) -> None:
    """A stop between two messages is not seen: then water delivered counts as lost, whatever leaks."""
    fine, coarse = (found.loc[step] for step in STEPS)
    measured = fine["measured_mobile_nrw_liters"].to_numpy()
    assert (measured[1:] > 1.3 * measured[:-1]).all()
    assert (fine["measured_delivered_liters"] > 0.9 * fine["delivered_liters"]).all()
    assert (coarse["measured_delivered_liters"] < 0.1 * coarse["delivered_liters"]).all()
