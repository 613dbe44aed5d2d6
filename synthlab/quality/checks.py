"""Check a telemetry frame: every check of the registry on every row.

Bad data never raises; it is flagged.  A check that cannot run says UNKNOWN, and a
dataset on which an essential check could judge nothing has not passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthlab.calibration import Reservoir, reservoirs_from_frame
from synthlab.columns import LOST_SEQ
from synthlab.errors import Problem, UsageError
from synthlab.quality.block import Block, blocks_of
from synthlab.quality.declared import LostRanges, excuse_declared
from synthlab.quality.flags import Flag, Flags, by_limits, unknown
from synthlab.quality.grid import Grid, grid_of
from synthlab.quality.registry import CHECKS
from synthlab.quality.runs import runs_of
from synthlab.quality.screen import BY_DEVICE, BY_ROW, THREADS, Screened, screen
from synthlab.quality.source import Source, source_of
from synthlab.quality.thresholds import Thresholds
from synthlab.quality.verdicts import Usual, Verdicts
from synthlab.results import Result, counted, to_json_value

if TYPE_CHECKING:
    import pandas as pd

# Verdicts that mean that a check looked at something.
_JUDGED = (Flag.GOOD, Flag.SUSPECT, Flag.FAIL)

# Checks of the frame as a whole, besides the registry's.
_WHOLE_FRAME = {
    "device_id": "every row names its device",
    "row_order": "rows are sorted by time of receipt, then device",
}


@dataclass(frozen=True, repr=False, eq=False)
class Findings(Result):
    """What the checks say about a frame.

    Attributes
    ----------
    flags : DataFrame of int8
        One column a check, the frame's index; values are `Flag`.
    counts : mapping of str to mapping of str to int
        By check: how many rows got each flag.
    thresholds : Thresholds
        The limits that were used.
    row_count, device_count : int
    """

    flags: pd.DataFrame
    counts: Mapping[str, Mapping[str, int]]
    thresholds: Thresholds
    row_count: int
    device_count: int
    _runs: pd.DataFrame = field(repr=False)

    @property
    def unjudged(self) -> tuple[str, ...]:
        """Essential checks that could not judge a single row."""
        return tuple(
            check.name
            for check in CHECKS.values()
            if check.is_essential and not sum(self.counts[check.name][flag.name] for flag in _JUDGED)
        )

    @property
    def fail_count(self) -> int:
        """FAIL flags over all checks."""
        return sum(count["FAIL"] for count in self.counts.values())

    @property
    def passed(self) -> bool:
        """No FAIL, at least one row, and every essential check judged something."""
        return self.row_count > 0 and self.fail_count == 0 and not self.unjudged

    def to_frame(self) -> pd.DataFrame:
        """Return SUSPECT and FAIL as runs of rows; see `synthlab.quality.runs.RUN_COLUMNS`."""
        return self._runs.copy()

    def to_dict(self) -> dict[str, Any]:
        """Return verdict, counts and runs as JSON-ready values."""
        return {
            "passed": self.passed,
            "row_count": self.row_count,
            "device_count": self.device_count,
            "unjudged_checks": list(self.unjudged),
            "checks": {name: dict(count) for name, count in self.counts.items()},
            "findings": self.records(),
        }

    def records(self, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the runs as JSON-ready records, the flag by its name.

        Parameters
        ----------
        limit : int, optional
            At most so many; the worst come first.
        """
        records = self._runs.head(limit if limit is not None else len(self._runs)).to_dict("records")
        return [to_json_value({**record, "flag": Flag(record["flag"]).name}) for record in records]

    def summary(self) -> str:
        """Say in one line whether the rows passed, and what was flagged."""
        verdict = "passed" if self.passed else "not passed"
        suspect = sum(count["SUSPECT"] for count in self.counts.values())
        return (
            f"{verdict}: {counted(self.row_count, 'row')}, {counted(self.device_count, 'device')}, "
            f"{len(self.counts)} checks, {self.fail_count:,} FAIL, {suspect:,} SUSPECT"
        )

    def shown(self) -> list[tuple[str, Any]]:
        """Return what a table in a notebook shows: flagged checks, and the worst runs of rows."""
        import pandas as pd

        flagged = {
            name: f"{count['FAIL']:,} FAIL, {count['SUSPECT']:,} SUSPECT"
            for name, count in self.counts.items()
            if count["FAIL"] or count["SUSPECT"]
        }
        names = ["check", "flag", "device_id", "first_received_at", "last_received_at", "row_count"]
        runs = self._runs[names]
        named = runs.assign(flag=pd.Series([Flag(flag).name for flag in runs["flag"]], index=runs.index))
        return [
            ("flagged by check", flagged),
            ("could not judge", self.unjudged),
            ("findings, the worst first", named),
        ]

    def _shown(self) -> list[tuple[str, Any]]:
        return self.shown()


