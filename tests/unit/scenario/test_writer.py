"""Saving: the smallest diff that says the new thing, whole or not at all."""

from __future__ import annotations

import difflib
import stat
from pathlib import Path

import pytest

from synthlab.errors import DiskError, ScenarioError
from synthlab.scenario import writer
from synthlab.scenario.loader import load_scenario, loads_scenario
from synthlab.scenario.schema import Scenario
from synthlab.scenario.writer import dumps_scenario, save_scenario, updated_text

TEMPLATES = Path(__file__).parents[3] / "scenarios"

TEXT = """\
# An analyst's file.
seed:   7        # lucky
scenario_id: 'mine'

devices:
    # the first tank
    -   device_id: tank1   # lower case here
        archetype: "stationary_archetype_a"
        mode: STATIONARY
        cadence_seconds: 300
        dynamics:
            demand:
                target_daily_liters: 900
                hourly_weights: [1, 1, 1, 1, 1, 1,   # night
                                 2, 2, 2, 2, 2, 2,   # morning
                                 1.0, 1, 1, 1, 1, 1, 3, 3, 3, 3, 1, 1]

    # the second tank
    - { device_id: T2, archetype: stationary_archetype_c, mode: STATIONARY, cadence_seconds: 600 }
    # the end
"""


@pytest.fixture
def scenario() -> Scenario:
    return loads_scenario(TEXT)


def changed_lines(scenario: Scenario, text: str = TEXT) -> list[str]:
    """The lines that a save takes away and puts in; what results holds the scenario."""
    new = updated_text(text, scenario)
    assert loads_scenario(new) == scenario
    diff = difflib.unified_diff(text.splitlines(), new.splitlines(), lineterm="", n=0)
    return [line for line in list(diff)[2:] if not line.startswith("@@")]


def test_an_unchanged_scenario_leaves_the_text_as_it_is(scenario: Scenario) -> None:
    assert updated_text(TEXT, scenario) == TEXT


def test_a_number_changes_in_its_own_notation(scenario: Scenario) -> None:
    assert changed_lines(scenario.with_device("TANK1", target_daily_liters=1200.0)) == [
        "-                target_daily_liters: 900",
        "+                target_daily_liters: 1200",
    ]
    assert changed_lines(scenario.with_device("TANK1", target_daily_liters=1200.5)) == [
        "-                target_daily_liters: 900",
        "+                target_daily_liters: 1200.5",
    ]


def test_a_list_keeps_its_breaks_and_comments(scenario: Scenario) -> None:
    demand = scenario.device("TANK1").dynamics.demand  # type: ignore[union-attr]
    weights = [*demand.hourly_weights[:7], 2.5, *demand.hourly_weights[8:]]  # type: ignore[union-attr, index]
    assert changed_lines(scenario.with_device("TANK1", hourly_weights=weights)) == [
        "-                                 2, 2, 2, 2, 2, 2,   # morning",
        "+                                 2, 2.5, 2, 2, 2, 2,   # morning",
    ]


def test_quotes_brackets_and_columns_stay(scenario: Scenario) -> None:
    assert changed_lines(scenario.with_changes(scenario_id="yours", seed=8)) == [
        "-seed:   7        # lucky",
        "-scenario_id: 'mine'",
        "+seed:   8        # lucky",
        "+scenario_id: 'yours'",
    ]
    assert changed_lines(scenario.with_device("T2", cadence_seconds=900)) == [
        "-    - { device_id: T2, archetype: stationary_archetype_c, mode: STATIONARY, cadence_seconds: 600 }",
        "+    - { device_id: T2, archetype: stationary_archetype_c, mode: STATIONARY, cadence_seconds: 900 }",
    ]
    assert changed_lines(scenario.with_device("TANK1", archetype="stationary_archetype_c")) == [
        '-        archetype: "stationary_archetype_a"',
        '+        archetype: "stationary_archetype_c"',
    ]


def test_a_new_block_is_added_where_the_schema_has_it(scenario: Scenario) -> None:
    assert changed_lines(
        scenario.with_device("TANK1", weekday_multipliers=[1, 1, 1, 1, 1, 2, 2], no_echo_prob=0.1)
    ) == [
        "+                weekday_multipliers: [1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0]",
        "+        parameter_overrides:",
        "+          no_echo_prob: 0.1",
    ]
    assert changed_lines(scenario.with_changes(days=7)) == ["+bootstrap:", "+  days: 7"]


def test_a_block_taken_away_takes_its_lines(scenario: Scenario) -> None:
    assert changed_lines(scenario.with_device("TANK1", hourly_weights=None)) == [
        "-                hourly_weights: [1, 1, 1, 1, 1, 1,   # night",
        "-                                 2, 2, 2, 2, 2, 2,   # morning",
        "-                                 1.0, 1, 1, 1, 1, 1, 3, 3, 3, 3, 1, 1]",
    ]


