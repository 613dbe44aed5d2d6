"""The review as HTML: one page that needs nothing else, or a part for a notebook."""

from __future__ import annotations

from synthlab.report import device, sections
from synthlab.report.content import ReviewContent
from synthlab.report.markup import Html, tag
from synthlab.report.pictures import Pictures
from synthlab.report.stylesheet import STYLE

# No script, no font, no picture from anywhere: the browser is told to refuse what is not here.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_PARTS = {
    "verdict": "Verdict",
    "decision": "Decision",
    "dataset": "Dataset",
    "checks": "Checks",
    "devices": "Devices",
    "each": "Each device",
    "scenario": "Scenario",
    "provenance": "Provenance",
}


def page(content: ReviewContent, pictures: Pictures) -> str:
    """Return the whole page: the same content gives the same text."""
    title = f"Review of {content.scenario_id}, run {content.run_id}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Html(STYLE)),
    )
    skip = tag("a", "Skip to the verdict", href="#verdict", class_="skip")
    body = tag("body", skip, tag("main", _parts(content, pictures), class_="synthlab-review"))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def fragment(content: ReviewContent, pictures: Pictures) -> str:
    """Return the same for a notebook's cell, where style is kept to itself."""
    inner = [tag("style", Html(STYLE)), _parts(content, pictures)]
    return tag("div", inner, class_="synthlab-review in-notebook")


def _parts(content: ReviewContent, pictures: Pictures) -> list[Html]:
    links = (tag("li", tag("a", name, href=f"#{anchor}")) for anchor, name in _PARTS.items())
    each = (device.section(one, pictures.devices.get(one.device_id)) for one in content.drawn)
    return [
        tag(
            "header",
            tag("p", "synthlab review", class_="kicker"),
            tag("h1", f"{content.scenario_id} / {content.run_id}"),
            tag("nav", tag("ul", links), aria_label="Parts of this page"),
        ),
        sections.verdict(content),
        sections.decision(content.decision),
        sections.dataset(content),
        sections.checks(content),
        sections.devices(content, pictures.overview, pictures.findings),
        tag("section", tag("h2", "Each device"), *each, id="each"),
        sections.scenario(content),
        sections.provenance(content),
    ]
