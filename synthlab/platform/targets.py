"""What a batch's devices and reservoirs are, locked until the batch is committed."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from synthlab.platform.level import Calibration, calibration_of
from synthlab.platform.read_models import chunks
from synthlab.platform.schema import devices, reservoirs

_CALIBRATION = ("capacity_liters", "height_mm", "sensor_empty_distance_mm", "sensor_full_distance_mm")
# Not whole rows: this is asked for every batch.
_DEVICE = [devices.c[name] for name in ("id", "device_id", "reservoir_id", "last_seen_at", "is_synthetic")]
_RESERVOIR = [reservoirs.c[name] for name in ("id", "last_reading_at", "is_synthetic", *_CALIBRATION)]


@dataclass(slots=True)
class Target:
    """A device with its reservoir, as they stand at the beginning of a batch.

    Attributes
    ----------
    key, reservoir_key : UUID
    calibration : Calibration
    is_synthetic : bool
        The device and its reservoir are marked.
    last_seen_at, last_reading_at : datetime or None
    """

    key: uuid.UUID
    reservoir_key: uuid.UUID
    calibration: Calibration
    is_synthetic: bool
    last_seen_at: datetime | None
    last_reading_at: datetime | None


def lock_targets(connection: Connection, device_ids: Iterable[str]) -> dict[str, Target]:
    """Return the devices that have a calibrated reservoir, and keep others from changing them.

    Parameters
    ----------
    connection : Connection
        In a transaction that writes; on SQLite it has the database's only write lock.
    device_ids : iterable of str
        In capitals.
    """
    found: dict[str, Target] = {}
    for names in chunks(sorted(set(device_ids))):
        # In the order of their keys, as everybody does: else two batches wait for each other.
        query = select(*_DEVICE).where(devices.c.device_id.in_(names)).order_by(devices.c.id)
        rows = connection.execute(query.with_for_update(key_share=True)).all()
        keys = {row.reservoir_id for row in rows} - {None}
        wanted = reservoirs.c.id.in_(keys), reservoirs.c.deleted_at.is_(None)
        lock = select(*_RESERVOIR).where(*wanted).order_by(reservoirs.c.id).with_for_update(key_share=True)
        tanks = {row.id: row for row in connection.execute(lock)}
        for row in rows:
            tank = tanks.get(row.reservoir_id)
            calibration = None if tank is None else _calibration(tank)
            if tank is not None and calibration is not None:
                found[row.device_id] = Target(
                    row.id,
                    tank.id,
                    calibration,
                    row.is_synthetic and tank.is_synthetic,
                    row.last_seen_at,
                    tank.last_reading_at,
                )
    return found


def _calibration(tank: object) -> Calibration | None:
    return calibration_of(*(getattr(tank, name) for name in _CALIBRATION))
