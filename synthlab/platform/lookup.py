"""What the platform knows of devices and the reservoirs they are attached to.  Reads only."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, select

from synthlab.platform.message import normalize_device_id
from synthlab.platform.schema import device_telemetry_messages, devices, reservoirs

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy.orm import Session

# SQLite takes 32,766 values in a statement, older ones 999.
_IDS_PER_QUERY = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A device and the reservoir that it is attached to, as stored: nothing is judged.

    Attributes
    ----------
    device_id : str
    device_is_synthetic : bool
    reservoir_id : str or None
        None where the device is not attached; then what follows is None too.
    reservoir_is_synthetic, is_deleted, is_pipe_connected : bool or None
    capacity_liters : float or None
        [liters]
    height_mm, sensor_empty_distance_mm, sensor_full_distance_mm : float or None
        [mm]
    reservoir_type, mobility, shape, site_id, zone_id : str or None
    """

    device_id: str
    device_is_synthetic: bool
    reservoir_id: str | None = None
    reservoir_is_synthetic: bool | None = None
    is_deleted: bool | None = None
    is_pipe_connected: bool | None = None
    capacity_liters: float | None = None
    height_mm: float | None = None
    sensor_empty_distance_mm: float | None = None
    sensor_full_distance_mm: float | None = None
    reservoir_type: str | None = None
    mobility: str | None = None
    shape: str | None = None
    site_id: str | None = None
    zone_id: str | None = None


FRAME_COLUMNS = (
    "reservoir_id",
    "capacity_liters",
    "sensor_empty_distance_mm",
    "sensor_full_distance_mm",
    "height_mm",
    "shape",
    "reservoir_type",
    "mobility",
    "is_pipe_connected",
    "site_id",
    "zone_id",
    "is_synthetic",
    "origin",
)


def attachments(session: Session, device_ids: Iterable[str]) -> dict[str, Attachment]:
    """Return the attachments of the devices that are there, by device id.

    Parameters
    ----------
    session : Session
    device_ids : iterable of str
        In any letters; what is not there is left out of the result.
    """
    wanted = sorted({name for name in map(normalize_device_id, device_ids) if name is not None})
    found: dict[str, Attachment] = {}
    for start in range(0, len(wanted), _IDS_PER_QUERY):
        names = wanted[start : start + _IDS_PER_QUERY]
        for row in session.connection().execute(_query().where(devices.c.device_id.in_(names))):
            found[row.device_id] = _attachment(row._mapping)
    return found


def reservoirs_frame(session: Session) -> pd.DataFrame:
    """Return the reservoirs of all attached devices, indexed by ``device_id``.

    Parameters
    ----------
    session : Session

    Returns
    -------
    DataFrame
        Columns ``FRAME_COLUMNS``.  A reservoir without explicit calibration but with a
        height shows what the contract derives: empty = height, full = 0.  Deleted
        reservoirs are left out.
    """
    import pandas as pd

    query = _query().where(reservoirs.c.id.is_not(None), reservoirs.c.deleted_at.is_(None))
    records = [_frame_record(_attachment(row._mapping)) for row in session.connection().execute(query)]
    frame = pd.DataFrame.from_records(records, columns=["device_id", *FRAME_COLUMNS])
    return frame.set_index("device_id").sort_index()


@dataclass(frozen=True, slots=True)
class LatestMessage:
    """The message with a device's highest number, and when it was received. [seconds]"""

    seq: int
    received_second: int


def latest_messages(session: Session, device_ids: Iterable[str]) -> dict[str, LatestMessage]:
    """Return the message with the highest number of each device that has any, by device id.

    Parameters
    ----------
    session : Session
    device_ids : iterable of str
        As the devices call themselves, in uppercase.
    """
    messages = device_telemetry_messages.c
    # One step into the unique index of (client, seq) each.
    query = (
        select(messages.seq, messages.received_at)
        .where(messages.mqtt_client_id == bindparam("name"))
        .order_by(messages.seq.desc())
        .limit(1)
    )
    found: dict[str, LatestMessage] = {}
    for name in device_ids:
        row = session.connection().execute(query, {"name": name}).one_or_none()
        if row is not None:
            found[name] = LatestMessage(int(row.seq), int(row.received_at.timestamp()))
    return found


def synthetic_device_ids(session: Session) -> list[str]:
    """Return the ids of all devices that are marked synthetic, sorted."""
    query = select(devices.c.device_id).where(devices.c.is_synthetic).order_by(devices.c.device_id)
    return list(session.connection().execute(query).scalars())


def _query() -> Select[Any]:
    return select(
        devices.c.device_id,
        devices.c.is_synthetic.label("device_is_synthetic"),
        reservoirs.c.id.label("reservoir_id"),
        reservoirs.c.is_synthetic.label("reservoir_is_synthetic"),
        reservoirs.c.deleted_at,
        *(reservoirs.c[name] for name in _SAME_NAME),
    ).select_from(devices.outerjoin(reservoirs, devices.c.reservoir_id == reservoirs.c.id))


_SAME_NAME = tuple(
    field.name for field in fields(Attachment) if field.name in reservoirs.c and field.name != "device_id"
)


def _attachment(row: Any) -> Attachment:
    reservoir_id: uuid.UUID | None = row["reservoir_id"]
    if reservoir_id is None:
        return Attachment(device_id=row["device_id"], device_is_synthetic=row["device_is_synthetic"])
    return Attachment(
        device_id=row["device_id"],
        device_is_synthetic=row["device_is_synthetic"],
        reservoir_id=str(reservoir_id),
        reservoir_is_synthetic=row["reservoir_is_synthetic"],
        is_deleted=row["deleted_at"] is not None,
        **{name: row[name] for name in _SAME_NAME},
    )


def _frame_record(found: Attachment) -> dict[str, Any]:
    empty, full = found.sensor_empty_distance_mm, found.sensor_full_distance_mm
    if empty is None and full is None and found.height_mm is not None:
        empty, full = found.height_mm, 0.0
    return {
        "device_id": found.device_id,
        **{name: getattr(found, name) for name in ("reservoir_id", *_SAME_NAME)},
        "sensor_empty_distance_mm": empty,
        "sensor_full_distance_mm": full,
        "is_synthetic": found.device_is_synthetic and bool(found.reservoir_is_synthetic),
        "origin": "platform",
    }
