"""The parts of the page that speak of the artifact as a whole."""

from __future__ import annotations

import json
from base64 import b64encode

from synthlab.report.content import Baseline, CheckCount, Decision, DeviceContent, ReviewContent
from synthlab.report.findings import of_others
from synthlab.report.markup import Content, Html, facts, table, tag
from synthlab.report.pictures import Picture
from synthlab.report.wording import NOTHING, count, moment, moments, number, share, span, things
from synthlab.scenario.difference import Change

MAX_CHANGES = 200
"""Changes of a scenario that are listed. Assumed: beyond it, it is another scenario."""
_FLAGS = ("GOOD", "SUSPECT", "FAIL", "UNKNOWN", "MISSING")
_DEVICE_HEADER = (
    "device",
    "rank",
    "kind",
    "FAIL rows",
    "SUSPECT rows",
    "rows",
    "coverage",
    "run out",
    "mean level [%]",
    "expected [L/day]",
    "asked [L/day]",
    "served [L/day]",
    "inflow [L/day]",
    "delivered [L/day]",
    "seq",
    "first and last row",
)


def verdict(content: ReviewContent) -> Html:
    """Say first whether the data passed, and why not."""
    word = "QC passed" if content.qc_passed else "QC failed"
    sign = "✓" if content.qc_passed else "✗"
    body: list[Content] = [tag("p", tag("span", sign, aria_hidden="true"), f" {word}", class_="word")]
    if content.qc_failures:
        body.append(tag("ul", (tag("li", reason) for reason in content.qc_failures)))
    else:
        suspect = things(content.suspect_count, "flag")
        body.append(tag("p", f"No row fails a check; {suspect} SUSPECT in {count(content.row_count)} rows."))
    kind = "pass" if content.qc_passed else "fail"
    return tag("section", tag("h2", "Verdict"), *body, class_=f"verdict {kind}", id="verdict")


def decision(given: Decision) -> Html:
    """Say what a reviewer decided."""
    words = {
        "approved": f"Approved by {given.reviewer}, {moment(given.decided_at)}.",
        "rejected": f"Rejected by {given.reviewer}, {moment(given.decided_at)}.",
        "outdated": "approval.json is for other bytes: it says nothing about this data.",
        "none": "Nobody had decided when this page was written.",
    }
    note = tag("blockquote", given.note) if given.note else None
    return tag("section", tag("h2", "Decision"), tag("p", words[given.decision]), note, id="decision")


def dataset(content: ReviewContent) -> Html:
    """Say what was looked at."""
    kinds = [device.kind for device in content.devices]
    named = (("tank", "tanks"), ("truck", "trucks"), ("unknown", "not in the scenario"))
    who = ", ".join(
        f"{kinds.count(kind)} {word if kinds.count(kind) != 1 else word.removesuffix('s')}"
        for kind, word in named
        if kind in kinds
    )
    entries: list[tuple[str, Content]] = [
        ("scenario", content.scenario_id),
        ("run", content.run_id),
        ("window", moments(content.start_at, content.end_at)),
        ("devices", f"{len(content.devices)} ({who})" if who else "none"),
        ("rows", count(content.row_count)),
        ("invalid rows", count(content.invalid_row_count)),
        ("findings", things(content.finding_count, "run of rows", "runs of rows")),
        ("seed", str(content.seed)),
        ("origin", "synthetic: made by synthlab, measured by nobody"),
    ]
    warned = None
    if content.warnings:
        warned = [tag("h3", "Warnings of the export"), tag("ul", (tag("li", w) for w in content.warnings))]
    return tag("section", tag("h2", "Dataset"), facts(entries), warned, id="dataset")


def checks(content: ReviewContent) -> Html:
    """List every check with its flags, those with something to say first."""
    ordered = sorted(content.checks, key=_weight)
    rows = [
        (
            check.name,
            check.meaning + ("" if check.could_judge else " (could not judge a single row)"),
            *(_flag_cell(flag, check) for flag in _FLAGS),
        )
        for check in ordered
    ]
    found = table(
        "Rows by flag of each check", ("check", "looks at", *_FLAGS), rows, numeric=range(2, 2 + len(_FLAGS))
    )
    invalid: Content = None
    if content.invalid_rows:
        more = content.invalid_row_count - len(content.invalid_rows)
        lines = [tag("li", line) for line in content.invalid_rows]
        lines += [tag("li", f"and {more:,} more")] if more else []
        invalid = [tag("h3", "Rows that are no valid CSV"), tag("ul", lines)]
    return tag("section", tag("h2", "Checks"), found, invalid, id="checks")


def _weight(check: CheckCount) -> tuple[bool, int, int]:
    return check.could_judge, -check.counts.get("FAIL", 0), -check.counts.get("SUSPECT", 0)


def _flag_cell(flag: str, check: CheckCount) -> Content:
    value = check.counts.get(flag, 0)
    if flag in ("FAIL", "SUSPECT") and value:
        return tag("strong", count(value), class_=flag.lower())
    return count(value) if value else NOTHING


