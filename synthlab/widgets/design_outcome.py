"""What the design view computes: plain functions, no widget in sight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from synthlab.errors import Problem, UsageError, show_value
from synthlab.results import Result

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.scenario.resolve import DeviceParameters
    from synthlab.scenario.schema import Scenario

KPI_METRICS = ("runout_prob", "autonomy_days_est", "supply_fragmentation_index")
"""Source: simulator guide, section 9: the tendencies of stationary archetypes."""


@dataclass(frozen=True, repr=False)
class DesignOutcome(Result):
    """What a tank does under one version of its scenario.

    Attributes
    ----------
    device_id : str
    scenario : Scenario
    frame : DataFrame
        Telemetry of this device.
    kpis : Series
        ``asked_liters_per_day``, ``served_liters_per_day``, ``unserved_fraction`` and
        the metrics of `KPI_METRICS`.
    """

    device_id: str
    scenario: Scenario
    frame: pd.DataFrame
    kpis: pd.Series

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {value:.3g}" for name, value in self.kpis.items())
        return f"DesignOutcome({self.device_id}: {shown})"


def redesign(
    scenario: Scenario, device_id: str, *, hourly_weights: Sequence[float], target_daily_liters: float
) -> Scenario:
    """Return the scenario with another demand curve for one device.

    Parameters
    ----------
    scenario : Scenario
        Not changed.
    device_id : str
        A stationary device of it.
    hourly_weights : sequence of float
        24, for the hours 0..23 UTC; only their ratios count.
    target_daily_liters : float
        [liters]

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: an unknown device, or a truck.
    ScenarioError
        A curve that a scenario may not have.
    """
    demand_of(scenario, device_id)
    return scenario.with_device(
        device_id,
        hourly_weights=[float(weight) for weight in hourly_weights],
        target_daily_liters=float(target_daily_liters),
    )


def simulate_design(
    scenario: Scenario, device_id: str, *, end_at: datetime | str, days: int | None = None
) -> DesignOutcome:
    """Simulate one device and judge what it did.  Reads only.

    Parameters
    ----------
    scenario : Scenario
    device_id : str
    end_at : datetime or str
        End of the window, aware UTC.
    days : int, optional
        Length of the window; the scenario's where omitted. [days]
    """
    import pandas as pd

    from synthlab.timeline import days_before, parse_at
    from synthlab.workflows.backfill import backfill
    from synthlab.workflows.metrics import metrics

    end = parse_at(end_at)
    days = scenario.bootstrap.days if days is None else days
    frame = backfill(scenario, start_at=days_before(end, days), end_at=end, devices=[device_id]).frame
    asked, served = (float(frame[name].sum()) for name in ("requested_liters", "served_liters"))
    judged = metrics(frame).loc[device_id]
    kpis = {
        "asked_liters_per_day": asked / days,
        "served_liters_per_day": served / days,
        "unserved_fraction": 1 - served / asked if asked else 0.0,
        **{name: judged[name] for name in KPI_METRICS},
    }
    return DesignOutcome(device_id, scenario, frame, pd.Series(kpis, dtype="float64", name=device_id))


def kpi_table(before: DesignOutcome, after: DesignOutcome) -> pd.DataFrame:
    """Set the key numbers of two versions side by side."""
    import pandas as pd

    return pd.DataFrame({"before": before.kpis, "now": after.kpis})


def demand_of(scenario: Scenario, device_id: str) -> tuple[tuple[float, ...], float]:
    """Return a device's hourly weights and daily target, defaults filled in.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: an unknown device, or a truck.
    """
    device = _stationary(scenario, device_id)
    assert device.demand is not None  # every stationary device has one once resolved
    return tuple(device.demand.hourly_weights), float(device.demand.target_daily_liters)


def _stationary(scenario: Scenario, device_id: str) -> DeviceParameters:
    from synthlab.scenario.resolve import resolve

    tanks = {device.device_id: device for device in resolve(scenario) if device.mode == "STATIONARY"}
    if device_id not in tanks:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "is no stationary device of the scenario",
                path="device_id",
                value=show_value(device_id),
                remedy=f"It has {', '.join(sorted(tanks)) or 'none'}",
            )
        )
    return tanks[device_id]