def check(
    frame: pd.DataFrame,
    *,
    reservoirs: pd.DataFrame | Mapping[str, Reservoir] | None = None,
    thresholds: Thresholds | None = None,
    step_seconds: Mapping[str, int] | None = None,
    lost: LostRanges | None = None,
) -> Findings:
    """Judge every row of a telemetry frame by every check.

    Reads only.

    Parameters
    ----------
    frame : DataFrame
        Columns of `synthlab.columns`; a check whose columns are missing says
        UNKNOWN. The column ``fault`` is never looked at.
    reservoirs : DataFrame or mapping of str to Reservoir, optional
        Calibration by device, as `synthlab.reservoirs` returns it; some checks say
        UNKNOWN without.
    thresholds : Thresholds, optional
    step_seconds : mapping of str to int, optional
        Cadence by device; else the median step of its rows. [seconds]
    lost : mapping of str to sequence of (int, int), optional
        Numbers of messages that are known to be lost, as closed ranges by device, such as
        `Backfill.lost`; by default what the frame carries (``frame.attrs["lost_seq"]``). A gap
        of just these is SUSPECT, and any other FAILs.

    Raises
    ------
    UsageError
        Code ``BAD_ARGUMENT``: no telemetry frame (no ``device_id``), or lost numbers that are no ranges.
    """
    if "device_id" not in getattr(frame, "columns", ()):
        raise UsageError(
            Problem(
                "BAD_ARGUMENT",
                "needs a telemetry frame with the column device_id",
                path="frame",
                remedy="Pass a frame such as `backfill(scenario).frame`",
            )
        )
    limits = thresholds or Thresholds()
    known = reservoirs if reservoirs is None or isinstance(reservoirs, Mapping) else _from_frame(reservoirs)
    source = source_of(frame, reservoirs=known, step_seconds=step_seconds or {})
    grid = grid_of(source)
    verdicts = {
        "device_id": _device_id(source),
        "row_order": _row_order(source, grid),
        **_block_verdicts(source, grid, limits),
    }
    declared = frame.attrs.get(LOST_SEQ) if lost is None else lost
    if declared:
        excuse_declared({name: found.flags for name, found in verdicts.items()}, source, declared)
    return _findings(frame, source, verdicts, limits)


def meanings() -> dict[str, str]:
    """Return what each check looks at, by its name, in the order of the report."""
    return {**_WHOLE_FRAME, **{name: entry.meaning for name, entry in CHECKS.items()}}


def _from_frame(reservoirs: pd.DataFrame) -> Mapping[str, Reservoir]:
    return reservoirs_from_frame(reservoirs)


def _findings(
    frame: pd.DataFrame, source: Source, verdicts: Mapping[str, Verdicts], limits: Thresholds
) -> Findings:
    import pandas as pd

    counts = {name: found.counts() for name, found in verdicts.items()}
    bad = {name: verdicts[name] for name, count in counts.items() if count["SUSPECT"] or count["FAIL"]}
    flags = {name: found.flags for name, found in verdicts.items()}
    return Findings(
        flags=pd.DataFrame(flags, index=frame.index, copy=False),
        counts=counts,
        thresholds=limits,
        row_count=len(frame),
        device_count=source.device_count,
        _runs=runs_of(source, bad),
    )


def _block_verdicts(source: Source, grid: Grid | None, limits: Thresholds) -> dict[str, Verdicts]:
    screened = screen(grid, limits) if grid is not None else Screened({}, {})
    left, verdicts = screened.left, dict(screened.verdicts)
    verdicts |= {name: verdicts[name].opened(rows) for name, rows in left.items() if len(rows)}
    in_full = [name for name in CHECKS if name not in verdicts]
    verdicts |= {name: Verdicts(np.empty(len(source.codes), np.int8)) for name in in_full}
    flags = {name: found.flags for name, found in verdicts.items()}
    if in_full:
        _judge(blocks_of(source), dict.fromkeys(in_full), flags, limits)
    for name in BY_ROW:
        if name in left:
            _judge(blocks_of(source, left[name]), {name: None}, flags, limits)
    # The devices in doubt are gathered once for all checks that doubt some of them.
    devices = {
        name: np.unique(source.codes[left[name]]).astype(np.int64) for name in BY_DEVICE if name in left
    }
    if devices:
        rows = source.rows_of(np.unique(np.concatenate(list(devices.values()))))
        _judge(blocks_of(source, rows), devices, flags, limits)
    return {name: verdicts[name] for name in CHECKS}


def _judge(
    blocks: Iterator[Block],
    devices: Mapping[str, npt.NDArray[np.int64] | None],
    flags: Mapping[str, Flags],
    limits: Thresholds,
) -> None:
    """Run checks on blocks, each on those with one of its devices; None stands for all."""

    def judge(block: Block) -> None:
        for name, wanted in devices.items():
            if wanted is None or np.isin(block.devices, wanted).any():
                flags[name][block.rows] = CHECKS[name].flags(block, limits)

    # Blocks share no row, so the threads cannot disturb each other; numpy works without the lock.
    with ThreadPoolExecutor(THREADS, thread_name_prefix="checks") as pool:
        for _ in pool.map(judge, blocks):
            pass


def _device_id(source: Source) -> Verdicts:
    if not source.starts[-1] > source.starts[-2]:
        return Usual(len(source.codes)).verdicts()
    nameless = source.codes == len(source.device_ids) - 1
    return Verdicts(by_limits(nameless, nameless))


def _row_order(source: Source, grid: Grid | None) -> Verdicts:
    """Judge the order of the rows: SUSPECT where one does not come after the row before.

    A row that fits neither neighbour is blamed itself, not the row after it.
    """
    times = source.columns.get("received_at")
    if grid is not None and grid.is_sorted:
        return Usual(len(source.codes)).verdicts()
    if times is None:
        return Verdicts(unknown(len(source.codes)))
    device = source.ranks[source.codes]
    flags = np.ones(len(times), np.int8)
    if len(times) < 2:
        return Verdicts(flags)
    falls = _falls(times[:-1], device[:-1], times[1:], device[1:])
    for row in np.flatnonzero(falls) + 1:
        # Where the row fits the one before last, the one in between stands too early.
        is_early = row >= 2 and not _falls(times[row - 2], device[row - 2], times[row], device[row])
        flags[row - 1 if is_early else row] = Flag.SUSPECT
    return Verdicts(flags)


def _falls(time_a: Any, device_a: Any, time_b: Any, device_b: Any) -> Any:
    return (time_b < time_a) | ((time_b == time_a) & (device_b < device_a))
