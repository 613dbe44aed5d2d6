"""Windows closed at both ends, whole UTC seconds, and their texts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.errors import UsageError
from synthlab.timeline import (
    SECONDS_PER_DAY,
    Window,
    days_before,
    format_at,
    from_unix_second,
    hour_of_week,
    in_words,
    now_at,
    parse_at,
    point_count,
    to_unix_second,
)

NOON = datetime(2026, 2, 12, 12, tzinfo=UTC)
seconds = st.integers(0, 4_000_000_000)


@given(end=seconds, days=st.integers(1, 365), step=st.integers(60, 3600))
def test_a_window_has_the_guides_number_of_points(end: int, days: int, step: int) -> None:
    window = Window(end - days * SECONDS_PER_DAY, end)
    points = range(window.start_second, window.end_second + 1, step)
    assert point_count(window.start_second, window.end_second, step) == len(points)
    assert len(points) == days * 86_400 // step + 1


def test_point_count_at_its_edges() -> None:
    assert point_count(10, 10, 60) == 1
    assert point_count(10, 69, 60) == 1
    assert point_count(10, 70, 60) == 2
    assert point_count(11, 10, 60) == 0


def test_the_guides_example() -> None:
    window = Window.ending(datetime(2026, 2, 12, 10, tzinfo=UTC), days=30)
    assert format_at(window.start_at) == "2026-01-13T10:00:00Z"
    assert format_at(window.end_at) == "2026-02-12T10:00:00Z"
    assert Window.between(window.start_at, window.end_at) == window


def test_a_window_of_one_moment_is_a_window() -> None:
    assert Window.between(NOON, NOON) == Window(to_unix_second(NOON), to_unix_second(NOON))


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        Window.between(NOON, NOON - timedelta(seconds=1))
    assert caught.value.code == "BAD_ARGUMENT"
    assert caught.value.problems[0].path == "end_at"
    assert "2026-02-12T11:59:59Z" in str(caught.value)


@given(seconds)
def test_seconds_and_moments_are_one(second: int) -> None:
    moment = from_unix_second(second)
    assert moment.tzinfo is UTC
    assert to_unix_second(moment) == second
    assert parse_at(format_at(moment)) == moment
    assert hour_of_week(second) == moment.weekday() * 24 + moment.hour


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-12T12:00:00Z",
        "2026-02-12T12:00:00+00:00",
        "2026-02-12 13:00:00+01:00",
        "2026-02-12T17:45:00+05:45",
        datetime(2026, 2, 12, 7, tzinfo=timezone(timedelta(hours=-5))),
        pd.Timestamp("2026-02-12T12:00:00Z"),
    ],
)
def test_any_zone_is_read_as_utc(text: str | datetime) -> None:
    assert parse_at(text) == NOON
    assert format_at(parse_at(text)) == "2026-02-12T12:00:00Z"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("2026-02-12T12:00:00", "time zone"),
        ("2026-02-12", "time zone"),
        ("yesterday", "ISO 8601"),
        ("", "ISO 8601"),
        ("2026-02-30T00:00:00Z", "ISO 8601"),
        ("2026-02-12T12:00:00.5Z", "whole seconds"),
        (datetime(2026, 2, 12), "time zone"),
        (None, "ISO 8601"),
        (1_770_890_400, "ISO 8601"),
    ],
)
def test_what_is_no_moment_is_refused_by_name(text: object, rule: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_at(text, name="start_at")  # type: ignore[arg-type]
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("BAD_ARGUMENT", "start_at")
    assert rule in problem.rule
    assert problem.remedy


def test_now_is_a_whole_second_in_utc() -> None:
    now = now_at()
    assert now.microsecond == 0
    assert now.utcoffset() == timedelta(0)
    assert abs((datetime.now(UTC) - now).total_seconds()) < 60


def test_days_before() -> None:
    assert days_before(NOON, 30) == datetime(2026, 1, 13, 12, tzinfo=UTC)


def test_a_time_before_1970_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        parse_at("0001-01-02T00:00:00Z")
    assert "needs a time from 1970 on" in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (90, "1.5 min"),
        (3_600, "1 h"),
        (169_200, "47 h"),
        (172_800, "2 days"),
        (24_725_880, "286 days"),
    ],
)
def test_a_span_is_said_in_the_unit_of_its_size(seconds: float, said: str) -> None:
    assert in_words(seconds) == said
