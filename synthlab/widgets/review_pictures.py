"""What the review view shows of a device: a card, tiles, panels and a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from synthlab.columns import READING_COUNT
from synthlab.plotting.trucks import Ground, stop_table
from synthlab.report.demand import asked_and_expected, why_asked_differs
from synthlab.widgets.design_pictures import TILES
from synthlab.widgets.map import Place, Track
from synthlab.widgets.picker import Item
from synthlab.widgets.series import Line, Panel
from synthlab.widgets.tiles import Tile

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.report.content import DeviceContent

MAX_CARDS = 24
"""Devices with a card, the worst first. Assumed: a screenful."""

_FLAG_ROLES = (("SUSPECT", "measured"), ("FAIL", "worse"))


def cards(devices: Sequence[DeviceContent]) -> list[Item]:
    """Return the cards of the worst devices."""
    shown = []
    for device in devices[:MAX_CARDS]:
        flagged = device.fail_row_count + device.suspect_row_count
        note = (
            f"{device.fail_row_count:,} FAIL, {device.suspect_row_count:,} SUSPECT"
            if flagged
            else "no findings"
        )
        tone = "worse" if device.fail_row_count else "better" if not flagged else ""
        shown.append(
            Item(
                id=device.device_id,
                label=device.device_id,
                detail=f"#{device.rank} {device.kind}",
                note=note,
                tone=tone,
            )
        )
    return shown


def tiles(device: DeviceContent) -> list[Tile]:
    """Return what the checks counted, and the platform's metrics."""
    shown = [
        Tile("FAIL", float(device.fail_row_count), "rows", is_count=True),
        Tile("SUSPECT", float(device.suspect_row_count), "rows", is_count=True),
        Tile(
            "Coverage",
            _number(device.profile.get("coverage_fraction")),
            is_percent=True,
            help="Rows that came of those that were due",
        ),
    ]
    if (demand := asked_and_expected(device)) is not None:
        why = why_asked_differs(device) or "Water that people wanted, as expected"
        for label, value in zip(("Asked", "Expected"), demand, strict=True):
            shown.append(Tile(label, value, "L/day", help=why))
    for metric in device.metrics:
        if metric.name in TILES and metric.value is not None:
            label, unit, _, is_percent, meaning = TILES[metric.name]
            shown.append(Tile(label, metric.value, unit, is_percent=is_percent, help=meaning))
    return shown


def panels(rows: pd.DataFrame, device: DeviceContent) -> list[Panel]:
    """Return the level with findings marked, and the raw readings below it."""
    times = rows["received_at"].dt.as_unit("ms").astype("int64").to_numpy() / 1_000
    order = np.argsort(times, kind="stable")
    start, offsets = float(times[order[0]]), times[order] - times[order[0]]
    measured, truth = (rows[name].to_numpy(np.float64)[order] for name in ("measured_level_pct", "level_pct"))
    level = [Line("measured", measured, "measured", width=2.5), Line("true", truth, "truth", width=1.2)]
    for flag, role in _FLAG_ROLES:
        marked = np.zeros(len(rows), dtype=bool)
        for finding in device.findings:
            if finding.flag == flag and finding.first_received_at and finding.last_received_at:
                first, last = (_second(at) for at in (finding.first_received_at, finding.last_received_at))
                marked |= (times[order] >= first) & (times[order] <= last)
        if marked.any():
            place = np.where(np.isfinite(measured), measured, truth)
            level.append(Line(flag, np.where(marked, place, np.nan), role, is_points=True))
    raw = rows[[f"raw_mm_{n}" for n in range(READING_COUNT)]].to_numpy(np.float64)[order]
    # No echo is no distance: such a reading is a gap, not a leap to zero.
    shortest, longest = (
        np.where(raw < 0, np.inf, raw).min(axis=1),
        np.where(raw < 0, -np.inf, raw).max(axis=1),
    )
    lines = [
        Line(label, np.where(np.isfinite(values), values, np.nan), role, width=1.0)
        for label, values, role in (("shortest", shortest, "measured"), ("longest", longest, "expected"))
    ]
    return [
        Panel(f"{device.device_id}: level", "%", start, level, offsets=offsets),
        Panel("Raw readings of an emission", "mm", start, lines, offsets=offsets, has_legend=True),
    ]


def truck_map(rows: pd.DataFrame) -> tuple[list[Track], list[Place], str]:
    """Return a truck's way and where it stood, by what it did there."""
    known = rows[rows["latitude"].notna()]
    if not len(known):
        return [], [], "no position was reported"
    latitude, longitude = (known[name].to_numpy(np.float64) for name in ("latitude", "longitude"))
    ground = Ground.around(latitude, longitude)
    east, north = ground.to_km(latitude, longitude)
    stops = stop_table(known)
    x, y = ground.to_km(stops["latitude"].to_numpy(), stops["longitude"].to_numpy())
    names = ("kind", "hours", "delivered_liters")
    places = [
        Place(
            str(kind),
            f"activity-{str(kind).lower()}",
            float(at_east),
            float(at_north),
            detail=f"{kind}, {hours:.1f} h, {liters:,.0f} L delivered",
            size=5.0,
        )
        for kind, hours, liters, at_east, at_north in zip(
            *(stops[name].to_numpy() for name in names), x, y, strict=True
        )
    ]
    return [Track("way", "activity-travel", east, north)], places, f"{len(places)} places"


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _second(text: str) -> float:
    from synthlab.timeline import parse_at

    return parse_at(text).timestamp()
