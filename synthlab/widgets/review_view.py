"""The review view: an artifact's findings to look through, and a decision to sign."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthlab.errors import Problem, SynthlabError, UsageError, show_value
from synthlab.progress import OnProgress, shown, unseen
from synthlab.workflows.approve import approve, reject
from synthlab.workflows.compare import compare
from synthlab.workflows.review import REPORT_NAME, Gathered, Review, decided, gather, write_page

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.artifact.approval import Approval
    from synthlab.report.content import DeviceContent
    from synthlab.report.pictures import Pictures
    from synthlab.widgets.review_panel import ReviewPanel
    from synthlab.workflows.compare import Comparison


class ReviewView(Review):
    """A review that can be looked through and signed; show it as the last value of a cell.

    Without a browser `select`, `findings`, `compare`, `approve` and `reject` do the same,
    and the page's static HTML stands in for the view.  Its pictures are drawn when they are
    first asked for: who looks through the view need not wait for them.
    """

    def __init__(self, found: Gathered) -> None:
        # What was reviewed is frozen; only a decision renews it.
        for name in ("content", "frame", "reservoirs"):
            object.__setattr__(self, name, getattr(found, name))
        object.__setattr__(self, "path", found.directory / REPORT_NAME)
        self._found = found
        self._pictures: Pictures | None = None
        # Whoever decides must not wait until all is drawn: two locks.
        self._page_lock, self._content_lock = threading.RLock(), threading.Lock()
        self._writer: threading.Thread | None = None
        self._page_error = ""
        first = self.content.devices[0].device_id if self.content.devices else ""
        self.device_id = first
        self.comparison: Comparison | None = None
        self._panel: ReviewPanel | None = None

    @property
    def pictures(self) -> Pictures:
        """The page's pictures."""
        return self._drawn(unseen)

    def _drawn(self, on_progress: OnProgress) -> Pictures:
        from synthlab.report.pictures import draw

        with self._page_lock:
            if self._pictures is None:
                self._pictures = draw(
                    self.content, self.frame, reservoirs=self.reservoirs, on_progress=on_progress
                )
            return self._pictures

    @property
    def directory(self) -> Path:
        """The artifact's."""
        return self.path.parent

    @property
    def device(self) -> DeviceContent | None:
        """The device that is looked at; None where there is none."""
        return next((each for each in self.content.devices if each.device_id == self.device_id), None)

    @property
    def findings(self) -> pd.DataFrame:
        """Runs of flagged rows of the device that is looked at."""
        import pandas as pd

        names = ["check", "flag", "first_received_at", "last_received_at", "row_count", "first_line"]
        found: Sequence[Any] = self.device.findings if self.device else ()
        return pd.DataFrame([[getattr(each, name) for name in names] for each in found], columns=names)

    @property
    def others(self) -> tuple[str, ...]:
        """Runs in folders beside this one, which it can be compared with."""
        own = self.directory.resolve()
        beside = sorted(own.parent.glob("*/manifest.json"))
        return tuple(path.parent.name for path in beside if path.parent != own)

    def select(self, device_id: str) -> None:
        """Look at another device.

        Raises
        ------
        UsageError
            Code ``BAD_ARGUMENT``: the artifact has no such device.
        """
        known = [device.device_id for device in self.content.devices]
        if device_id not in known:
            raise UsageError(
                Problem(
                    "BAD_ARGUMENT",
                    "is no device of the artifact",
                    path="device_id",
                    value=show_value(device_id),
                    remedy=f"It has {', '.join(known[:10])}",
                )
            )
        self.device_id = device_id
        if self._panel is not None:
            self._panel.show_device()

    def compare(self, run: str | os.PathLike[str]) -> Comparison:
        """Compare with another artifact.

        Parameters
        ----------
        run : str or path
            One of `others`, or an artifact's folder.

        Raises
        ------
        ArtifactError
            As `synthlab.compare`.
        """
        other = self.directory.resolve().parent / run if str(run) in self.others else Path(run)
        self.comparison = compare(other, self.directory)
        if self._panel is not None:
            self._panel.show_comparison()
        return self.comparison

    def approve(self, *, reviewer: str, note: str = "", allow_failed: bool = False) -> Approval:
        """Approve these bytes, as `synthlab.approve`."""
        given = approve(self.directory, reviewer=reviewer, note=note, allow_failed=allow_failed)
        self._renew()
        return given

    def reject(self, *, reviewer: str, note: str) -> Approval:
        """Reject these bytes, as `synthlab.reject`."""
        given = reject(self.directory, reviewer=reviewer, note=note)
        self._renew()
        return given

    def write_page(self, *, on_progress: OnProgress = unseen) -> Path:
        """Write the page, with what was decided, beside the rows.

        Parameters
        ----------
        on_progress : callable, optional
            Called with the pictures drawn and those in all.

        Raises
        ------
        ArtifactError
            As `review`.
        DiskError
            Code ``DISK_WRITE_FAILED``.
        """
        with self._page_lock:
            pictures = self._drawn(on_progress)
            # Read after the drawing: it takes long, and somebody may have decided meanwhile.
            found = self._found
            if write_page(found, pictures) is not found:
                self._look_again()
            self._page_error = ""
            return self.path

    def write_page_soon(self) -> threading.Thread:
        """Write the page in a thread of its own; what fails is said in the view."""
        # No daemon: Python waits at its end for the page that was promised.
        self._writer = threading.Thread(target=self._write_and_tell, name="synthlab-page")
        self._writer.start()
        return self._writer

    @property
    def panel(self) -> Any:
        """The widget, made when it is first asked for."""
        if self._panel is None:
            from synthlab.widgets.review_panel import ReviewPanel

            self._panel = ReviewPanel(self)
            self._tell_page_error()
        return self._panel.widget

    def come_into_view(self) -> None:
        """Bring the view to the top of the window, wherever it is shown."""
        if self.panel is not None and self._panel is not None:
            self._panel.come_into_view()

    def _renew(self) -> None:
        """Show the decision that was just signed, also on the page."""
        self._look_again()
        writer = self._writer
        if self._pictures is None and writer is not None and writer.is_alive():
            # It still draws, and looks at what is decided when that is done.
            return
        self.write_page()

    def _look_again(self) -> None:
        with self._content_lock:
            self._found = decided(self._found)
            object.__setattr__(self, "content", self._found.content)
            if self._panel is not None:
                self._panel.show_decision()

    def _write_and_tell(self) -> None:
        try:
            self.write_page()
        except SynthlabError as error:
            self._page_error = str(error)
        except Exception as error:
            self._page_error = f"{REPORT_NAME} could not be written: {error!r}"
            # No foreseen trouble: whoever mends it needs to know where it came from.
            raise
        finally:
            self._tell_page_error()

    def _tell_page_error(self) -> None:
        """Say why there is no page; a panel that is made later says it then."""
        if self._page_error and self._panel is not None:
            self._panel.tell(self._page_error, is_error=True)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        still = {"text/html": self._repr_html_(), "text/plain": repr(self)}
        if find_spec("anywidget") is None:
            return still
        return {**dict(self.panel._repr_mimebundle_(**kwargs) or {}), **still}


def review(artifact_dir: str | os.PathLike[str], *, on_progress: OnProgress | None = None) -> ReviewView:
    """Open an artifact's review, and write it as `report.html` beside the rows.

    Parameters
    ----------
    artifact_dir : path
        What `export_csv` wrote; it is analyzed first where it was not yet.
    on_progress : callable, optional
        Called with the pictures drawn and those in all; by default a bar where a person looks.

    Raises
    ------
    ArtifactError
        Codes ``ARTIFACT_NOT_FOUND``, ``MANIFEST_INVALID``, ``CSV_HASH_MISMATCH``.
    DiskError
        Code ``DISK_WRITE_FAILED``.
    """
    view = ReviewView(gather(artifact_dir))
    with shown("review", on_progress) as report:
        view.write_page(on_progress=report)
    return view


def open_review(artifact_dir: str | os.PathLike[str]) -> ReviewView:
    """Open an artifact's review at once, and write its page meanwhile.

    Raises
    ------
    ArtifactError
        As `review`.
    """
    view = ReviewView(gather(artifact_dir))
    view.write_page_soon()
    return view
