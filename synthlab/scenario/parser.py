"""ruamel's parser, with the answers that it asks for again and again kept.

For each event the parser asks some eight times which token comes next, and each time
the scanner proves anew that no more text has to be read.  The answer cannot change
before a token is taken, so it is kept until then: the events are the same, in about
two thirds of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import Event
from ruamel.yaml.parser import Parser
from ruamel.yaml.scanner import Scanner, ScannerError


def events(text: str) -> Iterator[Event]:
    """Yield the parser's events of a text, read as YAML 1.2."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    yaml.Scanner, yaml.Parser = _Scanner, _Parser
    return iter(yaml.parse(text))


# Assumed: no tag of any use is as long; the scanner takes quadratic time for one of '!' alone.
_MAX_TAG_LENGTH = 1_000


class _Scanner(Scanner):
    _is_ready = False

    def scan_tag(self) -> Any:
        """Scan a tag; one without an end is refused before it is read."""
        begin = self.reader.prefix(_MAX_TAG_LENGTH)
        if len(begin.split(maxsplit=1)[0]) == _MAX_TAG_LENGTH:
            rule = f"a tag of more than {_MAX_TAG_LENGTH} characters"
            raise ScannerError("while scanning a tag", None, rule, self.reader.get_mark())
        return super().scan_tag()

    def check_token(self, *choices: Any) -> bool:
        """Tell whether the next token is one of the kinds."""
        tokens = self._ready()
        return bool(tokens) and (not choices or isinstance(tokens[0], choices))

    def peek_token(self) -> Any:
        """Return the next token."""
        tokens = self._ready()
        return tokens[0] if tokens else None

    def get_token(self) -> Any:
        """Take the next token."""
        tokens = self._ready()
        if not tokens:
            return None
        self._is_ready = False
        self.tokens_taken += 1
        return tokens.pop(0)

    def _ready(self) -> list[Any]:
        if not self._is_ready:
            while self.need_more_tokens():
                self.fetch_more_tokens()
            self._is_ready = True
        return self.tokens


class _Parser(Parser):
    @cached_property
    def scanner(self) -> Any:
        """The scanner, looked up once."""
        return self.loader.scanner
