"""Believable telemetry of water tanks and trucks, before the devices are there.

The names below are the public face: the verbs, and the records that they return.
Each is imported when it is first used, so ``import synthlab`` costs next to nothing.

Examples
--------
>>> import synthlab
>>> scenario = synthlab.load_scenario("stationary_only_v1")
>>> history = synthlab.backfill(scenario, end_at="2026-02-12T10:00:00Z")
>>> len(history.frame)
17282
"""

from __future__ import annotations

from functools import wraps
from importlib import import_module
from os import PathLike
from types import FunctionType
from typing import TYPE_CHECKING, Any

from synthlab._version import __version__

if TYPE_CHECKING:
    from synthlab.artifact import Artifact
    from synthlab.artifact.approval import Approval
    from synthlab.engine import Checkpoint
    from synthlab.errors import Problem, SynthlabError
    from synthlab.fitting.demand import DemandFit
    from synthlab.fitting.realism import Realism
    from synthlab.fitting.supply import SupplyFit
    from synthlab.quality.checks import Findings, check
    from synthlab.quality.scoring import Score, score
    from synthlab.quality.thresholds import Thresholds
    from synthlab.quality.thresholds_file import load_thresholds
    from synthlab.scenario.loader import load_scenario, template_names
    from synthlab.scenario.schema import Scenario
    from synthlab.scenario.writer import save_scenario
    from synthlab.widgets.design_view import DesignView, design
    from synthlab.widgets.live_view import monitor
    from synthlab.widgets.review_view import ReviewView, review
    from synthlab.workflows.analyze import Analysis, analyze_csv
    from synthlab.workflows.approve import approve, reject
    from synthlab.workflows.backfill import Backfill, backfill
    from synthlab.workflows.bootstrap import BootstrapResult, bootstrap
    from synthlab.workflows.compare import Comparison, compare
    from synthlab.workflows.consume import ConsumeResult, consume
    from synthlab.workflows.export import export_csv
    from synthlab.workflows.fit import fit_demand, fit_supply
    from synthlab.workflows.import_ import ImportResult, import_csv
    from synthlab.workflows.inject import inject_faults
    from synthlab.workflows.live import LiveResult, run_live
    from synthlab.workflows.metrics import metrics
    from synthlab.workflows.preview import Preview, preview
    from synthlab.workflows.provision import ProvisionResult, provision
    from synthlab.workflows.purge import PurgeResult, purge
    from synthlab.workflows.realism import realism
    from synthlab.workflows.recall import recall_by_duration, recall_by_size
    from synthlab.workflows.reservoirs import reservoirs
    from synthlab.workflows.review import Review
    from synthlab.workflows.tendencies import tendencies, tendencies_by_seed
    from synthlab.workflows.validate import ValidationReport, validate
    from synthlab.workflows.verify import Verification, verify

_HOMES: dict[str, str] = {
    "Analysis": "synthlab.workflows.analyze",
    "Approval": "synthlab.artifact.approval",
    "Artifact": "synthlab.artifact",
    "Backfill": "synthlab.workflows.backfill",
    "BootstrapResult": "synthlab.workflows.bootstrap",
    "Checkpoint": "synthlab.engine",
    "ConsumeResult": "synthlab.workflows.consume",
    "Comparison": "synthlab.workflows.compare",
    "DemandFit": "synthlab.fitting.demand",
    "DesignView": "synthlab.widgets.design_view",
    "Findings": "synthlab.quality.checks",
    "ImportResult": "synthlab.workflows.import_",
    "LiveResult": "synthlab.workflows.live",
    "Preview": "synthlab.workflows.preview",
    "Problem": "synthlab.errors",
    "ProvisionResult": "synthlab.workflows.provision",
    "PurgeResult": "synthlab.workflows.purge",
    "Realism": "synthlab.fitting.realism",
    "Review": "synthlab.workflows.review",
    "ReviewView": "synthlab.widgets.review_view",
    "Scenario": "synthlab.scenario.schema",
    "SupplyFit": "synthlab.fitting.supply",
    "Score": "synthlab.quality.scoring",
    "Thresholds": "synthlab.quality.thresholds",
    "SynthlabError": "synthlab.errors",
    "ValidationReport": "synthlab.workflows.validate",
    "Verification": "synthlab.workflows.verify",
    "analyze_csv": "synthlab.workflows.analyze",
    "approve": "synthlab.workflows.approve",
    "backfill": "synthlab.workflows.backfill",
    "bootstrap": "synthlab.workflows.bootstrap",
    "check": "synthlab.quality.checks",
    "consume": "synthlab.workflows.consume",
    "compare": "synthlab.workflows.compare",
    "design": "synthlab.widgets.design_view",
    "export_csv": "synthlab.workflows.export",
    "fit_demand": "synthlab.workflows.fit",
    "fit_supply": "synthlab.workflows.fit",
    "import_csv": "synthlab.workflows.import_",
    "recall_by_duration": "synthlab.workflows.recall",
    "recall_by_size": "synthlab.workflows.recall",
    "inject_faults": "synthlab.workflows.inject",
    "load_thresholds": "synthlab.quality.thresholds_file",
    "load_scenario": "synthlab.scenario.loader",
    "metrics": "synthlab.workflows.metrics",
    "monitor": "synthlab.widgets.live_view",
    "preview": "synthlab.workflows.preview",
    "provision": "synthlab.workflows.provision",
    "purge": "synthlab.workflows.purge",
    "realism": "synthlab.workflows.realism",
    "reject": "synthlab.workflows.approve",
    "reservoirs": "synthlab.workflows.reservoirs",
    "review": "synthlab.widgets.review_view",
    "run_live": "synthlab.workflows.live",
    "save_scenario": "synthlab.scenario.writer",
    "template_names": "synthlab.scenario.loader",
    "score": "synthlab.quality.scoring",
    "tendencies": "synthlab.workflows.tendencies",
    "tendencies_by_seed": "synthlab.workflows.tendencies",
    "validate": "synthlab.workflows.validate",
    "verify": "synthlab.workflows.verify",
}

