"""Messages that an artifact's manifest says the network lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def lost_count(devices: Mapping[str, Mapping[str, Any]]) -> int:
    """Return how many messages the network lost, by a manifest's ``devices``."""
    ranges = (each for entry in devices.values() for each in entry.get("lost_seq", ()))
    return sum(last - first + 1 for first, last in ranges)
