"""Faults of a frame: what devices report wrongly, and what becomes of their messages.

Faults of the water act in the storage pass (`synthlab.engine.water_faults`).  All
others act here, on the frame, after the engine has made it: first on the values of
each row, then on the rows as messages, which are lost, doubled, renumbered or received
later.  A row belongs to the window in which it was *sent*: one that is received after
the window's end stays in it, at its end, so that two windows hold what one would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.columns import ML_PER_LITER, RAW_COLUMNS, READING_COUNT
from synthlab.engine.water_faults import WATER_KINDS, episodes_of, is_under_way, worth_ml
from synthlab.model import faults as model
from synthlab.model.sensor import measured_level_pct_partial
from synthlab.scenario.faults import FAULT_KINDS, FaultPlan

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.calibration import Reservoir

I64 = npt.NDArray[np.int64]
Held = tuple[int, ...]

_NAMES = tuple(FAULT_KINDS)
_NO_FAULT = len(_NAMES)
_STUCK = "STUCK_LEVEL"

READING_KINDS = ("OFFSET", "DRIFT", "NOISE_BURST", "SPIKES", "MISSING_ECHOES", _STUCK)
"""In the order in which they act: shifts add up, a lost echo hides them, a stuck sensor hides all."""
VALUE_KINDS = (
    "TEMPERATURE_SENTINEL",
    "BATTERY_CLIFF",
    "BATTERY_SWAP",
    "CLOCK_JUMP",
    "CLOCK_RESET",
    "GPS_JUMP",
)
MESSAGE_KINDS = ("SEQUENCE_RESET", "GAP", "LATE", "OUT_OF_ORDER", "DUPLICATE")


@dataclass(frozen=True, slots=True)
class FaultyDevice:
    """What the faults need to know of a device.

    Attributes
    ----------
    device_id, mode : str
    step_seconds : int
        [seconds]
    empty_mm, full_mm : float
        Calibration. [mm]
    capacity_liters : float
        [liters]
    held_mm : tuple of int
        Readings at which the sensor was stuck before the first row; else empty. [mm]
    is_continued : bool
        Whether rows came before the first one.
    """

    device_id: str
    mode: str
    step_seconds: int
    empty_mm: float
    full_mm: float
    capacity_liters: float
    held_mm: Held = ()
    is_continued: bool = False

    @classmethod
    def of(
        cls, device_id: str, mode: str, step_seconds: int, reservoir: Reservoir, **state: Any
    ) -> FaultyDevice:
        """Take the calibration from a reservoir."""
        empty_mm, full_mm = reservoir.sensor_empty_distance_mm, reservoir.sensor_full_distance_mm
        return cls(device_id, mode, step_seconds, empty_mm, full_mm, reservoir.capacity_liters, **state)


@dataclass(frozen=True, slots=True)
class Origins:
    """What each row of a faulty frame was before its message met a fault.

    Attributes
    ----------
    seconds, seqs : ndarray of int64
        When it was sent, and its true number.
    is_stuck : ndarray of bool
        Whether its sensor stands still: its readings are those to come.
    is_copy : ndarray of bool
        Whether it is the second coming of a message.
    lost : mapping of str to ndarray of int64
        By device, when the messages were sent that are not in the frame. [seconds]
    """

    seconds: I64
    seqs: I64
    is_stuck: npt.NDArray[np.bool_]
    is_copy: npt.NDArray[np.bool_]
    lost: Mapping[str, I64]


@dataclass
class _Messages:
    """The frame's columns that faults change, copied when first written."""

    frame: pd.DataFrame
    seed: int
    columns: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.frame)
        self.sent_ms = self.frame["received_at"].to_numpy(dtype="datetime64[ms]").view(np.int64)
        self.received_ms = self.sent_ms.copy()
        self.label = np.full(count, _NO_FAULT, np.int8)
        self.copy_label = np.full(count, _NO_FAULT, np.int8)
        self.copy_ms = np.zeros(count, np.int64)
        self.is_lost = np.zeros(count, bool)
        self.is_stuck = np.zeros(count, bool)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        if name not in self.columns:
            self.columns[name] = self.frame[name].to_numpy(copy=True)
        return self.columns[name]

    def mark(self, rows: I64, kind: str) -> None:
        """Name the fault of rows; of several the first by precedence."""
        self.label[rows] = np.minimum(self.label[rows], _NAMES.index(kind))


