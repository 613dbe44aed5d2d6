"""Where a truck stopped, and how much water came or went there.

The platform's mobile pipeline (contract, section 4): a point is MOVING where its
speed is at least 5 km/h or the step from the last point at least 200 m, else
STATIONARY; a run of stationary points is a stop; its change of volume, after
denoising by a rolling median, says which kind.

Choices where the contract is silent
------------------------------------
- *Arrival*: at a cadence of minutes the first point at a stop is MOVING by its
  step of 200 m, though the truck stands.  Such a point begins the stop that follows it.
  A lone one, with no stationary point after it, is a stop only where the level
  says that water came or went.
- *Traffic*: a run of points that is over within three minutes is a red light or a jam, not
  a stop, unless more water came or went than a moving truck's slosh can feign.
- *Denoising*: median of three valid readings.
- *Edges*: filling may have begun when the first point is seen and may end
  after the last.  A change between the stop and the neighboring points belongs to
  it where it is larger than what a moving truck's slosh can feign, back over two
  steps, forward over one; no step counts twice.
- *Time*: a stop begins halfway between the point before and its first one, and ends
  likewise, but reaches no further than five minutes from its own points.
- *Transit*: water that leaves between two stops is the difference of the content when
  the first ends and the second begins: slosh on the way plays no part.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from synthlab.quality.hourly import median_of_three
from synthlab.quality.motion import Points, from_one_side, is_fast, motion, on_the_globe

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Text = npt.NDArray[np.str_]

VOLUME_CHANGE_LITERS = 30.0
"""Less is no delivery and no refill. Source: platform contract, section 4. [liters]"""
LONG_STOP_MS = 15 * 60_000
"""Assumed: shorter than this, a stop without water is a traffic jam. [ms]"""
SHORTEST_STOP_MS = 3 * 60_000
"""Less is traffic, unless water came or went. Assumed: a red light takes up to 90 s, and a
point every minute sees it as up to two minutes. [ms]"""
EDGE_FRACTION = 0.015
"""Smallest change at the edge of a stop that is not slosh. [fraction of capacity]

Assumed: three standard deviations of the mean of five readings of 18 mm on 1,600 mm."""
EDGE_GAP_MS = 15 * 60_000
"""Longest step whose change an edge may claim. Assumed: three cadences of five minutes. [ms]"""
REACH_MS = 5 * 60_000
"""How far a stop reaches beyond its own points. Assumed: half of ten minutes' cadence. [ms]"""
CARRY_MS = 60 * 60_000
"""How long a reading stands for the content. Assumed: no echo comes in bursts. [ms]"""
SETTLED_MS = 3 * 60 * 60_000
"""A stop whose last point is older than this is not changed by a new point: the
reaches above, added up and rounded up. [ms]"""


class StopKind(StrEnum):
    """What a stop was for."""

    DELIVERY = "DELIVERY"
    REFILL = "REFILL"
    DOWNTIME = "DOWNTIME"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """Stop episodes, sorted by device, then time.

    Attributes
    ----------
    device : ndarray of int64
        Device index.
    started_ms, ended_ms : ndarray of int64
        Estimated beginning and end. [ms]
    first_point_ms, last_point_ms : ndarray of int64
        Time of the first and the last point at the stop. [ms]
    point_count : ndarray of int64
    latitude, longitude : ndarray of float64
        Median of the points. [°]
    volume_before_liters, volume_after_liters : ndarray of float64
        [liters]
    transit_change_liters : ndarray of float64
        Change since the end of the stop before; NaN for a device's first. [liters]
    kind : ndarray of str
        A `StopKind` each.
    """

    device: I64
    started_ms: I64
    ended_ms: I64
    first_point_ms: I64
    last_point_ms: I64
    point_count: I64
    latitude: F64
    longitude: F64
    volume_before_liters: F64
    volume_after_liters: F64
    transit_change_liters: F64
    kind: Text

    @property
    def volume_change_liters(self) -> F64:
        """Content after minus content before. [liters]"""
        return self.volume_after_liters - self.volume_before_liters

    def where(self, mask: Bool) -> Stops:
        """Return the stops of a mask."""
        return Stops(**{field.name: getattr(self, field.name)[mask] for field in fields(self)})


