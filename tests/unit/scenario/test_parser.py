"""Between a text and its nodes: two parsers of the same events, of YAML 1.1, made to read YAML 1.2."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from yaml.events import CollectionStartEvent, NodeEvent, ScalarEvent

from synthlab.scenario.compose import compose
from synthlab.scenario.nodes import plain
from synthlab.scenario.parser import FASTEST, IN_PYTHON, events
from tests.broken_scenarios import broken_bytes
from tests.generated_scenarios import valid_text


def nodes(text: str, parser: type) -> list[tuple[Any, ...]] | None:
    """What a parser finds and where, as far as nodes are made of it; None where it finds no YAML."""
    found = []
    try:
        for event in events(text, parser):
            if not isinstance(event, NodeEvent):
                continue
            begin, end = event.start_mark, event.end_mark
            place = (begin.index, begin.line, begin.column)
            told: tuple[Any, ...] = ()
            if isinstance(event, ScalarEvent):
                # Where nothing stands there is no place to agree on.
                told = (event.value, event.style or "", end.index) if begin.index < end.index else ()
                place = place if told else (0, 0, 0)
            elif isinstance(event, CollectionStartEvent):
                told = (bool(event.flow_style),)
            found.append((type(event), place, *told))
    except (yaml.YAMLError, ValueError, OverflowError):
        return None
    return found


def test_there_is_a_faster_one() -> None:
    assert FASTEST is yaml.CSafeLoader is not IN_PYTHON


def test_both_parsers_find_the_same_nodes() -> None:
    texts = [valid_text(number) for number in range(100)]
    texts += [broken_bytes(number)[1].decode(errors="ignore")[:20_000] for number in range(200)]
    found = [(nodes(text, FASTEST), nodes(text, IN_PYTHON)) for text in texts]
    agreed = [(fast, slow) for fast, slow in found if fast is not None and slow is not None]
    assert all(fast == slow for fast, slow in agreed)
    assert len(agreed) > 200
    # They part at tabs within a line, which are blanks to YAML 1.2 and to libyaml.
    assert sum((fast is None) != (slow is None) for fast, slow in found) < 5


NEWER = st.sampled_from("\x85\u2028\u2029\ufeff")


@given(st.text("ab", min_size=1), NEWER, st.text("ab", min_size=1), st.sampled_from([FASTEST, IN_PYTHON]))
def test_what_ended_lines_in_yaml_1_1_is_a_character(
    before: str, newer: str, after: str, parser: type
) -> None:
    text = f"'k{newer}': {before}{newer}{after}\nb: [x{newer}, \"{newer}\"]\n# {newer}\nc: 1\n"
    scalars = [event for event in events(text, parser) if isinstance(event, ScalarEvent)]
    assert [event.value for event in scalars] == [
        f"k{newer}",
        f"{before}{newer}{after}",
        "b",
        f"x{newer}",
        newer,
        "c",
        "1",
    ]
    assert [event.start_mark.line for event in scalars] == [0, 0, 1, 1, 1, 3, 3]
    assert all(
        text[event.start_mark.index : event.end_mark.index].strip("'\"") == event.value for event in scalars
    )


@pytest.mark.parametrize(
    ("fault", "rule", "long_rule"),
    [
        ("a: {b: 1", "but got '<stream end>'", "did not find expected ',' or '}'"),
        ("\ta: 1", "found a tab that cannot start any token", "found a tab that cannot start any token"),
        ("a: @b", "found character '@' that cannot", "found character '@' that cannot"),
        ("a: 1: 2", "mapping values are not allowed here", "mapping values are not allowed in this context"),
        ('a: "b', "found unexpected end of stream", "found unexpected end of stream"),
        ('a: "\\UFFFFFFFF"', "invalid Unicode character escape code", "invalid Unicode character escape"),
        ("a: &b", None, None),
    ],
)
def test_a_fault_has_a_place_in_short_texts_and_in_long_ones(
    fault: str, rule: str | None, long_rule: str | None
) -> None:
    short, long = (f"x: 1\n# {'x' * size}\n{fault}" for size in (10, 40_000))
    for text, expected in ((short, rule), (long, long_rule)):
        root, problems = compose(text, file="s.yaml")
        if expected is None:
            assert root is not None
            assert [problem.rule for problem in problems] == ["must not have an anchor"]
        else:
            assert root is None
            assert expected in problems[-1].rule
        assert problems[-1].line in (3, 4)


def test_what_libyaml_refuses_is_refused_with_all_that_the_other_parser_finds() -> None:
    text = "a: .nan\n: 1\nb: 1: 2\n"
    root, problems = compose(text, file="s.yaml")
    assert root is None
    assert problems[0].rule == "must be a finite number"
    # A half of a character is none to libyaml, and a character to Python.
    root, problems = compose('a: "\\ud800"\n', file="s.yaml")
    assert root is None
    assert ["invalid Unicode character" in problem.rule for problem in problems] == [True]


def test_directives_end() -> None:
    assert plain(compose("%TAG !a! x\n--- {a: 1}\n", file="s.yaml")[0]) == {"a": 1}  # type: ignore[arg-type]
    for end in ("\n", "\r"):
        root, problems = compose(
            end.join(f"%TAG !a{n}! x" for n in range(2_000)) + f"{end}--- a", file="s.yaml"
        )
        assert root is None
        assert [(each.rule, each.line, each.column) for each in problems] == [
            ("must be YAML without directives", 1, 1)
        ]
