"""The pictures of a review, drawn from its content and the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthlab.progress import OnProgress, unseen
from synthlab.report.content import DeviceContent, Finding, ReviewContent
from synthlab.report.wording import number, share, things

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.calibration import Reservoir


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and its words.

    Attributes
    ----------
    png : bytes
    alt : str
        What it shows, for whoever does not see it.
    width, height : int
        [pixels]
    """

    png: bytes
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Pictures:
    """All pictures of a review.

    Attributes
    ----------
    overview : Picture or None
        Levels of all devices; None where each is drawn anyway.
    findings : Picture or None
        Findings over time; None where there are none.
    devices : mapping of str to Picture
    """

    overview: Picture | None
    findings: Picture | None
    devices: Mapping[str, Picture]


def draw(
    content: ReviewContent,
    frame: pd.DataFrame,
    *,
    reservoirs: Mapping[str, Reservoir],
    on_progress: OnProgress = unseen,
) -> Pictures:
    """Draw what a review shows; devices without a dated row have no picture.

    `on_progress` is called after each device, and when those of all devices are drawn too.
    """
    from synthlab.plotting.review import device_figure

    dated = frame[frame["received_at"].notna()]
    if not len(dated):
        return Pictures(None, None, {})
    rows = dict(tuple(dated.groupby("device_id", observed=True, sort=True)))
    drawn = [device for device in content.drawn if device.device_id in rows]
    total = len(drawn) + 1
    on_progress(0, total)
    devices = {}
    for done, device in enumerate(drawn, 1):
        figure = device_figure(
            rows[device.device_id],
            device.device_id,
            findings=findings_table(device.findings),
            reservoir=reservoirs.get(device.device_id),
        )
        devices[device.device_id] = _picture(figure.small_png(), _device_alt(device))
        on_progress(done, total)
    pictures = Pictures(_overview(content, dated), _findings(content), devices)
    on_progress(total, total)
    return pictures


def findings_table(findings: Iterable[Finding]) -> pd.DataFrame:
    """Return findings as a table with times."""
    import pandas as pd

    names = ("device_id", "flag", "first_received_at", "last_received_at")
    table = pd.DataFrame([{name: getattr(one, name) for name in names} for one in findings], columns=names)
    for name in names[2:]:
        table[name] = pd.to_datetime(table[name], utc=True, format="ISO8601").dt.as_unit("ms")
    return table


def _overview(content: ReviewContent, dated: pd.DataFrame) -> Picture | None:
    if len(content.drawn) == len(content.devices):
        return None
    from synthlab.plotting.level import level_figure

    # A truck is emptied on purpose: among tanks that run dry it would only hide them.
    seen = set(dated["device_id"].unique())
    tanks = [one.device_id for one in content.devices if one.kind != "truck" and one.device_id in seen]
    figure = level_figure(dated, devices=tanks or None)
    # Its colors are a scale: the few of a small picture would make steps of it.
    return _picture(figure.png(), f"{figure.summary}, the most often run out on top; numbers in the table")


def _findings(content: ReviewContent) -> Picture | None:
    found = [finding for device in content.devices for finding in device.findings]
    if not found:
        return None
    import pandas as pd

    from synthlab.plotting.marks import findings_figure

    flagged = [device.device_id for device in content.devices if device.findings]
    figure = findings_figure(
        findings_table(found),
        flagged,
        device_count=len(content.devices),
        start_at=pd.Timestamp(content.start_at),
        end_at=pd.Timestamp(content.end_at),
    )
    return _picture(figure.small_png(), f"{figure.summary}; each is in the tables below")


def _device_alt(device: DeviceContent) -> str:
    use = (
        "the map of its way, and liters loaded and delivered by day"
        if device.kind == "truck"
        else "demand and supply by hour of day"
    )
    marked = things(len(device.findings), "finding") + " marked"
    return (
        f"{device.device_id}: level over time with {marked}, mean {number(device.mean_level_pct)} %, run out "
        f"{share(device.runout_fraction)} of the time; raw readings; {use}"
    )


def _picture(png: bytes, alt: str) -> Picture:
    # Width and height stand in the first chunk of every PNG.
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    return Picture(png, alt, width, height)
