"""A run of messages as the rows that they leave, column by column.

What one-message ingestion does for a message, this does for thousands: the same
values to the last bit, as texts and numbers that both databases take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from synthlab.platform import ids
from synthlab.platform.level import Measurements, measure_block
from synthlab.platform.message import MAX_SPEED_KMH
from synthlab.platform.outbox import reading_event_texts
from synthlab.platform.targets import Target

Flags = npt.NDArray[np.bool_]


class Block(Protocol):
    """Messages in columns; `synthlab.payload.PayloadBlock`, for one."""

    device_ids: list[str]
    seqs: Any
    received_ms: Any
    documents: list[str]
    samples: Any
    battery_pct: Any
    location: Any
    is_regular: Any

    def __len__(self) -> int:
        """Return the number of messages."""
        ...

    def emission(self, row: int) -> Any:
        """Return one message with ``device_id``, ``payload`` and ``received_at``."""
        ...


@dataclass(slots=True)
class Staged:
    """Rows to insert; every list has one entry for each message.

    Attributes
    ----------
    rows : list of int
        Places of the messages in their block.
    is_marked : list of bool
        Device and reservoir are marked synthetic, as read in this transaction.
    """

    rows: list[int]
    client_ids: list[str]
    seqs: list[int]
    moments: list[str]
    microseconds: list[int]
    documents: list[str]
    message_ids: list[str]
    device_keys: list[str]
    reservoir_keys: list[str]
    is_marked: list[bool]
    batteries: list[int | None]
    has_reading: list[bool]
    measured: Measurements
    has_point: list[bool]
    location: list[list[float | None]]

    def __len__(self) -> int:
        return len(self.rows)

    def keep(self, wanted: Sequence[bool]) -> Staged:
        """Return some of the messages."""
        if all(wanted):
            return self
        picks = [place for place, is_wanted in enumerate(wanted) if is_wanted]
        lists = {
            name: [getattr(self, name)[place] for place in picks]
            for name in self.__slots__
            if name != "measured"
        }
        return Staged(**lists, measured=Measurements(*(column[picks] for column in self.measured)))

    def event_data(self) -> list[str]:
        """Return the event of each message's reading as JSON text."""
        return reading_event_texts(
            reading_ids=ids.reading_ids(self.message_ids),
            message_ids=self.message_ids,
            reservoir_keys=self.reservoir_keys,
            device_keys=self.device_keys,
            moments=self.moments,
            level_pct=self.measured.level_pct,
            volume_liters=self.measured.volume_liters,
        )


def stage(block: Block, rows: Sequence[int], targets: Mapping[str, Target]) -> Staged:
    """Work out what the regular messages of a block leave.

    Parameters
    ----------
    block : Block
    rows : sequence of int
        Which messages; their devices are all in `targets`.
    targets : mapping of str to Target
    """
    picks = np.asarray(rows, dtype=np.int64)
    names = [block.device_ids[row] for row in rows]
    places = {name: place for place, name in enumerate(targets)}
    calibrations = np.array([target.calibration for target in targets.values()]).reshape(len(targets), 3)
    calibrations = calibrations[[places[name] for name in names]]
    seqs = block.seqs[picks]
    received = block.received_ms[picks]
    measured = measure_block(block.samples[picks], *calibrations.T)
    battery = block.battery_pct[picks]
    location = block.location[picks]
    has_point, location = _points(location)
    texts = {name: (str(target.key), str(target.reservoir_key)) for name, target in targets.items()}
    return Staged(
        rows=picks.tolist(),
        client_ids=names,
        seqs=seqs.tolist(),
        moments=_moments(received),
        microseconds=(received * 1_000).tolist(),
        documents=[block.documents[row] for row in rows],
        message_ids=ids.message_ids(names, seqs),
        device_keys=[texts[name][0] for name in names],
        reservoir_keys=[texts[name][1] for name in names],
        is_marked=[targets[name].is_synthetic for name in names],
        batteries=[pct if 0 <= pct <= 100 else None for pct in battery.tolist()],
        has_reading=(measured.raw_sample_count > 0).tolist(),
        measured=measured,
        has_point=has_point.tolist(),
        location=location.tolist(),
    )


def _moments(received_ms: npt.NDArray[np.int64]) -> list[str]:
    """Write times as `synthlab.platform.schema.utc_text` does."""
    stamps = np.datetime_as_string(received_ms.view("datetime64[ms]"), unit="us")
    return [f"{stamp}Z" for stamp in stamps.tolist()]


def _points(location: npt.NDArray[np.float64]) -> tuple[Flags, npt.NDArray[Any]]:
    """Say which messages give a point, and set what is out of range to None."""
    least = np.array([-90.0, -180.0, 0.0, 0.0])
    greatest = np.array([90.0, 180.0, MAX_SPEED_KMH, 360.0])
    in_range = (location >= least) & (location <= greatest)
    known = location.astype(object)
    known[~in_range] = None
    has_point: Flags = in_range[:, 0] & in_range[:, 1]
    return has_point, known
