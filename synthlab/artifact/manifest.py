"""The manifest: what an artifact holds, where it comes from, and its hashes.

It says nothing about when, where or by whom the artifact was written, so the same
input gives the same bytes, and it can be shown to anybody.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from synthlab.artifact.csv import CsvDigest
from synthlab.artifact.files import canonical_bytes, read_json
from synthlab.artifact.reader import open_regular
from synthlab.calibration import Reservoir
from synthlab.errors import ArtifactError, Problem, UsageError, show_value
from synthlab.results import to_json_value
from synthlab.timeline import parse_at

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
MANIFEST_NAME = "manifest.json"
SEAL = "manifest_sha256"
"""The manifest's key that holds the hash of all the rest of it."""

MAX_NAME = 200
"""Assumed: what common file systems take, less room for the temporary folder's suffix. [characters]"""

_MAX_NUMBER = 1 << 62
"""Assumed: half of what 64 bits hold, so that counting on from it does not leave them."""
_DEVICE_COUNTS = ("step_seconds", "reserved_seq", "first_seq", "last_seq")

# Broker host, certificate paths: where the stream goes is no part of what the data is.
_PRIVATE_SCENARIO_KEYS = frozenset({"mqtt"})
_PACKAGES = ("numpy", "pandas", "pyarrow")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def build_manifest(
    frame: pd.DataFrame,
    digest: CsvDigest,
    *,
    scenario_id: str,
    run_id: str,
    scenario: Mapping[str, Any],
    scenario_sha256: str,
    seed: int,
    start_at: str,
    end_at: str,
    step_seconds: Mapping[str, int],
    reservoirs: Mapping[str, Reservoir],
    checkpoint: Mapping[str, Any] | None,
    lost: Mapping[str, Sequence[Sequence[int]]],
    start_checkpoint: Mapping[str, Any] | None = None,
    reserved_seq: Mapping[str, int] | None = None,
    warnings: Iterable[Any],
) -> dict[str, Any]:
    """Return the manifest of a frame that was written as CSV.

    Parameters
    ----------
    frame : DataFrame
    digest : CsvDigest
        Of the CSV file that holds `frame`.
    scenario_id, run_id : str
    scenario : mapping
        The validated scenario; its ``mqtt`` block is left out.
    scenario_sha256 : str
    seed : int
    start_at, end_at : str
        The window, RFC 3339 UTC.
    step_seconds : mapping of str to int
        By device; every device that should have rows. [seconds]
    reservoirs : mapping of str to Reservoir
        Calibration used, by device, with its origin.
    checkpoint : mapping or None
        The engine's, at the end of the window.
    lost : mapping of str to sequence of (int, int)
        Numbers of messages that the network lost, as ranges, by device.
    start_checkpoint : mapping or None
        The engine's, from which the window went on.
    reserved_seq : mapping of str to int or None
        First number that was reserved for each device.
    warnings : iterable
        Problems as records, or texts.
    """
    manifest: dict[str, Any] = to_json_value(
        {
            "schema_version": SCHEMA_VERSION,
            "synthetic": True,
            "scenario_id": scenario_id,
            "run_id": run_id,
            "scenario": {k: v for k, v in scenario.items() if k not in _PRIVATE_SCENARIO_KEYS},
            "scenario_sha256": scenario_sha256,
            "seed": seed,
            "start_at": start_at,
            "end_at": end_at,
            "row_count": digest.row_count,
            "csv_sha256": digest.sha256,
            "chunks": [chunk.to_dict() for chunk in digest.chunks],
            "devices": device_ranges(frame, step_seconds, reserved_seq or {}, lost),
            "reservoirs": {device_id: reservoirs[device_id].to_dict() for device_id in sorted(reservoirs)},
            "checkpoint": checkpoint,
            "start_checkpoint": start_checkpoint,
            "package_versions": _package_versions(),
            "warnings": list(warnings),
        }
    )
    return sealed(manifest)


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest with the hash of all the rest of it.

    Notes
    -----
    Not a signature: it finds what changed by accident or by somebody who does not know
    of it. Whoever edits an artifact on purpose can seal it again; that the rows are
    those of the scenario is what ``verify --regenerate`` shows.
    """
    return {**manifest, SEAL: _seal_of(manifest)}


def _seal_of(manifest: Mapping[str, Any]) -> str:
    content = {key: value for key, value in manifest.items() if key != SEAL}
    return hashlib.sha256(canonical_bytes(content)).hexdigest()


def seal_problems(directory: Path, manifest: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield where a manifest is not, byte for byte, the one that was exported.  Reads only."""
    remedy = "The manifest changed after export: export again"
    with open_regular(directory / MANIFEST_NAME) as file:
        is_canonical = file.read() == canonical_bytes(manifest)
    if not is_canonical:
        rule = "needs the one form that export writes: keys sorted, two spaces"
        yield Problem("MANIFEST_INVALID", rule, file=MANIFEST_NAME, remedy=remedy)
    found = _seal_of(manifest)
    if found != manifest[SEAL]:
        rule = "something in the manifest changed after export, or was added"
        yield Problem("MANIFEST_INVALID", rule, path=SEAL, value=found, file=MANIFEST_NAME, remedy=remedy)


