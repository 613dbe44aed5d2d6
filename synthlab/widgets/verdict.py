"""What the checks say of an artifact, and what was decided, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import traitlets

from synthlab.report.wording import things
from synthlab.widgets.assets import script, styles
from synthlab.widgets.part import Part

if TYPE_CHECKING:
    from synthlab.report.content import Decision, ReviewContent

_OPEN = {"none": "not decided yet", "outdated": "a decision on other bytes, not on these"}


class Verdict(Part):
    """The verdict of a review, its reasons, and the decision.

    Attributes
    ----------
    is_called : bool
        Set: the page scrolls here, once.
    """

    _esm = script("verdict.js")
    _css = styles("theme.css", "verdict.css")

    word = traitlets.Unicode().tag(sync=True)
    is_good = traitlets.Bool(False).tag(sync=True)
    reasons: traitlets.List[str] = traitlets.List().tag(sync=True)
    facts = traitlets.Unicode().tag(sync=True)
    decision = traitlets.Unicode().tag(sync=True)
    is_called = traitlets.Bool(False).tag(sync=True)

    def show(self, content: ReviewContent) -> None:
        """Show this review's instead."""
        rows, findings = things(content.row_count, "row"), things(content.finding_count, "finding")
        with self.hold_sync():
            self.word = "QC passed" if content.qc_passed else "QC failed"
            self.is_good = content.qc_passed
            self.reasons = list(content.qc_failures)
            self.facts = f"{content.scenario_id}/{content.run_id}: {rows}, {findings}"
            self.decision = decision_words(content.decision)


def decision_words(given: Decision) -> str:
    """Say what was decided, by whom and why.

    Examples
    --------
    >>> from synthlab.report.content import Decision
    >>> decision_words(Decision(decision="none"))
    'not decided yet'
    """
    if given.decision in _OPEN:
        return _OPEN[given.decision]
    return f"{given.decision} by {given.reviewer}{f': {given.note}' if given.note else ''}"