def stop_episodes(points: Points, *, capacity_liters: F64) -> Stops:
    """Find the stops of all trucks, with their volumes and kinds.

    Parameters
    ----------
    points : Points
    capacity_liters : ndarray of float64, shape (n_devices,)
        [liters]
    """
    is_moving, _ = motion(points)
    first, last = _runs(points, is_moving)
    volume = denoised_volume_liters(points.device, points.time_ms, points.volume_liters)
    before, after = _edge_volumes(points, first, last, volume, capacity_liters)
    stops = _assemble(points, first, last, before, after)
    # Neither a lone arrival nor a short rest is a stop, unless water came or went: for a short
    # one more than the slosh of a truck in traffic.
    is_short = stops.ended_ms - stops.started_ms < SHORTEST_STOP_MS
    slosh = np.fmax(EDGE_FRACTION * capacity_liters[stops.device], VOLUME_CHANGE_LITERS)
    needed = np.where(is_short, slosh, VOLUME_CHANGE_LITERS)
    keep = (np.abs(stops.volume_change_liters) > needed) | ~(is_short | is_moving[last])
    return _with_transit(stops.where(keep))


def classify(change_liters: F64, duration_ms: I64) -> Text:
    """Kind of each stop by its change of volume and its length.

    Parameters
    ----------
    change_liters : ndarray of float64
        NaN where no reading is valid: then the kind is UNKNOWN. [liters]
    duration_ms : ndarray of int64
        [ms]
    """
    known = ~np.isnan(change_liters)
    return np.select(
        [
            change_liters < -VOLUME_CHANGE_LITERS,
            change_liters > VOLUME_CHANGE_LITERS,
            known & (duration_ms >= LONG_STOP_MS),
        ],
        [StopKind.DELIVERY.value, StopKind.REFILL.value, StopKind.DOWNTIME.value],
        default=StopKind.UNKNOWN.value,
    )


def denoised_volume_liters(device: I64, time_ms: I64, volume_liters: F64) -> F64:
    """Smooth by the median of three valid readings, carried over those that are not valid.

    A steady rise or fall passes unchanged; a single wrong reading is gone.  Only
    readings within `CARRY_MS` are neighbors; an entry without a valid reading that near is NaN.
    """
    at = np.flatnonzero(~np.isnan(volume_liters))
    if not len(at):
        return np.full(len(volume_liters), np.nan)
    values, owner, when = volume_liters[at], device[at], time_ms[at]
    near = (owner[1:] == owner[:-1]) & (np.diff(when) <= CARRY_MS)
    clean = values.copy()
    middle = np.flatnonzero(near[:-1] & near[1:]) + 1
    clean[middle] = median_of_three(values[middle - 1], values[middle], values[middle + 1])
    position = np.searchsorted(at, np.arange(len(device)), side="right") - 1
    smooth = np.full(len(volume_liters), np.nan)
    # The valid reading at or before an entry goes first, so it is written last.
    for chosen in (np.minimum(position + 1, len(at) - 1), np.maximum(position, 0)):
        is_near = (owner[chosen] == device) & (np.abs(when[chosen] - time_ms) <= CARRY_MS)
        smooth = np.where(is_near, clean[chosen], smooth)
    return smooth


def _runs(points: Points, is_moving: Bool) -> tuple[I64, I64]:
    """First and last position of each run of points at a stop, lone arrivals included."""
    standing = ~is_moving
    new_device = np.ones(len(standing), dtype=bool)
    new_device[1:] = points.device[1:] != points.device[:-1]
    leads_to_stop = np.zeros(len(standing), dtype=bool)
    leads_to_stop[:-1] = standing[1:] & ~new_device[1:]
    # Without a speed, a step of 200 m may as well be the road.
    is_arrival = is_moving & ~is_fast(points) & (leads_to_stop | ~np.isnan(points.speed_kmh))
    at_stop = standing | is_arrival
    begins = at_stop & (is_arrival | new_device)
    begins[1:] |= at_stop[1:] & ~at_stop[:-1]
    ends = at_stop.copy()
    ends[:-1] &= ~at_stop[1:] | begins[1:]
    return np.flatnonzero(begins), np.flatnonzero(ends)


