"""Sliders for a tank's demand curve, with a plot and key numbers that follow them."""

from __future__ import annotations

import html
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from synthlab.errors import SynthlabError
from synthlab.plotting.design import design_figure
from synthlab.widgets.design_outcome import DesignOutcome, demand_of, kpi_table, redesign, simulate_design

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.plotting import Plot
    from synthlab.scenario.schema import Scenario

WEIGHT_STEP = 0.05
MIN_WEIGHT = 0.05
"""Assumed: weights must be above 0; finer steps than this cannot be set by hand."""
MAX_WEIGHT = 3.0
"""Highest weight a slider starts with. Assumed: three times the mean hour is a sharp peak."""
TARGET_STEP_LITERS = 10.0


class DesignControls:
    """24 sliders for the hourly weights and one for the liters a day.

    Show it as the last value of a cell. `scenario` is always the scenario as the
    sliders stand; `outcome` what it does.

    Parameters
    ----------
    scenario : Scenario
    device_id : str
        A stationary device of it.
    end_at : datetime or str
        End of the simulated window, aware UTC.
    days : int, optional
        Its length; the scenario's where omitted. [days]

    Attributes
    ----------
    panel : ipywidgets.Widget
    weights : tuple of ipywidgets.FloatSlider
        Hour 0 to 23.
    target : ipywidgets.FloatSlider
        [liters a day]

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: an unknown device, a truck, or a bad time.
    """

    def __init__(
        self, scenario: Scenario, device_id: str, *, end_at: datetime | str, days: int | None = None
    ) -> None:
        self._device_id = device_id
        self._end_at, self._days = end_at, days
        self._original = demand_of(scenario, device_id)
        self.before = simulate_design(scenario, device_id, end_at=end_at, days=days)
        self.outcome: DesignOutcome = self.before
        self.figure: Plot = design_figure(self.before.frame, self.before.frame, device_id)
        # JupyterLab runs callbacks in a second thread.
        self._lock = threading.RLock()
        self._is_quiet = False
        weights, target = self._original
        highest = max(MAX_WEIGHT, *weights)
        self.weights = tuple(_weight_slider(hour, weights[hour], highest) for hour in range(24))
        self.target = widgets.FloatSlider(
            value=target,
            min=TARGET_STEP_LITERS,
            max=max(3_000.0, 2 * target),
            step=TARGET_STEP_LITERS,
            description="liters a day",
            readout_format=",.0f",
            layout=widgets.Layout(width="520px"),
        )
        self.reset = widgets.Button(description="Reset", tooltip="The curve as it was loaded")
        self._image = widgets.Image(format="png", layout=widgets.Layout(max_width="100%"))
        self._numbers = widgets.HTML()
        self.message = widgets.HTML()
        for control in (*self.weights, self.target):
            control.observe(self._follow, names="value")
        self.reset.on_click(lambda _: self.set_demand(*self._original))
        self.panel = self._arrange()
        self._show()

    @property
    def scenario(self) -> Scenario:
        """The scenario as the sliders stand."""
        return self.outcome.scenario

    @property
    def kpis(self) -> pd.DataFrame:
        """The key numbers before any change, and now."""
        return kpi_table(self.before, self.outcome)

    def set_demand(self, hourly_weights: tuple[float, ...], target_daily_liters: float) -> None:
        """Move all sliders at once, and compute once."""
        with self._lock:
            self._is_quiet = True
            try:
                for slider, weight in zip(self.weights, hourly_weights, strict=True):
                    slider.value = weight
                self.target.value = target_daily_liters
            finally:
                self._is_quiet = False
            self.recompute()

    def recompute(self) -> None:
        """Simulate what the sliders say; on an error the last plot stays."""
        with self._lock:
            try:
                scenario = redesign(
                    self.before.scenario,
                    self._device_id,
                    hourly_weights=[slider.value for slider in self.weights],
                    target_daily_liters=self.target.value,
                )
                self.outcome = simulate_design(
                    scenario, self._device_id, end_at=self._end_at, days=self._days
                )
                self.figure = design_figure(self.before.frame, self.outcome.frame, self._device_id)
            except SynthlabError as error:
                self.message.value = f"<b>{html.escape(str(error))}</b>"
                return
            self.message.value = ""
            self._show()

    def _follow(self, _: Any) -> None:
        # The work is done before the observer returns: ipywidgets then merges the
        # moves that came in meanwhile, and nothing piles up.
        if not self._is_quiet:
            self.recompute()

    def _show(self) -> None:
        self._image.value = self.figure.png()
        self._numbers.value = self.kpis.to_html(float_format="{:,.3g}".format, border=0)

    def _arrange(self) -> widgets.Widget:
        morning, afternoon = (
            widgets.HBox([widgets.HTML(f"<b>{name}</b>", layout=widgets.Layout(width="40px")), *sliders])
            for name, sliders in (("0–11", self.weights[:12]), ("12–23", self.weights[12:]))
        )
        title = widgets.HTML(
            f"<b>{html.escape(self._device_id)}</b>: weight of each hour (UTC); only ratios count"
        )
        sliders = widgets.VBox([title, morning, afternoon, widgets.HBox([self.target, self.reset])])
        beside = widgets.HBox(
            [sliders, self._numbers], layout=widgets.Layout(flex_flow="row wrap", align_items="center")
        )
        return widgets.VBox([beside, self.message, self._image])

    def __repr__(self) -> str:
        return f"<DesignControls: {self._device_id} of {self.scenario.scenario_id}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        # Where no browser runs the view, the picture and the one line stand in for it.
        view = dict(self.panel._repr_mimebundle_(**kwargs) or {})
        return {**view, "image/png": self.figure.png(), "text/plain": repr(self)}


def design(
    scenario: Scenario,
    device_id: str | None = None,
    *,
    end_at: datetime | str,
    days: int | None = None,
) -> DesignControls:
    """Open the design view of a tank.

    Parameters
    ----------
    scenario : Scenario
    device_id : str, optional
        A stationary device; the scenario's first where omitted.
    end_at : datetime or str
        End of the simulated window, aware UTC.
    days : int, optional
        Its length; the scenario's where omitted. [days]

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``.
    """
    if device_id is None:
        device_id = next((d.device_id for d in scenario.devices if d.mode == "STATIONARY"), "")
    return DesignControls(scenario, device_id, end_at=end_at, days=days)


def _weight_slider(hour: int, weight: float, highest: float) -> widgets.FloatSlider:
    return widgets.FloatSlider(
        value=weight,
        min=MIN_WEIGHT,
        max=highest,
        step=WEIGHT_STEP,
        orientation="vertical",
        description=f"{hour:02d}",
        readout_format=".2f",
        layout=widgets.Layout(width="44px", height="150px"),
    )
