"""demo: the whole story on embedded defaults, from a scenario to a live stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthlab.results import Result, counted
from synthlab.workflows.export import DEFAULT_OUTPUT_ROOT

if TYPE_CHECKING:
    from synthlab.scenario.schema import Scenario

DATABASE = "sqlite:///.synthlab/platform.db"
"""The embedded platform, whatever else is configured: a demo never touches a real one."""

END_AT = "2026-02-12T10:00:00Z"
"""Source: simulator guide, section 4.3."""

RUN_ID = "stationary_hist_v1"
"""Source: simulator guide, section 4.3."""

LIVE_ITERATIONS = 5
LIVE_SPEEDUP = 600.0
"""Assumed: an emission every half second at the templates' cadence is enough to watch."""


@dataclass(frozen=True)
class DemoStep(Result):
    """One step of the demo.

    Attributes
    ----------
    name : str
        The command that does the same.
    outcome : str
        What came of it, for people.
    facts : dict
        Its numbers.
    """

    name: str
    outcome: str
    facts: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.name:<22} {self.outcome}"

    def summary(self) -> str:
        """Say in one line what the step did."""
        return f"{self.name}: {self.outcome}"


@dataclass(frozen=True)
class DemoResult(Result):
    """What the demo did, and what to try next.

    Attributes
    ----------
    steps : tuple of DemoStep
    artifact_dir : Path
    next_steps : tuple of str
    """

    steps: tuple[DemoStep, ...]
    artifact_dir: Path
    next_steps: tuple[str, ...]

    def summary(self) -> str:
        """Say in one line how far it came."""
        return f"{counted(len(self.steps), 'step')} done; {self.artifact_dir.as_posix()}"

    def _shown(self) -> list[tuple[str, Any]]:
        return [*((step.name, step.outcome) for step in self.steps), ("next", self.next_steps)]


def demo(
    *,
    output_root: str | Path = DEFAULT_OUTPUT_ROOT,
    state_file: str | Path | None = None,
    on_step: Callable[[DemoStep], None] | None = None,
) -> DemoResult:
    """Run the guide's runbook in the working directory.

    The history is the same each time, so a second run stores none of it twice; the
    live stream goes on from where it stopped.

    Parameters
    ----------
    output_root : path
        Where the artifact goes.
    state_file : path, optional
        Sequence state; default ``.tmp/synthetic_sim_seq_state.json``.
    on_step : callable, optional
        Called after each step.

    Returns
    -------
    DemoResult
    """
    from synthlab.scenario.loader import load_scenario

    tanks, trucks = load_scenario("stationary_only_v1"), load_scenario("mobile_only_v1")
    artifact_dir = Path(output_root) / tanks.scenario_id / RUN_ID
    done = []
    for step in _story(tanks, trucks, artifact_dir, Path(output_root), state_file):
        done.append(step)
        if on_step is not None:
            on_step(step)
    next_steps = (
        f"open {artifact_dir.as_posix()}/report.html in a browser",
        "synthlab --scenario demo_city_v1 dry-run --preview-steps 10",
        "synthlab --scenario stationary_only_v1 run --duration-seconds 600",
        "make lab",
    )
    return DemoResult(tuple(done), artifact_dir, next_steps)


def _story(
    tanks: Scenario, trucks: Scenario, artifact_dir: Path, output_root: Path, state_file: str | Path | None
) -> Iterator[DemoStep]:
    yield from _prepare(tanks, trucks)
    yield from _review(tanks, output_root, artifact_dir, state_file)
    yield from _store(artifact_dir, trucks, state_file)
    yield _live(tanks, state_file)


