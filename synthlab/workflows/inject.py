"""inject_faults: faults on a frame that has none, with the truth in ``fault``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.calibration import Reservoir, reservoirs_from_frame, shape_curve
from synthlab.columns import ML_PER_LITER, RAW_COLUMNS, frame_problems
from synthlab.engine.faults import FaultyDevice, apply_faults
from synthlab.engine.water_faults import WATER_KINDS, WaterFaults, water_faults
from synthlab.errors import Problem, UsageError
from synthlab.model import storage
from synthlab.model.faults import moved_readings
from synthlab.model.sensor import measured_level_pct_partial, surface_distance_mm
from synthlab.scenario.build import build_faults
from synthlab.scenario.faults import FaultPlan, fault_plans

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.scenario.schema import FaultEntry

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

_MIN_LEVEL_SPREAD_PCT = 1e-3  # Assumed: levels that differ less say nothing about the calibration.


def inject_faults(
    frame: pd.DataFrame,
    faults: Sequence[FaultEntry | Mapping[str, Any]],
    *,
    seed: int = 0,
    reservoirs: pd.DataFrame | Mapping[str, Reservoir] | None = None,
) -> pd.DataFrame:
    """Put faults on a telemetry frame, as a scenario's ``faults`` block would.

    A pure function of its arguments: the episodes are those of the block under the same
    seed, whatever else is in the frame.

    Parameters
    ----------
    frame : DataFrame
        Without faults, as `backfill` returns it; it is not changed.
    faults : sequence of mapping or FaultEntry
        Entries of a ``faults`` block: ``{"kind": "SPIKES", "rate_per_day": 0.5}``.
    seed : int
        The scenario's, to get the same episodes as its own block.
    reservoirs : DataFrame or mapping of str to Reservoir, optional
        As `synthlab.reservoirs` returns it.  Without, capacity and calibration are
        read off the frame, and tanks count as upright.

    Returns
    -------
    DataFrame
        A new frame with the truth in ``fault``: the kind, empty where there is none.

    Raises
    ------
    ScenarioError
        With every problem of the entries.
    UsageError
        Code ``BAD_ARGUMENT``: no telemetry frame, one that has faults already, or a
        device whose calibration cannot be told.

    Notes
    -----
    Leak, theft and blocked inlet replay the storage from the frame's flows: people draw
    what they drew, as far as it is there.  The engine itself also lets them save water
    earlier, so there the two differ where a tank gets near empty.

    Examples
    --------
    >>> import synthlab
    >>> scenario = synthlab.load_scenario("stationary_only_v1")
    >>> frame = synthlab.backfill(scenario, end_at="2026-02-12T10:00:00Z").frame
    >>> faulty = inject_faults(frame, [{"kind": "SPIKES", "at": ["2026-02-01T00:00:00Z"]}])
    >>> (faulty["fault"] == "SPIKES").sum()
    np.int64(2)
    """
    _require_clean(frame)
    modes = _modes(frame)
    entries = [
        entry if isinstance(entry, Mapping) else entry.model_dump(exclude_none=True) for entry in faults
    ]
    plans = fault_plans(build_faults(entries, modes=modes))
    if not plans or not len(frame):
        return frame.copy()
    tanks = _reservoirs(frame, reservoirs)
    steps = _step_seconds(frame)
    devices = {
        name: FaultyDevice.of(name, modes[name], steps[name], tanks[name]) for name in modes if name in tanks
    }
    wet = _with_water_faults(frame, plans, devices, tanks, seed=seed)
    return apply_faults(wet, plans, devices, seed=seed)[0]


def _require_clean(frame: pd.DataFrame) -> None:
    rules = frame_problems(frame)
    if not rules and (frame["fault"] != "").any():
        rules = ["column fault names faults already"]
    if not rules and not frame["received_at"].is_monotonic_increasing:
        rules = ["rows are not sorted by received_at"]
    if rules:
        remedy = "Pass a frame such as `backfill(scenario).frame`"
        raise UsageError([Problem("BAD_ARGUMENT", rule, path="frame", remedy=remedy) for rule in rules])


def _modes(frame: pd.DataFrame) -> dict[str, str]:
    """Tell trucks by their positions."""
    is_mobile = frame["latitude"].notna().groupby(frame["device_id"], observed=True).any()
    return {str(name): "MOBILE" if moves else "STATIONARY" for name, moves in is_mobile.items()}


def _step_seconds(frame: pd.DataFrame) -> dict[str, int]:
    times = frame["received_at"].groupby(frame["device_id"], observed=True)
    found = {str(name): entry.diff().dt.total_seconds().median() for name, entry in times}
    # A single row has no step; any will do.
    return {name: 60 if step != step else max(1, round(step)) for name, step in found.items()}


def _reservoirs(
    frame: pd.DataFrame, given: pd.DataFrame | Mapping[str, Reservoir] | None
) -> dict[str, Reservoir]:
    if isinstance(given, Mapping):
        known = dict(given)
    else:
        known = {} if given is None else dict(reservoirs_from_frame(given))
    problems = []
    for name, rows in frame.groupby("device_id", observed=True):
        if str(name) in known:
            continue
        found = _read_off(str(name), rows)
        if found is None:
            rule, remedy = "has a calibration that the frame does not tell", "Pass reservoirs"
            problems.append(Problem("BAD_ARGUMENT", rule, path=f"frame[{name}]", remedy=remedy))
        else:
            known[str(name)] = found
    if problems:
        raise UsageError(problems)
    return known


def _read_off(device_id: str, rows: pd.DataFrame) -> Reservoir | None:
    """Solve the platform's own formulas for calibration and capacity."""
    readings = rows[list(RAW_COLUMNS)].to_numpy()
    level = rows["measured_level_pct"].to_numpy(np.float64)
    is_inside = (readings > 0).all(axis=1) & (level > 0) & (level < 100)
    truth, volume = rows["level_pct"].to_numpy(np.float64), rows["volume_liters"].to_numpy(np.float64)
    if is_inside.sum() < 2 or truth.max() <= 0:
        return None
    distance, level = readings[is_inside].mean(axis=1), level[is_inside]
    low, high = int(np.argmin(level)), int(np.argmax(level))
    if level[high] - level[low] < _MIN_LEVEL_SPREAD_PCT:
        return None
    mm_per_pct = (distance[high] - distance[low]) / (level[high] - level[low])
    empty_mm = distance[low] - mm_per_pct * level[low]
    fullest = int(np.argmax(truth))
    return Reservoir(
        device_id=device_id,
        capacity_liters=round(float(volume[fullest] / truth[fullest] * 100), 3),
        sensor_empty_distance_mm=round(float(empty_mm), 3),
        sensor_full_distance_mm=round(float(empty_mm + 100 * mm_per_pct), 3),
    )


