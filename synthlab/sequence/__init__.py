"""The sequence state: which numbers are used, and where each simulation stands.

A platform drops a message whose ``(device, seq)`` it has seen, so a number must
never be used twice, whatever is killed and whoever runs beside.  Therefore a
number is durable here before anybody can see it: an export *reserves* its range, a
live run draws *blocks*, and what a killed run may have used is a declared gap.

Examples
--------
>>> import tempfile, pathlib
>>> path = pathlib.Path(tempfile.mkdtemp()) / "state.json"
>>> with SequenceState.open(path) as state:
...     state.reserve(run_id="a", scenario_sha256="00", counts={"TANK-1": 10})
{'TANK-1': 1}
>>> with SequenceState.open(path) as state:  # the same run again, then another one
...     state.reserve(run_id="a", scenario_sha256="00", counts={"TANK-1": 10})
...     state.reserve(run_id="b", scenario_sha256="00", counts={"TANK-1": 10})
{'TANK-1': 1}
{'TANK-1': 11}
"""

from __future__ import annotations

from synthlab.sequence.document import DeviceState, Gap, Reservation, SeqRange, StateDocument, Target
from synthlab.sequence.moves import Floor
from synthlab.sequence.snapshot import StateSnapshot
from synthlab.sequence.state import DEFAULT_STATE_FILE, SequenceState

__all__ = [
    "DEFAULT_STATE_FILE",
    "DeviceState",
    "Floor",
    "Gap",
    "Reservation",
    "SeqRange",
    "SequenceState",
    "StateDocument",
    "StateSnapshot",
    "Target",
]
