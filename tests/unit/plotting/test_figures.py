"""What every picture must be: labeled with units, inside its frame, the same twice."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from synthlab import plotting
from synthlab.plotting.level import HEAT_COLUMNS, MAX_PANELS, MAX_ROW_LABELS

UNIT = re.compile(r"\[(%|UTC|liters/hour|1/day|km|m³|seconds|count)\]")
NO_UNIT = {"activity", "device, most often run out on top", ""}
PNG = b"\x89PNG\r\n\x1a\n"


def _progress(devices: int = 3, messages: int = 12) -> list[SimpleNamespace]:
    at = datetime(2026, 2, 12, 10, tzinfo=UTC)
    return [
        SimpleNamespace(
            emitted=devices * (step + 1),
            acknowledged=devices * step,
            elapsed_seconds=0.25 * (step + 1),
            recent=[
                SimpleNamespace(
                    device_id=f"TANK{device:02d}",
                    seq=step + 1,
                    received_at=at + timedelta(minutes=5 * step),
                    level_pct=float(device + step),
                )
                for device in range(devices)
            ],
        )
        for step in range(messages)
    ]


@pytest.fixture(scope="module")
def many_tanks(make_tank, join_rows) -> pd.DataFrame:
    day = make_tank("TANK", days=1, requested_liters=1.0).iloc[::12]
    return join_rows(
        *(day.assign(device_id=f"TANK{n:03d}", level_pct=n / 2, measured_level_pct=n / 2) for n in range(200))
    )


DRAW: dict[str, Callable[..., plotting.Plot]] = {
    "level": lambda tanks, trucks, many: plotting.level_figure(tanks),
    "level_of_trucks": lambda tanks, trucks, many: plotting.level_figure(trucks),
    "level_of_200": lambda tanks, trucks, many: plotting.level_figure(many),
    "demand": lambda tanks, trucks, many: plotting.demand_figure(tanks),
    "demand_of_200": lambda tanks, trucks, many: plotting.demand_figure(many),
    "supply": lambda tanks, trucks, many: plotting.supply_figure(tanks),
    "supply_of_200": lambda tanks, trucks, many: plotting.supply_figure(many),
    "routes": lambda tanks, trucks, many: plotting.routes_figure(trucks),
    "route": lambda tanks, trucks, many: plotting.routes_figure(trucks, devices=["TRUCK1"]),
    "city": lambda tanks, trucks, many: plotting.city_figure(trucks),
    "day": lambda tanks, trucks, many: plotting.truck_day_figure(trucks, "TRUCK1"),
    "design": lambda tanks, trucks, many: plotting.design_figure(tanks, tanks, "TANK1"),
    "live": lambda tanks, trucks, many: plotting.live_figure(_progress()),
    "live_of_40": lambda tanks, trucks, many: plotting.live_figure(_progress(40)),
}


@pytest.fixture(scope="module", params=sorted(DRAW))
def draw(request, two_tanks, two_trucks, many_tanks) -> Callable[[], plotting.Plot]:
    return lambda: DRAW[request.param](two_tanks, two_trucks, many_tanks)


@pytest.fixture(scope="module")
def drawn(draw) -> tuple[plotting.Plot, bytes]:
    """A figure that was drawn once, and its picture."""
    figure = draw()
    return figure, figure.png()


def _panels(figure: plotting.Plot) -> list:
    return [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]


def _texts(figure: plotting.Plot, gid: str) -> str:
    return next(text.get_text() for text in figure.texts if text.get_gid() == gid)


def test_axes_carry_their_units(drawn) -> None:
    figure, _ = drawn
    labels = [axes.get_ylabel() for axes in figure.axes if axes.get_visible()]
    labels += [axes.get_xlabel() for axes in _panels(figure)]
    for label in labels:
        assert label in NO_UNIT or UNIT.search(label), label
    assert any(axes.get_xlabel() for axes in _panels(figure))
    assert any(axes.get_ylabel() for axes in _panels(figure))


def test_title_says_something_of_the_data(drawn) -> None:
    figure, _ = drawn
    title, subtitle = _texts(figure, "title"), _texts(figure, "subtitle")
    assert len(title.split()) >= 3
    assert re.search(r"UTC|a day served", subtitle)


def test_nothing_is_cut_off_and_no_tick_labels_collide(drawn) -> None:
    figure, _ = drawn
    renderer = figure.canvas.get_renderer()
    width, height = figure.canvas.get_width_height()
    for axes in _panels(figure):
        for axis in (axes.xaxis, axes.yaxis):
            labels = [label for label in axis.get_ticklabels() if label.get_text() and label.get_visible()]
            boxes = [label.get_window_extent(renderer) for label in labels]
            low, high = sorted(axis.get_view_interval())
            shown = [
                box
                for box, label in zip(boxes, labels, strict=True)
                if low <= (label.get_position()[0] if axis is axes.xaxis else label.get_position()[1]) <= high
            ]
            for box, other in pairwise(shown):
                assert not box.overlaps(other), axes.get_title(loc="left")
    for axes in _panels(figure):
        box = axes.get_tightbbox(renderer)
        assert box.x0 >= -2, axes
        assert box.y0 >= -2, axes
        assert box.x1 <= width + 2, axes
        assert box.y1 <= height + 2, axes
    for text in figure.texts:
        assert text.get_window_extent(renderer).x1 <= width, text.get_text()


def test_heading_stays_above_the_panels(drawn) -> None:
    figure, _ = drawn
    renderer = figure.canvas.get_renderer()
    lowest = min(text.get_window_extent(renderer).y0 for text in figure.texts)
    legends = [legend.get_window_extent(renderer).y0 for legend in figure.legends]
    highest = max(axes.get_tightbbox(renderer).y1 for axes in _panels(figure))
    assert highest <= min([lowest, *legends]) + 4


def test_the_same_data_gives_the_same_bytes(draw, drawn) -> None:
    figure, first = drawn
    assert draw().png() == first
    assert first.startswith(PNG)
    assert b"Software" not in first
    assert b"matplotlib" not in first
    # Drawn once more, nothing has moved.
    assert figure.png() == first


def test_drawing_leaves_matplotlib_as_it_was(two_tanks: pd.DataFrame) -> None:
    before = mpl.rcParams.copy()
    plotting.level_figure(two_tanks).png()
    assert mpl.rcParams.copy() == before


def test_pyplot_is_never_loaded() -> None:
    code = "import sys; from synthlab.plotting import *; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_user_s_settings_change_nothing(two_tanks: pd.DataFrame) -> None:
    plain = plotting.level_figure(two_tanks).png()
    # The first two are set by our style, the others only by matplotlib's defaults.
    theirs = {"font.size": 30, "axes.facecolor": "black", "axes.linewidth": 6, "xtick.major.size": 20}
    with mpl.rc_context(theirs):
        assert plotting.level_figure(two_tanks).png() == plain


def test_figure_shows_itself_in_a_notebook(two_tanks: pd.DataFrame) -> None:
    figure = plotting.level_figure(two_tanks)
    bundle = figure._repr_mimebundle_()
    assert bundle["image/png"].startswith(PNG)
    assert bundle["text/plain"] == repr(figure)
    assert repr(figure) == "<Plot: level of 2 devices, 06 Feb 2026 00:00 to 08 Feb 2026 23:55>"


def test_levels_of_few_have_a_panel_each(two_tanks: pd.DataFrame, many_tanks: pd.DataFrame) -> None:
    assert len(_panels(plotting.level_figure(two_tanks))) == 2
    few = [f"TANK{n:03d}" for n in range(MAX_PANELS)]
    figure = plotting.level_figure(many_tanks, devices=few)
    assert len(_panels(figure)) == MAX_PANELS
    assert not any(axes.images for axes in figure.axes)
    assert [len(axes.lines) for axes in _panels(figure)] == [2] * MAX_PANELS


def test_200_devices_stay_legible(many_tanks: pd.DataFrame) -> None:
    figure = plotting.level_figure(many_tanks)
    panels = _panels(figure)
    assert len(panels) == 5
    heat = panels[0]
    rows, columns = heat.images[0].get_array().shape
    assert rows == 200
    assert columns <= HEAT_COLUMNS
    names = [label.get_text() for label in heat.get_yticklabels()]
    assert len(names) <= MAX_ROW_LABELS
    assert names[0] == "TANK000"
    titles = [axes.get_title(loc="left").split("  ")[0] for axes in panels[1:]]
    assert titles == ["worst: TANK000", "second worst: TANK001", "median: TANK100", "best: TANK199"]
    assert figure.get_figheight() < 12


def test_heat_map_shows_means_of_each_device(many_tanks: pd.DataFrame) -> None:
    image = plotting.level_figure(many_tanks).axes[0].images[0].get_array()
    assert np.ma.filled(image, np.nan)[:, 5].tolist() == pytest.approx([n / 2 for n in range(200)])


def test_a_peak_of_one_row_is_drawn(make_tank) -> None:
    level = np.full(30 * 288, 50.0)
    level[4_321] = 99.0
    figure = plotting.level_figure(make_tank(days=30, level=level))
    truth = next(line for line in _panels(figure)[0].lines if line.get_label() == "true")
    assert truth.get_ydata().max() == 99.0
    assert len(truth.get_ydata()) < 5_000


def test_level_titles_tell_who_ran_dry(two_tanks: pd.DataFrame, make_tank) -> None:
    assert _texts(plotting.level_figure(two_tanks), "title") == (
        "TANK2 is at 5 % or below for 25 % of the time, TANK1 never"
    )
    assert _texts(plotting.level_figure(make_tank()), "title") == "The tank never falls to 5 %"


def test_demand_title_tells_what_was_not_served(two_tanks: pd.DataFrame, make_tank) -> None:
    title = _texts(plotting.demand_figure(two_tanks), "title")
    assert title == "20 % of the water asked for is not served; TANK1 misses 20 %"
    served = make_tank(requested_liters=1.0, served_liters=1.0)
    assert _texts(plotting.demand_figure(served), "title") == "All water asked for is served"


def test_demand_panels_show_the_table(two_tanks: pd.DataFrame) -> None:
    table = plotting.demand_table(two_tanks)
    figure = plotting.demand_figure(two_tanks)
    assert len(_panels(figure)) == 4
    shown = {patch.get_label(): patch.get_data().values for patch in _panels(figure)[0].patches}
    expected = table.loc[("TANK1", "weekday")]
    assert shown["requested"].tolist() == expected["requested_liters_per_hour"].tolist()
    assert shown["served"].tolist() == expected["served_liters_per_hour"].tolist()


def test_supply_bars_show_the_table(make_tank) -> None:
    inflow = np.tile(np.r_[np.zeros(36), np.full(12, 10.0), np.zeros(240)], 3)
    figure = plotting.supply_figure(make_tank(inflow_liters=inflow, overflow_liters=inflow / 4))
    sessions, volume = _panels(figure)
    assert [bar.get_height() for bar in sessions.patches] == [0.0] * 3 + [1.0] + [0.0] * 20
    assert len(volume.patches) == 48
    assert volume.patches[3].get_height() == pytest.approx(90)
    assert volume.patches[27].get_height() == pytest.approx(30)


def test_map_is_true_to_scale(two_trucks: pd.DataFrame) -> None:
    figure = plotting.routes_figure(two_trucks)
    figure.png()
    for axes in _panels(figure):
        box = axes.get_window_extent()
        (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
        assert box.width / (east - west) == pytest.approx(box.height / (north - south), rel=1e-6)
        bar = next(line for line in axes.lines if line.get_gid() == "scale-bar")
        length = np.ptp(bar.get_xdata()) * (east - west)
        assert f"{length:g} km" in [text.get_text() for text in axes.texts]


def test_map_tells_loaded_from_empty_and_marks_stops(make_truck) -> None:
    axes = _panels(plotting.routes_figure(make_truck()))[0]
    legs = {item.get_label(): item for item in axes.collections if isinstance(item, LineCollection)}
    # A trip: three legs from source to client, and five without water, the last of which goes home.
    assert len(legs["travel, loaded"].get_segments()) == 20 * 3
    assert len(legs["travel, empty"].get_segments()) == 20 * 4 + 19
    markers = [item for item in axes.collections if not isinstance(item, LineCollection)]
    assert len(markers) == 3


def test_map_takes_points_of_a_route(make_truck) -> None:
    points = [SimpleNamespace(kind="CLIENT", latitude=0.01, longitude=13.01)] * 7
    axes = _panels(plotting.routes_figure(make_truck(), points=points))[0]
    assert len([item for item in axes.collections if not isinstance(item, LineCollection)]) == 7


def test_many_trucks_share_a_map(make_truck, join_rows) -> None:
    frame = join_rows(*(make_truck(f"TRUCK{n}", trips=5) for n in range(9)))
    assert len(_panels(plotting.routes_figure(frame))) == 1


def test_live_beyond_the_colors_is_gray() -> None:
    figure = plotting.live_figure(_progress(40))
    lines = figure.axes[2].lines
    assert len(lines) == 40
    assert len({line.get_color() for line in lines}) == 8
    assert len(figure.axes[1].patches) == 12


def test_live_title_counts(two_tanks: pd.DataFrame) -> None:
    assert _texts(plotting.live_figure(_progress()), "title") == (
        "33 of 36 messages acknowledged in 3.0 s, 3 devices"
    )


def test_nothing_sent_is_a_bad_call() -> None:
    with pytest.raises(ValueError, match="holds no message"):
        plotting.live_figure([])
