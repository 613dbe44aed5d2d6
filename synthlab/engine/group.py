"""Devices that share mode, step and grid, packed to arrays: one entry a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthlab.calibration import Reservoir
from synthlab.columns import ML_PER_LITER
from synthlab.engine.checkpoint import Checkpoint
from synthlab.engine.water_faults import WaterFaults, water_faults
from synthlab.model.events import Grid
from synthlab.randomness import U64, stream_keys
from synthlab.scenario.faults import FaultPlan
from synthlab.scenario.resolve import DemandCurve, DeviceParameters, RoutePlan, SupplyCurve
from synthlab.timeline import point_count

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """Devices with one mode and one grid of steps.

    Attributes
    ----------
    devices : tuple of DeviceParameters
        Sorted by device id.
    reservoirs : tuple of Reservoir
    seed : int
    grid : Grid
    first_seq : ndarray of int64
    start_volume_ml : ndarray of float64
        Content before the first step. [milliliters]
    faults : tuple of FaultPlan
    """

    devices: tuple[DeviceParameters, ...]
    reservoirs: tuple[Reservoir, ...]
    seed: int
    grid: Grid
    first_seq: I64
    start_volume_ml: F64
    faults: tuple[FaultPlan, ...] = ()

    @property
    def is_mobile(self) -> bool:
        """Whether the devices are trucks."""
        return self.devices[0].mode == "MOBILE"

    @property
    def demand_curves(self) -> list[DemandCurve]:
        """Curves of stationary devices; empty for trucks."""
        return [device.demand for device in self.devices if device.demand is not None]

    @property
    def supply_curves(self) -> list[SupplyCurve]:
        """Curves of stationary devices; empty for trucks."""
        return [device.supply for device in self.devices if device.supply is not None]

    @property
    def route_plans(self) -> list[RoutePlan]:
        """Routes of trucks; empty for stationary devices."""
        return [device.route for device in self.devices if device.route is not None]

    @property
    def capacity_ml(self) -> F64:
        """Whole milliliters, rounded down. [milliliters]"""
        return np.floor(self.reservoir_values("capacity_liters") * ML_PER_LITER)

    def water_faults(self) -> WaterFaults:
        """Return what faults do to the devices' water; nothing where there are none."""
        if not self.faults:
            return WaterFaults()
        return water_faults(
            self.faults,
            [device.device_id for device in self.devices],
            self.devices[0].mode,
            seed=self.seed,
            seconds=self.grid.seconds,
            step_seconds=self.grid.step_seconds,
            capacity_ml=self.capacity_ml,
        )

    def keys(self, process: str) -> U64:
        """Return the devices' streams of a process."""
        return stream_keys(self.seed, [device.device_id for device in self.devices], process)

    def values(self, name: str) -> F64:
        """Return a numeric archetype parameter of every device."""
        return np.array([float(device.values[name]) for device in self.devices])

    def reservoir_values(self, name: str) -> F64:
        """Return a numeric field of every reservoir."""
        return np.array([float(getattr(reservoir, name)) for reservoir in self.reservoirs])


def make_groups(
    parameters: Sequence[DeviceParameters],
    reservoirs: Mapping[str, Reservoir],
    *,
    seed: int,
    start_second: int,
    end_second: int,
    first_seq: Mapping[str, int],
    checkpoint: Checkpoint | None,
    faults: Sequence[FaultPlan] = (),
) -> list[Group]:
    """Sort devices to groups; a device of the checkpoint goes on from there.

    A device whose checkpoint lies at or after the end of the window has no points
    and is in no group.
    """
    members: dict[tuple[str, int, int, int], list[DeviceParameters]] = {}
    for device in sorted(parameters, key=lambda entry: entry.device_id):
        known = checkpoint.devices.get(device.device_id) if checkpoint else None
        start = known.next_second if known else start_second
        count = point_count(start, end_second, device.step_seconds)
        if count:
            members.setdefault((device.mode, device.step_seconds, start, count), []).append(device)
    groups = []
    for (_, step_seconds, start, count), devices in members.items():
        tanks = tuple(reservoirs[device.device_id] for device in devices)
        starts = [
            _start(device, tank, first_seq, checkpoint) for device, tank in zip(devices, tanks, strict=True)
        ]
        groups.append(
            Group(
                devices=tuple(devices),
                reservoirs=tanks,
                seed=seed,
                grid=Grid(start, step_seconds, count),
                first_seq=np.array([seq for seq, _ in starts], dtype=np.int64),
                start_volume_ml=np.array([volume for _, volume in starts]),
                faults=tuple(faults),
            )
        )
    return groups


def _start(
    device: DeviceParameters,
    reservoir: Reservoir,
    first_seq: Mapping[str, int],
    checkpoint: Checkpoint | None,
) -> tuple[int, float]:
    """First sequence number, and the content before the first step in milliliters."""
    capacity_ml = float(np.floor(reservoir.capacity_liters * ML_PER_LITER))
    known = checkpoint.devices.get(device.device_id) if checkpoint else None
    if known:
        # A reservoir that became smaller since cannot hold more than it can.
        return first_seq.get(device.device_id, known.last_seq + 1), min(known.volume_ml, capacity_ml)
    volume = np.floor(float(device.values["initial_level_fraction"]) * capacity_ml)
    return first_seq.get(device.device_id, 1), float(volume)
