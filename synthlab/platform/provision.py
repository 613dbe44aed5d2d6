"""Demo devices and reservoirs on the reference platform, all marked synthetic."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, Table, insert, select, true, update

from synthlab.errors import Problem, SafetyError, UsageError, show_value
from synthlab.platform.message import normalize_device_id
from synthlab.platform.outbox import NAMESPACE
from synthlab.platform.schema import devices, reservoirs

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from synthlab.calibration import Reservoir


@dataclass(frozen=True, slots=True)
class ProvisionCounts:
    """How many devices, each with its reservoir, were made, changed or left alone."""

    created: int
    updated: int
    unchanged: int


def provision_devices(
    session: Session, wanted: Iterable[Reservoir], *, site: str = "demo"
) -> ProvisionCounts:
    """Create what is missing and bring what differs up to date; the caller commits.

    Ids follow from the device's name, so that provisioning two databases gives the
    same ids, and doing it twice changes nothing.  Telemetry and cached state are not
    touched.

    Parameters
    ----------
    session : Session
    wanted : iterable of Reservoir
        One for each device.  With a ``reservoir_id`` the reservoir gets that id.
    site : str
        Stored as ``site_id``.

    Raises
    ------
    SafetyError
        Code ``SAFETY_GUARD``: a device or a reservoir of that name or id is there and is
        not synthetic; all of them are listed, and nothing is written.
    UsageError
        Code ``BAD_ARGUMENT``: a name that cannot be one, twice the same, or a
        ``reservoir_id`` that is no UUID.
    """
    connection = session.connection()
    plans = _plans(wanted, site)
    _refuse_what_is_real(connection, plans)
    moves = [_apply(connection, plan) for plan in plans]
    return ProvisionCounts(moves.count("created"), moves.count("updated"), moves.count("unchanged"))


@dataclass(frozen=True, slots=True)
class _Plan:
    """The two rows that shall be there."""

    device_id: str
    reservoir: dict[str, Any]

    @property
    def device(self) -> dict[str, Any]:
        return {"reservoir_id": self.reservoir["id"], "is_synthetic": True}


def _plans(wanted: Iterable[Reservoir], site: str) -> list[_Plan]:
    plans: dict[str, _Plan] = {}
    problems: list[Problem] = []
    for entry in wanted:
        name = normalize_device_id(entry.device_id)
        reservoir_id = _reservoir_id(entry, name)
        if name is None or name in plans or reservoir_id is None:
            rule = "needs a name in ASCII, once, and a reservoir_id that is a UUID"
            value = show_value(entry.device_id)
            problems.append(Problem("BAD_ARGUMENT", rule, path="reservoirs", value=value))
            continue
        plans[name] = _Plan(name, _reservoir_row(entry, name, reservoir_id, site))
    if problems:
        raise UsageError(problems)
    return list(plans.values())


def _reservoir_id(entry: Reservoir, name: str | None) -> uuid.UUID | None:
    if entry.reservoir_id is None:
        return uuid.uuid5(NAMESPACE, f"reservoir/{name}")
    try:
        return uuid.UUID(entry.reservoir_id)
    except ValueError:
        return None


def _reservoir_row(entry: Reservoir, name: str, reservoir_id: uuid.UUID, site: str) -> dict[str, Any]:
    return {
        "id": reservoir_id,
        "name": f"Synthetic {name}",
        "site_id": site,
        "zone_id": entry.zone_id,
        "reservoir_type": entry.reservoir_type,
        "mobility": entry.mobility,
        "is_pipe_connected": entry.is_pipe_connected,
        "capacity_liters": entry.capacity_liters,
        "height_mm": entry.height_mm,
        "sensor_empty_distance_mm": entry.sensor_empty_distance_mm,
        "sensor_full_distance_mm": entry.sensor_full_distance_mm,
        "shape": entry.shape,
        "is_synthetic": True,
        "deleted_at": None,
    }


def _refuse_what_is_real(connection: Connection, plans: list[_Plan]) -> None:
    problems = []
    for plan in plans:
        device = _stored(connection, devices, "device_id", plan.device_id)
        targets = [("device", device)]
        ids = {plan.reservoir["id"]} | ({device.reservoir_id} if device and device.reservoir_id else set())
        targets += [("reservoir", _stored(connection, reservoirs, "id", key)) for key in sorted(ids)]
        for kind, row in targets:
            if row is not None and not row.is_synthetic:
                problems.append(
                    Problem(
                        "SAFETY_GUARD",
                        f"the {kind} is there and not marked synthetic",
                        path=f"devices[{plan.device_id}]",
                        remedy="Choose another device_id; real devices are never changed",
                    )
                )
    if problems:
        raise SafetyError(problems)


def _apply(connection: Connection, plan: _Plan) -> str:
    reservoir = _upsert(connection, reservoirs, "id", plan.reservoir["id"], plan.reservoir)
    device_id = uuid.uuid5(NAMESPACE, f"device/{plan.device_id}")
    device = _upsert(connection, devices, "device_id", plan.device_id, plan.device, id=device_id)
    moves = {reservoir, device}
    if device == "created":
        return "created"
    return "unchanged" if moves == {"unchanged"} else "updated"


def _upsert(
    connection: Connection, table: Table, key: str, value: Any, row: dict[str, Any], **new: Any
) -> str:
    stored = _stored(connection, table, key, value)
    if stored is None:
        connection.execute(insert(table).values({key: value, **row, **new}))
        return "created"
    if all(stored._mapping[name] == entry for name, entry in row.items()):
        return "unchanged"
    # The condition again: between the look and the write somebody may have made it real.
    statement = update(table).where(table.c[key] == value, table.c.is_synthetic.is_(true()))
    connection.execute(statement.values(row))
    return "updated"


def _stored(connection: Connection, table: Table, key: str, value: Any) -> Row[Any] | None:
    return connection.execute(select(table).where(table.c[key] == value)).first()
