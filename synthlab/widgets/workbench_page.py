"""The page for people who do not code: design, review and live in three tabs."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from synthlab.errors import SynthlabError
from synthlab.scenario.loader import template_names
from synthlab.widgets.layout import stacked
from synthlab.workflows.export import DEFAULT_OUTPUT_ROOT

if TYPE_CHECKING:
    from synthlab.widgets.design_view import DesignView
    from synthlab.widgets.live_view import LiveMonitor
    from synthlab.widgets.review_view import ReviewView

DESIGN, REVIEW, LIVE = range(3)
FIRST_SCENARIO = "demo_city_v1"
"""Assumed: tanks of both archetypes and trucks show what there is to shape."""

SPEEDUP = 600.0
"""Speed of a live run that nobody set otherwise. Assumed: at a message each five minutes, two a second."""

_NO_ARTIFACT = (
    "<p><strong>Nothing to review yet.</strong> Shape a scenario under Design and press Export: "
    "its history is simulated, checked, and opened here.</p>"
)
_GONE = (
    '<div role="alert">The run that was open is closed: <code>{}/manifest.json</code> is no longer there. '
    "Choose another run, or export again.</div>"
)
_STREAMED = (
    "<div>Streams <strong>{}</strong> as it stands under Design, on from where its last export or run ended: "
    "to the broker that is configured, else to one of its own.</div>"
)
_CHOOSE = "choose a run"
_WIDE = {"width": "100%", "max_width": "640px"}


class Workbench:
    """Design, review and live on one page; everything it writes goes below the working directory.

    Show it as the last value of a cell.

    Parameters
    ----------
    scenario : str
        The scenario to begin with: a template's name, or a YAML file of the working directory.

    Attributes
    ----------
    design : DesignView
        The scenario that is worked on.
    review : ReviewView or None
        The artifact that is looked at.
    monitor : LiveMonitor or None
        The live run; made when its tab is first looked at.
    panel : ipywidgets.Widget

    Raises
    ------
    ScenarioError
        No such scenario, or one that is not valid.
    """

    def __init__(self, scenario: str = FIRST_SCENARIO) -> None:
        from synthlab.widgets.design_view import design

        # A scenario that one comes back to is as one left it.
        self._designs: dict[str, DesignView] = {scenario: design(scenario)}
        self.design = self._designs[scenario]
        self.review: ReviewView | None = None
        self.monitor: LiveMonitor | None = None
        self._is_filling = False
        self._make_parts()
        self.panel = self._arrange()
        self._listen(self.design)
        self._offer_scenarios()
        self._show_review()
        self._scenario.observe(lambda change: self._open_scenario(change["new"]), names="value")
        self._run.observe(lambda change: self._open_run(change["new"]), names="value")
        self._tabs.observe(lambda change: self._turn_to(change["new"]), names="selected_index")

    def _make_parts(self) -> None:
        self._scenario = ipywidgets.Dropdown(description="Scenario", layout=_WIDE)
        self._run = ipywidgets.Dropdown(description="Run", layout=_WIDE)
        self._message, self._told, self._streamed = (ipywidgets.HTML() for _ in range(3))
        self._design_place = stacked(self.design.panel)
        self._review_place, self._live_place = stacked(), stacked()

    def _arrange(self) -> ipywidgets.Widget:
        pages = {
            "Design": (self._scenario, self._message, self._design_place),
            "Review": (self._run, self._told, self._review_place),
            "Live": (self._streamed, self._live_place),
        }
        self._tabs = ipywidgets.Tab([stacked(*parts) for parts in pages.values()])
        self._tabs.titles = tuple(pages)
        where = html.escape(Path.cwd().as_posix())
        foot = ipywidgets.HTML(f"<small>Scenarios and artifacts are kept in <code>{where}</code></small>")
        return stacked(self._tabs, foot, is_view=True)

    def _listen(self, view: DesignView) -> None:
        view.on_saved = lambda path: self._saved(view, path)
        view.on_exported = self._exported

    # ---- design ------------------------------------------------------------------------------

    def _offer_scenarios(self) -> None:
        """Name what can be opened, and what is worked on."""
        files = sorted(path.name for path in Path.cwd().glob("*.y*ml"))
        options = list(dict.fromkeys([*template_names(), *files, *self._designs]))
        named = (name for name, kept in self._designs.items() if kept is self.design)
        _fill(self, self._scenario, options, next(named, None))

    def _open_scenario(self, name: str) -> None:
        from synthlab.widgets.design_view import design

        if self._is_filling:
            return
        said = ""
        try:
            if name not in self._designs:
                self._designs[name] = design(name)
                self._listen(self._designs[name])
            self.design = self._designs[name]
        except SynthlabError as error:
            said = _alert(error)
        finally:
            if self.design is not self._designs.get(name):
                # What is worked on goes on, and is what is named.
                self._offer_scenarios()
        self._message.value = said
        self._design_place.children = (self.design.panel,)

    def _saved(self, view: DesignView, path: Path) -> None:
        """Offer the file that was written, and call what is worked on by its name."""
        name = path.name if path.parent.resolve() == Path.cwd() else path.as_posix()
        self._designs = {key: kept for key, kept in self._designs.items() if kept is not view}
        self._designs[name] = view
        self._offer_scenarios()

    # ---- review ------------------------------------------------------------------------------

    def _exported(self, view: ReviewView) -> None:
        self.review = view
        self._tabs.selected_index = REVIEW
        self._show_review()
        view.come_into_view()

    def _show_review(self, said: str = "") -> None:
        """Name the runs that are there, and show the chosen one's review below what is said."""
        runs = _runs()
        if self.review is not None and self.review.directory not in runs:
            said += _GONE.format(html.escape(self.review.directory.as_posix()))
            self.review = None
        chosen = None if self.review is None else self.review.directory.as_posix()
        names = [(_CHOOSE, None), *((f"{path.parent.name} / {path.name}", path.as_posix()) for path in runs)]
        _fill(self, self._run, names, chosen)
        self._run.layout.display = "" if runs else "none"
        self._told.value = said + ("" if runs else _NO_ARTIFACT)
        self._review_place.children = () if self.review is None else (self.review.panel,)

    def _open_run(self, directory: str | None) -> None:
        from synthlab.widgets.review_view import open_review

        if self._is_filling:
            return
        self._told.value = '<div role="status">Opening the review ...</div>'
        said = ""
        try:
            self.review = None if directory is None else open_review(directory)
        except SynthlabError as error:
            said = _alert(error)
        finally:
            # Also where nothing was opened: the form below signs the run that is named.
            self._show_review(said)

    # ---- live --------------------------------------------------------------------------------

    def _turn_to(self, page: int | None) -> None:
        if page == REVIEW:
            self._show_review()
        elif page == LIVE:
            self._show_monitor()

    def _show_monitor(self) -> None:
        """Make the live run of the scenario as it stands, unless one is under way."""
        from synthlab.widgets.live_view import monitor

        known = self.monitor
        if known is not None and known.status.phase in ("running", "stopping"):
            return
        scenario = self.design.scenario
        speedup = SPEEDUP if scenario.speedup_factor == 1 else scenario.speedup_factor
        if known is None or known.scenario.with_changes(speedup_factor=1) != scenario.with_changes(
            speedup_factor=1
        ):
            self.monitor = known = monitor(scenario, speedup_factor=speedup)
        self._live_place.children = (known.panel,)
        self._streamed.value = _STREAMED.format(html.escape(known.scenario.scenario_id))

    # ---- what is shown -----------------------------------------------------------------------

    def __repr__(self) -> str:
        looked_at = "nothing" if self.review is None else self.review.directory.as_posix()
        return f"<Workbench: {self.design.scenario.scenario_id}, reviews {looked_at}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        # Where no browser runs the page, numbers stand in for it: a picture would be drawn at each opening.
        view = dict(self.panel._repr_mimebundle_(**kwargs) or {})
        table = self.design.kpis.round(3).to_html()
        return {**view, "text/html": table, "text/plain": repr(self)}


def workbench(scenario: str = FIRST_SCENARIO) -> Workbench:
    """Open the page of design, review and live; see `Workbench` for the argument."""
    return Workbench(scenario)


def _fill(owner: Workbench, choice: ipywidgets.Dropdown, options: Any, value: Any) -> None:
    """Offer other options without anybody having chosen."""
    owner._is_filling = True
    try:
        choice.options = options
        choice.value = value
    finally:
        owner._is_filling = False


def _runs() -> list[Path]:
    """Find the artifacts below the working directory, the newest first."""
    found = Path(DEFAULT_OUTPUT_ROOT).glob("*/*/manifest.json")
    return [path.parent for path in sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)]


def _alert(error: SynthlabError) -> str:
    return f'<div role="alert">{html.escape(str(error))}</div>'
