"""Which devices a review draws: the worst, and a fair sample of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from synthlab.report.content import DeviceContent

MAX_WORST = 12
"""Worst devices that are drawn. Assumed: what a reviewer looks at before tiring."""
MAX_SAMPLED = 6
"""Further devices that are drawn. Assumed: enough to see what is usual."""


def ranked(devices: Sequence[DeviceContent]) -> tuple[DeviceContent, ...]:
    """Order devices from the worst to the best, number them, and choose those to draw.

    Parameters
    ----------
    devices : sequence of DeviceContent
        In any order; what they say of `rank` and `chosen` is replaced.

    Returns
    -------
    tuple of DeviceContent
        All are drawn up to `MAX_WORST` and `MAX_SAMPLED` together. Of more, the worst
        and, by archetype and rank, every n-th of the rest: the same each time.
    """
    ordered = sorted(devices, key=_badness)
    numbered = [replace(device, rank=place, chosen=None) for place, device in enumerate(ordered, 1)]
    if len(numbered) <= MAX_WORST + MAX_SAMPLED:
        return tuple(replace(device, chosen="all") for device in numbered)
    worst, rest = numbered[:MAX_WORST], numbered[MAX_WORST:]
    by_kind = sorted(rest, key=lambda device: (device.archetype, device.rank))
    # The middles of equal parts: of each archetype about its share, and neither end.
    places = {(2 * part + 1) * len(by_kind) // (2 * MAX_SAMPLED) for part in range(MAX_SAMPLED)}
    sampled = {by_kind[place].device_id for place in places}
    return (
        *(replace(device, chosen="worst") for device in worst),
        *(replace(device, chosen="sample") if device.device_id in sampled else device for device in rest),
    )


def _badness(device: DeviceContent) -> tuple[float, float, float, float, str]:
    coverage = device.profile.get("coverage_fraction")
    return (
        -device.fail_row_count,
        -device.suspect_row_count,
        1.0 if coverage is None else float(coverage),
        # A truck is emptied on purpose.
        -(device.runout_fraction or 0.0) if device.kind != "truck" else 0.0,
        device.device_id,
    )