def _with_water_faults(
    frame: pd.DataFrame,
    plans: Sequence[FaultPlan],
    devices: Mapping[str, FaultyDevice],
    tanks: Mapping[str, Reservoir],
    *,
    seed: int,
) -> pd.DataFrame:
    """Replay the storage of devices that lose water or get less, and move their readings."""
    if not any(plan.kind in WATER_KINDS for plan in plans):
        return frame
    changed = frame.copy()
    columns: dict[str, npt.NDArray[Any]] = {}
    for names, places, seconds in _same_grids(frame, devices):
        device, own = devices[names[0]], [tanks[name] for name in names]
        broken = water_faults(
            plans,
            names,
            device.mode,
            seed=seed,
            seconds=seconds,
            step_seconds=device.step_seconds,
            capacity_ml=_capacity_ml(own),
        )
        hit = broken.reached(len(names))
        if not hit.any():
            continue
        for column, values in _replayed(frame, places, own, device.mode, broken):
            columns.setdefault(column, frame[column].to_numpy(copy=True))[places[:, hit]] = values[:, hit]
    for column, values in columns.items():
        changed[column] = values
    return changed


def _same_grids(
    frame: pd.DataFrame, devices: Mapping[str, FaultyDevice]
) -> Iterator[tuple[list[str], I64, I64]]:
    """Yield devices that report at the same times, their rows (n_steps, n_devices), and the times. [s]"""
    seconds = frame["received_at"].to_numpy(dtype="datetime64[ms]").view(np.int64) // 1_000
    groups: dict[tuple[str, int, bytes], list[tuple[str, I64]]] = {}
    for name, places in frame.groupby("device_id", observed=True).indices.items():
        device = devices[str(name)]
        grid = (device.mode, device.step_seconds, seconds[places].tobytes())
        groups.setdefault(grid, []).append((str(name), np.asarray(places)))
    for members in groups.values():
        places = np.stack([own for _, own in members], axis=1)
        yield [name for name, _ in members], places, seconds[places[:, 0]]