__all__ = [
    "Analysis",
    "Approval",
    "Artifact",
    "Backfill",
    "BootstrapResult",
    "Checkpoint",
    "Comparison",
    "ConsumeResult",
    "DemandFit",
    "DesignView",
    "Findings",
    "ImportResult",
    "LiveResult",
    "Preview",
    "Problem",
    "ProvisionResult",
    "PurgeResult",
    "Realism",
    "Review",
    "ReviewView",
    "Scenario",
    "Score",
    "SupplyFit",
    "SynthlabError",
    "Thresholds",
    "ValidationReport",
    "Verification",
    "__version__",
    "analyze_csv",
    "approve",
    "backfill",
    "bootstrap",
    "check",
    "compare",
    "consume",
    "design",
    "export_csv",
    "fit_demand",
    "fit_supply",
    "import_csv",
    "inject_faults",
    "load_scenario",
    "load_thresholds",
    "metrics",
    "monitor",
    "preview",
    "provision",
    "purge",
    "realism",
    "recall_by_duration",
    "recall_by_size",
    "reject",
    "reservoirs",
    "review",
    "run_live",
    "save_scenario",
    "score",
    "template_names",
    "tendencies",
    "tendencies_by_seed",
    "validate",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        home = import_module(_HOMES[name])
    except ModuleNotFoundError as error:
        if (error.name or "synthlab").startswith("synthlab"):
            raise
        raise _not_installed(name, error.name) from None
    value = _guarded(getattr(home, name))
    globals()[name] = value
    return value


_PATH = ("builtins", "str", "the path of a file or folder, or a name")
_WANTED = {
    "Scenario": ("synthlab.scenario.schema", "Scenario", "a Scenario: synthlab.load_scenario reads one"),
    "pd.DataFrame": ("pandas", "DataFrame", "a DataFrame, as synthlab.backfill(...).frame is one"),
    "str | os.PathLike[str]": _PATH,
    "str | Path": _PATH,
}
"""What the first argument of a verb must be, by its annotation: module, type, words."""


def _guarded(value: Any) -> Any:
    """Give a verb that refuses another kind of first argument, before an attribute of it is missed."""
    if not isinstance(value, FunctionType):
        return value
    name = next(iter(value.__code__.co_varnames[: value.__code__.co_argcount]), "")
    wanted = _WANTED.get(str(value.__annotations__.get(name)))
    if wanted is None:
        return value

    @wraps(value)
    def verb(*args: Any, **options: Any) -> Any:
        if args or name in options:
            _require(name, args[0] if args else options[name], *wanted)
        return value(*args, **options)

    return verb


def _require(name: str, given: object, module: str, kind: str, words: str) -> None:
    if isinstance(given, getattr(import_module(module), kind)):
        return
    if kind == "str" and isinstance(given, PathLike):
        return
    from synthlab.errors import Problem, UsageError, show_value

    shown = f"{show_value(given)} ({type(given).__name__})"
    raise UsageError(Problem("BAD_ARGUMENT", f"must be {words}", path=name, value=shown))


def _not_installed(name: str, package: str | None) -> ImportError:
    from synthlab.errors import AdapterUnavailableError, Problem

    return AdapterUnavailableError(
        Problem(
            "ADAPTER_NOT_INSTALLED",
            f"{package} must be installed for synthlab.{name}",
            remedy="Run: pip install 'synthlab[notebooks]', or `make lab` in the repository",
        )
    )


def __dir__() -> list[str]:
    return sorted(__all__)
