"""Simulate a fleet: groups to one telemetry frame, and the checkpoint at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.calibration import Reservoir
from synthlab.columns import ACTIVITIES, BY_NAME, NAMES
from synthlab.engine.checkpoint import Checkpoint, DeviceCheckpoint
from synthlab.engine.faults import FaultyDevice, Origins, apply_faults
from synthlab.engine.group import Group, make_groups
from synthlab.engine.losses import LOST, SeqRanges, add_losses, lost_ranges
from synthlab.engine.report import Columns, group_columns
from synthlab.scenario.faults import FaultPlan
from synthlab.scenario.resolve import DeviceParameters

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a simulation gives: the telemetry frame, and where it stopped.

    Attributes
    ----------
    frame : DataFrame
    checkpoint : Checkpoint
    origins : Origins or None
        What the rows were before their messages met faults or a network that loses
        some; None without either.
    lost : mapping of str to tuple of (int, int)
        Numbers of messages that the network lost, as ranges, by device.
    """

    frame: pd.DataFrame
    checkpoint: Checkpoint
    origins: Origins | None = None
    lost: Mapping[str, SeqRanges] = field(default_factory=dict)


def simulate(
    parameters: Sequence[DeviceParameters],
    reservoirs: Mapping[str, Reservoir],
    *,
    seed: int,
    start_second: int,
    end_second: int,
    first_seq: Mapping[str, int] | None = None,
    checkpoint: Checkpoint | None = None,
    faults: Sequence[FaultPlan] = (),
) -> Simulation:
    """Simulate devices over a window closed at both ends.

    Parameters
    ----------
    parameters : sequence of DeviceParameters
        In any order.
    reservoirs : mapping of str to Reservoir
        By device id; one for each device.
    seed : int
    start_second, end_second : int
        Unix time; the grid of a device begins at the start. [seconds]
    first_seq : mapping of str to int, optional
        First sequence number by device id; 1, or one after the checkpoint's, where
        omitted.
    checkpoint : Checkpoint, optional
        Devices in it go on from it, and `start_second` does not count for them.
    faults : sequence of FaultPlan, optional
        What goes wrong; see `synthlab.engine.faults`.

    Returns
    -------
    Simulation
        A pure function of the arguments.
    """
    groups = make_groups(
        parameters,
        reservoirs,
        seed=seed,
        start_second=start_second,
        end_second=end_second,
        first_seq=first_seq or {},
        checkpoint=checkpoint,
        faults=faults,
    )
    device_ids = sorted(device.device_id for device in parameters)
    parts = [(group, group_columns(group)) for group in groups]
    is_lossy = add_losses(parts)
    devices = dict(checkpoint.devices) if checkpoint else {}
    for group, columns in parts:
        devices |= _device_checkpoints(group, columns)
    frame, is_lost = _frame(parts, device_ids)
    origins, lost = None, {}
    if is_lossy:
        lost = lost_ranges(frame, is_lost)
    if faults or is_lossy:
        known = [
            FaultyDevice.of(
                device.device_id, device.mode, group.grid.step_seconds, tank, **_before(checkpoint, device)
            )
            for group, _ in parts
            for device, tank in zip(group.devices, group.reservoirs, strict=True)
        ]
        faulty = {device.device_id: device for device in known}
        frame, origins, held = apply_faults(frame, faults, faulty, seed=seed, is_lost=is_lost)
        devices |= {name: replace(devices[name], held_mm=readings) for name, readings in held.items()}
    return Simulation(frame, Checkpoint(seed, MappingProxyType(devices)), origins, MappingProxyType(lost))


def _before(checkpoint: Checkpoint | None, device: DeviceParameters) -> dict[str, Any]:
    known = checkpoint.devices.get(device.device_id) if checkpoint else None
    return {} if known is None else {"held_mm": known.held_mm, "is_continued": True}


