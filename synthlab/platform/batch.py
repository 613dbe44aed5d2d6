"""Ingest a block of messages at once, inside the caller's transaction.

It leaves the rows that one-message ingestion would leave, message by message in the
block's order, and it says of a message that is stored already whether it is the same.
Messages in a form that this cannot be sure of (an unknown device, no calibration, a
number that JSON does not have) go to one-message ingestion, in their turn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from synthlab.errors import Problem, SafetyError
from synthlab.platform.ingestion import DUPLICATE, STORED_RAW_ONLY, STORED_READING
from synthlab.platform.ingestion import ingest_device_telemetry_from_mqtt as ingest_one
from synthlab.platform.level import level_state
from synthlab.platform.message import normalize_device_id
from synthlab.platform.staging import Block, Staged, stage
from synthlab.platform.stored import is_stored_alike
from synthlab.platform.targets import Target, lock_targets
from synthlab.steps import step

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READING, _RAW_ONLY, _KNOWN = str(STORED_READING), str(STORED_RAW_ONLY), str(DUPLICATE)


@dataclass(slots=True)
class BlockOutcome:
    """What became of a block.

    Attributes
    ----------
    statuses : list of str
        Of each message, as one-message ingestion says it: ``stored:READING``.
    conflicts : list of tuple
        Device and number of messages under whose key another payload is stored; the
        caller must not commit.
    """

    statuses: list[str]
    conflicts: list[tuple[str, int]] = field(default_factory=list)


def ingest_block(session: Session, block: Block, *, unmarked: Collection[str] = ()) -> BlockOutcome:
    """Store many messages and what follows from them, once.

    Parameters
    ----------
    session : Session
        The caller commits.
    block : Block
        Messages in the order in which they count as received.
    unmarked : collection of str
        Devices that may get rows although they, or their reservoirs, are not marked
        synthetic; whoever calls has warned of them.

    Raises
    ------
    SafetyError
        Code ``SAFETY_GUARD``: a device that is not marked synthetic and not in `unmarked`.
    """
    connection = session.connection()
    outcome = BlockOutcome([""] * len(block))
    targets = lock_targets(connection, block.device_ids)
    for is_regular, rows in _runs(block, targets):
        if is_regular:
            _ingest_run(connection, block, rows, targets, unmarked, outcome)
            continue
        for row in rows:
            _ingest_alone(session, block, row, outcome)
        # What is stored of these devices has moved.
        targets = lock_targets(connection, block.device_ids)
    return outcome


def _runs(block: Block, targets: Mapping[str, Target]) -> Iterator[tuple[bool, list[int]]]:
    def is_regular(row: int) -> bool:
        return bool(block.is_regular[row]) and block.device_ids[row] in targets

    for kind, rows in groupby(range(len(block)), key=is_regular):
        yield kind, list(rows)


def _ingest_alone(session: Session, block: Block, row: int, outcome: BlockOutcome) -> None:
    message = block.emission(row)
    status = str(
        ingest_one(
            session,
            device_id=message.device_id,
            payload=message.payload,
            received_at=message.received_at,
            mqtt_client_id=message.device_id,
        )
    )
    outcome.statuses[row] = status
    client_id = normalize_device_id(message.device_id) or ""
    if status == _KNOWN and not is_stored_alike(session.connection(), client_id, message.payload):
        outcome.conflicts.append((client_id, message.payload["seq"]))


def _ingest_run(
    connection: Connection,
    block: Block,
    rows: list[int],
    targets: Mapping[str, Target],
    unmarked: Collection[str],
    outcome: BlockOutcome,
) -> None:
    firsts, repeats = _first_of_each_key(block, rows)
    staged = stage(block, firsts, targets)
    database = _statements(connection.dialect.name)
    database.prepare(connection, staged)
    step("batch.staged")
    is_free = [name in unmarked for name in staged.client_ids]
    is_new, stored = database.insert_messages(connection, staged, is_free)
    step("batch.messages")
    for place, row in enumerate(staged.rows):
        if not is_new[place]:
            outcome.statuses[row] = _KNOWN
            if place not in stored:
                raise _not_marked(staged.client_ids[place])
            if not stored[place]:
                outcome.conflicts.append((staged.client_ids[place], staged.seqs[place]))
    for row, first in repeats:
        outcome.statuses[row] = _KNOWN
        if block.documents[row] != block.documents[first]:
            outcome.conflicts.append((block.device_ids[row], int(block.seqs[row])))
    new = staged.keep(is_new)
    if len(new):
        has_reading = _insert_parts(connection, database, new, targets)
        for row, is_read in zip(new.rows, has_reading, strict=True):
            outcome.statuses[row] = _READING if is_read else _RAW_ONLY


def _insert_parts(
    connection: Connection, database: Any, new: Staged, targets: Mapping[str, Target]
) -> list[bool]:
    has_reading: list[bool] = database.insert_readings(connection, new)
    step("batch.readings")
    database.insert_points(connection, new)
    step("batch.points")
    database.insert_events(connection, new, has_reading)
    step("batch.events")
    _move_state(connection, database, new, targets, has_reading)
    step("batch.state")
    return has_reading


def _first_of_each_key(block: Block, rows: list[int]) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the first row of each key, and each further row with its first."""
    firsts: dict[tuple[str, int], int] = {}
    repeats: list[tuple[int, int]] = []
    for row, seq in zip(rows, block.seqs[rows].tolist(), strict=True):
        first = firsts.setdefault((block.device_ids[row], seq), row)
        if first != row:
            repeats.append((row, first))
    return list(firsts.values()), repeats


