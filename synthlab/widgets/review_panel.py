"""The review view's widgets: cards, plots, tables, and the form that signs."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets

from synthlab.errors import SynthlabError
from synthlab.plotting import demand_figure, supply_figure
from synthlab.widgets.layout import beside, stacked, tabs
from synthlab.widgets.map import MapPlot
from synthlab.widgets.picker import Picker
from synthlab.widgets.review_pictures import cards, panels, tiles, truck_map
from synthlab.widgets.series import SeriesPlot
from synthlab.widgets.tiles import KpiTiles
from synthlab.widgets.verdict import Verdict

if TYPE_CHECKING:
    from synthlab.widgets.review_view import ReviewView

NO_RUN = "none"
ALTHOUGH = "Approve although QC failed"
_REMEDIES = {
    ("QC_FAILED", "qc_passed"): f'Look at the findings; to approve it all the same, tick "{ALTHOUGH}"',
    ("BAD_ARGUMENT", "note"): "Say under Note what is wrong, for whoever mends it",
    ("BAD_ARGUMENT", "reviewer"): "Write under Reviewer who decides",
}
"""What helps whoever has a form, not a command line or Python: by code and path."""
BY_HOUR = 1
"""Place of the tab whose pictures are drawn only when it is looked at."""


class ReviewPanel:
    """What a `ReviewView` shows in a browser.

    Parameters
    ----------
    view : ReviewView

    Attributes
    ----------
    widget : ipywidgets.Widget
    """

    def __init__(self, view: ReviewView) -> None:
        self._view = view
        self._verdict = Verdict()
        self._findings, self._compared, self._message = (ipywidgets.HTML() for _ in range(3))
        self._picker, self._tiles, self._plot = Picker(can_compare=False), KpiTiles(), SeriesPlot()
        self._map = MapPlot(title="Where the truck was")
        self._hours = ipywidgets.VBox()
        wide = ipywidgets.Layout(width="100%", max_width="460px")
        choices = (NO_RUN, *view.others)
        self._other = ipywidgets.Dropdown(options=choices, description="Run", layout=wide)
        self._reviewer = ipywidgets.Text(description="Reviewer", placeholder="Who decides", layout=wide)
        self._note = ipywidgets.Text(description="Note", placeholder="For the next reader", layout=wide)
        self._although = ipywidgets.Checkbox(description=ALTHOUGH, indent=False)
        self._approve = ipywidgets.Button(description="Approve", button_style="primary")
        self._reject = ipywidgets.Button(description="Reject")
        self._over_time = stacked(self._plot)
        self._tabs = tabs(
            {
                "Over time": [self._over_time],
                "By hour": [self._hours],
                "Findings": [self._findings],
                "Another run": [self._other, self._compared],
            }
        )
        self._listen()
        self.widget = self._arrange()
        self.show_decision()
        self.show_device()

    def show_device(self) -> None:
        """Show the device that is looked at."""
        device = self._view.device
        if device is None:
            return
        rows = self._rows()
        self._picker.show(cards(self._view.content.devices), selected=device.device_id)
        self._tiles.show(tiles(device))
        self._plot.show(panels(rows, device))
        if device.kind == "truck":
            tracks, places, words = truck_map(rows)
            self._map.show(tracks, places, summary=words)
        self._over_time.children = (self._map, self._plot) if device.kind == "truck" else (self._plot,)
        found = self._view.findings
        self._findings.value = (
            found.to_html(index=False, border=0, classes="sl-table")
            if len(found)
            else "<p>No check flagged a row of this device.</p>"
        )
        self._show_hours()

    def show_decision(self) -> None:
        """Show the verdict and what was decided."""
        content = self._view.content
        self._verdict.show(content)
        self._although.layout.display = "none" if content.qc_passed else ""

    def tell(self, words: str, *, is_error: bool = False) -> None:
        """Say what happened."""
        self._message.value = f'<div role="{"alert" if is_error else "status"}">{html.escape(words)}</div>'

    def come_into_view(self) -> None:
        """Bring the verdict to the top of the window."""
        self._verdict.is_called = True

    def show_comparison(self) -> None:
        """Show what differs from the other run."""
        compared = self._view.comparison
        self._compared.value = compared._repr_html_() if compared is not None else ""

    def _arrange(self) -> ipywidgets.Widget:
        buttons = ipywidgets.HBox([self._approve, self._reject])
        form = stacked(self._reviewer, self._note, self._although, buttons, self._message)
        return stacked(beside(self._verdict, form), self._picker, self._tiles, self._tabs, is_view=True)

    def _listen(self) -> None:
        self._picker.on_request(lambda request: self._view.select(request["selected"]))
        self._tabs.observe(lambda _: self._show_hours(), names="selected_index")
        self._other.observe(lambda change: self._compare(change["new"]), names="value")
        self._approve.on_click(lambda _: self._decide(is_approved=True))
        self._reject.on_click(lambda _: self._decide(is_approved=False))

    def _rows(self) -> Any:
        frame = self._view.frame
        return frame[frame["device_id"] == self._view.device_id]

    def _show_hours(self) -> None:
        if self._tabs.selected_index != BY_HOUR or self._view.device is None:
            return
        if self._view.device.kind != "tank":
            self._hours.children = (ipywidgets.HTML("<p>Only tanks have demand and supply by hour.</p>"),)
            return
        self._hours.children = (ipywidgets.HTML('<div role="status">Drawing ...</div>'),)
        drawn = [(demand_figure, "Demand by hour"), (supply_figure, "Supply by hour")]
        self._hours.children = tuple(
            ipywidgets.Image(
                value=draw(self._rows()).png(), format="png", alt=words, layout={"width": "100%"}
            )
            for draw, words in drawn
        )

    def _compare(self, run: str) -> None:
        if run == NO_RUN:
            self._compared.value = ""
            return
        try:
            self._view.compare(run)
        except SynthlabError as error:
            self._compared.value = f'<div role="alert">{html.escape(str(error))}</div>'

    def _decide(self, *, is_approved: bool) -> None:
        reviewer, note = self._reviewer.value, self._note.value
        try:
            if is_approved:
                given = self._view.approve(reviewer=reviewer, note=note, allow_failed=self._although.value)
            else:
                given = self._view.reject(reviewer=reviewer, note=note)
        except SynthlabError as error:
            self.tell(_of_the_form(error), is_error=True)
            return
        self.tell(f"{given.decision.capitalize()} by {given.reviewer}: approval.json is written.")


def _of_the_form(error: SynthlabError) -> str:
    """Return what is wrong, with remedies that the form has."""
    told = [
        replace(problem, remedy=_REMEDIES.get((problem.code, problem.path), problem.remedy))
        for problem in error.problems
    ]
    return str(type(error)(told))
