"""What a reservoir is to the engine: its capacity, sensor calibration and origin.

The lowest layer, because the engine, preflight, the quality checks and the
artifact all speak of the same reservoir.  The reference platform does *not* use
the formulas here: it is the other side of the wire and has its own, by the
platform contract; a contract test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache
from math import acos, pi, sqrt
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

NO_ECHO_MM = -1
"""Reading that stands for "no echo". Source: platform contract `raw_readings`. [mm]"""

_CYLINDER_NODES = 2048

Origin = Literal["platform", "scenario", "assumed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservoir:
    """One reservoir as the engine needs it.

    Attributes
    ----------
    device_id : str
        The device attached to it, uppercase.
    capacity_liters : float
        [liters]
    sensor_empty_distance_mm, sensor_full_distance_mm : float
        Distance from the sensor to the surface when empty and when full. [mm]
    height_mm : float or None
        [mm]
    shape : {"upright", "lying_cylinder", "table"}
    volume_table : tuple of (float, float) or None
        Shape ``table``: height above the bottom and volume, both rising. [mm], [liters]
    reservoir_type : {"TANK", "TRUCK_TANK", "BUFFER_TANK", "OTHER"}
    mobility : {"FIXED", "MOBILE"}
    is_pipe_connected : bool
    reservoir_id, zone_id : str or None
    origin : {"platform", "scenario", "assumed"}
        Who said so; the manifest repeats it.
    """

    device_id: str
    capacity_liters: float
    sensor_empty_distance_mm: float
    sensor_full_distance_mm: float
    height_mm: float | None = None
    shape: str = "upright"
    volume_table: tuple[tuple[float, float], ...] | None = None
    reservoir_type: str = "TANK"
    mobility: str = "FIXED"
    is_pipe_connected: bool = True
    reservoir_id: str | None = None
    zone_id: str | None = None
    origin: Origin = "assumed"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a plain dict."""
        return asdict(self)


FIELDS = tuple(field.name for field in fields(Reservoir))


def usable_calibration(
    *,
    sensor_empty_distance_mm: float | None,
    sensor_full_distance_mm: float | None,
    height_mm: float | None,
) -> tuple[float, float] | None:
    """Return ``(empty, full)`` by the contract's rule, or None where unusable.

    Parameters
    ----------
    sensor_empty_distance_mm, sensor_full_distance_mm : float or None
        Explicit calibration: both or neither, empty > full >= 0. [mm]
    height_mm : float or None
        Fallback where neither is given: empty = height, full = 0. [mm]
    """
    empty, full = sensor_empty_distance_mm, sensor_full_distance_mm
    if empty is None and full is None:
        return (float(height_mm), 0.0) if height_mm is not None and height_mm > 0 else None
    if empty is None or full is None or full < 0 or empty <= full:
        return None
    return float(empty), float(full)


