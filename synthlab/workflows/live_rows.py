"""The rows of a live stream, a few at a time, from where the history ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isnan
from typing import TYPE_CHECKING, Any

from synthlab.columns import ML_PER_LITER
from synthlab.errors import Problem, UsageError
from synthlab.timeline import format_at, from_unix_second, parse_at, to_unix_second
from synthlab.workflows.live_faults import in_order_of_arrival

if TYPE_CHECKING:
    from synthlab.calibration import Reservoir
    from synthlab.engine import Checkpoint, DeviceCheckpoint
    from synthlab.engine.faults import Origins
    from synthlab.payload import Emission
    from synthlab.scenario.faults import FaultPlan
    from synthlab.scenario.resolve import DeviceParameters
    from synthlab.sequence import StateSnapshot

# Assumed: rows simulated at once where nobody sees them; bounds the memory.
SILENT_ROWS = 200_000
# What a row shows of its device besides the payload.
_SHOWN = ("level_pct", "volume_liters", "latitude", "longitude")


@dataclass(frozen=True, slots=True)
class LiveRow:
    """One message to be sent, and where its device stands after it.

    Attributes
    ----------
    device_id : str
    seq : int
        Its true number; a fault may have it report another. 0 for a silent step.
    at_second : int
        Simulated Unix time. [seconds]
    level_pct : float
        [percent]
    volume_liters : float
        [liters]
    payload : bytes or None
        None: a fault lost the message, or holds it back; its time passes in silence.
    checkpoint : dict or None
        As the state file keeps it; None: it moves none.
    latitude, longitude : float or None
        None for stationary devices, and while a receiver has no fix. [°]
    step_count : int
        Steps that pass with it: 1, or 0 for a message that comes again or comes late.
    """

    device_id: str
    seq: int
    at_second: int
    level_pct: float
    volume_liters: float
    payload: bytes | None
    checkpoint: Mapping[str, Any] | None
    latitude: float | None = None
    longitude: float | None = None
    step_count: int = 1


class LiveRows:
    """Simulates on from the checkpoints of a state file, at each device's cadence.

    Parameters
    ----------
    parameters : sequence of DeviceParameters
    reservoirs : mapping of str to Reservoir
    seed : int
    state : StateSnapshot
    now_second : int
        Where a device without a checkpoint begins. [seconds]
    faults : sequence of FaultPlan, optional
    start_at : "now" or datetime or str, optional
        Pass over, without a message, what lies before; by default nothing is.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: `start_at` lies before the end of the history.
    """

    def __init__(
        self,
        parameters: Sequence[DeviceParameters],
        reservoirs: Mapping[str, Reservoir],
        *,
        seed: int,
        state: StateSnapshot,
        now_second: int,
        faults: Sequence[FaultPlan] = (),
        start_at: datetime | str | None = None,
    ) -> None:
        from synthlab.engine import Checkpoint

        self._history_steps = {device.device_id: device for device in parameters}
        self.devices = {
            device.device_id: replace(device, step_seconds=device.cadence_seconds) for device in parameters
        }
        self._reservoirs = reservoirs
        self._seed = seed
        self._faults = tuple(faults)
        self._late: dict[str, list[tuple[int, LiveRow]]] = {}
        kept = state.checkpoint()
        known = {name: kept[name] for name in self.devices if name in kept}
        record = {**Checkpoint(seed, {}).to_dict(), "devices": known}
        self._stands: dict[str, DeviceCheckpoint] = dict(Checkpoint.from_dict(record).devices)
        self._start_second = now_second
        for name in known:
            # A run that was killed may have sent rows up to here.
            taken = state.resume_second(name)
            if taken is not None:
                self._pass_over([name], taken, self.devices)
        self._skip_to(start_at, now_second)

    def next_second(self, device_id: str) -> int:
        """Return the simulated time of a device's next message, in seconds of Unix time."""
        stands = self._stands.get(device_id)
        return self._start_second if stands is None else stands.next_second

    def until_seconds(self, counts: Mapping[str, int]) -> dict[str, int]:
        """Return the simulated time of the last of so many next messages, by device."""
        return {
            name: self.next_second(name) + (count - 1) * self.devices[name].cadence_seconds
            for name, count in counts.items()
        }

    def take(self, counts: Mapping[str, int], first_seq: Mapping[str, int]) -> dict[str, list[LiveRow]]:
        """Simulate the next rows of some devices.

        Parameters
        ----------
        counts : mapping of str to int
            How many rows each device needs.
        first_seq : mapping of str to int
            The number of each device's first row.
        """
        rows: dict[str, list[LiveRow]] = {name: [] for name in counts}
        for until, names in _by_value(self.until_seconds(counts)).items():
            made, origins = self._simulated(names, until, first_seq)
            if origins is None:
                for _, row in made:
                    rows[row.device_id].append(row)
                continue
            self._late, found = in_order_of_arrival(made, origins, self._late, names, until)
            for name in names:
                rows[name] += found[name]
        return rows

    def held_back(self) -> dict[str, tuple[LiveRow, ...]]:
        """Return the late messages that nobody has been given yet, by device."""
        return {name: tuple(row for _, row in late) for name, late in self._late.items() if late}

    def _simulated(
        self, names: list[str], until: int, first_seq: Mapping[str, int]
    ) -> tuple[list[tuple[int, LiveRow]], Origins | None]:
        """Return messages with the time of their receipt in milliseconds."""
        from synthlab.engine import DeviceCheckpoint, simulate
        from synthlab.payload import emissions, encode_payload

        made = simulate(
            [self.devices[name] for name in names],
            self._reservoirs,
            seed=self._seed,
            start_second=self._start_second,
            end_second=until,
            first_seq=first_seq,
            checkpoint=self._checkpoint(names),
            faults=self._faults,
        )
        self._stands |= {name: made.checkpoint.devices[name] for name in names}
        origins = made.origins
        shown = [made.frame[name].tolist() for name in _SHOWN]
        rows = []
        zipped = zip(emissions(made.frame), *shown, strict=True)
        for index, (emission, level, volume, *place) in enumerate(zipped):
            received_ms = round(emission.received_at.timestamp() * 1_000)
            at_second, seq = received_ms // 1_000, emission.seq
            held: tuple[int, ...] = ()
            if origins is not None:
                at_second, seq = int(origins.seconds[index]), int(origins.seqs[index])
                held = _readings(emission) if origins.is_stuck[index] else ()
            stands = DeviceCheckpoint(
                at_second,
                self.devices[emission.device_id].step_seconds,
                seq,
                # The engine's own rule: the volume in liters came from whole milliliters.
                float(round(volume * ML_PER_LITER)),
                held,
            ).to_dict()
            payload = encode_payload(emission.payload)
            latitude, longitude = (None if isnan(degrees) else degrees for degrees in place)
            row = LiveRow(
                device_id=emission.device_id,
                seq=seq,
                at_second=at_second,
                level_pct=level,
                volume_liters=volume,
                payload=payload,
                checkpoint=stands,
                latitude=latitude,
                longitude=longitude,
            )
            rows.append((received_ms, row))
        return rows, origins

    def _checkpoint(self, names: list[str]) -> Checkpoint:
        from synthlab.engine import Checkpoint

        return Checkpoint(self._seed, {name: self._stands[name] for name in names if name in self._stands})

    def _skip_to(self, start_at: datetime | str | None, now_second: int) -> None:
        if start_at is None:
            return
        target = now_second if start_at == "now" else to_unix_second(parse_at(start_at, name="start_at"))
        ahead = [name for name, stands in self._stands.items() if stands.at_second > target]
        if ahead and start_at != "now":
            stands_at = format_at(from_unix_second(self._stands[ahead[0]].at_second))
            raise UsageError(
                Problem(
                    "BAD_ARGUMENT",
                    f"must not lie before {stands_at}, where {ahead[0]} stands: its history and whatever a "
                    "run may have sent end there",
                    path="start_at",
                    value=format_at(from_unix_second(target)),
                    remedy="Leave it out to go on from there, or use another state file",
                )
            )
        self._start_second = target
        names = [name for name in self._stands if name not in ahead]
        if names:
            # The long way in the history's wide steps, the rest in the device's own.
            widest = max(self._history_steps[name].step_seconds for name in names)
            self._pass_over(names, target - widest, self._history_steps)
            self._pass_over(names, target, self.devices)

    def _pass_over(self, names: list[str], target: int, devices: Mapping[str, DeviceParameters]) -> None:
        """Simulate up to and including a time, without keeping a row."""
        from synthlab.engine import simulate

        behind = [name for name in names if self._stands[name].next_second <= target]
        while behind:
            step = max(devices[name].step_seconds for name in behind)
            begin = min(self._stands[name].next_second for name in behind)
            end = min(target, begin + step * max(1, SILENT_ROWS // len(behind)))
            made = simulate(
                [devices[name] for name in behind],
                self._reservoirs,
                seed=self._seed,
                start_second=begin,
                end_second=end,
                checkpoint=self._checkpoint(behind),
                faults=self._faults,
            )
            self._stands |= {name: made.checkpoint.devices[name] for name in behind}
            behind = [name for name in behind if self._stands[name].next_second <= target]


def _readings(emission: Emission) -> tuple[int, ...]:
    return tuple(emission.payload["sensors"]["ultrasonic"]["raw_readings"])


def _by_value(mapping: Mapping[str, int]) -> dict[int, list[str]]:
    grouped: dict[int, list[str]] = {}
    for name, value in mapping.items():
        grouped.setdefault(value, []).append(name)
    return grouped
