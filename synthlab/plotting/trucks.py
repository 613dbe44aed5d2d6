"""What trucks did, as tables: where they drove, where they stopped, what they carried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthlab.errors import Problem, UsageError, show_value
from synthlab.plotting.series import FloatArray, Rows, rows_of
from synthlab.plotting.tables import ratio
from synthlab.timeline import SECONDS_PER_HOUR

EMPTY_LEVEL_PCT = 5.0
"""Below it a truck drives empty. Assumed: the rest that no client can draw. [%]"""

EARTH_RADIUS_KM = 6_371.0088
"""Source: mean radius of the Earth, IUGG. [km]"""

STOP_RADIUS_KM = 0.15
"""Parked rows this near to each other are one place. Assumed: beyond GPS noise, within a block. [km]"""

STOP_KINDS = ("BASE", "REFILL", "CLIENT")

ROUTE_COLUMNS = (
    "latitude",
    "longitude",
    "activity",
    "level_pct",
    "loaded_liters",
    "delivered_liters",
    "lost_liters",
)
DAY_COLUMNS = ("activity", "level_pct", "measured_level_pct", "loaded_liters", "delivered_liters")


@dataclass(frozen=True, slots=True)
class Ground:
    """A flat map around a center: good to 0.1 % over a city.

    Attributes
    ----------
    latitude, longitude : float
        Center. [°]
    """

    latitude: float
    longitude: float

    @classmethod
    def around(cls, latitudes: FloatArray, longitudes: FloatArray) -> Ground:
        """Center the map on what it shows."""
        return cls(
            float(np.nanmin(latitudes) + np.nanmax(latitudes)) / 2,
            float(np.nanmin(longitudes) + np.nanmax(longitudes)) / 2,
        )

    def to_km(self, latitudes: npt.ArrayLike, longitudes: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return kilometers east and north of the center."""
        north = np.radians(np.asarray(latitudes, dtype=np.float64) - self.latitude) * EARTH_RADIUS_KM
        east = np.radians(np.asarray(longitudes, dtype=np.float64) - self.longitude) * EARTH_RADIUS_KM
        return east * np.cos(np.radians(self.latitude)), north


def route_table(frame: pd.DataFrame, *, devices: Sequence[str] | None = None) -> pd.DataFrame:
    """Summarize what each truck drove and carried.

    Parameters
    ----------
    frame : DataFrame
        Telemetry.
    devices : sequence of str, optional
        Only these.

    Returns
    -------
    DataFrame
        By ``device_id``: ``driven_km`` (straight between reported places, so a little
        short), ``travel_hours``, ``refills_count``, ``visits_count`` (stays at
        clients), ``loaded_liters``, ``delivered_liters``, ``lost_liters``,
        ``liters_per_km``.
    """
    rows = rows_of(frame, ROUTE_COLUMNS, devices=devices, mobile=True)
    size = len(rows.device_ids)
    activity = rows.texts("activity")
    sums = {
        name: np.bincount(rows.device, weights=np.nan_to_num(rows.values(name)), minlength=size)
        for name in ("loaded_liters", "delivered_liters", "lost_liters")
    }
    driven = _driven_km(rows)
    travel = np.bincount(rows.device, weights=activity == "TRAVEL", minlength=size)
    return pd.DataFrame(
        {
            "driven_km": driven,
            "travel_hours": travel * rows.step_seconds / SECONDS_PER_HOUR,
            "refills_count": _stays(rows, activity == "REFILL"),
            "visits_count": _stays(rows, activity == "CLIENT"),
            **sums,
            "liters_per_km": ratio(sums["delivered_liters"], driven),
        },
        index=pd.Index(rows.device_ids, name="device_id"),
    )


def stop_table(frame: pd.DataFrame, *, devices: Sequence[str] | None = None) -> pd.DataFrame:
    """Find the places where trucks stood, from the rows alone.

    Returns
    -------
    DataFrame
        ``kind`` (BASE, REFILL, CLIENT), ``latitude``, ``longitude``, ``rows_count``,
        ``hours`` and ``delivered_liters``, the most used place of a kind first.
    """
    rows = rows_of(frame, ROUTE_COLUMNS, devices=devices, mobile=True)
    latitude, longitude = rows.values("latitude"), rows.values("longitude")
    activity = rows.texts("activity")
    parked = np.isin(activity, STOP_KINDS) & np.isfinite(latitude) & np.isfinite(longitude)
    spots = pd.DataFrame(
        {
            "kind": activity[parked].astype(str),
            # A cell of about 50 m: some thousand rows become some dozen spots.
            "cell_latitude": np.rint(latitude[parked] * 2_000),
            "cell_longitude": np.rint(longitude[parked] * 2_000),
            "latitude": latitude[parked],
            "longitude": longitude[parked],
            "hours": rows.step_seconds[rows.device[parked]] / SECONDS_PER_HOUR,
            "delivered_liters": rows.values("delivered_liters")[parked],
        }
    )
    spots = spots.groupby(["kind", "cell_latitude", "cell_longitude"], as_index=False).agg(
        latitude=("latitude", "median"),
        longitude=("longitude", "median"),
        rows_count=("hours", "size"),
        hours=("hours", "sum"),
        delivered_liters=("delivered_liters", "sum"),
    )
    return _merge_near(spots.sort_values(["kind", "rows_count"], ascending=[True, False], kind="stable"))