def level_pct_from_distance_mm(
    distance_mm: npt.ArrayLike, *, empty_mm: npt.ArrayLike, full_mm: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    r"""Level of the surface seen at a distance.

    Parameters
    ----------
    distance_mm : array_like
        Sensor to surface. [mm]
    empty_mm, full_mm : array_like
        Calibration, broadcast against `distance_mm`. [mm]

    Returns
    -------
    ndarray of float64
        Level, clamped to 0..100. [%]

    Notes
    -----
    .. math:: level = 100 \, (empty - distance) / (empty - full)

    Source: platform contract, section 2.
    """
    distance, empty, full = (np.asarray(a, dtype=np.float64) for a in (distance_mm, empty_mm, full_mm))
    level = empty - distance
    level *= 100.0
    return np.clip(level / (empty - full), 0.0, 100.0)


@dataclass(frozen=True, slots=True)
class ShapeCurve:
    """How height and volume of a reservoir belong together, both ways.

    Attributes
    ----------
    volumes, heights : ndarray of float64
        Nodes from 0 to 1, linear in between. [unitless]

    Notes
    -----
    The platform knows nothing of it: by its contract the level is linear in the distance.
    """

    volumes: npt.NDArray[np.float64]
    heights: npt.NDArray[np.float64]

    def height_fraction(self, volume_fraction: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the filled part of the height, from content / capacity."""
        return np.interp(volume_fraction, self.volumes, self.heights)

    def volume_fraction(self, height_fraction: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return content / capacity, from the filled part of the height."""
        return np.interp(height_fraction, self.heights, self.volumes)


def shape_curve(reservoir: Reservoir) -> ShapeCurve | None:
    """Return a reservoir's curve; None where the volume is linear in the height.

    A table counts by its shape only: its last row is the full height and the capacity,
    whatever the calibration in use says of both.
    """
    if reservoir.shape == "lying_cylinder":
        return _cylinder_curve()
    if reservoir.shape == "table" and reservoir.volume_table:
        heights, liters = np.array(reservoir.volume_table).T
        return ShapeCurve(liters / liters[-1], heights / heights[-1])
    return None


@cache
def _cylinder_curve() -> ShapeCurve:
    """Return the filled share of a circle's area against filled share of its height."""
    heights = [i / (_CYLINDER_NODES - 1) for i in range(_CYLINDER_NODES)]
    # Area of the segment of height h in a circle of diameter 1, over the circle's area.
    areas = [round((acos(1 - 2 * h) - 2 * (1 - 2 * h) * sqrt(max(h - h * h, 0.0))) / pi, 12) for h in heights]
    return ShapeCurve(np.array(areas), np.array(heights))


def reservoirs_from_frame(frame: pd.DataFrame) -> dict[str, Reservoir]:
    """Read reservoirs, by device id, from the frame that `to_frame` makes.

    Parameters
    ----------
    frame : DataFrame
        ``device_id`` as index or column, and the fields of `Reservoir`; further
        columns are ignored.

    Raises
    ------
    UsageError
        Code ``CALIBRATION_MISSING`` or ``CAPACITY_INVALID``: an entry from which
        no level can be derived.
    """
    from synthlab.errors import Code, Problem, UsageError

    table = frame if "device_id" in frame.columns else frame.rename_axis("device_id").reset_index()
    found: dict[str, Reservoir] = {}
    problems: list[Problem] = []
    for record in table.to_dict("records"):
        known = {k: _none_if_null(v) for k, v in record.items() if k in FIELDS}
        known = {k: v for k, v in known.items() if v is not None}
        device_id = str(known["device_id"])
        calibration = usable_calibration(
            sensor_empty_distance_mm=known.get("sensor_empty_distance_mm"),
            sensor_full_distance_mm=known.get("sensor_full_distance_mm"),
            height_mm=known.get("height_mm"),
        )
        code: Code | None = None
        if calibration is None:
            code, rule = "CALIBRATION_MISSING", "missing calibration"
        elif not known.get("capacity_liters", 0) > 0:
            code, rule = "CAPACITY_INVALID", "needs capacity_liters > 0"
        if code is not None:
            problems.append(
                Problem(code, rule, path=f"reservoirs[{device_id}]", remedy="Mend the reservoirs frame")
            )
            continue
        assert calibration is not None  # narrowed by `code` above
        known["sensor_empty_distance_mm"], known["sensor_full_distance_mm"] = calibration
        if "volume_table" in known:
            known["volume_table"] = tuple((float(mm), float(liters)) for mm, liters in known["volume_table"])
        found[device_id] = Reservoir(**known)
    if problems:
        raise UsageError(problems)
    return found


def reservoirs_to_frame(reservoirs: Iterable[Reservoir] | Mapping[str, Reservoir]) -> pd.DataFrame:
    """Return reservoirs as a frame indexed by ``device_id``."""
    import pandas as pd

    entries = reservoirs.values() if isinstance(reservoirs, Mapping) else reservoirs
    frame = pd.DataFrame([entry.to_dict() for entry in entries], columns=list(FIELDS))
    return frame.set_index("device_id").sort_index()


def _none_if_null(value: Any) -> Any:
    return None if value is None or (isinstance(value, float) and value != value) else value
