"""From what was designed to what is reviewed: export, analysis, review."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from synthlab.timeline import now_at

if TYPE_CHECKING:
    from synthlab.scenario.schema import Scenario
    from synthlab.widgets.review_view import ReviewView


def export_for_review(
    scenario: Scenario,
    *,
    run_id: str | None = None,
    end_at: datetime | str | None = None,
    has_page: bool = True,
) -> ReviewView:
    """Export a scenario's history, check it, and return its review.

    Parameters
    ----------
    scenario : Scenario
    run_id : str, optional
        As `synthlab.export_csv` makes it where omitted.
    end_at : datetime or str, optional
        End of the history; the last full hour where omitted, so that the same scenario
        exported again is the same artifact for a while.
    has_page : bool
        Whether the review's page is written when this returns; else meanwhile, for who looks
        at the view at once.

    Raises
    ------
    SynthlabError
        As `synthlab.export_csv`, `synthlab.analyze_csv` and `synthlab.review`.
    """
    from synthlab.widgets.review_view import open_review, review
    from synthlab.workflows.analyze import analyze_csv
    from synthlab.workflows.export import export_csv

    end_at = now_at().replace(minute=0, second=0, microsecond=0) if end_at is None else end_at
    artifact = export_csv(scenario, run_id=run_id, end_at=end_at)
    analyze_csv(artifact.directory, plots=False)
    return review(artifact.directory) if has_page else open_review(artifact.directory)
