"""verify: does an artifact still hold what was exported, and can it be derived again?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthlab.errors import ArtifactError, Problem, SynthlabError, UsageError, show_value
from synthlab.progress import OnProgress, shown
from synthlab.results import Result, counted

if TYPE_CHECKING:
    from synthlab.artifact import Artifact
    from synthlab.scenario.schema import Scenario

_SHOWN_LINES = 20


@dataclass(frozen=True)
class Verification(Result):
    """What a look at an artifact found.

    Attributes
    ----------
    scenario_id, run_id, csv_sha256 : str
        As the manifest has them.
    row_count : int
        By the manifest.
    is_valid : bool
        Nothing is wrong.
    is_reproduced : bool or None
        The same bytes came out again; None where that was not asked for.
    problems : tuple of Problem
        All that is wrong: which rows changed, which lines are bad, which files are strange.
    """

    scenario_id: str
    run_id: str
    csv_sha256: str
    row_count: int
    is_valid: bool
    is_reproduced: bool | None
    problems: tuple[Problem, ...]

    def summary(self) -> str:
        """Say in one line whether the artifact holds what was exported."""
        if self.problems:
            return f"not as exported: {counted(len(self.problems), 'problem')}"
        derived = ", and derived again from its manifest" if self.is_reproduced else ""
        return f"{counted(self.row_count, 'row')} as exported{derived}"

    def _shown(self) -> list[tuple[str, Any]]:
        return [
            ("artifact", f"{self.scenario_id}/{self.run_id}"),
            ("problems", self.problems),
            ("CSV sha256", self.csv_sha256),
        ]

    def failure(self) -> ArtifactError | None:
        """Return the error that `import_csv` would raise; None where nothing is wrong."""
        return ArtifactError(self.problems) if self.problems else None


def verify(
    artifact_dir: str | Path, *, regenerate: bool = False, on_progress: OnProgress | None = None
) -> Verification:
    """Compare every byte of an artifact with its hashes.  Reads only.

    Parameters
    ----------
    artifact_dir : path
        A directory that `export_csv` wrote.
    regenerate : bool
        Besides, simulate the rows again from the manifest alone (its copy of the
        scenario, window, reservoirs, reserved numbers and starting checkpoint), and
        compare: an artifact that was edited and sealed again shows then.
    on_progress : callable, optional
        With `regenerate`: called with the rows compared, simulated or read again, and those in
        all; by default a bar where a person looks.

    Returns
    -------
    Verification
        What is wrong is a finding, not an exception.

    Raises
    ------
    ArtifactError
        Codes ``ARTIFACT_NOT_FOUND``, ``MANIFEST_INVALID``: there is nothing to compare.
    """
    from synthlab.artifact.verification import verified_artifact

    if not regenerate:
        found, unlike = verified_artifact(artifact_dir), []
    else:
        with shown("verify", on_progress) as report:
            found = verified_artifact(artifact_dir)
            rows = int(found.artifact.manifest["row_count"])
            # As much work again to make them, and to compare them.
            report(rows, 3 * rows)
            unlike = list(_unlike(found.artifact, lambda: report(2 * rows, 3 * rows)))
            report(3 * rows, 3 * rows)
    problems = (*found.problems, *unlike)
    manifest = found.artifact.manifest
    return Verification(
        scenario_id=manifest["scenario_id"],
        run_id=manifest["run_id"],
        csv_sha256=manifest["csv_sha256"],
        row_count=manifest["row_count"],
        is_valid=not problems,
        is_reproduced=not unlike if regenerate else None,
        problems=problems,
    )


def _unlike(artifact: Artifact, on_made: Callable[[], None]) -> Iterator[Problem]:
    from synthlab.artifact.damage import rows_unlike
    from synthlab.artifact.store import CSV_NAME

    remedy = "Compare the manifest's package_versions with what is installed; export again"
    try:
        made = _derived_again(artifact)
    except SynthlabError as error:
        for problem in error.problems:
            yield replace(problem, code="ARTIFACT_NOT_REPRODUCED", remedy=remedy)
        return
    on_made()
    lines = rows_unlike(artifact.csv_path, made.frame)
    shown = list(islice(lines, _SHOWN_LINES))
    for line in shown:
        rule = "simulated again, the row is another one"
        yield Problem("ARTIFACT_NOT_REPRODUCED", rule, file=CSV_NAME, line=line, remedy=remedy)
    more = sum(1 for _ in lines)
    if more:
        yield Problem("ARTIFACT_NOT_REPRODUCED", f"{more} more rows are others", file=CSV_NAME, remedy=remedy)
    stands = artifact.manifest["checkpoint"]
    if stands is not None and stands != made.checkpoint.to_dict():
        rule = "simulated again, the run stops in another state"
        yield Problem("ARTIFACT_NOT_REPRODUCED", rule, path="checkpoint", file=CSV_NAME, remedy=remedy)


def _derived_again(artifact: Artifact) -> Any:
    from synthlab.calibration import Reservoir
    from synthlab.engine import Checkpoint
    from synthlab.scenario.build import build_scenario
    from synthlab.workflows.backfill import backfill

    manifest = artifact.manifest
    scenario = build_scenario(manifest["scenario"])
    if scenario.seed != manifest["seed"]:
        value = show_value(manifest["seed"])
        raise UsageError(
            Problem("BAD_ARGUMENT", f"the scenario has {scenario.seed}", path="seed", value=value)
        )
    _require_as_many(scenario, manifest)
    start = manifest["start_checkpoint"]
    numbers = {
        name: device["reserved_seq"] if device.get("reserved_seq") is not None else device["first_seq"]
        for name, device in manifest["devices"].items()
    }
    return backfill(
        scenario,
        start_at=manifest["start_at"],
        end_at=manifest["end_at"],
        reservoirs={
            name: Reservoir(**{**entry, "device_id": name}) for name, entry in manifest["reservoirs"].items()
        },
        checkpoint=None if start is None else Checkpoint.from_dict(start),
        first_seq={name: first for name, first in numbers.items() if first is not None},
    )


def _require_as_many(scenario: Scenario, manifest: Mapping[str, Any]) -> None:
    """Refuse to simulate more than the artifact has: it may say what it likes of its window."""
    from synthlab.workflows.backfill import history_window
    from synthlab.workflows.history import row_counts

    window = history_window(scenario, start_at=manifest["start_at"], end_at=manifest["end_at"])
    made = sum(row_counts(scenario, window).values())
    lost = (
        last - first + 1
        for entry in manifest["devices"].values()
        for first, last in entry.get("lost_seq", ())
    )
    said = manifest["row_count"] + sum(lost)
    if made > said:
        rule = f"the scenario has {made:,} rows in this window"
        raise UsageError(Problem("BAD_ARGUMENT", rule, path="row_count", value=f"{said:,}"))
