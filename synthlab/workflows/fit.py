"""fit_demand, fit_supply: measurements to a scenario's dynamics; and their way into a file."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from synthlab.errors import ArtifactError, Problem, UsageError
from synthlab.progress import OnProgress, shown
from synthlab.results import Result, counted

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.fitting.demand import DemandFit
    from synthlab.fitting.supply import SupplyFit

KINDS = ("demand", "supply")

AnyFit = TypeVar("AnyFit")


def fit_demand(
    frame_or_csv: pd.DataFrame | pd.Series[float] | str | Path,
    *,
    source: str = "auto",
    device: str | None = None,
    capacity_liters: float | None = None,
    reservoirs: pd.DataFrame | Mapping[str, Any] | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> DemandFit:
    """Fit a demand curve to meter readings or to a tank's level.  Reads only.

    Parameters
    ----------
    frame_or_csv : DataFrame, Series or path
        A time column (``hour``, ``time``, ``received_at``, ``hour_local``) and either
        ``liters`` of each step (of a telemetry frame ``requested_liters``), or
        ``level_pct`` or ``measured_level_pct``.  Optional ``household`` or
        ``device_id``: several are fitted as their mean household.  A series of liters
        by time does too.  Times without a zone are taken as they stand.
    source : {"auto", "meter", "level"}
        Auto: liters where there are any, else the level.
    device : str, optional
        Only this device or household.
    capacity_liters : float, optional
        Of the tank, for levels; else from `reservoirs`, else a column
        ``capacity_liters``. [liters]
    reservoirs : DataFrame or mapping, optional
        What `synthlab.reservoirs` returns.
    seed : int
        Of the resampling behind the intervals.
    on_progress : callable, optional
        Called with the steps done and those in all: one for each household or tank that is taken
        apart, and one for the curve; by default a bar where a person looks.

    Returns
    -------
    DemandFit
        ``.to_dynamics()``, ``.to_frame()``, ``.to_yaml()``, ``.parameter_overrides``,
        ``.warnings``.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a missing column or device, or less than a day of water;
        ``CAPACITY_INVALID``: levels without a capacity.
    ArtifactError
        Code ``ARTIFACT_NOT_FOUND``, ``ARTIFACT_ROW_INVALID``: a file that is none.

    Examples
    --------
    >>> import synthlab
    >>> scenario = synthlab.load_scenario("stationary_only_v1")
    >>> history = synthlab.backfill(scenario, end_at="2026-02-12T10:00:00Z").frame
    >>> fit = synthlab.fit_demand(history, device="E2E2024STATA1")
    >>> fit.source, fit.household_count, fit.day_count
    ('meter', 1, 31)
    """
    from synthlab.fitting.demand import fit_demand_curve

    return _fitted(
        fit_demand_curve,
        on_progress,
        frame_or_csv,
        source=source,
        device=device,
        capacity_liters=capacity_liters,
        reservoirs=reservoirs,
        seed=seed,
    )


def fit_supply(
    frame_or_csv: pd.DataFrame | str | Path,
    *,
    source: str = "auto",
    device: str | None = None,
    capacity_liters: float | None = None,
    reservoirs: pd.DataFrame | Mapping[str, Any] | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> SupplyFit:
    """Fit intermittent supply to an inflow or level series.  Reads only.

    Parameters
    ----------
    frame_or_csv : DataFrame or path
        As for `fit_demand`; the liters are ``inflow_liters`` or ``liters``.
    source, device, capacity_liters, reservoirs, seed, on_progress
        As for `fit_demand`.

    Returns
    -------
    SupplyFit

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a missing column or device, or fewer than two sessions;
        ``CAPACITY_INVALID``: levels without a capacity.
    ArtifactError
        Code ``ARTIFACT_NOT_FOUND``, ``ARTIFACT_ROW_INVALID``: a file that is none.
    """
    from synthlab.fitting.supply import fit_supply_curve

    return _fitted(
        fit_supply_curve,
        on_progress,
        frame_or_csv,
        source=source,
        device=device,
        capacity_liters=capacity_liters,
        reservoirs=reservoirs,
        seed=seed,
    )


def _fitted(
    fit: Callable[..., AnyFit], on_progress: OnProgress | None, frame_or_csv: Any, **options: Any
) -> AnyFit:
    with shown("fit", on_progress) as report, _named(frame_or_csv):
        return fit(frame_or_csv, on_progress=report, **options)


@contextmanager
def _named(source: object) -> Iterator[None]:
    """Say in each problem of a file which file it is."""
    try:
        yield
    except (UsageError, ArtifactError) as error:
        if not isinstance(source, str | Path):
            raise
        file = Path(source).name
        problems = [replace(each, file=each.file or file) for each in error.problems]
        raise type(error)(
            replace(each, path="" if each.path == "frame_or_csv" else each.path) for each in problems
        ) from None


@dataclass(frozen=True, slots=True, repr=False)
class FitReport(Result):
    """A fit, and where it was written.

    Attributes
    ----------
    kind : {"demand", "supply"}
    fit : DemandFit or SupplyFit
    written : tuple of str
        File names.
    device_id : str or None
        Device of the scenario that got the values.
    warnings : tuple of str
    """

    kind: str
    fit: DemandFit | SupplyFit
    written: tuple[str, ...]
    device_id: str | None
    warnings: tuple[str, ...]

    def summary(self) -> str:
        """Say in one line what was fitted, and where it was written."""
        where = f"written to {' and '.join(self.written)}" if self.written else "nothing written"
        return f"{self.kind} fitted to {counted(self.fit.day_count, 'day')}; {where}"

    def _repr_html_(self) -> str:
        return f"<p><b>{html.escape(repr(self))}</b></p>{self.fit._repr_html_()}"

    def to_dict(self) -> dict[str, Any]:
        """Return the fit's fields with those of the report."""
        return {
            "kind": self.kind,
            "written": list(self.written),
            "device_id": self.device_id,
            **self.fit.to_dict(),
        }


