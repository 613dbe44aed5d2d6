"""What the design view shows of an outcome: panels, tiles, a map, cards and rows of a form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from synthlab.plotting.trucks import EMPTY_LEVEL_PCT, Ground, stop_table
from synthlab.quality.formulas import RUNOUT_LEVEL_PCT
from synthlab.scenario.archetypes import ARCHETYPES
from synthlab.scenario.parameter import Parameter
from synthlab.timeline import SECONDS_PER_DAY
from synthlab.widgets.fields import Field
from synthlab.widgets.map import Place, Track
from synthlab.widgets.picker import Item
from synthlab.widgets.series import Line, Panel
from synthlab.widgets.tiles import Tile, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from synthlab.scenario.resolve import DeviceParameters
    from synthlab.widgets.design_state import Outcome

TILES: Mapping[str, tuple[str, str, str | None, bool, str]] = {
    "runout_prob": ("Run out", "", "lower", True, "Share of hours at 5 % or below (runout_prob)"),
    "autonomy_days_est": (
        "Autonomy",
        "days",
        "higher",
        False,
        "How long lasts what is in it at the end (autonomy_days_est)",
    ),
    "supply_fragmentation_index": (
        "Fragmentation",
        "",
        "lower",
        False,
        "How scattered the supply is, 0 to 1 (supply_fragmentation_index)",
    ),
    "asked_liters_per_day": ("Asked", "L/day", None, False, "Water that people wanted"),
    "served_liters_per_day": ("Served", "L/day", "higher", False, "Water that they got"),
    "liters_per_km": ("Liters per km", "L/km", "higher", False, "Delivered for each kilometer driven"),
    "mobile_nrw_liters": (
        "Lost on the way",
        "L",
        "lower",
        False,
        "Loaded, not delivered (mobile_nrw_liters)",
    ),
    "deliveries_count": ("Deliveries", "", None, False, "Stops at which water was handed over"),
    "delivered_liters_per_day": ("Delivered", "L/day", "higher", False, "Water handed over"),
}
"""Label, unit, which way is better, whether a percentage, and what it means."""

_GROUPS = {
    "demand": "Demand",
    "near": "Demand",
    "supply": "Supply",
    "shift": "Trips",
    "travel": "Trips",
    "detour": "Trips",
    "idle": "Trips",
    "stop": "Trips",
    "refill": "Filling and delivering",
    "discharge": "Filling and delivering",
    "delivery": "Filling and delivering",
    "loss": "Filling and delivering",
}
_OTHER_GROUP = "Sensor, battery and radio"
CAPACITY = "capacity_liters"
TARGET = "target_daily_liters"
SAVING = "near_empty_threshold_fraction"
_SEEN_FRACTION = 0.005
"""A factor this near to 1 is said to be 1. Assumed: it is shown with two decimals."""
MAX_CAPACITY_LITERS = 1_000_000.0


def level_panel(before: Outcome, now: Outcome) -> Panel:
    """Return the level of a device before and now."""
    old, new = before.level_pct, now.level_pct
    lines = [Line("before", old, "muted", 1.2), Line("now", new, "truth", 1.5)]
    if now is before:
        lines = [Line("before", np.full(len(old), np.nan), "muted", 1.2), lines[1]]
    return Panel(
        now.device.device_id,
        "level %",
        now.start_second,
        lines,
        step_seconds=now.device.step_seconds,
        note=_level_note(now),
        least=0,
        most=100,
        band=None if now.device.mode == "MOBILE" else (0, RUNOUT_LEVEL_PCT, "low"),
    )


def _level_note(outcome: Outcome) -> str:
    capacity = f"{outcome.device.reservoir.capacity_liters:,.0f} L"
    if outcome.device.mode == "MOBILE":
        return f"{capacity}, {outcome.kpis['delivered_liters_per_day']:,.0f} L a day delivered"
    return f"{capacity}, run out {100 * outcome.kpis['runout_prob']:.0f} % of the hours"


def kpi_tiles(before: Outcome, now: Outcome) -> list[Tile]:
    """Return a tile for each key number."""
    tiles = []
    old = before.kpis.to_dict()
    for name, value in now.kpis.to_dict().items():
        was = float(old[name])
        label, unit, better, is_percent, meaning = TILES[str(name)]
        tiles.append(Tile(label, float(value), unit, was, better, is_percent, help=meaning))
    return tiles


def asked_words(now: Outcome) -> str:
    """Say why the water that a tank's people asked for is not the target of a day."""
    demand, frame = now.device.demand, now.frame
    if demand is None:
        return ""
    steps_a_day = SECONDS_PER_DAY / now.device.step_seconds
    # The window is closed at both ends: its first row is the step before it.
    expected = float(frame["expected_demand_liters"].iloc[1:].mean()) * steps_a_day
    weekdays = expected / demand.target_daily_liters
    times = f", times {weekdays:.2f} for these weekdays" if abs(weekdays - 1) >= _SEEN_FRACTION else ""
    said = [f"Asked: {say(expected)} L/day are expected ({say(demand.target_daily_liters)} set{times})."]
    if demand.process == "events":
        said.append(
            "Uses are drawn by chance: a week of one household is often 20 % off, the mean of many is not."
        )
    saving_pct = 100 * float(now.device.values[SAVING])
    if (now.level_pct < saving_pct).any():
        said.append(f"Below {say(saving_pct)} % full people save.")
    return " ".join(said)


