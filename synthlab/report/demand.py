"""What a tank's people asked for, beside what the scenario lets expect."""

from __future__ import annotations

from synthlab.report.content import DeviceContent
from synthlab.report.wording import number, share

SEEN_FRACTION = 0.02
"""A difference this small is not spoken of. Assumed: nobody sees it in a picture."""


def asked_and_expected(device: DeviceContent) -> tuple[float, float] | None:
    """Return liters a day asked for and expected; None where it is no tank with demand. [liters]"""
    per_day = device.profile.get("liters_per_day") or {}
    asked, expected = (per_day.get(f"{name}_liters") for name in ("requested", "expected_demand"))
    if device.kind == "truck" or asked is None or not expected:
        return None
    return float(asked), float(expected)


def asked_words(device: DeviceContent) -> str:
    """Say both in one line; empty where there is no demand."""
    known = asked_and_expected(device)
    if known is None:
        return ""
    asked, expected = known
    apart = asked / expected - 1
    if abs(apart) < SEEN_FRACTION:
        return f"{number(asked)} L/day, as expected"
    more = "more" if apart > 0 else "less"
    return f"{number(asked)} L/day, {share(abs(apart))} {more} than the {number(expected)} expected"


def why_asked_differs(device: DeviceContent) -> str:
    """Say why what was asked for is not what is expected; empty where it is."""
    known = asked_and_expected(device)
    if known is None or abs(known[0] / known[1] - 1) < SEEN_FRACTION:
        return ""
    saving = "people save while the tank is nearly empty"
    if not device.is_demand_by_chance:
        return f"Asked is not what is expected: {saving}."
    return (
        "Asked is not what is expected: uses of a household are drawn by chance, by habits of its own"
        f"{f', and {saving}' if device.runout_fraction else ''}. "
        "The mean over many households and a long time is the expected demand."
    )
