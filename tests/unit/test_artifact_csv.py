from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.artifact import cells, csv, read_csv, read_rows, write_csv
from synthlab.columns import COLUMNS, NAMES, frame_problems
from synthlab.errors import ArtifactError, DiskError, UsageError
from tests.frames import telemetry_frame

EXACT = [c.name for c in COLUMNS if c.kind != "float" or c.decimals in (1, 3)] + ["latitude", "longitude"]


def _with(frame: pd.DataFrame, **columns: object) -> pd.DataFrame:
    return frame.assign(**{name: pd.Series(v, dtype=frame[name].dtype) for name, v in columns.items()})


def _text(frame: pd.DataFrame, path: Path) -> str:
    write_csv(frame, path)
    return path.read_text("ascii")


def test_the_file_is_what_the_contract_says(tmp_path: Path) -> None:
    frame = telemetry_frame(tanks=1, trucks=1, steps=1)
    frame = _with(
        frame,
        local_timestamp_ms=[1_770_883_199_500] * 2,
        **{f"raw_mm_{i}": [999 + i, -1] for i in range(5)},
        measured_level_pct=[50.0000004, np.nan],
        temperature_c=[-0.04, 21.25],
        battery_pct=[100, 7],
        signal_dbm=[-84, 0],
        latitude=[np.nan, -17.78],
        longitude=[np.nan, -63.1800005],
        speed_kmh=[np.nan, 12.3],
        course_degrees=[np.nan, 0.0],
        volume_liters=[1000.0, 12345.6785],
        level_pct=[50.0, 0.0],
        expected_demand_liters=[3.125, 0.0],
        requested_liters=[0.001, 0.0],
        served_liters=[0.0, 0.0],
        inflow_liters=[0.0, -0.0001],
        loaded_liters=[0.0, 1.0],
        delivered_liters=[0.0, 0.0],
        lost_liters=[0.0, 0.0],
    )
    frame["activity"] = pd.Categorical([None, "REFILL"], categories=frame["activity"].cat.categories)
    lines = _text(frame, tmp_path / "rows.csv").split("\n")
    assert lines[0] == ",".join(NAMES)
    assert lines[1] == (
        "TANK-0,1,2026-02-12T08:00:00.000Z,1770883199500,999,1000,1001,1002,1003,50.000000,0.0,100,-84,,,,,"
        "1000.000,50.000000,3.125000,0.001,0.000,0.000,0.000,0.000,0.000,0.000,,"
    )
    assert lines[2] == (
        "TRUCK_0,1,2026-02-12T08:00:00.000Z,1770883199500,-1,-1,-1,-1,-1,,21.2,7,0,-17.780000,-63.180000,12.3,0.0,"
        "12345.678,0.000000,0.000000,0.000,0.000,0.000,0.000,1.000,0.000,0.000,REFILL,"
    )
    assert lines[3:] == [""]


@pytest.mark.parametrize("decimals", [0, 1, 3, 6])
@given(st.lists(st.one_of(st.integers(-(2**62) + 1, 2**62 - 1), st.integers(-20_000, 20_000)), min_size=1))
def test_numbers_are_written_as_python_writes_them(decimals: int, scaled: list[int]) -> None:
    parts = cells.number_parts(np.array(scaled, np.int64), decimals)
    written = cells._assemble([*parts, b"\n"], len(scaled)).split(b"\n")[:-1]
    assert written == [cells.fixed_text(value, decimals) for value in scaled]


def test_empty_cells_stay_empty_beside_numbers_of_every_width() -> None:
    scaled = np.array([0, 7, 12_345_678, -5], np.int64)
    missing = np.array([True, False, False, True])
    parts = cells.number_parts(scaled, 3, missing)
    assert cells._assemble([*parts, b";"], 4) == b";0.007;12345.678;;"


def test_a_number_is_never_minus_zero() -> None:
    assert cells.fixed_text(0, 3) == b"0.000"
    assert cells._assemble([*cells.number_parts(np.array([0, 1000]), 3), b";"], 2) == b"0.000;1.000;"


def test_times_of_any_day_and_millisecond(tmp_path: Path) -> None:
    stamps = pd.to_datetime(
        ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "2026-02-12T10:20:30.405Z"], format="ISO8601"
    )
    frame = telemetry_frame(tanks=1, trucks=0, steps=3)
    frame["received_at"] = pd.Series(stamps).astype("datetime64[ms, UTC]")
    written = [line.split(",")[2] for line in _text(frame, tmp_path / "rows.csv").splitlines()[1:]]
    assert written == ["0001-01-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z", "2026-02-12T10:20:30.405Z"]


