"""The telemetry frame: name, dtype, unit and meaning of every column.

One row is one emission, sorted by ``received_at``, then ``device_id``.  This is
the frame's only definition: `docs/nomenclature.md` is generated from it, and the
CSV artifact writes each float with the decimals given here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

READING_COUNT = 5
"""Raw readings in one emission. Source: platform contract, `raw_readings` "usually 5"."""

ACTIVITIES = ("TRAVEL", "BASE", "REFILL", "CLIENT", "IDLE")
"""What a truck does during a step; null for stationary devices."""

ML_PER_LITER = 1_000
"""Volumes are whole milliliters, so that sums are exact in any order. Assumed: finer than any meter."""

LOST_SEQ = "lost_seq"
"""What `DataFrame.attrs` calls a `LostSeq`, and a manifest the numbers of a device."""


class LostSeq(dict[str, tuple[tuple[int, int], ...]]):
    """Numbers of messages that the network lost, as closed ranges by device, carried by a frame.

    pandas copies ``attrs`` with every frame that it makes; this never changes, so one is
    enough for all.
    """

    def __deepcopy__(self, _memo: object) -> LostSeq:
        return self


Kind = Literal["text", "category", "int", "float", "time"]
Origin = Literal["identity", "reported", "derived", "truth"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the telemetry frame.

    Attributes
    ----------
    name : str
    dtype : str
        pandas dtype in the frame.
    kind : {"text", "category", "int", "float", "time"}
    unit : str
        Empty where the column has none.
    meaning : str
    origin : {"identity", "reported", "derived", "truth"}
        Who knows it: the message itself, the device's report, the platform, or
        only the simulation.
    decimals : int or None
        Digits after the point in the CSV; None for other kinds.
    is_nullable : bool
    """

    name: str
    dtype: str
    kind: Kind
    unit: str
    meaning: str
    origin: Origin
    decimals: int | None = None
    is_nullable: bool = False


def _liters(name: str, meaning: str, *, decimals: int = 3) -> Column:
    return Column(name, "float64", "float", "liters", meaning, "truth", decimals=decimals)


def _location(name: str, unit: str, meaning: str, decimals: int) -> Column:
    return Column(name, "float64", "float", unit, meaning, "reported", decimals=decimals, is_nullable=True)


COLUMNS: tuple[Column, ...] = (
    Column("device_id", "category", "category", "", "device, uppercase", "identity"),
    Column("seq", "int64", "int", "", "sequence number of the message, rising by 1 per device", "identity"),
    Column(
        "received_at",
        "datetime64[ms, UTC]",
        "time",
        "UTC",
        "server time of receipt; the grid point. The step of a row is the step_seconds that begin here",
        "identity",
    ),
    Column("local_timestamp_ms", "int64", "int", "ms", "device clock, Unix epoch", "reported"),
    *(
        Column(
            f"raw_mm_{i}",
            "int32",
            "int",
            "mm",
            f"raw reading {i}: distance reported, -1 = no echo",
            "reported",
        )
        for i in range(READING_COUNT)
    ),
    Column(
        "measured_level_pct",
        "float64",
        "float",
        "%",
        "level that ingestion derives from the readings; null where none is valid",
        "derived",
        decimals=6,
        is_nullable=True,
    ),
    Column("temperature_c", "float64", "float", "°C", "temperature at the sensor", "reported", decimals=1),
    Column("battery_pct", "int16", "int", "%", "battery charge", "reported"),
    Column("signal_dbm", "int16", "int", "dBm", "received signal strength", "reported"),
    _location("latitude", "°", "null for stationary devices and without a fix", 6),
    _location("longitude", "°", "null for stationary devices and without a fix", 6),
    _location("speed_kmh", "km/h", "null for stationary devices and without a fix", 1),
    _location("course_degrees", "°", "0..360 from north, clockwise; null as latitude", 1),
    _liters("volume_liters", "content at the end of the step"),
    Column(
        "level_pct", "float64", "float", "%", "content at the end of the step / capacity", "truth", decimals=6
    ),
    _liters("expected_demand_liters", "demand of this step by the guide's formula", decimals=6),
    _liters("requested_liters", "demand asked for during the step"),
    _liters("served_liters", "demand drawn during the step"),
    _liters("inflow_liters", "supply that arrived during the step, spilled part included"),
    _liters("overflow_liters", "supply spilled at full during the step"),
    _liters("loaded_liters", "trucks: filled in at a source during the step"),
    _liters("delivered_liters", "trucks: handed to clients during the step"),
    _liters("lost_liters", "trucks: lost on the way during the step"),
    Column(
        "activity",
        "category",
        "category",
        "",
        "trucks: TRAVEL, BASE, REFILL, CLIENT or IDLE; null for stationary devices",
        "truth",
        is_nullable=True,
    ),
    Column("fault", "category", "category", "", "name of the injected fault, empty without one", "truth"),
)

BY_NAME: dict[str, Column] = {column.name: column for column in COLUMNS}
NAMES: tuple[str, ...] = tuple(BY_NAME)
RAW_COLUMNS: tuple[str, ...] = tuple(f"raw_mm_{i}" for i in range(READING_COUNT))
LOCATION_COLUMNS: tuple[str, ...] = ("latitude", "longitude", "speed_kmh", "course_degrees")


def frame_problems(frame: pd.DataFrame) -> list[str]:
    """Name everything in which a frame departs from the contract's columns and dtypes.

    Parameters
    ----------
    frame : DataFrame

    Returns
    -------
    list of str
        Empty for a telemetry frame.
    """
    problems = [f"column {name} is missing" for name in NAMES if name not in frame.columns]
    problems += [f"column {name} is unknown" for name in frame.columns if name not in BY_NAME]
    problems += [
        f"column {name} is {frame[name].dtype}, needs {column.dtype}"
        for name, column in BY_NAME.items()
        if name in frame.columns and str(frame[name].dtype) != column.dtype
    ]
    if not problems and tuple(frame.columns) != NAMES:
        problems.append("columns are not in the contract's order")
    return problems