def apply_faults(
    frame: pd.DataFrame,
    plans: Sequence[FaultPlan],
    devices: Mapping[str, FaultyDevice],
    *,
    seed: int,
    is_lost: npt.NDArray[np.bool_] | None = None,
) -> tuple[pd.DataFrame, Origins, dict[str, Held]]:
    """Put faults on a frame.

    Parameters
    ----------
    frame : DataFrame
        A telemetry frame whose water has met its faults already.
    plans : sequence of FaultPlan
    devices : mapping of str to FaultyDevice
    seed : int
    is_lost : ndarray of bool, optional
        Rows whose messages the network loses; that is no fault, and none is named.

    Returns
    -------
    frame : DataFrame
        A new one, sorted by time of receipt, then device; its index starts at 0.
    origins : Origins
    held : dict of str to tuple of int
        Readings at which a sensor is stuck at the end, by device. [mm]
    """
    messages = _Messages(frame, seed)
    held: dict[str, Held] = {}
    lost: dict[str, I64] = {}
    for device, rows in _rows_of(frame, devices):
        own = [plan for plan in plans if plan.acts_on(device.device_id, device.mode)]
        if not len(rows):
            continue
        seconds = messages.sent_ms[rows] // 1_000
        if own:
            _mark_water(messages, own, device, rows, seconds)
            stuck = _fault_readings(messages, own, device, rows, seconds)
            if stuck:
                held[device.device_id] = stuck
            _fault_values(messages, own, device, rows, seconds)
            _fault_messages(messages, own, device, rows, seconds)
        if is_lost is not None and len(is_lost):
            messages.is_lost[rows] |= is_lost[rows]
        gone = seconds[messages.is_lost[rows]]
        if len(gone):
            lost[device.device_id] = gone
    return *_rebuilt(messages, lost), held


def _rows_of(frame: pd.DataFrame, devices: Mapping[str, FaultyDevice]) -> Iterator[tuple[FaultyDevice, I64]]:
    codes = frame["device_id"].cat.codes.to_numpy()
    order = np.argsort(codes, kind="stable")
    names = [str(name) for name in frame["device_id"].cat.categories]
    edges = np.searchsorted(codes[order], np.arange(len(names) + 1))
    for place, name in enumerate(names):
        if name in devices:
            yield devices[name], order[edges[place] : edges[place + 1]]


def _memberships(
    seed: int, plans: Sequence[FaultPlan], kind: str, device: FaultyDevice, seconds: I64
) -> Iterator[tuple[FaultPlan, np.uint64, model.Membership]]:
    """Yield each plan of a kind with its stream and the messages that it reaches."""
    for plan in plans:
        if plan.kind != kind:
            continue
        key, starts = episodes_of(
            plan, device.device_id, seed=seed, seconds=seconds, step_seconds=device.step_seconds
        )
        found = model.members(
            seconds, starts, duration_seconds=plan.duration_seconds, step_seconds=device.step_seconds
        )
        if len(found.rows):
            yield plan, key, found


def _mark_water(
    messages: _Messages, plans: Sequence[FaultPlan], device: FaultyDevice, rows: I64, seconds: I64
) -> None:
    for plan in plans:
        if plan.kind in WATER_KINDS:
            share = is_under_way(
                plan, device.device_id, seed=messages.seed, seconds=seconds, step_seconds=device.step_seconds
            )
            messages.mark(rows[(share > 0) & _has_happened(plan, device, messages.frame, rows)], plan.kind)


def _has_happened(
    plan: FaultPlan, device: FaultyDevice, frame: pd.DataFrame, rows: I64
) -> npt.NDArray[np.bool_]:
    """Tell in which steps a fault acted: from an empty tank nothing runs out, and little is not stolen."""
    if plan.kind == "BLOCKED_INLET":
        return np.ones(len(rows), bool)
    volume, lost, overflow, loaded = (
        frame[f"{name}_liters"].to_numpy()[rows] for name in ("volume", "lost", "overflow", "loaded")
    )
    is_losing = lost > 0
    if plan.kind == "LEAK":
        return is_losing
    capacity_ml = float(np.floor(device.capacity_liters * ML_PER_LITER))
    content_ml = np.rint((volume + lost + overflow - loaded) * ML_PER_LITER)
    return is_losing & (content_ml >= worth_ml(plan, device.mode, capacity_ml))


