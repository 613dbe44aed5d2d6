"""The command line: each command parses, makes one call, and prints.

Python equivalents are in `synthlab`'s public face; `docs/cli.md` is generated from
here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import synthlab
from synthlab.cli_output import RefusedError, emit, live, run, say, table
from synthlab.errors import Problem, UsageError
from synthlab.progress import shown

if TYPE_CHECKING:
    from synthlab.scenario.schema import Scenario

app = typer.Typer(
    name="synthlab",
    help="Believable water-tank and water-truck telemetry before the devices are there.",
    epilog="One JSON object on stdout, words on stderr. Settings: SYNTHLAB_DATABASE_URL, _BROKER_URL.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


@dataclass
class Call:
    """What the options before the command said."""

    command: str = ""
    scenario_path: str | None = None
    state_file: Path | None = None
    strict: bool = False

    def scenario(self) -> Scenario:
        """Load the scenario that the command needs."""
        if self.scenario_path is None:
            form = f"synthlab --scenario PATH {self.command}"
            remedy = f"Put a path or a template's name before the command: `{form}`"
            rule = f"`{self.command}` needs it"
            raise UsageError(Problem("BAD_ARGUMENT", rule, path="--scenario", remedy=remedy))
        return synthlab.load_scenario(self.scenario_path)


ArtifactDir = Annotated[Path, typer.Option("--artifact-dir", help="Directory that export-csv wrote.")]
CommitBatch = Annotated[int, typer.Option("--commit-batch-size", min=1, help="Rows of one transaction.")]
AnalyticsBatch = Annotated[
    int, typer.Option("--analytics-batch-size", min=1, help="Events of one transaction of the consumer.")
]
EndAt = Annotated[
    str | None, typer.Option("--end-at", help="End of the window, ISO 8601 with a zone. Default: now.")
]
MaxRows = Annotated[int, typer.Option("--max-rows", min=1, help="Refuse to make more rows.")]
OutputRoot = Annotated[Path, typer.Option("--output-root", help="Folder for artifacts.")]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"synthlab {synthlab.__version__}")
        raise typer.Exit


@app.callback()
def synthlab_command(
    context: typer.Context,
    scenario: Annotated[
        str | None, typer.Option("--scenario", metavar="PATH", help="Scenario file, or a template's name.")
    ] = None,
    state_file: Annotated[
        Path | None,
        typer.Option("--state-file", help="Sequence state file. Default: .tmp/synthetic_sim_seq_state.json."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings stop the command too.")] = False,
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version.")
    ] = False,
) -> None:
    """Note the options that every command shares."""
    call: Call = context.obj
    call.command = context.invoked_subcommand or ""
    call.scenario_path, call.state_file, call.strict = scenario, state_file, strict


@app.command()
def validate(context: typer.Context) -> None:
    """Check a scenario, its devices and its routes against the platform. Reads only."""
    call: Call = context.obj
    report = synthlab.validate(call.scenario(), strict=call.strict)
    error = report.failure()
    if error is not None:
        raise RefusedError(report, error)
    fit = (
        f"{len(report.devices_validated)} devices fit"
        if report.has_platform
        else "no platform to compare with"
    )
    say(f"{report.scenario_id}: {fit}; the history has {report.projected_rows:,} rows.")
    emit("validate", report)


@app.command("dry-run")
def dry_run(
    context: typer.Context,
    preview_steps: Annotated[
        int,
        typer.Option(
            "--preview-steps", min=1, help="Emissions of each device; a day of them shows its tendencies."
        ),
    ] = 10,
    start_at: Annotated[
        str | None, typer.Option("--start-at", help="First emission, ISO 8601 with a zone. Default: today.")
    ] = None,
) -> None:
    """Show each device's tendencies and first emissions. Reads only."""
    call: Call = context.obj
    found = synthlab.preview(call.scenario(), steps=preview_steps, start_at=start_at, strict=call.strict)
    say(
        f"{found.scenario_id}: {len(found.frame)} emissions of {len(found.devices)} devices, nothing written."
    )
    if found.is_too_short:
        table(("device", "metric", "expected"), [row[:3] for row in found.tendency_table()])
        say(f"A preview of 24 h shows how they turn out: --preview-steps {found.tendency_steps}.")
    else:
        table(("device", "metric", "expected", "preview"), found.tendency_table())
    emit("dry-run", found)


