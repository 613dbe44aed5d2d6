"""What the devices of a group report: the columns of their rows, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from synthlab.calibration import NO_ECHO_MM
from synthlab.columns import ML_PER_LITER, RAW_COLUMNS, READING_COUNT
from synthlab.engine.group import Group
from synthlab.engine.travel import travel_columns
from synthlab.engine.water import TankWater, TruckWater, tank_water, truck_water
from synthlab.model import climate, power, radio, sensor
from synthlab.model.roads import ACTIVITY_TRAVEL
from synthlab.randomness import F32, draws, normals, ticks
from synthlab.timeline import SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[Any]]

BLOCK_ELEMENTS = 32768
"""Elements worked on at once. Source: measured; a block's arrays stay in the cache."""

# A message needs a while from the device's clock to the server. Assumed: .2 to 1.2 s.
_LATENCY_MIN_MS, _LATENCY_MASK = 200, np.uint32(1023)
_NOISE_WORDS = 4


def group_columns(group: Group) -> Columns:
    """Simulate a group.

    Returns
    -------
    dict of str to ndarray, each (n_steps, n_devices)
        Numeric columns of the frame by name; ``activity`` as codes, -1 = null.
    """
    shape = (group.grid.count, len(group.devices))
    if group.is_mobile:
        water = truck_water(group)
        columns = _truck_columns(group, water)
        volume, is_moving = water.flows.volume, columns["activity"] == ACTIVITY_TRAVEL
    else:
        tank = tank_water(group)
        columns, volume, is_moving = _tank_columns(tank, shape), tank.flows.volume, None
    columns["level_pct"] = np.empty(shape)
    columns["volume_liters"] = np.empty(shape)
    columns |= {name: np.empty(shape, dtype=np.int32) for name in RAW_COLUMNS}
    columns["measured_level_pct"] = np.empty(shape)
    columns["temperature_c"] = np.empty(shape)
    columns["battery_pct"] = np.empty(shape, dtype=np.int16)
    columns["signal_dbm"] = np.empty(shape, dtype=np.int16)
    columns["local_timestamp_ms"] = np.empty(shape, dtype=np.int64)
    reporter = _Reporter(group)
    for block in _blocks(*shape):
        moving = is_moving[block] if is_moving is not None else None
        reporter.fill(columns, block, volume[block], moving)
    columns["seq"] = group.first_seq + np.arange(shape[0], dtype=np.int64)[:, None]
    return columns


