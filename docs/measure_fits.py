"""Measure what fits give back of known scenarios, from a month of meters or levels: some minutes of one core.

.venv/bin/python docs/measure_fits.py

Writes `docs/fits_found.csv`, of which `docs/generate.py` makes the table of `docs/fitting.md`; the
same code gives the same file.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import synthlab
from synthlab.fitting.shape import DESIGN, TYPICAL_WEEKDAY

FOUND = Path(__file__).resolve().parent / "fits_found.csv"
DAYS, START_AT = 30, "2026-01-05T00:00:00Z"
SINGLE_FITS = 40
"""Households of a case. Assumed: with seven profiles, a coverage of 95 % is known to 1 %."""
CITY_HOMES, CITY_FITS = 24, 5
TANK_FITS = 20
METER_LITERS = (250.0, 450.0, 900.0, 3_000.0)
ARCHETYPES = {"A": "stationary_archetype_a", "C": "stationary_archetype_c"}
STEP_MINUTES = {"meter": 60, "level": 5}
CAPACITY_LITERS = {"meter": 50_000.0, "level": 5_000.0}


def _peaks(floor: float, *peaks: tuple[float, float, float]) -> tuple[float, ...]:
    """Sum peaks of a height, at an hour, of a width, over a floor."""
    hours = np.arange(24)
    weights = np.full(24, floor)
    for height, at, width in peaks:
        distance = np.minimum(np.abs(hours - at), 24 - np.abs(hours - at))
        weights += height * np.exp(-0.5 * (distance / width) ** 2)
    return tuple((weights / weights.mean()).tolist())


WEIGHTS: dict[str, tuple[float, ...]] = {
    "measured households'": TYPICAL_WEEKDAY,
    "the same at night": (*TYPICAL_WEEKDAY[12:], *TYPICAL_WEEKDAY[:12]),
    "guide's example": DESIGN,
    "two peaks": _peaks(0.25, (3.0, 7, 1.2), (2.5, 19, 1.5)),
    "night shift": _peaks(0.3, (2.0, 2, 3.0), (1.5, 15, 1.0)),
    "office": tuple((2.2 if 8 <= hour < 18 else 0.14) for hour in range(24)),
    "one gentle wave": tuple((1.0 + 0.4 * np.cos((np.arange(24) - 14) / 12 * np.pi)).tolist()),
}
KNOWN = ("measured households'", "the same at night", "guide's example")
"""Profiles that the fit knows of beforehand."""


@dataclass(frozen=True, slots=True)
class Case:
    """Fits of one kind: of `homes` households at a time, all of the same parameters."""

    source: str
    homes: int
    archetype: str
    liters: float
    weights: str
    own_profiles: bool
    fits: int


def cases() -> Iterator[Case]:
    """Yield every case of the table."""
    for liters in METER_LITERS:
        for weights in WEIGHTS:
            yield Case("meter", 1, "A", liters, weights, own_profiles=False, fits=SINGLE_FITS)
    for liters, own in ((250.0, False), (900.0, False), (900.0, True)):
        for weights in WEIGHTS:
            yield Case("meter", CITY_HOMES, "A", liters, weights, own_profiles=own, fits=CITY_FITS)
    for archetype, liters in (("A", 250.0), ("A", 900.0), ("C", 600.0)):
        for weights in WEIGHTS:
            yield Case("level", 1, archetype, liters, weights, own_profiles=False, fits=TANK_FITS)
    for weights in WEIGHTS:
        yield Case("level", CITY_HOMES, "A", 900.0, weights, own_profiles=False, fits=1)


def simulated(case: Case, seed: int) -> pd.DataFrame:
    """Return whole days of telemetry of so many households, `homes` x `fits` or one city."""
    count = case.fits if case.homes == 1 else case.homes
    device = {
        "archetype": ARCHETYPES[case.archetype],
        "mode": "STATIONARY",
        "cadence_seconds": STEP_MINUTES[case.source] * 60,
        "dynamics": {
            "demand": {
                "target_daily_liters": case.liters,
                "hourly_weights": [float(weight) for weight in WEIGHTS[case.weights]],
            }
        },
        "parameter_overrides": {"demand_profile_spread": float(case.own_profiles)},
        # The sensor sits above the tank by more than its blind zone.
        "reservoir": {
            "capacity_liters": CAPACITY_LITERS[case.source],
            "height_mm": 1_800.0,
            "sensor_empty_distance_mm": 2_300.0,
            "sensor_full_distance_mm": 500.0,
        },
    }
    block = {"days": DAYS, "step_minutes": STEP_MINUTES[case.source]}
    scenario = synthlab.Scenario.from_dict(
        {
            "scenario_id": "round_trip",
            "seed": seed,
            "bootstrap": block,
            "devices": [{"device_id": f"H{number:03d}", **device} for number in range(count)],
        }
    )
    end_at = pd.Timestamp(START_AT) + pd.Timedelta(days=DAYS, minutes=-block["step_minutes"])
    return synthlab.backfill(scenario, start_at=START_AT, end_at=end_at.to_pydatetime()).frame


def tables(case: Case, *, seed: int) -> Iterator[tuple[pd.DataFrame, float]]:
    """Yield what each fit sees, and the liters of a household's day that were drawn in that time."""
    columns = ["device_id", "received_at"]
    columns.append("requested_liters" if case.source == "meter" else "measured_level_pct")
    if case.homes == 1:
        for _, rows in simulated(case, seed).groupby("device_id", observed=True):
            yield rows[columns], rows["requested_liters"].sum() / DAYS
        return
    for number in range(case.fits):
        frame = simulated(case, seed + number)
        yield frame[columns], frame["requested_liters"].sum() / DAYS / case.homes


def measured(case: Case, *, seed: int = 1) -> dict[str, float]:
    """Fit a case and say how far the fits lie from its parameters, and how often intervals hold them."""
    truth = np.array(WEIGHTS[case.weights]) / np.mean(WEIGHTS[case.weights])
    rows = []
    for table, month in tables(case, seed=seed):
        if not (month > 0.0):
            continue
        fit = synthlab.fit_demand(table, capacity_liters=CAPACITY_LITERS[case.source])
        low, high = fit.intervals["target_daily_liters"][0]
        ends = np.array(fit.intervals["hourly_weights"])
        rows.append(
            {
                "month_error": abs(month / case.liters - 1.0),
                "target_error": abs(fit.target_daily_liters / case.liters - 1.0),
                "target_from_month": abs(fit.target_daily_liters / month - 1.0),
                "target_inside": low <= case.liters <= high,
                "target_half_width": (high - low) / 2.0 / case.liters,
                "seen_r": np.corrcoef(fit.observed["hourly_weights"], truth)[0, 1],
                "weights_r": np.corrcoef(fit.hourly_weights, truth)[0, 1],
                "weights_inside": np.mean((ends[:, 0] <= truth) & (truth <= ends[:, 1])),
            }
        )
    found = pd.DataFrame(rows).astype(float)
    summed = found.median()
    for name in ("target_inside", "weights_inside"):
        summed[name] = found[name].mean()
    return {**summed.to_dict(), "weights_r_p10": float(found["weights_r"].quantile(0.1))}


def main() -> None:
    """Measure every case and write the file."""
    rows = []
    for case in cases():
        print(*asdict(case).values(), file=sys.stderr)
        rows.append({**asdict(case), "is_known": case.weights in KNOWN, **measured(case)})
    pd.DataFrame(rows).round(3).to_csv(FOUND, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
