"""Groups, grids, sequence numbers, checkpoints and the frame's form."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from synthlab.columns import NAMES, frame_problems
from synthlab.engine import Checkpoint, DeviceCheckpoint
from synthlab.errors import UsageError
from synthlab.scenario.resolve import DeviceParameters
from tests.fleets import DAY, END_SECOND, HOUR, mixed_fleet, rows_of, run, tank, truck


def test_the_frame_is_the_contracts() -> None:
    frame = mixed_fleet().frame
    assert frame_problems(frame) == []
    assert tuple(frame.columns) == NAMES
    assert frame.index.equals(frame.reset_index().index)
    assert list(frame["device_id"].cat.categories) == sorted(d.device_id for d in mixed_fleet().devices)


@pytest.mark.parametrize("device", [tank(), truck()], ids=["tank", "truck"])
def test_columns_that_share_an_array_are_written_apart(device: DeviceParameters) -> None:
    before = run([device]).frame
    for name in before.columns[before.dtypes == np.float64]:
        frame = run([device]).frame
        value = before[name].fillna(0.0)[3] + 1.0
        frame.loc[3, name] = value
        assert frame.loc[3, name] == value
        assert frame.drop(columns=name).equals(before.drop(columns=name)), name


def test_no_points_give_an_empty_frame_of_the_same_form() -> None:
    frame = run([tank(), truck()], start_second=END_SECOND + 1, end_second=END_SECOND).frame
    assert len(frame) == 0
    assert frame_problems(frame) == []
    nothing = run([])
    assert frame_problems(nothing.frame) == []
    assert dict(nothing.checkpoint.devices) == {}


def test_one_moment_is_one_row() -> None:
    frame = run([tank(), truck()], start_second=END_SECOND, end_second=END_SECOND).frame
    assert len(frame) == 2
    assert frame["seq"].tolist() == [1, 1]


@pytest.mark.parametrize("count", [127, 128, 129, 300])
def test_any_number_of_devices_keeps_its_names(count: int) -> None:
    """Category codes change their width at 128 devices."""
    devices = [tank(f"D{i:03}", step_seconds=3600) for i in range(count)]
    frame = run(devices, start_second=END_SECOND - HOUR).frame
    assert frame["device_id"].tolist() == [d.device_id for d in devices] * 2


def test_first_seq_shifts_numbers_and_nothing_else() -> None:
    fleet = [tank(), truck()]
    plain, shifted = run(fleet), run(fleet, first_seq={"TANK-1": 501})
    assert rows_of(shifted.frame, "TANK-1")["seq"].iloc[0] == 501
    assert rows_of(shifted.frame, "TRUCK-1")["seq"].iloc[0] == 1
    assert shifted.checkpoint.devices["TANK-1"].last_seq == 501 + 288
    assert plain.frame.drop(columns="seq").equals(shifted.frame.drop(columns="seq"))


def test_the_checkpoint_says_where_each_device_stopped() -> None:
    simulation = mixed_fleet().simulation
    assert simulation.checkpoint.seed == 42
    for device in mixed_fleet().devices:
        last = rows_of(simulation.frame, device.device_id).iloc[-1]
        stopped = simulation.checkpoint.devices[device.device_id]
        assert stopped.at_second == last["received_at"].timestamp()
        assert stopped.step_seconds == device.step_seconds
        assert stopped.next_second == stopped.at_second + device.step_seconds
        assert stopped.last_seq == last["seq"]
        assert stopped.volume_ml == round(last["volume_liters"] * 1000)


def test_a_checkpoint_survives_json() -> None:
    checkpoint = mixed_fleet().simulation.checkpoint
    assert Checkpoint.from_dict(json.loads(json.dumps(checkpoint.to_dict()))) == checkpoint


@pytest.mark.parametrize(
    "damage",
    [
        {"schema_version": 2},
        {"devices": {"A": {"at_second": 1}}},
        {"devices": None},
        {"seed": "x"},
        {"devices": {"A": {"at_second": 1, "step_seconds": 1, "last_seq": "many", "volume_ml": 0}}},
    ],
)
def test_a_damaged_checkpoint_is_refused(damage: dict[str, object]) -> None:
    record = {"schema_version": 1, "seed": 1, "devices": {}, **damage}
    with pytest.raises(UsageError) as caught:
        Checkpoint.from_dict(record)
    assert caught.value.code == "BAD_ARGUMENT"
    assert caught.value.problems[0].path == "checkpoint"


def test_devices_go_on_from_their_own_checkpoints() -> None:
    """One device stopped an hour before the other; both end together, without a gap."""
    fleet = [tank("A"), tank("B")]
    whole = run(fleet, days=1)
    early = run(fleet[:1], start_second=END_SECOND - DAY, end_second=END_SECOND - 2 * HOUR)
    late = run(fleet[1:], start_second=END_SECOND - DAY, end_second=END_SECOND - HOUR)
    both = Checkpoint(42, {**early.checkpoint.devices, **late.checkpoint.devices})
    rest = run(fleet, end_second=END_SECOND, checkpoint=both)
    for name, first in (("A", early), ("B", late)):
        own = rows_of(rest.frame, name)
        assert own["seq"].iloc[0] == first.frame["seq"].iloc[-1] + 1
        expected = rows_of(whole.frame, name).tail(len(own)).reset_index(drop=True)
        assert own["volume_liters"].tolist() == expected["volume_liters"].tolist()
    assert rest.checkpoint == whole.checkpoint


def test_a_device_that_is_ahead_of_the_window_waits() -> None:
    done = run([tank("A")]).checkpoint
    again = run([tank("A"), tank("B")], checkpoint=done)
    assert set(again.frame["device_id"]) == {"B"}
    assert again.checkpoint.devices["A"] == done.devices["A"]


def test_a_checkpoint_of_another_step_goes_on_where_its_water_stopped() -> None:
    """Backfill by five minutes, live by one: the level is continuous, no second counts twice."""
    coarse = tank("A", step_seconds=300)
    fine = replace(coarse, step_seconds=60, cadence_seconds=60)
    first = run([coarse], start_second=END_SECOND - DAY, end_second=END_SECOND - HOUR)
    rest = run([fine], end_second=END_SECOND, checkpoint=first.checkpoint).frame
    all_fine = run([fine], start_second=END_SECOND - DAY, end_second=END_SECOND).frame
    assert rest["received_at"].iloc[0].timestamp() == END_SECOND - HOUR + 300
    requested = first.frame["requested_liters"].sum() + rest["requested_liters"].sum()
    assert requested == pytest.approx(all_fine["requested_liters"].sum(), abs=1e-9)
    jump = rest["volume_liters"].iloc[0] - first.frame["volume_liters"].iloc[-1]
    flow = rest["inflow_liters"].iloc[0] - rest["served_liters"].iloc[0] - rest["overflow_liters"].iloc[0]
    assert jump == pytest.approx(flow, abs=1e-9)


def test_a_smaller_reservoir_cannot_hold_the_checkpoints_content() -> None:
    checkpoint = Checkpoint(42, {"A": DeviceCheckpoint(END_SECOND - HOUR, 300, 7, 4_000_000.0)})
    small = tank("A", reservoir={"capacity_liters": 100.0})
    rows = run([small], checkpoint=checkpoint).frame
    assert rows["volume_liters"].max() <= 100.0
    assert rows["seq"].iloc[0] == 8


def test_device_clocks_run_a_little_early_and_rise() -> None:
    frame = mixed_fleet().frame
    late = frame["received_at"].astype("int64") - frame["local_timestamp_ms"]
    assert late.between(200, 1_223).all()
    assert late.std() == pytest.approx(1024 / 12**0.5, rel=0.05)
    for device in mixed_fleet().devices:
        assert (np.diff(rows_of(frame, device.device_id)["local_timestamp_ms"]) > 0).all()


def test_temperature_has_one_decimal_and_no_minus_zero() -> None:
    cold = run([tank(f"D{i}", temperature_mean_c=0.0) for i in range(5)], days=5).frame["temperature_c"]
    assert (cold == cold.round(1)).all()
    assert (cold == 0).any()
    assert not np.signbit(cold[cold == 0]).any()


def test_a_moving_truck_reads_with_slosh() -> None:
    frame = rows_of(mixed_fleet().frame, "TRUCK-H")
    raw = frame[[f"raw_mm_{i}" for i in range(5)]].to_numpy(float)
    valid = (raw > 0).all(axis=1)
    spread = raw.std(axis=1, ddof=1)
    moves = (frame["activity"] == "TRAVEL").to_numpy()
    assert spread[valid & moves].mean() == pytest.approx(18.1 * 0.94, rel=0.1)
    calm = ~moves & (frame["loaded_liters"] == 0).to_numpy()
    # A late echo now and then widens a burst, so the median is looked at.
    assert np.median(spread[valid & ~moves & ~calm]) == pytest.approx(4.02 * 0.92, rel=0.25)
    assert np.median(spread[valid & calm]) == pytest.approx(2.02 * 0.92, rel=0.1)


def test_the_noises_of_a_row_are_drawn_apart() -> None:
    """Differences from row to row leave little but the noise of readings, temperature, signal and clock."""
    quiet = {"target_daily_liters": 1.0, "supply_sessions_per_day": 0.0, "no_echo_prob": 0.0}
    quiet |= {"multipath_prob": 0.0, "plateaus_per_day": 0.0, "echo_bursts_per_day": 0.0}
    quiet |= {"condensation_night_prob": 0.0, "signal_hour_correlation": 0.3, "signal_site_spread": 0.0}
    frame = run([tank(signal_sigma_db=15.0, reading_noise_mm=30.0, **quiet)], days=20).frame
    names = [*(f"raw_mm_{i}" for i in range(5)), "temperature_c", "signal_dbm", "local_timestamp_ms"]
    steps = frame[names].diff().iloc[1:].to_numpy(float)
    correlation = np.corrcoef((steps - steps.mean(axis=0)).T)
    off = np.abs(correlation[np.triu_indices(len(names), 1)])
    # Differences of white noise are correlated by -1/2 with their neighbors: 1.5 times the variance.
    assert off.max() < 4.5 * (1.5 / len(steps)) ** 0.5
