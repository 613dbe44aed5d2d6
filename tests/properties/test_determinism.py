"""What is promised of repeatability, each sentence of it a property."""

from __future__ import annotations

import json
import locale
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthlab.columns import BY_NAME, NAMES
from synthlab.engine import Checkpoint, report
from synthlab.scenario.resolve import DeviceParameters
from synthlab.timeline import point_count
from tests.conftest import REPOSITORY
from tests.fleet_strategies import SEEDS, devices, fleets
from tests.fleets import DAY, END_SECOND, mixed_fleet, rows_of, run, tank, truck


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    """Bytes, not values: 0.0 is not -0.0, and a null is a null."""
    assert len(left) == len(right)
    for name in NAMES:
        a, b = left[name], right[name]
        if BY_NAME[name].kind == "category":
            assert a.astype(object).tolist() == b.astype(object).tolist(), name
        else:
            assert a.dtype == b.dtype, name
            kind = "datetime64[ms]" if name == "received_at" else a.dtype
            assert a.to_numpy(kind).tobytes() == b.to_numpy(kind).tobytes(), name


@given(fleet=fleets(), seed=SEEDS)
def test_the_same_call_gives_the_same_bytes(fleet: list[DeviceParameters], seed: int) -> None:
    first, second = run(fleet, seed=seed, days=0.5), run(fleet, seed=seed, days=0.5)
    same(first.frame, second.frame)
    assert first.checkpoint == second.checkpoint


@given(fleet=fleets(), seed=SEEDS, data=st.data())
def test_other_devices_and_their_order_change_nothing(
    fleet: list[DeviceParameters], seed: int, data: st.DataObject
) -> None:
    together = run(data.draw(st.permutations(fleet)), seed=seed, days=0.5)
    same(together.frame, run(fleet, seed=seed, days=0.5).frame)
    chosen = data.draw(st.sampled_from(fleet))
    alone = run([chosen], seed=seed, days=0.5)
    same(rows_of(together.frame, chosen.device_id), rows_of(alone.frame, chosen.device_id))
    assert together.checkpoint.devices[chosen.device_id] == alone.checkpoint.devices[chosen.device_id]


def test_thirty_companions_switch_the_storage_kernel_and_change_nothing() -> None:
    one = tank("TANK-1", "stationary_archetype_c")
    crowd = [tank(f"X-{i:03}", target_daily_liters=100.0 + 40 * i) for i in range(30)]
    same(rows_of(run([*crowd, one], days=2).frame, "TANK-1"), run([one], days=2).frame)


@given(fleet=fleets(max_size=2), seed=SEEDS, hours=st.integers(0, 30), more=st.integers(0, 30))
def test_a_longer_window_leaves_the_shared_rows(
    fleet: list[DeviceParameters], seed: int, hours: int, more: int
) -> None:
    start = END_SECOND - 2 * DAY
    short = run(fleet, seed=seed, start_second=start, end_second=start + hours * 3600).frame
    longer = run(fleet, seed=seed, start_second=start, end_second=start + (hours + more) * 3600).frame
    shared = longer["received_at"] <= short["received_at"].iloc[-1]
    same(longer[shared].reset_index(drop=True), short)


@given(fleet=fleets(max_size=3), seed=SEEDS, splits=st.lists(st.integers(0, 30 * 3600), max_size=3))
def test_splitting_and_going_on_from_the_checkpoint_equals_one_run(
    fleet: list[DeviceParameters], seed: int, splits: list[int]
) -> None:
    start, end = END_SECOND - 30 * 3600, END_SECOND
    whole = run(fleet, seed=seed, start_second=start, end_second=end)
    parts, checkpoint = [], None
    for at in [*(start + offset for offset in sorted(splits)), end]:
        part = run(fleet, seed=seed, start_second=start, end_second=at, checkpoint=checkpoint)
        parts.append(part.frame)
        # As the manifest and the sequence state keep it.
        checkpoint = Checkpoint.from_dict(json.loads(json.dumps(part.checkpoint.to_dict())))
    joined = pd.concat([part.astype({"device_id": object}) for part in parts])
    joined = joined.sort_values(["received_at", "device_id"], kind="stable").reset_index(drop=True)
    same(joined, whole.frame)
    assert checkpoint == whole.checkpoint