def _capacity_ml(tanks: Sequence[Reservoir]) -> F64:
    return np.array([np.floor(tank.capacity_liters * ML_PER_LITER) for tank in tanks])


def _replayed(
    frame: pd.DataFrame, places: I64, tanks: Sequence[Reservoir], mode: str, broken: WaterFaults
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Yield the columns that change, each (n_steps, n_devices)."""

    def flow(name: str) -> F64:
        return np.rint(frame[f"{name}_liters"].to_numpy(np.float64)[places] * ML_PER_LITER)

    capacity = _capacity_ml(tanks)
    volume = flow("volume")
    flows = {name: flow(name) for name in ("inflow", "served", "overflow", "loaded", "delivered", "lost")}
    gains = flows["inflow"][0] + flows["loaded"][0]
    before = volume[0] - gains + sum(flows[name][0] for name in ("served", "overflow", "delivered", "lost"))
    after, made = _stored(before, capacity, flows, mode, broken)
    for name, values in made.items():
        yield f"{name}_liters", values / ML_PER_LITER
    yield "volume_liters", after / ML_PER_LITER
    yield "level_pct", after / capacity * 100.0
    moved = [
        _moved(frame.iloc[places[:, i]], tank, volume[:, [i]] / capacity[i], after[:, [i]] / capacity[i])
        for i, tank in enumerate(tanks)
    ]
    for name in moved[0]:
        yield name, np.stack([one[name] for one in moved], axis=1)


def _stored(
    before: F64, capacity: F64, flows: Mapping[str, F64], mode: str, broken: WaterFaults
) -> tuple[F64, dict[str, F64]]:
    """Return the content, and the flows that are others than before. [milliliters]"""
    if mode == "MOBILE":
        truck = storage.truck_steps(
            volume=before,
            capacity=capacity,
            load_plan=flows["loaded"],
            delivery_plan=flows["delivered"],
            loss_plan=broken.added_to(flows["lost"]),
            thefts=broken.thefts,
        )
        return truck.volume, {"loaded": truck.loaded, "delivered": truck.delivered, "lost": truck.lost}
    inflow, nothing = broken.reaching(flows["inflow"]), np.zeros(len(capacity))
    kept = storage.tank_steps(
        volume=before,
        capacity=capacity,
        requested=flows["served"],
        inflow=inflow,
        threshold_fraction=nothing,
        min_demand_fraction=nothing,
        loss_plan=broken.added_to(flows["lost"]),
        thefts=broken.thefts,
    )
    made = {"inflow": inflow, "served": kept.served, "overflow": kept.overflow}
    return kept.volume, made | {"lost": flows["lost"] if kept.lost is None else kept.lost}


def _moved(rows: pd.DataFrame, tank: Reservoir, before: F64, after: F64) -> dict[str, npt.NDArray[Any]]:
    """Move the readings with the surface; where it did not move, nothing is computed again."""
    shape: dict[str, Any] = {
        "empty_mm": np.array([tank.sensor_empty_distance_mm]),
        "full_mm": np.array([tank.sensor_full_distance_mm]),
        "curves": {} if (curve := shape_curve(tank)) is None else {0: curve},
    }
    shift = (surface_distance_mm(after, **shape) - surface_distance_mm(before, **shape))[:, 0]
    readings = moved_readings(rows[list(RAW_COLUMNS)].to_numpy(), shift)
    level = rows["measured_level_pct"].to_numpy(np.float64, copy=True)
    is_moved = np.rint(shift) != 0
    count = int(is_moved.sum())
    level[is_moved] = measured_level_pct_partial(
        readings[is_moved],
        empty_mm=np.full(count, tank.sensor_empty_distance_mm),
        full_mm=np.full(count, tank.sensor_full_distance_mm),
    )
    found: dict[str, npt.NDArray[Any]] = {name: readings[:, i] for i, name in enumerate(RAW_COLUMNS)}
    return found | {"measured_level_pct": level}
