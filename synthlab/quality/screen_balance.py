"""Screens of the checks that weigh levels against flows; see `synthlab.quality.screen`.

Where the modeled content follows from the flows (`mass_balance`) and gives the modeled
level (`level_volume`), the sum of the flows need not be drawn up: what they leave
unexplained of the measured level is its *error*, measured less modeled level, give or
take what those two checks let pass.  One row in doubt puts its whole device in doubt.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from synthlab.quality.block import BLIND_EDGE_MM
from synthlab.quality.bounds import NONE, far_from_zero, outside
from synthlab.quality.grid import Grid, Part
from synthlab.quality.screen_rows import LARGEST_ROUNDED_PCT, MARGIN, ROUNDED_PCT, Doubts
from synthlab.quality.thresholds import Thresholds

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

# Share of the limit up to which rounding of the sums does not matter. Assumed: sums of 1e9 liters.
_SURE_SHARE = 0.5

_GAINS = ("inflow_liters", "loaded_liters")
_LOSSES = ("served_liters", "delivered_liters", "overflow_liters")


class Balance:
    """Screens of levels and flows.

    Parameters
    ----------
    grid : Grid
    limits : Thresholds
    """

    def __init__(self, grid: Grid, limits: Thresholds) -> None:
        self._grid, self._limits = grid, limits
        empty, full, self._pct_per_liter = grid.empty_mm, grid.full_mm, grid.pct_per_liter
        with np.errstate(all="ignore"):
            edge = 100 * (empty - limits.blind_zone_mm - BLIND_EDGE_MM) / (empty - full) - MARGIN
        edge = np.where(empty > full, edge, -np.inf)
        self._blind_pct = grid.tiled(edge)
        self._least_blind_pct = float(edge.min())
        self._sure_liters = limits.balance_suspect_liters * _SURE_SHARE
        self._rate_limit_pct = self._rate_limits()
        self._lowest = np.empty((grid.cell_count, grid.width), np.float32)
        self._highest = np.empty((grid.cell_count, grid.width), np.float32)

    def doubts(self, part: Part) -> Doubts:
        """Yield the checks and the rows that put their device in doubt."""
        yield "mass_balance", self._residual(part)
        if part.largest("lost_liters") != 0:
            yield "balance", np.flatnonzero(part["lost_liters"] != 0) + part.begin
        yield "balance", self._unseen(part)
        for name in ("measured_level_pct", "level_pct"):
            if not part.largest(name) <= LARGEST_ROUNDED_PCT:
                yield "balance", outside(part[name], 0, LARGEST_ROUNDED_PCT, first_row=part.begin)
        error, width = self._error(part), self._grid.width
        before, own, after = error[: -2 * width], error[width:-width], error[2 * width :]
        low, high, change = (part.scratch.take(name, "f4", part.size) for name in ("low", "high", "change"))
        np.minimum(before, own, out=low)
        np.maximum(before, own, out=high)
        np.subtract(high, low, out=change)
        swing = float(np.maximum.reduce(change))
        spike = min(self._limits.spike_suspect_pct, self._limits.mobile_spike_suspect_pct)
        spike -= self._slack_pct(1)
        if not swing <= spike:
            yield "balance", np.flatnonzero(~(change <= spike)) + part.begin
        yield "rate_of_change", self._rate(part, swing + ROUNDED_PCT)
        # Median of each row and its neighbors.
        np.minimum(high, after, out=high)
        middle = np.maximum(low, high, out=low)
        self._lowest[part.cells] = part.by_cell(np.minimum, middle)
        self._highest[part.cells] = part.by_cell(np.maximum, middle)

    def last_doubts(self) -> Iterator[tuple[str, I64]]:
        """Yield what only the whole series shows: checks, and the places of devices in doubt."""
        grid, limits = self._grid, self._limits
        known = np.isfinite(self._pct_per_liter) & ~grid.has_curve
        yield "balance", np.flatnonzero(~known)
        step = min(limits.step_suspect_pct, limits.mobile_step_suspect_pct)
        for limit, rows in ((step, 3), (limits.creep_suspect_pct, grid.day_rows + grid.hour_rows)):
            yield "balance", self._moving(rows, limit)

    def _slack_pct(self, rows: int) -> float:
        """By how much the error's change over some rows may miss the unexplained one, at most."""
        known = self._pct_per_liter[np.isfinite(self._pct_per_liter)]
        of_flows = rows * self._sure_liters * float(known.max(initial=0))
        return of_flows + 2 * self._limits.derived_level_suspect_pct + ROUNDED_PCT

    def _residual(self, part: Part) -> I64:
        net = part.scratch.take("net", "f8", part.size)
        np.subtract(part["inflow_liters"], part["served_liters"], out=net)
        for name, sign in (("loaded_liters", 1), ("delivered_liters", -1), ("overflow_liters", -1)):
            if part.largest(name) != 0:
                (np.add if sign > 0 else np.subtract)(net, part[name], out=net)
        skip = part.later - part.begin
        residual = part.change("volume_liters")
        residual -= net[skip:]
        if part.largest("lost_liters") != 0:
            residual += part["lost_liters"][skip:]
        found = far_from_zero(residual, self._sure_liters, first_row=part.later)
        if not skip:
            return found
        # Of a device's first row only nulls are told.
        values = part["volume_liters"][:skip] - net[:skip] + part["lost_liters"][:skip]
        return np.concatenate([np.flatnonzero(np.isnan(values)), found])

    def _unseen(self, part: Part) -> I64:
        """Return the rows whose surface may lie in the blind zone."""
        level = part["measured_level_pct"]
        if part.largest("measured_level_pct") < self._least_blind_pct:
            return NONE
        return np.flatnonzero(~(level < self._blind_pct[: part.size])) + part.begin

    def _error(self, part: Part) -> F32:
        """Measured less modeled level, with the times before and after; at the ends the own once more."""
        measured, modeled = (part.rounded(name) for name in ("measured_level_pct", "level_pct"))
        return np.subtract(measured, modeled, out=part.scratch.take("error", "f4", len(measured)))

    def _rate(self, part: Part, swing_pct: float) -> I64:
        """Return the rows whose measured level may change faster than water can."""
        gains = sum(part.largest(name) for name in _GAINS)
        losses = sum(part.largest(name) for name in (*_LOSSES, "lost_liters"))
        most_liters = max(gains, losses) + self._sure_liters
        most_pct = swing_pct + most_liters * self._pct_per_liter + 2 * self._limits.derived_level_suspect_pct
        if not np.isnan(gains + losses) and (most_pct <= self._rate_limit_pct).all():
            return NONE
        change = np.abs(part.change("measured_level_pct")).reshape(-1, self._grid.width)
        return np.flatnonzero(~(change <= self._rate_limit_pct)) + part.later

    def _moving(self, rows: int, limit_pct: float) -> I64:
        """Return the places where medians some rows apart may differ by more than a limit."""
        limit_pct -= self._slack_pct(rows)
        spread = self._highest.max(axis=0) - self._lowest.min(axis=0)
        places = np.flatnonzero(~(spread <= limit_pct))
        lowest, highest = self._lowest[:, places], self._highest[:, places]
        # Cells that two such rows and all between them touch: doubled until they are enough.
        needed, cells = min(-(-rows // self._grid.cell_times) + 1, len(lowest)), 1
        while cells < needed:
            shift = min(cells, needed - cells)
            lowest = np.minimum(lowest[:-shift], lowest[shift:])
            highest = np.maximum(highest[:-shift], highest[shift:])
            cells += shift
        return places[~(highest - lowest <= limit_pct).all(axis=0)]

    def _rate_limits(self) -> F64:
        """By place: the change that a device may not be doubted for. [%]."""
        limits = self._limits
        step_seconds = int(np.diff(self._grid.clock_ms).min()) / 1_000
        return np.minimum(
            *(
                limits.rate_suspect_factor * liters_per_minute / 60 * step_seconds * self._pct_per_liter
                + noise
                - MARGIN
                for liters_per_minute, noise in (
                    (limits.stationary_fill_liters_per_minute, limits.rate_noise_pct),
                    (limits.mobile_fill_liters_per_minute, limits.mobile_rate_noise_pct),
                )
            )
        )