def _edge_volumes(
    points: Points, first: I64, last: I64, volume: F64, capacity_liters: F64
) -> tuple[F64, F64]:
    """Content before and after each stop. [liters]"""
    size = len(points.device)
    edge = EDGE_FRACTION * capacity_liters[points.device]
    change = np.zeros(size)
    change[1:] = volume[1:] - volume[:-1]
    usable = np.zeros(size, dtype=bool)
    usable[1:] = (points.device[1:] == points.device[:-1]) & (np.diff(points.time_ms) <= EDGE_GAP_MS)
    is_edge = usable & (np.abs(change) > edge)
    before, after = _edges(first, last, change, is_edge)
    # Beside a drop the median of three is the lesser of two plateau readings, which would
    # take half a slosh off every delivery: there the reading itself is fair.
    is_fair = np.abs(points.volume_liters - volume) <= edge
    drops_after, drops_before = np.append(is_edge[1:], False)[before], is_edge[after]
    return (
        np.where(drops_after & is_fair[before], points.volume_liters[before], volume[before]),
        np.where(drops_before & is_fair[after], points.volume_liters[after], volume[after]),
    )


def _edges(first: I64, last: I64, change: F64, is_edge: Bool) -> tuple[I64, I64]:
    """Positions of the readings that tell the content before and after each stop."""
    size = len(change)
    previous_last, next_first = np.append(-1, last)[:-1], np.append(first, size)[1:]
    back = is_edge[first]
    second = np.maximum(first - 1, 0)
    # The step right after the stop before belongs to that stop.
    further = back & (second - 1 > previous_last) & is_edge[second]
    further &= np.sign(change[second]) == np.sign(change[first])
    before = np.where(further, first - 2, np.where(back, first - 1, first))
    step = np.minimum(last + 1, size - 1)
    forward = (last + 1 < next_first) & (last + 1 < size) & is_edge[step]
    return before, np.where(forward, last + 1, last)


def _assemble(points: Points, first: I64, last: I64, before: F64, after: F64) -> Stops:
    device, time_ms = points.device[first], points.time_ms
    size = len(points.device)
    earlier, later = np.maximum(first - 1, 0), np.minimum(last + 1, size - 1)
    has_earlier = (first > 0) & (points.device[earlier] == device)
    has_later = (last + 1 < size) & (points.device[later] == device)
    started = time_ms[first] - _reach_ms(time_ms[first] - time_ms[earlier], has_earlier)
    ended = time_ms[last] + _reach_ms(time_ms[later] - time_ms[last], has_later)
    return Stops(
        device=device,
        started_ms=started,
        ended_ms=ended,
        first_point_ms=time_ms[first],
        last_point_ms=time_ms[last],
        point_count=last - first + 1,
        latitude=_run_medians(points.latitude, first, last),
        longitude=_run_medians(points.longitude, first, last, is_longitude=True),
        volume_before_liters=before,
        volume_after_liters=after,
        transit_change_liters=np.full(len(first), np.nan),
        kind=classify(after - before, ended - started),
    )


def _with_transit(stops: Stops) -> Stops:
    """Fill in what changed between a stop and the one before."""
    transit = np.full(len(stops.device), np.nan)
    same = np.flatnonzero(stops.device[1:] == stops.device[:-1]) + 1
    transit[same] = stops.volume_before_liters[same] - stops.volume_after_liters[same - 1]
    return replace(stops, transit_change_liters=transit)


def _reach_ms(gap_ms: I64, exists: Bool) -> I64:
    return np.where(exists, np.minimum(gap_ms // 2, REACH_MS), 0)


def _run_medians(values: F64, first: I64, last: I64, *, is_longitude: bool = False) -> F64:
    """Median of each run of positions first..last; of longitudes also across the 180th meridian."""
    count = last - first + 1
    run = np.repeat(np.arange(len(first)), count)
    begin = np.cumsum(count) - count
    inside = values[np.repeat(first - begin, count) + np.arange(len(run))]
    if is_longitude:
        inside = from_one_side(inside, inside[begin[run]])
    ordered = inside[np.lexsort((inside, run))]
    middle = 0.5 * (ordered[begin + (count - 1) // 2] + ordered[begin + count // 2])
    return on_the_globe(middle) if is_longitude else middle