def test_a_line_taken_away_makes_room_for_another(scenario: Scenario) -> None:
    changes = {"hourly_weights": None, "weekday_probability_multipliers": [1] * 7}
    assert changed_lines(scenario.with_device("TANK1", **changes))[3:] == [
        "+            supply:",
        "+              weekday_probability_multipliers: [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]",
    ]


def test_numbers_written_one_to_a_line_are_written_anew(scenario: Scenario) -> None:
    rows = "".join(f"\n                    - {n}" for n in range(1, 8))
    text = TEXT.replace("target_daily_liters: 900", f"weekday_multipliers:{rows}")
    days = loads_scenario(text).device("TANK1").dynamics.demand.weekday_multipliers  # type: ignore[union-attr]
    assert days == (1, 2, 3, 4, 5, 6, 7)
    changed = loads_scenario(text).with_device("TANK1", weekday_multipliers=[1, 2, 3, 4, 5, 6, 8])
    assert changed_lines(changed, text) == ["-                    - 7", "+                    - 8"]
    assert updated_text(text, changed.with_device("TANK1", weekday_multipliers=None)).count("- ") == 2


def test_the_last_value_of_a_block_leaves_it_empty(scenario: Scenario) -> None:
    text = updated_text(TEXT, scenario.with_device("TANK1", target_daily_liters=None))
    tank = loads_scenario(text).device("TANK1")
    empty = tank.model_copy(update={"dynamics": tank.dynamics.model_copy(update={"demand": None})})  # type: ignore[union-attr]
    wanted = scenario.model_copy(update={"devices": (empty, scenario.devices[1])})
    assert "        dynamics: {}\n" in updated_text(text, wanted)
    assert loads_scenario(updated_text(text, wanted)) == wanted


def test_the_first_key_of_an_item_goes_and_the_dash_stays() -> None:
    text = """\
scenario_id: s
devices:
  - reservoir_id: 00000000-0000-0000-0000-000000000001
    route_id: R  # not needed
    device_id: A
    archetype: stationary_archetype_a
    mode: STATIONARY
    cadence_seconds: 300
routes: [{route_id: R, points: []}]
"""
    scenario = loads_scenario(text).with_device("A", reservoir_id=None, route_id=None)
    assert changed_lines(scenario, text) == [
        "-  - reservoir_id: 00000000-0000-0000-0000-000000000001",
        "-    route_id: R  # not needed",
        "-    device_id: A",
        "+  - device_id: A",
    ]


def test_devices_come_and_go_without_touching_others(scenario: Scenario) -> None:
    first, second = scenario.devices
    third = second.model_copy(update={"device_id": "T3"})
    assert changed_lines(scenario.model_copy(update={"devices": (third, first, second)})) == [
        "+    - device_id: T3",
        "+      archetype: stationary_archetype_c",
        "+      mode: STATIONARY",
        "+      cadence_seconds: 600",
        "+",
    ]
    assert changed_lines(scenario.model_copy(update={"devices": (first,)})) == [
        "-    - { device_id: T2, archetype: stationary_archetype_c, mode: STATIONARY, cadence_seconds: 600 }",
    ]
    leading = updated_text(TEXT, scenario.model_copy(update={"devices": (third, first, second)}))
    assert "    # the first tank\n    -   device_id: tank1 " in leading
    fourth = second.model_copy(update={"device_id": "A4"})
    trailing = updated_text(TEXT, scenario.model_copy(update={"devices": (first, second, third, fourth)}))
    assert trailing.index("# lucky") < trailing.index("T2") < trailing.index("T3") < trailing.index("A4")
    last = updated_text(trailing, loads_scenario(trailing).model_copy(update={"devices": (first, fourth)}))
    assert "\n\n\n" not in last
    reordered = updated_text(TEXT, scenario.model_copy(update={"devices": (second, first)}))
    assert loads_scenario(reordered).devices == (second, first)
    assert reordered.startswith("# An analyst's file.\nseed:   7        # lucky\n")


def test_places_are_rows() -> None:
    scenario = load_scenario("mobile_only_v1")
    route = scenario.route("ROUTE_DENSE")
    point = route.points[2].model_copy(update={"point_id": "CLIENT_N9", "zone_id": None})
    routes = (route.model_copy(update={"points": (*route.points, point)}), scenario.routes[1])
    template = (TEMPLATES / "mobile_only_v1.yaml").read_text(encoding="utf-8")
    assert changed_lines(scenario.model_copy(update={"routes": routes}), template) == [
        "+      - {point_id: CLIENT_N9, kind: CLIENT, latitude: -8.829, longitude: 13.3195}",
    ]
    fewer = (route.model_copy(update={"transitions": ()}), scenario.routes[1])
    taken = changed_lines(scenario.model_copy(update={"routes": fewer}), template)
    assert [line for line in taken if not line.startswith("-      - {from_kind")] == ["-    transitions:"]


