"""Kinds of faults as data, and the scenario's ``faults`` block.

`FAULT_KINDS` says what each kind does, on which devices, how large it is and how long
it lasts where an entry does not say so; `docs/faults.md` is generated from it.  What a
fault does to numbers stands in `synthlab.model.faults`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeGuard

from synthlab.scenario.frozen import FrozenMapping

FaultMode = Literal["STATIONARY", "MOBILE"]

FaultKindName = Literal[
    "DUPLICATE",
    "OUT_OF_ORDER",
    "LATE",
    "GAP",
    "SEQUENCE_RESET",
    "STUCK_LEVEL",
    "MISSING_ECHOES",
    "SPIKES",
    "NOISE_BURST",
    "TEMPERATURE_SENTINEL",
    "GPS_JUMP",
    "CLOCK_RESET",
    "CLOCK_JUMP",
    "BATTERY_SWAP",
    "BATTERY_CLIFF",
    "OFFSET",
    "DRIFT",
    "THEFT",
    "LEAK",
    "BLOCKED_INLET",
]
"""The kinds, in the order of `FAULT_KINDS`."""

RATE_FIELDS = ("rate_per_day", "rate_per_month")
DAYS_PER_MONTH = 30.0
"""Assumed: a month is the bootstrap's default window."""
SECONDS_PER_DAY = 86_400
MAX_DURATION_MINUTES = 90 * 24 * 60
"""Assumed: what lasts longer than a season is no fault but the way things are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One kind of fault.

    Attributes
    ----------
    name : str
        Also what stands in the frame's column ``fault``.
    meaning : str
    modes : tuple of str
        Devices that can have it.
    duration_minutes : float
        Default; 0: one message. [min]
    size : mapping of str to float
        Default by mode; empty where a kind has no size.
    size_unit, size_meaning : str
    minimum, maximum : float
        Closed range of the size.
    provenance : str
        ``Source: …`` or ``Assumed: …``, of size and duration.
    """

    name: FaultKindName
    meaning: str
    provenance: str
    duration_minutes: float
    modes: tuple[FaultMode, ...] = ("STATIONARY", "MOBILE")
    size: Mapping[str, float] = FrozenMapping()
    size_unit: str = ""
    size_meaning: str = ""
    minimum: float = 0.0
    maximum: float = 0.0


def _size(stationary: float, mobile: float | None = None) -> Mapping[str, float]:
    return FrozenMapping({"STATIONARY": stationary, "MOBILE": stationary if mobile is None else mobile})


