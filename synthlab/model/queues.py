"""How long a truck waits at a source: a process of the place, not of the truck."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthlab.model.events import SIZE_SHIFT, size_factors
from synthlab.model.gaussian import log_normal_mean_one
from synthlab.randomness import U64, slow_normals
from synthlab.timeline import SECONDS_PER_HOUR

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

SHORTEST_SECONDS, LONGEST_SECONDS = 900, 10_800
"""Source: domain facts, Water trucks, queue 15 min..3 h at the source (assumed there). [seconds]"""

# fmt: off
HOURLY_SHAPE = (
    .35, .35, .35, .40, .50, .75, 1.10, 1.30, 1.30, 1.10, .95, .85,
    .75, .75, .85, .95, 1.10, 1.00, .85, .65, .50, .40, .35, .35,
)
"""How long the queue is by UTC hour, 1 in the mean of 6..18 h. Assumed: trucks fill first thing in the
morning, and again for the afternoon round. [unitless]"""
# fmt: on

# Assumed: who comes an hour later finds much the same queue, who comes the next day another one.
_HOUR_CORRELATION = 0.93
_PLACE_SIGMA = 0.5
# Assumed: two trucks that come in one hour are not at one place of the queue.
_TRUCK_SIGMA = 0.25


def queue_factors(hours: I64, source_keys: U64) -> F64:
    """How the queue of each source stands at each full hour, against what is typical there.

    Parameters
    ----------
    hours : ndarray of int64, shape (n_hours,)
        Consecutive hours since 1970-01-01 UTC.
    source_keys : ndarray of uint64, shape (n_sources,)
        A stream of the place: all trucks that fill there meet the same queue.

    Returns
    -------
    ndarray of float64, shape (n_hours, n_sources)
        About 1 in the mean of a day's shift. [unitless]
    """
    process = slow_normals(
        source_keys, hours, spacing_seconds=SECONDS_PER_HOUR, correlation=_HOUR_CORRELATION
    )
    # Rounded, so that the last bit of a machine's exp cannot reach a time.
    factor = np.round(log_normal_mean_one(process, _PLACE_SIGMA), 6)
    return factor * np.array(HOURLY_SHAPE)[hours % 24][:, None]


def waiting_seconds(typical_minutes: F64, factor: F64, words: U64) -> I64:
    """Wait of trucks in a queue.

    Parameters
    ----------
    typical_minutes : ndarray of float64, shape (n,)
        Mean wait; 0: there is never a queue. [min]
    factor : ndarray of float64, shape (n,)
        Of `queue_factors`, at the source and the hour of arrival. [unitless]
    words : ndarray of uint64, shape (n,)
        A truck's own draw.

    Returns
    -------
    ndarray of int64
        Within `SHORTEST_SECONDS` (or the typical wait, if that is shorter) and
        `LONGEST_SECONDS` (or the typical wait, if that is longer). [seconds]
    """
    typical = typical_minutes * 60.0
    own = size_factors(_TRUCK_SIGMA)[(words >> SIZE_SHIFT).astype(np.int64)]
    wait = np.rint(typical * factor * own)
    low, high = np.minimum(SHORTEST_SECONDS, typical), np.maximum(LONGEST_SECONDS, typical)
    return np.clip(wait, low, high).astype(np.int64)


def source_stream_id(latitude: float, longitude: float) -> str:
    """Name a source by its place, so that trucks of different routes meet the same queue."""
    return f"source {latitude:.5f} {longitude:.5f}"
