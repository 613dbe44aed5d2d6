"""Where a scenario that is shaped goes: a YAML file by Save, an artifact and its review by Export."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from synthlab.report.wording import things
from synthlab.scenario.loader import read_text
from synthlab.scenario.schema import Scenario
from synthlab.scenario.writer import dumps_scenario, save_scenario, updated_text
from synthlab.widgets.changes import Changes, diff_text
from synthlab.widgets.design_export import export_for_review
from synthlab.widgets.design_files import file_named, is_others, told_path

if TYPE_CHECKING:
    from synthlab.widgets.review_view import ReviewView


class Keeping:
    """The text of a scenario as it was opened or last saved, and what saves it and exports it.

    Parameters
    ----------
    scenario : Scenario
        As it was opened.
    path : path, optional
        Where `save` writes.
    end_at : datetime or str, optional
        End of what is exported; the last full hour where omitted.

    Attributes
    ----------
    part : Changes
        Shows the changes, has the buttons, and says what happened.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        path: str | os.PathLike[str] | None = None,
        end_at: datetime | str | None = None,
    ) -> None:
        self._path = None if path is None else Path(path)
        file = self._path if self._path is not None and self._path.is_file() else None
        self._text = dumps_scenario(scenario) if file is None else read_text(file)
        # What the text says, where that is known without reading it; a file may say something else.
        self._said = scenario if file is None else None
        self._end_at = end_at
        self.part = Changes(path=str(self._path or ""), save_as=str(self._file_of(scenario)))

    def diff(self, scenario: Scenario) -> str:
        """Return what changed, as a diff of the YAML."""
        return diff_text(self._text, self._text_of(scenario))

    def show(self, scenario: Scenario, *, can_reset: bool) -> None:
        """Show what changed."""
        self.part.show(self._text, self._text_of(scenario))
        self.part.can_reset = can_reset

    def save(self, scenario: Scenario, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the scenario as YAML, and go on from that text; see `DesignView.save`."""
        written = save_scenario(scenario, self._file_of(scenario) if path is None else path)
        self._path = written
        self._text, self._said = read_text(written), scenario
        self.part.path = self.part.save_as = str(written)
        return written

    def file_to_save_as(self, typed: str) -> Path | None:
        """Return the file that was named by hand; None where it is another's, and that is asked now.

        The answer is a second press while the question stands.

        Raises
        ------
        UsageError
            Code ``BAD_ARGUMENT``: no name, or a file elsewhere.
        """
        path = file_named(typed, self._path)
        question = f"{told_path(path)} is there already: press Save as again to replace it."
        if is_others(path, self._path) and self.part.message != question:
            self.part.tell(question, is_error=True)
            return None
        return path

    def export(
        self,
        scenario: Scenario,
        *,
        run_id: str | None = None,
        end_at: datetime | str | None = None,
        has_page: bool = True,
    ) -> ReviewView:
        """Make an artifact and return its review; see `export_for_review`."""
        return export_for_review(scenario, run_id=run_id, end_at=end_at or self._end_at, has_page=has_page)

    def export_in_view(self, scenario: Scenario) -> ReviewView:
        """Export, and say so meanwhile; the page is drawn while the view is looked at."""
        days, count = scenario.bootstrap.days, len(scenario.devices)
        self.part.is_busy = True
        self.part.tell(f"Simulating and checking {things(days, 'day')} of {things(count, 'device')} ...")
        try:
            view = self.export(scenario, has_page=False)
            self.part.tell(f"Exported to {view.directory.as_posix()}.")
        finally:
            self.part.is_busy = False
        return view

    def _text_of(self, scenario: Scenario) -> str:
        return self._text if scenario == self._said else updated_text(self._text, scenario)

    def _file_of(self, scenario: Scenario) -> Path:
        return self._path or Path(f"{scenario.scenario_id}.yaml")
