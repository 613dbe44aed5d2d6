"""Small telemetry frames that keep every invariant, made without the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synthlab.artifact import Artifact, write_artifact
from synthlab.artifact.files import canonical_bytes
from synthlab.artifact.manifest import sealed
from synthlab.calibration import Reservoir, level_pct_from_distance_mm
from synthlab.columns import ACTIVITIES, NAMES, READING_COUNT

START_MS = 1_770_883_200_000
"""2026-02-12T08:00:00Z."""
NOISE_MM = 2.0
FLOWS = ("inflow", "served", "overflow", "loaded", "delivered", "lost")


def reservoir(device_id: str) -> Reservoir:
    """A tank, or a truck's tank where the id says so."""
    is_truck = device_id.startswith("TRUCK")
    return Reservoir(
        device_id=device_id,
        capacity_liters=8_000.0 if is_truck else 2_000.0,
        sensor_empty_distance_mm=1_800.0,
        sensor_full_distance_mm=200.0,
        mobility="MOBILE" if is_truck else "FIXED",
        reservoir_type="TRUCK_TANK" if is_truck else "TANK",
        origin="scenario",
    )


def reservoirs_of(frame: pd.DataFrame) -> dict[str, Reservoir]:
    return {str(name): reservoir(str(name)) for name in frame["device_id"].cat.categories}


def telemetry_frame(
    *,
    tanks: int = 2,
    trucks: int = 1,
    steps: int = 40,
    step_seconds: int = 300,
    first_seq: int = 1,
    seed: int = 0,
) -> pd.DataFrame:
    """A frame of tanks and trucks, valid in every respect."""
    rng = np.random.default_rng(seed)
    ids = [f"TANK-{i}" for i in range(tanks)] + [f"TRUCK_{i}" for i in range(trucks)]
    devices = [_device(name, steps, step_seconds, first_seq, rng) for name in sorted(ids)]
    frame = pd.concat(devices, ignore_index=True)
    frame["device_id"] = pd.Categorical(frame["device_id"], categories=sorted(ids))
    frame["activity"] = pd.Categorical(frame["activity"], categories=list(ACTIVITIES))
    frame["fault"] = pd.Categorical(frame["fault"], categories=[""])
    frame = frame.sort_values(["received_at", "device_id"], kind="stable", ignore_index=True)
    return frame[list(NAMES)]


