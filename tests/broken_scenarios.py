# ruff: noqa: E501 - tables of hostile pieces
"""Broken and hostile scenario files by the thousand: bytes, tokens and values of good ones, and worse.

Everything is a pure function of a number: ``broken_bytes(7)``.  Values are broken by the
JSON Schema, so that a new block or field is broken without a change here.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable
from typing import Any

from tests.generated_scenarios import Raw, Tree, schema, valid_data, valid_text, yaml_lines

# Ids and words that readers of YAML, of Unicode or of databases have stumbled over.
AWKWARD = (
    "ı", "ſ", "K", "İ", "A\u200bB", "A\u0000B", "\ufeffA", "\u202eA", "Ａ", "é", "e\u0301", "NO", "on", "0123",
    "0o17", "0x1F", "1_000", "12:30:45", "2001-01-01", "~", "null", "1e999", "-.inf", ".NaN", "+.INF", "٣", "",
    " ", "-", "?", ":", "<<", "=", "!!int", "*a", "&a b", "@a", "`a`", "%a", "../../etc/passwd", "=1+1",
    "<script>", "'; DROP TABLE devices; --", "\\N", "{{7*7}}", "${HOME}", "A" * 65, "9" * 400,
)  # fmt: skip


def broken_bytes(number: int) -> tuple[str, bytes]:
    """Return how a file was broken, and its bytes; a few come out unharmed."""
    rng = random.Random(f"broken-{number}")
    kind = rng.choices(["bytes", "tokens", "tree", "hostile"], [4, 4, 4, 1])[0]
    if kind == "hostile":
        name = rng.choice(sorted(HOSTILE))
        return f"hostile: {name}", HOSTILE[name](rng)
    if kind == "tree":
        data = valid_data(rng.randrange(1_000))
        names = [_break_tree(data, rng) for _ in range(rng.choice([1, 1, 2, 5]))]
        text = "\n".join(yaml_lines(data, 0, rng)) + "\n"
        return f"tree: {', '.join(names)}", text.encode("utf-8", "surrogatepass")
    text = valid_text(rng.randrange(1_000))
    if kind == "tokens":
        for _ in range(rng.choice([1, 1, 2, 5])):
            text = _break_token(text, rng)
        return "tokens", text.encode("utf-8", "surrogatepass")
    content = bytearray(text.encode())
    for _ in range(rng.choice([1, 1, 2, 8, 100])):
        _break_bytes(content, rng)
    return "bytes", bytes(content)


def sayable_break(data: Tree, number: int) -> str:
    """Break one rule that the JSON Schema can say too, in place; return which."""
    rng = random.Random(f"sayable-{number}")
    return _break_tree(data, rng, is_sayable=True)


def _break_bytes(content: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(content) + 1)
    how = rng.randrange(9)
    if how == 0:
        del content[at : at + rng.choice([1, 1, 3, 50])]
    elif how == 1 and content:
        content[at % len(content)] ^= 1 << rng.randrange(8)
    elif how == 2:
        content[at:at] = rng.randbytes(rng.choice([1, 2, 16]))
    elif how == 3:
        content[at:at] = content[at : at + rng.randrange(200)]
    elif how == 4:
        content[at:at] = rng.choice(
            [b"\0", b"\x7f", b"\x1b[2J", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xc0\x80"]
        )
    elif how == 5:
        content[at:at] = rng.choice([b"\r", b"\n", b"\t", b"\xc2\x85", b"\xe2\x80\xa8", b"    ", b"\xc2\xa0"])
    elif how == 6:
        content[:] = content.replace(b"\n", rng.choice([b"\r\n", b"\r"]))
    elif how == 7:
        del content[at:]
    else:
        content[at:at] = rng.choice(
            [b"{", b"[", b"}", b"]", b'"', b"'", b"|", b">", b": ", b"- ", b"? ", b"#", b"%", b"---\n"]
        )


TOKENS = (
    "!!python/object/apply:os.system ['id']", "!!binary aGk=", "!<tag:yaml.org,2002:str> x", "!x y", "&a x", "*a",
    "&a [*a]", "{<<: {a: 1}}", "<<: *a", "? x\n: y", "? [a]\n: b", "|\n  x", ">+9\n x", "'x", '"x', "[x", "{x: ",
    "\t- x", "---\na: b", "...\n", "%YAML 1.1\n---", "%TAG ! tag:x,2000:", '"\\ud800"', '"\\U00110000"', '"\\x"', "@x",
    "`x`", "x: y: z", "- - - x", "[[[[x]]]]", "0b1", "0x", "1e", "+", ".", "-.", "..", "1.2.3", "null", "~", "true",
    "\u2028", "\x85", "\x07", "x # y", "#x", "[" * 30 + "]" * 30, "{a: " * 30 + "1" + "}" * 30, "9" * 5000, "A" * 5000,
)  # fmt: skip


def _break_token(text: str, rng: random.Random) -> str:
    spans = [match.span() for match in re.finditer(r"[^\s:,\[\]{}]+", text)] or [(0, 0)]
    start, end = rng.choice(spans)
    how = rng.randrange(5)
    if how == 0:
        return text[:start] + rng.choice(TOKENS) + text[end:]
    if how == 1:
        return text[:start] + rng.choice(AWKWARD) + text[end:]
    if how == 2:
        return text[:start] + text[end:]
    if how == 3:
        other = rng.choice(spans)
        return text[:start] + text[other[0] : other[1]] + text[end:]
    lines = text.splitlines(keepends=True) or [""]
    at = rng.randrange(len(lines))
    changed = rng.choice([lines[at] * 2, "", f" {lines[at]}", lines[at].lstrip(), f"\t{lines[at]}"])
    return "".join([*lines[:at], changed, *lines[at + 1 :]])


def _places(value: Any, node: Tree | None = None) -> list[tuple[Any, Any, Tree]]:
    """Return container, key and schema of every value that the schema describes."""
    node = _resolved(schema() if node is None else node)
    found: list[tuple[Any, Any, Tree]] = []
    if isinstance(value, dict):
        fields = node.get("properties", {})
        for key, inner in value.items():
            if key in fields:
                found += [(value, key, _resolved(fields[key])), *_places(inner, fields[key])]
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            items = node.get("items", {})
            found += [(value, index, _resolved(items)), *_places(inner, items)]
    return found


def _resolved(node: Tree) -> Tree:
    if "$ref" in node:
        return {
            **schema()["$defs"][node["$ref"].rsplit("/", 1)[1]],
            **{k: v for k, v in node.items() if k != "$ref"},
        }
    if "anyOf" in node:
        parts = [part for part in node["anyOf"] if part.get("type") != "null"]
        if len(parts) == 1:
            return {**_resolved(parts[0]), "is_nullable": len(parts) < len(node["anyOf"])}
    return node


def _break_tree(data: Tree, rng: random.Random, *, is_sayable: bool = False) -> str:
    places = [place for place in _places(data) if not is_sayable or {"type", "enum"} & set(place[2])]
    container, key, node = rng.choice(places)
    ways = ["type", "unknown", "missing", "range", "length"]
    if not is_sayable:
        ways += ["awkward", "swap", "nan", "huge", "deep", "twice", "nothing"]
    how = rng.choice(ways)
    if how == "unknown" or (
        how in ("range", "length", "missing") and not _is_sayable(how, container, key, node)
    ):
        block = data if not isinstance(container, dict) else container
        known = rng.choice(sorted(block))
        block[rng.choice([f"{known}s", known[:-1] or "x", known.title(), "password", "x-y"])] = 1
        return "unknown"
    if how == "missing":
        del container[key]
    elif how == "range":
        low = node.get("minimum", node.get("exclusiveMinimum"))
        high = node.get("maximum", node.get("exclusiveMaximum"))
        container[key] = low - 1 if high is None or (low is not None and rng.random() < 0.5) else high + 1
    elif how == "length":
        wanted = node.get("minItems", 1)
        container[key] = [1] * (
            wanted - 1 if rng.random() < 0.5 or "maxItems" not in node else node["maxItems"] + 1
        )
    elif how == "type":
        container[key] = rng.choice(_of_other_types(node))
    elif how == "awkward":
        container[key] = rng.choice(AWKWARD)
    elif how == "swap":
        other, name, _ = rng.choice(places)
        container[key], other[name] = other[name], Raw("x")
    else:
        container[key] = {
            "nan": rng.choice([math.nan, math.inf, -math.inf]),
            "huge": rng.choice([10**400, -(10**400), 1e308, "x" * 100_000, [0] * 5_000]),
            "deep": Raw("[" * (depth := rng.choice([19, 20, 21, 500])) + "]" * depth),
            "twice": Raw("{a: 1, a: 2}"),
            "nothing": Raw(""),
        }[how]
    return how


def _is_sayable(how: str, container: Any, key: Any, node: Tree) -> bool:
    if how == "range":
        return any(name in node for name in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"))
    if how == "length":
        return node.get("type") == "array" and node.get("minItems", 0) > 0
    return isinstance(container, dict) and key in (
        "scenario_id",
        "devices",
        "device_id",
        "cadence_seconds",
        "capacity_liters",
    )


def _of_other_types(node: Tree) -> list[Any]:
    kinds = {"string": "x", "integer": 7, "number": 1.5, "boolean": True, "array": [1], "object": {"a": 1}}
    kind = node.get("type")
    same = {"number": {"number", "integer"}}.get(kind, {kind})
    if "enum" in node or "const" in node:
        same = set()
    return [value for name, value in kinds.items() if name not in same]


# ---- whole documents that mean harm; each of at most a little more than the largest file

MEBIBYTE = 1 << 20


def _repeated(piece: bytes) -> Callable[[random.Random], bytes]:
    def make(rng: random.Random) -> bytes:
        size = rng.choice([100, 10_000, 200_000, MEBIBYTE, MEBIBYTE + 1])
        return (piece * (size // len(piece) + 1))[:size]

    return make


def _bomb(rng: random.Random) -> bytes:
    levels = rng.choice([3, 10, 40])
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


def _indented(rng: random.Random) -> bytes:
    depth = rng.choice([18, 19, 20, 21, 200, 1_000])
    return "".join(f"{' ' * n}a:\n" for n in range(depth)).encode()


def _many_devices(rng: random.Random) -> bytes:
    device = {"archetype": "stationary_archetype_a", "mode": "STATIONARY", "cadence_seconds": 300}
    count = rng.choice([500, 5_400, 6_000])
    devices = [{"device_id": f"D{n % rng.choice([count, 3])}", **device} for n in range(count)]
    return json.dumps({"scenario_id": "s", "devices": devices}).encode()


HOSTILE: dict[str, Callable[[random.Random], bytes]] = {
    "alias bomb": _bomb,
    "deep by indentation": _indented,
    "many devices": _many_devices,
    "random": lambda rng: rng.randbytes(rng.choice([1, 100, 10_000, MEBIBYTE])),
    "random ascii": lambda rng: bytes(rng.randrange(32, 127) for _ in range(rng.choice([1, 100, 10_000]))),
    "utf-16": lambda rng: valid_text(rng.randrange(100)).encode("utf-16"),
    "utf-32": lambda rng: valid_text(rng.randrange(100)).encode("utf-32"),
    "latin-1": lambda rng: "scenario_id: Señal\n".encode("latin-1"),
    "marks": lambda rng: b"\xef\xbb\xbf" * rng.randint(1, 3) + valid_text(rng.randrange(100)).encode(),
    "gzip": lambda rng: b"\x1f\x8b\x08\x00" + rng.randbytes(100),
    "elf": lambda rng: b"\x7fELF" + rng.randbytes(100),
    "empty": lambda rng: rng.choice([b"", b"\n", b"#", b"---", b"...", b"~", b"null", b"\xef\xbb\xbf", b"\0", b"{}", b"[]"]),
    "one long scalar": lambda rng: b"scenario_id: " + b"x" * rng.choice([1_000, MEBIBYTE - 100]),
    "one long key": lambda rng: b"x" * rng.choice([1_000, 1_100, MEBIBYTE - 100]) + b": 1",
    "one long comment": lambda rng: b"#" * (MEBIBYTE - 1),
    "long quoted": lambda rng: b'a: "' + b"\\u0041" * rng.choice([10, 100_000]) + b'"',
    "long escapes open": lambda rng: b'a: "' + b"\\\\" * rng.choice([10, 100_000]),
    "folded": lambda rng: b"a: >\n" + b"  x\n\n" * rng.choice([10, 100_000]),
    "same key": lambda rng: b"a: 1\n" * rng.choice([10, 20_000, 60_000]),
    "near keys": lambda rng: b"".join(b"cadence_second%d: 1\n" % n for n in range(rng.choice([10, 20_000]))),
    "numbers": lambda rng: b"devices: [" + b"1," * rng.choice([10, 49_000, 51_000]) + b"1]",
    "empty entries": lambda rng: b"%s: [" % rng.choice([b"devices", b"routes"]) + b"{}," * rng.choice([10, 49_000]) + b"{}]",
    "directives": lambda rng: b"".join(b"%%TAG !a%d! x\n" % n for n in range(rng.choice([10, 60_000]))) + b"--- a",
    "faulty devices": lambda rng: b"devices: [" + b"{a: 1}," * rng.choice([10, 10_000]) + b"{}]",
    **{
        f"repeated {piece!r}": _repeated(piece)
        for piece in (
            b"[", b"{", b"- ", b"? ", b"a: ", b"a:\n", b": ", b"&a ", b"*a ", b"!", b"!!", b"%", b"'", b'"', b"|", b">",
            b"---\n", b"...\n", b"\t", b" ", b"\r", b"\n", b"\0", b"\xff", b"\xc2\x85", b"[]", b"{}", b"[],", b"{a: ",
            b"- - ", b"'' ", b"\\", b"#\n", b"a: b: ", b"0", b"-", b".", b"@",
        )
    },
}  # fmt: skip
