"""Scores: an episode is found or not, a run of flags is right or not."""

from __future__ import annotations

from typing import get_args

import pandas as pd
import pytest

import synthlab
from synthlab.errors import UsageError
from synthlab.quality.checks import Findings, check
from synthlab.quality.scoring import SEEN_BY, score
from synthlab.scenario.faults import FAULT_KINDS, FaultKindName
from tests.frames import reservoirs_of, telemetry_frame


def labeled(frame: pd.DataFrame, labels: dict[int, str]) -> pd.DataFrame:
    names = [labels.get(row, "") for row in range(len(frame))]
    return frame.assign(fault=pd.Categorical(names, categories=sorted({"", *labels.values()})))


def findings_of(frame: pd.DataFrame) -> Findings:
    return check(frame, reservoirs=reservoirs_of(frame))


@pytest.fixture
def frame() -> pd.DataFrame:
    return telemetry_frame(tanks=1, trucks=0, steps=60)


def test_every_kind_has_checks_that_exist(frame: pd.DataFrame) -> None:
    assert set(SEEN_BY) == set(FAULT_KINDS) == set(get_args(FaultKindName))
    assert list(FAULT_KINDS) == list(get_args(FaultKindName))
    checks = set(findings_of(frame).flags.columns)
    assert {name for names in SEEN_BY.values() for name in names} <= checks


def test_a_found_episode_and_a_false_alarm_are_told_apart(frame: pd.DataFrame) -> None:
    frame.loc[[10, 11, 40], "temperature_c"] = 85.0
    marked = labeled(
        frame, {9: "TEMPERATURE_SENTINEL", 10: "TEMPERATURE_SENTINEL", 11: "TEMPERATURE_SENTINEL"}
    )
    found = score(findings_of(marked), marked)
    row = found.faults.loc["TEMPERATURE_SENTINEL"]
    assert (row["episodes"], row["found"], row["recall"]) == (1, 1, 1.0)
    # Two checks see 85 °C; each has one run that is right and one that is not.
    assert (row["runs"], row["right"], row["precision"]) == (4, 2, 0.5)
    assert row["delay_hours"] == pytest.approx(1 / 12)
    assert row["row_recall"] == pytest.approx(2 / 3)
    assert found.checks.loc["sentinel", ["runs", "right"]].tolist() == [2, 1]
    assert found.pairs.loc[("TEMPERATURE_SENTINEL", "sentinel"), "recall"] == 1.0
    assert repr(found) == "Score(1 of 1 episodes found, 2 of 4 runs of flags right)"


def test_a_flag_of_a_check_that_cannot_see_the_kind_finds_nothing(frame: pd.DataFrame) -> None:
    frame.loc[10, "temperature_c"] = 85.0
    marked = labeled(frame, {10: "LEAK"})
    found = score(findings_of(marked), marked)
    assert found.faults.loc["LEAK", "found"] == 0
    assert found.checks.loc["sentinel", "right"] == 0


def test_another_label_within_does_not_end_an_episode(frame: pd.DataFrame) -> None:
    labels = dict.fromkeys(range(10, 20), "LEAK") | {14: "SPIKES"} | dict.fromkeys(range(30, 33), "LEAK")
    marked = labeled(frame, labels)
    found = score(findings_of(marked), marked)
    assert found.faults["episodes"].to_dict() == {"SPIKES": 1, "LEAK": 2}


def test_without_labels_there_is_nothing_to_find(frame: pd.DataFrame) -> None:
    found = score(findings_of(frame), frame)
    assert found.faults.empty
    assert found.to_dict()["faults"] == []
    assert found.to_frame().equals(found.faults)


def test_other_rows_and_unknown_labels_are_refused(frame: pd.DataFrame) -> None:
    findings = findings_of(frame)
    with pytest.raises(UsageError) as caught:
        score(findings, labeled(frame.head(9), {1: "RUST"}))
    assert [problem.path for problem in caught.value.problems] == ["frame", "frame.fault"]


def test_recall_rises_with_the_size() -> None:
    scenario = synthlab.load_scenario("stationary_only_v1").with_changes(days=12)
    frame = synthlab.backfill(scenario, end_at="2026-02-12T10:00:00Z").frame
    at = ["2026-02-03T06:00:00Z", "2026-02-08T00:00:00Z"]
    curve = synthlab.recall_by_size(frame, "leak", (0.1, 15.0), at=at)
    assert curve["size"].tolist() == [0.1, 15.0]
    assert curve["recall"].tolist() == [0.0, 1.0]
    assert (curve["episodes"] >= 3).all()
    with pytest.raises(UsageError):
        synthlab.recall_by_size(frame, "GAP")


def test_recall_rises_with_the_duration() -> None:
    scenario = synthlab.load_scenario("stationary_only_v1").with_changes(days=12)
    frame = synthlab.backfill(scenario, end_at="2026-02-12T10:00:00Z").frame
    at = ["2026-02-03T06:00:00Z", "2026-02-08T00:00:00Z"]
    curve = synthlab.recall_by_duration(frame, "Leak", (0.1, 72.0), at=at)
    assert curve["duration_hours"].tolist() == [0.1, 72.0]
    assert curve["recall"].tolist() == [0.0, 1.0]
    assert (curve["episodes"] >= 3).all()
    with pytest.raises(UsageError, match="GAP"):
        synthlab.recall_by_duration(frame, "SPIKES")