def _device(
    name: str, steps: int, step_seconds: int, first_seq: int, rng: np.random.Generator
) -> pd.DataFrame:
    is_truck = name.startswith("TRUCK")
    entry = reservoir(name)
    capacity = int(entry.capacity_liters * 1_000)
    volume = capacity // 2
    flows: dict[str, list[int]] = {
        key: [] for key in ("inflow", "served", "overflow", "loaded", "delivered", "lost")
    }
    volumes = []
    for _ in range(steps):
        flow = dict.fromkeys(flows, 0)
        if is_truck:
            flow["delivered"] = min(volume, int(rng.integers(0, 90_000)))
            flow["lost"] = min(volume - flow["delivered"], int(rng.integers(0, 500)))
            flow["loaded"] = capacity // 8 if volume < capacity // 4 else 0
        else:
            flow["served"] = min(volume, int(rng.integers(0, 20_000)) * int(rng.random() < 0.4))
            flow["inflow"] = int(rng.integers(0, 60_000)) * int(rng.random() < 0.2)
        after = volume + flow["inflow"] + flow["loaded"] - flow["served"] - flow["delivered"] - flow["lost"]
        flow["overflow"] = max(after - capacity, 0)
        volume = after - flow["overflow"]
        volumes.append(volume)
        for key, liters in flow.items():
            flows[key].append(liters)
    level = np.array(volumes) / 1_000 / entry.capacity_liters * 100
    distance = 1_800.0 - level / 100 * 1_600.0
    raw = np.maximum(np.rint(distance[:, None] + rng.normal(0, NOISE_MM, (steps, READING_COUNT))), 1).astype(
        np.int32
    )
    raw[rng.random(raw.shape) < 0.01] = -1
    stamps = START_MS + np.arange(steps) * step_seconds * 1_000
    blank = np.full(steps, np.nan)
    path = np.rint(np.cumsum(rng.normal(0, 1e-3, (2, steps)), axis=1) * 1e6) / 1e6
    data: dict[str, Any] = {
        "device_id": [name] * steps,
        "seq": first_seq + np.arange(steps),
        "received_at": pd.DatetimeIndex(stamps.astype("datetime64[ms]")).tz_localize("UTC"),
        "local_timestamp_ms": stamps - rng.integers(0, 1_500, steps),
        **{f"raw_mm_{i}": raw[:, i] for i in range(READING_COUNT)},
        "measured_level_pct": _measured(raw),
        "temperature_c": np.rint(rng.normal(24, 2, steps) * 10) / 10,
        "battery_pct": (97 - np.arange(steps) // 100 + rng.integers(0, 2, steps)).astype(np.int16),
        "signal_dbm": rng.integers(-100, -60, steps).astype(np.int16),
        "latitude": np.round(path[0] - 17.78, 6) if is_truck else blank,
        "longitude": np.round(path[1] - 63.18, 6) if is_truck else blank,
        "speed_kmh": np.rint(rng.random(steps) * 400) / 10 if is_truck else blank,
        "course_degrees": np.rint(rng.random(steps) * 3_599) / 10 if is_truck else blank,
        "volume_liters": np.array(volumes) / 1_000,
        "level_pct": level,
        "expected_demand_liters": np.zeros(steps) if is_truck else np.full(steps, 3.125),
        "requested_liters": (np.array(flows["served"]) + (0 if is_truck else 250)) / 1_000,
        **{f"{key}_liters": np.array(flows[key]) / 1_000 for key in flows},
        "activity": [ACTIVITIES[i] for i in rng.integers(0, 5, steps)] if is_truck else [None] * steps,
        "fault": [""] * steps,
    }
    return pd.DataFrame(data)


def _measured(raw: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    valid = raw >= 0
    count = valid.sum(axis=1)
    mean = np.where(valid, raw, 0).sum(axis=1) / np.maximum(count, 1)
    level = level_pct_from_distance_mm(mean, empty_mm=1_800.0, full_mm=200.0)
    return np.where(count > 0, level, np.nan)


def artifact_of(frame: pd.DataFrame, folder: Path, **changes: Any) -> Artifact:
    """Write a frame as the artifact ``demo/run1``."""
    stamps = frame["received_at"]
    facts: dict[str, Any] = {
        "output_root": folder,
        "scenario_id": "demo",
        "run_id": "run1",
        "scenario": {"scenario_id": "demo", "seed": 42, "mqtt": {"host": "broker.example", "key_path": "/k"}},
        "scenario_sha256": "a" * 64,
        "seed": 42,
        "start_at": stamps.min().strftime("%Y-%m-%dT%H:%M:%SZ") if len(frame) else "2026-02-12T08:00:00Z",
        "end_at": stamps.max().strftime("%Y-%m-%dT%H:%M:%SZ") if len(frame) else "2026-02-12T08:00:00Z",
        "step_seconds": dict.fromkeys(map(str, frame["device_id"].cat.categories), 300),
        "reservoirs": reservoirs_of(frame),
        "checkpoint": {"seed": 42, "devices": {}},
    }
    return write_artifact(frame, **{**facts, **changes})


def resign(artifact: Artifact) -> None:
    """Make the manifest's hash fit the CSV again, as somebody would who edits both."""
    import hashlib
    import json

    manifest = json.loads((artifact.directory / "manifest.json").read_text())
    data = artifact.csv_path.read_bytes()
    manifest["csv_sha256"] = hashlib.sha256(data).hexdigest()
    lines = data.splitlines(keepends=True)[1:]
    rows = {"first_row": 0, "row_count": len(lines), "sha256": hashlib.sha256(b"".join(lines)).hexdigest()}
    manifest["chunks"] = [rows]
    (artifact.directory / "manifest.json").write_bytes(canonical_bytes(sealed(manifest)))