def _prepare(tanks: Scenario, trucks: Scenario) -> Iterator[DemoStep]:
    from synthlab.workflows.preview import preview
    from synthlab.workflows.provision import provision
    from synthlab.workflows.validate import validate

    for scenario in (tanks, trucks):
        made = provision(scenario, database=DATABASE)
        text = f"{scenario.scenario_id}: {made.created} devices created, {made.unchanged} were there"
        yield DemoStep("provision", text, made.to_dict())
    report = validate(tanks, database=DATABASE, strict=True)
    if error := report.failure():
        raise error
    yield DemoStep("validate", f"{len(report.devices_validated)} devices fit the platform", report.to_dict())
    shown = preview(tanks, steps=10, start_at=END_AT, database=DATABASE, strict=True)
    facts = {"row_count": len(shown.frame), "device_count": len(shown.devices)}
    yield DemoStep("dry-run", f"{len(shown.frame)} emissions previewed, nothing written", facts)


def _review(
    tanks: Scenario, output_root: Path, artifact_dir: Path, state_file: str | Path | None
) -> Iterator[DemoStep]:
    from synthlab.workflows.analyze import analyze_csv
    from synthlab.workflows.approve import approve
    from synthlab.workflows.export import export_csv
    from synthlab.workflows.review import review

    artifact = export_csv(
        tanks,
        database=DATABASE,
        output_root=output_root,
        run_id=RUN_ID,
        end_at=END_AT,
        state_file=state_file,
        strict=True,
    )
    rows = artifact.manifest["row_count"]
    facts = {"row_count": rows, "csv_sha256": artifact.manifest["csv_sha256"]}
    yield DemoStep("export-csv", f"{rows} rows in {artifact_dir.as_posix()}", facts)
    analysis = analyze_csv(artifact_dir)
    plots = sorted(path.name for path in (artifact_dir / "plots").glob("*.png"))
    facts = {"qc_passed": analysis.qc_passed, "plots": plots}
    verdict = "passed" if analysis.qc_passed else "did not pass"
    yield DemoStep("analyze-csv", f"checks {verdict}; {len(plots)} plots", facts)
    page = review(artifact_dir).path
    yield DemoStep("review", f"a page to open: {page.as_posix()}", {"report": page.as_posix()})
    approval = approve(artifact_dir, reviewer="demo", note="Approved by the demo, seen by nobody")
    yield DemoStep("approve", f"approved by {approval.reviewer}", {"reviewer": approval.reviewer})


def _store(artifact_dir: Path, trucks: Scenario, state_file: str | Path | None) -> Iterator[DemoStep]:
    from synthlab.workflows.bootstrap import bootstrap
    from synthlab.workflows.import_ import import_csv

    looked = import_csv(artifact_dir, database=DATABASE)
    yield DemoStep("import-csv", f"dry run: {_counts(looked.status_counts)}", looked.to_dict())
    stored = import_csv(
        artifact_dir, database=DATABASE, apply=True, state_file=state_file, drain_analytics=True
    )
    events = stored.analytics.events_processed if stored.analytics else 0
    text = f"{_counts(stored.status_counts)}; {events} events analyzed"
    yield DemoStep("import-csv --apply", text, stored.to_dict())
    loaded = bootstrap(trucks, database=DATABASE, state_file=state_file, end_at=END_AT, strict=True)
    events = loaded.analytics.events_processed if loaded.analytics else 0
    text = f"{trucks.scenario_id}: {_counts(loaded.status_counts)}; {events} events analyzed"
    yield DemoStep("bootstrap", text, loaded.to_dict())


def _live(tanks: Scenario, state_file: str | Path | None) -> DemoStep:
    from synthlab.adapters.broker import embedded_broker
    from synthlab.workflows.live import run_live

    quick = tanks.model_copy(update={"speedup_factor": LIVE_SPEEDUP})
    with embedded_broker() as broker:
        result = run_live(
            quick,
            broker=broker,
            database=DATABASE,
            state_file=state_file,
            iterations=LIVE_ITERATIONS,
        )
    text = f"{result.emitted} emissions published, {result.acknowledged} acknowledged"
    return DemoStep("run", text, result.to_dict())


def _counts(status_counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in status_counts.items())
