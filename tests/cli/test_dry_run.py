"""dry-run: tendencies on stderr for people, in the JSON for programs."""

from __future__ import annotations

import re
from pathlib import Path

from tests.cli.conftest import Cli

START_AT = "2026-02-10T00:00:00Z"


def test_expected_tendencies_stand_beside_those_of_the_preview(cli: Cli, scratch: Path) -> None:
    shown = cli(
        *("--scenario", "stationary_only_v1", "dry-run"), *("--preview-steps", "289", "--start-at", START_AT)
    )
    assert shown.exit_code == 0, shown.stderr
    first = shown.json["devices"][0]
    value = first["preview_tendencies"]["supply_fragmentation_index"]
    lines = [line.split("  ") for line in shown.stderr.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert ["device", "metric", "expected", "preview"] in cells
    assert [
        *("E2E2024STATA1", "supply_fragmentation_index", "lower than stationary_archetype_c"),
        f"{value:.3f}",
    ] in cells
    table = [line for line in shown.stderr.splitlines() if "stationary_archetype_" in line]
    assert len({line.index("than ") for line in table if "lower" in line}) == 1


def test_too_short_a_preview_says_so(cli: Cli, tiny: tuple[str, str], scratch: Path) -> None:
    shown = cli(*tiny, "dry-run", "--preview-steps", "2", "--start-at", START_AT)
    assert shown.exit_code == 0
    assert "null" not in shown.stderr
    (needed,) = re.findall(r"24 h shows how they turn out: --preview-steps (\d+)\.", shown.stderr)
    assert int(needed) == shown.json["tendency_steps"]
    longer = cli(*tiny, "dry-run", "--preview-steps", needed, "--start-at", START_AT)
    assert longer.stderr.splitlines()[1].split() == ["device", "metric", "expected", "preview"]
    assert "TOO_SHORT" not in longer.stdout
    for device in shown.json["devices"]:
        assert set(device["preview_tendencies"].values()) == {None}
        assert device["preview_null_reasons"][
            "liters_per_km" if "MOB" in device["device_id"] else "runout_prob"
        ]


def test_too_many_steps_name_the_option_that_asks_for_them(cli: Cli, tiny: tuple[str, str]) -> None:
    refused = cli(*tiny, "dry-run", "--preview-steps", "100000000")
    assert refused.exit_code == 3
    assert "steps: would make more than 50,000,000 rows" in refused.stderr
    assert "--preview-steps" in refused.stderr
    assert "--max-rows" not in refused.stderr