_KINDS = (
    FaultKind(
        name="DUPLICATE",
        meaning="a message is delivered twice, under one number",
        duration_minutes=0,
        size=_size(5),
        size_unit="s",
        size_meaning="time until it comes again",
        minimum=1,
        maximum=55,
        provenance="Assumed: a client repeats what was not acknowledged for some seconds",
    ),
    FaultKind(
        name="OUT_OF_ORDER",
        meaning="a message is overtaken by later ones",
        duration_minutes=0,
        size=_size(1),
        size_unit="messages",
        size_meaning="later messages that arrive before it",
        minimum=1,
        maximum=100,
        provenance="Assumed: two neighbours swapped, the smallest disorder there is",
    ),
    FaultKind(
        name="LATE",
        meaning="a message is buffered and received later; the device's clock tells when it was measured",
        duration_minutes=0,
        size=_size(45),
        size_unit="min",
        size_meaning="delay",
        minimum=1,
        maximum=7 * 24 * 60,
        provenance="Assumed: a radio that finds no network for a while",
    ),
    FaultKind(
        name="GAP",
        meaning="messages are lost, and so are their numbers; the row after the gap is labeled",
        duration_minutes=7 * 60,
        provenance="Source: domain facts, section 5, outages of 6..8 h at P99.9",
    ),
    FaultKind(
        name="SEQUENCE_RESET",
        meaning="the device numbers from 1 again, until it learns its number from the platform",
        duration_minutes=6 * 60,
        provenance="Assumed: a reboot without its flash, noticed within hours",
    ),
    FaultKind(
        name="STUCK_LEVEL",
        meaning="all readings stay what they were",
        duration_minutes=36 * 60,
        provenance="Source: domain facts, section 4, plateaux repeat to the millimeter for hours; "
        "Assumed: half as long again as the flat line check looks",
    ),
    FaultKind(
        name="MISSING_ECHOES",
        meaning="readings return no echo",
        duration_minutes=6 * 60,
        size=_size(80),
        size_unit="%",
        size_meaning="share of readings that are lost",
        minimum=1,
        maximum=100,
        provenance="Source: domain facts, section 4, a real sensor returned none in 64 % of its uplinks; "
        "Assumed: somewhat worse within a burst",
    ),
    FaultKind(
        name="SPIKES",
        meaning="one message's readings are far off, up or down, and right again in the next",
        duration_minutes=0,
        size=_size(20),
        size_unit="%",
        size_meaning="height, of the calibrated range",
        minimum=0.1,
        maximum=100,
        provenance="Source: domain facts, section 6, a spike fails from 10 % of the capacity; "
        "Assumed: twice that",
    ),
    FaultKind(
        name="NOISE_BURST",
        meaning="the readings of a burst scatter",
        duration_minutes=3 * 60,
        size=_size(60, 500),
        size_unit="mm",
        size_meaning="further standard deviation of a reading",
        minimum=0.1,
        maximum=2_000,
        provenance="Source: domain facts, section 6, an interquartile range of 50 mm fails; "
        "Assumed: beyond the slosh of 20..60 mm on trucks",
    ),
    FaultKind(
        name="TEMPERATURE_SENTINEL",
        meaning="the temperature is 85.0 or -127.0 °C, what its sensor says when it has none",
        duration_minutes=60,
        provenance="Source: domain facts, section 6, sentinels 85.0 and -127 °C",
    ),
    FaultKind(
        name="GPS_JUMP",
        meaning="the position is elsewhere, and right again in the next message",
        modes=("MOBILE",),
        duration_minutes=0,
        size=_size(40),
        size_unit="km",
        size_meaning="distance",
        minimum=0.01,
        maximum=5_000,
        provenance="Source: domain facts, section 6, an implied speed of 140 km/h fails; "
        "Assumed: three times that over 5 minutes",
    ),
    FaultKind(
        name="CLOCK_RESET",
        meaning="the device's clock starts at 2000-01-01",
        duration_minutes=6 * 60,
        provenance="Source: domain facts, section 6, a clock at 2000-01-01",
    ),
    FaultKind(
        name="CLOCK_JUMP",
        meaning="the device's clock is off, forward or back",
        duration_minutes=6 * 60,
        size=_size(3_600),
        size_unit="s",
        size_meaning="how far",
        minimum=1,
        maximum=10 * 365 * 86_400,
        provenance="Assumed: a wrong daylight saving rule",
    ),
    FaultKind(
        name="BATTERY_SWAP",
        meaning="a full battery is put in, and the old one back later",
        duration_minutes=2 * 24 * 60,
        provenance="Source: domain facts, section 5, then a swap",
    ),
    FaultKind(
        name="BATTERY_CLIFF",
        meaning="the charge falls at once, and comes back",
        duration_minutes=12 * 60,
        size=_size(40),
        size_unit="%",
        size_meaning="charge that is lost",
        minimum=1,
        maximum=100,
        provenance="Source: domain facts, section 6, a drop of more than 10 % a day; Assumed: a failing cell",
    ),
    FaultKind(
        name="OFFSET",
        meaning="after a knock the sensor reads too near or too far, until somebody sets it right",
        duration_minutes=3 * 24 * 60,
        size=_size(150, 300),
        size_unit="mm",
        size_meaning="distance",
        minimum=0.1,
        maximum=5_000,
        provenance="Assumed: a bracket that is bent; found within days",
    ),
    FaultKind(
        name="DRIFT",
        meaning="the readings move away steadily, up or down, until somebody cleans the sensor",
        modes=("STATIONARY",),
        duration_minutes=5 * 24 * 60,
        size=_size(60),
        size_unit="mm/day",
        size_meaning="speed",
        minimum=0.1,
        maximum=5_000,
        provenance="Assumed: dirt on the membrane",
    ),
    FaultKind(
        name="THEFT",
        meaning="water is taken at once, where at least a quarter of it is left; it is in lost_liters",
        duration_minutes=20,
        size=_size(15, 25),
        size_unit="%",
        size_meaning="of the capacity",
        minimum=0.1,
        maximum=100,
        provenance="Assumed: some barrels from a tank, a neighbour's tank from a truck",
    ),
    FaultKind(
        name="LEAK",
        meaning="water runs out steadily; it is in lost_liters",
        modes=("STATIONARY",),
        duration_minutes=3 * 24 * 60,
        size=_size(15),
        size_unit="liters/h",
        size_meaning="flow",
        minimum=0.01,
        maximum=10_000,
        provenance="Assumed: a burst fitting, two thirds of a household's mean use",
    ),
    FaultKind(
        name="BLOCKED_INLET",
        meaning="supply does not reach the tank; inflow_liters are smaller",
        modes=("STATIONARY",),
        duration_minutes=21 * 24 * 60,
        size=_size(100),
        size_unit="%",
        size_meaning="share of the inflow that is kept out",
        minimum=1,
        maximum=100,
        provenance="Assumed: a float valve that hangs until somebody looks; longer than the pauses of "
        "irregular supply",
    ),
)

