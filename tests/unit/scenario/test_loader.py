"""Reading files: every rule, every problem at once, with its place, and hostile input."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from synthlab.errors import Problem, ScenarioError
from synthlab.scenario.compose import MAX_BYTES, MAX_DEPTH, MAX_NODES
from synthlab.scenario.loader import load_scenario, loads_scenario, template_names

VALID = """\
scenario_id: s
devices:
  - device_id: A1
    archetype: stationary_archetype_a
    mode: STATIONARY
    cadence_seconds: 300
"""

TRUCK = """\
scenario_id: s
devices:
  - {device_id: T1, archetype: mobile_high_efficiency, mode: MOBILE, cadence_seconds: 60, route_id: R}
routes:
  - route_id: R
    points:
      - {point_id: B, kind: BASE, latitude: -8.8, longitude: 13.2}
"""


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(ScenarioError) as caught:
        loads_scenario(text, file="s.yaml")
    return caught.value.problems


def only(text: str) -> Problem:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def with_device(*lines: str) -> str:
    return VALID + "".join(f"    {line}\n" for line in lines)


def test_three_faults_are_reported_together_in_full() -> None:
    text = """\
scenario_id: three
devices:
  - device_id: A1
    archetype: stationary_archetype_a
    mode: STATIONARY
    cadence_second: 300
    dynamics:
      demand:
        hourly_weights: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
  - device_id: T1
    archetype: mobile_high_efficiency
    mode: MOBILE
    cadence_seconds: 60
    route_id: NORHT
routes:
  - route_id: NORTH
    points: []
