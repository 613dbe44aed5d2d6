"""The review view without a browser: what is looked at, and what is signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import synthlab
from synthlab.errors import UsageError

END_AT = "2026-02-12T10:00:00Z"


@pytest.fixture
def view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> synthlab.ReviewView:
    monkeypatch.chdir(tmp_path)
    scenario = synthlab.load_scenario("demo_city_v1").with_changes(days=1)
    synthlab.export_csv(scenario.with_changes(seed=7), run_id="other", end_at=END_AT)
    artifact = synthlab.export_csv(scenario, run_id="own", end_at=END_AT)
    return synthlab.review(artifact.directory)


def test_a_view_is_the_review_with_its_still_page_beside_the_widget(view: synthlab.ReviewView) -> None:
    bundle = view._repr_mimebundle_()
    assert isinstance(view, synthlab.Review)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert bundle["text/html"] == view._repr_html_()
    assert bundle["text/plain"].startswith("Review(demo_city_v1/own: QC ")


def test_every_device_can_be_looked_at_and_a_stranger_is_refused(view: synthlab.ReviewView) -> None:
    panel = view.panel
    for device in view.content.devices:
        view.select(device.device_id)
        assert view.device == device
        assert len(view.findings) == len(device.findings)
    assert panel is view.panel
    with pytest.raises(UsageError, match="is no device of the artifact"):
        view.select("NOBODY")


def test_a_run_beside_it_is_compared(view: synthlab.ReviewView) -> None:
    assert view.others == ("other",)
    compared = view.compare("other")
    assert (compared.a.run_id, compared.b.run_id) == ("other", "own")
    assert not compared.is_identical


def test_buttons_sign_and_a_refusal_is_told(view: synthlab.ReviewView) -> None:
    file = view.directory / "approval.json"
    assert view.panel is not None
    form = view._panel
    assert form is not None
    form._approve.click()
    assert 'role="alert"' in form._message.value
    assert not file.exists()

    form._reviewer.value = "ana"
    form._approve.click()
    assert json.loads(file.read_text(encoding="utf-8"))["decision"] == "approved"
    assert view.content.decision.reviewer == "ana"

    form._note.value = "the night is <odd>"
    form._reject.click()
    assert json.loads(file.read_text(encoding="utf-8"))["decision"] == "rejected"
    assert "&lt;odd&gt;" in form._verdict.value
