"""Measure what the checks find of every kind of fault, by size and by duration: minutes of one core.

.venv/bin/python docs/measure_faults.py [KIND ...]

Kinds that are named are measured again, and the others left as they are: name those whose checks or
labels changed.
Writes `docs/faults_found.csv`, of which `docs/generate.py` makes the tables of `docs/faults.md` and
`docs/make_images.py` the picture; the same code gives the same file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

import synthlab
from synthlab.calibration import Reservoir
from synthlab.scenario.faults import FAULT_KINDS, FaultKind
from synthlab.scenario.resolve import resolve

FOUND = Path(__file__).resolve().parent / "faults_found.csv"
TEMPLATE, END_AT = "demo_city_v1", "2026-02-12T10:00:00Z"
CITIES = {"STATIONARY": 4, "MOBILE": 12}
"""Each of four tanks and two trucks, with other seeds: some 30 episodes of tanks, 45 of trucks."""
FACTORS = (0.1, 0.2, 0.35, 0.5, 1.0, 1.5)
"""Sizes and durations, times the kind's own."""
DAYS = 30
# What lasts for weeks needs a window of months, or nobody knows what is usual.
LONG_KIND, LONG_DAYS, LONG_AT = "BLOCKED_INLET", 60, ("2026-01-18T00:00:00Z",)
SIZES = {"BLOCKED_INLET": (30.0, 50.0, 65.0, 80.0, 100.0)}
# Where size and duration both matter; for other kinds with a size the default duration is taken.
BOTH = ("LEAK", "BLOCKED_INLET")
HOURS = {"BLOCKED_INLET": (72.0, 120.0, 168.0, 240.0, 336.0, 504.0)}
MODES = {"STATIONARY": "tanks", "MOBILE": "trucks"}
COUNTS = ["episodes", "found", "recall", "runs", "right", "precision", "delay_hours"]
COLUMNS = ["fault", "on", "by", "value", "is_default", *COUNTS]


@cache
def cities(days: int, mode: str) -> tuple[pd.DataFrame, dict[str, Reservoir]]:
    """Return the devices of one mode of several cities as one clean frame, and their reservoirs."""
    frames, known = [], {}
    for seed in range(1, CITIES[mode] + 1):
        city = synthlab.load_scenario(TEMPLATE).with_changes(seed=seed, days=days)
        names = {}
        for one in resolve(city):
            if one.mode == mode:
                names[one.device_id] = f"{one.device_id}-{seed}"
                known[names[one.device_id]] = replace(one.reservoir, device_id=names[one.device_id])
        frame = synthlab.backfill(city, end_at=END_AT, devices=list(names)).frame
        frames.append(frame.assign(device_id=frame["device_id"].astype(str).map(names)))
    joined = pd.concat(frames, ignore_index=True).sort_values(["received_at", "device_id"], ignore_index=True)
    return joined.assign(device_id=joined["device_id"].astype("category")), known


def curves(kind: FaultKind, mode: str) -> Iterator[pd.DataFrame]:
    """Yield what is found of a kind by size, where it has one, and by duration, where it lasts."""
    is_long = kind.name == LONG_KIND
    frame, reservoirs = cities(LONG_DAYS if is_long else DAYS, mode)
    options: dict[str, Any] = {"reservoirs": reservoirs} | ({"at": LONG_AT} if is_long else {})
    if kind.size:
        default = kind.size[mode]
        sizes = SIZES.get(kind.name) or _within([default * factor for factor in FACTORS], kind)
        found = synthlab.recall_by_size(frame, kind.name, sizes, **options)
        yield found.assign(by="size", value=found["size"], is_default=found["size"] == default)
    if kind.duration_minutes and (not kind.size or kind.name in BOTH):
        default = kind.duration_minutes / 60
        hours = HOURS.get(kind.name) or [default * factor for factor in FACTORS]
        size = {"size": kind.size[mode]} if kind.size else {}
        found = synthlab.recall_by_duration(frame, kind.name, hours, **size, **options)
        hours_column = found["duration_hours"]
        yield found.assign(by="duration_hours", value=hours_column, is_default=hours_column == default)


def _within(sizes: list[float], kind: FaultKind) -> list[float]:
    return list(dict.fromkeys(min(max(size, kind.minimum), kind.maximum) for size in sizes))


def measured(kinds: Iterable[str]) -> pd.DataFrame:
    """Measure some kinds on all modes that they reach."""
    tables = []
    for kind in (FAULT_KINDS[name] for name in kinds):
        for mode in kind.modes:
            print(f"{kind.name} {MODES[mode]}", file=sys.stderr)
            tables += [table.assign(on=MODES[mode]) for table in curves(kind, mode)]
    return pd.concat(tables, ignore_index=True)[COLUMNS].round(4)


def main(named: Sequence[str]) -> None:
    """Measure the kinds and write the file."""
    found = measured(named or FAULT_KINDS)
    if named:
        before = pd.read_csv(FOUND)
        kept = before[~before["fault"].isin(named) & before["fault"].isin(FAULT_KINDS)]
        found = pd.concat([kept, found], ignore_index=True)
        found = found.sort_values(
            "fault", key=lambda names: names.map(list(FAULT_KINDS).index), kind="stable"
        )
    found.to_csv(FOUND, index=False, lineterminator="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
