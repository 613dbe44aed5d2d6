"""One device's section: facts, picture, and the numbers beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthlab.report.content import DeviceContent, Metric
from synthlab.report.demand import asked_words, why_asked_differs
from synthlab.report.findings import of_device
from synthlab.report.markup import Content, Html, facts, table, tag
from synthlab.report.pictures import Picture
from synthlab.report.sections import anchor, image
from synthlab.report.wording import NOTHING, count, moments, number, share, span

_TANK_HOURS = {
    "expected": "expected_demand_liters",
    "asked": "requested_liters",
    "served": "served_liters",
    "inflow": "inflow_liters",
    "spilled": "overflow_liters",
}
_TRUCK_HOURS = {"loaded": "loaded_liters", "delivered": "delivered_liters", "lost": "lost_liters"}
_CHOSEN = {"all": "", "worst": "among the worst", "sample": "a sample of the rest"}


def section(device: DeviceContent, picture: Picture | None) -> Html:
    """Return the section of one device."""
    chosen = _CHOSEN[device.chosen or "all"]
    words = ", ".join(filter(None, (device.kind, device.archetype, chosen)))
    shown: Content = image(picture)
    if shown is None:
        shown = tag("p", "It has no row with a time: there is nothing to draw.")
    return tag(
        "section",
        tag("h3", f"{device.rank}. {device.device_id}", tag("small", f" {words}")),
        facts(_facts(device)),
        shown,
        tag("p", why) if (why := why_asked_differs(device)) else None,
        of_device(device),
        _metrics(device.metrics),
        _hours(device),
        class_="device",
        id=anchor(device),
    )


def _facts(device: DeviceContent) -> list[tuple[str, Content]]:
    profile, reservoir = device.profile, device.reservoir
    expected = profile["expected_row_count"]
    of = f" of {count(expected)}" if expected else ""
    entries: list[tuple[str, Content]] = [
        ("rows", count(profile["row_count"]) + of),
        ("coverage", share(profile["coverage_fraction"])),
        ("seq", span(profile["first_seq"], profile["last_seq"])),
        ("time", moments(profile["first_received_at"], profile["last_received_at"])),
        ("no echo", f"{share(profile['no_echo_fraction'])} of readings"),
        ("run out", f"{share(device.runout_fraction)} of rows"),
    ]
    if asked := asked_words(device):
        entries.append(("asked", asked))
    if reservoir:
        ends = ((name, number(reservoir[f"sensor_{name}_distance_mm"])) for name in ("empty", "full"))
        distances = ", ".join(f"{name} {distance} mm" for name, distance in ends)
        entries += [
            ("capacity", f"{number(reservoir['capacity_liters'])} L"),
            ("calibration", f"{distances}; {reservoir['origin']}"),
        ]
    return entries


def _metrics(metrics: tuple[Metric, ...]) -> Content:
    if not metrics:
        return None
    rows = [
        (
            metric.name,
            number(metric.value) if metric.value is not None else f"null: {metric.null_reason or NOTHING}",
            number(metric.truth),
            _promise(metric),
        )
        for metric in metrics
    ]
    caption = "Metrics of the last 30 days, and what the archetype promises"
    return table(caption, ("metric", "measured", "truth", "promise"), rows, numeric=(1, 2))


def _promise(metric: Metric) -> Content:
    if metric.promise is None:
        return None
    against = f" ({number(metric.against)})" if metric.against is not None else ""
    if metric.is_kept is None:
        return f"{metric.promise}: cannot be told here"
    word, kind = ("kept", "pass") if metric.is_kept else ("not in this run", "suspect")
    return [f"{metric.promise}{against}: ", tag("strong", word, class_=kind)]


def _hours(device: DeviceContent) -> Content:
    profile = device.profile
    if not profile["row_count"]:
        return None
    columns = _TRUCK_HOURS if device.kind == "truck" else _TANK_HOURS
    header = ("hour [UTC]", "coverage", "mean level [%]", *(f"{name} [L]" for name in columns))
    rows = [_hour(profile, hour, list(columns.values())) for hour in range(24)]
    grid = table(f"{device.device_id} by hour of day", header, rows, numeric=range(1, len(header)))
    return tag("details", tag("summary", f"{device.device_id} by hour of day, as numbers"), grid)


def _hour(profile: Mapping[str, Any], hour: int, columns: list[str]) -> tuple[Content, ...]:
    return (
        f"{hour:02d}",
        share(profile["hourly_coverage_fraction"][hour]),
        number(profile["hourly_mean"]["level_pct"][hour]),
        *(number(profile["hourly_mean_liters"][name][hour]) for name in columns),
    )