@app.command()
def bootstrap(
    context: typer.Context,
    commit_batch_size: CommitBatch = 500,
    analytics_batch_size: AnalyticsBatch = 200,
    end_at: EndAt = None,
    max_rows: MaxRows = 50_000_000,
) -> None:
    """Simulate history straight into the platform, through its own ingestion."""
    call: Call = context.obj
    result = synthlab.bootstrap(
        call.scenario(),
        state_file=call.state_file,
        commit_batch_size=commit_batch_size,
        analytics_batch_size=analytics_batch_size,
        end_at=end_at,
        strict=call.strict,
        max_rows=max_rows,
    )
    say(f"{result.scenario_id}: {result.total_emitted} emissions ingested.")
    emit("bootstrap", result)


@app.command("run")
def run_command(
    context: typer.Context,
    iterations: Annotated[
        int, typer.Option("--iterations", min=0, help="Emissions of each device; 0: no limit.")
    ] = 0,
    duration_seconds: Annotated[
        float, typer.Option("--duration-seconds", min=0, help="How long to run; 0: no limit.")
    ] = 0,
    start_at: Annotated[
        str | None, typer.Option("--start-at", help="Pass over the time before, ISO 8601 or `now`.")
    ] = None,
) -> None:
    """Publish live telemetry over MQTT. The first Ctrl-C drains and ends it well."""
    call: Call = context.obj
    with shown("run") as on_progress:
        result = synthlab.run_live(
            call.scenario(),
            state_file=call.state_file,
            iterations=iterations,
            duration_seconds=duration_seconds,
            start_at=start_at,
            strict=call.strict,
            on_progress=live(on_progress),
        )
    say(f"{result.emitted} emissions published, {result.acknowledged} acknowledged.")
    emit("run", result)


@app.command("export-csv")
def export_csv(
    context: typer.Context,
    output_root: OutputRoot = Path("artifacts"),
    run_id: Annotated[str | None, typer.Option("--run-id", help="Name of the artifact's directory.")] = None,
    end_at: EndAt = None,
    max_rows: MaxRows = 50_000_000,
) -> None:
    """Write history as an artifact: CSV and manifest. No platform writes."""
    from synthlab.workflows.export import summary

    call: Call = context.obj
    artifact = synthlab.export_csv(
        call.scenario(),
        output_root=output_root,
        run_id=run_id,
        end_at=end_at,
        state_file=call.state_file,
        strict=call.strict,
        max_rows=max_rows,
    )
    said = ", there already and the same" if artifact.was_there else ""
    say(f"{artifact.manifest['row_count']} rows in {artifact.directory}{said}")
    emit("export-csv", summary(artifact))


@app.command("analyze-csv")
def analyze_csv(
    artifact_dir: ArtifactDir,
    thresholds: Annotated[
        Path | None,
        typer.Option("--thresholds", help="TOML file of the checks' limits; default: none."),
    ] = None,
) -> None:
    """Check an artifact's rows and write analysis.json and plots beside them."""
    analysis = synthlab.analyze_csv(artifact_dir, thresholds=thresholds)
    error = analysis.failure()
    if error is not None:
        raise RefusedError(analysis, error)
    say(f"{artifact_dir}: passed.")
    emit("analyze-csv", analysis)


@app.command()
def verify(
    artifact_dir: ArtifactDir,
    regenerate: Annotated[
        bool, typer.Option("--regenerate", help="Simulate the rows again from the manifest, and compare.")
    ] = False,
) -> None:
    """Compare every byte of an artifact with its hashes. Reads only."""
    result = synthlab.verify(artifact_dir, regenerate=regenerate)
    error = result.failure()
    if error is not None:
        raise RefusedError(result, error)
    say(f"{artifact_dir}: {result.row_count} rows as exported{', and derived again' if regenerate else ''}.")
    emit("verify", result)


