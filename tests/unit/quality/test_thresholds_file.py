"""Thresholds from a file: what it says counts, and what is wrong is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

import synthlab
from synthlab.errors import UsageError


def load(folder: Path, text: str | bytes) -> synthlab.Thresholds:
    path = folder / "limits.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return synthlab.load_thresholds(path)


def told(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(UsageError) as caught:
        load(folder, text)
    return [str(problem) for problem in caught.value.problems]


def test_what_the_file_leaves_out_keeps_its_default(tmp_path: Path) -> None:
    found = load(tmp_path, "# ours\ncreep_suspect_pct = 2\nlevel_suspect_span = [-1, 101.5]\n")
    assert found == synthlab.Thresholds(creep_suspect_pct=2, level_suspect_span=(-1, 101.5))
    assert load(tmp_path, "") == synthlab.Thresholds()


def test_every_fault_is_told_with_line_rule_and_remedy(tmp_path: Path) -> None:
    text = (
        "creep_suspekt_pct = 2\n"
        "spike_suspect_pct = '3'\n"
        "level_fail_span = [5]\n"
        "flat_line_tolerance_mm = 1.5\n"
        "\n"
        "sentinel_readings_mm = [0.5]\n"
        "rate_fail_factor = inf\n"
    )
    assert told(tmp_path, text) == [
        "limits.toml:1: creep_suspekt_pct: is no threshold, got 2. Did you mean creep_suspect_pct.",
        "limits.toml:2: spike_suspect_pct: needs a number of 0 or more, got '3'. It is in %, 3.0 by default.",
        "limits.toml:3: level_fail_span: needs two numbers, the lower one first, got [5]. "
        "It is in %, [-5.0, 110.0] by default.",
        "limits.toml:4: flat_line_tolerance_mm: needs a whole number, got 1.5. It is in mm, 2 by default.",
        "limits.toml:6: sentinel_readings_mm: needs whole numbers, got [0.5]. "
        "It is in mm, [0, 65535] by default.",
        "limits.toml:7: rate_fail_factor: needs a number of 0 or more, got inf. "
        "It is in fastest fills, 5.0 by default.",
    ]


def test_a_fail_limit_tighter_than_its_suspect_limit_is_refused(tmp_path: Path) -> None:
    (problem,) = told(tmp_path, "\ncreep_suspect_pct = 50\n")
    assert problem.startswith("limits.toml:2: thresholds.creep_fail_pct: must be at least as wide")


@pytest.mark.parametrize("text", ["a = \n", b"\xff", "x" * 70_000], ids=["syntax", "bytes", "size"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, text: str | bytes) -> None:
    (problem,) = told(tmp_path, text)
    assert problem.startswith("limits.toml:")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        synthlab.load_thresholds(tmp_path / "none.toml")


def test_an_analysis_uses_and_shows_the_limits_of_the_file(tmp_path: Path) -> None:
    from tests.frames import artifact_of, telemetry_frame

    artifact = artifact_of(telemetry_frame(steps=60), tmp_path)
    strict = tmp_path / "strict.toml"
    strict.write_text("temperature_suspect_span = [24, 25]\ntemperature_fail_span = [-10, 40]\n")
    usual = synthlab.analyze_csv(artifact.directory, plots=False)
    ours = synthlab.analyze_csv(artifact.directory, plots=False, thresholds=strict)
    assert usual.findings.counts["temperature_range"]["SUSPECT"] == 0
    assert ours.findings.counts["temperature_range"]["SUSPECT"] > 0
    assert ours.to_dict()["thresholds"]["temperature_suspect_span"] == [24, 25]