def test_hashes_are_those_of_the_bytes_and_chunks_cover_all_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv, "CHUNK_ROWS", 16)
    frame = telemetry_frame(steps=20)
    digest = write_csv(frame, tmp_path / "rows.csv")
    data = (tmp_path / "rows.csv").read_bytes()
    assert digest.sha256 == hashlib.sha256(data).hexdigest()
    assert digest.row_count == 60
    lines = data.splitlines(keepends=True)[1:]
    assert [(c.first_row, c.row_count) for c in digest.chunks] == [(0, 16), (16, 16), (32, 16), (48, 12)]
    for chunk in digest.chunks:
        part = b"".join(lines[chunk.first_row : chunk.first_row + chunk.row_count])
        assert chunk.sha256 == hashlib.sha256(part).hexdigest()


def test_threads_and_chunks_do_not_change_a_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = telemetry_frame(steps=50)
    whole = write_csv(frame, tmp_path / "one.csv", threads=1)
    monkeypatch.setattr(csv, "CHUNK_ROWS", 7)
    pieces = write_csv(frame, tmp_path / "two.csv", threads=3)
    assert whole.sha256 == pieces.sha256
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


@given(st.integers(0, 10_000), st.integers(0, 2), st.integers(0, 2), st.integers(0, 12))
def test_frame_to_csv_to_frame_is_the_identity(
    tmp_path_factory: pytest.TempPathFactory, seed: int, tanks: int, trucks: int, steps: int
) -> None:
    frame = telemetry_frame(tanks=tanks or 1, trucks=trucks, steps=steps, seed=seed, first_seq=seed + 9_990)
    path = tmp_path_factory.mktemp("roundtrip") / "rows.csv"
    write_csv(frame, path)
    back = read_csv(path)
    assert frame_problems(back) == []
    if not steps:
        assert len(back) == 0
        return
    pd.testing.assert_frame_equal(back[EXACT], frame[EXACT], check_exact=True)
    for name in ("measured_level_pct", "level_pct", "expected_demand_liters"):
        np.testing.assert_allclose(back[name], frame[name], rtol=0, atol=0.500001e-6)
    again = path.with_name("again.csv")
    assert write_csv(back, again).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("column", "cell", "rule"),
    [
        ("device_id", "tank-0", "needs an id of A-Z, 0-9, _ and -"),
        ("device_id", "", "needs an id of A-Z, 0-9, _ and -"),
        ("device_id", "=1+1", "needs an id of A-Z, 0-9, _ and -"),
        ("seq", "1_000", "needs a whole number"),
        ("seq", "07", "needs a whole number"),
        ("seq", "+7", "needs a whole number"),
        ("seq", " 7", "needs a whole number"),
        ("seq", "٣", "needs a whole number"),
        (
            "seq",
            "9223372036854775808",
            "needs a whole number from -9223372036854775808 to 9223372036854775807",
        ),
        ("battery_pct", "40000", "needs a whole number from -32768 to 32767"),
        ("raw_mm_2", "", "needs a whole number"),
        ("received_at", "2026-02-12 10:00:00.000Z", "needs a UTC time such as 2026-02-12T10:00:00.000Z"),
        ("received_at", "2026-02-30T10:00:00.000Z", "needs a UTC time such as 2026-02-12T10:00:00.000Z"),
        ("received_at", "2026-02-12T10:00:00.000+00:00", "needs a UTC time such as 2026-02-12T10:00:00.000Z"),
        ("received_at", "2026-02-12T10:00:00Z", "needs a UTC time such as 2026-02-12T10:00:00.000Z"),
        ("volume_liters", "1e3", "needs a number with 3 decimals"),
        ("volume_liters", "1.0", "needs a number with 3 decimals"),
        ("volume_liters", "nan", "needs a number with 3 decimals"),
        ("volume_liters", "inf", "needs a number with 3 decimals"),
        ("volume_liters", "", "needs a number with 3 decimals"),
        ("volume_liters", "-0.000", "needs zero without a sign"),
        ("temperature_c", "", "needs a number with 1 decimals"),
        ("activity", "SLEEP", "needs one of TRAVEL, BASE, REFILL, CLIENT, IDLE, or nothing"),
        ("fault", '"', "needs an id of A-Z, 0-9, _ and -"),
    ],
)
def test_a_bad_cell_is_named_with_its_line(tmp_path: Path, column: str, cell: str, rule: str) -> None:
    path = tmp_path / "rows.csv"
    frame = telemetry_frame(steps=10)
    lines = _text(frame, path).split("\n")
    cells_of_line = lines[7].split(",")
    cells_of_line[NAMES.index(column)] = cell
    lines[7] = ",".join(cells_of_line)
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(ArtifactError) as caught:
        read_csv(path)
    (problem,) = caught.value.problems
    assert (problem.code, problem.line, problem.path) == ("ARTIFACT_ROW_INVALID", 8, column)
    assert problem.rule == rule
    rows = read_rows(path)
    assert rows.invalid_count == 1
    is_kept = column not in ("device_id", "seq")
    assert len(rows.frame) == len(frame) - (not is_kept)
    assert list(rows.lines) == [line for line in range(2, 32) if is_kept or line != 8]
    others = [row for row, line in enumerate(rows.lines) if line != 8]
    assert rows.frame.iloc[others]["seq"].tolist() == frame["seq"].drop(6).tolist()


