"""Whatever a verb returns reads well: one line that begins with the verdict, and a table."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import synthlab
from synthlab.results import Result, html_table

END_AT = "2026-02-12T10:00:00Z"
HOSTILE = "<script>alert('x')</script>"

# A screen holds about so much; what a repr has beyond it nobody reads.
MAX_LINE = 500
MAX_ROWS = 60
MAX_PAGE = 40_000

# A review's table is its page, pictures included; a comparison draws the devices that differ most.
WITH_PICTURES = {"Review", "ReviewView", "Comparison"}


def _story(folder: Path) -> Iterator[Any]:
    """Run every verb once, and hand out what it returned."""
    from synthlab.platform.consumer import DrainResult
    from synthlab.workflows.demo import DemoResult, DemoStep
    from synthlab.workflows.fit import fit_file
    from synthlab.workflows.live_session import LiveStatus
    from synthlab.workflows.review import review
    from synthlab.workflows.state import recover_state, release_state, show_state

    database, state = f"sqlite:///{folder / 'platform.db'}", folder / "state.json"
    here = {"database": database, "state_file": state}
    scenario = synthlab.load_scenario("stationary_only_v1").with_changes(days=1)
    yield scenario
    yield synthlab.validate(scenario, database=database)
    yield synthlab.provision(scenario, database=database)
    yield synthlab.preview(scenario, steps=5, start_at="2026-02-10T00:00:00Z", database=database)
    history = synthlab.backfill(scenario.with_changes(days=30), end_at=END_AT)
    yield from (history, history.checkpoint, synthlab.check(history.frame).thresholds)
    yield synthlab.check(history.frame.drop(history.frame.index[2_000:2_040]))

    export = {"end_at": END_AT, "output_root": folder, **here}
    artifact = synthlab.export_csv(scenario, run_id="one", **export)
    other = synthlab.export_csv(scenario.with_changes(seed=7), run_id="two", **export)
    yield from (artifact, synthlab.analyze_csv(artifact.directory, plots=False))
    yield synthlab.verify(artifact.directory, regenerate=True)
    compared = synthlab.compare(artifact.directory, other.directory)
    yield from (compared, compared.a)
    looked_at = review(artifact.directory)
    yield from (looked_at, looked_at.content, synthlab.review(artifact.directory))
    yield synthlab.approve(artifact.directory, reviewer=HOSTILE, note=HOSTILE)
    stored = synthlab.import_csv(artifact.directory, apply=True, drain_analytics=True, **here)
    yield from (stored, stored.analytics, synthlab.purge("one", database=database))
    yield synthlab.bootstrap(scenario, end_at="2026-02-13T10:05:00Z", **here)
    yield from (synthlab.consume(database=database, once=True), DrainResult(2, 1, 1, 3, True))

    progress: list[Any] = []
    live = scenario.with_changes(speedup_factor=100_000)
    yield synthlab.run_live(live, iterations=2, listen=False, on_progress=progress.append, **here)
    yield from (progress[-1], LiveStatus("failed", problem=HOSTILE))
    yield recover_state(state_file=state, database=database)
    yield from (show_state(state), release_state(target=True, state_file=state))

    frame, faults = history.frame, [{"kind": "GAP", "rate_per_month": 3}]
    broken = synthlab.inject_faults(frame, faults, seed=1)
    yield synthlab.score(synthlab.check(broken), broken)
    rows = folder / "levels.csv"
    frame.loc[frame["device_id"] == "E2E2024STATA1", ["received_at", "requested_liters"]].rename(
        columns={"received_at": "time", "requested_liters": "liters"}
    ).to_csv(rows, index=False)
    report = fit_file(rows)
    yield from (report, report.fit, synthlab.fit_supply(frame, device="E2E2024STATA1"))
    homes = _four_homes(frame)
    yield synthlab.realism(homes, homes, seeds=1)
    step = DemoStep("provision", HOSTILE, {})
    yield from (step, DemoResult((step,), folder, ("look",)))
    yield from _views(scenario)


def _four_homes(frame: pd.DataFrame) -> pd.DataFrame:
    """Cut the month of two homes in halves that stand for four."""
    liters = frame[["device_id", "received_at", "requested_liters"]].rename(
        columns={"device_id": "household", "received_at": "hour", "requested_liters": "liters"}
    )
    middle = liters["hour"].iloc[0] + pd.Timedelta(days=15)
    late = liters[liters["hour"] >= middle]
    moved = late.assign(
        household="LATE" + late["household"].astype(str), hour=late["hour"] - pd.Timedelta(days=15)
    )
    return pd.concat([liters[liters["hour"] < middle].astype({"household": str}), moved])


def _views(scenario: synthlab.Scenario) -> Iterator[Any]:
    view = synthlab.design(scenario, days=1, end_at=END_AT)
    yield from (view, view.outcome)


@pytest.fixture(scope="module")
def returned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found = _story(tmp_path_factory.mktemp("story"))
    return {type(value).__name__: value for value in found}


def _records() -> list[str]:
    """Name every record of the package, and every class of the public face."""
    for module in pkgutil.walk_packages(synthlab.__path__, "synthlab."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    ours, seen = [Result], set()
    while ours:
        for kind in ours.pop().__subclasses__():
            if kind.__module__.startswith("synthlab."):
                ours.append(kind)
                seen.add(kind.__name__)
    return sorted(seen - {"Fit"})  # what two fits have in common; none is only that


@pytest.mark.parametrize("name", _records())
def test_record_is_made_by_the_story_and_reads_in_one_line(name: str, returned: dict[str, Any]) -> None:
    text = repr(returned[name])
    assert text.startswith(f"{name}(")
    assert "\n" not in text
    assert len(text) <= MAX_LINE
    assert "object at 0x" not in text


@pytest.mark.parametrize("name", _records())
def test_record_is_a_table_of_a_screen_and_escaped(name: str, returned: dict[str, Any]) -> None:
    page = returned[name]._repr_html_()
    assert "<table" in page
    assert HOSTILE not in page
    if name not in WITH_PICTURES:
        assert len(page) <= MAX_PAGE
        assert page.count("<tr") <= MAX_ROWS


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("Analysis", "QC passed"),
        ("Approval", "approved by"),
        ("BootstrapResult", "578 emissions ingested"),
        ("Findings", "not passed"),
        ("ImportResult", "applied: 578 rows"),
        ("LiveResult", "4 messages: 4 acknowledged"),
        ("LiveStatus", "failed"),
        ("ProvisionResult", "2 created"),
        ("PurgeResult", "dry run, nothing deleted"),
        ("ValidationReport", "passed"),
        ("Verification", "578 rows as exported"),
    ],
)
def test_verdict_comes_first(name: str, verdict: str, returned: dict[str, Any]) -> None:
    value = returned[name]
    assert value.summary().startswith(verdict)
    page = value._repr_html_()
    assert 0 < page.index(verdict) < 200


def test_long_values_are_cut_and_say_so() -> None:
    rows = pd.DataFrame({"a": range(100)})
    page = html_table(
        "t", [("list", list(range(100))), ("map", dict.fromkeys(range(100), 1)), ("rows", rows)]
    )
    assert page.count("… 92 more") == 3


def test_wide_frame_is_counted_only() -> None:
    wide = pd.DataFrame([range(30)])
    assert "1 row of 30 columns" in html_table("t", [("frame", wide)])
