from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthlab.calibration import reservoirs_to_frame
from synthlab.errors import UsageError
from synthlab.quality import block, order, rows, series
from synthlab.quality.checks import Findings, check
from synthlab.quality.flags import Flag
from synthlab.quality.registry import CHECKS
from synthlab.quality.rows import NOT_A_TIME
from synthlab.quality.runs import RUN_COLUMNS
from synthlab.quality.thresholds import Thresholds
from tests.frames import reservoirs_of, telemetry_frame

GOOD, UNKNOWN, SUSPECT, FAIL, MISSING = Flag.GOOD, Flag.UNKNOWN, Flag.SUSPECT, Flag.FAIL, Flag.MISSING
ONE = np.array([0])
NAN = float("nan")


def _ints(*values: int) -> Any:
    return np.array(values, np.int64)


def _floats(*values: float) -> Any:
    return np.array(values, np.float64)


# The checks one by one: arrays in, flags out.


def test_timestamp() -> None:
    stamps = _ints(NOT_A_TIME, 946_684_799_999, 946_684_800_000, 4_102_444_799_999, 4_102_444_800_000)
    assert rows.check_timestamp(stamps).tolist() == [FAIL, FAIL, GOOD, GOOD, FAIL]


def test_clock_skew() -> None:
    received = _ints(10**12, 10**12, 10**12, 10**12, 10**12, NOT_A_TIME)
    local = 10**12 + _ints(300_000, -300_001, 86_400_000, -86_400_001, 0, 0)
    flags = rows.check_clock_skew(local, received, suspect_seconds=300, fail_seconds=86_400)
    assert flags.tolist() == [GOOD, SUSPECT, SUSPECT, FAIL, GOOD, UNKNOWN]


def test_gross_range() -> None:
    # -5 | -2 .. 102 | 110
    values = _floats(-5.1, -5, -2.1, -2, 50, 102, 102.1, 110, 110.1, NAN)
    flags = rows.check_gross_range(values, suspect_span=(-2, 102), fail_span=(-5, 110))
    assert flags.tolist() == [FAIL, SUSPECT, SUSPECT, GOOD, GOOD, GOOD, SUSPECT, SUSPECT, FAIL, MISSING]
    whole = rows.check_gross_range(_ints(-1, 0, 100, 101), suspect_span=(0, 100), fail_span=(0, 100))
    assert whole.tolist() == [FAIL, GOOD, GOOD, FAIL]


@pytest.mark.parametrize(
    ("reading", "temperature", "clock", "flag"),
    [
        (500, 20.0, 10**12, GOOD),
        (-1, 20.0, 10**12, GOOD),
        (0, 20.0, 10**12, FAIL),
        (65_535, 20.0, 10**12, FAIL),
        (500, 85.0, 10**12, FAIL),
        (500, -127.0, 10**12, FAIL),
        (500, 20.0, 946_684_800_000, FAIL),
        (500, 20.0, 946_684_799_999, GOOD),
        (500, 20.0, 946_771_200_000, GOOD),
    ],
)
def test_sentinel(reading: int, temperature: float, clock: int, flag: Flag) -> None:
    limits = Thresholds()
    flags = rows.check_sentinel(
        [np.array([500], np.int32), np.array([reading], np.int32)],
        _floats(temperature),
        _ints(clock),
        sentinel_readings_mm=limits.sentinel_readings_mm,
        sentinel_temperatures_c=limits.sentinel_temperatures_c,
        sentinel_clock_ms=limits.sentinel_clock_ms,
        sentinel_clock_window_ms=limits.sentinel_clock_window_ms,
    )
    assert flags.tolist() == [flag]


def test_readings_are_sorted_and_spread_is_numpys_interquartile_range() -> None:
    rng = np.random.default_rng(3)
    raw = rng.integers(-1, 40, (400, 5)).astype(np.int32)
    raw[:3] = -1
    count, ordered = rows.sorted_readings(list(raw.T))
    spread = rows.burst_spread_mm(count, ordered)
    for row, readings in enumerate(raw):
        valid = np.sort(readings[readings >= 0])
        assert count[row] == len(valid)
        assert [int(o[row]) for o in ordered[: len(valid)]] == valid.tolist()
        if len(valid):
            low, high = np.percentile(valid, [25, 75])
            assert spread[row] == pytest.approx(high - low, abs=1e-9)
        else:
            assert np.isnan(spread[row])


