"""The network: which messages never arrive."""

from __future__ import annotations

import numpy as np
import pytest

from synthlab.model.events import Grid
from synthlab.model.network import lost_messages
from synthlab.randomness import stream_keys
from synthlab.scenario.hardware_parameters import MODELS
from tests.fleets import END_SECOND, HOUR

COUNT = 60


def lost(grid: Grid, *, miss: float = 0.0, outages: float = 0.0, hours: float = 5.3) -> np.ndarray | None:
    names = [f"N{i}" for i in range(COUNT)]
    return lost_messages(
        grid,
        miss_keys=stream_keys(3, names, "miss"),
        outage_keys=stream_keys(3, names, "outage"),
        loss_prob=np.full(COUNT, miss),
        outages_per_day=np.full(COUNT, outages),
        outage_seconds=np.full(COUNT, hours * HOUR),
    )


def gaps(is_lost: np.ndarray) -> np.ndarray:
    """Steps between two messages that arrive, of all devices."""
    found = [np.diff(np.flatnonzero(~column)) for column in is_lost.T]
    return np.concatenate(found)


def test_an_ideal_network_is_nothing_at_all() -> None:
    assert lost(Grid(END_SECOND, 300, 100)) is None


def test_single_misses_have_their_probability() -> None:
    found = lost(Grid(END_SECOND, 300, 8_640), miss=0.02)
    assert found is not None
    assert found.mean() == pytest.approx(0.02, abs=4.5 * (0.02 * 0.98 / found.size) ** 0.5)


def test_hourly_reporting_has_the_gaps_of_measured_gauges() -> None:
    """Domain facts: 1..2 % single misses, outages of 6..8 h at P99.9."""
    typical = MODELS["network"]["typical"]
    found = lost(
        Grid(END_SECOND // HOUR * HOUR, HOUR, 24 * 365),
        miss=float(typical["message_loss_prob"]),
        outages=float(typical["outages_per_day"]),
        hours=float(typical["outage_hours"]),
    )
    assert found is not None
    hours = gaps(found)
    assert 0.01 <= (hours == 2).mean() <= 0.02
    assert 6 <= np.quantile(hours, 0.999) <= 9
    assert np.quantile(hours, 0.5) == 1
    assert hours.max() <= 50


@pytest.mark.parametrize("shift", [1, 13, 500])
def test_a_loss_does_not_know_where_the_window_starts(shift: int) -> None:
    whole = lost(Grid(END_SECOND, 300, 2_000), miss=0.1, outages=3.0)
    part = lost(Grid(END_SECOND + shift * 300, 300, 2_000 - shift), miss=0.1, outages=3.0)
    assert whole is not None
    assert part is not None
    assert (whole[shift:] == part).all()
