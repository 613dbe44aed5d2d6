"""validate, preview, reservoirs: what they say, and that they only look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import synthlab
from synthlab.columns import frame_problems
from synthlab.errors import PreflightError, UsageError
from synthlab.scenario.loader import loads_scenario

Query = Callable[[str, str], list[tuple[Any, ...]]]


def test_validate_on_a_platform_that_fits(tiny_scenario: synthlab.Scenario, platform: str) -> None:
    report = synthlab.validate(tiny_scenario, database=platform, strict=True)
    assert report.passed
    assert report.devices_validated == ("E2ETINYMOB1", "E2ETINYSTAT1")
    assert (report.warnings, report.errors) == ((), ())
    assert report.failure() is None


def test_validate_without_a_platform(tiny_scenario: synthlab.Scenario, scratch: Path) -> None:
    report = synthlab.validate(tiny_scenario)
    assert report.passed
    assert (report.has_platform, report.devices_validated) == (False, ())
    assert {problem.code for problem in report.warnings} == {"DEVICE_NOT_FOUND", "RESERVOIR_ASSUMED"}
    strict = synthlab.validate(tiny_scenario, strict=True)
    assert not strict.passed
    assert strict.warnings == ()
    error = strict.failure()
    assert isinstance(error, PreflightError)
    assert [problem.severity for problem in error.problems] == ["error"] * 4
    assert list(scratch.iterdir()) == []


CREDENTIALS = "MQTT_CREDENTIALS_MISSING"


@pytest.mark.parametrize("host", ["", "host: 127.0.0.1, port: 1883, ", "host: 127.0.0.1, "])
def test_validate_misses_certificates_that_are_named(
    tiny_text: str, sqlite_platform: str, scratch: Path, host: str
) -> None:
    mqtt = f'mqtt: {{{host}cert_path: "{{device_id}}.pem", key_path: any.key}}\n'
    scenario = loads_scenario(tiny_text + mqtt)
    for name in ("any.key", "E2ETINYSTAT1.pem"):
        (scratch / name).touch()
    report = synthlab.validate(scenario, database=sqlite_platform)
    (error,) = report.errors
    assert (error.code, error.path, error.value) == (CREDENTIALS, "mqtt.cert_path", "'E2ETINYMOB1.pem'")
    assert (report.passed, report.devices_validated) == (False, ("E2ETINYSTAT1",))
    (scratch / "E2ETINYMOB1.pem").touch()
    assert synthlab.validate(scenario, database=sqlite_platform, strict=True).passed


def test_validate_misses_certificates_that_the_environment_names(
    tiny_text: str, sqlite_platform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHLAB_MQTT_CERT_PATH", "no.pem")
    monkeypatch.setenv("SYNTHLAB_MQTT_KEY_PATH", "no.key")
    plain = loads_scenario(tiny_text + "mqtt: {host: 127.0.0.1, port: 1883}\n")
    assert synthlab.validate(plain, database=sqlite_platform, strict=True).passed
    secure = loads_scenario(tiny_text + "mqtt: {host: 127.0.0.1}\n")
    report = synthlab.validate(secure, database=sqlite_platform)
    # Once each, though both devices miss them.
    assert [(error.code, error.value) for error in report.errors] == [
        (CREDENTIALS, "'no.pem'"),
        (CREDENTIALS, "'no.key'"),
    ]
    assert report.devices_validated == ()


def test_validate_warns_of_tls_without_a_certificate(tiny_text: str, sqlite_platform: str) -> None:
    scenario = loads_scenario(tiny_text + "mqtt: {host: 127.0.0.1}\n")
    report = synthlab.validate(scenario, database=sqlite_platform)
    assert report.passed
    assert [problem.path for problem in report.warnings] == ["mqtt.cert_path", "mqtt.key_path"]
    assert {problem.code for problem in report.warnings} == {CREDENTIALS}
    assert len(report.devices_validated) == 2
    strict = synthlab.validate(scenario, database=sqlite_platform, strict=True)
    assert [problem.code for problem in strict.errors] == [CREDENTIALS] * 2


def test_report_as_json_has_text_and_records(tiny_scenario: synthlab.Scenario, scratch: Path) -> None:
    content = synthlab.validate(tiny_scenario).to_dict()
    assert all(isinstance(warning, str) for warning in content["warnings"])
    assert [record["severity"] for record in content["findings"]] == ["warning"] * 4


def test_preview_has_the_asked_steps_of_every_device(
    tiny_scenario: synthlab.Scenario, end_at: datetime, scratch: Path
) -> None:
    preview = synthlab.preview(tiny_scenario, steps=4, start_at=end_at)
    assert frame_problems(preview.frame) == []
    assert preview.frame.groupby("device_id", observed=True)["seq"].agg(list).to_dict() == {
        "E2ETINYMOB1": [1, 2, 3, 4],
        "E2ETINYSTAT1": [1, 2, 3, 4],
    }
    assert preview.frame["received_at"].iloc[0] == pd.Timestamp(end_at)
    assert list(scratch.iterdir()) == []


def test_preview_samples_are_the_frame(
    tiny_scenario: synthlab.Scenario, end_at: datetime, scratch: Path
) -> None:
    preview = synthlab.preview(tiny_scenario, steps=2, start_at=end_at)
    truck, tank = preview.to_dict()["devices"]
    assert (truck["device_id"], tank["archetype"]) == ("E2ETINYMOB1", "stationary_archetype_a")
    row = preview.frame[preview.frame["device_id"] == "E2ETINYSTAT1"].iloc[1]
    sample = tank["samples"][1]
    assert sample["raw_samples"] == [int(row[f"raw_mm_{i}"]) for i in range(5)]
    assert sample["level_pct"] == row["level_pct"]
    assert "latitude" not in sample
    assert "latitude" in truck["samples"][0]


def test_preview_of_devices_with_unlike_steps(tiny_text: str, end_at: datetime, scratch: Path) -> None:
    unlike = tiny_text.replace("cadence_seconds: 300", "cadence_seconds: 3600", 1)
    preview = synthlab.preview(loads_scenario(unlike), steps=3, start_at=end_at)
    assert preview.frame["device_id"].value_counts().to_dict() == {"E2ETINYMOB1": 3, "E2ETINYSTAT1": 3}


def test_preview_without_a_start_says_so(tiny_scenario: synthlab.Scenario, scratch: Path) -> None:
    preview = synthlab.preview(tiny_scenario, steps=1)
    assert any("start_at is not given" in warning for warning in preview.warnings)
    first = preview.frame["received_at"].iloc[0]
    assert first == first.normalize()


@pytest.mark.parametrize("steps", [0, -1])
def test_preview_of_nothing_is_refused(tiny_scenario: synthlab.Scenario, steps: int) -> None:
    with pytest.raises(UsageError) as caught:
        synthlab.preview(tiny_scenario, steps=steps)
    assert caught.value.code == "BAD_ARGUMENT"


def test_preview_uses_the_platforms_reservoir(
    tiny_scenario: synthlab.Scenario, platform: str, end_at: datetime, query: Query
) -> None:
    def tank_volume() -> float:
        frame = synthlab.preview(tiny_scenario, steps=1, start_at=end_at, database=platform).frame
        return float(frame.set_index("device_id").loc["E2ETINYSTAT1", "volume_liters"])

    before = tank_volume()
    query(platform, "UPDATE reservoirs SET capacity_liters = capacity_liters * 2")
    assert tank_volume() == pytest.approx(2 * before, rel=0.05)


def test_reservoirs_are_what_was_provisioned(tiny_scenario: synthlab.Scenario, platform: str) -> None:
    table = synthlab.reservoirs(database=platform)
    assert list(table.index) == ["E2ETINYMOB1", "E2ETINYSTAT1"]
    assert table.loc["E2ETINYMOB1", "mobility"] == "MOBILE"
    assert (table["capacity_liters"] > 0).all()


def test_reservoirs_go_into_backfill(
    tiny_scenario: synthlab.Scenario, platform: str, end_at: datetime
) -> None:
    table = synthlab.reservoirs(database=platform)
    with_table = synthlab.backfill(tiny_scenario, end_at=end_at, reservoirs=table).frame
    without = synthlab.backfill(tiny_scenario, end_at=end_at).frame
    pd.testing.assert_frame_equal(with_table, without)


def test_reservoirs_without_a_platform(sqlite_url: str) -> None:
    with pytest.raises(PreflightError) as caught:
        synthlab.reservoirs(database=sqlite_url)
    assert caught.value.code == "PLATFORM_SCHEMA_MISSING"


def test_provision_twice_changes_nothing(
    tiny_scenario: synthlab.Scenario, platform: str, query: Query
) -> None:
    before = query(platform, "SELECT * FROM devices ORDER BY 1")
    again = synthlab.provision(tiny_scenario, database=platform)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 2)
    assert again.assumed == ("E2ETINYMOB1", "E2ETINYSTAT1")
    assert query(platform, "SELECT * FROM devices ORDER BY 1") == before
