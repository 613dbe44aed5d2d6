"""Messages of a live stream that faults lose, double or hold back.

The stream sends a device's messages one after the other, one a step.  A lost message
leaves its step silent.  A late one does too, and is sent after those that overtake it,
in no step of its own; so is the second coming of a message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synthlab.engine.faults import Origins
    from synthlab.workflows.live_rows import LiveRow

Late = dict[str, list[tuple[int, "LiveRow"]]]
"""By device: when a message is received, and the message. [ms]"""


def in_order_of_arrival(
    made: Sequence[tuple[int, LiveRow]],
    origins: Origins,
    late: Mapping[str, list[tuple[int, LiveRow]]],
    names: Sequence[str],
    until_second: int,
) -> tuple[Late, dict[str, list[LiveRow]]]:
    """Sort messages and silent steps by when they are received.

    Parameters
    ----------
    made : sequence of (int, LiveRow)
        When each is received and the message, as the engine made them. [ms]
    origins : Origins
        Of the same messages.
    late : mapping of str to list
        What earlier calls held back.
    names : sequence of str
        Devices of this call.
    until_second : int
        Last step; whatever is received later is held back. [seconds]

    Returns
    -------
    late : dict of str to list
        What is held back now, for all devices.
    rows : dict of str to list of LiveRow
        By device of this call.
    """
    coming: Late = {name: list(late.get(name, ())) for name in names}
    for place, (received_ms, row) in enumerate(made):
        sent_ms = int(origins.seconds[place]) * 1_000
        if origins.is_copy[place] or received_ms > sent_ms:
            # It moves no checkpoint: newer messages may have gone before it.
            coming[row.device_id].append((received_ms, replace(row, checkpoint=None, step_count=0)))
            if not origins.is_copy[place]:
                coming[row.device_id].append((sent_ms, _silence(row.device_id, sent_ms)))
        else:
            coming[row.device_id].append((received_ms, row))
    for name in names:
        lost = (int(second) * 1_000 for second in origins.lost.get(name, ()))
        coming[name] += [(sent_ms, _silence(name, sent_ms)) for sent_ms in lost]
    limit_ms = until_second * 1_000
    rows: dict[str, list[LiveRow]] = {}
    held = {name: entries for name, entries in late.items() if name not in coming}
    for name, entries in coming.items():
        entries.sort(key=lambda entry: entry[0])
        rows[name] = [row for received_ms, row in entries if received_ms <= limit_ms]
        held[name] = [entry for entry in entries if entry[0] > limit_ms]
    return held, rows


def _silence(device_id: str, sent_ms: int) -> LiveRow:
    from synthlab.workflows.live_rows import LiveRow

    return LiveRow(device_id, 0, sent_ms // 1_000, float("nan"), float("nan"), None, None)