def test_burst_spread_knows_trucks() -> None:
    spread = _floats(15, 15.1, 50.1, 250, 250.1, 400.1, NAN)
    is_mobile = np.array([False, False, False, True, True, True, True])
    flags = rows.check_burst_spread(
        spread, is_mobile, suspect_mm=15, fail_mm=50, mobile_suspect_mm=250, mobile_fail_mm=400
    )
    assert flags.tolist() == [GOOD, SUSPECT, FAIL, GOOD, SUSPECT, FAIL, MISSING]


def test_valid_fraction() -> None:
    flags = rows.check_valid_fraction(np.arange(6, dtype=np.int8), 5, suspect_fraction=0.5)
    assert flags.tolist() == [FAIL, SUSPECT, SUSPECT, GOOD, GOOD, GOOD]


def test_location() -> None:
    latitude = _floats(-17, 90.1, 10, 0, 0, NAN, 5, NAN)
    longitude = _floats(-63, 10, -180.1, 0, 5, NAN, NAN, 5)
    flags = rows.check_location(latitude, longitude)
    assert flags.tolist() == [GOOD, FAIL, FAIL, FAIL, GOOD, MISSING, FAIL, FAIL]


def test_flow_bounds() -> None:
    requested, served = _floats(2, 2, 1, 0, NAN), _floats(2, 2.001, -1, 0, 0)
    flags = rows.check_flow_bounds(requested, served, _floats(0, 0, 0, -0.1, 0))
    assert flags.tolist() == [GOOD, FAIL, FAIL, FAIL, MISSING]


def test_agreement() -> None:
    flags = rows.check_agreement(
        _floats(1, 1, 1, NAN, NAN, 1), _floats(1, 1.05, 1.2, NAN, 1, NAN), suspect=0.01, fail=0.1
    )
    assert flags.tolist() == [GOOD, SUSPECT, FAIL, MISSING, FAIL, FAIL]


@pytest.mark.parametrize(
    ("seq", "gap", "duplicate", "fallen"),
    [
        ((7, 8, 9), (), (), ()),
        ((7, 9, 10), (1,), (), ()),
        ((7, 8, 8, 9), (), (2,), ()),
        ((4, 6, 5, 7), (), (), (2,)),
        ((4, 7, 5, 6, 8), (), (), (1,)),
        ((4, 3, 5, 6), (), (), (1,)),
        ((1, 2, 500, 4, 5), (2, 3), (), (2,)),
        ((5, 6, 7, 1, 2), (0,), (), (3, 4)),
        ((1, 2, 3, 1, 2), (), (3, 4), ()),
        ((3,), (), (), ()),
    ],
)
def test_seq(
    seq: tuple[int, ...], gap: tuple[int, ...], duplicate: tuple[int, ...], fallen: tuple[int, ...]
) -> None:
    # Between two devices in order: neither may borrow from the other.
    values = _ints(1, 2, *seq, 1, 2, 3)
    starts = _ints(0, 2, 2 + len(seq))
    for found, expected in (
        (order.check_seq_gap(values, starts), gap),
        (order.check_seq_duplicate(values, starts), duplicate),
        (order.check_seq_order(values, starts), fallen),
    ):
        assert set(found.tolist()) <= {GOOD, FAIL}
        assert tuple((np.flatnonzero(found == FAIL) - 2).tolist()) == expected


def test_misplaced_leaves_a_longest_rise() -> None:
    rng = np.random.default_rng(11)
    for size in range(1, 9):
        for _ in range(60):
            values = rng.integers(0, 9, size)
            out = order.misplaced(values)
            kept = values[~out]
            assert (np.diff(kept) > 0).all()
            best = [1] * size
            for i in range(size):
                best[i] = 1 + max((best[j] for j in range(i) if values[j] < values[i]), default=0)
            assert len(kept) == max(best)


def test_time_order() -> None:
    stamps = _ints(0, 60, 60, 120, 90, 180, NOT_A_TIME, 240) * 1_000
    stamps[6] = NOT_A_TIME
    flags = order.check_time_order(stamps, ONE)
    assert flags.tolist() == [GOOD, GOOD, FAIL, GOOD, FAIL, GOOD, MISSING, GOOD]