"""
    with pytest.raises(ScenarioError) as caught:
        loads_scenario(text, file="three.yaml")
    assert str(caught.value) == (
        "three.yaml:3: devices[0].cadence_seconds: is required. "
        "Add it: 60..3600, time between two emissions [seconds].\n"
        "three.yaml:6: devices[0].cadence_second: unknown key. Did you mean cadence_seconds? "
        "Allowed: archetype, cadence_seconds, device_id, dynamics, mode, network, parameter_overrides, "
        "power, radio, reservoir, reservoir_id, route_id, sensor.\n"
        "three.yaml:9: devices[0].dynamics.demand.hourly_weights: needs 24 values, got 23. "
        "Expected: 24 numbers > 0, one for each hour 0..23 UTC.\n"
        "three.yaml:14: devices[1].route_id: must name one of the routes, got 'NORHT'. "
        "Did you mean NORTH? Allowed: NORTH."
    )
    assert [(p.line, p.column) for p in caught.value.problems] == [(3, 5), (6, 5), (9, 25), (14, 15)]
    assert [p.code for p in caught.value.problems] == [
        "SCENARIO_FIELD_INVALID",
        "SCENARIO_UNKNOWN_KEY",
        "SCENARIO_FIELD_INVALID",
        "SCENARIO_REFERENCE_INVALID",
    ]
    assert caught.value.exit_code == 3


def test_defaults_are_the_guides() -> None:
    scenario = loads_scenario(VALID)
    assert (scenario.seed, scenario.timezone, scenario.speedup_factor) == (42, "UTC", 1.0)
    assert (scenario.mqtt.host, scenario.mqtt.port) == (None, 8883)
    bootstrap = scenario.bootstrap
    assert (bootstrap.days, bootstrap.step_minutes, bootstrap.drain_analytics) == (30, 5, True)
    assert scenario.routes == ()
    assert scenario.devices[0].dynamics is None


@pytest.mark.parametrize(
    ("line", "path", "rule"),
    [
        ("seed: '42'", "seed", "needs a whole number"),
        ("seed: true", "seed", "needs a whole number"),
        ("seed: 42.0", "seed", "needs a whole number"),
        ("seed:", "seed", "needs a whole number"),
        ("seed: 9223372036854775808", "seed", "must be <= 9.22337203685478e+18"),
        ("timezone: Europe/Berlin", "timezone", "must be UTC"),
        ("speedup_factor: 0", "speedup_factor", "must be > 0"),
        ("speedup_factor: .inf", "speedup_factor", "must be a finite number"),
        ("speedup_factor: .NaN", "speedup_factor", "must be a finite number"),
        ("speedup_factor: 1e999", "speedup_factor", "must be a finite number"),
        ("mqtt: {port: 0}", "mqtt.port", "must be >= 1"),
        ("mqtt: {port: 65536}", "mqtt.port", "must be <= 65535"),
        ("mqtt: {host: mqtt://me:secret@there}", "mqtt.host", "must be a host name or address alone"),
        ("mqtt: {cert_path: ''}", "mqtt.cert_path", "must not be empty"),
        ("mqtt: 5", "mqtt", "needs a block of keys and values"),
        ("bootstrap: {days: 0}", "bootstrap.days", "must be >= 1"),
        ("bootstrap: {days: 366}", "bootstrap.days", "must be <= 365"),
        ("bootstrap: {step_minutes: 0}", "bootstrap.step_minutes", "must be >= 1"),
        ("bootstrap: {step_minutes: 61}", "bootstrap.step_minutes", "must be <= 60"),
        ("bootstrap: {drain_analytics: yes}", "bootstrap.drain_analytics", "needs true or false"),
        ("bootstrap: {drain_analytics: 1}", "bootstrap.drain_analytics", "needs true or false"),
        ("routes: {}", "routes", "needs a list"),
    ],
)
def test_root_fields(line: str, path: str, rule: str) -> None:
    problem = only(f"{VALID}{line}\n")
    assert (problem.path, problem.rule, problem.line) == (path, rule, 7)


HOURS = "[" + ", ".join(["1"] * 24) + "]"


@pytest.mark.parametrize(
    ("line", "path", "rule"),
    [
        ("device_id: ıd", "device_id", "must be ASCII letters, digits, '_' and '-', a letter or digit first"),
        ("device_id: -A", "device_id", "must be ASCII letters, digits, '_' and '-', a letter or digit first"),
        (
            "device_id: 'A\n\n      B'",
            "device_id",
            "must be ASCII letters, digits, '_' and '-', a letter or digit first",
        ),
        (f"device_id: {'A' * 65}", "device_id", "needs at most 64 characters"),
        ("device_id: 12", "device_id", "needs text"),
        ("cadence_seconds: 59", "cadence_seconds", "must be >= 60"),
        ("cadence_seconds: 3601", "cadence_seconds", "must be <= 3600"),
        ("cadence_seconds: 300.0", "cadence_seconds", "needs a whole number"),
        ("mode: stationary", "mode", "must be STATIONARY or MOBILE"),
        (
            "mode: MOBILE\n    route_id: R",
            "archetype",
            "is an archetype for mode STATIONARY, and the mode here is MOBILE",
        ),
        ("reservoir_id: 1234", "reservoir_id", "needs text"),
        ("reservoir_id: 6b1f8f8e-1111-2222-3333-44445555666", "reservoir_id", "must be a UUID"),
        ("route_id: NONE", "route_id", "must name one of the routes"),
        (
            "dynamics: {demand: {target_daily_liters: 0}}",
            "dynamics.demand.target_daily_liters",
            "must be > 0",
        ),
        ("dynamics: {demand: {hourly_weights: [1]}}", "dynamics.demand.hourly_weights", "needs 24 values"),
        (
            f"dynamics: {{demand: {{hourly_weights: {HOURS.replace('1', '0', 1)}}}}}",
            "dynamics.demand.hourly_weights[0]",
            "must be > 0",
        ),
        (
            f"dynamics: {{demand: {{hourly_weights: {HOURS.replace('1', 'x', 1)}}}}}",
            "dynamics.demand.hourly_weights[0]",
            "needs a number",
        ),
        (
            f"dynamics: {{demand: {{weekend_hourly_weights: {HOURS.replace('1', '1e-300')}}}}}",
            "dynamics.demand.weekend_hourly_weights",
            "needs a sum of at least 1e-06",
        ),
        (
            f"dynamics: {{demand: {{weekday_multipliers: {HOURS}}}}}",
            "dynamics.demand.weekday_multipliers",
            "needs 7 values",
        ),
        (
            "dynamics: {demand: {weekday_multipliers: [1, 1, 1, 1, 1, 1, 0]}}",
            "dynamics.demand.weekday_multipliers[6]",
            "must be > 0",
        ),
        ("dynamics: {demand: {process: noise}}", "dynamics.demand.process", "must be events or expected"),
        (
            f"dynamics: {{supply: {{hourly_probability_multipliers: {HOURS.replace('1', '-1', 1)}}}}}",
            "dynamics.supply.hourly_probability_multipliers[0]",
            "must be >= 0",
        ),
        (
            "dynamics: {supply: {hourly_volume_multipliers: [0]}}",
            "dynamics.supply.hourly_volume_multipliers",
            "needs 24 values",
        ),
        (
            "dynamics: {supply: {weekday_probability_multipliers: [0]}}",
            "dynamics.supply.weekday_probability_multipliers",
            "needs 7 values",
        ),
        (
            "parameter_overrides: {no_echo_prob: 1.5}",
            "parameter_overrides.no_echo_prob",
            "must be a number 0..1",
        ),
        (
            "parameter_overrides: {no_echo_prob: '1'}",
            "parameter_overrides.no_echo_prob",
            "must be a number 0..1",
        ),
        (
            "parameter_overrides: {no_echo_prob: true}",
            "parameter_overrides.no_echo_prob",
            "must be a number 0..1",
        ),
        (
            "parameter_overrides: {battery_kind: gas}",
            "parameter_overrides.battery_kind",
            "must be one of solar, lipo, primary, mains",
        ),
        ("reservoir: {capacity_liters: 0}", "reservoir.capacity_liters", "must be > 0"),
        ("reservoir: {height_mm: 3}", "reservoir.capacity_liters", "is required"),
        ("reservoir: {capacity_liters: 9, height_mm: -1}", "reservoir.height_mm", "must be > 0"),
        (
            "reservoir: {capacity_liters: 9, shape: cube}",
            "reservoir.shape",
            "must be upright, lying_cylinder or table",
        ),
        (
            "reservoir: {capacity_liters: 9, sensor_empty_distance_mm: 5}",
            "reservoir.sensor_full_distance_mm",
            "missing calibration: sensor_empty_distance_mm is there and sensor_full_distance_mm is not",
        ),
        (
            "reservoir: {capacity_liters: 9, sensor_full_distance_mm: 5}",
            "reservoir.sensor_empty_distance_mm",
            "missing calibration: sensor_full_distance_mm is there and sensor_empty_distance_mm is not",
        ),
        (
            "reservoir: {capacity_liters: 9, sensor_empty_distance_mm: 5, sensor_full_distance_mm: 5}",
            "reservoir.sensor_empty_distance_mm",
            "must be more than sensor_full_distance_mm, 5",
        ),
    ],
)
def test_device_fields(line: str, path: str, rule: str) -> None:
    name = line.split(":")[0]
    text = "".join(part for part in VALID.splitlines(keepends=True) if f"{name}:" not in part)
    if name == "device_id":
        text = VALID.replace("device_id: A1", line)
    else:
        text += f"    {line}\n"
    if "route_id: R" in line:
        text += "routes: [{route_id: R, points: []}]\n"
    problem = only(text)
    assert (problem.path, problem.rule) == (f"devices[0].{path}", rule)
    assert problem.line is not None


@pytest.mark.parametrize(
    ("old", "new", "path", "rule"),
    [
        (", route_id: R", "", "devices[0].route_id", "is required for mode MOBILE"),
        (
            "cadence_seconds: 60,",
            "cadence_seconds: 60, dynamics: {},",
            "devices[0].dynamics",
            "is for mode STATIONARY only",
        ),
        ("latitude: -8.8", "latitude: 90.1", "routes[0].points[0].latitude", "must be <= 90"),
        ("latitude: -8.8", "latitude: -90.1", "routes[0].points[0].latitude", "must be >= -90"),
        ("longitude: 13.2", "longitude: 180.1", "routes[0].points[0].longitude", "must be <= 180"),
        ("longitude: 13.2", "longitude: -180.1", "routes[0].points[0].longitude", "must be >= -180"),
        ("kind: BASE", "kind: DEPOT", "routes[0].points[0].kind", "must be BASE, REFILL or CLIENT"),
        (
            "point_id: B,",
            "point_id: ' B',",
            "routes[0].points[0].point_id",
            "must be printable text without spaces at its ends",
        ),
    ],
)
def test_truck_and_route_fields(old: str, new: str, path: str, rule: str) -> None:
    problem = only(TRUCK.replace(old, new))
    assert (problem.path, problem.rule) == (path, rule)


def transitions(*rows: tuple[str, str, float]) -> str:
    lines = (f"      - {{from_kind: {a}, to_kind: {b}, probability: {p}}}\n" for a, b, p in rows)
    return f"{TRUCK}    transitions:\n{''.join(lines)}"


def test_probabilities_sum_to_one_for_each_kind() -> None:
    third = 0.3333333
    assert loads_scenario(
        transitions(("CLIENT", "CLIENT", third), ("CLIENT", "BASE", third), ("CLIENT", "REFILL", third))
    )
    problem = only(
        transitions(("BASE", "REFILL", 1), ("CLIENT", "BASE", 0.5), ("CLIENT", "REFILL", 0.499998))
    )
    assert str(problem) == (
        "s.yaml:10: routes[0].transitions[1].probability: probabilities from CLIENT must sum to 1.0, "
        "got 0.999998. Scale them, or add the transition that is missing."
    )


def test_a_transition_stands_once() -> None:
    problem = only(transitions(("BASE", "REFILL", 0.5), ("BASE", "REFILL", 0.5)))
    assert (problem.path, problem.rule, problem.value) == (
        "routes[0].transitions[1]",
        "stands twice",
        "'BASE to REFILL'",
    )


def test_an_incomplete_route_loads() -> None:
    # Preflight reports it, as ROUTE_INCOMPLETE.
    assert len(loads_scenario(TRUCK).routes[0].points) == 1


def test_ids_are_unique() -> None:
    devices = VALID + VALID.removeprefix("scenario_id: s\ndevices:\n").replace("A1", "a1")
    problem = only(devices)
    assert (problem.code, problem.path) == ("SCENARIO_REFERENCE_INVALID", "devices[1].device_id")
    assert problem.rule == "must be unique, and devices[0] has the same"
    routes = TRUCK + TRUCK[TRUCK.index("  - route_id") :]
    assert only(routes).path == "routes[1].route_id"
    point = TRUCK.splitlines()[-1]
    assert only(f"{TRUCK}{point}\n").path == "routes[0].points[1].point_id"


def test_device_ids_become_uppercase() -> None:
    assert loads_scenario(VALID.replace("A1", "e2e-2024_a")).devices[0].device_id == "E2E-2024_A"


def test_an_unknown_parameter_names_the_nearest_one() -> None:
    problem = only(with_device("parameter_overrides: {demand_liter_per_hour: 3}"))
    assert problem.code == "SCENARIO_UNKNOWN_KEY"
    assert problem.rule == "is no parameter of stationary_archetype_a"
    assert problem.remedy.startswith(
        "Did you mean demand_liters_per_hour? Allowed: battery_drain_pct_per_day, "
    )


def test_a_secret_is_never_shown() -> None:
    found = problems(VALID + "mqtt: {password: hunter2, host: 'me:hunter2@there'}\n")
    assert [p.path for p in found] == ["mqtt.password", "mqtt.host"]
    assert "hunter2" not in "".join(map(str, found))
    assert found[0].remedy.startswith("No secret stands in a scenario")


def test_numbers_follow_yaml_1_2() -> None:
    scenario = loads_scenario(
        VALID.replace("scenario_id: s", "scenario_id: NO\nseed: 0123") + "speedup_factor: 1e1\n"
    )
    assert (scenario.scenario_id, scenario.seed, scenario.speedup_factor) == ("NO", 123, 10.0)
    assert loads_scenario(VALID + "seed: 0x1F\n").seed == 31
    assert loads_scenario(VALID + "seed: 0o17\n").seed == 15
    assert only(VALID + "seed: 12:30:45\n").value == "'12:30:45'"
    assert only(VALID + "seed: 1_000\n").value == "'1_000'"


@pytest.mark.parametrize("number", [".inf", "-.INF", ".nan", "1e999"])
def test_no_number_without_end(number: str) -> None:
    problem = only(with_device(f"parameter_overrides: {{no_echo_prob: {number}}}"))
    assert (problem.code, problem.rule) == ("SCENARIO_SYNTAX", "must be a finite number")


def test_whole_numbers_serve_as_decimal_ones() -> None:
    assert loads_scenario(VALID + "speedup_factor: 2\n").speedup_factor == 2.0


def test_an_empty_block_is_its_defaults() -> None:
    assert loads_scenario(VALID + "mqtt:\nbootstrap:\nroutes:\n") == loads_scenario(VALID)


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        (VALID + "seed: 1\nseed: 2\n", 8, "stands twice, first in line 7"),
        (VALID + "seed: !!int 1\n", 7, "must not have a tag"),
        (VALID + "seed: !!python/object/apply:os.system [ls]\n", 7, "must not have a tag"),
        (VALID + "seed: &a 1\n", 7, "must not have an anchor"),
        (VALID + "seed: *a\n", 7, "must not be an alias"),
        (VALID + "<<: {seed: 1}\n", 7, "must not be a merge key"),
        (VALID + "1: 2\n", 7, "keys must be text"),
        (VALID + "null: 2\n", 7, "keys must be text"),
        (VALID + "? [a]\n: b\n", 7, "keys must be plain words"),
        (VALID + "---\nseed: 1\n", 7, "must be one document"),
        ("%YAML 1.1\n---\n" + VALID, 1, "is read as YAML 1.2"),
        ("%TAG ! tag:x,2000:\n---\n" + VALID, 1, "must not declare tags"),
        (VALID + "mqtt: {port: 1\n", 7, "must be YAML: expected ',' or '}', but got '<stream end>'"),
        (VALID + "\tseed: 1\n", 7, "must be YAML: found a tab that cannot start any token"),
        (VALID + "seed: 1: 2\n", 7, "must be YAML: mapping values are not allowed here"),
        (VALID + "seed: \x07\n", 7, "must be YAML without control characters"),
        ("scenario_id: \ud800\n", 1, "must be YAML without control characters"),
        (VALID + 'seed: "\\UFFFFFFFF"\n', 7, "must be YAML: found invalid Unicode character escape code"),
        (VALID + f"seed: {'9' * 5000}\n", 7, "needs at most 64 digits"),
        ("", None, "is empty"),
        ("# nothing\n", None, "is empty"),
        ("---\n", None, "is empty"),
        ("[]\n", 1, "needs a block of keys and values"),
        ("text\n", 1, "needs a block of keys and values"),
    ],
)
def test_what_is_no_scenario_text(text: str, line: int | None, rule: str) -> None:
    problem = only(text)
    assert (problem.line, problem.rule) == (line, rule)
    assert problem.remedy


def test_a_fault_of_form_hides_no_fault_of_content() -> None:
    found = problems(
        VALID.replace("cadence_seconds: 300", "cadence_seconds: !!int 300\n    cadence_second: 1")
        + "sed: 1\n"
    )
    assert [p.path for p in found] == ["devices[0].cadence_seconds", "devices[0].cadence_second", "sed"]


def test_size_depth_and_nodes_are_bounded() -> None:
    comment = "#" * (MAX_BYTES - len(VALID) - 1)
    assert loads_scenario(f"{VALID}{comment}\n").scenario_id == "s"
    assert only(f"{VALID}{comment}#\n").code == "SCENARIO_TOO_LARGE"
    assert only(f"{VALID}#{'é' * (MAX_BYTES // 2)}\n").rule == "needs at most 1,048,576 bytes"
    # The root is a level, and so is each bracket.
    deep = MAX_DEPTH - 1
    assert only(f"{VALID}seed: {'[' * deep}{']' * deep}\n").rule == "needs a whole number"
    assert only(f"{VALID}seed: {'[' * (deep + 1)}{']' * (deep + 1)}\n").rule == "needs at most 20 levels"
    too_deep = only(f"{VALID}seed: {'[' * 5000}\n")
    assert (too_deep.code, too_deep.rule, too_deep.line) == (
        "SCENARIO_TOO_LARGE",
        "needs at most 20 levels",
        7,
    )
    many = only(f"{VALID}seed: [{'1,' * MAX_NODES}]\n")
    assert (many.code, many.rule) == ("SCENARIO_TOO_LARGE", "needs at most 50,000 keys and values")


def test_endless_faults_end() -> None:
    assert len(problems(VALID + "seed: 1\n" * 40_000)) == 1000


def test_a_file_is_found_by_path(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + VALID.replace("\n", "\r\n").encode())
    assert load_scenario(path) == load_scenario(str(path)) == loads_scenario(VALID)


def test_templates_are_found_by_name(scratch: Path) -> None:
    assert template_names() == ("demo_city_v1", "mobile_only_v1", "stationary_only_v1")
    for name in template_names():
        assert load_scenario(name).scenario_id == name
    # A run leaves a folder of this name; a file of this name is somebody's scenario.
    (scratch / "demo_city_v1").mkdir()
    assert load_scenario("demo_city_v1").scenario_id == "demo_city_v1"
    (scratch / "mobile_only_v1").write_text(VALID)
    assert load_scenario("mobile_only_v1").scenario_id == "s"


@pytest.mark.parametrize("name", ["demo_city_v2", "nowhere/demo_city_v1.yaml"])
def test_an_unknown_name_lists_the_templates(name: str, scratch: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(name)
    assert str(caught.value) == (
        f"neither a file nor a bundled template has this name, got {name!r}. Did you mean demo_city_v1? "
        "Templates: demo_city_v1, mobile_only_v1, stationary_only_v1."
    )
    assert caught.value.code == "SCENARIO_NOT_FOUND"


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 5000, "zzz"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(name)
    assert caught.value.code == "SCENARIO_NOT_FOUND"


def test_what_is_no_readable_file(tmp_path: Path) -> None:
    pipe, binary, large = tmp_path / "pipe.yaml", tmp_path / "b.yaml", tmp_path / "l.yaml"
    os.mkfifo(pipe)
    binary.write_bytes(b"scenario_id: s\nseed: \xff\xfe\n")
    with large.open("wb") as stream:
        stream.truncate(1 << 40)
    expected = {
        tmp_path: "SCENARIO_NOT_FOUND",
        pipe: "SCENARIO_NOT_FOUND",
        Path("/dev/zero"): "SCENARIO_NOT_FOUND",
        binary: "SCENARIO_SYNTAX",
        large: "SCENARIO_TOO_LARGE",
    }
    for path, code in expected.items():
        with pytest.raises(ScenarioError) as caught:
            load_scenario(path)
        assert caught.value.code == code
    with pytest.raises(ScenarioError) as caught:
        load_scenario(binary)
    assert str(caught.value) == "b.yaml:2: must be UTF-8 text, got byte 0xff. Save it as UTF-8."


@pytest.mark.parametrize(
    ("target", "said"), [("loop.yaml", "Too many levels"), ("gone.yaml", "No such file")]
)
def test_a_link_that_leads_nowhere_is_said_to(tmp_path: Path, target: str, said: str) -> None:
    link = tmp_path / "loop.yaml"
    link.symlink_to(target)
    with pytest.raises(ScenarioError, match=f"loop.yaml: is a link that leads nowhere: {said}") as caught:
        load_scenario(link)
    assert caught.value.code == "SCENARIO_NOT_FOUND"
