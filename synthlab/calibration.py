"""What a reservoir is to the engine: its capacity, sensor calibration and origin.

The lowest layer, because the engine, preflight, the quality checks and the
artifact all speak of the same reservoir.  The reference platform does *not* use
the formulas here: it is the other side of the wire and has its own, by the
platform contract; a contract test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

NO_ECHO_MM = -1
"""Reading that stands for "no echo". Source: platform contract `raw_readings`. [mm]"""

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
    shape : {"upright", "lying_cylinder"}
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
    return np.clip(100.0 * (empty - distance) / (empty - full), 0.0, 100.0)


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
