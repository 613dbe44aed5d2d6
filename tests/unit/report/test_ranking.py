from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from synthlab.report.content import DeviceContent
from synthlab.report.ranking import MAX_SAMPLED, MAX_WORST, ranked


def _device(name: str, *, archetype: str = "a", **facts: Any) -> DeviceContent:
    given: dict[str, Any] = {
        "rank": 0,
        "kind": "tank",
        "chosen": None,
        "reservoir": {},
        "profile": {"coverage_fraction": facts.pop("coverage", 1.0)},
        "fail_row_count": 0,
        "suspect_row_count": 0,
        "runout_fraction": 0.0,
        "mean_level_pct": 50.0,
        "findings": (),
        "metrics": (),
    }
    return DeviceContent(device_id=name, archetype=archetype, **{**given, **facts})


def test_the_worst_is_first_by_what_weighs_more() -> None:
    devices = [
        _device("GOOD"),
        _device("DRY", runout_fraction=0.5),
        _device("GAPS", coverage=0.5),
        _device("SUSPECT", suspect_row_count=1),
        _device("FAIL", fail_row_count=1),
        _device("ABSENT", coverage=0.0, runout_fraction=None),
        _device("ALSO_GOOD"),
    ]
    order = ["FAIL", "SUSPECT", "ABSENT", "GAPS", "DRY", "ALSO_GOOD", "GOOD"]
    found = ranked(devices)
    assert [device.device_id for device in found] == order
    assert [device.rank for device in found] == list(range(1, 8))
    assert {device.chosen for device in found} == {"all"}


@given(st.lists(st.integers(0, 3), min_size=MAX_WORST + MAX_SAMPLED + 1, max_size=200), st.randoms())
def test_of_many_the_worst_and_a_fair_sample_are_drawn(fails: list[int], random: Any) -> None:
    devices = [
        _device(f"D{n:03d}", fail_row_count=count, archetype="ab"[n % 2]) for n, count in enumerate(fails)
    ]
    found = ranked(devices)
    assert [device.chosen for device in found[:MAX_WORST]] == ["worst"] * MAX_WORST
    sampled = [device for device in found if device.chosen == "sample"]
    assert len(sampled) == MAX_SAMPLED
    assert len(found) == len(devices)
    assert min(d.fail_row_count for d in found[:MAX_WORST]) >= max(
        d.fail_row_count for d in found[MAX_WORST:]
    )
    shuffled = list(devices)
    random.shuffle(shuffled)
    assert ranked(shuffled) == found


def test_the_sample_has_every_archetype() -> None:
    devices = [_device(f"D{n:03d}", archetype="tank" if n < 150 else "truck") for n in range(200)]
    sampled = [device for device in ranked(devices) if device.chosen == "sample"]
    assert {device.archetype for device in sampled} == {"tank", "truck"}
