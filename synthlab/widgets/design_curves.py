"""The curves of a tank that can be drawn by hand, and an editor for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthlab.errors import Problem, UsageError, show_value
from synthlab.widgets.curve import LEAST_WEIGHT, CurveEditor
from synthlab.widgets.presets import presets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from synthlab.scenario.resolve import DeviceParameters


@dataclass(frozen=True)
class Curve:
    """A curve's field in the scenario, and how it is shown.

    Attributes
    ----------
    name : str
        The field, and the attribute of `DemandCurve` or `SupplyCurve`.
    title : str
    is_demand : bool
        Else it belongs to the supply.
    has_total : bool
        Only ratios count, and the target liters a day set the amount.
    least : float
    height : int
        [pixels]
    """

    name: str
    title: str
    is_demand: bool = True
    has_total: bool = False
    least: float = LEAST_WEIGHT
    height: int = 150

    @property
    def is_week(self) -> bool:
        """Whether it has a value for each weekday."""
        return self.name.startswith("weekday_")


CURVES: Mapping[str, Curve] = {
    curve.name: curve
    for curve in (
        Curve("hourly_weights", "Demand by hour", has_total=True, height=230),
        Curve("weekend_hourly_weights", "Demand by hour, Saturday and Sunday", has_total=True),
        Curve("weekday_multipliers", "Demand by weekday"),
        Curve(
            "hourly_probability_multipliers", "How likely supply begins", is_demand=False, least=0, height=190
        ),
        Curve("hourly_volume_multipliers", "How much a supply session brings", is_demand=False, least=0),
        Curve("weekday_probability_multipliers", "Supply by weekday", is_demand=False, least=0),
    )
}


def curve_named(name: str) -> Curve:
    """Return a curve by its field.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``.
    """
    if name not in CURVES:
        remedy = f"Take one of {', '.join(CURVES)}"
        raise UsageError(
            Problem("BAD_ARGUMENT", "is no curve", path="name", value=show_value(name), remedy=remedy)
        )
    return CURVES[name]


def curve_values(device: DeviceParameters, name: str) -> tuple[float, ...]:
    """Return a tank's curve, defaults filled in; a weekend without one is as the other days."""
    holder = device.demand if CURVES[name].is_demand else device.supply
    values: tuple[float, ...] | None = getattr(holder, name)
    return curve_values(device, "hourly_weights") if values is None else values


def total_of(device: DeviceParameters, name: str) -> float | None:
    """Return what the shares of a curve add up to, where it has shares. [liters a day]"""
    if not CURVES[name].has_total or device.demand is None:
        return None
    return device.demand.target_daily_liters


def make_editor(curve: Curve) -> CurveEditor:
    """Return an editor for a curve, still flat."""
    return CurveEditor(
        [1.0] * (7 if curve.is_week else 24),
        total=24.0 if curve.has_total else None,
        title=curve.title,
        unit="liters/hour" if curve.has_total else "multiplier",
        role="requested" if curve.is_demand else "inflow",
        least=curve.least,
        presets=presets(curve.name),
        lock_label="Keep the liters a day" if curve.has_total else "Keep the mean",
        is_locked=curve.has_total,
        height=curve.height,
    )


def show_curve(editor: CurveEditor, name: str, now: DeviceParameters, original: DeviceParameters) -> None:
    """Show a tank's curve in its editor, beside the original."""
    editor.show(
        curve_values(now, name),
        total=total_of(now, name),
        original=curve_values(original, name),
        original_total=total_of(original, name),
        key=f"{now.device_id} {name}",
    )