@app.command("import-csv")
def import_csv(
    context: typer.Context,
    artifact_dir: ArtifactDir,
    apply: Annotated[bool, typer.Option("--apply", help="Write. Without it, only look.")] = False,
    commit_batch_size: CommitBatch = 500,
    drain_analytics: Annotated[
        bool, typer.Option("--drain-analytics", help="Bring the read models up to date afterwards.")
    ] = False,
    analytics_batch_size: AnalyticsBatch = 200,
    allow_failed_qc: Annotated[
        bool, typer.Option("--allow-failed-qc", help="Import data that did not pass, or was rejected.")
    ] = False,
    require_approval: Annotated[
        bool, typer.Option("--require-approval", help="Refuse data that nobody approved.")
    ] = False,
) -> None:
    """Replay an artifact through the platform's ingestion. A dry run unless --apply."""
    call: Call = context.obj
    result = synthlab.import_csv(
        artifact_dir,
        apply=apply,
        commit_batch_size=commit_batch_size,
        state_file=call.state_file,
        drain_analytics=drain_analytics,
        analytics_batch_size=analytics_batch_size,
        allow_failed_qc=allow_failed_qc,
        require_approval=require_approval,
        strict=call.strict,
    )
    say(f"{result.row_count} rows: {result.status_counts}" + ("" if apply else "; nothing written"))
    emit("import-csv", result)


@app.command()
def purge(
    run_id: Annotated[str, typer.Option("--run-id", help="The run that import-csv or bootstrap printed.")],
    apply: Annotated[bool, typer.Option("--apply", help="Delete. Without it, only count.")] = False,
) -> None:
    """Delete exactly what a run imported. A dry run unless --apply."""
    result = synthlab.purge(run_id, apply=apply)
    say(
        f"{result.messages} messages of {run_id}"
        + (" deleted." if apply else "; nothing deleted: --apply deletes them.")
    )
    emit("purge", result)


@app.command()
def approve(
    artifact_dir: ArtifactDir,
    reviewer: Annotated[str, typer.Option("--reviewer", help="Who looked at the data.")],
    note: Annotated[str, typer.Option("--note", help="What the reviewer has to say.")] = "",
    reject: Annotated[bool, typer.Option("--reject", help="Reject it instead; needs a note.")] = False,
    allow_failed_qc: Annotated[
        bool, typer.Option("--allow-failed-qc", help="Approve data that did not pass analyze-csv.")
    ] = False,
) -> None:
    """Approve or reject an analyzed artifact, bound to its bytes."""
    if reject and allow_failed_qc:
        rule = "is about approving, and --reject does not approve"
        raise UsageError(Problem("BAD_ARGUMENT", rule, path="--allow-failed-qc", remedy="Give one of them"))
    if reject:
        approval = synthlab.reject(artifact_dir, reviewer=reviewer, note=note)
    else:
        approval = synthlab.approve(artifact_dir, reviewer=reviewer, note=note, allow_failed=allow_failed_qc)
    say(f"{artifact_dir}: {approval.decision} by {approval.reviewer}.")
    emit("approve", approval)


@app.command()
def review(artifact_dir: ArtifactDir) -> None:
    """Write report.html, a page to look at before approving, into an artifact."""
    from synthlab.workflows.review import review as write_page

    page = write_page(artifact_dir)
    say(f"{page.path}: {page.summary()}.")
    emit("review", page)


@app.command()
def compare(
    artifact_dir: ArtifactDir,
    other_dir: Annotated[Path, typer.Option("--other-dir", help="Directory to compare it with.")],
    plot: Annotated[
        Path | None, typer.Option("--plot", help="PNG file for the devices that differ most.")
    ] = None,
) -> None:
    """Say what differs between two artifacts, from scenario to findings. Reads only."""
    compared = synthlab.compare(artifact_dir, other_dir)
    figure = compared.figure() if plot is not None else None
    if plot is not None and figure is not None:
        figure.save(plot)
    say(f"{compared.a.name} against {compared.b.name}: {compared.summary()}.")
    emit("compare", compared)


@app.command()
def provision(context: typer.Context) -> None:
    """Create the scenario's devices and reservoirs on the reference platform."""
    call: Call = context.obj
    result = synthlab.provision(call.scenario())
    say(f"{result.summary()}.")
    emit("provision", result)


@app.command()
def consume(
    analytics_batch_size: AnalyticsBatch = 200,
    once: Annotated[bool, typer.Option("--once", help="End when no event is left.")] = False,
    duration_seconds: Annotated[
        float, typer.Option("--duration-seconds", min=0, help="How long to run; 0: no limit.")
    ] = 0,
) -> None:
    """Keep the platform's read models up to date as telemetry comes in, until Ctrl-C."""
    result = synthlab.consume(
        analytics_batch_size=analytics_batch_size,
        once=once,
        duration_seconds=duration_seconds,
    )
    say(f"{result.events_processed} events into the read models, {result.places} places.")
    emit("consume", result)


