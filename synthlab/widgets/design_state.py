"""What the design view computes: plain data and functions, no widget in sight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from synthlab.errors import Problem, UsageError, show_value
from synthlab.results import Result
from synthlab.scenario.resolve import DeviceParameters, resolve
from synthlab.timeline import days_before, parse_at
from synthlab.workflows.backfill import backfill

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from synthlab.scenario.schema import Device, Scenario

END_AT = "2026-02-16T00:00:00Z"
"""End of the window where none is given. Assumed: a fixed week, Monday to Sunday, so that a scenario
looks the same today and tomorrow; every statistic of a scenario is the same in any week."""
DAYS = 7
"""Longest window where none is given. Assumed: a week shows every weekday and follows the hand. [days]"""

TANK_METRICS = ("runout_prob", "autonomy_days_est", "supply_fragmentation_index")
"""Source: simulator guide, section 9: the tendencies of stationary archetypes."""
TRUCK_METRICS = ("liters_per_km", "mobile_nrw_liters", "deliveries_count")
"""Source: simulator guide, section 9: the tendencies of trucks, and what they did."""


@dataclass(frozen=True, repr=False)
class Outcome(Result):
    """What a device does under one version of its scenario.

    Attributes
    ----------
    device : DeviceParameters
        Every default filled in.
    frame : DataFrame
        Telemetry of this device.
    kpis : Series
        Tanks: ``asked_liters_per_day``, ``served_liters_per_day`` and `TANK_METRICS`.
        Trucks: ``delivered_liters_per_day`` and `TRUCK_METRICS`.
    """

    device: DeviceParameters
    frame: pd.DataFrame
    kpis: pd.Series

    @cached_property
    def level_pct(self) -> npt.NDArray[np.float64]:
        """True level of each row. [%]"""
        return self.frame["level_pct"].to_numpy(np.float64)

    @cached_property
    def start_second(self) -> int:
        """Unix time of the first row. [s]"""
        return int(self.frame["received_at"].iloc[0].timestamp())

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {value:.3g}" for name, value in self.kpis.items())
        return f"Outcome({self.device.device_id}: {shown})"


class Design:
    """A scenario that is changed device by device, and what each version does.

    Only a device whose parameters changed is simulated again.

    Parameters
    ----------
    scenario : Scenario
        Not changed.
    end_at : datetime or str, optional
        End of the window, aware UTC; `END_AT` where omitted.
    days : int, optional
        Its length; the scenario's, at most `DAYS`, where omitted. [days]

    Attributes
    ----------
    original, scenario : Scenario
        As it was opened, and as it stands.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a bad time.
    """

    def __init__(
        self, scenario: Scenario, *, end_at: datetime | str | None = None, days: int | None = None
    ) -> None:
        self.end_at = parse_at(END_AT if end_at is None else end_at)
        self.days = min(DAYS, scenario.bootstrap.days) if days is None else days
        self.original = self.scenario = scenario
        self._before: dict[str, Outcome] = {}
        self._now: dict[str, Outcome] = {}

    def change(self, device_id: str, changes: Mapping[str, Any]) -> None:
        """Change fields, curves or parameters of a device; see `Scenario.with_device`.

        Raises
        ------
        ScenarioError
            What a scenario may not have; nothing is changed then.
        """
        changed = only(self.scenario, device_id).with_device(device_id, **changes).devices[0]
        self._put(changed)

    def reset(self, device_id: str | None = None) -> None:
        """Go back to the original: one device, or all."""
        if device_id is None:
            self.scenario = self.original
        else:
            self._put(self.original.device(device_id))

    def before(self, device_id: str) -> Outcome:
        """Return what a device did as the scenario was opened."""
        if device_id not in self._before:
            self._before[device_id] = self._simulate(self.original, device_id)
        return self._before[device_id]

    def now(self, device_id: str) -> Outcome:
        """Return what a device does; simulated only where it changed."""
        device = parameters_of(self.scenario, device_id)
        for known in (self._now.get(device_id), self.before(device_id)):
            if known is not None and known.device == device:
                self._now[device_id] = known
                return known
        self._now[device_id] = self._simulate(self.scenario, device_id)
        return self._now[device_id]

    def kpis(self, device_id: str) -> pd.DataFrame:
        """Set the key numbers of a device before and now side by side."""
        import pandas as pd

        return pd.DataFrame({"before": self.before(device_id).kpis, "now": self.now(device_id).kpis})

    def is_changed(self, device_id: str) -> bool:
        """Tell whether a device is another than it was."""
        return self.scenario.device(device_id) != self.original.device(device_id)

    def _put(self, device: Device) -> None:
        devices = [device if old.device_id == device.device_id else old for old in self.scenario.devices]
        self.scenario = self.scenario.model_copy(update={"devices": tuple(devices)})

    def _simulate(self, scenario: Scenario, device_id: str) -> Outcome:
        alone = only(scenario, device_id)
        start_at = days_before(self.end_at, self.days)
        frame = backfill(alone, start_at=start_at, end_at=self.end_at).frame
        (device,) = resolve(alone)
        return Outcome(device, frame, _kpis(device, frame, self.days))


def only(scenario: Scenario, device_id: str) -> Scenario:
    """Return a scenario of one device; no other changes what it does."""
    device = scenario.device(device_id)
    routes = tuple(route for route in scenario.routes if route.route_id == device.route_id)
    return scenario.model_copy(update={"devices": (device,), "routes": routes})


def parameters_of(scenario: Scenario, device_id: str) -> DeviceParameters:
    """Return one device with every default filled in."""
    return resolve(only(scenario, device_id))[0]


def first_device(scenario: Scenario, device_id: str | None) -> str:
    """Return the device to begin with: the named one, else the first tank, else the first truck.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: the scenario has no such device.
    """
    known = [device.device_id for device in scenario.devices]
    if device_id is None:
        tanks = [device.device_id for device in scenario.devices if device.mode == "STATIONARY"]
        return (tanks or known)[0]
    if device_id.upper() not in known:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "is no device of the scenario",
                path="device_id",
                value=show_value(device_id),
                remedy=f"It has {', '.join(known[:10])}",
            )
        )
    return device_id.upper()


def _kpis(device: DeviceParameters, frame: pd.DataFrame, days: int) -> pd.Series:
    import pandas as pd

    from synthlab.quality.metrics import measured_metrics

    _, judged = measured_metrics(frame, reservoirs={device.device_id: device.reservoir})
    if device.mode == "MOBILE":
        amounts = {"delivered_liters_per_day": "delivered_liters"}
        names = TRUCK_METRICS
    else:
        amounts = {
            "asked_liters_per_day": "requested_liters",
            "served_liters_per_day": "served_liters",
        }
        names = TANK_METRICS
    values = {name: float(frame[column].sum()) / days for name, column in amounts.items()}
    values |= {name: float(judged.values[name][0]) for name in names}
    return pd.Series(values, dtype="float64", name=device.device_id)