def _gaps(minutes: list[float], cadence: float | None = 5) -> list[int]:
    stamps = (np.array(minutes) * 60_000).astype(np.int64)
    cadence_ms = np.full(len(stamps), np.nan if cadence is None else cadence * 60_000)
    flags = order.check_time_gap(
        stamps,
        order.check_time_order(stamps, ONE),
        ONE,
        cadence_ms=cadence_ms,
        suspect_factor=1.5,
        fail_factor=3.0,
    )
    return flags.tolist()


def test_time_gap() -> None:
    assert _gaps([0, 5, 12.5, 20.1, 35.1, 50.2]) == [UNKNOWN, GOOD, GOOD, SUSPECT, SUSPECT, FAIL]


def test_a_wrong_time_is_not_taken_for_a_gap_of_the_next_row() -> None:
    assert _gaps([0, 5, 500, 15, 20]) == [UNKNOWN, GOOD, UNKNOWN, GOOD, GOOD]
    assert _gaps([0, 5, 1, 15, 20]) == [UNKNOWN, GOOD, UNKNOWN, GOOD, GOOD]


def test_time_gap_without_a_cadence_is_unknown() -> None:
    assert _gaps([0, 5, 50], cadence=None) == [UNKNOWN] * 3


def test_cadence_is_the_median_step_and_needs_three_rows() -> None:
    stamps = _ints(0, 300, 600, 3_600, 0, 60, 0, 60, 120) * 1_000
    cadences = order.cadences_ms(stamps, _ints(0, 4, 6))
    np.testing.assert_array_equal(cadences, [300_000, np.nan, 60_000])


def test_rate_of_change() -> None:
    # 1 % a minute at most, noise 3 %: 5 minutes allow 7.5 + 3 and 25 + 3.
    level = _floats(0, 10.5, 0, 28, 0, 28.1, NAN, 0, 0)
    stamps = _ints(0, 5, 10, 15, 20, 25, 30, 35, 35) * 60_000
    flags = series.check_rate_of_change(
        level,
        stamps,
        ONE,
        fastest_pct_per_second=np.full(9, 1 / 60),
        noise_pct=np.full(9, 3.0),
        suspect_factor=1.5,
        fail_factor=5.0,
    )
    assert flags.tolist() == [UNKNOWN, GOOD, GOOD, SUSPECT, SUSPECT, FAIL, MISSING, UNKNOWN, UNKNOWN]


def _flat(lowest: Any, highest: Any, hours: Any, is_exempt: Any = None) -> Any:
    return series.check_flat_line(
        np.asarray(lowest, np.int32),
        np.asarray(highest, np.int32),
        (np.asarray(hours) * 3_600_000).astype(np.int64),
        ONE,
        is_exempt=np.zeros(len(lowest), bool) if is_exempt is None else is_exempt,
        tolerance_mm=2,
        suspect_hours=24,
        fail_hours=72,
    )


def test_a_time_that_is_missing_leaves_the_next_change_unknown() -> None:
    stamps = _ints(0, 1, 2, 3) * 60_000
    stamps[1] = NOT_A_TIME
    flags = series.check_rate_of_change(
        _floats(0, 0, 99, 99),
        stamps,
        ONE,
        fastest_pct_per_second=np.full(4, 1 / 60),
        noise_pct=np.zeros(4),
        suspect_factor=1.5,
        fail_factor=5.0,
    )
    assert flags.tolist() == [UNKNOWN, UNKNOWN, UNKNOWN, GOOD]


def test_flat_line_tells_hours_not_rows() -> None:
    hours = np.arange(0, 80, 0.5)
    flags = _flat(np.full(160, 500), np.full(160, 502), hours)
    assert (flags[hours < 24] == GOOD).all()
    assert (flags[(hours >= 24) & (hours < 72)] == SUSPECT).all()
    assert (flags[hours >= 72] == FAIL).all()
    sparse = _flat([500, 500], [502, 502], [0, 24])
    assert sparse.tolist() == [GOOD, SUSPECT]


def test_flat_line_ends_where_the_readings_move() -> None:
    hours = np.arange(0, 60.0)
    lowest = np.full(60, 500)
    lowest[30:] += 3
    flags = _flat(lowest, lowest, hours)
    assert np.flatnonzero(flags == SUSPECT).tolist() == [*range(24, 30), *range(54, 60)]
    creeping = _flat(500 + np.arange(60), 500 + np.arange(60), hours)
    assert (creeping == GOOD).all()


