"""Text to the events of a YAML parser: libyaml's, some ten times as fast as any that is written in Python.

A parser splits a text into keys, values and their places, and does no more: it constructs
nothing, and what a word means is up to `synthlab.scenario.scalars`.  libyaml judges.
PyYAML's own parser, of the same events, has the better words for what is wrong, and takes
the place of libyaml where PyYAML was built without it.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml
from yaml.events import Event, ScalarEvent

IN_PYTHON: type = yaml.SafeLoader
FASTEST: type = yaml.CSafeLoader if yaml.__with_libyaml__ else IN_PYTHON

# Ends of lines, and a mark that is no character, to YAML 1.1, which both parsers go by here;
# characters as any other to YAML 1.2.
_NEWER = "\x85\u2028\u2029\ufeff"
_PRIVATE = range(0xE000, 0xF900)


def events(text: str, parser: type = FASTEST) -> Iterator[Event]:
    """Yield the parser's events of a text, read as YAML 1.2."""
    found = [char for char in _NEWER if char in text]
    if not found:
        yield from yaml.parse(text, Loader=parser)
        return
    # Others stand in for them, so that every place stays what it is.
    free = (chr(code) for code in _PRIVATE if chr(code) not in text)
    stand_ins = "".join(char for char, _ in zip(free, found, strict=False))
    back = str.maketrans(stand_ins, "".join(found))
    for event in yaml.parse(text.translate(str.maketrans("".join(found), stand_ins)), Loader=parser):
        if isinstance(event, ScalarEvent):
            event.value = event.value.translate(back)
        yield event
