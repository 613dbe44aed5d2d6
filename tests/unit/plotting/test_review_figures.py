"""Pictures of the review: findings are seen, and few colors hide none of them."""

from __future__ import annotations

from collections import Counter
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from synthlab.plotting.compare import compare_figure
from synthlab.plotting.marks import FLAG_COLORS, MAX_LINES, findings_figure
from synthlab.plotting.review import device_figure
from synthlab.plotting.style import Plot

WHITE = "#FFFFFF"


def _findings(*flags: str, device_id: str = "TANK1", at: str = "2026-02-07T00:00Z") -> pd.DataFrame:
    times = pd.to_datetime([at] * len(flags), utc=True)
    return pd.DataFrame(
        {
            "device_id": pd.Series([device_id] * len(flags), dtype="str"),
            "flag": pd.Series(flags, dtype="str"),
            "first_received_at": times,
            "last_received_at": times,
        }
    )


def _colors(png: bytes) -> Counter[str]:
    with Image.open(BytesIO(png)) as image:
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    found, counts = np.unique(pixels, axis=0, return_counts=True)
    names = ["#{:02X}{:02X}{:02X}".format(*color) for color in found]
    return Counter(dict(zip(names, map(int, counts), strict=True)))


def _labels(figure: Plot) -> set[str]:
    return {text for axes in figure.axes for text in (axes.get_xlabel(), axes.get_ylabel()) if text}


def test_a_single_failed_row_of_three_days_is_seen(make_tank) -> None:
    frame = make_tank(requested_liters=5.0, served_liters=4.0)
    clean = _colors(device_figure(frame, "TANK1", findings=_findings()).small_png())
    marked = _colors(device_figure(frame, "TANK1", findings=_findings("FAIL", "SUSPECT")).small_png())
    for color in FLAG_COLORS.values():
        assert marked[color] - clean[color] >= 20
    assert marked.most_common(1)[0][0] == WHITE


def test_the_small_picture_is_the_same_each_time(make_tank) -> None:
    pngs = {device_figure(make_tank(), "TANK1", findings=_findings("FAIL")).small_png() for _ in range(2)}
    assert len(pngs) == 1


def test_a_truck_has_a_map_and_a_tank_its_hours(make_tank, make_truck) -> None:
    tank = device_figure(make_tank(), "TANK1", findings=_findings())
    truck = device_figure(make_truck(), "TRUCK1", findings=_findings())
    both = {"level [%]", "distance [mm]", "time [UTC]"}
    assert both | {"hour of day [UTC]"} == _labels(tank)
    assert both | {"east of the center [km]", "north of the center [km]"} == _labels(truck)


@pytest.mark.parametrize("count", [1, 2])
def test_hardly_any_row_is_no_bug(make_rows, count: int) -> None:
    frame = make_rows("TANK1", count, raw_mm_0=-1, raw_mm_1=-1, raw_mm_2=-1, raw_mm_3=-1, raw_mm_4=-1)
    figure = device_figure(frame, "TANK1", findings=_findings("FAIL", at="2026-02-06T00:00Z"))
    assert figure.small_png().startswith(b"\x89PNG")


def test_findings_of_many_devices_show_the_worst_and_say_so() -> None:
    names = [f"D{n:03d}" for n in range(100)]
    found = pd.concat([_findings("FAIL", device_id=name) for name in names], ignore_index=True)
    start, end = (pd.Timestamp(day, tz="UTC") for day in ("2026-02-06", "2026-02-09"))
    figure = findings_figure(found, names, device_count=200, start_at=start, end_at=end)
    assert figure.summary == "100 of 200 devices have findings, over time"
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == names[:MAX_LINES]


def test_two_runs_are_told_apart_without_color(make_tank) -> None:
    figure = compare_figure(
        make_tank(), make_tank(level=20.0), ["TANK1"], labels=("a", "b"), finding="x", subtitle="y"
    )
    first, second = figure.axes[0].get_lines()
    assert first.get_linestyle() != second.get_linestyle()
    assert {"level [%]", "time at or below [%]", "liters [liters/hour]"} <= _labels(figure)
