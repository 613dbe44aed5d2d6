"""What the hardware of a group's devices makes of the truth, a block of steps at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from synthlab.calibration import shape_curve
from synthlab.columns import ML_PER_LITER, RAW_COLUMNS, READING_COUNT
from synthlab.engine.group import Group
from synthlab.model import climate, echoes, power, radio, sensor
from synthlab.randomness import F32, draws, normals, ticks
from synthlab.timeline import SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
Columns = dict[str, npt.NDArray[Any]]

# A message needs a while from the device's clock to the server. Assumed: .2 to 1.2 s.
_LATENCY_MIN_MS, _LATENCY_MASK = 200, np.uint64(1023)
_NOISE_WORDS = 4
_SECONDS_PER_MINUTE = 60
_MAX_WORD = np.uint64(2**32 - 1)
_HALF_BITS = np.uint64(32)
_DISTURB_COUNT = 16_384
"""Rows in doubt that are looked at together. Source: measured; their arrays stay in the cache."""


class Hardware:
    """Sensor, battery, radio and clock of the devices of one group."""

    def __init__(self, group: Group) -> None:
        self._grid = group.grid
        self._seconds = group.grid.seconds
        self._capacity_ml = group.capacity_ml
        self._empty_mm = group.reservoir_values("sensor_empty_distance_mm")
        self._full_mm = group.reservoir_values("sensor_full_distance_mm")
        curves = [(index, shape_curve(tank)) for index, tank in enumerate(group.reservoirs)]
        self._curves = {index: curve for index, curve in curves if curve is not None}
        self._compensation = group.values("temperature_compensation_fraction")
        self._row_keys = group.keys("row")
        self._row_ticks = [ticks(self._seconds, slot)[:, None] for slot in range(_NOISE_WORDS)]
        self._build_noise(group)
        self._build_lattices(group)
        self._build_echoes(group)

    def _build_noise(self, group: Group) -> None:
        noise = group.values("reading_noise_mm")
        filling = noise * group.values("filling_noise_factor")
        slosh = group.values("slosh_noise_mm") if group.is_mobile else np.zeros(len(noise))
        moving = np.sqrt(noise**2 + slosh**2)
        self._noise_mm, self._filling_noise_mm, self._moving_noise_mm = (
            sigma.astype(np.float32) for sigma in (noise, filling, moving)
        )
        self._reporting = sensor.Reporting(
            blind_zone_mm=group.values("blind_zone_mm"),
            resolution_mm=group.values("reading_resolution_mm"),
            is_exact=(filling == 0) & (moving == 0),
        )

    def _build_lattices(self, group: Group) -> None:
        """Prepare slow processes at full hours, with the change to the next hour."""
        hours = group.grid.hour_starts()
        hours = np.append(hours, hours[-1] + SECONDS_PER_HOUR)
        self._first_hour = int(hours[0])
        self._days = climate.days_of(hours)
        self._weather = climate.weather_by_day(self._days, keys=group.keys("climate"))
        temperature = climate.temperature_by_hour_c(
            hours,
            weather=self._weather,
            mean_c=group.values("temperature_mean_c"),
            daily_amplitude_c=group.values("temperature_daily_amplitude_c"),
        )
        site = radio.site_signal(
            group.keys("site"),
            mean_dbm=group.values("signal_mean_dbm"),
            sigma_db=group.values("signal_sigma_db"),
            hour_correlation=group.values("signal_hour_correlation"),
            site_spread=group.values("signal_site_spread"),
        )
        self._fast_signal_db = site.fast_sigma_db.astype(np.float32)
        if group.is_mobile:
            moving = radio.moving_sigma_db(site, group.values("signal_moving_sigma_db"))
            self._moving_signal_db = moving.astype(np.float32)
        signal = radio.signal_by_hour_dbm(hours, keys=group.keys("radio"), signal=site)
        battery = power.Battery(
            kind=np.array([str(device.values["battery_kind"]) for device in group.devices]),
            solar_mean_pct=group.values("battery_solar_mean_pct"),
            solar_sigma_pct=group.values("battery_solar_sigma_pct"),
            swap_days=group.values("battery_swap_days"),
            drain_pct_per_day=group.values("battery_drain_pct_per_day"),
        )
        charge = power.battery_by_hour_pct(hours, keys=group.keys("power"), battery=battery)
        self._temperature, self._temperature_change = temperature, np.diff(temperature, axis=0)
        self._signal, self._signal_change = signal, np.diff(signal, axis=0)
        self._battery = np.clip(np.rint(charge), 0, 100).astype(np.int16)

    def _build_echoes(self, group: Group) -> None:
        """Prepare what may happen to readings, and draw the episodes in which more does."""
        self._echo_keys = group.keys("echo")
        self._echoes = echoes.EchoParameters(
            no_echo_prob=group.values("no_echo_prob"),
            multipath_prob=group.values("multipath_prob"),
            false_target_prob=group.values("false_target_prob"),
            burst_no_echo_prob=group.values("echo_burst_no_echo_prob"),
            condensation_no_echo_prob=group.values("condensation_no_echo_prob"),
            condensation_near_prob=group.values("condensation_near_prob"),
            multipath_max_mm=group.values("multipath_max_mm"),
            false_target_mm=group.values("false_target_mm"),
            plateau_step_mm=group.values("plateau_step_mm"),
            blind_zone_mm=self._reporting.blind_zone_mm,
            resolution_mm=self._reporting.resolution_mm,
        )
        bound = echoes.any_bound(self._echoes.any_prob)
        # A bound of 2^32 fits no 32-bit word; it means all of them.
        self._is_any_sure = bound > _MAX_WORD
        # The spare half is the upper one: whole words are compared, which lie side by side.
        self._any_bound = np.minimum(bound, _MAX_WORD).astype(np.uint64) << _HALF_BITS
        self._chosen: list[tuple[npt.NDArray[np.int64], F64]] = []
        self._chosen_count = 0
        nights = echoes.condensation_nights(
            keys=group.keys("condensation"),
            days=self._days,
            weather=self._weather,
            night_prob=group.values("condensation_night_prob"),
            mean_seconds=group.values("condensation_hours") * SECONDS_PER_HOUR,
        )
        self._states = echoes.echo_states(
            group.grid,
            burst_keys=group.keys("burst"),
            bursts_per_day=group.values("echo_bursts_per_day"),
            burst_seconds=group.values("echo_burst_minutes") * _SECONDS_PER_MINUTE,
            plateau_keys=group.keys("plateau"),
            plateaus_per_day=group.values("plateaus_per_day"),
            plateau_seconds=group.values("plateau_hours") * SECONDS_PER_HOUR,
            nights=nights,
        )

    def report(
        self,
        columns: Columns,
        block: slice,
        volume_ml: F64,
        is_filling: Bools,
        is_moving: Bools | None,
    ) -> None:
        """Write the reported columns of a block of steps.

        Parameters
        ----------
        columns : dict of str to ndarray
            Written to.
        block : slice
            Steps of the grid.
        volume_ml : ndarray of float64, shape (n_steps, n_devices)
            Content at the end of each step. [milliliters]
        is_filling : ndarray of bool
            Whether water comes in during the step.
        is_moving : ndarray of bool or None
            Whether the truck drives; None for tanks.
        """
        noise, spare = self._noise(block)
        fraction = volume_ml / self._capacity_ml
        np.multiply(fraction, 100.0, out=columns["level_pct"][block])
        np.divide(volume_ml, ML_PER_LITER, out=columns["volume_liters"][block])
        air = self._air_temperature(block)
        distance = self._distance_mm(fraction, air)
        noise_mm = np.where(is_filling, self._filling_noise_mm, self._noise_mm)
        if is_moving is not None:
            noise_mm = np.where(is_moving, self._moving_noise_mm, noise_mm)
        self._fill_readings(columns, block, distance, noise_mm, noise[:READING_COUNT])
        self._choose(columns, block, distance, spare)
        self._fill_temperature(columns, block, air, noise[READING_COUNT])
        self._fill_signal(columns, block, noise[READING_COUNT + 1], is_moving)
        columns["battery_pct"][block] = self._battery[self._hour_and_share(block)[0]]
        clock = columns["local_timestamp_ms"][block]
        sent = (self._seconds[block] * 1000 - _LATENCY_MIN_MS)[:, None]
        late = spare >> _HALF_BITS
        late &= _LATENCY_MASK
        np.subtract(sent, late.view(np.int64), out=clock)

    def _noise(self, block: slice) -> tuple[list[F32], npt.NDArray[np.uint64]]:
        """Seven standard normals for each row, and a word whose upper half is spare."""
        words = [draws(self._row_ticks[slot][block], self._row_keys) for slot in range(_NOISE_WORDS)]
        pairs = [normals(word) for word in words]
        flat = [half for pair in pairs for half in (pair[:, ::2], pair[:, 1::2])]
        return flat[:-1], words[-1]

    def _hour_and_share(self, block: slice) -> tuple[npt.NDArray[np.int64], F64]:
        since = self._seconds[block] - self._first_hour
        return since // SECONDS_PER_HOUR, (since % SECONDS_PER_HOUR / SECONDS_PER_HOUR)[:, None]

    def _air_temperature(self, block: slice) -> F64:
        hour, share = self._hour_and_share(block)
        value: F64 = self._temperature_change[hour]
        value *= share
        value += self._temperature[hour]
        return value

    def _distance_mm(self, fraction: F64, air_c: F64) -> F64:
        distance = sensor.surface_distance_mm(
            fraction, empty_mm=self._empty_mm, full_mm=self._full_mm, curves=self._curves
        )
        return sensor.sounded_distance_mm(distance, air_c, self._compensation)

    def _fill_readings(
        self, columns: Columns, block: slice, distance: F64, noise_mm: F32, noise: list[F32]
    ) -> None:
        readings = [columns[name][block] for name in RAW_COLUMNS]
        sensor.raw_readings_mm(distance, noise, noise_mm, self._reporting, out=readings)
        columns["measured_level_pct"][block] = sensor.measured_level_pct(
            readings, empty_mm=self._empty_mm, full_mm=self._full_mm
        )

    def _choose(self, columns: Columns, block: slice, distance: F64, spare: npt.NDArray[np.uint64]) -> None:
        """Note the rows whose readings something happens to, for `disturb`."""
        is_chosen = spare < self._any_bound
        if self._is_any_sure.any():
            is_chosen |= self._is_any_sure
        if self._states is not None:
            is_chosen |= self._states[block] > 0
        places = np.flatnonzero(is_chosen)
        self._chosen.append((places + block.start * is_chosen.shape[1], distance.ravel()[places]))
        self._chosen_count += len(places)
        if self._chosen_count >= _DISTURB_COUNT:
            self.disturb(columns)

    def disturb(self, columns: Columns) -> None:
        """Let happen to the readings of the reported rows what may; to be called at the end, too.

        Rows in doubt are few: the blocks only note them, because arrays of some hundred
        of them would cost more in calls than in work.
        """
        if not self._chosen_count:
            return
        place, distance = (np.concatenate(part) for part in zip(*self._chosen, strict=True))
        self._chosen, self._chosen_count = [], 0
        row = place // len(self._empty_mm)
        device = place - row * len(self._empty_mm)
        readings = [columns[name].reshape(-1) for name in RAW_COLUMNS]
        values = np.stack([reading[place] for reading in readings], axis=1)
        echoes.disturb(
            values,
            distance,
            np.zeros(len(row), np.uint8) if self._states is None else self._states.reshape(-1)[place],
            device,
            seconds=self._seconds[row],
            keys=self._echo_keys,
            parameters=self._echoes,
        )
        for index, reading in enumerate(readings):
            reading[place] = values[:, index]
        columns["measured_level_pct"].reshape(-1)[place] = sensor.measured_level_pct_partial(
            values, empty_mm=self._empty_mm[device], full_mm=self._full_mm[device]
        )

    def _fill_temperature(self, columns: Columns, block: slice, air_c: F64, noise: F32) -> None:
        air_c += noise * np.float32(climate.NOISE_SIGMA_C)
        air_c *= 10.0
        np.rint(air_c, out=air_c)
        air_c += 0.0  # minus zero becomes zero
        np.divide(air_c, 10.0, out=columns["temperature_c"][block])

    def _fill_signal(self, columns: Columns, block: slice, noise: F32, is_moving: Bools | None) -> None:
        hour, share = self._hour_and_share(block)
        fast = self._fast_signal_db
        if is_moving is not None:
            fast = np.where(is_moving, self._moving_signal_db, fast)
        value = self._signal_change[hour]
        value *= share
        value += self._signal[hour]
        value += noise * fast
        np.rint(value, out=value)
        columns["signal_dbm"][block] = np.clip(value, -140.0, 0.0, out=value)
