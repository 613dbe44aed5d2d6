"""The design view: shape a device by hand and see at once what its water does."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthlab.errors import SynthlabError
from synthlab.scenario.loader import load_scenario
from synthlab.scenario.schema import Scenario
from synthlab.widgets.design_curves import curve_named
from synthlab.widgets.design_files import told_path
from synthlab.widgets.design_keeping import Keeping
from synthlab.widgets.design_panel import DesignPanel
from synthlab.widgets.design_pictures import stops_frame
from synthlab.widgets.design_state import Design, Outcome, first_device, parameters_of
from synthlab.widgets.fields import Value
from synthlab.widgets.part import Request

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.plotting import Plot
    from synthlab.widgets.review_view import ReviewView

MAX_BESIDE = 5
"""Devices that are shown beside the one worked on at first. Assumed: more do not fit on a screen."""


class DesignView:
    """Curves to drag, numbers to set, and the level, the key numbers and the route that follow.

    Show it as the last value of a cell.  All that can be done by hand can be done by code,
    also where no browser runs: `select`, `set_curve`, `set`, `reset`, `save`.

    Parameters
    ----------
    scenario : Scenario or path
        A file is remembered, and `save` writes there.
    device_id : str, optional
        The device to begin with; the first tank where omitted.
    end_at : datetime or str, optional
        End of the simulated window, aware UTC; a fixed week where omitted.
    days : int, optional
        Its length; the scenario's, at most 7, where omitted. [days]
    path : path, optional
        Where `save` writes.

    Attributes
    ----------
    device_id : str
        The device that is worked on.
    beside : tuple of str
        Those that are shown beside it.
    on_saved, on_exported : callable
        Called with the file after a save, and with the `ReviewView` after Export was pressed;
        the review is shown below the view where nothing else is set.
    error : SynthlabError or None
        Why the last change was refused; what is shown is from before it then.
    panel : ipywidgets.Widget

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: an unknown device, or a bad time.
    """

    def __init__(
        self,
        scenario: Scenario | str | os.PathLike[str],
        device_id: str | None = None,
        *,
        end_at: datetime | str | None = None,
        days: int | None = None,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        # JupyterLab answers requests in a second thread; a cell may change the view meanwhile.
        self._lock = threading.RLock()
        if not isinstance(scenario, Scenario):
            path = scenario if path is None and Path(scenario).is_file() else path
            scenario = load_scenario(scenario)
        self._keeping = Keeping(scenario, path=path, end_at=end_at)
        self._design = Design(scenario, end_at=end_at, days=days)
        self.error: SynthlabError | None = None
        self.device_id = first_device(scenario, device_id)
        others = [device.device_id for device in scenario.devices if device.device_id != self.device_id]
        self.beside: tuple[str, ...] = tuple(others[:MAX_BESIDE])
        self._panel = DesignPanel(self._design, self._keeping.part)
        self.panel = self._panel.widget
        self.on_saved: Callable[[Path], None] = lambda _: None
        self.on_exported: Callable[[ReviewView], None] = self._panel.show_review
        self._show_device()
        self._listen()

    # ---- by code -----------------------------------------------------------------------------

    @property
    def scenario(self) -> Scenario:
        """The scenario as it stands."""
        return self._design.scenario

    @property
    def outcome(self) -> Outcome:
        """What the device that is worked on does."""
        return self._design.now(self.device_id)

    @property
    def kpis(self) -> pd.DataFrame:
        """Key numbers of the device that is worked on, before any change and now."""
        return self._design.kpis(self.device_id)

    @property
    def stops(self) -> pd.DataFrame:
        """Where the truck that is worked on stood; no rows for a tank."""
        if self.outcome.device.mode == "MOBILE":
            return stops_frame(self.outcome)
        import pandas as pd

        return pd.DataFrame(columns=["point_id", "kind", "hours", "delivered_liters"])

    @property
    def diff(self) -> str:
        """What changed, as a diff of the YAML; empty where nothing did."""
        return self._keeping.diff(self.scenario)

    @property
    def figure(self) -> Plot:
        """The picture of the device that is worked on."""
        # matplotlib is for stills only: who opens the view need not wait for it.
        from synthlab.plotting import design_figure, routes_figure

        if self.outcome.device.mode == "MOBILE":
            return routes_figure(self.outcome.frame)
        return design_figure(self._design.before(self.device_id).frame, self.outcome.frame, self.device_id)

    def select(self, device_id: str) -> None:
        """Work on another device.

        Raises
        ------
        UsageError
            Code ``BAD_ARGUMENT``: the scenario has no such device.
        """
        with self._lock:
            chosen = first_device(self.scenario, device_id)
            shown = (self.device_id, *(name for name in self.beside if name != chosen))
            self.beside = shown[:MAX_BESIDE] if chosen != self.device_id else self.beside
            self.device_id = chosen
            self._show_device()

    def set_curve(self, name: str, values: Sequence[float]) -> None:
        """Give the device another curve.

        Parameters
        ----------
        name : str
            A field of the scenario's ``demand`` or ``supply`` block, such as
            ``hourly_weights`` or ``hourly_probability_multipliers``.
        values : sequence of float
            24 from hour 0 UTC, or 7 from Monday.

        Raises
        ------
        UsageError
            Code ``BAD_ARGUMENT``: no such curve.
        ScenarioError
            A curve that a scenario may not have; nothing is changed then.
        """
        self.set(**{curve_named(name).name: [float(value) for value in values]})

    def set(self, **changes: Any) -> None:
        """Change the device by plain names, as `Scenario.with_device` takes them.

        Raises
        ------
        ScenarioError
            What a scenario may not have; nothing is changed then.
        """
        with self._lock:
            self._design.change(self.device_id, changes)
            self.error = None
            self._show_device()

    def reset(self) -> None:
        """Take every change back."""
        with self._lock:
            self._design.reset()
            self.error = None
            self._show_device()
            self._keeping.part.tell("Everything is as it was opened.")

    def save(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the scenario as YAML; in a file that is there, comments and order stay.

        Parameters
        ----------
        path : path, optional
            The file that was opened, or last saved to, where omitted; else
            ``<scenario_id>.yaml`` in the working directory.

        Raises
        ------
        ScenarioError, DiskError
            As `synthlab.save_scenario`; what was there is unharmed.
        """
        with self._lock:
            written = self._keeping.save(self.scenario, path)
            self._show_changes()
            self._keeping.part.tell(f"Saved to {told_path(written)}.")
            self.on_saved(written)
            return written

    def export(self, *, run_id: str | None = None, end_at: datetime | str | None = None) -> ReviewView:
        """Make an artifact of the scenario as it stands, check it, and return its review.

        The review's page, `report.html`, is written when this returns.

        Parameters
        ----------
        run_id : str, optional
            Named after the window's end and the scenario where omitted.
        end_at : datetime or str, optional
            End of the history, aware UTC; the view's where it was given, else the last full
            hour.

        Raises
        ------
        SynthlabError
            As `synthlab.export_csv`, `synthlab.analyze_csv` and `synthlab.review`.
        """
        return self._keeping.export(self.scenario, run_id=run_id, end_at=end_at)

    # ---- by hand -----------------------------------------------------------------------------

    def _listen(self) -> None:
        for name, editor in self._panel.editors.items():
            editor.on_change(self._curve_answer(name))
        self._panel.form.on_set(self._set_fields)
        self._panel.picker.on_request(self._pick)
        self._keeping.part.on_request(self._act)

    def _curve_answer(self, name: str) -> Callable[[tuple[float, ...], float | None, bool], None]:
        def answer(values: tuple[float, ...], total: float | None, is_done: bool) -> None:
            seq = int(self._panel.editors[name].request["seq"])
            changes: dict[str, Any] = {name: values}
            demand = self.outcome.device.demand
            if total is not None and demand is not None and total != demand.target_daily_liters:
                changes["target_daily_liters"] = total
            self._try(changes, seq=seq, is_done=is_done, asked_by=name)

        return answer

    def _set_fields(self, values: dict[str, Value]) -> None:
        parameters = parameters_of(self._design.original, self.device_id).values
        usual = {field["name"]: field["default"] for field in self._panel.form.fields}
        # What is the default again, and was not written out before, is left out of the file.
        written = self._design.original.device(self.device_id).parameter_overrides
        changes = {
            name: None if value == usual[name] and name in parameters and name not in written else value
            for name, value in values.items()
        }
        self._try(changes, seq=int(self._panel.form.request["seq"]), is_done=True, asked_by="form")

    def _try(self, changes: dict[str, Any], *, seq: int, is_done: bool, asked_by: str) -> None:
        """Change and show; what is refused is told, and the last picture stays."""
        with self._lock:
            try:
                self._design.change(self.device_id, changes)
                self._panel.show_outcome(stamp=seq)
            except SynthlabError as error:
                self.error = error
                self._keeping.part.tell(str(error), is_error=True)
                return
            if self.error is not None:
                self._keeping.part.tell("")
            self.error = None
            if is_done:
                # Not at each move: only what the hand has let go of is worth a diff.
                self._show_changes()
                self._panel.show_inputs(but=asked_by)
                self._panel.show_cards()

    def _pick(self, request: Request) -> None:
        with self._lock:
            known = {device.device_id for device in self.scenario.devices}
            self.beside = tuple(
                name for name in request["beside"] if name in known and name != request["selected"]
            )
            self.device_id = first_device(self.scenario, request["selected"])
            self._show_device()

    def _act(self, request: Request) -> None:
        try:
            if request["action"] == "reset":
                self.reset()
            elif request["action"] == "export":
                self.on_exported(self._keeping.export_in_view(self.scenario))
            elif request["action"] == "save":
                self.save()
            elif (path := self._keeping.file_to_save_as(request["path"])) is not None:
                self.save(path)
        except SynthlabError as error:
            self.error = error
            self._keeping.part.tell(str(error), is_error=True)

    def _show_device(self) -> None:
        self._panel.show_device((self.device_id, *(name for name in self.beside if name != self.device_id)))
        self._show_changes()

    def _show_changes(self) -> None:
        self._keeping.show(self.scenario, can_reset=self.scenario != self._design.original)

    def __repr__(self) -> str:
        changed = sum(self._design.is_changed(device.device_id) for device in self.scenario.devices)
        shown = ", ".join(f"{name} {value:.3g}" for name, value in self.outcome.kpis.items())
        return f"<DesignView: {self.scenario.scenario_id}, {changed} changed; {self.device_id}: {shown}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        # Where no browser runs the view, the picture and the one line stand in for it.
        view = dict(self.panel._repr_mimebundle_(**kwargs) or {})
        return {**view, "image/png": self.figure.png(), "text/plain": repr(self)}


def design(
    scenario: Scenario | str | os.PathLike[str],
    device_id: str | None = None,
    *,
    end_at: datetime | str | None = None,
    days: int | None = None,
    path: str | os.PathLike[str] | None = None,
) -> DesignView:
    """Open the design view of a scenario; see `DesignView` for the arguments.

    Examples
    --------
    >>> import synthlab
    >>> view = synthlab.design(synthlab.load_scenario("stationary_only_v1"), "E2E2024STATC1")
    >>> view.set_curve("hourly_weights", [1.0] * 18 + [4.0] * 3 + [1.0] * 3)
    >>> view.scenario.device("E2E2024STATC1").dynamics.demand.hourly_weights[19]
    4.0
    """
    return DesignView(scenario, device_id, end_at=end_at, days=days, path=path)
