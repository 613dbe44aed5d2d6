"""The public face: a wrong kind of first argument is said, not missed as an attribute."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import synthlab
from synthlab.errors import UsageError

SCENARIO, FRAME, PATH = "a Scenario", "a DataFrame", "the path of a file or folder"
VERBS = {
    "analyze_csv": PATH,
    "approve": PATH,
    "backfill": SCENARIO,
    "bootstrap": SCENARIO,
    "check": FRAME,
    "export_csv": SCENARIO,
    "import_csv": PATH,
    "inject_faults": FRAME,
    "load_scenario": PATH,
    "load_thresholds": PATH,
    "metrics": FRAME,
    "preview": SCENARIO,
    "provision": SCENARIO,
    "recall_by_duration": FRAME,
    "recall_by_size": FRAME,
    "reject": PATH,
    "run_live": SCENARIO,
    "save_scenario": SCENARIO,
    "tendencies": SCENARIO,
    "tendencies_by_seed": FRAME,
    "validate": SCENARIO,
    "verify": PATH,
}


@pytest.mark.parametrize(("verb", "wanted"), VERBS.items())
@pytest.mark.parametrize("given", [None, 1, [], object])
def test_a_wrong_first_argument_is_a_usage_error(verb: str, wanted: str, given: Any) -> None:
    call = getattr(synthlab, verb)
    name = next(iter(inspect.signature(call).parameters))
    for arguments, options in ((given,), {}), ((), {name: given}):
        with pytest.raises(UsageError, match=f"{name}: must be {wanted}"):
            call(*arguments, **options)


def test_a_templates_name_is_no_scenario_and_a_path_is_no_frame() -> None:
    with pytest.raises(UsageError, match=r"got 'stationary_only_v1' .str.*") as caught:
        synthlab.backfill("stationary_only_v1", end_at="2026-02-12T10:00:00Z")  # type: ignore[arg-type]
    assert "synthlab.load_scenario reads one" in str(caught.value)
    with pytest.raises(UsageError, match="must be a DataFrame"):
        synthlab.metrics("rows.csv")  # type: ignore[arg-type]


def test_a_verb_keeps_its_name_words_and_signature() -> None:
    from synthlab.workflows.backfill import backfill

    assert synthlab.backfill.__doc__ == backfill.__doc__
    assert inspect.signature(synthlab.backfill) == inspect.signature(backfill)


def test_the_window_that_ends_now_is_said_where_the_call_stands() -> None:
    scenario = synthlab.load_scenario("stationary_only_v1").with_changes(days=1)
    with pytest.warns(UserWarning, match="the window ends now") as seen:
        synthlab.backfill(scenario)
    assert Path(seen[0].filename).name == Path(__file__).name
