"""The engine: scenario parameters + reservoirs + window -> telemetry frame + checkpoint.

It holds no equations: it draws the events, runs the storage pass and assembles
the frame from what `synthlab.model` gives.  One call serves preview, export,
bootstrap and live, so all of them show the same rows.

See Also
--------
synthlab.columns : the frame's definition.
synthlab.model : the equations.
"""

from synthlab.engine.checkpoint import Checkpoint, DeviceCheckpoint
from synthlab.engine.simulate import Simulation, simulate

__all__ = ["Checkpoint", "DeviceCheckpoint", "Simulation", "simulate"]
