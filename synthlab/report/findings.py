"""Findings as tables: those of one device, and those of devices that are not drawn."""

from __future__ import annotations

from synthlab.report.content import DeviceContent, Finding, ReviewContent
from synthlab.report.markup import Content, table, tag
from synthlab.report.wording import count, moments, span, things

MAX_OF_DEVICE = 15
"""Findings in a device's table. Assumed: the picture shows the rest, and `analysis.json` has them."""
MAX_OF_OTHERS = 60
"""Findings in the table of devices that are not drawn. Assumed: a page of paper."""

_HEADER = ("check", "flag", "rows", "lines", "seq", "time")


def of_device(device: DeviceContent) -> Content:
    """Return one device's findings, the worst first."""
    if not device.fail_row_count and not device.suspect_row_count:
        return tag("p", "No finding.")
    if not device.findings:
        return tag("p", "Its findings are not among those that analysis.json lists.")
    shown = device.findings[:MAX_OF_DEVICE]
    caption = things(len(device.findings), "finding")
    if len(shown) < len(device.findings):
        caption += f"; the worst {len(shown)}"
    return table(caption, _HEADER, [_cells(one) for one in shown])


def of_others(content: ReviewContent) -> Content:
    """Return the findings of devices that are not drawn, the worst device first."""
    found = [one for device in content.devices if not device.chosen for one in device.findings]
    if not found:
        return None
    shown = found[:MAX_OF_OTHERS]
    caption = f"{things(len(found), 'finding')} of devices that are not drawn"
    if len(shown) < len(found):
        caption += f"; the first {len(shown)}"
    return table(caption, ("device", *_HEADER), [(one.device_id, *_cells(one)) for one in shown])


def _cells(one: Finding) -> tuple[Content, ...]:
    return (
        one.check,
        tag("strong", one.flag, class_=one.flag.lower()),
        count(one.row_count),
        span(one.first_line, one.last_line),
        span(one.first_seq, one.last_seq),
        moments(one.first_received_at, one.last_received_at),
    )
