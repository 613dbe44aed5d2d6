"""The design view's widgets: editors, a form, and the level, numbers and route that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ipywidgets

from synthlab.widgets.design_curves import CURVES, make_editor, show_curve
from synthlab.widgets.design_pictures import (
    asked_words,
    card,
    form,
    kpi_tiles,
    level_panel,
    route_map,
    stops_html,
)
from synthlab.widgets.design_state import Design, Outcome, parameters_of
from synthlab.widgets.fields import Fields
from synthlab.widgets.layout import beside, stacked, tabs
from synthlab.widgets.map import MapPlot
from synthlab.widgets.picker import Picker
from synthlab.widgets.series import SeriesPlot
from synthlab.widgets.tiles import KpiTiles

if TYPE_CHECKING:
    from synthlab.widgets.changes import Changes
    from synthlab.widgets.review_view import ReviewView

MAX_CARDS = 24
"""Devices with a card. Assumed: more cannot be overlooked; `select` reaches any."""


class DesignPanel:
    """What a `DesignView` shows in a browser.

    Parameters
    ----------
    design : Design
        What is shown; it is changed elsewhere.
    changes : Changes

    Attributes
    ----------
    picker, editors, form, tiles, plot, map, review
        The parts; what they ask for is answered elsewhere.
    widget : ipywidgets.Widget
    """

    def __init__(self, design: Design, changes: Changes) -> None:
        self._design = design
        self._shown: tuple[str, ...] = ()
        self.picker = Picker()
        self.editors = {name: make_editor(curve) for name, curve in CURVES.items()}
        self.form, self.tiles, self.plot = Fields(), KpiTiles(), SeriesPlot()
        self.map = MapPlot(title="Route")
        self._stops = ipywidgets.HTML()
        self.review = ipywidgets.VBox()
        self.widget = self._arrange(changes)

    def _arrange(self, changes: Changes) -> ipywidgets.Widget:
        demand = [self.editors[name] for name, curve in CURVES.items() if curve.is_demand]
        supply = [self.editors[name] for name, curve in CURVES.items() if not curve.is_demand]
        self._tabs = tabs({"Demand": demand, "Supply": supply, "Tank": [self.form]})
        self._left = stacked(self._tabs)
        self._right = stacked(self.tiles, self.plot)
        return stacked(self.picker, beside(self._left, self._right), changes, self.review, is_view=True)

    @property
    def _outcome(self) -> Outcome:
        return self._design.now(self._shown[0])

    def show_device(self, shown: Sequence[str]) -> None:
        """Show a device, and others beside it."""
        self._shown = tuple(shown)
        is_truck = self._outcome.device.mode == "MOBILE"
        self._left.children = (self.form, self._stops) if is_truck else (self._tabs,)
        self._right.children = (self.tiles, self.map, self.plot) if is_truck else (self.tiles, self.plot)
        self.show_inputs()
        self.show_outcome()
        self.show_cards()

    def show_inputs(self, but: str = "") -> None:
        """Show the values of the device, except in the part that has just told them."""
        now = self._outcome.device
        original = parameters_of(self._design.original, now.device_id)
        if but != "form":
            self.form.show(form(now))
        if now.mode == "MOBILE":
            return
        for name, editor in self.editors.items():
            if name != but:
                show_curve(editor, name, now, original)

    def show_outcome(self, stamp: int | None = None) -> None:
        """Show what the device does; `stamp` is the number of the request that this answers."""
        design = self._design
        # Computed first: where a device is refused, nothing of the picture is touched.
        pairs = [(design.before(name), design.now(name)) for name in self._shown]
        before, now = pairs[0]
        self.plot.show([level_panel(*pair) for pair in pairs], stamp=stamp)
        self.tiles.show(kpi_tiles(before, now), note=asked_words(now))
        if now.device.mode == "MOBILE":
            tracks, places, summary = route_map(now)
            self.map.show(tracks, places, summary=summary, stamp=stamp)
            self._stops.value = stops_html(now)

    def show_cards(self) -> None:
        """Show the devices to choose from."""
        items = [
            card(self._design.now(name), is_changed=self._design.is_changed(name)) for name in self._listed()
        ]
        self.picker.show(items, selected=self._shown[0], beside=self._shown)

    def show_review(self, view: ReviewView) -> None:
        """Show a review below."""
        self.review.children = (view.panel,)
        view.come_into_view()

    def _listed(self) -> list[str]:
        """Name the devices with a card: all of a small scenario, the first ones of a large one."""
        names = [device.device_id for device in self._design.scenario.devices][:MAX_CARDS]
        return names + [name for name in self._shown if name not in names]