def _device_checkpoints(group: Group, columns: Columns) -> dict[str, DeviceCheckpoint]:
    grid = group.grid
    at_second = grid.end_second - grid.step_seconds
    # The volume in liters came from whole milliliters and goes back to them exactly.
    volume_ml = np.rint(columns["volume_liters"][-1] * 1000.0)
    return {
        device.device_id: DeviceCheckpoint(
            at_second, grid.step_seconds, int(columns["seq"][-1, index]), float(volume_ml[index])
        )
        for index, device in enumerate(group.devices)
    }


def _frame(
    parts: list[tuple[Group, Columns]], device_ids: list[str]
) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    """Join the groups' columns to the frame, sorted by time, then device; and which rows are lost."""
    import pandas as pd

    codes = {device_id: index for index, device_id in enumerate(device_ids)}
    code_type = np.min_scalar_type(-max(len(device_ids), 1))
    flat = [
        _flat_columns(group, columns, codes, code_type, with_times=len(parts) > 1) for group, columns in parts
    ]
    if len(flat) == 1:
        joined = flat[0]
    elif flat:
        joined = {name: np.concatenate([part[name] for part in flat]) for name in flat[0]}
        order = np.lexsort((joined["device_id"], joined["received_at"]))
        joined = {name: column[order] for name, column in joined.items()}
    else:
        joined = _no_rows(code_type)
    categories = {"device_id": device_ids, "activity": list(ACTIVITIES), "fault": [""]}
    series: dict[str, Any] = {
        name: pd.Categorical.from_codes(joined[name], dtype=pd.CategoricalDtype(known), validate=False)
        for name, known in categories.items()
    }
    series["received_at"] = _received_at(parts, joined)
    whole = _tracked(joined) | series
    frame = pd.DataFrame({name: whole[name] for name in NAMES}, copy=False)
    return frame, joined.get(LOST, np.zeros(0, dtype=bool))


def _tracked(columns: Columns) -> dict[str, Any]:
    """Let pandas know which columns are one array, so that it copies the one that is written to."""
    import pandas as pd

    uses = Counter(id(column) for column in columns.values())
    shared = {
        id(column): pd.Series(column, copy=False) for column in columns.values() if uses[id(column)] > 1
    }
    return {name: shared.get(id(column), column) for name, column in columns.items()}


def _received_at(parts: list[tuple[Group, Columns]], joined: Columns) -> pd.DatetimeIndex:
    """Return the rows' times; of one group by repeating its grid, which saves two copies."""
    import pandas as pd

    if len(parts) != 1:
        return pd.DatetimeIndex(joined["received_at"].view("datetime64[ms]")).tz_localize("UTC")
    group = parts[0][0]
    grid = pd.DatetimeIndex((group.grid.seconds * 1000).view("datetime64[ms]")).tz_localize("UTC")
    return grid.repeat(len(group.devices))


def _flat_columns(
    group: Group,
    columns: Columns,
    codes: Mapping[str, int],
    code_type: npt.DTypeLike,
    *,
    with_times: bool,
) -> Columns:
    """Return the columns of a group in row order: by time, then device."""
    count = len(group.devices)
    own = np.array([codes[device.device_id] for device in group.devices], dtype=code_type)
    once = {id(column): np.ascontiguousarray(column).reshape(-1) for column in columns.values()}
    flat = {name: once[id(column)] for name, column in columns.items()}
    flat["device_id"] = np.tile(own, group.grid.count)
    if with_times:
        flat["received_at"] = np.repeat(group.grid.seconds * 1000, count)
    flat["fault"] = np.zeros(group.grid.count * count, dtype=np.int8)
    return flat


def _no_rows(code_type: npt.DTypeLike) -> Columns:
    special = {"device_id": code_type, "activity": np.int8, "fault": np.int8, "received_at": np.int64}
    return {
        name: np.zeros(0, dtype=special.get(name, BY_NAME[name].dtype if name not in special else None))
        for name in NAMES
    }
