# ruff: noqa: E501 - tables of hostile pieces
"""Broken and hostile artifacts by the thousand: manifests, rows, verdicts and folders of a good one, and worse.

Everything is a pure function of a number.  Most of them are sealed again, as somebody would
who knows of it: what an artifact says must be safe to read whoever said it.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from synthlab.artifact.files import canonical_bytes
from synthlab.artifact.manifest import sealed

ROWS, MANIFEST = "telemetry_rows.csv", "manifest.json"

VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1.5, -0.0, 1e308, 10**18, 2**63, -(2**63), 10**400, "", " ", "x", "TANK1", "NaN", "1",
    "../../etc/passwd", "/etc/passwd", "a\x00b", "\u202eA", "\x1b[2J", "ı", "=1+1", "<script>", "'; DROP TABLE devices; --",
    "2026-02-12T10:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "a" * 64, "A" * 5_000,
    [], {}, [[]], [{}], {"": {}}, {"a": 1}, [1, 2], [[1, 10**12]], [[2, 1]], {"password": "x"}, ["x"] * 2_000,
)  # fmt: skip

CELLS = (
    "", " ", "0", "-0", "-0.0", "1e5", "NaN", "inf", "-inf", "1_000", "٣", "0x1F", "+1", "01", "9" * 30, "9" * 400, "1.", ".5",
    "=1+1", "@x", "TANK 1", "tank1", "ı", "\x00", "\u202e", '"', '"a,b"', "'", ",", "2026-02-12T10:00:00Z",
    "2026-02-12T10:00:00", "2026-02-30T10:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "REFILL", "x" * 5_000, "-1",
    "9223372036854775807", "9223372036854775808", "2147483648", "-2147483649",
)  # fmt: skip

TEXTS: tuple[bytes, ...] = (
    b"", b"{}", b"[]", b"null", b"{", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\\ud800"}',
    b'{"a": 1, "a": 2}', b"[" * 100_000, b'{"a":' * 100_000, b"[" * 900 + b"]" * 900, b'{"a":' * 900 + b"1" + b"}" * 900,
    b"9" * 5_000, b'{"a": ' + b"9" * 5_000 + b"}", b'"' + b"x" * 1_000_000 + b'"', b"{" + b'"a": 1,' * 100_000 + b'"b": 1}',
    b"{" + b",".join(b'"k%d": 1' % n for n in range(50_000)) + b',"k49999": 2}', b"\x00" * 1_000, b"{}\n{}", b'{"synthetic": true}',
)  # fmt: skip


def break_artifact(directory: Path, number: int) -> str:
    """Break an artifact where it lies; return how."""
    rng = random.Random(f"artifact-{number}")
    how = rng.choices(list(WAYS), [weight for weight, _ in WAYS.values()])[0]
    return f"{how}: {WAYS[how][1](directory, rng)}"


def _manifest_tree(directory: Path, rng: random.Random) -> str:
    manifest = json.loads((directory / MANIFEST).read_text())
    names = [_break_tree(manifest, rng) for _ in range(rng.choice([1, 1, 2, 5]))]
    _seal(directory, manifest, is_sealed=rng.random() < 0.9)
    return ", ".join(names)


def _window(directory: Path, rng: random.Random) -> str:
    """Say that far more was exported than anybody would simulate."""
    manifest = json.loads((directory / MANIFEST).read_text())
    name = rng.choice(["years", "devices", "cadence", "faults", "numbers"])
    device = manifest["scenario"]["devices"][0]
    if name == "years":
        manifest["start_at"] = rng.choice(
            ["0001-01-01T00:00:00Z", "1026-01-01T00:00:00Z", "2016-01-01T00:00:00Z"]
        )
        manifest["scenario"]["bootstrap"]["days"] = rng.choice([3_650, 10**9])
    elif name == "devices":
        manifest["scenario"]["devices"] = [
            {**device, "device_id": f"D{n}"} for n in range(rng.choice([100, 20_000]))
        ]
    elif name == "cadence":
        device["cadence_seconds"] = manifest["scenario"]["bootstrap"]["step_minutes"] = 1
        manifest["start_at"] = "2020-01-01T00:00:00Z"
    elif name == "faults":
        manifest["scenario"]["faults"] = [
            {"kind": "SPIKES", "rate_per_month": 1e9, "devices": [device["device_id"]]}
        ]
    else:
        for entry in manifest["devices"].values():
            entry["reserved_seq"] = rng.choice([2**63 - 1, 2**62, 10**30, -5, "7"])
    _seal(directory, manifest)
    return name


def _manifest_text(directory: Path, rng: random.Random) -> str:
    place = rng.randrange(len(TEXTS))
    (directory / MANIFEST).write_bytes(TEXTS[place])
    return f"text {place}"


def _verdicts(directory: Path, rng: random.Random) -> str:
    """Write what analyze, approve and import write, in forms that they do not."""
    name = rng.choice(["analysis.json", "approval.json", "import_result.json"])
    place = rng.randrange(len(TEXTS))
    digest = hashlib.sha256((directory / ROWS).read_bytes()).hexdigest()
    value = rng.choice(VALUES)
    known = {
        "csv_sha256": digest,
        "qc_passed": value,
        "decision": value,
        "findings": value,
        "reviewer": value,
    }
    is_known = rng.random() < 0.5
    (directory / name).write_bytes(canonical_bytes(known) if is_known else TEXTS[place])
    return f"{name} {'known keys' if is_known else place}"


def _bytes(directory: Path, rng: random.Random) -> str:
    path = directory / rng.choice([ROWS, MANIFEST])
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 2, 20])):
        at = rng.randrange(len(content) + 1)
        if rng.random() < 0.5:
            content[at:at] = rng.choice(
                [rng.randbytes(3), b"\x00", b'"', b"\r", b"\n", b",", b"\xff", b"\xe2\x80\xa8"]
            )
        else:
            del content[at : at + rng.choice([1, 5, 200])]
    path.write_bytes(content)
    if path.name == ROWS and rng.random() < 0.7:
        _resign(directory)
    return path.name


def _cells(directory: Path, rng: random.Random) -> str:
    path = directory / ROWS
    rows = [line.split(",") for line in path.read_text().splitlines()]
    for _ in range(rng.choice([1, 1, 3])):
        line = rng.choice(rows if rng.random() < 0.2 else rows[1:])
        line[rng.randrange(len(line))] = rng.choice(CELLS)
    how = rng.choice(["", "", "", "swapped", "twice", "short", "long", "many"])
    if how == "swapped":
        rows[1:3] = rows[2], rows[1]
    elif how == "twice":
        rows.append(rows[-1])
    elif how == "short":
        rows[-1] = rows[-1][:-1]
    elif how == "long":
        rows[-1] = [*rows[-1], "0"]
    elif how == "many":
        rows += [rows[-1]] * 20_000
    path.write_bytes("".join(",".join(row) + "\n" for row in rows).encode("utf-8", "surrogatepass"))
    _resign(directory)
    return how or "cells"


def _folder(directory: Path, rng: random.Random) -> str:
    name = rng.choice(
        [
            ROWS,
            MANIFEST,
            "analysis.json",
            "approval.json",
            "report.html",
            "plots",
            "extra",
            ".hidden",
            "\udcff",
            "a\nb",
        ]
    )
    path = directory / name
    if path.is_file():
        path.unlink()
    how = rng.choice(["missing", "folder", "pipe", "link out", "loop", "empty", "unreadable", "sparse"])
    if how == "folder":
        path.mkdir()
        (path / "x").write_text("x")
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "link out":
        path.symlink_to(rng.choice(["/etc/hostname", "/dev/zero", "/proc/self/environ", "/nowhere"]))
    elif how == "loop":
        path.symlink_to(path.name)
    elif how == "unreadable":
        path.write_text("{}")
        path.chmod(0)
    elif how == "sparse":
        with path.open("wb") as file:
            file.truncate(1 << 40)
    elif how == "empty":
        path.touch()
    return f"{how} {name!r}"


WAYS: dict[str, tuple[int, Callable[[Path, random.Random], str]]] = {
    "manifest": (5, _manifest_tree),
    "window": (1, _window),
    "text": (1, _manifest_text),
    "verdicts": (2, _verdicts),
    "bytes": (2, _bytes),
    "cells": (3, _cells),
    "folder": (1, _folder),
}
"""How an artifact is broken, and how often."""


def _break_tree(tree: Any, rng: random.Random) -> str:
    places = _places(tree)
    container, key = rng.choice(places)
    how = rng.choice(["value", "value", "value", "missing", "more", "swapped", "deep", "within"])
    if how == "missing":
        del container[key]
    elif how == "more" and isinstance(container, dict):
        container[rng.choice(["x", "", "../x", "A" * 500, "seed"])] = copy.deepcopy(rng.choice(VALUES))
    elif how == "swapped":
        other, name = rng.choice(places)
        if name in other if isinstance(other, dict) else True:
            container[key] = copy.deepcopy(other[name])
    elif how == "deep":
        inner: Any = 1
        for _ in range(rng.choice([10, 100, 400])):
            inner = [inner]
        container[key] = inner
    else:
        container[key] = copy.deepcopy(rng.choice(VALUES))
    return f"{how} {key}"


def _places(tree: Any) -> list[tuple[Any, Any]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    found: list[tuple[Any, Any]] = []
    for key, inner in items:
        found += [(tree, key), *_places(inner)]
    return found


def _resign(directory: Path) -> None:
    manifest = json.loads((directory / MANIFEST).read_text())
    lines = (directory / ROWS).read_bytes().splitlines(keepends=True)[1:]
    manifest["csv_sha256"] = hashlib.sha256((directory / ROWS).read_bytes()).hexdigest()
    digest = hashlib.sha256(b"".join(lines)).hexdigest()
    manifest["chunks"] = [{"first_row": 0, "row_count": len(lines), "sha256": digest}]
    manifest["row_count"] = len(lines)
    _seal(directory, manifest)


def _seal(directory: Path, manifest: Any, *, is_sealed: bool = True) -> None:
    (directory / MANIFEST).write_bytes(canonical_bytes(sealed(manifest) if is_sealed else manifest))


def renewed(good: Path, directory: Path) -> None:
    """Put a good artifact where a broken one lay."""
    if directory.is_dir():
        shutil.rmtree(directory)
    shutil.copytree(good, directory)