def route_map(now: Outcome) -> tuple[list[Track], list[Place], str]:
    """Return a truck's ways, loaded and empty, its places by the route, and a summary."""
    frame, route = now.frame, now.device.route
    latitude, longitude = (frame[name].to_numpy(np.float64) for name in ("latitude", "longitude"))
    ground = Ground.around(latitude, longitude)
    east, north = ground.to_km(latitude, longitude)
    is_loaded = frame["level_pct"].to_numpy() > EMPTY_LEVEL_PCT
    tracks = []
    for label, role, wanted in (("empty", "empty", ~is_loaded), ("loaded", "loaded", is_loaded)):
        # A leg ends in the row after it.
        shown = wanted | np.concatenate(([False], wanted[:-1]))
        tracks.append(Track(label, role, np.where(shown, east, np.nan), np.where(shown, north, np.nan)))
    stops = stops_frame(now)
    places = []
    for point in route.points if route else ():
        (x,), (y,) = ground.to_km([point.latitude], [point.longitude])
        found = stops[stops["point_id"] == point.point_id]
        detail = f"{found['hours'].sum():.1f} h, {found['delivered_liters'].sum():,.0f} L delivered"
        size = 7.0 if point.kind != "CLIENT" else 5.5
        role = f"activity-{point.kind.lower()}"
        places.append(Place(point.kind, role, x, y, label=point.point_id, detail=detail, size=size))
    visited = int((stops["kind"] == "CLIENT").sum())
    return tracks, places, f"{visited} clients, {say(float(now.kpis['deliveries_count']))} deliveries"


_NEAR_KM = 0.3
"""A stop this near to a point of the route is a stop at it. Assumed: beyond GPS noise. [km]"""


def stops_frame(now: Outcome) -> pd.DataFrame:
    """Return where a truck stood: the route's point, its kind, hours and liters."""
    stops = stop_table(now.frame)
    points = now.device.route.points if now.device.route else ()
    ground = Ground.around(stops["latitude"].to_numpy(), stops["longitude"].to_numpy())
    east, north = ground.to_km(stops["latitude"].to_numpy(), stops["longitude"].to_numpy())
    x, y = ground.to_km([point.latitude for point in points], [point.longitude for point in points])
    apart = np.hypot(east[:, None] - x, north[:, None] - y)
    names = [points[i].point_id if apart[row, i] < _NEAR_KM else "" for row, i in enumerate(apart.argmin(1))]
    return stops.assign(point_id=names)[["point_id", "kind", "hours", "delivered_liters"]]


def stops_html(now: Outcome) -> str:
    """Return a table of where a truck stood."""
    table = stops_frame(now).sort_values("delivered_liters", ascending=False)
    named = table.rename(columns={"point_id": "stop", "delivered_liters": "liters delivered"})
    return str(named.to_html(index=False, border=0, float_format="{:,.1f}".format, classes="sl-table"))


def card(now: Outcome, *, is_changed: bool) -> Item:
    """Return a device's card."""
    device = now.device
    kind = ARCHETYPES[device.archetype].name.replace("stationary_archetype_", "archetype ").replace("_", " ")
    is_dry = bool(now.kpis.get("runout_prob", 0.0) > 0)
    note = f"dry {100 * now.kpis['runout_prob']:.0f} % of the hours" if is_dry else ""
    detail = kind.replace("mobile ", "truck, ").replace("archetype a", "tank, archetype A")
    return Item(
        id=device.device_id,
        label=device.device_id + (" *" if is_changed else ""),
        detail=detail.replace("archetype c", "tank, archetype C"),
        note=note,
        tone="worse" if is_dry else "",
    )


def form(device: DeviceParameters) -> list[Field]:
    """Return a row for the target, the capacity and every parameter of a device's archetype."""
    archetype = ARCHETYPES[device.archetype]
    rows = []
    if device.demand is not None:
        target = device.demand.target_daily_liters
        rows.append(
            Field(
                TARGET, "target", round(target, 2), unit="liters/day", min=0.01, max=1e6, help="Mean of a day"
            )
        )
    rows.append(
        Field(
            CAPACITY,
            "capacity",
            device.reservoir.capacity_liters,
            unit="liters",
            min=1.0,
            max=MAX_CAPACITY_LITERS,
            help="What the tank holds when full",
        )
    )
    order = [*dict.fromkeys(_GROUPS.values()), _OTHER_GROUP]
    named = sorted(archetype.parameters.items(), key=lambda entry: order.index(_group(entry[0])))
    return rows + [_field(name, parameter, device.values[name]) for name, parameter in named]


def _group(name: str) -> str:
    return _GROUPS.get(name.split("_")[0], _OTHER_GROUP)


def _field(name: str, parameter: Parameter, value: float | str) -> Field:
    return Field(
        name,
        _label(name, parameter.unit),
        value,
        default=parameter.default,
        unit=parameter.unit,
        min=parameter.minimum,
        max=parameter.maximum,
        choices=parameter.choices,
        help=f"{parameter.meaning}. {parameter.provenance} ({name})",
        group=_group(name),
    )


def _label(name: str, unit: str) -> str:
    words = name.replace("_", " ")
    for tail in (
        " liters per minute",
        " liters per hour",
        " kmh",
        " minutes",
        " liters",
        " hours",
        " mm",
        " dbm",
    ):
        if unit and words.endswith(tail):
            return words.removesuffix(tail)
    return words
