"""Fixtures of every test: a scratch folder, a tiny scenario, a fixed window."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from synthlab.scenario.schema import Scenario

pytest_plugins = ["tests.services"]

REPOSITORY = Path(__file__).resolve().parents[1]
END_AT = datetime(2026, 2, 12, 10, tzinfo=UTC)

# Deadlines would measure the machine; derandomized, a failure can be seen again.
_SHARED = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("ci", max_examples=15, derandomize=True, **_SHARED)
settings.register_profile("dev", max_examples=15, **_SHARED)
settings.register_profile("long", max_examples=500, **_SHARED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# Long files of few tests come first: one that begins late would end alone, with the other workers idle.
_FIRST = ("tests/notebooks/", "tests/faults/", "tests/browser/", "tests/docs/", "tests/properties/")

# No configuration of the machine may reach a test.
_CONFIGURATION = (
    "SYNTHLAB_DATABASE_URL",
    "SYNTHLAB_DATABASE_URL_FILE",
    "SYNTHLAB_BROKER_URL",
    "SYNTHLAB_BROKER_PASSWORD",
    "SYNTHLAB_BROKER_PASSWORD_FILE",
    "SYNTHLAB_INGEST",
    "SYNTHLAB_REQUIRE_APPROVAL",
    "SYNTHLAB_MQTT_CERT_PATH",
    "SYNTHLAB_MQTT_KEY_PATH",
    "SYNTHLAB_MQTT_CA_PATH",
    "SYNTHLAB_DEBUG",
)

TINY_SCENARIO = """\
scenario_id: tiny
seed: 7
bootstrap: {days: 1, step_minutes: 30}
devices:
  - device_id: E2ETINYSTAT1
    archetype: stationary_archetype_a
    mode: STATIONARY
    cadence_seconds: 300
  - device_id: E2ETINYMOB1
    archetype: mobile_high_efficiency
    mode: MOBILE
    cadence_seconds: 300
    route_id: LOOP
routes:
  - route_id: LOOP
    points:
      - {point_id: B1, kind: BASE, latitude: -17.78, longitude: -63.18}
      - {point_id: R1, kind: REFILL, latitude: -17.76, longitude: -63.20}
      - {point_id: C1, kind: CLIENT, latitude: -17.80, longitude: -63.15}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        return next((n for n, folder in enumerate(_FIRST) if item.nodeid.startswith(folder)), len(_FIRST))

    items.sort(key=turn)


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _CONFIGURATION:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, empty: relative defaults land here."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of loopback that refuses: held, so that nobody else is given it meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


@pytest.fixture
def end_at() -> datetime:
    return END_AT


@pytest.fixture
def tiny_text() -> str:
    """YAML of one tank and one truck, 1 day by 30 minutes: 49 rows a device."""
    return TINY_SCENARIO


@pytest.fixture
def tiny_path(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_SCENARIO, encoding="utf-8")
    return path


@pytest.fixture
def tiny_scenario() -> Scenario:
    from synthlab.scenario.loader import loads_scenario

    return loads_scenario(TINY_SCENARIO, file="tiny.yaml")
