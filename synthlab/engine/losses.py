"""Messages that the network loses: they keep their numbers, and have no row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.engine.group import Group
from synthlab.model.network import lost_messages
from synthlab.timeline import SECONDS_PER_HOUR

if TYPE_CHECKING:
    import pandas as pd

Bools = npt.NDArray[np.bool_]
LOST = "is_lost"
"""Column beside those of the frame: whether a message never arrives."""

SeqRanges = tuple[tuple[int, int], ...]


def add_losses(parts: Sequence[tuple[Group, dict[str, npt.NDArray[Any]]]]) -> bool:
    """Add the column of lost messages to every part, where the network of any is not ideal."""
    found = [_lost(group) for group, _ in parts]
    if all(lost is None for lost in found):
        return False
    for lost, (group, columns) in zip(found, parts, strict=True):
        shape = (group.grid.count, len(group.devices))
        columns[LOST] = np.zeros(shape, dtype=bool) if lost is None else lost
    return True


def lost_ranges(frame: pd.DataFrame, is_lost: Bools) -> dict[str, SeqRanges]:
    """Return the lost numbers of each device that has any, as ranges with both ends."""
    gone = frame.loc[is_lost, ["device_id", "seq"]].astype({"device_id": str})
    return {str(name): as_ranges(part["seq"].to_numpy()) for name, part in gone.groupby("device_id")}


def as_ranges(numbers: npt.NDArray[np.int64]) -> SeqRanges:
    """Return rising numbers as ranges, both ends included.

    Examples
    --------
    >>> as_ranges(np.array([3, 4, 5, 9]))
    ((3, 5), (9, 9))
    """
    breaks = np.flatnonzero(np.diff(numbers) > 1)
    firsts = numbers[np.concatenate([[0], breaks + 1])]
    lasts = numbers[np.concatenate([breaks, [len(numbers) - 1]])]
    return tuple(zip(firsts.tolist(), lasts.tolist(), strict=True))


def _lost(group: Group) -> Bools | None:
    return lost_messages(
        group.grid,
        miss_keys=group.keys("miss"),
        outage_keys=group.keys("outage"),
        loss_prob=group.values("message_loss_prob"),
        outages_per_day=group.values("outages_per_day"),
        outage_seconds=group.values("outage_hours") * SECONDS_PER_HOUR,
    )
