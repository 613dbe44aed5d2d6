"""The live view without a browser: what its buttons do, and what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

import synthlab
from synthlab.errors import UsageError
from synthlab.widgets.live_view import LiveMonitor
from synthlab.workflows.live_session import LiveStatus
from tests.brokers import Observer, mosquitto, needs_mosquitto
from tests.unit.workflows.test_live import TANK, TRUCK, a_scenario


def tiles_of(view: LiveMonitor) -> dict[str, str]:
    return {tile["label"]: tile["value"] for tile in view.tiles.tiles}


@needs_mosquitto
def test_a_run_from_the_buttons(scratch: Path) -> None:
    with mosquitto() as address, Observer(address) as observer:
        view = synthlab.monitor(
            a_scenario(), broker=address.display_url, speedup_factor=36_000.0, iterations=12
        )
        assert (view.start_button.disabled, view.stop_button.disabled) == (False, True)
        assert "image/png" not in view._repr_mimebundle_()
        view.start_button.click()
        assert view.wait(timeout_seconds=60).phase == "ended"
        observer.wait_for(lambda found: len(found) == 24)
    assert (view.start_button.disabled, view.stop_button.disabled) == (False, True)
    assert tiles_of(view) | {"Rate": "", "Lag": ""} == {
        "Rate": "",
        "Lag": "",
        "Sent": "24",
        "Acknowledged": "24",
        "Pending": "0",
        "Dropped": "0",
    }
    assert [panel["title"] for panel in view.levels.panels] == [TANK, TRUCK]
    assert [panel["x"]["count"] for panel in view.levels.panels] == [12, 12]
    assert [place["kind"] for place in view.map.places][:3] == ["BASE", "REFILL", "CLIENT"]
    assert view.table["seq"].to_dict() == {TANK: 12, TRUCK: 12}
    bundle = view._repr_mimebundle_()
    assert bundle["text/plain"] == "<LiveMonitor: live_test, 2 devices, ended>"
    assert bundle["image/png"].startswith(b"\x89PNG")


def test_a_truck_without_a_fix_is_shown_where_it_was_last_and_how_long_ago_is_said(scratch: Path) -> None:
    scenario = a_scenario().with_device(TRUCK, gps_dropouts_per_day=24, gps_dropout_minutes=30)
    # A moment that is given: which messages have no fix is the same in each run.
    view = synthlab.monitor(scenario, start_at="2026-02-12T10:00:00Z", iterations=24)
    view.start()
    view.wait(timeout_seconds=60)
    track = view.session.tracks()[TRUCK]
    fix = [sample for sample in track if sample.latitude is not None][-1]
    assert fix != track[-1]
    row = view.table.loc[TRUCK]
    assert (row["latitude"], row["longitude"], row["fix_at"]) == (
        fix.latitude,
        fix.longitude,
        fix.received_at,
    )
    assert (row["seq"], row["received_at"]) == (24, track[-1].received_at)
    assert view.table.loc[TANK, ["latitude", "longitude", "fix_at"]].isna().all()
    truck = view.map.places[-1]
    minutes = (track[-1].received_at - fix.received_at).total_seconds() / 60
    assert (truck["kind"], truck["label"]) == ("TRUCK", TRUCK)
    assert truck["detail"].endswith(f" % full, no position for {minutes:g} min")
    assert truck["detail"] in view.map.summary


def test_a_run_that_ends_while_stop_is_answered_is_shown_as_ended(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = synthlab.monitor(a_scenario(speedup=600.0))
    stop = view.session.stop

    def stop_and_end(*, timeout_seconds: float) -> LiveStatus:
        before = stop(timeout_seconds=timeout_seconds)
        view.wait(timeout_seconds=60)
        return before

    monkeypatch.setattr(view.session, "stop", stop_and_end)
    view.start_button.click()
    view.stop_button.click()
    assert view.status.phase == "ended"
    assert "Stopped." in view.message.value
    assert (view.start_button.disabled, view.stop_button.disabled) == (False, True)


def test_what_is_said_last_stands_beside_the_final_numbers(scratch: Path) -> None:
    view = synthlab.monitor(a_scenario(), iterations=12)
    numbers: list[str] = []

    def note(change: dict[str, str]) -> None:
        if "Stopped." in change["new"]:
            numbers.append(tiles_of(view)["Sent"])

    view.message.observe(note, "value")
    view.start()
    view.wait(timeout_seconds=60)
    assert numbers == ["24"]


def test_a_broker_that_is_down_is_said_in_the_view(scratch: Path) -> None:
    view = synthlab.monitor(a_scenario(), broker="mqtt://127.0.0.1:1")
    view.start()
    assert view.wait(timeout_seconds=60).phase == "failed"
    assert "role=&quot;" not in view.message.value
    assert view.message.value.startswith('<div role="alert">Failed. ')
    assert "broker must answer at mqtt://127.0.0.1:1" in view.message.value
    assert not view.start_button.disabled


def test_tanks_alone_have_no_map(scratch: Path) -> None:
    view = synthlab.monitor("stationary_only_v1")
    assert len(view.map.places) == 0
    assert view.map not in view.panel.children[-1].children


def test_what_belongs_to_the_view_cannot_be_given() -> None:
    with pytest.raises(UsageError):
        synthlab.monitor("stationary_only_v1", on_progress=print)
