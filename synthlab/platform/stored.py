"""Which payloads are stored under given keys: one read for many messages.  Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select

from synthlab.platform.schema import device_telemetry_messages as messages

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Session

# Conditions joined in one statement; SQLite nests at most 1,000. Assumed.
_CLIENTS_PER_QUERY = 250


def stored_payloads(
    session: Session, ranges: Mapping[str, tuple[int, int]]
) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield what is stored in ranges of sequence numbers.

    Parameters
    ----------
    session : Session
    ranges : mapping of str to tuple of int
        First and last number by MQTT client id, both ends included.

    Yields
    ------
    tuple
        Client id, number, payload; in no order.
    """
    connection = session.connection()
    wanted_ranges = list(ranges.items())
    for start in range(0, len(wanted_ranges), _CLIENTS_PER_QUERY):
        wanted = or_(
            *(
                and_(messages.c.mqtt_client_id == client_id, messages.c.seq.between(first, last))
                for client_id, (first, last) in wanted_ranges[start : start + _CLIENTS_PER_QUERY]
            )
        )
        query = select(messages.c.mqtt_client_id, messages.c.seq, messages.c.payload).where(wanted)
        for row in connection.execute(query):
            yield row.mqtt_client_id, row.seq, row.payload


def is_stored_alike(connection: Connection, client_id: str, payload: Mapping[str, Any]) -> bool:
    """Say whether a message's key, if it is stored, holds this very payload."""
    query = select(messages.c.payload).where(
        messages.c.mqtt_client_id == client_id, messages.c.seq == payload.get("seq")
    )
    stored = connection.execute(query).first()
    return stored is None or bool(stored.payload == payload)
