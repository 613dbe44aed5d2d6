"""Faults of the water itself: what is lost on the way, and what does not arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthlab.columns import ML_PER_LITER
from synthlab.model.faults import episode_starts, overlap_seconds
from synthlab.model.storage import Thefts
from synthlab.randomness import stream_key
from synthlab.scenario.faults import FaultPlan
from synthlab.timeline import SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

WATER_KINDS = ("LEAK", "THEFT", "BLOCKED_INLET")
"""Kinds that act in the storage pass."""

_WORTH = 0.25
"""Share of what a thief wants that has to be there. Assumed: for less nobody unrolls a hose."""


@dataclass(frozen=True, slots=True)
class WaterFaults:
    """What faults do to the water of some devices, each (n_steps, n_devices) or None.

    Attributes
    ----------
    loss_ml : ndarray of float64 or None
        What would leak, whole. [milliliters]
    thefts : Thefts or None
        What would be taken, whole, and from how much on. [milliliters]
    open_share : ndarray of float64 or None
        Share of the supply that reaches the tank. [unitless]
    """

    loss_ml: F64 | None = None
    thefts: Thefts | None = None
    open_share: F64 | None = None

    def reached(self, device_count: int) -> npt.NDArray[np.bool_]:
        """Tell which devices anything happens to."""
        found = np.zeros(device_count, bool)
        for plan in (self.loss_ml, None if self.thefts is None else self.thefts.plan):
            found |= False if plan is None else plan.any(axis=0)
        return found | (False if self.open_share is None else (self.open_share < 1).any(axis=0))

    def reaching(self, inflow_ml: F64) -> F64:
        """Return the supply that reaches the tanks, whole. [milliliters]"""
        return inflow_ml if self.open_share is None else np.floor(inflow_ml * self.open_share)

    def added_to(self, loss_ml: F64) -> F64:
        """Return losses with those of the faults. [milliliters]"""
        return loss_ml if self.loss_ml is None else loss_ml + self.loss_ml


def water_faults(
    plans: Sequence[FaultPlan],
    device_ids: Sequence[str],
    mode: str,
    *,
    seed: int,
    seconds: I64,
    step_seconds: int,
    capacity_ml: F64,
) -> WaterFaults:
    """Draw the water faults of devices of one mode on one grid.

    Parameters
    ----------
    plans : sequence of FaultPlan
    device_ids : sequence of str
    mode : str
    seed : int
    seconds : ndarray of int64
        Beginnings of the steps. [seconds]
    step_seconds : int
        [seconds]
    capacity_ml : ndarray of float64, shape (n_devices,)
        [milliliters]
    """
    shape = (len(seconds), len(device_ids))
    made: dict[str, F64] = {}
    worth = np.zeros(len(device_ids))
    for plan in plans:
        if plan.kind not in WATER_KINDS or mode not in plan.modes:
            continue
        for place, device_id in enumerate(device_ids):
            if not plan.acts_on(device_id, mode):
                continue
            under_way = is_under_way(plan, device_id, seed=seed, seconds=seconds, step_seconds=step_seconds)
            if not under_way.any():
                continue
            done = made.setdefault(plan.kind, np.zeros(shape))
            if plan.kind == "BLOCKED_INLET":
                done[:, place] += under_way / step_seconds * plan.size[mode] / 100.0
                continue
            capacity = float(capacity_ml[place])
            done[:, place] += np.floor(under_way * _ml_per_second(plan, mode, capacity))
            if plan.kind == "THEFT":
                worth[place] = max(worth[place], worth_ml(plan, mode, capacity))
    shut, stolen = made.get("BLOCKED_INLET"), made.get("THEFT")
    return WaterFaults(
        made.get("LEAK"),
        None if stolen is None else Thefts(stolen, worth),
        None if shut is None else np.maximum(1.0 - shut, 0.0),
    )


def worth_ml(plan: FaultPlan, mode: str, capacity_ml: float) -> float:
    """Return the content from which a theft is worth it. [milliliters]"""
    return float(np.floor(_WORTH * plan.size[mode] / 100.0 * capacity_ml))


def _ml_per_second(plan: FaultPlan, mode: str, capacity_ml: float) -> float:
    if plan.kind == "LEAK":
        return plan.size[mode] * ML_PER_LITER / SECONDS_PER_HOUR
    return plan.size[mode] / 100.0 * capacity_ml / max(plan.duration_seconds, 1)


def is_under_way(plan: FaultPlan, device_id: str, *, seed: int, seconds: I64, step_seconds: int) -> F64:
    """Return how many seconds of each step lie in episodes of a plan. [seconds]"""
    _, starts = episodes_of(plan, device_id, seed=seed, seconds=seconds, step_seconds=step_seconds)
    return overlap_seconds(seconds, starts, duration_seconds=plan.duration_seconds, step_seconds=step_seconds)


def episodes_of(
    plan: FaultPlan, device_id: str, *, seed: int, seconds: I64, step_seconds: int
) -> tuple[np.uint64, I64]:
    """Return a plan's stream for a device, and the beginnings that can reach the steps.

    Parameters
    ----------
    plan : FaultPlan
    device_id : str
    seed : int
    seconds : ndarray of int64
        Beginnings of the steps, ascending, at least one. [seconds]
    step_seconds : int
        [seconds]
    """
    key = stream_key(seed, device_id, f"fault/{plan.kind}/{plan.ordinal}")
    starts = episode_starts(
        int(seconds[0]) - max(plan.duration_seconds, step_seconds),
        int(seconds[-1]) + step_seconds,
        key=key,
        rate_per_day=plan.rate_per_day,
        at_seconds=plan.at_seconds,
    )
    return key, starts