def _fault_readings(
    messages: _Messages, plans: Sequence[FaultPlan], device: FaultyDevice, rows: I64, seconds: I64
) -> Held:
    """Change the raw readings, and the level that follows; return those of a stuck sensor at the end."""
    if not any(plan.kind in READING_KINDS for plan in plans):
        return ()
    readings = np.stack([messages[name][rows] for name in RAW_COLUMNS], axis=1)
    level = messages["measured_level_pct"][rows]
    before = readings.copy()
    for kind in READING_KINDS[:-1]:
        for plan, key, (places, begin) in _memberships(messages.seed, plans, kind, device, seconds):
            readings[places] = _faulty_readings(
                plan, key, device, readings[places], seconds[places], begin, level[places]
            )
            messages.mark(rows[places], kind)
    is_stuck = np.zeros(len(rows), bool)
    for _, _, found in _memberships(messages.seed, plans, _STUCK, device, seconds):
        is_stuck[found.rows] = True
    if is_stuck.any():
        _hold(readings, is_stuck, device.held_mm)
        messages.mark(rows[is_stuck], _STUCK)
        messages.is_stuck[rows] = is_stuck
    changed = np.flatnonzero((readings != before).any(axis=1))
    for index, name in enumerate(RAW_COLUMNS):
        messages[name][rows[changed]] = readings[changed, index]
    messages["measured_level_pct"][rows[changed]] = measured_level_pct_partial(
        readings[changed],
        empty_mm=np.full(len(changed), device.empty_mm),
        full_mm=np.full(len(changed), device.full_mm),
    )
    return tuple(readings[-1].tolist()) if is_stuck[-1] else ()


def _faulty_readings(
    plan: FaultPlan,
    key: np.uint64,
    device: FaultyDevice,
    readings: npt.NDArray[np.int32],
    seconds: I64,
    begin: I64,
    level_pct: npt.NDArray[np.float64],
) -> npt.NDArray[np.int32]:
    size = plan.size[device.mode]
    shift: npt.NDArray[np.floating]
    match plan.kind:
        case "OFFSET":
            shift = model.offset_mm(begin, key, size_mm=size)
        case "DRIFT":
            shift = model.drift_mm(seconds, begin, key, size_mm_per_day=size)
        case "SPIKES":
            range_mm = device.empty_mm - device.full_mm
            shift = model.spike_mm(begin, key, size_pct=size, range_mm=range_mm, level_pct=level_pct)
        case "NOISE_BURST":
            shift = model.noise_mm(seconds, key, sigma_mm=size, reading_count=READING_COUNT)
        case _:
            is_lost = model.lost_echoes(seconds, key, size_pct=size, reading_count=READING_COUNT)
            return np.where(is_lost, np.int32(-1), readings)
    return model.moved_readings(readings, shift)


def _hold(readings: npt.NDArray[np.int32], is_stuck: npt.NDArray[np.bool_], held_mm: Held) -> None:
    """Repeat the first readings of each run, or those held from before the first row."""
    place = np.arange(len(is_stuck))
    is_first = is_stuck.copy()
    is_first[1:] &= ~is_stuck[:-1]
    first = np.maximum.accumulate(np.where(is_first, place, 0))
    if held_mm and is_stuck[0]:
        readings[0] = held_mm
    readings[is_stuck] = readings[first[is_stuck]]


def _fault_values(
    messages: _Messages, plans: Sequence[FaultPlan], device: FaultyDevice, rows: I64, seconds: I64
) -> None:
    for kind in VALUE_KINDS:
        for plan, key, (places, begin) in _memberships(messages.seed, plans, kind, device, seconds):
            at, size = rows[places], plan.size[device.mode]
            match kind:
                case "TEMPERATURE_SENTINEL":
                    messages["temperature_c"][at] = model.sentinel_temperature_c(begin, key)
                case "BATTERY_CLIFF":
                    charge = messages["battery_pct"]
                    charge[at] = np.maximum(charge[at] - round(size), 0)
                case "BATTERY_SWAP":
                    messages["battery_pct"][at] = 100
                case "CLOCK_JUMP":
                    messages["local_timestamp_ms"][at] += (model.signs(begin, key) * size * 1_000).astype(
                        np.int64
                    )
                case "CLOCK_RESET":
                    messages["local_timestamp_ms"][at] = (
                        model.CLOCK_RESET_MS + (seconds[places] - begin + 1) * 1_000
                    )
                case _:
                    latitude, longitude = messages["latitude"], messages["longitude"]
                    # Where the receiver had no fix, there is no position to move.
                    at, begin = at[~np.isnan(latitude[at])], begin[~np.isnan(latitude[at])]
                    latitude[at], longitude[at] = model.jumped_position(
                        latitude[at], longitude[at], begin, key, size_km=size
                    )
            messages.mark(at, kind)


