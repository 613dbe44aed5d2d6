"""The figures of what checks find show the numbers of their tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import synthlab
from synthlab import plotting
from synthlab.plotting.scoring import RECALL_TARGET
from synthlab.quality.scoring import Score

SIZES, RECALL = [5.0, 10.0, 20.0], [0.0, 0.5, 1.0]


def curves() -> pd.DataFrame:
    """Tanks by size, in any order; trucks by size; and a kind by duration."""
    spikes = pd.DataFrame({"fault": "SPIKES", "size": SIZES[::-1], "recall": RECALL[::-1], "on": "tanks"})
    trucks = pd.DataFrame({"fault": "SPIKES", "size": SIZES, "recall": [0.0, 0.0, 1.0], "on": "trucks"})
    gaps = pd.DataFrame({"fault": "GAP", "duration_hours": [1.0, 7.0], "recall": 1.0, "on": "tanks"})
    return pd.concat([spikes, trucks, gaps], ignore_index=True)


def test_recall_is_drawn_by_size_or_by_duration_one_line_for_each_kind_of_device() -> None:
    figure = plotting.recall_figure(curves())
    spikes, gap = (axis for axis in figure.axes if axis.get_visible())
    assert (spikes.get_title(loc="left"), spikes.get_xlabel()) == ("SPIKES", "size [%]")
    assert (gap.get_title(loc="left"), gap.get_xlabel()) == ("GAP", "lasts [h]")
    lines = {line.get_label(): line for line in spikes.get_lines()}
    np.testing.assert_array_equal(lines["tanks"].get_xydata(), np.transpose([SIZES, RECALL]))
    np.testing.assert_array_equal(lines["trucks"].get_ydata(), [0, 0, 1])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["tanks", "trucks"]
    targets = [line.get_ydata()[0] for line in spikes.get_lines() if line.get_linestyle() == "--"]
    assert targets == [RECALL_TARGET]
    assert figure.png() == plotting.recall_figure(curves()).png()


def test_a_single_curve_needs_no_legend() -> None:
    figure = plotting.recall_figure(curves().query("on == 'tanks' and fault == 'SPIKES'").drop(columns="on"))
    assert not figure.legends
    assert len([axis for axis in figure.axes if axis.get_visible()]) == 1


@pytest.fixture(scope="module")
def score() -> Score:
    scenario = synthlab.load_scenario("stationary_only_v1").with_changes(days=10)
    frame = synthlab.backfill(scenario, end_at="2026-02-12T10:00:00Z").frame
    kinds = [{"kind": kind, "rate_per_day": 0.3} for kind in ("SPIKES", "GAP")]
    faulty = synthlab.inject_faults(frame, kinds, seed=3)
    return synthlab.score(synthlab.check(faulty), faulty)


def test_the_score_is_drawn_as_its_table_says(score: Score) -> None:
    figure = plotting.score_figure(score)
    table = score.faults
    assert len(table) == 2
    shown = [[bar.get_width() for bar in axis.patches] for axis in figure.axes]
    np.testing.assert_allclose(shown[0], table["recall"])
    np.testing.assert_allclose(shown[1], table["precision"])
    np.testing.assert_allclose(shown[2], table["delay_hours"])
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == [f"{kind} ({count})" for kind, count in table["episodes"].items()]
