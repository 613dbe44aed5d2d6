"""fit: measurements on disk become a scenario's numbers, or one error with a remedy."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

import synthlab
from tests.cli.conftest import Cli
from tests.households import homes, hourly

SCENARIO = """\
scenario_id: fitted  # kept
devices:
  - device_id: TANK1
    archetype: stationary_archetype_a
    mode: STATIONARY
    cadence_seconds: 300
    dynamics:
      demand:
        target_daily_liters: 1.0  # replaced
        weekend_hourly_weights: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]
  - device_id: H001
    archetype: stationary_archetype_c
    mode: STATIONARY
    cadence_seconds: 300
"""


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return homes([300.0, 800.0], days=28, step_minutes=15, overrides={"demand_habit_strength": 0.0})


@pytest.fixture
def meter(frame: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "meter.csv"
    hourly(frame).to_csv(path, index=False)
    return path


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


def test_json_says_what_the_verb_says(cli: Cli, meter: Path) -> None:
    ended = cli("fit", "--from", str(meter), "--device", "H001")
    assert ended.exit_code == 0
    fit = synthlab.fit_demand(meter, device="H001")
    assert ended.json == {
        "command": "fit",
        "kind": "demand",
        "written": [],
        "device_id": None,
        **fit.to_dict(),
    }
    assert ended.stderr.splitlines()[0] == "demand fitted to 28 days; nothing written."
    assert all(f"warning: {warning}" in ended.stderr for warning in fit.warnings)


def test_out_is_yaml(cli: Cli, meter: Path, tmp_path: Path) -> None:
    out = tmp_path / "fit.yaml"
    ended = cli("fit", "--from", str(meter), "--device", "H000", "--out", str(out))
    assert ended.json["written"] == ["fit.yaml"]
    blocks = yaml.safe_load(out.read_text(encoding="utf-8"))
    assert blocks["dynamics"] == ended.json["dynamics"]


def test_a_device_of_the_scenario_gets_the_fit(cli: Cli, meter: Path, scenario: Path) -> None:
    ended = cli(
        *("--scenario", str(scenario), "fit", "--from", str(meter)),
        *("--device", "TANK1", "--household", "H001"),
    )
    assert ended.exit_code == 0
    assert ended.json["device_id"] == "TANK1"
    text = scenario.read_text(encoding="utf-8")
    assert text.startswith("scenario_id: fitted  # kept\n")
    device = synthlab.load_scenario(scenario).device("TANK1")
    demand = device.dynamics.demand
    fitted = ended.json["dynamics"]["demand"]
    assert demand.model_dump(exclude_none=True, mode="json", exclude={"process"}) == fitted
    # No weekend in the data: the one that stood there is gone.
    assert ("weekend_hourly_weights" in text) == (
        "weekend_hourly_weights" in ended.json["dynamics"]["demand"]
    )
    assert device.parameter_overrides["demand_profile_spread"] == 0.0
    assert "weekday_multipliers" not in SCENARIO


def test_the_devices_own_series_is_found(cli: Cli, meter: Path, scenario: Path) -> None:
    ended = cli("--scenario", str(scenario), "fit", "--from", str(meter), "--device", "h001")
    own = synthlab.fit_demand(meter, device="H001")
    assert ended.json["target_daily_liters"] == own.target_daily_liters


def test_supply_of_a_level(cli: Cli, frame: pd.DataFrame, scenario: Path, tmp_path: Path) -> None:
    path = tmp_path / "level.csv"
    frame[["device_id", "received_at", "measured_level_pct"]].to_csv(path, index=False)
    ended = cli(
        *("--scenario", str(scenario), "fit", "--from", str(path), "--kind", "supply"),
        *("--device", "H001", "--capacity-liters", "5000"),
    )
    assert ended.exit_code == 0
    device = synthlab.load_scenario(scenario).device("H001")
    assert device.parameter_overrides["supply_regime"] == ended.json["regime"]
    assert device.dynamics.supply.hourly_probability_multipliers is not None


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code", "text"),
    [
        (("--from", "nowhere.csv"), 5, "ARTIFACT_NOT_FOUND", "nowhere.csv: there is no such file"),
        (("--from", "meter.csv", "--device", "X"), 2, "BAD_ARGUMENT", "They hold H000, H001"),
        (("--from", "meter.csv", "--kind", "trips"), 2, "BAD_ARGUMENT", "demand or supply"),
        (("--from", "meter.csv", "--out", "no/such/fit.yaml"), 12, "DISK_WRITE_FAILED", "cannot be written"),
        (("--from", "scenario.yaml"), 5, "ARTIFACT_ROW_INVALID", "is no CSV table"),
    ],
)
def test_what_goes_wrong(
    cli: Cli,
    meter: Path,
    scenario: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    exit_code: int,
    code: str,
    text: str,
) -> None:
    monkeypatch.chdir(meter.parent)
    ended = cli("fit", *arguments)
    assert ended.exit_code == exit_code
    assert ended.json["error"]["code"] == code
    assert text in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_template_is_not_written(cli: Cli, meter: Path) -> None:
    ended = cli("--scenario", "stationary_only_v1", "fit", "--from", str(meter), "--device", "E2E2024STATA1")
    assert ended.exit_code == 2
    assert "must be a file" in ended.stderr


def test_a_truck_has_no_demand(cli: Cli, meter: Path, tiny_path: Path) -> None:
    before = tiny_path.read_bytes()
    ended = cli(
        *("--scenario", str(tiny_path), "fit", "--from", str(meter)),
        *("--device", "E2ETINYMOB1", "--household", "H001"),
    )
    assert ended.exit_code == 3
    assert tiny_path.read_bytes() == before


HOURS = [f"2026-01-{day:02}T{hour:02}:00:00Z" for day in range(5, 12) for hour in range(24)]


def _csv(header: str, cell: str, mark: str = ",") -> bytes:
    return (f"{header}\n" + "".join(f"{at}{mark}{cell}\n" for at in HOURS)).encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_csv("time;liters", "12,5", ";"), "f.csv: is no CSV table, got 'columns separated by semicolons'"),
        (_csv("time\tliters", "12.5", "\t"), "f.csv: is no CSV table, got 'columns separated by tabs'"),
        (_csv("time,liters", "1").decode().encode("utf-16"), "f.csv: is no CSV table, got 'another encoding"),
        (_csv("when,liters", "1"), "f.csv: columns: needs a column of time"),
        (_csv("time,liters", "0"), "f.csv: needs a day of hours, and some water drawn in it"),
        (_csv("time,liters", "-3"), "f.csv: liters: needs numbers that are not negative"),
        (_csv("time,level_pct", "50"), "f.csv: capacity_liters: a level needs its reservoir's capacity"),
    ],
)
def test_a_table_that_is_none_is_named_with_its_fault(
    cli: Cli, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(content)
    ended = cli("fit", "--from", path, "--capacity-liters", "0")
    assert ended.exit_code in (2, 5)
    assert said in ended.stderr
    assert "f.csv" in ended.problem["file"]
    if "capacity" in said:
        assert "got 0." in ended.stderr