def fit_file(
    source: str | Path,
    *,
    kind: str = "demand",
    household: str | None = None,
    capacity_liters: float | None = None,
    out: str | Path | None = None,
    scenario_path: str | None = None,
    device_id: str | None = None,
) -> FitReport:
    """Fit a CSV file and write the result: the CLI's ``fit``.

    Parameters
    ----------
    source : path
        CSV of measurements.
    kind : {"demand", "supply"}
    household : str, optional
        Only this one of the measurements; `device_id` where it is among them.
    capacity_liters : float, optional
        [liters]
    out : path, optional
        YAML file for the blocks.
    scenario_path : str, optional
        Scenario file whose `device_id` gets the values, where both are given.
    device_id : str, optional
        Without a scenario, the device of the measurements.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: an unknown kind, or a template's name where a file is
        needed.
    ScenarioError
        The scenario is none, has no such device, or its device is a truck.
    DiskError
        Code ``DISK_WRITE_FAILED``.
    """
    from synthlab.artifact.files import write_atomically
    from synthlab.fitting.readings import has_device, load_table

    if kind not in KINDS:
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "is no kind of fit",
                path="--kind",
                value=repr(kind),
                remedy="demand or supply",
            )
        )
    target = None if scenario_path is None or device_id is None else _scenario_file(scenario_path)
    table = load_table(source)
    if household is None and device_id is not None and (target is None or has_device(table, device_id)):
        household = device_id
    with _named(source):
        fit = (fit_demand if kind == "demand" else fit_supply)(
            table, device=household, capacity_liters=capacity_liters
        )
    written = []
    if target is not None and device_id is not None:
        written.append(_write_scenario(target, device_id, fit))
    if out is not None:
        write_atomically(Path(out), fit.to_yaml().encode("utf-8"))
        written.append(Path(out).name)
    return FitReport(kind, fit, tuple(written), None if target is None else device_id, fit.warnings)


def _scenario_file(path: str) -> Path:
    """Return the file to be changed; a bundled template is not changed."""
    if Path(path).is_file():
        return Path(path)
    raise UsageError(
        Problem(
            "BAD_ARGUMENT",
            "must be a file, because the fit is written into it",
            path="--scenario",
            value=repr(path),
            remedy="Copy the template to a file of your own, or write the blocks with --out FILE.yaml",
        )
    )


def _changes(fit: DemandFit | SupplyFit) -> dict[str, Any]:
    """Return the fit as changes of a device, by dotted path."""
    changes: dict[str, Any] = {}
    if fit.kind == "demand":
        # Weights of weekends that the data do not show must not stay behind.
        changes["dynamics.demand.weekend_hourly_weights"] = None
    for block, content in fit.to_dynamics().items():
        changes |= {f"dynamics.{block}.{name}": value for name, value in content.items()}
    return changes | {f"parameter_overrides.{name}": value for name, value in fit.parameter_overrides.items()}


def _write_scenario(path: Path, device_id: str, fit: DemandFit | SupplyFit) -> str:
    from synthlab.scenario.loader import load_scenario
    from synthlab.scenario.writer import save_scenario

    scenario = load_scenario(path)
    save_scenario(scenario.with_device(device_id, **_changes(fit)), path)
    return path.name