def device_ranges(
    frame: pd.DataFrame,
    step_seconds: Mapping[str, int],
    reserved_seq: Mapping[str, int],
    lost: Mapping[str, Sequence[Sequence[int]]],
) -> dict[str, dict[str, Any]]:
    """Return what a manifest says of each device's rows.

    Parameters
    ----------
    frame : DataFrame
    step_seconds : mapping of str to int
        By device, also of those without rows. [seconds]
    reserved_seq : mapping of str to int
        First number that was reserved, by device: a lost first row does not show it.
    lost : mapping of str to sequence of (int, int)
        Numbers of messages that the network lost, as ranges, by device.
    """
    codes = frame["device_id"].cat.codes.to_numpy()
    names = list(frame["device_id"].cat.categories)
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(names) + 1))
    seq = frame["seq"].to_numpy()
    stamps = frame["received_at"].to_numpy(dtype="datetime64[ms]")
    ranges: dict[str, dict[str, Any]] = {}
    for device_id in sorted({*names, *step_seconds}):
        place = names.index(device_id) if device_id in names else None
        rows = order[:0] if place is None else order[starts[place] : starts[place + 1]]
        is_any = len(rows) > 0
        ranges[device_id] = {
            # Lowest and highest, not first and last: a device may have counted from 1 again.
            "first_seq": int(seq[rows].min()) if is_any else None,
            "last_seq": int(seq[rows].max()) if is_any else None,
            "first_received_at": f"{stamps[rows[0]]}Z" if is_any else None,
            "last_received_at": f"{stamps[rows[-1]]}Z" if is_any else None,
            "row_count": len(rows),
            "step_seconds": step_seconds.get(device_id),
            "reserved_seq": reserved_seq.get(device_id),
        }
        if lost.get(device_id):
            ranges[device_id]["lost_seq"] = [list(each) for each in lost[device_id]]
    return ranges


def _package_versions() -> dict[str, str]:
    from synthlab._version import __version__

    return {"synthlab": __version__, **{name: version(name) for name in _PACKAGES}}


def load_manifest(directory: Path) -> dict[str, Any]:
    """Read and check an artifact's manifest.

    Reads only.

    Raises
    ------
    ArtifactError
        Code ``ARTIFACT_NOT_FOUND``: no manifest; ``MANIFEST_INVALID``: every key
        that is missing or holds something else than it should.
    """
    manifest = read_json(directory / MANIFEST_NAME)
    problems = list(_problems(manifest))
    if problems:
        raise ArtifactError(problems)
    return manifest


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_NUMBER


def _is_sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