def test_a_split_truck_far_from_its_base_reports_the_same_position() -> None:
    far = truck(
        gps_sigma_m=50.0,
        points=[("B", "BASE", -60.0, 10.0), ("R", "REFILL", -60.3, 10.2), ("C", "CLIENT", -60.1, 10.6)],
    )
    whole = run([far], days=3).frame
    middle = END_SECOND - DAY + 3 * 3600
    first = run([far], start_second=END_SECOND - 3 * DAY, end_second=middle)
    rest = run([far], end_second=END_SECOND, checkpoint=first.checkpoint)
    same(pd.concat([first.frame, rest.frame], ignore_index=True), whole)


@pytest.mark.parametrize("hour", [0, 2, 5])
def test_a_shift_that_began_the_day_before_goes_on_over_a_split(hour: int) -> None:
    night = truck(shift_start_hour=20.0, shift_hours=14.0, gps_sigma_m=0.0)
    start, middle = END_SECOND - 34 * 3600, END_SECOND - (10 - hour) * 3600  # END is 10:00
    whole = run([night], start_second=start).frame
    first = run([night], start_second=start, end_second=middle - 300)
    rest = run([night], checkpoint=first.checkpoint)
    assert rest.frame["received_at"].iloc[0].hour == hour
    assert (rest.frame["activity"] == "TRAVEL").any()
    same(pd.concat([first.frame, rest.frame], ignore_index=True), whole)


@given(device=devices("D-1"), seed=SEEDS, elements=st.integers(1, 5_000))
def test_the_size_of_a_block_changes_nothing(device: DeviceParameters, seed: int, elements: int) -> None:
    expected = run([device], seed=seed, days=0.5).frame
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "BLOCK_ELEMENTS", elements)
        same(run([device], seed=seed, days=0.5).frame, expected)


def test_seed_and_device_id_change_the_draws() -> None:
    base = run([tank("TANK-1")]).frame
    other_seed = run([tank("TANK-1")], seed=43).frame
    other_name = run([tank("TANK-2")]).frame
    for other in (other_seed, other_name):
        for name in ("raw_mm_0", "temperature_c", "signal_dbm", "local_timestamp_ms", "requested_liters"):
            assert (base[name] != other[name]).any(), name
    # Formula and grid are not drawn.
    assert base["expected_demand_liters"].equals(other_seed["expected_demand_liters"])
    assert base["received_at"].equals(other_name["received_at"])


_SUBPROCESS = """
import hashlib, pickle, sys
from tests.fleets import mixed_fleet
frame = mixed_fleet().frame
digest = hashlib.sha256()
for name in frame.columns:
    column = frame[name]
    if str(column.dtype) == "category":
        column = column.cat.codes
    kind = "datetime64[ms]" if name == "received_at" else column.dtype
    digest.update(name.encode() + column.to_numpy(kind).tobytes())
sys.stdout.write(digest.hexdigest())
"""


def _digest_elsewhere(**environment: str) -> str:
    merged = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environment}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _SUBPROCESS],
        env=merged,
        capture_output=True,
        text=True,
        check=False,
        cwd=REPOSITORY,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_hash_seed_time_zone_and_locale_change_nothing() -> None:
    plain = _digest_elsewhere(PYTHONHASHSEED="0", TZ="UTC", LC_ALL="C")
    turkish = "tr_TR.UTF-8" if "tr_TR.UTF-8" in locale.locale_alias.values() else "C.UTF-8"
    assert _digest_elsewhere(PYTHONHASHSEED="4242", TZ="Pacific/Chatham", LC_ALL=turkish) == plain
    assert len(plain) == 64


def test_the_runs_of_a_process_do_not_meet() -> None:
    """Global random state, caches and the order of calls play no part."""
    before = np.random.get_state()[1].copy()
    again = run(mixed_fleet().devices, days=3)
    same(again.frame, mixed_fleet().frame)
    assert (np.random.get_state()[1] == before).all()


@given(fleet=fleets(), minutes=st.integers(0, 60 * 24 * 2))
def test_the_grid_is_closed_at_both_ends(fleet: list[DeviceParameters], minutes: int) -> None:
    start = END_SECOND - minutes * 60
    frame = run(fleet, start_second=start).frame
    for device in fleet:
        rows = rows_of(frame, device.device_id)
        assert len(rows) == minutes * 60 // device.step_seconds + 1
        assert len(rows) == point_count(start, END_SECOND, device.step_seconds)
        seconds = rows["received_at"].astype("int64") // 1000
        assert seconds.tolist() == [start + i * device.step_seconds for i in range(len(rows))]
        assert rows["seq"].tolist() == list(range(1, len(rows) + 1))
    assert frame["received_at"].is_monotonic_increasing
    keys = frame[["received_at", "device_id"]].astype({"device_id": object})
    assert keys.equals(keys.sort_values(["received_at", "device_id"]).reset_index(drop=True))
