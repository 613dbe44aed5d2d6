"""The quality of the draws, as a battery: short here, 1e8 words marked ``long``.

Each layout puts other neighbors side by side: moments of one stream, slots of one
moment, devices, processes and seeds at one moment.  Seeds are fixed; each limit is a
one-in-a-million quantile of the exact distribution under independence, and
`test_the_battery_finds_bad_draws` shows that it sees what it should.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scipy import stats

from synthlab.randomness import draws, stream_key, stream_keys, ticks, uniforms

RARE = 1e-6
SECOND = 1_770_000_000
CHUNK = 1 << 17
SHORT, LONG = 2, 128
"""Chunks a layout: 6 x 2 x 2^17 are 1.6e6 words, 6 x 128 x 2^17 are 1.007e8."""
LAGS = (1, 2, 5, 12, 288)
Words = np.ndarray

_WIDE = 512
_DEVICES = stream_keys(42, [f"TANK-{i:04}" for i in range(_WIDE)], "row")
_PROCESSES = np.array([stream_key(42, "TANK-1", f"process-{i}") for i in range(_WIDE)], dtype=np.uint64)
_SEEDS = np.array([stream_key(seed, "TANK-1", "row") for seed in range(_WIDE)], dtype=np.uint64)
_ONE = stream_key(42, "TANK-1", "row")


def _moments(chunk: int, count: int, step: int) -> np.ndarray:
    return SECOND + step * (chunk * count + np.arange(count))


def _across(keys: np.ndarray) -> Callable[[int], Words]:
    return lambda chunk: draws(ticks(_moments(chunk, CHUNK // _WIDE, 60))[:, None], keys).ravel()


def _slots(chunk: int) -> Words:
    return draws(ticks(_moments(chunk, CHUNK // 64, 60)[:, None], np.arange(64)), _ONE).ravel()


LAYOUTS: dict[str, Callable[[int], Words]] = {
    "seconds": lambda chunk: draws(ticks(_moments(chunk, CHUNK, 1)), _ONE),
    "steps": lambda chunk: draws(ticks(_moments(chunk, CHUNK, 300)), _ONE),
    "slots": _slots,
    "devices": _across(_DEVICES),
    "processes": _across(_PROCESSES),
    "seeds": _across(_SEEDS),
}


class Battery:
    """Counts over chunks, judged at the end; `problems` names the tests that fail."""

    def __init__(self) -> None:
        self.count = 0
        self.high = np.zeros(1 << 16, np.int64)
        self.low = np.zeros(1 << 16, np.int64)
        self.pairs = np.zeros((len(LAGS), 1 << 12), np.int64)
        self.products = np.zeros(len(LAGS))
        self.pair_counts = np.zeros(len(LAGS), np.int64)
        self.flips = np.zeros(64, np.int64)
        self.distances = np.zeros(65, np.int64)
        self.spacings, self.spacing_mean = 0, 0.0

    def add(self, words: Words) -> None:
        uniform = uniforms(words)
        self.count += len(words)
        self.high += np.bincount((words >> np.uint64(48)).astype(np.int64), minlength=1 << 16)
        self.low += np.bincount((words & np.uint64(0xFFFF)).astype(np.int64), minlength=1 << 16)
        cell = (words >> np.uint64(58)).astype(np.int64)
        for place, lag in enumerate(LAGS):
            self.pairs[place] += np.bincount(cell[:-lag] * 64 + cell[lag:], minlength=1 << 12)
            self.products[place] += ((uniform[:-lag] - 0.5) * (uniform[lag:] - 0.5)).sum() * 12
            self.pair_counts[place] += len(words) - lag
        change = words[1:] ^ words[:-1]
        self.distances += np.bincount(np.bitwise_count(change), minlength=65)
        bits = np.unpackbits(change.view(np.uint8), bitorder="little").reshape(-1, 64)
        self.flips += bits.sum(axis=0, dtype=np.int64)
        for shift in (0, 16, 32):
            self._add_birthdays(((words >> np.uint64(shift)) & np.uint64(0xFFFFFFFF)).astype(np.int64))

    def _add_birthdays(self, days: np.ndarray) -> None:
        """Marsaglia's birthday spacings: 4,096 birthdays in 2^32 days have about 4 equal spacings."""
        people = 4_096
        for group in days[: len(days) // people * people].reshape(-1, people):
            spacing = np.sort(np.diff(np.sort(group)))
            self.spacings += int((spacing[1:] == spacing[:-1]).sum())
            self.spacing_mean += people**3 / 2**34

    def problems(self) -> list[str]:
        """Return the tests whose outcome is rarer than one in a million; too good is bad too."""
        return [name for name, prob in self._judged() if not RARE < prob < 1 - RARE]

    def _judged(self) -> Iterator[tuple[str, float]]:
        yield "high bits are uniform (chi2)", _chi2(self.high)
        yield "low bits are uniform (chi2)", _chi2(self.low)
        edges = np.arange(1, len(self.high) + 1) / len(self.high)
        distance = np.abs(np.cumsum(self.high) / self.count - edges).max()
        # Judged at 65,536 points: what lies between them can add 1e-5 to the distance, no more.
        yield "uniform (Kolmogorov)", float(stats.kstwobign.sf(distance * self.count**0.5))
        for place, lag in enumerate(LAGS):
            yield f"pairs at lag {lag} (chi2)", _chi2(self.pairs[place])
            score = self.products[place] / self.pair_counts[place] ** 0.5
            yield f"correlation at lag {lag}", float(stats.norm.sf(score))
        changes = self.distances.sum()
        worst = np.abs(self.flips - changes / 2).max() / (changes / 4) ** 0.5
        yield "each bit flips half of the time", min(2 * 64 * float(stats.norm.sf(worst)), 0.5)
        expected = stats.binom.pmf(np.arange(65), 64, 0.5) * changes
        first, last = np.flatnonzero(expected > 20)[[0, -1]]
        cells = np.clip(np.arange(65), first, last) - first  # seldom distances count with their neighbors
        seen, wanted = (np.bincount(cells, weights) for weights in (self.distances, expected))
        yield "Hamming distances are binomial (chi2)", _chi2(seen, wanted)
        yield "birthday spacings (Poisson)", float(stats.poisson.sf(self.spacings - 0.5, self.spacing_mean))


def _chi2(observed: np.ndarray, expected: np.ndarray | None = None) -> float:
    if expected is None:
        expected = np.full(observed.size, observed.sum() / observed.size)
    expected = expected * (observed.sum() / expected.sum())
    return float(stats.chi2.sf(((observed - expected) ** 2 / expected).sum(), observed.size - 1))


def judged(make: Callable[[int], Words], chunks: int) -> list[str]:
    battery = Battery()
    for chunk in range(chunks):
        battery.add(make(chunk))
    return battery.problems()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_draws_pass_the_battery(layout: str) -> None:
    assert judged(LAYOUTS[layout], SHORT) == []


@pytest.mark.long
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_hundred_million_draws_pass_the_battery(layout: str) -> None:
    assert judged(LAYOUTS[layout], LONG) == []


# --- the battery itself ------------------------------------------------------------------------


def _unmixed(chunk: int) -> Words:
    """Keys that are not hashed, and one round only: base ^ i."""
    moments = _moments(chunk, CHUNK // _WIDE, 60).astype(np.uint64)
    return (ticks(moments)[:, None] ^ np.arange(_WIDE, dtype=np.uint64)).ravel()


def _sticky(chunk: int) -> Words:
    """A quarter of the words are a mix of two that follow each other."""
    words = LAYOUTS["seconds"](chunk)
    words[1::4] = (words[::4] & np.uint64(0xFF00000000000000)) | (words[1::4] >> np.uint64(8))
    return words


def _lattice(chunk: int) -> Words:
    """A Weyl sequence: as even as can be, and far too regular."""
    return np.arange(chunk * CHUNK, (chunk + 1) * CHUNK, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


@pytest.mark.parametrize(
    ("make", "finding"),
    [
        (_unmixed, "Hamming distances are binomial (chi2)"),
        (_sticky, "pairs at lag 1 (chi2)"),
        (_lattice, "birthday spacings (Poisson)"),
        (lambda chunk: LAYOUTS["seconds"](chunk) >> np.uint64(1), "high bits are uniform (chi2)"),
        (lambda chunk: LAYOUTS["seconds"](chunk) & ~np.uint64(1), "low bits are uniform (chi2)"),
    ],
)
def test_the_battery_finds_bad_draws(make: Callable[[int], Words], finding: str) -> None:
    assert finding in judged(make, SHORT)


@pytest.mark.parametrize(
    "pair",
    [
        (stream_key(42, "TANK-1", "row"), stream_key(42, "TANK-2", "row")),
        (stream_key(42, "TANK-1", "row"), stream_key(42, "TANK-1", "echo")),
        (stream_key(42, "TANK-1", "row"), stream_key(43, "TANK-1", "row")),
    ],
    ids=["devices", "processes", "seeds"],
)
def test_two_streams_are_independent_at_every_shift(pair: tuple[np.uint64, np.uint64]) -> None:
    """Not only at the same moment: a stream may not be the other one, earlier or later."""
    count = 1 << 16
    one, other = (uniforms(draws(ticks(SECOND + np.arange(count)), key)) - 0.5 for key in pair)
    spectrum = np.fft.rfft(one) * np.conj(np.fft.rfft(other))
    correlation = np.fft.irfft(spectrum) / count * 12 * count**0.5
    assert np.abs(correlation).max() < stats.norm.isf(RARE / 2 / count)
    assert stats.kstest(correlation, "norm").pvalue > RARE