def _blocks(step_count: int, device_count: int) -> Iterator[slice]:
    rows = max(1, BLOCK_ELEMENTS // device_count)
    for first in range(0, step_count, rows):
        yield slice(first, min(first + rows, step_count))


def _tank_columns(water: TankWater, shape: tuple[int, int]) -> Columns:
    columns: Columns = {"expected_demand_liters": water.expected_liters}
    flows = {
        "requested_liters": water.requested,
        "served_liters": water.flows.served,
        "inflow_liters": water.inflow,
        "overflow_liters": water.flows.overflow,
    }
    for name, milliliters in flows.items():
        milliliters /= ML_PER_LITER
        columns[name] = milliliters
    for name in ("loaded_liters", "delivered_liters"):
        columns[name] = np.zeros(shape)
    lost = water.flows.lost
    columns["lost_liters"] = np.zeros(shape) if lost is None else lost / ML_PER_LITER
    for name in ("latitude", "longitude", "speed_kmh", "course_degrees"):
        columns[name] = np.full(shape, np.nan)
    columns["activity"] = np.full(shape, -1, dtype=np.int8)
    return columns


def _truck_columns(group: Group, water: TruckWater) -> Columns:
    columns: Columns = travel_columns(group, water)
    for name in ("loaded", "delivered", "lost"):
        columns[f"{name}_liters"] = getattr(water.flows, name) / ML_PER_LITER
    stationary = (
        "expected_demand_liters",
        "requested_liters",
        "served_liters",
        "inflow_liters",
        "overflow_liters",
    )
    return columns | {name: np.zeros(water.flows.volume.shape) for name in stationary}


class _Reporter:
    """Fills the reported columns of one group, a block of steps at a time."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._seconds = group.grid.seconds
        self._capacity_ml = group.capacity_ml
        self._empty_mm = group.reservoir_values("sensor_empty_distance_mm")
        self._full_mm = group.reservoir_values("sensor_full_distance_mm")
        self._is_lying = np.array([tank.shape == "lying_cylinder" for tank in group.reservoirs])
        self._noise_mm = group.values("reading_noise_mm")
        self._slosh_mm = group.values("slosh_noise_mm") if group.is_mobile else None
        self._no_echo_prob = group.values("no_echo_prob")
        self._any_missing = sensor.any_missing_threshold(self._no_echo_prob)
        self._row_keys, self._echo_keys = group.keys("row"), group.keys("echo")
        self._row_ticks = [ticks(self._seconds, slot)[:, None] for slot in range(_NOISE_WORDS)]
        self._fast_signal_db = (group.values("signal_sigma_db") * (1 - radio.SLOW_SHARE) ** 0.5).astype(
            np.float32
        )
        self._build_lattices(group)

    def _build_lattices(self, group: Group) -> None:
        """Prepare slow processes at full hours, with the change to the next hour."""
        hours = group.grid.hour_starts()
        hours = np.append(hours, hours[-1] + SECONDS_PER_HOUR)
        self._first_hour = int(hours[0])
        temperature = climate.temperature_by_hour_c(
            hours,
            keys=group.keys("climate"),
            mean_c=group.values("temperature_mean_c"),
            daily_amplitude_c=group.values("temperature_daily_amplitude_c"),
        )
        signal = radio.signal_by_hour_dbm(
            hours,
            keys=group.keys("radio"),
            mean_dbm=group.values("signal_mean_dbm"),
            sigma_db=group.values("signal_sigma_db"),
        )
        kinds = [str(device.values["battery_kind"]) for device in group.devices]
        battery = power.battery_by_hour_pct(hours, keys=group.keys("power"), kinds=kinds)
        self._temperature, self._temperature_change = temperature, np.diff(temperature, axis=0)
        self._signal, self._signal_change = signal, np.diff(signal, axis=0)
        self._battery = np.clip(np.rint(battery), 0, 100).astype(np.int16)

    def fill(
        self, columns: Columns, block: slice, volume_ml: F64, is_moving: npt.NDArray[np.bool_] | None
    ) -> None:
        """Write the reported columns of a block of steps."""
        seconds = self._seconds[block]
        noise, spare = self._noise(block)
        fraction = volume_ml / self._capacity_ml
        np.multiply(fraction, 100.0, out=columns["level_pct"][block])
        np.divide(volume_ml, ML_PER_LITER, out=columns["volume_liters"][block])
        self._fill_readings(columns, block, fraction, noise[:READING_COUNT], spare, is_moving)
        self._fill_slow(columns, block, noise[READING_COUNT], noise[READING_COUNT + 1])
        clock = columns["local_timestamp_ms"][block]
        np.subtract((seconds * 1000 - _LATENCY_MIN_MS)[:, None], spare & _LATENCY_MASK, out=clock)

    def _noise(self, block: slice) -> tuple[list[F32], npt.NDArray[np.uint32]]:
        """Seven standard normals and one spare 32-bit word for each row."""
        words = [draws(self._row_ticks[slot][block], self._row_keys) for slot in range(_NOISE_WORDS)]
        pairs = [normals(word) for word in words]
        flat = [half for pair in pairs for half in (pair[:, ::2], pair[:, 1::2])]
        spare = words[-1].view(np.uint32)[:, 1::2]
        return flat[:-1], spare

    def _fill_readings(
        self,
        columns: Columns,
        block: slice,
        fraction: F64,
        noise: list[F32],
        spare: npt.NDArray[np.uint32],
        is_moving: npt.NDArray[np.bool_] | None,
    ) -> None:
        distance = sensor.surface_distance_mm(
            fraction, empty_mm=self._empty_mm, full_mm=self._full_mm, is_lying_cylinder=self._is_lying
        )
        noise_mm = self._noise_mm
        if is_moving is not None and self._slosh_mm is not None:
            noise_mm = np.where(is_moving, np.sqrt(noise_mm**2 + self._slosh_mm**2), noise_mm)
        readings = sensor.raw_readings_mm(distance, noise, noise_mm)
        level = sensor.measured_level_pct(readings, empty_mm=self._empty_mm, full_mm=self._full_mm)
        self._drop_echoes(readings, level, spare, self._seconds[block])
        for name, reading in zip(RAW_COLUMNS, readings, strict=True):
            columns[name][block] = reading
        columns["measured_level_pct"][block] = level

    def _drop_echoes(
        self,
        readings: list[npt.NDArray[np.int32]],
        level: F64,
        spare: npt.NDArray[np.uint32],
        seconds: npt.NDArray[np.int64],
    ) -> None:
        row, device = np.nonzero(spare < self._any_missing)
        if not len(row):
            return
        missing = sensor.missing_readings(seconds[row], self._echo_keys[device], self._no_echo_prob[device])
        values = np.stack([reading[row, device] for reading in readings], axis=1)
        values[missing] = NO_ECHO_MM
        for index, reading in enumerate(readings):
            reading[row, device] = values[:, index]
        level[row, device] = sensor.measured_level_pct_partial(
            values, empty_mm=self._empty_mm[device], full_mm=self._full_mm[device]
        )

    def _fill_slow(self, columns: Columns, block: slice, temperature_noise: F32, signal_noise: F32) -> None:
        since = self._seconds[block] - self._first_hour
        hour, share = since // SECONDS_PER_HOUR, (since % SECONDS_PER_HOUR / SECONDS_PER_HOUR)[:, None]
        value = self._temperature_change[hour]
        value *= share
        value += self._temperature[hour]
        value += temperature_noise * np.float32(climate.NOISE_SIGMA_C)
        value *= 10.0
        np.rint(value, out=value)
        value += 0.0  # minus zero becomes zero
        np.divide(value, 10.0, out=columns["temperature_c"][block])
        value = self._signal_change[hour]
        value *= share
        value += self._signal[hour]
        value += signal_noise * self._fast_signal_db
        np.rint(value, out=value)
        columns["signal_dbm"][block] = np.clip(value, -140.0, 0.0)
        columns["battery_pct"][block] = self._battery[hour]