def test_an_empty_value_gets_one() -> None:
    text = """\
scenario_id: s
mqtt:  # later
devices:
  - {device_id: A, archetype: stationary_archetype_a, mode: STATIONARY, cadence_seconds: 60, route_id: }
"""
    scenario = loads_scenario(text)
    assert updated_text(text, scenario) == text
    assert updated_text(text, scenario.with_changes(port=1)).splitlines()[1:3] == [
        "mqtt:",
        "  port: 1  # later",
    ]


def test_windows_line_ends_stay() -> None:
    text = TEXT.replace("\n", "\r\n")
    new = updated_text(text, loads_scenario(text).with_changes(days=3, seed=1))
    assert new.count("\n") == new.count("\r\n") == text.count("\n") + 2


def test_a_file_of_comments_gets_the_scenario_below(scenario: Scenario) -> None:
    assert updated_text("# mine\n", scenario) == "# mine\n" + dumps_scenario(scenario)


def test_a_new_file_is_well_ordered() -> None:
    data = {
        "routes": [
            {
                "points": [{"longitude": 13, "latitude": -8, "kind": "BASE", "point_id": "0123"}],
                "route_id": "NO",
                "transitions": [{"from_kind": "BASE", "to_kind": "BASE", "probability": 1}],
            }
        ],
        "devices": [
            {
                "cadence_seconds": 60,
                "mode": "MOBILE",
                "route_id": "NO",
                "archetype": "mobile_high_efficiency",
                "device_id": "b",
                "parameter_overrides": {"loss_fraction": 0.5, "battery_kind": "lipo"},
            },
            {
                "cadence_seconds": 300,
                "mode": "STATIONARY",
                "archetype": "stationary_archetype_a",
                "device_id": "a",
                "dynamics": {"demand": {"weekday_multipliers": [1] * 7}},
            },
        ],
        "bootstrap": {"days": 2},
        "scenario_id": "null",
        "seed": 42,
    }
    assert (
        dumps_scenario(Scenario.from_dict(data))
        == """\
scenario_id: "null"
seed: 42

bootstrap:
  days: 2

devices:
  - device_id: B
    archetype: mobile_high_efficiency
    mode: MOBILE
    cadence_seconds: 60
    route_id: NO
    parameter_overrides:
      loss_fraction: 0.5
      battery_kind: lipo

  - device_id: A
    archetype: stationary_archetype_a
    mode: STATIONARY
    cadence_seconds: 300
    dynamics:
      demand:
        weekday_multipliers: [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]

routes:
  - route_id: NO
    points:
      - {point_id: "0123", kind: BASE, latitude: -8.0, longitude: 13.0}
    transitions:
      - {from_kind: BASE, to_kind: BASE, probability: 1.0}
"""
    )


def test_saving_makes_folders_and_returns_the_path(scenario: Scenario, tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "s.yaml"
    assert save_scenario(scenario, path) == path
    assert load_scenario(path) == scenario
    assert [entry.name for entry in path.parent.iterdir()] == ["s.yaml"]


def test_saving_keeps_mode_mark_and_link(scenario: Scenario, tmp_path: Path) -> None:
    path, link = tmp_path / "s.yaml", tmp_path / "link.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    path.chmod(0o640)
    link.symlink_to(path)
    save_scenario(scenario.with_changes(seed=1), link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.read_bytes() == b"\xef\xbb\xbf" + TEXT.replace("seed:   7", "seed:   1").encode()


def test_an_unchanged_file_is_not_written(scenario: Scenario, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)
    before = path.stat()
    save_scenario(scenario, path)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("text", ["a: [1\n", "a: 1\na: 2\n", "a: &b 1\n"])
def test_a_file_that_cannot_be_read_is_not_overwritten(text: str, scenario: Scenario, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(ScenarioError):
        save_scenario(scenario, path)
    assert path.read_text() == text


def test_an_invalid_scenario_can_be_saved_over(scenario: Scenario, tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT.replace("seed:   7", "sed:   7").replace("900", "-900"))
    save_scenario(scenario.with_changes(seed=None), path)
    assert "target_daily_liters: 900\n" in path.read_text()
    assert path.read_text().startswith("# An analyst's file.\nscenario_id: 'mine'\n")


def test_a_refused_write_harms_nothing(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer.os, "fsync", full)
    with pytest.raises(DiskError) as caught:
        save_scenario(scenario.with_changes(seed=1), path)
    assert str(caught.value) == (
        f"{path}: cannot be written: No space left on device. "
        "Free space or choose another folder, and run again; what was there is unharmed."
    )
    assert path.read_text() == TEXT
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.yaml"]
