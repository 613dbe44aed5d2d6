from __future__ import annotations

import uuid

import numpy as np
import pytest

from synthlab.platform.consumer import _before_first_gap
from synthlab.platform.hourly import HourRun, hour_runs
from synthlab.quality.places import place_kind, place_labels
from synthlab.quality.windows import HOUR_MS

A, B, C = (uuid.UUID(int=i) for i in range(3))


@pytest.mark.parametrize(
    ("last_seq", "seqs", "settled_seq", "whole"),
    [
        (4, [5, 6, 7], 0, 3),
        (4, [5, 7, 8], 0, 1),
        (4, [6, 7], 0, 0),
        (4, [6, 7, 9], 7, 2),
        (4, [7, 8], 6, 2),
        (4, [], 0, 0),
    ],
)
def test_events_are_taken_up_to_the_first_number_that_may_still_come(
    last_seq: int, seqs: list[int], settled_seq: int, whole: int
) -> None:
    assert _before_first_gap(last_seq, seqs, settled_seq) == whole


def test_touched_hours_become_runs_and_reservoirs_with_one_run_stand_together() -> None:
    touched = {
        A: np.array([10, 11, 14, 200]) * HOUR_MS + 5,
        B: np.array([14, 10]) * HOUR_MS,
        C: np.array([35, 10]) * HOUR_MS,
    }
    assert hour_runs(touched) == [
        HourRun(10, 10, (C,)),
        HourRun(10, 14, (A, B)),
        HourRun(35, 35, (C,)),
        HourRun(200, 200, (A,)),
    ]


def kind_of(*stops: tuple[str, float, float]) -> str:
    """Kind of a place by its stops: kind, first and last hour."""
    kinds, started, ended = zip(*stops, strict=True)
    hours = [np.rint(np.array(times) * HOUR_MS).astype(np.int64) for times in (started, ended)]
    return place_kind(np.array(kinds, dtype=np.str_), *hours)


NIGHT = ("DOWNTIME", 20.0, 30.0)


def test_a_place_is_named_after_what_happens_there() -> None:
    assert kind_of(NIGHT, NIGHT, ("DOWNTIME", 10, 11)) == "BASE"
    assert kind_of(("REFILL", 1, 1.5), ("REFILL", 3, 3.5), ("UNKNOWN", 5, 5.1)) == "REFILL_DEPOT"
    assert kind_of(("DELIVERY", 1, 1.5), ("DELIVERY", 3, 3.5), NIGHT) == "CLIENT_CLUSTER"
    assert kind_of(("DELIVERY", 1, 1.5), ("REFILL", 3, 3.5)) == "UNKNOWN"
    assert kind_of(("DOWNTIME", 10, 15), ("DOWNTIME", 26, 29.9)) == "UNKNOWN"


def test_stops_cluster_by_meters_on_the_ground_at_any_latitude() -> None:
    # 30 m apart, east to west, at 60° north: twice the degrees of the equator.
    east = 30 / 111_195 / np.cos(np.deg2rad(60))
    latitude = np.full(6, 60.0)
    longitude = np.array([0, east, 2 * east, 10 * east, 11 * east, 20 * east])
    labels = place_labels(latitude, longitude, radius_meters=40, min_stops=2)
    assert labels.tolist() == [0, 0, 0, 1, 1, -1]
    assert place_labels(latitude, longitude, radius_meters=25, min_stops=2).tolist() == [-1] * 6
    assert len(place_labels(latitude[:0], longitude[:0], radius_meters=40, min_stops=2)) == 0
