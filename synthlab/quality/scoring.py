"""How well the checks find labeled faults: precision, recall and delay.

Judged by *episode*, not by row.  An episode is a run of a device's rows with one
label; it is found where a check that can see its kind flags a row of it, or one so soon
after that the check was still looking back on it.  Precision is the share of *runs* of
flagged rows that lie on such an episode.

Notes
-----
A check looks back: a leak that is over still shows in what a day lost.  So a run may
begin after the episode's end by as much as the check looks back (`LOOK_BACK_HOURS`),
and by three steps in any case, because neighbors are compared.  A late message's episode
begins when it was measured, as its own clock says.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.errors import Problem, UsageError
from synthlab.quality.flags import Flag
from synthlab.results import Result, to_json_value

if TYPE_CHECKING:
    import pandas as pd

    from synthlab.quality.checks import Findings

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_LEVEL = ("spike", "level_step", "level_creep", "rate_of_change", "level_range")

SEEN_BY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "DUPLICATE": ("seq_duplicate", "seq_order", "time_order", "time_gap"),
        "OUT_OF_ORDER": ("seq_order", "time_gap", "clock_skew"),
        "LATE": ("seq_order", "time_gap", "clock_skew"),
        "GAP": ("seq_gap", "time_gap"),
        "SEQUENCE_RESET": ("seq_duplicate", "seq_order", "seq_gap"),
        "STUCK_LEVEL": ("flat_line", *_LEVEL),
        "MISSING_ECHOES": ("valid_fraction", "burst_spread"),
        "SPIKES": _LEVEL,
        "NOISE_BURST": ("burst_spread", *_LEVEL),
        "TEMPERATURE_SENTINEL": ("sentinel", "temperature_range"),
        "GPS_JUMP": ("implied_speed", "location"),
        "CLOCK_RESET": ("sentinel", "clock_skew"),
        "CLOCK_JUMP": ("clock_skew",),
        "BATTERY_SWAP": ("battery_change",),
        "BATTERY_CLIFF": ("battery_change",),
        "OFFSET": _LEVEL,
        "DRIFT": _LEVEL,
        "THEFT": _LEVEL,
        "LEAK": _LEVEL,
        "BLOCKED_INLET": ("supply_pause", "supply_rate"),
    }
)
"""By kind of fault: the checks that can see it."""

LOOK_BACK_HOURS: Mapping[str, float] = MappingProxyType(
    {"level_creep": 25.0, "battery_change": 24.0, "supply_rate": 336.0}
)
"""How far a check looks back; others compare neighbors. [h]"""

FAULT_COLUMNS = [
    "fault",
    "episodes",
    "found",
    "recall",
    "runs",
    "right",
    "precision",
    "delay_hours",
    "row_recall",
]
"""Columns of `Score.faults`, the first one its index."""

_GRACE_STEPS = 3
_MS_PER_HOUR = 3_600_000
_SPANS_ITS_DELAY = ("LATE", "OUT_OF_ORDER")


@dataclass(frozen=True, repr=False, eq=False)
class Score(Result):
    """How well the checks did.

    Attributes
    ----------
    faults : DataFrame
        By kind: ``episodes``, ``found``, ``recall``, ``runs`` of the checks that can see
        it, ``right`` ones among them, ``precision``, ``delay_hours`` (median, from the
        begin to the first flag), ``row_recall``.
    checks : DataFrame
        By check: ``runs``, ``right``, ``precision``.
    pairs : DataFrame
        By kind and check: ``found``, ``recall``, ``delay_hours``.
    """

    faults: pd.DataFrame
    checks: pd.DataFrame
    pairs: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return `faults`."""
        return self.faults.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return the three tables as JSON-ready records; what is not defined is null."""
        tables = {"faults": self.faults, "checks": self.checks, "pairs": self.pairs}
        return to_json_value({name: table.reset_index().to_dict("records") for name, table in tables.items()})

    def summary(self) -> str:
        """Say in one line what the checks found of the faults."""
        found, episodes = int(self.faults["found"].sum()), int(self.faults["episodes"].sum())
        right, runs = int(self.checks["right"].sum()), int(self.checks["runs"].sum())
        return f"{found} of {episodes} episodes found, {right} of {runs} runs of flags right"

    def _repr_html_(self) -> str:
        shown = self.faults.round({"recall": 3, "precision": 3, "delay_hours": 2, "row_recall": 3})
        return f"<p><b>{html.escape(repr(self))}</b></p>{shown.to_html(na_rep='–')}"


@dataclass(frozen=True)
class _Spans:
    """Spans of time on devices, as parallel arrays; devices are counted from 0. [ms]"""

    device: I64
    begin: I64
    end: I64


def score(findings: Findings, frame: pd.DataFrame) -> Score:
    """Compare findings with the labels of the frame that they are of.

    Parameters
    ----------
    findings : Findings
        Of `check`.
    frame : DataFrame
        The same rows, with the truth in ``fault``.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: other rows, or a label that no kind has.
    """
    _require_same(findings, frame)
    order, device, starts, times = _by_device(frame)
    step_ms = _steps(times, starts)
    labels = frame["fault"].astype(object).fillna("").to_numpy()[order]
    clock = frame["local_timestamp_ms"].to_numpy()[order]
    episodes = _episodes(labels, device, times, clock)
    is_flagged = {
        name: findings.flags[name].isin((Flag.SUSPECT, Flag.FAIL)).to_numpy()[order]
        for name in findings.flags.columns
    }
    runs = {name: _runs(flags, device, times) for name, flags in is_flagged.items()}
    matches = {
        (kind, check): _matched(spans, runs[check], step_ms, LOOK_BACK_HOURS.get(check, 0.0))
        for kind, spans in episodes.items()
        for check in SEEN_BY[kind]
        if check in runs
    }
    return _score(labels, episodes, is_flagged, runs, matches)


def _require_same(findings: Findings, frame: pd.DataFrame) -> None:
    rules = []
    if len(findings.flags) != len(frame):
        rules.append(("frame", f"needs the {len(findings.flags):,} rows that the findings are of"))
    unknown = sorted(set(frame["fault"].dropna().astype(str)) - {"", *SEEN_BY})
    if unknown:
        rules.append(("frame.fault", f"names no kind of fault: {', '.join(unknown)}"))
    if rules:
        raise UsageError([Problem("BAD_ARGUMENT", rule, path=path) for path, rule in rules])


def _by_device(frame: pd.DataFrame) -> tuple[I64, I64, I64, I64]:
    codes = frame["device_id"].astype("category").cat.codes.to_numpy().astype(np.int64)
    order = np.argsort(codes, kind="stable")
    device = codes[order]
    starts = np.flatnonzero(np.diff(device, prepend=-2))
    times = frame["received_at"].to_numpy(dtype="datetime64[ms]").view(np.int64)[order]
    return order, device, starts, times


def _steps(times: I64, starts: I64) -> dict[int, float]:
    """Return each device's usual step by the place of its first row's device. [ms]"""
    ends = np.append(starts[1:], len(times))
    return {
        place: float(np.median(np.diff(times[a:b]))) if b - a > 1 else 0.0
        for place, (a, b) in enumerate(zip(starts, ends, strict=True))
    }


def _episodes(labels: npt.NDArray[Any], device: I64, times: I64, clock: I64) -> dict[str, _Spans]:
    """Find runs of one label; rows with another label do not end one, rows without do."""
    found: dict[str, _Spans] = {}
    unlabeled = np.cumsum(labels == "")
    number = np.cumsum(np.diff(device, prepend=-2) != 0) - 1
    for kind in sorted(set(labels) - {""}):
        rows = np.flatnonzero(labels == kind)
        is_new = np.ones(len(rows), bool)
        same = (number[rows[1:]] == number[rows[:-1]]) & (unlabeled[rows[1:]] == unlabeled[rows[:-1]])
        is_new[1:] = ~same | (kind in _SPANS_ITS_DELAY)
        first = rows[is_new]
        last = np.append(rows[np.flatnonzero(is_new)[1:] - 1], rows[-1])
        begin = np.minimum(clock[first], times[first]) if kind in _SPANS_ITS_DELAY else times[first]
        found[kind] = _Spans(number[first], begin, times[last])
    return found


def _runs(flags: Bools, device: I64, times: I64) -> _Spans:
    number = np.cumsum(np.diff(device, prepend=-2) != 0) - 1
    rows = np.flatnonzero(flags)
    if not len(rows):
        nothing = np.zeros(0, dtype=np.int64)
        return _Spans(nothing, nothing, nothing)
    is_new = np.ones(len(rows), bool)
    is_new[1:] = (np.diff(rows) != 1) | (number[rows[1:]] != number[rows[:-1]])
    last = np.append(rows[np.flatnonzero(is_new)[1:] - 1], rows[-1])
    first = rows[is_new]
    return _Spans(number[first], times[first], times[last])


def _matched(
    episodes: _Spans, runs: _Spans, step_ms: Mapping[int, float], look_back_hours: float
) -> tuple[I64, I64, I64]:
    """Return pairs of an episode and a run on it: their places, and the delay. [ms]"""
    pairs: list[tuple[int, int, int]] = []
    for place, device in enumerate(episodes.device.tolist()):
        grace = _GRACE_STEPS * step_ms[device]
        begin = episodes.begin[place] - grace
        end = episodes.end[place] + max(grace, look_back_hours * _MS_PER_HOUR)
        on = (runs.device == device) & (runs.begin <= end) & (runs.end >= begin)
        delays = np.maximum(runs.begin[on] - episodes.begin[place], 0).tolist()
        pairs += [(place, run, wait) for run, wait in zip(np.flatnonzero(on).tolist(), delays, strict=True)]
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
    return columns[0], columns[1], columns[2]


def _score(
    labels: npt.NDArray[Any],
    episodes: Mapping[str, _Spans],
    is_flagged: Mapping[str, Bools],
    runs: Mapping[str, _Spans],
    matches: Mapping[tuple[str, str], tuple[I64, I64, I64]],
) -> Score:
    import pandas as pd

    right = {check: np.zeros(len(spans.begin), bool) for check, spans in runs.items()}
    for (_, check), (_, run, _) in matches.items():
        right[check][run] = True
    faults, pairs = [], []
    for kind in (kind for kind in SEEN_BY if kind in episodes):
        count = len(episodes[kind].begin)
        checks = [check for check in SEEN_BY[kind] if check in runs]
        delays: dict[int, int] = {}
        for check in checks:
            own = _first_delays(*matches[kind, check][::2])
            delays |= {key: min(wait, delays.get(key, wait)) for key, wait in own.items()}
            pairs.append((kind, check, len(own), len(own) / count, _median_hours(own)))
        run_count = sum(len(runs[check].begin) for check in checks)
        right_count = sum(int(right[check].sum()) for check in checks)
        seen = np.zeros(int((labels == kind).sum()), bool)
        for check in checks:
            seen |= is_flagged[check][labels == kind]
        faults.append(
            {
                "fault": kind,
                "episodes": count,
                "found": len(delays),
                "recall": len(delays) / count,
                "runs": run_count,
                "right": right_count,
                "precision": right_count / run_count if run_count else np.nan,
                "delay_hours": _median_hours(delays),
                "row_recall": float(seen.mean()),
            }
        )
    by_check = [
        {
            "check": check,
            "runs": len(spans.begin),
            "right": int(right[check].sum()),
            "precision": float(right[check].mean()) if len(spans.begin) else np.nan,
        }
        for check, spans in runs.items()
    ]
    return Score(
        pd.DataFrame(faults, columns=FAULT_COLUMNS).set_index("fault"),
        pd.DataFrame(by_check).set_index("check"),
        pd.DataFrame(pairs, columns=["fault", "check", "found", "recall", "delay_hours"]).set_index(
            ["fault", "check"]
        ),
    )


def _first_delays(place: I64, delay: I64) -> dict[int, int]:
    found: dict[int, int] = {}
    for episode, wait in zip(place.tolist(), delay.tolist(), strict=True):
        found[episode] = min(wait, found.get(episode, wait))
    return found


def _median_hours(delays: Mapping[int, int]) -> float:
    return float(np.median(list(delays.values()))) / _MS_PER_HOUR if delays else float("nan")
