from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthlab.errors import DiskError
from synthlab.plotting import save_plots


def _names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_pictures_follow_what_is_in_the_frame(
    tmp_path: Path, two_tanks: pd.DataFrame, two_trucks: pd.DataFrame, join_rows
) -> None:
    tanks = ["level.png", "demand_by_hour.png", "supply_by_hour.png"]
    assert _names(save_plots(two_tanks, tmp_path / "a")) == tanks
    assert _names(save_plots(two_trucks, tmp_path / "b")) == ["level.png", "routes.png"]
    both = save_plots(join_rows(two_tanks, two_trucks), tmp_path / "c" / "plots")
    assert _names(both) == [*tanks, "routes.png"]
    assert sorted(path.name for path in (tmp_path / "c" / "plots").iterdir()) == sorted(_names(both))


def test_pictures_of_an_earlier_frame_do_not_stay(
    tmp_path: Path, two_tanks: pd.DataFrame, two_trucks: pd.DataFrame
) -> None:
    save_plots(two_trucks, tmp_path)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    save_plots(two_tanks, tmp_path)
    assert not (tmp_path / "routes.png").exists()
    assert (tmp_path / "notes.txt").exists()


def test_same_frame_same_bytes(tmp_path: Path, two_tanks: pd.DataFrame) -> None:
    for first, second in zip(
        save_plots(two_tanks, tmp_path / "a"), save_plots(two_tanks, tmp_path / "b"), strict=True
    ):
        assert first.read_bytes() == second.read_bytes()


def test_a_frame_without_rows_has_no_pictures(tmp_path: Path, two_tanks: pd.DataFrame) -> None:
    assert save_plots(two_tanks.iloc[:0], tmp_path) == []


def _untimed(frame: pd.DataFrame) -> None:
    frame["received_at"] = pd.NaT


def _spoil_levels(frame: pd.DataFrame) -> None:
    frame[["level_pct", "measured_level_pct"]] = np.nan


def _spoil_flows(frame: pd.DataFrame) -> None:
    frame[["requested_liters", "served_liters", "inflow_liters", "loaded_liters"]] = np.nan


def _shuffle_times(frame: pd.DataFrame) -> None:
    frame["received_at"] = frame["received_at"].sample(frac=1, random_state=0).to_numpy()


def _one_moment(frame: pd.DataFrame) -> None:
    frame["received_at"] = frame["received_at"].iloc[0]


def _no_activity(frame: pd.DataFrame) -> None:
    frame["activity"] = pd.Categorical([None] * len(frame))


def _one_place(frame: pd.DataFrame) -> None:
    frame.loc[frame["latitude"].notna(), ["latitude", "longitude"]] = 0.0


def _some_places_missing(frame: pd.DataFrame) -> None:
    frame.loc[frame.index[::3], ["latitude", "longitude"]] = np.nan


def _one_row_each(frame: pd.DataFrame) -> None:
    frame.loc[frame.index[4:], "received_at"] = pd.NaT


@pytest.mark.parametrize(
    "spoil",
    [
        _spoil_levels,
        _spoil_flows,
        _shuffle_times,
        _one_moment,
        _no_activity,
        _one_place,
        _some_places_missing,
        _one_row_each,
    ],
)
def test_bad_rows_are_drawn_not_raised(
    tmp_path: Path, two_tanks: pd.DataFrame, two_trucks: pd.DataFrame, join_rows, spoil
) -> None:
    frame = join_rows(two_tanks, two_trucks)
    spoil(frame)
    assert _names(save_plots(frame, tmp_path))[0] == "level.png"


def test_rows_without_time_have_no_pictures(tmp_path: Path, two_tanks: pd.DataFrame) -> None:
    frame = two_tanks.copy()
    _untimed(frame)
    assert save_plots(frame, tmp_path) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, two_tanks: pd.DataFrame) -> None:
    (tmp_path / "plots").write_text("a file is in the way", encoding="utf-8")
    with pytest.raises(DiskError, match=r"level\.png: cannot be written"):
        save_plots(two_tanks, tmp_path / "plots")