_RULES: dict[str, tuple[str, Any]] = {
    "schema_version": (f"needs {SCHEMA_VERSION}", lambda v: v == SCHEMA_VERSION and not isinstance(v, bool)),
    "synthetic": ("needs true", lambda v: v is True),
    "scenario_id": ("needs a plain folder name", lambda v: is_plain_name(v)),
    "run_id": ("needs a plain folder name", lambda v: is_plain_name(v)),
    "scenario": ("needs an object", lambda v: isinstance(v, dict)),
    "scenario_sha256": ("needs a sha256", _is_sha256),
    "seed": ("needs a whole number", lambda v: isinstance(v, int) and not isinstance(v, bool)),
    "start_at": ("needs a UTC time", lambda v: _is_time(v)),
    "end_at": ("needs a UTC time", lambda v: _is_time(v)),
    "row_count": ("needs a whole number >= 0", _is_count),
    "csv_sha256": ("needs a sha256", _is_sha256),
    "chunks": ("needs a list of {first_row, row_count, sha256}", lambda v: _are_chunks(v)),
    "devices": ("needs an object of objects with row_count", lambda v: _are_devices(v)),
    "reservoirs": ("needs an object of calibrated reservoirs", lambda v: _are_reservoirs(v)),
    "checkpoint": ("needs an object or null", lambda v: v is None or isinstance(v, dict)),
    "start_checkpoint": ("needs an object or null", lambda v: v is None or isinstance(v, dict)),
    "package_versions": ("needs an object", lambda v: isinstance(v, dict)),
    SEAL: ("needs a sha256", _is_sha256),
    "warnings": ("needs a list", lambda v: isinstance(v, list)),
}


def is_plain_name(value: Any) -> bool:
    """Say whether a value is a folder's name that leads nowhere else."""
    return isinstance(value, str) and len(value) <= MAX_NAME and _NAME.fullmatch(value) is not None


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(parse_at(value))
    except UsageError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MAX_NUMBER


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_volume_table(value: Any) -> bool:
    return value is None or (
        isinstance(value, list)
        and all(isinstance(pair, list) and len(pair) == 2 and all(map(_is_number, pair)) for pair in value)
    )


_RESERVOIR_RULES: dict[str, Any] = {
    **dict.fromkeys(("capacity_liters", "sensor_empty_distance_mm", "sensor_full_distance_mm"), _is_number),
    **dict.fromkeys(
        ("device_id", "shape", "reservoir_type", "mobility", "origin"), lambda v: isinstance(v, str)
    ),
    **dict.fromkeys(("reservoir_id", "zone_id"), _is_text),
    "height_mm": lambda v: v is None or _is_number(v),
    "volume_table": _is_volume_table,
    "is_pipe_connected": lambda v: isinstance(v, bool),
}
_REQUIRED = ("capacity_liters", "sensor_empty_distance_mm", "sensor_full_distance_mm")


def _are_reservoirs(value: Any) -> bool:
    return _is_table(value) and all(
        entry.keys() <= _RESERVOIR_RULES.keys()
        and entry.keys() >= set(_REQUIRED)
        and all(_RESERVOIR_RULES[key](entry[key]) for key in entry)
        for entry in value.values()
    )


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(entry, dict) for entry in value.values())


def _are_chunks(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and _is_count(entry.get("first_row"))
        and _is_count(entry.get("row_count"))
        and _is_sha256(entry.get("sha256"))
        for entry in value
    )


def _are_devices(value: Any) -> bool:
    return _is_table(value) and all(
        _is_count(entry.get("row_count"))
        and all(entry.get(key) is None or _is_count(entry[key]) for key in _DEVICE_COUNTS)
        and _are_seq_ranges(entry.get("lost_seq", []))
        for entry in value.values()
    )


def _are_seq_ranges(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, list) and len(each) == 2 and all(map(_is_count, each)) and each[0] <= each[1]
        for each in value
    )


def _problems(manifest: Mapping[str, Any]) -> Iterable[Problem]:
    for key, (rule, holds) in _RULES.items():
        if key not in manifest:
            yield Problem(
                "MANIFEST_INVALID",
                "the key is missing",
                path=key,
                file=MANIFEST_NAME,
                remedy="Export the artifact again",
            )
        elif not holds(manifest[key]):
            yield Problem(
                "MANIFEST_INVALID",
                rule,
                path=key,
                value=show_value(manifest[key]),
                file=MANIFEST_NAME,
                remedy="Export the artifact again",
            )
