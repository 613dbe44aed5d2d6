"""The limits of the checks: two for each where two make sense, each with its provenance."""

# `_limit` is `dataclasses.field` with its metadata filled in.
# ruff: noqa: RUF009

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from synthlab.errors import Problem, UsageError, show_value
from synthlab.results import Result

Span = tuple[float, float]


def _limit(default: Any, unit: str, provenance: str) -> Any:
    return field(default=default, metadata={"unit": unit, "provenance": provenance})


_DOMAIN = "Source: domain facts, section 6"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds(Result):
    """Where a value becomes SUSPECT, and where it FAILs.

    Each field's unit and provenance are in its metadata; see `provenance`.  A span
    is closed: its ends are still good.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: a fail limit that is tighter than its suspect limit.
    """

    time_gap_suspect_factor: float = _limit(1.5, "cadences", _DOMAIN)
    time_gap_fail_factor: float = _limit(3.0, "cadences", _DOMAIN)
    clock_skew_suspect_seconds: float = _limit(300.0, "seconds", _DOMAIN)
    clock_skew_fail_seconds: float = _limit(86_400.0, "seconds", _DOMAIN)
    level_suspect_span: Span = _limit((-2.0, 102.0), "%", _DOMAIN)
    level_fail_span: Span = _limit((-5.0, 110.0), "%", _DOMAIN)
    temperature_suspect_span: Span = _limit((-10.0, 60.0), "°C", _DOMAIN)
    temperature_fail_span: Span = _limit((-40.0, 85.0), "°C", _DOMAIN)
    signal_suspect_span: Span = _limit((-120.0, -40.0), "dBm", _DOMAIN)
    signal_fail_span: Span = _limit((-140.0, 0.0), "dBm", _DOMAIN)
    battery_span: Span = _limit((0.0, 100.0), "%", "Source: production contract battery_percentage")
    modeled_level_span: Span = _limit((0.0, 100.0), "%", "Source: design, frame invariants")
    modeled_level_tolerance_pct: float = _limit(1e-6, "%", "Source: decimals of level_pct in the CSV")
    burst_spread_suspect_mm: float = _limit(15.0, "mm", _DOMAIN)
    burst_spread_fail_mm: float = _limit(
        120.0,
        "mm",
        "Assumed: two of five readings of a healthy sensor may be later echoes, some 100 mm too far (domain "
        "facts, section 4), so the 50 mm of section 6 fail now and then",
    )
    mobile_burst_spread_suspect_mm: float = _limit(
        250.0, "mm", "Assumed: four times the slosh of 20..60 mm in a moving truck (domain facts, section 4)"
    )
    mobile_burst_spread_fail_mm: float = _limit(
        400.0, "mm", "Assumed: beyond any slosh; a burst like that holds another target"
    )
    valid_fraction_suspect: float = _limit(0.5, "fraction", _DOMAIN)
    rate_suspect_factor: float = _limit(1.5, "fastest fills", _DOMAIN)
    rate_fail_factor: float = _limit(5.0, "fastest fills", _DOMAIN)
    stationary_fill_liters_per_minute: float = _limit(
        120.0, "liters/min", "Assumed: an open 1 inch pipe at network pressure, twice over"
    )
    mobile_fill_liters_per_minute: float = _limit(
        2_000.0, "liters/min", "Source: domain facts, section 3, fill 500..2,000 L/min"
    )
    rate_noise_pct: float = _limit(
        3.0, "%", "Source: domain facts, section 6, a spike begins at 3 % of the capacity"
    )
    mobile_rate_noise_pct: float = _limit(
        15.0, "%", "Assumed: mean of five readings, each 60 mm of slosh, in a tank of 1 m, four times"
    )
    spike_suspect_pct: float = _limit(3.0, "%", _DOMAIN)
    spike_fail_pct: float = _limit(10.0, "%", _DOMAIN)
    mobile_spike_suspect_pct: float = _limit(
        8.0, "%", "Assumed: three times the slosh of 60 mm over five readings, against both neighbors"
    )
    mobile_spike_fail_pct: float = _limit(15.0, "%", "Assumed: beyond any slosh, as in mobile_rate_noise_pct")
    step_suspect_pct: float = _limit(3.0, "%", _DOMAIN + ", as a spike that stays")
    step_fail_pct: float = _limit(10.0, "%", _DOMAIN + ", as a spike that stays")
    mobile_step_suspect_pct: float = _limit(
        8.0, "%", "Assumed: more than a truck that drives and loses much loses in three steps"
    )
    mobile_step_fail_pct: float = _limit(20.0, "%", "Assumed: twice that")
    creep_suspect_pct: float = _limit(
        1.0, "%/day", "Assumed: twice what temperature and a sensor's plateaus make of a day"
    )
    creep_fail_pct: float = _limit(10.0, "%/day", "Assumed: a tenth of the tank a day cannot be overlooked")
    supply_pause_per_month: float = _limit(
        0.03, "1/month", "Assumed: of thirty tanks one may wait so long in a month without any fault"
    )
    supply_pause_least_hours: float = _limit(
        72.0, "h", "Assumed: three days without water are usual in places"
    )
    supply_rate_sigmas: float = _limit(
        4.5,
        "standard deviations",
        "Assumed: of a hundred tanks that were watched for two months none had more than 4.1",
    )
    battery_rise_suspect_pct: float = _limit(5.0, "%", _DOMAIN)
    battery_empty_pct: float = _limit(45.0, "%", "Source: domain facts, section 5, swapped at about 31 %")
    battery_full_pct: float = _limit(85.0, "%", "Source: domain facts, section 5, 92.9 % after a swap")
    battery_drop_suspect_pct: float = _limit(10.0, "%/day", _DOMAIN)
    battery_drop_fail_pct: float = _limit(60.0, "%/day", "Assumed: no cell that is alive falls so far")
    flat_line_suspect_hours: float = _limit(24.0, "h", _DOMAIN)
    flat_line_fail_hours: float = _limit(72.0, "h", _DOMAIN)
    flat_line_tolerance_mm: int = _limit(2, "mm", _DOMAIN)
    flat_line_full_pct: float = _limit(98.0, "%", _DOMAIN)
    flat_line_empty_pct: float = _limit(2.0, "%", _DOMAIN)
    blind_zone_mm: int = _limit(200, "mm", "Source: domain facts, section 4, blind zone of the JSN")
    speed_suspect_kmh: float = _limit(100.0, "km/h", _DOMAIN)
    speed_fail_kmh: float = _limit(140.0, "km/h", _DOMAIN)
    balance_suspect_liters: float = _limit(
        1e-3, "liters", "Source: decimals of volumes in the CSV, one unit of the last place"
    )
    balance_fail_liters: float = _limit(
        4e-3, "liters", "Source: decimals of volumes in the CSV, eight roundings of half a unit each"
    )
    derived_level_suspect_pct: float = _limit(
        1e-3, "%", "Assumed: rounding of the CSV, with room for another order of summation"
    )
    derived_level_fail_pct: float = _limit(
        0.1, "%", "Assumed: more than rounding can do, less than one reading of five lost"
    )
    sentinel_readings_mm: tuple[int, ...] = _limit((0, 65_535), "mm", _DOMAIN)
    sentinel_temperatures_c: tuple[float, ...] = _limit((85.0, -127.0), "°C", _DOMAIN)
    sentinel_clock_ms: int = _limit(946_684_800_000, "ms", _DOMAIN + ", 2000-01-01")
    sentinel_clock_window_ms: int = _limit(
        86_400_000, "ms", "Assumed: a device that lost its clock reports within a day of its reset"
    )

    def __post_init__(self) -> None:
        problems = [
            Problem(
                "BAD_ARGUMENT",
                f"must be at least as wide as {suspect}",
                path=f"thresholds.{fail}",
                value=show_value(getattr(self, fail)),
                remedy=f"{suspect} is {getattr(self, suspect)}",
            )
            for suspect, fail in _pairs()
            if not _contains(getattr(self, fail), getattr(self, suspect))
        ]
        if problems:
            raise UsageError(problems)

    @classmethod
    def provenance(cls) -> dict[str, str]:
        """Return where each number comes from, by field."""
        return {entry.name: str(entry.metadata["provenance"]) for entry in fields(cls)}

    def _changed(self) -> dict[str, Any]:
        return {
            each.name: value for each in fields(self) if (value := getattr(self, each.name)) != each.default
        }

    def summary(self) -> str:
        """Say in one line which limits are not the defaults."""
        changed = ", ".join(f"{name}={value}" for name, value in self._changed().items())
        return f"{len(fields(self))} limits, {changed or 'all defaults'}"

    def _shown(self) -> list[tuple[str, Any]]:
        units = {each.name: each.metadata["unit"] for each in fields(self)}
        return [(name, f"{value} {units[name]}") for name, value in self._changed().items()]

    def to_dict(self) -> dict[str, Any]:
        """Return the limits as a plain dict; spans as lists."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def _pairs() -> list[tuple[str, str]]:
    names = {entry.name for entry in fields(Thresholds)}
    return [
        (name, name.replace("_suspect", "_fail"))
        for name in sorted(names)
        if "_suspect" in name and name.replace("_suspect", "_fail") in names
    ]


def _contains(fail: Any, suspect: Any) -> bool:
    if isinstance(fail, tuple):
        return bool(fail[0] <= suspect[0] and suspect[1] <= fail[1])
    return bool(suspect <= fail)