FAULT_KINDS: Mapping[str, FaultKind] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""Every kind by name, in the order of precedence: where two act on one row, the first names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """One entry of the block, as the engine needs it.

    Attributes
    ----------
    kind : str
    ordinal : int
        Which of the entries of this kind it is; so an entry of another kind changes
        none of its draws.
    device_ids : frozenset of str or None
        None: every device of a fitting mode.
    modes : tuple of str
    rate_per_day : float
        Episodes that begin in a day, per device; 0 where they are scheduled. [1/day]
    at_seconds : tuple of int
        Scheduled beginnings, Unix time, ascending. [seconds]
    duration_seconds : int
        0: one message. [seconds]
    size : mapping of str to float
        By mode, in the kind's unit; 0 where it has none.
    """

    kind: str
    ordinal: int
    device_ids: frozenset[str] | None
    modes: tuple[str, ...]
    rate_per_day: float
    at_seconds: tuple[int, ...]
    duration_seconds: int
    size: Mapping[str, float]

    def acts_on(self, device_id: str, mode: str) -> bool:
        """Tell whether a device can have it."""
        return mode in self.modes and (self.device_ids is None or device_id in self.device_ids)


def fault_plans(entries: Sequence[Any]) -> tuple[FaultPlan, ...]:
    """Fill in every default of a scenario's ``faults``.

    Parameters
    ----------
    entries : sequence of FaultEntry
    """
    from synthlab.timeline import parse_at, to_unix_second

    seen: dict[str, int] = {}
    plans = []
    for entry in entries:
        kind = FAULT_KINDS[entry.kind]
        seen[kind.name] = seen.get(kind.name, 0) + 1
        rate = entry.rate_per_day or (entry.rate_per_month or 0.0) / DAYS_PER_MONTH
        minutes = kind.duration_minutes if entry.duration_minutes is None else entry.duration_minutes
        sizes: dict[str, float] = {
            mode: kind.size.get(mode, 0.0) if entry.size is None else entry.size for mode in kind.modes
        }
        plans.append(
            FaultPlan(
                kind=kind.name,
                ordinal=seen[kind.name],
                device_ids=frozenset(entry.devices) if entry.devices else None,
                modes=kind.modes,
                rate_per_day=rate,
                at_seconds=tuple(sorted({to_unix_second(parse_at(at, name="at")) for at in entry.at or ()})),
                duration_seconds=round(minutes * 60),
                size=FrozenMapping(sizes),
            )
        )
    return tuple(plans)


Broken = tuple[tuple[str | int, ...], str, str, Any]
"""Place within the entry, rule, remedy, and value, of which None is "nothing"."""


def entry_faults(entry: Mapping[str, Any], modes: Mapping[str, str] | None) -> Iterator[Broken]:
    """Yield every broken rule between the fields of one entry.

    Parameters
    ----------
    entry : mapping
        Plain data; what has a wrong type is passed over.
    modes : mapping of str to str, or None
        Mode by device id; None where the devices are not known.
    """
    yield from _time_faults(entry)
    name = entry.get("kind")
    kind = FAULT_KINDS.get(name.upper()) if isinstance(name, str) and name.isascii() else None
    if kind is None:
        return
    size = entry.get("size")
    if _is_number(size):
        if not kind.size:
            yield ("size",), f"is not for {kind.name}, which has no size", "Remove it", size
        elif not kind.minimum <= size <= kind.maximum:
            span = f"{kind.minimum:g}..{kind.maximum:g} [{kind.size_unit}]"
            default = " / ".join(f"{value:g}" for value in dict.fromkeys(kind.size.values()))
            yield (
                ("size",),
                f"must be {span} for {kind.name}",
                f"It is the {kind.size_meaning}, {default} by default",
                size,
            )
    devices = entry.get("devices")
    if modes is not None:
        yield from _device_faults(kind, devices if isinstance(devices, list | tuple) else None, modes)


def _time_faults(entry: Mapping[str, Any]) -> Iterator[Broken]:
    given = [name for name in (*RATE_FIELDS, "at") if entry.get(name) is not None]
    if len(given) != 1:
        remedy = "Say how often, by rate_per_day or rate_per_month, or when, by at"
        yield (), "needs exactly one of rate_per_day, rate_per_month and at", remedy, ", ".join(given) or None


def _device_faults(
    kind: FaultKind, devices: Sequence[Any] | None, modes: Mapping[str, str]
) -> Iterator[Broken]:
    from synthlab.scenario.nearest import advice

    if devices is None:
        if not any(mode in kind.modes for mode in modes.values()):
            rule = f"{kind.name} is for mode {' or '.join(kind.modes)}, and no device has it"
            yield ("kind",), rule, "Remove the entry, or add such a device", kind.name
        return
    for index, name in enumerate(devices):
        if not isinstance(name, str):
            continue
        mode = modes.get(name.upper() if name.isascii() else name)
        place = ("devices", index)
        if mode is None:
            yield place, "must name one of the devices", advice(name, list(modes)), name
        elif mode not in kind.modes:
            rule = f"is {mode}, and {kind.name} is for mode {' or '.join(kind.modes)}"
            yield place, rule, "Name another device, or another kind", name


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
