"""Figures of tendencies and of the city: what is drawn are the numbers of their tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from synthlab import plotting
from synthlab.errors import UsageError
from synthlab.quality.tendencies import Promises, judge
from tests.unit.plotting import test_figures as figures

PROMISES = {
    "stationary_archetype_a": Promises({"runout_prob": "lower", "autonomy_days_est": "higher"}, "c"),
    "c": Promises({"runout_prob": "higher", "elasticity_near_empty": "below 0.7"}, "stationary_archetype_a"),
}
METRICS = ("runout_prob", "autonomy_days_est", "elasticity_near_empty")


@pytest.fixture
def runs() -> pd.DataFrame:
    """Six seeds; c's elasticity is good, A's does not exist, autonomy leans the wrong way."""
    rng = np.random.default_rng(5)
    centers = {
        ("stationary_archetype_a", "runout_prob"): 0.1,
        ("stationary_archetype_a", "autonomy_days_est"): 2.0,
        ("stationary_archetype_a", "elasticity_near_empty"): np.nan,
        ("c", "runout_prob"): 0.4,
        ("c", "autonomy_days_est"): 3.0,
        ("c", "elasticity_near_empty"): 0.4,
    }
    rows = [
        (seed, archetype, f"{archetype}1", metric, value := center + rng.normal(0, 0.02), value + 0.05)
        for (archetype, metric), center in centers.items()
        for seed in range(6)
    ]
    return pd.DataFrame(rows, columns=["seed", "archetype", "device_id", "metric", "measured", "truth"])


@pytest.fixture
def table(runs: pd.DataFrame) -> pd.DataFrame:
    found = judge(runs, PROMISES)
    found.attrs = {"window": "30d", "by_seed": runs.to_dict("list")}
    return found


def panel(figure: plotting.Plot, metric: str) -> Axes:
    return next(axes for axes in figure.axes if axes.get_title(loc="left") == metric)


def dots(axes: Axes) -> list[np.ndarray]:
    return [np.asarray(points.get_offsets())[:, 0] for points in axes.collections]


@pytest.mark.parametrize("truth", [False, True])
def test_every_seed_is_a_dot_and_the_bar_is_the_interval(runs, table, truth: bool) -> None:
    axes = panel(plotting.tendency_figure(table, truth=truth), "runout_prob")
    basis, suffix = ("truth", "_truth") if truth else ("measured", "")
    of_metric = runs[runs["metric"] == "runout_prob"]
    for archetype, drawn in zip(PROMISES, dots(axes), strict=True):
        expected = of_metric.loc[of_metric["archetype"] == archetype, basis]
        assert sorted(drawn) == pytest.approx(sorted(expected))
    bars = [line.get_xdata() for line in axes.lines]
    row = table.loc[("runout_prob", "stationary_archetype_a")]
    assert list(bars[0]) == [row[f"low{suffix}"], row[f"high{suffix}"]]
    assert set(bars[1]) == {row[f"mean{suffix}"]}


def test_rows_say_what_they_promised_and_how_often_it_held(table) -> None:
    figure = plotting.tendency_figure(table)
    said = {
        metric: [text.get_text() for text in panel(figure, metric).texts if text.get_text()]
        for metric in METRICS
    }
    assert said["runout_prob"] == ["lower: 100 %", "higher: 100 %"]
    assert said["autonomy_days_est"] == ["higher: 0 %"]
    assert said["elasticity_near_empty"] == ["does not exist", "below 0.7: 100 %"]
    wrong, right = (panel(figure, metric).texts[0].get_color() for metric in METRICS[1::-1])
    assert wrong != right
    assert 0.7 in [line.get_xdata()[0] for line in panel(figure, "elasticity_near_empty").lines]
    labels = [label.get_text() for label in panel(figure, "runout_prob").get_yticklabels()]
    assert labels == ["c", "archetype_a"]
    assert figures._texts(figure, "title") == "3 of 4 promises kept"
    assert "6 seeds of 30d" in figures._texts(figure, "subtitle")


def test_a_table_without_its_runs_keeps_means_and_intervals(table) -> None:
    figure = plotting.tendency_figure(pd.DataFrame(table.to_dict("series")))
    assert all(len(values) == 0 for values in dots(panel(figure, "runout_prob")))
    assert len(panel(figure, "runout_prob").lines) == 4


def test_devices_of_one_archetype_have_one_color(runs) -> None:
    twice = pd.concat([runs, runs.assign(device_id=runs["device_id"] + "B")])
    found = judge(twice, PROMISES, by="device")
    found.attrs = {"by_seed": twice.to_dict("list")}
    axes = panel(plotting.tendency_figure(found), "runout_prob")
    colors = [tuple(points.get_facecolor()[0]) for points in axes.collections]
    assert len(colors) == 4
    assert colors[0] == colors[1] != colors[2] == colors[3]


def test_tendencies_are_legible_and_repeatable(table) -> None:
    figure = plotting.tendency_figure(table)
    first = figure.png()
    figures.test_nothing_is_cut_off_and_no_tick_labels_collide((figure, first))
    figures.test_heading_stays_above_the_panels((figure, first))
    assert plotting.tendency_figure(table).png() == first


def test_another_table_is_refused() -> None:
    for wrong in (pd.DataFrame({"mean": [1.0]}), pd.DataFrame()):
        with pytest.raises(UsageError) as caught:
            plotting.tendency_figure(wrong)
        assert caught.value.code == "BAD_ARGUMENT"


@pytest.fixture
def zoned(two_trucks, two_tanks) -> tuple[pd.DataFrame, dict[str, dict[str, object]]]:
    frame = pd.concat([two_trucks, two_tanks]).astype({"device_id": "category"})
    tank = {"capacity_liters": 1_000.0, "is_pipe_connected": True, "mobility": "FIXED"}
    truck = {"capacity_liters": 10_000.0, "is_pipe_connected": False, "mobility": "MOBILE"}
    known = {"TRUCK1": truck | {"zone_id": "NORTH"}, "TRUCK2": truck | {"zone_id": "SOUTH"}}
    known |= {"TANK1": tank | {"zone_id": "NORTH"}, "TANK2": tank | {"zone_id": "SOUTH"}}
    return frame, known


def test_city_shows_places_and_balance(zoned) -> None:
    frame, known = zoned
    places = plotting.place_table(frame, reservoirs=known)
    figure = plotting.city_figure(frame, reservoirs=known)
    area, balance = figure.axes
    assert len(area.collections) == len(places) == 4
    ways = [line for line in area.lines if line.get_gid() != "scale-bar"]
    assert [line.get_color() for line in ways] == ["#0072B2", "#D55E00"]
    said = sorted(text.get_text() for text in balance.texts)
    assert said == ["NORTH  ·  resilience 0.00", "SOUTH  ·  resilience 0.00"]
    widths = [bar.get_width() for bar in balance.patches]
    assert sum(widths) * 1_000 == pytest.approx(places["delivered_liters"].sum(), rel=0.05)


def test_city_takes_given_places_and_needs_no_zones(two_trucks) -> None:
    given = pd.DataFrame(
        {"kind": ["BASE", "UNKNOWN"], "latitude": [0.0, 0.1], "longitude": 13.0, "delivered_liters": 0.0}
    )
    figure = plotting.city_figure(two_trucks, places=given)
    (area,) = figure.axes
    assert len(area.collections) == 2
    assert figures._texts(figure, "title") == "Trucks serve 0 places"


def test_a_city_without_trucks_is_refused(two_tanks) -> None:
    with pytest.raises(UsageError):
        plotting.city_figure(two_tanks)
