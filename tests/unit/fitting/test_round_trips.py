"""A part of what `docs/measure_fits.py` measured again; and what it found is what is asked of fits."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"
CASE = ["source", "homes", "archetype", "liters", "weights", "own_profiles", "fits"]
KNOWN_R, TARGET_ERROR, LEVEL_R, LEVEL_ERROR = 0.95, 0.05, 0.9, 0.10
"""What a month of meters, and of levels alone, is asked to give back."""


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measure_fits", DOCS / "measure_fits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Its records look their annotations up there.
    spec.loader.exec_module(module)
    return module


SCRIPT = _script()
FOUND = pd.read_csv(DOCS / "fits_found.csv")


def _rows(source: str, homes: int, liters: float, *, own_profiles: bool = False) -> pd.DataFrame:
    rows = FOUND[(FOUND["source"] == source) & (FOUND["homes"] == homes) & (FOUND["liters"] == liters)]
    rows = rows[rows["own_profiles"] == own_profiles]
    assert len(rows) == len(SCRIPT.WEIGHTS)
    return rows


def test_the_file_holds_every_case_of_the_script() -> None:
    assert FOUND[CASE].to_dict("records") == [asdict(case) for case in SCRIPT.cases()]


@pytest.mark.long
@pytest.mark.parametrize(
    ("source", "liters", "weights"),
    [
        ("meter", 250.0, "night shift"),
        ("meter", 900.0, "the same at night"),
        ("meter", 3_000.0, "office"),
        ("level", 900.0, "two peaks"),
    ],
)
def test_a_part_is_measured_again(source: str, liters: float, weights: str) -> None:
    case = next(
        case
        for case in SCRIPT.cases()
        if (case.source, case.homes, case.liters, case.weights) == (source, 1, liters, weights)
    )
    row = FOUND[(FOUND[CASE] == pd.Series(asdict(case))).all(axis=1)].iloc[0]
    for name, value in SCRIPT.measured(case).items():
        assert value == pytest.approx(row[name], abs=0.0015), name


@pytest.mark.parametrize("homes", [1, 24])
@pytest.mark.parametrize("liters", [250.0, 900.0])
def test_months_of_meters_give_back_weights(homes: int, liters: float) -> None:
    rows = _rows("meter", homes, liters)
    assert (rows["weights_r"] >= rows["seen_r"] - 0.001).all()
    known = rows[rows["is_known"]]
    assert (known["weights_r"] >= KNOWN_R).all()
    if homes > 1 or liters > 500.0:
        assert rows["weights_r"].mean() >= KNOWN_R


def test_several_households_and_large_ones_give_back_their_target() -> None:
    assert _rows("meter", 24, 900.0)["target_error"].max() <= TARGET_ERROR
    assert _rows("meter", 1, 3_000.0)["target_error"].max() <= TARGET_ERROR
    # A home's month is its own: what was drawn is met, what the parameter was cannot be known.
    usual = _rows("meter", 1, 900.0)
    assert (usual["target_error"] <= 1.25 * usual["month_error"]).all()


def test_months_of_levels_give_back_what_was_drawn() -> None:
    for liters in (600.0, 900.0):
        rows = _rows("level", 1, liters)
        assert rows["target_from_month"].mean() <= LEVEL_ERROR
        assert rows["weights_r"].mean() >= LEVEL_R
    # Of 250 L/d in a tank of 5,000 L most uses are no larger than the noise: .108 and .86.
    small = _rows("level", 1, 250.0)
    assert small["target_from_month"].mean() <= 1.2 * LEVEL_ERROR
    assert small["weights_r"].mean() >= small["seen_r"].mean() + 0.1
    assert _rows("level", 24, 900.0)["target_error"].max() <= LEVEL_ERROR


def test_intervals_hold_what_they_say() -> None:
    single = FOUND[(FOUND["homes"] == 1) & (FOUND["source"] == "meter")]
    by_liters = single.groupby("liters")[["target_inside", "weights_inside"]].mean()
    assert (by_liters >= 0.93).all(axis=None)
