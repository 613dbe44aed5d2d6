"""Which platform a sequence state feeds, and whether it knows that platform's numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthlab.adapters.database import Database
    from synthlab.sequence import Floor, SequenceState, Target


def target_of(platform: Database) -> Target:
    """Return how a state knows this platform again.  Reads only."""
    from synthlab.sequence import Target

    return Target(platform.display_url, platform.fingerprints())


def claim_target(state: SequenceState, platform: Database) -> None:
    """Note in the state that it feeds this platform; call it before the first row is written.

    Raises
    ------
    SequenceStateError
        Code ``STATE_TARGET_MISMATCH``: the state feeds another platform.
    """
    target = target_of(platform)
    # A database in memory ends with the process, and is no platform to come back to.
    if target.fingerprints:
        state.claim_target(target)


def platform_floors(platform: Database, device_ids: Iterable[str] = ()) -> dict[str, Floor]:
    """Return the highest number that the platform stores of each device, 0 for none.  Reads only.

    Parameters
    ----------
    platform : Database
    device_ids : iterable of str
        Besides the platform's synthetic devices.
    """
    from synthlab.platform.lookup import latest_messages, synthetic_device_ids
    from synthlab.sequence import Floor

    with platform.session() as session:
        wanted = {*device_ids, *synthetic_device_ids(session)}
        latest = latest_messages(session, sorted(wanted))
    found = {name: Floor(message.seq, message.received_second) for name, message in latest.items()}
    return {name: found.get(name, Floor(0)) for name in wanted}
