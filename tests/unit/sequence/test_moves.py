"""Recovery and release of numbers: the promised formula, and nothing that goes back."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from synthlab.sequence import DeviceState, Floor, Gap, Reservation, SeqRange, StateDocument
from synthlab.sequence.moves import declare_interrupted, highest_taken, recovered, released, reservations_of

ids = st.sampled_from(["A", "B", "C"])
spans = st.tuples(st.integers(1, 10_000), st.integers(0, 500)).map(lambda at: SeqRange(at[0], sum(at)))


def documents() -> st.SearchStrategy[StateDocument]:
    """States with numbers, gaps and reservations in any relation to each other."""
    devices = st.builds(
        DeviceState,
        st.integers(0, 10_000),
        st.none(),
        st.lists(spans.map(lambda span: Gap(span, "interrupted")), max_size=2).map(tuple),
    )
    held = st.builds(
        Reservation,
        st.sampled_from(["r1@2026-01-01T00:00:00Z", "r1@2026-01-02T00:00:00Z", "r2"]),
        st.just("00"),
        st.sampled_from(["export", "live"]),
        st.dictionaries(ids, spans, min_size=1),
    )
    return st.builds(
        StateDocument,
        devices=st.dictionaries(ids, devices),
        reservations=st.lists(held, max_size=3).map(tuple),
    )


floors = st.dictionaries(ids, st.builds(Floor, st.integers(0, 20_000), st.integers(0, 10**9)))


@given(documents(), floors, st.integers(1, 5_000))
def test_next_is_the_greater_of_state_and_platform_with_its_margin(
    document: StateDocument, platform: dict[str, Floor], margin: int
) -> None:
    after = recovered(document, platform, margin=margin)
    for name in "ABC":
        before = highest_taken(document, name) + 1
        floor = platform.get(name)
        promised = before if floor is None else max(before, floor.last_seq + 1 + margin)
        assert highest_taken(after, name) + 1 == promised


@given(documents(), floors, st.integers(1, 5_000))
def test_every_number_that_recovery_passes_over_is_declared(
    document: StateDocument, platform: dict[str, Floor], margin: int
) -> None:
    after = recovered(document, platform, margin=margin)
    for name, floor in platform.items():
        known = highest_taken(document, name)
        declared = {
            seq
            for gap in after.devices[name].gaps
            if gap.reason == "recovered"
            for seq in range(gap.range.first_seq, gap.range.last_seq + 1)
        }
        passed = range(max(known, floor.last_seq) + 1, highest_taken(after, name) + 1)
        assert declared == set(passed)
        assert after.devices[name].last_seq >= floor.last_seq


@given(documents())
def test_a_released_run_gives_nobody_its_numbers_again(document: StateDocument) -> None:
    held = reservations_of(document, "r1")
    after = released(document, held)
    assert reservations_of(after, "r1") == ()
    assert [each.run_id for each in after.reservations if each.kind == "export"] == [
        each.run_id for each in document.reservations if each.kind == "export" and each.run_id == "r2"
    ]
    for name in "ABC":
        assert highest_taken(after, name) == highest_taken(document, name)
        spans_held = [each.devices[name] for each in held if name in each.devices]
        gaps = after.devices.get(name, DeviceState()).gaps
        assert [gap.range for gap in gaps if gap.reason == "released"] == spans_held


@given(documents(), floors)
def test_a_run_that_died_meanwhile_hides_nothing_from_recovery(
    document: StateDocument, platform: dict[str, Floor]
) -> None:
    opened = declare_interrupted(document)
    for name in "ABC":
        assert highest_taken(opened, name) >= highest_taken(document, name)
    once = recovered(opened, platform, margin=1)
    assert recovered(replace(once, generation=7), {}, margin=1).devices == once.devices
