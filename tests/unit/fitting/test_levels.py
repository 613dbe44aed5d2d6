"""What a level series tells where a sensor's blind zone hides the top of the tank."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import synthlab
from synthlab.errors import UsageError
from tests.households import WEIGHTS, homes

DAYS, HOMES, CAPACITY_LITERS = 30, 8, 5_000.0


def _levels(blind_zone_mm: float) -> pd.DataFrame:
    """Tanks of 1,800 mm below a sensor that sits 500 mm above the highest level."""
    overrides = {"demand_profile_spread": 0.0, "blind_zone_mm": blind_zone_mm}
    return homes([900.0] * HOMES, step_minutes=5, overrides=overrides, capacity_liters=CAPACITY_LITERS)


def _fit(rows: pd.DataFrame) -> synthlab.DemandFit:
    return synthlab.fit_demand(
        rows[["device_id", "received_at", "measured_level_pct"]], capacity_liters=CAPACITY_LITERS
    )


@pytest.mark.long
@pytest.mark.parametrize(("blind_zone_mm", "hidden", "error"), [(550.0, 0.2, 0.05), (800.0, 0.8, 0.2)])
def test_what_is_drawn_below_a_blind_zone_tells_the_rest(
    blind_zone_mm: float, hidden: float, error: float
) -> None:
    frame = _levels(blind_zone_mm)
    assert (frame["level_pct"] > frame["measured_level_pct"].max()).mean() > hidden
    errors, shapes = [], []
    for _, rows in frame.groupby("device_id", observed=True):
        fit = _fit(rows)
        errors.append(abs(fit.target_daily_liters * DAYS / rows["requested_liters"].sum() - 1.0))
        shapes.append(np.corrcoef(fit.hourly_weights, WEIGHTS)[0, 1])
        assert any("edge of the sensor's blind zone" in warning for warning in fit.warnings)
    # The water of times at which the tank shows no change was not "not drawn": that gave 8 % of it.
    assert np.median(errors) <= error
    assert np.median(shapes) >= 0.95


def test_a_tank_that_is_hidden_all_the_time_is_refused() -> None:
    frame = _levels(1_000.0)
    with pytest.raises(UsageError) as raised:
        _fit(frame[frame["device_id"] == "H007"])
    assert raised.value.code == "BAD_ARGUMENT"


@pytest.mark.long
def test_a_tank_in_sight_has_no_word_on_blind_zones() -> None:
    frame = _levels(250.0)
    assert frame["measured_level_pct"].max() == 100.0
    assert "blind zone" not in " ".join(_fit(frame).warnings)