def _fault_messages(
    messages: _Messages, plans: Sequence[FaultPlan], device: FaultyDevice, rows: I64, seconds: I64
) -> None:
    step = device.step_seconds
    for kind in MESSAGE_KINDS:
        for plan, key, (places, begin) in _memberships(messages.seed, plans, kind, device, seconds):
            at, size = rows[places], plan.size[device.mode]
            match kind:
                case "SEQUENCE_RESET":
                    messages["seq"][at] = 1 + (seconds[places] - begin) // step
                case "GAP":
                    messages.is_lost[at] = True
                    continue
                case "LATE":
                    jitter = model.jitter_ms(seconds[places], key)
                    messages.received_ms[at] = messages.sent_ms[at] + round(size * 60_000) + jitter
                case "OUT_OF_ORDER":
                    delay = round((size + 0.5) * step * 1_000)
                    messages.received_ms[at] = messages.sent_ms[at] + delay
                case _:
                    messages.copy_ms[at] = round(size * 1_000)
                    messages.copy_label[at] = _NAMES.index(kind)
                    continue
            messages.mark(at, kind)
    is_lost = messages.is_lost[rows]
    follows = ~is_lost
    follows[1:] &= is_lost[:-1]
    # Before the first row, only the clock can tell; in a first run there is nothing to miss.
    follows[0] &= device.is_continued and _was_lost(messages.seed, plans, device, int(seconds[0]) - step)
    messages.mark(rows[follows], "GAP")


def _was_lost(seed: int, plans: Sequence[FaultPlan], device: FaultyDevice, second: int) -> bool:
    return any(True for _ in _memberships(seed, plans, "GAP", device, np.array([second], dtype=np.int64)))


def _rebuilt(messages: _Messages, lost: Mapping[str, I64]) -> tuple[pd.DataFrame, Origins]:
    """Make the new frame: rows without the lost, with the copies, in order of receipt."""
    import pandas as pd

    frame = messages.frame
    kept = np.flatnonzero(~messages.is_lost)
    copied = kept[messages.copy_ms[kept] > 0]
    take = np.concatenate([kept, copied])
    is_copy = np.arange(len(take)) >= len(kept)
    received = messages.received_ms[take] + np.where(is_copy, messages.copy_ms[take], 0)
    label = np.where(is_copy, np.minimum(messages.label, messages.copy_label)[take], messages.label[take])
    order = np.lexsort((is_copy, frame["device_id"].cat.codes.to_numpy()[take], received))
    take, is_copy, received, label = take[order], is_copy[order], received[order], label[order]
    origins = Origins(
        messages.sent_ms[take] // 1_000,
        frame["seq"].to_numpy()[take],
        messages.is_stuck[take],
        is_copy,
        lost,
    )
    series: dict[str, Any] = {}
    for name in frame.columns:
        if name == "received_at":
            series[name] = pd.DatetimeIndex(received.view("datetime64[ms]")).tz_localize("UTC")
        elif name == "fault":
            series[name] = _categories(label)
        elif name in messages.columns:
            series[name] = messages.columns[name][take]
        else:
            series[name] = frame[name].array.take(take)
    rebuilt = pd.DataFrame(series, copy=False)
    rebuilt.attrs |= frame.attrs
    return rebuilt, origins


def _categories(label: npt.NDArray[np.int8]) -> pd.Categorical[Any]:
    """Return the labels as the reader of a CSV would: the empty one, then the names that occur."""
    import pandas as pd

    found = sorted(_NAMES[code] for code in np.unique(label).tolist() if code < _NO_FAULT)
    names = ["", *found]
    table = np.zeros(_NO_FAULT + 1, np.int8)
    for place, name in enumerate(found):
        table[_NAMES.index(name)] = place + 1
    return pd.Categorical.from_codes(table[label], categories=pd.Index(names))