def devices(content: ReviewContent, overview: Picture | None, findings: Picture | None) -> Html:
    """Rank all devices, in a table and where there are many in a picture."""
    rows = [_device_row(device) for device in content.devices]
    drawn, total = len(content.drawn), len(content.devices)
    how = "All are drawn below."
    if drawn < total:
        worst = sum(device.chosen == "worst" for device in content.drawn)
        how = f"Drawn below: the {worst} worst, and {drawn - worst} of the other {total - worst} as a sample."
    listed = ""
    if content.listed_count < content.finding_count:
        listed = (
            f" The pictures and tables have {content.listed_count:,} of the {content.finding_count:,} "
            "findings, of each check and device the first."
        )
    words = (
        "The worst first: most FAIL rows, most SUSPECT rows, least coverage, and of tanks the most often "
        "run out. "
        f"{how}{listed}"
    )
    grid = table("Devices, the worst first", _DEVICE_HEADER, rows, numeric=(1, *range(3, 14)), class_="wide")
    pictures = (image(findings), image(overview))
    return tag(
        "section", tag("h2", "Devices"), tag("p", words), pictures, grid, of_others(content), id="devices"
    )


def _device_row(device: DeviceContent) -> tuple[Content, ...]:
    profile = device.profile
    per_day = profile.get("liters_per_day") or {}
    name: Content = device.device_id
    if device.chosen:
        name = tag("a", device.device_id, href=f"#{anchor(device)}")
    of_kind = (
        ("delivered",) if device.kind == "truck" else ("expected_demand", "requested", "served", "inflow")
    )
    liters = (
        number(per_day.get(f"{key}_liters")) if key in of_kind else NOTHING
        for key in ("expected_demand", "requested", "served", "inflow", "delivered")
    )
    return (
        name,
        str(device.rank),
        device.kind,
        count(device.fail_row_count),
        count(device.suspect_row_count),
        count(profile["row_count"]),
        share(profile["coverage_fraction"]),
        share(device.runout_fraction) if device.kind != "truck" else NOTHING,
        number(device.mean_level_pct),
        *liters,
        span(profile["first_seq"], profile["last_seq"]),
        moments(profile["first_received_at"], profile["last_received_at"]),
    )


def anchor(device: DeviceContent) -> str:
    """Return the name of a device's section: ids may hold what an address may not."""
    return f"device-{device.rank}"


def scenario(content: ReviewContent) -> Html:
    """Show the scenario, and what changed since the last approved run."""
    text = tag("pre", content.scenario_text, tabindex=0, aria_label="Scenario as YAML")
    shown = tag("details", tag("summary", "The whole scenario"), text)
    return tag(
        "section",
        tag("h2", "Scenario"),
        tag("h3", "Since the last approved run"),
        _since(content, content.baseline),
        shown,
        id="scenario",
    )


def _since(content: ReviewContent, baseline: Baseline | None) -> Content:
    if baseline is None:
        return tag("p", "No other run of this scenario is approved: there is nothing to compare with.")
    words = (
        f"Run {baseline.run_id}, approved by {baseline.reviewer} on {moment(baseline.decided_at)}; "
        f"seed {baseline.seed} (here {content.seed}); window {baseline.window}."
    )
    if not baseline.changes:
        return [tag("p", words), tag("p", "The scenario is the same.")]
    rows = [_change_row(change) for change in baseline.changes[:MAX_CHANGES]]
    more = len(baseline.changes) - len(rows)
    caption = things(len(baseline.changes), "value differs", "values differ")
    if more:
        caption += f"; the first {len(rows)}"
    return [
        tag("p", words),
        table(caption, ("where", "then", "now"), rows),
        tag("details", tag("summary", "The same as lines of YAML"), _diff(baseline.diff)),
    ]


def _change_row(change: Change) -> tuple[Content, ...]:
    return change.path, _plain(change.before), _plain(change.after)


def _plain(value: object) -> str:
    text = NOTHING if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 400 else text[:399] + "…"


def _diff(lines: tuple[str, ...]) -> Html:
    kinds = {"+": "plus", "-": "minus", "@": "place"}
    spans = (tag("span", line + "\n", class_=kinds.get(line[:1])) for line in lines)
    return tag("pre", spans, tabindex=0, aria_label="Changed lines", class_="diff")


def provenance(content: ReviewContent) -> Html:
    """Say which bytes this page is about, and how they were judged."""
    digests = [(name, tag("code", digest)) for name, digest in content.hashes.items()]
    hashes = table("sha256 of what was reviewed", ("what", "sha256"), digests)
    versions = table("Made by", ("package", "version"), list(content.package_versions.items()))
    limits = table(
        "Limits of the checks", ("limit", "value"), [(k, _plain(v)) for k, v in content.thresholds.items()]
    )
    words = "An approval is bound to the first three: a byte that changes ends it."
    return tag(
        "section",
        tag("h2", "Provenance"),
        tag("p", words),
        hashes,
        versions,
        tag("details", tag("summary", "Limits of the checks"), limits),
        id="provenance",
    )


def image(picture: Picture | None, caption: Content = None) -> Content:
    """Return a picture that needs no other file."""
    if picture is None:
        return None
    source = f"data:image/png;base64,{b64encode(picture.png).decode('ascii')}"
    shown = tag("img", src=source, alt=picture.alt, width=picture.width, height=picture.height)
    return tag("figure", shown, tag("figcaption", caption) if caption else None)
