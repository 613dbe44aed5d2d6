"""Draw the pictures of README and docs; the same code gives the same bytes.

.venv/bin/python docs/make_images.py
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import synthlab
from synthlab.plotting import Plot, demand_table, level_table, recall_figure
from synthlab.plotting.demand import day_of, draw_demand
from synthlab.plotting.level import draw_level
from synthlab.plotting.routes import draw_truck
from synthlab.plotting.series import rows_of
from synthlab.plotting.style import COLORS, heading, percent, styled
from synthlab.plotting.tables import LEVEL_COLUMNS
from synthlab.plotting.timeaxis import hour_axis, time_axis

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

IMAGES = Path(__file__).resolve().parent / "images"
FOUND = Path(__file__).resolve().parent / "faults_found.csv"
END_AT = "2026-02-12T10:00:00Z"
TANKS = {"E2E2024STATA1": "A: regular supply", "E2E2024STATC1": "C: supply in fragments"}
TRUCK = "E2E2024MOBE1"
TRUCK_START_AT = "2026-02-09T00:00:00Z"
PLACES = {
    "A": (0.048, 0.495, 0.545, 0.325),
    "C": (0.048, 0.077, 0.545, 0.325),
    "T": (0.655, 0.445, 0.240, 0.415),
    "D": (0.655, 0.077, 0.335, 0.245),
}
"""Left, bottom, width and height of each panel, as shares of the picture."""


def overview() -> Plot:
    """Draw two tanks' levels, the demand of one, and a truck's route."""
    tanks = synthlab.backfill(synthlab.load_scenario("stationary_only_v1"), end_at=END_AT).frame
    trucks = synthlab.backfill(
        synthlab.load_scenario("mobile_only_v1"), start_at=TRUCK_START_AT, end_at=END_AT, devices=[TRUCK]
    ).frame
    with styled():
        figure = Plot(
            "four weeks of two tanks, the demand of one, and three days of a truck",
            width_inches=12,
            height_inches=6.4,
        )
        # Placed by hand: the map keeps its shape, and the rest lines up with it.
        figure.set_layout_engine("none")
        panels = {name: figure.add_axes(place) for name, place in PLACES.items()}
        _draw_tanks([panels["A"], panels["C"]], tanks)
        _draw_demand(panels["D"], tanks)
        draw_truck(panels["T"], trucks, TRUCK)
        panels["T"].set_title("A truck  ·  three days on the road")
        handles, labels = panels["C"].get_legend_handles_labels()
        title = "Believable tanks and trucks, before the devices are there"
        heading(figure, title, "Simulated from the bundled templates", (handles[::-1], labels[::-1]))
    return figure


def _draw_tanks(panels: list[Axes], frame: pd.DataFrame) -> None:
    rows = rows_of(frame, LEVEL_COLUMNS)
    table = level_table(frame)
    panels[0].sharex(panels[1])
    for axes, (name, words) in zip(panels, TANKS.items(), strict=True):
        draw_level(axes, rows, rows.device_ids.index(name), buckets=700)
        axes.set_title(f"{words}  ·  {_run_out(table, name)}")
        axes.set_ylabel("level [%]")
        time_axis(axes, label=axes is panels[1])
    panels[0].tick_params(labelbottom=False)


def _run_out(table: pd.DataFrame, name: str) -> str:
    share = float(table.loc[name, "runout_fraction"])
    return f"run out {percent(share)} of the time" if share else "never run out"


def _draw_demand(axes: Axes, frame: pd.DataFrame) -> None:
    draw_demand(axes, day_of(demand_table(frame), "E2E2024STATC1", "weekday"))
    axes.set_title("Demand of C by hour, weekdays")
    axes.set_ylabel("demand [liters/hour]")
    axes.set_ylim(0, 1.45 * axes.get_ylim()[1])
    hour_axis(axes)
    axes.legend(fontsize=7.5, loc="upper left", ncols=2, labelcolor=COLORS["ink"], borderaxespad=0.2)


def recall() -> Plot:
    """Draw what `docs/measure_faults.py` found: recall against size, or duration where a kind has no size."""
    import pandas as pd

    found = pd.read_csv(FOUND)
    has_size = set(found.loc[found["by"] == "size", "fault"])
    shown = found[(found["by"] == "size") == found["fault"].isin(has_size)]
    columns = {by: shown["value"].where(shown["by"] == by) for by in ("size", "duration_hours")}
    return recall_figure(shown.assign(**columns))


def main() -> None:
    """Write the pictures."""
    IMAGES.mkdir(exist_ok=True)
    overview().save(IMAGES / "overview.png")
    recall().save(IMAGES / "recall.png")


if __name__ == "__main__":
    main()