def test_flat_line_is_a_rolling_range() -> None:
    rng = np.random.default_rng(5)
    lowest = 500 + np.cumsum(rng.integers(-1, 2, 600) * (rng.random(600) < 0.08))
    highest = lowest + rng.integers(0, 2, 600)
    hours = np.arange(600) / 2
    flags = _flat(lowest, highest, hours)
    for row in range(600):
        begin = row
        while begin > 0 and highest[begin - 1 : row + 1].max() - lowest[begin - 1 : row + 1].min() <= 2:
            begin -= 1
        still = (row - begin) / 2
        assert flags[row] == (FAIL if still >= 72 else SUSPECT if still >= 24 else GOOD)
    assert {GOOD, SUSPECT} <= set(flags.tolist())


def test_flat_line_spares_full_tanks_and_says_missing_without_echo() -> None:
    hours = np.arange(0, 50.0)
    spared = _flat(np.full(50, 500), np.full(50, 500), hours, np.ones(50, bool))
    assert (spared == GOOD).all()
    silent = _flat(np.full(50, 2**31 - 1), np.full(50, -1), hours)
    assert (silent == MISSING).all()


def test_implied_speed() -> None:
    # One degree of longitude on the equator is 111.2 km.
    longitude = _floats(10, 10.008, 10.017, 10.029, NAN, 10.03, 10.03)
    stamps = _ints(0, 1, 2, 3, 4, 5, 5) * 30_000
    flags = series.check_implied_speed(
        np.where(np.isnan(longitude), np.nan, 0.0), longitude, stamps, ONE, suspect_kmh=110, fail_kmh=140
    )
    assert flags.tolist() == [UNKNOWN, GOOD, SUSPECT, FAIL, MISSING, UNKNOWN, UNKNOWN]


def test_mass_balance() -> None:
    volume = _floats(10, 12, 12.001, 12.0021, 20, 20.01, NAN, 5)
    net = _floats(99, 2, 0, 0, 7.9979, 0, 0, 0)
    seq = _ints(1, 2, 3, 4, 5, 6, 7, 8)
    flags = series.check_mass_balance(volume, net, seq, ONE, suspect_liters=1e-3, fail_liters=4e-3)
    assert flags.tolist() == [UNKNOWN, GOOD, GOOD, SUSPECT, GOOD, FAIL, MISSING, UNKNOWN]


def test_mass_balance_needs_the_true_predecessor_and_blames_one_row() -> None:
    seq = _ints(1, 2, 3, 4, 5, 6)
    volume = _floats(10, 10, 17, 10, 10, 10)
    flags = series.check_mass_balance(volume, np.zeros(6), seq, ONE, suspect_liters=1e-3, fail_liters=4e-3)
    assert flags.tolist() == [UNKNOWN, GOOD, FAIL, GOOD, GOOD, GOOD]
    seq[3:] += 1
    flags = series.check_mass_balance(volume, np.zeros(6), seq, ONE, suspect_liters=1e-3, fail_liters=4e-3)
    assert flags.tolist() == [UNKNOWN, GOOD, FAIL, UNKNOWN, GOOD, GOOD]


def test_mass_balance_tells_every_other_wrong_content() -> None:
    volume = _floats(10, 10, 17, 10, 17, 10, 17, 10, 10)
    flags = series.check_mass_balance(
        volume, np.zeros(9), np.arange(9), ONE, suspect_liters=1e-3, fail_liters=4e-3
    )
    assert np.flatnonzero(flags == FAIL).tolist() == [2, 4, 6]


# The checks together, on a frame.


def _fails(findings: Findings) -> dict[str, list[int]]:
    flags = findings.flags
    return {
        name: np.flatnonzero(flags[name] == FAIL).tolist() for name in flags if (flags[name] == FAIL).any()
    }


def test_a_clean_frame_passes_with_nothing_flagged() -> None:
    frame = telemetry_frame(tanks=3, trucks=2, steps=300)
    findings = check(frame, reservoirs=reservoirs_of(frame))
    assert findings.passed
    assert len(findings.to_frame()) == 0
    assert findings.unjudged == ()
    assert (findings.row_count, findings.device_count) == (1_500, 5)
    assert set(findings.flags) == {"device_id", "row_order", *CHECKS}
    assert (findings.flags.dtypes == np.int8).all()
    pd.testing.assert_index_equal(findings.flags.index, frame.index)
    assert sum(findings.counts["mass_balance"].values()) == 1_500
    assert findings.counts["derived_level"]["GOOD"] == 1_500 - int(frame["measured_level_pct"].isna().sum())


