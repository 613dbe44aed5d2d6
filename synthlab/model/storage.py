"""The content of reservoirs over time: the only sequential pass of the engine.

Volumes are whole milliliters held in float64, so that sums are exact; every
operation is one IEEE operation, so the vector form and the scalar form give the
same bytes, and `tests/properties` holds them together.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]

SCALAR_DEVICE_LIMIT = 24
"""Below this many devices a loop over Python floats beats numpy's call overhead.
Source: measured, see benchmarks."""
_FIRST_RUN_STEPS = 32
"""Steps that a saving household is followed one by one, at first. Assumed: about the cost of a try."""


@dataclass(frozen=True, slots=True)
class TankFlows:
    """Content and flows of tanks, each (n_steps, n_devices). [milliliters]

    ``lost`` is None where nothing is planned to be lost.
    """

    volume: F64
    served: F64
    overflow: F64
    lost: F64 | None = None


@dataclass(frozen=True, slots=True)
class TruckFlows:
    """Content and flows of trucks, each (n_steps, n_devices). [milliliters]"""

    volume: F64
    loaded: F64
    delivered: F64
    lost: F64


@dataclass(frozen=True, slots=True)
class Thefts:
    """What thieves want, and how little they leave alone. [milliliters]

    Attributes
    ----------
    plan : ndarray of float64, shape (n_steps, n_devices)
        What they would take in each step, as far as it is there.
    worth : ndarray of float64, shape (n_devices,)
        From less than this nobody takes anything.
    """

    plan: F64
    worth: F64

    def wanted(self, step: int, content: F64) -> F64:
        """Return what would be taken in a step from contents; more than is there, perhaps."""
        return np.where(content >= self.worth, self.plan[step], 0.0)


def tank_steps(
    *,
    volume: F64,
    capacity: F64,
    requested: F64,
    inflow: F64,
    threshold_fraction: F64,
    min_demand_fraction: F64,
    loss_plan: F64 | None = None,
    thefts: Thefts | None = None,
) -> TankFlows:
    r"""Fill and draw tanks step by step.

    Parameters
    ----------
    volume : ndarray of float64, shape (n_devices,)
        Content before the first step. [milliliters]
    capacity : ndarray of float64, shape (n_devices,)
        [milliliters]
    requested, inflow : ndarray of float64, shape (n_steps, n_devices)
        [milliliters]
    threshold_fraction : ndarray of float64, shape (n_devices,)
        Content / capacity below which people save. [unitless]
    min_demand_fraction : ndarray of float64, shape (n_devices,)
        Share of the demand still drawn from an empty tank. [unitless]
    loss_plan : ndarray of float64, shape (n_steps, n_devices), optional
        What leaks, as far as it is there. [milliliters]
    thefts : Thefts, optional

    Returns
    -------
    TankFlows

    Notes
    -----
    With content S, demand D, inflow I, planned loss L (and theft, where it is worth it) and
    capacity C:

    .. math::
        f &= \min(1,\; f_{min} + (1 - f_{min}) S / (\theta C)) \\
        served &= \min(\lfloor D f \rfloor,\; S + I) \\
        lost &= \min(L,\; S + I - served) \\
        S' &= \min(S + I - served - lost,\; C)

    and what exceeds C is overflow. Source: platform contract, Physics; the
    suppression f is Assumed linear.
    """
    slope, base = suppression_line(capacity, threshold_fraction, min_demand_fraction)
    if loss_plan is not None or thefts is not None:
        return _tank_losing(volume, capacity, requested, inflow, slope, base, loss_plan, thefts)
    kernel = _tank_scalar if volume.size < SCALAR_DEVICE_LIMIT else _tank_vector
    return kernel(volume, capacity, requested, inflow, slope, base)


def suppression_line(capacity: F64, threshold_fraction: F64, min_demand_fraction: F64) -> tuple[F64, F64]:
    """Slope and value at empty of the saving line; no saving where the threshold is below 1 mL."""
    threshold = capacity * threshold_fraction
    # Below a milliliter there is nothing to save, and the slope could overflow.
    saves = threshold >= 1.0
    slope = np.where(saves, (1.0 - min_demand_fraction) / np.where(saves, threshold, 1.0), 0.0)
    return slope, np.where(saves, min_demand_fraction, 1.0)


def _tank_losing(
    volume: F64,
    capacity: F64,
    requested: F64,
    inflow: F64,
    slope: F64,
    base: F64,
    loss_plan: F64 | None,
    thefts: Thefts | None,
) -> TankFlows:
    content = volume.copy()
    leaks = np.zeros_like(requested) if loss_plan is None else loss_plan
    volumes, served, overflow, lost = (np.empty_like(requested) for _ in range(4))
    for step in range(len(requested)):
        share = np.minimum(content * slope + base, 1.0)
        content += inflow[step]
        np.minimum(np.floor(requested[step] * share), content, out=served[step])
        content -= served[step]
        wanted = leaks[step] if thefts is None else leaks[step] + thefts.wanted(step, content)
        np.minimum(wanted, content, out=lost[step])
        content -= lost[step]
        np.maximum(content - capacity, 0.0, out=overflow[step])
        content -= overflow[step]
        volumes[step] = content
    return TankFlows(volumes, served, overflow, lost)


def _tank_vector(volume: F64, capacity: F64, requested: F64, inflow: F64, slope: F64, base: F64) -> TankFlows:
    content = volume.copy()
    volumes, served, overflow = (np.empty_like(requested) for _ in range(3))
    share = np.empty_like(content)
    for step in range(len(requested)):
        np.multiply(content, slope, out=share)
        share += base
        np.minimum(share, 1.0, out=share)
        drawn, spilled = served[step], overflow[step]
        np.multiply(requested[step], share, out=drawn)
        np.floor(drawn, out=drawn)
        content += inflow[step]
        np.minimum(drawn, content, out=drawn)
        content -= drawn
        np.subtract(content, capacity, out=spilled)
        np.maximum(spilled, 0.0, out=spilled)
        np.subtract(content, spilled, out=content)
        volumes[step] = content
    return TankFlows(volumes, served, overflow)


def _tank_scalar(volume: F64, capacity: F64, requested: F64, inflow: F64, slope: F64, base: F64) -> TankFlows:
    """Device by device: in one go while nobody saves, and step by step where somebody does."""
    volumes, served, overflow = (np.empty_like(requested) for _ in range(3))
    for device in range(volume.size):
        tank = _Tank(
            np.floor(requested[:, device]),
            inflow[:, device],
            float(capacity[device]),
            float(slope[device]),
            float(base[device]),
            volumes[:, device],
            served[:, device],
            overflow[:, device],
        )
        step, content, run = 0, float(volume[device]), _FIRST_RUN_STEPS
        while step < len(requested):
            step, content = tank.go_on_freely(step, content)
            if step < len(requested):
                wishes = requested[step : step + run, device].tolist()
                step, content = tank.go_on_saving(step, content, wishes)
                # Who saves often is not worth many tries.
                run *= 2
    return TankFlows(volumes, served, overflow)


class _Tank(NamedTuple):
    """One tank's wishes, in whole milliliters, and supply, and the columns that are written."""

    whole_wish: F64
    inflow: F64
    capacity: float
    slope: float
    base: float
    volume: F64
    served: F64
    overflow: F64

    def go_on_freely(self, first: int, content: float) -> tuple[int, float]:
        r"""Go on to the first step with less served than wished for; return it and the content.

        Notes
        -----
        While all wishes are served, with net flow n and its sums :math:`X_t`, the content
        below the capacity C is a reflected walk:

        .. math:: S_t = X_t + \min(S_0, \min_{s \le t} (C - X_s))

        Whole milliliters, so all of it is exact and the same as step by step.
        """
        wish, supply = self.whole_wish[first:], self.inflow[first:]
        net = np.cumsum(supply - wish)
        after = self.capacity - net
        np.minimum.accumulate(after, out=after)
        np.minimum(after, content, out=after)
        after += net
        before = np.empty_like(after)
        before[0], before[1:] = content, after[:-1]
        is_less = before * self.slope + self.base < 1.0
        is_less &= wish > 0
        before += supply
        is_less |= before < wish
        count = int(np.argmax(is_less))
        if not is_less[count]:
            count = len(wish)
        done = slice(first, first + count)
        self.volume[done], self.served[done] = after[:count], wish[:count]
        before -= wish
        np.subtract(before[:count], after[:count], out=self.overflow[done])
        return first + count, float(after[count - 1]) if count else content

    def go_on_saving(self, first: int, content: float, wishes: list[float]) -> tuple[int, float]:
        """Go on step by step through some wishes; return the step and the content after them."""
        limit, rise, at_empty = self.capacity, self.slope, self.base
        contents, draws, spills = [], [], []
        for wish, supply in zip(wishes, self.inflow[first : first + len(wishes)].tolist(), strict=True):
            share = content * rise + at_empty
            drawn = float(floor(wish * share)) if share < 1.0 else float(floor(wish))
            content += supply
            drawn = min(drawn, content)
            content -= drawn
            spilled = content - limit if content > limit else 0.0
            content -= spilled
            contents.append(content)
            draws.append(drawn)
            spills.append(spilled)
        done = slice(first, first + len(wishes))
        self.volume[done], self.served[done], self.overflow[done] = contents, draws, spills
        return done.stop, content


