"""What the page of faults says of the checks is what the code finds: a stale file fails."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

import synthlab
from synthlab.scenario.faults import FAULT_KINDS

DOCS = Path(__file__).resolve().parents[2] / "docs"
KEYS = ["fault", "on", "by", "value"]
COUNTS = ["episodes", "found", "runs", "right"]


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measure_faults", DOCS / "measure_faults.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def written() -> pd.DataFrame:
    return pd.read_csv(DOCS / "faults_found.csv")


def test_every_kind_was_measured_once_at_its_default_on_all_that_it_acts_on() -> None:
    table, names = written(), {"STATIONARY": "tanks", "MOBILE": "trucks"}
    assert not table.duplicated(KEYS).any()
    default = table[table["is_default"]].drop_duplicates(["fault", "on"])
    expected = {(kind.name, names[mode]) for kind in FAULT_KINDS.values() for mode in kind.modes}
    assert set(zip(default["fault"], default["on"], strict=True)) == expected
    assert list(dict.fromkeys(table["fault"])) == list(FAULT_KINDS)


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "mode"), [("THEFT", "MOBILE"), ("LEAK", "STATIONARY"), ("SPIKES", "STATIONARY")]
)
def test_the_file_holds_what_is_found_now(kind: str, mode: str) -> None:
    module = script()
    frame, reservoirs = module.cities(module.DAYS, mode)
    size = FAULT_KINDS[kind].size[mode]
    found = synthlab.recall_by_size(frame, kind, [size], reservoirs=reservoirs)
    table = written()
    is_row = (table[["fault", "on", "by"]] == [kind, module.MODES[mode], "size"]).all(axis=1)
    pd.testing.assert_frame_equal(
        table.loc[is_row & (table["value"] == size), COUNTS].reset_index(drop=True),
        found[COUNTS],
        check_dtype=False,
    )