def _move_state(
    connection: Connection,
    database: Any,
    new: Staged,
    targets: Mapping[str, Target],
    has_reading: list[bool],
) -> None:
    """Move devices and reservoirs forward, as the messages would one after the other."""
    # By their texts: a text keeps its hash, a UUID works it out anew each time.
    seen = {str(target.key): _microseconds(target.last_seen_at) for target in targets.values()}
    read = {str(target.reservoir_key): _microseconds(target.last_reading_at) for target in targets.values()}
    batteries: dict[str, int | None] = {}
    latest: dict[str, int] = {}
    columns = zip(
        new.device_keys, new.reservoir_keys, new.microseconds, new.batteries, has_reading, strict=True
    )
    for place, (device, reservoir, at, battery, is_read) in enumerate(columns):
        if at >= seen[device]:
            seen[device] = at
            batteries[device] = batteries.get(device) if battery is None else battery
        if is_read and at >= read[reservoir]:
            read[reservoir] = at
            latest[reservoir] = place
    database.update_devices(
        connection, [(key, _EPOCH + timedelta(microseconds=seen[key]), batteries[key]) for key in batteries]
    )
    level, volume = new.measured.level_pct, new.measured.volume_liters
    database.update_reservoirs(
        connection,
        [
            (
                key,
                _EPOCH + timedelta(microseconds=read[key]),
                float(level[place]),
                float(volume[place]),
                level_state(float(level[place])),
            )
            for key, place in latest.items()
        ],
    )


# Before every moment that a database holds. [microseconds]
_NEVER = -(2**62)


def _microseconds(at: datetime | None) -> int:
    return _NEVER if at is None else (at - _EPOCH) // timedelta(microseconds=1)


def _statements(dialect: str) -> Any:
    if dialect == "postgresql":
        from synthlab.platform import batch_postgresql

        return batch_postgresql
    from synthlab.platform import batch_sqlite

    return batch_sqlite


def _not_marked(device_id: str) -> SafetyError:
    return SafetyError(
        Problem(
            "SAFETY_GUARD",
            "rows go to what is marked synthetic only, and this device or its reservoir is not",
            path=f"devices[{device_id}]",
            remedy="Run `synthlab validate`: somebody changed the mark since the import began",
        )
    )
