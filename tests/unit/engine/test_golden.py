"""The bytes of a small frame are pinned: any change of the numbers is seen, and meant."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from synthlab.columns import COLUMNS
from synthlab.scenario.loader import load_scenario
from synthlab.workflows.backfill import backfill
from tests.conftest import END_AT, REPOSITORY

GOLDEN = REPOSITORY / "tests" / "golden" / "small_fleet"
EVERY = 36


def digest(frame: pd.DataFrame) -> str:
    """Hash names, dtypes and little-endian bytes of all columns; categories by their text."""
    found = hashlib.sha256()
    for column in COLUMNS:
        values = frame[column.name]
        if column.kind == "category":
            data = "\x1f".join(values.astype(object).where(values.notna(), "").tolist()).encode()
        else:
            kind = "datetime64[ms]" if column.kind == "time" else values.dtype
            array = values.to_numpy(kind)
            data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        found.update(f"{column.name}\x1f{values.dtype}\x1f".encode() + data)
    return found.hexdigest()


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return backfill(load_scenario(GOLDEN / "scenario.yaml"), end_at=END_AT).frame


@pytest.fixture(scope="module", autouse=True)
def _renew(frame: pd.DataFrame) -> None:
    if os.environ.get("SYNTHLAB_RENEW_GOLDEN"):
        (GOLDEN / "digest.txt").write_text(digest(frame) + "\n", encoding="ascii")
        rows = frame.iloc[::EVERY].astype({"received_at": str})
        rows.to_csv(GOLDEN / "expected.csv", index=False, lineterminator="\n")
        pytest.fail("golden files are renewed; look at the difference and run again without the variable")


def test_a_few_rows_read_as_expected(frame: pd.DataFrame) -> None:
    """Tells what changed; the digest only tells that something did."""
    texts = {column.name: str for column in COLUMNS if column.kind == "category"}
    expected = pd.read_csv(GOLDEN / "expected.csv", dtype=texts)
    actual = frame.iloc[::EVERY].reset_index(drop=True)
    assert len(actual) == len(expected) >= 12
    for column in COLUMNS:
        got, want = actual[column.name], expected[column.name]
        if column.kind == "float":
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-9, err_msg=column.name)
        elif column.kind == "category":
            texts = [part.astype(object).where(part.notna(), "").tolist() for part in (got, want)]
            assert texts[0] == texts[1], column.name
        else:
            assert got.astype(str).tolist() == want.astype(str).tolist(), column.name


def test_all_bytes_are_as_pinned(frame: pd.DataFrame) -> None:
    assert digest(frame) == (GOLDEN / "digest.txt").read_text(encoding="ascii").strip()


def test_the_readme_says_how_to_renew() -> None:
    text = Path(GOLDEN / "README.md").read_text(encoding="utf-8")
    assert "SYNTHLAB_RENEW_GOLDEN=1" in text
