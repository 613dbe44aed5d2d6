"""Named steps of what must survive a crash.

Work that may be stopped at any moment says where it is: ``step("import.batch.messages")``.
Nobody listens, and a call costs next to nothing.  A fault test puts a function of its
own in `listener`, which kills, raises or fills the disk at a step of its choice; `STEPS`
is the closed list that such a test goes through, so no step is left out.
"""

from __future__ import annotations

from collections.abc import Callable

STEPS = (
    "artifact.rows",
    "artifact.manifest",
    "artifact.moved",
    "import.checked",
    "import.noted",
    "batch.begun",
    "batch.staged",
    "batch.messages",
    "batch.readings",
    "batch.points",
    "batch.events",
    "batch.state",
    "batch.ledger",
    "batch.committed",
    "import.stored",
    "import.state_moved",
    "import.drained",
    "import.written",
    "import.closed",
)
"""Every step, in the order in which an export with its import comes through."""

listener: Callable[[str], None] | None = None
"""What is called with the name of each step; None outside of fault tests."""


def step(name: str) -> None:
    """Say that the work has come to a step, one of `STEPS`."""
    if listener is not None:
        listener(name)
