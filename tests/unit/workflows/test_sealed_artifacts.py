"""Verbs that judge an artifact look at the very bytes that were exported, as the import does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import synthlab
from synthlab.artifact import Artifact
from synthlab.artifact.manifest import canonical_bytes
from synthlab.errors import ArtifactError
from tests.frames import artifact_of, telemetry_frame


@pytest.fixture
def analyzed(tmp_path: Path) -> Artifact:
    artifact = artifact_of(telemetry_frame(tanks=1, trucks=1, steps=5), tmp_path)
    assert synthlab.analyze_csv(artifact.directory, plots=False).qc_passed
    return artifact


def _change_csv(artifact: Artifact) -> None:
    # One digit of a number: still a row that any reader takes.
    data = bytearray(artifact.csv_path.read_bytes())
    place = max(data.rfind(digit) for digit in (b"1", b"2", b"3", b"4"))
    data[place] += 1
    artifact.csv_path.write_bytes(data)


def _rewrite_manifest(artifact: Artifact, **changes: Any) -> None:
    path = artifact.directory / "manifest.json"
    path.write_bytes(canonical_bytes({**json.loads(path.read_bytes()), **changes}))


def _change_csv_and_its_hash(artifact: Artifact) -> None:
    _change_csv(artifact)
    _rewrite_manifest(artifact, csv_sha256=hashlib.sha256(artifact.csv_path.read_bytes()).hexdigest())
    # The analysis is brought in line as well: only the seal tells.
    path = artifact.directory / "analysis.json"
    manifest = json.loads((artifact.directory / "manifest.json").read_bytes())
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "csv_sha256": manifest["csv_sha256"]}))


def _reformat_manifest(artifact: Artifact) -> None:
    path = artifact.directory / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_bytes())))


CHANGES: dict[str, tuple[Callable[[Artifact], None], str, str]] = {
    "CSV": (_change_csv, "CSV_HASH_MISMATCH", "manifest csv_sha256 mismatch"),
    "CSV with its hash": (_change_csv_and_its_hash, "MANIFEST_INVALID", "changed after export"),
    "seed": (lambda made: _rewrite_manifest(made, seed=7), "MANIFEST_INVALID", "changed after export"),
    "form": (_reformat_manifest, "MANIFEST_INVALID", "the one form that export writes"),
}
VERBS: dict[str, Callable[[Path], object]] = {
    "analyze-csv": lambda folder: synthlab.analyze_csv(folder, plots=False),
    "approve": lambda folder: synthlab.approve(folder, reviewer="Ada"),
    "reject": lambda folder: synthlab.reject(folder, reviewer="Ada", note="no evening peak"),
    "review": synthlab.review,
    "compare": lambda folder: synthlab.compare(folder, folder),
    "import-csv": lambda folder: synthlab.import_csv(folder, database="sqlite:///platform.db"),
}


def _files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_after_export_is_refused_and_nothing_is_written(
    analyzed: Artifact, scratch: Path, change: str, verb: str
) -> None:
    make, code, rule = CHANGES[change]
    make(analyzed)
    before = _files(scratch)
    with pytest.raises(ArtifactError, match=rule) as caught:
        VERBS[verb](analyzed.directory)
    assert (code in {problem.code for problem in caught.value.problems}, caught.value.exit_code) == (True, 5)
    assert _files(scratch) == before


@pytest.mark.parametrize("verb", sorted(VERBS.keys() - {"import-csv"}))
def test_what_nobody_changed_is_taken(analyzed: Artifact, scratch: Path, verb: str) -> None:
    assert VERBS[verb](analyzed.directory)
