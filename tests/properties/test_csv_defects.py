"""One defect anywhere in a file that the engine made is found at exactly its lines."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import synthlab
from synthlab.artifact import Artifact, read_artifact
from synthlab.columns import NAMES
from synthlab.workflows.analyze import analyze_csv
from tests.frames import resign

END_AT = "2026-02-12T10:00:00Z"
DEVICES, ROWS = 6, 6 * 289
Change = Callable[[list[list[str]], int], None]


def _set(column: str, value: str | Callable[[str], str]) -> Change:
    def change(rows: list[list[str]], at: int) -> None:
        place = NAMES.index(column)
        rows[at][place] = value(rows[at][place]) if callable(value) else value

    return change


def _swap(rows: list[list[str]], at: int) -> None:
    rows[at], rows[at + DEVICES] = rows[at + DEVICES], rows[at]


# What is done to a row, and how many rows further on the file's one defect is found, by which check.
DEFECTS: dict[str, tuple[Change, dict[str, int]]] = {
    "value": (
        _set("volume_liters", lambda text: f"{float(text) + 500:.3f}"),
        {"level_volume": 0, "mass_balance": 0},
    ),
    "reading": (_set("raw_mm_2", "65535"), {"sentinel": 0, "derived_level": 0}),
    "order": (_swap, {"time_order": DEVICES, "seq_order": DEVICES}),
    "missing line": (lambda rows, at: rows.__delitem__(at), {"seq_gap": DEVICES - 1}),
    "line twice": (
        lambda rows, at: rows.insert(at + 1, list(rows[at])),
        {"time_order": 1, "seq_duplicate": 1},
    ),
    "bad time": (_set("received_at", "2026-02-30T08:15:00.000Z"), {"timestamp": 0}),
    "out of range": (_set("temperature_c", "93.1"), {"temperature_range": 0}),
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    folder = tmp_path_factory.mktemp("whole")
    city = synthlab.load_scenario("demo_city_v1").with_changes(days=1)
    return synthlab.export_csv(city, end_at=END_AT, output_root=folder, state_file=folder / "state.json")


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", DEFECTS)
def test_one_defect_is_found_at_exactly_its_lines(
    name: str, seed: int, original: Artifact, tmp_path: Path
) -> None:
    change, checks = DEFECTS[name]
    at = random.Random(f"{name}-{seed}").randrange(3 * DEVICES, ROWS - 3 * DEVICES)
    folder = tmp_path / "edited"
    shutil.copytree(original.directory, folder)
    artifact = read_artifact(folder)
    header, *rows = [line.split(",") for line in artifact.csv_path.read_text().splitlines()]
    assert len(rows) == ROWS
    change(rows, at)
    artifact.csv_path.write_text("\n".join(",".join(row) for row in (header, *rows)) + "\n")
    resign(artifact)
    document = analyze_csv(folder, plots=False).to_dict()
    assert not document["qc_passed"]
    found = {
        (one["check"], line)
        for one in document["findings"]
        if one["flag"] == "FAIL"
        for line in range(one["first_line"], one["last_line"] + 1)
    }
    # Line 1 is the header.
    assert found == {(check, at + further + 2) for check, further in checks.items()}
