"""The review: what it shows of an artifact, and that it shows it safely and the same each time."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import synthlab
from synthlab.artifact import Artifact
from synthlab.errors import ArtifactError
from synthlab.report.page import page as page_of
from synthlab.report.pictures import Pictures
from synthlab.scenario.loader import loads_scenario
from synthlab.workflows.review import decided, gather
from tests.frames import artifact_of, telemetry_frame

NO_PICTURES = Pictures(None, None, {})
HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def artifact(tiny_scenario: synthlab.Scenario, sqlite_platform: str, end_at: datetime) -> Artifact:
    return synthlab.export_csv(tiny_scenario, database=sqlite_platform, run_id="r1", end_at=end_at)


def _spoil(artifact: Artifact, **changes: Any) -> None:
    """Make the analysis of an artifact say something else."""
    synthlab.analyze_csv(artifact.directory, plots=False)
    path = artifact.directory / "analysis.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_page_is_made_of_what_is_beside_it(artifact: Artifact) -> None:
    shown = synthlab.review(artifact.directory)
    assert shown.path == artifact.directory / "report.html"
    content = shown.content
    analysis = json.loads((artifact.directory / "analysis.json").read_text())
    assert content.qc_passed is analysis["qc_passed"] is True
    assert {d.device_id: d.kind for d in content.devices} == {"E2ETINYSTAT1": "tank", "E2ETINYMOB1": "truck"}
    assert content.row_count == 98
    tank = next(device for device in content.devices if device.kind == "tank")
    assert tank.profile == analysis["devices"]["E2ETINYSTAT1"]
    truth = shown.frame[shown.frame["device_id"] == "E2ETINYSTAT1"]["level_pct"]
    assert tank.mean_level_pct == pytest.approx(truth.mean())
    known = synthlab.metrics(shown.frame, reservoirs=shown.reservoirs).loc["E2ETINYSTAT1"]
    named = {metric.name: metric for metric in tank.metrics}
    assert named["runout_prob"].value == pytest.approx(known["runout_prob"])
    assert named["runout_prob"].promise == "lower than stationary_archetype_c"
    # No device of the contrast archetype is here: nothing to compare with.
    assert named["runout_prob"].is_kept is None
    page = shown.path.read_text()
    for digest in content.hashes.values():
        assert digest in page
    assert set(shown.pictures.devices) == {"E2ETINYSTAT1", "E2ETINYMOB1"}


def test_the_same_artifact_gives_the_same_bytes_and_the_same_in_a_notebook(artifact: Artifact) -> None:
    first = synthlab.review(artifact.directory)
    before = first.path.read_bytes()
    again = synthlab.review(artifact.directory)
    assert again.path.read_bytes() == before
    page, cell = before.decode(), again._repr_html_()
    # What stands in the body stands in the cell.
    body = re.search(r'<main class="synthlab-review">(.*)</main>', page, re.DOTALL)
    assert body is not None
    assert body[1] in cell
    assert repr(again) == "ReviewView(tiny/r1: QC passed, 2 devices, 0 findings, decision: none)"
    json.dumps(again.to_dict(), allow_nan=False)
    # Nothing is asked from anywhere, and nothing tells where the page was made.
    assert not re.search(r"(src|href)=\"(?!data:image/png;base64,|#)", page)
    assert "default-src 'none'" in html.unescape(page)
    assert "<script" not in page
    assert artifact.directory.resolve().parents[2].name not in page


def test_a_failed_artifact_says_why_first(artifact: Artifact) -> None:
    _spoil(artifact, qc_passed=False, qc_failures=[f"battery_range: 3 rows FAIL {HOSTILE}"])
    content = gather(artifact.directory).content
    page = page_of(content, NO_PICTURES)
    assert not content.qc_passed
    assert page.index("QC failed") < page.index("battery_range: 3 rows FAIL") < page.index("<h2>Decision")
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_what_is_the_same_of_many_devices_is_one_line_of_the_page(tmp_path: Path) -> None:
    lines = [f"devices[TANK-{n}]: device not found. Provision it." for n in range(62)]
    made = artifact_of(telemetry_frame(tanks=2, trucks=0, steps=30), tmp_path, warnings=[*lines, "another"])
    synthlab.analyze_csv(made.directory, plots=False)
    content = gather(made.directory).content
    named = ", ".join(f"TANK-{n}" for n in range(8))
    assert content.warnings == (f"devices[{named}, ... +54 more]: device not found. Provision it.", "another")
    assert page_of(content, NO_PICTURES).count("device not found") == 1


def test_hostile_texts_are_shown_and_do_nothing(tmp_path: Path) -> None:
    made = artifact_of(
        telemetry_frame(tanks=1, trucks=0, steps=30),
        tmp_path,
        warnings=[HOSTILE],
        scenario={"scenario_id": "demo", "devices": [{"device_id": "TANK-0", "archetype": HOSTILE}]},
    )
    synthlab.analyze_csv(made.directory, plots=False)
    synthlab.reject(made.directory, reviewer=HOSTILE, note=HOSTILE)
    page = page_of(gather(made.directory).content, NO_PICTURES)
    assert "<script" not in page.lower()
    # Warning, archetype, reviewer, note, and the scenario as YAML.
    assert page.count("&lt;script&gt;") == 5


def test_rows_without_time_or_without_any_row_are_no_bug(tmp_path: Path) -> None:
    made = artifact_of(telemetry_frame(steps=3).iloc[:0], tmp_path)
    shown = synthlab.review(made.directory)
    assert not shown.qc_passed
    assert shown.pictures.devices == {}
    assert "there is nothing to draw" in shown.path.read_text()


def test_a_changed_csv_is_not_reviewed(artifact: Artifact) -> None:
    artifact.csv_path.write_bytes(artifact.csv_path.read_bytes().replace(b"E2ETINYMOB1", b"E2ETINYMOB2", 1))
    with pytest.raises(ArtifactError) as caught:
        synthlab.review(artifact.directory)
    assert caught.value.code == "CSV_HASH_MISMATCH"
    assert not (artifact.directory / "report.html").exists()


def test_decisions_are_shown_as_long_as_they_are_about_these_bytes(artifact: Artifact) -> None:
    def decision() -> str:
        return gather(artifact.directory).content.decision.decision

    synthlab.analyze_csv(artifact.directory, plots=False)
    assert decision() == "none"
    synthlab.approve(artifact.directory, reviewer="Ada", note="as it should be")
    assert decision() == "approved"
    synthlab.reject(artifact.directory, reviewer="Ada", note="no")
    assert decision() == "rejected"
    path = artifact.directory / "analysis.json"
    path.write_bytes(path.read_bytes() + b"\n")
    assert decision() == "outdated"


def test_what_was_decided_since_is_what_a_new_look_would_find(artifact: Artifact) -> None:
    folder = artifact.directory
    synthlab.analyze_csv(folder, plots=False)
    found = gather(folder)
    assert decided(found) is found
    synthlab.approve(folder, reviewer="Ada")
    signed = decided(found)
    assert signed.content == gather(folder).content != found.content
    assert decided(signed) is signed
    # Analyzed again before it is signed: the decision is on that analysis, and is shown with it.
    path = folder / "analysis.json"
    path.write_bytes(path.read_bytes() + b"\n")
    synthlab.reject(folder, reviewer="Ada", note="no")
    again = decided(signed)
    assert again.content == gather(folder).content
    assert again.content.decision.decision == "rejected"


def test_the_scenario_is_compared_with_the_last_approved_run(
    tiny_text: str, sqlite_platform: str, end_at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(run_id: str, seed: int) -> Path:
        scenario = loads_scenario(tiny_text.replace("seed: 7", f"seed: {seed}"))
        made = synthlab.export_csv(
            scenario, database=sqlite_platform, run_id=run_id, end_at=end_at, state_file=f"{run_id}.json"
        )
        synthlab.analyze_csv(made.directory, plots=False)
        return made.directory

    hour = iter(range(24))
    monkeypatch.setattr("synthlab.workflows.approve.now_at", lambda: end_at.replace(hour=next(hour)))
    new, *old = (export(f"r{seed}", seed) for seed in (9, 1, 2, 3, 4))
    assert gather(new).content.baseline is None
    for folder in old:
        synthlab.approve(folder, reviewer="Ada")
    # The last is rejected again, and the one before it changed since: neither counts.
    synthlab.reject(old[3], reviewer="Ada", note="no")
    (old[2] / "analysis.json").write_text("{}")
    baseline = gather(new).content.baseline
    assert baseline is not None
    assert (baseline.run_id, baseline.seed) == ("r2", 2)
    assert [(one.path, one.before, one.after) for one in baseline.changes] == [("seed", 2, 9)]
    assert [line for line in baseline.diff if line[0] in "+-"] == ["-seed: 2", "+seed: 9"]
    # A run that is approved itself is compared with what was approved before it.
    earlier = gather(old[1]).content.baseline
    assert earlier is not None
    assert earlier.run_id == "r1"