def test_nothing_to_check_has_not_passed() -> None:
    assert not check(telemetry_frame(steps=0)).passed
    silent = telemetry_frame(steps=20).assign(measured_level_pct=np.nan)
    findings = check(silent)
    assert "level_range" in findings.unjudged
    assert not findings.passed


def test_a_check_that_cannot_run_says_unknown_and_does_not_pass() -> None:
    frame = telemetry_frame(steps=20)
    for column, name in (("seq", "seq_gap"), ("received_at", "timestamp"), ("level_pct", "level_bounds")):
        findings = check(frame.drop(columns=column))
        assert (findings.flags[name] == UNKNOWN).all()
        assert name in findings.unjudged
        assert not findings.passed
    text = check(frame.assign(received_at="2026-02-12"))
    assert (text.flags["timestamp"] == UNKNOWN).all()
    without = check(frame)
    assert (without.flags["derived_level"] == UNKNOWN).all()
    assert without.passed


def test_a_device_without_a_reservoir_is_unknown_beside_one_that_has() -> None:
    frame = telemetry_frame(tanks=2, trucks=0, steps=10)
    known = reservoirs_of(frame)
    del known["TANK-1"]
    flags = check(frame, reservoirs=known).flags
    is_known = frame["device_id"] == "TANK-0"
    for name in ("derived_level", "level_volume"):
        assert (flags[name][is_known] == GOOD).all()
        assert (flags[name][~is_known] == UNKNOWN).all()


def test_reservoirs_come_as_a_frame_too() -> None:
    frame = telemetry_frame(steps=10)
    table = reservoirs_to_frame(reservoirs_of(frame))
    pd.testing.assert_frame_equal(
        check(frame, reservoirs=table).flags, check(frame, reservoirs=reservoirs_of(frame)).flags
    )


def test_no_telemetry_frame_is_a_bad_call() -> None:
    with pytest.raises(UsageError, match="device_id"):
        check(pd.DataFrame({"a": [1]}))
    with pytest.raises(UsageError, match="device_id"):
        check(None)  # type: ignore[arg-type]


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = telemetry_frame(tanks=5, trucks=2, steps=30)
    frame.loc[frame.index[::17], "battery_pct"] = 120
    whole = check(frame)
    monkeypatch.setattr(block, "BLOCK_ROWS", 45)
    pieces = check(frame)
    pd.testing.assert_frame_equal(whole.flags, pieces.flags)
    pd.testing.assert_frame_equal(whole.to_frame(), pieces.to_frame())


def test_index_and_order_of_columns_and_type_of_ids_do_not_matter() -> None:
    frame = telemetry_frame(steps=20)
    frame.loc[5, "temperature_c"] = 99.0
    other = frame[frame.columns[::-1]].set_index(pd.Index(range(100, 160)))
    other["device_id"] = other["device_id"].astype("str")
    assert check(other).flags.to_numpy().tolist() == check(frame).flags.to_numpy().tolist()
    assert check(other).flags.index.tolist() == list(range(100, 160))


def test_a_row_without_a_device_fails() -> None:
    frame = telemetry_frame(steps=5)
    frame.loc[4, "device_id"] = None
    findings = check(frame)
    assert _fails(findings)["device_id"] == [4]
    assert findings.device_count == 3
    assert findings.to_frame().iloc[0]["device_id"] == ""


def test_findings_are_runs_with_rows_seqs_and_times() -> None:
    frame = telemetry_frame(tanks=2, trucks=0, steps=10, first_seq=100)
    frame.loc[[2, 4, 6, 10], "battery_pct"] = 101
    frame.loc[5, "temperature_c"] = 61.0
    runs = check(frame).to_frame()
    assert tuple(runs.columns) == RUN_COLUMNS
    facts = ["device_id", "check", "flag", "first_row", "last_row", "first_seq", "last_seq", "row_count"]
    assert runs[facts].to_numpy().tolist() == [
        ["TANK-0", "battery_range", FAIL, 2, 6, 101, 103, 3],
        ["TANK-0", "battery_range", FAIL, 10, 10, 105, 105, 1],
        ["TANK-1", "temperature_range", SUSPECT, 5, 5, 102, 102, 1],
    ]
    assert runs["first_received_at"].iloc[0] == frame["received_at"].iloc[2]
    assert runs["last_received_at"].iloc[0] == frame["received_at"].iloc[6]