@app.command()
def fit(
    context: typer.Context,
    source: Annotated[Path, typer.Option("--from", help="CSV of meter readings, inflow or levels.")],
    kind: Annotated[str, typer.Option("--kind", help="demand or supply.")] = "demand",
    device: Annotated[
        str | None,
        typer.Option("--device", help="Device that the fit is of; with --scenario it is written there."),
    ] = None,
    household: Annotated[
        str | None, typer.Option("--household", help="Series of the CSV, where it has another name.")
    ] = None,
    capacity_liters: Annotated[
        float | None, typer.Option("--capacity-liters", min=0, help="Of the tank, for levels.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="YAML file for the fitted blocks.")] = None,
) -> None:
    """Fit demand or supply to measurements, for a scenario's dynamics."""
    from synthlab.workflows.fit import fit_file

    call: Call = context.obj
    report = fit_file(
        source,
        kind=kind,
        household=household,
        capacity_liters=capacity_liters,
        out=out,
        scenario_path=call.scenario_path,
        device_id=device,
    )
    say(f"{report.summary()}.")
    emit("fit", report)


state_app = typer.Typer(help="Look at the sequence state file, make it whole again, give up what it holds.")
app.add_typer(state_app, name="state")


@state_app.callback()
def state_command(context: typer.Context) -> None:
    """Look at the sequence state file, make it whole again, give up what it holds."""
    call: Call = context.obj
    call.command = f"state {context.invoked_subcommand or ''}".strip()


@state_app.command("show")
def state_show(context: typer.Context) -> None:
    """Show numbers, reservations, gaps and the platform that is fed. Reads only."""
    from synthlab.workflows.state import show_state

    call: Call = context.obj
    report = show_state(call.state_file)
    table(("device", "last seq", "next seq", "reserved", "gaps", "simulated up to"), report.table())
    emit(call.command, report)


@state_app.command("recover")
def state_recover(
    context: typer.Context,
    from_db: Annotated[bool, typer.Option("--from-db", help="From the platform's highest numbers.")] = False,
    margin: Annotated[
        int, typer.Option("--margin", min=1, help="Numbers that may be on their way to the platform.")
    ] = 1_000,
) -> None:
    """Go on behind all that the platform stores, from a whole, damaged or missing state file."""
    from synthlab.workflows.state import recover_state

    call: Call = context.obj
    if not from_db:
        remedy = "Add --from-db: the platform alone knows which numbers are used"
        raise UsageError(Problem("BAD_ARGUMENT", "needs a source", path="recover", remedy=remedy))
    found = [device.device_id for device in call.scenario().devices] if call.scenario_path else []
    result = recover_state(state_file=call.state_file, device_ids=found, margin=margin)
    say(f"{len(result.devices)} devices go on behind {result.target}, from {result.recovered_from}.")
    emit(call.command, result)


@state_app.command("release")
def state_release(
    context: typer.Context,
    run_id: Annotated[
        str | None, typer.Option("--run-id", help="Export that will not be imported: its numbers are a gap.")
    ] = None,
    target: Annotated[bool, typer.Option("--target", help="Forget which platform is fed.")] = False,
) -> None:
    """Give up an export's numbers, or the platform that is fed."""
    from synthlab.workflows.state import release_state

    call: Call = context.obj
    result = release_state(run_id=run_id, target=target, state_file=call.state_file)
    say(f"{len(result.released)} devices' numbers are a declared gap; target: {result.target or 'kept'}.")
    emit(call.command, result)


@app.command()
def schema() -> None:
    """Print the scenario's JSON Schema and every archetype's parameters. Reads only."""
    from synthlab.workflows.schema import scenario_schema

    emit("schema", scenario_schema())


@app.command()
def demo(context: typer.Context, output_root: OutputRoot = Path("artifacts")) -> None:
    """Run the whole story on embedded defaults, from scenario to live stream."""
    call: Call = context.obj
    from synthlab.workflows.demo import demo as run_demo

    result = run_demo(
        output_root=output_root, state_file=call.state_file, on_step=lambda step: say(str(step))
    )
    say("Next:\n" + "\n".join(f"  {line}" for line in result.next_steps))
    emit("demo", result)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    call = Call()
    sys.exit(run(app, arguments, call, lambda: call.command))