def test_an_unbalanced_quote_swallows_no_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    lines = _text(telemetry_frame(steps=10), path).split("\n")
    lines[4] = '"' + lines[4]
    path.write_text("\n".join(lines))
    rows = read_rows(path)
    assert [row.line for row in rows.invalid] == [5]
    assert len(rows.frame) == 29


def test_every_way_to_break_a_line_is_found(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    lines = _text(telemetry_frame(steps=10), path).split("\n")
    lines[1] += ",1"
    lines[2] = ""
    lines[3] += "\r"
    lines[4] = lines[4].replace(",", ";")
    path.write_bytes("\n".join(lines).encode()[:-40])
    rows = read_rows(path)
    assert [row.line for row in rows.invalid] == [2, 3, 4, 5, 31]
    assert "cut off" in rows.invalid[-1].problems[0].rule
    assert rows.unreadable_count == 4  # line 4 has a bad last cell only


def test_blocks_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from synthlab.artifact import reader

    path = tmp_path / "rows.csv"
    frame = telemetry_frame(tanks=3, trucks=2, steps=40)
    lines = _text(frame, path).split("\n")
    whole = read_csv(path)
    monkeypatch.setattr(reader, "BLOCK_BYTES", 700)
    pd.testing.assert_frame_equal(read_csv(path), whole, check_exact=True)
    lines[150] = lines[150].replace("Z,", "z,", 1)
    path.write_text("\n".join(lines))
    assert [row.line for row in read_rows(path).invalid] == [151]
    assert read_rows(path).frame["received_at"].isna().sum() == 1


def test_missing_and_invalid_times_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    lines = _text(telemetry_frame(steps=10), path).split("\n")
    for number, stamp in ((3, ""), (5, "yesterday"), (6, "")):
        cells_of_line = lines[number].split(",")
        cells_of_line[2] = stamp
        lines[number] = ",".join(cells_of_line)
    path.write_text("\n".join(lines))
    rows = read_rows(path)
    assert (rows.missing_time_count, rows.invalid_time_count, rows.invalid_count) == (2, 1, 3)


def test_another_header_is_no_artifact(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n")
    rows = read_rows(path)
    assert (len(rows.frame), rows.invalid_count) == (0, 1)
    with pytest.raises(ArtifactError, match="the header needs the columns"):
        read_csv(path)


def test_many_invalid_rows_are_counted_but_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from synthlab.artifact import reader

    monkeypatch.setattr(reader, "MAX_INVALID_ROWS", 5)
    path = tmp_path / "rows.csv"
    path.write_bytes(cells.HEADER + b"x\n" * 100)
    rows = read_rows(path)
    assert (rows.invalid_count, len(rows.invalid)) == (100, 5)


@pytest.mark.parametrize(
    ("column", "value"), [("volume_liters", np.inf), ("volume_liters", -np.inf), ("volume_liters", 1e300)]
)
def test_a_value_that_no_cell_holds_is_refused(tmp_path: Path, column: str, value: float) -> None:
    frame = telemetry_frame(steps=2)
    frame.loc[1, column] = value
    with pytest.raises(UsageError) as caught:
        write_csv(frame, tmp_path / "rows.csv")
    assert caught.value.problems[0].path == f"frame.{column}"


def test_text_that_a_spreadsheet_would_run_is_refused(tmp_path: Path) -> None:
    frame = telemetry_frame(steps=2)
    frame["fault"] = pd.Categorical([""] * len(frame), categories=["", "=cmd()"])
    with pytest.raises(UsageError, match="needs ids of A-Z"):
        write_csv(frame, tmp_path / "rows.csv")


def test_a_frame_of_other_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="column seq is missing"):
        write_csv(telemetry_frame(steps=2).drop(columns="seq"), tmp_path / "rows.csv")


def test_a_folder_that_is_not_there_is_a_disk_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError) as caught:
        write_csv(telemetry_frame(steps=2), tmp_path / "nowhere" / "rows.csv")
    assert (caught.value.code, caught.value.exit_code) == ("DISK_WRITE_FAILED", 12)