def test_findings_become_json_and_read_well() -> None:
    frame = telemetry_frame(steps=10)
    frame.loc[3, "battery_pct"] = 101
    findings = check(frame)
    document = json.loads(json.dumps(findings.to_dict(), allow_nan=False))
    assert document["passed"] is False
    (record,) = document["findings"]
    assert (record["check"], record["flag"], record["first_row"]) == ("battery_range", "FAIL", 3)
    assert repr(findings).startswith("Findings(not passed: 30 rows, 3 devices, ")
    assert "1 FAIL" in repr(findings)


def test_rows_out_of_order_are_suspect_each_by_itself() -> None:
    frame = telemetry_frame(tanks=3, trucks=0, steps=10)
    swapped = frame.iloc[[*range(4), 5, 4, *range(6, 30)]].reset_index(drop=True)
    findings = check(swapped)
    assert findings.passed
    assert np.flatnonzero(findings.flags["row_order"] == SUSPECT).tolist() == [4]
    early = frame.iloc[[*range(4), 20, *range(4, 20), *range(21, 30)]].reset_index(drop=True)
    assert np.flatnonzero(check(early).flags["row_order"] == SUSPECT).tolist() == [4]


def test_known_cadence_goes_before_the_median() -> None:
    frame = telemetry_frame(tanks=1, trucks=0, steps=10, step_seconds=600)
    assert check(frame).passed
    findings = check(frame, step_seconds={"TANK-0": 300})
    assert (findings.flags["time_gap"].iloc[1:] == SUSPECT).all()


def test_thresholds_change_verdicts() -> None:
    frame = telemetry_frame(steps=20)
    strict = check(
        frame, thresholds=Thresholds(temperature_fail_span=(-10, 60.0), temperature_suspect_span=(0, 1))
    )
    assert (strict.flags["temperature_range"] == SUSPECT).all()


def test_a_fail_limit_tighter_than_suspect_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        Thresholds(level_fail_span=(0, 100), burst_spread_fail_mm=1)
    assert [p.path for p in caught.value.problems] == [
        "thresholds.burst_spread_fail_mm",
        "thresholds.level_fail_span",
    ]


def test_every_threshold_has_its_provenance() -> None:
    assert set(Thresholds.provenance()) == {entry.name for entry in fields(Thresholds)}
    for name, text in Thresholds.provenance().items():
        assert text.startswith(("Source: ", "Assumed: ")), name
    assert json.dumps(Thresholds().to_dict())
    assert replace(Thresholds(), blind_zone_mm=300).blind_zone_mm == 300


def _still(reading_mm: int, level_pct: float) -> pd.DataFrame:
    frame = telemetry_frame(tanks=1, trucks=0, steps=30, step_seconds=3_600)
    readings = {f"raw_mm_{i}": np.full(30, reading_mm, np.int32) for i in range(5)}
    return frame.assign(measured_level_pct=level_pct, **readings)


@pytest.mark.parametrize(
    ("reading_mm", "level_pct", "is_found"),
    [(700, 68.0, True), (200, 90.0, False), (201, 90.0, True), (700, 98.0, False), (700, 2.0, False)],
)
def test_a_level_may_stand_still_full_empty_and_in_the_blind_zone(
    reading_mm: int, level_pct: float, is_found: bool
) -> None:
    flags = check(_still(reading_mm, level_pct)).flags["flat_line"]
    assert (flags == SUSPECT).any() == is_found


def test_a_time_out_of_order_makes_no_flat_line_and_no_speed() -> None:
    frame = _still(700, 68.0).head(20)
    frame.loc[10, "received_at"] += pd.Timedelta(days=30)
    findings = check(frame)
    assert (findings.flags["time_order"] == FAIL).sum() == 1
    assert (findings.flags["flat_line"] == GOOD).all()
    assert (findings.flags["rate_of_change"].iloc[10:12] == UNKNOWN).all()


def test_fault_labels_are_never_looked_at() -> None:
    frame = telemetry_frame(steps=10)
    labelled = frame.assign(fault=pd.Categorical(["SPIKE"] * len(frame)))
    pd.testing.assert_frame_equal(check(labelled).flags, check(frame).flags)
    assert check(frame.drop(columns="fault")).passed