def truck_day_table(frame: pd.DataFrame, device_id: str, *, day: date | str | None = None) -> pd.DataFrame:
    """List what a truck did on one day, in order.

    Parameters
    ----------
    frame : DataFrame
        Telemetry.
    device_id : str
    day : date or str, optional
        UTC; by default the day on which it delivered most.

    Returns
    -------
    DataFrame
        One row a stay or a trip: ``begin_at``, ``end_at``, ``activity``,
        ``loaded_liters``, ``delivered_liters``, ``level_pct`` at the end.
    """
    rows, shown = day_rows(frame, device_id, day=day)
    activity = rows.texts("activity")[shown]
    run = np.cumsum(np.concatenate(([0], activity[1:] != activity[:-1])))
    times = rows.times[shown]
    step = np.timedelta64(int(rows.step_seconds[0] * 1_000), "ms")
    table = pd.DataFrame(
        {
            "begin_at": pd.DatetimeIndex(times).tz_localize("UTC"),
            "end_at": pd.DatetimeIndex(times + step).tz_localize("UTC"),
            "activity": activity,
            "loaded_liters": rows.values("loaded_liters")[shown],
            "delivered_liters": rows.values("delivered_liters")[shown],
            "level_pct": rows.values("level_pct")[shown],
        }
    )
    return (
        table.groupby(run)
        .agg(
            begin_at=("begin_at", "first"),
            end_at=("end_at", "last"),
            activity=("activity", "first"),
            loaded_liters=("loaded_liters", "sum"),
            delivered_liters=("delivered_liters", "sum"),
            level_pct=("level_pct", "last"),
        )
        .reset_index(drop=True)
    )


def day_rows(
    frame: pd.DataFrame, device_id: str, *, day: date | str | None = None
) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Return a truck's rows, and which of them lie on the day.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: no such truck, or no row on that day.
    """
    rows = rows_of(frame, DAY_COLUMNS, devices=[device_id], mobile=True)
    days = rows.times.astype("datetime64[D]")
    if day is None:
        names, index = np.unique(days, return_inverse=True)
        wanted = names[np.argmax(np.bincount(index, weights=rows.values("delivered_liters")))]
    else:
        wanted = _day(day)
    shown = days == wanted
    if not shown.any():
        raise UsageError(
            Problem("BAD_ARGUMENT", f"has no rows of {device_id}", path="day", value=show_value(day))
        )
    return rows, shown


def _day(day: date | str) -> np.datetime64:
    try:
        return np.datetime64(date.fromisoformat(str(day)), "D")
    except ValueError:
        raise UsageError(
            Problem("BAD_ARGUMENT", "is no day", path="day", value=show_value(day), remedy="Write 2026-02-12")
        ) from None


def _driven_km(rows: Rows) -> FloatArray:
    latitude, longitude = rows.values("latitude"), rows.values("longitude")
    there = np.isfinite(latitude) & np.isfinite(longitude)
    device = rows.device[there]
    ground = Ground.around(latitude, longitude)
    east, north = ground.to_km(latitude[there], longitude[there])
    # A parked receiver wanders some meters each row; only travel counts as driving.
    moves = (rows.texts("activity")[there] == "TRAVEL").astype(float)
    legs = np.hypot(np.diff(east), np.diff(north)) * np.maximum(moves[:-1], moves[1:])
    same = np.diff(device) == 0
    driven = np.bincount(device[1:][same], weights=legs[same], minlength=len(rows.device_ids))
    return np.asarray(driven, dtype=np.float64)


def _stays(rows: Rows, here: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    before = np.concatenate(([False], here[:-1] & (np.diff(rows.device) == 0)))
    return np.bincount(rows.device[here & ~before], minlength=len(rows.device_ids))


def _merge_near(spots: pd.DataFrame) -> pd.DataFrame:
    """Give each spot to the most used place of its kind within `STOP_RADIUS_KM`."""
    if spots.empty:
        return spots.drop(columns=["cell_latitude", "cell_longitude"])
    ground = Ground.around(spots["latitude"].to_numpy(), spots["longitude"].to_numpy())
    east, north = ground.to_km(spots["latitude"], spots["longitude"])
    kinds = spots["kind"].to_numpy()
    places: list[int] = []
    place_of = np.empty(len(spots), dtype=np.int64)
    for spot in range(len(spots)):
        near = [
            index
            for index, place in enumerate(places)
            if kinds[place] == kinds[spot]
            and np.hypot(east[place] - east[spot], north[place] - north[spot]) <= STOP_RADIUS_KM
        ]
        if not near:
            places.append(spot)
        place_of[spot] = near[0] if near else len(places) - 1
    merged = spots.groupby(place_of, sort=True).agg(
        kind=("kind", "first"),
        latitude=("latitude", "first"),
        longitude=("longitude", "first"),
        rows_count=("rows_count", "sum"),
        hours=("hours", "sum"),
        delivered_liters=("delivered_liters", "sum"),
    )
    return merged.sort_values(["kind", "rows_count"], ascending=[True, False], kind="stable").reset_index(
        drop=True
    )