def truck_steps(
    *,
    volume: F64,
    capacity: F64,
    load_plan: F64,
    delivery_plan: F64,
    loss_plan: F64,
    thefts: Thefts | None = None,
) -> TruckFlows:
    """Load, deliver and lose water step by step, as far as there is room or water.

    Parameters
    ----------
    volume, capacity : ndarray of float64, shape (n_devices,)
        [milliliters]
    load_plan, delivery_plan, loss_plan : ndarray of float64, shape (n_steps, n_devices)
        What the day's plan wants in each step. [milliliters]
    thefts : Thefts, optional

    Returns
    -------
    TruckFlows

    Notes
    -----
    ``V' = clamp(V + load - deliver - loss, 0, capacity)``. Source: platform contract,
    Physics.  A long step holds several of the day's turns, whose order it does not know:
    out goes what is there, then in goes what has room, and so on until nothing moves
    any more.  So liters a day do not depend on the step.
    """
    content = volume.copy()
    volumes, loaded, delivered, lost = (np.empty_like(load_plan) for _ in range(4))
    is_losing = loss_plan > 0 if thefts is None else (loss_plan > 0) | (thefts.plan > 0)
    is_mixed = (load_plan > 0) & ((delivery_plan > 0) | is_losing)
    mixed_step, mixed_device = np.nonzero(is_mixed)
    bounds = np.searchsorted(mixed_step, np.arange(len(load_plan) + 1)).tolist()
    for step in range(len(load_plan)):
        np.minimum(delivery_plan[step], content, out=delivered[step])
        content -= delivered[step]
        wanted = loss_plan[step] if thefts is None else loss_plan[step] + thefts.wanted(step, content)
        np.minimum(wanted, content, out=lost[step])
        content -= lost[step]
        np.minimum(load_plan[step], capacity - content, out=loaded[step])
        content += loaded[step]
        if bounds[step] < bounds[step + 1]:
            some = mixed_device[bounds[step] : bounds[step + 1]]
            done = (delivered[step], lost[step], loaded[step])
            plans = (delivery_plan[step], wanted, load_plan[step])
            _further_turns(some, content, capacity, plans, done)
        volumes[step] = content
    return TruckFlows(volumes, loaded, delivered, lost)


def _further_turns(
    some: npt.NDArray[np.int64],
    content: F64,
    capacity: F64,
    plans: tuple[F64, F64, F64],
    done: tuple[F64, F64, F64],
) -> None:
    """Move what is still planned of deliveries, losses and loads, in place, until nothing moves."""
    now, room = content[some], capacity[some]
    left = [plan[some] - part[some] for plan, part in zip(plans, done, strict=True)]
    moved = True
    while moved:
        moved = False
        for kind, is_out in enumerate((True, True, False)):
            part = np.minimum(left[kind], now if is_out else room - now)
            if part.any():
                moved = True
                left[kind] -= part
                now += -part if is_out else part
    for plan, part, rest in zip(plans, done, left, strict=True):
        part[some] = plan[some] - rest
    content[some] = now
